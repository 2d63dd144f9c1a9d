"""Modules that lie on a graphics card are imported and explained as on the processor."""

import numpy as np
import pytest

from explainrelu.explanations.explain import explain
from explainrelu.exporters.to_torch import to_torch
from explainrelu.importers.import_model import import_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card is here")


def module() -> "torch.nn.Module":
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)
    ).eval()


def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 6))


def test_a_module_on_a_card_is_the_network_that_it_is_on_the_processor():
    own, X = module(), rows()
    expected = import_model(own, X)(X)
    found = import_model(own.cuda(), torch.tensor(X).cuda())
    assert found.certificate.holds
    np.testing.assert_allclose(found(X), expected, rtol=0, atol=1e-12)


def test_rows_on_a_card_are_explained():
    X = rows()
    found = explain(import_model(module().cuda(), X), torch.tensor(X).cuda())
    np.testing.assert_allclose(
        found.base_values + found.values.sum(axis=1), found.scores, rtol=0, atol=1e-9
    )


def test_an_exported_network_runs_on_a_card():
    X = rows()
    network = import_model(module(), X)
    on_card = to_torch(network).cuda()
    scores = on_card(torch.tensor(X).cuda()).detach().cpu().numpy()
    np.testing.assert_allclose(scores, network(X), rtol=0, atol=1e-12)
