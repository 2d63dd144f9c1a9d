"""Options of the auditing commands as the package takes them, refused in the words they came in."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError, ExplainReluError
from explainrelu.network.column import ColumnKind, level_text
from explainrelu.network.schema import InputSchema

__all__ = ["between", "number", "numbers", "pairs", "passes", "permitted", "spoken", "steps"]


def pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """``COLUMN=VALUE`` arguments, split at the last sign.

    Examples
    --------
    >>> pairs("--error", ["age=1", "a=b=2"])
    [('age', '1'), ('a=b', '2')]
    """
    found = []
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not (equals and name and value):
            raise ArgumentError(f"{option} takes COLUMN=VALUE, got {text!r}.")
        found.append((name, value))
    return found


def numbers(option: str, texts: Sequence[str]) -> dict[str, float]:
    """``COLUMN=NUMBER`` arguments, each column once.

    Examples
    --------
    >>> numbers("--error", ["age=1", "income=50"])
    {'age': 1.0, 'income': 50.0}
    """
    found: dict[str, float] = {}
    for name, value in pairs(option, texts):
        if name in found:
            raise ArgumentError(f"{option} takes a column once, got {name!r} twice.")
        found[name] = number(option, name, value)
    return found


def number(option: str, name: str, text: str) -> float:
    """The number of one ``COLUMN=NUMBER`` argument."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"{option} {name}= takes a number, got {text!r}.") from None


def steps(texts: Sequence[str], words: Sequence[str]) -> str | dict[str, float] | None:
    """What ``--scale`` says: nothing, one of some words, or a size for each column.

    Examples
    --------
    >>> steps([], ["mad"]), steps(["mad"], ["mad"]), steps(["age=5"], ["mad"])
    (None, 'mad', {'age': 5.0})
    """
    if not texts:
        return None
    if len(texts) == 1 and texts[0] in words:
        return texts[0]
    for text in texts:
        if "=" not in text:
            raise ArgumentError(
                f"--scale takes {' or '.join(words)}, or COLUMN=SIZE for each column, got {text!r}."
            )
    return numbers("--scale", texts)


def permitted(option: str, texts: Sequence[str], schema: InputSchema) -> dict[str, Any]:
    """``COLUMN=LOW:HIGH`` and ``COLUMN=LEVEL`` arguments; the levels of a column are collected."""
    found: dict[str, Any] = {}
    for name, text in pairs(option, texts):
        column = schema.column(name)
        if column.kind is not ColumnKind.NUMERIC:
            known = {level_text(level): level for level in column.levels}
            found.setdefault(name, []).append(known.get(text, text))
            continue
        low, colon, high = text.partition(":")
        if not colon:
            raise ArgumentError(f"{option} {name}= takes LOW:HIGH, got {text!r}.")
        if name in found:
            raise ArgumentError(f"{option} takes the range of a column once, got {name!r} twice.")
        found[name] = (number(option, name, low), number(option, name, high))
    return found


@contextmanager
def spoken(**options: str) -> Iterator[None]:
    """Refusals of the package with the names of its arguments put as options.

    Examples
    --------
    >>> with spoken(desired_class="--desired"):
    ...     raise ArgumentError("desired_class must be one of no, yes, got 'maybe'.")
    Traceback (most recent call last):
    explainrelu.errors.ArgumentError: --desired must be one of no, yes, got 'maybe'.
    """
    try:
        yield
    except ExplainReluError as error:
        text = str(error)
        for name, shown in options.items():
            text = re.sub(rf"\b{name}=(?=[\w'\[{{(])", f"{shown} ", text)
            text = re.sub(rf"\b{name}\b=?", shown, text)
        raise type(error)(text) from error


def passes(status: Status, *, strict: bool) -> bool:
    """Whether a verdict gives exit code 0: all but ``fails``, and with ``strict`` ``holds`` only.

    Examples
    --------
    >>> passes(Status.UNDECIDED, strict=False), passes(Status.UNDECIDED, strict=True)
    (True, False)
    """
    return status is Status.HOLDS or (status is Status.UNDECIDED and not strict)


def between(lower: float, upper: float, holds: Callable[[float], bool]) -> Status:
    """The verdict on a figure that lies between two bounds, by what it has to be.

    Examples
    --------
    >>> str(between(0.2, 0.6, lambda share: share >= 0.5))
    'undecided'
    """
    answers = {holds(lower), holds(upper)}
    if len(answers) > 1:
        return Status.UNDECIDED
    return Status.HOLDS if answers == {True} else Status.FAILS
