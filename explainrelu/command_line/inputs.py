"""The files a command is given, as a network and the rows its columns hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd

from explainrelu.command_line.table_files import TableFile, read_table
from explainrelu.errors import ArgumentError, ColumnsError
from explainrelu.importers.from_skops import from_skops
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.storage import load

__all__ = ["Inputs", "Loaded", "check_score", "loaded", "read_model"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files a command is given, and how to read them.

    Attributes
    ----------
    model
        A .nnet, .onnx, .pt2, .skops or .xrelu file.
    data
        A .csv or .parquet file; None where the command can do without.
    target
        Columns of the data that hold what the model predicts.
    drop
        Columns of the data to leave out.
    reorder
        Whether columns are taken by name, whatever their order in the file.
    background
        A further file of rows, to compare with.
    outputs
        Which scores: one name, or two for their difference; none for all.
    groups
        Columns of the data by which rows are grouped; left out where the model does not read them.
    """

    model: Path
    data: Path | None = None
    target: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    reorder: bool = False
    background: Path | None = None
    outputs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def score(self) -> str | tuple[str, ...] | None:
        """The choice of scores, as the package takes it."""
        return self.outputs[0] if len(self.outputs) == 1 else (self.outputs or None)


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What was read.

    Attributes
    ----------
    network
        The model, held against its own scores on the rows.
    rows : DataFrame (n_samples, n_columns)
        The model's columns.
    target
        What the model predicts, where the data has it.
    background : DataFrame (n_background, n_columns)
        The rows to compare with, where a file of them was named.
    note
        What was read, in a sentence.
    groups : DataFrame (n_samples, n_groups)
        The columns by which rows are grouped, where some were named.
    """

    network: ReluNetwork
    rows: pd.DataFrame
    target: "pd.Series[Any] | pd.DataFrame | None"
    background: pd.DataFrame | None
    note: str
    groups: pd.DataFrame | None = None


def read_model(path: Path) -> Any:
    """What a model file holds: an estimator, a network or a converted model.

    Of a saved set of regions the network.
    """
    if path.suffix == ".skops":
        return from_skops(path)
    if path.suffix != ".xrelu":
        return import_model(path)
    found = load(path)
    return found.network if isinstance(found, RegionSet) else found


def check_score(inputs: Inputs, network: ReluNetwork) -> None:
    """Refuse a choice of scores that the network does not have.

    Raises
    ------
    ArgumentError
        For an unknown name, or more than two.
    """
    if len(inputs.outputs) > 2:
        raise ArgumentError(
            "--class must be given once, or twice for a difference, got it "
            f"{len(inputs.outputs)} times."
        )
    known = tuple(dict.fromkeys((*network.outputs.classes, *network.outputs.names)))
    for name in inputs.outputs:
        if name not in known:
            raise ArgumentError(f"--class must be one of {_listed(known)}, got {name!r}.")


def loaded(inputs: Inputs) -> Loaded:
    """Read model and data.

    Raises
    ------
    ExplainReluError
        Where a file cannot be read, or the rows do not fit the model.
    """
    if inputs.data is None:
        raise ArgumentError("DATA is needed: a .csv or .parquet file of rows.")
    model = from_skops(inputs.model) if inputs.model.suffix == ".skops" else inputs.model
    plain = import_model(model)
    check_score(inputs, plain)
    table = read_table(inputs.data)
    _check_set_aside(table, (*inputs.target, *inputs.drop, *inputs.groups))
    inputs = replace(inputs, drop=(*inputs.drop, *_unread(table, plain.schema.names, inputs)))
    names = _names(table, plain.schema.names, inputs)
    rows = table.rows(names, _renamed(plain.schema, names))
    network = plain if inputs.model.suffix == ".xrelu" else import_model(model, rows)
    network.schema.encode(rows)  # unfit rows are refused before anything is said or written
    return Loaded(
        network=network,
        rows=rows,
        target=_target(table, inputs.target),
        background=_background(inputs, network),
        note=_note(table, inputs, names),
        groups=table.target(inputs.groups) if inputs.groups else None,
    )


def _unread(table: TableFile, wanted: tuple[str, ...], inputs: Inputs) -> tuple[str, ...]:
    """Columns that only group the rows: the model does not read them."""
    left = [n for n in table.names if n not in {*inputs.target, *inputs.drop}]
    by_position = wanted == InputSchema.numbered(len(wanted)).names and not {*wanted} & {*left}
    if by_position and len(left) == len(wanted):
        return ()
    return tuple(n for n in inputs.groups if n in left and n not in wanted)


def _background(inputs: Inputs, network: ReluNetwork) -> pd.DataFrame | None:
    if inputs.background is None:
        return None
    table = read_table(inputs.background)
    rows = table.rows(_names(table, network.schema.names, inputs), network.schema)
    network.schema.encode(rows)
    return rows


def _check_set_aside(table: TableFile, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.names:
            raise ColumnsError(
                f"{str(table.path)!r} has no column {name!r} to set aside; its columns: "
                f"{_listed(table.names)}. Check --target and --drop."
            )


def _names(table: TableFile, wanted: tuple[str, ...], inputs: Inputs) -> tuple[str, ...]:
    """The columns of the file that the model takes, in the model's order."""
    left = tuple(n for n in table.names if n not in {*inputs.target, *inputs.drop})
    unnamed = wanted == InputSchema.numbered(len(wanted)).names and not {*wanted} & {*left}
    by_position = unnamed and inputs.model.suffix != ".xrelu"  # as fitted on an array
    if left == wanted or (by_position and len(left) == len(wanted)):
        return left
    if sorted(left) != sorted(wanted):
        shown = () if by_position else wanted
        raise _mismatch(table, shown, left, len(wanted), targeted=bool(inputs.target))
    if not inputs.reorder:
        raise ColumnsError(
            f"{str(table.path)!r} has the model's columns in another order. Add --reorder to take "
            f"them by name, or write them in the order {_listed(wanted)}."
        )
    return wanted


def _mismatch(
    table: TableFile,
    wanted: Sequence[str],
    left: Sequence[str],
    n_columns: int,
    *,
    targeted: bool,
) -> ColumnsError:
    """What is missing, what is too much, and the option that would mend it."""
    missing = [name for name in wanted if name not in left]
    extra = [name for name in left if name not in wanted]
    text = f"The model takes {n_columns} columns, got {len(left)} from {str(table.path)!r}"
    text += f"; missing: {_listed(missing)}" if missing else ""
    text += f"; not known to the model: {_listed(extra)}." if wanted and extra else "."
    if missing or len(left) < n_columns:
        return ColumnsError(f"{text} Rename or add columns so that they match.")
    if not extra:
        return ColumnsError(f"{text} Split off the target with --target, or --drop columns.")
    drops = " ".join(f"--drop {quote(name)}" for name in extra)
    if targeted:
        return ColumnsError(f"{text} Add {drops}.")
    return ColumnsError(
        f"{text} Add --target {quote(extra[-1])} if that is what the model predicts, else {drops}."
    )


def _listed(names: Sequence[str]) -> str:
    more = f", ... {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(name or "(no name)" for name in names[:8]) + more


def _renamed(schema: InputSchema, names: Sequence[str]) -> InputSchema:
    """The schema with other names, for a model that takes its columns by position."""
    pairs = zip(schema.columns, names, strict=True)
    return InputSchema(tuple(replace(column, name=name) for column, name in pairs))


def _target(table: TableFile, names: Sequence[str]) -> "pd.Series[Any] | pd.DataFrame | None":
    if not names:
        return None
    target = table.target(names)
    return target.iloc[:, 0] if len(names) == 1 else target


def _note(table: TableFile, inputs: Inputs, names: Sequence[str]) -> str:
    aside = f"; target {', '.join(inputs.target)}" if inputs.target else ""
    aside += f"; left out {_listed(inputs.drop)}" if inputs.drop else ""
    return f"Read {len(table.frame)} rows of {len(names)} columns from {table.path}{aside}.\n"
