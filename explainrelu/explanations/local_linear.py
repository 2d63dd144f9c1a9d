"""The attribution that a linear region gives: coefficient times distance from the baseline.

In the region ``r`` of a row the score is ``A_r x + c_r``. The value of column ``j`` is
``A_rj (x_j - b_j)`` with ``b`` the baseline, a categorical column summing over its indicators,
and the base value is ``A_r b + c_r``: the local formula at the baseline, which differs by row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Exactness
from explainrelu.errors import ArgumentError
from explainrelu.explanations.baseline import baseline_numbers
from explainrelu.explanations.explanation import Explanation, additivity
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import regions_of_points
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["column_sums", "local_linear"]


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
    points = schema.spread(numbers)
    regions = regions_of_points(network, points)
    values, base_values = _contributions(network, view, points, schema.spread(start)[0])
    scores = network.forward(points) @ view.matrix.T
    if len(view) == 1:
        values, base_values, scores = values[:, :, 0], base_values[:, 0], scores[:, 0]
    return Explanation(
        values=values.reshape(len(frame), *schema.shape, *values.shape[2:])
        if schema.shape
        else values,
        base_values=base_values,
        scores=scores,
        data=frame,
        view=view,
        regions=regions.names[regions.rows],
        method="local_linear",
        base_meaning="local intercept at the baseline",
        baseline=_baseline_frame(schema, start),
        imputed=schema.imputed(frame),
        exactness=Exactness.EXACT,
        certificate=Certificate((additivity(values, base_values, scores, tolerances),)),
        shape=schema.shape,
    )


def column_sums(schema: InputSchema) -> FloatArray:
    """The 0/1 matrix ``(n_inputs, n_columns)`` that adds a column's inputs up."""
    return np.asarray(
        schema.input_columns[:, None] == np.arange(schema.n_columns), dtype=np.float64
    )


def _contributions(
    network: ReluNetwork, view: ScoreView, points: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Values ``(n_samples, n_columns, n_scores)`` and bases ``(n_samples, n_scores)``."""
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


def _baseline_frame(schema: InputSchema, numbers: FloatArray) -> Any:
    """The baseline as a raw row; levels by name."""
    return schema.decode(schema.spread(numbers))
