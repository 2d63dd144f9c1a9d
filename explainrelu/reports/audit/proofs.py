"""The parts of the page about proofs over the domain: trends, properties, distances, slopes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import AuditStatus, status_of
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.properties import PropertyStatus
from explainrelu.audits.trend.trends import Direction, Monotonicity, Trend
from explainrelu.errors import DataError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.reports.audit.frames import requires, trend_pairs
from explainrelu.reports.audit.scope import STEP_UNITS
from explainrelu.reports.audit.verdicts import mark_of
from explainrelu.reports.audit.witness import side_by_side
from explainrelu.reports.numbers import count, counted, number, percent, plain, signed
from explainrelu.reports.page.cards import shown_unit
from explainrelu.reports.page.charts import certified_curve
from explainrelu.reports.tables import rows_of

__all__ = ["monotone", "properties", "robust"]

_TRENDS, _PAIRS, _UNASKED = 40, 6, 2
_LEAST_ROBUST, _MOVES = 8, 3
_ENDS = {0.0: "smallest", 1.0: "largest"}
_WORDS = {
    Direction.INCREASING: ("▲", "rises", "up"),
    Direction.DECREASING: ("▼", "falls", "down"),
    Direction.CONSTANT: ("≡", "does not change", "level"),
    Direction.NOT_MONOTONE: ("◆", "both ways", "both"),
    Direction.UNDECIDED: ("?", "undecided", "level"),
    Direction.NOT_APPLICABLE: ("–", "no order", "level"),
}
_PROPERTY = {
    PropertyStatus.HOLDS: AuditStatus.PASS,
    PropertyStatus.VIOLATED: AuditStatus.FAIL,
    PropertyStatus.UNDECIDED: AuditStatus.UNDECIDED,
}


def monotone(found: AuditFindings) -> dict[str, Any] | None:
    """Each column's trend, expected ones first, and the pairs that show what fails."""
    trends = found.monotonicity
    if trends is None:
        return None
    ordered = sorted(trends.trends, key=lambda trend: not trend.expected)
    shown = ordered[:_TRENDS]
    return {
        "rows": [_trend(trend, found.network.schema) for trend in shown],
        "more": len(ordered) - len(shown),
        "several": len({trend.output for trend in ordered}) > 1,
        "output": ordered[0].output,
        "expected": any(trend.expected for trend in ordered),
        "n_rows": counted(max(trend.n_rows for trend in ordered), "row"),
        "pairs": _pairs(trends, ordered),
    }


def _trend(trend: Trend, schema: InputSchema) -> dict[str, Any]:
    mark, words, tone = _WORDS[trend.direction]
    asked = trend.direction is not Direction.NOT_APPLICABLE
    verdict = AuditStatus.NOT_APPLICABLE
    if trend.expected and asked:
        verdict = status_of(trend.status)
    return {
        "name": trend.feature,
        "unit": shown_unit(schema.column(trend.feature)),
        "output": trend.output,
        "arrow": mark,
        "words": words,
        "tone": tone,
        "expected": trend.expected,
        "verdict": mark_of(verdict),
        "low": number(trend.slope_lower) if asked else "–",
        "high": number(trend.slope_upper) if asked else "–",
        "exactness": str(trend.exactness),
        "proof": str(trend.proof) or trend.reason or "–",
        "against": percent(trend.share) if asked and trend.n_rows else "–",
    }


def _pairs(trends: Monotonicity, ordered: list[Trend]) -> list[dict[str, Any]]:
    """Witness pairs: of expected directions first, then one each way of others."""
    found = []
    for trend in ordered:
        for name, pair in trend_pairs(trend):
            if trend.expected or len(found) < _UNASKED:
                try:
                    frame = trends.schema.decode(pair.points)
                except DataError:
                    continue
                scores = [number(float(score), 5) for score in pair.scores]
                title = f"{trend.output} {name} as {trend.feature} grows"
                if trend.expected:
                    title += f", where {trend.expected} was expected"
                found.append(
                    {"title": title, "score": trend.output}
                    | side_by_side(frame, ("Row A", "Row B"), trends.schema, scores)
                )
    return found[:_PAIRS]


def properties(found: AuditFindings) -> dict[str, Any] | None:
    """Each property with its verdict, bound and witness."""
    if not found.properties:
        return None
    rows = []
    for name, result in found.properties.items():
        rows.append(
            {
                "name": name,
                "requires": requires(found.expectations.properties[name]),
                "verdict": mark_of(_PROPERTY[result.status]),
                "lower": number(float(np.min(result.lower)), 4),
                "upper": number(float(np.min(result.upper)), 4),
                "how": result.decided_by or result.reason,
                "witness": _violation(found.network, result.witness),
            }
        )
    return {"rows": rows}


def _violation(network: ReluNetwork, witness: Any) -> dict[str, Any] | None:
    if witness is None:
        return None
    try:
        frame = network.schema.decode(witness[None])
    except DataError:
        return None
    values = network.forward(witness[None])[0]
    named = zip(network.outputs.names, values, strict=True)
    scores = ", ".join(f"{name} {number(float(value), 5)}" for name, value in named)
    return side_by_side(pd.concat([frame, frame]), ("Value",), network.schema, [scores])


def robust(found: AuditFindings, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any] | None:
    """How far rows are from another class, the nearest of them, and the largest slope."""
    if found.robustness is None and found.stability is None and found.slopes is None:
        return None
    return {
        "distances": None if found.robustness is None else _distances(found.robustness, tables),
        "stable": None if found.stability is None else _stable(found, found.stability),
        "least": _least(found, "robustness", tables),
        "changed": _least(found, "stability", tables),
        "slopes": _slopes(found),
    }


def _distances(distances: Robustness, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    curve = tables["robustness_curve"]
    return {
        "n_rows": counted(len(distances), "row"),
        "norm": str(distances.norm),
        "n_exact": count(int(distances.exact.sum())),
        "columns": ", ".join(distances.features),
        "quantiles": [
            {
                "name": _ENDS.get(row.quantile, f"{row.quantile:.0%} of rows"),
                "value": _between(row.lower, row.upper, row.exactness),
            }
            for row in rows_of(tables["robustness_summary"])
        ],
        "curve": certified_curve(
            curve["radius"].to_numpy(),
            curve["certified"].to_numpy(),
            (1.0 - curve["changeable"]).to_numpy(),
            unit="distance, in standard deviations",
        ),
    }


def _stable(found: AuditFindings, stability: Robustness) -> dict[str, str]:
    low, high = stability.unchanged_share
    errors = found.expectations.measurement_errors.items()
    return {
        "errors": ", ".join(f"{name} ± {plain(size)}" for name, size in errors),
        "share": percent(low) if low == high else f"between {percent(low)} and {percent(high)}",
        "n_rows": counted(len(stability), "row"),
    }


def _between(lower: float, upper: float, exactness: str) -> str:
    if exactness == "exact":
        return number(upper)
    return f"{number(lower)} to {number(upper)}"


def _least(
    found: AuditFindings, part: str, tables: Mapping[str, pd.DataFrame]
) -> list[dict[str, Any]]:
    """The rows nearest to another class, and what moves them there."""
    if part not in tables:
        return []
    table, moves = tables[part], tables["robustness_witnesses"]
    moves = moves[moves["within"] == STEP_UNITS[part]]
    nearest = table[np.isfinite(table["upper"])].sort_values("upper", kind="stable")
    rows = []
    for _, row in nearest.head(_LEAST_ROBUST).iterrows():
        own = moves[moves["row"] == row["row"]]
        told = [
            f"{move.feature} {signed(move.witness - move.value)}{_tail(move.unit, move.feature)}"
            for move in rows_of(own.head(_MOVES))
        ]
        if len(own) > _MOVES:
            told.append(f"{len(own) - _MOVES} more")
        rows.append(
            {
                "row": count(row["row"]),
                "own": row["class"],
                "other": row["nearest_class"],
                "distance": _between(row["lower"], row["upper"], row["exactness"]),
                "exactness": row["exactness"],
                "moves": ", ".join(told),
            }
        )
    return rows


def _tail(unit: str, name: str) -> str:
    return f" {unit}" if unit and not name.endswith(f"({unit})") else ""


def _slopes(found: AuditFindings) -> list[dict[str, str]]:
    if found.slopes is None:
        return []
    return [
        {
            "output": row.output,
            "value": _between(row.lower, row.upper, row.exactness),
            "exactness": row.exactness,
            "norm": row.norm,
            "n_regions": count(int(row.n_regions)),
        }
        for row in rows_of(found.slopes.to_frame())
    ]
