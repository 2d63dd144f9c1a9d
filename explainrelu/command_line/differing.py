"""The command that sets a challenger beside the champion."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from explainrelu.audits.model_difference import ModelDifference, compare_models
from explainrelu.certificate import Status
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.layouts import folded, signed_text, table_text, value_text
from explainrelu.command_line.options import between, passes, spoken
from explainrelu.command_line.table_files import table_writer
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.formula import number_text
from explainrelu.reports.numbers import percent

__all__ = ["TABLES", "diff"]

TABLES = ("regions", "rows", "summary")

_SHOWN = 5  # regions and rows


def diff(
    inputs: Inputs,
    challenger: Path,
    console: Console,
    path: Path | None,
    *,
    margin: float,
    at_most: float | None,
    max_changed: float | None,
    max_regions: int,
    time_limit: float,
    seed: int,
    table: str,
    strict: bool,
) -> bool:
    """Where two models differ, and how far; True unless they differ by more than allowed."""
    for option, limit in (("--at-most", at_most), ("--max-changed", max_changed)):
        if limit is not None and not limit >= 0:
            raise ArgumentError(f"{option} must be a number of at least 0, got {limit}.")
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    other = loaded(replace(inputs, model=challenger)).network
    spoken_as = {"time_limit": "--time-limit", "max_regions": "--max-regions"}
    with spoken(**spoken_as), console.steps(1) as progress:
        if progress is not None:
            progress(0, "searching the box")
        found = compare_models(
            read.network,
            other,
            read.rows,
            domain=Box.from_data(read.rows, margin=margin, schema=read.network.schema),
            max_regions=max_regions,
            time_limit=time_limit,
            random_state=seed,
        )
    tables = dict(zip(TABLES, (found.regions, found.per_row, found.summary), strict=True))
    checks = _checks(found, at_most, max_changed)
    console.note(read.note)
    if write is None:
        console.say(_text(found))
    else:
        write(tables[table])
        console.note(f"Wrote {len(tables[table])} rows to {path}.")
    for name, status in checks.items():
        console.say(f"\n{name}: {status}" if write is None else f"{name}: {status}")
    holds = all(passes(status, strict=strict) for status in checks.values())
    witness = [] if found.witness is None else records(found.witness)
    console.data(
        {
            "holds": holds,
            "checks": {name: str(status) for name, status in checks.items()},
            **{name: records(frame) for name, frame in tables.items()},
            "witness": witness[0] if witness else None,
            "certificate": records(found.certificate.to_frame()),
        }
    )
    return console.holds(read.network.certificate, other.certificate) and holds


def _checks(
    found: ModelDifference, at_most: float | None, max_changed: float | None
) -> dict[str, Status]:
    checks = {}
    if at_most is not None:
        name = f"No score differs by more than {at_most:g} anywhere in the box"
        ends = found.difference.value, found.difference.bound
        checks[name] = between(*ends, lambda size: size <= at_most)
    if max_changed is not None:
        share = float(found.summary["other_class_share"].max())
        name = f"At most {percent(max_changed)} of the rows change their class"
        checks[name] = between(share, share, lambda part: part <= max_changed)
    return checks


# ---------------------------------------------------------------------------------------------
# Text.


def _text(found: ModelDifference) -> str:
    summary = found.summary
    proven = "proven" if found.certificate.holds else "undecided: the bound holds, and may be loose"
    rows = [
        [
            line["output"],
            number_text(line["mean_absolute_difference"]),
            number_text(line["largest_over_rows"]),
            number_text(line["largest_over_domain"]),
            number_text(line["bound"]),
        ]
        for _, line in summary.iterrows()
    ]
    header = ["score", "mean |diff|", "most, rows", "most, found", "at most"]
    first = summary.iloc[0]
    title = (
        f"Challenger less champion, over {first['n_rows']} rows and the whole box around them "
        f"({proven}):"
    )
    changed = f"Rows that change their class: {percent(first['other_class_share'])}"
    blocks = [
        f"{folded(title, width=80)}\n{table_text(header, rows, '<>>>>')}",
        changed,
        f"Regions where they differ most\n{_regions_text(found.regions)}",
        f"Rows where they differ most\n{_rows_text(found.per_row)}",
    ]
    if found.witness is not None:
        blocks.append(_witness_text(found.witness))
    return "\n\n".join(blocks)


def _regions_text(regions: pd.DataFrame) -> str:
    several = regions["output"].nunique() > 1
    rows = [
        [
            line["region"],
            line["output"] if several else "",
            str(line["n_rows"]),
            signed_text(line["mean_difference"]),
            signed_text(line["lowest"]),
            signed_text(line["highest"]),
            percent(line["other_class_share"]),
        ]
        for _, line in regions.head(_SHOWN).iterrows()
    ]
    return _table(["region", "score", "rows", "mean", "lowest", "highest", "other class"], rows)


def _rows_text(per_row: pd.DataFrame) -> str:
    several = per_row["output"].nunique() > 1
    order = (-per_row["difference"].abs()).argsort(kind="stable")[:_SHOWN]
    rows = [
        [
            str(line["row"]),
            line["output"] if several else "",
            number_text(line["champion"]),
            number_text(line["challenger"]),
            signed_text(line["difference"]),
            "other class" if line["other_class"] else "",
        ]
        for _, line in per_row.iloc[order].iterrows()
    ]
    return _table(["row", "score", "champion", "challenger", "difference", ""], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table without its second column where that is empty."""
    keep = [i for i in range(len(header)) if i != 1 or any(row[1] for row in rows)]
    cells = [[row[i] for i in keep] for row in rows]
    align = "".join("<" if i == 1 else ">" for i in keep)
    return table_text([header[i] for i in keep], cells, align)


def _witness_text(witness: pd.DataFrame) -> str:
    values = ", ".join(f"{name} {value_text(value)}" for name, value in witness.iloc[0].items())
    return folded(f"Where they differ most, of all rows in the box: {values}", width=80)
