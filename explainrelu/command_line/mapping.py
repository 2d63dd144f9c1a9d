"""The commands that look at every region: their list in a box, and their picture."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, Loaded, loaded
from explainrelu.command_line.layouts import certificate_text, folded
from explainrelu.command_line.table_files import check_folder, table_writer
from explainrelu.errors import ArgumentError, OutputError
from explainrelu.geometry.box import Box
from explainrelu.network.column import ColumnKind, level_text
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.region_set import RegionSet
from explainrelu.regions.verification import certify
from explainrelu.reports.displays.region_map import RegionMapDisplay
from explainrelu.reports.writing import write_folder

__all__ = ["draw_map", "levels_of", "regions"]

_PICTURES = (".png", ".svg", ".pdf")


def regions(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    fixed: Sequence[str],
    margin: float,
    max_regions: int | None,
    time_limit: float | None,
    n_jobs: int,
    proof: bool,
) -> bool:
    """Every region of the box around the rows; with ``proof`` also a certificate."""
    if n_jobs == 0:
        raise ArgumentError(
            "--jobs takes a number of searches side by side, or -1 for all cores, got 0."
        )
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    network = read.network
    box = Box.from_data(read.rows, margin=margin, schema=network.schema)
    box = box.at_levels(network.schema, **levels_of(network.schema, fixed))
    start = monotonic()
    with console.steps(1) as progress:
        if progress is not None:
            progress(0, "searching the box")
        found = enumerate_regions(
            network, box, max_regions=max_regions, time_limit=time_limit, n_jobs=n_jobs
        )
    seconds = monotonic() - start
    found = found.with_rows(read.rows)
    certificate = certify(found) if proof else network.certificate
    console.note(read.note)
    console.say(_summary(found, read, seconds))
    if proof:
        console.say(f"\n{certificate_text(certificate)}")
    table = found.to_frame() if write is not None or console.as_json else None
    if write is not None and table is not None:
        write(table)
        console.note(f"Wrote {len(found):,} regions to {path}.")
    if table is not None:
        console.data(
            {
                "n_regions": len(found),
                "complete": found.complete,
                "stopped": found.stopped,
                "skipped": found.skipped,
                "regions": records(table),
                "certificate": records(certificate.to_frame()),
            }
        )
    return console.holds(certificate)


def draw_map(
    inputs: Inputs,
    console: Console,
    path: Path,
    *,
    features: Sequence[str],
    fixed: Sequence[str],
    colour: str,
) -> bool:
    """The regions over two columns, drawn into a picture file."""
    if path.suffix not in _PICTURES:
        raise OutputError(f"The picture must end in {', '.join(_PICTURES)}, got {path.name!r}.")
    check_folder(path.parent)
    read = loaded(inputs)
    output = inputs.score
    if output is not None and not isinstance(output, str):
        raise ArgumentError("A map shows one score: give --class once.")
    _check_map(read.network.schema, features, colour)
    display = RegionMapDisplay.from_estimator(
        read.network,
        read.rows,
        read.target,
        features=features or None,
        at=levels_of(read.network.schema, fixed) or None,
        response=colour,
        output=output,
    )
    write_folder(path.parent, {path.name: partial(_drawn, display.figure_, path.suffix[1:])})
    console.note(read.note)
    console.say(f"{_counted(len(display.pieces), 'region')} in the plane; wrote {path}.")
    console.data({"n_regions": len(display.pieces), "file": str(path)})
    return console.holds(read.network.certificate)


def _check_map(schema: InputSchema, features: Sequence[str], colour: str) -> None:
    """Refuse what cannot be drawn in the words of the command line."""
    numeric = [c.name for c in schema.columns if c.kind is ColumnKind.NUMERIC]
    known = ", ".join(numeric[:8]) + (", ..." if len(numeric) > 8 else "")
    given = features or schema.names
    if len(given) != 2 or given[0] == given[1]:
        got = f"got {', '.join(features)}" if features else "got none"
        raise ArgumentError(
            f"A map has two columns: give --feature twice, of {known}; {got}. The others are held, "
            "at their means and most frequent levels or where --at says."
        )
    for name in given:
        kind = schema.column(name).kind
        if kind is not ColumnKind.NUMERIC:
            raise ArgumentError(
                f"--feature takes a numeric column ({known}), got {name!r}, which is {kind}. "
                f"--at {name}=LEVEL holds it at a level."
            )
    if colour not in ("regions", "score", *numeric):
        raise ArgumentError(
            f"--colour takes regions, score or a numeric column ({known}), got {colour!r}."
        )


def _drawn(figure: Any, kind: str, draft: Path) -> None:
    figure.savefig(draft, dpi=150, bbox_inches="tight", format=kind)


def levels_of(schema: InputSchema, fixed: Sequence[str]) -> dict[str, Any]:
    """``column=level`` arguments as :meth:`Box.at_levels` takes them."""
    found: dict[str, Any] = {}
    for text in fixed:
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError(f"--at takes COLUMN=LEVEL, got {text!r}.")
        column = schema.column(name)
        if name in found:
            raise ArgumentError(f"--at holds a column once, got {name!r} twice.")
        known = {level_text(level): level for level in column.levels}
        if value in known:
            found[name] = known[value]
        elif column.kind is ColumnKind.NUMERIC:
            found[name] = _number(name, value)
        else:
            found[name] = value  # refused with the levels there are
    return found


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ArgumentError(f"--at {name}= takes a number, got {value!r}.") from None


def _summary(found: RegionSet, read: Loaded, seconds: float) -> str:
    lines = [
        f"{_counted(len(found), 'linear region')} {found.found_by}, in {seconds:.1f} s",
        "complete: no other region thicker than the tolerance meets the box"
        if found.complete
        else f"not complete: {found.stopped}",
    ]
    if found.skipped:
        lines.append(f"{found.skipped:,} thinner than the tolerance left out")
    visited, inside = int((found.counts > 0).sum()), int(found.counts.sum())
    are = "is" if visited == 1 else "are"
    lines.append(f"{visited:,} of them {are} visited by {inside:,} of {len(read.rows):,} rows")
    return folded("\n".join(lines))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
