"""The input point an attribution is measured from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.errors import DataError
from explainrelu.network.column import ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["baseline_numbers"]


def baseline_numbers(schema: InputSchema, baseline: Any, rows: FloatArray) -> FloatArray:
    """The baseline as one number a raw column (see :meth:`InputSchema.numbers`).

    Parameters
    ----------
    baseline
        None for the default: the mean of each numeric column and the most frequent level of
        each other one, over ``rows``. Else one raw row: a mapping, a Series, a table of one row,
        or one picture.
    rows : (n_samples, n_columns)
        The rows the default is taken over, as numbers.

    Raises
    ------
    DataError
        Where the baseline is not one row of the model's columns.
    """
    if baseline is None and schema.shape:
        return np.asarray(rows.mean(axis=0), dtype=np.float64)
    if baseline is None:
        return np.array([_typical(c.kind, rows[:, i]) for i, c in enumerate(schema.columns)])
    if isinstance(baseline, (Mapping, pd.Series)):
        baseline = pd.DataFrame([_in_order(dict(baseline), schema.names)])
    if schema.shape and np.shape(baseline) == schema.shape:
        baseline = np.asarray(baseline)[None]
    numbers = schema.numbers(baseline)
    if numbers.shape[0] != 1:
        raise DataError(f"baseline must be one row, got {numbers.shape[0]}. Pass a row or nothing.")
    return np.asarray(numbers[0], dtype=np.float64)


def _in_order(row: dict[Any, Any], names: Sequence[str]) -> dict[Any, Any]:
    """A row by the order of the columns, where it has each of them by name."""
    by_name = {str(key): value for key, value in row.items()}
    if set(by_name) != set(names):
        return row  # what is missing, or not known, is said by the one door for input rows
    return {name: by_name[name] for name in names}


def _typical(kind: ColumnKind, values: FloatArray) -> float:
    if kind is ColumnKind.NUMERIC:
        return float(values.mean())
    known = values[values >= 0] if kind is ColumnKind.CATEGORICAL else values
    if known.size == 0:
        return -1.0
    levels, counts = np.unique(known, return_counts=True)
    return float(levels[counts.argmax()])
