"""Frozen records as JSON and back, led by the declared types of their fields.

A record becomes an object with one entry a field, a tuple a list, a member of an enumeration
its value. JSON alone would lose two things, so they are written out:

- a float that is not finite is the text ``"nan"``, ``"inf"`` or ``"-inf"``, and a float is never
  read from a whole number;
- a level carries its type, ``{"int": 1}`` or ``{"str": "1"}``, since ``1``, ``1.0``, ``True`` and
  ``"1"`` are four different levels; a missing one is ``null``.

A field that is absent takes the record's default, as a release that did not know the field
would have had it; a field that the record does not have is refused.
"""

import reprlib
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from math import isfinite
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from explainrelu.errors import ArchiveError, ExplainReluError, InputTypeError
from explainrelu.network.column import Level

__all__ = ["from_plain", "refusal", "to_plain"]

_Value = TypeVar("_Value")
_LEVEL_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_AGAIN = "Save the model again, or fetch a fresh copy of the file."


def to_plain(value: Any, kind: Any, where: str = "record") -> Any:
    """A value of the declared type ``kind`` as what :func:`json.dumps` takes.

    Parameters
    ----------
    value
        A frozen record, or what stands in one.
    kind
        Its declared type: a dataclass, ``tuple``, enumeration, ``Level``, ``str``, ``bool``,
        ``int`` or ``float``.
    where
        How errors name the value.

    Raises
    ------
    InputTypeError
        Where a field holds something else than it declares.

    Examples
    --------
    >>> to_plain((1.0, float("inf")), tuple[float, ...])
    [1.0, 'inf']
    """
    if isinstance(kind, type) and is_dataclass(kind):
        return {
            name: to_plain(getattr(value, name), declared, f"{where}.{name}")
            for name, declared in _declared(kind).items()
        }
    if get_origin(kind) is tuple:
        kinds = _item_kinds(kind, len(value))
        pairs = enumerate(zip(value, kinds, strict=True))
        return [to_plain(item, declared, f"{where}[{i}]") for i, (item, declared) in pairs]
    if isinstance(value, np.generic):
        value = value.item()
    if kind == Level:
        return _tagged(value, where)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        return number if isfinite(number) else str(number)
    if not isinstance(value, kind):
        raise InputTypeError(
            f"{where} must be of type {kind.__name__} to be saved, got {value!r}. "
            "Build the record with plain values."
        )
    return value.value if isinstance(value, StrEnum) else value


def from_plain(data: Any, kind: type[_Value], where: str = "record") -> _Value:
    """The inverse of :func:`to_plain`, checked at every step.

    Parameters
    ----------
    data
        As :func:`json.loads` gives it; nothing about it is taken on trust.
    kind
        The declared type, as in :func:`to_plain`.
    where
        How errors name the value.

    Raises
    ------
    ArchiveError
        Naming the field, what it must be and what was found.

    Notes
    -----
    Nothing is ever called but the constructors of the declared records.

    Examples
    --------
    >>> from_plain([1.0, "inf"], tuple[float, ...])
    (1.0, inf)
    """
    result: Any
    if is_dataclass(kind):
        result = _record(data, kind, where)
    elif get_origin(kind) is tuple:
        result = _tuple(data, kind, where)
    elif kind == Level:
        result = _level(data, where)
    elif kind is float:
        result = _float(data, where)
    elif issubclass(kind, StrEnum):
        members = {member.value: member for member in kind}
        if not isinstance(data, str) or data not in members:
            raise _unlike(where, f"one of {', '.join(members)}", data)
        result = members[data]
    else:
        if type(data) is not kind:
            raise _unlike(where, f"of type {kind.__name__}", data)
        result = data
    return result  # type: ignore[no-any-return]  # of the declared kind by the branch taken


def refusal(where: str, required: str, got: str) -> ArchiveError:
    """The error for a part of a file that is not what it must be, all three in words."""
    return ArchiveError(f"{where} must be {required}, got {got}. {_AGAIN}")


def _unlike(where: str, required: str, data: Any) -> ArchiveError:
    return refusal(where, required, reprlib.repr(data))


@cache
def _declared(record: type) -> dict[str, Any]:
    """Name and type of each field that the constructor takes."""
    hints = get_type_hints(record)
    return {field.name: hints[field.name] for field in fields(record) if field.init}


def _item_kinds(kind: Any, length: int) -> tuple[Any, ...]:
    """The declared type of each item: of ``tuple[T, ...]`` or of ``tuple[T, U]``."""
    arguments = get_args(kind)
    return (arguments[0],) * length if arguments[-1] is Ellipsis else arguments


def _tagged(level: Any, where: str) -> Any:
    if level is None:
        return None
    for name, kind in _LEVEL_TYPES.items():
        # bool stands before int, which it is a subclass of
        if isinstance(level, kind):
            return {name: to_plain(kind(level), kind, where)}
    raise InputTypeError(
        f"{where} must be text, a number, a truth value or None to be saved, got {level!r}. "
        "Turn such values into text before fitting the model."
    )


def _record(data: Any, kind: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise _unlike(where, "an object", data)
    declared = _declared(kind)
    unknown = sorted(set(data) - set(declared))
    if unknown:
        raise ArchiveError(
            f"{where} must have no other fields than {', '.join(declared)}, got "
            f"{', '.join(map(repr, unknown[:8]))}. A newer explainrelu may have written the file: "
            "pip install --upgrade explainrelu."
        )
    for field in fields(kind):
        if field.init and field.name not in data and field.default is MISSING:
            raise refusal(f"{where}.{field.name}", "present", "nothing")
    values = {n: from_plain(v, declared[n], f"{where}.{n}") for n, v in data.items()}
    try:
        return kind(**values)
    except ArchiveError:
        raise
    except ExplainReluError as error:
        raise refusal(where, "a record that fits together", str(error).rstrip(".")) from error


def _tuple(data: Any, kind: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise _unlike(where, "a list", data)
    kinds = _item_kinds(kind, len(data))
    if len(kinds) != len(data):
        raise _unlike(where, f"a list of {len(kinds)}", data)
    pairs = enumerate(zip(data, kinds, strict=True))
    return tuple(from_plain(item, declared, f"{where}[{i}]") for i, (item, declared) in pairs)


def _level(data: Any, where: str) -> Level:
    if data is None:
        return None
    if not isinstance(data, dict) or len(data) != 1 or not _LEVEL_TYPES.keys() >= data.keys():
        raise _unlike(where, f"null or an object with one of {', '.join(_LEVEL_TYPES)}", data)
    ((name, value),) = data.items()
    level: Level = from_plain(value, _LEVEL_TYPES[name], where)
    return level


def _float(data: Any, where: str) -> float:
    if isinstance(data, str) and data in _NOT_FINITE:
        return _NOT_FINITE[data]
    # a literal such as 1e999 reads as infinity, which has a spelling of its own
    if type(data) is not float or not isfinite(data):
        raise _unlike(where, "a float", data)
    return data
