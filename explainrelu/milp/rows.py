"""What of a box is a row: the choices that columns with levels have in it."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["Choice", "RowSpace"]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The values that one column with levels can take inside a box.

    Attributes
    ----------
    column
        The raw column.
    inputs
        The inputs it gives.
    values : (n_choices, n_inputs of the column)
        What these inputs read at each level inside the box: an indicator at 1, a code.
    """

    column: Column
    inputs: slice
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RowSpace:
    """The points of a box that are rows: columns with levels stand at one of them.

    Attributes
    ----------
    box
        The box over the encoded inputs.
    choices
        One a column with levels; none where the box is meant as it is, as a relaxation.
    """

    box: Box
    choices: tuple[Choice, ...]

    @classmethod
    def of(cls, schema: InputSchema, box: Box, *, levels: bool = True) -> "RowSpace":
        """The rows of a box; with ``levels=False`` every point of it."""
        if not levels or all(column.kind is ColumnKind.NUMERIC for column in schema.columns):
            return cls(box, ())
        found = []
        for column, start in zip(schema.columns, schema.starts[:-1], strict=True):
            part = slice(int(start), int(start) + column.n_inputs)
            if column.kind in (ColumnKind.CATEGORICAL, ColumnKind.ORDINAL):
                values = _values(column)
                inside = (values >= box.lower[part]) & (values <= box.upper[part])
                found.append(Choice(column, part, values[inside.all(axis=1)]))
        return cls(box, tuple(found))

    def sample(self, n_samples: int, rng: np.random.Generator) -> FloatArray:
        """Rows drawn evenly: (n_samples, n_inputs)."""
        points = self.box.sample(n_samples, rng)
        for choice in self.choices:
            points[:, choice.inputs] = rng.choice(choice.values, n_samples)
        return points

    def nearest(self, point: FloatArray) -> FloatArray:
        """The row next to a point: moved into the box, and to a level of each column."""
        found = np.clip(point, self.box.lower, self.box.upper)
        for choice in self.choices:
            away = np.abs(choice.values - point[choice.inputs]).sum(axis=1)
            found[choice.inputs] = choice.values[int(away.argmin())]
        return found

    def highest(self, slopes: FloatArray) -> FloatArray:
        """For each affine form the row where it is largest: (n_forms, n_inputs)."""
        points = np.where(slopes > 0, self.box.upper, self.box.lower)
        for choice in self.choices:
            best = (slopes[:, choice.inputs] @ choice.values.T).argmax(axis=1)
            points[:, choice.inputs] = choice.values[best]
        return points


def _values(column: Column) -> FloatArray:
    """Every value the inputs of a column with levels can take."""
    if column.kind is ColumnKind.CATEGORICAL:
        known = np.eye(column.n_inputs)
        unknown = np.zeros((0 if column.always_known else 1, column.n_inputs))
        return np.vstack([known, unknown])
    unknown_code = (column.unknown_code,) if column.ignores_unknown else ()
    filled = (column.fill,) if isinstance(column.fill, (int, float)) else ()
    codes = np.array([*column.codes, *unknown_code, *filled], dtype=np.float64)
    return np.unique(codes[~np.isnan(codes)])[:, None]
