"""The command that compares two models: one function, or not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.layouts import certificate_text, folded, table_text
from explainrelu.command_line.mapping import levels_of
from explainrelu.command_line.table_files import table_writer
from explainrelu.geometry.box import Box
from explainrelu.rewrites.equivalence.check import check_equivalence
from explainrelu.rewrites.equivalence.equivalence import Difference, Equivalence, Verdict

__all__ = ["equal"]

_SAID = {
    Verdict.EQUAL: "Equal: no score differs by more than {tolerance:.2g} in the box",
    Verdict.DIFFERENT: "Different: the scores differ at the row below",
    Verdict.UNDECIDED: "Undecided: neither a proof nor a row that refutes it was found",
}


def equal(
    inputs: Inputs,
    other: Path,
    console: Console,
    path: Path | None,
    *,
    fixed: Sequence[str],
    margin: float,
    method: Any,
    exact: bool,
    time_limit: float,
    seed: int,
) -> bool:
    """Compare two models in the box around the rows; True where they are equal."""
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    second = loaded(replace(inputs, model=other)).network
    schema = read.network.schema
    box = Box.from_data(read.rows, margin=margin, schema=schema)
    box = box.at_levels(schema, **levels_of(schema, fixed))
    found = check_equivalence(
        read.network,
        second,
        box,
        method=method,
        exact=exact,
        time_limit=time_limit,
        random_state=seed,
    )
    console.note(read.note)
    console.say(_text(found))
    if write is not None:
        write(found.to_frame())
        console.note(f"\nWrote {len(found.outputs)} rows to {path}.")
    console.data(_content(found))
    return console.holds(found.certificate) and found.status is Verdict.EQUAL


def _content(found: Equivalence) -> dict[str, Any]:
    row = [] if found.witness is None else records(found.witness.frame)
    return {
        "status": str(found.status),
        "proven_by": found.proven_by,
        "bounds": records(found.to_frame()),
        "witness": row[0] if row else None,
        "certificate": records(found.certificate.to_frame()),
    }


def _text(found: Equivalence) -> str:
    said = _SAID[found.status].format(tolerance=float(found.tolerance.max(initial=0.0)))
    how = f" (by {found.proven_by})" if found.proven_by else ""
    parts = [folded(f"{said}{how}."), _bounds_text(found)]
    if found.witness is not None:
        parts.append(_witness_text(found.witness, found.outputs))
    parts.append(certificate_text(found.certificate))
    return "\n\n".join(parts)


def _bounds_text(found: Equivalence) -> str:
    rows = [
        [name, f"{lower:.6g}", f"{upper:.6g}", f"{tolerance:.2g}"]
        for name, lower, upper, tolerance in zip(
            found.outputs, found.lower, found.upper, found.tolerance, strict=True
        )
    ]
    header = ["score", "A - B at least", "at most", "equal up to"]
    return f"Everywhere in the box\n{table_text(header, rows, '<>>>')}"


def _witness_text(witness: Difference, outputs: Sequence[str]) -> str:
    values = [[str(name), str(value)] for name, value in witness.frame.iloc[0].items()]
    scores = [
        [name, f"{a:.9g}", f"{b:.9g}", f"{a - b:.6g}"]
        for name, a, b in zip(outputs, witness.scores_a, witness.scores_b, strict=True)
    ]
    row = table_text(["column", "value"], values, "<>")
    return f"A row\n{row}\n\n{table_text(['score', 'A', 'B', 'A - B'], scores, '<>>>')}"
