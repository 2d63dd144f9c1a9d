"""Small ONNX files written by hand, and what onnxruntime makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from explainrelu.importers.from_onnx import from_onnx

ML = "ai.onnx.ml"


def node(op: str, *inputs: str, to: Sequence[str] = ("y",), **attributes: Any) -> onnx.NodeProto:
    """A node called ``the Op`` that gives ``y``."""
    return helper.make_node(op, inputs, list(to), name=f"the {op}", **attributes)


def file_of(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str | None] | None = ("N", 3),
    weights: Mapping[str, Any] | None = None,
    *,
    opset: int = 13,
    outputs: Sequence[str] = ("y",),
) -> onnx.ModelProto:
    """A file from ``x`` of a shape to ``y``; weights that are whole numbers are int64."""
    stored = []
    for name, numbers in (weights or {}).items():
        array = np.asarray(numbers)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        stored.append(numpy_helper.from_array(array, name))
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(list(nodes), "graph", [value], given, stored)
    sets = [helper.make_opsetid("", opset), helper.make_opsetid(ML, 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=8)


def rows_for(shape: Sequence[Any], n_rows: int = 6) -> np.ndarray:
    """Random rows, of numbers that float32 holds, ties and zeros among them."""
    sizes = [n_rows, *(int(size) for size in shape)]
    return np.random.default_rng(0).integers(-8, 9, sizes).astype(np.float64) / 4.0


def outputs_of(model: onnx.ModelProto, rows: np.ndarray, *, batched: bool = True) -> np.ndarray:
    """What onnxruntime gives for the rows: (n_samples, n_outputs)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    rows = rows.astype(np.float32)
    if batched:
        return session.run(["y"], {"x": rows})[0].reshape(len(rows), -1)
    return np.stack([session.run(["y"], {"x": row})[0].reshape(-1) for row in rows])


def gap_to_onnxruntime(model: onnx.ModelProto, *, n_rows: int = 6) -> float:
    """Largest difference behind the link between the import and onnxruntime, over the largest."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    sizes = [dim.dim_value for dim in dims]
    batched = sizes[0] == 0
    rows = rows_for(sizes[1:] if batched else sizes, n_rows)
    network = from_onnx(model)
    got = network.link(network.forward(rows.reshape(n_rows, -1)))
    wanted = outputs_of(model, rows, batched=batched)
    assert got.shape == wanted.shape
    return float(np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max()))
