"""The tables of region diagnostics, and the weak spots read off them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.explanations.diagnosis.global_fit import global_columns
from explainrelu.explanations.diagnosis.grouped_rows import WILSON_95, wilson_interval
from explainrelu.explanations.diagnosis.region_figures import Figures
from explainrelu.explanations.diagnosis.responses import Kind
from explainrelu.network.outputs import ScoreView

__all__ = ["diagnostics_frame", "global_status", "weak_spots_of"]

Words = npt.NDArray[np.str_]

_ORDER = (
    "score_mean",
    "score_std",
    "margin_mean",
    "margin_min",
    "near_share",
    "predicted_mean",
    "response_mean",
    "response_std",
    "local_auc",
    "local_log_loss",
    "global_auc",
    "accuracy",
    "joint_accuracy",
    "bias",
    "local_mse",
    "local_r2",
    "global_mse",
    "global_r2",
    "standard_error",
    "calibration_gap",
    "calibration_error",
)


def diagnostics_frame(
    names: Sequence[str],
    view: ScoreView,
    counts: IntArray,
    n_rows: int,
    figures: Figures,
    status: Words,
    status_of_all: Words | None,
    full_dimensional: BoolArray | None = None,
) -> pd.DataFrame:
    """One row a group and score.

    Parameters
    ----------
    names, counts : (n_groups,)
    n_rows
        All rows, which the share is of.
    status, status_of_all : (n_groups, n_scores)
        Why a figure of the group is missing, and why one of all rows is.
    """
    n_groups, n_scores = len(names), len(view)
    columns: dict[str, object] = {
        "region": _strings(np.repeat(np.asarray(names, dtype=object), n_scores)),
        "output": _strings(np.tile(np.asarray(view.names, dtype=object), n_groups)),
        "n_rows": np.repeat(counts, n_scores).astype(np.int64),
        "share": np.repeat(counts / n_rows, n_scores),
    }
    columns |= {name: np.ravel(figures[name]) for name in _ORDER if name in figures}
    if full_dimensional is not None:
        columns["full_dimensional"] = np.repeat(full_dimensional, n_scores)
    columns["status"] = _strings(status.ravel())
    if status_of_all is not None:
        columns["global_status"] = _strings(status_of_all.ravel())
    size = n_groups * n_scores
    columns |= {"scale": _strings([view.scale] * size), "unit": _strings([view.unit] * size)}
    columns["exactness"] = _strings(["estimated"] * size)
    return pd.DataFrame(columns)


def global_status(fit: Figures, kind: Kind, n_listed: int, reason: str) -> Words | None:
    """Why a fit to all rows is missing: None where no fit is defined.

    Parameters
    ----------
    fit
        Of the first groups that are listed.
    reason
        Why it was not computed for the others.
    """
    names = global_columns(kind)
    if not names:
        return None
    values = fit[names[-1]]
    found = np.full((n_listed, values.shape[1]), reason, dtype=object)
    constant = "constant response" if kind is Kind.NUMBERS else "one class"
    too_large = ~np.isfinite(fit[names[0]]) & (kind is Kind.NUMBERS)
    words = np.select(
        [too_large, np.isnan(values)], ["too large for float64", constant], "computed"
    )
    found[: values.shape[0]] = words
    return found.astype(np.str_)


def weak_spots_of(
    table: pd.DataFrame, overall: pd.DataFrame, kind: Kind, n: int | None, min_rows: int
) -> pd.DataFrame:
    """Groups whose error exceeds the overall one, largest excess first."""
    enough = table[table["n_rows"] >= min_rows]
    error, lower, upper = _errors(enough, kind)
    of_all = dict(zip(overall["output"], _errors(overall, kind)[0], strict=True))
    known = np.array([of_all[name] for name in enough["output"]], dtype=np.float64)
    measure = "share of wrong decisions" if kind is Kind.CLASSES else "mean squared error"
    found = enough[["region", "output", "n_rows", "share"]].assign(
        error=error,
        overall_error=known,
        excess=error - known,
        standard_error=enough["standard_error"],
        lower=lower,
        upper=upper,
        beyond_chance=lower > known,
        measure=_strings([measure] * len(enough)).to_numpy(),
        exactness=enough["exactness"],
    )
    order = np.lexsort((-found["n_rows"].to_numpy(), -found["excess"].to_numpy()))
    found = found.iloc[order]
    worse = found[found["excess"] > 0.0].head(len(found) if n is None else n)
    return worse.astype({"measure": "str"}).reset_index(drop=True)


def _errors(table: pd.DataFrame, kind: Kind) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The error of each row of the table and its 95 % interval."""
    if kind is Kind.CLASSES:
        error = 1.0 - table["accuracy"].to_numpy(dtype=np.float64)
        middle, half = wilson_interval(error, table["n_rows"].to_numpy(dtype=np.float64))
        return error, middle - half, middle + half
    error = table["local_mse"].to_numpy(dtype=np.float64)
    half = WILSON_95 * table["standard_error"].to_numpy(dtype=np.float64)
    return error, np.maximum(error - half, 0.0), error + half


def _strings(values: "npt.ArrayLike") -> "pd.Series[str]":
    return pd.Series(np.asarray(values, dtype=object), dtype="str")
