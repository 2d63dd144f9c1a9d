"""Integrated gradients without steps: exact along every path.

Legend: for a baseline ``b`` and a row ``x``, both encoded, the path is ``x(t) = b + t (x - b)`` and
the value of input ``i`` is ``(x_i - b_i) * integral_0^1 d f(x(t)) / d x_i dt``. Along the path the
network has finitely many pieces, on each of which the gradient is constant, and so the integral
is their sum by the share of the path that each takes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError
from explainrelu.explanations.assembly import ExplainedRows, assembled, column_sums
from explainrelu.explanations.baseline import baseline_rows, named_numbers
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.path_attributions import path_attributions, path_chunks
from explainrelu.importers.import_model import import_model
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["integrated_gradients"]

_AT_BASELINE, _OVER_BACKGROUND = "score at the baseline", "mean score over the background"


def integrated_gradients(
    model: Any,
    X: Any,
    *,
    baselines: Any = None,
    background: Any = None,
    output: str | Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Explanation:
    """Integrated gradients of raw rows, exact: no steps, no sampling.

    The value of column ``j`` for a row ``x`` and a baseline ``b`` is ``(x_j - b_j)`` times the mean
    of the gradient by column ``j`` along the straight path from ``b`` to ``x``, and the base value
    is ``f(b)``. Of a categorical column the values of its indicators are summed; the path between
    two levels runs through fractions of their indicators, which are no row of anyone's table.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows to explain.
    baselines
        One raw row (mapping, Series, table of one row, or one picture) from which all paths run,
        or a table of ``n_samples`` rows, one for each row of ``X``. By default, without a
        ``background``, the mean of each numeric column of ``X`` and the most frequent level of each
        other one.
    background : (n_background, n_columns)
        Rows over which to average instead: the values are the mean of the integrated gradients
        from every one of them (expected gradients, which are usually estimated by drawing rows and
        points), and the base value is the mean of their scores.
    output
        Which scores; see :meth:`OutputSchema.view`.
    tolerances
        ``rounding``: crossings that rounding cannot tell apart are one (see
        :func:`segment_pieces`). ``additivity``: what the check allows.

    Returns
    -------
    Explanation
        ``base_values + values.sum(axis=1)`` is the raw score, up to rounding (completeness). A
        column that stands at its baseline gets zero. Of pictures ``(n_samples, *shape)`` the
        values have that shape.

    Raises
    ------
    ArgumentError
        For baselines together with a background, or for a single row without either.
    ColumnsError, MissingValuesError, UnknownLevelError, DataError
        Where rows, baselines or background do not fit the model, or there is another number of
        baselines than of rows. A baseline must have a level that the model knows, also where the
        model accepts unknown ones.

    Notes
    -----
    Exact up to float64 rounding. Where a whole stretch of the path lies in a unit's zero set the
    gradient is not defined: the formula of either side is taken, whichever rounding gives, and the
    values add up all the same. Cost O(n_samples * n_baselines * n_pieces * n_scores * number of
    weights), ``n_pieces`` being those of a path, with memory of some megabytes besides the result.

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017,
    section 3 and Proposition 1. G. Erion et al., "Improving performance of deep learning models
    with axiomatic attribution priors and expected gradients", Nature Machine Intelligence 2021.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[3.0]]], [[-1.0], [0.0]])
    >>> found = integrated_gradients(network, [[2.0, 2.0]], baselines=[[0.0, 0.0]])
    >>> found.values, found.base_values
    (array([[4.5, 4.5]]), array([0.]))
    """
    if baselines is not None and background is not None:
        raise ArgumentError(
            "Either baselines or a background must be given, got both. Pass baselines= to measure "
            "from one row, or from one row for each row of X; background= to average over rows."
        )
    network = import_model(model, X, tolerances=tolerances)
    schema, view = network.schema, network.outputs.view(output)
    frame = schema.frame(X)
    numbers = schema.numbers(frame)
    rows = ExplainedRows(network, view, frame, schema.spread(numbers))
    if background is None:
        starts = schema.spread(baseline_rows(schema, baselines, numbers))
    else:
        starts = schema.spread(named_numbers(schema, background, "background"))
    paired = background is None and starts.shape[0] > 1
    start_scores = network.forward(starts) @ view.matrix.T
    base_values = start_scores if paired else start_scores.mean(axis=0, keepdims=True)
    return assembled(
        rows,
        _values(rows, starts, paired, tolerances),
        np.broadcast_to(base_values, rows.scores.shape),
        method="integrated_gradients",
        base_meaning=_AT_BASELINE if background is None else _OVER_BACKGROUND,
        baseline=schema.decode(starts),
        paired=paired,
        tolerances=tolerances,
    )


def _values(
    rows: ExplainedRows, starts: FloatArray, paired: bool, tolerances: Tolerances
) -> FloatArray:
    """The values ``(n_samples, n_columns, n_scores)``, means over starts unless they are paired."""
    network, view, schema = rows.network, rows.view, rows.network.schema
    n_samples, n_starts = rows.points.shape[0], 1 if paired else starts.shape[0]
    sums = None if schema.one_to_one else column_sums(schema)
    values = np.zeros((n_samples, len(view), schema.n_columns))
    for part in path_chunks(network, view, n_samples * n_starts):
        row, start = np.divmod(np.arange(part.start, part.stop), n_starts)
        first = starts[row if paired else start]
        found = path_attributions(network, view, first, rows.points[row], tolerances)
        found = found if sums is None else found @ sums
        of_row = np.flatnonzero(np.diff(row, prepend=-1))  # paths of a row stand together
        values[row[of_row]] += np.add.reduceat(found, of_row, axis=0)
    values /= n_starts
    return values.transpose(0, 2, 1)
