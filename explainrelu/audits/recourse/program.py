"""The distance from a row as variables and rows of a network's program.

Legend: in units of a radius ``r``, a numeric input ``x`` with own value ``q`` has a part
``t >= w |x - q| / r``, a change of level ``t = c (1 - s) / r`` with ``s`` the indicator of the own
level. Where it matters whether a column changes, a switch ``b`` holds it at its own value:
``|x - q| <= (range) b``. For l2 the square ``v`` of a part lies above tangents of the parabola,
``v >= 2 a t - a^2``: the distance is bounded from below, the more closely the more tangents.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.audits.recourse.distance import Distance, Norm
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.target import Target
from explainrelu.milp.encoding import NetworkProgram
from explainrelu.network.column import ColumnKind

__all__ = ["DistanceRows", "bound_scores"]

Terms = list[tuple[Any, float]]

_SLACK = 1e-7  # share by which a known lower bound is relaxed
_TANGENTS = (0.25, 0.5, 1.0)  # where the parabola is touched at first, in radii


class DistanceRows:
    """Adds what a row may become, and how far that is, to an encoded network.

    Parameters
    ----------
    encoded
        The program; variables and rows are added to it.
    moves, distance
        Where the row may go, and how far that is.
    radius, least
        The unit of the distance and its upper bound; what is known to be a lower one.
    excluded
        Sets of columns of which not all may change.
    tangents : (n_tangents, n_columns)
        Parts, in units of the radius, where the square of each column is touched (l2).
    """

    def __init__(
        self,
        encoded: NetworkProgram,
        moves: MoveSpace,
        distance: Distance,
        radius: float,
        *,
        least: float = 0.0,
        excluded: Sequence[frozenset[int]] = (),
        tangents: FloatArray | None = None,
    ) -> None:
        import pulp

        self._pulp: Any = pulp
        self._encoded, self._moves, self._distance = encoded, moves, distance
        self._radius = radius
        share = min(least / radius, 1.0) * (1 - _SLACK)
        self._least = share**2 if distance.norm is Norm.L2 else share
        self._names = [f"q{i + 1}" for i in range(moves.schema.n_columns)]
        self._tangents = np.zeros((0, len(self._names))) if tangents is None else tangents
        self._problem: Any = encoded.problem
        self._switches: dict[int, tuple[Terms, float]] = {}
        self.counts: dict[int, Any] = {}
        self._hold_steps_and_links()
        self.total = self._measure()
        for number, columns in enumerate(excluded):
            self._exclude(number, columns)

    def _hold_steps_and_links(self) -> None:
        moves, inputs = self._moves, self._encoded.inputs
        lower, upper = moves.box.lower, moves.box.upper
        for i in np.flatnonzero((moves.steps > 0) & (lower < upper)).tolist():
            step, own = float(moves.steps[i]), float(moves.query[i])
            low, high = np.rint((lower[i] - own) / step), np.rint((upper[i] - own) / step)
            count = self._variable(f"steps_{i + 1}", float(low), float(high), whole=True)
            self.counts[i] = count
            self._equal(f"step_{i + 1}", [(inputs[i], 1.0), (count, -step)], own)
        for first, *others in moves.links:
            for other in others:
                if lower[first] < upper[first]:
                    terms = [(inputs[other], 1.0), (inputs[first], -1.0)]
                    self._equal(
                        f"link_{other + 1}", terms, float(moves.query[other] - moves.query[first])
                    )

    def _measure(self) -> Any:
        """A variable that is at least the distance in radii (for l2 about its square)."""
        norm, moves = self._distance.norm, self._moves
        total = self._variable("distance", self._least, 1.0)
        terms: Terms = []
        constant = 0.0
        for i in np.flatnonzero(moves.movable).tolist():
            part, offset = self._part(i)
            if norm is Norm.LINF:
                self._at_most(f"far_{i + 1}", [*part, (total, -1.0)], -offset)
            terms += part
            constant += offset
        if norm is not Norm.LINF:
            self._at_most("far", [*terms, (total, -1.0)], -constant)
        return total

    def _part(self, i: int) -> tuple[Terms, float]:
        """The part of a column as terms and a constant: ``t``, ``v``, or cost times switch."""
        norm, moves = self._distance.norm, self._moves
        cost = float(self._distance.costs[i]) / self._radius
        power = 2 if norm is Norm.L2 else 1
        if norm is Norm.L0 or moves.categorical[i]:
            terms, constant = self._switch(i)
            return [(v, a * cost**power) for v, a in terms], constant * cost**power
        name, j = self._names[i], moves.part(i).start
        weight, x = float(self._distance.weights[i]) / self._radius, self._encoded.inputs[j]
        own = float(moves.query[j])
        far = max(moves.box.upper[j] - own, own - moves.box.lower[j], 0.0) * weight
        t = self._variable(f"t_{name}", 0.0, float(far))
        for sign, side in ((1.0, "up"), (-1.0, "down")):
            self._at_most(f"{side}_{name}", [(x, sign * weight), (t, -1.0)], sign * weight * own)
        if norm is not Norm.L2:
            return [(t, 1.0)], 0.0
        v = self._variable(f"v_{name}", 0.0, float(far) ** 2)
        touched = {float(far) * share for share in _TANGENTS} | set(self._tangents[:, i].tolist())
        for number, a in enumerate(sorted(touched)):
            if a > 0:
                self._at_most(f"touch_{name}_{number}", [(t, 2 * a), (v, -1.0)], a * a)
        return [(v, 1.0)], 0.0

    def _switch(self, i: int) -> tuple[Terms, float]:
        """Terms and a constant that add up to 1 where a column changes, to 0 where it stays."""
        if i not in self._switches:
            self._switches[i] = self._made_switch(i)
        return self._switches[i]

    def _made_switch(self, i: int) -> tuple[Terms, float]:
        moves, part = self._moves, self._moves.part(i)
        inputs, own = self._encoded.inputs[part], moves.query[part]
        lower, upper = moves.box.lower[part], moves.box.upper[part]
        if (own < lower).any() or (own > upper).any():
            return [], 1.0
        if moves.schema.columns[i].kind is ColumnKind.CATEGORICAL:
            if own.any():
                return [(inputs[int(own.argmax())], -1.0)], 1.0
            return [(variable, 1.0) for variable in inputs], 0.0
        b = self._variable(f"b_{self._names[i]}", 0.0, 1.0, whole=True)
        up, down = float(upper[0] - own[0]), float(own[0] - lower[0])
        self._at_most(f"rise_{self._names[i]}", [(inputs[0], 1.0), (b, -up)], float(own[0]))
        self._at_most(f"fall_{self._names[i]}", [(inputs[0], -1.0), (b, -down)], -float(own[0]))
        return [(b, 1.0)], 0.0

    def _exclude(self, number: int, columns: frozenset[int]) -> None:
        """At least one of some columns stays."""
        terms: Terms = []
        constant = 0.0
        for i in sorted(columns):
            if self._moves.movable[i]:
                part, offset = self._switch(i)
                terms += part
                constant += offset
        self._at_most(f"other_{number + 1}", terms, len(columns) - 1 - constant)

    def _variable(self, name: str, lower: float, upper: float, *, whole: bool = False) -> Any:
        kind = self._pulp.LpInteger if whole else self._pulp.LpContinuous
        return self._problem.add_variable(f"move_{name}", lower, upper, cat=kind)

    def _at_most(self, name: str, terms: Terms, bound: float) -> None:
        self._row(name, terms, self._pulp.LpConstraintLE, bound)

    def _equal(self, name: str, terms: Terms, value: float) -> None:
        self._row(name, terms, self._pulp.LpConstraintEQ, value)

    def _row(self, name: str, terms: Terms, sense: int, bound: float) -> None:
        form = self._pulp.LpAffineExpression(terms)
        row = self._pulp.LpConstraint(form, sense, name=f"move_{name}", rhs=float(bound))
        self._problem.addConstraint(row)


def bound_scores(encoded: NetworkProgram, target: Target, room: float) -> bool:
    """Hold the scores of an encoded target between its bounds; False where they cannot be."""
    for k, score in enumerate(encoded.scores):
        low, high = float(target.lower[k]) + room, float(target.upper[k]) - room
        if low > score.upBound or high < score.lowBound:
            return False
        if np.isfinite(low):
            score.lowBound = max(score.lowBound, low)
        if np.isfinite(high):
            score.upBound = min(score.upBound, high)
    return True
