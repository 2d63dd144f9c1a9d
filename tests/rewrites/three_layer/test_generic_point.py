"""A point of a box by which its cells are half-open."""

import numpy as np
import pytest
from hypothesis import given, settings

from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.three_layer.generic_point import (
    cell_forms,
    cell_patterns,
    exact_cell_pattern,
    generic_point,
)
from tests.oracles import exact, pattern_exact
from tests.strategies import networks_and_points

NETWORK = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 2.0]]], [[0.0, 0.0], [0.5]])
BOX = Box([-1.0], [1.0])
TOWARDS = np.array([0.3, -0.7, 0.11])


@given(networks_and_points(integer=True, max_layers=3))
@settings(max_examples=100)
def test_the_pattern_is_that_of_a_small_step_towards_the_point(drawn):
    network, points = drawn
    towards = TOWARDS[: network.n_inputs]
    found = unpack(network, cell_patterns(network, points, towards))
    for point, bits in zip(points, found, strict=True):
        pairs = zip(exact(point), exact(towards), strict=True)
        step = [x + (c - x) / 2**60 for x, c in pairs]
        # a form that is zero on the way as well is inactive in both
        assert tuple(bits) == pattern_exact(network, step)
        own = exact_cell_pattern(network, ExactArray.of(point), ExactArray.of(towards))
        assert tuple(own) == pattern_exact(network, step)


@given(networks_and_points(integer=True))
def test_without_a_point_zero_is_inactive(drawn):
    network, points = drawn
    found = unpack(network, cell_patterns(network, points, None))
    for point, bits in zip(points, found, strict=True):
        assert tuple(bits) == pattern_exact(network, point)
        own = exact_cell_pattern(network, ExactArray.of(point), None)
        assert tuple(own) == pattern_exact(network, point)


def test_every_form_is_negative_at_the_point():
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(6, 2)), rng.normal(size=(4, 6)), rng.normal(size=(1, 4))],
        [rng.normal(size=6), rng.normal(size=4), [0.0]],
    )
    regions = enumerate_regions(network, Box([-1.0, -1.0], [1.0, 1.0]))
    point = generic_point(regions)
    weight, bias = cell_forms(regions, point).compose()
    assert (weight @ point + bias < 0.0).all()
    plain, constant = cell_forms(regions, None).compose()
    np.testing.assert_array_equal(np.abs(weight), np.abs(plain))
    np.testing.assert_array_equal(np.abs(bias), np.abs(constant))


def test_the_same_regions_give_the_same_point():
    regions = enumerate_regions(NETWORK, BOX)
    assert generic_point(regions).tolist() == generic_point(regions).tolist()


@pytest.mark.parametrize(
    ("point", "words"), [([0.0], "got on the border of form 0"), ([2.0], "got a point outside it")]
)
def test_a_point_on_a_border_or_outside_is_refused(point, words):
    with pytest.raises(ArgumentError, match=words):
        cell_forms(enumerate_regions(NETWORK, BOX), np.array(point))


def test_a_form_that_is_zero_all_over_the_box_asks_nothing():
    network = ReluNetwork.from_weights(
        [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]]
    )
    regions = enumerate_regions(network, Box([-1.0, 0.0], [1.0, 0.0]))
    assert cell_forms(regions, generic_point(regions)).idle.tolist() == [False, True]


def around_a_billion(half_width):
    """Regions in a box where the terms are of size 2e9, which rounding changes by 2e-5."""
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[-1e9], [0.0]])
    return enumerate_regions(network, Box([1e9 - half_width], [1e9 + half_width]))


def test_a_form_that_is_smaller_than_its_rounding_asks_nothing():
    regions = around_a_billion(1e-6)
    assert cell_forms(regions, generic_point(regions)).idle.all()


def test_a_box_in_which_rounding_hides_the_sides_of_a_border_is_refused():
    with pytest.raises(ArgumentError, match="wide enough for the borders of its regions"):
        generic_point(around_a_billion(2.01e-5))
