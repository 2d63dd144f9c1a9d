"""The players of an attribution: raw columns, or groups of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, Matrix, applied_to_rows
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.network.schema import InputSchema

__all__ = ["Players", "players_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Players:
    """Who shares a score: each player is one raw column or several, and all together are all.

    Attributes
    ----------
    names
        One name a player.
    columns
        Positions of each player's raw columns.
    inputs
        The network's inputs that each player holds; an unused column holds none.
    grouped
        Whether the players are groups that a person named, rather than the columns.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    inputs: tuple[IntArray, ...]
    grouped: bool

    def __len__(self) -> int:
        return len(self.names)

    def table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One column a player: raw values, or of several columns a text ``age=3, job=nurse``."""
        if not self.grouped:
            return frame
        found = {}
        for name, columns in zip(self.names, self.columns, strict=True):
            parts = [frame.iloc[:, i] for i in columns]
            found[name] = parts[0] if len(parts) == 1 else _texts(parts)
        return pd.DataFrame(found, index=frame.index)

    def any_of(self, flags: BoolArray) -> BoolArray:
        """Flags of raw columns ``(n_samples, n_columns)`` as flags of players: any of its own."""
        return np.stack([flags[:, list(columns)].any(axis=1) for columns in self.columns], axis=1)

    def totals(self, by_input: FloatArray) -> FloatArray:
        """Numbers ``(..., n_inputs)`` summed over each player's inputs: ``(..., n_players)``."""
        return np.stack([by_input[..., own].sum(axis=-1) for own in self.inputs], axis=-1)

    def differing(self, points: FloatArray, background: FloatArray) -> BoolArray:
        """Where a player's inputs differ: ``(n_samples, n_background, n_players)``."""
        found = np.empty((points.shape[0], background.shape[0], len(self)), np.bool_)
        for i, own in enumerate(self.inputs):
            found[:, :, i] = (points[:, None, own] != background[None, :, own]).any(axis=-1)
        return found

    def shares(self, weight: Matrix, points: FloatArray) -> FloatArray:
        """What each player adds to the first layer: ``(n_samples, n_players, n_units)``."""
        found = np.empty((points.shape[0], len(self), weight.shape[0]))
        for i, own in enumerate(self.inputs):
            found[:, i] = applied_to_rows(weight[:, own], points[:, own])
        return found


def players_of(schema: InputSchema, groups: Any = None) -> Players:
    """The raw columns as players, or the groups that a person names.

    Parameters
    ----------
    groups
        None, a mapping of names to lists of columns, or a list of such lists, which are then
        called by their columns. Every raw column is in one group.

    Raises
    ------
    ArgumentError
        Where a column is in no group or in two, a group is empty, or names repeat.
    ColumnsError
        For a name that is no column.
    InputTypeError
        For groups that are neither mapping nor list.
    """
    held = [np.array(inputs, dtype=np.int64) for inputs in schema.groups.values()]
    if groups is None:
        columns = tuple((i,) for i in range(schema.n_columns))
        return Players(schema.names, columns, tuple(held), grouped=False)
    named = _named(groups)
    _check_partition(schema, named)
    position = {name: i for i, name in enumerate(schema.names)}
    members = tuple(tuple(position[column] for column in group) for _, group in named)
    inputs = tuple(np.concatenate([held[i] for i in group]) for group in members)
    return Players(tuple(name for name, _ in named), members, inputs, grouped=True)


def _named(groups: Any) -> list[tuple[str, list[str]]]:
    if isinstance(groups, Mapping):
        return [(str(name), _members(group)) for name, group in groups.items()]
    if not isinstance(groups, Sequence) or isinstance(groups, str):
        raise InputTypeError(
            "groups must be a mapping of names to lists of columns, or a list of such lists, got "
            f"{type(groups).__qualname__}. Write groups={{'size': ['height', 'weight']}}."
        )
    members = [_members(group) for group in groups]
    return [(" + ".join(group), group) for group in members]


def _members(group: Any) -> list[str]:
    if isinstance(group, str):
        return [group]
    if not isinstance(group, (Sequence, set, frozenset, np.ndarray, pd.Index)):
        raise InputTypeError(
            f"A group must be a list of column names, got {group!r}. Write ['height', 'weight']."
        )
    return [str(column) for column in group]


def _check_partition(schema: InputSchema, named: list[tuple[str, list[str]]]) -> None:
    counts = Counter(column for _, group in named for column in group)
    for column in counts:
        schema.column(column)
    empty = [name for name, group in named if not group]
    if empty:
        raise ArgumentError(f"A group must hold a column, got none in {empty[0]!r}. Leave it out.")
    doubles = [column for column, count in counts.items() if count > 1]
    if doubles:
        raise ArgumentError(
            f"Groups must not overlap, got {doubles[0]!r} {counts[doubles[0]]} times. Keep each "
            "column in one group."
        )
    missed = [name for name in schema.names if name not in counts]
    if missed:
        shown = ", ".join(repr(name) for name in missed[:8])
        raise ArgumentError(
            f"Groups must hold every column, got none that holds {shown}"
            f"{', ...' if len(missed) > 8 else ''}. Add them, each as a group of its own if "
            "need be."
        )
    names = Counter(name for name, _ in named)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise ColumnsError(f"Names of groups must differ, got {repeated[0]!r} twice.")


def _texts(parts: "list[pd.Series[Any]]") -> "pd.Series[str]":
    words = [
        [f"{part.name}={'missing' if pd.isna(v) else v}" for v in part.to_numpy(dtype=object)]
        for part in parts
    ]
    joined = [", ".join(row) for row in zip(*words, strict=True)]
    return pd.Series(joined, index=parts[0].index, dtype="str")
