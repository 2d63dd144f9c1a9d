"""Rows that show something, side by side, for the page."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from explainrelu.network.schema import InputSchema
from explainrelu.reports.page.cards import shown_unit, value_text

__all__ = ["side_by_side"]

_COLUMNS = 12


def side_by_side(
    frame: pd.DataFrame, heads: Sequence[str], schema: InputSchema, scores: Sequence[str]
) -> dict[str, Any]:
    """Two raw rows column by column: those that differ first, then others up to a dozen in all.

    Parameters
    ----------
    frame : DataFrame (2, n_columns)
        The rows.
    heads
        What the two are called.
    scores
        What the model makes of each, in words.
    """
    names = [str(name) for name in frame.columns]
    pairs = [[value_text(value) for value in frame.iloc[:, j]] for j in range(len(names))]
    differs = [not _same(frame.iloc[0, j], frame.iloc[1, j]) for j in range(len(names))]
    order = sorted(range(len(names)), key=lambda j: not differs[j])[:_COLUMNS]
    return {
        "heads": list(heads),
        "rows": [
            {
                "name": names[j],
                "unit": shown_unit(schema.column(names[j])) if names[j] in schema.names else "",
                "values": pairs[j],
                "differs": differs[j],
            }
            for j in order
        ],
        "scores": list(scores),
        "more": len(names) - len(order),
    }


def _same(first: Any, second: Any) -> bool:
    return bool(first == second) or (bool(pd.isna(first)) and bool(pd.isna(second)))
