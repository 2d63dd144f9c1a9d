"""More rows like those at hand, for the network to label: columns swapped and mixed."""

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.network.column import ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["drawn_rows"]

_CANDIDATES = 6  # rows of which the nearest one is the partner of a mixture


def drawn_rows(
    schema: InputSchema, points: FloatArray, n_rows: int, rng: np.random.Generator
) -> FloatArray:
    """Encoded rows in which every column stands at a value, or between two values, of the data.

    Half of them are rows some of whose raw columns were taken from another row; the others lie
    between a row and a near one, columns with levels standing at the level of either.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Encoded rows, at least one.
    n_rows
        How many to draw.

    Returns
    -------
    (n_rows, n_inputs)
        In the box around ``points``; indicators stay 0 or 1 as they are in some row.

    Examples
    --------
    >>> schema = InputSchema.numeric(["age", "dust"])
    >>> rows, rng = np.array([[20.0, 1.0], [60.0, 3.0]]), np.random.default_rng(0)
    >>> drawn = drawn_rows(schema, rows, 5, rng)
    >>> drawn.shape, float(drawn[:, 0].min()) >= 20.0
    ((5, 2), True)
    """
    n_swapped = n_rows // 2
    first = rng.integers(points.shape[0], size=n_rows)
    other = rng.integers(points.shape[0], size=n_rows)
    other[n_swapped:] = _near(points, first[n_swapped:], rng)
    share = rng.uniform(0.05, 0.6, size=(n_rows, 1))
    share[n_swapped:] = 0.5
    taken = (rng.random((n_rows, schema.n_columns)) < share)[:, schema.input_columns]
    own, partner = points[first], points[other]
    drawn = np.where(taken, partner, own)
    numeric = np.array([column.kind is ColumnKind.NUMERIC for column in schema.columns])
    moved = numeric[schema.input_columns]
    step = rng.random((n_rows - n_swapped, 1))
    between = own[n_swapped:] + step * (partner[n_swapped:] - own[n_swapped:])
    drawn[n_swapped:] = np.where(moved, between, drawn[n_swapped:])
    return np.clip(drawn, points.min(axis=0), points.max(axis=0))


def _near(points: FloatArray, rows: IntArray, rng: np.random.Generator) -> IntArray:
    """For each row the nearest of a few others drawn, columns measured in standard deviations."""
    spread = points.std(axis=0)
    scaled = points / np.where(spread > 0, spread, 1.0)
    best = rng.integers(points.shape[0], size=rows.size)
    least = np.full(rows.size, np.inf)
    for _ in range(_CANDIDATES):
        tried = rng.integers(points.shape[0], size=rows.size)
        away = np.square(scaled[tried] - scaled[rows]).sum(axis=1)
        nearer = (away < least) & (tried != rows)
        best, least = np.where(nearer, tried, best), np.where(nearer, away, least)
    return best
