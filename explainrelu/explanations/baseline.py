"""The input point an attribution is measured from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError, DataError, InputTypeError, UnknownLevelError
from explainrelu.network.column import ColumnKind, level_text
from explainrelu.network.schema import InputSchema

__all__ = ["baseline_numbers", "baseline_rows", "named_numbers"]


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


def baseline_rows(schema: InputSchema, baselines: Any, rows: FloatArray) -> FloatArray:
    """One baseline for all rows, or one for each, as numbers: (1 or n_samples, n_columns).

    Parameters
    ----------
    baselines
        None for the default over ``rows`` (see :func:`baseline_numbers`), one raw row, or a table
        of one row or of as many as ``rows``.
    rows : (n_samples, n_columns)
        The rows that are explained, as numbers.

    Raises
    ------
    ArgumentError
        For the default over a single row.
    DataError
        Where baselines do not fit the model, are of another number, or have no known level.
    """
    n_samples = rows.shape[0]
    if baselines is None and n_samples == 1:
        raise ArgumentError(
            "A baseline must be taken over several rows, got a single one, which would be its own "
            "baseline and leave nothing to explain. Pass baselines=, one raw row or one for each "
            "row of X, or background=, the rows to average over."
        )
    if baselines is None:
        return baseline_numbers(schema, None, rows)[None]
    if isinstance(baselines, (Mapping, pd.Series)):
        baselines = pd.DataFrame([_in_order(dict(baselines), schema.names)])
    if schema.shape and np.shape(baselines) == schema.shape:
        baselines = np.asarray(baselines)[None]
    numbers = named_numbers(schema, baselines, "baselines")
    if numbers.shape[0] not in (1, n_samples):
        raise DataError(
            f"baselines must be one row, or one for each of the {n_samples} rows of X, got "
            f"{numbers.shape[0]}. To average over rows pass them as background=."
        )
    _refuse_unknown(schema, schema.frame(baselines), numbers)
    return numbers


def named_numbers(schema: InputSchema, rows: Any, name: str) -> FloatArray:
    """Rows as numbers (see :meth:`InputSchema.numbers`); ``name`` stands before any error."""
    try:
        return schema.numbers(rows)
    except (DataError, InputTypeError) as error:
        raise type(error)(f"{name}, read as X: {error}") from error


def _refuse_unknown(schema: InputSchema, frame: pd.DataFrame, numbers: FloatArray) -> None:
    """A level that is not known is nothing to measure from, also where the model accepts it."""
    for i, column in enumerate(schema.columns):
        if column.kind is ColumnKind.CATEGORICAL:
            unknown = numbers[:, i] < 0
        elif column.kind is ColumnKind.ORDINAL:
            unknown = (numbers[:, i] == column.unknown_code) & ~column.imputed(frame.iloc[:, i])
        else:
            continue
        if unknown.any():
            row = int(np.flatnonzero(unknown)[0])
            known = ", ".join(repr(level_text(level)) for level in column.levels[:8])
            more = f", ... {len(column.levels) - 8} more" if len(column.levels) > 8 else ""
            raise UnknownLevelError(
                f"baselines must have one of {known}{more} in column {column.name!r}, got "
                f"{frame.iloc[row, i]!r} in row {row}. Correct the level."
            )


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
