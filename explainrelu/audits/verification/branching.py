"""Which points of a box are rows, and how a box is parted in two."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.geometry.box import Box
from explainrelu.milp.rows import Choice, RowSpace
from explainrelu.network.schema import InputSchema

__all__ = ["Branching", "Corners"]

Corners: TypeAlias = tuple[FloatArray, FloatArray]
"""The lower and the upper corner of a box."""


@dataclass(frozen=True, slots=True, eq=False)
class Branching:
    """The inputs of a box: numbers that are halved, and columns that stand at levels.

    Attributes
    ----------
    choices
        The columns with levels, with their values in the whole domain; none where every point of
        a box counts.
    numeric : (n_inputs,) bool
        The inputs of no such column.
    """

    choices: tuple[Choice, ...]
    numeric: BoolArray

    @classmethod
    def of(cls, schema: InputSchema, hull: Box, *, levels: bool) -> "Branching":
        """The columns of a schema inside a box."""
        choices = RowSpace.of(schema, hull, levels=levels).choices
        numeric = np.ones(hull.n_inputs, dtype=np.bool_)
        for choice in choices:
            numeric[choice.inputs] = False
        return cls(choices, numeric)

    def shrunk(self, lower: FloatArray, upper: FloatArray) -> Corners:
        """The smallest box around the rows of a box."""
        lower, upper = lower.copy(), upper.copy()
        for choice in self.choices:
            values = _left(choice, lower, upper)
            lower[choice.inputs], upper[choice.inputs] = values.min(axis=0), values.max(axis=0)
        return lower, upper

    def settled(self, lower: FloatArray, upper: FloatArray) -> bool:
        """Whether every column with levels stands at one of them."""
        fixed = lower == upper
        return all(bool(fixed[choice.inputs].all()) for choice in self.choices)

    def row(self, point: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
        """The row of a box next to a point."""
        found = np.clip(point, lower, upper)
        for choice in self.choices:
            values = _left(choice, lower, upper)
            away = np.abs(values - point[choice.inputs]).sum(axis=1)
            found[choice.inputs] = values[int(away.argmin())]
        return found

    def parted(
        self, lower: FloatArray, upper: FloatArray, gain: FloatArray, *, numbers: bool = True
    ) -> tuple[Corners, Corners] | None:
        """Two boxes that hold every row of one, parted where the most is gained.

        Parameters
        ----------
        gain : (n_inputs,)
            What parting an input is expected to win.
        numbers
            Whether inputs that are numbers may be halved, or only levels parted.

        Returns
        -------
        The two boxes, or None where nothing is left to part.
        """
        middle = 0.5 * lower + 0.5 * upper
        can = numbers & self.numeric & (lower < middle) & (middle < upper)
        best = int(np.where(can, gain, -1.0).argmax()) if can.any() else -1
        most, parts = (float(gain[best]), None) if best >= 0 else (-1.0, None)
        for choice in self.choices:
            total = float(gain[choice.inputs].sum())
            if total > most and (lower[choice.inputs] < upper[choice.inputs]).any():
                most, parts = total, choice
        if parts is not None:
            return _by_values(parts, lower, upper)
        if best < 0:
            return None
        below, above = upper.copy(), lower.copy()
        below[best] = above[best] = middle[best]
        return (lower, below), (above, upper)


def _by_values(choice: Choice, lower: FloatArray, upper: FloatArray) -> tuple[Corners, Corners]:
    """Each half of the values that are left, with the smallest box around them.

    An unknown level, all zeros, lies in every box of indicators; it comes first, so that each half
    has fewer levels than the whole.
    """
    values = _left(choice, lower, upper)
    values = values[np.argsort(values.sum(axis=1), kind="stable")]
    halves = []
    for part in np.array_split(values, 2):
        low, high = lower.copy(), upper.copy()
        low[choice.inputs], high[choice.inputs] = part.min(axis=0), part.max(axis=0)
        halves.append((low, high))
    return halves[0], halves[1]


def _left(choice: Choice, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """The values of a column inside a box."""
    part = slice(choice.inputs.start, choice.inputs.stop)
    inside = (choice.values >= lower[part]) & (choice.values <= upper[part])
    return choice.values[inside.all(axis=1)]
