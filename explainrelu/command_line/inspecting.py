"""The command that looks into a model: what it is, what it becomes, what of it is refused."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pandas as pd

from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.layouts import certificate_text, folded, table_text
from explainrelu.errors import ModelError
from explainrelu.importers.inspection.inspection import Inspection, inspect_model
from explainrelu.network.formula import number_text
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link
from explainrelu.network.schema import InputSchema
from explainrelu.reports.numbers import percent

__all__ = ["inspect", "inspection_text"]

_MOST = 12  # columns and names shown; --json has all


def inspect(inputs: Inputs, console: Console) -> bool:
    """Say what a model is and what becomes of it.

    Raises
    ------
    ModelError
        Where the model is refused, after everything that is known of it was said.
    """
    found, note = _inspected(inputs)
    if note:
        console.note(note)
    console.say(inspection_text(found))
    console.data(_plain(found))
    if found.network is None:
        raise ModelError(found.refusal)
    return console.holds(found.network.certificate)


def _inspected(inputs: Inputs) -> tuple[Inspection, str]:
    """The inspection, with the rows where there are some and the model can be read."""
    plain = inspect_model(inputs.model)
    if inputs.data is None or plain.network is None:
        return plain, ""
    read = loaded(inputs)
    return replace(plain, network=read.network), read.note


def inspection_text(found: Inspection) -> str:
    """Everything that is known of a model, at most a hundred columns wide.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> print(inspection_text(inspect_model(network)).partition("Columns")[0].rstrip())
    ReluNetwork (arrays); computes in float64
    <BLANKLINE>
    Layers
      layer   rectified  carried  inputs  nonzero        stored
      1               1        0       1        1  100%  dense
      output          0        1       1        1  100%  dense
    """
    tables = found.tables
    blocks = [_title(found)]
    if "operators" in tables:
        blocks.append(_operators(tables["operators"]))
    if "refused" in tables:
        blocks.append(_refused(tables["refused"]))
    if found.network is not None:
        blocks += [_layers(tables["layers"]), _columns(found.network, tables["columns"])]
        blocks += [_scores(found.network), *_remarks(found.network)]
        if found.network.certificate.checks:
            blocks.append(certificate_text(found.network.certificate))
    return "\n\n".join(blocks)


def _title(found: Inspection) -> str:
    if found.network is None:
        return folded(f"{found.kind}: refused")
    return folded(f"{found.kind}; computes in {found.network.origin.dtype}")


def _operators(table: pd.DataFrame) -> str:
    width = max(map(len, table["operator"]))
    lines = [
        f"  {row['n']:>5}  {row['operator']:<{width}}  "
        + (_sentence(row["read_as"]) if row["supported"] else "REFUSED")
        for _, row in table.iterrows()
    ]
    return folded("\n".join(["Operators", *lines]), hang=11 + width)


def _refused(table: pd.DataFrame) -> str:
    """Each operator and reason once, with all of its places."""
    lines = [
        f"  {operator} ({', '.join(dict.fromkeys(rows['where']))}): {reason}"
        for (operator, reason), rows in table.groupby(["operator", "reason"], sort=False)
    ]
    return folded("\n".join(["Refused", *lines]), hang=4)


def _layers(table: pd.DataFrame) -> str:
    rows = [
        [
            str(row["layer"]),
            *(f"{row[name]:,}" for name in ("n_rectified", "n_carried", "n_inputs", "n_nonzero")),
            percent(row["nonzero"]),
            str(row["stored"]),
        ]
        for _, row in table.iterrows()
    ]
    header = ["layer", "rectified", "carried", "inputs", "nonzero", "", "stored"]
    return "Layers\n" + table_text(header, rows, "<>>>>><")


def _columns(network: ReluNetwork, table: pd.DataFrame) -> str:
    schema, counts = network.schema, Counter(table["kind"])
    kinds = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    shape = f", one sample of shape {schema.shape}" if schema.shape else ""
    title = folded(f"Columns: {kinds}, {schema.n_inputs} inputs of the network{shape}")
    numbered = schema.names == InputSchema.numbered(schema.n_columns).names
    if schema.shape or (numbered and table["lower"].isna().all()):
        return title  # there is nothing to say of them one by one
    rows = [
        {
            "column": str(row["column"]),
            "kind": str(row["kind"]),
            "unit": str(row["unit"]),
            "seen": "" if row["kind"] == "categorical" else _range(row["lower"], row["upper"]),
            "levels": str(row["levels"]),
        }
        for _, row in table.head(_MOST).iterrows()
    ]
    header = [name for name in rows[0] if any(row[name] for row in rows)]
    cells = [[row[name] for name in header] for row in rows]
    more = len(table) - len(rows)
    lines = [title, table_text(header, cells, "<" * len(header))]
    return "\n".join([*lines, f"  ... {more} more"] if more else lines)


def _range(lower: float, upper: float) -> str:
    return "" if lower != lower else f"{number_text(lower)} to {number_text(upper)}"


def _scores(network: ReluNetwork) -> str:
    names = list(network.outputs.names)
    more = f", ... {len(names) - _MOST} more" if len(names) > _MOST else ""
    text = f"Scores: {network.n_outputs} ({', '.join(names[:_MOST])}{more}), {network.outputs.task}"
    if network.link is not Link.identity:
        text += f"; {network.link} behind them was cut off"
    return folded(text)


def _remarks(network: ReluNetwork) -> list[str]:
    """What was folded, and what has to hold."""
    origin = network.origin
    parts = {"Folded into the layers": origin.folded, "Assumed": origin.assumptions}
    return [
        folded("\n".join([title, *(f"  {line}" for line in lines)]))
        for title, lines in parts.items()
        if lines
    ]


def _sentence(text: str) -> str:
    """A row of the table of operators, for a terminal."""
    return text.replace("``", "").rstrip(".")


def _plain(found: Inspection) -> dict[str, Any]:
    """The inspection as JSON has it."""
    tables = {name: records(table) for name, table in found.tables.items()}
    told: dict[str, Any] = {
        "kind": found.kind,
        "supported": found.supported,
        "refusal": found.refusal,
        **{name: tables.get(name, []) for name in ("operators", "refused", "layers", "columns")},
    }
    network = found.network
    if network is not None:
        told |= {
            "number_format": network.origin.dtype,
            "shape": list(network.schema.shape),
            "n_inputs": network.n_inputs,
            "outputs": list(network.outputs.names),
            "task": str(network.outputs.task),
            "link": str(network.link),
            "folded": list(network.origin.folded),
            "assumptions": list(network.origin.assumptions),
            "holds": network.certificate.holds,
            "certificate": records(network.certificate.to_frame()),
        }
    return told
