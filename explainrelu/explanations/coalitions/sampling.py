"""Estimated Shapley values from random orders of the players, with standard errors."""

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.explanations.coalitions.game import Game
from explainrelu.explanations.coalitions.wide import scores_behind

__all__ = ["sampled_values"]


def sampled_values(
    game: Game, points: FloatArray, n_permutations: int, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Estimates and their standard errors, both ``(n_samples, n_players, n_scores)``.

    Players change to the row's values one after another in a random order, over all background
    rows at once; what a player adds when its turn comes is an unbiased estimate of its value.
    Each order is walked forwards and backwards, and the mean of both is one draw: where a score
    is a sum of terms of one or two players the two errors cancel. All rows share the orders.

    Parameters
    ----------
    n_permutations
        Random orders, at least two.

    Notes
    -----
    Each draw adds up to ``f(x)`` minus the mean score of the background, and so do their means.

    References
    ----------
    R. Mitchell, J. Cooper, E. Frank, G. Holmes, "Sampling permutations for Shapley value
    estimation", JMLR 2022, section 2.3 (orders and their reverses).
    """
    orders = np.stack([generator.permutation(len(game.players)) for _ in range(n_permutations)])
    values, errors = np.zeros((2, points.shape[0], len(game.players), len(game.view)))
    if not game.network.layers:
        return game.linear_values(points), errors
    for part in game.chunks(points.shape[0], max(game.network.widths)):
        total = np.zeros_like(values[part])
        squares = np.zeros_like(total)
        for k, order in enumerate(orders):
            drawn = _gains(game, points[part], order) + _gains(game, points[part], order[::-1])
            drawn *= 0.5
            # Welford's update: no difference of large sums
            step = drawn - total
            total += step / (k + 1)
            squares += step * (drawn - total)
        values[part] = total
        errors[part] = np.sqrt(squares / (n_permutations * (n_permutations - 1)))
    return values, errors


def _gains(game: Game, points: FloatArray, order: IntArray) -> FloatArray:
    """What each player adds in its turn: ``(n_samples, n_players, n_scores)``."""
    n_samples, n_background = points.shape[0], game.background.shape[0]
    layer = game.network.layers[0]
    z = np.repeat(layer.preactivation(game.background)[None], n_samples, axis=0)
    found = np.empty((n_samples, len(game.players), len(game.view)))
    before = game.scores(game.background).mean(axis=0)[None]
    for turn, player in enumerate(order):
        own = game.players.inputs[player]
        if turn == len(order) - 1:
            after = game.scores(points)
        else:
            weight = layer.weight[:, own]
            move = np.asarray(points[:, own] @ weight.T)[:, None]
            z += move - np.asarray(game.background[:, own] @ weight.T)[None]
            scores = scores_behind(game.network, game.score_map, z.reshape(-1, z.shape[2]).copy())
            after = scores.reshape(n_samples, n_background, -1).mean(axis=1)
        found[:, player] = after - before
        before = after
    return found
