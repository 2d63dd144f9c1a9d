"""The command that says how a model treats groups."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from explainrelu.audits.fairness.fairness import Fairness, fairness
from explainrelu.audits.fairness.individual import IndividualFairness
from explainrelu.certificate import Status
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, Loaded, loaded, read_model
from explainrelu.command_line.layouts import folded, signed_text, table_text
from explainrelu.command_line.options import number, passes, spoken
from explainrelu.command_line.table_files import read_table, table_writer
from explainrelu.errors import ArgumentError
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import ColumnKind, level_text
from explainrelu.network.formula import number_text
from explainrelu.network.schema import InputSchema
from explainrelu.reports.numbers import percent

__all__ = ["TABLES", "groups"]

TABLES = ("groups", "rows", "carriers", "regions")

_SPOKEN = {
    "protected": "--protected",
    "sensitive_features": "--sensitive",
    "favourable": "--favourable",
    "time_limit": "--time-limit",
}
_SAID = {
    Status.HOLDS: "Holds: no row of the box changes its class with {names} alone, proven.",
    Status.FAILS: "FAILS: some rows change their class with {names} alone.",
    Status.UNDECIDED: "Undecided whether a row changes its class with {names} alone.",
}
_RATES = {
    "selection_rate": "chosen",
    "true_positive_rate": "true positive",
    "false_positive_rate": "false positive",
}
_SHOWN = 5


def groups(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    protected: Sequence[str],
    sensitive: Sequence[str],
    favourable: str | None,
    time_limit: float,
    seed: int,
    table: str,
    strict: bool,
) -> bool:
    """How a model treats groups; True unless protected columns alone change a class."""
    if not (protected or sensitive):
        raise ArgumentError(
            "--protected COLUMN is needed, a column of the model, or --sensitive COLUMN, any "
            "column of DATA whose groups are compared."
        )
    write = None if path is None else table_writer(path)
    read, given = _read(inputs, sensitive)
    with spoken(**_SPOKEN), console.steps(1) as progress:
        if progress is not None:
            progress(0, "comparing groups")
        found = fairness(
            read.network,
            read.rows,
            read.target,
            protected=_protected(protected, read.network.schema) if protected else None,
            sensitive_features=given,
            favourable=favourable,
            time_limit=time_limit,
            random_state=seed,
        )
    tables = {"groups": found.groups, "carriers": found.carriers, "regions": found.regions}
    if found.individual is not None:
        tables["rows"] = found.individual.rows
    if table not in tables:
        raise ArgumentError("--table rows needs --protected: it tells which rows change.")
    console.note(read.note)
    if write is None:
        console.say(_text(found))
    else:
        write(tables[table])
        console.say(_verdict(found.individual)) if found.individual is not None else None
        console.note(f"Wrote {len(tables[table])} rows to {path}.")
    decided = found.individual is not None and found.individual.decides
    status = found.individual.status if found.individual is not None and decided else None
    holds = status is None or passes(status, strict=strict)
    console.data(
        {
            "holds": holds,
            "status": None if status is None else str(status),
            **{name: records(frame) for name, frame in tables.items()},
            "witness": _witness(found.individual),
            "notes": list(found.notes),
            "certificate": records(found.certificate.to_frame()),
        }
    )
    return console.holds(read.network.certificate) and holds


def _witness(individual: IndividualFairness | None) -> list[dict[str, Any]] | None:
    if individual is None or individual.witness is None:
        return None
    return records(individual.witness)


def _read(inputs: Inputs, sensitive: Sequence[str]) -> tuple[Loaded, pd.DataFrame | None]:
    """Rows and groups; a sensitive column that the model does not read is set aside."""
    if not sensitive or inputs.data is None:
        return loaded(inputs), None
    names = import_model(read_model(inputs.model)).schema.names
    aside = {*names, *inputs.target, *inputs.drop}
    drop = (*inputs.drop, *(name for name in dict.fromkeys(sensitive) if name not in aside))
    read = loaded(replace(inputs, drop=drop))
    return read, read_table(inputs.data).frame.loc[:, list(dict.fromkeys(sensitive))]


def _protected(texts: Sequence[str], schema: InputSchema) -> dict[str, Any]:
    """Columns, with the values to compare where some are named."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (text, "", "") if text in schema.names else text.rpartition("=")
        name = name if equals else text
        if name not in schema.names or not equals:
            found.setdefault(name, None)  # an unknown one is refused by name
            continue
        column = schema.column(name)
        low, colon, high = value.partition(":")
        if column.kind is ColumnKind.NUMERIC and colon:
            ends = (number("--protected", name, low), number("--protected", name, high))
            found[name] = ends
            continue
        known: Any = {level_text(level): level for level in column.levels}.get(value, value)
        if column.kind is ColumnKind.NUMERIC:
            known = number("--protected", name, value)
        before = found.get(name)
        found[name] = [*(before if isinstance(before, list) else ()), known]
    return found


# ---------------------------------------------------------------------------------------------
# Text.


def _text(found: Fairness) -> str:
    blocks = []
    if found.individual is not None:
        blocks.append(_verdict(found.individual))
        if found.individual.witness is not None and found.individual.decides:
            blocks.append(_pair(found.individual.witness))
    if len(found.groups):
        blocks += [_rates(f, rows) for f, rows in found.groups.groupby("feature", sort=False)]
    if len(found.carriers):
        blocks.append(_carriers(found.carriers))
    if len(found.regions):
        blocks.append(_regions(found.regions))
    blocks += [folded("Not looked at: " + "; ".join(found.notes), width=80)] if found.notes else []
    return "\n\n".join(blocks)


def _verdict(individual: IndividualFairness) -> str:
    names = " and ".join(each.column.name for each in individual.protected)
    values = "; ".join(f"{each.column.name} {each.words}" for each in individual.protected)
    lines = ["The model does not decide between classes, so that none can change."]
    if individual.decides:
        lines = [_SAID[individual.status].format(names=names)]
        flips = individual.rows["flips"]
        lines.append(f"  {int(flips.sum())} of {len(flips)} rows do ({percent(flips.mean())})")
    lines.append(f"  values compared: {values}")
    if individual.effect is not None:
        size = number_text(individual.largest_effect)
        lines.append(f"  the score moves by at most {size} anywhere in the box")
    if individual.verdict is not None and individual.verdict.reason:
        lines.append(f"  {individual.verdict.reason}")
    return folded("\n".join(lines), width=80)


def _pair(witness: pd.DataFrame) -> str:
    """Two rows: what differs in a table, what does not in a sentence."""
    same = [name for name in witness.columns if witness[name].iloc[0] == witness[name].iloc[1]]
    odd = [name for name in witness.columns if name not in same]
    rows = [[str(name), *(str(value) for value in witness[name])] for name in odd]
    table = table_text(["", *map(str, witness.index)], rows, "<<<")
    held = ", ".join(f"{name} {witness[name].iloc[0]}" for name in same)
    return f"Two such rows\n{table}" + (f"\n{folded(f'  both: {held}', width=80)}" if held else "")


def _rates(feature: Any, groups: pd.DataFrame) -> str:
    """One line a group, one column a rate; the largest differences below."""
    metrics = list(dict.fromkeys(groups["metric"]))
    wide = groups.pivot(index="group", columns="metric", values="value").reindex(columns=metrics)
    sizes = groups.drop_duplicates("group").set_index("group")["n_rows"]
    rows = [
        [str(name), str(sizes[name]), *(_rate(wide.loc[name, metric]) for metric in metrics)]
        for name in dict.fromkeys(groups["group"])
    ]
    gaps = groups.drop_duplicates("metric").set_index("metric")["difference"]
    rows.append(["(largest gap)", "", *(_rate(gaps[metric]) for metric in metrics)])
    header = ["group", "rows", *(_RATES.get(metric, metric) for metric in metrics)]
    return f"Rates by {feature}\n{table_text(header, rows, '<>' + '>' * len(metrics), 20)}"


def _rate(value: float) -> str:
    return "" if value != value else percent(value)


def _carriers(carriers: pd.DataFrame) -> str:
    rows = [
        [
            line["feature"],
            line["column"],
            line["role"],
            percent(line["association"]),
            percent(line["share"]),
            "" if pd.isna(line["group_gap_share"]) else signed_text(line["group_gap_share"]),
        ]
        for _, line in carriers.head(_SHOWN).iterrows()
    ]
    header = ["groups of", "column", "role", "tells group", "of score", "of gap"]
    return (
        f"What carries group differences into the score\n{table_text(header, rows, '<<<>>>', 20)}"
    )


def _regions(regions: pd.DataFrame) -> str:
    rows = [
        [
            line["feature"],
            line["group"],
            str(line["n_rows"]),
            str(line["n_regions"]),
            str(line["own_regions"]),
            percent(line["own_share"]),
        ]
        for _, line in regions.iterrows()
    ]
    header = ["groups of", "group", "rows", "regions", "alone there", "rows there"]
    return f"Linear regions of each group\n{table_text(header, rows, '<<>>>>', 20)}"
