"""The rows over which an attribution averages."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.explanations.baseline import named_numbers
from explainrelu.network.schema import InputSchema

__all__ = ["background_frame"]

_MOST_ROWS = 100


def background_frame(
    schema: InputSchema, frame: pd.DataFrame, background: Any, generator: np.random.Generator
) -> pd.DataFrame:
    """The raw background rows.

    Parameters
    ----------
    frame
        The rows that are explained.
    background
        A table of at least one row, or one raw row as a mapping or Series; by default the rows
        that are explained, or 100 of them drawn without repetition.

    Raises
    ------
    DataError
        Where rows do not fit the model, or there are none.
    """
    if background is None:
        if len(frame) <= _MOST_ROWS:
            return frame
        return frame.iloc[np.sort(generator.permutation(len(frame))[:_MOST_ROWS])]
    if isinstance(background, (Mapping, pd.Series)):
        background = pd.DataFrame([dict(background)])
    named_numbers(schema, background, "background")
    return schema.frame(background)
