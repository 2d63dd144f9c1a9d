"""The parts of the page that read single regions: rules, coefficients and one worked row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.explanations.conditions import Condition, rounded_up
from explainrelu.explanations.rule import Rule
from explainrelu.explanations.simplification.few_rule import FewRule
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind, level_text
from explainrelu.network.formula import readable_form, shown_name
from explainrelu.network.outputs import Task
from explainrelu.network.reading import Reading, read
from explainrelu.network.schema import InputSchema
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted, number, percent, plain, signed
from explainrelu.reports.page.charts import range_strip, step_bar
from explainrelu.reports.tables import rows_of

__all__ = [
    "cards",
    "coefficient_map",
    "condition_parts",
    "formula_parts",
    "leading_outputs",
    "score_name",
    "shown_unit",
    "value_text",
    "worked_row",
]

_CARDS = 5
_CONDITIONS, _CONDITION_TERMS = 5, 4
_FORMULAS, _FORMULA_TERMS = 3, 7
_RANGES = 6
_MAP_RULES, _MAP_INPUTS = 6, 14
_STEPS = 12


def cards(findings: Findings) -> list[dict[str, Any]]:
    """The most visited rules, each ready to be laid out as a card."""
    n_cards = min(_CARDS, len(findings.rules))
    return [_card(findings, findings.rules[i], i + 1) for i in range(n_cards)]


def _card(findings: Findings, rule: Rule, position: int) -> dict[str, Any]:
    outputs = leading_outputs(findings, rule.example)[:_FORMULAS]
    shown = rule.conditions[:_CONDITIONS]
    return {
        "number": position,
        "region": rule.region.name,
        "n_rows": counted(rule.n_rows, "row"),
        "share": percent(rule.share),
        "example": count(int(np.flatnonzero(findings.shallow.regions.rows == position - 1)[0])),
        "conditions": [
            condition_parts(condition, rule.region.network.schema, rule.domain, rule.example)
            for condition in shown
        ],
        "more_conditions": len(rule.conditions) - len(shown),
        "formulas": [formula_parts(findings, rule, k) for k in outputs],
        "more_formulas": len(rule.view) - len(outputs),
        "ranges": _ranges(findings, rule, outputs[0]),
        "thin": not rule.full_dimensional,
    }


def leading_outputs(findings: Findings, point: FloatArray) -> list[int]:
    """Outputs by their score at a point where the largest one wins, else in their order."""
    view, network = findings.view, findings.network
    if network.outputs.task not in (Task.MULTICLASS, Task.MULTILABEL):
        return list(range(len(view)))
    scores = network.forward(point[None])[0] @ view.matrix.T
    return [int(k) for k in np.argsort(-scores, kind="stable")]


def condition_parts(
    condition: Condition, schema: InputSchema, domain: Box, example: FloatArray
) -> dict[str, Any]:
    """One condition, its terms and its bound apart, the smaller terms held at an example row."""
    if condition.relation in ("=", "in"):
        name, _, levels = condition.text.partition(f" {condition.relation} ")
        return {"level": True, "name": name, "relation": condition.relation, "levels": levels}
    found = read(condition.weight, 0.0, schema, domain, at=example, max_terms=_CONDITION_TERMS)
    unit = ""
    if len(found.terms) == 1 and found.terms[0].name in schema.names:
        unit = shown_unit(schema.column(found.terms[0].name))
    return {
        "level": False,
        "terms": _terms(found, leading=True),
        "relation": {">=": "≥", "<=": "≤"}.get(condition.relation, condition.relation),
        "bound": number(condition.bound - found.constant, 4),
        "unit": unit,
        **_held(found),
    }


def formula_parts(findings: Findings, rule: Rule | FewRule, k: int) -> dict[str, Any]:
    """The formula of one score by its largest terms, and the range of its values."""
    weight, bias = rule.affine_map.weight[k], float(rule.affine_map.bias[k])
    found = rule.reading(k, max_terms=_FORMULA_TERMS)
    low, high = rule.score_range[k]
    return {
        "score": score_name(findings, rule.view.names[k]),
        "constant": number(found.constant, 4),
        "terms": _terms(found, leading=False),
        "low": number(low),
        "high": number(high),
        "here": number(float(weight @ rule.example) + bias),
        **_held(found),
    }


def score_name(findings: Findings, output: str) -> str:
    """``logit of malignant``, or the scale alone where it says it all."""
    scale = findings.view.scale
    return scale if scale.endswith(output) else f"{scale} of {output}"


def shown_unit(column: Column) -> str:
    """The unit of a column where its name does not end in it already: ``petal width (cm)``."""
    return "" if column.name.endswith(f"({column.unit})") else column.unit


def _held(found: Reading) -> dict[str, Any]:
    """The terms not shown: how much they can change, and where that is a lot, how many they are."""
    return {
        "slack": number(rounded_up(found.slack), 2) if found.slack > 0 else "",
        "held": 0 if found.nearly_all else found.n_held,
    }


def _terms(found: Reading, *, leading: bool) -> list[dict[str, str]]:
    """Sign, size and name of each term; the first of a form needs no plus."""
    parts = []
    for i, term in enumerate(found.terms):
        sign = "−" if term.coefficient < 0 else ("" if leading and i == 0 else "+")
        size = abs(term.coefficient)
        parts.append(
            {
                "sign": sign,
                "size": "" if size == 1.0 else number(size),
                "name": shown_name(term.name),
                "tone": "up" if term.coefficient > 0 else "down",
            }
        )
    return parts


def _ranges(findings: Findings, rule: Rule, k: int) -> list[dict[str, Any]]:
    """How far the columns that matter most in a formula can move alone."""
    schema, table = rule.region.network.schema, findings.tables["ranges"]
    found = {row.feature: row for row in rows_of(table[table["region"] == rule.region.name])}
    strongest = (schema.columns[j] for j in _strongest_columns(rule, k))
    shown = [column for column in strongest if column.name in found][:_RANGES]
    return [_range(rule, column, found[column.name]) for column in shown]


def _range(rule: Rule, column: Column, row: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "unit": shown_unit(column), "value": row.value}
    if column.kind is ColumnKind.CATEGORICAL:
        return entry | {"levels": row.levels}
    schema, domain = rule.region.network.schema, rule.region.domain
    start = int(schema.starts[schema.names.index(column.name)])
    low, high = float(domain.lower[start]), float(domain.upper[start])
    value = float(rule.example[start])
    return entry | {
        "value": plain(value),
        "lower": number(row.lower),
        "upper": number(row.upper),
        "strip": range_strip(low, high, row.lower, row.upper, value),
    }


def _strongest_columns(rule: Rule, k: int) -> list[int]:
    """Raw columns by the size of their terms over the domain."""
    schema = rule.region.network.schema
    weight, _ = readable_form(rule.affine_map.weight[k], 0.0, schema, rule.domain)
    size = np.zeros(schema.n_columns)
    np.maximum.at(size, schema.input_columns, np.abs(weight) * rule.domain.half_width)
    return [int(j) for j in np.argsort(-size, kind="stable") if size[j] > 0]


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """Coefficients of some rules and the spread of each input: ``weight (n_rules, n_inputs)``."""

    weight: FloatArray
    heads: list[dict[str, str]]
    spread: FloatArray


def coefficient_map(findings: Findings) -> dict[str, Any]:
    """Coefficients of the top rules beside each other, tinted by their effect."""
    found, schema = _map(findings), findings.network.schema
    effect = found.weight * found.spread
    chosen = np.argsort(-np.abs(effect).max(axis=0), kind="stable")[:_MAP_INPUTS]
    limit = float(np.abs(effect).max(initial=0.0)) or 1.0
    per = _per(schema, findings.shallow.regions.domain)
    rows = [
        {
            "name": schema.input_names[i],
            "per": per[i],
            "cells": [
                {"text": number(found.weight[r, i]), "tint": _tint(effect[r, i] / limit)}
                for r in range(len(found.heads))
            ],
        }
        for i in chosen
    ]
    return {
        "heads": found.heads,
        "rows": rows,
        "unit": findings.view.unit,
        "more": schema.n_inputs - len(chosen),
    }


def _map(findings: Findings) -> _Map:
    schema, rules = findings.network.schema, findings.rules
    domain = findings.shallow.regions.domain
    weights, heads = [], []
    for r in range(min(_MAP_RULES, len(rules))):
        rule = rules[r]
        k = leading_outputs(findings, rule.example)[0]
        weights.append(readable_form(rule.affine_map.weight[k], 0.0, schema, domain)[0])
        output = rule.view.names[k] if len(rule.view) > 1 else ""
        heads.append({"number": str(r + 1), "output": output, "share": percent(rule.share)})
    spread = schema.encode(findings.explanation.data).std(axis=0)
    return _Map(np.array(weights), heads, spread)


def _tint(effect: float) -> str:
    """A style class: the sign, and one of five strengths of the effect."""
    step = min(5, int(np.ceil(5 * abs(effect) - 1e-12)))
    return f"{'up' if effect > 0 else 'down'}{step}" if step else "flat"


def _per(schema: InputSchema, domain: Box) -> list[str]:
    """What one step of each input is: one unit of its column, or its level against the first."""
    per: list[str] = []
    for column, start in zip(schema.columns, schema.starts[:-1], strict=True):
        if column.kind is ColumnKind.CATEGORICAL:
            first = int((domain.upper[start : start + column.n_inputs] > 0).argmax())
            counted = f"against {level_text(column.levels[first])}"
            per += ["" if column.ignores_unknown else counted] * column.n_inputs
        else:
            per += [shown_unit(column)] * column.n_inputs
    return per


def worked_row(findings: Findings) -> dict[str, Any]:
    """The attributions of one row, added up step by step."""
    place = _typical_row(findings)
    e = findings.explanation
    point = findings.network.schema.encode(e.data.iloc[[place]])[0]
    k = leading_outputs(findings, point)[0]
    every = e.column_values
    values = every[place] if every.ndim == 2 else every[place, :, k]
    base, score = (a[place] if a.ndim == 1 else a[place, k] for a in (e.base_values, e.scores))
    order = np.argsort(-np.abs(values), kind="stable")
    shown = order[:_STEPS] if order.size > _STEPS + 1 else order
    labels = [(e.feature_names[j], value_text(e.data.iloc[place, j]), float(values[j])) for j in shown]
    rest = float(values[np.setdiff1d(order, shown)].sum())
    if order.size > shown.size:
        labels.append((f"{order.size - shown.size} other columns together", "", rest))
    return {
        "row": count(int(findings.rows[place])),
        "region": str(e.regions[place]),
        "rule": _rule_of(findings, str(e.regions[place])),
        "score_name": score_name(findings, findings.view.names[k]),
        "unit": findings.view.unit,
        "base": signed(float(base)),
        "score": signed(float(score)),
        "base_meaning": e.base_meaning,
        "baseline": ", ".join(
            f"{name} {value_text(value)}" for name, value in e.baseline.iloc[0].items()
        ),
        "steps": _steps(labels, float(base), float(score)),
        "gap": number(abs(float(base + values.sum() - score)), 1),
        "link": _linked(findings, point, k),
    }


def _typical_row(findings: Findings) -> int:
    """The first explained row of the most visited region, else the first row."""
    hits = np.flatnonzero(findings.explanation.regions == findings.shallow.regions.names[0])
    return int(hits[0]) if hits.size else 0


def _rule_of(findings: Findings, region: str) -> int:
    """The number of the rule of a region, 0 where it has none here."""
    names = [str(name) for name in findings.rules.regions.names]
    return names.index(region) + 1 if region in names else 0


def value_text(value: Any) -> str:
    """A cell of a table as a reader sees it."""
    if pd.isna(value):
        return "missing"
    numeric = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return plain(float(value)) if numeric else str(value)


def _steps(labels: list[tuple[str, str, float]], base: float, score: float) -> list[dict[str, Any]]:
    ends = base + np.cumsum([value for _, _, value in labels])
    corners = np.array([base, score, *ends])
    margin = 0.03 * float(np.ptp(corners)) or 1.0
    low, high = float(corners.min()) - margin, float(corners.max()) + margin
    steps = []
    for (name, text, value), end in zip(labels, ends, strict=True):
        tone = "up" if value > 0 else ("down" if value < 0 else "level")
        drawn = step_bar(float(end) - value, float(end), low, high, tone)
        steps.append(
            {"name": name, "value": text, "part": signed(value), "bar": drawn, "tone": tone}
        )
    first = step_bar(base, base, low, high, "mark")
    last = step_bar(score, score, low, high, "mark")
    return [{"bar": first}, *steps, {"bar": last}]


def _linked(findings: Findings, point: FloatArray, k: int) -> str:
    """What the model itself reports for the row, where a link was cut off."""
    network = findings.network
    if network.outputs.task not in (Task.BINARY, Task.MULTICLASS, Task.MULTILABEL):
        return ""
    names = findings.view.names
    if names != network.outputs.names:
        return ""
    share = float(network.link(network.forward(point[None]))[0, k])
    return f"The model's probability of {names[k]} is {percent(share)}."
