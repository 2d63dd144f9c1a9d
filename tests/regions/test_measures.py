"""Volumes and inscribed balls of many regions."""

import numpy as np
import pytest
from hypothesis import given

from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.geometry.volumes import volume
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import regions_of_points
from tests.strategies import networks_and_points, relu_networks


def network_of(n_inputs, seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(6, n_inputs)), rng.normal(size=(4, 6)), rng.normal(size=(1, 4))]
    return ReluNetwork.from_weights(weights, [rng.normal(size=6), rng.normal(size=4), [0.0]])


def box_of(n_inputs):
    return Box(np.arange(n_inputs) - 2.0, np.arange(n_inputs) * 3.0)


@given(relu_networks(integer=True))
def test_volumes_of_every_region_fill_the_box(network):
    box = Box([-2.0] * network.n_inputs, [1.0] * network.n_inputs)
    found = enumerate_regions(network, box).volumes()
    assert found.values.sum() == pytest.approx(found.box, rel=1e-9)
    assert found.box == 3.0**network.n_inputs
    assert found.exactness is Exactness.EXACT
    assert not found.errors.any()


@pytest.mark.parametrize("n_inputs", [1, 3, 5])
def test_the_volume_of_each_region_is_that_of_its_polytope(n_inputs):
    regions = enumerate_regions(network_of(n_inputs), box_of(n_inputs))
    expected = [volume(region.polytope()).value for region in regions]
    np.testing.assert_allclose(regions.volumes().values, expected, rtol=1e-9)


def test_a_fixed_input_has_no_part_in_volumes():
    box = Box([-1.0, 0.3, -1.0], [2.0, 0.3, 1.0])
    found = enumerate_regions(network_of(3), box).volumes()
    assert found.values.sum() == pytest.approx(6.0, rel=1e-12)  # an area
    point = regions_of_points(network_of(3), np.array([[0.1, 0.2, 0.3]])).volumes()
    assert (point.values.tolist(), point.box) == ([1.0], 1.0)


def test_above_six_inputs_volumes_are_estimates_within_their_errors():
    # sums of seven numbers from 0 to 1: at most 3 in 1312 / 5040 of the cube (Irwin and Hall)
    network = ReluNetwork.from_weights([np.ones((1, 7)), [[1.0]]], [[-3.0], [0.0]])
    regions = enumerate_regions(network, Box([0.0] * 7, [1.0] * 7))
    found = regions.volumes()
    inactive = regions.locate_points(np.zeros((1, 7)))[0]
    assert found.exactness is Exactness.ESTIMATED
    assert found.errors[inactive] == pytest.approx(0.0014, abs=1e-4)
    assert abs(found.values[inactive] - 1312 / 5040) < 4 * found.errors[inactive]
    assert found.values.sum() == pytest.approx(1.0, rel=1e-12)


def test_a_region_that_no_point_hits_still_has_an_error():
    network = ReluNetwork.from_weights([np.ones((1, 7)), [[1.0]]], [[-6.99], [0.0]])
    found = enumerate_regions(network, Box([0.0] * 7, [1.0] * 7)).volumes(n_samples=1000)
    assert found.values.min() == 0.0
    assert (found.errors > 0).all()


def test_the_sample_of_an_estimate_is_chosen_by_its_seed():
    regions = enumerate_regions(network_of(7), box_of(7))
    first, same, other = (regions.volumes(n_samples=500, random_state=s).share for s in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    with pytest.raises(ArgumentError, match="at least 2, got 1"):
        regions.volumes(n_samples=1)


@given(networks_and_points(integer=True, min_layers=1))
def test_balls_of_observed_regions_are_those_of_their_polytopes(drawn):
    network, points = drawn
    regions = regions_of_points(network, points, domain=box_around(points))
    balls = regions.inscribed_balls()
    for region, radius in zip(regions, balls.radius, strict=True):
        expected = region.polytope().inscribed_ball().radius
        assert max(radius, 0) == pytest.approx(max(expected, 0), abs=1e-8)


def box_around(points):
    return Box(points.min(axis=0) - 1.0, points.max(axis=0) + [0.5] * points.shape[1])


@pytest.mark.parametrize("n_inputs", [2, 4, 8])
def test_centres_are_interior_points_in_raw_units(n_inputs):
    regions = enumerate_regions(network_of(n_inputs), box_of(n_inputs))
    balls = regions.inscribed_balls()
    assert len(balls) == len(regions)
    assert (balls.radius > 0).all()
    assert np.array_equal(regions.locate_points(balls.centre), np.arange(len(regions)))
    expected = [region.polytope().inscribed_ball().radius for region in regions.chosen([0, 1])]
    np.testing.assert_allclose(balls.radius[:2], expected, rtol=1e-8, atol=1e-12)


def test_balls_of_many_inputs_come_from_linear_programs(monkeypatch):
    regions = enumerate_regions(network_of(3), box_of(3))
    walked = regions.inscribed_balls()
    monkeypatch.setattr("explainrelu.regions.measures._MOST_INPUTS", 2)
    np.testing.assert_allclose(regions.inscribed_balls().radius, walked.radius, atol=1e-8)


def test_a_fixed_input_keeps_its_value_in_a_centre_and_a_point_has_no_radius():
    box = Box([-1.0, 0.3, -1.0], [2.0, 0.3, 1.0])
    balls = enumerate_regions(network_of(3), box).inscribed_balls()
    assert (balls.centre[:, 1] == 0.3).all()
    assert (balls.radius > 0).all()
    point = regions_of_points(network_of(3), np.array([[0.1, 0.2, 0.3]])).inscribed_balls()
    assert point.radius.tolist() == [0.0]
    assert point.centre.tolist() == [[0.1, 0.2, 0.3]]
