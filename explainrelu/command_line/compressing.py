"""The command that makes a model smaller on the box around some rows."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.layouts import certificate_text, table_text
from explainrelu.command_line.mapping import levels_of
from explainrelu.errors import OutputError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.compress import compress
from explainrelu.rewrites.compression.network import CompressedNetwork
from explainrelu.rewrites.storage import save

__all__ = ["compress_model"]


def compress_model(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    fixed: Sequence[str],
    margin: float,
    method: str,
    time_limit: float | None,
) -> bool:
    """Compress, say what was taken out and what is proven, and save."""
    if path is not None and path.suffix != ".xrelu":
        raise OutputError(f"The file to write must end in .xrelu, got {path.name!r}.")
    read = loaded(inputs)
    schema = read.network.schema
    box = Box.from_data(read.rows, margin=margin, schema=schema)
    box = box.at_levels(schema, **levels_of(schema, fixed))
    found = compress(read.network, box, X=read.rows, method=method, time_limit=time_limit)
    if path is not None:
        save(found.result, path)
    console.note(read.note)
    console.say(f"{_summary(found)}\n\n{certificate_text(found.certificate)}")
    if path is not None:
        console.note(f"\nWrote {path}; every command takes it as MODEL.")
    console.data(
        {
            "layers": {"before": found.source.widths, "after": found.result.widths},
            "guarantee": found.guarantee.statement,
            "removed": records(found.removed),
            "stability": records(found.stability),
            "certificate": records(found.certificate.to_frame()),
            "file": None if path is None else str(path),
        }
    )
    return console.holds(found.certificate)


def _summary(found: CompressedNetwork) -> str:
    before, after = _sizes(found.source), _sizes(found.result)
    lines = [f"units {before}; in the smaller network {after}"]
    undecided = int((found.stability["state"] == "undecided").sum())
    if undecided:
        lines.append(f"undecided and therefore kept: {undecided:,}")
    lines.append(_removed_text(found.removed))
    return "\n".join(lines)


def _sizes(network: ReluNetwork) -> str:
    return "-".join(map(str, (network.n_inputs, *network.widths, network.n_outputs)))


def _removed_text(removed: pd.DataFrame) -> str:
    """How many units went, by layer, reason and proof."""
    if removed.empty:
        return "nothing to take out: no neuron keeps to one side in a way that helps"
    columns = ["layer", "reason", "proven_by"]
    counts = removed.groupby(columns, sort=True).size().reset_index(name="units")
    rows = [[str(value) for value in row] for row in counts.itertuples(index=False)]
    header = ["layer", "taken out because", "proven by", "units"]
    return "\n" + table_text(header, rows, "><<>")
