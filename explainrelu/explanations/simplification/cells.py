"""Where a network lies farthest from the rules, region by region: a linear program for each.

A *cell* is a linear region of the network at one choice of levels, met with one leaf of the tree:
there both the network and the rule are affine, and so is their difference. On the cube
``u`` in ``[-1, 1]^d`` of the numeric inputs that are free, the cell is ``A u <= b``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

import numpy as np

from explainrelu.arrays import BoolArray, ByteArray, FloatArray, IntArray
from explainrelu.explanations.simplification.grown import Grown
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.milp.rows import RowSpace
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.patterns import activation_patterns, affine_maps, forms_of_many, unpack
from explainrelu.regions.measures import balls_on_the_cube
from explainrelu.tolerances import Tolerances

__all__ = ["CellSolver", "Maxima"]

_CHUNK_VALUES = 1 << 21  # numbers in the half-spaces of a chunk of cells: 16 MB
_MOST_CELLS = 256  # of a chunk, so that the clock is looked at in time
_MOST_INPUTS = 64  # free inputs up to which a compiled walk is faster than a linear program
_LEVEL = 1e-13  # a row below this share of its terms is constant


@dataclass(frozen=True, slots=True, eq=False)
class Maxima:
    """The largest differences of some cells.

    Attributes
    ----------
    cell : (n_cells,)
        Which of the points handed over the cell belongs to.
    leaf : (n_cells,)
    bound : (n_cells, 2, n_scores)
        The largest ``network - rule`` and ``rule - network`` over the closed cell, never less.
    point : (n_cells, 2, n_scores, n_inputs)
        Where it is reached.
    inside : (n_cells, n_inputs)
        A point of the cell.
    """

    cell: IntArray
    leaf: IntArray
    bound: FloatArray
    point: FloatArray
    inside: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CellSolver:
    """Solves cells of one network and one set of rules.

    Attributes
    ----------
    network, view
    grown
        The rules.
    rows
        The domain; inputs of columns with levels are held at those of each point.
    spread : (n_scores,)
        How far the scores vary over the data: what rounding is held against.
    tolerances
    """

    network: ReluNetwork
    view: ScoreView
    grown: Grown
    rows: RowSpace
    spread: FloatArray
    tolerances: Tolerances

    @property
    def box(self) -> Box:
        """The domain."""
        return self.rows.box

    @property
    def free(self) -> BoolArray:
        """Inputs that are free to move: neither fixed nor of a column with levels."""
        free = ~self.box.fixed
        for choice in self.rows.choices:
            free[choice.inputs] = False
        return free

    def scores(self, points: FloatArray) -> FloatArray:
        """The network's scores: (n_points, n_scores)."""
        return np.asarray(self.network.forward(points) @ self.view.matrix.T)

    def differences(self, points: FloatArray, leaf: IntArray) -> FloatArray:
        """``network - rule`` by the rules of given leaves: (n_points, n_scores)."""
        return self.scores(points) - self.grown.scores_in(points, leaf)

    def solve(
        self, points: FloatArray, *, everywhere: bool, deadline: float | None
    ) -> Iterator[Maxima | None]:
        """The cells of some points, chunk by chunk; None where the time is over.

        Parameters
        ----------
        points : (n_points, n_inputs)
            One a region and choice of levels, inside the domain.
        everywhere
            Whether a region is met with every leaf it reaches, rather than the point's own.
        """
        d = int(self.free.sum())
        n_rows = self.network.n_neurons + self.grown.tree.bound.size + 2 * d
        values = max(1, n_rows * (d + 1), self.network.n_neurons * self.network.n_inputs)
        most = _MOST_CELLS if d <= _MOST_INPUTS else _MOST_CELLS // 64
        step = max(1, min(most, _CHUNK_VALUES // values))
        for start in range(0, points.shape[0], step):
            if deadline is not None and monotonic() > deadline:
                yield None
                return
            part = points[start : start + step]
            for found in self._chunk(part, everywhere):
                yield Maxima(found.cell + start, found.leaf, found.bound, found.point, found.inside)

    def _chunk(self, points: FloatArray, everywhere: bool) -> Iterator[Maxima]:
        packed = activation_patterns(self.network, points)
        region = self._region_rows(packed, points)
        leaf = self.grown.tree.place(points)
        every = np.arange(points.shape[0])
        yield self._solved(packed, points, every, leaf, region, self._cube(points))
        if everywhere and self.grown.tree.n_leaves > 1:
            cell, other, inside = self._reached(points, leaf, region)
            if cell.size:
                yield self._solved(packed, points, cell, other, region, inside)

    # --- half-spaces on the cube

    def _cube(self, points: FloatArray) -> FloatArray:
        free = self.free
        u = (points[:, free] - self.box.centre[free]) / self.box.half_width[free]
        return np.ascontiguousarray(np.clip(u, -1.0, 1.0))

    def _points(self, points: FloatArray, u: FloatArray) -> FloatArray:
        """The points with their free inputs at ``u`` of the cube."""
        free, found = self.free, points.copy()
        found[..., free] = self.box.centre[free] + self.box.half_width[free] * u
        return np.clip(found, self.box.lower, self.box.upper)

    def _middle(self, points: FloatArray) -> FloatArray:
        """The points with their free inputs at the middle of the domain: ``u = 0``."""
        return np.where(self.free, self.box.centre, points)

    def _region_rows(self, packed: ByteArray, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        identity = AffineMap(np.eye(self.network.n_inputs), np.zeros(self.network.n_inputs))
        forms = forms_of_many(self.network, packed, identity)
        side = np.where(unpack(self.network, packed), -1.0, 1.0)
        weight, bound = forms[:, :, :-1] * side[:, :, None], -forms[:, :, -1] * side
        rows, ends, _ = self._on_the_cube(weight, bound, points)
        return rows, ends

    def _leaf_rows(
        self, points: FloatArray, leaf: IntArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """The half-spaces of a leaf for each point, filled up with rows that say nothing."""
        tree = self.grown.tree
        longest = max(len(path) for path in tree.paths())
        weight = np.zeros((tree.n_leaves, longest, self.network.n_inputs))
        bound = np.ones((tree.n_leaves, longest))
        for i in range(tree.n_leaves):
            a, b = tree.half_spaces(i)
            weight[i, : b.size], bound[i, : b.size] = a, b
        return self._on_the_cube(weight[leaf], bound[leaf], points)

    def _on_the_cube(
        self, weight: FloatArray, bound: FloatArray, points: FloatArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Rows of length 1 on the cube, or of zeros; and which points break a constant one."""
        free, middle = self.free, self._middle(points)
        ends = bound - np.einsum("nmd,nd->nm", weight, middle)
        size = np.einsum("nmd,nd->nm", np.abs(weight), np.abs(middle)) + np.abs(bound)
        rows = weight[:, :, free] * self.box.half_width[free]
        length = np.linalg.norm(rows, axis=2)
        constant = length <= _LEVEL * size
        never = (constant & (ends < -self.tolerances.containment * size)).any(axis=1)
        scale = np.where(constant, 1.0, length)
        rows = np.where(constant[:, :, None], 0.0, rows / scale[:, :, None])
        return rows, np.where(constant, 1.0, ends / scale), never

    # --- which leaves a region reaches

    def _reached(
        self, points: FloatArray, leaf: IntArray, region: tuple[FloatArray, FloatArray]
    ) -> tuple[IntArray, IntArray, FloatArray]:
        """Pairs of a point's region and another leaf that it reaches, with a point of each."""
        tree = self.grown.tree
        weight = np.broadcast_to(tree.weight, (points.shape[0], *tree.weight.shape))
        bound = np.broadcast_to(tree.bound, (points.shape[0], tree.bound.size))
        rows, ends, _ = self._on_the_cube(weight, bound, points)
        costs, start = np.concatenate([rows, -rows], axis=1), self._cube(points)
        value, ends_at, excess = self._maxima(*region, start, costs)
        highest, lowest = np.split(value + excess, 2, axis=1)
        constant = ~rows.any(axis=2)
        values = np.column_stack([tree.sides(points, s) for s in range(tree.bound.size)])
        small = self.tolerances.containment
        up = np.where(constant, values > tree.bound, highest > ends - small)
        down = np.where(constant, values <= tree.bound, -lowest <= ends + small)
        reachable = leaf[:, None] != np.arange(tree.n_leaves)
        for i, path in enumerate(tree.paths()):
            for split, above in path:
                reachable[:, i] &= up[:, split] if above else down[:, split]
        known = self._crossings(points, start, ends_at, rows, ends, reachable)
        cell, other = np.nonzero(reachable)
        inside, open_ = known[cell, other], np.isnan(known[cell, other, :1]).any(axis=1)
        rest = np.flatnonzero(open_)
        if rest.size:
            inside[rest], found = self._balls(points, cell[rest], other[rest], region)
            kept = np.ones(cell.size, dtype=np.bool_)
            kept[rest] = found
            cell, other, inside = cell[kept], other[kept], inside[kept]
        return cell.astype(np.int64), other.astype(np.int64), inside

    def _crossings(
        self,
        points: FloatArray,
        start: FloatArray,
        ends_at: FloatArray,
        rows: FloatArray,
        ends: FloatArray,
        reachable: BoolArray,
    ) -> FloatArray:
        """Points of other leaves on the way to where each split is left farthest; NaN if none.

        Between the crossing of a split and the end of the way beyond it, all inside the region.
        """
        n, n_splits, d = rows.shape
        known = np.full((n, self.grown.tree.n_leaves, max(d, 1)), np.nan)[:, :, :d]
        own = np.einsum("nsd,nd->ns", rows, start) - ends
        for side in (0, 1):
            for split in range(n_splits):
                end = ends_at[:, side * n_splits + split]
                there = np.einsum("nd,nd->n", rows[:, split], end) - ends[:, split]
                crosses = np.flatnonzero((own[:, split] * there < 0.0) & reachable.any(axis=1))
                if not crosses.size or not d:
                    continue
                share = own[crosses, split] / (own[crosses, split] - there[crosses])
                way = end[crosses] - start[crosses]
                tried = start[crosses] + ((1.0 + share) / 2.0)[:, None] * way
                place = self.grown.tree.place(self._points(points[crosses], tried))
                good = reachable[crosses, place]
                known[crosses[good], place[good]] = tried[good]
        return known

    def _balls(
        self,
        points: FloatArray,
        cell: IntArray,
        leaf: IntArray,
        region: tuple[FloatArray, FloatArray],
    ) -> tuple[FloatArray, BoolArray]:
        """The centres of cells, and which cells there are."""
        cut, ends, never = self._leaf_rows(points[cell], leaf)
        weight = np.concatenate([region[0][cell], cut], axis=1)
        bound = np.concatenate([region[1][cell], ends], axis=1)
        start = self._cube(points)[cell]
        centre, radius = balls_on_the_cube(weight, bound, start, self.tolerances)
        return centre, (radius >= -self.tolerances.splitting) & ~never

    # --- the programs

    def _solved(
        self,
        packed: ByteArray,
        points: FloatArray,
        cell: IntArray,
        leaf: IntArray,
        region: tuple[FloatArray, FloatArray],
        inside: FloatArray,
    ) -> Maxima:
        own = points[cell]
        weight, bias = affine_maps(self.network, packed[cell], self.network.score_map(self.view))
        weight, bias = weight - self.grown.weight[leaf], bias - self.grown.bias[leaf]
        cut, ends, _ = self._leaf_rows(own, leaf)
        rows = np.concatenate([region[0][cell], cut], axis=1)
        bound = np.concatenate([region[1][cell], ends], axis=1)
        free, middle = self.free, self._middle(own)
        costs = weight[:, :, free] * self.box.half_width[free]
        costs = np.concatenate([costs, -costs], axis=1)
        constant = np.einsum("nkd,nd->nk", weight, middle) + bias
        constant = np.concatenate([constant, -constant], axis=1)
        value, at, excess = self._maxima(rows, bound, inside, costs)
        n, k = cell.size, bias.shape[1]
        points_at = self._points(np.repeat(own[:, None], 2 * k, axis=1), at)
        return Maxima(
            cell,
            leaf,
            (value + excess + constant).reshape(n, 2, k),
            points_at.reshape(n, 2, k, -1),
            self._points(own, inside),
        )

    def _maxima(
        self, rows: FloatArray, bound: FloatArray, inside: FloatArray, costs: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Values, points and how far the values may be exceeded, of each form over each cell."""
        n, _, d = rows.shape
        point = np.repeat(inside[:, None], costs.shape[1], axis=1)
        value = np.einsum("nkd,nkd->nk", costs, point)
        if not d:
            return value, point, np.zeros(value.shape)
        excess = np.full(value.shape, np.inf)
        if d <= _MOST_INPUTS:
            from explainrelu.geometry.maxima import maxima_of_many

            walls = np.concatenate([np.eye(d), -np.eye(d)])
            full = np.concatenate([np.broadcast_to(walls, (n, 2 * d, d)), rows], axis=1)
            ends = np.concatenate([np.ones((n, 2 * d)), bound], axis=1)
            turned = np.ascontiguousarray(full.transpose(0, 2, 1))
            maxima_of_many(
                turned, ends, np.ascontiguousarray(inside), np.ascontiguousarray(costs), point,
                value, excess,
            )  # fmt: skip
        size = np.linalg.norm(costs, axis=2)
        small = 100.0 * self.tolerances.feasibility * size
        for i in np.flatnonzero((excess > small).any(axis=1)):
            self._by_programs(rows[i], bound[i], costs[i], point[i], value[i], excess[i])
        return value, point, excess

    def _by_programs(
        self,
        rows: FloatArray,
        bound: FloatArray,
        costs: FloatArray,
        point: FloatArray,
        value: FloatArray,
        excess: FloatArray,
    ) -> None:
        """By HiGHS, written where it finds an optimum; the excess is its feasibility tolerance.

        What it calls infeasible is thinner than that: the point inside stands for it.
        """
        ones = np.ones(rows.shape[1])
        program = LinearProgram(rows, bound, -ones, ones, self.tolerances)
        for j in np.flatnonzero(excess > 0.0):
            found = program.maximise(costs[j])
            if found.status is LinearStatus.OPTIMAL:
                room = self.tolerances.feasibility * float(np.abs(costs[j]).sum())
                point[j] = np.clip(found.point, -1.0, 1.0)
                value[j] = costs[j] @ point[j]
                excess[j] = max(found.value - value[j], 0.0) + room
            elif found.status is LinearStatus.INFEASIBLE:
                excess[j] = 0.0
