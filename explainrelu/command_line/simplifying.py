"""The command that puts a few rules in place of a network."""

from pathlib import Path
from typing import Any

from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.layouts import certificate_text, folded, table_text
from explainrelu.command_line.table_files import table_writer
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.explanations.simplify import simplify
from explainrelu.network.formula import number_text
from explainrelu.reports.numbers import merit, percent

__all__ = ["simplify_model"]


def simplify_model(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    max_rules: int,
    max_error: float | None,
    splits: str,
    max_terms: int | None,
    time_limit: float,
    seed: int,
) -> bool:
    """A few rules, how good they are and how far they can be off; True where nothing fails."""
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    found = simplify(
        read.network,
        read.rows,
        max_rules=max_rules,
        max_error=max_error,
        splits=splits,
        max_terms=max_terms,
        output=inputs.score,
        time_limit=time_limit,
        random_state=seed,
    )
    console.note(read.note)
    if write is None:
        console.say(_text(found))
    else:
        write(found.to_frame())
        console.note(f"Wrote {len(found)} rules to {path}.")
    console.data(_content(found))
    return console.holds(found.certificate)


def _content(found: FewRules) -> dict[str, Any]:
    return {
        "status": found.status,
        "message": found.message,
        "rules": records(found.to_frame()),
        "deviations": records(found.deviations()),
        "quality": records(found.quality),
        "trade_off": records(found.trade_off()),
        "holds": found.certificate.holds,
        "certificate": records(found.certificate.to_frame()),
    }


def _text(found: FewRules) -> str:
    parts = (
        folded(found.to_text(), hang=9),
        f"Another number of rules\n{_curve_text(found)}",
        certificate_text(found.certificate),
    )
    return "\n\n".join(parts)


def _curve_text(found: FewRules) -> str:
    """Every number of rules tried, the one taken marked."""
    rows = [
        [
            f"{row['n_rules']}{' *' if row['chosen'] else '  '}",
            f"rows {row['rows']}",
            number_text(row["mean_error"]),
            number_text(row["largest_error"]),
            merit(row["r2"]),
            percent(row["equal_decisions"]),
        ]
        for _, row in found.trade_off().iterrows()
    ]
    header = ["rules", "measured on", "mean error", "largest", "R2", "equal decisions"]
    return table_text(header, rows, "><>>>>")
