"""Nodes of the operator graph, written one call at a time; what is constant is computed at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.operators.graph import Node, Shape
from explainrelu.importers.torch_graph.calls import Call, Tensor

__all__ = ["Numbers", "Value", "Writer"]

Numbers = npt.NDArray[Any]
"""Constants in their own number format, integers and booleans included."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What a call takes or gives: fixed numbers, or a value of the graph.

    Attributes
    ----------
    shape
        Its whole shape.
    name
        Its name in the graph; empty where it is fixed.
    numbers
        Its numbers where they are fixed, else None.
    above
        For a truth value that depends on the input: the value that is then above 0.
    """

    shape: Shape
    name: str = ""
    numbers: Numbers | None = None
    above: "Value | None" = None

    @classmethod
    def fixed(cls, numbers: npt.ArrayLike) -> "Value":
        """Numbers that do not depend on the input."""
        array = np.asarray(numbers)
        return cls(array.shape, "", array)


class Writer:
    """Collects the nodes; every one carries the place of the call it was written for.

    Attributes
    ----------
    nodes
        Those written so far.
    call
        The call that is being read.
    multiples
        Name of a value -> another value and the factor that makes it.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.call = Call("", {}, (), "")
        self.multiples: dict[str, tuple[Value, Numbers]] = {}
        self._count = 0

    @property
    def given(self) -> Tensor:
        """The first value that the call gives."""
        return self.call.outputs[0]

    def node(self, op: str, *inputs: Value, gives: Shape | None = None, **attributes: Any) -> Value:
        """The value of one more node; computed at once where all it takes is fixed.

        Parameters
        ----------
        op
            An operator of the graph.
        gives
            Shape of the result; what the program says of the call's first output by default.
        attributes
            As the operator needs them; those that are None are left out.
        """
        gives = self.given.shape if gives is None else gives
        attributes = {key: value for key, value in attributes.items() if value is not None}
        numbers = [value.numbers for value in inputs if value.numbers is not None]
        if op in _ON_NUMBERS and len(numbers) == len(inputs):
            with np.errstate(all="ignore"):  # what is not finite is refused where it is taken
                return Value.fixed(_ON_NUMBERS[op](*numbers, **attributes))
        taken, name = tuple(self._named(value) for value in inputs), self._fresh()
        self.nodes.append(Node(op, taken, name, attributes, self.call.where, gives))
        return Value(gives, name)

    def reshaped(self, x: Value, shape: Shape) -> Value:
        """``x`` in another shape of as many numbers."""
        return x if x.shape == shape else self.node("reshape", x, gives=shape, shape=shape)

    def at(self, x: Value, index: "npt.NDArray[Any]") -> Value:
        """The numbers at flat positions ``index``, in the shape of ``index``."""
        flat = self.reshaped(x, (prod(x.shape),))
        indices = index.astype(np.float64)
        return self.node("gather", flat, gives=index.shape, axis=0, indices=indices)

    def refused(self, reason: str, advice: str) -> UnsupportedModelError:
        """The error for a use of the call's operator that has no place in the normal form."""
        return UnsupportedModelError(
            f"{self.call.where} calls {self.call.target}, {reason}. {advice}"
        )

    def _named(self, value: Value) -> str:
        """The name of a value; fixed numbers become a node of their own."""
        if value.above is not None:
            raise self.refused(
                "on truth values that depend on the input, which jump",
                "They can only choose between values that meet where they change.",
            )
        if value.numbers is None:
            return value.name
        if not np.isfinite(value.numbers).all():
            raise ModelError(
                f"{self.call.where} must compute with finite numbers only, got a constant with "
                "NaN or infinity. Was the training divergent?"
            )
        name = self._fresh()
        self.nodes.append(Node.constant(name, value.numbers, self.call.where))
        return name

    def _fresh(self) -> str:
        self._count += 1
        return f"value {self._count}"


# ------------------------------------------------------------------------------------------
# The operators of the graph on fixed numbers, which keep their own number format.


def _slice(x: Numbers, axes: Shape, starts: Shape, ends: Shape, steps: Shape) -> Numbers:
    cut = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cut[axis] = slice(start, end, step)
    return x[tuple(cut)]


def _reduction(function: Callable[..., Numbers]) -> Callable[..., Numbers]:
    def reduced(x: Numbers, axes: Shape, keep: int = 0) -> Numbers:
        return function(x, axis=axes, keepdims=bool(keep))

    return reduced


_ON_NUMBERS: Mapping[str, Callable[..., Numbers]] = MappingProxyType(
    {
        "absolute": np.abs,
        "add": np.add,
        "clip": lambda x, lower=None, upper=None: np.clip(x, lower, upper),
        "concat": lambda *parts, axis: np.concatenate(parts, axis=axis),
        "divide": np.divide,
        "expand": lambda x, shape: np.broadcast_to(x, shape),
        "gather": lambda x, axis, indices: np.take(x, indices.astype(np.int64), axis=axis),
        "identity": lambda x: x,
        "matmul": np.matmul,
        "maximum": np.maximum,
        "minimum": np.minimum,
        "multiply": np.multiply,
        "negate": np.negative,
        "reduce_max": _reduction(np.max),
        "reduce_mean": _reduction(np.mean),
        "reduce_min": _reduction(np.min),
        "reduce_sum": _reduction(np.sum),
        "relu": lambda x: np.maximum(x, 0),
        "reshape": lambda x, shape: x.reshape(shape),
        "slice": _slice,
        "subtract": np.subtract,
        "transpose": lambda x, axes: x.transpose(axes),
    }
)
