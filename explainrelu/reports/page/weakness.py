"""The part of the page that says where the model is worse than overall."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.explanations.diagnosis.grouped_rows import WILSON_95, wilson_interval
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted, merit, number, percent, signed
from explainrelu.reports.page.charts import interval_strip
from explainrelu.reports.region_performance import FEW_RULE, OVERALL, REGION

__all__ = ["weakness"]

_ENOUGH = 20  # rows of a region below which its figures say little
_GROUPS = 12


def weakness(findings: Findings) -> dict[str, Any] | None:
    """The model's error under each few rule and in the regions with enough rows.

    None without a target, and where nothing is decided or predicted that it could be held to.
    """
    table = findings.tables.get("region_performance")
    if table is None:
        return None
    figures = _figures(table)
    if figures is None:
        return None
    regions = table[table["grouped_by"] == REGION]
    parts = {
        "rules": _part(figures, FEW_RULE, 1),
        "regions": _part(figures, REGION, _ENOUGH),
    }
    spots = findings.tables["weak_spots"]
    n_weak = int(spots["beyond_chance"].sum())
    return parts | {
        "overall": figures.written(float(figures.error[0])),
        "measure": figures.measure,
        "classes": figures.classes,
        "single": figures.single,
        "unit": figures.unit,
        "enough": _ENOUGH,
        "n_regions": counted(int(regions["region"].nunique()), "region"),
        "largest": counted(int(regions["n_rows"].max()), "row"),
        "n_large": count(int((regions.groupby("region")["n_rows"].first() >= _ENOUGH).sum())),
        "n_weak": counted(n_weak, "weak spot"),
        "any_weak": n_weak > 0,
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    """One row a group: its error with an interval, the first row being that of all rows."""

    table: pd.DataFrame
    error: FloatArray
    lower: FloatArray
    upper: FloatArray
    classes: bool
    single: bool
    unit: str

    @property
    def measure(self) -> str:
        return "Wrong decisions" if self.classes else "Root mean squared error"

    def written(self, error: float) -> str:
        return percent(error) if self.classes else number(error)


def _figures(table: pd.DataFrame) -> _Figures | None:
    outputs = table["output"].unique()
    first = table[table["output"] == outputs[0]].reset_index(drop=True)
    n_rows = first["n_rows"].to_numpy(dtype=np.float64)
    if first["accuracy"].notna().any():
        joint = first["joint_accuracy"].notna().any()
        error = 1.0 - first["joint_accuracy" if joint else "accuracy"].to_numpy(dtype=np.float64)
        middle, half = wilson_interval(error, n_rows)
        first["calibration_error"] = _mean_over_outputs(table, "calibration_error", len(outputs))
        low, high = (np.clip(end, 0.0, 1.0).round(12) for end in (middle - half, middle + half))
        return _Figures(first, error, low, high, True, len(outputs) == 1, "")
    if first["local_mse"].notna().any() and len(outputs) == 1:
        square = first["local_mse"].to_numpy(dtype=np.float64)
        half = WILSON_95 * np.nan_to_num(first["standard_error"].to_numpy(dtype=np.float64))
        low, high = np.sqrt(np.maximum(square - half, 0.0)), np.sqrt(square + half)
        return _Figures(first, np.sqrt(square), low, high, False, True, str(first["unit"].iloc[0]))
    return None


def _mean_over_outputs(table: pd.DataFrame, name: str, n_outputs: int) -> FloatArray:
    return np.asarray(table[name].to_numpy(dtype=np.float64).reshape(-1, n_outputs).mean(axis=1))


def _part(figures: _Figures, grouped_by: str, least: int) -> list[dict[str, Any]]:
    """All rows, then the groups of one kind that have enough rows, most first; empty if none."""
    table = figures.table
    chosen = np.flatnonzero((table["grouped_by"] == grouped_by) & (table["n_rows"] >= least))
    chosen = chosen[:_GROUPS]
    if not chosen.size:
        return []
    whole = np.flatnonzero(table["grouped_by"] == OVERALL)[:1]
    limit = float(np.nanmax(figures.upper[np.concatenate([whole, chosen])]))
    return [_row(figures, int(i), limit) for i in (*whole, *chosen)]


def _row(figures: _Figures, i: int, limit: float) -> dict[str, Any]:
    row, overall = figures.table.iloc[i], float(figures.error[0])
    ends = float(figures.lower[i]), float(figures.upper[i])
    whole = row["grouped_by"] == OVERALL
    weak = not whole and ends[0] > overall and row["n_rows"] >= _ENOUGH
    tone = "mark" if whole else ("fails" if weak else "ours")
    return {
        "name": "All rows" if whole else str(row["region"]),
        "whole": whole,
        "n_rows": count(int(row["n_rows"])),
        "share": percent(float(row["share"])),
        "error": figures.written(float(figures.error[i])),
        "interval": f"{figures.written(ends[0])} to {figures.written(ends[1])}",
        "strip": interval_strip(float(figures.error[i]), *ends, overall, limit, tone),
        "weak": weak,
        "auc": merit(float(row["local_auc"])),
        "predicted": percent(float(row["predicted_mean"])),
        "observed": percent(float(row["response_mean"])),
        "calibration": percent(float(row["calibration_error"])),
        "bias": "–" if np.isnan(row["bias"]) else signed(float(row["bias"]), 2),
        "r2": merit(float(row["local_r2"])),
    }
