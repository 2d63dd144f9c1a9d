"""Saving and loading keeps the network, the cells and the scores."""

import numpy as np
import pytest

from explainrelu.errors import ArchiveError
from explainrelu.importers.archive.archive import Archive, ArchivedRegions, write_archive
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.storage import load, save
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from tests import models

NETWORK = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])


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


def test_a_loaded_model_is_certified_anew(tmp_path):
    model, X, _ = models.iris()
    shallow = convert(model, X)
    save(shallow, tmp_path / "iris.xrelu")
    again = load(tmp_path / "iris.xrelu").certificate
    assert [c.name for c in again.checks] == [c.name for c in shallow.certificate.checks]
    listed = next(c for c in again.checks if c.name == "every row lies in a listed cell")
    assert listed.detail == f"{shallow.n_cells} rows"  # one of each cell


@pytest.mark.parametrize(
    ("positions", "words"),
    [([0, 1, 0], "got the same for regions 0 and 2"), ([1, 0], "pattern for region 0")],
    ids=["twice", "swapped"],
)
def test_regions_that_are_none_of_the_network_are_an_error_of_the_file(tmp_path, positions, words):
    regions = convert(NETWORK, [[1.0], [-1.0]]).regions
    witnesses = regions.witnesses[positions if len(positions) > 2 else [0, 1]]
    counts, patterns = np.ones(len(positions), dtype=np.int64), regions.patterns[positions]
    forged = ArchivedRegions(patterns, witnesses, counts, regions.domain, "")
    write_archive(tmp_path / "forged.xrelu", Archive(NETWORK, forged))
    with pytest.raises(ArchiveError, match=rf"forged\.xrelu' cannot be read.*{words}"):
        load(tmp_path / "forged.xrelu")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ArchiveError, match=r"nothing\.xrelu"):
        load(tmp_path / "nothing.xrelu")
