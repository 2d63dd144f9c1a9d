"""The regions a data set visits, against patterns taken one row at a time."""

import numpy as np
from hypothesis import given

from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import observed_regions, regions_of_points
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
