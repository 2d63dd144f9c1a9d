"""Changes that reach the target, found without proof: the nearer, the smaller the search."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from time import monotonic

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.audits.recourse.distance import Distance
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.stepping import least_step
from explainrelu.audits.recourse.target import Target
from explainrelu.milp.climbing import climbed
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import activation_patterns, affine_maps

__all__ = ["Candidate", "best_candidate"]

_SHARES = np.linspace(0.0, 1.0, 33)[1:]  # of the way to a row that reaches the target
_NEAREST = 64  # rows of the target that are walked to
_SAMPLES = 128
_ALONG = 41  # places along the range of a single column
_MOST_ROWS = 4096  # of single columns changed
_MOST_TAKEN = 64  # columns that are taken back, the largest parts first
_STEPS = 40
_LENGTHS = np.array([1.0, 1.0 + 1e-6, 1.0 + 1e-3, 1.01, 1.05, 1.2, 1.5, 2.0])
_KEPT = 6  # candidates that are drawn in
_ROUNDS = 60
_HELD = 24  # ways to hold a column of each excluded set


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A row of the moves that reaches the target.

    Attributes
    ----------
    point : (n_inputs,)
    distance
        From the row.
    """

    point: FloatArray
    distance: float


def best_candidate(
    scored: ReluNetwork,
    moves: MoveSpace,
    distance: Distance,
    target: Target,
    room: float,
    *,
    excluded: Sequence[frozenset[int]],
    known: FloatArray,
    rng: np.random.Generator,
    deadline: float | None,
) -> Candidate | None:
    """The nearest of some rows that reach the target; None where none was found.

    Parameters
    ----------
    scored
        The network of the target's scores.
    excluded
        Sets of columns of which not all may change.
    known : (n_known, n_inputs)
        Encoded rows that may reach the target.
    deadline
        Of ``time.monotonic``; the search ends soon after it.

    Notes
    -----
    Walks from the row towards known rows, and towards rows that climbing finds; draws the
    nearest in by taking back a column, or half of its change, while the target is still
    reached. Nothing is claimed of what it finds but that it is a row of the moves that reaches
    the target. Cost: some thousand forward passes.
    """
    found: Candidate | None = None
    for columns in islice(product(*map(sorted, excluded)), _HELD):
        space = moves.holding(columns) if columns else moves
        if space is None or not space.movable.any():
            continue
        search = _Search(scored, space, distance, target, room, deadline)
        for start in search.starts(known, rng):
            drawn = search.drawn_in(search.stepped(start))
            if found is None or drawn.distance < found.distance:
                found = drawn
    return found


class _Search:
    """Candidates of one space."""

    def __init__(
        self,
        scored: ReluNetwork,
        moves: MoveSpace,
        distance: Distance,
        target: Target,
        room: float,
        deadline: float | None,
    ) -> None:
        self._scored, self._moves, self._distance = scored, moves, distance
        self._target, self._room, self._deadline = target, room, deadline
        self._amounts = np.ones(moves.query.size, dtype=np.bool_)
        for choice in moves.rows.choices:
            self._amounts[choice.inputs] = False
        self._columns = [int(i) for i in np.flatnonzero(moves.movable)]

    def starts(self, known: FloatArray, rng: np.random.Generator) -> list[Candidate]:
        """The nearest rows on the ways to known and climbed rows."""
        moves = self._moves
        ends = moves.snapped(np.vstack([known, self._climbed(rng), self._single()]))
        reached = self._reached(ends)
        ends, away = ends[reached], self._distance.of(moves, ends[reached])
        ends = ends[np.argsort(away, kind="stable")[:_NEAREST]]
        if not len(ends):
            return []
        tried = [ends]
        for levels in (ends, np.broadcast_to(moves.query, ends.shape)):
            ways = moves.query + _SHARES[:, None, None] * (ends - moves.query)
            for choice in moves.rows.choices:
                ways[:, :, choice.inputs] = levels[:, choice.inputs]
            tried.append(moves.snapped(ways.reshape(-1, moves.query.size)))
        points = np.vstack(tried)
        points = points[self._reached(points)]
        away = self._distance.of(moves, points)
        order = np.argsort(away, kind="stable")[:_KEPT]
        return [Candidate(points[i], float(away[i])) for i in order]

    def drawn_in(self, start: Candidate) -> Candidate:
        """The candidate with changes taken back while the target is reached."""
        best = start
        for _ in range(_ROUNDS):
            if self._late:
                break
            tried = self._taken_back(best.point)
            if not len(tried):
                return best
            tried = tried[self._reached(tried)]
            away = self._distance.of(self._moves, tried)
            if not away.size or not away.min() < best.distance:
                return best
            best = Candidate(tried[int(away.argmin())], float(away.min()))
        return best

    def stepped(self, start: Candidate) -> Candidate:
        """The candidate moved to the boundary's nearest point by the formulas on the way."""
        best, at, moves = start, start.point, self._moves
        for _ in range(_STEPS):
            if self._late:
                break
            step = self._step(at)
            origin = moves.query + (at - moves.query) * ~self._amounts
            tried = moves.snapped(origin + _LENGTHS[:, None] * step)
            reached = tried[self._reached(tried)]
            away = self._distance.of(moves, reached)
            if away.size and away.min() < best.distance:
                best = Candidate(reached[int(away.argmin())], float(away.min()))
            ahead = moves.snapped((origin + step)[None])[0]
            if np.allclose(ahead, at, rtol=1e-9, atol=0.0):
                break
            at = 0.5 * (at + ahead) if len(reached) == 0 else ahead
        return best

    def _step(self, at: FloatArray) -> FloatArray:
        """The least change of amounts that reaches the worst score by the formula at a point."""
        moves, target = self._moves, self._target
        scores = self._scored.forward(at[None])[0]
        low = np.where(np.isfinite(target.lower), target.lower + self._room - scores, -np.inf)
        high = np.where(np.isfinite(target.upper), scores - target.upper + self._room, -np.inf)
        k = int(np.maximum(low, high).argmax())
        sign = 1.0 if low[k] >= high[k] else -1.0
        slope = sign * self._slope(at, k) * self._amounts
        origin = moves.query + (at - moves.query) * ~self._amounts
        needed = max(low[k], high[k]) - float(slope @ (origin - at))
        weights = self._distance.weights[moves.columns]
        lower = np.minimum(moves.box.lower - moves.query, 0.0)
        upper = np.maximum(moves.box.upper - moves.query, 0.0)
        return least_step(slope, needed, weights, lower, upper, self._distance.norm)

    def _slope(self, at: FloatArray, k: int) -> FloatArray:
        """The gradient of a score at a point: (n_inputs,)."""
        one = replace(
            self._scored,
            output=AffineMap(self._scored.output.weight[[k]], self._scored.output.bias[[k]]),
            outputs=OutputSchema.numbered(1),
        )
        weight, _ = affine_maps(one, activation_patterns(one, at[None]), one.output)
        return np.asarray(weight[0, 0], dtype=np.float64)

    def _taken_back(self, point: FloatArray) -> FloatArray:
        """One row a column that is changed and a share of its change that is kept."""
        parts = self._distance.parts(self._moves, point[None])[0]
        rows = []
        for i in np.argsort(-parts, kind="stable")[:_MOST_TAKEN].tolist():
            if parts[i] > 0:
                part = self._moves.part(i)
                for kept in (0.0, 0.5, 0.9):
                    row = point.copy()
                    own = self._moves.query[part]
                    row[part] = own + kept * (point[part] - own)
                    rows.append(row)
        if not rows:
            return np.zeros((0, point.size))
        return self._moves.snapped(np.array(rows))

    def _climbed(self, rng: np.random.Generator) -> FloatArray:
        """Rows where each score is far on its good side."""
        rows, scored = self._moves.rows, self._scored
        starts = np.vstack([self._moves.query, rows.sample(_SAMPLES, rng)])
        weight, bias = scored.output.weight, scored.output.bias
        signs = np.where(np.isfinite(self._target.lower), 1.0, -1.0)
        ends, _ = climbed(scored.layers, rows, signs[:, None] * weight, signs * bias, starts)
        return np.vstack([ends, starts])

    def _single(self) -> FloatArray:
        """Rows with one column changed: to each of its levels, and along its range."""
        moves, rows = self._moves, []
        shares = np.linspace(0.0, 1.0, max(2, min(_ALONG, _MOST_ROWS // len(self._columns))))
        ends = {c.inputs.start: c for c in moves.rows.choices}
        for i in self._columns:
            part = moves.part(i)
            choice = ends.get(part.start)
            low, high = moves.box.lower[part], moves.box.upper[part]
            values = low + shares[:, None] * (high - low) if choice is None else choice.values
            found = np.tile(moves.query, (values.shape[0], 1))
            found[:, part] = values
            rows.append(found)
        return np.vstack(rows) if rows else moves.query[None]

    @property
    def _late(self) -> bool:
        return self._deadline is not None and monotonic() >= self._deadline

    def _reached(self, points: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return self._target.reached(self._scored.forward(points), self._room)
