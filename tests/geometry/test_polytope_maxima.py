"""The largest values of forms over many polytopes, held against linear programs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.geometry.box import Box
from explainrelu.geometry.maxima import maxima_of_many
from explainrelu.geometry.polytope import Polytope
from explainrelu.geometry.volumes import cube_halfspaces
from tests.geometry.polytopes import solid_polytopes


def maxima(weight, bound, inside, costs):
    """Values, points and excesses of one polytope's forms."""
    d = weight.shape[1]
    rows = np.concatenate([np.eye(d), -np.eye(d), weight])
    ends = np.concatenate([np.ones(2 * d), bound])
    point, value, excess = (
        np.empty((1, *costs.shape)),
        np.empty((1, len(costs))),
        np.empty((1, len(costs))),
    )
    turned = np.ascontiguousarray(rows.T[None])
    maxima_of_many(turned, ends[None], inside[None], costs[None], point, value, excess)
    return value[0], point[0], excess[0]


@given(solid_polytopes(), st.integers(0, 9))
def test_values_are_those_of_linear_programs_and_proven(polytope, seed):
    weight, bound = cube_halfspaces(polytope.weight[None], polytope.bound[None], polytope.box)
    d = weight.shape[2]
    cube = Polytope(weight[0], bound[0], Box(-np.ones(d), np.ones(d)))
    costs = np.random.default_rng(seed).normal(size=(3, d))
    value, point, excess = maxima(weight[0], bound[0], cube.inscribed_ball().centre, costs)
    np.testing.assert_allclose(value, cube.linear_ranges(costs)[:, 1], atol=1e-7)
    assert (excess <= 1e-10).all()
    assert cube.contains(point).all()
    np.testing.assert_allclose((costs * point).sum(axis=1), value, atol=1e-12)


@pytest.mark.parametrize("d", [1, 3, 12])
def test_on_the_cube_alone_the_value_is_the_sum_of_absolute_costs(d):
    costs = np.random.default_rng(d).normal(size=(2, d))
    value, _, excess = maxima(np.zeros((1, d)), np.ones(1), np.zeros(d), costs)
    np.testing.assert_allclose(value, np.abs(costs).sum(axis=1))
    np.testing.assert_allclose(excess, 0.0, atol=1e-12)


def test_a_form_of_zeros_is_zero():
    value, point, excess = maxima(np.eye(2), np.zeros(2), -np.ones(2), np.zeros((1, 2)))
    assert value[0] == excess[0] == 0.0
    assert point[0].tolist() == [-1.0, -1.0]
