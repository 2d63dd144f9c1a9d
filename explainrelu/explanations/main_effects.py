"""What each column changes alone: the exact main effects behind Shapley values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.explanations.coalitions.background import background_frame
from explainrelu.explanations.coalitions.game import Game
from explainrelu.explanations.coalitions.players import players_of
from explainrelu.explanations.limits import checked_seed
from explainrelu.importers.import_model import import_model
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["main_effects"]


def main_effects(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    groups: Any = None,
    random_state: int = 0,
    output: str | Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> pd.DataFrame:
    """What changes where a single column takes its value from the row, exactly.

    The main effect of player ``i`` is ``v({i}) - v({})``: the mean over background rows of the
    score with the columns of ``i`` from the row, less their mean score. As a function of the
    column it is the centred partial dependence. Where columns do not interact it is the Shapley
    value, and so the difference of the two is what interactions give to a player.

    Parameters
    ----------
    model, X, background, groups, random_state, output
        As for :func:`explainrelu.shapley_values`.

    Returns
    -------
    DataFrame
        One row a data row, output and player, with columns ``row output feature value
        main_effect base_value scale unit``: ``value`` the raw value as text, ``base_value`` the
        mean score of the background. Main effects do not add up to the score.

    Raises
    ------
    ArgumentError
        Where groups overlap or miss a column.
    ColumnsError, MissingValuesError, UnknownLevelError, DataError
        Where the rows or the background do not fit the model.

    Notes
    -----
    Exact up to float64 rounding, for any number of columns. Cost
    O(n_samples * n_background * n_players * number of weights).

    Examples
    --------
    A score that is ``max(0, x0 + x1 - 1)``, of which ``x0`` alone moves nothing here:

    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[1.0]]], [[-1.0], [0.0]])
    >>> main_effects(network, [[1.0, 2.0]], background=[[0.0, 0.0]])["main_effect"].tolist()
    [0.0, 1.0]
    """
    seed = checked_seed(random_state)
    network = import_model(model, X, tolerances=tolerances)
    schema, view = network.schema, network.outputs.view(output)
    frame, players = schema.frame(X), players_of(schema, groups)
    others = background_frame(schema, frame, background, np.random.default_rng((seed, 0)))
    game = Game(network, view, players, schema.encode(others))
    effects = _effects(game, schema.encode(frame))
    base = game.scores(game.background).mean(axis=0)
    table = players.table(frame)
    texts = [["missing" if pd.isna(v) else str(v) for v in table[name]] for name in table]
    shape = (len(frame), len(view), len(players))

    def spread(values: Any) -> Any:
        return np.broadcast_to(values, shape).reshape(-1)

    names, outputs = np.array(players.names, dtype=object), np.array(view.names, dtype=object)
    return pd.DataFrame(
        {
            "row": spread(np.arange(len(frame))[:, None, None]),
            "output": pd.Series(spread(outputs[:, None]), dtype="str"),
            "feature": pd.Series(spread(names), dtype="str"),
            "value": pd.Series(spread(np.array(texts, dtype=object).T[:, None]), dtype="str"),
            "main_effect": effects.transpose(0, 2, 1).reshape(-1),
            "base_value": spread(base[:, None]),
            "scale": pd.Series(spread(np.array(view.scale, dtype=object)), dtype="str"),
            "unit": pd.Series(spread(np.array(view.unit, dtype=object)), dtype="str"),
        }
    )


def _effects(game: Game, points: FloatArray) -> FloatArray:
    """``v({i}) - v({})``: ``(n_samples, n_players, n_scores)``."""
    n_background, n_inputs = game.background.shape
    before = game.scores(game.background)
    found = np.empty((points.shape[0], len(game.players), len(game.view)))
    for part in game.chunks(points.shape[0], n_inputs):
        rows = points[part]
        for i, own in enumerate(game.players.inputs):
            hybrids = np.repeat(game.background[None], rows.shape[0], axis=0)
            hybrids[:, :, own] = rows[:, None, own]
            scores = game.scores(hybrids.reshape(-1, n_inputs))
            gains = scores.reshape(rows.shape[0], n_background, -1) - before
            found[part, i] = gains.mean(axis=1)
    return found
