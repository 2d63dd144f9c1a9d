"""From the scores of all coalitions to Shapley values."""

from math import comb

import numpy as np

from explainrelu.arrays import FloatArray

__all__ = ["shapley_of_coalitions"]


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
    n_scores, n_coalitions = scores.shape
    n_players = n_coalitions.bit_length() - 1
    weights = np.array([1.0 / (n_players * comb(n_players - 1, k)) for k in range(n_players)])
    weighted = weights[np.bitwise_count(np.arange(n_coalitions // 2))]
    values = np.empty((n_scores, n_players))
    for i in range(n_players):
        # the coalitions without player i, in order, have the bits of its others
        pairs = scores.reshape(n_scores, -1, 2, 1 << i)
        gains = (pairs[:, :, 1] - pairs[:, :, 0]).reshape(n_scores, -1)
        values[:, i] = gains @ weighted
    return values
