"""Nested expressions in round brackets, with the lines on which they begin."""

from collections.abc import Iterator
from dataclasses import dataclass
from re import compile as compiled

from explainrelu.errors import ArgumentError

__all__ = ["Expression", "expressions"]

_TOKEN = compiled(r";[^\n]*|[()]|[^\s();]+|\n")
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Expression:
    """A word, or a list of expressions in brackets.

    Attributes
    ----------
    items
        The word, or what stands in the brackets.
    line
        Where it begins, counted from 1.
    """

    items: "str | list[Expression]"
    line: int

    def __str__(self) -> str:
        if isinstance(self.items, str):
            return self.items
        text = "(" + " ".join(map(str, self.items)) + ")"
        return text if len(text) < 60 else text[:56] + " ..."


def expressions(text: str, name: str) -> Iterator[Expression]:
    """Every expression of a text; ``;`` begins a comment.

    Raises
    ------
    ArgumentError
        Where brackets do not match, with the line.

    Examples
    --------
    >>> [str(found) for found in expressions("(assert (<= x 1)) ; done", "file")]
    ['(assert (<= x 1))']
    """
    line, waiting = 1, list[Expression]()
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            line += 1
        elif token == "(":
            if len(waiting) == _DEEPEST:
                raise ArgumentError(
                    f"{name}, line {line}: at most {_DEEPEST} brackets may be open, got more."
                )
            waiting.append(Expression([], line))
        elif not token.startswith(";"):
            if token == ")" and not waiting:
                raise ArgumentError(f"{name}, line {line}: a bracket is closed that none opens.")
            done = waiting.pop() if token == ")" else Expression(token, line)
            if waiting and isinstance(waiting[-1].items, list):
                waiting[-1].items.append(done)
            else:
                yield done
    if waiting:
        raise ArgumentError(
            f"{name}, line {waiting[-1].line}: the bracket that opens here is never closed."
        )
