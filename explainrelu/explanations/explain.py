"""The dispatch from a method's name to its attribution."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from explainrelu.errors import ArgumentError
from explainrelu.explanations.baseline import baseline_numbers
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.integrated_gradients import integrated_gradients
from explainrelu.explanations.local_linear import local_linear
from explainrelu.explanations.shapley import shapley_values
from explainrelu.importers.import_model import import_model
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["METHODS", "explain"]


def _local_linear(model: Any, X: Any, *, groups: Any, random_state: int, **shared: Any) -> Any:
    _no_groups(groups, "local_linear")
    return local_linear(model, X, **shared)


def _integrated_gradients(
    model: Any, X: Any, *, baseline: Any, groups: Any, random_state: int, **shared: Any
) -> Any:
    _no_groups(groups, "integrated_gradients")
    return integrated_gradients(model, X, baselines=baseline, **shared)


def _shapley(model: Any, X: Any, *, baseline: Any, background: Any, **shared: Any) -> Any:
    if baseline is not None and background is not None:
        raise ArgumentError(
            "Shapley values are measured from background rows; a baseline is a background of one "
            "row. Pass one of baseline= and background=, got both."
        )
    if baseline is None:
        return shapley_values(model, X, background=background, **shared)
    network = import_model(model, X, tolerances=shared["tolerances"])
    schema = network.schema
    numbers = baseline_numbers(schema, baseline, np.zeros((0, schema.n_columns)))
    row = schema.decode(schema.spread(numbers[None]))
    return shapley_values(network, X, background=row, **shared)


METHODS: dict[str, Callable[..., Explanation]] = {
    "local_linear": _local_linear,
    "integrated_gradients": _integrated_gradients,
    "shapley": _shapley,
}


def explain(
    model: Any,
    X: Any,
    *,
    method: str = "local_linear",
    baseline: Any = None,
    background: Any = None,
    groups: Any = None,
    output: str | Sequence[str] | None = None,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Explanation:
    """Attributions that add up exactly to the model's raw score.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows to explain.
    method
        ``local_linear``: the coefficients of each row's own region times the distance from the
        baseline. ``integrated_gradients``: the mean gradient on the way from the baseline, times
        the distance; see :func:`explainrelu.integrated_gradients`. ``shapley``: what the score
        gains on average when a column takes its value from the row, over all orders and
        background rows; see :func:`explainrelu.shapley_values`. All three are exact.
    baseline
        One raw row to measure from (for ``integrated_gradients`` also one for each row). By
        default the mean of each numeric column and the most frequent level of each other one; for
        ``shapley`` the background takes its place.
    background : (n_background, n_columns)
        For ``local_linear`` the rows that the default baseline is taken over, ``X`` by default;
        give it when ``X`` holds only a row or two. For the other two the values are means over
        all of its rows; ``shapley`` takes ``X``, or 100 rows drawn from it, by default.
    groups
        For ``shapley``: columns that count as one player; see
        :func:`explainrelu.shapley_values`.
    output
        A raw output by name, or a pair of them for their difference. By default every output,
        for a multiclass model as centred logits.
    random_state
        Seed of the background rows that ``shapley`` draws where none are given.

    Returns
    -------
    Explanation
        ``.values .base_values .scores .to_frame() .to_shap()``.

    Raises
    ------
    ArgumentError
        For a method that is not offered, and options that it does not take.
    ModelError, DataError
        Where the model or the rows cannot be taken in.

    Notes
    -----
    The three answer different questions and mostly differ; on a linear model, and for rows in the
    region of what they are measured from, they agree.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0]], [[3.0]]], [[0.0], [0.5]])
    >>> explanation = explain(network, [[1.0], [2.0]])
    >>> explanation.base_values + explanation.values.sum(axis=1)
    array([3.5, 6.5])
    """
    if method not in tuple(METHODS):
        raise ArgumentError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    return METHODS[method](
        model,
        X,
        baseline=baseline,
        background=background,
        groups=groups,
        output=output,
        random_state=random_state,
        tolerances=tolerances,
    )


def _no_groups(groups: Any, method: str) -> None:
    if groups is not None:
        raise ArgumentError(
            f"groups are players of method='shapley'; {method} gives every column a value of its "
            "own, which add up. Leave groups out, or add the values of a group."
        )
