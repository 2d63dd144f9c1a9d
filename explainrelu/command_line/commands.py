"""What each command does: ask the package, and say or write what it answers.

Every function returns whether all checks hold.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from explainrelu.certificate import Certificate
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, check_score, loaded, read_model
from explainrelu.command_line.layouts import (
    agreement_text,
    attribution_text,
    certificate_text,
    conversion_text,
    folded,
    ranking_text,
)
from explainrelu.command_line.table_files import check_folder, needs_pyarrow, table_writer
from explainrelu.errors import ArgumentError, OutputError
from explainrelu.explanations.agreement.with_shap import compare_with_shap
from explainrelu.explanations.explain import explain
from explainrelu.explanations.ranking import rank_features
from explainrelu.explanations.rules import RuleSet, extract_rules
from explainrelu.geometry.box import Box
from explainrelu.reports.report import PAGE, STEPS, report
from explainrelu.reports.writing import write_folder
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.storage import save
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork

__all__ = ["compare", "convert_model", "explain_row", "rank", "rules", "write_report"]


def write_report(
    inputs: Inputs,
    console: Console,
    folder: Path,
    *,
    parquet: bool,
    max_rules: int,
    few_rules: int,
    rows: int,
    shap: bool,
    title: str | None,
    seed: int,
) -> bool:
    """Write every table and ``report.html`` into a folder."""
    check_folder(folder)
    if parquet:
        needs_pyarrow()
    read = loaded(inputs)
    with console.steps(len(STEPS)) as progress:
        found = report(
            read.network,
            read.rows,
            read.target,
            background=read.background,
            max_rules=max_rules,
            few_rules=few_rules or None,
            max_rows=rows,
            output=inputs.score,
            title=title,
            shap=shap,
            random_state=seed,
            progress=progress,
        )
    found.to_folder(folder, parquet=parquet)
    suffix = "parquet" if parquet else "csv"
    files = [PAGE, *(f"{name}.{suffix}" for name in found.tables)]
    console.note(read.note)
    console.say(folded(found.summary(), hang=9))
    console.note(f"Wrote {len(files)} files to {folder}; open {folder / PAGE} first.")
    console.data({"folder": str(folder), "files": files, **_certified(found.certificate)})
    return console.holds(found.certificate)


def convert_model(inputs: Inputs, console: Console, path: Path | None) -> bool:
    """Convert to three layers, say sizes and certificate, and save."""
    if path is not None and path.suffix != ".xrelu":
        raise OutputError(f"The file to write must end in .xrelu, got {path.name!r}.")
    read = loaded(inputs)
    shallow = convert(read.network, read.rows)
    if path is not None:
        save(shallow, path)
    console.note(read.note)
    console.say(f"{conversion_text(shallow)}\n\n{certificate_text(shallow.certificate)}")
    if path is not None:
        console.note(f"\nWrote {path}; every command takes it as MODEL.")
    console.data(
        {
            "n_cells": shallow.n_cells,
            "sizes": shallow.sizes,
            "guarantee": shallow.guarantee.statement,
            **_certified(shallow.certificate),
            "file": None if path is None else str(path),
        }
    )
    return console.holds(shallow.certificate)


def rules(inputs: Inputs, console: Console, path: Path | None, *, max_rules: int) -> bool:
    """The rules of the regions the rows visit most, or of those a converted model lists."""
    write = None if path is None else table_writer(path)
    found, note = _rule_set(inputs, max_rules)
    for _ in console.each(found, len(found), "Reading rules"):
        pass  # a rule is worked out when it is first met, and kept
    console.note(note)
    if write is None:
        console.say(folded(found.to_text(), hang=9))
    else:
        write(found.to_frame())
        console.note(f"Wrote {len(found)} rules to {path}.")
    console.data(records(found.to_frame()))
    return console.holds(found.certificate)


def _rule_set(inputs: Inputs, max_rules: int) -> tuple[RuleSet, str]:
    if inputs.data is not None:
        read = loaded(inputs)
        found = extract_rules(read.network, read.rows, max_rules=max_rules, output=inputs.score)
        return found, read.note
    model = read_model(inputs.model)
    if not isinstance(model, ThreeLayerNetwork):
        raise ArgumentError(
            f"{str(inputs.model)!r} lists no regions, so DATA is needed: rows whose regions get a "
            "rule. Only a file that explainrelu convert wrote does without."
        )
    check_score(inputs, model.source)
    found = extract_rules(model, max_rules=max_rules, output=inputs.score)
    return found, f"Read {model.n_cells} regions from {inputs.model}.\n"


def rank(inputs: Inputs, console: Console, path: Path | None, *, by: str) -> bool:
    """The columns by importance."""
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    ranking = rank_features(read.network, read.rows, by=by, output=inputs.score)
    console.note(read.note)
    if write is None:
        console.say(ranking_text(ranking))
        if ranking["output"].nunique() > 1:
            console.note("\nOne output at a time: --class NAME. Every output: --json, or -o FILE.")
    else:
        write(ranking)
        console.note(f"Wrote {len(ranking)} rows to {path}.")
    console.data(records(ranking))
    return console.holds(read.network.certificate)


def explain_row(
    inputs: Inputs, console: Console, path: Path | None, *, row: int, method: str
) -> bool:
    """The attributions of one row, and how far each column can move alone."""
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    network, rows, score = read.network, read.rows, inputs.score
    if not 0 <= row < len(rows):
        raise ArgumentError(
            f"--row must be from 0 to {len(rows) - 1}, a row of {inputs.data}, got {row}."
        )
    one = rows.iloc[[row]]
    background = rows if read.background is None else read.background
    found = explain(network, one, method=method, background=background, output=score)
    points = [network.schema.encode(table) for table in (rows, background)]
    domain = Box.from_data(np.vstack(points))
    ranges = extract_rules(network, one, domain=domain, output=score).ranges()
    moves = ranges[["feature", "lower", "upper", "levels"]]
    table = found.to_frame().assign(row=row).merge(moves, on="feature", how="left")
    console.note(read.note)
    if write is None:
        console.say(attribution_text(found, ranges, network, row))
    else:
        write(table)
        console.note(f"Wrote {len(table)} rows to {path}.")
    console.data(records(table))
    return console.holds(found.certificate)


def compare(
    inputs: Inputs, console: Console, folder: Path | None, *, method: str, rows: int, seed: int
) -> bool:
    """Our attributions beside SHAP's."""
    if folder is not None:
        check_folder(folder)
    read = loaded(inputs)
    with console.steps(1) as progress:
        if progress is not None:
            progress(0, "comparing with SHAP")
        found = compare_with_shap(
            read.network,
            read.rows,
            background=read.background,
            method=method,
            max_rows=rows,
            output=inputs.score,
            random_state=seed,
        )
    tables = {
        "shap_agreement": found.per_row,
        "shap_summary": found.summary,
        "shap_reasons": found.reasons,
    }
    console.note(read.note)
    if folder is None:
        console.say(agreement_text(found))
    else:
        files = {
            f"{name}.csv": partial(table.to_csv, index=False) for name, table in tables.items()
        }
        write_folder(folder, files)
        console.note(f"Wrote {', '.join(files)} to {folder}.")
    console.data({name: records(table) for name, table in tables.items()})
    return console.holds(found.ours.certificate)


def _certified(certificate: Certificate) -> dict[str, Any]:
    return {"holds": certificate.holds, "certificate": records(certificate.to_frame())}
