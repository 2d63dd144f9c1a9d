"""The command that holds new rows against the rows a model was trained on."""

from dataclasses import replace
from math import isnan
from pathlib import Path

import pandas as pd

from explainrelu.audits.coverage import Coverage, coverage
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.layouts import folded, table_text
from explainrelu.command_line.options import spoken
from explainrelu.command_line.table_files import table_writer
from explainrelu.errors import ArgumentError
from explainrelu.network.formula import number_text
from explainrelu.reports.numbers import percent

__all__ = ["TABLES", "cover"]

TABLES = ("rows", "columns", "summary")

_SHOWN = 8  # columns
_NEW_ROWS = 3


def cover(
    inputs: Inputs,
    new: Path,
    console: Console,
    path: Path | None,
    *,
    near: float,
    min_seen: float | None,
    max_outside: float | None,
    table: str,
) -> bool:
    """New rows beside training rows; True unless more of them are new than allowed."""
    for option, limit in (("--min-seen", min_seen), ("--max-outside", max_outside)):
        if limit is not None and not 0 <= limit <= 1:
            raise ArgumentError(f"{option} must be from 0 to 1, got {limit}.")
    write = None if path is None else table_writer(path)
    read = loaded(replace(inputs, background=new))
    rows = read.rows if read.background is None else read.background
    with spoken(near="--near"):
        found = coverage(read.network, read.rows, rows, near=near)
    tables = dict(zip(TABLES, (found.per_row, found.columns, found.summary), strict=True))
    checks = _checks(found.per_row, min_seen, max_outside)
    console.note(f"{read.note.rstrip()}\nRead {len(rows)} rows from {new}.\n")
    if write is None:
        console.say(_text(found))
    else:
        write(tables[table])
        console.note(f"Wrote {len(tables[table])} rows to {path}.")
    for name, holds in checks.items():
        word = "holds" if holds else "FAILS"
        console.say(f"\n{name}: {word}" if write is None else f"{name}: {word}")
    console.data(
        {
            "holds": all(checks.values()),
            "checks": checks,
            **{name: records(frame) for name, frame in tables.items()},
        }
    )
    return console.holds(read.network.certificate) and all(checks.values())


def _checks(
    per_row: pd.DataFrame, min_seen: float | None, max_outside: float | None
) -> dict[str, bool]:
    checks = {}
    if min_seen is not None:
        name = f"At least {percent(min_seen)} of the new rows lie in known regions"
        checks[name] = float(per_row["seen"].mean()) >= min_seen
    if max_outside is not None:
        name = f"At most {percent(max_outside)} of the new rows lie outside the training ranges"
        checks[name] = float(per_row["outside"].mean()) <= max_outside
    return checks


# ---------------------------------------------------------------------------------------------
# Text.


def _text(found: Coverage) -> str:
    odd = found.per_row[found.per_row["outside"]]
    blocks = [_summary_text(found.summary), _columns_text(found.columns)]
    if len(odd):
        told = "; ".join(
            f"row {line['row']} in {line['outside_columns']}"
            for _, line in odd.head(_NEW_ROWS).iterrows()
        )
        more = f"; {len(odd) - _NEW_ROWS} more rows" if len(odd) > _NEW_ROWS else ""
        blocks.append(folded(f"Outside the training ranges: {told}{more}.", width=80))
    return "\n\n".join(blocks)


def _summary_text(summary: pd.DataFrame) -> str:
    rows = [
        [line["quantity"], *(_figure(line["quantity"], line[n]) for n in ("new", "training"))]
        for _, line in summary.iterrows()
    ]
    widest = max(len(row[0]) for row in rows)
    lines = [f"  {'':{widest}}  {'new':>10}  {'training':>10}"]
    lines += [f"  {name:{widest}}  {new:>10}  {old:>10}".rstrip() for name, new, old in rows]
    return "\n".join(lines)


def _figure(quantity: str, value: float) -> str:
    if isnan(value):
        return ""
    return percent(value) if quantity.startswith("share") else number_text(value)


def _columns_text(columns: pd.DataFrame) -> str:
    order = columns.sort_values(["share_outside", "shift"], ascending=False, kind="stable")
    rows = [
        [
            line["feature"],
            *(str(line[name]) for name in ("below", "above", "unseen_level")),
            percent(line["share_outside"]),
            f"{line['shift']:.2f}",
        ]
        for _, line in order.head(_SHOWN).iterrows()
    ]
    header = ["column", "below", "above", "new level", "outside", "shift"]
    more = len(columns) - len(rows)
    text = f"Columns that moved most (shift: 0 none, 1 all)\n{table_text(header, rows, '<>>>>>')}"
    return f"{text}\n  ... {more} more" if more > 0 else text
