"""The scores of all hybrids of a pair by matrix products: for wide and for sparse layers."""

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.network.network import AffineMap, ReluNetwork

__all__ = ["add_scores_of_wide", "scores_behind"]

_CHUNK_VALUES = 1 << 18


def add_scores_of_wide(
    network: ReluNetwork,
    score_map: AffineMap,
    start: FloatArray,
    moves: FloatArray,
    sums: FloatArray,
) -> None:
    """Add the scores of all hybrids of every pair to ``sums``.

    As :func:`explainrelu.explanations.coalitions.kernel.add_scores`, which see.

    Notes
    -----
    One chunk of coalitions is computed at a time, so that no array grows beyond a few megabytes.
    """
    n_players = moves.shape[1]
    widest = max(*network.widths, score_map.bias.size)
    n_low = min(n_players, max(0, (_CHUNK_VALUES // widest).bit_length() - 1))
    low = _members(n_low)
    high = _members(n_players - n_low)
    for first, own in zip(start, moves, strict=True):
        offsets = low @ own[:n_low]
        for k, members in enumerate(high):
            z = offsets + (first + members @ own[n_low:])
            place = slice(k << n_low, (k + 1) << n_low)
            sums[:, place] += scores_behind(network, score_map, z).T


def scores_behind(network: ReluNetwork, score_map: AffineMap, z: FloatArray) -> FloatArray:
    """Scores ``(n_samples, n_scores)`` from first-layer preactivations, overwriting them."""
    hidden = network.layers[0].activate(z)
    for layer in network.layers[1:]:
        hidden = layer.activate(layer.preactivation(hidden))
    return score_map(hidden)


def _members(n_players: int) -> FloatArray:
    """Row ``k`` says which players are in coalition ``k``, 1 or 0: ``(2**n, n)``."""
    coalitions = np.arange(1 << n_players)[:, None]
    return ((coalitions >> np.arange(n_players)) & 1).astype(np.float64)
