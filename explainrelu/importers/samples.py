"""Rows, pictures and signals that a person hands over beside a model, as the model takes them."""

from typing import Any

import numpy as np

from explainrelu.errors import DataError
from explainrelu.importers.operators.graph import Shape
from explainrelu.network.frames import as_array, column_names
from explainrelu.network.network import ReluNetwork

__all__ = ["one_row", "points_of"]


def one_row(X: Any) -> Shape:
    """The shape of one row of ``X`` with an axis of rows of size 1 before it; () without ``X``.

    Raises
    ------
    DataError
        Where ``X`` has fewer than two axes.

    Examples
    --------
    >>> one_row(np.ones((20, 3, 8, 8))), one_row([[1.0, 2.0]])
    ((1, 3, 8, 8), (1, 2))
    """
    if X is None:
        return ()
    columns, array = column_names(X), as_array(X)
    if columns is not None:
        return (1, len(columns))
    shape = np.shape(X) if array is None else array.shape
    if len(shape) < 2 or 0 in shape[1:]:
        raise DataError(
            "X must be two-dimensional, (n_samples, n_inputs), or hold pictures, (n_samples, "
            f"channels, height, width), got shape {shape}. For one row write X.reshape(1, -1)."
        )
    return (1, *(int(size) for size in shape[1:]))


def points_of(network: ReluNetwork, X: Any) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """``X`` encoded; a sample whose shape the schema does not keep is a row of numbers.

    Raises
    ------
    DataError
        Where ``X`` does not fit the schema.
    """
    array = as_array(X)
    if array is not None and array.ndim > 2 and not network.schema.shape:
        X = array.reshape(array.shape[0], -1)
    return network.schema.encode(X)
