"""The shapes of one run on one row: of the inputs, and of what each node gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.onnx_graph.ordering import place
from explainrelu.importers.onnx_graph.weights import check_size
from explainrelu.importers.operators.graph import Shape

__all__ = ["InputForm", "check_declared", "input_form", "node_shapes"]

_DATA_VALUES = 1024  # shapes, axes and paddings are short; weights are no input of an inference

_NARROW, _DOUBLE = frozenset({1, 10, 16}), 11


@dataclass(frozen=True, slots=True)
class InputForm:
    """The input of a file in one run on one row.

    Attributes
    ----------
    name
        Of the input.
    shape
        With its axis of rows, which has size 1, where it has one.
    batched
        Whether the file takes several rows at once.
    kind
        The number format, as onnx numbers them.
    """

    name: str
    shape: Shape
    batched: bool
    kind: int


def input_form(value: Any, rows: Shape | None) -> InputForm:
    """The shape of an input for one row.

    A first axis without a fixed size, or of size 1 before other axes, is that of the rows; with
    any other first axis the whole tensor is one sample. Other sizes that the file leaves open
    are taken from the rows.

    Parameters
    ----------
    value
        A ValueInfoProto.
    rows
        The shape of ``X``, its axis of rows first, where there is one.

    Raises
    ------
    ModelError
        Where a size is open and no rows say it, or the rows do not fit.
    """
    kind = int(value.type.tensor_type.elem_type)
    sizes = _sizes(value.type)
    if sizes is None:
        if rows is None:
            raise _needs_rows(value.name, "of any shape")
        return InputForm(value.name, (1, *rows[1:]), True, kind)
    batched = sizes[:1] == [None]
    has_rows = batched or (sizes[:1] == [1] and len(sizes) > 1)
    sample: list[int | None] = sizes[1:] if has_rows else sizes
    if None in sample:
        sample = _filled(value.name, sample, rows)
    shape = tuple(size for size in ([1, *sample] if has_rows else sample) if size is not None)
    check_size(value.name, shape)
    return InputForm(value.name, shape, batched, kind)


def node_shapes(
    onnx: ModuleType,
    node: Any,
    versions: Mapping[str, int],
    taken: Mapping[str, tuple[Shape, int]],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> dict[str, tuple[Shape | None, int]]:
    """Shape and number format of what a node gives, by the package's own inference.

    Parameters
    ----------
    taken
        Shape and number format of what it takes.
    arrays
        What of that is constant.

    Raises
    ------
    ModelError
        Where shapes or attributes do not fit the operator.
    UnsupportedModelError
        For an operator that the package does not know.
    """
    domain = "" if node.domain == "ai.onnx" else node.domain
    try:
        schema = onnx.defs.get_schema(node.op_type, versions.get(domain, 1), domain)
    except Exception as error:  # SchemaError has no public name in every version
        raise UnsupportedModelError(
            f"Node {place(node)!r} ({node.op_type}) is no operator of the set {domain or 'ai.onnx'}"
            f" version {versions.get(domain, 1)}. Only the operators of ONNX itself are read."
        ) from error
    make = onnx.helper.make_tensor_type_proto
    # floating-point formats count as one: constants are in float64, whatever the file has
    types = {
        name: make(_DOUBLE if kind in _NARROW else kind, shape)
        for name, (shape, kind) in taken.items()
    }
    short = {
        name: onnx.numpy_helper.from_array(array)
        for name, array in arrays.items()
        if array.size <= _DATA_VALUES and array.dtype.kind in "iu"
    }
    opsets = [onnx.helper.make_opsetid(name, version) for name, version in versions.items()]
    try:
        found = onnx.shape_inference.infer_node_outputs(
            schema, node, types, short, opset_imports=opsets
        )
    except Exception as error:  # the checker and the inference have error classes of their own
        shapes = ", ".join(str(shape) for shape, _ in taken.values())
        raise ModelError(
            f"Node {place(node)!r} ({node.op_type}) does not fit what it takes, of shape {shapes}: "
            f"{str(error).strip()} The file contradicts itself: save the model again."
        ) from error
    return {name: (_fixed(kind), kind.tensor_type.elem_type) for name, kind in found.items()}


def check_declared(value: Any, shape: Shape) -> None:
    """Refuse a file that declares another shape for a value than its nodes give.

    Raises
    ------
    ModelError
        Where a size that the file fixes is another one.
    """
    sizes = _sizes(value.type) if value.type.WhichOneof("value") == "tensor_type" else None
    if sizes is None:
        return
    fits = len(sizes) == len(shape) and all(
        size in (None, got) for size, got in zip(sizes, shape, strict=True)
    )
    if not fits:
        declared = tuple("?" if size is None else size for size in sizes)
        raise ModelError(
            f"The value {value.name!r} must have the shape {declared} that the file declares, got "
            f"{shape} from its nodes. The file contradicts itself: save the model again."
        )


def _sizes(kind: Any) -> list[int | None] | None:
    """The declared sizes, None for an open one; None where not even their number is known."""
    if not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return [int(d.dim_value) if d.HasField("dim_value") and d.dim_value > 0 else None for d in dims]


def _fixed(kind: Any) -> Shape | None:
    if not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    if not all(d.HasField("dim_value") for d in dims):
        return None
    return tuple(int(d.dim_value) for d in dims)


def _filled(name: str, sample: Sequence[int | None], rows: Shape | None) -> list[int | None]:
    """Open sizes of a sample by those of the rows."""
    wanted = tuple("?" if size is None else size for size in sample)
    if rows is None:
        raise _needs_rows(name, f"of shape {wanted}")
    given = rows[1:]
    if len(given) == 1 and len(sample) != 1 and sample.count(None) == 1:
        known = prod(size for size in sample if size is not None)
        given = tuple(given[0] // known if size is None else size for size in sample)
        fits = prod(given) == rows[1]
    else:
        fits = len(given) == len(sample)
    if not fits or any(a not in (None, b) for a, b in zip(sample, given, strict=True)):
        raise ModelError(
            f"The input {name!r} takes samples of shape {wanted}, got rows of shape {rows[1:]}. "
            "Hand over X as the model takes it."
        )
    return list(np.array(given, dtype=int).tolist())


def _needs_rows(name: str, form: str) -> ModelError:
    return ModelError(
        f"The input {name!r} takes samples {form}, whose sizes must be known. Pass X: some rows "
        "as the model takes them."
    )
