"""One raw column of a person's table, and how its values become inputs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.errors import DataError, MissingValuesError, UnknownLevelError

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
        The raw value that stands for missing besides NaN (None where there is none).
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
    ignores_unknown: bool = False
    unknown_code: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")

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

    def missing(self, values: "pd.Series[Any]") -> BoolArray:
        """Which values are missing, by NaN or by the pipeline's own marker."""
        mask = values.isna().to_numpy(dtype=np.bool_)
        if self.missing_marker is not None:
            mask = mask | (values == self.missing_marker).to_numpy(dtype=np.bool_)
        return mask

    def imputed(self, values: "pd.Series[Any]") -> BoolArray:
        """Which values the pipeline fills."""
        return self.missing(values) if self.imputes else np.zeros(len(values), np.bool_)

    def numbers(self, values: "pd.Series[Any]") -> FloatArray:
        """One number a row: the raw value, or the position of the level (-1 unknown).

        Raises
        ------
        MissingValuesError, UnknownLevelError, DataError
            As the pipeline itself would refuse the value.
        """
        if self.kind is ColumnKind.UNUSED:
            return np.zeros(len(values))
        if self.kind is ColumnKind.NUMERIC:
            return self._raw_numbers(values)
        positions = self._positions(values).astype(np.float64)
        if self.kind is ColumnKind.CATEGORICAL:
            return positions
        return self._codes(values, positions)

    def _raw_numbers(self, values: "pd.Series[Any]") -> FloatArray:
        numbers = _to_float(values, self.name)
        missing = self.missing(values)
        if missing.any():
            self._refuse_missing(missing)
            numbers = np.where(missing, float(self.fill), numbers)  # type: ignore[arg-type]  # a number for a numeric column
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise MissingValuesError(
                f"Column {self.name!r} must be finite, got {numbers[row]} in row {row}. "
                "Replace or drop such rows."
            )
        return numbers

    def _positions(self, values: "pd.Series[Any]") -> IntArray:
        missing = self.missing(values)
        known = {level: i for i, level in enumerate(self.levels) if level is not None}
        index = pd.Index(list(known), dtype=object)
        order = np.array([*known.values(), -1], dtype=np.int64)
        positions: IntArray = order[index.get_indexer(pd.Index(values.astype(object)))]
        if missing.any():
            positions[missing] = self._missing_position(missing)
        unknown = (positions < 0) & ~missing
        if unknown.any() and not self.ignores_unknown:
            self._refuse_unknown(values, unknown)
        return positions

    def _missing_position(self, missing: BoolArray) -> int:
        if self.imputes and self.kind is ColumnKind.CATEGORICAL and self.fill in self.levels:
            return self.levels.index(self.fill)
        if None in self.levels and not self.imputes:
            return self.levels.index(None)
        if not self.ignores_unknown:
            self._refuse_missing(missing)
        return -1

    def _codes(self, values: "pd.Series[Any]", positions: FloatArray) -> FloatArray:
        table = np.array([*self.codes, self.unknown_code])
        codes: FloatArray = table[positions.astype(np.int64)]
        missing = self.missing(values)
        if self.imputes:
            codes = np.where(missing | np.isnan(codes), float(self.fill), codes)  # type: ignore[arg-type]  # a code for an ordinal column
        if np.isnan(codes).any():
            self._refuse_missing(np.isnan(codes))
        return codes

    def _refuse_missing(self, missing: BoolArray) -> None:
        if self.imputes:
            return
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
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_complex_dtype(
        values.dtype
    ):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if isinstance(values.dtype, pd.CategoricalDtype) or values.dtype == object:
        plain = values.astype(object)
        odd = [v for v in plain if isinstance(v, (str, bytes))]
        if not odd:
            try:
                return plain.where(plain.notna(), np.nan).to_numpy(dtype=np.float64)
            except (TypeError, ValueError):
                odd = list(plain[:1])
        raise DataError(f"Column {name!r} must be numeric, got {odd[0]!r}. Convert it to numbers.")
    if isinstance(values.dtype, pd.StringDtype) or pd.api.types.is_string_dtype(values.dtype):
        present = values.dropna()
        if present.empty:
            return np.full(len(values), np.nan)
        raise DataError(
            f"Column {name!r} must be numeric, got the string {present.iloc[0]!r}. "
            "Convert it with pandas.to_numeric."
        )
    raise DataError(f"Column {name!r} must be numeric, got dtype {values.dtype}.")
