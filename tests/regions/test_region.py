"""One region: its polytope, its map, its distances."""

import numpy as np
from hypothesis import given

from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import observed_regions, regions_of_points
from tests.oracles import pattern_exact, pattern_map_exact
from tests.strategies import networks_and_points


@given(networks_and_points(integer=True, min_layers=1))
def test_a_point_is_in_the_polytope_exactly_where_its_signs_agree(drawn):
    network, points = drawn
    region = regions_of_points(network, points[:1]).region(0)
    rng = np.random.default_rng(0)
    others = rng.integers(-2, 3, (30, network.n_inputs)).astype(float)
    wide = np.concatenate([others, points])
    box = regions_of_points(network, wide).domain
    region = type(region)(network, region.packed, box)
    inside = region.polytope().contains(wide)
    for point, holds in zip(wide, inside, strict=True):
        if pattern_exact(network, point) == tuple(region.pattern):
            assert holds


@given(networks_and_points(integer=True, max_outputs=2))
def test_the_affine_map_is_the_frozen_networks(drawn):
    network, points = drawn
    region = regions_of_points(network, points).region(0)
    weight, bias = pattern_map_exact(network, tuple(region.pattern))
    np.testing.assert_array_equal(region.affine_map().weight, np.array(weight, dtype=float))
    np.testing.assert_array_equal(region.affine_map().bias, np.array(bias, dtype=float))


def test_distances_are_measured_in_the_given_scale():
    network = ReluNetwork.from_weights([[[3.0, 4.0]], [[1.0]]], [[-5.0], [0.0]])
    region = observed_regions(network, [[3.0, 4.0]]).region(0)
    point = np.array([3.0, 4.0])
    assert region.distances(point, np.ones(2)).tolist() == [4.0]
    np.testing.assert_allclose(region.distances(point, np.array([2.0, 2.0])), [2.0])


def test_a_constant_form_is_infinitely_far():
    network = ReluNetwork.from_weights([[[0.0]], [[1.0]]], [[1.0], [0.0]])
    region = observed_regions(network, [[1.0]]).region(0)
    assert region.distances(np.array([1.0]), np.ones(1)).tolist() == [np.inf]


def test_names_depend_on_the_pattern_alone():
    first = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    second = ReluNetwork.from_weights([[[5.0]], [[2.0]]], [[0.0], [9.0]])
    names = [observed_regions(network, [[1.0]]).region(0).name for network in (first, second)]
    assert names[0] == names[1]
    assert len(names[0]) == 12
