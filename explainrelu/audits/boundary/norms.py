"""How far a row is moved: norms, and what one step of each column is.

Legend: a step of a row is ``s (n_moved,)``, the row moved is ``x + scale * s`` on the columns that
may move. Of a norm ``|s|`` the dual is ``|g|* = max {g s : |s| <= 1}``: an affine form with
coefficients ``g`` changes by at most ``|g|* |s|``.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from numbers import Real
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.network.column import ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["Norm", "checked_norm", "input_scales", "movable_columns"]


class Norm(StrEnum):
    """How a step of several columns is measured."""

    LINF = "linf"
    L1 = "l1"
    L2 = "l2"

    def length(self, steps: FloatArray) -> FloatArray:
        """The norm along the last axis."""
        if self is Norm.LINF:
            found = np.abs(steps).max(axis=-1, initial=0.0)
        elif self is Norm.L1:
            found = np.abs(steps).sum(axis=-1)
        else:
            found = np.sqrt((steps * steps).sum(axis=-1))
        return np.asarray(found, dtype=np.float64)

    def dual_length(self, slopes: FloatArray) -> FloatArray:
        """The dual norm along the last axis."""
        return _DUAL[self].length(slopes)

    def steepest(self, slopes: FloatArray) -> FloatArray:
        """Steps of length 1 along which each form rises most; zero where it is constant.

        Parameters
        ----------
        slopes : (n_forms, n_moved)
        """
        if self is Norm.LINF:
            return np.sign(slopes)
        if self is Norm.L2:
            length = self.length(slopes)[:, None]
            return np.asarray(slopes / np.where(length > 0, length, 1.0))
        found = np.zeros_like(slopes)
        if slopes.shape[1]:
            rows, best = np.arange(slopes.shape[0]), np.abs(slopes).argmax(axis=1)
            found[rows, best] = np.sign(slopes[rows, best])
        return found


_DUAL = {Norm.LINF: Norm.L1, Norm.L1: Norm.LINF, Norm.L2: Norm.L2}


def checked_norm(norm: Any) -> Norm:
    """The norm of a name.

    Raises
    ------
    ArgumentError
        For another name.
    """
    if norm not in tuple(Norm):
        raise ArgumentError(f"norm must be one of {', '.join(Norm)}, got {norm!r}.")
    return Norm(norm)


def movable_columns(schema: InputSchema, features: Any = None) -> tuple[str, ...]:
    """The columns that may move: those named, or every numeric one.

    Raises
    ------
    ColumnsError
        For a name that is no column.
    ArgumentError
        For a column without numbers to move along, a name given twice, and where none is left.
    InputTypeError
        For what is no list of names.
    """
    if features is None:
        names = tuple(c.name for c in schema.columns if c.kind is ColumnKind.NUMERIC)
        if not names:
            raise ArgumentError(
                "At least one column must be numeric to be moved, got none. Name an ordinal "
                "column in features= to move along its codes."
            )
        return names
    if isinstance(features, (str, bytes)) or not isinstance(features, Iterable):
        raise InputTypeError(f"features must be a list of column names, got {features!r}.")
    names = tuple(str(name) for name in features)
    for name in names:
        kind = schema.column(name).kind
        if kind not in (ColumnKind.NUMERIC, ColumnKind.ORDINAL):
            raise ArgumentError(
                f"Columns that move must have numbers, got {name!r}, which is {kind}. Leave it "
                "out of features; it is held at each row's own level."
            )
    if not names or len(set(names)) < len(names):
        raise ArgumentError(f"features must name each column once and at least one, got {names}.")
    return names


def input_scales(
    schema: InputSchema, names: tuple[str, ...], scale: Any, points: FloatArray
) -> FloatArray:
    """What one step of each input is in raw units, 0 for an input that is held: (n_inputs,).

    Parameters
    ----------
    names
        The columns that move.
    scale
        None: one raw unit. ``std`` or ``mad``: the standard deviation, or the median absolute
        deviation, of each column over ``points``. A mapping: column -> size.
    points : (n_samples, n_inputs)

    Raises
    ------
    ArgumentError
        For a scale that is not offered, is not positive, or is missing for a column that moves.
    ColumnsError
        For a name that is no column that moves.
    """
    found, starts = np.zeros(schema.n_inputs), schema.starts
    sizes = _sizes(schema, names, scale, points)
    for name, size in sizes.items():
        found[starts[schema.names.index(name)]] = size
    return found


def _sizes(
    schema: InputSchema, names: tuple[str, ...], scale: Any, points: FloatArray
) -> dict[str, float]:
    if scale is None:
        return dict.fromkeys(names, 1.0)
    if isinstance(scale, Mapping):
        return _named_sizes(names, scale)
    if scale not in ("std", "mad"):
        raise ArgumentError(f"scale must be None, 'std', 'mad' or a mapping, got {scale!r}.")
    found = {}
    for name in names:
        values = points[:, schema.starts[schema.names.index(name)]]
        spread = values.std() if scale == "std" else np.median(np.abs(values - np.median(values)))
        if not spread > 0:
            raise ArgumentError(
                f"scale={scale!r} must be positive for each column that moves, got 0 for {name!r} "
                "over these rows. Leave the column out of features, or give scale as a mapping "
                "from columns to sizes."
            )
        found[name] = float(spread)
    return found


def _named_sizes(names: tuple[str, ...], scale: Mapping[Any, Any]) -> dict[str, float]:
    sizes = {str(name): size for name, size in scale.items()}
    unknown = [name for name in sizes if name not in names]
    if unknown:
        raise ColumnsError(
            f"scale must name columns that move ({', '.join(names)}), got {unknown[0]!r}."
        )
    missing = [name for name in names if name not in sizes]
    if missing:
        raise ArgumentError(
            f"scale must give a size for each column that moves, got none for {missing[0]!r}. Add "
            "it, or name the columns that may move in features."
        )
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, Real) or not 0 < float(size) < np.inf:
            raise ArgumentError(
                f"scale must be a positive number for each column, got {size!r} for {name!r}."
            )
    return {name: float(sizes[name]) for name in names}
