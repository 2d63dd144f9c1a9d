"""Read-only float64 arrays, the stuff every record is made of; sparse where that saves much."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from explainrelu.errors import ArgumentError

__all__ = [
    "BoolArray",
    "ByteArray",
    "FloatArray",
    "IntArray",
    "Matrix",
    "applied",
    "applied_to_rows",
    "dense",
    "entries",
    "frozen",
    "frozen_floats",
    "frozen_matrix",
    "magnitudes",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]

Matrix = FloatArray | sparse.csr_array[np.float64]
"""Dense, or compressed by rows where most entries are zero by construction."""

_SMALL = 1 << 16  # entries: 512 KB, below which a dense matrix is the faster one
_FULL = 0.25  # share of nonzero entries from which a dense matrix is the faster one

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


def frozen_matrix(values: npt.ArrayLike | Matrix, name: str) -> Matrix:
    """A read-only copy of a matrix, in the form that computes fastest.

    Small matrices and well-filled ones are dense; a large one with few entries other than zero
    (at most a quarter of at least 65,536) is kept in sparse rows.

    Raises
    ------
    ArgumentError
        Where it has not two dimensions or a value is not finite.
    """
    if not sparse.issparse(values):
        array = frozen_floats(values, 2, name)
        if array.size <= _SMALL or np.count_nonzero(array) > _FULL * array.size:
            return array
        return _frozen_rows(sparse.csr_array(array), name)
    rows: sparse.csr_array[np.float64] = sparse.csr_array(values).astype(np.float64, copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    n_entries = rows.shape[0] * rows.shape[1]
    if n_entries <= _SMALL or rows.nnz > _FULL * n_entries:
        return frozen_floats(rows.toarray(), 2, name)
    return _frozen_rows(rows, name)


def dense(matrix: Matrix) -> FloatArray:
    """The matrix with every zero written out."""
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.toarray())


def applied(matrix: Matrix, array: FloatArray) -> FloatArray:
    """``matrix @ array``."""
    return np.asarray(matrix @ array)


def applied_to_rows(matrix: Matrix, rows: FloatArray) -> FloatArray:
    """``matrix @ row`` for each row: ``(n_rows, n_out)``."""
    return np.asarray(rows @ matrix.T)


def magnitudes(matrix: Matrix) -> Matrix:
    """The absolute value of every entry."""
    if isinstance(matrix, np.ndarray):
        return np.abs(matrix)
    found: sparse.csr_array[np.float64] = abs(matrix)
    return found


def entries(matrix: Matrix) -> FloatArray:
    """The entries that are stored: all of them, or those of the sparse rows."""
    return matrix if isinstance(matrix, np.ndarray) else matrix.data


def _frozen_rows(rows: sparse.csr_array[np.float64], name: str) -> sparse.csr_array[np.float64]:
    if not np.isfinite(rows.data).all():
        raise ArgumentError(f"{name} must hold finite numbers only, got NaN or infinity.")
    for array in (rows.data, rows.indices, rows.indptr):
        array.setflags(write=False)
    return rows
