"""The tables of docs/operators.md, written from the functions that read each operator.

``python -m tests.operators_page`` writes them anew below the page's prose; a test holds them
equal.
"""

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from explainrelu.importers.inspection.steps import first_line
from explainrelu.importers.onnx_graph.columns import COLUMN_OPERATORS
from explainrelu.importers.onnx_graph.operators import ONNX_OPERATORS
from explainrelu.importers.operators.lowering import LINKS, OPERATORS
from explainrelu.importers.preprocessing import supported_transformers
from explainrelu.importers.torch_graph.aten import ATEN

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operators.md"

_HEADING = "\n## The tables\n"

Table = Mapping[str, Callable[..., Any]]


def by_meaning(table: Table) -> dict[str, list[str]]:
    """The operators that one function reads, by what it says of them."""
    found: dict[str, list[str]] = {}
    for name, function in sorted(table.items()):
        found.setdefault(first_line(function), []).append(name)
    return dict(sorted(found.items(), key=lambda row: row[1][0].strip("_").lower()))


def cell(text: str) -> str:
    """A sentence of a docstring as a cell of a table."""
    return text.replace("``", "`").replace("|", "\\|").rstrip(".")


def code(names: Iterable[str]) -> str:
    """Names as code, one after the other."""
    return ", ".join(f"`{name}`" for name in names)


def rows(table: Table) -> list[str]:
    """One row for the operators that are read alike."""
    return [f"| {code(names)} | {cell(text)} |" for text, names in by_meaning(table).items()]


def block(title: str, note: str, header: tuple[str, ...], lines: Iterable[str]) -> str:
    """A section of one table."""
    rule = "|" + "---|" * len(header)
    return "\n".join([f"\n### {title}\n", note, "", f"| {' | '.join(header)} |", rule, *lines, ""])


def takes(function: Callable[..., Any]) -> str:
    """The values that an operator of the graph takes."""
    parameters = list(signature(function).parameters.values())[1:]
    names = []
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_POSITIONAL:
            names.append(f"{parameter.name}, ...")
        else:
            names.append(parameter.name + ("?" if parameter.default is None else ""))
    return ", ".join(names)


def page() -> str:
    """The page as it should stand: its own prose, then a table for every source."""
    prose = PAGE.read_text(encoding="utf-8").split(_HEADING)[0]
    own = [f"| `{op}` | {takes(f)} | {cell(first_line(f))} |" for op, f in OPERATORS.items()]
    own += [f"| `{op}` | x | The link `{link}`, at the very end |" for op, link in LINKS.items()]
    steps = [f"| `{name}` |" for name in supported_transformers()]
    return prose + "".join(
        [
            _HEADING,
            block(
                "Steps of scikit-learn pipelines",
                "Also every feature selector, `passthrough` and `drop`.",
                ("transformer",),
                steps,
            ),
            block(
                "ONNX operators",
                "Of the sets `ai.onnx` and `ai.onnx.ml`.",
                ("operator", "what is read"),
                rows(ONNX_OPERATORS),
            ),
            block(
                "ONNX operators on raw columns",
                "In files that begin with columns of a table, as skl2onnx writes them.",
                ("operator", "what is read"),
                rows(COLUMN_OPERATORS),
            ),
            block(
                "PyTorch calls",
                "By the names of the ATen operators that a module comes down to; `x.relu()`, "
                "`torch.relu(x)`, `F.relu(x)` and `nn.ReLU()` are all `relu`, and `relu_` is too.",
                ("call", "what is read"),
                rows(ATEN),
            ),
            block(
                "The operator graph",
                "What all of these are written in, and what each becomes in rectified units. A "
                "`?` marks a value that may be left out.",
                ("operator", "takes", "what it becomes"),
                own,
            ),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
