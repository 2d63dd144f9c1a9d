"""ONNX operators that work value by value."""

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType

import numpy as np

from explainrelu.errors import TrainingModeError
from explainrelu.importers.onnx_graph.reading import Call

__all__ = ["ELEMENTWISE"]

_UNBOUNDED = float(np.finfo(np.float32).max)
_FLOATS = frozenset({1, 10, 11, 16})  # float, float16, double, bfloat16
_INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 12, 13})


def _add(call: Call) -> str:
    """Sum of two values, broadcast."""
    return call.write("add", *call.values())


def _subtract(call: Call) -> str:
    """Difference of two values, broadcast."""
    return call.write("subtract", *call.values())


def _multiply(call: Call) -> str:
    """Product, broadcast, with one constant factor."""
    return call.write("multiply", *call.values())


def _divide(call: Call) -> str:
    """Quotient, broadcast, with a constant divisor that is nowhere 0."""
    return call.write("divide", *call.values())


def _negate(call: Call) -> str:
    """The value with its sign turned."""
    return call.write("negate", call.value())


def _sum(call: Call) -> str:
    """Sum of any number of values, broadcast."""
    return _chained("add", call)


def _mean(call: Call) -> str:
    """Mean of any number of values, broadcast."""
    return call.write("multiply", _chained("add", call), call.constant(1.0 / len(call.inputs)))


def _maximum(call: Call) -> str:
    """Largest of any number of values, broadcast; all may depend on the input."""
    return _chained("maximum", call)


def _minimum(call: Call) -> str:
    """Smallest of any number of values, broadcast; all may depend on the input."""
    return _chained("minimum", call)


def _relu(call: Call) -> str:
    """``max(x, 0)``."""
    return call.write("relu", call.value())


def _leaky_relu(call: Call) -> str:
    """``x`` above 0 and ``alpha x`` below, for any alpha."""
    return call.write("leaky_relu", call.value(), slope=call.number("alpha", 0.01))


def _prelu(call: Call) -> str:
    """The leaky form with constant slopes that broadcast to the value."""
    return call.write("prelu", call.value(), call.value(1))


def _absolute(call: Call) -> str:
    """``|x|``."""
    return call.write("absolute", call.value())


def _clip(call: Call) -> str:
    """``min(max(x, lower), upper)``, the bounds constant; each may be left out."""
    bounds = {}
    for position, (role, name) in enumerate((("min", "lower"), ("max", "upper")), start=1):
        bound = call.number(role, np.nan)
        if call.has(position):
            bound = float(call.fixed(position, role).reshape(-1)[0])
        if abs(bound) < _UNBOUNDED:  # neither NaN, which is none given, nor infinite
            bounds[name] = bound
    return call.write("clip", call.value(), **bounds)


def _hard_sigmoid(call: Call) -> str:
    """``min(max(alpha x + beta, 0), 1)``."""
    slope, offset = call.number("alpha", 0.2), call.number("beta", 0.5)
    return call.write("hard_sigmoid", call.value(), slope=slope, offset=offset)


def _identity(call: Call) -> str:
    """The value as it is."""
    return call.value()


def _dropout(call: Call) -> str:
    """The value as it is: dropout in evaluation mode."""
    training = call.has(2) and bool(call.fixed(2, "training_mode").reshape(-1)[0])
    if training:
        raise TrainingModeError(
            f"Node {call.label} must be in evaluation mode, got training_mode=1: it draws random "
            "numbers. Export the model in evaluation mode."
        )
    return call.value()


def _cast(call: Call) -> str:
    """Between number formats; a rounding to whole numbers or truth values is refused."""
    return _converted(call, int(call.number("to", 1)))


def _cast_like(call: Call) -> str:
    """To the number format of another value."""
    return _converted(call, call.kind(1))


def _converted(call: Call, kind: int) -> str:
    harmless = kind in _FLOATS or (kind in _INTEGERS and call.kind() in _INTEGERS)
    if not harmless:
        name = call.reading.onnx.TensorProto.DataType.Name(kind)
        raise call.refuse(
            f"turns a value that depends on the input into {name}, which jumps and is not "
            "piecewise linear. Explain the scores before it: choose them with output=."
        )
    return call.value()


def _chained(op: str, call: Call) -> str:
    """A binary operator over any number of values."""
    return reduce(lambda left, right: call.write(op, left, right), call.values())


ELEMENTWISE: Mapping[str, Callable[[Call], str]] = MappingProxyType(
    {
        "Abs": _absolute,
        "Add": _add,
        "Cast": _cast,
        "CastLike": _cast_like,
        "Clip": _clip,
        "Div": _divide,
        "Dropout": _dropout,
        "HardSigmoid": _hard_sigmoid,
        "Identity": _identity,
        "LeakyRelu": _leaky_relu,
        "Max": _maximum,
        "Mean": _mean,
        "Min": _minimum,
        "Mul": _multiply,
        "Neg": _negate,
        "PRelu": _prelu,
        "Relu": _relu,
        "Sub": _subtract,
        "Sum": _sum,
    }
)
"""ONNX operator -> the function that writes it into the operator graph."""
