"""The verdicts of an audit as a short text for a terminal or a log, and in a sentence."""

from textwrap import fill

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import AuditCheck, AuditStatus
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted, number

__all__ = ["audit_sentence", "audit_summary", "figure"]

_WIDTH = 88
_MOST_NAMED = 4


def audit_sentence(found: AuditFindings) -> str:
    """The outcome, what fails and what is undecided, in a sentence or two.

    Notes
    -----
    It speaks of the checks that were asked for and of nothing else: that they pass is no
    statement that a model is fit for a purpose or meets a regulation.
    """
    decided = [c for c in found.checks if c.status is not AuditStatus.NOT_APPLICABLE]
    failed, open_ones = (
        [c for c in decided if c.status is status]
        for status in (AuditStatus.FAIL, AuditStatus.UNDECIDED)
    )
    n_passed = len(decided) - len(failed) - len(open_ones)
    if not decided:
        return "No check applied to this model, so there is no verdict."
    if not failed and not open_ones:
        every = "The one check passes." if len(decided) == 1 else f"All {len(decided)} checks pass."
        return every
    parts = []
    if failed:
        verb = "fails" if len(failed) == 1 else "fail"
        parts.append(f"{len(failed)} of {counted(len(decided), 'check')} {verb}: {_named(failed)}.")
    if open_ones:
        verb = "is" if len(open_ones) == 1 else "are"
        of = "" if failed else f" of {counted(len(decided), 'check')}"
        parts.append(f"{len(open_ones)}{of} {verb} undecided: {_named(open_ones)}.")
    if n_passed:
        parts.append(f"{count(n_passed)} {'passes' if n_passed == 1 else 'pass'}.")
    return " ".join(parts)


def _named(checks: list[AuditCheck]) -> str:
    names = [check.name for check in checks[:_MOST_NAMED]]
    more = len(checks) - len(names)
    return "; ".join(names) + (f"; and {more} more" if more else "")


def figure(check: AuditCheck) -> str:
    """The value of a check for a reader."""
    return number(check.value, 4) if 0.1 <= abs(check.value) < 1 else number(check.value, 3)


def audit_summary(found: AuditFindings, report: Findings) -> str:
    """Title, outcome, and one line a check."""
    rule = "=" * min(_WIDTH, len(report.title))
    head = f"{report.title}\n{rule}\nAudit: {found.status}. "
    text = fill(_plain(audit_sentence(found)), _WIDTH)
    return f"{head}\n{text}\n\n{_lines(found)}\n"


def _lines(found: AuditFindings) -> str:
    lines = []
    for check in found.checks:
        value = "" if check.value != check.value else f"{check.value:.4g}"
        asked = f" ({check.threshold})" if check.threshold else ""
        line = f"{str(check.status).upper():<15} {check.section}: {check.name}"
        line += f": {value}{asked}" if value else asked
        lines.append(fill(_plain(line), _WIDTH, subsequent_indent=" " * 16))
    return "\n".join(lines)


def _plain(text: str) -> str:
    """The text in characters that every terminal has."""
    return text.translate(str.maketrans({"\N{MINUS SIGN}": "-", "±": "+/-", "\u202f": ","}))
