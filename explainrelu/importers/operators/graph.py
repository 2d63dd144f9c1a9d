"""A model as a framework-neutral graph of operators: what every reader reads into."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray, frozen
from explainrelu.errors import ModelError

__all__ = ["Attribute", "Graph", "Node", "Shape"]

Shape = tuple[int, ...]
"""The shape of a tensor in one run of the model on one row: an axis of rows, where the model has
one, is part of it and has size 1."""

Attribute = FloatArray | Shape | float
"""An array, integers (a shape, axes) or a number that an operator needs."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator: it takes named values and gives one.

    Tensors that an operator takes, weights among them, are values and so come by name from
    ``constant`` nodes; what only says how to compute (a slope, an axis) is an attribute.

    Attributes
    ----------
    op
        The operator, a key of ``OPERATORS`` in ``lowering.py`` where it is supported.
    inputs
        Names of the values it takes, in the operator's order.
    output
        Name of the value it gives.
    attributes
        Attribute name -> value. Axes count from axis 0 of the whole shape, or from its end.
    where
        Where a person finds it in the model: a module path, a node name.
    shape
        What the model itself says of the shape of the output; None where it says nothing.
        Lowering holds the operator to it.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    where: str = ""
    shape: Shape | None = None

    @classmethod
    def constant(cls, output: str, value: npt.ArrayLike, where: str = "") -> "Node":
        """A node that gives fixed numbers, copied to float64."""
        array = frozen(np.array(value, dtype=np.float64, order="C"))
        return cls("constant", (), output, {"value": array}, where)

    @property
    def label(self) -> str:
        """The node as errors name it."""
        return f"{self.where or self.output!r} ({self.op})"

    def array(self, name: str) -> FloatArray:
        """An attribute that is an array."""
        value = self._attribute(name)
        if not isinstance(value, np.ndarray):
            raise self._wrong(name, "an array", value)
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """An attribute that is a finite number; the default, where there is one, if absent."""
        if default is not None and name not in self.attributes:
            return default
        value = self._attribute(name)
        if not isinstance(value, (int, float)) or not np.isfinite(value):
            raise self._wrong(name, "a finite number", value)
        return float(value)

    def integers(self, name: str) -> Shape:
        """An attribute that is a row of integers."""
        value = self._attribute(name)
        if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
            raise self._wrong(name, "a tuple of integers", value)
        return value

    def axis(self, name: str, n_axes: int) -> int:
        """An attribute that is an axis, counted from 0; -1 is the last one."""
        return self._counted(name, self._attribute(name), n_axes)

    def axes(self, name: str, n_axes: int) -> Shape:
        """An attribute that is a row of different axes, each counted from 0."""
        found = tuple(self._counted(name, value, n_axes) for value in self.integers(name))
        if len(set(found)) < len(found):
            raise self._wrong(name, "different axes", found)
        return found

    def _counted(self, name: str, value: Attribute, n_axes: int) -> int:
        if not isinstance(value, int) or not -n_axes <= value < n_axes:
            raise self._wrong(name, f"an axis among {n_axes}", value)
        return value % n_axes

    def _attribute(self, name: str) -> Attribute:
        if name not in self.attributes:
            raise ModelError(f"Node {self.label} must have the attribute {name!r}, got none.")
        return self.attributes[name]

    def _wrong(self, name: str, wanted: str, value: Attribute) -> ModelError:
        return ModelError(
            f"Attribute {name!r} of node {self.label} must be {wanted}, got {value!r}."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Operators from one input to one output.

    Attributes
    ----------
    input, input_shape
        Name of the input value and its shape for one row.
    nodes
        The operators; kept in an order in which every value is given before it is taken,
        whatever the order they were handed over in.
    output
        Name of the value that is the model's output.

    Raises
    ------
    ModelError
        For a value that is taken but never given, given twice, or part of a cycle; the text
        names the node.

    Examples
    --------
    >>> double = Node("add", ("x", "x"), "y")
    >>> graph = Graph("x", (2,), (double,), "y")
    >>> [node.label for node in graph.needed("y")]
    ["'y' (add)"]
    """

    input: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    output: str

    def __post_init__(self) -> None:
        if any(size < 1 for size in self.input_shape):
            raise ModelError(
                f"The input {self.input!r} must have sizes of at least 1, got {self.input_shape}."
            )
        _check_names(self)
        object.__setattr__(self, "nodes", _sorted(self.nodes))

    @property
    def producers(self) -> dict[str, Node]:
        """Value name -> the node that gives it."""
        return {node.output: node for node in self.nodes}

    def needed(self, value: str) -> tuple[Node, ...]:
        """The nodes on which ``value`` depends, each behind those it takes from."""
        wanted, kept = {value}, []
        for node in reversed(self.nodes):
            if node.output in wanted:
                wanted.update(node.inputs)
                kept.append(node)
        return tuple(reversed(kept))


def _check_names(graph: Graph) -> None:
    given = {graph.input}
    for node in graph.nodes:
        if node.output in given:
            raise ModelError(
                f"Every value must be given once, but node {node.label} gives {node.output!r} "
                "again. The file contradicts itself: save the model again."
            )
        given.add(node.output)
    for node in graph.nodes:
        for name in node.inputs:
            if name not in given:
                raise ModelError(
                    f"Node {node.label} takes the value {name!r}, which no node gives. "
                    "The model is incomplete: save it again with all of its weights."
                )
    if graph.output not in given:
        raise ModelError(f"The output {graph.output!r} must be given by a node, got none such.")


def _sorted(nodes: Iterable[Node]) -> tuple[Node, ...]:
    by_output = {node.output: node for node in nodes}
    sorter = TopologicalSorter({name: node.inputs for name, node in by_output.items()})
    try:
        return tuple(by_output[name] for name in sorter.static_order() if name in by_output)
    except CycleError as error:
        circle = " -> ".join(by_output[name].label for name in error.args[1])
        raise ModelError(
            f"A model must be free of cycles, got {circle}. Unroll the loop before saving it."
        ) from error
