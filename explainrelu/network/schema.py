"""How a person's table becomes the network's inputs, and back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.errors import ArgumentError, ColumnsError, DataError
from explainrelu.network.column import Column, ColumnKind, Level, level_text
from explainrelu.network.frames import as_array, as_frame

__all__ = ["InputSchema"]


@dataclass(frozen=True, slots=True, eq=False)
class InputSchema:
    """The raw columns of a model and the inputs they give.

    The inputs are, column after column: a numeric column's raw value, an ordinal column's
    code, one 0/1 indicator for each level of a categorical column, nothing for an unused one.

    Attributes
    ----------
    columns
        The raw columns in the person's order.
    shape
        The shape of one sample where it is no row of a table but a picture, a signal, ...: its
        numbers in C order are then the columns. Empty for a table.
    n_inputs
        Inputs of the network.
    one_to_one
        Whether every column gives exactly one input: its value or its code.

    Examples
    --------
    >>> schema = InputSchema((Column("age"), Column("job", ColumnKind.CATEGORICAL,
    ...                                             levels=("clerk", "nurse"))))
    >>> schema.encode(pd.DataFrame({"age": [30.0], "job": ["nurse"]}))
    array([[30.,  0.,  1.]])
    """

    columns: tuple[Column, ...]
    shape: tuple[int, ...] = ()
    n_inputs: int = field(init=False, repr=False)
    one_to_one: bool = field(init=False, repr=False)
    _plain: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # kept, since a picture has thousands of columns to go through
        numeric = (ColumnKind.NUMERIC, ColumnKind.ORDINAL)
        plain = all(c.kind is ColumnKind.NUMERIC and not c.imputes for c in self.columns)
        object.__setattr__(self, "n_inputs", sum(column.n_inputs for column in self.columns))
        object.__setattr__(self, "one_to_one", all(c.kind in numeric for c in self.columns))
        object.__setattr__(self, "_plain", plain)
        if self.shape and (prod(self.shape) != self.n_columns or not self._plain):
            raise ArgumentError(
                f"A sample of shape {self.shape} must have {prod(self.shape)} numeric columns, "
                f"got {self.n_columns} columns."
            )
        names = [column.name for column in self.columns]
        doubles = sorted(name for name, count in Counter(names).items() if count > 1)
        if doubles:
            raise ColumnsError(f"Column names must differ from each other, got {doubles} twice.")

    @classmethod
    def numeric(cls, names: Sequence[str]) -> "InputSchema":
        """Numeric columns only."""
        return cls(tuple(Column(str(name)) for name in names))

    @classmethod
    def numbered(cls, n_columns: int) -> "InputSchema":
        """Numeric columns without names of their own: ``x0``, ``x1``, ..."""
        return cls.numeric([f"x{i}" for i in range(n_columns)])

    @classmethod
    def pictured(cls, shape: Sequence[int]) -> "InputSchema":
        """Samples of a shape of their own, such as ``(channels, height, width)``.

        Columns are called by their place: ``x[0,3,5]``.
        """
        places = np.ndindex(*shape)
        names = [f"x[{','.join(map(str, place))}]" for place in places]
        return cls(tuple(Column(name) for name in names), tuple(int(size) for size in shape))

    @property
    def names(self) -> tuple[str, ...]:
        """Raw column names."""
        return tuple(column.name for column in self.columns)

    @property
    def n_columns(self) -> int:
        """Raw columns."""
        return len(self.columns)

    @property
    def starts(self) -> IntArray:
        """First input of each column, and behind them the number of inputs: (n_columns + 1,)."""
        return np.cumsum([0, *(column.n_inputs for column in self.columns)])

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Raw column name -> the inputs it gives."""
        ends = self.starts
        return {
            column.name: tuple(range(int(ends[i]), int(ends[i + 1])))
            for i, column in enumerate(self.columns)
        }

    @property
    def input_names(self) -> tuple[str, ...]:
        """One name an input: the column, or ``column = level`` for an indicator."""
        names: list[str] = []
        for column in self.columns:
            if column.kind is ColumnKind.CATEGORICAL:
                names += [f"{column.name} = {level_text(level)}" for level in column.levels]
            elif column.kind is not ColumnKind.UNUSED:
                names.append(column.name)
        return tuple(names)

    @property
    def input_columns(self) -> IntArray:
        """For each input the position of its raw column: (n_inputs,)."""
        return np.repeat(np.arange(self.n_columns), [c.n_inputs for c in self.columns])

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises
        ------
        ColumnsError
            Where there is none.
        """
        if name not in self.names:
            raise ColumnsError(f"No column is called {name!r}; there are {', '.join(self.names)}.")
        return self.columns[self.names.index(name)]

    def frame(self, X: Any) -> pd.DataFrame:
        """``X`` as a pandas frame with exactly these columns (see :func:`as_frame`).

        Samples with a shape of their own may come in it, ``(n_samples, *shape)``, or as rows.
        """
        return as_frame(self._as_rows(X), self.names)

    def numbers(self, X: Any) -> FloatArray:
        """One number a raw column: value, code, or position of the level (-1 unknown).

        Imputed where the pipeline imputes. Shape ``(n_samples, n_columns)``.
        """
        frame = self.frame(X)
        if self._plain and all(dtype == np.float64 for dtype in frame.dtypes):
            values = frame.to_numpy()
            if np.isfinite(values).all():
                return np.array(values)
        table = np.empty((len(frame), self.n_columns))
        for i, column in enumerate(self.columns):
            table[:, i] = column.numbers(frame.iloc[:, i])
        return table

    def encode(self, X: Any) -> FloatArray:
        """The inputs ``(n_samples, n_inputs)`` of a table of raw rows.

        Raises
        ------
        ColumnsError, MissingValuesError, UnknownLevelError, DataError
            Where the rows do not fit the model; the text names column and row.
        """
        return self.spread(self.numbers(X))

    def deviations(self, numbers: FloatArray) -> FloatArray:
        """The standard deviation of each numeric column, 0 of the others: (n_columns,).

        Of rows as :meth:`numbers` has them; a column that does not vary has 0 too.
        """
        numeric = [column.kind is ColumnKind.NUMERIC for column in self.columns]
        return np.where(numeric, numbers.std(axis=0), 0.0)

    def spread(self, numbers: FloatArray) -> FloatArray:
        """The inputs of rows given as one number a raw column (see :meth:`numbers`)."""
        if self.one_to_one:
            return np.ascontiguousarray(numbers)
        points = np.zeros((numbers.shape[0], self.n_inputs))
        for i, (column, start) in enumerate(zip(self.columns, self.starts[:-1], strict=True)):
            if column.kind is ColumnKind.CATEGORICAL:
                levels = numbers[:, i].astype(np.int64)
                rows = np.flatnonzero(levels >= 0)
                points[rows, start + levels[rows]] = 1.0
            elif column.kind is not ColumnKind.UNUSED:
                points[:, start] = numbers[:, i]
        return points

    def decode(self, points: FloatArray) -> pd.DataFrame:
        """Raw rows of encoded points: the inverse of :meth:`encode`.

        An all-zero group is an unknown level and decodes to None; an unused column to None.

        Raises
        ------
        DataError
            Where indicators are not 0/1 with at most one 1 a group: such a point of the box is
            no row of anyone's table.
        """
        if all(column.kind is ColumnKind.NUMERIC for column in self.columns):
            return pd.DataFrame(points, columns=list(self.names), dtype=np.float64)
        data: dict[str, Any] = {}
        for column, start in zip(self.columns, self.starts[:-1], strict=True):
            inputs = points[:, start : start + column.n_inputs]
            data[column.name] = _decode_column(column, inputs)
        return pd.DataFrame(data)

    def imputed(self, X: Any) -> BoolArray:
        """Which values the pipeline fills: ``(n_samples, n_columns)``."""
        frame = self.frame(X)
        if self._plain:
            return np.zeros(frame.shape, dtype=np.bool_)
        flags = [column.imputed(frame.iloc[:, i]) for i, column in enumerate(self.columns)]
        return np.stack(flags, axis=1)

    def with_ranges(self, points: FloatArray) -> "InputSchema":
        """The same schema with the recorded ranges widened to hold these points."""
        columns = []
        for column, start in zip(self.columns, self.starts[:-1], strict=True):
            if column.kind is not ColumnKind.UNUSED:
                seen = points[:, start : start + column.n_inputs].sum(axis=1)
                lower = float(np.fmin(column.lower, seen.min()))
                upper = float(np.fmax(column.upper, seen.max()))
                column = replace(column, lower=lower, upper=upper)
            columns.append(column)
        return replace(self, columns=tuple(columns))

    def admitting(self, points: FloatArray) -> "InputSchema":
        """The same schema, no longer claiming known levels where these points have unknown ones."""
        for column, start in zip(self.columns, self.starts[:-1], strict=True):
            claims = column.kind is ColumnKind.CATEGORICAL and column.always_known
            if claims and not points[:, start : start + column.n_inputs].any(axis=1).all():
                return self.with_ranges(points)
        return self

    def recorded_corners(self, points: FloatArray) -> FloatArray:
        """Two points that span the recorded ranges: (2, n_inputs).

        Where no range was recorded the corners take the extremes of ``points``.
        """
        corners = np.vstack([points.min(axis=0), points.max(axis=0)])
        for column, start in zip(self.columns, self.starts[:-1], strict=True):
            numeric = column.kind in (ColumnKind.NUMERIC, ColumnKind.ORDINAL)
            if numeric and not np.isnan(column.lower + column.upper):
                corners[:, start] = column.lower, column.upper
        return corners

    def with_units(self, units: Mapping[str, str]) -> "InputSchema":
        """The same schema with units of some columns.

        Raises
        ------
        ColumnsError
            For a name that is no column.
        """
        for name in units:
            self.column(name)
        columns = tuple(replace(c, unit=units.get(c.name, c.unit)) for c in self.columns)
        return replace(self, columns=columns)

    def level_inputs(self, name: str, level: Any) -> dict[int, float]:
        """Input -> value when column ``name`` is at ``level``.

        Raises
        ------
        ArgumentError
            Where the column has no such level.
        """
        column, start = self.column(name), int(self.starts[self.names.index(name)])
        if column.kind is ColumnKind.NUMERIC and isinstance(level, Real):
            return {start: float(level)}
        if level not in column.levels:
            known = ", ".join(repr(level_text(known)) for known in column.levels) or "none"
            raise ArgumentError(f"Column {name!r} has no level {level!r}; its levels: {known}.")
        position = column.levels.index(level)
        if column.kind is ColumnKind.ORDINAL:
            return {start: column.codes[position]}
        return {start + i: float(i == position) for i in range(column.n_inputs)}

    def _as_rows(self, X: Any) -> Any:
        """Samples in their own shape as rows of numbers; anything else as it is."""
        if not self.shape:
            return X
        array = as_array(X)
        if array is None or array.ndim == 2:
            return X
        if array.shape[1:] != self.shape:
            advice = " For one sample write X[None]." if array.shape == self.shape else ""
            raise DataError(
                f"X must be of shape (n_samples, {', '.join(map(str, self.shape))}), or rows of "
                f"{self.n_columns} numbers, got shape {array.shape}.{advice}"
            )
        return array.reshape(array.shape[0], -1).astype(np.float64, copy=False)


def _levels_of_codes(column: Column, codes: FloatArray) -> Any:
    levels: dict[float, Level] = dict(zip(column.codes, column.levels, strict=True))
    odd = [c for c in codes if c not in levels and c not in (column.unknown_code, column.fill)]
    if odd:
        raise DataError(
            f"Codes of {column.name!r} must be those of its levels, {list(column.codes)}, got "
            f"{odd[0]:g}: the point lies between levels and is no row. Round it to a code."
        )
    return np.array([levels.get(float(code)) for code in codes], dtype=object)


def _decode_column(column: Column, inputs: FloatArray) -> Any:
    if column.kind is ColumnKind.UNUSED:
        return np.full(inputs.shape[0], None, dtype=object)
    if column.kind is ColumnKind.NUMERIC:
        return inputs[:, 0]
    if column.kind is ColumnKind.ORDINAL:
        return _levels_of_codes(column, inputs[:, 0])
    if not np.isin(inputs, (0.0, 1.0)).all() or (inputs.sum(axis=1) > 1).any():
        raise DataError(
            f"Indicators of {column.name!r} must be 0 or 1 with at most one 1, got fractions: "
            "the point lies inside the relaxed box and is no row. Fix the column by Box.at_levels."
        )
    table = np.array([*column.levels, None], dtype=object)
    position = np.where(inputs.any(axis=1), inputs.argmax(axis=1), len(column.levels))
    return table[position]
