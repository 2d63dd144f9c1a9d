"""Growing a tree of half-spaces with a linear formula in each leaf.

A leaf is split where the two formulas then fitted leave the least squared error: all candidates at
once, from the sums of products of either side. After every split the whole tree is gone through
again: each split is moved to the half-space that sends every row to the better of the two
formulas that wait for it, all others held, and the formulas are fitted anew (tree alternating
optimisation). Errors near a decision count more, and each changed decision has a cost of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.explanations.simplification.candidates import Candidates
from explainrelu.explanations.simplification.decisions import Decision
from explainrelu.explanations.simplification.formulas import Standard, fitted, penalty, sparse_fit
from explainrelu.explanations.simplification.grown import Grown
from explainrelu.explanations.simplification.split_tree import SplitTree

__all__ = ["Growing", "Sample"]

_TRIED_ROWS = 2000  # of a leaf, on which splits are compared
_TRIED_TERMS = 24  # directions of the inputs in which they are
_QUANTILES = (0.15, 0.3, 0.5, 0.7, 0.85)
_ROUNDS = 3  # times that the tree is gone through after a split
_WRONG = 1.0  # cost of a changed decision, in squared standard deviations of the score
_FOCUS = 0.5  # how much less rows count as they are farther from another decision
_OWN = 0.005  # how much better a moved half-space must be than the network's own
_EXACT = 1e-18  # share of the variance below which nothing is left to explain


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows that the network labelled.

    Attributes
    ----------
    points : (n_samples, n_inputs)
    scores : (n_samples, n_scores)
    weight : (n_samples,)
    """

    points: FloatArray
    scores: FloatArray
    weight: FloatArray


@dataclass(slots=True, eq=False)
class _Node:
    """A leaf, or with ``children`` a split."""

    formula: FloatArray
    rows: IntArray
    split: tuple[int, float] = (-1, 0.0)
    children: "tuple[_Node, _Node] | None" = None
    best: tuple[float, int, float] | None = field(default=None)  # gain, candidate, bound

    def leaves(self) -> "Iterator[_Node]":
        if self.children is None:
            yield self
            return
        for child in self.children:
            yield from child.leaves()

    def splits(self) -> "Iterator[_Node]":
        if self.children is not None:
            yield self
            for child in self.children:
                yield from child.splits()


class Growing:
    """A tree that gains one leaf at a time.

    Parameters
    ----------
    sample
        The rows it is fitted to.
    candidates
        What it may split by.
    decision
        How scores are decided on.
    groups : (n_inputs,)
        The raw column of each input.
    max_terms
        The most raw columns a formula may have; None for all.
    directions : (n_directions, n_inputs)
        Where the network's slopes lie, in raw units; splits are compared along the largest ones.
    """

    def __init__(
        self,
        sample: Sample,
        candidates: Candidates,
        decision: Decision,
        groups: IntArray,
        max_terms: int | None,
        directions: FloatArray,
        rng: np.random.Generator,
    ) -> None:
        self._standard = Standard.of(sample.points)
        self._z = self._standard(sample.points)
        spread = sample.scores.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0)
        self._y = sample.scores / self._scale
        self._decision, self._decided = decision, decision.of(sample.scores)
        self._weight, self._fit_weight = sample.weight, self._focused(sample)
        self._wrong = _WRONG if decision is not Decision.NONE else 0.0
        self._candidates, self._rng = candidates, rng
        self._values = sample.points @ candidates.weight.T
        self._order = np.argsort(self._values, axis=0, kind="stable").astype(np.int32)
        self._sorted = np.take_along_axis(self._values, self._order, axis=0)
        self._tied = self._ties()
        self._own_place = np.array(
            [
                np.searchsorted(column, own, side="right") if own == own else 0
                for column, own in zip(self._sorted.T, candidates.own, strict=True)
            ],
            dtype=np.int64,
        )
        self._groups, self._max_terms = groups, max_terms
        self._least = max(20, 2 * sample.scores.shape[1])
        self._reduced = self._compressed(directions)
        self._overall = np.zeros((self._z.shape[1], self._y.shape[1]))
        everything = np.arange(sample.weight.size)
        self._overall = self._fit(everything)  # which the formulas of leaves shrink towards
        self._root = _Node(self._overall, everything)

    @property
    def n_leaves(self) -> int:
        """Leaves so far."""
        return sum(1 for _ in self._root.leaves())

    def grow(self) -> bool:
        """Split the leaf where that helps most; False where no split helps."""
        leaves = list(self._root.leaves())
        total = float((self._fit_weight * np.square(self._y).sum(axis=1)).sum())
        for leaf in leaves:
            if leaf.best is None:
                leaf.best = self._best_split(leaf)
        leaf = max(leaves, key=lambda node: node.best[0] if node.best else -np.inf)
        if leaf.best is None or leaf.best[0] <= _EXACT * total:
            return False
        _, candidate, bound = leaf.best
        above = self._values[leaf.rows, candidate] > bound
        leaf.split, leaf.best = (candidate, bound), None
        leaf.children = (
            _Node(leaf.formula, leaf.rows[~above]),
            _Node(leaf.formula, leaf.rows[above]),
        )
        self._refit()
        self._improve()
        return True

    def grown(self) -> Grown:
        """The tree as it stands."""
        splits = list(self._root.splits())
        number = {id(node): i for i, node in enumerate(splits)}
        leaves = list(self._root.leaves())
        number |= {id(node): -1 - i for i, node in enumerate(leaves)}
        children = [[number[id(child)] for child in node.children or ()] for node in splits]
        which = [node.split[0] for node in splits]
        tree = SplitTree(
            self._candidates.weight[which],
            np.array([node.split[1] for node in splits]),
            tuple(self._named(node) for node in splits),
            np.array(children, dtype=np.int64).reshape(-1, 2),
        )
        maps = [self._standard.raw(leaf.formula * self._scale) for leaf in leaves]
        return Grown(tree, np.array([m[0] for m in maps]), np.array([m[1] for m in maps]))

    def state(self) -> "_Node":
        """The tree as it stands, to come back to."""
        return self._copied(self._root)

    def merged(self, state: "_Node", worth: float) -> Grown:
        """An earlier tree, neighbouring leaves merged where one formula is nearly as good.

        Two leaves under one split become one while the mean loss rises by less than ``worth`` for
        each of them.
        """
        self._root = state
        while True:
            pairs = [
                (self._merging_cost(node), place)
                for place, node in enumerate(self._root.splits())
                if all(child.children is None for child in node.children or ())
            ]
            cost, place = min(pairs, default=(np.inf, -1))
            if cost >= worth:
                return self.grown()
            node = list(self._root.splits())[place]
            node.formula, node.children, node.best = self._fit(node.rows), None, None

    def _merging_cost(self, node: "_Node") -> float:
        """How much the mean loss rises when the two leaves under a split become one."""
        weight, rows = self._weight[node.rows], node.rows
        after = float((weight * self._losses(self._fit(rows), rows)).sum())
        before = float((weight * self._subtree_losses(node, rows)).sum())
        return (after - before) / float(self._weight.sum())

    def loss(self) -> float:
        """The mean loss of the rows."""
        found = sum(
            float((self._weight[leaf.rows] * self._losses(leaf.formula, leaf.rows)).sum())
            for leaf in self._root.leaves()
        )
        return found / float(self._weight.sum())

    def _named(self, node: _Node) -> str:
        candidate, bound = node.split
        name, own = self._candidates.names[candidate], self._candidates.own[candidate]
        return name if np.isnan(own) or bound == own else f"parallel to {name}"

    def _focused(self, sample: Sample) -> FloatArray:
        """Weights of a fit: rows near another decision count more."""
        if self._decision is Decision.NONE:
            return sample.weight
        margin = self._decision.margin(sample.scores)
        near = np.median(margin) or 1.0
        return np.asarray(sample.weight / (1.0 + _FOCUS * np.square(margin / near)))

    def _ties(self) -> BoolArray:
        """Rows behind which no bound fits, since the next one lies as high."""
        size = np.abs(self._sorted[[0, -1]]).max(axis=0) if len(self._candidates) else 0.0
        tied = np.ones(self._sorted.shape, dtype=np.bool_)
        tied[:-1] = np.diff(self._sorted, axis=0) <= 1e-9 * size
        return tied

    def _compressed(self, directions: FloatArray) -> FloatArray:
        """The inputs along the directions in which the scores vary most: (n_samples, n_terms)."""
        if self._z.shape[1] <= _TRIED_TERMS + 1:
            return self._z
        _, _, axes = np.linalg.svd(directions * self._standard.spread, full_matrices=False)
        along = self._z[:, :-1] @ axes[:_TRIED_TERMS].T
        return np.column_stack([along, np.ones(along.shape[0])])

    # --- formulas

    def _refit(self) -> None:
        for leaf in self._root.leaves():
            leaf.formula = self._fit(leaf.rows)

    def _fit(self, rows: IntArray) -> FloatArray:
        z, y, w = self._z[rows], self._y[rows], self._fit_weight[rows]
        if self._max_terms is not None:
            return sparse_fit(z, y, w, self._groups, self._max_terms)
        return fitted(z, y, w, self._overall)

    def _losses(self, formula: FloatArray, rows: IntArray) -> FloatArray:
        """The loss of a formula at each of some rows."""
        scores = self._z[rows] @ formula
        error = np.square(scores - self._y[rows]).sum(axis=1)
        if self._wrong:
            changed = self._decision.of(scores * self._scale) != self._decided[rows]
            error = error + self._wrong * changed
        return np.asarray(error)

    # --- the best split of a leaf

    def _best_split(self, leaf: _Node) -> tuple[float, int, float]:
        rows = leaf.rows
        if rows.size < 2 * self._least or not len(self._candidates):
            return -np.inf, -1, 0.0
        if rows.size > _TRIED_ROWS:
            rows = np.sort(self._rng.choice(rows, _TRIED_ROWS, replace=False))
        values = self._values[rows]
        which, bounds = self._bounds_tried(values)
        if not which.size:
            return -np.inf, -1, 0.0
        above = bounds[:, None] < values[:, which].T
        enough = np.minimum(above.sum(axis=1), (~above).sum(axis=1)) >= min(
            self._least, rows.size // 4
        )
        if not enough.any():
            return -np.inf, -1, 0.0
        which, bounds, above = which[enough], bounds[enough], above[enough]
        gain = self._gains(rows, above) * (leaf.rows.size / rows.size)
        own = bounds == self._candidates.own[which]
        best = int(np.argmax(gain * np.where(own, 1.0, 1.0 - _OWN)))
        return float(gain[best]), int(which[best]), float(bounds[best])

    def _bounds_tried(self, values: FloatArray) -> tuple[IntArray, FloatArray]:
        which, bounds, own = [], [], self._candidates.own
        has = np.flatnonzero(~np.isnan(own))
        which.append(has)
        bounds.append(own[has])
        movable = np.flatnonzero(self._candidates.movable)
        if movable.size:
            levels = np.quantile(values[:, movable], _QUANTILES, axis=0, method="lower")
            which.append(np.tile(movable, len(_QUANTILES)))
            bounds.append(levels.ravel())
        return np.concatenate(which).astype(np.int64), np.concatenate(bounds)

    def _gains(self, rows: IntArray, above: BoolArray) -> FloatArray:
        """How much less squared error two formulas leave than one: (n_tried,)."""
        z, y, w = self._reduced[rows], self._y[rows], self._fit_weight[rows]
        d, k = z.shape[1], y.shape[1]
        columns = np.concatenate([z, y], axis=1)
        upper = np.triu_indices(d + k)
        products = columns[:, upper[0]] * columns[:, upper[1]] * w[:, None]
        high = above.astype(np.float64) @ products
        total = products.sum(axis=0)
        before = _left_over(total[None], d, k, upper)[0]
        gains: FloatArray = (
            before - _left_over(high, d, k, upper) - _left_over(total - high, d, k, upper)
        )
        return gains

    # --- going through the tree again

    def _improve(self) -> None:
        before = self.loss()
        for _ in range(_ROUNDS):
            held = self._copied(self._root)
            for node in list(self._root.splits())[::-1]:
                self._move(node)
            self._sort(self._root, self._root.rows)
            if any(leaf.rows.size < self._least for leaf in self._root.leaves()):
                self._root = held
                break
            self._refit()
            after = self.loss()
            if after >= before * (1.0 - 1e-3):
                if after > before:
                    self._root = held
                break
            before = after

    def _copied(self, node: _Node) -> _Node:
        children = node.children and (
            self._copied(node.children[0]),
            self._copied(node.children[1]),
        )
        return _Node(node.formula, node.rows, node.split, children, node.best)

    def _sort(self, node: _Node, rows: IntArray) -> None:
        """Send rows down the tree anew."""
        if node.rows.size != rows.size or not np.array_equal(node.rows, rows):
            node.rows, node.best = rows, None
        if node.children is not None:
            above = self._values[rows, node.split[0]] > node.split[1]
            self._sort(node.children[0], rows[~above])
            self._sort(node.children[1], rows[above])

    def _subtree_losses(self, node: _Node, rows: IntArray) -> FloatArray:
        """The loss of each row if it is sent down from a node."""
        losses = np.empty(rows.size)
        waiting = [(node, np.arange(rows.size))]
        while waiting:
            at, here = waiting.pop()
            if at.children is None:
                losses[here] = self._losses(at.formula, rows[here])
                continue
            above = self._values[rows[here], at.split[0]] > at.split[1]
            waiting += [(at.children[0], here[~above]), (at.children[1], here[above])]
        return losses

    def _move(self, node: _Node) -> None:
        """Choose the half-space that sends the rows of a node to the better side."""
        assert node.children is not None
        rows = node.rows
        if rows.size < 2 * self._least:
            return
        low, high = (self._subtree_losses(child, rows) for child in node.children)
        cost = np.zeros(self._z.shape[0])
        cost[rows] = self._weight[rows] * (low - high)  # of a row that lies below instead of above
        inside = np.zeros(self._z.shape[0], dtype=np.bool_)
        inside[rows] = True
        candidate, bound = node.split
        now = float(cost[rows][self._values[rows, candidate] <= bound].sum())
        size = float((self._weight[rows] * np.minimum(low, high)).sum()) + abs(now)
        place, least, at_own = self._least_costs(cost, inside)
        value = np.minimum(np.where(np.isnan(at_own), np.inf, at_own), least)
        c = int(value.argmin())
        if not value[c] < now - 1e-6 * size:
            return
        if at_own[c] <= least[c] + _OWN * abs(least[c]):
            node.split = c, float(self._candidates.own[c])
        else:
            ends = self._sorted[place[c] : place[c] + 2, c]
            node.split = c, _between(float(ends[0]), float(ends[1]))

    def _least_costs(
        self, cost: FloatArray, inside: BoolArray
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """For each direction where, in order, the costs below add up to the least.

        Returns
        -------
        place : (n_candidates,)
            The last row below the best bound.
        least : (n_candidates,)
            The costs up to there; infinite where no bound leaves enough rows on both sides.
        at_own : (n_candidates,)
            The same at the network's own bound; NaN where there is none.
        """
        below = np.cumsum(cost[self._order], axis=0)
        count = np.cumsum(inside[self._order], axis=0, dtype=np.int32)
        few = (count < self._least) | (count[-1] - count < self._least)
        which = np.arange(len(self._candidates))
        last = np.maximum(self._own_place - 1, 0)
        at_own = np.where(
            np.isnan(self._candidates.own) | few[last, which] | (self._own_place == 0),
            np.nan,
            below[last, which],
        )
        below[few | self._tied] = np.inf
        place = below.argmin(axis=0)
        least = np.where(self._candidates.movable, below[place, which], np.inf)
        return place, least, at_own


def _between(low: float, high: float) -> float:
    """A short number from ``low`` up to below ``high``."""
    middle = (low + high) / 2.0
    for digits in range(1, 17):
        short = float(f"{middle:.{digits}g}")
        if low <= short < high:
            return short
    return low


def _left_over(sums: FloatArray, d: int, k: int, upper: tuple[IntArray, IntArray]) -> FloatArray:
    """The squared error that the best formula leaves, from sums of products: (n_sums,)."""
    full = np.zeros((sums.shape[0], d + k, d + k))
    full[:, upper[0], upper[1]] = sums
    full[:, upper[1], upper[0]] = sums
    gram, moment = full[:, :d, :d], full[:, :d, d:]
    gram = gram + penalty(gram)
    explained = (moment * np.linalg.solve(gram, moment)).sum(axis=(1, 2))
    total = np.trace(full[:, d:, d:], axis1=1, axis2=2)
    return np.asarray(total - explained)
