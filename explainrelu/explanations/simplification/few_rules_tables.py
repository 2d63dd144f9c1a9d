"""Few rules as tables and as text."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from explainrelu.explanations.conditions import rounded_up
from explainrelu.explanations.rule_tables import term_names
from explainrelu.explanations.simplification.deviation import Deviations
from explainrelu.explanations.simplification.few_rule import FewRule
from explainrelu.network.formula import number_text
from explainrelu.network.outputs import ScoreView

__all__ = ["coefficients_frame", "conditions_frame", "header_text", "rule_text", "rules_frame"]

_TERMS_SHOWN = 8
_RULE_DTYPES = {
    "rule": "str",
    "output": "str",
    "n_rows": "int64",
    "share": "float64",
    "conditions": "str",
    "n_conditions": "int64",
    "formula": "str",
    "score_min": "float64",
    "score_max": "float64",
    "deviation_visited": "float64",
    "bound_visited": "float64",
    "visited_is": "str",
    "deviation_domain": "float64",
    "bound_domain": "float64",
    "domain_is": "str",
    "scale": "str",
    "unit": "str",
    "exactness": "str",
}
_COEFFICIENT_DTYPES = {
    "rule": "str",
    "output": "str",
    "feature": "str",
    "level": "str",
    "coefficient": "float64",
    "unit": "str",
    "scale": "str",
}
_CONDITION_DTYPES = {
    "rule": "str",
    "condition": "int64",
    "feature": "str",
    "level": "str",
    "coefficient": "float64",
    "relation": "str",
    "bound": "float64",
    "distance": "float64",
}


def rules_frame(rules: Sequence[FewRule], visited: Deviations, whole: Deviations) -> pd.DataFrame:
    """One row a rule and output."""
    kinds = {True: "exact", False: "bounded"}
    rows = [
        (
            rule.name,
            rule.view.names[k],
            rule.n_rows,
            rule.share,
            _joined(rule, 8, " AND "),
            len(rule.conditions),
            rule.formula(k),
            *rule.score_range[k],
            visited.value[i, k],
            visited.bound[i, k],
            kinds[bool(visited.exact[i, k])],
            whole.value[i, k],
            whole.bound[i, k],
            kinds[bool(whole.exact[i, k])],
            rule.view.scale,
            rule.view.unit,
            kinds[bool(whole.exact[i, k])],
        )
        for i, rule in enumerate(rules)
        for k in range(len(rule.view))
    ]
    return pd.DataFrame(rows, columns=list(_RULE_DTYPES)).astype(_RULE_DTYPES)


def coefficients_frame(rules: Sequence[FewRule]) -> pd.DataFrame:
    """One row a rule, output and input; the constant first."""
    rows = []
    for rule in rules:
        features, levels, units = term_names(rule.network.schema, rule.view)
        for k, name in enumerate(rule.view.names):
            numbers = [rule.affine_map.bias[k], *rule.affine_map.weight[k]]
            rows += [
                (rule.name, name, feature, level, number, unit, rule.view.scale)
                for feature, level, number, unit in zip(
                    features, levels, numbers, units, strict=True
                )
            ]
    return pd.DataFrame(rows, columns=list(_COEFFICIENT_DTYPES)).astype(_COEFFICIENT_DTYPES)


def conditions_frame(rules: Sequence[FewRule]) -> pd.DataFrame:
    """One row a rule, condition and input with a coefficient."""
    rows = []
    for rule in rules:
        features, levels, _ = term_names(rule.network.schema, rule.view)
        for number, condition in enumerate(rule.conditions):
            right = (condition.relation, condition.bound, condition.distance)
            rows += [
                (rule.name, number, features[i + 1], levels[i + 1], condition.weight[i], *right)
                for i in np.flatnonzero(condition.weight)
            ]
    return pd.DataFrame(rows, columns=list(_CONDITION_DTYPES)).astype(_CONDITION_DTYPES)


def header_text(
    message: str, quality: pd.DataFrame, visited: Deviations, whole: Deviations, view: ScoreView
) -> str:
    """What is said of all rules together."""
    lines = [message]
    for rows in quality.rows.unique():
        part = quality[quality.rows == rows]
        told = [
            f"R2 {part.r2.mean():.3f}",
            f"mean error {number_text(float(part.mean_error.mean()))}",
        ]
        if part.equal_decisions.notna().all():
            told.insert(0, f"{part.equal_decisions.iloc[0]:.1%} of decisions kept")
        lines.append(f"On {part.n_rows.iloc[0]} rows {rows}: {', '.join(told)}.")
    unit = f" {view.unit}" if view.unit else ""
    for deviations, where in (
        (visited, "the regions that data visit"),
        (whole, "the whole domain"),
    ):
        least, most = deviations.largest_value, deviations.largest_bound
        exact = str(deviations.exactness) == "exact"
        distance = (
            f"exactly {number_text(most)}{unit}, attained at a witness"
            if exact
            else f"at most {rounded_up(most):g}{unit}, {number_text(least)} being attained"
        )
        lines.append(f"Largest distance from the network over {where}: {distance}.")
    if any("the whole domain" in how for how in visited.how):
        lines.append(
            "There was no time to solve every region that data visit: what is said of them is the "
            "bound of the whole domain. With a larger time_limit it is exact."
        )
    lines.append(
        "What a line does not write is held at the rule's example row; ± is the most that it can "
        "change."
    )
    return "\n".join(lines)


def rule_text(
    rule: FewRule, number: int, visited: Deviations, whole: Deviations, max_conditions: int
) -> str:
    """A rule as a person would write it down."""
    lines = [f"Rule {rule.name} ({rule.n_rows} rows, {rule.share:.1%})"]
    lines.append("  IF   " + _joined(rule, max_conditions, "\n   AND "))
    for k, name in enumerate(rule.view.names):
        formula = rule.reading(k, max_terms=_TERMS_SHOWN).text()
        scale = rule.view.scale
        score = name if name == scale else f"{scale} of {name}"
        bounds = visited.bound[number, k], whole.bound[number, k]
        within = " and ".join(
            f"{rounded_up(float(bound)):g} {where}"
            for bound, where in zip(bounds, ("in regions visited", "in the domain"), strict=True)
            if not np.isnan(bound)
        )
        lines += [f"  THEN {score} = {formula}", f"  OFF  by at most {within}"]
    return "\n".join(lines)


def _joined(rule: FewRule, limit: int, by: str) -> str:
    if not rule.conditions:
        return "always"
    texts = [condition.text for condition in rule.conditions[:limit]]
    more = len(rule.conditions) - len(texts)
    return by.join(texts + ([f"{more} further condition{'s' if more > 1 else ''}"] if more else []))
