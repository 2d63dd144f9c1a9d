"""The three-layer network in torch: selector weights as masks, the same outputs."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from explainrelu.exporters.to_onnx import to_onnx
from explainrelu.exporters.to_torch import to_torch
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.convert import convert
from tests import models


def test_the_module_gives_the_networks_scores():
    model, X, _ = models.iris()
    shallow = convert(model, X)
    points = shallow.source.schema.encode(X)
    scores = to_torch(shallow)(torch.tensor(points)).numpy()
    np.testing.assert_allclose(scores, shallow.source.forward(points), rtol=1e-12, atol=1e-12)


def test_a_point_of_no_listed_cell_is_nan_and_never_zero():
    shallow = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]]), [[1.0]])
    scores = to_torch(shallow)(torch.tensor([[2.0], [-1.0]], dtype=torch.float64))
    assert scores[0, 0] == 5.0
    assert torch.isnan(scores[1, 0])


def test_an_exact_boundary_belongs_to_the_inactive_side():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    module = to_torch(convert(network, [[1.0], [-1.0]]))
    assert module(torch.zeros((1, 1), dtype=torch.float64)).item() == 1.0


def test_pictures_are_taken_in_their_shape(tmp_path: Path):
    weights = [np.arange(8.0).reshape(2, 4) - 4, np.ones((1, 2))]
    biases = [np.array([0.5, -1.0]), np.zeros(1)]
    schema = InputSchema.pictured((1, 2, 2))
    network = ReluNetwork.from_weights(weights, biases, schema=schema)
    pictures = np.random.default_rng(0).normal(size=(5, 1, 2, 2))
    shallow = convert(network, pictures)
    found = to_torch(shallow)(torch.tensor(pictures)).numpy()
    np.testing.assert_allclose(found[:, 0], network(pictures), rtol=1e-12)
    session = onnxruntime.InferenceSession(str(to_onnx(shallow, tmp_path / "three.onnx")))
    assert np.array_equal(session.run(None, {"input": pictures})[0], found)


def test_no_selector_weight_is_infinite():
    model, X, _ = models.iris()
    for tensor in to_torch(convert(model, X)).state_dict().values():
        assert torch.isfinite(tensor).all()


def test_the_module_can_be_exported():
    model, X, _ = models.iris()
    shallow = convert(model, X)
    points = torch.tensor(shallow.source.schema.encode(X))
    program = torch.export.export(to_torch(shallow), (points,))
    torch.testing.assert_close(program.module()(points), to_torch(shallow)(points))
