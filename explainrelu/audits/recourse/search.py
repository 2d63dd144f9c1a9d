"""The nearest change of one row, with proof.

A candidate found without proof gives a radius; only what lies within it can be nearer. Over those
rows the preactivations are bounded, which leaves few switches open, and one mixed-integer program
finds the nearest row or shows that there is none. For l2 the program has a distance that is
bounded from below; the nearest row of the region it finds bounds it from above, and tangents
there close the gap, program by program.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from time import monotonic
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, frozen_floats
from explainrelu.audits.recourse.candidates import Candidate, best_candidate
from explainrelu.audits.recourse.distance import Distance, Norm
from explainrelu.audits.recourse.euclidean import nearest_in_region
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.near_bounds import Near, n_open
from explainrelu.audits.recourse.target import Target
from explainrelu.milp.encoding import NetworkProgram
from explainrelu.milp.solving import Outcome, Program, SolveStatus
from explainrelu.network.back_substitution import back_substituted_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["CounterfactualStatus", "Nearest", "nearest_change"]

_CLOSED = 1e3  # feasibility tolerances between distance and bound that count as none
_SLACK = 1e-6  # share that the radius is larger than the candidate's distance
_TRIES = 60  # programs, at most
_AROUND = np.array([0.7, 0.85, 1.0, 1.15, 1.3])  # of a candidate's parts: first tangents of l2
_EASY = 24  # open units that one program over the whole radius is tried with
_AHEAD = 0.5  # share of what lies between bound and candidate that is searched next
_ALMOST = 0.98  # of the whole radius: worth no program of its own
_WALKING = 0.3  # of the time, at most, for a candidate
_BOUNDING = 0.5  # of the time left, at most, for bounds
_SHARE_OF_TIME = 0.3  # of the time left for a program that covers less than the whole radius
_LEAST = 0.5  # seconds
_FARTHER = 8.0  # factor of the room when a row that was solved for does not replay
_SAME = 2e-9  # of the range of an input: a change this small is none


class CounterfactualStatus(StrEnum):
    """What is known of the nearest change."""

    OPTIMAL = "optimal"
    BOUNDED = "bounded"
    INFEASIBLE = "infeasible"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest change of one row that was found, and what is proven of it.

    Attributes
    ----------
    status
        ``optimal``: no row is nearer by more than the tolerance. ``bounded``: none is nearer than
        ``bound``. ``infeasible``: there is none. ``undecided``: none was found, and none is
        nearer than ``bound``.
    point : (n_inputs,)
        The row; empty where none was found.
    distance
        Its distance; infinity where none was found.
    bound
        No row that reaches the target is nearer; infinity where there is none.
    target
        What it reaches.
    seconds
        Time spent.
    """

    status: CounterfactualStatus
    point: FloatArray
    distance: float
    bound: float
    target: Target
    seconds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "point", frozen_floats(self.point, 1, "point"))

    @property
    def gap(self) -> float:
        """How much nearer a row could be: 0 where none is, infinity where none was found."""
        if self.status in (CounterfactualStatus.OPTIMAL, CounterfactualStatus.INFEASIBLE):
            return 0.0
        return self.distance - self.bound if self.point.size else np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is asked of one row.

    Attributes
    ----------
    network
        The model, over the schema of the moves.
    moves, distance, target
        Where the row may go, how far that is, and what it has to reach.
    room
        How far beyond its bounds a score has to lie.
    excluded
        Sets of columns of which not all may change.
    known : (n_known, n_inputs)
        Encoded rows that may reach the target.
    accepts
        Whether the model itself puts an encoded point where it is wanted.
    """

    network: ReluNetwork
    moves: MoveSpace
    distance: Distance
    target: Target
    room: float
    excluded: tuple[frozenset[int], ...]
    known: FloatArray
    accepts: Callable[[FloatArray, Target], bool]
    tolerances: Tolerances


def nearest_change(
    task: Task, *, deadline: float | None, rng: np.random.Generator, farthest: float = np.inf
) -> Nearest:
    """The nearest row that reaches the target.

    Parameters
    ----------
    deadline
        Seconds of ``time.monotonic`` at which the search ends with what it has.
    farthest
        Rows farther than this are of no interest.
    """
    factor = _enlarging(task)
    enlarged = replace(task, target=task.target.scaled(factor), room=factor * task.room)
    return replace(_Search(enlarged, deadline).run(rng, farthest), target=task.target)


def _enlarging(task: Task) -> float:
    """A power of two that makes scores large enough for a solver's tolerances."""
    found = back_substituted_bounds(task.target.network(task.network), task.moves.box)
    largest = float(np.abs([found.output_lower, found.output_upper]).max())
    return float(2.0 ** np.ceil(-np.log2(largest))) if 0 < largest < 1 else 1.0


class _Search:
    """The search of one row and target."""

    def __init__(self, task: Task, deadline: float | None) -> None:
        self._task, self._deadline, self._start = task, deadline, monotonic()
        self._moves, self._distance = task.moves, task.distance
        self._scored = task.target.network(task.network)
        self._small = _CLOSED * task.tolerances.feasibility
        self._best: Candidate | None = None
        self._bound = 0.0
        self._tangents = np.zeros((0, task.moves.schema.n_columns))
        self._whole = self._ceiling = np.inf
        self._hard: bool | None = None

    def run(self, rng: np.random.Generator, farthest: float) -> Nearest:
        task = self._task
        self._take(self._moves.query)
        if self._best is not None:
            return self._ended(CounterfactualStatus.OPTIMAL, 0.0)
        if not self._moves.movable.any():
            return self._ended(CounterfactualStatus.INFEASIBLE, np.inf)
        found = best_candidate(
            self._scored, self._moves, self._distance, task.target, task.room,
            excluded=task.excluded, known=task.known, rng=rng,
            deadline=self._part_of_time(_WALKING),
        )  # fmt: skip
        if found is not None:
            self._take(found.point)
            parts = self._distance.parts(self._moves, found.point[None])
            self._tangents = _AROUND[:, None] * parts
        self._bound = self._least()
        return self._proven(farthest)

    def _least(self) -> float:
        """What the first column to change costs, where any amount of it does."""
        costs = self._distance.costs[self._moves.movable & self._counts_changes]
        every = bool((self._counts_changes | ~self._moves.movable).all())
        return float(costs.min()) if every else 0.0

    @property
    def _counts_changes(self) -> BoolArray:
        if self._distance.norm is Norm.L0:
            return np.ones(self._moves.schema.n_columns, dtype=np.bool_)
        return self._moves.categorical

    def _proven(self, farthest: float) -> Nearest:
        """Programs until distance and bound meet, or time or tries end."""
        room = self._task.room
        for _ in range(_TRIES):
            if self._closed:
                return self._ended(CounterfactualStatus.OPTIMAL, self._bound)
            if self._late:
                break
            radius = self._next_radius(farthest)
            outcome, points = self._solved(radius, room)
            if outcome is None or outcome.status is SolveStatus.INFEASIBLE:
                if radius >= self._whole or room != self._task.room:
                    return self._nothing_within(farthest, room)
                self._bound = max(self._bound, self._rounded(radius))
                continue
            if room == self._task.room:
                self._raise_bound(-outcome.bound, radius)
            before = self._best
            replays = [self._take(point) for point in points]
            if points and not any(replays):
                room *= _FARTHER
            if outcome.status is not SolveStatus.OPTIMAL:
                if radius >= self._whole:
                    break
                self._ceiling = radius
            elif self._distance.norm is Norm.L2 and points:
                parts = self._distance.parts(self._moves, np.array(points))
                self._tangents = np.vstack([self._tangents, parts])
            elif any(replays) and self._best is before and room == self._task.room:
                break  # the same row again: solving once more closes nothing
        if self._closed:
            return self._ended(CounterfactualStatus.OPTIMAL, self._bound)
        status = CounterfactualStatus.BOUNDED if self._best else CounterfactualStatus.UNDECIDED
        return self._ended(status, self._bound)

    def _nothing_within(self, farthest: float, room: float) -> Nearest:
        """No row within the whole radius, the solver says."""
        if room != self._task.room:  # that was asked of rows farther from the boundary only
            status = CounterfactualStatus.BOUNDED if self._best else CounterfactualStatus.UNDECIDED
            return self._ended(status, self._bound)
        if self._best is None and farthest == np.inf:
            return self._ended(CounterfactualStatus.INFEASIBLE, np.inf)
        if self._best is None:
            return self._ended(CounterfactualStatus.UNDECIDED, farthest)
        if self._best.distance > farthest:
            return self._ended(CounterfactualStatus.BOUNDED, max(self._bound, farthest))
        # the candidate itself lies within: solver and network disagree, so nothing is claimed
        return self._ended(CounterfactualStatus.BOUNDED, self._bound)

    def _next_radius(self, farthest: float) -> float:
        """The radius to search next: all that is of interest, or less of it where that is hard."""
        self._whole = self._radius(farthest)
        if self._hard is None:
            moves = self._moves.within(self._distance.reach(self._moves, self._whole))
            box = self._moves.box if moves is None else moves.box
            found = back_substituted_bounds(self._scored, box)
            self._hard = n_open(self._scored, found) > _EASY
        if not self._hard:
            return self._whole
        if self._ceiling < self._whole:  # a smaller radius took too long: all on one program
            return self._whole
        radius = self._bound + _AHEAD * (self._whole - self._bound)
        return radius if radius < _ALMOST * self._whole else self._whole

    def _rounded(self, bound: float) -> float:
        """Of l0 with one cost for all columns: the next whole number of them."""
        costs = np.unique(self._distance.costs[self._moves.movable])
        if self._distance.norm is not Norm.L0 or costs.size != 1:
            return bound
        return float(np.ceil(bound / costs[0] - _SLACK) * costs[0])

    def _radius(self, farthest: float) -> float:
        """The distance within which rows are still of interest."""
        corners = np.where(
            np.abs(self._moves.box.upper - self._moves.query)
            > np.abs(self._moves.box.lower - self._moves.query),
            self._moves.box.upper,
            self._moves.box.lower,
        )
        parts = self._distance.parts(self._moves, corners[None])[0]
        parts = np.where(self._moves.categorical & self._moves.movable, self._distance.costs, parts)
        if self._distance.norm is Norm.L0:
            parts = np.where(self._moves.movable, self._distance.costs, 0.0)
        size = {Norm.L2: np.linalg.norm, Norm.LINF: np.max}.get(self._distance.norm, np.sum)
        whole = float(size(parts))  # type: ignore[operator]  # one of three reductions
        near = self._best.distance if self._best else np.inf
        return (1 + _SLACK) * min(whole, near, farthest)

    def _solved(self, radius: float, room: float) -> tuple[Outcome | None, list[FloatArray]]:
        """The program of a radius, and the rows that its solution gives; None for no program."""
        task = self._task
        moves = self._moves.within(self._distance.reach(self._moves, radius))
        if moves is None:
            return None, []
        near = Near(
            replace(self._scored, schema=moves.schema), moves, self._distance, task.target, room,
            radius, self._bound, task.excluded, self._tangents, task.tolerances,
        )  # fmt: skip
        bounds = near.bounds(self._part_of_time(_BOUNDING))
        made = None if bounds is None else near.program(bounds)
        if made is None or bounds is None:
            return None, []
        encoded, rows = made
        program = Program(encoded.problem, tolerances=task.tolerances)
        outcome = program.maximise({rows.total: -1.0}, time_limit=self._seconds(radius))
        if not outcome.point.size:
            return outcome, []
        return outcome, self._rows_of(outcome, encoded, moves, bounds, room)

    def _seconds(self, radius: float) -> float | None:
        """Time for one program: all that is left where its radius holds all rows of interest."""
        if self._deadline is None:
            return None
        left = max(self._deadline - monotonic(), 0.0)
        return left if radius >= self._whole else min(left, max(_LEAST, _SHARE_OF_TIME * left))

    def _rows_of(
        self,
        outcome: Outcome,
        encoded: NetworkProgram,
        near: MoveSpace,
        bounds: Bounds,
        room: float,
    ) -> list[FloatArray]:
        """The solver's row on its steps and levels, and for l2 the nearest of its region."""
        solved = np.array([outcome.point[variable.index] for variable in encoded.inputs])
        point = self._settled(near, solved)
        if self._distance.norm is not Norm.L2:
            return [point]
        active = [
            _active(layer.rectified, lower, switches, outcome.point)
            for layer, lower, switches in zip(
                encoded.network.layers, bounds.lower, encoded.switches, strict=True
            )
        ]
        found = nearest_in_region(
            encoded.network, self._moves, self._distance, self._task.target, room, point, active
        )
        return [point] if found is None else [point, self._settled(self._moves, found)]

    def _settled(self, moves: MoveSpace, solved: FloatArray) -> FloatArray:
        """A solved row without the solver's rounding, on its steps and levels."""
        point = moves.snapped(solved[None])[0]
        size = np.maximum(1.0, moves.box.upper - moves.box.lower)
        same = np.abs(point - moves.query) <= _SAME * size
        inside = (moves.query >= moves.box.lower) & (moves.query <= moves.box.upper)
        return np.where(same & inside, moves.query, point)

    def _take(self, point: FloatArray) -> bool:
        """Keep a row where it reaches the target and is nearer; whether it reaches the target."""
        task, moves = self._task, self._moves
        if moves.violations(point[None])[0] > task.tolerances.containment:
            return False
        changed = set(np.flatnonzero(moves.changed(point[None])[0]).tolist())
        if any(columns <= changed for columns in task.excluded):
            return False
        scores = self._scored.forward(point[None])
        if not task.target.reached(scores, task.room / 2)[0] or not task.accepts(
            point, task.target
        ):
            return False
        away = float(self._distance.of(moves, point[None])[0])
        if self._best is None or away < self._best.distance:
            self._best = Candidate(point, away)
        return True

    def _raise_bound(self, total: float, radius: float) -> None:
        if np.isfinite(total) and total > 0:
            share = np.sqrt(total) if self._distance.norm is Norm.L2 else total
            # the program speaks of rows within its radius only
            self._bound = max(self._bound, self._rounded(min(float(share), 1.0) * radius))

    @property
    def _closed(self) -> bool:
        best = self._best
        return best is not None and best.distance - self._bound <= self._small * best.distance

    @property
    def _late(self) -> bool:
        return self._deadline is not None and monotonic() >= self._deadline

    def _part_of_time(self, share: float) -> float | None:
        now = monotonic()
        return None if self._deadline is None else now + share * (self._deadline - now)

    def _ended(self, status: CounterfactualStatus, bound: float) -> Nearest:
        best, seconds = self._best, monotonic() - self._start
        if best is None:
            return Nearest(status, np.zeros(0), np.inf, bound, self._task.target, seconds)
        bound = min(bound, best.distance)
        return Nearest(status, best.point, best.distance, bound, self._task.target, seconds)


def _active(
    rectified: BoolArray,
    lower: FloatArray,
    switches: Sequence[Any],
    values: FloatArray,
) -> BoolArray:
    """Which units of a layer pass their preactivation on in a solution."""
    found = ~rectified | (lower >= 0)
    for j, switch in enumerate(switches):
        if switch is not None:
            found[j] = values[switch.index] > 0.5
    return np.asarray(found, dtype=np.bool_)
