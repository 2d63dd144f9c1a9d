"""The audit as one self-contained HTML page: verdicts first, then everything they rest on."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import AuditStatus
from explainrelu.reports.audit.fair import fair
from explainrelu.reports.audit.proofs import monotone, properties, robust
from explainrelu.reports.audit.recourse import change
from explainrelu.reports.audit.summary import audit_sentence
from explainrelu.reports.audit.verdicts import STATE, counts, verdict_rows
from explainrelu.reports.audit.whole import covered, domain, regions_line, scope
from explainrelu.reports.findings import Findings
from explainrelu.reports.page.page import content, rendered

__all__ = ["audit_page"]

_CONTENTS = (
    ("verdicts", "Verdicts"),
    ("model", "The model"),
    ("proven", "What was proven"),
    ("regions", "Rows and regions"),
    ("rules", "The rules"),
    ("coefficients", "Rules side by side"),
    ("few", "A few rules instead"),
    ("ranking", "Which columns matter"),
    ("row", "One row, worked"),
    ("shap", "Agreement with SHAP"),
    ("monotone", "Monotonicity"),
    ("properties", "Properties"),
    ("robust", "Robustness"),
    ("fair", "Groups"),
    ("change", "What to change"),
    ("weak", "Where the model is weak"),
    ("coverage", "Coverage"),
    ("scope", "Limits of what was shown"),
    ("provenance", "Provenance"),
    ("glossary", "Terms"),
)


def audit_page(
    found: AuditFindings, report: Findings, tables: Mapping[str, pd.DataFrame]
) -> str:
    """The page as HTML text: style and pictures inside, no script, nothing to load.

    Notes
    -----
    Every text that comes from the data, the model or the expectations is escaped.
    """
    parts = content(report)
    there = {name for name, part in (("few", "few"), ("weak", "weak"), ("shap", "agreement"))
             if parts[part]}  # fmt: skip
    optional = {"few", "weak", "shap"}
    contents = [pair for pair in _CONTENTS if pair[0] not in optional or pair[0] in there]
    ids = {name for name, _ in contents}
    own = {
        "contents": contents,
        "verdict_state": STATE[found.status],
        "outcome": audit_sentence(found),
        "counts": counts(found),
        "verdicts": verdict_rows(found, ids),
        "equal": parts["verdict"],
        "equal_state": parts["state"],
        "undecided": any(check.status is AuditStatus.UNDECIDED for check in found.checks),
        "domain": domain(found, tables["audit_scope"]),
        "regions_line": regions_line(tables["audit_scope"]),
        "monotone": monotone(found),
        "properties": properties(found),
        "robust": robust(found, tables),
        "fair": fair(found, tables),
        "change": change(found, tables),
        "coverage": covered(found, tables),
        "scope": scope(tables["audit_scope"]),
        "tables": list(tables),
        "provenance": [
            {"name": _named(fact["name"]), "value": fact["value"]} for fact in parts["provenance"]
        ],
        "timed": False,
        "time_limit": f"{found.limits.time_limit:g}",
    }
    return rendered("audit.html", parts | own)


def _named(fact: str) -> str:
    """An argument in words: ``expected: max flip share``."""
    for start, words in (("argument expectations.", "expected: "), ("argument limits.", "limit: ")):
        if fact.startswith(start):
            return words + fact.removeprefix(start).replace("_", " ")
    return fact
