"""The nodes of a file read one after the other into the operator graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainrelu.errors import ExplainReluError, ModelError, UnsupportedModelError
from explainrelu.importers.onnx_graph.columns import COLUMN_OPERATORS, RawColumns
from explainrelu.importers.onnx_graph.folding import computed, constant_of, folded
from explainrelu.importers.onnx_graph.learned import learned_shape
from explainrelu.importers.onnx_graph.matrices import refuse_training
from explainrelu.importers.onnx_graph.operators import ONNX_OPERATORS, reason
from explainrelu.importers.onnx_graph.ordering import place
from explainrelu.importers.onnx_graph.reading import Call, Known, Reading
from explainrelu.importers.onnx_graph.shapes import check_declared, node_shapes
from explainrelu.importers.onnx_graph.weights import (
    NARROW,
    Array,
    array_of,
    check_size,
    dense_of,
)
from explainrelu.importers.operators.graph import Shape

__all__ = ["Stored", "attributes_of", "read_nodes"]

_INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
_SINGLE, _DOUBLE = 1, 11
_TRUNCATES = frozenset({"Div", "Mean", "ReduceMean"})


@dataclass(frozen=True, slots=True)
class Stored:
    """The tensors stored in a file, read when they are asked for.

    Attributes
    ----------
    onnx
        The onnx package.
    tensors, sparse
        By name.
    """

    onnx: Any
    tensors: Mapping[str, Any]
    sparse: Mapping[str, Any]

    def __contains__(self, name: object) -> bool:
        return name in self.tensors or name in self.sparse

    def known(self, name: str) -> Known:
        """A tensor in its own number format."""
        if name in self.tensors:
            tensor = self.tensors[name]
            array = array_of(self.onnx, tensor)
            return Known(array.shape, int(tensor.data_type), array)
        tensor = self.sparse[name]
        array = dense_of(self.onnx, tensor)
        return Known(array.shape, int(tensor.values.data_type), array)


def attributes_of(onnx: Any, node: Any) -> dict[str, Any]:
    """The attributes of a node as Python values.

    Raises
    ------
    UnsupportedModelError
        For an attribute that is a graph of its own: control flow.
    """
    kinds = onnx.AttributeProto
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type in (kinds.GRAPH, kinds.GRAPHS):
            raise _refused(node)
        if attribute.ref_attr_name:
            raise ModelError(
                f"Node {place(node)!r} ({node.op_type}) refers to the attribute "
                f"{attribute.ref_attr_name!r} of a function that it is not part of. The file "
                "contradicts itself: save the model again."
            )
        found[attribute.name] = onnx.helper.get_attribute_value(attribute)
    return found


def read_nodes(
    reading: Reading,
    nodes: Sequence[Any],
    stored: Stored,
    columns: RawColumns | None,
    declared: Mapping[str, Any],
) -> None:
    """Read nodes that stand in order.

    Parameters
    ----------
    reading
        What is known of the inputs; what is read is added to it.
    nodes
        NodeProtos, each behind those it takes from.
    stored
        The tensors of the file.
    columns
        The raw columns, where the file begins with some.
    declared
        Value name -> ValueInfoProto, what the file says of its values.

    Raises
    ------
    UnsupportedModelError
        For an operator that is not read, by name and node.
    ModelError
        Where the file contradicts itself.
    """
    for node in nodes:
        try:
            _read(reading, node, stored, columns)
        except ExplainReluError:
            raise
        except Exception as error:  # numbers of a file that lies may break any step
            raise ModelError(
                f"Node {place(node)!r} ({node.op_type}) cannot be read: {type(error).__name__}: "
                f"{error}. The file contradicts itself: save the model again."
            ) from error
        if node.op_type == "LinearClassifier":
            continue  # of two probabilities only the logit of the second class is read
        for name in node.output:
            if name in declared and name in reading.values:
                check_declared(declared[name], reading.values[name].shape)


def _read(reading: Reading, node: Any, stored: Stored, columns: RawColumns | None) -> None:
    if node.domain not in ("", "ai.onnx", "ai.onnx.ml"):
        raise _refused(node)
    attributes = attributes_of(reading.onnx, node)
    if node.op_type == "Constant":
        _keep(reading, node, [constant_of(reading.onnx, node)])
        return
    _ready(reading, node, stored)
    taken = [reading.values[name] for name in node.input if name]
    if all(known.array is not None for known in taken):
        _keep(reading, node, folded(reading, node))
    elif node.op_type in ("Shape", "Size"):
        _keep(reading, node, [_shape(node.op_type, taken[0].shape, attributes)])
    elif columns is not None and _on_columns(node, taken):
        call = Call(reading, node, attributes, {})
        given = COLUMN_OPERATORS[node.op_type](columns, call)
        reading.values |= zip(filter(None, node.output), given, strict=False)
    else:
        _write(reading, node, attributes, columns)


def _ready(reading: Reading, node: Any, stored: Stored) -> None:
    """What the node takes, read where it is stored, refused where it is not read."""
    for name in filter(None, node.input):
        if name not in reading.values and name in stored:
            reading.values[name] = stored.known(name)
        if name not in reading.values:
            raise _second_output(node, name)


def _second_output(node: Any, name: str) -> ExplainReluError:
    return ModelError(
        f"Node {place(node)!r} ({node.op_type}) takes {name!r}, a second output (a mask, positions "
        "or labels) that is not piecewise linear. Choose an output before it with output=."
    )


def _on_columns(node: Any, taken: Sequence[Known]) -> bool:
    """Whether a node only moves, converts, fills or encodes raw columns."""
    moves = node.op_type in COLUMN_OPERATORS
    return moves and all(known.raw or known.array is not None for known in taken)


def _keep(reading: Reading, node: Any, arrays: Sequence[Array | None]) -> None:
    kind_of = reading.onnx.helper.np_dtype_to_tensor_dtype
    for name, array in zip(node.output, arrays, strict=False):
        if name and array is not None:
            kind = 8 if array.dtype.kind in "OUS" else int(kind_of(array.dtype))
            wide = array.astype(np.float64) if kind in NARROW else array
            reading.values[name] = Known(array.shape, kind, wide)


def _shape(op: str, shape: Shape, attributes: Mapping[str, Any]) -> Array:
    if op == "Size":
        return np.array(int(np.prod(shape)), dtype=np.int64)
    return np.array(shape[attributes.get("start", 0) : attributes.get("end")], dtype=np.int64)


def _write(
    reading: Reading, node: Any, attributes: Mapping[str, Any], columns: RawColumns | None
) -> None:
    if node.op_type not in ONNX_OPERATORS:
        raise _refused(node)
    call = Call(reading, node, attributes, {})
    for name in filter(None, node.input):
        known = reading.values[name]
        if columns is not None and known.raw:
            known = reading.values[name] = columns.settled(reading, name, call.label)
        if node.op_type in _TRUNCATES and known.array is None and known.kind in _INTEGERS:
            raise call.refuse("divides whole numbers, which rounds. Use floating-point numbers.")
    if node.op_type == "BatchNormalization":
        refuse_training(call)  # the inference below has a text of its own for it
    given = _given(reading, node, call)
    names = ONNX_OPERATORS[node.op_type](Call(reading, node, attributes, given))
    names = [names] if isinstance(names, str) else names
    for output, name in zip(node.output, names, strict=False):
        if output and name:
            shape, kind = given[output]
            reading.values[output] = Known(shape, kind, None, name)
        elif output in given and 0 in given[output][0]:
            shape, kind = given[output]
            reading.values[output] = Known(shape, kind, np.zeros(shape))


def _given(reading: Reading, node: Any, call: Call) -> dict[str, tuple[Shape, int]]:
    """Shape and number format of what a node gives."""
    known = {name: reading.values[name] for name in node.input if name}
    if node.domain == "ai.onnx.ml":
        keeps = node.op_type == "ArrayFeatureExtractor" or call.kind() not in _INTEGERS
        from_input = call.kind() if keeps else _SINGLE
        shape = learned_shape(call)
        return {name: (shape, from_input) for name in node.output if name}
    taken = {name: (value.shape, value.kind) for name, value in known.items()}
    arrays = {name: value.array for name, value in known.items() if value.array is not None}
    found = node_shapes(reading.onnx, node, reading.versions, taken, arrays)
    given = {name: (shape, kind) for name, (shape, kind) in found.items() if shape is not None}
    if len(given) < len(found):
        given = _tried(reading, node)
    for name, (shape, _) in given.items():
        if 0 in shape and node.op_type != "Split":
            raise ModelError(
                f"Node {call.label} must give {name!r} without empty axes, got the shape {shape}. "
                "The file contradicts itself: does it run on its own data?"
            )
        check_size(name, shape)
    return given


def _tried(reading: Reading, node: Any) -> dict[str, tuple[Shape, int]]:
    """The shapes a node gives for zeros, where the inference leaves them open."""
    known = {name: reading.values[name] for name in node.input if name}
    arrays: dict[str, Array | None] = {
        name: np.zeros(value.shape) if value.array is None else value.array
        for name, value in known.items()
    }
    found = computed(reading, node, arrays)
    pairs = zip(node.output, found, strict=False)
    return {name: (array.shape, _DOUBLE) for name, array in pairs if array is not None}


def _refused(node: Any) -> ExplainReluError:
    return UnsupportedModelError(f"Node {place(node)!r} {reason(node.op_type)}")
