"""The part of the page about what refused rows could change."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pandas as pd

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.recourse.search import CounterfactualStatus
from explainrelu.reports.numbers import count, counted, number, percent, plain
from explainrelu.reports.page.charts import bar
from explainrelu.reports.tables import rows_of

__all__ = ["change"]

_CARDS, _REASONS = 5, 8
_WORDS = {
    CounterfactualStatus.OPTIMAL: "the nearest there is",
    CounterfactualStatus.BOUNDED: "not proven nearest",
    CounterfactualStatus.INFEASIBLE: "no admitted change is enough, proven",
    CounterfactualStatus.UNDECIDED: "undecided within the limits",
}


def change(found: AuditFindings, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any] | None:
    """Samples of refused rows with their nearest change and reason codes."""
    result = found.recourse
    if result is None:
        return None
    outcomes = tables["counterfactual_outcomes"]
    counts = {status: result.status.count(status) for status in CounterfactualStatus}
    return {
        "desired": str(outcomes["desired"].iloc[0]),
        "looked_at": count(len(result.status)),
        "refused": counted(found.n_refused, "refused row"),
        "counts": [
            {"value": count(n), "words": _WORDS[status]} for status, n in counts.items() if n
        ],
        "norm": result.norm,
        "scale": str(outcomes["scale"].iloc[0]),
        "actionability": _wishes(found),
        "cards": [_card(row, tables) for row in rows_of(outcomes.head(_CARDS))],
        "more": max(0, len(outcomes) - _CARDS),
    }


def _wishes(found: AuditFindings) -> str:
    """What people can change, in words."""
    wishes = found.expectations.actionability
    if wishes is None:
        return "every column may change"
    told = []
    for field in fields(wishes):
        value = getattr(wishes, field.name)
        if not value:
            continue
        name = field.name.replace("_", " ")
        if isinstance(value, Mapping):
            told.append(f"{name}: " + ", ".join(f"{key} {_named(v)}" for key, v in value.items()))
        else:
            told.append(f"{name}: {', '.join(value)}")
    return "; ".join(told) or "every column may change"


def _named(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return " and ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _card(outcome: Any, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    changes = tables["counterfactual_changes"]
    reasons = tables["counterfactual_reasons"]
    own = changes[(changes["row"] == outcome.row) & (changes["cf"] == outcome.cf)]
    why = reasons[reasons["row"] == outcome.row].head(_REASONS)
    units = dict(zip(own["feature"], own["unit"], strict=True))
    limit = float(why["share"].abs().max()) if len(why) else 1.0
    status = CounterfactualStatus(outcome.status)
    return {
        "row": count(outcome.row),
        "status": _WORDS[status],
        "found": len(own) > 0,
        "distance": number(outcome.distance),
        "gap": number(outcome.gap, 2) if outcome.gap > 0 else "",
        "score": number(outcome.score),
        "reasons": [
            {
                "name": row.feature,
                "ends": _ends(row[3], row[4]),
                "unit": units.get(row.feature, ""),
                "closes": number(row.closes),
                "share": percent(row.share),
                "bar": bar(abs(row.share) / (limit or 1.0), "up" if row.share >= 0 else "down"),
            }
            for row in rows_of(why)
        ],
        "required": outcome.required,
        "detail": outcome.detail,
    }


def _ends(before: str, after: str) -> tuple[str, str]:
    """Two values for a reader, numbers with as many digits as tell them apart."""
    try:
        low, high = float(before), float(after)
    except ValueError:
        return before, after
    for digits in range(4, 16):
        shown = plain(low, digits), plain(high, digits)
        if shown[0] != shown[1]:
            break
    return shown
