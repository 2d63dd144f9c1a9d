"""The part of the page that shows a few rules in place of the network."""

from typing import Any

import numpy as np
import pandas as pd

from explainrelu.explanations.simplification.deviation import Deviations
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted, merit, number, percent
from explainrelu.reports.page.cards import condition_parts, formula_parts, leading_outputs
from explainrelu.reports.page.charts import trade_off
from explainrelu.reports.tables import rows_of

__all__ = ["few_rules", "rounded_to_three"]

_CARDS, _CONDITIONS, _FORMULAS = 12, 6, 3
_OUTPUTS = 12
_USED, _HELD_OUT = "used", "not used"
_WORDS = {_USED: "used to fit", _HELD_OUT: "not used to fit"}


def few_rules(findings: Findings) -> dict[str, Any] | None:
    """Each rule, how good they are together, and what another number of them gives."""
    found = findings.few_rules
    if found is None:
        return None
    return {
        "count": counted(len(found), "rule"),
        "unit": found.view.unit,
        "domain": _domain(findings, found),
        "whole": _largest(found.whole),
        "visited": _largest(found.visited),
        "kept": _kept(found),
        "cards": [_card(findings, found, i) for i in range(min(_CARDS, len(found)))],
        "more": max(0, len(found) - _CARDS),
        "message": found.message,
        "quality": _quality(found),
        "decides": bool(found.quality["equal_decisions"].notna().all()),
        **_curves(found),
    }


def _domain(findings: Findings, found: FewRules) -> str:
    own, rows = found.domain, findings.shallow.regions.domain
    if np.array_equal(own.lower, rows.lower) and np.array_equal(own.upper, rows.upper):
        return "between the smallest and largest value of each column"
    return "of the domain"


def _largest(deviations: Deviations) -> dict[str, str]:
    return _within(deviations.largest_value, deviations.largest_bound) | {
        "exactness": str(deviations.exactness)
    }


def _within(value: float, bound: float) -> dict[str, str]:
    """A deviation that is attained and one that no point exceeds, the latter never rounded down."""
    return {"value": number(value), "bound": number(rounded_to_three(bound))}


def rounded_to_three(value: float) -> float:
    """Up to three significant digits, never below the value but for the rounding of solvers."""
    if not 0.0 < value < np.inf:
        return value
    digits = 2 - int(np.floor(np.log10(value)))
    return float(np.ceil(value * 10.0**digits * (1.0 - 1e-12)) * 10.0**-digits)


def _kept(found: FewRules) -> dict[str, str]:
    """How good the rules are on rows that they were not fitted to."""
    rows = _HELD_OUT if (found.quality["rows"] == _HELD_OUT).any() else _USED
    part = found.quality[found.quality["rows"] == rows]
    return {
        "rows": f"{counted(int(part['n_rows'].iloc[0]), 'row')} {_WORDS[rows]}",
        "decisions": percent(float(part["equal_decisions"].iloc[0])),
        "r2": merit(float(part["r2"].mean())),
    }


def _card(findings: Findings, found: FewRules, i: int) -> dict[str, Any]:
    rule = found[i]
    outputs = leading_outputs(findings, rule.example)[:_FORMULAS]
    shown = rule.conditions[:_CONDITIONS]
    return {
        "name": rule.name,
        "n_rows": counted(rule.n_rows, "row"),
        "share": percent(rule.share),
        "conditions": [
            condition_parts(condition, rule.network.schema, rule.domain, rule.example)
            for condition in shown
        ],
        "more_conditions": len(rule.conditions) - len(shown),
        "formulas": [
            formula_parts(findings, rule, k) | {"off": _off(found, i, k)} for k in outputs
        ],
        "more_formulas": len(rule.view) - len(outputs),
    }


def _off(found: FewRules, i: int, k: int) -> list[dict[str, str]]:
    """How far a formula can lie from the network, over the regions visited and the domain."""
    places = (("regions visited", found.visited), ("whole domain", found.whole))
    return [
        _within(float(where.value[i, k]), float(where.bound[i, k]))
        | {"where": name, "exactness": "exact" if where.exact[i, k] else "bounded"}
        for name, where in places
        if not np.isnan(where.bound[i, k])
    ]


def _quality(found: FewRules) -> list[dict[str, str]]:
    table = found.quality[found.quality["output"].isin(found.view.names[:_OUTPUTS])]
    return [
        {
            "rows": f"{count(row.n_rows)} rows {_WORDS[row.rows]}",
            "output": row.output,
            "mean_error": number(row.mean_error),
            "largest_error": number(row.largest_error),
            "r2": merit(row.r2),
            "decisions": percent(row.equal_decisions),
        }
        for row in rows_of(table)
    ]


def _curves(found: FewRules) -> dict[str, str]:
    """The mean error by the number of rules, and the share of decisions or of variance kept."""
    curve = found.trade_off()
    chosen = int(curve.loc[curve["chosen"], "n_rules"].iloc[0])
    held = bool((curve["rows"] == _HELD_OUT).any())
    kinds = (_HELD_OUT, _USED) if held else (_USED,)
    top = float(curve["mean_error"].max()) or 1.0
    errors = trade_off(
        _lines(curve, kinds, "mean_error"), chosen, 0.0, top,
        title=_told(curve, "mean_error", "Mean error", kinds[0], number),
        ticks=[(share * top, number(share * top, 2)) for share in (0.0, 0.5, 1.0)],
    )  # fmt: skip
    kept, name = "equal_decisions", "Share of equal decisions"
    if curve[kept].isna().any():
        kept, name = "r2", "R² of the score"
    shown = curve[kept].dropna()
    if shown.empty:
        return {"errors": errors, "kept_curve": "", "kept_name": name}
    low = _floor(float(shown.min()))
    step = (1.0 - low) / 2.0
    return {
        "errors": errors,
        "kept_curve": trade_off(
            _lines(curve.dropna(subset=[kept]), kinds, kept), chosen, low, 1.0,
            title=_told(curve, kept, name, kinds[0], percent if kept != "r2" else merit),
            ticks=[(low + i * step, _tick(low + i * step, kept)) for i in range(3)],
        ),
        "kept_name": name,
    }  # fmt: skip


def _lines(
    curve: pd.DataFrame, kinds: tuple[str, ...], name: str
) -> list[tuple[str, list[int], list[float]]]:
    parts = [(kind, curve[curve["rows"] == kind]) for kind in kinds]
    return [
        (kind.replace(" ", "-"), part["n_rules"].tolist(), part[name].tolist())
        for kind, part in parts
        if len(part)
    ]


def _told(curve: pd.DataFrame, name: str, what: str, rows: str, written: Any) -> str:
    """The chart in a sentence."""
    part = curve[curve["rows"] == rows]
    ends = part.iloc[0], part.iloc[-1]
    said = ", ".join(
        f"{written(float(end[name]))} with {counted(int(end['n_rules']), 'rule')}" for end in ends
    )
    return f"{what} by the number of rules, rows {_WORDS[rows]}: {said}."


def _floor(least: float) -> float:
    """A round end of the scale below a share."""
    for low in (0.98, 0.95, 0.9, 0.8, 0.6, 0.5):
        if least >= low:
            return low
    return 0.0


def _tick(value: float, name: str) -> str:
    return f"{value:.3g}" if name == "r2" else f"{100.0 * value:.3g}%"
