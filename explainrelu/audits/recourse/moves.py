"""Where a row may go: ranges, levels, steps and links around its own values."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen, frozen_floats
from explainrelu.audits.actionability import Actionability
from explainrelu.audits.recourse.permitted import Permitted
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.milp.rows import RowSpace
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["MoveSpace", "whole_columns"]

_FAR = 1e-9  # of a step: what counts as a whole number of steps


@dataclass(frozen=True, slots=True, eq=False)
class MoveSpace:
    """The rows that one row may become.

    Attributes
    ----------
    schema
        The columns, with the levels that are permitted.
    query : (n_inputs,)
        The row itself, encoded.
    box
        What each input may become.
    steps : (n_inputs,)
        The input moves by whole multiples of this; 0 for any amount.
    links
        Inputs that move by the same amount, one tuple a group.
    rows
        The box and the levels in it.
    columns : (n_inputs,)
        The column of each input.
    categorical : (n_columns,)
        Which columns have indicators.
    """

    schema: InputSchema
    query: FloatArray
    box: Box
    steps: FloatArray
    links: tuple[tuple[int, ...], ...]
    rows: RowSpace = field(init=False, repr=False)
    columns: IntArray = field(init=False, repr=False)
    categorical: BoolArray = field(init=False, repr=False)
    _starts: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # kept, since a picture has thousands of columns to go through
        object.__setattr__(self, "rows", RowSpace.of(self.schema, self.box))
        object.__setattr__(self, "columns", frozen(self.schema.input_columns))
        object.__setattr__(self, "_starts", frozen(self.schema.starts))
        kinds = [column.kind is ColumnKind.CATEGORICAL for column in self.schema.columns]
        object.__setattr__(self, "categorical", frozen(np.array(kinds, dtype=np.bool_)))
        object.__setattr__(self, "query", frozen_floats(self.query, 1, "query"))
        object.__setattr__(self, "steps", frozen_floats(self.steps, 1, "steps"))

    @classmethod
    def of(
        cls,
        schema: InputSchema,
        query: FloatArray,
        permitted: Permitted,
        wishes: Actionability,
        whole: BoolArray,
    ) -> "MoveSpace":
        """The moves of one encoded row.

        Parameters
        ----------
        whole : (n_columns,)
            Columns that take whole numbers only, unless ``wishes.step`` says otherwise.

        Raises
        ------
        ArgumentError
            Where a column has nowhere to be, or no range to move in is known.
        """
        lower, upper, columns = query.copy(), query.copy(), list(schema.columns)
        steps, groups, starts = np.zeros(query.size), schema.groups, schema.starts
        for i, column in enumerate(schema.columns):
            part = slice(int(starts[i]), int(starts[i + 1]))
            own = query[part]
            if column.kind in (ColumnKind.CATEGORICAL, ColumnKind.ORDINAL):
                columns[i] = _levels(column, own, permitted, wishes)
            if column.kind is ColumnKind.UNUSED:
                continue
            lower[part], upper[part] = permitted.bounds(columns[i], own, wishes)
            if column.kind is ColumnKind.NUMERIC:
                step = wishes.step.get(column.name, 1.0 if whole[i] else None)
                steps[part] = 0.0 if step is None else step
        links = tuple(tuple(groups[name][0] for name in group) for group in wishes.groups)
        names = schema.input_names
        for link in links:
            _tie(list(link), names, query, lower, upper, steps, wishes)
        _on_steps(names, query, lower, upper, steps)
        return cls(
            InputSchema(tuple(columns), schema.shape), query, Box(lower, upper), steps, links
        )

    def part(self, column: int) -> slice:
        """The inputs of a column."""
        return slice(int(self._starts[column]), int(self._starts[column + 1]))

    @property
    def movable(self) -> BoolArray:
        """Which columns may become something else: (n_columns,)."""
        free = (self.box.lower != self.query) | (self.box.upper != self.query)
        found = np.zeros(self.schema.n_columns, dtype=np.bool_)
        found[self.columns[free]] = True
        return found

    def changed(self, points: FloatArray) -> BoolArray:
        """Which columns differ from the row: (n_points, n_columns)."""
        away = points != self.query
        if self.schema.one_to_one:
            return np.asarray(away, dtype=np.bool_)
        found = np.zeros((points.shape[0], self.schema.n_columns), dtype=np.bool_)
        for i in np.unique(self.columns):
            found[:, i] = away[:, self.part(int(i))].any(axis=1)
        return found

    def holding(self, columns: Sequence[int]) -> "MoveSpace | None":
        """The same with some columns (and what is linked to them) held at the row's own values.

        None where the row's own value is not permitted.
        """
        lower, upper = self.box.lower.copy(), self.box.upper.copy()
        held = {i for column in columns for i in range(*self.part(column).indices(lower.size))}
        for link in self.links:
            if held & set(link):
                held |= set(link)
        inputs = sorted(held)
        own = self.query[inputs]
        if (own < lower[inputs]).any() or (own > upper[inputs]).any():
            return None
        lower[inputs] = upper[inputs] = own
        found = replace(self, box=Box(lower, upper))
        # the box of some levels holds others too, such as the code between two
        return found if all(len(choice.values) for choice in found.rows.choices) else None

    def within(self, reach: FloatArray) -> "MoveSpace | None":
        """The moves that change no input by more than ``reach (n_inputs,)``; None for none."""
        lower = np.maximum(self.box.lower, self.query - reach)
        upper = np.minimum(self.box.upper, self.query + reach)
        return None if (lower > upper).any() else replace(self, box=Box(lower, upper))

    def snapped(self, points: FloatArray) -> FloatArray:
        """The nearest rows of the space, column by column; linked columns follow their first."""
        found = np.clip(points, self.box.lower, self.box.upper)
        stepped = np.flatnonzero(self.steps > 0)
        for i in stepped:
            found[:, i] = self._on_step(int(i), found[:, i])
        for choice in self.rows.choices:
            away = np.abs(points[:, None, choice.inputs] - choice.values[None]).sum(axis=2)
            found[:, choice.inputs] = choice.values[away.argmin(axis=1)]
        for first, *others in self.links:
            amount = found[:, first] - self.query[first]
            found[:, others] = self.query[others] + amount[:, None]
        return found

    def _on_step(self, i: int, values: FloatArray) -> FloatArray:
        step, own = self.steps[i], self.query[i]
        number = np.rint((values - own) / step)
        low = np.ceil((self.box.lower[i] - own) / step - _FAR)
        high = np.floor((self.box.upper[i] - own) / step + _FAR)
        return np.asarray(own + step * np.clip(number, low, high), dtype=np.float64)

    def violations(self, points: FloatArray) -> FloatArray:
        """How far each point breaks a constraint, relative to the size of the numbers."""
        size = np.maximum(1.0, np.maximum(np.abs(self.box.lower), np.abs(self.box.upper)))
        worst = (np.maximum(self.box.lower - points, points - self.box.upper) / size).max(axis=1)
        away = np.abs(points - self.snapped(points)) / size
        return np.asarray(np.maximum(np.maximum(worst, away.max(axis=1)), 0.0), dtype=np.float64)


def _levels(column: Column, own: FloatArray, permitted: Permitted, wishes: Actionability) -> Column:
    """The column with the levels it may take: known ones, and where it may stay the row's own."""
    stays = permitted.holds_own(column, own)
    if column.kind is ColumnKind.CATEGORICAL:
        unknown = stays and not own.any()
        # a column whose rows all had a known level counts as never unknown by its lower end
        return replace(column, ignores_unknown=unknown, lower=0.0 if unknown else column.lower)
    codes = permitted.codes(column, own, wishes)
    chosen = [(level, code) for level, code in zip(column.levels, column.codes, strict=True)
              if code in codes]  # fmt: skip
    odd = [code for code in codes if code not in column.codes]
    return replace(
        column,
        levels=tuple(level for level, _ in chosen),
        codes=tuple(code for _, code in chosen),
        imputes=False,
        ignores_unknown=bool(odd),
        unknown_code=odd[0] if odd else float("nan"),
        fill=None,
    )


def _tie(
    link: list[int],
    names: Sequence[str],
    query: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    steps: FloatArray,
    wishes: Actionability,
) -> None:
    """The amounts and the step that all linked inputs can take."""
    shown = ", ".join(names[i] for i in link)
    own_steps = {wishes.step.get(names[i]) for i in link} - {None}
    if len(own_steps) > 1:
        raise ArgumentError(
            f"Linked columns change by the same amount, got {shown} with steps "
            f"{sorted(s for s in own_steps if s)}. Give them one step."
        )
    free = any(names[i] in wishes.step and wishes.step[names[i]] is None for i in link)
    step = next(iter(own_steps), 0.0 if free else float(steps[link].max()))
    low, high = (lower - query)[link].max(), (upper - query)[link].min()
    if low > high:
        raise ArgumentError(
            f"Linked columns change by the same amount, got {shown}, whose ranges allow none. "
            "Widen permitted_range."
        )
    lower[link], upper[link], steps[link] = query[link] + low, query[link] + high, step or 0.0


def _on_steps(
    names: Sequence[str],
    query: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    steps: FloatArray,
) -> None:
    """Ranges that end on a step."""
    for i in np.flatnonzero((steps > 0) & (lower < upper)).tolist():
        low = np.ceil((lower[i] - query[i]) / steps[i] - _FAR)
        high = np.floor((upper[i] - query[i]) / steps[i] + _FAR)
        if low > high:
            raise ArgumentError(
                f"The range of {names[i]!r} must hold a value on its steps of {steps[i]:g} from "
                f"{query[i]:g}, got {lower[i]:g} to {upper[i]:g}. Widen permitted_range, or give "
                f"step={{{names[i]!r}: None}}."
            )
        lower[i], upper[i] = query[i] + steps[i] * low, query[i] + steps[i] * high


def whole_columns(schema: InputSchema, frames: Sequence[Any]) -> BoolArray:
    """Which numeric columns hold whole numbers only: by dtype of the first, or in all of a second.

    Parameters
    ----------
    frames
        The query as a frame, and the background where there is one.
    """
    query, *others = frames
    found = np.zeros(schema.n_columns, dtype=np.bool_)
    for i, column in enumerate(schema.columns):
        if column.kind is ColumnKind.NUMERIC:
            found[i] = query.iloc[:, i].dtype.kind in "iub"
            for other in others:
                numbers = column.numbers(other.iloc[:, i])
                own = column.numbers(query.iloc[:, i])
                found[i] |= bool((numbers % 1 == 0).all() and (own % 1 == 0).all())
    return frozen(found)
