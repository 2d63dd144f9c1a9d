"""A file as a whole: its inputs, its outputs, and the network that they make."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.errors import (
    ColumnsError,
    ModelError,
    SizeError,
    UnsupportedModelError,
)
from explainrelu.importers.assembling import assembled
from explainrelu.importers.features import Folding, RawFeature
from explainrelu.importers.onnx_graph.columns import RawColumns
from explainrelu.importers.onnx_graph.folding import in_format
from explainrelu.importers.onnx_graph.ordering import needed, place, producers
from explainrelu.importers.onnx_graph.reader import Stored, attributes_of, read_nodes
from explainrelu.importers.onnx_graph.reading import Known, Reading
from explainrelu.importers.onnx_graph.shapes import InputForm, input_form
from explainrelu.importers.onnx_graph.tails import Tail, chosen_output, output_schema, tail_of
from explainrelu.importers.onnx_graph.weights import embedded
from explainrelu.importers.operators.graph import Graph, Shape
from explainrelu.importers.samples import one_row
from explainrelu.network.frames import column_names
from explainrelu.network.network import Origin, ReluNetwork

__all__ = ["Imported", "OnnxModel", "read_model"]

_ENCODED = "the encoded columns"
_FORMATS = {11: "float64", 1: "float32", 16: "bfloat16", 10: "float16"}  # finest first
_ON_COLUMNS = frozenset({"Imputer", "LabelEncoder", "OneHotEncoder"})
_FOLDED = frozenset({"BatchNormalization", "Dropout", "Imputer", "Scaler"})


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """An opened file whose parts have been found.

    Attributes
    ----------
    onnx
        The onnx package.
    proto
        The ModelProto, functions inlined and external data embedded.
    versions
        Operator set -> version.
    stored
        Its tensors.
    inputs
        The ValueInfoProtos of the inputs that are not stored.
    nodes
        Value name -> the NodeProto that gives it.
    """

    onnx: ModuleType
    proto: Any
    versions: Mapping[str, int]
    stored: Stored
    inputs: tuple[Any, ...]
    nodes: Mapping[str, Any]

    @classmethod
    def of(
        cls, onnx: ModuleType, proto: Any, versions: Mapping[str, int], folder: Path | None
    ) -> "OnnxModel":
        """The parts of a file.

        Raises
        ------
        ModelError, ArchiveError
            Where it contradicts itself or is incomplete.
        """
        proto = _inlined(onnx, embedded(onnx, proto, folder))
        graph = proto.graph
        tensors = {tensor.name: tensor for tensor in graph.initializer}
        sparse = {tensor.values.name: tensor for tensor in graph.sparse_initializer}
        n_stored = len(graph.initializer) + len(graph.sparse_initializer)
        if len(tensors | sparse) < n_stored:
            raise ModelError(
                "Every stored tensor must have a name of its own, got two of one name. The file "
                "contradicts itself: save the model again."
            )
        stored = Stored(onnx, tensors, sparse)
        inputs = tuple(value for value in graph.input if value.name not in stored)
        names = [value.name for value in inputs]
        if len(set(names)) < len(names) or not names or not graph.output:
            raise ModelError(
                "An ONNX file must have inputs, each with a name of its own, and an output, got "
                f"the inputs {names} and {len(graph.output)} outputs."
            )
        nodes = producers(graph.node, (*names, *tensors, *sparse))
        return cls(onnx, proto, versions, stored, inputs, nodes)

    def attributes(self, node: Any) -> dict[str, Any]:
        """The attributes of a node as Python values."""
        return attributes_of(self.onnx, node)


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A file that has been read.

    Attributes
    ----------
    network
        What it computes, not checked yet.
    model
        The file.
    target
        The value that was read.
    forms
        Its inputs.
    columns
        Whether the inputs are raw columns rather than one tensor of numbers.
    pads
        What a node gives -> its padding, where the file leaves that to be worked out.
    constants
        What is given by nodes that depend on no input, in the number formats of the file.
    """

    network: ReluNetwork
    model: OnnxModel
    target: str
    forms: tuple[InputForm, ...]
    columns: bool
    pads: Mapping[str, Shape]
    constants: Mapping[str, npt.NDArray[Any]]


def read_model(
    model: OnnxModel, X: Any, *, names: Sequence[str] | None, output: str | None
) -> Imported:
    """Read a file.

    Parameters
    ----------
    X
        Rows, asked for their shape and the names of their columns.
    names
        Column names where ``X`` brings none.
    output
        Which output to read.

    Raises
    ------
    UnsupportedModelError, ModelError, ArgumentError, ColumnsError
        See :func:`explainrelu.importers.from_onnx.from_onnx`.
    """
    chosen = chosen_output([value.name for value in model.proto.graph.output], output)
    if chosen not in model.nodes and chosen not in {value.name for value in model.inputs}:
        raise ModelError(f"The output {chosen!r} must be given by a node, got none such.")
    tail = tail_of(model.nodes, model.attributes, _texts(model), chosen)
    order = needed(model.nodes, tail.value)
    forms = _forms(model, one_row(X) or None)
    columns = _raw_columns(model, order, forms, X, names)
    reading = Reading(model.onnx, model.versions)
    _begin(reading, forms, columns)
    declared = {value.name: value for value in (*model.proto.graph.value_info, *_outputs(model))}
    read_nodes(reading, order, model.stored, columns, declared)
    graph = _graph(reading, forms, columns, tail)
    origin = _origin(model, reading, order, tail, columns)
    regression = model.proto.producer_name == "skl2onnx"
    schema = None if columns is None else columns.folding.schema()
    try:
        network = assembled(graph, origin=origin, X=X, names=names, schema=schema)
    except MemoryError as error:
        raise SizeError(
            f"The network must fit in memory, but that of the file does not: {error}. Choose an "
            "output with fewer numbers with output=, or hand over smaller samples."
        ) from error
    outputs = output_schema(network.outputs, tail.classes, regression=regression)
    network = replace(network, outputs=outputs)
    constants = _constants(reading, order, [form.name for form in forms])
    return Imported(network, model, tail.value, forms, columns is not None, reading.pads, constants)


def _constants(
    reading: Reading, order: Sequence[Any], inputs: Sequence[str]
) -> dict[str, npt.NDArray[Any]]:
    """What is given by nodes that depend on no input, not even on its shape: the rows change it."""
    depends, found = set(inputs), dict[str, npt.NDArray[Any]]()
    for node in order:
        if depends & set(node.input):
            depends |= set(node.output)
            continue
        for name in node.output:
            known = reading.values.get(name)
            if known is not None and known.array is not None:
                found[name] = in_format(reading.onnx, known.array, known.kind)
    return found


def _inlined(onnx: ModuleType, proto: Any) -> Any:
    """The file's own functions written out where they are called."""
    if not proto.functions:
        return proto
    try:
        return onnx.inliner.inline_local_functions(proto)
    except Exception as error:  # recursion and versions that differ have error classes of onnx
        raise UnsupportedModelError(
            f"The functions that the file defines must be ones that can be written out, got "
            f"{type(error).__name__}: {error}"
        ) from error


def _texts(model: OnnxModel) -> dict[str, Any]:
    """Short stored tensors: a label table, the 1 of a complement."""
    short = {name: t for name, t in model.stored.tensors.items() if np.prod(t.dims) <= 1 << 16}
    wanted = {
        node.input[0]
        for node in model.nodes.values()
        if node.op_type in ("ArrayFeatureExtractor", "Sub") and node.input
    }
    return {name: model.stored.known(name).array for name in short if name in wanted}


def _outputs(model: OnnxModel) -> Sequence[Any]:
    return [v for v in model.proto.graph.output if v.type.WhichOneof("value") == "tensor_type"]


def _forms(model: OnnxModel, rows: Shape | None) -> tuple[InputForm, ...]:
    """The inputs for one row."""
    for value in model.inputs:
        if value.type.WhichOneof("value") != "tensor_type":
            raise UnsupportedModelError(
                f"The input {value.name!r} must be a tensor, got "
                f"{value.type.WhichOneof('value') or 'no type'}. Export the model with tensors."
            )
    rows = rows if len(model.inputs) == 1 else None  # one of several inputs is no whole row
    return tuple(input_form(value, rows) for value in model.inputs)


def _raw_columns(
    model: OnnxModel,
    order: Sequence[Any],
    forms: Sequence[InputForm],
    X: Any,
    names: Sequence[str] | None,
) -> RawColumns | None:
    """The raw columns of a file that has some: several inputs, texts, or encoders."""
    encodes = any(node.op_type in _ON_COLUMNS for node in order)
    if len(forms) == 1 and not encodes and forms[0].kind != 8:
        return None
    for form in forms:
        if len(form.shape) != 2 or form.shape[0] != 1:
            raise UnsupportedModelError(
                f"A model of several inputs must take columns, each (rows, columns), got the "
                f"input {form.name!r} of shape {form.shape}. Join its inputs in one tensor."
            )
    own = _column_names(forms, X, names)
    kinds = [form.kind for form in forms for _ in range(form.shape[1])]
    return RawColumns(Folding.of(own), kinds)


def _column_names(
    forms: Sequence[InputForm], X: Any, names: Sequence[str] | None
) -> tuple[str, ...]:
    n_columns = sum(form.shape[1] for form in forms)
    given = (None if X is None else column_names(X)) or names
    if len(forms) > 1:
        own = [
            form.name if form.shape[1] == 1 else f"{form.name}[{i}]"
            for form in forms
            for i in range(form.shape[1])
        ]
        if names is not None and len(names) == n_columns:
            return tuple(names)
        return tuple(given) if given and _written_alike(given, own) else tuple(own)
    found = tuple(given) if given else tuple(f"x{i}" for i in range(n_columns))
    if len(found) != n_columns:
        raise ColumnsError(
            f"The model takes {n_columns} columns, got {len(found)} ({', '.join(found[:8])}). "
            "Hand over the columns it was trained on, in that order."
        )
    return found


def _written_alike(given: Sequence[str], own: Sequence[str]) -> bool:
    """Whether columns are those of the file, which may not have blanks and signs in its names."""
    plain = [re.sub(r"\W", "_", name) for name in given]
    return plain == [re.sub(r"\W", "_", name) for name in own]


def _begin(reading: Reading, forms: Sequence[InputForm], columns: RawColumns | None) -> None:
    """What is known of the inputs."""
    if columns is None:
        (form,) = forms
        reading.values[form.name] = Known(form.shape, form.kind, None, _entry(form))
        return
    start = 0
    for form in forms:
        part = tuple(RawFeature(start + i) for i in range(form.shape[1]))
        start += form.shape[1]
        reading.values[form.name] = Known(form.shape, form.kind, raw=part)


def _entry(form: InputForm) -> str:
    """The name of an input in the operator graph, with an ending that nothing written there has."""
    return f"{form.name} (input)"


def _graph(
    reading: Reading, forms: Sequence[InputForm], columns: RawColumns | None, tail: Tail
) -> Graph:
    known = reading.values.get(tail.value)
    if known is None:
        raise UnsupportedModelError(
            f"The output {tail.value!r} is a second output (a mask, positions or labels) that is "
            "not piecewise linear. Choose another one with output=."
        )
    if known.array is not None:
        raise ModelError(
            f"The output must depend on the input, got {tail.value!r}, which is a constant. Choose "
            "another one with output=."
        )
    if columns is None:
        name = reading.name_of(tail.value)
        return Graph(_entry(forms[0]), forms[0].shape, tuple(reading.nodes), name)
    if known.raw:
        reading.values[tail.value] = columns.settled(reading, tail.value, "the output")
    name = reading.name_of(tail.value)
    n_inputs = columns.folding.schema().n_inputs
    if n_inputs == 0:
        raise ModelError("The output must depend on some column, got a model that uses none.")
    nodes = (*columns.nodes(_ENCODED), *reading.nodes)
    return Graph(_ENCODED, (1, n_inputs), nodes, name)


def _whole_numbers(model: OnnxModel) -> tuple[str, ...]:
    """What has to hold of an input that is declared to be of whole numbers."""
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.inputs}
    kind_of = model.onnx.helper.tensor_dtype_to_np_dtype
    names = {name: np.dtype(kind_of(kind)) for name, kind in kinds.items()}
    return tuple(
        f"whole numbers in {name}, which the file declares {dtype.name}"
        for name, dtype in names.items()
        if dtype.kind in "iub"
    )


def _origin(
    model: OnnxModel,
    reading: Reading,
    order: Sequence[Any],
    tail: Tail,
    columns: RawColumns | None,
) -> Origin:
    kinds = {known.kind for known in reading.values.values()} & set(_FORMATS)
    cut = tuple(f"cut off: {op}" for op in tail.cut)
    folded = [f"{place(node)}: {node.op_type}" for node in order if node.op_type in _FOLDED]
    producer = model.proto.producer_name or "unknown producer"
    return Origin(
        kind=f"ONNX opset {model.versions['']}, {producer}",
        folded=(*folded, *cut),
        assumptions=_whole_numbers(model)
        if columns is None
        else tuple(dict.fromkeys(columns.folding.assumptions)),
        dtype=next(
            (_FORMATS[kind] for kind in reversed(list(_FORMATS)) if kind in kinds), "float64"
        ),
        versions=(("onnx", str(model.onnx.__version__)),),
    )
