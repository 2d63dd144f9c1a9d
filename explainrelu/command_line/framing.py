"""How a command of the command line looks, and how it fails.

Light to import: what a command needs beyond click is imported when it runs.
"""

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from explainrelu.errors import ExplainReluError

__all__ = ["CommandGroup", "option", "runs"]

_FAILED, _BAD_INPUT, _DEFECT = 1, 2, 3
_ARGUMENTS = {
    "MODEL": "A scikit-learn model saved by skops.io.dump (.skops), an ONNX file (.onnx), a "
    "PyTorch program saved by torch.export.save (.pt2), an NNet file (.nnet), or a file that "
    "explainrelu convert or explainrelu.save wrote (.xrelu).",
    "A": "A model, of the kinds of file that every command takes as MODEL.",
    "B": "The model to compare it with, of any of these kinds too.",
    "DATA": "Rows for the model (.csv or .parquet), columns named and ordered as in training.",
    "CHAMPION": "The model in use, of the kinds of file that every command takes as MODEL.",
    "CHALLENGER": "The model to compare it with, of the same columns and scores.",
    "TRAIN": "The rows that the model was trained on (.csv or .parquet).",
    "NEW": "The rows that it is used on; they may lack the target.",
}


class _Failure(click.ClickException):
    """One line on stderr."""

    exit_code = _BAD_INPUT

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class _Defect(_Failure):
    """The same for what should not have happened."""

    exit_code = _DEFECT


class _Option(click.Option):
    """An option that knows the heading it stands under in the help."""

    def __init__(self, *names: Any, heading: str = "Output", **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.heading = heading


class _Command(click.Command):
    """A command whose help explains its arguments and groups its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments, then the options under their headings."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Data": [], "Result": []}
        for param in self.get_params(ctx):
            if isinstance(param, click.Argument):
                name = str(param.name).upper()
                sections["Arguments"].append((name, _ARGUMENTS[name]))
            elif record := param.get_help_record(ctx):
                sections.setdefault(getattr(param, "heading", "Output"), []).append(record)
        for heading, lines in sections.items():
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)


class CommandGroup(click.Group):
    """The commands in the order they were written; a wrong call is answered in one line."""

    command_class = _Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of definition."""
        return list(self.commands)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments before the command's name."""
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            raise _wrong_call(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _wrong_call(error) from error


def _wrong_call(error: click.UsageError) -> _Failure:
    command = error.ctx.command_path if error.ctx else "explainrelu"
    return _Failure(f"{error.format_message().rstrip('.')}. See {command} --help.")


def runs(function: Callable[..., bool]) -> Callable[..., None]:
    """What click calls for a command, its errors turned into a line and an exit code.

    Parameters
    ----------
    function
        Takes a :class:`Console` and the command's own options, and returns whether every check
        holds. The options ``as_json``, ``quiet`` and ``debug`` are dealt with here.
    """

    @wraps(function)
    def run(*, as_json: bool, quiet: bool, debug: bool, **options: Any) -> None:
        from explainrelu.command_line.console import Console

        console = Console(as_json, quiet)
        try:
            with console.warnings_in_a_line():
                holds = function(console, **options)
        except (click.ClickException, BrokenPipeError):
            raise
        except Exception as error:
            if debug:
                traceback.print_exc()
            if isinstance(error, ExplainReluError):
                raise _Failure(str(error)) from error
            text = f"{type(error).__name__}: {error}".rstrip(". ")
            advice = "This is a defect of explainrelu: please report it with what --debug shows."
            raise _Defect(f"{text}. {advice}") from error
        if not holds:
            click.get_current_context().exit(_FAILED)

    return run


def option(heading: str, *names: str, **settings: Any) -> Callable[[Callable[..., Any]], Any]:
    """``click.option`` under a heading of the help: Data, Result or Output."""
    return click.option(*names, cls=_Option, heading=heading, **settings)
