"""From the scores of all coalitions to Shapley values."""

from math import comb

import numpy as np
from numba import njit

from explainrelu.arrays import FloatArray

__all__ = ["shapley_of_coalitions"]

COMPILED_WITH = "ad3d5712b1ac4571"  # make format renews it


def shapley_of_coalitions(scores: FloatArray) -> FloatArray:
    """The Shapley value of each of ``n`` players: ``(n_scores, n_players)``.

    ``phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))``.

    Parameters
    ----------
    scores : (n_scores, 2**n_players)
        ``v``; bit ``i`` of the second index says whether player ``i`` is in the coalition.

    Notes
    -----
    Cost O(n_scores * n_players * 2**n_players) additions.

    References
    ----------
    L. S. Shapley, "A value for n-person games", 1953.

    Examples
    --------
    A score that is 6 where both of two players take part, else 0:

    >>> shapley_of_coalitions(np.array([[0.0, 0.0, 0.0, 6.0]]))
    array([[3., 3.]])
    """
    n_players = scores.shape[1].bit_length() - 1
    weights = np.array([1.0 / (n_players * comb(n_players - 1, k)) for k in range(n_players)])
    values = np.zeros((scores.shape[0], n_players))
    _add_gains(scores, weights, values)
    return values


@njit(cache=True, error_model="numpy", nogil=True)
def _add_gains(scores, weights, values):
    n_scores, n_players = values.shape
    sizes = np.zeros(scores.shape[1], np.int64)
    for i in range(n_players):
        for rest in range(1 << i):
            sizes[(1 << i) + rest] = sizes[rest] + 1
    for o in range(n_scores):
        for i in range(n_players):
            step, total = 1 << i, 0.0
            for above in range(0, scores.shape[1], 2 * step):
                for without in range(above, above + step):
                    gain = scores[o, without + step] - scores[o, without]
                    total += weights[sizes[without]] * gain
            values[o, i] += total
