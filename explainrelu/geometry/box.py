"""A box: the domain over which things are proven."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import BoolArray, FloatArray, frozen_floats
from explainrelu.errors import ArgumentError

__all__ = ["Box"]


class _Schema(Protocol):
    """What a box needs to know of a person's columns."""

    def encode(self, X: Any) -> FloatArray: ...
    def level_inputs(self, name: str, level: Any) -> Mapping[int, float]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """All points with ``lower <= x <= upper``, input by input.

    An input with equal bounds is fixed. Over indicator inputs a box is a relaxation of the
    levels: it holds every row and points between levels besides (see :meth:`at_levels`).

    Attributes
    ----------
    lower, upper : (n_inputs,)

    Examples
    --------
    >>> box = Box([0, 0], [1, 2])
    >>> box.contains(np.array([[0.5, 2.0], [0.5, 2.1]]))
    array([ True, False])
    """

    lower: FloatArray
    upper: FloatArray

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            object.__setattr__(self, name, _bounds(getattr(self, name), name))
        if self.lower.shape != self.upper.shape:
            raise ArgumentError(
                f"lower and upper must be of equal length, got {self.lower.size} and "
                f"{self.upper.size}. Give both bounds of every input."
            )
        if (self.lower > self.upper).any():
            worst = int(np.flatnonzero(self.lower > self.upper)[0])
            raise ArgumentError(
                f"lower must not exceed upper, got {self.lower[worst]} > {self.upper[worst]} "
                f"at input {worst}. Equal bounds hold an input fixed."
            )
        largest = np.finfo(np.float64).max
        if (self.upper / 2 - self.lower / 2 > largest / 2).any():
            raise ArgumentError("The width of a box must be finite, got bounds too far apart.")

    @classmethod
    def from_data(cls, X: Any, *, margin: float = 0.0, schema: _Schema | None = None) -> "Box":
        """The smallest box around the rows, widened by ``margin`` of each width on both sides.

        Parameters
        ----------
        X : (n_samples, n_inputs)
            Encoded points, or with ``schema`` a table of raw rows.
        margin
            Share of each input's range added at both ends, at least 0.
        schema
            Encodes raw rows (a network's ``schema``).
        """
        if margin < 0:
            raise ArgumentError(f"margin must be at least 0, got {margin}.")
        if schema is None and (np.ndim(X) != 2 or len(X) == 0):
            shape = np.shape(X)
            raise ArgumentError(f"X must be (n_samples, n_inputs) with rows, got {shape}.")
        try:
            points = frozen_floats(X, 2, "X") if schema is None else schema.encode(X)
        except ArgumentError as error:
            raise ArgumentError(
                f"{error} For raw rows pass schema=import_model(model).schema."
            ) from error
        lower, upper = points.min(axis=0), points.max(axis=0)
        slack = margin * (upper - lower)
        return cls(lower - slack, upper + slack)

    @classmethod
    def around(cls, x: npt.ArrayLike, radius: npt.ArrayLike) -> "Box":
        """The box of half-width ``radius`` (one number, or one an input) around a point."""
        centre = frozen_floats(np.ravel(x), 1, "x")
        half = frozen_floats(np.ravel(radius), 1, "radius")
        if half.size not in (1, centre.size):
            raise ArgumentError(
                f"radius must be one number or one an input ({centre.size}), got {half.size}."
            )
        if (half < 0).any():
            raise ArgumentError(f"radius must not be negative, got {half.min()}.")
        return cls(centre - half, centre + half)

    def at_levels(self, schema: _Schema, /, **levels: Any) -> "Box":
        """The part of the box where the named columns stand at the given levels.

        Parameters
        ----------
        schema
            The network's schema, which knows the inputs of a column.
        **levels
            ``column=level``; a numeric column may be fixed at a number.

        Raises
        ------
        ArgumentError
            Where the box does not hold that level or number, or the column has no such level.
        ColumnsError
            Where there is no such column.
        """
        lower, upper = self.lower.copy(), self.upper.copy()
        for name, level in levels.items():
            for position, value in schema.level_inputs(name, level).items():
                if position >= lower.size:
                    raise ArgumentError(
                        f"schema must be that of the box's {lower.size} inputs, got one that has "
                        f"{name!r} at input {position}. Hand over the network's own schema."
                    )
                if not lower[position] <= value <= upper[position]:
                    raise ArgumentError(
                        f"{name}={level!r} lies outside the box, which holds input {position} "
                        f"between {lower[position]:g} and {upper[position]:g}."
                    )
                lower[position] = upper[position] = value
        return Box(lower, upper)

    @property
    def n_inputs(self) -> int:
        """Inputs, fixed ones included."""
        return int(self.lower.size)

    @property
    def fixed(self) -> BoolArray:
        """Which inputs have equal bounds: (n_inputs,)."""
        return np.asarray(self.lower == self.upper, dtype=np.bool_)

    @property
    def centre(self) -> FloatArray:
        """The middle of the box: (n_inputs,)."""
        return self.lower + self.half_width

    @property
    def half_width(self) -> FloatArray:
        """Half the width of each input: (n_inputs,)."""
        return 0.5 * (self.upper - self.lower)

    def contains(self, points: FloatArray, *, slack: float = 0.0) -> BoolArray:
        """Which points lie in the box, ``slack`` being a share of each width: (n_samples,)."""
        room = slack * (self.upper - self.lower)
        inside = (points >= self.lower - room) & (points <= self.upper + room)
        return np.asarray(inside.all(axis=1), dtype=np.bool_)

    def sample(self, n_samples: int, rng: np.random.Generator) -> FloatArray:
        """Points drawn evenly from the box: (n_samples, n_inputs)."""
        return rng.uniform(self.lower, self.upper, size=(n_samples, self.n_inputs))


def _bounds(values: npt.ArrayLike, name: str) -> FloatArray:
    try:
        return frozen_floats(values, 1, name)
    except ArgumentError as error:
        raise ArgumentError(
            f"{error} A box has one finite bound an input on either side; Box.from_data takes them "
            "from rows."
        ) from error
