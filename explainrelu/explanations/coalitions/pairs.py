"""Pairs of a row and a background row on whose hybrids the network is one affine map.

A *hybrid* of ``x`` and ``b`` has some players' inputs from ``x`` and the others from ``b``. All
hybrids lie in the box between the two, and over them a first-layer preactivation is within
``middle ± radius`` with ``middle`` its value half way and ``radius`` half the sum over players of
``|move|``, which is attained. Interval arithmetic carries this through the layers behind. Where no
rectified unit changes its sign, ``f`` is affine on all hybrids, and the value of a player is its
part of ``A (x - b)``: nothing has to be walked.
"""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray, applied_to_rows, magnitudes
from explainrelu.explanations.coalitions.players import Players
from explainrelu.network.network import AffineMap, Layer, ReluNetwork

__all__ = ["LinearPairs", "linear_pairs"]


@dataclass(frozen=True, slots=True, eq=False)
class LinearPairs:
    """Which pairs are affine on all of their hybrids.

    Attributes
    ----------
    flags : (n_samples, n_background)
        Whether the pair is.
    rows, others : (n_linear,)
        The pairs that are: positions of row and background row.
    patterns : one a layer, each (n_linear, n_units)
        1 for the units that pass their preactivation on, else 0.
    """

    flags: BoolArray
    rows: IntArray
    others: IntArray
    patterns: tuple[FloatArray, ...]

    def values(
        self,
        network: ReluNetwork,
        score_map: AffineMap,
        players: Players,
        points: FloatArray,
        background: FloatArray,
    ) -> FloatArray:
        """Values of these pairs, summed over background rows: (n_samples, n_players, n_scores)."""
        found = np.zeros((points.shape[0], len(players), score_map.bias.size))
        if self.rows.size == 0:
            return found
        moved = points[self.rows] - background[self.others]
        for o, form in enumerate(score_map.weight):
            slopes = np.broadcast_to(form, (self.rows.size, form.size))
            for layer, pattern in zip(
                reversed(network.layers), reversed(self.patterns), strict=True
            ):
                slopes = np.asarray((slopes * pattern) @ layer.weight)
            np.add.at(found[:, :, o], self.rows, players.totals(slopes * moved))
        return found


def linear_pairs(
    network: ReluNetwork,
    starts: FloatArray,
    row_shares: FloatArray,
    other_shares: FloatArray,
) -> LinearPairs:
    """The pairs of some rows with some background rows that are affine on all hybrids.

    Parameters
    ----------
    starts : (n_background, n_units)
        Preactivations of the first layer at the background rows.
    row_shares, other_shares : (n_samples or n_background, n_players, n_units)
        See :meth:`Players.shares`.
    """
    n_samples, n_background = row_shares.shape[0], other_shares.shape[0]
    middle = np.repeat(starts[None], n_samples, axis=0)
    radius = np.zeros_like(middle)
    for i in range(row_shares.shape[1]):
        half = 0.5 * (row_shares[:, None, i] - other_shares[None, :, i])
        middle += half
        radius += np.abs(half)
    rows, others = np.divmod(np.arange(n_samples * n_background), n_background)
    middle, radius = middle.reshape(rows.size, -1), radius.reshape(rows.size, -1)
    patterns: list[FloatArray] = []
    for k, layer in enumerate(network.layers):
        if k:
            middle = layer.preactivation(middle)
            radius = applied_to_rows(magnitudes(layer.weight), radius)
        kept = _bends_nowhere(layer, middle, radius)
        rows, others = rows[kept], others[kept]
        middle, radius = middle[kept], radius[kept]
        pattern = np.where((middle > 0.0) | ~layer.rectified, 1.0, 0.0)
        patterns = [before[kept] for before in patterns] + [pattern]
        middle, radius = middle * pattern, radius * pattern
    flags = np.zeros((n_samples, n_background), np.bool_)
    flags[rows, others] = True
    return LinearPairs(flags, rows, others, tuple(patterns))


def _bends_nowhere(layer: Layer, middle: FloatArray, radius: FloatArray) -> BoolArray:
    steady = (np.abs(middle) >= radius) | ~layer.rectified
    return np.asarray(steady.all(axis=1))
