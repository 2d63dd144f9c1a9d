"""Coefficients of the regions that rows visit, times the spread of their columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, frozen, frozen_floats
from explainrelu.errors import ArgumentError
from explainrelu.explanations.ranking import column_spread, level_frequencies, level_spread
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.outputs import ScoreView, Task
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import regions_of_points
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["StandardisedCoefficients", "standardised_coefficients"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StandardisedCoefficients:
    """What each column does to one score in each region, in the unit of the score.

    Attributes
    ----------
    values : (n_regions, n_columns)
        The coefficient of a numeric or ordinal column times its standard deviation over the rows;
        of a categorical column the standard deviation of its level coefficients under the observed
        level frequencies, which has no sign.
    counts : (n_regions,)
        Rows in each region, most first.
    mean_scores : (n_regions,)
        The mean score of those rows.
    winners : (n_regions,)
        The class that most of those rows get, as a position in ``classes``; -1 where the model is
        no classifier.
    columns
        The columns of ``values``, in the order of the model.
    classes
        The classes of the model, empty where there are none.
    view
        The one score.
    """

    values: FloatArray
    counts: IntArray
    mean_scores: FloatArray
    winners: IntArray
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    view: ScoreView

    def __post_init__(self) -> None:
        for name, ndim in (("values", 2), ("mean_scores", 1)):
            object.__setattr__(self, name, frozen_floats(getattr(self, name), ndim, name))
        for name in ("counts", "winners"):
            object.__setattr__(self, name, frozen(np.array(getattr(self, name), dtype=np.int64)))
        wanted = (self.counts.size, len(self.columns))
        if self.values.shape != wanted:
            raise ArgumentError(f"values must be {wanted}, got {self.values.shape}.")

    def __repr__(self) -> str:
        n_regions, n_columns = self.values.shape
        return f"StandardisedCoefficients({n_regions} regions, {n_columns} columns)"

    @property
    def share(self) -> FloatArray:
        """Share of the rows in each region: (n_regions,)."""
        return np.asarray(self.counts / self.counts.sum())

    @property
    def effect(self) -> FloatArray:
        """``sum_r share_r |values_rj|``, the importance of ``rank_features(by="effect")``."""
        return np.asarray(self.share @ np.abs(self.values))

    @property
    def signed(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Which columns have a coefficient with a sign, all but the categorical: (n_columns,)."""
        return np.array([c.kind is not ColumnKind.CATEGORICAL for c in self.columns], np.bool_)

    def sign_shares(self) -> tuple[FloatArray, FloatArray]:
        """Shares of the rows with a value above zero, and below: (n_columns,) each."""
        n_rows = int(self.counts.sum())
        above, below = (self.counts @ (sign * self.values > 0.0) for sign in (1.0, -1.0))
        return above / n_rows, below / n_rows

    def quantiles(self, levels: Sequence[float]) -> FloatArray:
        """Quantiles over the rows: (n_levels, n_columns).

        The quantile at level ``q`` is the smallest value that a share ``q`` of the rows, or more,
        do not exceed; no interpolation, since coefficients jump from region to region.

        Examples
        --------
        >>> from explainrelu.network.network import ReluNetwork
        >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [0.0]])
        >>> found = standardised_coefficients(network, [[-1.0], [1.0], [1.0], [1.0]])
        >>> (found.quantiles([0.25, 0.26]) > 0).tolist()
        [[False], [True]]
        """
        found = np.empty((len(levels), len(self.columns)))
        for j, column in enumerate(self.values.T):
            order = np.argsort(column, kind="stable")
            reached = np.cumsum(self.counts[order])
            wanted = np.asarray(levels) * reached[-1] * (1.0 - 1e-12)  # rounding of the product
            found[:, j] = column[order][np.searchsorted(reached, wanted)]
        return found

    def strongest(self, max_features: int) -> "StandardisedCoefficients":
        """Only the columns of largest effect, largest first, and at most so many."""
        order = np.argsort(-self.effect, kind="stable")[:max_features]
        return StandardisedCoefficients(
            values=self.values[:, order],
            counts=self.counts,
            mean_scores=self.mean_scores,
            winners=self.winners,
            columns=tuple(self.columns[j] for j in order),
            classes=self.classes,
            view=self.view,
        )


def standardised_coefficients(
    model: Any,
    X: Any,
    *,
    output: str | Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> StandardisedCoefficients:
    """The coefficients of every region the rows lie in, made comparable between columns.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows.
    output
        Which score, by name, or a pair for their difference; the first by default, of several
        classes as centred logit.

    Returns
    -------
    StandardisedCoefficients
        One row a region, most visited first.

    Raises
    ------
    ArgumentError
        For a single row, which has no spread.

    Notes
    -----
    Exact for the rows given. Cost: one forward pass and one affine map a region; memory
    O(n_regions * n_columns).

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[2.0]]], [[0.0], [0.0]])
    >>> standardised_coefficients(network, [[1.0, 1.0], [3.0, 2.0]]).values.tolist()
    [[2.0, 0.0]]
    """
    network = import_model(model, X, tolerances=tolerances)
    schema, every = network.schema, network.outputs.view(output)
    view = ScoreView(every.names[:1], every.scale, every.unit, every.matrix[:1])
    numbers = schema.numbers(X)
    if numbers.shape[0] < 2:
        raise ArgumentError(
            f"Coefficients must be compared over several rows, got {numbers.shape[0]}. Hand over "
            "the data, or use explain(model, row, background=X) for one row."
        )
    points = schema.spread(numbers)
    regions = regions_of_points(network, points)
    values = np.zeros((len(regions), schema.n_columns))
    for part, weight, _ in regions.affine_map_chunks(view):
        values[part] = _sizes(schema, numbers, weight[:, 0])
    scores = network.forward(points)
    means = np.bincount(regions.rows, scores @ view.matrix[0], len(regions)) / regions.counts
    classes = network.outputs.classes
    return StandardisedCoefficients(
        values=values * column_spread(schema, numbers),
        counts=regions.counts,
        mean_scores=means,
        winners=_winners(network.outputs.task, scores, regions.rows, len(regions)),
        columns=schema.columns,
        classes=classes,
        view=view,
    )


def _sizes(schema: InputSchema, numbers: FloatArray, weight: FloatArray) -> FloatArray:
    """Coefficients by column, of categorical ones the spread of the levels'."""
    values = np.zeros((weight.shape[0], schema.n_columns))
    for j, (column, first) in enumerate(zip(schema.columns, schema.starts[:-1], strict=True)):
        block = weight[:, first : first + column.n_inputs]
        if column.kind is ColumnKind.CATEGORICAL:
            frequency = level_frequencies(column, numbers[:, j])
            values[:, j] = level_spread(block - (block @ frequency)[:, None], frequency, "effect")
        elif column.n_inputs:
            values[:, j] = block[:, 0]
    return values


def _winners(task: Task, scores: FloatArray, rows: IntArray, n_regions: int) -> IntArray:
    """The class that most rows of each region get, of equally many the first."""
    if task not in (Task.BINARY, Task.MULTICLASS):
        return np.full(n_regions, -1, dtype=np.int64)
    won = (scores[:, 0] > 0).astype(np.int64) if task is Task.BINARY else scores.argmax(axis=1)
    n_classes = 2 if task is Task.BINARY else scores.shape[1]
    votes = np.bincount(rows * n_classes + won, minlength=n_regions * n_classes)
    return np.asarray(votes.reshape(n_regions, n_classes).argmax(axis=1), dtype=np.int64)
