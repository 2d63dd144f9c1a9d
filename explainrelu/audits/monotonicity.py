"""Whether a score rises, falls or neither as one column grows, proven over a domain."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.audits.slope_program import SlopeProgram
from explainrelu.audits.slopes import level_boxes, negligible_slopes, slope_bounds, slopes_at
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema, ScoreView
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Direction", "Monotonicity", "Pair", "Proof", "Trend", "monotonicity"]

_MOST_BOXES = 256  # combinations of levels that are gone through one by one
_STARTS = 512  # rows drawn to look for violations
_STEPS = 129  # places along a column where a pair of rows is looked for
_FINE = 40  # and halvings of the way around a place
_TRIED = 16  # points at which a pair is looked for


class Direction(StrEnum):
    """How a score changes as a column grows and nothing else changes."""

    INCREASING = "increasing"
    DECREASING = "decreasing"
    CONSTANT = "constant"
    NOT_MONOTONE = "not monotone"
    UNDECIDED = "undecided"
    NOT_APPLICABLE = "not applicable"


class Proof(StrEnum):
    """What a verdict rests on."""

    BOUNDS = "gradient bounds"
    REGIONS = "exact enumeration"
    PROGRAM = "mixed-integer program"
    WITNESS = "a pair of rows"
    NONE = ""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two rows that differ in one column only.

    Attributes
    ----------
    points : (2, n_inputs)
        The encoded rows; the column is larger in the second.
    scores : (2,)
        What the network makes of them.
    """

    points: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_floats(self.points, 2, "points"))
        object.__setattr__(self, "scores", frozen_floats(self.scores, 1, "scores"))


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """What was found of one column and one score.

    Attributes
    ----------
    feature, output
        The column and the score.
    direction
        The verdict; of several that hold the strongest.
    expected
        The direction that was asked for, "" where none was.
    proof
        What the verdict rests on.
    slope_lower, slope_upper
        The score changes by no less and no more for each unit of the column, anywhere.
    exactness
        Whether these bounds are attained (up to rounding) or merely hold.
    n_regions
        Linear regions that were looked at.
    n_violating
        Those of them where the score changes against the direction: the expected one, else the
        one that more rows (without ``X``, regions) follow.
    complete
        Whether the regions looked at are all of the domain.
    n_rows
        Rows of ``X`` in the domain.
    n_violating_rows
        Those of them that lie in a region where the score changes against the direction.
    rising, falling
        Rows that show that the score does rise, and does fall, with the column; None where no
        such rows were found.
    reason
        In words, where there is no verdict.
    """

    feature: str
    output: str
    direction: Direction
    expected: str
    proof: Proof
    slope_lower: float
    slope_upper: float
    exactness: Exactness
    n_regions: int
    n_violating: int
    complete: bool
    n_rows: int
    n_violating_rows: int
    rising: Pair | None
    falling: Pair | None
    reason: str

    @property
    def share(self) -> float:
        """Share of the rows in violating regions; 0 without rows."""
        return self.n_violating_rows / max(1, self.n_rows)

    @property
    def status(self) -> Status:
        """Whether the expected direction holds; without one, whether the score is monotone."""
        if self.expected:
            against = self.falling if self.expected == Direction.INCREASING else self.rising
            if against is not None:
                return Status.FAILS
            holds = self.direction in (self.expected, Direction.CONSTANT)
            return Status.HOLDS if holds else Status.UNDECIDED
        if self.direction is Direction.NOT_MONOTONE:
            return Status.FAILS
        open_ = self.direction in (Direction.UNDECIDED, Direction.NOT_APPLICABLE)
        return Status.UNDECIDED if open_ else Status.HOLDS

    @property
    def witness(self) -> Pair | None:
        """The pair that goes against the expected direction, or makes the score not monotone."""
        if self.status is not Status.FAILS:
            return None
        if self.expected == Direction.DECREASING:
            return self.rising
        return self.falling


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Monotonicity:
    """The trends of a model over a domain.

    Attributes
    ----------
    schema
        The columns.
    trends
        One a column and score.
    """

    schema: InputSchema
    trends: tuple[Trend, ...]

    def __repr__(self) -> str:
        return f"Monotonicity({', '.join(f'{t.feature}: {t.direction}' for t in self.trends)})"

    def __len__(self) -> int:
        return len(self.trends)

    def trend(self, feature: str, output: str | None = None) -> Trend:
        """The trend of a column (and a score, where there are several).

        Raises
        ------
        ArgumentError
            Where it was not looked at.
        """
        for found in self.trends:
            if found.feature == feature and output in (None, found.output):
                return found
        raise ArgumentError(f"Column {feature!r} was not looked at, nor output {output!r}.")

    @property
    def certificate(self) -> Certificate:
        """One check an expected direction, with the share of rows that go against it."""
        return Certificate(tuple(_check(t) for t in self.trends if t.expected))

    def to_frame(self) -> pd.DataFrame:
        """One row a column and score.

        ``feature output direction expected status proof slope_lower slope_upper exactness
        n_regions n_violating complete n_rows n_violating_rows share reason``
        """
        numbers = ("n_regions", "n_violating", "complete", "n_rows", "n_violating_rows", "share")
        columns: dict[str, Any] = {
            name: pd.Series([str(getattr(t, name)) for t in self.trends], dtype="str")
            for name in ("feature", "output", "direction", "expected", "status", "proof")
        }
        for name in ("slope_lower", "slope_upper"):
            columns[name] = np.array([getattr(t, name) for t in self.trends], dtype=np.float64)
        columns["exactness"] = pd.Series([str(t.exactness) for t in self.trends], dtype="str")
        for name in numbers:
            columns[name] = [getattr(t, name) for t in self.trends]
        columns["reason"] = pd.Series([t.reason for t in self.trends], dtype="str")
        return pd.DataFrame(columns)

    def witness_frame(self, feature: str, output: str | None = None) -> pd.DataFrame:
        """The witness of a column as two raw rows with their scores; no rows where there is none.
        """
        found = self.trend(feature, output).witness
        points = np.zeros((0, self.schema.n_inputs)) if found is None else found.points
        frame = self.schema.decode(points)
        return frame.assign(score=[] if found is None else found.scores)


def _check(trend: Trend) -> Check:
    detail = f"{trend.output}: {trend.proof or trend.reason}"
    return Check(
        f"{trend.feature} {trend.expected}", trend.status, trend.share, float("nan"),
        Exactness.EXACT, detail,
    )  # fmt: skip


def monotonicity(
    model: Any,
    domain: Box,
    *,
    features: Iterable[str] | None = None,
    X: Any = None,
    output: Any = None,
    direction: str | Mapping[str, str] | None = None,
    max_regions: int | None = 20_000,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Monotonicity:
    """For each column, whether the score only rises or only falls with it, everywhere in a box.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs. Columns with levels stand at one of them.
    features
        The columns to look at, all by default. Those with levels that have no order are answered
        by ``not applicable``; of an ordinal one the code counts, as a number.
    X : (n_samples, n_columns)
        Raw rows, to count those that lie where the score goes against the direction. Those
        outside the domain are left out.
    output
        Which scores; see :meth:`OutputSchema.view`.
    direction
        ``increasing`` or ``decreasing``, for all columns or by column: what is expected.
    max_regions
        Linear regions that are gone through at most, all parts together; None for no limit.
    time_limit
        Seconds, about; what is not decided by then is undecided, with bounds that hold.
    random_state
        Seed of the rows at which violations are looked for.

    Returns
    -------
    Monotonicity
        ``.trends .to_frame() .witness_frame(feature) .certificate``. A proven direction holds at
        every row of the domain. ``not monotone`` comes with rows that show it, by the network's
        own scores.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the model's inputs, an unknown direction and limits that
        are not positive.
    ColumnsError
        For an unknown column.

    Notes
    -----
    In order of cost: bounds of the gradient over the box (sound); the signs of the coefficients
    of every linear region (exact; regions thinner than the tolerances change no verdict, since
    the score is continuous); a mixed-integer program of the gradient (up to the solver's
    tolerances). Where the levels have more than 256 combinations the first two go over the
    relaxed box, so that what they prove holds and what they find has to be shown at true levels.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> found = monotonicity(network, Box([-1.0, -1.0], [1.0, 1.0]))
    >>> found.to_frame().direction.tolist()
    ['increasing', 'increasing']
    """
    network = import_model(model)
    check_domain(domain, network.n_inputs, network.schema)
    check_time_limit(time_limit)
    names = _names(network.schema, features)
    expected = _expected(direction, names)
    view = network.outputs.view(output)
    points = np.zeros((0, network.n_inputs)) if X is None else network.schema.encode(X)
    points = points[domain.contains(points)]
    search = _Search(
        network, domain, view, points, max_regions, time_limit,
        np.random.default_rng(random_state), tolerances,
    )  # fmt: skip
    return Monotonicity(network.schema, tuple(search.trends(names, expected)))


def _names(schema: InputSchema, features: Any) -> tuple[str, ...]:
    if features is None:
        return schema.names
    if isinstance(features, (str, bytes)) or not isinstance(features, Iterable):
        raise InputTypeError(f"features must be a list of column names, got {features!r}.")
    return tuple(schema.column(str(name)).name for name in features)


def _expected(direction: Any, names: tuple[str, ...]) -> dict[str, str]:
    wanted = (str(Direction.INCREASING), str(Direction.DECREASING))
    found = direction if isinstance(direction, Mapping) else dict.fromkeys(names, direction)
    for name, one in found.items():
        if name not in names:
            raise ArgumentError(
                f"direction must name columns that are looked at ({', '.join(names)}), got "
                f"{name!r}."
            )
        if one is not None and one not in wanted:
            raise ArgumentError(f"direction must be one of {', '.join(wanted)}, got {one!r}.")
    return {str(name): str(one) for name, one in found.items() if one is not None}


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
    rises: list[list[list[FloatArray]]]
    falls: list[list[list[FloatArray]]]


class _Search:
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
        self._deadline = np.inf if time_limit is None else monotonic() + time_limit
        self._small = negligible_slopes(network, self._score, tolerances)
        self._rows = RowSpace.of(network.schema, domain)
        starts = [self._rows.sample(_STARTS, rng), points]
        self._starts = np.concatenate(starts)
        self._at_starts = slopes_at(network, self._score, self._starts)

    def trends(self, names: tuple[str, ...], expected: dict[str, str]) -> list[Trend]:
        schema, found = self._network.schema, {}
        groups = {
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
        nothing: list[list[list[FloatArray]]] = [[[] for _ in range(shape[1])] for _ in range(shape[0])]
        other: list[list[list[FloatArray]]] = [[[] for _ in range(shape[1])] for _ in range(shape[0])]
        return _Seen(
            np.full(shape, np.inf), np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape),
            0, False, relaxed, nothing, other,
        )  # fmt: skip

    def _regions(self, boxes: list[Box], places: Any, relaxed: bool) -> _Seen:
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
    def _count(seen: _Seen, slopes: FloatArray, points: FloatArray, places: Any) -> None:
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
            bounds = max(bounds[0], float(seen.lower[k, i])), min(bounds[1], float(seen.upper[k, i]))
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
            most, row = program.largest(i, sign, target=10 * zero, time_limit=limit)
            found = None if not row.size else self._along(self._rows.nearest(row), k, i, sign)
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
