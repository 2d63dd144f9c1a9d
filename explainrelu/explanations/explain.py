"""The dispatch from a method's name to its attribution."""

from collections.abc import Callable, Sequence
from typing import Any

from explainrelu.errors import ArgumentError
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.local_linear import local_linear
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["METHODS", "explain"]

METHODS: dict[str, Callable[..., Explanation]] = {"local_linear": local_linear}


def explain(
    model: Any,
    X: Any,
    *,
    method: str = "local_linear",
    baseline: Any = None,
    background: Any = None,
    output: str | Sequence[str] | None = None,
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
        ``local_linear``: the coefficients of each row's own region times the distance from
        the baseline.
    baseline
        One raw row to measure from; see :func:`local_linear`.
    background : (n_background, n_columns)
        Rows the default baseline is taken over; ``X`` itself by default. Give it when ``X``
        holds only a row or two.
    output
        A raw output by name, or a pair of them for their difference. By default every output,
        for a multiclass model as centred logits.

    Returns
    -------
    Explanation
        ``.values .base_values .scores .to_frame() .to_shap()``.

    Raises
    ------
    ArgumentError
        For a method that is not offered.
    ModelError, DataError
        Where the model or the rows cannot be taken in.

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
        model, X, baseline=baseline, background=background, output=output, tolerances=tolerances
    )
