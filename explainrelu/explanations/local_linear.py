"""The attribution that a linear region gives: coefficient times distance from the baseline.

In the region ``r`` of a row the score is ``A_r x + c_r``. The value of column ``j`` is
``A_rj (x_j - b_j)`` with ``b`` the baseline, a categorical column summing over its indicators,
and the base value is ``A_r b + c_r``: the local formula at the baseline, which differs by row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError
from explainrelu.explanations.assembly import ExplainedRows, assembled, column_sums
from explainrelu.explanations.baseline import baseline_numbers
from explainrelu.explanations.explanation import Explanation
from explainrelu.importers.import_model import import_model
from explainrelu.regions.observed import regions_of_points
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["local_linear"]


def local_linear(
    model: Any,
    X: Any,
    *,
    baseline: Any = None,
    background: Any = None,
    output: str | Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Explanation:
    """Attributions by the formula of each row's own linear region.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows to explain.
    baseline
        One raw row (mapping, Series or one-row table) to measure from. By default the mean of
        each numeric column and the most frequent level of each other one.
    background : (n_background, n_columns)
        Rows the default baseline is taken over; ``X`` itself by default.
    output
        Which scores; see :meth:`OutputSchema.view`.

    Returns
    -------
    Explanation
        ``base_values + values.sum(axis=1)`` is the raw score, up to rounding. A column that
        the formula does not use, or that stands at its baseline, gets zero. Of pictures
        ``(n_samples, *shape)`` the values have that shape.

    Raises
    ------
    ArgumentError
        For a single row without a baseline or a background to take one from.

    Notes
    -----
    Exact in the row's region. On a region's boundary the pattern rule ``z > 0`` decides which
    of the equal formulas is used. Cost: one forward pass and one affine map a region.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[0.0], [0.0]])
    >>> local_linear(network, [[1.0, 1.0]], baseline={"x0": 0.0, "x1": 0.0}).values
    array([[1., 2.]])
    """
    network = import_model(model, X, tolerances=tolerances)
    schema, view = network.schema, network.outputs.view(output)
    frame = schema.frame(X)
    numbers = schema.numbers(frame)
    if baseline is None and background is None and len(frame) == 1:
        raise ArgumentError(
            "A baseline must be taken over several rows, got a single one, which would be its own "
            "baseline and leave nothing to explain. Pass background=X, the rows it was taken from, "
            "or a baseline."
        )
    rows = numbers if background is None else schema.numbers(background)
    start = baseline_numbers(schema, baseline, rows)[None]
    explained = ExplainedRows(network, view, frame, schema.spread(numbers))
    values, base_values = _contributions(explained, schema.spread(start)[0])
    return assembled(
        explained,
        values,
        base_values,
        method="local_linear",
        base_meaning="local intercept at the baseline",
        baseline=schema.decode(schema.spread(start)),
        tolerances=tolerances,
    )


def _contributions(explained: ExplainedRows, start: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values ``(n_samples, n_columns, n_scores)`` and bases ``(n_samples, n_scores)``."""
    network, view, points = explained.network, explained.view, explained.points
    n_samples, schema = points.shape[0], network.schema
    # one input a column needs no sum, and of a picture there would be millions of zeros in it
    sums = None if schema.one_to_one else column_sums(schema)
    values = np.empty((n_samples, schema.n_columns, len(view)))
    bases = np.empty((n_samples, len(view)))
    for rows in network.row_chunks(n_samples):
        regions = regions_of_points(network, points[rows])
        weight, bias = regions.affine_maps(view)
        bases[rows] = (weight @ start + bias)[regions.rows]
        terms = weight[regions.rows] * (points[rows] - start)[:, None, :]
        values[rows] = (terms if sums is None else terms @ sums).transpose(0, 2, 1)
    return values, bases
