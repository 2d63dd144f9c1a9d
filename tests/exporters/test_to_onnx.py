"""ONNX files: what onnxruntime makes of them, and that the import reads the same layers back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import assume, given
from scipy import sparse

from explainrelu.errors import InputTypeError, OutputError, SizeError
from explainrelu.exporters import onnx_file
from explainrelu.exporters.to_onnx import to_onnx
from explainrelu.exporters.to_torch import to_torch
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.convert import convert
from tests import models
from tests.strategies import every_layer_rectifies, networks_and_points, relu_networks


def ran(path: Path, points: np.ndarray) -> np.ndarray:
    """What onnxruntime gives on the CPU."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": points})
    return found


def through_file(folder: Path, network: Any, **options: Any) -> Path:
    return to_onnx(network, folder / "network.onnx", **options)


def sparse_picture_network() -> ReluNetwork:
    """Pictures (2, 16, 16): a band matrix of 512 units, some of them carried; three outputs."""
    generator = np.random.default_rng(0)
    bands = [generator.normal(size=512) for _ in range(3)]
    weight = sparse.csr_array(sparse.diags_array(bands, offsets=[0, 5, -7], shape=(512, 512)))
    layer = Layer(weight, generator.normal(size=512), np.arange(512) < 400)
    return ReluNetwork(
        (layer, layer),
        AffineMap(generator.normal(size=(3, 512)), np.zeros(3)),
        InputSchema.pictured((2, 16, 16)),
        OutputSchema.numbered(3),
    )


@given(networks_and_points(integer=True))
def test_onnxruntime_gives_the_networks_raw_scores(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[ReluNetwork, np.ndarray]
):
    network, points = drawn
    path = through_file(tmp_path_factory.mktemp("onnx"), network)
    assert np.array_equal(ran(path, points), network.forward(points))


@given(relu_networks(carried=False))
def test_a_plain_network_is_read_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, network: ReluNetwork
):
    assume(every_layer_rectifies(network))
    path = through_file(tmp_path_factory.mktemp("onnx"), network)
    assert import_model(path).fingerprint == network.fingerprint


@given(networks_and_points(integer=True))
def test_carried_units_are_read_back_as_the_same_function(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[ReluNetwork, np.ndarray]
):
    network, points = drawn
    again = import_model(through_file(tmp_path_factory.mktemp("onnx"), network))
    assert again.n_neurons <= network.n_neurons
    assert np.array_equal(again.forward(points), network.forward(points))


def test_layers_with_carried_units_behind_the_others_are_read_back_as_they_are(tmp_path: Path):
    network = sparse_picture_network()
    again = import_model(through_file(tmp_path, network))
    assert again.fingerprint == network.fingerprint
    assert again.schema.shape == (2, 16, 16)


def test_a_sparse_layer_stays_sparse_in_the_file(tmp_path: Path):
    network = sparse_picture_network()
    path = through_file(tmp_path, network)
    stored = sum(layer.weight.nnz for layer in network.layers)
    assert path.stat().st_size < 16 * stored + 8 * 3 * 512 + 8 * 2 * 512 + 20_000
    assert path.stat().st_size < 0.1 * 8 * 2 * 512 * 512


def test_pictures_are_taken_in_their_shape(tmp_path: Path):
    network = sparse_picture_network()
    pictures = np.random.default_rng(1).normal(size=(4, 2, 16, 16))
    found = ran(through_file(tmp_path, network), pictures)
    np.testing.assert_allclose(found, network(pictures), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (Link.identity, "score"),
        (Link.logistic, "probability"),
        (Link.softmax, "probability"),
        (Link.log_softmax, "log_probability"),
        (Link.exp, "prediction"),
    ],
)
def test_the_link_is_written_where_it_is_asked_for(tmp_path: Path, link: Link, name: str):
    outputs = OutputSchema(("a", "b"), Task.SCORE, link)
    weights = [np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([[1.0, 1.0], [-1.0, 0.5]])]
    network = ReluNetwork.from_weights(weights, [np.zeros(2)] * 2, outputs=outputs)
    points = np.random.default_rng(0).normal(size=(9, 2))
    path = through_file(tmp_path, network, link=True)
    np.testing.assert_allclose(ran(path, points), link(network.forward(points)), rtol=1e-12)
    assert onnx.load(path).graph.output[0].name == name
    if link is not Link.exp:
        assert import_model(path).link is link
    np.testing.assert_allclose(
        ran(through_file(tmp_path, network), points), network.forward(points)
    )


def test_a_pipeline_on_a_table_is_written_with_the_names_of_its_inputs(tmp_path: Path):
    model, X, _ = models.iris()
    network = import_model(model, X)
    path = through_file(tmp_path, network)
    points = network.schema.encode(X)
    np.testing.assert_allclose(ran(path, points), network(X), rtol=1e-12, atol=1e-12)
    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(properties["input_names"]) == list(network.schema.input_names)
    assert json.loads(properties["output_names"]) == list(network.outputs.names)
    assert properties["link"] == "softmax"


def test_no_rows_give_no_scores(tmp_path: Path):
    model, X, _ = models.iris()
    assert ran(through_file(tmp_path, import_model(model)), np.zeros((0, 4))).shape == (0, 3)
    assert ran(through_file(tmp_path, convert(model, X)), np.zeros((0, 4))).shape == (0, 3)


def test_the_three_layer_network_gives_the_scores_of_its_source(tmp_path: Path):
    model, X, _ = models.iris()
    shallow = convert(model, X)
    points = shallow.source.schema.encode(X)
    found = ran(through_file(tmp_path, shallow), points)
    np.testing.assert_allclose(found, shallow.source.forward(points), rtol=1e-12, atol=1e-12)
    behind = ran(through_file(tmp_path, shallow, link=True), points)
    np.testing.assert_allclose(behind, shallow.source.link(found), rtol=1e-12, atol=1e-12)


def test_a_point_of_no_listed_cell_is_nan_and_a_boundary_is_inactive(tmp_path: Path):
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    positive = through_file(tmp_path, convert(network, [[1.0]]))
    found = ran(positive, np.array([[2.0], [-1.0]]))
    assert found[0, 0] == 5.0
    assert np.isnan(found[1, 0])
    both = through_file(tmp_path, convert(network, [[1.0], [-1.0]]))
    assert ran(both, np.zeros((1, 1)))[0, 0] == 1.0


@given(networks_and_points(integer=True, max_layers=2))
def test_the_three_layer_file_and_module_agree_everywhere(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[ReluNetwork, np.ndarray]
):
    network, points = drawn
    shallow = convert(network, points[:2])
    found = ran(through_file(tmp_path_factory.mktemp("onnx"), shallow), points)
    assert np.array_equal(found, to_torch(shallow)(torch.tensor(points)).numpy(), equal_nan=True)
    assert np.array_equal(found[:2], network.forward(points[:2]))


def test_a_file_too_large_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(onnx_file, "_LARGEST", 10_000)
    with pytest.raises(SizeError, match=r"less than 2 GiB of numbers.* up to 'z1_weight'"):
        through_file(tmp_path, sparse_picture_network())
    assert list(tmp_path.iterdir()) == []


def test_only_an_onnx_file_in_a_folder_that_exists_is_written(tmp_path: Path):
    network = ReluNetwork.from_weights([[[1.0]]], [[0.0]])
    with pytest.raises(OutputError, match=r"must end in \.onnx, got 'network\.pt'"):
        to_onnx(network, tmp_path / "network.pt")
    with pytest.raises(OutputError, match="Nothing was written"):
        to_onnx(network, tmp_path / "nowhere" / "network.onnx")


def test_another_object_is_refused(tmp_path: Path):
    with pytest.raises(InputTypeError, match=r"to_onnx takes a ReluNetwork .*got builtins\.dict"):
        to_onnx({}, tmp_path / "network.onnx")
