"""The convex program of one choice of dichotomies: weights, not negative, of extreme rays."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.tolerances import Tolerances

__all__ = ["Loss", "Solution", "loss_of", "solve"]


class Loss(StrEnum):
    """What is minimised: the mean over the rows."""

    SQUARED = "squared"
    ABSOLUTE = "absolute"
    HINGE = "hinge"


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The end of one program.

    Attributes
    ----------
    weights : (n_columns,)
        Not negative; empty where nothing was found.
    decided
        Whether they are optimal within tolerance.
    """

    weights: FloatArray
    decided: bool


def loss_of(loss: Loss, scores: FloatArray, y: FloatArray) -> float:
    """The mean loss of scores ``(n_samples,)`` against ``y``."""
    if loss is Loss.SQUARED:
        return float(np.square(scores - y).mean())
    if loss is Loss.ABSOLUTE:
        return float(np.abs(scores - y).mean())
    return float(np.maximum(1.0 - y * scores, 0.0).mean())


def solve(loss: Loss, columns: FloatArray, y: FloatArray, tolerances: Tolerances) -> Solution:
    """The weights ``t >= 0`` with the least loss of ``columns @ t`` against ``y``.

    Parameters
    ----------
    columns : (n_samples, n_columns)
    y : (n_samples,)
    """
    if columns.shape[1] == 0:
        return Solution(np.zeros(0), True)
    return _SOLVERS[loss](columns, y, tolerances)


def _squared(columns: FloatArray, y: FloatArray, tolerances: Tolerances) -> Solution:
    """Least squares; optimal where no column could lower the residual, and used ones are level."""
    from scipy.optimize import nnls

    length = np.linalg.norm(columns, axis=0)
    length[length == 0] = 1.0
    try:
        weights, _ = nnls(columns / length, y)
    except RuntimeError:  # its limit of iterations
        return Solution(np.zeros(0), False)
    pull = (columns / length).T @ (y - columns @ (weights / length))
    allowed = tolerances.agreement * max(float(np.linalg.norm(y)), 1e-300)
    optimal = bool((pull <= allowed).all() and (np.abs(pull[weights > 0]) <= allowed).all())
    return Solution(weights / length, optimal)


def _absolute(columns: FloatArray, y: FloatArray, tolerances: Tolerances) -> Solution:
    """Slacks ``e`` with ``-e <= columns @ t - y <= e``."""
    eye = np.eye(y.size)
    rows = np.block([[columns, -eye], [-columns, -eye]])
    return _linear(rows, np.concatenate([y, -y]), columns.shape[1], tolerances)


def _hinge(columns: FloatArray, y: FloatArray, tolerances: Tolerances) -> Solution:
    """Slacks ``e`` with ``1 - y (columns @ t) <= e``."""
    rows = np.hstack([-y[:, None] * columns, -np.eye(y.size)])
    return _linear(rows, -np.ones(y.size), columns.shape[1], tolerances)


def _linear(
    rows: FloatArray, bound: FloatArray, n_columns: int, tolerances: Tolerances
) -> Solution:
    n_variables = rows.shape[1]
    program = LinearProgram(
        rows, bound, np.zeros(n_variables), np.full(n_variables, np.inf), tolerances
    )
    found = program.minimise((np.arange(n_variables) >= n_columns).astype(np.float64))
    if found.status is not LinearStatus.OPTIMAL:
        return Solution(np.zeros(0), False)
    return Solution(np.maximum(found.point[:n_columns], 0.0), True)


_Solver = Callable[[FloatArray, FloatArray, Tolerances], Solution]
_SOLVERS: dict[Loss, _Solver] = {
    Loss.SQUARED: _squared,
    Loss.ABSOLUTE: _absolute,
    Loss.HINGE: _hinge,
}
