"""How far a rule can lie from the network: what is attained, and what is never exceeded."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen
from explainrelu.certificate import Exactness
from explainrelu.explanations.simplification.cells import CellSolver, Maxima
from explainrelu.tolerances import Tolerances

__all__ = ["Deviations", "Farthest", "Scope", "proven"]

_PULLS = 2.0 ** np.arange(-40.0, 0.0)  # shares of the way inside that a point on a border is moved


class Scope(StrEnum):
    """Over what a deviation is the largest; the value is the wording of tables."""

    VISITED = "regions visited"
    DOMAIN = "whole domain"


@dataclass(frozen=True, slots=True, eq=False)
class Deviations:
    """For each rule and score the largest ``|network - rule|`` over some part of the domain.

    Attributes
    ----------
    scope
        Over what.
    value : (n_rules, n_scores)
        The deviation at the witness; NaN for a rule that no point in scope belongs to.
    bound : (n_rules, n_scores)
        No point in scope that belongs to the rule deviates by more.
    witness : (n_rules, n_scores, n_inputs)
        An encoded point that belongs to the rule and deviates by ``value``.
    how : (n_rules, n_scores)
        What proves the bound.
    spread : (n_scores,)
        How far the scores vary: what a gap between value and bound is held against.
    tolerances
    """

    scope: Scope
    value: FloatArray
    bound: FloatArray
    witness: FloatArray
    how: tuple[tuple[str, ...], ...]
    spread: FloatArray
    tolerances: Tolerances

    def __post_init__(self) -> None:
        for name in ("value", "bound", "witness", "spread"):
            array = np.array(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, frozen(array))

    @property
    def exact(self) -> BoolArray:
        """Where the bound is attained up to the solver's tolerance: (n_rules, n_scores)."""
        return proven(self.value, self.bound, self.spread)

    @property
    def largest_bound(self) -> float:
        """No rule deviates by more, in any score; 0 where nothing is in scope."""
        return float(np.nanmax(self.bound, initial=0.0))

    @property
    def largest_value(self) -> float:
        """The largest deviation that some witness attains."""
        return float(np.nanmax(self.value, initial=0.0))

    @property
    def exactness(self) -> Exactness:
        """Exact where the largest deviation of all is attained, else bounded."""
        if np.isnan(self.bound).all():
            return Exactness.EXACT
        _, k = np.unravel_index(int(np.nanargmax(self.bound)), self.bound.shape)
        value, bound = np.array(self.largest_value), np.array(self.largest_bound)
        found = bool(proven(value, bound, self.spread[k]))
        return Exactness.EXACT if found else Exactness.BOUNDED

    def to_frame(self, names: Sequence[str], rules: Sequence[str]) -> pd.DataFrame:
        """One row a rule and output: ``rule output scope value bound gap exactness proven_by``."""
        n_rules, n_scores = self.value.shape
        kinds = np.where(self.exact, str(Exactness.EXACT), str(Exactness.BOUNDED))
        return pd.DataFrame(
            {
                "rule": pd.Series(np.repeat(list(rules), n_scores), dtype="str"),
                "output": pd.Series(np.tile(list(names), n_rules), dtype="str"),
                "scope": pd.Series([str(self.scope)] * (n_rules * n_scores), dtype="str"),
                "value": self.value.ravel(),
                "bound": self.bound.ravel(),
                "gap": (self.bound - self.value).ravel(),
                "exactness": pd.Series(kinds.ravel(), dtype="str"),
                "proven_by": pd.Series([h for row in self.how for h in row], dtype="str"),
            }
        )


def proven(value: FloatArray, bound: FloatArray, spread: FloatArray | float) -> BoolArray:
    """Whether a bound is attained, up to what a solver in float64 can tell.

    Parameters
    ----------
    spread
        How far the scores vary, in the unit of value and bound.
    """
    return np.asarray(bound - value <= 1e-6 * np.maximum(1e-3 * spread, bound))


class Farthest:
    """The farthest points found so far, of each rule, side and score.

    Attributes
    ----------
    value : (n_rules, 2, n_scores)
        ``network - rule`` and ``rule - network`` at the point; minus infinity where none is known.
    bound : (n_rules, 2, n_scores)
        The largest of the cells solved; minus infinity where none was.
    point : (n_rules, 2, n_scores, n_inputs)
    """

    def __init__(self, solver: CellSolver) -> None:
        self._solver = solver
        shape = (solver.grown.tree.n_leaves, 2, len(solver.view))
        self.value = np.full(shape, -np.inf)
        self.bound = np.full(shape, -np.inf)
        self.point = np.tile(solver.box.centre, (*shape, 1))

    @property
    def found(self) -> FloatArray:
        """The points that are known: (n_points, n_inputs)."""
        points: FloatArray = self.point[np.isfinite(self.value)]
        return points

    def see(self, points: FloatArray) -> None:
        """Take points of the domain as they are, each for the rule that it belongs to."""
        if not points.shape[0]:
            return
        leaf = self._solver.grown.tree.place(points)
        away = self._solver.differences(points, leaf)
        for side, sign in enumerate((1.0, -1.0)):
            for rule in np.unique(leaf):
                rows = np.flatnonzero(leaf == rule)
                best = rows[(sign * away[rows]).argmax(axis=0)]
                for k, row in enumerate(best):
                    if sign * away[row, k] > self.value[rule, side, k]:
                        self.value[rule, side, k] = sign * away[row, k]
                        self.point[rule, side, k] = points[row]

    def take(self, maxima: Maxima) -> None:
        """Take the ends of solved cells: their bounds, and their points moved into the rule."""
        if not maxima.leaf.size:
            return
        np.maximum.at(self.bound, maxima.leaf, maxima.bound)
        n_scores = self.bound.shape[2]
        best = []
        for rule in np.unique(maxima.leaf):
            rows = np.flatnonzero(maxima.leaf == rule)
            for side in (0, 1):
                for k in range(n_scores):
                    if self.bound[rule, side, k] > self.value[rule, side, k]:
                        place = rows[int(maxima.bound[rows, side, k].argmax())]
                        best.append((place, rule, side, k))
        if best:
            cells, rules, sides, scores = np.array(best, dtype=np.int64).T
            points = maxima.point[cells, sides, scores]
            self.see(self._pulled(points, maxima.inside[cells], rules))

    def _pulled(self, points: FloatArray, inside: FloatArray, rule: IntArray) -> FloatArray:
        """The points, those on a border that the rule does not hold moved inside a little."""
        tree = self._solver.grown.tree
        found = points.copy()
        out = np.flatnonzero(tree.place(found) != rule)
        for share in _PULLS:
            if not out.size:
                break
            found[out] = points[out] + share * (inside[out] - points[out])
            out = out[tree.place(found[out]) != rule[out]]
        return np.clip(found, self._solver.box.lower, self._solver.box.upper)
