"""The figures of groups of rows: response, fit, margin, calibration, and why one is missing."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.explanations.diagnosis.grouped_rows import GroupedRows, wilson_interval
from explainrelu.explanations.diagnosis.responses import Decisions, Kind, Response

__all__ = ["Figures", "RowFigures", "figures_of", "local_status"]

Figures = dict[str, FloatArray]
"""Column of the table -> ``(n_groups, n_scores)``, in the order of the columns."""

_BINS = 10  # of the predicted probability, of equal width, in the expected calibration error


@dataclass(frozen=True, slots=True, eq=False)
class RowFigures:
    """What is known of each row: scores, response, decisions or predicted numbers.

    Attributes
    ----------
    scores, predicted : (n_rows, n_scores)
        Scores, and what the model predicts for them.
    response
        What was observed.
    decisions
        What a classifier says of each row.
    near
        Margins up to this are near the border of a decision.
    slack : (n_rows, n_scores)
        What rounding may have changed in a score.
    """

    scores: FloatArray
    predicted: FloatArray
    response: Response
    decisions: Decisions | None
    near: float
    slack: FloatArray

    def taken(self, rows: BoolArray) -> "RowFigures":
        """Those of some rows."""
        found = self.decisions and self.decisions.taken(rows)
        response = self.response.taken(rows)
        return RowFigures(
            scores=self.scores[rows],
            predicted=self.predicted[rows],
            response=response,
            decisions=found,
            near=self.near,
            slack=self.slack[rows],
        )


def figures_of(rows: RowFigures, groups: GroupedRows) -> Figures:
    """Every figure of each group, NaN where it is not defined.

    Notes
    -----
    Linear in the rows but for the sort of the areas under the ROC curve.
    """
    y, kind = rows.response.values, rows.response.kind
    found = {"score_mean": groups.mean(rows.scores), "score_std": groups.spread(rows.scores)}
    if rows.decisions is not None:
        found |= _margins(rows.decisions, groups, rows.near)
    if kind is not Kind.NONE:
        found |= {"response_mean": groups.mean(y), "response_std": groups.spread(y)}
    if kind in (Kind.CLASSES, Kind.RANKING):
        found["local_auc"] = groups.areas(rows.scores, y > 0, rows.slack)
    if kind is Kind.CLASSES and rows.decisions is not None:
        found |= _classes(rows.decisions, y, groups)
    if kind is Kind.NUMBERS:
        found |= _numbers(rows.predicted, y, groups)
    return found


def local_status(figures: Figures, groups: GroupedRows, kind: Kind) -> "npt.NDArray[np.str_]":
    """Why a figure of a group is missing, or ``computed``: (n_groups, n_scores)."""
    counts = np.broadcast_to(groups.counts[:, None], figures["score_mean"].shape)
    area, fit = figures.get("local_auc"), figures.get("local_r2")
    missing = np.zeros(counts.shape, dtype=np.bool_)
    too_large = ~np.isfinite(figures["score_std"])
    if fit is not None:
        too_large |= ~np.isfinite(figures["local_mse"])
        missing = np.isnan(fit)
    if area is not None:
        missing = np.isnan(area)
    constant = "one class" if area is not None else "constant response"
    alone = (counts == 1) & (kind is not Kind.NONE)
    return np.select(
        [counts == 0, too_large, alone, missing],
        ["no rows", "too large for float64", "one row", constant],
        "computed",
    )


def _margins(found: Decisions, groups: GroupedRows, near: float) -> Figures:
    close = (found.margins <= near).astype(np.float64)
    return {
        "margin_mean": groups.mean(found.margins),
        "margin_min": groups.least(found.margins),
        "near_share": groups.mean(close),
        "predicted_mean": groups.mean(found.probability),
    }


def _classes(found: Decisions, y: FloatArray, groups: GroupedRows) -> Figures:
    positive = y > 0
    # log(1 + exp(-z)) for what was observed: no overflow and no clipping of probabilities
    loss = np.logaddexp(0.0, np.where(positive, -found.log_odds, found.log_odds))
    accuracy = groups.mean((found.chosen == positive).astype(np.float64))
    _, half = wilson_interval(accuracy, groups.counts[:, None].astype(np.float64), z=1.0)
    figures = {
        "local_log_loss": groups.mean(loss),
        "accuracy": accuracy,
        "standard_error": half,
        "calibration_gap": groups.mean(found.probability - y),
        "calibration_error": groups.calibration_error(found.probability, y, _BINS),
    }
    if found.right is not None:
        joint = groups.mean(found.right[:, None].astype(np.float64))
        figures["joint_accuracy"] = np.broadcast_to(joint, accuracy.shape)
    return figures


def _numbers(predicted: FloatArray, y: FloatArray, groups: GroupedRows) -> Figures:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        error = predicted - y
        square = error**2
        counts = groups.counts[:, None].astype(np.float64)
        mean, total = groups.mean(square), groups.squared_deviation(y)
        share = np.divide(
            groups.total(square), total, out=np.full(total.shape, np.nan), where=total > 0
        )
        pairs = np.where(counts > 1, counts * (counts - 1.0), np.nan)
        return {
            "bias": groups.mean(error),
            "local_mse": mean,
            "local_r2": 1.0 - share,
            "standard_error": np.sqrt(groups.squared_deviation(square) / pairs),
        }
