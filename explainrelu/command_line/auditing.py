"""The command that audits a model."""

from hashlib import sha256
from pathlib import Path
from shlex import join
from typing import Any

from explainrelu.audits.auditing.verdicts import AuditStatus
from explainrelu.command_line.audit_config import read_config
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.table_files import check_folder, needs_pyarrow
from explainrelu.reports.audit.audit import ALL_STEPS, audit
from explainrelu.reports.audit.record import AUDIT_PAGE, Audit

__all__ = ["audit_model"]


def audit_model(
    inputs: Inputs,
    console: Console,
    folder: Path,
    *,
    config: Path | None,
    strict: bool,
    parquet: bool,
    title: str | None,
) -> bool:
    """Write every table and ``audit.html``; True where no check fails.

    Parameters
    ----------
    config
        The file of expectations and limits.
    strict
        Whether an undecided check counts as one that fails.
    """
    asked = read_config(config)
    check_folder(folder)
    if parquet:
        needs_pyarrow()
    read = loaded(inputs)
    with console.steps(len(ALL_STEPS)) as progress:
        found = audit(
            read.network,
            read.rows,
            read.target,
            sensitive_features=read.groups,
            expectations=asked.expectations,
            limits=asked.limits,
            X_train=read.background,
            units=asked.units,
            title=title or asked.title,
            provenance=_sources(inputs, config, folder, strict=strict),
            progress=progress,
        )
    found.to_folder(folder, parquet=parquet)
    suffix = "parquet" if parquet else "csv"
    files = [AUDIT_PAGE, *(f"{name}.{suffix}" for name in found.tables)]
    console.note(read.note)
    console.say(found.summary())
    console.note(f"Wrote {len(files)} files to {folder}; open {folder / AUDIT_PAGE} first.")
    console.data(_content(found, folder, files))
    bad = {AuditStatus.FAIL, AuditStatus.UNDECIDED} if strict else {AuditStatus.FAIL}
    return found.status not in bad


def _content(found: Audit, folder: Path, files: list[str]) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "files": files,
        "status": str(found.status),
        "checks": records(found.findings.to_frame()),
        "holds": found.certificate.holds,
        "certificate": records(found.certificate.to_frame()),
    }


def _sources(inputs: Inputs, config: Path | None, folder: Path, *, strict: bool) -> dict[str, str]:
    """The command and the digests of the files it read, for the provenance."""
    words = ["explainrelu", "audit", str(inputs.model), str(inputs.data)]
    named = {"--target": inputs.target, "--drop": inputs.drop, "--sensitive": inputs.groups}
    words += [part for name, values in named.items() for value in values for part in (name, value)]
    files = {"--config": config, "--train": inputs.background}
    words += [part for name, path in files.items() if path for part in (name, str(path))]
    words += ["--reorder"] if inputs.reorder else []
    words += ["--strict"] if strict else []
    read = {"model": inputs.model, "data": inputs.data, "configuration": config,
            "training": inputs.background}  # fmt: skip
    digests = {
        f"{name} file SHA-256": sha256(path.read_bytes()).hexdigest()
        for name, path in read.items()
        if path is not None
    }
    return {"command": join([*words, "-o", str(folder)])} | digests
