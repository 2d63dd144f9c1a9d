"""How far our attributions and SHAP's agree, and why they differ where they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray, frozen
from explainrelu.errors import ArgumentError
from explainrelu.explanations.agreement.measures import (
    checked_lengths,
    correlations,
    three_dimensional,
    top_agreements,
)
from explainrelu.explanations.agreement.reasons import same_region_share
from explainrelu.explanations.agreement.shap_values import ShapValues, shap_values
from explainrelu.explanations.explain import METHODS, explain
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.limits import checked_limit, checked_seed
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Comparison", "compare_with_shap"]

_BACKGROUND_ROWS = 100
_METHODS = ("auto", "exact", "permutation")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """Our attributions beside SHAP's.

    Attributes
    ----------
    per_row
        One row a data row, output and ``k``: ``row output k feature_agreement rank_agreement
        sign_agreement signed_rank_agreement spearman kendall same_region_share
        base_difference scale exactness``.
    summary
        The means over rows, one row an output and ``k``.
    reasons
        Why the two differ: ``output reason value unit exactness detail``.
    ours
        Our explanation of the rows compared.
    shap_values : (n_rows, n_columns) or (n_rows, n_columns, n_scores)
        SHAP's values for the same rows, and in ``shap_base_values`` its base values.
    rows : (n_rows,)
        Which rows of ``X`` were compared.
    """

    per_row: pd.DataFrame
    summary: pd.DataFrame
    reasons: pd.DataFrame
    ours: Explanation
    shap_values: FloatArray
    shap_base_values: FloatArray
    rows: IntArray

    def __post_init__(self) -> None:
        for name in ("shap_values", "shap_base_values", "rows"):
            object.__setattr__(self, name, frozen(np.array(getattr(self, name))))

    def __repr__(self) -> str:
        return f"Comparison({self.rows.size} rows: .summary, .per_row, .reasons)"

    def to_frame(self) -> pd.DataFrame:
        """The table of agreement, one row a data row, output and ``k``."""
        return self.per_row


def compare_with_shap(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    method: str = "auto",
    max_rows: int | None = 200,
    ours: str = "local_linear",
    k: int | Sequence[int] = (1, 3, 5),
    output: str | Sequence[str] | None = None,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Comparison:
    """Compare our attributions with SHAP values of the same raw score.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows; string columns are welcome.
    background : (n_background, n_columns)
        Raw rows SHAP replaces columns from, and our default baseline is the mean of; by
        default at most 100 rows of ``X`` drawn by ``random_state``.
    method
        ``exact`` (shap's Exact explainer, 2**n_columns evaluations a row), ``permutation``
        (its Permutation explainer, which samples), or ``auto``: exact up to 10 columns.
    max_rows
        At most so many rows are compared, drawn by ``random_state``; None compares all.
    ours
        Our method, as in :func:`explain`.
    k
        Lengths of the lists of top columns; those above the number of columns are left out.
    output
        Which scores; every one by default.
    random_state
        Seed of every draw: the same call gives the same result.

    Returns
    -------
    Comparison
        ``.per_row .summary .reasons``.

    Raises
    ------
    ArgumentError, InputTypeError
        For an option that is not offered, and for ``exact`` where a row differs from the
        background in more than 16 columns.
    ModelError, DataError
        Where the model or the rows cannot be taken in.

    Notes
    -----
    Our values are exact. SHAP's are exact for ``exact`` given the background, estimated for
    ``permutation``; its sampling error is measured by a second run with another seed. They
    answer different questions: SHAP averages over rows of the background, which mostly lie in
    other linear regions; ``local_linear`` reads the one region of the row. A row that equals every
    background row has SHAP values of zero. shap draws from NumPy's global generator: its state is
    put back, and calls from several threads take their turns.

    References
    ----------
    Krishna et al. 2022, "The Disagreement Problem in Explainable Machine Learning".

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[9.0], [0.0]])
    >>> comparison = compare_with_shap(network, np.arange(12.0).reshape(6, 2) % 5)
    >>> float(comparison.summary.feature_agreement.min())
    1.0
    """
    _check_methods(method, ours)
    k, max_rows = checked_lengths(k), checked_limit("max_rows", max_rows)
    random_state = checked_seed(random_state)
    network = import_model(model, X, tolerances=tolerances)
    frame, view = network.schema.frame(X), network.outputs.view(output)
    rng = np.random.default_rng(random_state)
    rows = _drawn(len(frame), max_rows, rng)
    if background is None:
        background = frame.iloc[_drawn(len(frame), _BACKGROUND_ROWS, rng)]
    chosen = frame.iloc[rows]
    explanation = explain(
        network, chosen, method=ours, background=background, output=output, tolerances=tolerances
    )
    numbers, back = network.schema.numbers(chosen), network.schema.numbers(background)
    result = shap_values(network, view, numbers, back, method=method, seed=random_state)
    per_row = _agreement(network, explanation, result, numbers, back, rows, k)
    squeeze = len(view) == 1
    return Comparison(
        per_row=per_row,
        summary=_summary(per_row),
        reasons=_reasons(per_row, explanation, result, back),
        ours=explanation,
        shap_values=result.values[:, :, 0] if squeeze else result.values,
        shap_base_values=np.repeat(result.base[None], rows.size, 0)[
            :, 0 if squeeze else slice(None)
        ],
        rows=rows,
    )


def _check_methods(method: str, ours: str) -> None:
    if method not in _METHODS:
        raise ArgumentError(f"method must be one of {', '.join(_METHODS)}, got {method!r}.")
    if ours not in tuple(METHODS):
        raise ArgumentError(f"ours must be one of {', '.join(METHODS)}, got {ours!r}.")


def _drawn(n_rows: int, most: int | None, rng: np.random.Generator) -> IntArray:
    if most is None or n_rows <= most:
        return np.arange(n_rows)
    return np.sort(rng.choice(n_rows, size=most, replace=False))


def _agreement(
    network: ReluNetwork,
    explanation: Explanation,
    result: ShapValues,
    numbers: FloatArray,
    background: FloatArray,
    rows: IntArray,
    k: Sequence[int],
) -> pd.DataFrame:
    """The table of agreement per row, output and k."""
    values = three_dimensional(explanation.column_values)
    bases = explanation.base_values.reshape(rows.size, -1)
    share = same_region_share(
        network, network.schema.spread(numbers), network.schema.spread(background)
    )
    lengths = [length for length in k if 1 <= length <= values.shape[1]] or [values.shape[1]]
    blocks = []
    for o, name in enumerate(explanation.view.names):
        mine, theirs = values[:, :, o], result.values[:, :, o]
        spearman, kendall = correlations(mine, theirs)
        for length in lengths:
            block = {"row": rows, "output": _strings([name] * rows.size)}
            block["k"] = np.full(rows.size, length, dtype=np.int64)
            block |= top_agreements(mine, theirs, length)
            block |= {"spearman": spearman, "kendall": kendall, "same_region_share": share}
            block["base_difference"] = bases[:, o] - result.base[o]
            blocks.append(pd.DataFrame(block))
    table = pd.concat(blocks, ignore_index=True)
    table["scale"] = _strings([explanation.view.scale] * len(table))
    exactness = "estimated" if result.error.any() else "exact"
    table["exactness"] = _strings([exactness] * len(table))
    return table


def _summary(per_row: pd.DataFrame) -> pd.DataFrame:
    """Means over rows for each output and k."""
    keys = ["output", "k"]
    table = per_row.drop(columns=["row", "scale", "exactness"])
    means = table.groupby(keys, sort=False, as_index=False).mean()
    means.insert(2, "n_rows", per_row.groupby(keys, sort=False).size().to_numpy(dtype=np.int64))
    means["scale"] = _strings([per_row["scale"].iloc[0]] * len(means))
    means["exactness"] = _strings([per_row["exactness"].iloc[0]] * len(means))
    return means


def _reasons(
    per_row: pd.DataFrame, explanation: Explanation, result: ShapValues, background: FloatArray
) -> pd.DataFrame:
    """Why the two differ, with a figure for each reason."""
    rows = []
    unit = explanation.view.unit
    first = per_row[per_row["k"] == per_row["k"].iloc[0]]
    for o, name in enumerate(explanation.view.names):
        mine = first[first["output"] == name]
        other = 1.0 - float(mine["same_region_share"].mean())
        gap = float(mine["base_difference"].abs().mean())
        error = float(result.error[o])
        sampled = "estimated" if error > 0 else "exact"
        rows += [
            (name, "background rows in another linear region than the row", other, "share", "exact",
             f"{background.shape[0]} background rows: SHAP averages over them"),
            (name, "difference of base values", gap, unit, "exact",
             f"mean of |{explanation.base_meaning} - mean score of the background|"),
            (name, "sampling error of a SHAP value", error, unit, sampled,
             f"{result.name}: " + ("standard error from two runs" if error > 0 else "no sampling")),
        ]  # fmt: skip
    names = ["output", "reason", "value", "unit", "exactness", "detail"]
    dtypes = dict.fromkeys(names, "str") | {"value": "float64"}
    return pd.DataFrame(rows, columns=names).astype(dtypes)


def _strings(values: Sequence[str]) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")
