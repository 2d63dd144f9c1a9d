"""Where a command's words go: text or JSON to stdout, progress and warnings to stderr."""

import json
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import pandas as pd

from explainrelu.certificate import Certificate, Status

__all__ = ["Console", "records"]

_Item = TypeVar("_Item")
_PLAIN = str.maketrans(
    {"█": "#", "…": "~", "–": "-", "−": "-", "×": "x", "±": "+/-", "\u202f": " "}
)


@dataclass(frozen=True, slots=True)
class Console:
    """How a command speaks.

    Attributes
    ----------
    as_json
        JSON alone goes to stdout.
    quiet
        Results only: no notes on the side and no progress bar.
    """

    as_json: bool = False
    quiet: bool = False

    def say(self, text: str) -> None:
        """The result, for a person."""
        if not self.as_json:
            click.echo(_printable(text))

    def note(self, text: str) -> None:
        """What was read or written, for a person."""
        if not self.quiet:
            self.say(text)

    def data(self, content: Any) -> None:
        """The result, for a machine."""
        if self.as_json:
            click.echo(json.dumps(content, indent=2, allow_nan=False))

    def holds(self, *certificates: Certificate) -> bool:
        """Whether no check fails; each that does not hold is named on stderr."""
        checks = [check for certificate in certificates for check in certificate.checks]
        for check in checks:
            if check.status is Status.FAILS:
                click.echo(
                    f"Warning: a check fails: {check.name}, {check.value:.3g} where at most "
                    f"{check.tolerance:.3g} is allowed ({check.detail}).",
                    err=True,
                )
            elif check.status is Status.UNDECIDED:
                click.echo(f"Not decided: {check.name} ({check.detail}).", err=True)
        return all(check.status is not Status.FAILS for check in checks)

    @property
    def shows_progress(self) -> bool:
        """Only on a terminal, and not where the person asked for quiet."""
        return not self.quiet and sys.stderr.isatty()

    def each(self, items: Iterable[_Item], total: int, what: str) -> Iterator[_Item]:
        """The items one after another, with a bar where the work is long."""
        from tqdm import tqdm

        bar: Iterable[_Item] = tqdm(
            items, total=total, desc=what, delay=1.0, leave=False, disable=not self.shows_progress
        )
        yield from bar

    @contextmanager
    def steps(self, total: int) -> Iterator[Callable[[int, str], None] | None]:
        """What is told the number of steps done and the name of the next; None where unseen."""
        if not self.shows_progress:
            yield None
            return
        from tqdm import tqdm

        with tqdm(total=total, leave=False, bar_format="{desc:<30} {bar} {elapsed}") as bar:

            def show(done: int, step: str) -> None:
                bar.set_description_str(step, refresh=False)
                bar.update(done - bar.n)
                bar.refresh()

            yield show

    @contextmanager
    def warnings_in_a_line(self) -> Iterator[None]:
        """Every warning of the libraries as one line on stderr, without its source code."""

        def show(message: Warning | str, *_: Any, **__: Any) -> None:
            click.echo(f"Warning: {' '.join(str(message).split())}", err=True)

        with warnings.catch_warnings():
            warnings.showwarning = show
            yield


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain data; what is missing or infinite as None.

    Examples
    --------
    >>> records(pd.DataFrame({"a": [1.5, float("nan")], "b": ["x", None]}))
    [{'a': 1.5, 'b': 'x'}, {'a': None, 'b': None}]
    """
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _printable(text: str) -> str:
    """The text, in plainer signs where the terminal has no better ones."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text
