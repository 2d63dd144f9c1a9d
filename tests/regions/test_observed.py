"""The regions a data set visits, against patterns taken one row at a time."""

import numpy as np
import pytest
from hypothesis import given

from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import check_domain, observed_regions, regions_of_points
from tests.oracles import pattern_exact
from tests.strategies import networks_and_points


@given(networks_and_points(integer=True, min_layers=1))
def test_two_rows_share_a_region_exactly_where_their_patterns_agree(drawn):
    network, points = drawn
    regions = regions_of_points(network, points)
    patterns = [pattern_exact(network, point) for point in points]
    for i, a in enumerate(patterns):
        for j, b in enumerate(patterns):
            assert (regions.rows[i] == regions.rows[j]) == (a == b)


@given(networks_and_points(integer=True, min_layers=1, max_outputs=3))
def test_the_affine_map_of_a_rows_region_gives_its_score(drawn):
    network, points = drawn
    regions = regions_of_points(network, points)
    weight, bias = regions.affine_maps()
    scores = np.einsum("noi,ni->no", weight[regions.rows], points) + bias[regions.rows]
    np.testing.assert_array_equal(scores, network.forward(points))


def test_most_visited_regions_come_first_and_ties_by_first_row():
    network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, -1.0], [0.0]])
    regions = observed_regions(network, [[0.5], [2.0], [-1.0], [3.0], [-2.0]])
    assert regions.counts.tolist() == [2, 2, 1]
    assert regions.rows.tolist() == [2, 0, 1, 0, 1]
    assert regions.share.tolist() == [0.4, 0.4, 0.2]


def test_counts_are_those_of_the_rows():
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(6, 2)), rng.normal(size=(1, 6))], [rng.normal(size=6), [0.0]]
    )
    regions = regions_of_points(network, rng.normal(size=(500, 2)))
    assert np.array_equal(np.bincount(regions.rows, minlength=len(regions)), regions.counts)
    assert len(set(regions.names)) == len(regions)


def test_a_network_without_hidden_layers_has_one_region():
    network = ReluNetwork.from_weights([[[2.0, 1.0]]], [[1.0]])
    regions = observed_regions(network, [[0.0, 1.0], [5.0, 5.0]])
    assert len(regions) == 1
    assert regions.full_dimensional().tolist() == [True]


def test_keys_that_collide_do_not_merge_regions(monkeypatch):
    monkeypatch.setattr(
        "explainrelu.regions.observed.pattern_keys",
        lambda packed: np.zeros(packed.shape[0], dtype=np.int64),
    )
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    regions = observed_regions(network, [[-1.0], [2.0], [3.0]])
    assert regions.counts.tolist() == [2, 1]


SCHEMA = InputSchema(
    (
        Column("age"),
        Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse")),
        Column("size", ColumnKind.ORDINAL, levels=("S", "M"), codes=(0.0, 1.0)),
    )
)


@pytest.mark.parametrize("job", [([0, 0], [1, 1]), ([1, 0], [1, 0]), ([-1, -1], [2, 2])])
def test_a_box_that_holds_a_level_of_every_column_is_a_domain(job):
    check_domain(Box([20, *job[0], 0], [60, *job[1], 0.5]), 4, SCHEMA)


@pytest.mark.parametrize("job", [([0, 0], [0, 0]), ([0, 0], [0.9, 0.9]), ([2, 0], [2, 0])])
def test_a_box_beside_every_level_is_refused(job):
    with pytest.raises(ArgumentError, match=r"a level of column 'job'.*at_levels\(.*job='clerk'"):
        check_domain(Box([20, *job[0], 0], [60, *job[1], 1]), 4, SCHEMA)


def test_a_box_beside_every_code_is_refused():
    with pytest.raises(ArgumentError, match=r"column .size., one of its codes, 0, 1, got .*0.2 to"):
        check_domain(Box([20, 0, 0, 0.2], [60, 1, 1, 0.8]), 4, SCHEMA)


def test_a_width_that_vanishes_in_products_is_refused():
    with pytest.raises(ArgumentError, match=r"zero or at least .*e-77, got 2e-300 at input 1"):
        check_domain(Box([0, -1e-300], [1, 1e-300]), 2)
