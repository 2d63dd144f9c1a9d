"""Steps towards the nearest point of a score's boundary, by the formula of the current region.

Legend: at ``x`` a score is ``f(x) + g (x' - x)`` in its region. From the row ``q`` with the levels
of ``x`` the least ``d`` with ``g d >= n``, ``n = wanted - f(x) - g (q - x)``, within the range of
each input, is found norm by norm: the inputs with the most score for their cost first (l1), the
most score at all first (l0), all by the same part (linf), each by ``g_j / w_j^2`` (l2).
"""

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.audits.recourse.distance import Norm

__all__ = ["least_step"]

_HALVINGS = 60


def least_step(
    slope: FloatArray,
    needed: float,
    weights: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    norm: Norm,
) -> FloatArray:
    """The least ``d``, ``lower <= d <= upper``, with ``slope @ d >= needed``.

    Parameters
    ----------
    slope, weights, lower, upper : (n_inputs,)
        ``weights`` are those of the distance; 0 lies between ``lower`` and ``upper``.

    Returns
    -------
    d : (n_inputs,)
        Where the ranges do not reach so far, the farthest step.

    References
    ----------
    F. Croce, M. Hein, "Minimally distorted adversarial examples with a fast adaptive boundary
    attack", ICML 2020: the projection onto a hyperplane within a box, in each norm.

    Examples
    --------
    >>> least_step(np.array([1.0, 2.0]), 2.0, np.ones(2), -np.ones(2) * 9, np.ones(2) * 9, Norm.L1)
    array([0., 1.])
    """
    room = np.where(slope > 0, upper, -lower)  # how far each input may go in its good direction
    gain = np.abs(slope)
    if needed <= 0:
        return np.zeros(slope.size)
    if gain @ room <= needed:
        return np.sign(slope) * room
    if norm in (Norm.L1, Norm.L0):
        worth = gain / weights if norm is Norm.L1 else gain * room / weights
        amount = _in_order(gain, room, needed, worth)
    else:
        shape = 1.0 / weights if norm is Norm.LINF else gain / weights**2
        amount = _in_shape(gain, room, needed, shape)
    return np.asarray(np.sign(slope) * amount, dtype=np.float64)


def _in_order(gain: FloatArray, room: FloatArray, needed: float, worth: FloatArray) -> FloatArray:
    """Whole ranges of the worthiest inputs, and a part of the last."""
    order = np.argsort(-worth, kind="stable")
    before = np.concatenate([[0.0], np.cumsum((gain * room)[order])[:-1]])
    left = np.maximum(needed - before, 0.0)
    safe = np.where(gain[order] > 0, gain[order], 1.0)
    amount = np.zeros(gain.size)
    amount[order] = np.minimum(room[order], np.where(gain[order] > 0, left / safe, 0.0))
    return amount


def _in_shape(gain: FloatArray, room: FloatArray, needed: float, shape: FloatArray) -> FloatArray:
    """The least multiple of a shape, cut at the ranges, that gains what is needed."""
    moving: BoolArray = (gain > 0) & (shape > 0)
    high = float((room[moving] / shape[moving]).max(initial=0.0))
    low = 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        enough = gain @ np.minimum(room, middle * shape) >= needed
        low, high = (low, middle) if enough else (middle, high)
    return np.asarray(np.where(moving, np.minimum(room, high * shape), 0.0), dtype=np.float64)
