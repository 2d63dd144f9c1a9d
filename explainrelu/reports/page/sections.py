"""The parts of the page that speak of the whole model: facts, checks, ranking, regions, SHAP."""

from typing import Any

import numpy as np
import pandas as pd

from explainrelu.certificate import Check, Status
from explainrelu.explanations.agreement.with_shap import Comparison
from explainrelu.explanations.ranking import leading_output
from explainrelu.network.outputs import Link
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted, merit, number, percent, plain
from explainrelu.reports.page.cards import score_name, shown_unit
from explainrelu.reports.page.charts import (
    bar,
    histogram,
    profile_scale,
    profile_strip,
    share_curve,
    split_bar,
)
from explainrelu.reports.statements import Direction, direction
from explainrelu.reports.tables import rows_of

__all__ = [
    "agreement",
    "checks",
    "columns",
    "key_figures",
    "layers",
    "model",
    "performance_figures",
    "profiles",
    "provenance",
    "ranking",
    "reduction",
    "regions",
]

_BARS = 15
_PROFILES, _PROFILE_BARS, _PROFILE_BARS_EACH = 3, 12, 6
_OUTPUTS = 12
_COLUMNS = 60
_PAIRS = 10
_NAME = 42  # characters of a column's name among the key figures
_WORDS = {
    Direction.RAISES: ("up", "▲", "raises it"),
    Direction.LOWERS: ("down", "▼", "lowers it"),
    Direction.BOTH: ("both", "◆", "both ways"),
    Direction.LEVELS: ("level", "≡", "by level"),
    Direction.OUTPUTS: ("level", "≡", "by output"),
    Direction.NOTHING: ("level", "", "no effect"),
}
_LINK_WORDS = {Link.identity: "none"}
_STATUS = {Status.HOLDS: "✓", Status.FAILS: "✕", Status.UNDECIDED: "?"}


def key_figures(findings: Findings) -> list[dict[str, str]]:
    """The handful of numbers a reader wants first."""
    table, shallow = findings.tables["ranking"], findings.shallow
    overall = leading_output(findings.view.names)
    top = table[table["output"] == overall].iloc[0]
    n_checks, n_columns = len(findings.certificate.checks), findings.network.schema.n_columns
    n_held = n_checks - len(findings.broken) - len(findings.undecided)
    figures = [
        {"value": count(findings.n_rows), "label": f"rows of {counted(n_columns, 'column')}"},
        {"value": count(shallow.n_cells), "label": "linear regions that hold them"},
        {"value": f"{n_held} of {n_checks}", "label": "checks hold"},
    ]
    if findings.drift is not None:
        gap = number(findings.drift.value, 2)
        figures.append({"value": gap, "label": "largest difference from the model, relative"})
    figures.append({"value": _short(str(top["feature"])), "label": "matters most, over these rows"})
    return figures


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1].rstrip()}…"


def checks(findings: Findings) -> list[dict[str, str]]:
    """The certificate, row by row."""
    return [_check(check) for check in findings.certificate.checks]


def _check(check: Check) -> dict[str, str]:
    limit = number(check.tolerance, 1)
    if check.status is Status.UNDECIDED:
        limit = number(float("nan"))
    bounded = check.status is not Status.UNDECIDED and check.tolerance > 0
    return {
        "name": check.name,
        "mark": _STATUS[check.status],
        "status": str(check.status),
        "value": number(check.value, 2),
        "limit": f"≤ {limit}" if bounded else limit,
        "exactness": str(check.exactness),
        "detail": check.detail,
    }


def model(findings: Findings) -> list[dict[str, Any]]:
    """The facts about the model; a value is a text, or a list of them."""
    network, outputs, view = findings.network, findings.network.outputs, findings.view
    hidden = ", ".join(count(width) for width in network.widths) or "none"
    n_columns = counted(network.schema.n_columns, "raw column")
    facts: dict[str, Any] = {
        "Model": network.origin.kind,
        "Task": str(outputs.task),
        "Classes" if outputs.classes else "Outputs": ", ".join(outputs.classes or outputs.names),
        "Score explained": f"{view.scale}, in {view.unit}" if view.unit else view.scale,
        "Link behind the score": _LINK_WORDS.get(outputs.link, f"{outputs.link.name} (cut off)"),
        "Hidden layers": f"{hidden} units, {count(network.n_neurons)} of them rectified",
        "Inputs": f"{count(network.n_inputs)} from {n_columns}",
        "Folded into raw columns": list(network.origin.folded) or "nothing",
        "Assumptions": list(network.origin.assumptions) or "none",
        "Number format": f"{network.origin.dtype} in the model, float64 here",
    }
    return [{"name": name, "value": value} for name, value in facts.items()]


def layers(findings: Findings) -> list[dict[str, str]]:
    """The three-layer equivalent, layer by layer."""
    sizes, n_inputs = findings.shallow.sizes, findings.network.n_inputs
    n_forms, n_outputs = count(sizes[0] - 2 * n_inputs), findings.network.n_outputs
    cells = counted(findings.shallow.n_cells, "region")
    outputs = f" and {n_outputs} outputs" if n_outputs > 1 else ""
    words = (
        f"the {counted(n_inputs, 'input')}, positive and negative part, and one neuron for each of "
        f"the {n_forms} hyperplanes that bound the regions",
        "the same carried on, and for each hyperplane a switch that is 1 on its closed side",
        f"two neurons for each of the {cells}{outputs}: the formula of the region, silent "
        "everywhere else",
    )
    return [
        {"name": str(i), "size": count(size), "what": what}
        for i, (size, what) in enumerate(zip(sizes, words, strict=True), start=1)
    ]


def reduction(findings: Findings) -> list[dict[str, str]]:
    """How many units of each layer the range of the rows does not need."""
    if "reduction" not in findings.tables:
        return []
    return [
        {
            "name": f"Layer {row.layer}",
            "n_units": count(row.n_units),
            "inactive": count(row.stably_inactive),
            "active": count(row.stably_active),
            "unstable": count(row.unstable),
            "undecided": count(row.undecided),
            "n_left": count(row.n_left),
        }
        for row in rows_of(findings.tables["reduction"])
    ]


def columns(findings: Findings) -> dict[str, Any]:
    """The raw columns and what was seen of them."""
    table, schema = findings.tables["columns"], findings.network.schema
    rows = [
        {
            "name": row.feature,
            "kind": row.kind,
            "unit": shown_unit(schema.column(row.feature)),
            "seen": row.levels if row.levels else f"{plain(row.lower, 4)} to {plain(row.upper, 4)}",
            "imputed": count(row.imputed) if row.imputed else "",
        }
        for row in rows_of(table.head(_COLUMNS))
    ]
    return {
        "rows": rows,
        "more": len(table) - len(rows),
    }


def performance_figures(findings: Findings) -> list[dict[str, str]]:
    """How well the model predicts; empty where there is no target."""
    if "performance" not in findings.tables:
        return []
    return [
        {
            "output": row.output,
            "metric": row.metric,
            "value": _figure(row.value, row.unit),
            "detail": row.detail,
        }
        for row in rows_of(findings.tables["performance"])
    ]


def _figure(value: float, unit: str) -> str:
    if unit == "share":
        return percent(value)
    return f"{number(value)} {unit}" if unit else merit(value)


def ranking(findings: Findings) -> dict[str, Any]:
    """The ranking as bars, and by output where there are several."""
    table, names = findings.tables["ranking"], findings.view.names
    overall = leading_output(names)
    whole = table[table["output"] == overall]
    top, limit = whole.head(_BARS), float(whole["importance"].max()) or 1.0
    return {
        "score": score_name(findings, names[0]) if len(names) == 1 else findings.view.scale,
        "unit": str(whole["unit"].iloc[0]),
        "bars": [_bar(row, limit) for row in rows_of(top)],
        "more": len(whole) - len(top),
        "more_share": percent(float(whole["share"].iloc[len(top) :].sum())),
        "outputs": list(names[:_OUTPUTS]) if len(names) > 1 else [],
        "more_outputs": max(0, len(names) - _OUTPUTS) if len(names) > 1 else 0,
        "matrix": _matrix(table, list(top["feature"]), names[:_OUTPUTS]) if len(names) > 1 else [],
    }


def _bar(row: Any, limit: float) -> dict[str, str]:
    tone, mark, words = _WORDS[direction(row)]
    if tone == "both":
        words = f"raises it in {percent(row.positive_share)} of rows"
    return {
        "name": row.feature,
        "bar": bar(row.importance / limit, tone),
        "importance": number(row.importance),
        "share": percent(row.share),
        "tone": tone,
        "mark": mark,
        "words": words,
    }


def _matrix(table: pd.DataFrame, features: list[str], names: Any) -> list[dict[str, Any]]:
    """Importance of each column for each output, tinted by size."""
    chosen = table[table["output"].isin(names)]
    limit = float(chosen["importance"].max()) or 1.0
    found = {(row.output, row.feature): row for row in rows_of(chosen)}
    return [
        {"name": feature, "cells": [_cell(found[name, feature], limit) for name in names]}
        for feature in features
    ]


def _cell(row: Any, limit: float) -> dict[str, str]:
    tone, mark, words = _WORDS[direction(row)]
    step = int(np.ceil(5 * row.importance / limit - 1e-12))
    side = {"up": "up", "down": "down"}.get(tone, "grey")
    return {
        "text": number(row.importance, 2),
        "mark": mark,
        "words": words,
        "tint": f"{side}{step}" if step else "flat",
    }


def profiles(findings: Findings) -> dict[str, Any]:
    """How the coefficients of the leading columns spread over the rows, output by output."""
    table, names = findings.tables["coefficient_profile"], findings.view.names
    most = _PROFILE_BARS if len(names) == 1 else _PROFILE_BARS_EACH
    shown = [table[table["output"] == name].head(most) for name in names[:_PROFILES]]
    return {
        "unit": findings.view.unit,
        "parts": [
            {"name": score_name(findings, name), **_profile(part)}
            for name, part in zip(names, shown, strict=False)
        ],
        "more_outputs": max(0, len(names) - _PROFILES),
        "more": max(0, findings.network.schema.n_columns - most),
    }


def _profile(table: pd.DataFrame) -> dict[str, Any]:
    low, high = min(0.0, float(table["lower_5"].min())), max(0.0, float(table["upper_5"].max()))
    margin = 0.02 * (high - low) or 1.0
    low, high = low - margin * (low < 0), high + margin
    return {
        "scale": profile_scale(low, high),
        "rows": [_profile_row(row, low, high) for row in rows_of(table)],
    }


def _profile_row(row: Any, low: float, high: float) -> dict[str, str]:
    quantiles = (row.lower_5, row.lower_quartile, row.median, row.upper_quartile, row.upper_5)
    if row.signed:
        tone = "up" if row.lower_quartile > 0 else ("down" if row.upper_quartile < 0 else "both")
        split = split_bar(row.lowering_share, row.raising_share)
        words = f"{percent(row.lowering_share)} / {percent(row.raising_share)}"
    else:
        tone, split, words = "level", "", "by level"
    return {
        "name": row.feature,
        "strip": profile_strip(quantiles, low, high, tone),
        "median": number(row.median),
        "middle": f"{number(row.lower_5, 2)} to {number(row.upper_5, 2)}",
        "split": split,
        "words": words,
    }


def regions(findings: Findings) -> dict[str, Any]:
    """How the rows spread over the regions."""
    found = findings.shallow.regions
    total = np.cumsum(found.share)
    levels = (0.25, 0.5, 0.75, 0.9, 1.0)
    return {
        "curve": share_curve(found.share),
        "levels": [
            {"share": f"{s:.0%}", "count": count(int(np.searchsorted(total, s - 1e-12)) + 1)}
            for s in levels
        ],
        "count": counted(len(found), "region"),
        "largest": percent(float(found.share[0])),
        "single": count(int((found.counts == 1).sum())),
        "thin": count(int((~findings.tables["regions"]["full_dimensional"]).sum())),
    }


def agreement(findings: Findings) -> dict[str, Any] | None:
    """How far our values and SHAP's agree, and why they differ; None without the comparison."""
    comparison = findings.comparison
    if comparison is None:
        return None
    summary, k = comparison.summary, sorted(comparison.summary["k"].unique())
    per_row = comparison.per_row[comparison.per_row["k"] == k[0]]
    return {
        "k": [int(length) for length in k],
        "rows": [
            _agreement_row(name, summary[summary["output"] == name]) for name in findings.view.names
        ],
        "n_rows": counted(comparison.rows.size, "row"),
        "histogram": histogram(
            per_row["spearman"].to_numpy(),
            -1.0,
            1.0,
            title="Spearman correlation of each row's values, ours against SHAP",
            unit="Spearman correlation of a row's values",
        ),
        "reasons": _reasons(comparison.reasons),
        "pairs": _pairs(comparison),
    }


def _agreement_row(name: str, block: pd.DataFrame) -> dict[str, Any]:
    block = block.sort_values("k")
    return {
        "name": name,
        "columns": [percent(value) for value in block["feature_agreement"]],
        "signs": [percent(value) for value in block["sign_agreement"]],
        "spearman": number(float(block["spearman"].iloc[0]), 2),
        "kendall": number(float(block["kendall"].iloc[0]), 2),
    }


def _reasons(table: pd.DataFrame) -> list[dict[str, str]]:
    """Each reason once, its figure averaged over the outputs."""
    found = []
    for reason, block in table.groupby("reason", sort=False):
        value, first = float(block["value"].mean()), block.iloc[0]
        unit = str(first["unit"])
        exactness = "estimated" if (block["exactness"] == "estimated").any() else "exact"
        found.append(
            {
                "reason": str(reason),
                "value": percent(value) if unit == "share" else f"{number(value)} {unit}".strip(),
                "exactness": exactness,
                "detail": str(first["detail"]),
            }
        )
    return found


def _pairs(comparison: Comparison) -> list[dict[str, str]]:
    """Mean size of the values of each column, ours and SHAP's, on the rows compared."""
    sizes = []
    for values in (comparison.ours.values, comparison.shap_values):
        mean = np.abs(values).mean(axis=0)
        sizes.append(mean if mean.ndim == 1 else mean.mean(axis=1))
    ours, theirs = sizes
    limit = float(np.concatenate(sizes).max()) or 1.0
    order = np.argsort(-np.maximum(ours, theirs), kind="stable")[:_PAIRS]
    return [
        {
            "name": comparison.ours.feature_names[j],
            "ours": number(float(ours[j])),
            "theirs": number(float(theirs[j])),
            "ours_bar": bar(float(ours[j]) / limit, "ours"),
            "theirs_bar": bar(float(theirs[j]) / limit, "theirs"),
        }
        for j in order
    ]


def provenance(findings: Findings) -> list[dict[str, str]]:
    """Versions, fingerprints and arguments."""
    table = findings.tables["provenance"]
    return [{"name": row.property, "value": row.value} for row in rows_of(table)]
