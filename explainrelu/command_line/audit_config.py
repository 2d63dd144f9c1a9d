"""The configuration of an audit: a TOML file of expectations, limits and words for the page."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explainrelu.audits.auditing.expectations import AuditLimits, Expectations
from explainrelu.audits.verification.constraints import OutputConstraints
from explainrelu.audits.verification.vnnlib import VnnlibProperty, read_vnnlib
from explainrelu.errors import ArgumentError, DataError, ExplainReluError

__all__ = ["AuditConfig", "read_config"]

_SECTIONS = ("expectations", "limits", "report")
_REPORT = ("title", "units")
_PROPERTY = "{output = 'yes', at_most = 5}, {difference = ['a', 'b'], at_most = 0} or a .vnnlib file"


@dataclass(frozen=True, slots=True, eq=False)
class AuditConfig:
    """What a configuration asks for.

    Attributes
    ----------
    expectations, limits
        As :func:`explainrelu.audit` takes them.
    title
        Heading of the page; None for one of its own.
    units
        Column -> unit.
    """

    expectations: Expectations
    limits: AuditLimits
    title: str | None
    units: Mapping[str, str] | None


def read_config(path: Path | None) -> AuditConfig:
    """Read a configuration; without a file what is expected by default.

    Raises
    ------
    DataError
        Where the file cannot be read or is no TOML; the line is named.
    ArgumentError
        For sections, keys and values that are not known; the key is named.
    """
    parts = {} if path is None else _parsed(path)
    _check_keys(path, "", parts, _SECTIONS)
    folder = Path() if path is None else path.parent
    asked = dict(_section(path, parts, "expectations"))
    words = _section(path, parts, "report")
    _check_keys(path, "report.", words, _REPORT)
    try:
        if "properties" in asked:
            asked["properties"] = _properties(asked["properties"], folder)
        if isinstance(asked.get("protected"), Mapping):
            asked["protected"] = {key: _values(v) for key, v in asked["protected"].items()}
        expectations = Expectations.from_mapping(asked)
        limits = AuditLimits.from_mapping(_section(path, parts, "limits"))
    except ExplainReluError as error:
        raise ArgumentError(f"{str(path)!r}: {error}") from error
    title, units = words.get("title"), words.get("units")
    if title is not None and not isinstance(title, str):
        raise ArgumentError(f"{str(path)!r}: report.title must be text, got {title!r}.")
    return AuditConfig(expectations, limits, title, units)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {error.strerror or error}. Check the path of --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{str(path)!r} must be TOML, got: {error}. Mend that line; docs/audit.md shows a "
            "whole file."
        ) from error


def _section(path: Path | None, parts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = parts.get(name, {})
    if not isinstance(found, Mapping):
        raise ArgumentError(f"{str(path)!r}: {name} must be a section [{name}], got {found!r}.")
    return found


def _check_keys(
    path: Path | None, where: str, given: Mapping[str, Any], known: tuple[str, ...]
) -> None:
    odd = [key for key in given if key not in known]
    if odd:
        raise ArgumentError(
            f"{str(path)!r} has no use for {where + odd[0]!r}; it takes "
            f"{', '.join(where + key for key in known)}."
        )


def _values(given: Any) -> Any:
    """Values of a protected column: a list, or all between ``{from = 20, to = 60}``."""
    if isinstance(given, Mapping):
        if set(given) != {"from", "to"}:
            raise ArgumentError(
                "expectations.protected: a range is written {from = 20, to = 60}, got "
                f"{dict(given)!r}."
            )
        return (given["from"], given["to"])
    return given


def _properties(given: Any, folder: Path) -> dict[str, OutputConstraints | VnnlibProperty]:
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"expectations.properties must be a table name = {_PROPERTY}, got {given!r}."
        )
    return {str(name): _property(str(name), one, folder) for name, one in given.items()}


def _property(name: str, given: Any, folder: Path) -> OutputConstraints | VnnlibProperty:
    if isinstance(given, str):
        return read_vnnlib(folder / given)
    if isinstance(given, Mapping):
        keys, bounds = set(given), {"at_most", "at_least"} & set(given)
        if "output" in keys and bounds and keys <= {"output", "at_most", "at_least"}:
            parts = [getattr(OutputConstraints, bound)(given["output"], given[bound])
                     for bound in sorted(bounds)]  # fmt: skip
            return parts[0] if len(parts) == 1 else parts[0] & parts[1]
        pair = given.get("difference")
        if keys == {"difference", "at_most"} and isinstance(pair, list) and len(pair) == 2:
            return OutputConstraints.difference_at_most(pair[0], pair[1], given["at_most"])
    raise ArgumentError(f"expectations.properties.{name} must be {_PROPERTY}, got {given!r}.")
