"""Linear formulas fitted to scores: weighted least squares with a little shrinkage.

Legend: ``z`` is a row of inputs in standard deviations with a one behind it, ``y`` its scores,
``w`` its weight. A fit needs only the sums ``G = sum w z z^T`` and ``H = sum w z y^T``; from a
formula ``B0`` it goes to ``B = B0 + (G + R)^-1 (H - G B0)``, ``R`` being the shrinkage, which
leaves the constant alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from explainrelu.arrays import FloatArray, IntArray, frozen_floats

__all__ = ["Standard", "fitted", "sparse_fit"]

_STEPS = 3  # each takes away most of what shrinkage left
_SHRINKAGE = 1e-4  # of the weight of the rows of a fit


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """Inputs in standard deviations: ``z = (x - centre) / spread``, and a one.

    Attributes
    ----------
    centre, spread : (n_inputs,)
    """

    centre: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, points: FloatArray) -> "Standard":
        """That of some points; a constant input keeps its unit."""
        spread = points.std(axis=0)
        size = np.abs(points).max(axis=0)
        spread = np.where(spread > 1e-12 * size, spread, 1.0)
        return cls(
            frozen_floats(points.mean(axis=0), 1, "centre"), frozen_floats(spread, 1, "spread")
        )

    def __call__(self, points: FloatArray) -> FloatArray:
        """``(n_samples, n_inputs + 1)``."""
        z = np.ones((points.shape[0], points.shape[1] + 1))
        z[:, :-1] = (points - self.centre) / self.spread
        return z

    def raw(self, formula: FloatArray) -> tuple[FloatArray, FloatArray]:
        """A formula ``(n_inputs + 1, n_scores)`` in raw units: weights by score, and constants."""
        weight = (formula[:-1] / self.spread[:, None]).T
        return weight, formula[-1] - weight @ self.centre


def fitted(
    z: FloatArray, y: FloatArray, w: FloatArray, start: FloatArray, *, shrinkage: float = _SHRINKAGE
) -> FloatArray:
    """The formula ``(n_terms, n_scores)`` fitted to some rows, from another one."""
    weighted = z * w[:, None]
    gram, moment = weighted.T @ z, weighted.T @ y
    factors = cho_factor(gram + penalty(gram, shrinkage))
    found = start
    for _ in range(_STEPS):
        found = found + cho_solve(factors, moment - gram @ found)
    return found


def penalty(gram: FloatArray, shrinkage: float = _SHRINKAGE) -> FloatArray:
    """``R``: a share of the rows' weight (the last entry of ``G``), but for the constant."""
    n = gram.shape[-1]
    weight = np.maximum(gram[..., -1, -1], np.finfo(np.float64).tiny)
    found = shrinkage * weight[..., None, None] * np.eye(n)
    found[..., -1, -1] = 1e-12 * weight
    return np.asarray(found)


def sparse_fit(
    z: FloatArray,
    y: FloatArray,
    w: FloatArray,
    groups: IntArray,
    max_terms: int,
    *,
    shrinkage: float = _SHRINKAGE,
) -> FloatArray:
    """The formula of at most so many raw columns, taken one by one where they help most.

    Parameters
    ----------
    groups : (n_inputs,)
        The raw column of each input: its inputs come and go together.
    max_terms
        At least 1.

    Notes
    -----
    Forward selection, then one exchange of each column for a better one while that helps.
    """
    weighted = z * w[:, None]
    gram, moment = weighted.T @ z, weighted.T @ y
    gram = gram + penalty(gram, shrinkage)
    constant = z.shape[1] - 1
    columns = [np.flatnonzero(groups == group) for group in np.unique(groups)]

    def terms(chosen: list[int]) -> IntArray:
        inputs = [columns[i] for i in chosen]
        return np.concatenate([*inputs, [constant]]).astype(np.int64)

    def explained(chosen: list[int]) -> float:
        at = terms(chosen)
        part = moment[at]
        return float((part * np.linalg.solve(gram[np.ix_(at, at)], part)).sum())

    chosen: list[int] = []
    while len(chosen) < min(max_terms, len(columns)):
        rest = [i for i in range(len(columns)) if i not in chosen]
        chosen.append(max(rest, key=lambda i: explained([*chosen, i])))
    if len(chosen) < len(columns):
        chosen = _exchanged(chosen, len(columns), explained)
    found = np.zeros_like(moment)
    at = terms(chosen)
    found[at] = np.linalg.solve(gram[np.ix_(at, at)], moment[at])
    return found


def _exchanged(
    chosen: list[int], n_columns: int, explained: Callable[[list[int]], float]
) -> list[int]:
    """Each chosen column exchanged for another one where more is explained, once through."""
    best = explained(chosen)
    for place in range(len(chosen)):
        for other in range(n_columns):
            if other in chosen:
                continue
            tried = [*chosen[:place], other, *chosen[place + 1 :]]
            value = explained(tried)
            if value > best * (1 + 1e-9):
                chosen, best = tried, value
    return chosen
