"""A weight as arrays of an archive: one matrix, or the parts of its sparse rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from explainrelu.arrays import Matrix
from explainrelu.importers.archive.plain_records import refusal

__all__ = ["expected_weight", "named_weight", "stored_weight"]

_PARTS = {
    "entries": np.float64,
    "columns": np.int64,
    "starts": np.int64,
    "shape": np.int64,
}
"""Row ``i`` has ``entries[starts[i]:starts[i + 1]]`` in ``columns`` of the same places."""


def named_weight(name: str, weight: Matrix) -> dict[str, npt.NDArray[Any]]:
    """The arrays that stand for a weight: itself where it is dense, else four parts."""
    if isinstance(weight, np.ndarray):
        return {name: weight}
    parts = (weight.data, weight.indices, weight.indptr, np.array(weight.shape))
    return {
        f"{name}.{part}": np.asarray(array, dtype=dtype)
        for (part, dtype), array in zip(_PARTS.items(), parts, strict=True)
    }


def expected_weight(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.DTypeLike]:
    """The arrays that have to stand for a weight, given whether any part of it is there."""
    if any(f"{name}.{part}" in arrays for part in _PARTS):
        return {f"{name}.{part}": dtype for part, dtype in _PARTS.items()}
    return {name: np.float64}


def stored_weight(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """The weight that its arrays stand for.

    Raises
    ------
    ArchiveError
        Where the parts of sparse rows do not fit each other.
    """
    if name in arrays:
        return arrays[name]
    entries, columns, starts, shape = (arrays[f"{name}.{part}"] for part in _PARTS)
    try:
        rows, width = (int(size) for size in shape)
        found = sparse.csr_array((entries, columns, starts), shape=(rows, width))
        found.check_format(full_check=True)
    except (ValueError, TypeError, OverflowError) as error:
        text = str(error).rstrip(".")
        raise refusal(name, "sparse rows whose parts fit each other", text) from error
    return found
