"""Whether the columns that an attribution names first are those that move the score.

Legend, for one row ``x``, its attribution ``a`` and a baseline ``b``:

    deletion     columns are set to the baseline one after the other, that of the largest value
                 first; the mean of the score over the steps, whose fall tells a good order
    insertion    the same from the baseline, columns set to the row's own values
    infidelity   the mean over sets ``S`` of columns of
                 ``(sum_{j in S} a_j - (f(x) - f(x with S at the baseline)))^2`` [yeh2019fidelity]
"""

from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.explanations.agreement.sources import attributions_of
from explainrelu.explanations.assembly import ExplainedRows
from explainrelu.explanations.baseline import baseline_numbers
from explainrelu.explanations.limits import checked_count, checked_seed
from explainrelu.importers.import_model import import_model
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["faithfulness"]

_EXACT_COLUMNS = 10  # 2**10 sets of columns a row


def faithfulness(
    model: Any,
    X: Any,
    attributions: Any,
    *,
    baseline: Any = None,
    background: Any = None,
    n_subsets: int = 500,
    output: Any = None,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> pd.DataFrame:
    """How well the values of attributions foretell what the score does without its columns.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        The raw rows that were explained.
    attributions
        As :func:`compare_attributions` takes them.
    baseline
        What a column without its own value stands at: one raw row. By default the mean of numeric
        columns and the most frequent level of the others, over ``background`` or ``X``.
    background : (n_background, n_columns)
        What our own methods and the default baseline are taken over.
    n_subsets
        Sets of columns drawn a row for the infidelity of more than 10 columns; of up to 10 all are
        taken.
    output
        Which scores; every one by default.
    random_state
        Seed of the sets.

    Returns
    -------
    DataFrame
        One row an output and attribution: ``output attribution deletion insertion difference
        infidelity n_rows scale unit exactness``. A larger ``difference`` (insertion less
        deletion) and a smaller ``infidelity`` are better. ``exactness`` is that of the infidelity;
        the other figures are exact.

    Raises
    ------
    ArgumentError, InputTypeError, DataError
        For attributions of other rows, a baseline that is no row, and ``n_subsets`` below one.

    Notes
    -----
    Deletion and insertion reward values measured from this very baseline, and rows that are mixed
    of two may be like none that the model was trained on. Cost: ``2 n_columns`` scores a row and
    attribution, and those of the sets once.

    References
    ----------
    V. Petsiuk, A. Das, K. Saenko, "RISE", BMVC 2018 (deletion, insertion). C. Yeh et al., "On the
    (in)fidelity and sensitivity of explanations", NeurIPS 2019.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 2.0]]], [[0.0]])
    >>> rows = [[1.0, 1.0], [3.0, -1.0]]
    >>> faithfulness(network, rows, ["local_linear"]).infidelity.tolist()
    [0.0]
    """
    most, seed = checked_count("n_subsets", n_subsets), checked_seed(random_state)
    network = import_model(model, X, tolerances=tolerances)
    schema, view = network.schema, network.outputs.view(output)
    frame = schema.frame(X)
    rest = frame if background is None else schema.frame(background)
    rows = ExplainedRows(network, view, frame, schema.encode(frame))
    found = attributions_of(
        attributions, rows, background=rest, output=output, tolerances=tolerances
    )
    numbers = schema.numbers(frame)
    start = baseline_numbers(schema, baseline, schema.numbers(rest))
    subsets, exactness = _subsets(schema.n_columns, most, seed)
    removed = _drops(rows, numbers, start, subsets)
    records = []
    for one in found:
        for o, name in enumerate(view.names):
            values = one.values[:, :, o]
            deletion, insertion = _curves(rows, numbers, start, values, o)
            misses = values @ subsets.T.astype(np.float64) - removed[:, :, o]
            infidelity = float(np.square(misses).mean())
            figures = (deletion, insertion, insertion - deletion, infidelity, len(frame))
            records.append((name, one.name, *figures, view.scale, view.unit, exactness))
    names = ["output", "attribution", "deletion", "insertion", "difference", "infidelity"]
    dtypes = dict.fromkeys(names[:2], "str") | dict.fromkeys(names[2:], "float64")
    dtypes |= {"n_rows": "int64", "scale": "str", "unit": "str", "exactness": "str"}
    return pd.DataFrame(records, columns=list(dtypes)).astype(dtypes)


def _subsets(n_columns: int, most: int, seed: int) -> tuple[BoolArray, str]:
    """Sets of columns, ``(n_subsets, n_columns)``, none of them empty: all, or some drawn."""
    if n_columns <= _EXACT_COLUMNS:
        numbers = np.arange(1, 2**n_columns)
        return (numbers[:, None] >> np.arange(n_columns)) % 2 == 1, "exact"
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, n_columns + 1, size=most)
    order = rng.random((most, n_columns)).argsort(axis=1).argsort(axis=1)
    return order < sizes[:, None], "estimated"


def _drops(
    rows: ExplainedRows, numbers: FloatArray, start: FloatArray, subsets: BoolArray
) -> FloatArray:
    """What the score falls by without each set: (n_samples, n_subsets, n_scores)."""
    scores = rows.scores
    found = np.empty((len(numbers), len(subsets), scores.shape[1]))
    for i, row in enumerate(numbers):
        found[i] = scores[i] - _scores(rows, np.where(subsets, start, row))
    return found


def _curves(
    rows: ExplainedRows, numbers: FloatArray, start: FloatArray, values: FloatArray, o: int
) -> tuple[float, float]:
    """Mean score along deletion and along insertion, the ends counted half."""
    order = np.argsort(-values, axis=1, kind="stable")
    deletion = _curve(rows, numbers, np.broadcast_to(start, numbers.shape), order, o)
    insertion = _curve(rows, np.broadcast_to(start, numbers.shape), numbers, order, o)
    return deletion, insertion


def _curve(
    rows: ExplainedRows, first: FloatArray, last: FloatArray, order: IntArray, o: int
) -> float:
    """Mean score while columns change from ``first`` to ``last`` in order."""
    n_samples, n_columns = first.shape
    place = np.arange(n_samples)
    current, total = np.array(first), np.zeros(n_samples)
    total += 0.5 * _scores(rows, current)[:, o]
    for step in range(n_columns):
        column = order[:, step]
        current[place, column] = last[place, column]
        weight = 0.5 if step == n_columns - 1 else 1.0
        total += weight * _scores(rows, current)[:, o]
    return float(total.mean() / n_columns)


def _scores(rows: ExplainedRows, numbers: FloatArray) -> FloatArray:
    points = rows.network.schema.spread(numbers)
    return rows.network.forward(points) @ rows.view.matrix.T
