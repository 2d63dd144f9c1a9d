"""Any table a person may hand over, as a pandas frame: the one door for input rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from explainrelu.errors import ColumnsError, DataError, InputTypeError

__all__ = ["as_array", "as_frame", "column_names"]


def as_frame(X: Any, names: Sequence[str]) -> pd.DataFrame:
    """``X`` as a pandas frame whose columns are ``names``, in that order.

    Parameters
    ----------
    X : (n_samples, n_columns)
        A pandas, polars or pyarrow table with exactly these columns in this order, or an
        array or nested list whose columns are taken by position.
    names
        The model's raw columns.

    Raises
    ------
    ColumnsError
        Where names, order or number of columns differ.
    DataError
        For no rows, or an array that is not two-dimensional.
    InputTypeError
        For an object that is no table.
    """
    frame = _frame(X)
    if frame is None:
        frame = _from_array(X, names)
    labels: list[Any] = list(frame.columns)
    if all(label == i for i, label in enumerate(labels)) and len(labels) == len(names):
        frame = frame.set_axis(list(names), axis=1)  # unnamed columns are taken by position
    _check_names([str(name) for name in frame.columns], list(names))
    if len(frame) == 0:
        raise DataError(
            "X must have at least one row, got an empty table. Check the filter that made it."
        )
    return frame


def as_array(X: Any) -> "npt.NDArray[Any] | None":
    """An array or tensor as a numpy array, None for anything else.

    A tensor may lie on any device and be part of a computation; its numbers are read.
    """
    if type(X).__module__.partition(".")[0] == "torch" and hasattr(X, "detach"):
        found: npt.NDArray[Any] = X.detach().cpu().double().numpy()
        return found
    return X if isinstance(X, np.ndarray) else None


def column_names(X: Any) -> tuple[str, ...] | None:
    """The column names ``X`` carries itself, or None for arrays and lists."""
    frame = _frame(X)
    return None if frame is None else tuple(str(c) for c in frame.columns)


def _frame(X: Any) -> pd.DataFrame | None:
    """A table of any library as pandas; None where ``X`` is an array or a list."""
    if isinstance(X, pd.DataFrame):
        return X
    if isinstance(X, pd.Series):
        raise DataError(
            "X must be two-dimensional, got a pandas Series. For one row of a frame write "
            "X.iloc[[i]]; for one column write X.to_frame()."
        )
    if isinstance(X, (list, tuple)) or as_array(X) is not None:
        return None
    return _from_narwhals(X)


def _from_narwhals(X: Any) -> pd.DataFrame | None:
    import narwhals

    table = narwhals.from_native(X, pass_through=True)
    if isinstance(table, narwhals.LazyFrame):
        table = table.collect()
    if isinstance(table, narwhals.DataFrame):
        # column by column: polars' own to_pandas would need pyarrow
        return pd.DataFrame({name: table[name].to_numpy() for name in table.columns})
    if hasattr(X, "__array__"):
        return None
    raise InputTypeError(
        "X must be a pandas, polars or pyarrow table or a 2-D array, "
        f"got {type(X).__module__}.{type(X).__qualname__}."
    )


def _from_array(X: Any, names: Sequence[str]) -> pd.DataFrame:
    if isinstance(X, (list, tuple)):
        X = _from_rows(X)
    found = as_array(X)
    array = np.asarray(X) if found is None else found
    if array.ndim != 2:
        raise DataError(
            f"X must be two-dimensional, (n_samples, {len(names)}), got shape {array.shape}. "
            "For one row write X.reshape(1, -1), or [row]."
        )
    if array.shape[1] != len(names) and array.size:
        raise ColumnsError(
            f"X must have {len(names)} columns ({_shorten(names)}), got {array.shape[1]}. "
            "Hand over all of the model's columns, in its order."
        )
    if array.dtype == object:
        return pd.DataFrame(array, columns=list(names)).infer_objects()
    return pd.DataFrame(array.reshape(-1, len(names)), columns=list(names))


def _from_rows(rows: Sequence[Any]) -> Any:
    """A nested list as an array that keeps each value's own type."""
    lengths = {len(row) for row in rows if hasattr(row, "__len__") and not isinstance(row, str)}
    if len(lengths) > 1:
        raise DataError(
            f"X must be a rectangular table of rows, got rows of {sorted(lengths)} values. Fill "
            "the short ones."
        )
    array = np.array(rows, dtype=object)
    numeric = all(isinstance(v, (int, float, np.number)) for v in array.ravel())
    return array.astype(np.float64) if numeric else array


def _check_names(got: list[Any], wanted: list[str]) -> None:
    if got == wanted:
        return
    missing = [name for name in wanted if name not in got]
    extra = [name for name in got if name not in wanted]
    if not missing and not extra and len(got) == len(wanted):
        raise ColumnsError(
            "X has the right columns in another order than the model was fitted with. "
            f"Write X = X[{_shorten(wanted, quote=True)}]."
        )
    parts = [f"The model takes {len(wanted)} columns ({_shorten(wanted)})"]
    parts += [f"missing: {_shorten(missing)}"] if missing else []
    parts += [f"not known to the model: {_shorten(extra)}"] if extra else []
    parts += [f"got {len(got)} columns"] if not missing and not extra else []
    raise ColumnsError("; ".join(parts) + ". Rename or drop columns so that they match.")


def _shorten(names: Sequence[Any], *, quote: bool = False) -> str:
    shown = [repr(n) if quote else str(n) for n in names]
    if quote:
        return "[" + ", ".join(shown) + "]"
    return (
        ", ".join(shown)
        if len(shown) <= 8
        else ", ".join(shown[:8]) + f", ... {len(shown) - 8} more"
    )
