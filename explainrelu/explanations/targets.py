"""The target of the rows at hand, matched to what a model predicts."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.errors import DataError, MissingValuesError
from explainrelu.network.network import ReluNetwork

__all__ = ["class_codes", "target_flags", "target_frame", "target_numbers"]


def target_frame(y: Any, n_rows: int) -> pd.DataFrame:
    """The target as a frame of one column an output, without gaps.

    Raises
    ------
    DataError
        Where it has not one value a row.
    MissingValuesError
        Where a value is missing.
    """
    table = pd.DataFrame(y if isinstance(y, (pd.Series, pd.DataFrame)) else _array(y))
    if len(table) != n_rows:
        raise DataError(f"y must have one value a row of X, {n_rows}, got {len(table)}.")
    missing = table.isna().to_numpy().any(axis=1)
    if missing.any():
        raise MissingValuesError(
            f"y must have a value in every row, got none in row {int(missing.argmax())}. Drop such "
            "rows of X and y."
        )
    return table.reset_index(drop=True)


def class_codes(network: ReluNetwork, target: pd.DataFrame) -> IntArray:
    """The position of each row's class among the model's classes: (n_rows,).

    Raises
    ------
    DataError
        For several columns, or a class that the model does not know.
    """
    classes = network.outputs.classes
    if target.shape[1] != 1:
        raise DataError(f"y must be one column of classes, got {target.shape[1]} columns.")
    texts = [str(v.item() if isinstance(v, np.generic) else v) for v in target.iloc[:, 0]]
    codes = pd.Index(classes).get_indexer(pd.Index(texts))
    if (codes < 0).any():
        odd = texts[int(np.flatnonzero(codes < 0)[0])]
        raise DataError(
            f"y must hold the model's classes, {', '.join(map(repr, classes))}, got {odd!r}. "
            "Write the target as it was in fit."
        )
    return codes.astype(np.int64)


def target_flags(network: ReluNetwork, target: pd.DataFrame) -> BoolArray:
    """Whether each row has each label: (n_rows, n_outputs).

    Raises
    ------
    DataError
        For another number of columns than labels, and for other values than 0 and 1.
    """
    numbers = target_numbers(network, target)
    odd = ~np.isin(numbers, (0.0, 1.0))
    if odd.any():
        raise DataError(f"y must hold a flag, 0 or 1, for each label, got {numbers[odd][0]:g}.")
    return numbers.astype(np.bool_)


def target_numbers(network: ReluNetwork, target: pd.DataFrame) -> FloatArray:
    """The target as finite numbers: (n_rows, n_outputs).

    Raises
    ------
    DataError
        For another number of columns than outputs, and for what is no finite number.
    """
    n_outputs = network.n_outputs
    if target.shape[1] != n_outputs:
        raise DataError(
            f"y must have one column an output, {n_outputs}, got {target.shape[1]}. Hand over the "
            "target in the form it had in fit; a torch or ONNX classifier says that its outputs "
            "are classes by ending in Softmax, LogSoftmax or Sigmoid."
        )
    try:
        numbers: npt.NDArray[np.float64] = target.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"y must hold numbers, got {target.iloc[0, 0]!r}.") from error
    infinite = ~np.isfinite(numbers).all(axis=1)
    if infinite.any():
        raise DataError(
            f"y must hold finite numbers, got infinity in row {int(infinite.argmax())}. Drop such "
            "rows of X and y."
        )
    return numbers


def _array(y: Any) -> "np.ndarray[Any, Any]":
    if hasattr(y, "detach"):
        y = y.detach()  # a torch tensor that requires a gradient is no array until then
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise DataError(f"y must be a column or a table, got a list where {error}.") from error
    if array.ndim not in (1, 2):
        raise DataError(f"y must be a column or a table, got shape {array.shape}.")
    return array
