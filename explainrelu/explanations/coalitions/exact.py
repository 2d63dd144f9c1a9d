"""Exact Shapley values: closed forms where a pair is linear, a walk of its hybrids where not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray, Matrix, magnitudes
from explainrelu.errors import ArgumentError
from explainrelu.explanations.coalitions.game import Game
from explainrelu.explanations.coalitions.pairs import LinearPairs, linear_pairs
from explainrelu.explanations.coalitions.wide import add_scores_of_wide
from explainrelu.network.network import ReluNetwork

__all__ = ["MOST_PLAYERS", "check_number_of_players", "exact_values"]

MOST_PLAYERS = 20
"""Players of one pair that are walked at most: about a million hybrids."""

_KERNEL_WEIGHTS = 1 << 18  # 2 MB of weights, which stay in cache
_SHARES = 1 << 22  # numbers: 32 MB of what background rows give to the first layer


def exact_values(game: Game, points: FloatArray, n_jobs: int) -> FloatArray:
    """Exact Shapley values ``(n_samples, n_players, n_scores)``.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Encoded rows.
    n_jobs
        Threads.

    Raises
    ------
    ArgumentError
        Where a pair that is not linear differs in more than 20 players.
    """
    from joblib import Parallel, delayed

    if not game.network.layers:
        return game.linear_values(points)
    check_number_of_players(game, points)
    walk = _Walk.of(game)
    parts = list(game.chunks(points.shape[0], len(game.players) + sum(game.network.widths)))
    # the results of threads stand in the order of the parts
    found = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_values_of_part)(game, walk, points[part]) for part in parts
    )
    values: FloatArray = np.concatenate(found) / game.background.shape[0]
    return values


def check_number_of_players(game: Game, points: FloatArray) -> None:
    """Refuse pairs that would take too long to walk, and say how long.

    Raises
    ------
    ArgumentError
        Where a pair that is not linear differs in more than 20 players.
    """
    worst, n_hybrids = 0, 0.0
    for part in game.chunks(points.shape[0], game.background.shape[1]):
        counts = game.players.differing(points[part], game.background).sum(axis=2)
        if counts.max(initial=0) <= MOST_PLAYERS:
            continue
        far = np.flatnonzero((counts > MOST_PLAYERS).any(axis=1))
        for row in far + part.start:
            shares = game.shares(points[[row]])
            bends = ~_linear(game, shares, game.background).flags[0]
            of_row = counts[row - part.start][bends]
            worst = max(worst, int(of_row.max(initial=0)))
            n_hybrids += float(np.exp2(of_row).sum())
    if worst > MOST_PLAYERS:
        raise ArgumentError(
            f"method='exact' scores every coalition of the players in which a row differs from a "
            f"background row; these must be at most {MOST_PLAYERS}, got {worst}: 2**{worst} "
            f"hybrids of one pair, {n_hybrids:.2g} of all, {_duration(n_hybrids)} at ten million a "
            "second. Join columns by groups=, or estimate them by shapley_values(model, X, "
            "method='sampling')."
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """Padded arrays of the network for the compiled walk; None where it is too wide for that."""

    arrays: tuple[Any, ...] | None
    importance: FloatArray

    @classmethod
    def of(cls, game: Game) -> "_Walk":
        network, score_map = game.network, game.score_map
        following: list[Matrix] = [*(layer.weight for layer in network.layers[1:])]
        following.append(score_map.weight)
        importance = np.asarray(magnitudes(following[0]).sum(axis=0), dtype=np.float64)
        arrays = _padded(network, score_map.weight, score_map.bias)
        return cls(arrays, importance)

    def add_scores(
        self, game: Game, start: FloatArray, moves: FloatArray, sums: FloatArray
    ) -> None:
        """Add the scores of all hybrids of some pairs with the same players to ``sums``."""
        if self.arrays is None:
            add_scores_of_wide(game.network, game.score_map, start, moves, sums)
            return
        from explainrelu.explanations.coalitions.kernel import add_scores

        compiled: Any = add_scores  # numba has no types
        compiled(start, moves, *self.arrays, sums)


def _values_of_part(game: Game, walk: _Walk, points: FloatArray) -> FloatArray:
    """Values summed over all background rows."""
    found = np.zeros((points.shape[0], len(game.players), len(game.view)))
    row_shares = game.shares(points)
    step = max(1, _SHARES // max(1, row_shares[0].size))
    for first in range(0, game.background.shape[0], step):
        others = game.background[first : first + step]
        other_shares = game.shares(others)
        linear = _linear(game, row_shares, others, other_shares)
        found += linear.values(game.network, game.score_map, game.players, points, others)
        starts = game.network.layers[0].preactivation(others)
        differing = game.players.differing(points, others)
        for i in np.flatnonzero(~linear.flags.all(axis=1)):
            bends = np.flatnonzero(~linear.flags[i])
            moves = row_shares[i] - other_shares[bends]
            found[i] += _walked(game, walk, starts[bends], moves, differing[i, bends])
    return found


def _linear(
    game: Game, row_shares: FloatArray, others: FloatArray, other_shares: FloatArray | None = None
) -> LinearPairs:
    starts = game.network.layers[0].preactivation(others)
    other_shares = game.shares(others) if other_shares is None else other_shares
    return linear_pairs(game.network, starts, row_shares, other_shares)


def _walked(
    game: Game, walk: _Walk, starts: FloatArray, moves: FloatArray, differing: BoolArray
) -> FloatArray:
    """Values of one row, summed over pairs: ``(n_players, n_scores)``.

    Players that do not differ are dummies. Pairs with the same other players share one table of
    coalitions, and so one pass of weights; players that move the score least come first.
    """
    from explainrelu.explanations.coalitions.weights import shapley_of_coalitions

    found = np.zeros((len(game.players), len(game.view)))
    for players, pairs in _kinds(differing):
        own = moves if players.size * pairs.size == differing.size else moves[pairs][:, players]
        order = np.argsort(np.abs(own).sum(axis=0) @ walk.importance, kind="stable")
        sums = np.zeros((len(game.view), 1 << players.size))
        walk.add_scores(game, starts[pairs], np.ascontiguousarray(own[:, order]), sums)
        found[players[order]] += shapley_of_coalitions(sums).T
    return found


def _kinds(differing: BoolArray) -> Iterator[tuple[IntArray, IntArray]]:
    """The sets of players that differ, each with the pairs in which just these do."""
    if differing.all():
        yield np.arange(differing.shape[1]), np.arange(differing.shape[0])
        return
    kinds, kind_of = np.unique(differing, axis=0, return_inverse=True)
    for k, kind in enumerate(kinds):
        yield np.flatnonzero(kind), np.flatnonzero(kind_of.reshape(-1) == k)


def _padded(
    network: ReluNetwork, out_weight: FloatArray, out_bias: FloatArray
) -> tuple[Any, ...] | None:
    """Layers behind the first, padded to the largest width, as the kernel takes them."""
    layers, widest = network.layers, max(network.widths)
    dense = all(isinstance(layer.weight, np.ndarray) for layer in layers)
    if not dense or max(1, len(layers) - 1) * widest**2 > _KERNEL_WEIGHTS:
        return None
    weight = np.zeros((len(layers) - 1, widest, widest))
    bias, floor = np.zeros((2, len(layers), widest))
    for k, layer in enumerate(layers):
        bias[k, : layer.n_units], floor[k, : layer.n_units] = layer.bias, layer.floor
        if k and isinstance(layer.weight, np.ndarray):
            weight[k - 1, : layer.n_units, : layer.weight.shape[1]] = layer.weight
    width = np.array(network.widths, dtype=np.int64)
    out = np.zeros((out_bias.size, widest))
    out[:, : out_weight.shape[1]] = out_weight
    return weight, bias, floor, width, out, out_bias


def _duration(n_hybrids: float) -> str:
    seconds = n_hybrids / 1e7
    for unit, size in (("years", 3.2e7), ("days", 86400.0), ("hours", 3600.0)):
        if seconds >= size:
            return f"about {seconds / size:.2g} {unit}"
    return f"about {max(1, round(seconds / 60))} minutes"
