"""What operators ask of the values they take: constants, shapes that fit."""

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.operators.graph import Node, Shape
from explainrelu.importers.operators.values import Value, gather

__all__ = ["broadcast", "fixed", "misfit", "spread"]


def fixed(node: Node, value: Value) -> FloatArray:
    """The numbers, in their shape, of an input that has to be constant.

    Raises
    ------
    UnsupportedModelError
        Where it depends on the input of the model.
    """
    numbers = value.fixed
    if numbers is None:
        raise UnsupportedModelError(
            f"Node {node.label} combines two values that both depend on the input, which is not "
            "piecewise linear: one of them must be constant."
        )
    return numbers


def broadcast(node: Node, x: Value, y: Value) -> tuple[Value, Value]:
    """Both values in the shape that they broadcast to."""
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise misfit(node, "shapes that broadcast", x, y) from None
    return spread(x, shape), spread(y, shape)


def spread(value: Value, shape: Shape) -> Value:
    """The value broadcast to a shape that it fits."""
    if value.shape == shape:
        return value
    index = np.arange(value.size).reshape(value.shape)
    return gather(value, np.broadcast_to(index, shape))


def misfit(node: Node, wanted: str, *values: Value) -> ModelError:
    """The error for values whose shapes do not fit an operator."""
    got = " and ".join(str(value.shape) for value in values)
    return ModelError(
        f"Node {node.label} needs {wanted}, got shape {got}. "
        "The model contradicts itself: does it run on its own data?"
    )
