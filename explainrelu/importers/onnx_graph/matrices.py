"""ONNX operators that multiply by a constant matrix, and what normalises by constants."""

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import TrainingModeError
from explainrelu.importers.onnx_graph.reading import Call

__all__ = ["MATRICES", "refuse_training"]


def _gemm(call: Call) -> str:
    """``alpha A B + beta C`` with A or B transposed or not, one of them constant."""
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    turned = [call.number(name, 0.0) != 0.0 for name in ("transA", "transB")]
    weight = call.array(1)
    if weight is not None and weight.ndim == 2:
        factors = alpha * weight.astype(np.float64)
        x = call.write("transpose", call.value(), axes=(1, 0)) if turned[0] else call.value()
        inputs = [x, call.constant(factors if turned[1] else factors.T)]
        bias = _row_bias(call, beta, call.output_shape()[-1])
        if bias is not None:
            return call.write("linear", *inputs, call.constant(bias))
        product = call.write("linear", *inputs)
    else:
        sides = [
            call.write("transpose", call.value(i), axes=(1, 0)) if turned[i] else call.value(i)
            for i in (0, 1)
        ]
        product = call.write("multiply", call.write("matmul", *sides), call.constant(alpha))
    if not call.has(2):
        return product
    return call.write("add", product, call.write("multiply", call.value(2), call.constant(beta)))


def _row_bias(call: Call, beta: float, n_out: int) -> FloatArray | None:
    """``beta C`` where it is one constant number an output, else None."""
    bias = call.array(2) if call.has(2) else None
    if bias is None or prod(bias.shape[:-1]) != 1 or bias.ndim > 2:
        return None
    return np.array(np.broadcast_to(beta * bias.astype(np.float64).reshape(-1), (n_out,)))


def _matmul(call: Call) -> str:
    """Product of matrices as in numpy, one of them constant."""
    return call.write("matmul", *call.values())


def refuse_training(call: Call) -> None:
    """Refuse a batch normalisation whose statistics are those of the rows.

    Raises
    ------
    TrainingModeError
        Where it is one.
    """
    outputs = [name for name in call.outputs if name]
    if call.number("training_mode", 0.0) or len(outputs) > 1:
        raise TrainingModeError(
            f"Node {call.label} must be in evaluation mode, got one that computes its statistics "
            "from the rows of a batch (training_mode). Export the model in evaluation mode."
        )


def _batch_normalization(call: Call) -> str:
    """``scale (x - mean) / sqrt(variance + epsilon) + B`` for each channel, in evaluation mode."""
    refuse_training(call)
    if call.number("spatial", 1.0) != 1.0:
        raise call.refuse("must have one number a channel, got spatial=0. Export with opset 9.")
    return call.write("batch_norm", *call.values(), epsilon=call.number("epsilon", 1e-5))


def _sigmoid(call: Call) -> str:
    """``1 / (1 + exp(-x))``, only at the very end: a link."""
    return call.write("sigmoid", call.value())


def _exp(call: Call) -> str:
    """``exp(x)``, only at the very end: a link."""
    return call.write("exp", call.value())


def _softmax(call: Call) -> str:
    """``exp(x)`` over its sum, only at the very end and over all scores of a row: a link."""
    return _over_scores("softmax", call)


def _log_softmax(call: Call) -> str:
    """Logarithm of the softmax, only at the very end and over all scores of a row: a link."""
    return _over_scores("log_softmax", call)


def _over_scores(op: str, call: Call) -> str:
    shape = call.shape()
    if call.opset >= 13:
        return call.write(op, call.value(), axis=int(call.number("axis", -1)))
    # before opset 13 all axes from this one on are one
    axis = int(call.number("axis", 1)) % max(len(shape), 1)
    flat = call.reshaped(call.value(), (prod(shape[:axis]), prod(shape[axis:])))
    return call.reshaped(call.write(op, flat, axis=1), shape)


MATRICES: Mapping[str, Callable[[Call], str]] = MappingProxyType(
    {
        "BatchNormalization": _batch_normalization,
        "Exp": _exp,
        "Gemm": _gemm,
        "LogSoftmax": _log_softmax,
        "MatMul": _matmul,
        "Sigmoid": _sigmoid,
        "Softmax": _softmax,
    }
)
"""ONNX operator -> the function that writes it into the operator graph."""
