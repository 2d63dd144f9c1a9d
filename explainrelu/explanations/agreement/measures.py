"""How far two attributions agree, row by row.

Legend: for one row and output, ``a`` and ``b`` are the two attributions over the columns and
``top_k(a)`` the columns of the ``k`` largest ``|a|``. After Krishna et al. 2022:

    feature agreement          |top_k(a) & top_k(b)| / k
    rank agreement             share of k whose column stands at the same place in both lists
    sign agreement             share of k in both lists and with the same sign in both
    signed rank agreement      share of k with the same place and the same sign in both
    pairwise rank agreement    share of all pairs of columns whose ``|a|`` and ``|b|`` are in the
                               same order
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import stats

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError
from explainrelu.explanations.limits import checked_limit

__all__ = [
    "checked_lengths",
    "correlations",
    "pairwise_rank_agreement",
    "three_dimensional",
    "top_agreements",
]


def top_agreements(a: FloatArray, b: FloatArray, k: int) -> dict[str, FloatArray]:
    """The first four agreements of each row: ``a`` and ``b`` are (n_samples, n_columns)."""
    first = np.argsort(-np.abs(a), axis=1, kind="stable")[:, :k]
    second = np.argsort(-np.abs(b), axis=1, kind="stable")[:, :k]
    shared = (first[:, :, None] == second[:, None, :]).any(axis=2)
    same_sign = np.take_along_axis(np.sign(a) == np.sign(b), first, axis=1)
    same_place = first == second
    return {
        "feature_agreement": shared.mean(axis=1),
        "rank_agreement": same_place.mean(axis=1),
        "sign_agreement": (shared & same_sign).mean(axis=1),
        "signed_rank_agreement": (same_place & same_sign).mean(axis=1),
    }


def pairwise_rank_agreement(a: FloatArray, b: FloatArray) -> FloatArray:
    """The share of pairs of columns in the same order, for each row; 1 of a single column."""
    n_columns = a.shape[1]
    if n_columns < 2:
        return np.ones(a.shape[0])
    first, second = np.triu_indices(n_columns, 1)
    orders = [np.sign(np.abs(v[:, first]) - np.abs(v[:, second])) for v in (a, b)]
    return np.asarray((orders[0] == orders[1]).mean(axis=1), dtype=np.float64)


def correlations(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Spearman's and Kendall's correlation of the signed values of each row.

    Where one side is constant no correlation is defined: 1 if both are, else 0.
    """
    return _by_row(a, b, stats.spearmanr), _by_row(a, b, stats.kendalltau)


def three_dimensional(values: Any) -> FloatArray:
    """``(n_samples, n_columns, n_scores)``, of one score too."""
    array = np.asarray(values, dtype=np.float64)
    return array[:, :, None] if array.ndim == 2 else array


def checked_lengths(k: Any) -> tuple[int, ...]:
    """The lengths of the lists of top columns.

    Raises
    ------
    ArgumentError, InputTypeError
        For what is no whole number of at least one.
    """
    several = isinstance(k, Iterable) and not isinstance(k, str)
    lengths = tuple(checked_limit("k", length) for length in (k if several else (k,)))
    found = tuple(length for length in lengths if length is not None)
    if not found or len(found) < len(lengths):
        raise ArgumentError(f"k must be whole numbers of at least 1, got {k!r}.")
    return found


def _by_row(a: FloatArray, b: FloatArray, measure: Callable[..., Any]) -> FloatArray:
    result = np.empty(a.shape[0])
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        flat = np.ptp(x) == 0.0, np.ptp(y) == 0.0
        result[i] = float(all(flat)) if any(flat) else float(measure(x, y).statistic)
    return result
