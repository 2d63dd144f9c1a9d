"""The contract of every table: its columns, in order, with their dtypes.

docs/tables.md says in words what each column means; a test holds that page, this module and
the tables themselves equal.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from explainrelu.errors import ArgumentError

__all__ = ["TABLES", "facts_frame", "in_contract", "rows_of"]

_STR, _INT, _FLOAT, _BOOL = "str", "int64", "float64", "bool"

_AGREEMENT = {
    "feature_agreement": _FLOAT,
    "rank_agreement": _FLOAT,
    "sign_agreement": _FLOAT,
    "signed_rank_agreement": _FLOAT,
    "spearman": _FLOAT,
    "kendall": _FLOAT,
    "same_region_share": _FLOAT,
    "base_difference": _FLOAT,
    "scale": _STR,
    "exactness": _STR,
}

_CONTRACT: dict[str, dict[str, str]] = {
    "model": {"property": _STR, "value": _STR},
    "columns": {
        "feature": _STR,
        "kind": _STR,
        "unit": _STR,
        "lower": _FLOAT,
        "upper": _FLOAT,
        "levels": _STR,
        "imputed": _INT,
    },
    "certificate": {
        "check": _STR,
        "status": _STR,
        "value": _FLOAT,
        "tolerance": _FLOAT,
        "exactness": _STR,
        "detail": _STR,
    },
    "regions": {
        "region": _STR,
        "n_rows": _INT,
        "share": _FLOAT,
        "n_active": _INT,
        "full_dimensional": _BOOL,
        "exactness": _STR,
    },
    "rules": {
        "region": _STR,
        "output": _STR,
        "n_rows": _INT,
        "share": _FLOAT,
        "conditions": _STR,
        "n_conditions": _INT,
        "formula": _STR,
        "score_min": _FLOAT,
        "score_max": _FLOAT,
        "full_dimensional": _BOOL,
        "scale": _STR,
        "unit": _STR,
        "exactness": _STR,
    },
    "conditions": {
        "region": _STR,
        "condition": _INT,
        "feature": _STR,
        "level": _STR,
        "coefficient": _FLOAT,
        "relation": _STR,
        "bound": _FLOAT,
        "distance": _FLOAT,
    },
    "coefficients": {
        "region": _STR,
        "output": _STR,
        "feature": _STR,
        "level": _STR,
        "coefficient": _FLOAT,
        "unit": _STR,
        "scale": _STR,
        "exactness": _STR,
    },
    "ranges": {
        "region": _STR,
        "feature": _STR,
        "value": _STR,
        "lower": _FLOAT,
        "upper": _FLOAT,
        "lower_is": _STR,
        "upper_is": _STR,
        "levels": _STR,
        "unit": _STR,
    },
    "ranking": {
        "output": _STR,
        "feature": _STR,
        "importance": _FLOAT,
        "share": _FLOAT,
        "rank": _INT,
        "mean_coefficient": _FLOAT,
        "positive_share": _FLOAT,
        "unit": _STR,
        "by": _STR,
        "scale": _STR,
        "comparable": _BOOL,
        "exactness": _STR,
    },
    "coefficient_profile": {
        "output": _STR,
        "feature": _STR,
        "lower_5": _FLOAT,
        "lower_quartile": _FLOAT,
        "median": _FLOAT,
        "upper_quartile": _FLOAT,
        "upper_5": _FLOAT,
        "raising_share": _FLOAT,
        "lowering_share": _FLOAT,
        "signed": _BOOL,
        "unit": _STR,
        "scale": _STR,
        "exactness": _STR,
    },
    "few_rules": {
        "rule": _STR,
        "output": _STR,
        "n_rows": _INT,
        "share": _FLOAT,
        "conditions": _STR,
        "n_conditions": _INT,
        "formula": _STR,
        "score_min": _FLOAT,
        "score_max": _FLOAT,
        "deviation_visited": _FLOAT,
        "bound_visited": _FLOAT,
        "visited_is": _STR,
        "deviation_domain": _FLOAT,
        "bound_domain": _FLOAT,
        "domain_is": _STR,
        "scale": _STR,
        "unit": _STR,
        "exactness": _STR,
    },
    "few_rule_conditions": {
        "rule": _STR,
        "condition": _INT,
        "feature": _STR,
        "level": _STR,
        "coefficient": _FLOAT,
        "relation": _STR,
        "bound": _FLOAT,
        "distance": _FLOAT,
    },
    "few_rule_coefficients": {
        "rule": _STR,
        "output": _STR,
        "feature": _STR,
        "level": _STR,
        "coefficient": _FLOAT,
        "unit": _STR,
        "scale": _STR,
    },
    "few_rule_deviations": {
        "rule": _STR,
        "output": _STR,
        "scope": _STR,
        "value": _FLOAT,
        "bound": _FLOAT,
        "gap": _FLOAT,
        "exactness": _STR,
        "proven_by": _STR,
    },
    "few_rule_quality": {
        "rows": _STR,
        "n_rows": _INT,
        "output": _STR,
        "mean_error": _FLOAT,
        "largest_error": _FLOAT,
        "r2": _FLOAT,
        "auc": _FLOAT,
        "equal_decisions": _FLOAT,
        "exactness": _STR,
    },
    "few_rule_curve": {
        "n_rules": _INT,
        "rows": _STR,
        "mean_error": _FLOAT,
        "largest_error": _FLOAT,
        "r2": _FLOAT,
        "equal_decisions": _FLOAT,
        "chosen": _BOOL,
        "exactness": _STR,
    },
    "explanations": {
        "row": _INT,
        "output": _STR,
        "feature": _STR,
        "value": _STR,
        "attribution": _FLOAT,
        "base_value": _FLOAT,
        "score": _FLOAT,
        "region": _STR,
        "scale": _STR,
        "unit": _STR,
        "exactness": _STR,
        "imputed": _BOOL,
        "baseline": _STR,
        "standard_error": _FLOAT,
    },
    "performance": {
        "output": _STR,
        "metric": _STR,
        "value": _FLOAT,
        "unit": _STR,
        "n_rows": _INT,
        "exactness": _STR,
        "detail": _STR,
    },
    "region_performance": {
        "grouped_by": _STR,
        "region": _STR,
        "output": _STR,
        "n_rows": _INT,
        "share": _FLOAT,
        "score_mean": _FLOAT,
        "score_std": _FLOAT,
        "response_mean": _FLOAT,
        "response_std": _FLOAT,
        "accuracy": _FLOAT,
        "joint_accuracy": _FLOAT,
        "local_auc": _FLOAT,
        "local_log_loss": _FLOAT,
        "global_auc": _FLOAT,
        "bias": _FLOAT,
        "local_mse": _FLOAT,
        "local_r2": _FLOAT,
        "global_mse": _FLOAT,
        "global_r2": _FLOAT,
        "standard_error": _FLOAT,
        "margin_mean": _FLOAT,
        "near_share": _FLOAT,
        "predicted_mean": _FLOAT,
        "calibration_gap": _FLOAT,
        "calibration_error": _FLOAT,
        "status": _STR,
        "global_status": _STR,
        "scale": _STR,
        "unit": _STR,
        "exactness": _STR,
    },
    "weak_spots": {
        "grouped_by": _STR,
        "region": _STR,
        "output": _STR,
        "n_rows": _INT,
        "share": _FLOAT,
        "error": _FLOAT,
        "overall_error": _FLOAT,
        "excess": _FLOAT,
        "standard_error": _FLOAT,
        "lower": _FLOAT,
        "upper": _FLOAT,
        "beyond_chance": _BOOL,
        "measure": _STR,
        "exactness": _STR,
    },
    "reduction": {
        "layer": _INT,
        "n_units": _INT,
        "stably_active": _INT,
        "stably_inactive": _INT,
        "unstable": _INT,
        "undecided": _INT,
        "n_removed": _INT,
        "n_left": _INT,
        "within": _STR,
        "exactness": _STR,
    },
    "shap_agreement": {"row": _INT, "output": _STR, "k": _INT, **_AGREEMENT},
    "shap_summary": {"output": _STR, "k": _INT, "n_rows": _INT, **_AGREEMENT},
    "shap_reasons": {
        "output": _STR,
        "reason": _STR,
        "value": _FLOAT,
        "unit": _STR,
        "exactness": _STR,
        "detail": _STR,
    },
    "provenance": {"property": _STR, "value": _STR},
}

TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {name: MappingProxyType(columns) for name, columns in _CONTRACT.items()}
)


def in_contract(
    name: str, frame: pd.DataFrame, tables: Mapping[str, Mapping[str, str]] = TABLES
) -> pd.DataFrame:
    """The table ``name`` with exactly the columns and dtypes of its contract.

    Parameters
    ----------
    name
        One of ``tables``.
    frame
        Has at least the columns of the contract; others are left out.
    tables
        The contract, that of a report by default.

    Raises
    ------
    ArgumentError
        Where there is no such table or a column is missing.

    Examples
    --------
    >>> frame = pd.DataFrame({"value": ["3"], "property": ["rows"]})
    >>> in_contract("provenance", frame).columns.tolist()
    ['property', 'value']
    """
    if name not in tables:
        raise ArgumentError(f"A table is one of {', '.join(tables)}, got {name!r}.")
    columns = dict(tables[name])
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ArgumentError(f"The table {name!r} needs the columns {missing}, which are not there.")
    return frame[list(columns)].astype(columns).reset_index(drop=True)


def facts_frame(facts: Mapping[str, object]) -> pd.DataFrame:
    """A table of facts, one row each: ``property value``, both text.

    Examples
    --------
    >>> facts_frame({"rows": 3}).to_dict("list")
    {'property': ['rows'], 'value': ['3']}
    """
    return pd.DataFrame(
        {
            "property": pd.Series(list(facts), dtype="str"),
            "value": pd.Series([str(value) for value in facts.values()], dtype="str"),
        }
    )


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, each with its columns as attributes.

    Examples
    --------
    >>> [row.value for row in rows_of(facts_frame({"rows": 3}))]
    ['3']
    """
    return iter(frame.itertuples(index=False))
