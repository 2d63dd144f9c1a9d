import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from explainrelu.errors import ExplainReluError, SolverError
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus

SMALL = st.integers(-3, 3).map(float)
INFINITY = float("inf")


@st.composite
def programs(draw: st.DrawFn, *, bounded: bool = False) -> tuple[np.ndarray, ...]:
    """weight, bound, lower, upper and a cost, of small integers; some variables unbounded."""
    n_rows, n_variables = draw(st.integers(0, 5)), draw(st.integers(1, 4))
    weight = draw(hnp.arrays(np.float64, (n_rows, n_variables), elements=SMALL))
    bound = draw(hnp.arrays(np.float64, n_rows, elements=SMALL))
    lower = draw(hnp.arrays(np.float64, n_variables, elements=SMALL))
    upper = lower + draw(hnp.arrays(np.float64, n_variables, elements=SMALL.map(abs)))
    cost = draw(hnp.arrays(np.float64, n_variables, elements=SMALL))
    if not bounded:
        open_below = draw(hnp.arrays(np.bool_, n_variables))
        open_above = draw(hnp.arrays(np.bool_, n_variables))
        lower, upper = np.where(open_below, -INFINITY, lower), np.where(open_above, INFINITY, upper)
    return weight, bound, lower, upper, cost


def by_scipy(weight, bound, lower, upper, cost) -> tuple[LinearStatus, float]:
    """Feasibility asked first and apart, so that empty and unbounded are not mixed up."""
    limits = np.column_stack([lower, upper])
    rows = {"A_ub": weight, "b_ub": bound} if bound.size else {}
    if linprog(np.zeros(cost.size), bounds=limits, **rows).status == 2:
        return LinearStatus.INFEASIBLE, float("nan")
    found = linprog(-cost, bounds=limits, **rows)
    if found.status == 3:
        return LinearStatus.UNBOUNDED, float("nan")
    assert found.status == 0
    return LinearStatus.OPTIMAL, -found.fun


@settings(max_examples=150)
@given(programs())
def test_status_and_optimum_are_scipys(program: tuple[np.ndarray, ...]):
    *given_, cost = program
    found = LinearProgram(*given_).maximise(cost)
    status, value = by_scipy(*program)
    assert found.status is status
    assert found.value == pytest.approx(value, abs=1e-8, nan_ok=True)


@settings(max_examples=80)
@given(programs())
def test_an_optimal_point_is_feasible_and_has_the_value(program: tuple[np.ndarray, ...]):
    weight, bound, lower, upper, cost = program
    found = LinearProgram(weight, bound, lower, upper).maximise(cost)
    if found.status is LinearStatus.OPTIMAL:
        assert (weight @ found.point <= bound + 1e-8).all()
        assert ((found.point >= lower - 1e-8) & (found.point <= upper + 1e-8)).all()
        assert cost @ found.point == pytest.approx(found.value)
    else:
        assert np.isnan(found.value)
        assert found.point.size == 0


@settings(max_examples=60)
@given(programs())
def test_the_smallest_value_is_minus_the_largest_of_minus_the_cost(program):
    *given_, cost = program
    smallest, largest = (
        LinearProgram(*given_).minimise(cost),
        LinearProgram(*given_).maximise(-cost),
    )
    assert smallest.status is largest.status
    assert smallest.value == pytest.approx(-largest.value, nan_ok=True)


@settings(max_examples=60)
@given(programs(bounded=True), st.data())
def test_a_warm_program_answers_like_a_fresh_one(program, data: st.DataObject):
    weight, bound, lower, upper, cost = program
    warm, now = LinearProgram(weight, bound, lower, upper), bound.copy()
    costs = hnp.arrays(np.float64, cost.size, elements=SMALL)
    for _ in range(data.draw(st.integers(1, 6))):
        if bound.size:
            row = data.draw(st.integers(0, bound.size - 1))
            change = data.draw(st.sampled_from(["restore", "infinite", -2.0, 0.0, 3.0]))
            if change == "restore":
                warm.restore_bound(row)
                now[row] = bound[row]
            else:
                now[row] = INFINITY if change == "infinite" else change
                warm.set_bound(row, now[row])
        asked = data.draw(costs)
        found, fresh = (
            warm.maximise(asked),
            LinearProgram(weight, now, lower, upper).maximise(asked),
        )
        assert found.status is fresh.status
        assert found.value == pytest.approx(fresh.value, abs=1e-8, nan_ok=True)


def test_an_empty_set_is_infeasible_even_where_the_objective_is_free_to_grow():
    weight = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
    free = np.full(3, INFINITY)
    program = LinearProgram(weight, np.array([0.0, -1.0]), -free, free)
    assert program.maximise(np.array([0.0, 0.0, 1.0])).status is LinearStatus.INFEASIBLE


def test_an_objective_without_limit_is_unbounded():
    program = LinearProgram(-np.ones((1, 1)), np.zeros(1), np.zeros(1), np.full(1, INFINITY))
    assert program.maximise(np.ones(1)).status is LinearStatus.UNBOUNDED


def test_every_status_says_what_it_means():
    assert all(len(status.value.split()) > 3 for status in LinearStatus)


def test_no_rows_leave_the_bounds_of_the_variables():
    program = LinearProgram(np.zeros((0, 2)), np.zeros(0), np.zeros(2), np.array([1.0, 2.0]))
    assert program.maximise(np.array([1.0, 1.0])).value == 3.0


@pytest.mark.parametrize(
    ("bound", "status"), [(0.0, LinearStatus.OPTIMAL), (-1.0, LinearStatus.INFEASIBLE)]
)
def test_without_variables_the_rows_alone_decide(bound: float, status: LinearStatus):
    nothing = np.zeros(0)
    program = LinearProgram(np.zeros((1, 0)), np.array([bound]), nothing, nothing)
    assert program.maximise(nothing).status is status


@pytest.mark.parametrize("size", [1e-12, 1e-10, 1.0, 1e6])
def test_the_size_of_the_cost_does_not_matter(size: float):
    program = LinearProgram(np.ones((1, 2)), np.array([1.5]), np.zeros(2), np.ones(2))
    assert program.maximise(size * np.array([1.0, 2.0])).value == pytest.approx(2.5 * size)


@pytest.mark.parametrize("size", [1e-12, 1e-10, 1.0, 1e6])
def test_the_size_of_a_row_does_not_matter(size: float):
    program = LinearProgram(size * np.ones((1, 2)), np.array([1.5 * size]), np.zeros(2), np.ones(2))
    assert program.maximise(np.ones(2)).value == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("weight", "bound", "cost"),
    [
        ([[np.nan]], [0.5], [1.0]),
        ([[1.0]], [np.nan], [1.0]),
        ([[1.0]], [0.5], [np.nan]),
    ],
)
def test_numbers_no_solver_can_take_are_an_error_and_never_an_optimum(weight, bound, cost):
    with pytest.raises(SolverError, match="linear program"):
        LinearProgram(np.array(weight), np.array(bound), np.zeros(1), np.ones(1)).maximise(
            np.array(cost)
        )


def test_a_row_that_is_not_there_cannot_be_changed():
    program = LinearProgram(np.ones((1, 1)), np.ones(1), np.zeros(1), np.ones(1))
    with pytest.raises((ExplainReluError, IndexError), match=r"row|out of bounds"):
        program.set_bound(5, 0.0)


def test_the_solver_writes_nothing_to_stdout():
    code = """
import numpy as np
from explainrelu.geometry.linear_program import LinearProgram

LinearProgram(np.ones((1, 2)), np.ones(1), np.zeros(2), np.ones(2)).maximise(np.ones(2))
"""
    # a process of its own: the solver's banner comes once, with the first program
    run = [sys.executable, "-c", code]
    root = Path(__file__).parents[2]
    found = subprocess.run(run, capture_output=True, text=True, check=True, cwd=root)
    assert (found.stdout, found.stderr) == ("", "")


def test_rows_and_limits_change_while_the_program_is_kept():
    program = LinearProgram(np.array([[1.0, 1.0]]), np.array([3.0]), np.zeros(2), np.full(2, 2.0))
    cost = np.array([1.0, 2.0])
    assert program.maximise(cost).value == pytest.approx(5.0)
    program.set_limits(1, 0.0, 0.5)
    assert program.maximise(cost).value == pytest.approx(3.0)
    program.add_row(np.array([2.0, 0.0]), 1.0)
    assert program.maximise(cost).value == pytest.approx(1.5)
    program.set_equal(0, True)
    assert program.maximise(cost).status is LinearStatus.INFEASIBLE
    program.set_equal(0, False)
    assert program.maximise(cost).value == pytest.approx(1.5)
    program.set_bound(1, 2.0)
    assert program.maximise(cost).value == pytest.approx(2.0)
