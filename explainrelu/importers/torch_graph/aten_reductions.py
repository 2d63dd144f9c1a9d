"""ATen operators that take whole axes to one number."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.importers.operators.graph import Shape
from explainrelu.importers.torch_graph.writing import Value, Writer

__all__ = ["REDUCTIONS"]

_Axes = int | Shape | None


def _sum(w: Writer, x: Value, dim: _Axes = None, keepdim: bool = False) -> Value:
    """The sum over some axes, or all."""
    return _reduced(w, "reduce_sum", x, dim, keepdim)


def _mean(w: Writer, x: Value, dim: _Axes = None, keepdim: bool = False) -> Value:
    """The mean over some axes, or all."""
    return _reduced(w, "reduce_mean", x, dim, keepdim)


def _amax(w: Writer, x: Value, dim: _Axes = None, keepdim: bool = False) -> Value:
    """The largest over some axes, or all."""
    return _reduced(w, "reduce_max", x, dim, keepdim)


def _amin(w: Writer, x: Value, dim: _Axes = None, keepdim: bool = False) -> Value:
    """The smallest over some axes, or all."""
    return _reduced(w, "reduce_min", x, dim, keepdim)


def _max(
    w: Writer, x: Value, dim: _Axes = None, keepdim: bool = False, other: Value | None = None
) -> Value:
    """The largest over an axis or all, or of two values; its positions cannot be used."""
    return _amax(w, x, dim, keepdim) if other is None else w.node("maximum", x, other)


def _min(
    w: Writer, x: Value, dim: _Axes = None, keepdim: bool = False, other: Value | None = None
) -> Value:
    """The smallest over an axis or all, or of two values; its positions cannot be used."""
    return _amin(w, x, dim, keepdim) if other is None else w.node("minimum", x, other)


def _aminmax(w: Writer, x: Value, dim: _Axes = None, keepdim: bool = False) -> tuple[Value, Value]:
    """The smallest and the largest over an axis, or all."""
    return _amin(w, x, dim, keepdim), _amax(w, x, dim, keepdim)


def _cumsum(w: Writer, x: Value, dim: int) -> Value:
    """Every number with those before it along an axis added to it."""
    axis = dim % len(x.shape)
    sums = Value.fixed(np.triu(np.ones((x.shape[axis], x.shape[axis]))))
    order = (*(other for other in range(len(x.shape)) if other != axis), axis)
    last = tuple(x.shape[other] for other in order)
    summed = w.node("matmul", w.node("transpose", x, gives=last, axes=order), sums, gives=last)
    back = tuple(int(other) for other in np.argsort(order))
    return w.node("transpose", summed, axes=back)


def _norm(w: Writer, x: Value, order: float = 2, dim: _Axes = None, keepdim: bool = False) -> Value:
    """The sum of the absolute values (order 1), or the largest of them (order infinity)."""
    if order not in (1, np.inf):
        raise w.refused(
            f"the norm of order {order}, which is not piecewise linear",
            "Only those of order 1 and infinity are.",
        )
    size = w.node("absolute", x, gives=x.shape)
    return _reduced(w, "reduce_sum" if order == 1 else "reduce_max", size, dim, keepdim)


def _norm_of_order(w: Writer, x: Value, p: Any = 2, **arguments: Any) -> Value:
    """Sum of absolute values, or the largest of them: order 1 or infinity."""
    return _norm(w, x, 2 if p is None else p, **arguments)


def _reduced(w: Writer, op: str, x: Value, dim: _Axes, keepdim: bool) -> Value:
    axes = (dim,) if isinstance(dim, int) else tuple(dim or range(len(x.shape)))
    if not x.shape:
        return x
    axes = tuple(sorted(axis % len(x.shape) for axis in axes))
    return w.node(op, x, axes=axes, keep=int(keepdim))


REDUCTIONS: Mapping[str, Callable[..., Value | tuple[Value, ...]]] = MappingProxyType(
    {
        "amax": _amax,
        "amin": _amin,
        "aminmax": _aminmax,
        "cumsum": _cumsum,
        "linalg_vector_norm": _norm,
        "max": _max,
        "mean": _mean,
        "min": _min,
        "norm": _norm_of_order,
        "sum": _sum,
    }
)
"""Operator -> the function that reads it."""
