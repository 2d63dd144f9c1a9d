"""What a person can change about their row, and how."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.network.column import ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["Actionability"]

_ORDERED = (ColumnKind.NUMERIC, ColumnKind.ORDINAL)


@dataclass(frozen=True, slots=True, eq=False)
class Actionability:
    """What of a row can be changed, in which direction and at what cost.

    Attributes
    ----------
    immutable
        Columns that stay as they are.
    increase_only, decrease_only
        Columns that move one way only; an ordinal column by its codes.
    step
        Numeric column -> the change is a whole multiple of this, counted from the row's own
        value; None for any amount.
    linked
        Numeric column -> the column, or columns, that change by the same amount (in their own
        unit): ``{"age": "years_employed"}``.
    cost
        Column -> factor of its share of the distance, 1 where it is not named: for a column that
        is twice as hard to change 2.

    Raises
    ------
    ArgumentError
        Where the wishes contradict each other, or a step or cost is not positive.
    InputTypeError
        Where a list of columns is a single string, or a number is none.

    Examples
    --------
    >>> Actionability(immutable=["age"], increase_only=["education"]).immutable
    ('age',)
    """

    immutable: Sequence[str] = ()
    increase_only: Sequence[str] = ()
    decrease_only: Sequence[str] = ()
    step: Mapping[str, float | None] = field(default_factory=dict)
    linked: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("immutable", "increase_only", "decrease_only"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        for name in ("step", "cost"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        links = _mapping("linked", self.linked)
        pairs = {
            str(key): (value,) if isinstance(value, str) else _names("linked", value)
            for key, value in links.items()
        }
        object.__setattr__(self, "linked", MappingProxyType(pairs))
        self._check_directions()
        self._check_links()

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The columns that change by the same amount, one tuple a group."""
        groups: list[list[str]] = []
        for key, others in self.linked.items():
            names = [key, *others]
            touched = [group for group in groups if set(group) & set(names)]
            merged = [*dict.fromkeys([n for group in touched for n in group] + names)]
            groups = [group for group in groups if group not in touched] + [merged]
        return tuple(tuple(group) for group in groups)

    def check(self, schema: InputSchema) -> None:
        """Raise where these are not wishes about the columns of a schema.

        Raises
        ------
        ColumnsError
            For a column that the model does not have.
        ArgumentError
            For a direction, step or link of a column that has no amounts.
        """
        named = {
            "immutable": self.immutable,
            "increase_only": self.increase_only,
            "decrease_only": self.decrease_only,
            "step": tuple(self.step),
            "linked": tuple(name for group in self.groups for name in group),
            "cost": tuple(self.cost),
        }
        for wish, names in named.items():
            for name in names:
                if name not in schema.names:
                    raise ColumnsError(
                        f"{wish} must name columns of the model, got {name!r}; there are "
                        f"{', '.join(schema.names)}."
                    )
                kind = schema.column(name).kind
                kinds = _ORDERED if wish.endswith("only") else (ColumnKind.NUMERIC,)
                if wish not in ("immutable", "cost") and kind not in kinds:
                    raise ArgumentError(
                        f"{wish} must name {' or '.join(kinds)} columns, got {name!r}, which is "
                        f"{kind}. Permit some of its levels by permitted_range, or make it "
                        "immutable."
                    )

    def _check_directions(self) -> None:
        lists = {n: set(getattr(self, n)) for n in ("immutable", "increase_only", "decrease_only")}
        names = list(lists)
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                both = sorted(lists[first] & lists[second])
                if both:
                    raise ArgumentError(
                        f"A column must not be {first} and {second} at once, got {both[0]!r} in "
                        "both. Name it in one of them."
                    )

    def _check_links(self) -> None:
        for group in self.groups:
            held = sorted(set(group) & set(self.immutable))
            if len(group) < 2:
                raise ArgumentError(
                    f"linked must pair different columns, got {group[0]!r} with itself."
                )
            if held:
                raise ArgumentError(
                    f"Linked columns change by the same amount, got {', '.join(group)} of which "
                    f"{held[0]!r} is immutable. Make all of them immutable, or take the link out."
                )
            ways = [self.increase_only, self.decrease_only]
            if all(set(group) & set(way) for way in ways):
                raise ArgumentError(
                    f"Linked columns change by the same amount, got {', '.join(group)} of which "
                    "one may only increase and one only decrease. Make them immutable instead."
                )


def _names(what: str, names: Any) -> tuple[str, ...]:
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise InputTypeError(f"{what} must be a list of columns, got {names!r}. Write [{names!r}].")
    return tuple(
        str(name) for name in (sorted(names) if isinstance(names, (set, frozenset)) else names)
    )


def _mapping(what: str, values: Any) -> Mapping[Any, Any]:
    if not isinstance(values, Mapping):
        raise InputTypeError(f"{what} must map columns to values, got {values!r}.")
    return values


def _numbers(what: str, values: Any) -> Mapping[str, float | None]:
    found: dict[str, float | None] = {}
    for name, value in _mapping(what, values).items():
        if value is None and what == "step":
            found[str(name)] = None
            continue
        if isinstance(value, bool) or not isinstance(value, Real):
            raise InputTypeError(f"{what} of {name!r} must be a number, got {value!r}.")
        if not (float(value) > 0 and np.isfinite(float(value))):
            raise ArgumentError(
                f"{what} of {name!r} must be positive and finite, got {value!r}. A column that "
                "must not change is immutable."
            )
        found[str(name)] = float(value)
    return MappingProxyType(found)
