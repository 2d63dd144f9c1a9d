"""The values that columns may take: what the caller permits, else what was seen in data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.audits.actionability import Actionability
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.network.column import Column, ColumnKind, Level, level_text
from explainrelu.network.schema import InputSchema

__all__ = ["Permitted"]


@dataclass(frozen=True, slots=True, eq=False)
class Permitted:
    """Which columns may vary, and where to.

    Attributes
    ----------
    vary
        The columns that may vary.
    ranges
        Numeric column -> its two ends.
    levels
        Column with levels -> those that are permitted.
    """

    vary: frozenset[str]
    ranges: Mapping[str, tuple[float, float]]
    levels: Mapping[str, tuple[Level, ...]]

    @classmethod
    def of(
        cls,
        schema: InputSchema,
        permitted_range: Mapping[str, Any] | None,
        features_to_vary: Any,
        wishes: Actionability,
    ) -> "Permitted":
        """Both arguments of the caller, checked.

        Raises
        ------
        ColumnsError
            For a column that the model does not have.
        ArgumentError, InputTypeError
            For an empty or malformed range, an unknown level, and a column that is to vary and
            immutable at once.
        """
        vary = _vary(schema, features_to_vary, wishes)
        ranges: dict[str, tuple[float, float]] = {}
        levels: dict[str, tuple[Level, ...]] = {}
        given = {} if permitted_range is None else permitted_range
        if not isinstance(given, Mapping):
            raise InputTypeError(
                "permitted_range must map columns to (lowest, highest) or to a list of levels, "
                f"got {given!r}."
            )
        for name, values in given.items():
            if name not in schema.names:
                raise ColumnsError(
                    f"permitted_range must name columns of the model, got {name!r}; there are "
                    f"{', '.join(schema.names)}."
                )
            column = schema.column(name)
            if column.kind is ColumnKind.NUMERIC:
                ranges[name] = _range(name, values)
            else:
                levels[name] = _known_levels(column, values)
        return cls(vary, ranges, levels)

    def holds_own(self, column: Column, own: FloatArray) -> bool:
        """Whether a row's own value of a column is permitted."""
        if column.kind is ColumnKind.NUMERIC:
            low, high = self.ranges.get(column.name, (-np.inf, np.inf))
            return bool(low <= own[0] <= high)
        if column.name not in self.levels:
            return True
        if column.kind is ColumnKind.CATEGORICAL:
            named = [level in self.levels[column.name] for level in column.levels]
            return bool(own[named].any())
        permitted = self.levels[column.name]  # of which the column may have fewer left
        pairs = zip(column.levels, column.codes, strict=True)
        return float(own[0]) in [code for level, code in pairs if level in permitted]

    def codes(self, column: Column, own: FloatArray, wishes: Actionability) -> list[float]:
        """The codes that an ordinal column may take from its own."""
        code = float(own[0])
        levels = self.levels.get(column.name, column.levels)
        known = zip(column.levels, column.codes, strict=True)
        found = {value for level, value in known if level in levels}
        found |= {code} if column.name not in self.levels else set()
        if column.name not in self.vary:
            found &= {code}
        if column.name in wishes.increase_only:
            found = {value for value in found if value >= code}
        if column.name in wishes.decrease_only:
            found = {value for value in found if value <= code}
        if not found:
            raise _nowhere(column, self._shown(column), code)
        return sorted(found)

    def bounds(
        self, column: Column, own: FloatArray, wishes: Actionability
    ) -> tuple[FloatArray, FloatArray]:
        """What the inputs of a column may become: two arrays (n_inputs of the column,)."""
        stays = self.holds_own(column, own)
        varies = column.name in self.vary
        if not varies and not stays:
            raise ArgumentError(
                f"{column.name!r} must not change, but permitted_range excludes its own value, "
                f"{self._own(column, own)}. Permit it, or let the column vary."
            )
        if not varies:
            return own, own
        if column.kind is ColumnKind.CATEGORICAL:
            named = self.levels.get(column.name, column.levels)
            allowed = np.array([level in named for level in column.levels], dtype=np.float64)
            return np.zeros(own.size), np.maximum(allowed, own if stays else 0.0)
        if column.kind is ColumnKind.ORDINAL:
            codes = np.array([*column.codes, column.unknown_code])
            return np.nanmin(codes)[None], np.nanmax(codes)[None]
        return self._numbers(column, own, wishes)

    def _numbers(
        self, column: Column, own: FloatArray, wishes: Actionability
    ) -> tuple[FloatArray, FloatArray]:
        if column.name in self.ranges:
            low, high = self.ranges[column.name]
        elif np.isnan(column.lower + column.upper):
            raise ArgumentError(
                f"A range to move {column.name!r} in must be known, and no data was seen that "
                f"tells one. Pass permitted_range={{{column.name!r}: (lowest, highest)}}, or "
                "background=X."
            )
        else:
            low, high = min(column.lower, float(own[0])), max(column.upper, float(own[0]))
        if column.name in wishes.increase_only:
            low = max(low, float(own[0]))
        if column.name in wishes.decrease_only:
            high = min(high, float(own[0]))
        if low > high:
            raise _nowhere(column, self._shown(column), float(own[0]))
        return np.array([low]), np.array([high])

    def _shown(self, column: Column) -> str:
        if column.name in self.ranges:
            low, high = self.ranges[column.name]
            return f"{low:g} to {high:g}"
        return ", ".join(level_text(level) for level in self.levels.get(column.name, ()))

    def _own(self, column: Column, own: FloatArray) -> str:
        if column.kind is not ColumnKind.CATEGORICAL:
            return f"{own[0]:g}"
        return level_text(column.levels[int(own.argmax())]) if own.any() else "an unknown level"


def _nowhere(column: Column, shown: str, own: float) -> ArgumentError:
    return ArgumentError(
        f"{column.name!r} may move one way only, and permitted_range ({shown}) holds nothing on "
        f"that side of its own value {own:g}. Widen the range, or lift the direction."
    )


def _vary(schema: InputSchema, features: Any, wishes: Actionability) -> frozenset[str]:
    if isinstance(features, str):
        if features != "all":
            raise ArgumentError(
                f"features_to_vary must be 'all' or a list of columns, got {features!r}. Write "
                f"[{features!r}]."
            )
        return frozenset(schema.names) - set(wishes.immutable)
    features = list(features) if isinstance(features, Iterable) else []
    if not features:
        raise ArgumentError(
            f"features_to_vary must be 'all' or a list of columns, got {features!r}."
        )
    for name in features:
        if name not in schema.names:
            raise ColumnsError(
                f"features_to_vary must name columns of the model, got {name!r}; there are "
                f"{', '.join(schema.names)}."
            )
        if name in wishes.immutable:
            raise ArgumentError(
                f"A column must not be in features_to_vary and immutable at once, got {name!r} in "
                "both. Name it in one of them."
            )
    return frozenset(features)


def _range(name: str, values: Any) -> tuple[float, float]:
    pair = list(values) if isinstance(values, (Sequence, np.ndarray)) else []
    if len(pair) != 2 or not all(isinstance(v, Real) for v in pair) or isinstance(values, str):
        raise InputTypeError(
            f"permitted_range of {name!r} must be two numbers (lowest, highest), got {values!r}."
        )
    low, high = float(pair[0]), float(pair[1])
    if not (np.isfinite(low) and np.isfinite(high)) or low > high:
        raise ArgumentError(
            f"permitted_range of {name!r} must hold a number: lowest <= highest, both finite, got "
            f"{low:g} to {high:g}."
        )
    return low, high


def _known_levels(column: Column, values: Any) -> tuple[Level, ...]:
    if isinstance(values, str) or not isinstance(values, (Sequence, set, frozenset, np.ndarray)):
        raise InputTypeError(
            f"permitted_range of {column.name!r} must be a list of levels, got {values!r}. Write "
            f"[{values!r}]."
        )
    found = [*dict.fromkeys(values)]
    known = ", ".join(repr(level_text(level)) for level in column.levels)
    if not found:
        raise ArgumentError(
            f"permitted_range of {column.name!r} must name at least one level, got none; there "
            f"are {known}."
        )
    for level in found:
        if level not in column.levels:
            raise ArgumentError(
                f"permitted_range of {column.name!r} must name its levels, got {level!r}; there "
                f"are {known}."
            )
    return tuple(level for level in column.levels if level in found)
