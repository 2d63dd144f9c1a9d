from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances
from tests.geometry.polytopes import (
    ExactPolytope,
    in_units,
    is_solid_exactly,
    largest,
    needed_exactly,
    polytopes,
    scaled_rows,
    solid_polytopes,
)

UNIT = Box([0.0, 0.0], [1.0, 1.0])
UNITS = st.lists(st.integers(-27, 27), min_size=4, max_size=4).map(lambda p: 2.0 ** np.array(p))
"""Powers of two from 1e-8 to 1e8: a change of units without any rounding."""


def of(*rows: tuple[float, float, float], box: Box = UNIT) -> Polytope:
    """Half-spaces ``a x + b y <= c`` written as ``(a, b, c)``."""
    table = np.array(rows, dtype=float).reshape(-1, 3)
    return Polytope(table[:, :2], table[:, 2], box)


# irredundant


@settings(max_examples=200)
@given(polytopes())
def test_of_a_solid_polytope_exactly_the_needed_half_spaces_are_kept(polytope: Polytope):
    if is_solid_exactly(polytope):
        assert polytope.irredundant().tolist() == needed_exactly(polytope)


@settings(max_examples=150)
@given(polytopes())
def test_the_kept_half_spaces_describe_the_same_set_thin_or_empty_too(polytope: Polytope):
    kept = ExactPolytope.of(polytope, polytope.irredundant().tolist())
    assert kept.vertices() == ExactPolytope.of(polytope).vertices()


@settings(max_examples=60)
@given(solid_polytopes())
def test_dropping_a_kept_half_space_enlarges_and_a_dropped_one_is_implied(polytope: Polytope):
    kept = set(polytope.irredundant().tolist())
    weight, bound = scaled_rows(polytope)
    for i in range(polytope.n_halfspaces):
        others = sorted(kept - {i})
        reach = largest(weight[i], weight[others], bound[others])
        assert (reach > bound[i]) if i in kept else (reach <= bound[i] + 2e-9)


@settings(max_examples=40)
@given(solid_polytopes(), UNITS)
def test_units_do_not_change_which_half_spaces_are_kept(polytope: Polytope, units: np.ndarray):
    other = in_units(polytope, units[: polytope.box.n_inputs])
    assert other.irredundant().tolist() == polytope.irredundant().tolist()


@pytest.mark.parametrize("factor", [1.0, 3.0, 5.0, 10.0, 23.0, 1e-6, 7e8])
def test_of_equal_half_spaces_the_first_is_kept(factor: float):
    first = np.array([1.0, 3.0, 1.1])
    assert of(tuple(first), tuple(factor * first), tuple(first)).irredundant().tolist() == [0]


def test_of_parallel_half_spaces_the_tightest_is_kept():
    assert of((1, 1, 1.2), (1, 1, 0.7), (2, 2, 3.0)).irredundant().tolist() == [1]


@pytest.mark.parametrize(
    "row", [(1, 1, 2.0), (1, 0, 1.0), (-1, 0, 0.0), (0, 1, 5.0), (0, 0, 0.0), (0, 0, 3.0)]
)
def test_a_half_space_that_only_touches_the_box_is_dropped(row: tuple[float, float, float]):
    assert of(row).irredundant().tolist() == []


def test_a_half_space_that_touches_a_corner_of_the_others_is_dropped():
    assert of((1, 0, 0.5), (0, 1, 0.5), (1, 1, 1.0)).irredundant().tolist() == [0, 1]


def test_a_half_space_that_cuts_off_a_sliver_is_kept():
    assert of((1, 1, 2.0 - 1e-6)).irredundant().tolist() == [0]


def test_half_spaces_that_are_nearly_parallel_are_both_kept():
    assert of((1, 0, 0.5), (1, 1e-4, 0.5 + 5e-5)).irredundant().tolist() == [0, 1]


def test_the_tolerance_says_how_thin_a_sliver_may_be():
    loose = Tolerances(redundancy=1e-3)
    assert of((1, 1, 2.0 - 1e-6)).irredundant(tolerances=loose).tolist() == []


def test_a_half_space_decided_by_a_fixed_input_is_dropped():
    box = Box([0.0, 2.0], [1.0, 2.0])
    assert of((0, 1, 2.0), (1, 1, 2.5), box=box).irredundant().tolist() == [1]


def test_a_point_given_inside_changes_nothing():
    polytope = of((1, 1, 1.2), (1, -1, 0.3), (3, 1, 9.0))
    for point in ([0.1, 0.1], [0.0, 0.0], [0.6, 0.6], [0.3, 0.0]):
        assert polytope.irredundant(np.array(point)).tolist() == [0, 1]


def test_a_violated_constant_half_space_is_what_makes_a_polytope_empty():
    polytope = of((0, 0, -1.0), (1, 0, 0.5))
    kept = polytope.irredundant().tolist()
    assert ExactPolytope.of(polytope, kept).vertices() == set()


def test_no_half_spaces_leave_the_box():
    polytope = of()
    assert polytope.n_halfspaces == 0
    assert polytope.irredundant().tolist() == []
    assert polytope.ranges().tolist() == [[0.0, 1.0], [0.0, 1.0]]


# the inscribed ball


@settings(max_examples=60)
@given(solid_polytopes())
def test_the_inscribed_ball_is_the_largest(polytope: Polytope):
    weight, bound = scaled_rows(polytope)
    ball = polytope.inscribed_ball()
    u = (ball.centre - polytope.box.centre) / polytope.box.half_width
    assert (weight @ u + ball.radius <= bound + 1e-9).all()
    assert (np.abs(u) + ball.radius <= 1.0 + 1e-9).all()
    assert ball.radius == pytest.approx(_radius_by_scipy(weight, bound), abs=1e-9)


def _radius_by_scipy(weight: np.ndarray, bound: np.ndarray) -> float:
    n = weight.shape[1]
    walls = np.vstack([np.eye(n), -np.eye(n)])
    rows = np.hstack([np.vstack([weight, walls]), np.ones((bound.size + 2 * n, 1))])
    right = np.r_[bound, np.ones(2 * n)]
    return -linprog(np.r_[np.zeros(n), -1.0], A_ub=rows, b_ub=right, bounds=(None, None)).fun


@settings(max_examples=150)
@given(polytopes())
def test_full_dimensional_is_what_exact_arithmetic_says(polytope: Polytope):
    if not polytope.box.fixed.all():
        assert polytope.is_full_dimensional() == is_solid_exactly(polytope)


@settings(max_examples=100)
@given(polytopes())
def test_the_radius_is_negative_exactly_where_the_polytope_is_empty(polytope: Polytope):
    radius = polytope.inscribed_ball().radius
    assert (radius < -1e-9) == (not ExactPolytope.of(polytope).vertices())


@settings(max_examples=40)
@given(solid_polytopes(), UNITS)
def test_the_radius_does_not_depend_on_units(polytope: Polytope, units: np.ndarray):
    other = in_units(polytope, units[: polytope.box.n_inputs])
    radius = other.inscribed_ball().radius
    assert radius == pytest.approx(polytope.inscribed_ball().radius, abs=1e-9)


def test_a_flat_polytope_has_radius_zero():
    flat = of((1, 0, 0.5), (-1, 0, -0.5))
    assert flat.inscribed_ball().radius == pytest.approx(0.0, abs=1e-12)
    assert not flat.is_full_dimensional()


@pytest.mark.parametrize("width", [1e-3, 1e-6])
def test_a_thin_polytope_is_full_dimensional_above_the_tolerance(width: float):
    thin = of((1, 0, 0.5 + width), (-1, 0, -0.5))
    assert thin.is_full_dimensional()
    assert not thin.is_full_dimensional(tolerances=Tolerances(inradius=2 * width))


def test_the_ball_of_a_violated_constant_half_space_is_none_at_all():
    assert of((0, 0, -1.0)).inscribed_ball().radius == -np.inf


def test_a_fixed_input_is_left_out_of_the_ball():
    ball = of((1, 0, 0.5), box=Box([0.0, 2.0], [1.0, 2.0])).inscribed_ball()
    assert ball.centre == pytest.approx([0.25, 2.0])
    assert ball.radius == pytest.approx(0.5)


# ranges


@settings(max_examples=150)
@given(polytopes())
def test_ranges_are_what_exact_arithmetic_says(polytope: Polytope):
    ranges = polytope.ranges()
    corners = np.array(list(ExactPolytope.of(polytope).vertices()), dtype=float)
    if corners.size == 0:
        assert np.isnan(ranges).all()
    else:
        assert ranges[:, 0] == pytest.approx(corners.min(axis=0), abs=1e-8)
        assert ranges[:, 1] == pytest.approx(corners.max(axis=0), abs=1e-8)


@settings(max_examples=40)
@given(solid_polytopes(), UNITS)
def test_ranges_scale_with_the_units(polytope: Polytope, units: np.ndarray):
    units = units[: polytope.box.n_inputs]
    ranges = in_units(polytope, units).ranges() / units[:, None]
    assert ranges == pytest.approx(polytope.ranges(), abs=1e-8)


@pytest.mark.parametrize("power", [-12, -10, -8, 8, 10, 12])
def test_ranges_are_right_however_small_or_large_the_unit(power: int):
    scale = 10.0**power
    polytope = of((1 / scale, 1, 0.5), box=Box([0, 0], [scale, 1]))
    assert polytope.ranges() / [[scale], [1.0]] == pytest.approx(
        np.array([[0.0, 0.5], [0.0, 0.5]]), abs=1e-8
    )


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1.0, 1e9, 1e12])
def test_the_range_of_a_form_is_right_however_small_its_coefficients(size: float):
    forms = size * np.array([[1.0, 2.0], [1.0, -1.0]])
    ranges = of((1, 1, 1.0)).linear_ranges(forms) / size
    assert ranges == pytest.approx(np.array([[0.0, 2.0], [-1.0, 1.0]]), abs=1e-8)


def test_the_range_of_a_form_counts_fixed_inputs():
    polytope = of((1, 0, 0.5), box=Box([0.0, 2.0], [1.0, 2.0]))
    assert polytope.linear_ranges(np.array([[2.0, 10.0]])) == pytest.approx(
        np.array([[20.0, 21.0]])
    )


def test_the_ranges_of_a_box_that_is_one_point_are_that_point():
    polytope = of((1, 0, 5.0), box=Box([1.0, 2.0], [1.0, 2.0]))
    assert polytope.ranges().tolist() == [[1.0, 1.0], [2.0, 2.0]]


# moves


@settings(max_examples=150)
@given(polytopes(), st.data())
def test_moves_are_what_exact_arithmetic_says(polytope: Polytope, data: st.DataObject):
    corners = sorted(ExactPolytope.of(polytope).vertices())
    if not corners:
        return
    shares = data.draw(st.lists(st.integers(1, 3), min_size=len(corners), max_size=len(corners)))
    point = [
        sum((s * x for s, x in zip(shares, xs, strict=True)), Fraction(0)) / sum(shares)
        for xs in zip(*corners, strict=True)
    ]
    expected = [_alone(polytope, point, j) for j in range(len(point))]
    found = polytope.moves(np.array(point, dtype=float))
    assert found == pytest.approx(np.array(expected, dtype=float), abs=1e-9)


def _alone(polytope: Polytope, point: list[Fraction], j: int) -> tuple[Fraction, Fraction]:
    """How far input ``j`` moves with the others held, row by row in rationals."""
    low, high = Fraction(polytope.box.lower[j]), Fraction(polytope.box.upper[j])
    for a, b in ExactPolytope.of(polytope).rows:
        rest = b - sum(w * x for k, (w, x) in enumerate(zip(a, point, strict=True)) if k != j)
        if a[j] > 0:
            high = min(high, rest / a[j])
        elif a[j] < 0:
            low = max(low, rest / a[j])
    return low, high


@settings(max_examples=40)
@given(solid_polytopes(), UNITS)
def test_moves_scale_with_the_units(polytope: Polytope, units: np.ndarray):
    units = units[: polytope.box.n_inputs]
    moves = in_units(polytope, units).moves(polytope.box.centre * units) / units[:, None]
    assert moves == pytest.approx(polytope.moves(polytope.box.centre), rel=1e-12)


def test_a_point_on_a_face_cannot_move_across_it():
    moves = of((1, 1, 1.0)).moves(np.array([0.25, 0.75]))
    assert moves.tolist() == [[0.0, 0.25], [0.0, 0.75]]


# membership


@settings(max_examples=100)
@given(polytopes(), st.lists(st.integers(-6, 6), min_size=2, max_size=2))
def test_contains_is_what_exact_arithmetic_says(polytope: Polytope, halves: list[int]):
    point = [Fraction(h, 2) for h in halves[: polytope.box.n_inputs]]
    found = polytope.contains(np.array([point], dtype=float))
    assert found.tolist() == [ExactPolytope.of(polytope).holds(tuple(point))]


def test_a_point_within_the_tolerance_of_a_face_is_contained():
    polytope = of((1, 1, 1.0))
    slack = DEFAULT_TOLERANCES.containment
    points = np.array([[0.5, 0.5 + slack], [0.5, 0.5 + 10 * slack]])
    assert polytope.contains(points).tolist() == [True, False]


# construction


@pytest.mark.parametrize(
    ("weight", "bound"),
    [
        (np.zeros((2, 3)), np.zeros(2)),
        (np.zeros((1, 2)), np.zeros(2)),
        (np.zeros(2), np.zeros(1)),
        (np.array([[np.nan, 0.0]]), np.zeros(1)),
        (np.zeros((1, 2)), np.array([np.inf])),
    ],
)
def test_half_spaces_must_fit_the_box_and_be_finite(weight: np.ndarray, bound: np.ndarray):
    with pytest.raises(ArgumentError, match=r"must .*got"):
        Polytope(weight, bound, UNIT)


def test_a_polytope_keeps_its_own_read_only_arrays():
    weight = np.ones((1, 2))
    polytope = Polytope(weight, np.ones(1), UNIT)
    weight[:] = 7.0
    assert polytope.weight.tolist() == [[1.0, 1.0]]
    assert not polytope.weight.flags.writeable


@given(solid_polytopes())
def test_samples_lie_inside(polytope):
    points = polytope.sample(50, np.random.default_rng(0))
    assert points.shape == (50, polytope.box.n_inputs)
    assert polytope.contains(points).all()


@pytest.mark.parametrize("width", [1.0, 1e-4, 1e-7])
def test_samples_are_even_in_a_thin_strip_too(width):
    # a simplex sum x <= 1 cut to a strip: the first input of a triangle has mean 1/3
    weight = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, -1.0], [-1.0, 0.0, 1.0]])
    strip = Polytope(weight, [1.0, width, width], Box([0, 0, -2], [1, 1, 3]))
    points = strip.sample(4000, np.random.default_rng(1))
    assert points[:, :2].mean(axis=0) == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    share = (points[:, 2] > points[:, 0]).mean()
    assert share == pytest.approx(0.5, abs=0.05)


def test_samples_keep_fixed_inputs_and_repeat_with_the_generator():
    polytope = Polytope([[1.0, 1.0]], [1.0], Box([0, 0.25], [1, 0.25]))
    points = polytope.sample(30, np.random.default_rng(3))
    assert (points[:, 1] == 0.25).all()
    assert (points == polytope.sample(30, np.random.default_rng(3))).all()
    assert Polytope([[1.0]], [1.0], Box([0.5], [0.5])).sample(2, np.random.default_rng(0)).size == 2


@pytest.mark.parametrize("bound", [[0.5, -0.5], [0.5, -0.6]])
def test_nothing_is_drawn_from_what_has_no_inner_points(bound):
    flat = Polytope([[1.0, 0.0], [-1.0, 0.0]], bound, Box([0, 0], [1, 1]))
    with pytest.raises(ArgumentError, match="must have inner points for some to be drawn"):
        flat.sample(3, np.random.default_rng(0))
