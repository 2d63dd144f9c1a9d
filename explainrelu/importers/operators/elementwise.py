"""Operators that work value by value: sums, multiples, and every one-dimensional kink."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy import sparse

from explainrelu.arrays import FloatArray
from explainrelu.errors import ModelError
from explainrelu.importers.operators.graph import Node
from explainrelu.importers.operators.inputs import broadcast, fixed, misfit, spread
from explainrelu.importers.operators.values import (
    Value,
    affine,
    constant,
    diagonal,
    gather,
    larger,
    rectify,
    selection,
    weighted,
)

__all__ = ["ELEMENTWISE"]


def _constant(node: Node) -> Value:
    """Fixed numbers."""
    array = node.array("value")
    if not np.isfinite(array).all():
        raise ModelError(
            f"Node {node.label} must hold finite numbers only, got NaN or infinity. "
            "Was the training divergent?"
        )
    return constant(array)


def _identity(node: Node, x: Value) -> Value:
    """``x``."""
    return x


def _dropout(node: Node, x: Value) -> Value:
    """``x``: dropout in evaluation mode."""
    return x


def _add(node: Node, x: Value, y: Value) -> Value:
    """``x + y``, broadcast; both may depend on the input."""
    return weighted((1.0, 1.0), broadcast(node, x, y))


def _subtract(node: Node, x: Value, y: Value) -> Value:
    """``x - y``, broadcast; both may depend on the input."""
    return weighted((1.0, -1.0), broadcast(node, x, y))


def _negate(node: Node, x: Value) -> Value:
    """``-x``."""
    return weighted((-1.0,), (x,))


def _multiply(node: Node, x: Value, y: Value) -> Value:
    """``x * y``, broadcast, where one of them is constant."""
    x, y = broadcast(node, x, y)
    if x.fixed is not None:
        x, y = y, x
    return affine(x.shape, [(diagonal(fixed(node, y).reshape(-1)), x)])


def _divide(node: Node, x: Value, y: Value) -> Value:
    """``x / y``, broadcast, where y is constant and nowhere 0."""
    x, y = broadcast(node, x, y)
    divisor = fixed(node, y)
    if not divisor.all():
        raise ModelError(f"Node {node.label} must not divide by 0, got a divisor with a 0 in it.")
    return affine(x.shape, [(diagonal(1.0 / divisor.reshape(-1)), x)])


def _relu(node: Node, x: Value) -> Value:
    """``max(x, 0)``: one rectified unit a value."""
    return rectify(x)


def _leaky_relu(node: Node, x: Value) -> Value:
    """``slope x + (1 - slope) max(x, 0)`` for any slope: a rectified and a carried unit a value."""
    return _sloped(x, np.full(x.size, node.number("slope")))


def _prelu(node: Node, x: Value, slope: Value) -> Value:
    """The leaky form with a slope for each channel, or any slopes that broadcast to ``x``."""
    slopes = fixed(node, slope)
    try:
        return _sloped(x, np.broadcast_to(slopes, x.shape).reshape(-1))
    except ValueError:
        raise misfit(node, "slopes that broadcast to the values", x, slope) from None


def _absolute(node: Node, x: Value) -> Value:
    """``|x| = 2 max(x, 0) - x``: a rectified and a carried unit a value."""
    return _sloped(x, np.full(x.size, -1.0))


def _clip(node: Node, x: Value) -> Value:
    """``min(max(x, lower), upper)``, each bound where given: a rectified unit a value and bound."""
    if "lower" in node.attributes:
        x = _above(x, node.number("lower"))
    if "upper" in node.attributes:
        # min(x, u) = u - max(u - x, 0)
        upper = np.full(x.size, node.number("upper"))
        x = weighted((-1.0,), (rectify(weighted((-1.0,), (x,), upper)),), upper)
    return x


def _hard_sigmoid(node: Node, x: Value) -> Value:
    """``min(max(slope x + offset, 0), 1)``: two rectified units a value."""
    slope, offset = node.number("slope"), np.full(x.size, node.number("offset"))
    low = rectify(weighted((slope,), (x,), offset))
    ones = np.ones(x.size)
    return weighted((-1.0,), (rectify(weighted((-1.0,), (low,), ones)),), ones)


def _maximum(node: Node, x: Value, y: Value) -> Value:
    """``max(x, y) = x + max(y - x, 0)``, broadcast; both may depend on the input."""
    return larger(*broadcast(node, x, y))


def _minimum(node: Node, x: Value, y: Value) -> Value:
    """``min(x, y) = x - max(x - y, 0)``, broadcast; both may depend on the input."""
    x, y = broadcast(node, x, y)
    return weighted((1.0, -1.0), (x, rectify(weighted((1.0, -1.0), (x, y)))))


def _expand(node: Node, x: Value) -> Value:
    """``x`` broadcast to ``shape``."""
    shape = node.integers("shape")
    try:
        return spread(x, np.broadcast_shapes(x.shape, shape))
    except ValueError:
        raise misfit(node, f"a shape that broadcasts to {shape}", x) from None


def _above(x: Value, lower: float) -> Value:
    """``max(x, l) = l + max(x - l, 0)``."""
    if lower == 0.0:
        return rectify(x)
    shift = np.full(x.size, lower)
    return weighted((1.0,), (rectify(weighted((1.0,), (x,), -shift)),), shift)


def _sloped(x: Value, slopes: FloatArray) -> Value:
    """``slope x + (1 - slope) max(x, 0)``: nothing rectified at slope 1, nothing carried at 0."""
    if not slopes.any():
        return rectify(x)
    bent, kept = np.flatnonzero(slopes != 1.0), np.flatnonzero(slopes)
    if not bent.size:
        return x
    scatter_bent = selection(bent, x.size).T @ diagonal(1.0 - slopes[bent])
    scatter_kept = selection(kept, x.size).T @ diagonal(slopes[kept])
    terms = [
        (sparse.csr_array(scatter_bent), rectify(gather(x, bent))),
        (sparse.csr_array(scatter_kept), gather(x, kept)),
    ]
    return affine(x.shape, terms)


ELEMENTWISE: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "absolute": _absolute,
        "add": _add,
        "clip": _clip,
        "constant": _constant,
        "divide": _divide,
        "dropout": _dropout,
        "expand": _expand,
        "hard_sigmoid": _hard_sigmoid,
        "identity": _identity,
        "leaky_relu": _leaky_relu,
        "maximum": _maximum,
        "minimum": _minimum,
        "multiply": _multiply,
        "negate": _negate,
        "prelu": _prelu,
        "relu": _relu,
        "subtract": _subtract,
    }
)
"""Operator name -> the function that lowers it."""
