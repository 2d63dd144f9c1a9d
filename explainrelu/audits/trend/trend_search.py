"""The search for the trend of each score along each column: bounds, regions, rows, programs."""

from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.audits.trend.slope_program import SlopeProgram
from explainrelu.audits.trend.slopes import level_boxes, negligible_slopes, slope_bounds, slopes_at
from explainrelu.audits.trend.trends import Direction, Pair, Proof, Trend
from explainrelu.certificate import Exactness
from explainrelu.geometry.box import Box
from explainrelu.milp.rows import RowSpace
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema, ScoreView
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.region import LinearRegion
from explainrelu.regions.search.compiling import compile_search
from explainrelu.tolerances import Tolerances

__all__ = ["TrendSearch"]

_MOST_BOXES = 256  # combinations of levels that are gone through one by one
_STARTS = 512  # rows drawn to look for violations
_STEPS = 129  # places along a column where a pair of rows is looked for
_FINE = 40  # and halvings of the way around a place
_TRIED = 16  # points at which a pair is looked for

_Places = list[list[list[FloatArray]]]


@dataclass(slots=True, eq=False)
class _Seen:
    """What the regions of a group of boxes say: everything (n_scores, n_inputs) but the flags."""

    lower: FloatArray
    upper: FloatArray
    n_rising: FloatArray
    n_falling: FloatArray
    n_regions: int
    complete: bool
    relaxed: bool
    rises: _Places
    falls: _Places


class TrendSearch:
    """Goes through bounds, regions, rows and programs for all columns and scores."""

    def __init__(
        self,
        network: ReluNetwork,
        domain: Box,
        view: ScoreView,
        points: FloatArray,
        max_regions: int | None,
        time_limit: float | None,
        rng: np.random.Generator,
        tolerances: Tolerances,
    ) -> None:
        self._network, self._domain, self._view, self._points = network, domain, view, points
        self._score = network.score_map(view)
        self._scored = replace(
            network, output=self._score, outputs=OutputSchema.numbered(len(view))
        )
        self._max_regions, self._tolerances = max_regions, tolerances
        compile_search()
        self._deadline = np.inf if time_limit is None else monotonic() + time_limit
        self._small = negligible_slopes(network, self._score, tolerances)
        self._rows = RowSpace.of(network.schema, domain)
        starts = [self._rows.sample(_STARTS, rng), points]
        self._starts = np.concatenate(starts)
        self._at_starts = slopes_at(network, self._score, self._starts)

    def trends(self, names: tuple[str, ...], expected: dict[str, str]) -> list[Trend]:
        """One for each column, and each score of it."""
        schema = self._network.schema
        found: dict[tuple[str, int], Trend] = {}
        groups: dict[tuple[str, ...], list[str]] = {
            (): [n for n in names if schema.column(n).kind is ColumnKind.NUMERIC],
            **{(n,): [n] for n in names if schema.column(n).kind is ColumnKind.ORDINAL},
        }
        for free, members in groups.items():
            inputs = {name: int(schema.starts[schema.names.index(name)]) for name in members}
            inputs = {n: i for n, i in inputs.items() if not self._domain.fixed[i]}
            if inputs:
                found |= self._of_group(free, inputs, expected)
        return [
            found.get((name, k)) or self._none(name, output, expected.get(name, ""))
            for name in names
            for k, output in enumerate(self._view.names)
        ]

    def _none(self, name: str, output: str, expected: str) -> Trend:
        kind = self._network.schema.column(name).kind
        reason = {
            ColumnKind.CATEGORICAL: "its levels have no order",
            ColumnKind.UNUSED: "the model does not use it",
        }.get(kind, "the domain holds it fixed")
        return Trend(
            name, output, Direction.NOT_APPLICABLE, expected, Proof.NONE, 0.0, 0.0,
            Exactness.EXACT, 0, 0, False, len(self._points), 0, None, None, reason,
        )  # fmt: skip

    def _of_group(
        self, free: tuple[str, ...], inputs: dict[str, int], expected: dict[str, str]
    ) -> dict[tuple[str, int], Trend]:
        boxes = level_boxes(self._network.schema, self._domain, free=free, most=_MOST_BOXES)
        relaxed = boxes is None
        boxes = [self._domain] if boxes is None else boxes
        lower, upper = slope_bounds(self._network, self._score, boxes)
        lower, upper = self._levelled(lower), self._levelled(upper)
        places = np.array(list(inputs.values()))
        open_ = (lower[:, places] < 0) & (upper[:, places] > 0)
        seen = self._nothing_seen(relaxed)
        if open_.any():
            seen = self._regions(boxes, places, relaxed)
        found = {}
        for name, i in inputs.items():
            for k, output in enumerate(self._view.names):
                wanted = expected.get(name, "")
                bounds = float(lower[k, i]), float(upper[k, i])
                found[name, k] = self._trend(name, output, k, i, wanted, bounds, seen, bool(free))
        return found

    def _levelled(self, slopes: FloatArray) -> FloatArray:
        """Slopes with those that are only rounding put to zero."""
        return np.where(np.abs(slopes) <= self._small, 0.0, slopes)

    def _nothing_seen(self, relaxed: bool) -> _Seen:
        shape = self._score.weight.shape[0], self._network.n_inputs
        rises: _Places = [[[] for _ in range(shape[1])] for _ in range(shape[0])]
        falls: _Places = [[[] for _ in range(shape[1])] for _ in range(shape[0])]
        return _Seen(
            np.full(shape, np.inf), np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape),
            0, False, relaxed, rises, falls,
        )  # fmt: skip

    def _regions(self, boxes: list[Box], places: IntArray, relaxed: bool) -> _Seen:
        """The slopes in the linear regions of the boxes, as many as the limits allow."""
        seen = self._nothing_seen(relaxed)
        for box in boxes:
            left = None if self._max_regions is None else self._max_regions - seen.n_regions
            # half of the time is left to the programs
            time = 0.5 * (self._deadline - monotonic())
            if (left is not None and left < 1) or time <= 0:
                return seen
            regions = enumerate_regions(
                self._network, box, max_regions=left,
                time_limit=None if np.isinf(time) else time, tolerances=self._tolerances,
            )  # fmt: skip
            for part, slopes, _ in regions.affine_map_chunks(self._view):
                self._count(seen, self._levelled(slopes), regions.witnesses[part], places)
            if not regions.complete:
                return seen
        seen.complete = True
        return seen

    @staticmethod
    def _count(seen: _Seen, slopes: FloatArray, points: FloatArray, places: IntArray) -> None:
        seen.n_regions += len(slopes)
        if not len(slopes):
            return
        seen.lower = np.minimum(seen.lower, slopes.min(axis=0))
        seen.upper = np.maximum(seen.upper, slopes.max(axis=0))
        seen.n_rising += (slopes > 0).sum(axis=0)
        seen.n_falling += (slopes < 0).sum(axis=0)
        for k in range(slopes.shape[1]):
            for i in places:
                steep = slopes[:, k, i]
                if steep.max() > 0:
                    seen.rises[k][i].append(points[steep.argmax()])
                if steep.min() < 0:
                    seen.falls[k][i].append(points[steep.argmin()])

    def _trend(
        self,
        name: str,
        output: str,
        k: int,
        i: int,
        expected: str,
        bounds: tuple[float, float],
        seen: _Seen,
        ordinal: bool,
    ) -> Trend:
        proof, exactness = Proof.BOUNDS, Exactness.BOUNDED
        direction = _direction(*bounds)
        if direction is Direction.UNDECIDED and seen.complete:
            bounds = (
                max(bounds[0], float(seen.lower[k, i])),
                min(bounds[1], float(seen.upper[k, i])),
            )
            proof = Proof.REGIONS
            exactness = Exactness.BOUNDED if seen.relaxed else Exactness.EXACT
            direction = _direction(*bounds)
        asked = direction is Direction.UNDECIDED or expected not in ("", direction)
        rising = self._pair(k, i, 1.0, seen.rises[k][i]) if asked and bounds[1] > 0 else None
        falling = self._pair(k, i, -1.0, seen.falls[k][i]) if asked and bounds[0] < 0 else None
        if direction is Direction.UNDECIDED and (rising is None or falling is None):
            proof = Proof.PROGRAM
            bounds, rising, falling = self._by_program(k, i, bounds, rising, falling, ordinal)
            direction = _direction(*bounds)
        if direction is Direction.UNDECIDED and rising is not None and falling is not None:
            direction, proof = Direction.NOT_MONOTONE, Proof.WITNESS
            if seen.complete and not seen.relaxed:
                proof = Proof.REGIONS
        reason = ""
        if direction is Direction.UNDECIDED:
            proof, reason = Proof.NONE, "neither proven nor shown to be wrong within the limits"
        trend = Trend(
            name, output, direction, expected, proof, *bounds, exactness, seen.n_regions, 0,
            seen.complete, len(self._points), 0, rising, falling, reason,
        )  # fmt: skip
        return self._counted(trend, k, i, seen)

    def _counted(self, trend: Trend, k: int, i: int, seen: _Seen) -> Trend:
        """The trend with the regions and rows that go against its direction."""
        steep = self._levelled(self._at_starts)[_STARTS:, k, i]
        rows = int((steep > 0).sum()), int((steep < 0).sum())
        regions = int(seen.n_rising[k, i]), int(seen.n_falling[k, i])
        upwards = trend.expected or trend.direction
        if upwards not in (Direction.INCREASING, Direction.DECREASING):
            upwards = (
                Direction.INCREASING
                if (rows[0] >= rows[1] if sum(rows) else regions[0] >= regions[1])
                else Direction.DECREASING
            )
        against = 1 if upwards == Direction.INCREASING else 0
        return replace(trend, n_violating=regions[against], n_violating_rows=rows[against])

    def _pair(self, k: int, i: int, sign: float, points: list[FloatArray]) -> Pair | None:
        """Rows that show that the score rises (falls) with an input, if any are found."""
        steep = sign * self._at_starts[:, k, i]
        order = np.argsort(-steep)[:_TRIED]
        likely = [*points[:_TRIED], *self._starts[order[steep[order] > 0]]]
        best: Pair | None = None
        for point in likely:
            found = self._along(self._rows.nearest(point), k, i, sign)
            if found is not None and (best is None or _size(found) > _size(best)):
                best = found
        return best

    def _inside(self, row: FloatArray, bits: BoolArray, k: int, i: int, sign: float) -> Pair | None:
        """A pair through a row, or else through the middle of a region it lies on the border of."""
        row = self._rows.nearest(row)
        lower, upper = self._domain.lower.copy(), self._domain.upper.copy()
        for choice in self._rows.choices:
            lower[choice.inputs] = upper[choice.inputs] = row[choice.inputs]
        region = LinearRegion(self._network, np.packbits(bits), Box(lower, upper))
        ball = region.polytope().inscribed_ball(tolerances=self._tolerances)
        middle = ball.centre if ball.radius > 0 else row
        return self._along(middle, k, i, sign) or self._along(row, k, i, sign)

    def _along(self, row: FloatArray, k: int, i: int, sign: float) -> Pair | None:
        """The pair of rows with the largest rise (fall) along one input through a row."""
        places = self._places(row, i)
        points = np.tile(row, (places.size, 1))
        points[:, i] = places
        values = sign * self._scored.forward(points)[:, k]
        before = np.minimum.accumulate(values)
        last = int((values - before).argmax())
        first = int(values[: last + 1].argmin())
        pair = points[[first, last]]
        slack = 100 * self._tolerances.rounding * self._scored.term_sizes(pair).max()
        if not values[last] - values[first] > slack:
            return None
        return Pair(pair, sign * values[[first, last]])

    def _places(self, row: FloatArray, i: int) -> FloatArray:
        lower, upper = float(self._domain.lower[i]), float(self._domain.upper[i])
        for choice in self._rows.choices:
            if choice.inputs.start == i:
                return np.asarray(np.unique(choice.values[:, 0]))
        fine = (upper - lower) * 0.5 ** np.arange(1, _FINE)
        near = np.concatenate([row[i] - fine, [row[i]], row[i] + fine])
        even = np.linspace(lower, upper, _STEPS)
        return np.unique(np.concatenate([even, near[(near >= lower) & (near <= upper)]]))

    def _by_program(
        self,
        k: int,
        i: int,
        bounds: tuple[float, float],
        rising: Pair | None,
        falling: Pair | None,
        ordinal: bool,
    ) -> tuple[tuple[float, float], Pair | None, Pair | None]:
        """Bounds by a mixed-integer program, for a side that no rows are known of."""
        lower, upper = bounds
        small = float(self._small[k, i])
        if self._deadline - monotonic() <= 0:
            return bounds, rising, falling
        score = AffineMap(self._score.weight[[k]], self._score.bias[[k]])
        program = SlopeProgram(
            self._network, score, self._domain, [i], levels=not ordinal,
            tolerances=self._tolerances,
        )  # fmt: skip
        for sign, known in ((1.0, rising), (-1.0, falling)):
            if known is not None:
                continue
            left = 0.5 * (self._deadline - monotonic())
            limit = None if np.isinf(left) else max(left, 0.01)
            # a slope that the solver takes for zero is none
            zero = max(small, self._tolerances.feasibility * max(upper, -lower))
            most, row, bits = program.largest(i, sign, target=10 * zero, time_limit=limit)
            found = None if not row.size else self._inside(row, bits, k, i, sign)
            most = 0.0 if 0.0 < most <= zero else most
            if sign > 0:
                upper, rising = min(upper, max(most, lower)), found
            else:
                lower, falling = max(lower, min(-most, upper)), found
        return (lower + 0.0, upper + 0.0), rising, falling


def _size(pair: Pair) -> float:
    return float(abs(pair.scores[1] - pair.scores[0]))


def _direction(lower: float, upper: float) -> Direction:
    """What bounds of the slope prove."""
    if lower >= 0 and upper <= 0:
        return Direction.CONSTANT
    if lower >= 0:
        return Direction.INCREASING
    return Direction.DECREASING if upper <= 0 else Direction.UNDECIDED
