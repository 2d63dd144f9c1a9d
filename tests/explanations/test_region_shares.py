"""Shares of rows and of a box's volume."""

import numpy as np
import pytest

from explainrelu.explanations.region_shares import row_shares, volume_shares
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import observed_regions


def network_of(n_inputs, seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(6, n_inputs)), rng.normal(size=(4, 6)), rng.normal(size=(1, 4))]
    return ReluNetwork.from_weights(weights, [rng.normal(size=6), rng.normal(size=4), [0.0]])


def sampled(regions, n_points=200_000):
    points = regions.domain.sample(n_points, np.random.default_rng(7))
    place = regions.locate_points(points)
    return np.bincount(place[place >= 0], minlength=len(regions)) / n_points


@pytest.mark.parametrize("n_inputs", [1, 2, 3])
def test_exact_shares_are_those_of_many_points_and_add_up(n_inputs):
    box = Box([-1.0] * n_inputs, [2.0] * n_inputs)
    regions = enumerate_regions(network_of(n_inputs), box)
    shares = volume_shares(regions)
    assert shares.words == "volume"
    assert shares.values.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.abs(shares.values - sampled(regions)).max() < 5 * 0.5 / np.sqrt(200_000)


def test_a_fixed_input_has_no_part_in_the_volume():
    box = Box([-1.0, 0.3, -1.0], [2.0, 0.3, 1.0])
    regions = enumerate_regions(network_of(3), box)
    assert volume_shares(regions).values.sum() == pytest.approx(1.0, abs=1e-12)


def test_above_six_free_inputs_shares_are_estimated_and_say_so():
    regions = enumerate_regions(network_of(7), Box([-1.0] * 7, [1.0] * 7))
    shares = volume_shares(regions)
    assert shares.words == "volume, estimated"
    assert np.abs(shares.values - sampled(regions)).max() < 0.01


def test_shares_of_a_part_of_the_box_add_up_to_less():
    regions = enumerate_regions(network_of(2), Box([-1.0] * 2, [1.0] * 2))
    some = regions.chosen([0, 2])
    expected = volume_shares(regions).values[[0, 2]]
    np.testing.assert_allclose(volume_shares(some).values, expected, rtol=1e-12)
    assert volume_shares(regions).taken(np.array([2, 0])).values.tolist() == expected[::-1].tolist()


def test_small_chunks_give_the_same_shares(monkeypatch):
    regions = enumerate_regions(network_of(2), Box([-1.0] * 2, [1.0] * 2))
    whole = volume_shares(regions).values
    monkeypatch.setattr("explainrelu.regions.measures._CHUNK_VALUES", 100)
    np.testing.assert_array_equal(volume_shares(regions).values, whole)


def test_shares_of_rows_are_counts():
    found = observed_regions(
        ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]]), [[-1.0], [2.0], [3.0], [4.0]]
    )
    assert row_shares(found).values.tolist() == [0.75, 0.25]
    assert row_shares(found).words == "rows"
