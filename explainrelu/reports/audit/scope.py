"""How far each part of an audit reaches: what was proven, what sampled, what not looked at."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.recourse.search import CounterfactualStatus
from explainrelu.audits.trend.trends import Direction
from explainrelu.certificate import Exactness
from explainrelu.network.column import ColumnKind
from explainrelu.regions.region_set import RegionSet
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted

__all__ = ["STEP_UNITS", "RegionCount", "scope_frame"]


@dataclass(frozen=True, slots=True)
class RegionCount:
    """How many linear regions the domain has, as far as they were gone through.

    Attributes
    ----------
    n_regions
        Regions found.
    complete
        Whether these are all.
    stopped
        Why not; "" where they are.
    seconds
        Time it took.
    """

    n_regions: int
    complete: bool
    stopped: str
    seconds: float

    @classmethod
    def of(cls, found: RegionSet, seconds: float) -> "RegionCount":
        """The same of a search."""
        return cls(len(found), bool(found.complete), str(found.stopped), seconds)

    @property
    def words(self) -> str:
        """For a reader."""
        if self.complete:
            return f"{counted(self.n_regions, 'linear region')}, all there are"
        return f"more than {counted(self.n_regions, 'linear region')}: {self.stopped}"


@dataclass(frozen=True, slots=True)
class _Part:
    """One line of the table."""

    part: str
    looked_at: bool
    reach: str
    exactness: str
    detail: str
    seconds: float = float("nan")


STEP_UNITS = {"robustness": "standard deviations", "stability": "measurement errors"}
"""In what the distances of each part are measured."""


def scope_frame(
    audit: AuditFindings, report: Findings, regions: RegionCount, *, given: bool
) -> pd.DataFrame:
    """One row a part: ``part looked_at reach exactness detail seconds``.

    Parameters
    ----------
    given
        Whether the domain was handed over; else it is the smallest box around the rows.
    """
    parts = [
        _domain(audit, given),
        _regions(regions),
        _performance(audit),
        _monotonicity(audit),
        _properties(audit),
        _distances(audit, report.n_rows),
        _stability(audit, report.n_rows),
        _slopes(audit),
        *_fairness(audit),
        _recourse(audit),
        _rules(audit),
        _shap(report),
        _coverage(audit),
    ]
    names = ("part", "looked_at", "reach", "exactness", "detail", "seconds")
    return pd.DataFrame({name: [getattr(part, name) for part in parts] for name in names})


def _none(part: str, why: str) -> _Part:
    return _Part(part, False, "not looked at", str(Exactness.EXACT), why)


def _domain(audit: AuditFindings, given: bool) -> _Part:
    reach = "a box that was handed over" if given else "the smallest box around the rows"
    if not given and audit.coverage is not None:
        reach += " and the training rows"
    kinds = [column.kind for column in audit.network.schema.columns]
    told = "Proofs hold for every row in it, seen or not, and say nothing outside it."
    if ColumnKind.CATEGORICAL in kinds:
        told += " Columns with levels stand at one of them, in any combination."
    return _Part("domain", True, reach, "exact", f"{told} Its ranges are in domain.csv.")


def _regions(regions: RegionCount) -> _Part:
    kind = "exact" if regions.complete else "bounded"
    told = "Of the whole domain, levels taken as numbers from 0 to 1; the rules are those of the "
    told += "regions that rows visit."
    return _Part("linear regions", True, regions.words, kind, told, regions.seconds)


def _performance(audit: AuditFindings) -> _Part:
    if audit.diagnostics is None:
        return _none("performance", "no target was given")
    told = "Exact for these rows; on other rows the model may do better or worse."
    rows = f"all {counted(audit.diagnostics.n_rows, 'row')}"
    seconds = audit.seconds.get("performance by region", np.nan)
    return _Part("performance", True, rows, "exact", told, seconds)


def _monotonicity(audit: AuditFindings) -> _Part:
    found = audit.monotonicity
    if found is None:
        return _none("monotonicity", "not asked for")
    asked = [t for t in found.trends if t.direction is not Direction.NOT_APPLICABLE]
    open_ones = sum(t.direction is Direction.UNDECIDED for t in asked)
    without = len(found) - len(asked)
    told = f"{count(len(asked) - open_ones)} of {counted(len(asked), 'trend')} decided."
    if open_ones:
        told += f" {count(open_ones)} undecided within the limits."
    if without:
        told += f" {count(without)} of columns without an order do not apply."
    kind = "bounded" if open_ones else "exact"
    seconds = audit.seconds.get("monotonicity", np.nan)
    return _Part("monotonicity", True, "every row of the domain", kind, told, seconds)


def _properties(audit: AuditFindings) -> _Part:
    found = audit.properties
    if not found:
        return _none("properties", "none were expected")
    open_ones = sum(str(result.status) == "undecided" for result in found.values())
    told = f"{len(found) - open_ones} of {len(found)} decided, with rounding included."
    kind = "bounded" if open_ones else "exact"
    seconds = audit.seconds.get("properties", np.nan)
    return _Part("properties", True, "every row of the domain", kind, told, seconds)


def _distances(audit: AuditFindings, n_rows: int) -> _Part:
    seconds = audit.seconds.get("robustness", np.nan)
    found = audit.robustness
    if found is None:
        return _none("robustness", "the model does not decide between classes, or nothing varies")
    return _measured("robustness", audit, found, n_rows, seconds)


def _stability(audit: AuditFindings, n_rows: int) -> _Part:
    if audit.stability is None:
        return _none("measurement errors", "none were named, or there are no classes")
    return _measured("measurement errors", audit, audit.stability, n_rows, np.nan)


def _measured(
    part: str, audit: AuditFindings, found: Robustness, n_rows: int, seconds: float
) -> _Part:
    n = len(found)
    open_ones = int((~found.exact & ~found.beyond).sum())
    told = f"{counted(n - open_ones, 'row')} decided"
    told += f", {count(open_ones)} between bounds." if open_ones else "."
    held = [name for name in audit.network.schema.names if name not in found.features]
    if held:
        told += f" Held as they are: {', '.join(held)}."
    reach = f"{counted(n, 'row')}{', drawn at random' if n < n_rows else ', all there are'}"
    return _Part(part, True, reach, "bounded" if open_ones else "exact", told, seconds)


def _slopes(audit: AuditFindings) -> _Part:
    found = audit.slopes
    if found is None:
        return _none("largest slope", "the network is too large for it, or nothing varies")
    told = found.stopped or "all regions of the domain were gone through"
    reach = "every pair of rows of the domain"
    return _Part("largest slope", True, reach, str(found.exactness), f"{told}.")


def _fairness(audit: AuditFindings) -> Iterator[_Part]:
    found = audit.fairness
    if found is None:
        yield _none("fairness", "neither protected columns nor groups of the rows were named")
        return
    seconds = audit.seconds.get("fairness", np.nan)
    notes = f" Not looked at: {'; '.join(found.notes)}." if found.notes else ""
    told = f"Rates, carriers and regions are exact for these rows.{notes}"
    yield _Part("groups", True, "all rows", "exact", told, seconds)
    individual = found.individual
    if individual is None or not individual.decides:
        yield _none("individual fairness", "no protected column of a classifier was named")
        return
    told = "What other columns tell of the protected ones stays as it is."
    kind = "bounded" if str(individual.status) == "undecided" else "exact"
    yield _Part("individual fairness", True, "every row of the domain", kind, told)


def _recourse(audit: AuditFindings) -> _Part:
    found = audit.recourse
    if found is None:
        return _none("what to change", "no row was refused, or there are no classes")
    open_ones = found.status.count(CounterfactualStatus.UNDECIDED)
    open_ones += found.status.count(CounterfactualStatus.BOUNDED)
    n = len(found.status)
    reach = f"{count(n)} of {counted(audit.n_refused, 'refused row')}"
    reach += ", drawn at random" if n < audit.n_refused else ""
    told = f"{n - open_ones} proven nearest or proven not to exist, {open_ones} within bounds."
    seconds = audit.seconds.get("what to change", np.nan)
    return _Part("what to change", True, reach, "bounded" if open_ones else "exact", told, seconds)


def _rules(audit: AuditFindings) -> _Part:
    if audit.rules is None:
        return _none("a few rules", "too few rows to fit them to")
    told = "A fit, not the network; how far it can be off is proven."
    kind = str(audit.rules.whole.exactness)
    return _Part("a few rules", True, "every row of the domain", kind, told)


def _shap(report: Findings) -> _Part:
    found = report.comparison
    if found is None:
        return _none("agreement with SHAP", "left out")
    rows = f"{counted(found.rows.size, 'row')}, drawn at random"
    if found.rows.size == report.n_rows:
        rows = f"all {counted(report.n_rows, 'row')}"
    return _Part("agreement with SHAP", True, rows, "estimated", "Over a sample of background rows.")


def _coverage(audit: AuditFindings) -> _Part:
    if audit.coverage is None:
        return _none("coverage", "no training rows were given")
    told = "The rows held against the training rows."
    seconds = audit.seconds.get("coverage", np.nan)
    return _Part("coverage", True, "all rows", "exact", told, seconds)
