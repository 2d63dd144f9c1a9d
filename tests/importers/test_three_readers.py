"""One random module by three ways: PyTorch in float64, the import of it, the import of its ONNX."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from hypothesis import given, settings

from explainrelu.importers.from_onnx import from_onnx
from explainrelu.importers.from_pt2 import from_pt2
from explainrelu.importers.from_torch import from_torch
from explainrelu.network.network import ReluNetwork
from tests.importers.torch_graph.random_modules import Sample, random_modules


@settings(max_examples=60, deadline=None)
@given(random_modules())
def test_three_readers_find_the_same_function(sample: Sample):
    flat = sample.rows.reshape(6, -1).numpy()
    with torch.no_grad():
        wanted = sample.module(sample.rows).numpy()
    scale = max(1.0, float(np.abs(wanted).max()))
    for network in (from_torch(sample.module, sample.rows), by_onnx(sample)):
        assert np.abs(network.forward(flat) - wanted).max() <= 1e-12 * scale


@settings(max_examples=20, deadline=None)
@given(random_modules())
def test_a_saved_program_is_the_same_function_too(sample: Sample):
    with torch.no_grad():
        wanted = sample.module(sample.rows).numpy()
    got = by_pt2(sample).forward(sample.rows.reshape(6, -1).numpy())
    assert np.abs(got - wanted).max() <= 1e-12 * max(1.0, float(np.abs(wanted).max()))


def by_onnx(sample: Sample) -> ReluNetwork:
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        torch.onnx.export(sample.module, (sample.rows[:1],), str(path), dynamo=False)
        return from_onnx(path)


def by_pt2(sample: Sample) -> ReluNetwork:
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.pt2"
        torch.export.save(torch.export.export(sample.module, (sample.rows[:1],)), path)
        return from_pt2(path)
