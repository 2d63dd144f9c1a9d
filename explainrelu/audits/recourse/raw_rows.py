"""Encoded changes as a person's rows: what did not change stays as it was handed over."""

from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.network.column import ColumnKind, level_text

__all__ = ["changed_row", "changed_values", "shown"]


def changed_row(frame: pd.DataFrame, row: int, moves: MoveSpace, point: FloatArray) -> pd.DataFrame:
    """The row of a table with the changes of an encoded point: a table of one row.

    A column that is not changed keeps its value and dtype, one that is keeps its dtype where
    that can hold the new value.
    """
    found = frame.iloc[[row]].reset_index(drop=True).copy()
    for name, (_, value) in changed_values(frame, row, moves, point).items():
        dtype = found[name].dtype
        column = pd.Series([value], dtype=object if value is None else None)
        try:
            cast = column.astype(dtype)
        except (TypeError, ValueError):
            cast = column
        # an integer dtype would cut a fraction off
        found[name] = cast if value is None or cast.iloc[0] == value else column
    return found


def changed_values(
    frame: pd.DataFrame, row: int, moves: MoveSpace, point: FloatArray
) -> dict[str, tuple[Any, Any]]:
    """Column -> its value before and after, in raw units and levels, where it changes."""
    changed = moves.changed(point[None])[0]
    found = {}
    for i in np.flatnonzero(changed).tolist():
        column, inputs = moves.schema.columns[i], point[moves.part(i)]
        if column.kind is ColumnKind.NUMERIC:
            value: Any = float(inputs[0])
            whole = frame.iloc[:, i].dtype.kind in "iu" and value.is_integer()
            value = int(value) if whole else value
        elif column.kind is ColumnKind.CATEGORICAL:
            value = column.levels[int(inputs.argmax())]
        else:
            value = column.levels[column.codes.index(float(inputs[0]))]
        found[str(frame.columns[i])] = (frame.iloc[row, i], value)
    return found


def shown(value: Any) -> str:
    """A raw value as it is written in a table."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return f"{value:.12g}" if isinstance(value, float) else level_text(value)
