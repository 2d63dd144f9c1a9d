"""ONNX files as a whole: good ones, open ones, and files that lie."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_diabetes
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import explainrelu as xr
from explainrelu.errors import (
    ArchiveError,
    ArgumentError,
    ColumnsError,
    DataError,
    ExplainReluError,
    ImportCheckError,
    InputTypeError,
    MissingDependencyError,
    ModelError,
    UnsupportedModelError,
)
from explainrelu.importers.from_onnx import from_onnx
from explainrelu.importers.import_model import import_model
from explainrelu.network.outputs import Link
from tests.importers.onnx_graph.onnx_files import (
    file_of,
    gap_to_onnxruntime,
    node,
    outputs_of,
    rows_for,
)

GENERATOR = np.random.default_rng(3)
WEIGHTS = {
    "w1": GENERATOR.normal(size=(3, 4)),
    "b1": GENERATOR.normal(size=4),
    "w2": GENERATOR.normal(size=(4, 2)),
    "b2": GENERATOR.normal(size=2),
}
NODES = [
    node("Gemm", "x", "w1", "b1", to=["z"]),
    node("Relu", "z", to=["h"]),
    helper.make_node("Gemm", ["h", "w2", "b2"], ["y"], name="last"),
]


def small(**options: Any) -> onnx.ModelProto:
    return file_of(NODES, weights=WEIGHTS, **options)


def saved(tmp_path: Path, model: onnx.ModelProto) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


# ------------------------------------------------------------------------------------------
# Files that are read.


def test_path_and_model_give_the_same_network(tmp_path: Path) -> None:
    model = small()
    assert from_onnx(saved(tmp_path, model)).fingerprint == from_onnx(model).fingerprint


def test_import_model_takes_paths_and_models(tmp_path: Path) -> None:
    model = small()
    assert import_model(model).fingerprint == from_onnx(model).fingerprint
    assert import_model(saved(tmp_path, model)).fingerprint == from_onnx(model).fingerprint


def test_weights_are_taken_exactly() -> None:
    (layer,) = from_onnx(small()).layers
    np.testing.assert_array_equal(layer.weight, WEIGHTS["w1"].astype(np.float32).T)


def test_certificate_holds_the_check_the_drift_and_the_patterns() -> None:
    rows = rows_for([3], 300)
    network = from_onnx(small(), rows)
    exact, drift, patterns = network.certificate.checks
    assert exact.value <= 1e-12
    assert exact.detail.startswith("first 256 of 300 rows")
    assert 0.0 < drift.value <= 1e-6
    assert patterns.name.endswith("another activation pattern in float32")
    assert network.certificate.holds


def test_outputs_handed_over_are_held_against_the_network() -> None:
    rows = rows_for([3], 20)
    model = small()
    wanted = outputs_of(model, rows)
    assert any(
        "handed over" in c.name for c in from_onnx(model, rows, reference=wanted).certificate.checks
    )
    with pytest.raises(ImportCheckError, match="outputs handed over"):
        from_onnx(model, rows, reference=wanted + 1.0)


def test_reference_of_another_size_is_refused() -> None:
    with pytest.raises(DataError, match="one row of numbers for each of 20 rows"):
        from_onnx(small(), rows_for([3], 20), reference=np.ones(3))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_number_format_of_the_file_is_recorded(dtype: Any) -> None:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    weight = GENERATOR.normal(size=(3, 2)).astype(dtype)
    graph = helper.make_graph(
        [node("MatMul", "x", "w")],
        "graph",
        [helper.make_tensor_value_info("x", kind, ["N", 3])],
        [helper.make_tensor_value_info("y", kind, ["N", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    network = from_onnx(model, rows_for([3], 9))
    assert network.origin.dtype == np.dtype(dtype).name
    np.testing.assert_array_equal(network.output.weight, weight.astype(np.float64).T)


def test_frame_and_names_name_the_columns() -> None:
    frame = pd.DataFrame(rows_for([3]), columns=["age", "income", "debt"])
    assert from_onnx(small(), frame).schema.names == ("age", "income", "debt")
    assert from_onnx(small(), names=["a", "b", "c"]).schema.names == ("a", "b", "c")
    with pytest.raises(ColumnsError, match="takes 3 columns, got 2"):
        from_onnx(small(), names=["a", "b"])


def test_picture_keeps_its_shape_and_sizes_left_open_come_from_the_rows() -> None:
    model = file_of([node("GlobalAveragePool", "x")], ("N", 2, None, None))
    rows = rows_for([2, 4, 5])
    network = from_onnx(model, rows)
    assert network.schema.shape == (2, 4, 5)
    np.testing.assert_allclose(network(rows), rows.mean(axis=(2, 3)))


def test_sizes_left_open_without_rows_are_refused() -> None:
    model = file_of([node("Relu", "x")], ("N", 2, None))
    with pytest.raises(ModelError, match=r"samples of shape \(2, '\?'\).*Pass X"):
        from_onnx(model)
    with pytest.raises(
        ModelError, match=r"samples of shape \(2, '\?'\), got rows of shape \(3, 4\)"
    ):
        from_onnx(model, rows_for([3, 4]))


def test_whole_tensor_is_one_sample_where_no_axis_is_that_of_rows() -> None:
    network = from_onnx(file_of([node("ReduceSum", "x")], (5, 3)))
    assert network.schema.shape == (5, 3)
    assert network.n_outputs == 1


def test_output_is_chosen_by_name() -> None:
    model = small(outputs=["y", "h"])
    assert from_onnx(model).n_outputs == 2
    assert from_onnx(model, output="h").n_outputs == 4
    with pytest.raises(ArgumentError, match="output= must be one of 'y', 'h', got 'score'"):
        from_onnx(model, output="score")


def test_functions_of_the_file_are_written_out() -> None:
    inner = helper.make_function(
        "mine",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 13)],
    )
    model = file_of([helper.make_node("Twice", ["x"], ["y"], domain="mine")])
    model.functions.append(inner)
    model.opset_import.append(helper.make_opsetid("mine", 1))
    assert from_onnx(model)([[1.0, 2.0, -3.0]]).tolist() == [[2.0, 4.0, -6.0]]


def test_function_that_calls_itself_is_refused() -> None:
    inner = helper.make_function(
        "mine",
        "Own",
        ["a"],
        ["b"],
        [helper.make_node("Own", ["a"], ["b"], domain="mine")],
        [helper.make_opsetid("mine", 1)],
    )
    model = file_of([helper.make_node("Own", ["x"], ["y"], domain="mine")])
    model.functions.append(inner)
    model.opset_import.append(helper.make_opsetid("mine", 1))
    with pytest.raises(UnsupportedModelError, match="functions that the file defines"):
        from_onnx(model)


def test_sparse_weights_are_read() -> None:
    values = numpy_helper.from_array(np.array([2.0, -1.0], np.float32), "w")
    places = numpy_helper.from_array(np.array([[0, 1], [2, 0]]), "w places")
    model = file_of([node("MatMul", "x", "w")])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [3, 2]))
    assert from_onnx(model)([[1.0, 10.0, 100.0]]).tolist() == [[-100.0, 2.0]]


class Residual(torch.nn.Module):
    """A convolution with batch norm beside a shortcut, pooled, and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.BatchNorm2d(3)
        self.skip, self.dense = torch.nn.Conv2d(2, 3, 1), torch.nn.Linear(12, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.norm(self.conv(x)) + self.skip(x))
        return self.dense(torch.nn.functional.max_pool2d(hidden, 2).flatten(1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dynamo", [False, True])
def test_torch_export_of_a_convolutional_residual_network(tmp_path: Path, dynamo: bool) -> None:
    torch.manual_seed(0)
    module = Residual().double().eval()
    path = tmp_path / "net.onnx"
    example = torch.zeros(2, 2, 4, 4, dtype=torch.float64)
    batch = {"x": {0: torch.export.Dim("N") if dynamo else "N"}}
    given = {"dynamic_shapes": batch} if dynamo else {"dynamic_axes": batch}
    torch.onnx.export(
        module, (example,), path, dynamo=dynamo, input_names=["x"], verbose=False, **given
    )
    rows = rows_for([2, 4, 4])
    wanted = module(torch.tensor(rows)).detach().numpy()
    np.testing.assert_allclose(from_onnx(path, rows)(rows), wanted, atol=1e-12)


# ------------------------------------------------------------------------------------------
# Files that are refused.


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("explainrelu.importers.from_onnx.import_module", refuse)
    with pytest.raises(MissingDependencyError, match=r"pip install explainrelu\[onnx\]"):
        from_onnx("net.onnx")


def test_other_objects_are_refused() -> None:
    with pytest.raises(InputTypeError, match=r"path of an \.onnx file .* got builtins.int"):
        from_onnx(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    path = saved(tmp_path, small())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ArchiveError, match="truncated"):
        from_onnx(path)


def test_text_file_and_empty_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    for text in ("", "this is no model\n" * 100, "<html></html>"):
        path.write_text(text)
        with pytest.raises(ArchiveError, match="must be an ONNX file"):
            from_onnx(path)


def test_two_gigabytes_that_are_no_model_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bytes:
        raise AssertionError("the whole file was read")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    path = tmp_path / "net.onnx"
    for size in ((1 << 31) - 1, 1 << 31):
        with path.open("wb") as file:
            file.truncate(size)
        with pytest.raises(ArchiveError, match=r"ONNX file must be shorter|must be an ONNX file"):
            from_onnx(path)


def test_corrupted_bytes_never_end_in_a_foreign_error(tmp_path: Path) -> None:
    path = saved(tmp_path, small())
    data = np.frombuffer(path.read_bytes(), np.uint8)
    generator = np.random.default_rng(5)
    outcomes = set()
    for _ in range(300):
        broken = data.copy()
        broken[generator.integers(0, len(data), 3)] = generator.integers(0, 256, 3)
        path.write_bytes(broken.tobytes())
        try:
            from_onnx(path)
            outcomes.add("read")
        except ExplainReluError as error:
            outcomes.add(type(error).__name__)
    assert {"read", "ArchiveError", "ModelError"} <= outcomes


def test_cycle_is_refused() -> None:
    nodes = [node("Add", "x", "b", to=["a"]), helper.make_node("Relu", ["a"], ["b"], name="r")]
    with pytest.raises(ModelError, match=r"free of cycles, got .*'r'"):
        from_onnx(file_of([*nodes, node("Neg", "a")]))


def test_missing_weight_is_refused() -> None:
    model = small()
    del model.graph.initializer[0]
    with pytest.raises(ModelError, match=r"'the Gemm' \(Gemm\) takes the value 'w1', which no"):
        from_onnx(model)


def test_value_given_twice_is_refused() -> None:
    with pytest.raises(ModelError, match="gives 'y' again"):
        from_onnx(file_of([node("Relu", "x"), node("Neg", "x")]))


def test_declared_shape_that_contradicts_the_nodes_is_refused() -> None:
    model = small()
    model.graph.value_info.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, ["N", 7]))
    with pytest.raises(ModelError, match=r"'h' must have the shape \('\?', 7\) .* got \(1, 4\)"):
        from_onnx(model)


def test_tensor_with_too_few_bytes_is_refused() -> None:
    model = small()
    model.graph.initializer[0].raw_data = b"1234"
    with pytest.raises(ModelError, match=r"tensor 'w1' of shape \(3, 4\)"):
        from_onnx(model)


def test_weights_that_are_not_finite_are_refused() -> None:
    weights = {"w": np.array([[np.nan], [1.0], [2.0]])}
    with pytest.raises(ModelError, match="must hold finite numbers only"):
        from_onnx(file_of([node("MatMul", "x", "w")], weights=weights))


@pytest.mark.parametrize("opset", [6, 99])
def test_opset_that_is_too_old_or_unknown_is_refused(opset: int) -> None:
    with pytest.raises(UnsupportedModelError, match=f"opset {opset}"):
        from_onnx(file_of([node("Relu", "x")], opset=opset))


@pytest.mark.parametrize(
    ("op", "why"),
    [
        ("ThresholdedRelu", "which jumps"),
        ("Tanh", "which is a curve"),
        ("Floor", "which jumps"),
        ("RandomNormalLike", "draws random numbers"),
        ("Det", "not among the operators"),
    ],
)
def test_operator_that_is_not_read_is_named_with_the_reason(op: str, why: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"'the {op}' is {op}.*{why}"):
        from_onnx(file_of([node(op, "x")]))


def test_control_flow_is_refused() -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    nodes = [node("If", "c", then_branch=branch, else_branch=branch)]
    with pytest.raises(UnsupportedModelError, match="'the If' is If, whose path depends on data"):
        from_onnx(file_of(nodes, weights={"c": np.array(True)}))


def test_operator_of_another_domain_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="'the Own' is Own, which is not among"):
        from_onnx(file_of([node("Own", "x", domain="com.example")]))


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceMax"])
def test_file_that_mixes_the_rows_is_refused(op: str) -> None:
    nodes = [node(op, "x", to=["m"], axes=[0]), node("Sub", "x", "m")]
    with pytest.raises(UnsupportedModelError, match="must treat every row alone"):
        from_onnx(file_of(nodes), rows_for([3]))


# ------------------------------------------------------------------------------------------
# External data.


def with_external(location: str) -> onnx.ModelProto:
    model = small()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "8", "length": "48"}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return model


def test_external_data_beside_the_file_is_read(tmp_path: Path) -> None:
    numbers = WEIGHTS["w1"].astype(np.float32).tobytes()
    (tmp_path / "weights.bin").write_bytes(b"12345678" + numbers)
    path = saved(tmp_path, with_external("weights.bin"))
    assert from_onnx(path).fingerprint == from_onnx(small()).fingerprint


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "", "."])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(ArchiveError, match="must lie in the folder of the model"):
        from_onnx(saved(folder, with_external(location)))


def test_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ArchiveError, match="must lie in the folder of the model"):
        from_onnx(saved(folder, with_external("weights.bin")))


def test_external_data_that_is_missing_or_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, with_external("weights.bin"))
    with pytest.raises(ArchiveError, match="got no such file"):
        from_onnx(path)
    (tmp_path / "weights.bin").write_bytes(bytes(20))
    with pytest.raises(ArchiveError, match=r"bytes 8 to 56 of 'weights\.bin', got a file of 20"):
        from_onnx(path)
    with pytest.raises(ArchiveError, match="came without a folder"):
        from_onnx(with_external("weights.bin"))


def test_small_network_agrees_with_onnxruntime() -> None:
    assert gap_to_onnxruntime(small()) <= 1e-6


def test_a_final_exponential_is_the_link_of_a_regressor(tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    fitted = MLPRegressor("poisson", (6,), max_iter=30, random_state=0)
    with pytest.warns(Warning, match="converge"):
        network = xr.import_model(fitted.fit(X, y), X)
    assert network.link is Link.exp
    xr.to_onnx(network, tmp_path / "counts.onnx", link=True)
    again = xr.import_model(tmp_path / "counts.onnx", X)
    assert again.link is Link.exp
    assert np.array_equal(again(X), network(X))


def test_columns_whose_names_the_export_rewrote_are_those_of_the_frame(tmp_path: Path) -> None:
    from skl2onnx import to_onnx

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["mean radius", "area (cm2)"])
    fitted = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=0)
    )
    with pytest.warns(Warning, match="converge"):
        fitted.fit(X, X.sum(axis=1))
    proto = to_onnx(fitted, X[:1].astype(np.float32))
    for value in proto.graph.input:
        assert value.name not in X.columns
    network = import_model(proto, X)
    assert network.schema.names == tuple(X.columns)
    assert np.allclose(network(X), fitted.predict(X), rtol=0, atol=1e-5)


def test_a_file_with_sparse_tensors_is_checked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weight = np.where(rng.random((300, 300)) < 0.02, rng.normal(size=(300, 300)), 0.0)
    network = xr.ReluNetwork.from_weights(
        [weight, rng.normal(size=(1, 300))], [np.zeros(300), [0.0]]
    )
    xr.to_onnx(network, tmp_path / "sparse.onnx")
    again = xr.import_model(tmp_path / "sparse.onnx", rng.normal(size=(5, 300)))
    assert again.certificate.holds
    assert again.fingerprint == network.fingerprint


def test_output_that_does_not_depend_on_the_input_is_refused() -> None:
    nodes = [node("Neg", "c", to=["n"]), node("Add", "n", "c")]
    for rows in (None, rows_for([3])):
        with pytest.raises(ModelError, match="output must depend on the input, got 'y'"):
            from_onnx(file_of(nodes, weights={"c": np.ones((1, 2))}), rows)


@pytest.mark.parametrize("name", ["t #1", "y #2", "k (constant)", "x (input)"])
def test_input_may_have_any_name(name: str) -> None:
    model = file_of([node("Add", name, "k", to=["t"]), node("Relu", "t")], weights={"k": [0.5]})
    model.graph.input[0].name = name
    np.testing.assert_array_equal(from_onnx(model)([[1.0, -1.0, -0.25]]), [[1.5, 0.0, 0.25]])
