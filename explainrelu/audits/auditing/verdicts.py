"""The verdict on each thing that was expected."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from explainrelu.certificate import Status

__all__ = ["AuditCheck", "AuditStatus", "checks_frame", "overall_status", "status_of"]


class AuditStatus(StrEnum):
    """How an expectation fared."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_APPLICABLE = "not applicable"


_OF_STATUS = {
    Status.HOLDS: AuditStatus.PASS,
    Status.FAILS: AuditStatus.FAIL,
    Status.UNDECIDED: AuditStatus.UNDECIDED,
}


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """One expectation, held against what was found.

    Attributes
    ----------
    section
        What it is about: ``model``, ``performance``, ``monotonicity``, ...
    name
        What is expected, in a few words.
    status
        Pass, fail, undecided, or not applicable.
    value
        The figure found (NaN where there is none).
    threshold
        What it was held against, in words; "" where there is none.
    exactness
        ``exact``, ``bounded`` or ``estimated``.
    evidence
        On what grounds, in a sentence.
    """

    section: str
    name: str
    status: AuditStatus
    value: float
    threshold: str
    exactness: str
    evidence: str

    @classmethod
    def at_least(
        cls, section: str, name: str, value: float, least: float, exactness: str, evidence: str
    ) -> "AuditCheck":
        """A check that passes where ``value >= least``."""
        status = AuditStatus.PASS if value >= least else AuditStatus.FAIL
        return cls(section, name, status, value, f"at least {least:g}", exactness, evidence)

    @classmethod
    def at_most(
        cls, section: str, name: str, value: float, most: float, exactness: str, evidence: str
    ) -> "AuditCheck":
        """A check that passes where ``value <= most``."""
        status = AuditStatus.PASS if value <= most else AuditStatus.FAIL
        return cls(section, name, status, value, f"at most {most:g}", exactness, evidence)

    @classmethod
    def between(
        cls, section: str, name: str, lower: float, upper: float, least: float, evidence: str
    ) -> "AuditCheck":
        """A figure known to lie between two bounds, that must be at least ``least``."""
        if lower >= least:
            status, value = AuditStatus.PASS, lower
        elif upper < least:
            status, value = AuditStatus.FAIL, upper
        else:
            status, value = AuditStatus.UNDECIDED, lower
        exactness = "exact" if lower == upper else "bounded"
        return cls(section, name, status, value, f"at least {least:g}", exactness, evidence)

    @classmethod
    def not_applicable(cls, section: str, name: str, evidence: str) -> "AuditCheck":
        """What was expected of a model that it cannot be asked of, or not looked at."""
        nothing = float("nan")
        return cls(section, name, AuditStatus.NOT_APPLICABLE, nothing, "", "exact", evidence)


def status_of(status: Status) -> AuditStatus:
    """The same of a certificate's status."""
    return _OF_STATUS[status]


def overall_status(checks: Iterable[AuditCheck]) -> AuditStatus:
    """``fail`` where one fails, else ``undecided`` where one is, else ``pass``.

    ``not applicable`` where nothing was expected.

    Examples
    --------
    >>> check = AuditCheck.at_least("performance", "accuracy", 0.9, 0.8, "exact", "100 rows")
    >>> str(overall_status([check]))
    'pass'
    """
    found = {check.status for check in checks}
    for status in (AuditStatus.FAIL, AuditStatus.UNDECIDED, AuditStatus.PASS):
        if status in found:
            return status
    return AuditStatus.NOT_APPLICABLE


def checks_frame(checks: Iterable[AuditCheck]) -> pd.DataFrame:
    """One row a check: ``section check status value threshold exactness evidence``."""
    names = ["section", "check", "status", "value", "threshold", "exactness", "evidence"]
    rows = [
        (c.section, c.name, str(c.status), c.value, c.threshold, c.exactness, c.evidence)
        for c in checks
    ]
    dtypes = dict.fromkeys(names, "str") | {"value": "float64"}
    return pd.DataFrame(rows, columns=names).astype(dtypes)
