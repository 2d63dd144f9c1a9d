"""The command line: arguments and help; the work is done in explainrelu.command_line.

    explainrelu demo | inspect | report | audit | convert | rules | simplify | rank | explain | compare
                | regions | map | compress | equal

Exit code 0 where all went well, 1 where a check does not hold, 2 for input that cannot be used
(one line on stderr says why), 3 for a defect of explainrelu itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from explainrelu.command_line.framing import CommandGroup, option, runs

if TYPE_CHECKING:
    from explainrelu.command_line.console import Console
    from explainrelu.command_line.inputs import Inputs

__all__ = ["main"]


def _command(
    *parameters: Callable[[Callable[..., Any]], Any], examples: str
) -> Callable[[Callable[..., bool]], click.Command]:
    """Register a function as a command with these arguments and options, in this order."""
    lines = [f"  {line.strip()}" for line in examples.strip().splitlines()]
    epilog = "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *lines])

    def register(function: Callable[..., bool]) -> click.Command:
        callback: Any = runs(function)
        for parameter in reversed((*parameters, *_SPEECH)):
            callback = parameter(callback)
        name = function.__name__.rstrip("_")
        command: click.Command = main.command(name, epilog=epilog)(callback)
        return command

    return register


def _reads(options: dict[str, Any]) -> "Inputs":
    """The files and choices that every command reads alike."""
    from explainrelu.command_line.inputs import Inputs

    names = ("model", "data", "target", "drop", "reorder", "background", "outputs", "groups")
    return Inputs(**{name: options[name] for name in names if name in options})


# ---------------------------------------------------------------------------------------------
# Options that several commands share.

_PATH = click.Path(path_type=Path)


def _number(
    name: str, default: int, what: str, *, least: int = 1
) -> Callable[[Callable[..., Any]], Any]:
    """An option that takes a whole number of at least ``least``."""

    def check(ctx: click.Context, param: click.Parameter, value: int) -> int:
        if value < least:
            raise click.BadParameter(f"must be at least {least}, got {value}", ctx, param)
        return value

    return option(
        "Result", name, type=int, callback=check, default=default, show_default=True, metavar="N",
        help=what,
    )  # fmt: skip


_SPEECH = (
    option("Output", "--json", "as_json", is_flag=True, help="JSON to stdout, nothing else."),
    option("Output", "--quiet", is_flag=True, help="The result only; no notes, no progress bar."),
    option("Output", "--debug", is_flag=True, help="Show the traceback of an error."),
)
_INPUTS = (
    click.argument("model", type=_PATH),
    click.argument("data", type=_PATH),
    option(
        "Data", "--target", multiple=True, metavar="COLUMN",
        help="The column that the model predicts, to be split off. Repeat it for several.",
    ),
    option(
        "Data", "--drop", multiple=True, metavar="COLUMN",
        help="A column to leave out. Repeat it for several.",
    ),
    option(
        "Data", "--reorder", is_flag=True,
        help="Take the columns by name, whatever their order in the file.",
    ),
)  # fmt: skip
_BACKGROUND = option(
    "Data", "--background", type=_PATH, metavar="FILE",
    help="Rows to compare with (.csv or .parquet), such as the training data. By default DATA.",
)  # fmt: skip
_CLASS = option(
    "Result", "--class", "--output-name", "outputs", multiple=True, metavar="NAME",
    help="The class or output to explain, by default all. Given twice: the first minus the second.",
)  # fmt: skip
_MAX_RULES = _number("--max-rules", 20, "Write rules for the N regions with most rows.")
_SHAP_ROWS = _number("--rows", 200, "Compare at most N rows with SHAP, drawn at random.")
_SEED = _number("--seed", 0, "Seed of every random draw.", least=0)
_TABLE = option(
    "Output", "-o", "--output", "path", type=_PATH, metavar="FILE",
    help="Write the table to FILE (.csv or .parquet) instead of showing it.",
)  # fmt: skip


def _folder(default: str | None, what: str) -> Callable[[Callable[..., Any]], Any]:
    return option(
        "Output", "-o", "--output", "folder", type=_PATH, metavar="FOLDER", default=default,
        show_default=default is not None, help=what,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------
# The commands.


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="\b\nStart here:\n  explainrelu demo",
)
@click.version_option(package_name="explainrelu", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Exact explanations of trained ReLU networks, in the units of your columns.

    A network is cut into the linear regions that your rows visit; in each it is one formula.
    The commands write these formulas down as rules, rank the columns by them, explain single
    rows, and compare with SHAP.

    Exit code 0: all went well. 1: a check does not hold. 2: the input cannot be used, and one
    line on stderr says why.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@_command(
    _folder("demo-report", "Folder for the report and the model."),
    examples="explainrelu demo",
)
def demo(console: "Console", *, folder: Path) -> bool:
    """Train a small classifier, explain it, and write a report.

    The data set (breast cancer, 569 tumours) comes with the package; nothing is downloaded.
    """
    from explainrelu.command_line.console import records
    from explainrelu.demo import run_demo
    from explainrelu.reports.report import STEPS

    with console.steps(len(STEPS)) as progress:
        found = run_demo(folder, echo=console.say, progress=progress)
    certificate = records(found.certificate.to_frame())
    console.data(
        {"folder": str(folder), "holds": found.certificate.holds, "certificate": certificate}
    )
    return console.holds(found.certificate)


@_command(
    _INPUTS[0],
    click.argument("data", type=_PATH, required=False),
    *_INPUTS[2:],
    examples="""
        explainrelu inspect model.onnx
        explainrelu inspect model.skops patients.csv --target diagnosis
    """,
)
def inspect(console: "Console", **options: Any) -> bool:
    """Look into a model: what it is made of, and what cannot be read.

    Also for a model that is refused: every operator that cannot be read is then listed with its
    place. With DATA the import is checked on its rows.
    """
    from explainrelu.command_line.inspecting import inspect as run

    return run(_reads(options), console)


@_command(
    *_INPUTS,
    _BACKGROUND,
    _CLASS,
    _MAX_RULES,
    _number(
        "--few-rules", 6, "Fit at most N rules in place of the network; 0 leaves them out.", least=0
    ),
    _SHAP_ROWS,
    option(
        "Result", "--shap/--no-shap", default=True, show_default=True, help="Compare with SHAP."
    ),
    _SEED,
    option("Result", "--title", metavar="TEXT", help="Heading of the page."),
    _folder("report", "Folder to write to; files of other names in it are left alone."),
    option("Output", "--parquet", is_flag=True, help="Write the tables as Parquet, not as CSV."),
    examples="explainrelu report model.skops patients.csv --target diagnosis -o report",
)
def report(console: "Console", **options: Any) -> bool:
    """Write every table and one HTML page about a model."""
    from explainrelu.command_line.commands import write_report

    names = ("folder", "parquet", "max_rules", "few_rules", "rows", "shap", "title", "seed")
    return write_report(_reads(options), console, **{name: options[name] for name in names})


@_command(
    *_INPUTS,
    option(
        "Data", "--train", "background", type=_PATH, metavar="FILE",
        help="The rows that the model was trained on (.csv or .parquet), for coverage.",
    ),
    option(
        "Data", "--sensitive", "groups", multiple=True, metavar="COLUMN",
        help="A column of DATA to group the rows by; need not be one that the model reads. Repeat "
        "it for several.",
    ),
    option(
        "Result", "--config", type=_PATH, metavar="FILE",
        help="What is expected of the model, and limits (.toml); docs/audit.md shows a file.",
    ),
    option(
        "Result", "--strict", is_flag=True, help="Let an undecided check count as one that fails."
    ),
    option("Result", "--title", metavar="TEXT", help="Heading of the page."),
    _folder("audit", "Folder to write to; files of other names in it are left alone."),
    option("Output", "--parquet", is_flag=True, help="Write the tables as Parquet, not as CSV."),
    examples="explainrelu audit model.skops test.csv --target repaid --train train.csv "
    "--config audit.toml -o audit",
)  # fmt: skip
def audit(console: "Console", **options: Any) -> bool:
    """Hold a model against what is expected of it, and write the evidence.

    Writes audit.html, one page with verdicts and everything they rest on, and every table. Exit
    code 1 where a check fails; with --strict also where one is undecided.
    """
    from explainrelu.command_line.auditing import audit_model

    names = ("folder", "config", "strict", "parquet", "title")
    return audit_model(_reads(options), console, **{name: options[name] for name in names})


@_command(
    *_INPUTS,
    option(
        "Output", "-o", "--output", "path", type=_PATH, metavar="FILE",
        help="Save the converted model to FILE (.xrelu).",
    ),
    examples="explainrelu convert model.skops patients.csv --target diagnosis -o model.xrelu",
)  # fmt: skip
def convert(console: "Console", *, path: Path | None, **options: Any) -> bool:
    """Turn a model into its equal three-layer network, certified."""
    from explainrelu.command_line.commands import convert_model

    return convert_model(_reads(options), console, path)


@_command(
    _INPUTS[0],
    click.argument("data", type=_PATH, required=False),
    *_INPUTS[2:],
    _CLASS,
    _MAX_RULES,
    _TABLE,
    examples="""
        explainrelu rules model.skops patients.csv --target diagnosis --max-rules 3
        explainrelu rules model.xrelu -o rules.csv
    """,
)
def rules(console: "Console", *, path: Path | None, max_rules: int, **options: Any) -> bool:
    """Write the rule of each linear region: IF conditions THEN formula.

    DATA may be left out for a file that explainrelu convert wrote: it knows its regions.
    """
    from explainrelu.command_line.commands import rules as run

    return run(_reads(options), console, path, max_rules=max_rules)


@_command(
    *_INPUTS,
    _CLASS,
    _number("--max-rules", 8, "At most N rules; fewer where more are not worth having."),
    option(
        "Result", "--max-error", type=float, default=None, metavar="SIZE",
        help="The fewest rules whose errors on the rows used are at most SIZE, in units of the "
        "score.",
    ),
    option(
        "Result", "--splits", type=click.Choice(["network", "axis"]), default="network",
        show_default=True,
        help="Conditions: half-spaces the network itself uses, or one column at a time.",
    ),
    option(
        "Result", "--max-terms", type=int, default=None, metavar="N",
        help="At most N columns in a formula.",
    ),
    option(
        "Result", "--time-limit", type=float, default=10.0, show_default=True, metavar="SECONDS",
        help="For the proof; what is not proven by then keeps a bound that holds.",
    ),
    _SEED,
    _TABLE,
    examples="""
        explainrelu simplify model.skops patients.csv --target diagnosis
        explainrelu simplify model.skops patients.csv --target diagnosis --splits axis --max-terms 4
    """,
)  # fmt: skip
def simplify(console: "Console", *, path: Path | None, **options: Any) -> bool:
    """Put a few rules in place of the network, with a proof of how far they can be off.

    A quarter of the rows is kept out of the fit and measured on. Exit code 1 where --max-error
    was not reached, or a check does not hold.
    """
    from explainrelu.command_line.simplifying import simplify_model

    names = ("max_rules", "max_error", "splits", "max_terms", "time_limit", "seed")
    return simplify_model(_reads(options), console, path, **{name: options[name] for name in names})


@_command(
    *_INPUTS,
    _CLASS,
    option(
        "Result", "--by", type=click.Choice(["effect", "contribution", "coefficient"]),
        default="effect", show_default=True, metavar="WAY",
        help="effect: coefficient times standard deviation. contribution: mean size of the "
        "attribution. coefficient: in the unit of the column.",
    ),
    _TABLE,
    examples="explainrelu rank model.skops patients.csv --target diagnosis",
)  # fmt: skip
def rank(console: "Console", *, path: Path | None, by: str, **options: Any) -> bool:
    """Rank the columns by what the model makes of them."""
    from explainrelu.command_line.commands import rank as run

    return run(_reads(options), console, path, by=by)


@_command(
    *_INPUTS,
    _BACKGROUND,
    option(
        "Result", "--row", type=int, required=True, metavar="N",
        help="The row to explain, counted from 0.",
    ),
    _CLASS,
    option(
        "Result", "--method", type=click.Choice(["local_linear"]), default="local_linear",
        show_default=True, metavar="WAY",
        help="How the score is shared out over the columns. local_linear: by the formula of the "
        "row's own region.",
    ),
    _TABLE,
    examples="explainrelu explain model.skops patients.csv --target diagnosis --row 17",
)  # fmt: skip
def explain(
    console: "Console", *, path: Path | None, row: int, method: str, **options: Any
) -> bool:
    """Explain one row: what each column adds, and how far it can move."""
    from explainrelu.command_line.commands import explain_row

    return explain_row(_reads(options), console, path, row=row, method=method)


@_command(
    *_INPUTS,
    _BACKGROUND,
    _CLASS,
    option(
        "Result", "--method", type=click.Choice(["auto", "exact", "permutation"]), default="auto",
        show_default=True, metavar="WAY",
        help="How SHAP computes. exact: all subsets of the columns. permutation: sampled. auto: "
        "exact up to 10 columns.",
    ),
    _SHAP_ROWS,
    _SEED,
    _folder(None, "Write the three tables to FOLDER as CSV instead of showing them."),
    examples="explainrelu compare model.skops patients.csv --target diagnosis --rows 50",
)  # fmt: skip
def compare(
    console: "Console",
    *,
    folder: Path | None,
    method: str,
    rows: int,
    seed: int,
    **options: Any,
) -> bool:
    """Compare with SHAP: how far the two agree, and why they differ."""
    from explainrelu.command_line.commands import compare as run

    return run(_reads(options), console, folder, method=method, rows=rows, seed=seed)


def _limit(name: str, kind: type, what: str) -> Callable[[Callable[..., Any]], Any]:
    return option(
        "Search", name, type=kind, default=None,
        metavar="N" if kind is int else "SECONDS", help=what,
    )  # fmt: skip


_AT = option(
    "Search", "--at", "fixed", multiple=True, metavar="COLUMN=VALUE",
    help="Hold a column at a level or number. Repeat it for several.",
)  # fmt: skip


@_command(
    _INPUTS[0],
    option(
        "Data", "--box", "data", type=_PATH, metavar="FILE", required=True,
        help="Rows (.csv or .parquet); the smallest box around them is searched.",
    ),
    *_INPUTS[2:],
    option(
        "Search", "--margin", type=float, default=0.0, show_default=True, metavar="SHARE",
        help="Widen the box by this share of each range, on both sides.",
    ),
    _AT,
    _limit("--max-regions", int, "Stop at N regions."),
    _limit("--time-limit", float, "Stop after so many seconds."),
    option(
        "Search", "--jobs", "n_jobs", type=int, default=1, show_default=True, metavar="N",
        help="Searches side by side.",
    ),
    option("Result", "--certify", "proof", is_flag=True, help="Check independently that none is "
           "missing."),
    _TABLE,
    examples="explainrelu regions model.skops --box patients.csv --target diagnosis --certify",
)  # fmt: skip
def regions(console: "Console", **options: Any) -> bool:
    """Find every linear region of the box around some rows."""
    from explainrelu.command_line.mapping import regions as run

    names = (
        "fixed", "margin", "max_regions", "time_limit", "n_jobs", "proof",
    )  # fmt: skip
    return run(_reads(options), console, options["path"], **{name: options[name] for name in names})


@_command(
    *_INPUTS,
    _CLASS,
    option(
        "Result", "--feature", "features", multiple=True, metavar="COLUMN",
        help="A column to draw, given twice; the others are held at their means and most frequent "
        "levels, or where --at says.",
    ),
    option(
        "Result", "--at", "fixed", multiple=True, metavar="COLUMN=VALUE",
        help="Hold another column at a level or number. Repeat it for several.",
    ),
    option(
        "Result", "--colour", metavar="WHAT", default="regions", show_default=True,
        help="regions, score, or a column: by its coefficient in each region.",
    ),
    option(
        "Output", "-o", "--output", "path", type=_PATH, metavar="FILE", default="map.png",
        show_default=True, help="The picture to write (.png, .svg or .pdf).",
    ),
    examples="explainrelu map model.skops patients.csv --feature age --feature dose -o map.png",
)  # fmt: skip
def map_(console: "Console", **options: Any) -> bool:
    """Draw the linear regions over two columns, with the decision boundary."""
    from explainrelu.command_line.mapping import draw_map

    names = ("features", "fixed", "colour")
    return draw_map(
        _reads(options), console, options["path"], **{name: options[name] for name in names}
    )


@_command(
    _INPUTS[0],
    option(
        "Data", "--box", "data", type=_PATH, metavar="FILE", required=True,
        help="Rows (.csv or .parquet); the result is equal on the smallest box around them.",
    ),
    *_INPUTS[2:],
    option(
        "Search", "--margin", type=float, default=0.0, show_default=True, metavar="SHARE",
        help="Widen the box by this share of each range, on both sides.",
    ),
    _AT,
    option(
        "Search", "--method", type=click.Choice(
            ["auto", "interval", "back-substitution", "lp", "milp", "single"]
        ), default="auto", show_default=True,
        help="How to find the neurons that never change sides.",
    ),
    _limit("--time-limit", float, "Settle neurons for so many seconds; others stay."),
    option(
        "Output", "-o", "--output", "path", type=_PATH, metavar="FILE",
        help="Save the smaller network to FILE (.xrelu).",
    ),
    examples="explainrelu compress model.skops --box patients.csv --target diagnosis "
    "-o small.xrelu",
)  # fmt: skip
def compress(console: "Console", **options: Any) -> bool:
    """Make a smaller network that is equal all over the box around some rows."""
    from explainrelu.command_line.compressing import compress_model

    names = ("fixed", "margin", "method", "time_limit")
    return compress_model(
        _reads(options), console, options["path"], **{name: options[name] for name in names}
    )


@_command(
    click.argument("a", type=_PATH),
    click.argument("b", type=_PATH),
    option(
        "Data", "--box", "data", type=_PATH, metavar="FILE", required=True,
        help="Rows (.csv or .parquet); the two are compared in the smallest box around them.",
    ),
    *_INPUTS[2:],
    option(
        "Search", "--margin", type=float, default=0.0, show_default=True, metavar="SHARE",
        help="Widen the box by this share of each range, on both sides.",
    ),
    _AT,
    option(
        "Search", "--method", default="auto", show_default=True, metavar="WAY",
        type=click.Choice(["auto", "points", "canonical", "regions", "milp"]),
        help="points: drawn rows, which only refute. canonical: units matched. regions: the "
        "formulas of every joint region. milp: mixed-integer programs. auto: one after the other.",
    ),
    option(
        "Search", "--exact", is_flag=True,
        help="Compare formulas as fractions; for small networks.",
    ),
    option(
        "Search", "--time-limit", type=float, default=60.0, show_default=True, metavar="SECONDS",
        help="What is not decided by then is undecided.",
    ),
    _SEED,
    _TABLE,
    examples="explainrelu equal model.onnx smaller.onnx --box patients.csv --target diagnosis",
)  # fmt: skip
def equal(console: "Console", *, a: Path, b: Path, **options: Any) -> bool:
    """Say whether two models are one function in the box around some rows.

    Exit code 0 where they are equal; 1 where they differ, a row that shows it is then printed, and
    where it could not be decided.
    """
    from explainrelu.command_line.comparing import equal as run

    names = ("fixed", "margin", "method", "exact", "time_limit", "seed")
    inputs = _reads({**options, "model": a})
    return run(inputs, b, console, options["path"], **{name: options[name] for name in names})
