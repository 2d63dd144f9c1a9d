"""How well rules stand for a network on rows: errors, R2, AUC, and equal decisions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.explanations.roc_area import roc_area
from explainrelu.explanations.simplification.decisions import Decision

__all__ = ["equal_decisions", "quality_frame", "r_squared"]


def quality_frame(
    rows: str, scores: FloatArray, predicted: FloatArray, decision: Decision, names: Sequence[str]
) -> pd.DataFrame:
    """One row an output: ``rows n_rows output mean_error largest_error r2 auc equal_decisions``.

    Parameters
    ----------
    rows
        Which rows these are.
    scores, predicted : (n_samples, n_scores)
        The network's scores and those of the rules.
    """
    error = np.abs(scores - predicted)
    n = scores.shape[0]
    return pd.DataFrame(
        {
            "rows": pd.Series([rows] * len(names), dtype="str"),
            "n_rows": pd.Series([n] * len(names), dtype="int64"),
            "output": pd.Series(list(names), dtype="str"),
            "mean_error": error.mean(axis=0),
            "largest_error": error.max(axis=0),
            "r2": r_squared(scores, predicted),
            "auc": [_auc(k, scores, predicted, decision) for k in range(len(names))],
            "equal_decisions": equal_decisions(scores, predicted, decision),
            "exactness": pd.Series(["exact"] * len(names), dtype="str"),
        }
    )


def r_squared(scores: FloatArray, predicted: FloatArray) -> FloatArray:
    """The share of each score's variance that is explained: (n_scores,); NaN of a constant one."""
    left = np.square(scores - predicted).sum(axis=0)
    total = np.square(scores - scores.mean(axis=0)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, 1.0 - left / total, np.nan))


def equal_decisions(scores: FloatArray, predicted: FloatArray, decision: Decision) -> float:
    """The share of rows with the same decision; NaN where nothing is decided."""
    if decision is Decision.NONE:
        return float("nan")
    return float((decision.of(scores) == decision.of(predicted)).mean())


def _auc(k: int, scores: FloatArray, predicted: FloatArray, decision: Decision) -> float:
    """How well the rules' score sorts the network's own decisions; NaN where there is one only."""
    if decision is Decision.NONE:
        return float("nan")
    own = scores[:, k] > 0 if decision is Decision.SIGN else scores.argmax(axis=1) == k
    return roc_area(np.asarray(own, dtype=np.bool_), predicted[:, k])
