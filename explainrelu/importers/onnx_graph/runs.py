"""The file run by onnx's own reference evaluator, in its own arithmetic and in float64."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray
from explainrelu.errors import ModelError
from explainrelu.importers.onnx_graph.corrections import corrections
from explainrelu.importers.onnx_graph.weights import NARROW, dense_of
from explainrelu.importers.operators.graph import Shape

__all__ = ["in_double", "part_of", "run"]

Array = npt.NDArray[Any]

_DOUBLE = 11


def part_of(
    onnx: ModuleType,
    model: Any,
    nodes: Sequence[Any],
    target: str,
    *,
    pads: Mapping[str, Shape],
    constants: Mapping[str, Array],
) -> Any:
    """A model of some nodes of another one, with one value as its output.

    Parameters
    ----------
    nodes
        NodeProtos, each behind those it takes from.
    target
        The value they give.
    pads
        What a node gives -> its padding, where the file leaves that to be worked out.
    constants
        What is given by nodes that depend on no input, in the number formats of the file: these
        nodes are left out, since their arithmetic is not to be widened.
    """
    nodes = [node for node in nodes if not constants.keys() & set(node.output)]
    nodes = [_padded(onnx, node, pads) for node in nodes]
    taken = {name for node in nodes for name in node.input} | {target}
    graph = onnx.helper.make_graph(
        nodes,
        "part",
        [value for value in model.graph.input if value.name in taken],
        [onnx.helper.make_empty_tensor_value_info(target)],
        [tensor for tensor in model.graph.initializer if tensor.name in taken],
    )
    # onnx's evaluator does not load sparse tensors
    sparse = [t for t in model.graph.sparse_initializer if t.values.name in taken]
    graph.initializer.extend(
        onnx.numpy_helper.from_array(dense_of(onnx, tensor), tensor.values.name)
        for tensor in sparse
    )
    graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name)
        for name, array in constants.items()
        if name in taken
    )
    opsets = [
        onnx.helper.make_opsetid("" if entry.domain == "ai.onnx" else entry.domain, entry.version)
        for entry in model.opset_import
    ]
    part = onnx.helper.make_model(graph, opset_imports=opsets)
    part.ir_version = max(int(model.ir_version), 3)
    return part


def in_double(onnx: ModuleType, model: Any) -> Any:
    """The same model with every number in float64: the same weights, another arithmetic."""
    double = onnx.ModelProto()
    double.CopyFrom(model)
    for value in double.graph.input:
        if value.type.tensor_type.elem_type in NARROW:
            value.type.tensor_type.elem_type = _DOUBLE
    for tensor in double.graph.initializer:
        _widen(onnx, tensor)
    nodes = list(double.graph.node)
    del double.graph.node[:]
    for node in nodes:
        for attribute in node.attribute:
            _widen_attribute(onnx, node, attribute)
        double.graph.node.extend(_with_double_output(onnx, node))
    return double


def run(onnx: ModuleType, model: Any, feeds: Mapping[str, Array], *, batched: bool) -> FloatArray:
    """What a model gives for some rows.

    Parameters
    ----------
    feeds
        Input name -> rows, each in the shape in which the model takes it.
    batched
        Whether it takes several rows at once; else it is run row by row.

    Returns
    -------
    (n_samples, n_outputs)
        In float64, whatever it was computed in.

    Raises
    ------
    ModelError
        Where the model does not run.
    """
    n_rows = len(next(iter(feeds.values())))
    opset = max((entry.version for entry in model.opset_import if not entry.domain), default=1)
    try:
        evaluator = onnx.reference.ReferenceEvaluator(model, new_ops=corrections(onnx, opset))
        with np.errstate(all="ignore"):
            if batched:
                return _plain(evaluator.run(None, dict(feeds))[0], n_rows)
            single = [
                evaluator.run(None, {name: rows[i] for name, rows in feeds.items()})[0]
                for i in range(n_rows)
            ]
        return _plain(np.stack([np.asarray(output) for output in single]), n_rows)
    except Exception as error:  # the evaluator passes on whatever numpy raises
        raise ModelError(
            f"The file itself must run on the rows, got {type(error).__name__}: {error}. Check "
            "that X is what the model takes, or hand over its own outputs as reference=."
        ) from error


def _padded(onnx: ModuleType, node: Any, pads: Mapping[str, Shape]) -> Any:
    """The node with its padding written out."""
    if not node.output or node.output[0] not in pads:
        return node
    padded = onnx.NodeProto()
    padded.CopyFrom(node)
    kept = [a for a in node.attribute if a.name not in ("auto_pad", "pads")]
    del padded.attribute[:]
    padded.attribute.extend([*kept, onnx.helper.make_attribute("pads", pads[node.output[0]])])
    return padded


def _plain(output: Any, n_rows: int) -> FloatArray:
    """An output as one row of numbers a sample; an exporter may have stacked them in one column."""
    found = np.asarray(output).astype(np.float64)
    if found.size % n_rows or found.size == 0:
        raise ValueError(f"{n_rows} rows gave an output of shape {found.shape}")
    return found.reshape(n_rows, -1)


def _widen(onnx: ModuleType, tensor: Any) -> None:
    if tensor.data_type in NARROW:
        array = onnx.numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def _with_double_output(onnx: ModuleType, node: Any) -> list[Any]:
    """A node whose numbers do not come from those it takes, with a cast to float64."""
    if node.op_type == "ConstantOfShape" and not node.attribute:
        zero = onnx.numpy_helper.from_array(np.zeros(1))
        node.attribute.append(onnx.helper.make_attribute("value", zero))
    if node.op_type == "Scaler":  # of whole numbers too it gives floating-point ones
        taken, node.input[0] = node.input[0], f"{node.output[0]} (taken)"
        return [onnx.helper.make_node("Cast", [taken], [node.input[0]], to=_DOUBLE), node]
    encodes = node.op_type == "OneHotEncoder" or any(
        attribute.name == "values_floats" for attribute in node.attribute
    )
    if not encodes:
        return [node]
    name, node.output[0] = node.output[0], f"{node.output[0]} (single)"
    return [node, onnx.helper.make_node("Cast", [node.output[0]], [name], to=_DOUBLE)]


def _widen_attribute(onnx: ModuleType, node: Any, attribute: Any) -> None:
    kinds = onnx.AttributeProto
    if attribute.type == kinds.TENSOR and not attribute.name.endswith("_tensor"):
        _widen(onnx, attribute.t)
    elif node.op_type == "Cast" and attribute.name == "to" and attribute.i in NARROW:
        attribute.i = _DOUBLE
    elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
        value = onnx.helper.get_attribute_value(attribute)
        array = np.asarray(value, dtype=np.float64)
        attribute.CopyFrom(onnx.helper.make_attribute("value", onnx.numpy_helper.from_array(array)))
