"""What the certificate of an import from ONNX says, and what it says where nothing can be run."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from explainrelu.certificate import Status
from explainrelu.errors import DataError, ModelError, UnsupportedModelError
from explainrelu.importers.from_onnx import from_onnx
from tests.importers.onnx_graph.onnx_files import file_of, node, outputs_of, rows_for

MODEL = file_of([node("Relu", "x")])


@pytest.fixture
def no_evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluator that computes nothing."""

    def refuse(*given: object, **options: object) -> None:
        raise ModelError("The file itself must run on the rows, got nothing.")

    monkeypatch.setattr("explainrelu.importers.onnx_check.run", refuse)


def test_import_without_rows_is_an_estimate_on_random_ones() -> None:
    (check,) = from_onnx(MODEL).certificate.checks
    assert check.status is Status.HOLDS
    assert check.detail == "8 rows drawn at random, in float64"


@pytest.mark.usefixtures("no_evaluator")
def test_file_that_cannot_be_run_leaves_the_check_undecided() -> None:
    network = from_onnx(MODEL)
    assert network.certificate.checks[0].status is Status.UNDECIDED
    assert not network.certificate.holds


@pytest.mark.usefixtures("no_evaluator")
def test_file_that_cannot_be_run_needs_its_outputs_beside_the_rows() -> None:
    rows = rows_for([3])
    with pytest.raises(ModelError, match="must run on the rows"):
        from_onnx(MODEL, rows)
    network = from_onnx(MODEL, rows, reference=outputs_of(MODEL, rows))
    assert network.certificate.checks[0].status is Status.HOLDS


def test_file_that_overflows_in_its_own_format_says_so_in_its_drift() -> None:
    weights = {"w": np.full((3, 1), 3e38), "s": np.array([1e-30])}
    nodes = [node("MatMul", "x", "w", to=["z"]), node("Mul", "z", "s")]
    drift = from_onnx(file_of(nodes, weights=weights), np.full((2, 3), 9.0)).certificate.checks[1]
    assert drift.status is Status.FAILS


def test_rows_stacked_by_the_exporter_are_told_from_rows_that_are_mixed() -> None:
    stacked = file_of([node("Reshape", "x", "s")], weights={"s": np.array([-1, 1])})
    assert from_onnx(stacked, rows_for([3])).n_outputs == 3
    mixed = file_of([node("ReduceSum", "x", "a")], weights={"a": np.array([0])})
    with pytest.raises(UnsupportedModelError, match="must treat every row alone"):
        from_onnx(mixed, rows_for([3]))


def test_single_row_of_a_file_with_open_rows_is_checked_beside_itself() -> None:
    mixed = file_of([node("ReduceSum", "x", "a")], weights={"a": np.array([0])})
    with pytest.raises(UnsupportedModelError, match="must treat every row alone"):
        from_onnx(mixed, np.ones((1, 3)))


def whole(kind: int, *nodes: onnx.NodeProto, **weights: np.ndarray) -> onnx.ModelProto:
    """A file whose input is declared to be of whole numbers or truth values."""
    model = file_of(list(nodes), weights=weights)
    model.graph.input[0].type.tensor_type.elem_type = kind
    return model


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.UINT8, TensorProto.BOOL])
def test_input_of_whole_numbers_is_checked_on_whole_numbers(kind: int) -> None:
    model = whole(kind, helper.make_node("Cast", ["x"], ["t"], to=1), node("Neg", "t"))
    assert from_onnx(model).certificate.holds
    network = from_onnx(model, np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]))
    assert network.certificate.holds
    assert any(text.startswith("whole numbers in x") for text in network.origin.assumptions)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(TensorProto.INT64, 1.5), (TensorProto.UINT8, -1.0), (TensorProto.BOOL, 2.0)],
)
def test_rows_that_the_declared_input_cannot_hold_are_refused(kind: int, value: float) -> None:
    model = whole(kind, helper.make_node("Cast", ["x"], ["t"], to=1), node("Neg", "t"))
    with pytest.raises(DataError, match=f"input 'x' is declared .*, got {value} in row 1"):
        from_onnx(model, np.array([[0.0, 1.0, 1.0], [1.0, value, 0.0]]))


def test_scaler_of_whole_numbers_gives_fractions() -> None:
    scaler = helper.make_node(
        "Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.5, 0.0, 1.0], scale=[0.25, 0.5, 3.0]
    )
    network = from_onnx(whole(TensorProto.INT64, scaler))
    assert network.certificate.holds
    assert network([[1.0, 1.0, 1.0]]).tolist() == [[0.125, 0.5, 0.0]]
