"""Saving and loading keeps the network, the cells and the scores."""

from dataclasses import replace

import numpy as np
import pytest

from explainrelu.errors import ArchiveError
from explainrelu.geometry.box import Box
from explainrelu.importers.archive.archive import Archive, ArchivedRegions, write_archive
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import observed_regions
from explainrelu.regions.region_set import RegionSet
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


@pytest.mark.parametrize("limit", [None, 20], ids=["complete", "stopped"])
def test_the_cells_of_a_box_come_back_with_their_borders(tmp_path, limit):
    network = ReluNetwork.from_weights(
        [[[1, 1], [1, -1], [2, 0]], [[1, -2, 0], [0, 1, -1]], [[3, 1]]],
        [[0, 0, -1], [0, 1], [0.5]],
    )
    shallow = convert(network, domain=Box([-2, -2], [2, 2]), max_regions=limit)
    save(shallow, tmp_path / "box.xrelu")
    again = load(tmp_path / "box.xrelu")
    assert again.generic_point.tolist() == shallow.generic_point.tolist()
    assert (again.complete, again.guarantee) == (shallow.complete, shallow.guarantee)
    assert again.regions.stopped == shallow.regions.stopped
    grid = [[a / 2, b / 2] for a in range(-4, 5) for b in range(-4, 5)]
    assert again.evaluate_exact(grid) == shallow.evaluate_exact(grid)
    assert again.certificate.to_frame().equals(shallow.certificate.to_frame())


def test_a_stopped_search_is_still_told_after_loading(tmp_path):
    model, X, _ = models.iris()
    save(convert(model, domain=Box.from_data(X), max_regions=10), tmp_path / "part.xrelu")
    again = load(tmp_path / "part.xrelu")
    assert not again.complete
    assert "max_regions=10 was reached" in again.certificate.to_frame()["detail"].str.cat()


@pytest.mark.parametrize(
    ("point", "words"), [([0.0], "on the border of form 0"), ([7.0], "a point outside it")]
)
def test_a_point_that_borders_meet_is_an_error_of_the_file(tmp_path, point, words):
    found = convert(NETWORK, domain=Box([-1.0], [1.0])).regions
    forged = ArchivedRegions(
        found.patterns, found.witnesses, found.counts, found.domain, "", generic_point=point
    )
    write_archive(tmp_path / "forged.xrelu", Archive(NETWORK, forged))
    with pytest.raises(ArchiveError, match=rf"forged\.xrelu' cannot be read.*{words}"):
        load(tmp_path / "forged.xrelu")


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


def same_sets(first, second):
    for name in ("patterns", "witnesses", "counts", "rows", "keys"):
        found, expected = getattr(first, name), getattr(second, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    for name in ("complete", "found_by", "skipped", "stopped"):
        assert getattr(first, name) == getattr(second, name)
    assert first.domain.lower.tolist() == second.domain.lower.tolist()
    assert first.domain.upper.tolist() == second.domain.upper.tolist()


@pytest.mark.parametrize("limit", [None, 15], ids=["complete", "stopped"])
def test_a_set_of_regions_comes_back_as_it_was(tmp_path, limit):
    model, X, _ = models.iris()
    regions = enumerate_regions(model, Box.from_data(X), max_regions=limit).with_rows(X)
    regions = replace(regions, skipped=7)
    save(regions, tmp_path / "regions.xrelu")
    again = load(tmp_path / "regions.xrelu")
    assert isinstance(again, RegionSet)
    same_sets(again, regions)
    np.testing.assert_array_equal(again.network(X), regions.network(X))
    assert repr(again.network.schema) == repr(regions.network.schema)


def test_the_regions_that_data_visit_come_back_with_their_rows(tmp_path):
    model, X, _ = models.loans()
    regions = observed_regions(model, X)
    save(regions, tmp_path / "regions.xrelu")
    same_sets(load(tmp_path / "regions.xrelu"), regions)
    assert regions.rows.size == len(X)


def test_the_same_regions_make_the_same_file_and_a_model_of_it(tmp_path):
    regions = enumerate_regions(NETWORK, Box([-1.0], [1.0]))
    for name in ("first.xrelu", "second.xrelu"):
        save(regions, tmp_path / name)
    assert (tmp_path / "first.xrelu").read_bytes() == (tmp_path / "second.xrelu").read_bytes()
    assert import_model(tmp_path / "first.xrelu")([[0.5]]).tolist() == [2.0]


def test_an_empty_set_of_regions_comes_back(tmp_path):
    save(enumerate_regions(NETWORK, Box([-1.0], [1.0])).chosen([]), tmp_path / "none.xrelu")
    assert len(load(tmp_path / "none.xrelu")) == 0


def test_rows_of_no_listed_region_are_an_error_of_the_file(tmp_path):
    found = enumerate_regions(NETWORK, Box([-1.0], [1.0]))
    rows = np.array([0, 2])
    forged = ArchivedRegions(
        found.patterns, found.witnesses, found.counts, found.domain, "", rows=rows
    )
    write_archive(tmp_path / "forged.xrelu", Archive(NETWORK, forged))
    with pytest.raises(ArchiveError, match=r"forged\.xrelu' cannot be read.*positions of the 2"):
        load(tmp_path / "forged.xrelu")


def test_an_altered_set_of_regions_is_refused(tmp_path):
    save(enumerate_regions(NETWORK, Box([-1.0], [1.0])), tmp_path / "regions.xrelu")
    data = bytearray((tmp_path / "regions.xrelu").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "regions.xrelu").write_bytes(data)
    with pytest.raises(ArchiveError, match="truncated, altered, or some other zip"):
        load(tmp_path / "regions.xrelu")
