"""The certificate of few rules: deviations over the regions visited and over the whole domain."""

from functools import cache
from time import monotonic

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.explanations.simplification.cells import CellSolver
from explainrelu.explanations.simplification.deviation import Deviations, Farthest, Scope
from explainrelu.explanations.simplification.whole_domain import (
    ALL_REGIONS,
    bound_over_domain,
    climb,
    search_all_regions,
)
from explainrelu.network.patterns import activation_patterns, pattern_keys
from explainrelu.regions.search.compiling import compile_search

__all__ = ["bounded_deviations", "certificate_of", "largest_deviations"]

_CELL, _LARGEST = 2_000, 100_000_000  # work of a cell before its program, and of all at most
_CLIMBED = 200  # cells, of each rule and score, that points climb through at most, about
_VISITED_SHARE = 0.6  # of the time, for the regions visited
_LISTING_SHARE = 0.4  # of what is left, for listing all regions
_CLIMBING_SHARE = 0.25  # of what is left, for points that climb
_DRAWN = 10_000  # points that are held against the bounds


def largest_deviations(
    solver: CellSolver,
    points: FloatArray,
    rng: np.random.Generator,
    *,
    time_limit: float | None,
) -> tuple[Deviations, Deviations]:
    """The deviations over the regions that points visit, and over the whole domain.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Rows inside the domain.
    """
    _compile()
    until = None if time_limit is None else monotonic() + time_limit
    seen = Farthest(solver)
    complete = _visit(solver, seen, points, _until(until, _VISITED_SHARE))
    far = Farthest(solver)
    far.see(seen.found)
    if search_all_regions(solver, far, _until(until, _LISTING_SHARE)):
        bound = np.maximum(far.bound, far.value)
        how = [[ALL_REGIONS] * len(solver.view) for _ in range(solver.grown.tree.n_leaves)]
    else:
        # bounds of cells are no bounds of the domain, but their points are in it
        climb(solver, far, points, rng, _until(until, _CLIMBING_SHARE))
        bound, how = bound_over_domain(solver, far, until)
    return _both(solver, seen, complete, far, bound, how)


def bounded_deviations(
    solver: CellSolver, points: FloatArray, rng: np.random.Generator
) -> tuple[Deviations, Deviations]:
    """:func:`largest_deviations` without search or clock: the same in every run.

    Over the regions that points visit exact, unless there are too many; over the whole domain
    between a point that was seen or climbed to and a bound by back-substitution.
    """
    n_rules, n_scores = solver.grown.tree.n_leaves, len(solver.view)
    seen = Farthest(solver)
    complete = _affordable(solver, len(_one_a_region(solver, points)) * n_rules)
    if complete:
        _visit(solver, seen, points, None)
    else:
        seen.see(points)
    far = Farthest(solver)
    far.see(seen.found)
    if _affordable(solver, _CLIMBED * n_rules * n_scores):
        climb(solver, far, points, rng, None)
    bound, how = bound_over_domain(solver, far, None, programs=False)
    return _both(solver, seen, complete, far, bound, how)


def _both(
    solver: CellSolver,
    seen: Farthest,
    complete: bool,
    far: Farthest,
    bound: FloatArray,
    how: list[list[str]],
) -> tuple[Deviations, Deviations]:
    whole = _deviations(Scope.DOMAIN, solver, far, bound, how)
    visited_bound, visited_how = _visited_bound(seen, whole, complete)
    return _deviations(Scope.VISITED, solver, seen, visited_bound, visited_how), whole


def _affordable(solver: CellSolver, n_cells: int) -> bool:
    """Whether so many cells are few enough to be solved without looking at the clock."""
    program = solver.network.n_neurons * int(solver.free.sum()) ** 2 * len(solver.view)
    return n_cells * (_CELL + program) <= _LARGEST


def certificate_of(
    solver: CellSolver, visited: Deviations, whole: Deviations, rng: np.random.Generator
) -> Certificate:
    """What was proven, check by check; the deviations themselves are the values of checks."""
    replayed = max(_replay_gap(solver, visited), _replay_gap(solver, whole))
    drawn = solver.rows.sample(_DRAWN, rng)
    leaf = solver.grown.tree.place(drawn)
    away = np.abs(solver.differences(drawn, leaf)) - whole.bound[leaf]
    scale = max(1.0, whole.largest_bound)
    return Certificate(
        (
            Check.at_most(
                "each witness deviates as named, by the network itself",
                replayed,
                0.0,
                Exactness.EXACT,
                f"{whole.value.size + visited.value.size} witnesses replayed",
            ),
            _deviation_check("regions that data visit", visited),
            _deviation_check("whole domain", whole),
            Check.at_most(
                "no drawn point deviates by more than its rule's bound",
                float(np.nanmax(away, initial=-np.inf)) / scale,
                solver.tolerances.agreement,
                Exactness.ESTIMATED,
                f"{_DRAWN} points drawn from the domain",
            ),
        )
    )


def _deviation_check(where: str, deviations: Deviations) -> Check:
    bound = deviations.largest_bound
    status = Status.HOLDS if np.isfinite(bound) else Status.UNDECIDED
    detail = (
        f"over the {where}; {deviations.largest_value:.6g} is attained at a witness; "
        f"{int(deviations.exact.sum())} of {deviations.exact.size} figures exact"
    )
    name = f"no point deviates by more, {where}"
    return Check(name, status, bound, float("nan"), deviations.exactness, detail)


@cache
def _compile() -> None:
    """What is compiled when it first runs is so before the clock starts."""
    from explainrelu.geometry.maxima import maxima_of_many

    compile_search()
    walls, inside = np.array([[[1.0, -1.0]]]), np.zeros((1, 1))
    numbers = np.empty((1, 1, 1)), np.empty((1, 1)), np.empty((1, 1))
    maxima_of_many(walls, np.ones((1, 2)), inside, np.ones((1, 1, 1)), *numbers)


def _visit(solver: CellSolver, seen: Farthest, points: FloatArray, deadline: float | None) -> bool:
    """Solve the cells of the regions that points visit; False where the time was over."""
    seen.see(points)
    first = _one_a_region(solver, points)
    # the cells that hold the worst rows first: should the time end, they are done
    leaf = solver.grown.tree.place(points[first])
    worst = np.abs(solver.differences(points[first], leaf)).max(axis=1)
    order = first[np.argsort(-worst, kind="stable")]
    for maxima in solver.solve(points[order], everywhere=True, deadline=deadline):
        if maxima is None:
            return False
        seen.take(maxima)
    return True


def _one_a_region(solver: CellSolver, points: FloatArray) -> IntArray:
    """A row of each region and choice of levels."""
    key = pattern_keys(activation_patterns(solver.network, points))
    held = [points[:, choice.inputs] for choice in solver.rows.choices]
    table = np.column_stack([pd.factorize(key)[0], *held])
    return np.asarray(np.unique(table, axis=0, return_index=True)[1], dtype=np.int64)


def _visited_bound(
    seen: Farthest, whole: Deviations, complete: bool
) -> tuple[FloatArray, list[list[str]]]:
    n_rules, _, n_scores = seen.value.shape
    if complete:
        how = [["a linear program a region"] * n_scores for _ in range(n_rules)]
        return np.maximum(seen.bound, seen.value), how
    how = [["the whole domain"] * n_scores for _ in range(n_rules)]
    return np.repeat(whole.bound[:, None], 2, axis=1), how


def _deviations(
    scope: Scope,
    solver: CellSolver,
    farthest: Farthest,
    bound: FloatArray,
    how: list[list[str]],
) -> Deviations:
    """Both sides together: the larger one of each rule and score."""
    side = farthest.value.argmax(axis=1)[:, None]
    value = np.take_along_axis(farthest.value, side, axis=1)[:, 0]
    witness = np.take_along_axis(farthest.point, side[..., None], axis=1)[:, 0]
    most = bound.max(axis=1)
    nobody = ~np.isfinite(most) & (most < 0)  # no point in scope belongs to the rule
    value = np.where(np.isfinite(value), value, np.nan)
    for rule, k in np.argwhere(~np.isnan(value)):  # alone, as a replay gives it: the same digits
        value[rule, k] = _replayed(solver, witness[rule, k], rule, k)
    most = np.where(nobody, np.nan, np.fmax(most, value))
    return Deviations(scope, value, most, witness, tuple(map(tuple, how)), solver.tolerances)


def _replay_gap(solver: CellSolver, deviations: Deviations) -> float:
    """How far any named deviation lies from that of its witness, or infinity for a wrong rule."""
    worst = 0.0
    for rule, k in np.argwhere(~np.isnan(deviations.value)):
        point = deviations.witness[rule, k]
        if solver.grown.tree.place(point[None])[0] != rule:
            return float("inf")
        gap = _replayed(solver, point, rule, k) - deviations.value[rule, k]
        worst = max(worst, abs(float(gap)))
    return worst


def _replayed(solver: CellSolver, point: FloatArray, rule: int, k: int) -> float:
    return float(np.abs(solver.differences(point[None], np.array([rule]))[0, k]))


def _until(until: float | None, share: float) -> float | None:
    """The moment when a share of the time that is left is over."""
    if until is None:
        return None
    now = monotonic()
    return now + share * max(0.0, until - now)
