"""The nearest place where another class leads, by branching on units and linear programs.

Legend: a step ``s`` of the row is written ``s = R v`` with ``|v| <= 1`` and ``R`` the length of the
best step known. The variables are ``v``, for each unit that the bounds leave open its value
``h = U e`` with ``e`` from 0 to 1, and the length ``t``. Of such a unit with ``L <= z <= U`` the
program holds ``h >= z`` and ``h <= U (z - L) / (U - L)``, the triangle; once a node fixes it,
``h = z`` (active) or ``h = 0`` (inactive). Then the program's minimum is a lower bound of
the length, and the length itself where no unit is left.

The norm: ``t >= |v_i|`` (linf), ``t >= sum a_i`` with ``a_i >= |v_i|`` (l1); for l2
``t^2 >= sum a_i`` with ``a_i >= v_i^2``, of which the program has tangents
``a_i >= 2 g v_i - g^2``, at some ``g`` from the start and at the points it gives. They hold at
every node.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from time import monotonic

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.audits.boundary.neighbourhoods import Neighbourhoods, UnitBounds
from explainrelu.audits.boundary.norms import Norm
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.tolerances import Tolerances

__all__ = ["Nearest", "nearest_boundary"]

_STAGES = (0.25, 0.5, 1.0)  # of the way from the lower bound to the upper one, searched one by one
_TANGENTS = 2  # rounds at one node, before it is divided instead
_TANGENTS_OF_A_LEAF = 50
_GRID = (0.05, 0.1, 0.18, 0.3, 0.5, 0.8)  # of a column's step, where it has tangents from the start
_COARSE = 0.02  # of the squared length, what tangents may lack before units are all right
_MARGIN_OF_L2 = 0.25  # of the gap allowed, how far the tangents may be from the length
_LONGER = (0.0, 0.02, 0.1, 0.4)  # of the gap allowed, by which a step may be lengthened to cross

Fixes = tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """What a search found.

    Attributes
    ----------
    lower
        No shorter step changes the class.
    upper
        Length of ``step``; infinity where none was found.
    step : (n_moved,)
        A step that reaches the boundary, zero where none was found.
    n_nodes
        Linear programs' nodes that were looked at.
    """

    lower: float
    upper: float
    step: FloatArray
    n_nodes: int


def nearest_boundary(
    around: Neighbourhoods,
    row: int,
    known: Nearest,
    most: float,
    *,
    deadline: float | None,
    tolerances: Tolerances,
) -> Nearest:
    """The shortest step that lets some other class lead, or as good as that.

    Parameters
    ----------
    around
        The rows.
    row
        Which of them.
    known
        Bounds that are known already, and a step.
    most
        Longer steps do not matter.
    deadline
        When to stop, by :func:`time.monotonic`; the bounds then hold as they are.

    Notes
    -----
    Best bound first. Exponential in the number of open units in the worst case; each node is one
    linear program warm from the last.
    """
    best, lower, n_nodes = known, known.lower, 0
    for share in _STAGES:
        end = min(best.upper, most)
        radius = lower + share * (end - lower)
        if end - lower <= tolerances.distance * end:
            break
        reached, best, n_more = _within(around, row, best, radius, deadline, tolerances)
        lower, n_nodes = max(lower, reached), n_nodes + n_more
        if reached < min(radius, best.upper) * (1.0 - tolerances.distance):
            break  # the time is up
    return Nearest(min(lower, best.upper), best.upper, best.step, n_nodes)


def _within(
    around: Neighbourhoods,
    row: int,
    best: Nearest,
    radius: float,
    deadline: float | None,
    tolerances: Tolerances,
) -> tuple[float, Nearest, int]:
    """A lower bound of the distance up to a radius, the best step by now, and nodes."""
    rows, size = np.array([row]), np.array([radius])
    bounds = around.unit_bounds(rows, size)
    margins = around.least_margins(rows, size, bounds)[0]
    lower, n_nodes = radius, 0
    for k in np.argsort(margins).tolist():
        if not margins[k] <= 0:  # this class cannot lead within the radius
            continue
        search = _Tree(around, row, k, best, radius, bounds, tolerances)
        reached, best = search.run(deadline)
        lower, n_nodes = min(lower, reached), n_nodes + search.n_nodes
    return lower, best, n_nodes


class _Tree:
    """The search for one rival class."""

    def __init__(
        self,
        around: Neighbourhoods,
        row: int,
        rival: int,
        best: Nearest,
        radius: float,
        bounds: Sequence[UnitBounds],
        tolerances: Tolerances,
    ) -> None:
        self._around, self._row, self._best = around, np.array([row]), best
        self._radius, self._tolerances = radius, tolerances
        self.n_nodes = 0
        self._program = _Program(around, row, rival, radius, bounds, tolerances)

    def run(self, deadline: float | None) -> tuple[float, Nearest]:
        """A lower bound for this rival, and the best step by now."""
        heap: list[tuple[float, int, Fixes, int]] = []
        count = 0
        self._visit((), self._best.lower, heap, count)
        done = np.inf
        while heap:
            bound, _, fixes, unit = heappop(heap)
            if self._beaten(bound):
                done = min(done, bound)
                break
            if deadline is not None and monotonic() > deadline:
                done = min(done, bound)
                break
            for active in (True, False):
                count += 1
                self._visit((*fixes, (unit, active)), bound, heap, count)
        limit = min(self._best.upper, self._radius)
        return min(done, self._leaf, limit), self._best

    _leaf = np.inf

    def _beaten(self, bound: float) -> bool:
        limit = min(self._best.upper, self._radius)
        return bound >= limit * (1.0 - 0.5 * self._tolerances.distance)

    def _visit(
        self, fixes: Fixes, bound: float, heap: list[tuple[float, int, Fixes, int]], count: int
    ) -> None:
        self.n_nodes += 1
        self._program.fix(fixes)
        bound, point = self._solved(fixes, bound)
        if point is None:
            return  # no step of that length is in this part
        unit = self._program.most_open(fixes, point)
        if unit < 0:
            # all units are as they are at the point: its length is the least of the node
            self._leaf = min(self._leaf, bound)
        else:
            heappush(heap, (bound, count, fixes, unit))

    def _solved(self, fixes: Fixes, bound: float) -> tuple[float, FloatArray | None]:
        """A lower bound of the length in a node, and where the program has it; None if nowhere."""
        program, radius, turn = self._program, self._radius, 0
        while True:
            point = program.solve()
            if point is None:
                return np.inf, None
            if point.size == 0:  # the solver gave up; the bound of the node above holds
                return bound, point
            bound = max(bound, radius * program.length(point))
            if self._beaten(bound):
                return bound, point
            step = radius * point[: program.n_moved]
            self._take(step)
            length = float(self._around.norm.length(step))
            room = _MARGIN_OF_L2 * self._tolerances.distance * length
            if self._around.norm is not Norm.L2 or length <= bound + room:
                return bound, point
            open_ = program.most_open(fixes, point) >= 0
            room = _COARSE if open_ else _MARGIN_OF_L2 * self._tolerances.distance
            turn += 1
            if turn > (_TANGENTS if open_ else _TANGENTS_OF_A_LEAF):
                return bound, point
            if not program.touch(point, room):
                return bound, point

    def _take(self, step: FloatArray) -> None:
        """Keep a step that reaches the boundary and is shorter than the best."""
        around, row = self._around, int(self._row[0])
        low, high = around.low[row], around.high[row]
        if float(around.norm.length(step)) >= self._best.upper:
            return
        for share in _LONGER:
            factor = 1.0 + share * self._tolerances.distance
            tried = np.clip(factor * step, low, high)
            if around.margins(self._row, tried[None]).min() <= 0:
                break
        else:
            tried = np.clip(step, low, high)
            if not self._ties(tried):
                return
        size = float(around.norm.length(tried))
        if size < self._best.upper:
            self._best = Nearest(self._best.lower, size, tried, 0)

    def _ties(self, step: FloatArray) -> bool:
        """Whether another class is as good within rounding, as where a score is flat at zero."""
        around = self._around
        point = around.at(self._row, step[None])
        size = around.decision.network.term_sizes(point).max()
        margin = around.margins(self._row, step[None]).min()
        return bool(margin <= self._tolerances.boundary * size)


class _Program:
    """The linear relaxation around one row, with a switch for each open unit."""

    def __init__(
        self,
        around: Neighbourhoods,
        row: int,
        rival: int,
        radius: float,
        bounds: Sequence[UnitBounds],
        tolerances: Tolerances,
    ) -> None:
        self.n_moved = around.moved.size
        self._norm, self._small = around.norm, tolerances.feasibility
        self._n_sums = 0 if around.norm is Norm.LINF else self.n_moved
        self._open = [_open(part) for part in bounds]
        n_open = sum(int(part.sum()) for part in self._open)
        self._first = self.n_moved + self._n_sums
        self.n_variables = self._first + n_open + 1
        self._rows: list[FloatArray] = []
        self._ends: list[FloatArray] = []
        forms = self._through_layers(around, row, radius, bounds)
        output = around.decision.network.output
        own = int(around.own[row])
        margin = (output.weight[own] - output.weight[rival]) @ forms
        margin[-1] += output.bias[own] - output.bias[rival]
        self._add(margin[None, :-1], -margin[-1:])
        self._weights = self._effects(bounds, output.weight[own] - output.weight[rival])
        self._add_norm()
        self._build(around, row, radius, tolerances)
        self._fixed: frozenset[tuple[int, bool]] = frozenset()

    def _through_layers(
        self, around: Neighbourhoods, row: int, radius: float, bounds: Sequence[UnitBounds]
    ) -> FloatArray:
        """The values behind the last layer as forms of the variables, the constant last."""
        network, n = around.decision.network, self.n_variables
        hidden = np.zeros((network.n_inputs, n + 1))
        hidden[around.moved, np.arange(self.n_moved)] = radius * around.scale
        hidden[:, -1] = around.points[row]
        place, z_open, values, sizes = self._first, [], [], []
        for part, unstable in zip(bounds, self._open, strict=True):
            layer, lower, upper = part.layer, part.lower[0], part.upper[0]
            z = np.asarray(layer.weight @ hidden)
            z[:, -1] += layer.bias
            passes = ~layer.rectified | (lower >= 0)
            hidden = np.where(passes[:, None], z, 0.0)
            units = np.flatnonzero(unstable)
            hidden[units, place + np.arange(units.size)] = upper[units]
            z_open.append(z[units])
            sizes.append(np.column_stack([lower[units], upper[units]]))
            values.append(hidden[units])
            place += units.size
        self._z = np.concatenate(z_open) if z_open else np.zeros((0, n + 1))
        h = np.concatenate(values) if values else np.zeros((0, n + 1))
        self._size = np.concatenate(sizes) if sizes else np.zeros((0, 2))
        self._h = h
        low, high = self._size[:, 0], self._size[:, 1]
        slope = (high / np.where(high > low, high - low, 1.0))[:, None]
        above = h - slope * self._z
        self._add(self._z[:, :-1] - h[:, :-1], h[:, -1] - self._z[:, -1])
        self._add(above[:, :-1], -above[:, -1] - slope[:, 0] * low)
        return hidden

    def _effects(self, bounds: Sequence[UnitBounds], form: FloatArray) -> FloatArray:
        """How much the relaxed margin depends on the value of each open unit."""
        found: list[FloatArray] = []
        for part, unstable in zip(reversed(bounds), reversed(self._open), strict=True):
            lower, upper = part.lower[0], part.upper[0]
            width = np.where(unstable, upper - lower, 1.0)
            found.append(np.abs(form[unstable]) * width[unstable])
            passes = ~part.layer.rectified | (lower >= 0)
            form = np.where(unstable, upper / width, passes) * form
            form = np.asarray(form @ part.layer.weight)
        return np.concatenate([np.zeros(0), *reversed(found)])

    def _add_norm(self) -> None:
        d, n = self.n_moved, self.n_variables
        if self._norm is not Norm.LINF:
            total = np.zeros((1, n))
            total[0, d : 2 * d], total[0, -1] = 1.0, -1.0
            self._add(total, np.zeros(1))
        for g in (*_GRID, *(-g for g in _GRID)) if self._norm is Norm.L2 else (0.5, -0.5):
            moves, end = np.zeros((d, n)), np.zeros(d)
            moves[:, :d] = 2.0 * g * np.eye(d)
            if self._norm is Norm.LINF:
                moves[:, -1] = -1.0
            else:
                moves[:, d : 2 * d] = -np.eye(d)
                end[:] = g * g if self._norm is Norm.L2 else 0.0
            self._add(moves, end)

    def _build(
        self, around: Neighbourhoods, row: int, radius: float, tolerances: Tolerances
    ) -> None:
        lower, upper = np.zeros(self.n_variables), np.ones(self.n_variables)
        d = self.n_moved
        lower[:d] = np.maximum(around.low[row] / radius, -1.0)
        upper[:d] = np.minimum(around.high[row] / radius, 1.0)
        self._program = LinearProgram(
            np.concatenate(self._rows), np.concatenate(self._ends), lower, upper, tolerances
        )
        self._cost = np.zeros(self.n_variables)
        self._cost[-1] = -1.0

    def _add(self, weight: FloatArray, bound: FloatArray) -> None:
        self._rows.append(weight)
        self._ends.append(bound)

    def fix(self, fixes: Fixes) -> None:
        """Let exactly these units be active or inactive."""
        wanted = frozenset(fixes)
        for unit, active in self._fixed - wanted:
            self._hold(unit, active, hold=False)
        for unit, active in wanted - self._fixed:
            self._hold(unit, active, hold=True)
        self._fixed = wanted

    def _hold(self, unit: int, active: bool, *, hold: bool) -> None:
        """``h = z`` of a unit that is active, ``h = 0`` of one that is not; or neither again."""
        if active:
            self._program.set_equal(unit, hold)  # the first rows are h >= z, one a unit
        else:
            self._program.set_limits(self._first + unit, 0.0, 0.0 if hold else 1.0)

    def length(self, point: FloatArray) -> float:
        """The length that the program gives a point, a lower bound of the true one."""
        return float(np.sqrt(max(point[-1], 0.0)) if self._norm is Norm.L2 else point[-1])

    def touch(self, point: FloatArray, room: float) -> bool:
        """For l2, tangents at a point, where the program takes columns for shorter than they are.

        Those that lack more than their part of ``room``, a share of the squared length; False
        where there is none.
        """
        d = self.n_moved
        step, square = point[:d], point[d : 2 * d]
        short = np.flatnonzero(step * step - square > room / d * float(step @ step))
        for i in short.tolist():
            row, g = np.zeros(self.n_variables), float(step[i])
            row[i], row[d + i] = 2.0 * g, -1.0
            self._program.add_row(row, g * g)
        return bool(short.size)

    def solve(self) -> FloatArray | None:
        """The optimal variables; None where nothing is feasible, empty where undecided."""
        found = self._program.maximise(self._cost)
        if found.status is LinearStatus.INFEASIBLE:
            return None
        return found.point if found.status is LinearStatus.OPTIMAL else np.zeros(0)

    def most_open(self, fixes: Fixes, point: FloatArray) -> int:
        """The unit whose value is farthest from what it should be, -1 where all are right."""
        free = np.ones(len(self._h), dtype=np.bool_)
        free[[unit for unit, _ in fixes]] = False
        if not free.any():
            return -1
        if point.size == 0:
            return int(np.flatnonzero(free)[0])
        z = self._z[:, :-1] @ point + self._z[:, -1]
        h = self._h[:, :-1] @ point + self._h[:, -1]
        size = self._size[:, 1] - self._size[:, 0]
        away = np.where(free, (h - np.maximum(z, 0.0)) / size, 0.0)
        if not away.max() > self._small:
            return -1
        weighted = np.where(away > self._small, away * self._weights, -1.0)
        return int(weighted.argmax())


def _open(part: UnitBounds) -> BoolArray:
    found = part.layer.rectified & (part.lower[0] < 0) & (part.upper[0] > 0)
    return np.asarray(found, dtype=np.bool_)
