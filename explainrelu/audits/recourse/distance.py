"""How far one row lies from another, column by column.

Legend: with ``d_j`` the change of column ``j`` in its own unit (its codes for an ordinal column,
1 for a change of level of a categorical one), ``s_j`` its scale and ``c_j`` its cost, its part is
``t_j = c_j |d_j| / s_j`` and the distance is ``sum t_j`` (l1), ``sqrt(sum t_j^2)`` (l2),
``max t_j`` (linf), or ``sum c_j`` over the columns that change (l0).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from numbers import Real
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.audits.actionability import Actionability
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.network.column import ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["Distance", "Norm", "checked_norm", "costs_of", "scales_of"]


class Norm(StrEnum):
    """How the parts of a distance are put together."""

    L1 = "l1"
    L2 = "l2"
    L0 = "l0"
    LINF = "linf"


@dataclass(frozen=True, slots=True, eq=False)
class Distance:
    """A distance from one row.

    Attributes
    ----------
    norm
        How the parts are put together.
    scales, costs : (n_columns,)
        ``s_j`` and ``c_j`` of the module's legend.
    """

    norm: Norm
    scales: FloatArray
    costs: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", frozen_floats(self.scales, 1, "scales"))
        object.__setattr__(self, "costs", frozen_floats(self.costs, 1, "costs"))

    @property
    def weights(self) -> FloatArray:
        """``c_j / s_j``, the part of one unit: (n_columns,)."""
        return self.costs / self.scales

    def to(self, norm: Norm) -> "Distance":
        """The same parts, put together in another way."""
        return replace(self, norm=norm)

    def parts(self, moves: MoveSpace, points: FloatArray) -> FloatArray:
        """``t_j`` of each point; for l0 the cost of each column that changes."""
        changed = moves.changed(points)
        if self.norm is Norm.L0:
            return np.asarray(changed * self.costs, dtype=np.float64)
        found = changed * self.costs
        amounts = np.flatnonzero(~moves.categorical[moves.columns])
        columns = moves.columns[amounts]
        found[:, columns] = (
            np.abs(points[:, amounts] - moves.query[amounts]) * self.weights[columns]
        )
        return np.asarray(found, dtype=np.float64)

    def of(self, moves: MoveSpace, points: FloatArray) -> FloatArray:
        """The distance of each point from the row: (n_points,)."""
        parts = self.parts(moves, points)
        if self.norm is Norm.L2:
            return np.asarray(np.linalg.norm(parts, axis=1), dtype=np.float64)
        if self.norm is Norm.LINF:
            return np.asarray(parts.max(axis=1, initial=0.0), dtype=np.float64)
        return np.asarray(parts.sum(axis=1), dtype=np.float64)

    def reach(self, moves: MoveSpace, radius: float) -> FloatArray:
        """How far each input can move within a distance: (n_inputs,)."""
        columns = moves.columns
        if self.norm is Norm.L0:
            return np.where(self.costs[columns] <= radius, np.inf, 0.0)
        whole = moves.categorical[columns]
        level = np.where(self.costs[columns] <= radius, 1.0, 0.0)
        return np.where(whole, level, radius / self.weights[columns])


def checked_norm(norm: Any) -> Norm:
    """The norm of that name.

    Raises
    ------
    ArgumentError
    """
    if norm not in tuple(Norm):
        raise ArgumentError(f"norm must be one of {', '.join(Norm)}, got {norm!r}.")
    return Norm(norm)


def scales_of(schema: InputSchema, scale: Any, numbers: FloatArray | None) -> FloatArray:
    """One scale a column: (n_columns,).

    Parameters
    ----------
    scale
        None for 1 everywhere; ``"mad"`` for the median absolute deviation of each column with
        amounts over ``numbers``, where that is zero its mean absolute deviation from the median,
        and where that is zero too 1; or a mapping, 1 for what it does not name.
    numbers : (n_rows, n_columns)
        The background, as :meth:`InputSchema.numbers` gives it.

    Raises
    ------
    ArgumentError, InputTypeError, ColumnsError
        For another scale, one that is not positive, an unknown column, and ``"mad"`` without a
        background.
    """
    found = np.ones(schema.n_columns)
    if scale is None:
        return found
    if isinstance(scale, Mapping):
        for name, value in scale.items():
            found[_position(schema, name)] = _positive(name, value)
        return found
    if scale != "mad":
        raise ArgumentError(f"scale must be None, 'mad' or a mapping of columns, got {scale!r}.")
    if numbers is None:
        raise ArgumentError(
            "scale='mad' takes the median absolute deviation of each column over rows, got no "
            "background. Pass background=X."
        )
    for i, column in enumerate(schema.columns):
        if column.kind in (ColumnKind.NUMERIC, ColumnKind.ORDINAL):
            away = np.abs(numbers[:, i] - np.median(numbers[:, i]))
            found[i] = float(np.median(away)) or float(away.mean()) or 1.0
    return found


def costs_of(schema: InputSchema, wishes: Actionability) -> FloatArray:
    """The cost of each column, 1 where none is named: (n_columns,)."""
    return np.array([wishes.cost.get(name) or 1.0 for name in schema.names])


def _position(schema: InputSchema, name: Any) -> int:
    if name not in schema.names:
        raise ColumnsError(
            f"scale must name columns of the model, got {name!r}; there are "
            f"{', '.join(schema.names)}."
        )
    return schema.names.index(name)


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputTypeError(f"scale of {name!r} must be a number, got {value!r}.")
    if not (float(value) > 0 and np.isfinite(float(value))):
        raise ArgumentError(f"scale of {name!r} must be positive and finite, got {value!r}.")
    return float(value)
