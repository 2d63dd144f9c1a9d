"""The parts of the page about the audit as a whole: domain, coverage, and what was not shown."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.reports.numbers import count, number, percent
from explainrelu.reports.page.charts import bar
from explainrelu.reports.tables import rows_of

__all__ = ["covered", "domain", "regions_line", "scope"]

_COLUMNS = 12


def _line(table: pd.DataFrame, part: str) -> Any:
    return next(rows_of(table[table["part"] == part]))


def domain(found: AuditFindings, table: pd.DataFrame) -> str:
    """What proofs are about, in a sentence."""
    line = _line(table, "domain")
    return f"Proofs are about {line.reach}: {found.domain.n_inputs} inputs. {line.detail}"


def regions_line(table: pd.DataFrame) -> str:
    """How many regions the domain has."""
    line = _line(table, "linear regions")
    return f"The domain as a whole has {line.reach}."


def covered(found: AuditFindings, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any] | None:
    """How the rows lie beside the training rows; None without these."""
    if found.coverage is None:
        return None
    columns = tables["coverage_columns"].sort_values("shift", ascending=False, kind="stable")
    shown = columns.head(_COLUMNS)
    return {
        "summary": [
            {
                "name": row.quantity,
                "new": _figure(row.quantity, row.new),
                "training": _figure(row.quantity, row.training),
                "detail": row.detail,
            }
            for row in rows_of(tables["coverage_summary"])
        ],
        "columns": [
            {
                "name": row.feature,
                "outside": percent(row.share_outside),
                "below": count(row.below),
                "above": count(row.above),
                "unseen": count(row.unseen_level),
                "shift": number(row.shift, 2),
                "bar": bar(row.shift, "ours"),
                "measure": row.shift_is,
            }
            for row in rows_of(shown)
        ],
        "more": len(columns) - len(shown),
    }


def _figure(quantity: str, value: float) -> str:
    return percent(value) if quantity.startswith("share") else number(value)


def scope(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Part by part how far it reaches; what was not looked at says so."""
    return [
        {
            "part": row.part,
            "looked_at": row.looked_at,
            "reach": row.reach,
            "exactness": row.exactness,
            "detail": row.detail,
        }
        for row in rows_of(table)
    ]
