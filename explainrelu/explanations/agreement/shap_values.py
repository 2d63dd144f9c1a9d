"""SHAP's own values of a network's raw score, in raw columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.errors import ArgumentError
from explainrelu.explanations.agreement.measures import three_dimensional
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView

__all__ = ["ShapValues", "shap_values"]

_EXACT_COLUMNS = 10
_MOST_EXACT_COLUMNS = 16  # 2**16 evaluations a row on every background row
_REPEATED_ROWS = 20
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class ShapValues:
    """What shap returned.

    Attributes
    ----------
    values : (n_samples, n_columns, n_scores)
    base : (n_scores,)
        Mean score of the background.
    name
        The explainer that was used.
    error : (n_scores,)
        Root mean square sampling error of a value; zero where nothing was sampled.
    """

    values: FloatArray
    base: FloatArray
    name: str
    error: FloatArray


def shap_values(
    network: ReluNetwork,
    view: ScoreView,
    numbers: FloatArray,
    background: FloatArray,
    *,
    method: str,
    seed: int,
) -> ShapValues:
    """SHAP values of the raw score over numbers: levels stand as their positions.

    shap subtracts values of the columns from each other, which fails on strings, and takes values
    for equal that ``numpy.isclose`` does: those of a column in nanoseconds, or of dates in seconds.
    So it is handed the place of each value among those of its column, and the values are put back
    inside the function.

    Parameters
    ----------
    numbers : (n_samples, n_columns)
    background : (n_background, n_columns)
    method
        ``exact``, ``permutation`` or ``auto``.

    Raises
    ------
    ArgumentError
        For ``exact`` where too many columns differ from the background.
    """
    import shap

    levels = [np.unique(column) for column in np.concatenate([numbers, background]).T]
    numbers, background = _places(numbers, levels), _places(background, levels)

    def score(rows: FloatArray) -> FloatArray:
        places = np.asarray(rows, dtype=np.int64).T
        values = [known[place] for known, place in zip(levels, places, strict=True)]
        points = network.schema.spread(np.stack(values, axis=1))
        return network.forward(points) @ view.matrix.T

    n_columns = numbers.shape[1]
    exact = method == "exact" or (method == "auto" and n_columns <= _EXACT_COLUMNS)
    differs = _differs(numbers, background)
    if exact:
        _check_columns(differs)
    masker = shap.maskers.Independent(background, max_samples=background.shape[0])

    def run(rows: FloatArray, number: int) -> FloatArray:
        if exact:
            found = shap.explainers.Exact(score, masker)(rows, silent=True)
        else:
            explainer = shap.explainers.Permutation(score, masker, seed=seed + number)
            found = explainer(rows, max_evals=10 * (2 * n_columns + 1), silent=True)
        return three_dimensional(found.values)

    # a row that is its whole background has no column to change: its values are zero
    moved = np.flatnonzero(differs.any(axis=1))
    values, error = np.zeros((*numbers.shape, len(view))), np.zeros(len(view))
    with _random_state_kept():
        if moved.size:
            values[moved] = run(numbers[moved], 0)
        if moved.size and not exact:
            some = moved[:_REPEATED_ROWS]
            # two independent runs differ by sqrt(2) times the standard error of one
            gap = values[some] - run(numbers[some], 1)
            error = np.sqrt(np.square(gap).mean(axis=(0, 1)) / 2.0)
    name = "shap Exact" if exact else "shap Permutation"
    return ShapValues(values, score(background).mean(axis=0), name, error)


def _differs(numbers: FloatArray, background: FloatArray) -> BoolArray:
    """Which columns of each row differ from some background row."""
    found = np.zeros(numbers.shape, dtype=np.bool_)
    for other in background:
        found |= numbers != other
    return found


def _places(numbers: FloatArray, levels: list[FloatArray]) -> FloatArray:
    """The place of each number among those of its column."""
    found = [np.searchsorted(known, own) for known, own in zip(levels, numbers.T, strict=True)]
    return np.stack(found, axis=1).astype(np.float64)


def _check_columns(differs: BoolArray) -> None:
    most = int(differs.sum(axis=1).max(initial=0))
    if most > _MOST_EXACT_COLUMNS:
        raise ArgumentError(
            f"method='exact' evaluates 2**n subsets of the n columns in which a row differs from "
            f"the background; n must be at most {_MOST_EXACT_COLUMNS}, got {most}. Use "
            "method='permutation'."
        )


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """NumPy's global generator, which shap reseeds, is left as it was; one thread at a time."""
    with _ONE_AT_A_TIME:
        state = np.random.get_state()  # noqa: NPY002  # the generator that shap uses
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
