"""The table of verdicts, for the page."""

from collections.abc import Collection
from typing import Any

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import AuditStatus
from explainrelu.reports.audit.summary import figure

__all__ = ["STATE", "counts", "mark_of", "verdict_rows"]

STATE = {
    AuditStatus.PASS: "pass",
    AuditStatus.FAIL: "fail",
    AuditStatus.UNDECIDED: "undecided",
    AuditStatus.NOT_APPLICABLE: "none",
}
"""The style class of a status."""

_MARKS = {"pass": "✓", "fail": "✕", "undecided": "?", "none": "–"}
_WHERE = {
    "model": ("proven",),
    "performance": ("weak", "model"),
    "monotonicity": ("monotone",),
    "robustness": ("robust",),
    "fairness": ("fair",),
    "recourse": ("change",),
    "rules": ("few", "rules"),
    "properties": ("properties",),
    "coverage": ("coverage",),
}


def mark_of(status: AuditStatus) -> dict[str, str]:
    """A status as a word, a mark and a style class, so that it is not told by colour alone."""
    state = STATE[status]
    return {"word": str(status), "mark": _MARKS[state], "state": state}


def counts(found: AuditFindings) -> list[dict[str, Any]]:
    """How many checks there are of each status."""
    return [
        {"value": sum(check.status is status for check in found.checks), **mark_of(status)}
        for status in AuditStatus
    ]


def verdict_rows(found: AuditFindings, ids: Collection[str]) -> list[dict[str, Any]]:
    """Every check, with the heading under which its evidence stands."""
    return [
        {
            "section": check.section,
            "where": next((name for name in _WHERE.get(check.section, ()) if name in ids), ""),
            "name": check.name,
            "value": figure(check),
            "threshold": check.threshold or "–",
            "exactness": check.exactness,
            "evidence": check.evidence,
            **mark_of(check.status),
        }
        for check in found.checks
    ]
