"""Volumes and vertices against exact rationals, closed formulas and rays."""

from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.geometry.vertices import cut_cubes
from explainrelu.geometry.volumes import cube_halfspaces, vertices, volume, volumes
from tests.geometry.polytopes import (
    ExactPolytope,
    corner_points,
    is_solid_exactly,
    needed_exactly,
    polytopes,
    solid_polytopes,
)


def unit_cube(n_inputs: int) -> Box:
    return Box(np.zeros(n_inputs), np.ones(n_inputs))


def simplex(n_inputs: int) -> Polytope:
    """All points of the unit cube whose coordinates add up to at most one: ``1 / d!``."""
    return Polytope(np.ones((1, n_inputs)), np.ones(1), unit_cube(n_inputs))


def cross_polytope(n_inputs: int) -> Polytope:
    """All points with ``|x_1| + ... + |x_d| <= 1``: ``2^d / d!``, degenerate at every vertex."""
    signs = np.array(list(np.ndindex(*(2,) * n_inputs))) * 2.0 - 1.0
    return Polytope(signs, np.ones(len(signs)), Box(-np.ones(n_inputs), np.ones(n_inputs)))


def exact_area(polytope: Polytope) -> Fraction:
    """Area of a polygon in Fractions: the triangles from one corner to the pairs that are edges."""
    exact = ExactPolytope.of(polytope)
    corners = sorted(exact.vertices())
    total = Fraction(0)
    for b, c in combinations(corners[1:], 2):
        sides = {_side(b, c, other) for other in corners if other not in (b, c)}
        if len(sides - {0}) == 1 and 0 not in sides:
            total += abs(_twice_the_triangle(corners[0], b, c)) / 2
    return total


def _twice_the_triangle(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _side(a, b, c):
    found = _twice_the_triangle(a, b, c)
    return (found > 0) - (found < 0)


@given(polytopes(max_inputs=3))
def test_vertices_are_the_exact_ones(polytope):
    expected = ExactPolytope.of(polytope).vertices() if is_solid_exactly(polytope) else set()
    found = vertices(polytope)
    assert len(found) == len(expected)
    for corner in expected:
        assert np.abs(found - np.array(corner, dtype=float)).max(axis=1).min() < 1e-12


@given(polytopes(max_inputs=3, fixed=False))
def test_facets_are_the_half_spaces_that_matter_exactly(polytope):
    weight, bound = cube_halfspaces(polytope.weight[None], polytope.bound[None], polytope.box)
    found = cut_cubes(weight, bound, np.zeros((1, polytope.box.n_inputs)), 1e-9)
    assert found.solid[0] == is_solid_exactly(polytope)
    if found.solid[0]:
        inside = found.facet_row[found.facet_row >= 0]
        needed = needed_exactly(polytope)
        # of equal half-spaces any may stand for the others
        assert _as_set(weight[0], bound[0], inside) == _as_set(weight[0], bound[0], needed)
        assert len(inside) == len(needed)


def _as_set(weight: np.ndarray, bound: np.ndarray, rows) -> set[tuple[float, ...]]:
    return {tuple(np.round(np.r_[weight[row], bound[row]], 9) + 0.0) for row in rows}


@given(polytopes(max_inputs=2, fixed=False).filter(lambda p: p.box.n_inputs == 2))
def test_areas_are_exact(polytope):
    expected = exact_area(polytope) if is_solid_exactly(polytope) else Fraction(0)
    assert volume(polytope).value == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@given(solid_polytopes(max_inputs=4), st.integers(0, 1000))
def test_two_halves_add_up(polytope, seed):
    normal = np.random.default_rng(seed).normal(size=polytope.box.n_inputs)
    middle = normal @ vertices(polytope).mean(axis=0)
    halves = [
        Polytope(
            np.vstack([polytope.weight, side * normal]),
            np.r_[polytope.bound, side * middle],
            polytope.box,
        )
        for side in (1.0, -1.0)
    ]
    whole = volume(polytope).value
    assert sum(volume(half).value for half in halves) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("n_inputs", range(1, 7))
def test_a_simplex_has_one_over_d_factorial(n_inputs):
    assert volume(simplex(n_inputs)).value == pytest.approx(1 / factorial(n_inputs), rel=1e-13)


@pytest.mark.parametrize("n_inputs", range(1, 6))
def test_a_cross_polytope_has_two_to_the_d_over_d_factorial(n_inputs):
    found = volume(cross_polytope(n_inputs)).value
    assert found == pytest.approx(2**n_inputs / factorial(n_inputs), rel=1e-12)


@pytest.mark.parametrize("n_inputs", range(1, 7))
def test_a_box_has_its_corners_for_vertices_and_its_volume(n_inputs):
    rng = np.random.default_rng(n_inputs)
    lower = rng.normal(size=n_inputs)
    box = Box(lower, lower + rng.uniform(1e-3, 1e3, size=n_inputs))
    whole = Polytope(np.zeros((0, n_inputs)), np.zeros(0), box)
    assert volume(whole).value == pytest.approx(float(np.prod(2 * box.half_width)), rel=1e-12)
    found = {tuple(point) for point in np.round(vertices(whole), 9)}
    assert found == {tuple(point) for point in np.round(list(corner_points(box)), 9)}


@pytest.mark.parametrize("n_inputs", [7, 8, 10])
@pytest.mark.parametrize("shape", [simplex, cross_polytope], ids=["simplex", "cross-polytope"])
def test_an_estimate_is_right_within_its_error(n_inputs, shape):
    true = (1 if shape is simplex else 2**n_inputs) / factorial(n_inputs)
    found = volume(shape(n_inputs), n_samples=40_000, random_state=3)
    assert found.exactness is Exactness.ESTIMATED
    assert abs(found.value - true) < 4 * found.error
    assert found.error < 0.15 * true


def test_an_estimate_is_repeatable_and_takes_a_generator():
    first = volume(simplex(7), random_state=5)
    again = volume(simplex(7), random_state=np.random.default_rng(5))
    assert (first.value, first.error) == (again.value, again.error)
    assert volume(simplex(7), random_state=6).value != first.value


def test_an_empty_polytope_of_many_inputs_has_no_volume():
    nothing = Polytope(np.ones((1, 8)), np.array([-1.0]), unit_cube(8))
    assert volume(nothing).value == 0.0


def test_fixed_inputs_are_left_out():
    box = Box([0.0, 3.0, 0.0], [2.0, 3.0, 2.0])
    cut = Polytope(np.array([[1.0, 1.0, 1.0]]), np.array([5.0]), box)  # x + z <= 2
    assert volume(cut).value == pytest.approx(2.0)
    assert (vertices(cut)[:, 1] == 3.0).all()


def test_a_point_measures_one_where_it_is_inside():
    box = Box([1.0], [1.0])
    assert volume(Polytope(np.ones((1, 1)), np.array([2.0]), box)).value == 1.0
    assert volume(Polytope(np.ones((1, 1)), np.array([0.0]), box)).value == 0.0


def test_many_polytopes_at_once_are_as_one_by_one():
    rng = np.random.default_rng(0)
    weight, bound = rng.normal(size=(20, 6, 3)), rng.normal(0.5, size=(20, 6))
    box = Box([-1, -2, -3], [1, 2, 3])
    single = [volume(Polytope(w, b, box)).value for w, b in zip(weight, bound, strict=True)]
    assert volumes(weight, bound, box).tolist() == single
    near = rng.uniform(box.lower, box.upper, size=(20, 3))
    assert volumes(weight, bound, box, near=near) == pytest.approx(single, rel=1e-12)


def test_more_half_spaces_than_a_word_has_bits():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    ring = Polytope(
        np.column_stack([np.cos(angles), np.sin(angles)]), np.ones(200), Box([-2, -2], [2, 2])
    )
    assert len(vertices(ring)) == 200
    assert volume(ring).value == pytest.approx(200 * np.tan(np.pi / 200), rel=1e-12)


def test_too_many_inputs_are_refused():
    with pytest.raises(SizeError, match="at most 10 free inputs, got 11"):
        vertices(simplex(11))
    with pytest.raises(SizeError, match="at most 6 free inputs, got 7"):
        volumes(np.ones((1, 1, 7)), np.ones((1, 1)), unit_cube(7))


def test_an_estimate_of_one_sample_is_refused():
    with pytest.raises(ArgumentError, match="n_samples must be at least 2, got 1"):
        volume(simplex(7), n_samples=1)


@pytest.mark.parametrize(("n_inputs", "n_rows"), [(2, 90), (3, 120), (4, 40), (5, 20), (6, 12)])
def test_volumes_are_those_of_the_hulls_of_their_vertices(n_inputs, n_rows):
    rng = np.random.default_rng(n_inputs)
    weight = rng.normal(size=(n_rows, n_inputs))
    bound = 0.7 * np.linalg.norm(weight, axis=1) * rng.uniform(0.9, 1.1, n_rows)
    polytope = Polytope(weight, bound, Box([-1.0] * n_inputs, [1.0] * n_inputs))
    expected = ConvexHull(vertices(polytope)).volume
    assert volume(polytope).value == pytest.approx(expected, rel=1e-11)
