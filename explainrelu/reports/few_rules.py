"""A few rules in place of the network, for a report that is the same every time it is made."""

from collections.abc import Iterator
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Check
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.simplification.cells import CellSolver
from explainrelu.explanations.simplification.deviation import Deviations, Farthest, Scope
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.explanations.simplification.proving import certificate_of
from explainrelu.explanations.simplification.whole_domain import climb, deviation_network
from explainrelu.explanations.simplify import simplify
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.milp.rows import RowSpace
from explainrelu.network.back_substitution import back_substituted_bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, pattern_keys
from explainrelu.tolerances import Tolerances

__all__ = ["FEWEST_ROWS", "checked_few_rules", "few_rule_checks", "few_rule_tables", "few_rules_of"]

FEWEST_ROWS = 20
"""Fewer rows get no few rules: there is too little to fit them to and to measure them on."""

_AT_ONCE = 1e-9  # seconds: simplify then proves what takes no search, by bounds of whole leaves
_CELL, _LARGEST = 2_000, 100_000_000  # work of a cell before its program, and of all at most
_MOST_NARROWED = 200  # inputs up to which a box is put around a leaf, two programs an input
_ROOM = 1e-7  # share of the domain by which it is widened
_BY_CELLS = "a linear program a region"


def checked_few_rules(few_rules: Any) -> int | None:
    """How many rules at most, None for no few rules.

    Raises
    ------
    InputTypeError
        For what is no whole number.
    ArgumentError
        For a number below one.

    Examples
    --------
    >>> checked_few_rules(6), checked_few_rules(None)
    (6, None)
    """
    if few_rules is None:
        return None
    said = (
        "few_rules must be a whole number of at least 1, or None to leave the few rules out, got "
        f"{few_rules!r}."
    )
    if isinstance(few_rules, bool) or not isinstance(few_rules, Integral):
        raise InputTypeError(said)
    if few_rules < 1:
        raise ArgumentError(said)
    return int(few_rules)


def few_rules_of(
    network: ReluNetwork,
    frame: pd.DataFrame,
    max_rules: int,
    *,
    output: Any,
    domain: Box | None,
    time_limit: float | None,
    random_state: int,
    tolerances: Tolerances,
) -> FewRules:
    """A few rules, with a proof that is the same in every run unless a time is given for it.

    Parameters
    ----------
    frame : (n_samples, n_columns)
        At least ``FEWEST_ROWS`` raw rows.
    domain
        What the proof is about; the smallest box around the rows where it does not hold them all.
    time_limit
        Seconds for the proof. None takes the clock out of it.

    Notes
    -----
    Without a clock the largest deviation over the regions visited is exact, by a linear program a
    region and rule, unless there are too many; over the whole domain it lies between a point
    that was climbed to and a bound by back-substitution. Mixed-integer programs, which would
    often close that gap, stop at a moment that differs from run to run.
    """
    points = network.schema.encode(frame)
    if domain is not None and not domain.contains(points).all():
        domain = None
    found = simplify(
        network,
        frame,
        max_rules=max_rules,
        domain=domain,
        output=output,
        time_limit=_AT_ONCE if time_limit is None else time_limit,
        random_state=random_state,
        tolerances=tolerances,
    )
    return found if time_limit is not None else _proven(found, points, random_state)


def _proven(found: FewRules, points: FloatArray, seed: int) -> FewRules:
    """The same rules with their deviations proven as far as it goes without a clock."""
    rows = RowSpace.of(found.network.schema, found.domain)
    solver = CellSolver(found.network, found.view, found.grown, rows, found.tolerances)
    rng = np.random.default_rng(seed)
    visited = _over_regions_visited(solver, found, points)
    whole = _over_domain(solver, found, visited, points, rng)
    certificate = certificate_of(solver, visited, whole, rng)
    return replace(found, visited=visited, whole=whole, certificate=certificate)


def _over_regions_visited(solver: CellSolver, found: FewRules, points: FloatArray) -> Deviations:
    """The largest deviations over the regions that rows visit, exact where they can be solved."""
    first = _one_a_region(solver, points)
    program = solver.network.n_neurons * int(solver.free.sum()) ** 2 * len(found.view)
    if first.size * len(found) * (_CELL + program) > _LARGEST:
        return found.visited
    seen = Farthest(solver)
    seen.see(points)
    for maxima in solver.solve(points[first], everywhere=True, deadline=None):
        if maxima is not None:
            seen.take(maxima)
    bound = np.maximum(seen.bound, seen.value)
    how = tuple((_BY_CELLS,) * len(found.view) for _ in range(len(found)))
    return _deviations(Scope.VISITED, solver, seen, bound.max(axis=1), how)


def _one_a_region(solver: CellSolver, points: FloatArray) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """A row of each region and choice of levels."""
    key = pattern_keys(activation_patterns(solver.network, points))
    held = [points[:, choice.inputs] for choice in solver.rows.choices]
    table = np.column_stack([pd.factorize(key)[0], *held])
    return np.unique(table, axis=0, return_index=True)[1].astype(np.int64)


def _over_domain(
    solver: CellSolver,
    found: FewRules,
    visited: Deviations,
    points: FloatArray,
    rng: np.random.Generator,
) -> Deviations:
    """Points that climb, under bounds by back-substitution over the box around each leaf."""
    far = Farthest(solver)
    for deviations in (visited, found.whole):
        far.see(deviations.witness[~np.isnan(deviations.value)])
    climb(solver, far, points, rng, None)
    bound = np.array(found.whole.bound)
    for rule in range(len(found)):
        box = _box_around(solver, rule)
        if box is not None:
            outputs = back_substituted_bounds(deviation_network(solver, rule), box)
            tight = np.maximum(outputs.output_upper, -outputs.output_lower)
            bound[rule] = np.minimum(bound[rule], tight)
    return _deviations(Scope.DOMAIN, solver, far, bound, found.whole.how)


def _box_around(solver: CellSolver, rule: int) -> Box | None:
    """A box around a rule's part of the domain; None where that would be no smaller."""
    weight, bound = solver.grown.tree.half_spaces(rule)
    box = solver.box
    if not bound.size or box.n_inputs > _MOST_NARROWED:
        return None
    ranges = Polytope(weight, bound, box).ranges(tolerances=solver.tolerances)
    if np.isnan(ranges).any():
        return None
    room = _ROOM * (box.upper - box.lower)
    lower = np.clip(ranges[:, 0] - room, box.lower, box.upper)
    upper = np.clip(ranges[:, 1] + room, box.lower, box.upper)
    return Box(np.minimum(lower, upper), np.maximum(lower, upper))


def _deviations(
    scope: Scope,
    solver: CellSolver,
    farthest: Farthest,
    bound: FloatArray,
    how: tuple[tuple[str, ...], ...],
) -> Deviations:
    """Both sides together, each value as its witness gives it alone."""
    side = farthest.value.argmax(axis=1)[:, None]
    value = np.take_along_axis(farthest.value, side, axis=1)[:, 0]
    witness = np.take_along_axis(farthest.point, side[..., None], axis=1)[:, 0]
    value = np.where(np.isfinite(value), value, np.nan)
    for rule, k in np.argwhere(~np.isnan(value)):
        away = solver.differences(witness[rule, k][None], np.array([rule]))
        value[rule, k] = np.abs(away[0, k])
    nobody = ~np.isfinite(bound) & (np.isnan(bound) | (bound < 0))
    bound = np.where(nobody, np.nan, np.fmax(bound, value))
    return Deviations(scope, value, bound, witness, how, solver.tolerances)


def few_rule_tables(found: FewRules) -> dict[str, pd.DataFrame]:
    """Their tables, by the names of :mod:`explainrelu.reports.tables`."""
    return {
        "few_rules": found.to_frame(),
        "few_rule_conditions": found.conditions(),
        "few_rule_coefficients": found.coefficients(),
        "few_rule_deviations": found.deviations(),
        "few_rule_quality": found.quality,
        "few_rule_curve": found.trade_off(),
    }


def few_rule_checks(certificate: Certificate | None) -> Iterator[Check]:
    """The checks of few rules, named so."""
    for check in certificate.checks if certificate is not None else ():
        yield replace(check, name=f"few rules: {check.name}")
