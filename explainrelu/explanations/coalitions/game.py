"""The game that an attribution shares out: network, scores, players and background."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.explanations.coalitions.players import Players
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import ScoreView

__all__ = ["Game"]

_CHUNK_VALUES = 1 << 18  # 2 MB


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """What a coalition ``S`` of players of a row ``x`` is worth.

    ``v(S)`` is the mean over background rows ``b`` of the score of the hybrid that has the
    inputs of ``S`` from ``x`` and the others from ``b``.

    Attributes
    ----------
    network, view, players
        Network, scores and players.
    background : (n_background, n_inputs)
        Encoded rows.
    """

    network: ReluNetwork
    view: ScoreView
    players: Players
    background: FloatArray

    @property
    def score_map(self) -> AffineMap:
        """From the last layer to the scores."""
        return self.network.score_map(self.view)

    def scores(self, points: FloatArray) -> FloatArray:
        """Scores of encoded rows: (n_samples, n_scores)."""
        return self.network.forward(points) @ self.view.matrix.T

    def shares(self, points: FloatArray) -> FloatArray:
        """See :meth:`Players.shares`, of the first layer."""
        return self.players.shares(self.network.layers[0].weight, points)

    def chunks(self, n_samples: int, by_pair: int) -> Iterator[slice]:
        """Slices of rows whose pairs have a few megabytes with ``by_pair`` numbers each."""
        step = max(1, _CHUNK_VALUES // (by_pair * self.background.shape[0]))
        for start in range(0, n_samples, step):
            yield slice(start, min(start + step, n_samples))

    def linear_values(self, points: FloatArray) -> FloatArray:
        """Values of a network without hidden layers: (n_samples, n_players, n_scores)."""
        moved = points - self.background.mean(axis=0)
        return np.stack([self.players.totals(moved * a) for a in self.score_map.weight], axis=-1)
