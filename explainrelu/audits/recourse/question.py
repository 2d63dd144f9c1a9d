"""What is asked of counterfactuals, checked once for all rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.audits.actionability import Actionability
from explainrelu.audits.recourse.distance import Distance, Norm
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.raw_rows import changed_row
from explainrelu.audits.recourse.search import (
    CounterfactualStatus,
    Nearest,
    Task,
    nearest_change,
)
from explainrelu.audits.recourse.target import Target
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["Question", "RowAnswer"]

Predict = Callable[[pd.DataFrame], str]


@dataclass(frozen=True, slots=True, eq=False)
class RowAnswer:
    """The counterfactuals of one row.

    Attributes
    ----------
    moves
        Where it may go.
    found
        One a counterfactual asked for, as long as there was another to look for.
    """

    moves: MoveSpace
    found: tuple[Nearest, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A model, a distance and what to reach.

    Attributes
    ----------
    predict
        The class that the model itself gives a raw row, None where it is not asked.
    known : (n_known, n_inputs)
        Encoded rows that may reach the target.
    """

    network: ReluNetwork
    frame: pd.DataFrame
    distance: Distance
    wishes: Actionability
    room: float
    known: FloatArray
    predict: Predict | None
    tolerances: Tolerances

    def answer(
        self,
        row: int,
        moves: MoveSpace,
        targets: Sequence[Target],
        total: int,
        clock: Callable[[int], float | None],
        rng: np.random.Generator,
    ) -> RowAnswer:
        """The nearest changes of a row, each leaving a column alone that those before it change.

        Parameters
        ----------
        clock
            The deadline when so many counterfactuals are still to be found.
        """
        excluded: list[frozenset[int]] = []
        found: list[Nearest] = []
        for number in range(total):
            nearest = self._nearest(row, moves, targets, excluded, clock(total - number), rng)
            found.append(nearest)
            if not nearest.point.size:
                break
            changed = frozenset(np.flatnonzero(moves.changed(nearest.point[None])[0]).tolist())
            if not changed:
                break
            excluded.append(changed)
        return RowAnswer(moves, tuple(found))

    def _nearest(
        self,
        row: int,
        moves: MoveSpace,
        targets: Sequence[Target],
        excluded: Sequence[frozenset[int]],
        deadline: float | None,
        rng: np.random.Generator,
    ) -> Nearest:
        """The nearest over several targets."""
        answers: list[Nearest] = []
        farthest, raw = np.inf, self.network.forward(moves.query[None])
        # those that are missed by least come first: they give the radius for the others
        order = sorted(targets, key=lambda target: float(target.missing(raw @ target.matrix.T)[0]))
        for number, target in enumerate(order):
            task = self._task(row, moves, target, excluded)
            end = _share_of(deadline, len(order) - number)
            answers.append(nearest_change(task, deadline=end, rng=rng, farthest=farthest))
            farthest = min(farthest, answers[-1].distance)
        found = _nearest_of(answers, 1e3 * self.tolerances.feasibility)
        if self.distance.norm is Norm.L0 and found.point.size:
            return self._smallest(row, moves, excluded, found, deadline, rng)
        return found

    def accepts(self, row: int, moves: MoveSpace, point: FloatArray, target: Target) -> bool:
        """Whether the model itself puts a row in the class, where it is asked."""
        if self.predict is None or not target.strict:
            return True
        return self.predict(changed_row(self.frame, row, moves, point)) == target.name

    def _task(
        self, row: int, moves: MoveSpace, target: Target, excluded: Sequence[frozenset[int]]
    ) -> Task:
        def accepts(point: FloatArray, target: Target) -> bool:
            return self.accepts(row, moves, point, target)

        network = replace(self.network, schema=moves.schema)
        return Task(
            network, moves, self.distance, target, self.room, tuple(excluded), self.known, accepts,
            self.tolerances,
        )  # fmt: skip

    def _smallest(
        self,
        row: int,
        moves: MoveSpace,
        excluded: Sequence[frozenset[int]],
        found: Nearest,
        deadline: float | None,
        rng: np.random.Generator,
    ) -> Nearest:
        """Of l0: the same columns changed by as little of their ranges as possible."""
        stay = np.flatnonzero(~moves.changed(found.point[None])[0]).tolist()
        held = moves.holding(stay)
        if held is None:
            return found
        width = np.where(moves.categorical, 1.0, _widths(moves))
        distance = Distance(Norm.L1, np.where(width > 0, width, 1.0), self.distance.costs)
        task = replace(self._task(row, held, found.target, excluded), distance=distance)
        task = replace(task, known=np.vstack([task.known, found.point]))
        less = nearest_change(task, deadline=deadline, rng=rng)
        if not less.point.size:
            return found
        away = float(self.distance.of(moves, less.point[None])[0])
        seconds = found.seconds + less.seconds
        return replace(found, point=less.point, distance=min(away, found.distance), seconds=seconds)


def _share_of(deadline: float | None, shares: int) -> float | None:
    """The deadline of the next of so many that share what is left."""
    now = monotonic()
    return None if deadline is None else now + max(deadline - now, 0.0) / shares


def _widths(moves: MoveSpace) -> FloatArray:
    """The range of each column that has one input: (n_columns,)."""
    width = moves.box.upper - moves.box.lower
    parts = [width[moves.part(i)] for i in range(moves.schema.n_columns)]
    return np.array([part[0] if part.size else 1.0 for part in parts])


def _nearest_of(answers: Sequence[Nearest], small: float) -> Nearest:
    """The nearest of several targets, with what is proven of all of them."""
    if len(answers) == 1:
        return answers[0]
    best = min(answers, key=lambda answer: answer.distance)
    bound = min(answer.bound for answer in answers)
    seconds = sum(answer.seconds for answer in answers)
    if best.point.size:
        closed = best.distance - bound <= small * best.distance
        status = CounterfactualStatus.OPTIMAL if closed else CounterfactualStatus.BOUNDED
    else:
        never = all(a.status is CounterfactualStatus.INFEASIBLE for a in answers)
        status = CounterfactualStatus.INFEASIBLE if never else CounterfactualStatus.UNDECIDED
    return replace(best, status=status, bound=min(bound, best.distance), seconds=seconds)
