"""Each operator that multiplies by constants, and the links, against onnxruntime."""

from typing import Any

import numpy as np
import pytest

from explainrelu.errors import ModelError, TrainingModeError, UnsupportedModelError
from explainrelu.importers.from_onnx import from_onnx
from explainrelu.network.outputs import Link
from tests.importers.onnx_graph.onnx_files import file_of, gap_to_onnxruntime, node

GENERATOR = np.random.default_rng(1)
W = {
    "w": GENERATOR.normal(size=(3, 4)),
    "wt": GENERATOR.normal(size=(4, 3)),
    "row": GENERATOR.normal(size=(1, 4)),
    "bias": GENERATOR.normal(size=4),
    "column": GENERATOR.normal(size=(2, 1)),
    "one": np.array([0.5]),
    "left": GENERATOR.normal(size=(2, 5)),
    "stack": GENERATOR.normal(size=(2, 3, 4)),
}

CASES: dict[str, tuple[Any, ...]] = {
    "Gemm": ([node("Gemm", "x", "w", "bias")],),
    "Gemm without bias": ([node("Gemm", "x", "w")],),
    "Gemm, one bias": ([node("Gemm", "x", "w", "one")],),
    "Gemm, bias a row": ([node("Gemm", "x", "w", "row")],),
    "Gemm scaled": ([node("Gemm", "x", "wt", "bias", alpha=0.3, beta=-2.0, transB=1)],),
    "Gemm of more rows": ([node("Gemm", "x", "w", "column", alpha=2.0)], (2, 3)),
    "Gemm transposed": ([node("Gemm", "x", "w", transA=1)], (3, 5)),
    "Gemm constant on the left": ([node("Gemm", "left", "x", "column", beta=3.0)], (5, 4)),
    "Gemm left transposed": ([node("Gemm", "left", "x", transA=1, transB=1)], (4, 2)),
    "MatMul": ([node("MatMul", "x", "w")],),
    "MatMul on the left": ([node("MatMul", "left", "x")], (5, 4)),
    "MatMul of a stack": ([node("MatMul", "x", "stack")], ("N", 2, 5, 3)),
    "MatMul of a vector": ([node("MatMul", "x", "wt")], (4,)),
}


@pytest.mark.parametrize("name", CASES)
def test_operator_computes_what_onnxruntime_computes(name: str) -> None:
    nodes, *rest = CASES[name]
    assert gap_to_onnxruntime(file_of(nodes, *(rest or [("N", 3)]), W)) <= 1e-6


def normalised(variance: float, **attributes: Any) -> Any:
    weights = {"s": [1.0, -2.0], "b": [0.5, 0.0], "m": [0.25, 1.0], "v": [variance, 2.0]}
    nodes = [node("BatchNormalization", "x", "s", "b", "m", "v", **attributes)]
    return nodes, weights


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
@pytest.mark.parametrize("shape", [("N", 2), ("N", 2, 3, 3)])
def test_batch_normalisation_in_every_opset(opset: int, shape: tuple[Any, ...]) -> None:
    nodes, weights = normalised(0.7, momentum=0.8)
    assert gap_to_onnxruntime(file_of(nodes, shape, weights, opset=opset)) <= 1e-6


def test_batch_normalisation_of_a_channel_without_variance() -> None:
    nodes, weights = normalised(0.0, epsilon=1e-2)
    assert gap_to_onnxruntime(file_of(nodes, ("N", 2), weights)) <= 1e-6


def test_batch_normalisation_in_training_mode_is_refused() -> None:
    nodes, weights = normalised(1.0, training_mode=1)
    with pytest.raises(TrainingModeError, match=r"'the BatchNormalization'.* in evaluation mode"):
        from_onnx(file_of(nodes, ("N", 2), weights, opset=15))


@pytest.mark.parametrize(
    ("op", "link"),
    [("Softmax", Link.softmax), ("LogSoftmax", Link.log_softmax), ("Sigmoid", Link.logistic)],
)
@pytest.mark.parametrize("opset", [9, 13])
def test_final_link_is_cut_off_and_named(op: str, link: Link, opset: int) -> None:
    nodes = [node("Gemm", "x", "w", "bias", to=["z"]), node(op, "z")]
    model = file_of(nodes, weights=W, opset=opset)
    assert from_onnx(model).link is link
    assert gap_to_onnxruntime(model) <= 1e-6


def test_softmax_before_opset_13_runs_over_all_axes_from_its_own() -> None:
    nodes = [node("Softmax", "x", axis=1)]
    assert gap_to_onnxruntime(file_of(nodes, ("N", 2, 3), opset=11)) <= 1e-6


def test_softmax_over_a_part_of_the_scores_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="must run over all scores of a row"):
        from_onnx(file_of([node("Softmax", "x", axis=2)], ("N", 2, 3)))


def test_sigmoid_inside_is_refused() -> None:
    nodes = [node("Sigmoid", "x", to=["s"]), node("MatMul", "s", "w")]
    with pytest.raises(UnsupportedModelError, match=r"'the Sigmoid'.* stands inside the model"):
        from_onnx(file_of(nodes, weights=W))


def test_matrix_product_of_two_activations_is_refused() -> None:
    nodes = [node("Transpose", "x", to=["t"], perm=[1, 0]), node("MatMul", "t", "x")]
    with pytest.raises(UnsupportedModelError, match=r"'the MatMul'.* both depend on the input"):
        from_onnx(file_of(nodes))


def test_matrix_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match=r"'the MatMul' \(MatMul\) does not fit .*\(1, 3\)"):
        from_onnx(file_of([node("MatMul", "x", "wt")], weights=W))
