"""The largest balls of many polytopes, held against linear programs and closed formulas."""

import numpy as np
import pytest
from hypothesis import given

from explainrelu.geometry.balls import balls_of_many
from explainrelu.geometry.volumes import cube_halfspaces
from tests.geometry.polytopes import polytopes, solid_polytopes


def largest_balls(weight, bound, start=None):
    n, _, d = weight.shape
    start = np.zeros((n, d)) if start is None else start
    centre, radius, excess = np.empty((n, d)), np.empty(n), np.empty(n)
    balls_of_many(weight, bound, start, centre, radius, excess)
    return centre, radius, excess


def of_polytope(polytope):
    return cube_halfspaces(polytope.weight[None], polytope.bound[None], polytope.box)


@given(polytopes(max_inputs=3, fixed=False))
def test_balls_of_degenerate_and_empty_polytopes_are_those_of_linear_programs(polytope):
    _, radius, excess = largest_balls(*of_polytope(polytope))
    expected = polytope.inscribed_ball().radius
    assert excess[0] < 1e-12
    assert radius[0] == pytest.approx(expected, abs=1e-8)


@given(solid_polytopes())
def test_the_ball_lies_inside_and_is_proven_to_be_the_largest(polytope):
    weight, bound = of_polytope(polytope)
    centre, radius, excess = largest_balls(weight, bound)
    room = min((bound[0] - weight[0] @ centre[0]).min(), (1 - np.abs(centre[0])).min())
    assert radius[0] == pytest.approx(room, abs=1e-12)
    assert radius[0] > 0
    assert 0 <= excess[0] < 1e-12


@pytest.mark.parametrize("d", [1, 2, 5, 9])
def test_the_ball_of_a_corner_simplex_has_its_known_radius(d):
    # u_k >= -1 and sum (u_k + 1) <= 1: the radius is 1 / (d + sqrt(d))
    weight, bound = np.full((1, 1, d), 1 / np.sqrt(d)), np.array([[(1 - d) / np.sqrt(d)]])
    for start in (np.zeros((1, d)), np.ones((1, d)), np.full((1, d), -1.0)):
        _, radius, excess = largest_balls(weight, bound, start)
        assert radius[0] == pytest.approx(1 / (d + np.sqrt(d)), rel=1e-12)
        assert excess[0] < 1e-12


def test_rows_of_zeros_ask_nothing_or_never_hold():
    weight, bound = np.zeros((2, 1, 2)), np.array([[0.0], [-1.0]])
    _, radius, excess = largest_balls(weight, bound)
    assert radius.tolist() == [1.0, -np.inf]
    assert excess.tolist() == [0.0, 0.0]
