"""Read-only float64 arrays, the stuff every record is made of."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from explainrelu.errors import ArgumentError

__all__ = ["BoolArray", "ByteArray", "FloatArray", "IntArray", "frozen", "frozen_floats"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


def frozen(array: _Array) -> _Array:
    """The array itself, marked read-only; for arrays that the caller just made."""
    array.setflags(write=False)
    return array


def frozen_floats(values: npt.ArrayLike, ndim: int, name: str) -> FloatArray:
    """A read-only, C-contiguous float64 copy of ``values`` with ``ndim`` dimensions.

    Raises
    ------
    ArgumentError
        Where the number of dimensions differs or a value is not finite.
    """
    try:
        array = np.array(values, dtype=np.float64, order="C", copy=True)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(
            f"{name} must be a rectangular array of numbers, got {error}."
        ) from error
    if array.ndim != ndim:
        raise ArgumentError(f"{name} must have {ndim} dimension(s), got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} must hold finite numbers only, got NaN or infinity.")
    array.setflags(write=False)
    return array
