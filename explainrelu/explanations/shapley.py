"""Interventional Shapley values of the raw score: exact, or estimated with standard errors.

Legend: ``x`` a row, ``b`` a background row, ``N`` the ``n`` players, ``S`` a coalition; the
*hybrid* ``z_S`` has the columns of ``S`` from ``x`` and all others from ``b``.
"""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.assembly import ExplainedRows, assembled
from explainrelu.explanations.coalitions.background import background_frame
from explainrelu.explanations.coalitions.exact import exact_values
from explainrelu.explanations.coalitions.game import Game
from explainrelu.explanations.coalitions.players import players_of
from explainrelu.explanations.coalitions.sampling import sampled_values
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.limits import checked_limit, checked_seed
from explainrelu.importers.import_model import import_model
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["shapley_values"]

_METHODS = ("exact", "sampling")


def shapley_values(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    groups: Any = None,
    method: str = "exact",
    n_permutations: int = 100,
    random_state: int = 0,
    output: str | Sequence[str] | None = None,
    n_jobs: int = 1,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Explanation:
    """Shapley values of raw columns, or of groups of them, against background rows.

    The value of player ``i`` is the mean over background rows of
    ``sum over S in N - i of |S|! (n - |S| - 1)! / n! (f(z_(S + i)) - f(z_S))``: what the score
    gains on average when ``i`` takes its value from the row, over all orders in which the
    players may do so. A categorical column is one player, whatever its number of levels.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows to explain.
    background : (n_background, n_columns)
        The rows to average over; one row (also a mapping or Series) gives the baseline Shapley
        values. By default ``X`` itself, or 100 of its rows drawn by ``random_state``.
    groups
        A mapping of names to lists of columns, ``{"size": ["height", "weight"], "age": ["age"]}``,
        or a list of such lists: the players. Each column must be in exactly one. By default
        every raw column is a player.
    method
        ``exact``, or ``sampling``: estimates from random orders of the players.
    n_permutations
        Random orders to draw, at least 2; each is walked forwards and backwards.
    random_state
        Seed of what is drawn: the default background, the orders.
    output
        Which scores; see :meth:`OutputSchema.view`.
    n_jobs
        Threads for the exact values; -1 for one a core.

    Returns
    -------
    Explanation
        One value a player. ``base_values``, the mean score of the background, plus
        ``values.sum(axis=1)`` is the raw score, up to rounding (efficiency). A player that has
        the same value in a row and the whole background gets zero. Of ``groups``, ``data`` and
        ``baseline`` have one column a player. For ``sampling``: ``standard_errors``, and
        ``exactness`` is ``estimated``; the values still add up.

    Raises
    ------
    ArgumentError
        For an unknown method, too few orders, groups that overlap or miss a column, or a row
        that differs from a background row in more than 20 players while the network is not
        affine between the two, or so many rows that it would take days; the text says what it
        would cost.
    ColumnsError, MissingValuesError, UnknownLevelError, DataError
        Where the rows or the background do not fit the model.

    Notes
    -----
    Exact up to float64 rounding. Cost O(n_samples * n_background * 2**n * number of weights) at
    most, ``n`` being the players in which a pair of rows differs, with two exceptions: where no
    unit changes its sign on any hybrid of a pair, its values are those of one affine map; and
    units that keep their sign on a block of 32 hybrids are not computed one by one. Memory is
    ``8 * n_scores * 2**n`` bytes and a few megabytes. Sampling costs
    O(n_samples * n_background * n_permutations * n * number of weights). The mean over a
    background breaks the dependence between columns on purpose (*interventional*): hybrids may
    be rows that no one has seen.

    References
    ----------
    L. S. Shapley, "A value for n-person games", 1953. S. M. Lundberg, S.-I. Lee, "A unified
    approach to interpreting model predictions", NeurIPS 2017. D. Janzing, L. Minorics,
    P. Bloebaum, "Feature relevance quantification in explainable AI: a causal problem", AISTATS
    2020. M. Sundararajan, A. Najmi, "The many Shapley values for model explanation", ICML 2020
    (baseline Shapley).

    Examples
    --------
    A score that is ``max(0, x0 + x1 - 1)``:

    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[1.0]]], [[-1.0], [0.0]])
    >>> found = shapley_values(network, [[1.0, 2.0]], background=[[0.0, 0.0]])
    >>> found.values, found.base_values, found.scores
    (array([[0.5, 1.5]]), array([0.]), array([2.]))
    """
    if method not in _METHODS:
        raise ArgumentError(f"method must be one of {', '.join(_METHODS)}, got {method!r}.")
    n_orders, seed = _orders(n_permutations), checked_seed(random_state)
    n_threads = _threads(n_jobs)
    network = import_model(model, X, tolerances=tolerances)
    schema, view = network.schema, network.outputs.view(output)
    frame = schema.frame(X)
    players = players_of(schema, groups)
    others = background_frame(schema, frame, background, np.random.default_rng((seed, 0)))
    game = Game(network, view, players, schema.encode(others))
    rows = ExplainedRows(network, view, frame, schema.encode(frame))
    errors = None
    if method == "exact":
        values = exact_values(game, rows.points, n_threads)
    else:
        generator = np.random.default_rng((seed, 1))
        values, errors = sampled_values(game, rows.points, n_orders, generator)
    base = game.scores(game.background).mean(axis=0)
    return assembled(
        rows,
        values,
        np.broadcast_to(base, (len(frame), base.size)),
        method="shapley" if method == "exact" else "shapley, sampled",
        base_meaning=(
            "score at the baseline" if len(others) == 1 else "mean score over the background"
        ),
        baseline=others,
        players=players,
        standard_errors=errors,
        exactness=Exactness.EXACT if method == "exact" else Exactness.ESTIMATED,
        tolerances=tolerances,
    )


def _orders(n_permutations: Any) -> int:
    number = checked_limit("n_permutations", n_permutations)
    if number is None or number < 2:
        raise ArgumentError(
            "n_permutations must be at least 2, of which a standard error can be taken, got "
            f"{n_permutations!r}. Pass 10 or more."
        )
    return number


def _threads(n_jobs: Any) -> int:
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise InputTypeError(f"n_jobs must be a whole number, got {n_jobs!r}. Write 1 or -1.")
    if n_jobs == 0:
        raise ArgumentError("n_jobs must not be 0. Write a number of threads, or -1 for all cores.")
    return int(n_jobs)
