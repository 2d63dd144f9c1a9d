"""Operators that take a whole axis to one number, and padding."""

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType

import numpy as np
from scipy import sparse

from explainrelu.importers.operators.graph import Node, Shape
from explainrelu.importers.operators.inputs import misfit
from explainrelu.importers.operators.maxima import Windows, largest, smallest
from explainrelu.importers.operators.values import Value, affine, gather

__all__ = ["REDUCTIONS"]


def _reduce_sum(node: Node, x: Value) -> Value:
    """The sum over ``axes``."""
    return _summed(node, x, 1.0)


def _reduce_mean(node: Node, x: Value) -> Value:
    """The mean over ``axes``."""
    return _summed(node, x, 1.0 / prod(x.shape[axis] for axis in _axes(node, x)))


def _reduce_max(node: Node, x: Value) -> Value:
    """The largest over ``axes``: of ``k`` numbers by ``k - 1`` rectified units."""
    return Value(_reduced(node, x), largest(x, _whole(node, x)).vector)


def _reduce_min(node: Node, x: Value) -> Value:
    """The smallest over ``axes``: of ``k`` numbers by ``k - 1`` rectified units."""
    return Value(_reduced(node, x), smallest(x, _whole(node, x)).vector)


def _pad(node: Node, x: Value) -> Value:
    """``x`` in a margin of ``value``, ``before`` and ``after`` each axis; below 0 it is cropped."""
    before, after = node.integers("before"), node.integers("after")
    if not len(before) == len(after) == len(x.shape):
        raise misfit(node, f"a margin for each axis, not {before} and {after}", x)
    shape = tuple(low + size + high for low, size, high in zip(before, x.shape, after, strict=True))
    if min(shape, default=1) < 1:
        raise misfit(node, f"at least one number to be left by {before} and {after}", x)
    index, inside = np.zeros(shape, np.int64), np.ones(shape, np.bool_)
    for axis, (low, size) in enumerate(zip(before, x.shape, strict=True)):
        place = np.arange(shape[axis]) - low
        along = [1] * axis + [-1] + [1] * (len(shape) - axis - 1)
        inside &= ((place >= 0) & (place < size)).reshape(along)
        index = index * size + place.reshape(along)
    if inside.all():
        return gather(x, index)
    starts = np.concatenate([[0], np.cumsum(inside)])
    matrix = sparse.csr_array(
        (np.ones(int(starts[-1])), index[inside], starts), shape=(inside.size, x.size)
    )
    return affine(shape, [(matrix, x)], np.where(inside, 0.0, node.number("value", 0.0)))


def _summed(node: Node, x: Value, factor: float) -> Value:
    """``factor`` times the sum over the axes."""
    axes, shape = _axes(node, x), _reduced(node, x)
    places = np.arange(x.size).reshape(x.shape)
    # the numbers of one sum side by side
    taken = np.moveaxis(places, axes, range(-len(axes), 0)).reshape(-1)
    starts = np.arange(prod(shape) + 1) * (x.size // prod(shape))
    matrix = sparse.csr_array((np.full(x.size, factor), taken, starts), (prod(shape), x.size))
    return affine(shape, [(matrix, x)])


def _axes(node: Node, x: Value) -> Shape:
    return node.axes("axes", len(x.shape))


def _reduced(node: Node, x: Value) -> Shape:
    """The shape in which the axes have size 1, or are gone."""
    axes, kept = _axes(node, x), node.number("keep", 0.0) != 0.0
    sizes = enumerate(x.shape)
    if kept:
        return tuple(1 if axis in axes else size for axis, size in sizes)
    return tuple(size for axis, size in sizes if axis not in axes)


def _whole(node: Node, x: Value) -> Windows:
    """One window over the whole of each axis."""
    return {axis: np.arange(x.shape[axis])[None] for axis in _axes(node, x)}


REDUCTIONS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "pad": _pad,
        "reduce_max": _reduce_max,
        "reduce_mean": _reduce_mean,
        "reduce_min": _reduce_min,
        "reduce_sum": _reduce_sum,
    }
)
"""Operator name -> the function that lowers it."""
