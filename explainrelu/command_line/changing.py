"""The command that looks for the nearest change of a row that the model decides otherwise."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, IntArray
from explainrelu.audits.actionability import Actionability
from explainrelu.audits.counterfactuals import counterfactuals
from explainrelu.audits.recourse.result import CounterfactualResult
from explainrelu.audits.recourse.search import CounterfactualStatus
from explainrelu.audits.recourse.target import class_names, classes_of
from explainrelu.certificate import Status
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, Loaded, loaded
from explainrelu.command_line.layouts import folded, signed_text, table_text
from explainrelu.command_line.options import passes, permitted, spoken, steps
from explainrelu.command_line.table_files import table_writer
from explainrelu.errors import ArgumentError
from explainrelu.network.formula import number_text

__all__ = ["TABLES", "counterfactual"]

TABLES = ("rows", "outcomes", "changes", "reasons")

_SPOKEN = {
    "desired_class": "--desired",
    "desired_range": "--range",
    "permitted_range": "--permit",
    "features_to_vary": "--vary",
    "increase_only": "--increase-only",
    "decrease_only": "--decrease-only",
    "immutable": "--immutable",
    "scale": "--scale",
    "total_CFs": "--total",
    "time_limit": "--time-limit",
    "margin": "--margin",
}
_STATUS = {
    CounterfactualStatus.OPTIMAL: Status.HOLDS,
    CounterfactualStatus.BOUNDED: Status.UNDECIDED,
    CounterfactualStatus.UNDECIDED: Status.UNDECIDED,
    CounterfactualStatus.INFEASIBLE: Status.FAILS,
}
_SAID = {
    "optimal": "proven nearest",
    "bounded": "undecided whether nearest",
    "infeasible": "there is none, proven",
    "undecided": "undecided: none found in time",
}


def counterfactual(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    row: Sequence[int],
    rows: int,
    desired: str | None,
    bounds: tuple[float, float] | None,
    margin: float,
    norm: str,
    scale: Sequence[str],
    permit: Sequence[str],
    vary: Sequence[str],
    immutable: Sequence[str],
    increase_only: Sequence[str],
    decrease_only: Sequence[str],
    total: int,
    time_limit: float,
    seed: int,
    table: str,
    strict: bool,
) -> bool:
    """The nearest change of some rows; True unless one of them is proven to have none."""
    if desired is not None and bounds is not None:
        raise ArgumentError("Either --desired or --range must be given, got both.")
    if inputs.outputs and bounds is None:
        raise ArgumentError(
            "--class says whose score --range is about; for a class write --desired."
        )
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    with spoken(**_SPOKEN):
        wishes = Actionability(immutable, increase_only, decrease_only)
        wishes.check(read.network.schema)  # before any row is looked at
        query = _query(inputs, read, row, rows, desired, bounds)
        with console.steps(1) as progress:
            if progress is not None:
                progress(0, f"searching {query.size} rows")
            found = counterfactuals(
                read.network,
                read.rows.iloc[query],
                total_CFs=total,
                desired_class="opposite" if desired is None else desired,
                desired_range=bounds,
                permitted_range=permitted("--permit", permit, read.network.schema) or None,
                features_to_vary=list(vary) or "all",
                actionability=wishes,
                norm=norm,
                scale=steps(scale, ("mad",)),
                margin=margin,
                background=read.rows if read.background is None else read.background,
                output=inputs.score if bounds is not None else None,
                time_limit=time_limit,
                random_state=seed,
            )
    tables = _tables(found, query)
    console.note(read.note)
    if write is None:
        console.say(_text(found, tables, query))
    else:
        write(tables[table])
        console.say(_counts(found))
        console.note(f"Wrote {len(tables[table])} rows to {path}.")
    holds = all(passes(_STATUS[status], strict=strict) for status in found.status)
    console.data({"holds": holds, **{name: records(frame) for name, frame in tables.items()}})
    checks = found.certificate.checks
    broken = type(found.certificate)(tuple(c for c in checks if c.status is Status.FAILS))
    return console.holds(read.network.certificate, broken) and holds


def _query(
    inputs: Inputs,
    read: Loaded,
    row: Sequence[int],
    most: int,
    desired: str | None,
    bounds: tuple[float, float] | None,
) -> IntArray:
    """The rows that are asked about: those named, else the first that are not as desired."""
    n_rows = len(read.rows)
    for one in row:
        if not 0 <= one < n_rows:
            raise ArgumentError(
                f"--row must be from 0 to {n_rows - 1}, a row of {inputs.data}, got {one}."
            )
    if row:
        return np.array(list(dict.fromkeys(row)), dtype=np.int64)
    left = np.flatnonzero(~_as_desired(inputs, read, desired, bounds))
    if not left.size:
        wish = desired if bounds is None else f"{bounds[0]:g} to {bounds[1]:g}"
        raise ArgumentError(
            f"Every row of {inputs.data} is as desired already ({wish}). Name a row by --row, or "
            "another wish."
        )
    return left[:most].astype(np.int64)


def _as_desired(
    inputs: Inputs, read: Loaded, desired: str | None, bounds: tuple[float, float] | None
) -> BoolArray:
    outputs = read.network.outputs
    scores = read.network.forward(read.network.schema.encode(read.rows))
    if bounds is not None:
        view = outputs.view(inputs.score)
        shown = scores @ view.matrix.T
        return np.asarray(((shown >= bounds[0]) & (shown <= bounds[1])).all(axis=1))
    known = class_names(outputs)
    if desired is None or desired not in known:  # what does not exist is refused by the search
        return np.zeros(len(read.rows), dtype=np.bool_)
    return np.array([name == desired for name in classes_of(outputs, scores)])


def _tables(found: CounterfactualResult, query: IntArray) -> dict[str, pd.DataFrame]:
    """Every table, its rows numbered as in the data."""
    frames = (found.frame, found.outcomes, found.changes, found.reasons)
    return {name: _renumbered(f, query) for name, f in zip(TABLES, frames, strict=True)}


def _renumbered(frame: pd.DataFrame, query: IntArray) -> pd.DataFrame:
    first = frame.columns[0]  # the number of the row, "cf_row" where the data have a "row"
    return frame.assign(**{str(first): query[frame[first].to_numpy(dtype=np.int64)]})


# ---------------------------------------------------------------------------------------------
# Text.


def _text(found: CounterfactualResult, tables: dict[str, pd.DataFrame], query: IntArray) -> str:
    changes, reasons = tables["changes"], tables["reasons"]
    blocks = []
    for _, outcome in tables["outcomes"].iterrows():
        row, cf = outcome["row"], outcome["cf"]
        here = changes[(changes["row"] == row) & (changes["cf"] == cf)]
        why = reasons[reasons["row"] == row] if cf == 1 else reasons.iloc[:0]
        head = _headline(outcome, several=bool((tables["outcomes"]["cf"] > 1).any()))
        blocks.append(f"{head}\n{_changes(here, why)}" if len(here) else head)
    return "\n\n".join([*blocks, _counts(found)])


def _headline(outcome: "pd.Series[Any]", *, several: bool) -> str:
    number = f" ({outcome['cf']})" if several else ""
    title = (
        f"Row {outcome['row']}{number}, to reach {outcome['desired']}: {_SAID[outcome['status']]}"
    )
    distance, bound = float(outcome["distance"]), float(outcome["bound"])
    if np.isfinite(distance):
        title += f"; {outcome['norm']} distance {number_text(distance)}"
        if outcome["status"] != "optimal":
            title += f", at least {number_text(bound)}"
        title += f", {outcome['scale']} {number_text(float(outcome['score']))}"
    elif np.isfinite(bound):
        title += f"; no {outcome['norm']} distance below {number_text(bound)} reaches it"
    if distance == 0:
        title += f"; {outcome['detail']}"
    return folded(title, width=80)


def _changes(changes: pd.DataFrame, reasons: pd.DataFrame) -> str:
    """What changes, the weightiest first, and how much of the way each change goes."""
    share = dict(zip(reasons["feature"], reasons["share"], strict=True))
    order = changes["feature"].map(lambda name: -share.get(name, 0.0)).argsort(kind="stable")
    lines = [
        [
            _fit(line["feature"]),
            _fit(line["from"], 14),
            _fit(line["to"], 14),
            "" if np.isnan(line["change"]) else signed_text(line["change"]),
            f"{share[line['feature']] + 1e-9:.0%}" if line["feature"] in share else "",
        ]
        for _, line in changes.iloc[order].iterrows()
    ]
    return table_text(["column", "from", "to", "change", "of the way" if share else ""], lines,
                      "<>>>>")  # fmt: skip


def _fit(text: str, width: int = 26) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _counts(found: CounterfactualResult) -> str:
    counts = Counter(str(status) for status in found.status)
    parts = [f"{n} {_SAID[name]}" for name, n in counts.items()]
    return folded(f"Rows: {', '.join(parts)}.", width=80)
