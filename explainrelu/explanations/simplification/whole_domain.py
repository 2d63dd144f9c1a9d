"""The largest deviation of each rule over the whole domain: all regions, else programs and bounds.

Where all linear regions of the domain can be listed in the time, the answer is the largest of
their cells. Otherwise the rule is taken off the network, which makes one network of the
difference (the inputs are carried to its end), and its largest output over the rule's leaf is
bounded by back-substitution and by a mixed-integer program with the leaf's half-spaces; points
that climb from cell to cell show from below how large it is.
"""

from dataclasses import dataclass
from itertools import product
from time import monotonic
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError, SolverError
from explainrelu.explanations.simplification.cells import CellSolver, Maxima
from explainrelu.explanations.simplification.deviation import Farthest, proven
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.milp.encoding import NetworkProgram, encode
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.network.back_substitution import back_substituted_bounds, form_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.difference import difference_network
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.regions.enumeration import enumerate_regions

__all__ = ["ALL_REGIONS", "bound_over_domain", "climb", "search_all_regions"]

ALL_REGIONS = "all regions of the domain"
_MOST_FREE = 12  # free inputs up to which listing all regions is tried
_MOST_REGIONS = 200_000
_MOST_CHOICES = 64  # combinations of levels up to which each is listed
_STARTS = 12  # of climbing, a rule, side and score
_CLIMBS = 8
_PROGRAM_ENTRIES = 300_000  # weights up to which a program is written
_MOST_NARROWED = 200  # inputs up to which a box is put around a leaf, two programs an input
_ROOM = 1e-7  # share of the domain by which the box around a leaf is widened


def search_all_regions(solver: CellSolver, farthest: Farthest, deadline: float | None) -> bool:
    """List all regions and solve their cells; False where that was not possible in the time."""
    sizes = [choice.values.shape[0] for choice in solver.rows.choices]
    if int(solver.free.sum()) > _MOST_FREE or np.prod(sizes, initial=1.0) > _MOST_CHOICES:
        return False
    left = _MOST_REGIONS
    found = []
    for levels in product(*(choice.values for choice in solver.rows.choices)):
        seconds = None if deadline is None else deadline - monotonic()
        if (seconds is not None and seconds <= 0) or left < 1:
            return False
        lower, upper = solver.box.lower.copy(), solver.box.upper.copy()
        for choice, values in zip(solver.rows.choices, levels, strict=True):
            lower[choice.inputs] = upper[choice.inputs] = values
        regions = enumerate_regions(
            solver.network,
            Box(lower, upper),
            max_regions=left,
            time_limit=seconds,
            tolerances=solver.tolerances,
        )
        if not regions.complete:
            return False
        left -= len(regions)
        found.append(regions.witnesses)
    points, start = np.concatenate(found), monotonic()
    for maxima in solver.solve(points, everywhere=True, deadline=deadline):
        if maxima is None or _hopeless(maxima, points.shape[0], start, deadline):
            return False
        farthest.take(maxima)
    return True


def _hopeless(maxima: Maxima, n_points: int, start: float, deadline: float | None) -> bool:
    """Whether the cells that are left take longer than there is, by those done."""
    if deadline is None:
        return False
    now, done = monotonic(), int(maxima.cell.max(initial=-1)) + 1
    return (now - start) * (n_points - done) / max(1, done) > deadline - now


def climb(
    solver: CellSolver,
    farthest: Farthest,
    points: FloatArray,
    rng: np.random.Generator,
    deadline: float | None,
) -> None:
    """Walk from cell to cell, and from level to level, towards larger deviations."""
    drawn = solver.rows.sample(4096, rng)
    corners = np.where(rng.random(drawn.shape) < 0.5, solver.box.lower, solver.box.upper)
    drawn[2048:] = np.where(solver.free, corners, drawn)[2048:]
    pool = np.concatenate([points, drawn, farthest.found])
    pool = pool[solver.box.contains(pool)]
    farthest.see(pool)
    starts = _best_of(solver, pool)
    for _ in range(_CLIMBS):
        if not starts.size or (deadline is not None and monotonic() > deadline):
            return
        before = farthest.value.copy()
        ends = []
        for maxima in solver.solve(starts, everywhere=False, deadline=deadline):
            if maxima is None:
                return
            farthest.take(maxima)
            at = maxima.point.reshape(maxima.cell.size, -1, points.shape[1])
            away = at - maxima.inside[:, None]
            beyond = at + rng.choice([1e-6, 1e-3, 0.05], (*at.shape[:2], 1)) * away
            ends.append(np.clip(beyond, solver.box.lower, solver.box.upper))
        tried = np.concatenate(ends).reshape(-1, points.shape[1])
        tried = np.concatenate([tried, _other_levels(solver, farthest)])
        farthest.see(tried)
        if (farthest.value <= before).all() and _ > 2:
            return
        starts = _best_of(solver, tried)


def _best_of(solver: CellSolver, pool: FloatArray) -> FloatArray:
    """Of each rule, side and score the points that deviate most."""
    leaf = solver.grown.tree.place(pool)
    away = solver.differences(pool, leaf)
    chosen = []
    for rule in np.unique(leaf):
        rows = np.flatnonzero(leaf == rule)
        for k in range(away.shape[1]):
            order = rows[np.argsort(away[rows, k], kind="stable")]
            chosen += [order[:_STARTS], order[-_STARTS:]]
    return pool[np.unique(np.concatenate(chosen))]


def _other_levels(solver: CellSolver, farthest: Farthest) -> FloatArray:
    """The farthest points with the level of one column changed, every level of every column."""
    points = farthest.found
    found = [np.zeros((0, points.shape[1]))]
    for choice in solver.rows.choices:
        for values in choice.values:
            changed = points.copy()
            changed[:, choice.inputs] = values
            found.append(changed)
    return np.concatenate(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Leaf:
    """A leaf with a box around it."""

    box: Box
    weight: FloatArray
    bound: FloatArray


def bound_over_domain(
    solver: CellSolver, farthest: Farthest, deadline: float | None, *, programs: bool = True
) -> tuple[FloatArray, list[list[str]]]:
    """Bounds of each rule, side and score, and what proves them.

    Without ``programs`` by back-substitution alone.

    Returns
    -------
    bound : (n_rules, 2, n_scores)
        Minus infinity for a rule that no row of the domain belongs to.
    how : (n_rules, n_scores)
    """
    n_rules = solver.grown.tree.n_leaves
    bound = np.full(farthest.value.shape, -np.inf)
    how = [["back-substitution"] * len(solver.view) for _ in range(n_rules)]
    prepared = []
    for rule in range(n_rules):
        late = deadline is not None and monotonic() > deadline
        leaf = _leaf_of(solver, rule, narrow=not late)
        if leaf is None:
            continue
        network = deviation_network(solver, rule)
        bounds = _bounds_of(network, solver.box, leaf)
        bound[rule] = np.stack([bounds.output_upper, -bounds.output_lower])
        prepared.append((rule, leaf, network, bounds))
    np.maximum(bound, farthest.value, out=bound)
    entries = sum(layer.weight.shape[0] * layer.weight.shape[1] for layer in solver.network.layers)
    if programs and entries <= _PROGRAM_ENTRIES:
        for number, (rule, leaf, network, bounds) in enumerate(prepared):
            now = monotonic()
            if deadline is not None and now > deadline:
                break
            until = None if deadline is None else now + (deadline - now) / (len(prepared) - number)
            _by_program(solver, farthest, rule, leaf, network, bounds, bound, how[rule], until)
    return bound, how


def deviation_network(solver: CellSolver, rule: int) -> ReluNetwork:
    """The network of ``network - rule``, for every score."""
    outputs = OutputSchema.numbered(len(solver.view))
    first, schema = solver.network, solver.network.schema
    viewed = ReluNetwork(first.layers, first.score_map(solver.view), schema, outputs)
    formula = AffineMap(solver.grown.weight[rule], solver.grown.bias[rule])
    return difference_network(viewed, ReluNetwork((), formula, schema, outputs))


def _leaf_of(solver: CellSolver, rule: int, *, narrow: bool) -> _Leaf | None:
    """A leaf and a box around its part of the domain; None where no row lies there.

    Without ``narrow``, and for many inputs, the box is the domain.
    """
    weight, bound = solver.grown.tree.half_spaces(rule)
    box = solver.box
    if bound.size and narrow and box.n_inputs <= _MOST_NARROWED:
        ranges = Polytope(weight, bound, box).ranges(tolerances=solver.tolerances)
        if np.isnan(ranges).any():
            return None
        room = _ROOM * (box.upper - box.lower)
        lower = np.clip(ranges[:, 0] - room, box.lower, box.upper)
        upper = np.clip(ranges[:, 1] + room, box.lower, box.upper)
        box = Box(np.minimum(lower, upper), np.maximum(lower, upper))
    rows = RowSpace.of(solver.network.schema, box, levels=bool(solver.rows.choices))
    if any(not choice.values.size for choice in rows.choices):
        return None
    return _Leaf(box, weight, bound)


def _bounds_of(network: ReluNetwork, domain: Box, leaf: _Leaf) -> Bounds:
    """Bounds over the box around a leaf, and those of the domain where they are tighter."""
    near, far = back_substituted_bounds(network, leaf.box), back_substituted_bounds(network, domain)
    lower = [np.maximum(a, b) for a, b in zip(near.lower, far.lower, strict=True)]
    upper = [np.minimum(a, b) for a, b in zip(near.upper, far.upper, strict=True)]
    upper = [np.maximum(a, b) for a, b in zip(lower, upper, strict=True)]
    output = network.output
    ends = form_bounds(network, leaf.box, lower, upper, output.weight, output.bias)
    return Bounds(
        tuple(lower),
        tuple(upper),
        np.maximum(ends[0], near.output_lower),
        np.minimum(ends[1], near.output_upper),
    )


def _by_program(
    solver: CellSolver,
    farthest: Farthest,
    rule: int,
    leaf: _Leaf,
    network: ReluNetwork,
    bounds: Bounds,
    bound: FloatArray,
    how: list[str],
    until: float | None,
) -> None:
    """Lower the bounds of one rule by a mixed-integer program over its leaf."""
    waiting = [
        (k, side)
        for k in range(len(solver.view))
        for side in (0, 1)
        if not proven(farthest.value[rule, side, k], bound[rule, side, k])
    ]
    if not waiting:
        return
    try:
        encoded = encode(network, leaf.box, bounds=bounds, levels=bool(solver.rows.choices))
        _add_half_spaces(encoded, leaf, solver.box)
        program = Program(encoded.problem, tolerances=solver.tolerances)
    except (ArgumentError, SolverError):
        return
    for number, (k, side) in enumerate(waiting):
        seconds = None if until is None else (until - monotonic()) / (len(waiting) - number)
        if seconds is not None and seconds <= 0:
            return
        try:
            found = program.maximise({encoded.scores[k]: (1.0, -1.0)[side]}, time_limit=seconds)
        except SolverError:
            continue
        if found.status is SolveStatus.INFEASIBLE:
            continue
        if found.point.size:
            solved = np.array([found.point[variable.index] for variable in encoded.inputs])
            row = encoded.rows.nearest(solved)
            if solver.box.contains(row[None])[0]:
                farthest.see(row[None])
        room = 10.0 * solver.tolerances.feasibility * max(1.0, abs(found.bound))
        if found.bound + room < bound[rule, side, k]:
            bound[rule, side, k] = max(found.bound + room, farthest.value[rule, side, k])
            how[k] = "mixed-integer program"


def _add_half_spaces(encoded: NetworkProgram, leaf: _Leaf, domain: Box) -> None:
    """The rows of a leaf, widened by what rounding may take from them."""
    import pulp

    far = np.maximum(np.abs(domain.lower), np.abs(domain.upper))
    for number, (weight, bound) in enumerate(zip(leaf.weight, leaf.bound, strict=True)):
        length = float(np.abs(weight).max()) or 1.0
        terms: list[tuple[Any, float]] = [
            (encoded.inputs[i], float(weight[i]) / length) for i in np.flatnonzero(weight)
        ]
        room = 1e-12 * float(np.abs(weight) @ far + abs(bound)) / length
        form = pulp.LpAffineExpression(terms)
        row = pulp.LpConstraint(
            form, pulp.LpConstraintLE, name=f"leaf_{number}", rhs=float(bound) / length + room
        )
        encoded.problem.addConstraint(row)
