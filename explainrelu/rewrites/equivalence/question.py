"""What is asked: two networks, where they are compared, and what counts as equal."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from time import monotonic

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Check
from explainrelu.errors import ArgumentError, ColumnsError
from explainrelu.geometry.box import Box
from explainrelu.milp.rows import RowSpace
from explainrelu.network.bounds import interval_bounds
from explainrelu.network.difference import difference_network
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.equivalence.equivalence import Verdict
from explainrelu.rewrites.score_check import largest_term
from explainrelu.tolerances import Tolerances

__all__ = ["Answer", "Question", "check_comparable"]

_MOST_PARTS = 256  # combinations of levels that are searched one by one


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one way to answer came to.

    Attributes
    ----------
    status
        What it shows by itself.
    lower, upper : (n_outputs,)
        Sound bounds of ``a - b`` over the rows of the domain.
    point : (n_inputs,), optional
        The encoded row with the largest difference it met.
    checks
        What it has to say in the certificate.
    """

    status: Verdict
    lower: FloatArray
    upper: FloatArray
    point: FloatArray | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Whether ``a`` and ``b`` are one function over the rows of a domain.

    Attributes
    ----------
    a, b
        The networks.
    rows
        The domain, with the levels of columns that have levels.
    points : (n_points, n_inputs)
        Rows drawn from it.
    deadline
        When to stop, on the monotonic clock.
    max_regions
        When to stop a search.
    tolerance : (n_outputs,)
        With ``s`` the largest score at the points and ``t`` the largest size of its terms:
        ``agreement * s``, or ``rounding * t`` where that is more.
    difference
        ``a - b`` as one network.
    """

    a: ReluNetwork
    b: ReluNetwork
    rows: RowSpace
    points: FloatArray
    deadline: float
    max_regions: int
    tolerances: Tolerances
    exact: bool
    tolerance: FloatArray = field(init=False)
    difference: ReluNetwork = field(init=False)

    def __post_init__(self) -> None:
        a, b, tolerances = self.a, self.b, self.tolerances
        largest = np.maximum(*(np.abs(n.forward(self.points)).max(axis=0) for n in (a, b)))
        term = max(largest_term(a, self.points), largest_term(b, self.points))
        allowed = np.maximum(tolerances.agreement * largest, tolerances.rounding * term)
        object.__setattr__(self, "tolerance", allowed)
        object.__setattr__(self, "difference", difference_network(a, b))

    @property
    def domain(self) -> Box:
        """The box over the encoded inputs."""
        return self.rows.box

    @property
    def seconds_left(self) -> float:
        """Until the deadline, at least a little."""
        return max(0.01, self.deadline - monotonic())

    @property
    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return monotonic() >= self.deadline

    @property
    def rounding(self) -> float:
        """What float64 may change in the difference of two scores, anywhere in the domain."""
        corner = np.maximum(np.abs(self.domain.lower), np.abs(self.domain.upper))[None]
        return self.tolerances.rounding * (
            largest_term(self.a, corner) + largest_term(self.b, corner)
        )

    def differences(self, points: FloatArray) -> FloatArray:
        """``a - b`` at encoded points, each network by itself: (n_points, n_outputs)."""
        gap: FloatArray = self.a.forward(points) - self.b.forward(points)
        return gap

    def verdict(self, lower: FloatArray, upper: FloatArray, point: FloatArray | None) -> Verdict:
        """What sound bounds and a point, replayed, come to."""
        if point is not None and (np.abs(self.differences(point[None]))[0] > self.tolerance).any():
            return Verdict.DIFFERENT
        within = (np.maximum(np.abs(lower), np.abs(upper)) <= self.tolerance).all()
        return Verdict.EQUAL if within else Verdict.UNDECIDED

    def farthest(self, points: FloatArray) -> FloatArray:
        """The point with the largest difference, as a multiple of what is allowed."""
        gaps = np.abs(self.differences(points))
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.nan_to_num(gaps / self.tolerance, nan=0.0, posinf=np.finfo(np.float64).max)
        found: FloatArray = points[int(excess.max(axis=1).argmax())]
        return found

    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Bounds by interval arithmetic: sound, and as a rule wide."""
        with np.errstate(over="ignore", invalid="ignore"):
            bounds = interval_bounds(self.difference, self.domain)
        lower, upper = bounds.output_lower - self.rounding, bounds.output_upper + self.rounding
        return np.nan_to_num(lower, nan=-np.inf), np.nan_to_num(upper, nan=np.inf)

    @property
    def by_levels(self) -> bool:
        """Whether every combination of levels is searched by itself."""
        return 1 <= self._n_combinations <= _MOST_PARTS

    @property
    def _n_combinations(self) -> int:
        return prod(len(choice.values) for choice in self.rows.choices)

    def parts(self) -> Iterator[Box]:
        """Boxes that hold every row; without columns with levels the domain itself.

        One a combination of levels where there are at most 256, else the whole domain, which
        then holds points between levels besides.
        """
        if not self.by_levels:
            yield self.domain
            return
        for values in product(*(choice.values for choice in self.rows.choices)):
            lower, upper = self.domain.lower.copy(), self.domain.upper.copy()
            for choice, value in zip(self.rows.choices, values, strict=True):
                lower[choice.inputs] = upper[choice.inputs] = value
            yield Box(lower, upper)


def check_comparable(a: ReluNetwork, b: ReluNetwork) -> None:
    """Raise where two networks do not take the same rows, or give other outputs.

    Raises
    ------
    ColumnsError
        Where the columns differ in name, kind, levels or order.
    ArgumentError
        Where the number of outputs or the classes differ.
    """
    if a.n_outputs != b.n_outputs:
        raise ArgumentError(
            f"Two models to compare must have equally many outputs, got {a.n_outputs} and "
            f"{b.n_outputs}."
        )
    if a.outputs.classes and b.outputs.classes and a.outputs.classes != b.outputs.classes:
        raise ArgumentError(
            "Two models to compare must have the same classes in the same order, got "
            f"{', '.join(a.outputs.classes)} and {', '.join(b.outputs.classes)}."
        )
    mine, other = a.schema, b.schema
    if mine.n_columns != other.n_columns:
        raise ColumnsError(
            f"Two models to compare must take the same columns, got {mine.n_columns} and "
            f"{other.n_columns}."
        )
    for i, (left, right) in enumerate(zip(mine.columns, other.columns, strict=True)):
        if left.name != right.name and not (_unnamed(mine) or _unnamed(other)):
            raise ColumnsError(
                "Two models to compare must take the same columns in the same order, got "
                f"{left.name!r} and {right.name!r} in place {i}."
            )
        if (left.kind, left.levels, left.codes) != (right.kind, right.levels, right.codes):
            raise ColumnsError(
                f"Two models to compare must read column {left.name!r} alike, got {left.kind} "
                f"{list(left.levels)[:8]} and {right.kind} {list(right.levels)[:8]}."
            )


def _unnamed(schema: InputSchema) -> bool:
    """Whether the columns are known by their place only, as of a model fitted on an array."""
    return schema.shape != () or schema.names == InputSchema.numbered(schema.n_columns).names
