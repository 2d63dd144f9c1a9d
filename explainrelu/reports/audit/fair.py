"""The part of the page about groups: rates, changes by protected columns alone, carriers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import status_of
from explainrelu.audits.fairness.individual import IndividualFairness
from explainrelu.network.network import ReluNetwork
from explainrelu.reports.audit.verdicts import mark_of
from explainrelu.reports.audit.witness import side_by_side
from explainrelu.reports.numbers import count, counted, number, percent
from explainrelu.reports.page.charts import bar
from explainrelu.reports.tables import rows_of

__all__ = ["fair"]

_CARRIERS, _GROUPS = 8, 30
_METRICS = {
    "selection_rate": "Favourable rate",
    "true_positive_rate": "True positive rate",
    "false_positive_rate": "False positive rate",
    "accuracy": "Accuracy",
}


def fair(found: AuditFindings, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any] | None:
    """Everything about groups; None where none were named."""
    parts = found.fairness
    if parts is None:
        return None
    features = list(dict.fromkeys(parts.carriers["feature"]))
    wanted = found.expectations.favourable
    classes = found.network.outputs.classes
    return {
        "individual": _individual(found.network, parts.individual),
        "rates": [_rates(tables["group_rates"], name) for name in features]
        if "group_rates" in tables
        else [],
        "favourable": str(wanted) if wanted is not None else (classes[-1] if classes else ""),
        "carriers": [_carriers(parts.carriers, name) for name in features],
        "regions": [
            {
                "feature": row.feature,
                "group": row.group,
                "n_rows": count(row.n_rows),
                "n_regions": count(row.n_regions),
                "own_regions": count(row.own_regions),
                "own_share": percent(row.own_share),
                "distance": number(row.distance, 2),
            }
            for row in rows_of(parts.regions.head(_GROUPS))
        ],
        "notes": "; ".join(parts.notes),
    }


def _individual(network: ReluNetwork, found: IndividualFairness | None) -> dict[str, Any] | None:
    if found is None:
        return None
    names = " and ".join(each.column.name for each in found.protected)
    n_flips = int(found.rows["flips"].sum())
    largest = found.largest_effect
    effect = found.effect
    open_effect = effect is not None and max(effect.upper, -effect.lower) > float(
        found.rows["largest_change"].max()
    ) * (1 + 1e-6)
    return {
        "names": names,
        "decides": found.decides,
        "values": "; ".join(f"{each.column.name}: {each.words}" for each in found.protected),
        "verdict": mark_of(status_of(found.status)),
        "n_flips": count(n_flips),
        "n_rows": counted(len(found.rows), "row"),
        "share": percent(n_flips / max(1, len(found.rows))),
        "in_rows": number(float(found.rows["largest_change"].max())),
        "anywhere": "" if np.isnan(largest) else f"{'at most ' if open_effect else ''}"
        f"{number(largest)}",
        "how": found.verdict.decided_by if found.verdict is not None else "a row of the data",
        "reason": found.verdict.reason if found.verdict is not None else "",
        "pair": _pair(network, found.witness),
    }


def _pair(network: ReluNetwork, witness: pd.DataFrame | None) -> dict[str, Any] | None:
    if witness is None:
        return None
    scores = network.forward(network.schema.encode(witness.reset_index(drop=True)))
    classes = network.outputs.classes
    told = []
    for values in scores:
        place = int(values[0] > 0) if values.size == 1 else int(values.argmax())
        name = classes[place] if classes else network.outputs.names[place]
        score = number(float(values[0] if values.size == 1 else values[place]), 4)
        told.append(f"{name} (score {score})")
    return side_by_side(witness, ("As it is", "Changed"), network.schema, told)


def _rates(table: pd.DataFrame, feature: str) -> dict[str, Any]:
    """One row a group, one column a metric, and how far the groups lie apart."""
    own = table[table["feature"] == feature]
    metrics = list(dict.fromkeys(own["metric"]))
    groups = list(dict.fromkeys(own["group"]))[:_GROUPS]
    first = own.drop_duplicates("metric").set_index("metric")
    cells = own.set_index(["group", "metric"])["value"]
    sizes = own.drop_duplicates("group").set_index("group")["n_rows"]
    return {
        "feature": feature,
        "metrics": [_METRICS.get(metric, metric) for metric in metrics],
        "rows": [
            {
                "group": group,
                "n_rows": count(int(sizes[group])),
                "values": [percent(float(cells[group, metric])) for metric in metrics],
            }
            for group in groups
        ],
        "more": own["group"].nunique() - len(groups),
        "difference": [number(float(first.loc[m, "difference"])) for m in metrics],
        "ratio": [number(float(first.loc[m, "ratio"])) for m in metrics],
    }


def _carriers(table: pd.DataFrame, feature: str) -> dict[str, Any]:
    """What sets the mean scores of the groups apart, column by column."""
    own = table[table["feature"] == feature]
    shown = own.head(_CARRIERS)
    limit = float(own["group_gap_share"].max()) or 1.0
    return {
        "feature": feature,
        "rows": [
            {
                "name": row.column,
                "role": row.role,
                "association": number(row.association, 2),
                "share": percent(row.share),
                "gap": percent(row.group_gap_share),
                "bar": bar(row.group_gap_share / limit, _tone(row.role)),
            }
            for row in rows_of(shown)
        ],
        "more": len(own) - len(shown),
    }


def _tone(role: str) -> str:
    return {"protected": "fails", "proxy": "both"}.get(role, "ours")
