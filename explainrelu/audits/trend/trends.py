"""What was found of the trend of a score along each column."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArgumentError
from explainrelu.network.schema import InputSchema

__all__ = ["Direction", "Monotonicity", "Pair", "Proof", "Trend"]


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
        """The witness of a column as two raw rows and their scores; no rows where there is none."""
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
