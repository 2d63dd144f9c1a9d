"""What is known of a file while its nodes are read one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.features import RawFeature
from explainrelu.importers.onnx_graph.ordering import place
from explainrelu.importers.operators.graph import Attribute, Node, Shape

__all__ = ["Call", "Known", "Reading"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of one value of the file.

    Attributes
    ----------
    shape
        Of one run on one row.
    kind
        Its number format, as onnx numbers them.
    array
        Its numbers or texts where they do not depend on the input.
    name
        Its name in the operator graph, where it has been written there.
    raw
        The raw columns it consists of, where nothing has turned them into numbers yet.
    """

    shape: Shape
    kind: int
    array: Array | None = None
    name: str = ""
    raw: tuple[RawFeature, ...] = ()


@dataclass(slots=True)
class Reading:
    """A file half read.

    Attributes
    ----------
    onnx
        The onnx package.
    versions
        Operator set -> version.
    values
        What is known of each value so far.
    nodes
        What has been written so far.
    pads
        What a node gives -> its padding, where the file leaves that to be worked out.
    """

    onnx: ModuleType
    versions: Mapping[str, int]
    values: dict[str, Known] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    pads: dict[str, Shape] = field(default_factory=dict)

    def name_of(self, value: str) -> str:
        """The name of a value in the operator graph; a constant is written there first."""
        known = self.values[value]
        if known.name:
            return known.name
        if known.array is None or known.array.dtype.kind in "OUSc":
            raise UnsupportedModelError(
                f"The value {value!r} must be numbers, got text or complex numbers. Only real "
                "numbers can be part of a network."
            )
        name = f"{value} (constant)"
        self.nodes.append(Node.constant(name, np.asarray(known.array).astype(np.float64), value))
        self.values[value] = Known(known.shape, known.kind, known.array, name)
        return name


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One node of the file: what it takes, and how its form in the operator graph is written.

    Attributes
    ----------
    reading
        What is known of the file.
    node
        The NodeProto.
    attributes
        Its attributes as Python values.
    given
        Shape and number format of each output.
    """

    reading: Reading
    node: Any
    attributes: Mapping[str, Any]
    given: Mapping[str, tuple[Shape, int]]

    @property
    def where(self) -> str:
        """Where a person finds the node."""
        return place(self.node)

    @property
    def label(self) -> str:
        """The node as errors name it."""
        return f"{self.where!r} ({self.node.op_type})"

    @property
    def opset(self) -> int:
        """The version of the node's operator set."""
        domain = "" if self.node.domain == "ai.onnx" else self.node.domain
        return self.reading.versions.get(domain, 1)

    @property
    def inputs(self) -> list[str]:
        """The values it takes, those left out at the end or in between as ''."""
        return list(self.node.input)

    @property
    def outputs(self) -> list[str]:
        """The values it gives, '' for those that nobody asks for."""
        return list(self.node.output)

    def has(self, position: int) -> bool:
        """Whether an input is given."""
        return position < len(self.inputs) and self.inputs[position] != ""

    def shape(self, position: int = 0) -> Shape:
        """The shape of an input."""
        return self.reading.values[self._input(position)].shape

    def kind(self, position: int = 0) -> int:
        """The number format of an input."""
        return self.reading.values[self._input(position)].kind

    def array(self, position: int) -> Array | None:
        """The numbers of an input, None where they depend on the input of the model."""
        return self.reading.values[self._input(position)].array

    def fixed(self, position: int, role: str) -> Array:
        """The numbers of an input that has to be constant.

        Raises
        ------
        UnsupportedModelError
            Where it depends on the input of the model.
        """
        array = self.array(position)
        if array is None:
            raise UnsupportedModelError(
                f"Node {self.label} must have a constant {role}, got {self.inputs[position]!r}, "
                "which depends on the input: such a choice is not piecewise linear."
            )
        return array

    def integers(self, position: int, name: str) -> Shape | None:
        """Integers from the attribute ``name`` or, in later opsets, from an input."""
        if name in self.attributes:
            return tuple(int(item) for item in self.attributes[name])
        if self.has(position):
            return tuple(int(item) for item in self.fixed(position, name).reshape(-1))
        return None

    def number(self, name: str, default: float) -> float:
        """An attribute that is a number; the format has them, defaults too, in float32."""
        value = self.attributes.get(name, float(np.float32(default)))
        if not isinstance(value, (int, float)):
            raise ModelError(
                f"Attribute {name!r} of node {self.label} must be a number, got {value!r}. The "
                "file contradicts itself: save the model again."
            )
        return float(value)

    def text(self, name: str, default: str) -> str:
        """An attribute that is a text."""
        value = self.attributes.get(name, default)
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    def value(self, position: int = 0) -> str:
        """The name of an input in the operator graph."""
        return self.reading.name_of(self._input(position))

    def values(self) -> list[str]:
        """The names of all inputs in the operator graph."""
        return [self.value(position) for position in range(len(self.inputs))]

    def constant(self, numbers: npt.ArrayLike) -> str:
        """Numbers that the operator needs, written into the graph."""
        node = Node.constant(self._next(), numbers, self.where)
        self.reading.nodes.append(node)
        return node.output

    def write(self, op: str, *inputs: str, **attributes: Attribute) -> str:
        """One operator written into the graph; the name of what it gives."""
        node = Node(op, inputs, self._next(), attributes, self.where)
        self.reading.nodes.append(node)
        return node.output

    def reshaped(self, value: str, shape: Shape) -> str:
        """The value in another shape."""
        return self.write("reshape", value, shape=shape)

    def output_shape(self, position: int = 0) -> Shape:
        """The shape of an output."""
        return self.given[self.outputs[position]][0]

    def refuse(self, why: str) -> UnsupportedModelError:
        """The error for a node that is not read."""
        return UnsupportedModelError(f"Node {self.label} {why}")

    def _input(self, position: int) -> str:
        if not self.has(position):
            raise ModelError(
                f"Node {self.label} must have an input {position}, got {len(self.inputs)}. The "
                "file contradicts itself: save the model again."
            )
        return self.inputs[position]

    def _next(self) -> str:
        name = next(output for output in self.outputs if output)
        return f"{name} #{len(self.reading.nodes)}"
