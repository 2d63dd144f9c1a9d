"""What a protected column can be changed to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind, level_text
from explainrelu.network.schema import InputSchema

__all__ = ["Alternatives", "alternatives_of"]

_FEW_VALUES = 10  # a number with no more values than this in the data takes these and no others


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """The values that one protected column can take.

    Attributes
    ----------
    column
        The raw column.
    numbers : (n_values,)
        The values, as :meth:`InputSchema.numbers` has them: positions of levels, codes, values.
        None for a column that is no input of the network: nothing of it changes anything.
    interval
        Lower and upper end where every number between them can be taken; then ``numbers`` are the
        two ends.
    """

    column: Column
    numbers: FloatArray
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", frozen_floats(self.numbers, 1, "numbers"))

    def __len__(self) -> int:
        return int(self.numbers.size)

    @property
    def words(self) -> str:
        """The values for a reader."""
        if self.column.kind is ColumnKind.UNUSED:
            return "none, it is no input"
        if self.interval is not None:
            low, high = self.interval
            return f"{low:g} to {high:g}"
        return ", ".join(self.text(number) for number in self.numbers)

    def text(self, number: float) -> str:
        """One value for a reader."""
        if self.column.kind is ColumnKind.CATEGORICAL:
            return level_text(self.column.levels[int(number)]) if number >= 0 else "unknown"
        if self.column.kind is ColumnKind.ORDINAL and number in self.column.codes:
            return level_text(self.column.levels[self.column.codes.index(number)])
        return f"{number:g}"


def alternatives_of(
    protected: Any, schema: InputSchema, numbers: FloatArray, domain: Box
) -> tuple[Alternatives, ...]:
    """The protected columns with the values that are compared.

    Parameters
    ----------
    protected
        A name, a sequence of names, or a mapping from a name to its values: levels, numbers, or a
        pair ``(lower, upper)`` for every number between. Without values: the levels that the
        domain holds; of a numeric column the values in the data where they are at most ten, else
        all of the domain's interval.
    numbers : (n_samples, n_columns)
        The data, as :meth:`InputSchema.numbers` has it.
    domain
        The box over the encoded inputs.

    Raises
    ------
    ColumnsError
        For a column that the schema does not have.
    ArgumentError, InputTypeError
        For a column with fewer than two values, and values that it cannot take.
    """
    if isinstance(protected, str):
        protected = (protected,)
    if isinstance(protected, Iterable) and not isinstance(protected, Mapping):
        protected = list(protected)
    if not isinstance(protected, (Mapping, Sequence)) or len(protected) == 0:
        raise InputTypeError(
            f"protected must name at least one raw column, got {protected!r}. Write "
            "protected=['sex'], or protected={'age': (18, 75)} with the values to compare."
        )
    pairs = protected.items() if isinstance(protected, Mapping) else ((n, None) for n in protected)
    found = tuple(_one(str(name), values, schema, numbers, domain) for name, values in pairs)
    if sum(each.interval is not None for each in found) > 1:
        names = " and ".join(each.column.name for each in found if each.interval is not None)
        raise ArgumentError(
            f"At most one protected column may take every number of an interval, got {names}. Name "
            "the values of the others, such as protected={'age': [20, 40, 60]}."
        )
    return found


def _one(
    name: str, values: Any, schema: InputSchema, numbers: FloatArray, domain: Box
) -> Alternatives:
    if name not in schema.names:
        raise ColumnsError(
            f"Protected column {name!r} is not among the model's columns: "
            f"{', '.join(schema.names)}. A group that the model does not see is handed over as "
            "sensitive_features."
        )
    position = schema.names.index(name)
    column, seen = schema.columns[position], numbers[:, position]
    if column.kind is ColumnKind.UNUSED:
        return Alternatives(column, np.zeros(0))
    found = _given(column, values) if values is not None else _default(column, seen, domain, schema)
    if found.interval is None and len(set(found.numbers.tolist())) < 2:
        raise ArgumentError(
            f"Protected column {name!r} must have at least two values to compare, got "
            f"{found.words or 'none'}. Widen the domain, or name the values."
        )
    return found


def _given(column: Column, values: Any) -> Alternatives:
    """The values a person named."""
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
        raise InputTypeError(
            f"The values of protected column {column.name!r} must be a list, got {values!r}."
        )
    odd: list[Any] = [v for v in values if not isinstance(v, Real) or not np.isfinite(float(v))]
    if column.kind is ColumnKind.NUMERIC and odd:
        raise InputTypeError(
            f"The values of {column.name!r}, which is numeric, must be numbers, got {odd[0]!r}."
        )
    if column.kind is ColumnKind.NUMERIC and isinstance(values, tuple) and len(values) == 2:
        low, high = (float(value) for value in values)
        if not low < high:
            raise ArgumentError(
                f"The interval of {column.name!r} must have its lower end below its upper, got "
                f"{values}."
            )
        return Alternatives(column, np.array([low, high]), (low, high))
    if column.kind is ColumnKind.NUMERIC:
        return Alternatives(column, np.array([float(value) for value in values]))
    odd = [value for value in values if value not in column.levels]
    if odd:
        known = ", ".join(level_text(level) for level in column.levels)
        raise ArgumentError(f"Column {column.name!r} has no level {odd[0]!r}; its levels: {known}.")
    places = [column.levels.index(value) for value in values]
    if column.kind is ColumnKind.ORDINAL:
        return Alternatives(column, np.array([column.codes[place] for place in places]))
    return Alternatives(column, np.array(places, dtype=np.float64))


def _default(column: Column, seen: FloatArray, domain: Box, schema: InputSchema) -> Alternatives:
    start = int(schema.starts[schema.names.index(column.name)])
    if column.kind is ColumnKind.CATEGORICAL:
        inside = domain.upper[start : start + column.n_inputs] >= 1.0
        return Alternatives(column, np.flatnonzero(inside).astype(np.float64))
    low, high = float(domain.lower[start]), float(domain.upper[start])
    if column.kind is ColumnKind.ORDINAL:
        codes = np.array(column.codes)
        return Alternatives(column, codes[(codes >= low) & (codes <= high)])
    values = np.unique(seen)
    if values.size <= _FEW_VALUES:
        return Alternatives(column, values)
    return Alternatives(column, np.array([low, high]), (low, high))
