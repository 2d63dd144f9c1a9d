"""Saving and loading keeps the network, the cells and the scores."""

import numpy as np
import pytest

from explainrelu.errors import ArchiveError
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.storage import load, save
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from tests import models


def test_a_converted_model_comes_back_with_its_cells(tmp_path):
    model, X, _ = models.loans()
    shallow = convert(model, X)
    save(shallow, tmp_path / "loans.xrelu")
    again = load(tmp_path / "loans.xrelu")
    assert isinstance(again, ThreeLayerNetwork)
    np.testing.assert_array_equal(again(X), shallow(X))
    assert again.regions.names.tolist() == shallow.regions.names.tolist()
    assert again.certificate.holds


def test_any_model_can_be_saved_as_its_network(tmp_path):
    model, X, _ = models.iris()
    save(model, tmp_path / "iris.xrelu")
    again = load(tmp_path / "iris.xrelu")
    assert isinstance(again, ReluNetwork)
    np.testing.assert_allclose(again.link(again(X)), model.predict_proba(X), rtol=1e-9)


def test_a_saved_file_is_a_model_like_any_other(tmp_path):
    model, X, _ = models.iris()
    save(convert(model, X), tmp_path / "iris.xrelu")
    assert convert(tmp_path / "iris.xrelu", X).n_cells == convert(model, X).n_cells


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ArchiveError, match=r"nothing\.xrelu"):
        load(tmp_path / "nothing.xrelu")
