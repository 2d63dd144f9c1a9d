"""Operators that move numbers without computing: reshapes, slices, concatenation."""

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType

import numpy as np

from explainrelu.arrays import IntArray
from explainrelu.errors import ModelError
from explainrelu.importers.operators.graph import Node
from explainrelu.importers.operators.inputs import misfit
from explainrelu.importers.operators.values import Value, affine, gather, selection

__all__ = ["STRUCTURE"]


def _reshape(node: Node, x: Value) -> Value:
    """The same numbers in C order in another shape; one size may be -1."""
    shape = node.integers("shape")
    rest = prod(size for size in shape if size != -1)
    if shape.count(-1) == 1 and rest and x.size % rest == 0:
        shape = tuple(x.size // rest if size == -1 else size for size in shape)
    if prod(shape) != x.size or min(shape, default=1) < 1:
        raise misfit(node, f"{x.size} values for the shape {node.integers('shape')}", x)
    return Value(shape, x.vector)


def _transpose(node: Node, x: Value) -> Value:
    """The axes in another order."""
    axes = node.axes("axes", len(x.shape))
    if len(axes) != len(x.shape):
        raise misfit(node, f"an order of all axes, not {axes}", x)
    return gather(x, _places(x).transpose(axes))


def _concat(node: Node, first: Value, *others: Value) -> Value:
    """The values one behind the other along ``axis``."""
    parts = (first, *others)
    if not first.shape:
        raise misfit(node, "values with at least one axis", *parts)
    axis, sizes = node.axis("axis", len(first.shape)), [part.size for part in parts]
    places = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    blocks = [place.reshape(part.shape) for place, part in zip(places, parts, strict=True)]
    try:
        index = np.concatenate(blocks, axis=axis)
    except ValueError:
        raise misfit(node, f"shapes that agree but for axis {axis}", *parts) from None
    # index[k] says which value stands at k: scatter each part to where its values stand
    target = np.argsort(index.reshape(-1))
    terms = [
        (selection(target[place], index.size).T.tocsr(), part)
        for place, part in zip(places, parts, strict=True)
    ]
    return affine(index.shape, terms)


def _slice(node: Node, x: Value) -> Value:
    """``x[start:end:step]`` along some axes, with numpy's rules."""
    axes = node.axes("axes", len(x.shape))
    bounds = [node.integers(name) for name in ("starts", "ends", "steps")]
    if any(len(bound) != len(axes) for bound in bounds) or 0 in bounds[2]:
        raise misfit(node, "a start, an end and a step other than 0 for each axis", x)
    cut = [slice(None)] * len(x.shape)
    for axis, start, end, step in zip(axes, *bounds, strict=True):
        # an end before the first number of a backward slice can only be written as none
        stop = None if step < 0 and end < -x.shape[axis] else end
        cut[axis] = slice(start, stop, step)
    return _kept(node, x, _places(x)[tuple(cut)])


def _gather(node: Node, x: Value) -> Value:
    """The numbers at constant ``indices`` along ``axis``."""
    axis, indices = node.axis("axis", len(x.shape)), node.array("indices")
    size = x.shape[axis]
    if (indices != np.round(indices)).any() or not ((-size <= indices) & (indices < size)).all():
        raise ModelError(
            f"Node {node.label} must take whole positions among {size}, got {indices.tolist()}. "
            "The model contradicts itself: does it run on its own data?"
        )
    return _kept(node, x, np.take(_places(x), indices.astype(np.int64), axis=axis))


def _places(x: Value) -> IntArray:
    """The flat position of each number, in the value's shape."""
    return np.arange(x.size).reshape(x.shape)


def _kept(node: Node, x: Value, index: IntArray) -> Value:
    if index.size == 0:
        raise misfit(node, "at least one number to be kept", x)
    return gather(x, index)


STRUCTURE: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "concat": _concat,
        "gather": _gather,
        "reshape": _reshape,
        "slice": _slice,
        "transpose": _transpose,
    }
)
"""Operator name -> the function that lowers it."""
