"""What is said of models that can be imported, and of those that cannot."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import parser
from scipy import sparse
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from explainrelu.errors import ArchiveError
from explainrelu.exporters.to_onnx import to_onnx
from explainrelu.importers.import_model import import_model
from explainrelu.importers.inspection.inspection import inspect_model
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.storage import save
from tests import models


def onnx_text(body: str, constants: str = "") -> Any:
    head = '<ir_version: 8, opset_import: ["": 13]> f (double[N, 2] x) => (double[N, 2] y)'
    return parser.parse_model(f"{head} {constants} {{ {body} }}")


class Branches(nn.Module):
    """Two curves, and a product of what depends on the input, on different branches."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = torch.tanh(self.left(x))
        right = torch.sigmoid(self.right(x))
        return nn.functional.gelu(left * right)


def refused(found: Any) -> list[str]:
    return list(found.tables["refused"]["operator"])


def test_every_operator_that_cannot_be_read_is_named_and_not_the_first_alone():
    found = inspect_model(Branches().eval(), np.zeros((1, 3)))
    assert not found.supported
    assert sorted(refused(found)) == ["gelu", "mul", "sigmoid", "tanh"]
    table = found.tables["refused"].set_index("operator")
    assert table.loc["sigmoid", "reason"].startswith("stands inside the model")
    assert table.loc["mul", "reason"].startswith("takes two values that both depend")
    assert table.loc["gelu", "reason"].startswith("is not piecewise linear")
    assert table["where"].str.contains("test_inspection.py").all()
    assert "tanh" in found.refusal or "gelu" in found.refusal


def test_what_can_be_read_beside_it_is_counted_as_such():
    operators = inspect_model(Branches().eval(), np.zeros((1, 3))).tables["operators"]
    linear = operators[operators["operator"] == "linear"].iloc[0]
    assert (linear["n"], linear["supported"]) == (2, True)
    assert set(operators.loc[~operators["supported"], "operator"]) == {
        "gelu",
        "mul",
        "sigmoid",
        "tanh",
    }


def test_a_program_on_disk_says_the_same_as_the_module(tmp_path: Path):
    module = Branches().eval()
    program = torch.export.export(module, (torch.zeros(1, 3),))
    torch.export.save(program, tmp_path / "branches.pt2")
    found = inspect_model(tmp_path / "branches.pt2")
    assert found.kind == "torch exported program"
    assert refused(found) == refused(inspect_model(module, np.zeros((1, 3))))


def test_calls_in_place_are_read_as_what_they_compute(tmp_path: Path):
    class InPlace(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x + 1.0).relu_()

    program = torch.export.export(InPlace().eval(), (torch.zeros(1, 3),))
    torch.export.save(program, tmp_path / "in_place.pt2")
    operators = inspect_model(tmp_path / "in_place.pt2").tables["operators"]
    assert operators["operator"].to_list() == ["add", "relu"]


def test_labels_behind_the_scores_of_a_classifier_are_left_out():
    model, X, _ = models.iris()
    kind = [("x", FloatTensorType([None, X.shape[1]]))]
    found = inspect_model(convert_sklearn(model, initial_types=kind, target_opset=17))
    assert found.supported
    assert not {"ArgMax", "ArrayFeatureExtractor"} & set(found.tables["operators"]["operator"])
    assert "cut off: ArgMax" in found.network.origin.folded


def test_an_onnx_model_names_its_nodes():
    found = inspect_model(onnx_text("a = Tanh (x) b = Relu (a) c = Sigmoid (b) y = Erf (c)"))
    assert list(found.tables["refused"][["operator", "where"]].itertuples(index=False)) == [
        ("Tanh", "a"),
        ("Sigmoid", "c"),
        ("Erf", "y"),
    ]


def test_an_operator_that_nobody_knows_is_refused_without_a_list_of_all_others():
    found = inspect_model(onnx_text("a = Relu (x) y = Hardmax (a)"))
    assert found.tables["refused"]["reason"].str.len().max() < 200
    assert "Hardmax, which is not among" in found.refusal


def test_a_value_times_itself_is_no_piecewise_linear_function():
    found = inspect_model(onnx_text("a = Relu (x) b = Mul (a, a) c = Mul (b, b) y = Neg (c)"))
    assert list(found.tables["refused"]["where"]) == ["b", "c"]


def test_a_link_at_the_end_is_cut_off_and_one_inside_is_refused():
    end = inspect_model(onnx_text("a = Relu (x) b = Softmax (a) y = Identity (b)"))
    assert end.supported
    assert "refused" not in end.tables
    row = end.tables["operators"].set_index("operator").loc["Softmax"]
    assert row["read_as"] == "cut off as the link behind the score"
    inside = inspect_model(onnx_text("a = Softmax (x) b = Softmax (a) y = Identity (b)"))
    assert list(inside.tables["refused"]["where"]) == ["a"]


def test_numbers_computed_once_are_no_obstacle():
    found = inspect_model(
        onnx_text("e = Exp (w) y = Mul (x, e)", "<double[2] w = {0.0, 1.0}>"), None
    )
    assert found.supported
    assert found.tables["operators"].set_index("operator").loc["Exp", "read_as"] == (
        "fixed numbers, computed once"
    )
    with pytest.raises(KeyError, match="refused"):
        _ = found.tables["refused"]


def test_operators_on_which_the_output_does_not_depend_are_left_out():
    found = inspect_model(onnx_text("a = Tanh (x) y = Relu (x)"))
    assert list(found.tables["operators"]["operator"]) == ["Relu"]


def test_layers_are_told_with_what_they_hold(tmp_path: Path):
    band = sparse.csr_array(
        sparse.diags_array([np.ones(300), -np.ones(300)], offsets=[0, 2], shape=(300, 300))
    )
    layer = Layer(band, np.zeros(300), np.arange(300) < 200)
    network = ReluNetwork(
        (layer,),
        AffineMap(np.ones((2, 300)), np.zeros(2)),
        InputSchema.pictured((3, 10, 10)),
        OutputSchema.numbered(2),
    )
    layers = inspect_model(network).tables["layers"].set_index("layer")
    assert layers.loc["1"].to_list() == [200, 100, 300, band.nnz, band.nnz / 90_000, "sparse"]
    assert layers.loc["output"].to_list() == [0, 2, 300, 600, 1.0, "dense"]


def test_the_steps_of_a_scikit_learn_model_are_its_operators():
    model, X, _ = models.loan_decisions()
    found = inspect_model(model, X)
    folded = [f"{step.where}: {step.operator}" for step in found.steps[:-1]]
    assert found.network is not None
    assert sorted(folded) == sorted(found.network.origin.folded)
    assert found.steps[-1].read_as == "the layers, activation relu"
    assert list(found.tables["columns"]["column"]) == list(X.columns)
    assert found.network.certificate.holds


def test_every_step_that_cannot_be_folded_is_named():
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    mlp = MLPClassifier((3,), activation="tanh", max_iter=1)
    steps = make_pipeline(StandardScaler(), Normalizer(), PolynomialFeatures(2), mlp)
    found = inspect_model(models.fitted(steps, X, y)[0])
    assert refused(found) == ["Normalizer", "PolynomialFeatures", "MLPClassifier"]
    assert list(found.tables["refused"]["where"]) == [
        "normalizer",
        "polynomialfeatures",
        "mlpclassifier",
    ]
    assert "divides each row by its length" in found.tables["refused"]["reason"][0]


def test_a_model_of_another_kind_says_what_it_must_end_in():
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    found = inspect_model(DecisionTreeClassifier().fit(X, y))
    assert found.tables["refused"]["where"].to_list() == ["the model"]
    assert "must end in MLPClassifier" in found.tables["refused"]["reason"][0]


def test_saved_networks_and_converted_ones_are_told_apart(tmp_path: Path):
    model, X, _ = models.iris()
    shallow = convert(model, X)
    save(shallow, tmp_path / "shallow.xrelu")
    save(model, tmp_path / "network.xrelu")
    converted = inspect_model(tmp_path / "shallow.xrelu").kind
    assert converted.startswith(f"converted network of {shallow.n_cells} regions (")
    save(shallow.regions, tmp_path / "regions.xrelu")
    listed = inspect_model(tmp_path / "regions.xrelu").kind
    assert listed.startswith(f"network with a set of {shallow.n_cells} regions (")
    assert inspect_model(tmp_path / "network.xrelu").kind.startswith("saved network (")
    assert inspect_model(shallow).kind.startswith("ThreeLayerNetwork (")


def test_an_exported_file_is_read_as_what_it_was(tmp_path: Path):
    model, X, _ = models.iris()
    network = import_model(model, X)
    found = inspect_model(to_onnx(network, tmp_path / "iris.onnx", link=True))
    operators = found.tables["operators"].set_index("operator")["n"].to_dict()
    assert operators == {"Gemm": 3, "Relu": 2, "Softmax": 1}


def test_a_module_that_cannot_be_traced_is_refused_without_operators():
    class Choosing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    found = inspect_model(Choosing().eval(), np.zeros((1, 2)))
    assert (found.supported, found.steps) == (False, ())
    assert "cannot be traced" in found.refusal


def test_a_file_that_is_none_is_not_inspected(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ArchiveError, match="must be an ONNX file"):
        inspect_model(tmp_path / "model.onnx")
