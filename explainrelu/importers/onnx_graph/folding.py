"""What does not depend on the input of the model, computed while it is read."""

from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.errors import ModelError, SizeError, UnsupportedModelError
from explainrelu.importers.onnx_graph.corrections import corrections
from explainrelu.importers.onnx_graph.ordering import place
from explainrelu.importers.onnx_graph.reading import Reading
from explainrelu.importers.onnx_graph.runs import in_double
from explainrelu.importers.onnx_graph.weights import MOST_VALUES, NARROW, array_of, dense_of

__all__ = ["computed", "constant_of", "folded", "in_format"]

Array = npt.NDArray[Any]

_RANDOM = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)


def constant_of(onnx: ModuleType, node: Any) -> Array:
    """The value of a Constant node in its own number format, in whichever form it is written.

    Raises
    ------
    ModelError
        Where it holds none or several.
    """
    forms = [attribute for attribute in node.attribute if attribute.name.startswith(("value", "s"))]
    if len(forms) != 1:
        raise ModelError(
            f"Node {place(node)!r} (Constant) must hold one value, got {len(forms)}. The file "
            "contradicts itself: save the model again."
        )
    value = onnx.helper.get_attribute_value(forms[0])
    if forms[0].name == "value":
        return in_format(onnx, array_of(onnx, value), value.data_type)
    if forms[0].name == "sparse_value":
        return in_format(onnx, dense_of(onnx, value), value.values.data_type)
    kinds: dict[str, type] = {"value_float": np.float32, "value_floats": np.float32}
    kinds |= {"value_int": np.int64, "value_ints": np.int64}
    if forms[0].name in kinds:
        return np.asarray(value, dtype=kinds[forms[0].name])
    texts = [value] if isinstance(value, bytes) else list(value)
    array = np.array([text.decode(errors="replace") for text in texts], dtype=object)
    return array.reshape(()) if isinstance(value, bytes) else array


def folded(reading: Reading, node: Any) -> list[Array | None]:
    """The outputs of a node whose inputs are all constant, in the number formats of the file.

    A ``Floor`` or a cast behind a product that is rounded depends on the format it is rounded in.

    Raises
    ------
    UnsupportedModelError
        For an operator that draws random numbers.
    ModelError
        Where the node cannot be computed.
    SizeError
        Where the result would be too large.
    """
    if node.op_type in _RANDOM:
        raise UnsupportedModelError(
            f"Node {place(node)!r} ({node.op_type}) draws random numbers: the model is not one "
            "fixed function. Export it in evaluation mode."
        )
    known = {name: reading.values[name] for name in node.input if name}
    arrays = {
        name: None if value.array is None else in_format(reading.onnx, value.array, value.kind)
        for name, value in known.items()
    }
    _check_size(node, arrays)
    return _computed(reading, node, arrays, double=False)


def in_format(onnx: ModuleType, array: Array, kind: int) -> Array:
    """Numbers that were widened to float64, in the narrower format that they come from."""
    if kind not in NARROW or array.dtype != np.float64:
        return array
    return array.astype(onnx.helper.tensor_dtype_to_np_dtype(kind))


def computed(reading: Reading, node: Any, arrays: dict[str, Array | None]) -> list[Array | None]:
    """The outputs of one node for given inputs, by onnx's own reference in float64.

    Raises
    ------
    ModelError
        Where the node cannot be computed.
    """
    return _computed(reading, node, arrays, double=True)


def _computed(
    reading: Reading, node: Any, arrays: dict[str, Array | None], *, double: bool
) -> list[Array | None]:
    try:
        return _run(reading, node, arrays, double=double)
    except Exception as error:  # whatever a corrupted node makes the reference raise
        raise ModelError(
            f"Node {place(node)!r} ({node.op_type}) cannot be computed: "
            f"{type(error).__name__}: {error}. The file contradicts itself: save the model again."
        ) from error


def _run(
    reading: Reading, node: Any, arrays: dict[str, Array | None], *, double: bool
) -> list[Array | None]:
    onnx = reading.onnx
    empty = onnx.helper.make_empty_tensor_value_info
    names = [name for name in node.output if name]
    graph = onnx.helper.make_graph(
        [node], "constants", [empty(name) for name in arrays], [empty(name) for name in names]
    )
    opsets = [onnx.helper.make_opsetid(name, version) for name, version in reading.versions.items()]
    model = onnx.helper.make_model(graph, opset_imports=opsets)
    model = in_double(onnx, model) if double else model
    own = corrections(onnx, reading.versions[""])
    with np.errstate(all="ignore"):
        found = onnx.reference.ReferenceEvaluator(model, new_ops=own).run(None, arrays)
    given = dict(zip(names, (np.asarray(array) for array in found), strict=True))
    return [given.get(name) for name in node.output]


def _check_size(node: Any, arrays: dict[str, Array | None]) -> None:
    """Refuse what would grow beyond memory; only these operators make much of little."""
    if node.op_type not in ("ConstantOfShape", "Expand", "Tile", "Range"):
        return
    given = [array for array in arrays.values() if array is not None]
    if node.op_type == "Range":
        start, limit, delta = (float(array.reshape(-1)[0]) for array in given[:3])
        size = abs(limit - start) / abs(delta) if delta else 0.0
    else:
        factors = [float(item) for item in given[-1].reshape(-1)]
        size = abs(prod(factors)) * (given[0].size if node.op_type != "ConstantOfShape" else 1)
    if size > MOST_VALUES:
        raise SizeError(
            f"Node {place(node)!r} ({node.op_type}) must give at most {MOST_VALUES} numbers, got "
            f"about {size:.3g}. The file is not to be trusted."
        )
