"""One raw column of a person's table, and how its values become inputs."""

from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.errors import ArgumentError, DataError, MissingValuesError, UnknownLevelError

__all__ = ["Column", "ColumnKind", "Level", "level_text"]

Level = str | int | float | bool | None
"""A category as it stands in the raw column; None is the level "missing"."""


class ColumnKind(StrEnum):
    """What a raw column is to the network."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    ORDINAL = "ordinal"
    UNUSED = "unused"


def level_text(level: Level) -> str:
    """A level as it is written for a reader."""
    return "missing" if level is None else str(level)


@dataclass(frozen=True, slots=True)
class Column:
    """A raw column.

    Attributes
    ----------
    name
        The column's name in the person's table.
    kind
        ``numeric``: one input, the raw value. ``categorical``: one 0/1 indicator a level.
        ``ordinal``: one input, the level's code. ``unused``: no input.
    unit
        Unit of a numeric column ("" where unknown).
    levels
        Levels of a categorical or ordinal column.
    codes
        Code of each level of an ordinal column.
    imputes
        Whether a missing value is filled by the pipeline.
    fill
        What it is filled with: a raw value, a level, or for an ordinal column a code.
    missing_marker
        Where the pipeline's imputer looks for a value of its own instead of NaN, that value.
    missing_as
        Which value of an object column is the missing one: ``nan``, ``none``, or ``any`` of them.
    ignores_unknown
        Whether an unknown level is accepted: all indicators zero, or ``unknown_code``.
    unknown_code
        Code of an unknown level of an ordinal column.
    lower, upper
        Range seen in the data at hand, in raw units or codes (NaN where none was seen); for a
        categorical column that of the sum of its indicators, which is 1 for a known level.
    """

    name: str
    kind: ColumnKind = ColumnKind.NUMERIC
    unit: str = ""
    levels: tuple[Level, ...] = ()
    codes: tuple[float, ...] = ()
    imputes: bool = False
    fill: Level = None
    missing_marker: Level = None
    missing_as: str = "any"
    ignores_unknown: bool = False
    unknown_code: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")

    def __post_init__(self) -> None:
        if self.kind is ColumnKind.ORDINAL and len(self.codes) != len(self.levels):
            raise ArgumentError(
                f"Ordinal column {self.name!r} must have one code a level ({len(self.levels)}), "
                f"got {len(self.codes)}."
            )
        numeric = self.kind in (ColumnKind.NUMERIC, ColumnKind.ORDINAL)
        if numeric and self.imputes and not isinstance(self.fill, (int, float)):
            raise ArgumentError(
                f"Column {self.name!r} must be filled with a number, got {self.fill!r}."
            )

    @property
    def n_inputs(self) -> int:
        """Inputs the column gives the network."""
        if self.kind is ColumnKind.CATEGORICAL:
            return len(self.levels)
        return 0 if self.kind is ColumnKind.UNUSED else 1

    @property
    def always_known(self) -> bool:
        """Whether every row has one of the levels: unknown ones are refused or were not seen."""
        return not self.ignores_unknown or self.lower == 1.0

    def has_level_between(self, lower: FloatArray, upper: FloatArray) -> bool:
        """Whether some value of the column has its inputs within bounds: (n_inputs,) each.

        Every number is a value of a numeric column. Of a categorical one it is a level, one
        indicator at 1 and the others at 0, or all at 0 where unknown levels are accepted; of an
        ordinal one the code of a level, of an unknown one, or of what a missing value becomes.
        """
        if self.kind is ColumnKind.CATEGORICAL:
            zero = (lower <= 0.0) & (upper >= 0.0)
            others = (~zero).sum() - ~zero  # of each indicator, how many others cannot be 0
            level = (lower <= 1.0) & (upper >= 1.0) & (others == 0)
            return bool(level.any() or (self.ignores_unknown and zero.all()))
        if self.kind is ColumnKind.ORDINAL:
            unknown = (self.unknown_code,) if self.ignores_unknown else ()
            filled = (self.fill,) if isinstance(self.fill, (int, float)) else ()
            codes = np.array([*self.codes, *unknown, *filled], dtype=np.float64)
            return bool(((codes >= lower) & (codes <= upper)).any())
        return True

    def missing(self, values: "pd.Series[Any]") -> BoolArray:
        """Which values are missing in the pipeline's own sense: NaN, None or its marker."""
        if self.missing_marker is not None:
            equal = [v is not pd.NA and bool(v == self.missing_marker) for v in values]
            return np.array(equal, dtype=np.bool_)
        mask = values.isna().to_numpy(dtype=np.bool_)
        if values.dtype == object and self.missing_as != "any" and mask.any():
            nones = np.array([value is None for value in values], dtype=np.bool_)
            return mask & (nones if self.missing_as == "none" else ~nones)
        return mask

    def imputed(self, values: "pd.Series[Any]") -> BoolArray:
        """Which values the pipeline fills."""
        return self.missing(values) if self.imputes else np.zeros(len(values), np.bool_)

    def numbers(self, values: "pd.Series[Any]") -> FloatArray:
        """One number a row: the raw value, the code, or the position of the level (-1 unknown).

        Raises
        ------
        MissingValuesError, UnknownLevelError, DataError
            As the pipeline itself would refuse the value.
        """
        if self.kind is ColumnKind.UNUSED:
            return np.zeros(len(values))
        if self.kind is ColumnKind.NUMERIC:
            return self._raw_numbers(values)
        positions = self._positions(values)
        return positions.astype(np.float64) if not self.codes else self._codes(values, positions)

    def _raw_numbers(self, values: "pd.Series[Any]") -> FloatArray:
        numbers = _to_float(values, self.name)
        filled = self.imputed(values)
        if filled.any():
            numbers = np.where(filled, float(self.fill), numbers)  # type: ignore[arg-type]  # a number for a numeric column
        if np.isnan(numbers).any():
            self._refuse_missing(np.isnan(numbers))
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise MissingValuesError(
                f"Column {self.name!r} must be finite, got {numbers[row]} in row {row}. "
                "Replace or drop such rows."
            )
        return numbers

    def _positions(self, values: "pd.Series[Any]") -> IntArray:
        """The position of each value's level; -1 for an unknown one that is accepted."""
        known = {level: i for i, level in enumerate(self.levels) if level is not None}
        order = np.array([*known.values(), -1], dtype=np.int64)
        plain = values.astype(object)
        odd = np.array([not isinstance(value, Hashable) for value in plain], dtype=np.bool_)
        if odd.any():
            self._refuse_unknown(values, odd)
        found = pd.Index(list(known), dtype=object).get_indexer(pd.Index(plain))
        positions: IntArray = order[found]
        gaps = values.isna().to_numpy(dtype=np.bool_)
        if self.missing_marker is not None and gaps.any():
            self._refuse_missing(gaps)  # an imputer with a marker of its own refuses NaN
        missing = self.missing(values)
        if missing.any():
            positions[missing] = self._missing_position
        refused = (positions < 0) & ~(missing & self._missing_has_code)
        if refused.any() and not self.ignores_unknown:
            if values.isna().to_numpy(dtype=np.bool_)[refused].any():
                self._refuse_missing(refused & values.isna().to_numpy(dtype=np.bool_))
            self._refuse_unknown(values, refused)
        return positions

    @property
    def _missing_position(self) -> int:
        """Where a missing value stands among the levels, -1 where it is none of them."""
        level = self.fill if self.imputes and not self.codes else None
        return self.levels.index(level) if level in self.levels else -1

    @property
    def _missing_has_code(self) -> bool:
        return self.imputes and bool(self.codes)

    def _codes(self, values: "pd.Series[Any]", positions: IntArray) -> FloatArray:
        table = np.array([*self.codes, self.unknown_code])
        codes: FloatArray = table[positions]
        if self.imputes:
            codes = np.where(self.missing(values), float(self.fill), codes)  # type: ignore[arg-type]  # a code for an ordinal column
        if np.isnan(codes).any():
            self._refuse_missing(np.isnan(codes))
        return codes

    def _refuse_missing(self, missing: BoolArray) -> None:
        raise MissingValuesError(
            f"Column {self.name!r} has {int(missing.sum())} missing value(s), the first in row "
            f"{int(np.flatnonzero(missing)[0])}, and the model's pipeline imputes nothing there. "
            "Fill or drop those rows, or put a SimpleImputer into the pipeline."
        )

    def _refuse_unknown(self, values: "pd.Series[Any]", unknown: BoolArray) -> None:
        row = int(np.flatnonzero(unknown)[0])
        known = ", ".join(repr(level_text(level)) for level in self.levels[:8])
        more = f", ... {len(self.levels) - 8} more" if len(self.levels) > 8 else ""
        raise UnknownLevelError(
            f"Column {self.name!r} must be one of {known}{more}, got {values.iloc[row]!r} in row "
            f"{row}. Correct the value, or fit the encoder with handle_unknown='ignore'."
        )


def _to_float(values: "pd.Series[Any]", name: str) -> FloatArray:
    """A numeric column as float64; strings and dates are refused rather than guessed at."""
    dtype = values.dtype
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = values.isna().to_numpy(dtype=np.bool_)
    odd = next((v for v in values[~missing] if not _is_number(v)), None)
    if odd is None:
        plain = [np.nan if gap else float(v) for v, gap in zip(values, missing, strict=True)]
        return np.array(plain, dtype=np.float64)
    shown = f"the string {odd!r}" if isinstance(odd, str) else f"{odd!r} (dtype {dtype})"
    raise DataError(
        f"Column {name!r} must be numeric, got {shown[:80]}. Convert it to numbers, for instance "
        "with pandas.to_numeric."
    )


def _is_number(value: Any) -> bool:
    """Whether a value of an object column is a real number that a float can hold."""
    try:
        return isinstance(value, (Real, Decimal)) and isinstance(float(value), float)
    except OverflowError:
        return False
