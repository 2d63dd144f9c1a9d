"""The whole audit of a model: verdicts, evidence, tables and the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import AuditCheck, AuditStatus
from explainrelu.certificate import Certificate
from explainrelu.reports.audit.page import audit_page
from explainrelu.reports.audit.summary import audit_summary
from explainrelu.reports.report import Report
from explainrelu.reports.table_writers import csv_writers, parquet_writers
from explainrelu.reports.writing import write_file, write_folder, write_text

__all__ = ["AUDIT_PAGE", "Audit"]

AUDIT_PAGE = "audit.html"
"""What :meth:`Audit.to_folder` calls the page."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Audit:
    """What a validator signs: the verdicts on a model, with everything they rest on.

    Attributes
    ----------
    findings
        What was found, part by part, and the checks.
    report
        The explanations: rules, rankings, attributions.
    tables
        Every table by name, those of the report among them; docs/tables.md says what each column
        means.
    """

    findings: AuditFindings
    report: Report
    tables: Mapping[str, pd.DataFrame]

    @property
    def status(self) -> AuditStatus:
        """``fail`` where a check fails, else ``undecided`` where one is, else ``pass``."""
        return self.findings.status

    @property
    def checks(self) -> tuple[AuditCheck, ...]:
        """Every check with its status, value, threshold and evidence."""
        return self.findings.checks

    @property
    def certificate(self) -> Certificate:
        """That what is shown is the model: the checks of import, rewrite, rules, attributions."""
        return self.report.certificate

    def __repr__(self) -> str:
        title = self.report.findings.title
        return f"Audit({title!r}, {self.status}, {len(self.checks)} checks)"

    def summary(self) -> str:
        """The verdicts as a short text."""
        return audit_summary(self.findings, self.report.findings)

    def to_csv(self, folder: str | Path) -> Path:
        """Write every table as ``<name>.csv``, all of them or none.

        Raises
        ------
        OutputError
            Where the folder cannot be written.
        """
        return write_folder(folder, csv_writers(self.tables))

    def to_parquet(self, folder: str | Path) -> Path:
        """Write every table as ``<name>.parquet``, all of them or none.

        Raises
        ------
        MissingDependencyError
            Where pyarrow is not installed.
        OutputError
            Where the folder cannot be written.
        """
        return write_folder(folder, parquet_writers(self.tables))

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained page, to be read without a network, printed and filed.

        Raises
        ------
        OutputError
            Where the file cannot be written.
        """
        return write_file(path, self._page())

    def to_folder(self, folder: str | Path, *, parquet: bool = False) -> Path:
        """Write the page as ``audit.html`` and every table beside it: all of them or none.

        Raises
        ------
        MissingDependencyError
            For Parquet where pyarrow is not installed.
        OutputError
            Where the folder or one of its files cannot be written.
        """
        writers = parquet_writers(self.tables) if parquet else csv_writers(self.tables)
        return write_folder(folder, {AUDIT_PAGE: partial(write_text, self._page())} | writers)

    def _page(self) -> str:
        return audit_page(self.findings, self.report.findings, self.tables)
