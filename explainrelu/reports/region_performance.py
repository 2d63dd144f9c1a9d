"""How well the model does in each region, and under each of a few rules."""

from typing import Any

import numpy as np
import pandas as pd

from explainrelu.explanations.diagnosis.responses import Kind
from explainrelu.explanations.diagnostics import RegionDiagnostics, region_diagnostics
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.reports.tables import TABLES
from explainrelu.tolerances import Tolerances

__all__ = ["FEW_RULE", "OVERALL", "REGION", "region_performance"]

OVERALL, REGION, FEW_RULE = "all rows", "region", "few rule"
"""What a row of the table is about: its column ``grouped_by``."""

_FIGURES = (
    *("score_mean", "score_std", "margin_mean", "near_share", "predicted_mean", "response_mean"),
    *("response_std", "accuracy", "joint_accuracy", "local_auc", "local_log_loss", "global_auc"),
    *("bias", "local_mse", "local_r2", "global_mse", "global_r2", "standard_error"),
    *("calibration_gap", "calibration_error"),
)


def region_performance(
    network: ReluNetwork,
    frame: pd.DataFrame,
    target: pd.DataFrame,
    few_rules: FewRules | None,
    *,
    output: Any,
    tolerances: Tolerances,
) -> dict[str, pd.DataFrame]:
    """The tables ``region_performance`` and ``weak_spots``.

    By the regions that the rows visit, and of the rows of each few rule. Under a few rule the
    figures are the network's own, not those of the rule's formula: they say where the model is
    weak, in words of which there are few.

    Parameters
    ----------
    output
        Which scores. Of a difference of two outputs a target says nothing: the figures are then
        those of every output.
    """
    output = output if output is None or isinstance(output, str) else None
    found = region_diagnostics(network, frame, target, output=output, tolerances=tolerances)
    parts, spots = [_part(found.overall, OVERALL)], [_spots(found, REGION)]
    if few_rules is not None:
        by_rule = region_diagnostics(
            network,
            frame,
            target,
            by=_RowsOfRules(few_rules, network, output),
            tolerances=tolerances,
        )
        parts.append(_part(by_rule.table, FEW_RULE))
        spots.insert(0, _spots(by_rule, FEW_RULE))
    parts.append(_part(found.table, REGION))
    return {"region_performance": pd.concat(parts, ignore_index=True), "weak_spots": _joined(spots)}


class _RowsOfRules:
    """The rows of few rules with the network's own scores."""

    def __init__(self, rules: FewRules, network: ReluNetwork, output: str | None) -> None:
        self.names, self.network = rules.names, network
        # a target of several classes asks for the score of each
        whole = network.outputs.task is Task.MULTICLASS
        self.view = network.outputs.view(None if whole else output)
        self._rules = rules

    def locate(self, X: Any) -> "np.ndarray[Any, np.dtype[np.int64]]":
        return self._rules.locate(X)

    def predict(self, X: Any) -> "np.ndarray[Any, np.dtype[np.float64]]":
        points = self.network.schema.encode(X)
        return np.asarray(self.network.forward(points) @ self.view.matrix.T)


def _part(table: pd.DataFrame, grouped_by: str) -> pd.DataFrame:
    """The table with every figure, those that its task does not define missing."""
    found = table.assign(grouped_by=pd.Series([grouped_by] * len(table), dtype="str"))
    for name in _FIGURES:
        if name not in found:
            found[name] = np.nan
    if "global_status" not in found:
        found["global_status"] = pd.Series(["no fit defined"] * len(found), dtype="str")
    return found


def _spots(found: RegionDiagnostics, grouped_by: str) -> pd.DataFrame:
    if found.kind not in (Kind.CLASSES, Kind.NUMBERS):
        return pd.DataFrame()
    table = found.weak_spots(None)
    return table.assign(grouped_by=pd.Series([grouped_by] * len(table), dtype="str"))


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All weak spots, the columns of the table there even where there is none."""
    filled = [part for part in parts if len(part)]
    if filled:
        return pd.concat(filled, ignore_index=True)

    return pd.DataFrame({name: [] for name in TABLES["weak_spots"]})
