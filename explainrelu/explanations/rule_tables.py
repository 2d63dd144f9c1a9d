"""Rules as tables and as text."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from explainrelu.explanations.rule import Rule
from explainrelu.network.column import Column, ColumnKind, level_text
from explainrelu.network.formula import number_text
from explainrelu.network.outputs import ScoreView
from explainrelu.network.schema import InputSchema
from explainrelu.regions.region_set import RegionSet

__all__ = [
    "CONDITIONS_SHOWN",
    "coefficients_frame",
    "conditions_frame",
    "ranges_frame",
    "rule_text",
    "rules_frame",
    "term_names",
]

CONDITIONS_SHOWN = 8
_TERMS_SHOWN = 8

_RULE_DTYPES = {
    "region": "str",
    "output": "str",
    "n_rows": "int64",
    "share": "float64",
    "conditions": "str",
    "n_conditions": "int64",
    "formula": "str",
    "score_min": "float64",
    "score_max": "float64",
    "full_dimensional": "bool",
    "scale": "str",
    "unit": "str",
    "exactness": "str",
    "share_of": "str",
}
_CONDITION_DTYPES = {
    "region": "str",
    "condition": "int64",
    "feature": "str",
    "level": "str",
    "coefficient": "float64",
    "relation": "str",
    "bound": "float64",
    "distance": "float64",
}
_RANGE_DTYPES = {
    "region": "str",
    "feature": "str",
    "value": "str",
    "lower": "float64",
    "upper": "float64",
    "lower_is": "str",
    "upper_is": "str",
    "levels": "str",
    "unit": "str",
}


def rules_frame(rules: Sequence[Rule]) -> pd.DataFrame:
    """One row a rule and output."""
    rows = [_row(rule, k) for rule in rules for k in range(len(rule.view))]
    return pd.DataFrame(rows, columns=list(_RULE_DTYPES)).astype(_RULE_DTYPES)


def _row(rule: Rule, k: int) -> tuple[object, ...]:
    return (
        rule.region.name,
        rule.view.names[k],
        rule.n_rows,
        rule.share,
        _joined(rule, CONDITIONS_SHOWN, " AND "),
        len(rule.conditions),
        rule.formula(k),
        *rule.score_range[k],
        rule.full_dimensional,
        rule.view.scale,
        rule.view.unit,
        "exact",
        rule.share_of,
    )


def _joined(rule: Rule, limit: int, by: str) -> str:
    """The first conditions in words, the rest counted."""
    if not rule.conditions:
        return "always"
    texts = [condition.text for condition in rule.conditions[:limit]]
    more = len(rule.conditions) - len(texts)
    return by.join(texts + ([f"{more} further condition{'s' if more > 1 else ''}"] if more else []))


def rule_text(rule: Rule, number: int, max_conditions: int) -> str:
    """A rule as a person would write it down."""
    lines = [f"Rule {number} (region {rule.region.name}, {_held(rule)})"]
    lines.append("  IF   " + _joined(rule, max_conditions, "\n   AND "))
    for k, name in enumerate(rule.view.names):
        low, high = (number_text(end) for end in rule.score_range[k])
        formula = rule.reading(k, max_terms=_TERMS_SHOWN).text()
        scale = rule.view.scale
        score = name if name == scale else f"{scale} of {name}"
        lines.append(f"  THEN {score} = {formula}   (from {low} to {high})")
    if not rule.full_dimensional:
        lines.append("  This region has no interior: it is a boundary between others.")
    return "\n".join(lines)


def _held(rule: Rule) -> str:
    """What the region holds of the rows or of the domain."""
    if rule.share_of == "rows":
        return f"{rule.n_rows} rows, {rule.share:.1%}"
    about = "" if rule.share_of == "volume" else "about "
    return f"{about}{rule.share:.1%} of the volume"


def coefficients_frame(regions: RegionSet, view: ScoreView) -> pd.DataFrame:
    """The exact formulas, one row a region, output and input; the constant first."""
    schema = regions.network.schema
    weight, bias = regions.affine_maps(view)
    table = np.concatenate([bias[:, :, None], weight], axis=2)
    n_regions, n_scores, n_terms = table.shape
    features, levels, units = term_names(schema, view)
    return pd.DataFrame(
        {
            "region": _strings(np.repeat(regions.names, n_scores * n_terms)),
            "output": _strings(np.tile(np.repeat(view.names, n_terms), n_regions)),
            "feature": _strings(np.tile(features, n_regions * n_scores)),
            "level": _strings(np.tile(levels, n_regions * n_scores)),
            "coefficient": table.reshape(-1),
            "unit": _strings(np.tile(units, n_regions * n_scores)),
            "scale": _strings(np.repeat(view.scale, table.size)),
            "exactness": _strings(np.repeat("exact", table.size)),
        }
    )


def term_names(schema: InputSchema, view: ScoreView) -> tuple[list[str], list[str], list[str]]:
    """Feature, level and unit of each term of a formula, the constant first."""
    score = view.unit or "score"
    features, levels, units = ["(intercept)"], [""], [view.unit]
    for column in schema.columns:
        grouped = column.kind is ColumnKind.CATEGORICAL
        per = score if grouped else f"{score} per {column.unit or f'unit of {column.name}'}"
        features += [column.name] * column.n_inputs
        levels += (
            [level_text(level) for level in column.levels] if grouped else [""] * column.n_inputs
        )
        units += [per] * column.n_inputs
    return features, levels, units


def conditions_frame(rules: Sequence[Rule]) -> pd.DataFrame:
    """The exact conditions, one row a region, condition and input with a coefficient."""
    rows = []
    for rule in rules:
        features, levels, _ = term_names(rule.region.network.schema, rule.view)
        for number, condition in enumerate(rule.conditions):
            right = (condition.relation, condition.bound, condition.distance)
            rows += [
                (
                    rule.region.name,
                    number,
                    features[i + 1],
                    levels[i + 1],
                    condition.weight[i],
                    *right,
                )
                for i in np.flatnonzero(condition.weight)
            ]
    return pd.DataFrame(rows, columns=list(_CONDITION_DTYPES)).astype(_CONDITION_DTYPES)


def ranges_frame(rule: Rule) -> pd.DataFrame:
    """How far each column of the rule's example can move alone before the formula changes."""
    schema, polytope = rule.region.network.schema, rule.region.polytope()
    moves, name = polytope.moves(rule.example), rule.region.name
    rows = []
    for column, start in zip(schema.columns, schema.starts[:-1], strict=True):
        inputs = rule.example[start : start + column.n_inputs]
        if column.kind is ColumnKind.CATEGORICAL:
            shown = level_text(column.levels[int(inputs.argmax())]) if inputs.any() else "unknown"
            levels = ", ".join(_levels_inside(rule, column, int(start)))
            rows.append((name, column.name, shown, np.nan, np.nan, "", "", levels, ""))
        elif column.kind is not ColumnKind.UNUSED:
            value = _value_text(column, float(inputs[0]))
            at_domain = moves[start] == (polytope.box.lower[start], polytope.box.upper[start])
            ends = np.where(at_domain, "domain", "border").tolist()
            levels = ", ".join(_levels_between(column, *moves[start]))
            rows.append((name, column.name, value, *moves[start], *ends, levels, column.unit))
    return pd.DataFrame(rows, columns=list(_RANGE_DTYPES)).astype(_RANGE_DTYPES)


def _value_text(column: Column, value: float) -> str:
    """The raw value: a number, or the level of an ordinal column's code."""
    if column.kind is ColumnKind.ORDINAL and value in column.codes:
        return level_text(column.levels[column.codes.index(value)])
    return number_text(value, digits=12)


def _levels_between(column: Column, lower: float, upper: float) -> list[str]:
    """The levels of an ordinal column whose codes lie in an interval; none for a number."""
    pairs = zip(column.levels, column.codes, strict=False)
    return [level_text(level) for level, code in pairs if lower <= code <= upper]


def _levels_inside(rule: Rule, column: Column, start: int) -> list[str]:
    """The levels a categorical column of the example can take without leaving the region."""
    points = np.repeat(rule.example[None], column.n_inputs, axis=0)
    points[:, start : start + column.n_inputs] = np.eye(column.n_inputs)
    inside = rule.region.polytope().contains(points)
    own = rule.example[start : start + column.n_inputs] > 0
    return [
        level_text(level)
        for level, stays, is_own in zip(column.levels, inside, own, strict=True)
        if stays or is_own
    ]


def _strings(values: object) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")
