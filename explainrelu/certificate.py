"""The one record of what was proven, for every result."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

__all__ = ["Certificate", "Check", "Exactness", "Status"]


class Status(StrEnum):
    """How a check ended."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


class Exactness(StrEnum):
    """What kind of statement a figure is."""

    EXACT = "exact"
    BOUNDED = "bounded"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    Attributes
    ----------
    name
        What was checked, in a few words.
    status
        Whether it holds, fails or could not be decided.
    value
        The figure that was measured (``nan`` where the check has none).
    tolerance
        What the figure was held against (``nan`` where there is none).
    exactness
        Whether the statement is exact, a bound, or an estimate from samples.
    detail
        Over which rows, cells or domain, in words.
    """

    name: str
    status: Status
    value: float
    tolerance: float
    exactness: Exactness
    detail: str

    @classmethod
    def at_most(
        cls, name: str, value: float, tolerance: float, exactness: Exactness, detail: str
    ) -> "Check":
        """A check that holds where ``value <= tolerance`` (a NaN fails)."""
        status = Status.HOLDS if value <= tolerance else Status.FAILS
        return cls(name, status, float(value), float(tolerance), exactness, detail)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was proven about a result, check by check.

    Examples
    --------
    >>> check = Check.at_most("scores agree", 0.0, 1e-9, Exactness.EXACT, "3 rows")
    >>> Certificate((check,)).holds
    True
    """

    checks: tuple[Check, ...] = ()

    @property
    def holds(self) -> bool:
        """True where there is at least one check and every check holds."""
        return self.status is Status.HOLDS

    @property
    def status(self) -> Status:
        """``fails`` where a check fails, else ``undecided`` where one is, or where there is none.

        What was not decided is neither proven nor wrong: ``holds`` is False of it too.
        """
        found = {check.status for check in self.checks}
        if Status.FAILS in found:
            return Status.FAILS
        return Status.HOLDS if found == {Status.HOLDS} else Status.UNDECIDED

    def plus(self, checks: Iterable[Check]) -> "Certificate":
        """A new certificate with further checks behind these."""
        return Certificate((*self.checks, *checks))

    def to_frame(self) -> pd.DataFrame:
        """One row a check: ``check status value tolerance exactness detail``."""
        columns: dict[str, pd.Series] = {
            "check": pd.Series([c.name for c in self.checks], dtype="str"),
            "status": pd.Series([str(c.status) for c in self.checks], dtype="str"),
            "value": pd.Series([c.value for c in self.checks], dtype="float64"),
            "tolerance": pd.Series([c.tolerance for c in self.checks], dtype="float64"),
            "exactness": pd.Series([str(c.exactness) for c in self.checks], dtype="str"),
            "detail": pd.Series([c.detail for c in self.checks], dtype="str"),
        }
        return pd.DataFrame(columns)
