"""ATen operators that work value by value, and those that leave every value as it is.

As in all tables of this room: from the writer and the arguments of the call, by the names of the
operator's schema (``calls.argument_name``), to the value or values that the call gives.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.errors import TrainingModeError
from explainrelu.importers.torch_graph.writing import Value, Writer

__all__ = ["ELEMENTWISE", "identity"]


def _value(x: Any) -> Value:
    """A number among the arguments as a value."""
    return x if isinstance(x, Value) else Value.fixed(x)


def _scaled(w: Writer, x: Any, factor: float) -> Value:
    """``factor x``; ``x`` itself at factor 1."""
    value = _value(x)
    if factor == 1:
        return value
    return w.node("multiply", value, Value.fixed(factor), gives=value.shape)


def identity(w: Writer, x: Value, **_: Any) -> Value:
    """``x``: copies, views of the whole, conversions between number formats."""
    if x.above is not None:
        return x
    if x.numbers is None and not w.given.dtype.removeprefix("b").startswith("float"):
        raise w.refused(
            f"which rounds values of the input to {w.given.dtype}",
            "A rounded value jumps and is not piecewise linear: keep it a float.",
        )
    return x if x.numbers is not None else w.node("identity", x)


def _dropout(w: Writer, x: Value, p: float, train: bool) -> Value:
    """``x``: dropout in evaluation mode."""
    if train and p > 0:
        raise TrainingModeError(
            f"{w.call.where} calls {w.call.target} as in training, where it is random. Pass "
            "training=self.training to it and call model.eval() first."
        )
    return w.node("dropout", x)


def _add(w: Writer, x: Any, other: Any, alpha: float = 1) -> Value:
    """``x + alpha other``."""
    return w.node("add", _value(x), _scaled(w, other, alpha))


def _sub(w: Writer, x: Any, other: Any, alpha: float = 1) -> Value:
    """``x - alpha other``."""
    return w.node("subtract", _value(x), _scaled(w, other, alpha))


def _rsub(w: Writer, x: Any, other: Any, alpha: float = 1) -> Value:
    """``other - alpha x``."""
    return w.node("subtract", _value(other), _scaled(w, x, alpha))


def _div(w: Writer, x: Any, other: Any, rounding_mode: str | None = None) -> Value:
    """``x / other``, where the divisor is constant."""
    if rounding_mode is not None:
        raise w.refused("which rounds", "A rounded value jumps and is not piecewise linear.")
    return w.node("divide", _value(x), _value(other))


def _addcmul(w: Writer, x: Value, tensor1: Value, tensor2: Value, value: float = 1) -> Value:
    """``x + value tensor1 tensor2``, where one of the two is constant."""
    shape = np.broadcast_shapes(tensor1.shape, tensor2.shape)
    return w.node("add", x, _scaled(w, w.node("multiply", tensor1, tensor2, gives=shape), value))


def _neg(w: Writer, x: Value) -> Value:
    """``-x``."""
    negative = w.node("negate", x)
    if negative.name:
        base, factor = w.multiples.get(x.name, (x, np.ones(())))
        w.multiples[negative.name] = (base, -factor)
    return negative


def _abs(w: Writer, x: Value) -> Value:
    """``|x|``."""
    return w.node("absolute", x)


def _relu(w: Writer, x: Value) -> Value:
    """``max(x, 0)``."""
    return w.node("relu", x)


def _leaky_relu(w: Writer, x: Value, negative_slope: float = 0.01) -> Value:
    """``x`` above 0, ``negative_slope x`` below; any slope."""
    return w.node("leaky_relu", x, slope=float(negative_slope))


def _rrelu(
    w: Writer, x: Value, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Value:
    """A leaky ReLU of the mean slope, in evaluation mode."""
    if training:
        raise TrainingModeError(
            f"{w.call.where} calls {w.call.target} as in training, where its slope is random. "
            "Call model.eval() first."
        )
    return w.node("leaky_relu", x, slope=(lower + upper) / 2)


def _prelu(w: Writer, x: Value, weight: Value) -> Value:
    """A leaky ReLU with one slope, or one a channel (axis 1)."""
    channels = weight.shape[0] if weight.shape else 1
    axes = (channels, *(1,) * (len(x.shape) - 2)) if channels > 1 else ()
    return w.node("prelu", x, w.reshaped(weight, axes))


def _prelu_kernel(w: Writer, x: Value, weight: Value) -> Value:
    """A leaky ReLU whose slopes broadcast to ``x``."""
    return w.node("prelu", x, weight)


def _clamp(w: Writer, x: Value, lower: Any = None, upper: Any = None) -> Value:
    """``min(max(x, lower), upper)``, bounds numbers or tensors."""
    if isinstance(lower, Value) or isinstance(upper, Value):
        above = x if lower is None else w.node("maximum", x, _value(lower))
        return above if upper is None else w.node("minimum", above, _value(upper))
    lower = None if lower in (None, -np.inf) else float(lower)
    upper = None if upper in (None, np.inf) else float(upper)
    return w.node("clip", x, lower=lower, upper=upper)


def _relu6(w: Writer, x: Value) -> Value:
    """``min(max(x, 0), 6)``."""
    return w.node("clip", x, lower=0.0, upper=6.0)


def _hardtanh(w: Writer, x: Value, min_val: float = -1.0, max_val: float = 1.0) -> Value:
    """``min(max(x, min_val), max_val)``."""
    return w.node("clip", x, lower=float(min_val), upper=float(max_val))


def _hardsigmoid(w: Writer, x: Value) -> Value:
    """``min(max(x / 6 + 1/2, 0), 1)``."""
    return w.node("hard_sigmoid", x, slope=1 / 6, offset=0.5)


def _softshrink(w: Writer, x: Value, lambd: float = 0.5) -> Value:
    """``x`` moved towards 0 by ``lambd``, and 0 in between."""
    inner = w.node("clip", x, gives=x.shape, lower=-float(lambd), upper=float(lambd))
    return w.node("subtract", x, inner)


def _threshold(w: Writer, x: Value, threshold: float, value: float) -> Value:
    """``max(x, threshold)``: both arguments the same."""
    if threshold != value:
        raise w.refused(
            f"which jumps at {threshold} to {value}",
            "It is piecewise linear and continuous only where both are the same.",
        )
    return w.node("clip", x, lower=float(value))


def _maximum(w: Writer, x: Value, other: Value) -> Value:
    """``max(x, other)``; both may depend on the input."""
    return w.node("maximum", x, other)


def _minimum(w: Writer, x: Value, other: Value) -> Value:
    """``min(x, other)``; both may depend on the input."""
    return w.node("minimum", x, other)


def _copy(w: Writer, x: Value, src: Any) -> Value:
    """``src``, broadcast."""
    return _fill(w, x, src)


def _fill(w: Writer, x: Value, value: Any) -> Value:
    """One value everywhere."""
    return w.node("expand", _value(value), shape=w.given.shape)


def _zero(w: Writer, x: Value) -> Value:
    """Zeros."""
    return Value.fixed(np.zeros(w.given.shape))


def _exp(w: Writer, x: Value) -> Value:
    """The exponential, at the very end: cut off as the link."""
    return w.node("exp", x)


def _sigmoid(w: Writer, x: Value) -> Value:
    """The logistic function, at the very end: cut off as the link."""
    return w.node("sigmoid", x)


def _softmax(w: Writer, x: Value, dim: int) -> Value:
    """Softmax over all scores, at the very end: cut off as the link."""
    return w.node("softmax", x, axis=dim)


def _log_softmax(w: Writer, x: Value, dim: int) -> Value:
    """Logarithm of softmax over all scores, at the very end: cut off as the link."""
    return w.node("log_softmax", x, axis=dim)


_COPIES = ("alias", "clone", "contiguous", "detach", "detach_", "double", "float", "lift")
_CONVERSIONS = ("lift_fresh", "lift_fresh_copy", "to", "type_as", "_to_copy", "positive")

ELEMENTWISE: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        **dict.fromkeys((*_COPIES, *_CONVERSIONS), identity),
        **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout"), _dropout),
        "_log_softmax": _log_softmax,
        "_prelu_kernel": _prelu_kernel,
        "_softmax": _softmax,
        "abs": _abs,
        "absolute": _abs,
        "add": _add,
        "addcmul": _addcmul,
        "clamp": _clamp,
        "clamp_max": _clamp,
        "clamp_min": _clamp,
        "clip": _clamp,
        "copy": _copy,
        "div": _div,
        "divide": _div,
        "fill": _fill,
        "fmax": _maximum,
        "fmin": _minimum,
        "hardsigmoid": _hardsigmoid,
        "hardtanh": _hardtanh,
        "leaky_relu": _leaky_relu,
        "log_softmax": _log_softmax,
        "maximum": _maximum,
        "minimum": _minimum,
        "neg": _neg,
        "negative": _neg,
        "prelu": _prelu,
        "relu": _relu,
        "relu6": _relu6,
        "rrelu": _rrelu,
        "rsub": _rsub,
        "exp": _exp,
        "sigmoid": _sigmoid,
        "softmax": _softmax,
        "softshrink": _softshrink,
        "sub": _sub,
        "subtract": _sub,
        "threshold": _threshold,
        "true_divide": _div,
        "zero": _zero,
    }
)
"""Operator -> the function that reads it."""
