"""The command that says how far rows are from where their class changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import IntArray
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.boundary.norms import input_scales, movable_columns
from explainrelu.audits.robustness import robustness
from explainrelu.certificate import Status
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, Loaded, loaded
from explainrelu.command_line.layouts import folded, table_text
from explainrelu.command_line.options import between, numbers, passes, spoken, steps
from explainrelu.command_line.table_files import table_writer
from explainrelu.errors import ArgumentError
from explainrelu.network.formula import number_text
from explainrelu.reports.numbers import percent

__all__ = ["row_distances"]

_SPOKEN = {
    "max_distance": "--max-distance",
    "errors": "--error",
    "features": "--feature",
    "threshold": "--threshold",
    "scale": "--scale",
    "time_limit": "--time-limit",
    "radii": "--radius",
    "output": "--class",
}
_LENGTHS = {
    "linf": "the largest step of any column",
    "l1": "the sum of the steps of all columns",
    "l2": "the Euclidean length of the steps",
}
_NEAREST = 5  # rows shown


def row_distances(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    norm: str,
    scale: Sequence[str],
    error: Sequence[str],
    features: Sequence[str],
    radii: Sequence[float],
    min_share: float | None,
    threshold: float | None,
    max_distance: float | None,
    rows: int,
    time_limit: float,
    n_jobs: int,
    seed: int,
    strict: bool,
) -> bool:
    """Distances to the boundary; True unless fewer rows than asked for are certified."""
    if min_share is not None and not (error or radii):
        raise ArgumentError("--min-share needs the sizes that it is about: --radius, or --error.")
    if min_share is not None and not 0 <= min_share <= 1:
        raise ArgumentError(f"--min-share must be from 0 to 1, got {min_share}.")
    if error and (norm != "linf" or scale or features or max_distance is not None):
        raise ArgumentError(
            "--error says which columns move and how far, got --norm, --scale, --feature or "
            "--max-distance besides. Leave them out."
        )
    if n_jobs == 0:
        raise ArgumentError("--jobs takes a number of searches side by side, got 0.")
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    chosen = _drawn(len(read.rows), rows, seed)
    sizes = numbers("--error", error) or None
    with spoken(**_SPOKEN):
        with console.steps(1) as progress:
            if progress is not None:
                progress(0, f"searching {chosen.size} rows")
            found = robustness(
                read.network,
                read.rows.iloc[chosen],
                norm=norm,
                scale=_scale(read, steps(scale, ("std", "mad")), features),
                errors=sizes,
                features=list(features) or None,
                output=inputs.score,
                threshold=threshold,
                max_distance=max_distance,
                time_limit=time_limit,
                n_jobs=n_jobs,
            )
        shares = found.certified_share(radii or ([1.0] if sizes else []))
    table = found.to_frame().assign(row=chosen)
    status = _verdict(shares, min_share)
    console.note(read.note)
    blocks = [] if write is not None else _distances_text(found, table, sizes)
    blocks += [_shares_text(shares, sizes)] if len(shares) else []
    if status is not None:
        blocks.append(f"At least {percent(min_share or 0.0)} of the rows certified: {status}")
    console.say("\n\n".join(blocks)) if blocks else None
    if write is not None:
        write(table)
        console.note(f"Wrote {len(table)} rows to {path}.")
    holds = status is None or passes(status, strict=strict)
    console.data(
        {
            "holds": holds,
            "status": None if status is None else str(status),
            "rows": records(table),
            "summary": records(found.summary),
            "certified_share": records(shares),
            "witnesses": records(_witnesses(found, chosen)),
        }
    )
    return console.holds(read.network.certificate) and holds


def _drawn(n_rows: int, most: int, seed: int) -> IntArray:
    """All rows, or so many drawn without order."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False))


def _scale(read: Loaded, scale: Any, features: Sequence[str]) -> Any:
    """Standard and other deviations over all rows of the data, not only those drawn."""
    if not isinstance(scale, str):
        return scale
    schema = read.network.schema
    names = movable_columns(schema, list(features) or None)
    found = input_scales(schema, names, scale, schema.encode(read.rows))
    return {name: float(found[schema.starts[schema.names.index(name)]]) for name in names}


def _verdict(shares: pd.DataFrame, min_share: float | None) -> Status | None:
    """Whether enough rows are certified at the largest radius; None where nothing was asked."""
    if min_share is None:
        return None
    last = shares.iloc[int(shares["radius"].to_numpy().argmax())]
    upper = 1.0 - float(last["changeable"])
    return between(float(last["certified"]), upper, lambda share: share >= min_share - 1e-12)


def _witnesses(found: Robustness, chosen: IntArray) -> pd.DataFrame:
    frame = found.witness_frame()
    name = "witness_of_row" if "row" in frame.columns else "row"
    frame.insert(0, name, chosen[frame.index.to_numpy(dtype=np.int64)])
    return frame


# ---------------------------------------------------------------------------------------------
# Text.


def _distances_text(
    found: Robustness, table: pd.DataFrame, sizes: dict[str, float] | None
) -> list[str]:
    unit = "in raw units"
    if sizes is not None:
        unit = "in sizes of the errors"
    elif not np.isin(found.scale, (0.0, 1.0)).all():
        unit = "in the sizes of --scale"
    moved = f"{len(found.features)} columns move" if len(found.features) > 1 else "one column moves"
    title = (
        f"The least step that changes a row's class: {_LENGTHS[str(found.norm)]}, {unit}; {moved}, "
        "the others are held. Nothing below \"at least\" changes it, proven; at \"at most\" it "
        "was seen to change."
    )  # fmt: skip
    counts = table["status"].value_counts()
    told = ", ".join(f"{n} {name}" for name, n in counts.items())
    counted = folded(f"Rows: {told}.", width=80)
    if found.beyond.all():
        return [counted]
    return [
        folded(title, width=80),
        _summary_text(found.summary),
        counted,
        f"Nearest to the boundary\n{_nearest_text(table)}",
    ]


def _summary_text(summary: pd.DataFrame) -> str:
    names = {0.0: "nearest row", 0.5: "median", 1.0: "farthest row"}
    rows = [
        [
            names.get(line["quantile"], f"{line['quantile']:.0%} of the rows"),
            _distance(line["lower"]),
            _distance(line["upper"]),
        ]
        for _, line in summary.iterrows()
    ]
    return table_text(["", "at least", "at most"], rows, "<>>")


def _nearest_text(table: pd.DataFrame) -> str:
    chosen = table.sort_values(["upper", "lower"], kind="stable").head(_NEAREST)
    rows = [
        [
            str(line["row"]),
            line["class"],
            _distance(line["lower"]),
            _distance(line["upper"]),
            line["nearest_class"],
        ]
        for _, line in chosen.iterrows()
    ]
    return table_text(["row", "class", "at least", "at most", "becomes"], rows, "><>><")


def _shares_text(shares: pd.DataFrame, sizes: dict[str, float] | None) -> str:
    rows = [
        [number_text(line["radius"]), *(percent(line[name]) for name in shares.columns[1:])]
        for _, line in shares.iterrows()
    ]
    first = "length"
    title = "Shares of the rows whose class no step of that length, or some step, changes"
    if sizes is not None:
        told = ", ".join(f"{name} by {number_text(size)}" for name, size in sizes.items())
        first = "times"
        title = f"Shares of the rows whose class no error, or some error, changes: {told}"
    table = table_text([first, "certified", "changeable", "undecided"], rows, ">>>>")
    return f"{folded(title, width=80)}\n{table}"


def _distance(value: float) -> str:
    return number_text(value) if np.isfinite(value) else "none found"
