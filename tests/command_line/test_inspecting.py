"""The command that looks into a model, on files that the tests write."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
from click.testing import CliRunner, Result
from onnx import parser

from explainrelu.cli import main
from explainrelu.exporters.to_onnx import to_onnx
from explainrelu.importers.import_model import import_model
from tests import models

CURVES = """<ir_version: 8, opset_import: ["": 13]> f (float[N, 2] x) => (float[N, 2] y) {
    a = Tanh (x) b = Relu (a) y = Erf (b)
}"""


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)], prog_name="explainrelu")


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    path = tmp_path / "curves.onnx"
    onnx.save(parser.parse_model(CURVES), path)
    return path


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model as .skops and .onnx, and its rows."""
    folder = tmp_path_factory.mktemp("iris")
    model, X, y = models.iris()
    skops.io.dump(model, folder / "iris.skops")
    to_onnx(import_model(model), folder / "iris.onnx", link=True)
    X.assign(species=y).to_csv(folder / "iris.csv", index=False)
    return folder


def test_a_refused_model_is_described_and_then_refused(curves: Path):
    result = run(curves)
    assert result.exit_code == 2
    assert result.stdout.startswith("ONNX file: refused\n")
    assert "\n  Tanh (a): is a curve" in result.stdout
    assert "\n  Erf (y): is a curve" in result.stdout
    assert "Relu  max(x, 0)" in result.stdout
    assert result.stderr.startswith("Error: Node 'a' is Tanh")
    assert result.stderr.count("\n") == 1


def test_an_operator_refused_in_several_places_is_explained_once(tmp_path: Path):
    text = CURVES.replace("y = Erf (b)", "c = Tanh (b) y = Neg (c)")
    onnx.save(parser.parse_model(text), tmp_path / "twice.onnx")
    shown = run(tmp_path / "twice.onnx").stdout
    assert "\n  Tanh (a, c): is a curve" in shown
    assert "\n      2  Tanh  REFUSED\n" in shown


def test_json_says_the_same_for_a_refused_model(curves: Path):
    result = run(curves, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 2
    assert (told["supported"], told["layers"]) == (False, [])
    assert [row["where"] for row in told["refused"]] == ["a", "y"]
    assert told["refusal"] in result.stderr


def test_a_model_is_described_in_at_most_a_hundred_columns(iris: Path):
    result = run(iris / "iris.skops")
    network = import_model(models.iris()[0])
    assert (result.exit_code, result.stderr) == (0, "")
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert "softmax behind them was cut off" in result.stdout
    for step in network.origin.folded:
        assert step in " ".join(result.stdout.split())


def test_json_has_the_tables(iris: Path):
    told = json.loads(run(iris / "iris.onnx", "--json").stdout)
    network = import_model(iris / "iris.onnx")
    rectified = [row["n_rectified"] for row in told["layers"]]
    assert rectified == [*(layer.n_rectified for layer in network.layers), 0]
    assert told["link"] == "softmax"
    assert told["number_format"] == "float64"
    assert {row["operator"]: row["n"] for row in told["operators"]} == {
        "Gemm": 3,
        "Relu": 2,
        "Softmax": 1,
    }


@pytest.mark.parametrize("name", ["iris.skops", "iris.onnx"])
def test_rows_name_the_columns_and_check_the_import(iris: Path, name: str):
    result = run(iris / name, iris / "iris.csv", "--target", "species", "--json")
    assert result.exit_code == 0, result.stderr
    told, X = json.loads(result.stdout), models.iris()[1]
    assert told["holds"]
    assert [row["column"] for row in told["columns"]] == list(X.columns)
    assert [row["upper"] for row in told["columns"]] == pytest.approx(X.max().to_list())
    assert any("equal the model's own" in row["check"] for row in told["certificate"])


def test_a_network_file_is_ranked_on_columns_by_their_position(tmp_path: Path):
    path = tmp_path / "small.nnet"
    path.write_text("1,2,1,2,\n2,1,\n0,\n-9,-9,\n9,9,\n0,0,0,\n1,1,1,\n1.0,-2.0,\n0.5,\n")
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["speed", "height"])
    rows.to_csv(tmp_path / "rows.csv", index=False)
    arguments = ["rank", path, tmp_path / "rows.csv", "--json"]
    result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="explainrelu")
    assert result.exit_code == 0, result.stderr
    ranked = json.loads(result.stdout)
    assert [row["feature"] for row in ranked] == ["height", "speed"]


def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"")
    result = run(tmp_path / "model.onnx")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "it is empty" in result.stderr
