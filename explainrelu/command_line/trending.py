"""The command that says whether a score rises or falls with each column."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from explainrelu.audits.monotonicity import monotonicity
from explainrelu.audits.trend.trends import Direction, Monotonicity, Trend
from explainrelu.certificate import Status
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded
from explainrelu.command_line.layouts import folded, score_text, table_text, value_text
from explainrelu.command_line.mapping import levels_of
from explainrelu.command_line.options import pairs, passes, spoken
from explainrelu.command_line.table_files import table_writer
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.column import ColumnKind
from explainrelu.network.formula import number_text
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema

__all__ = ["monotone"]

_ORDERED = (ColumnKind.NUMERIC, ColumnKind.ORDINAL)
_SPOKEN = {
    "max_regions": "--max-regions",
    "time_limit": "--time-limit",
    "features": "--feature",
}
_DIRECTIONS = (str(Direction.INCREASING), str(Direction.DECREASING))
_VERDICTS = {Status.HOLDS: "holds", Status.FAILS: "FAILS", Status.UNDECIDED: "undecided"}


def monotone(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    features: Sequence[str],
    expect: Sequence[str],
    fixed: Sequence[str],
    margin: float,
    max_regions: int,
    time_limit: float,
    seed: int,
    strict: bool,
) -> bool:
    """The trend of the score along columns; True unless an expected direction fails."""
    write = None if path is None else table_writer(path)
    read = loaded(inputs)
    schema = read.network.schema
    expected = _expected(schema, expect)
    names = list(dict.fromkeys((*features, *expected))) or None
    box = Box.from_data(read.rows, margin=margin, schema=schema)
    box = box.at_levels(schema, **levels_of(schema, fixed))
    with spoken(**_SPOKEN), console.steps(1) as progress:
        if progress is not None:
            progress(0, "following the columns")
        found = monotonicity(
            read.network,
            box,
            features=names,
            X=read.rows,
            output=inputs.score,
            direction=expected,
            max_regions=max_regions,
            time_limit=time_limit,
            random_state=seed,
        )
    console.note(read.note)
    if write is None:
        console.say(_text(found, schema, _scores(read.network, inputs)))
    else:
        write(found.to_frame())
        console.say("\n".join(_verdicts(found, _scores(read.network, inputs))))
        console.note(f"Wrote {len(found)} rows to {path}.")
    holds = all(passes(t.status, strict=strict) for t in found.trends if t.expected)
    console.data(
        {
            "holds": holds,
            "trends": records(found.to_frame()),
            "witnesses": [_witness(found, t) for t in found.trends if t.witness is not None],
        }
    )
    return console.holds(read.network.certificate) and holds


def _expected(schema: InputSchema, texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, direction in pairs("--expect", texts):
        column = schema.column(name)
        if direction not in _DIRECTIONS:
            raise ArgumentError(
                f"--expect {name}= takes {' or '.join(_DIRECTIONS)}, got {direction!r}."
            )
        if column.kind not in _ORDERED:
            raise ArgumentError(
                f"--expect takes a column whose values have an order, got {name!r}, which is "
                f"{column.kind}."
            )
        if found.get(name, direction) != direction:
            raise ArgumentError(f"--expect takes a column once, got {name!r} twice.")
        found[name] = direction
    return found


def _witness(found: Monotonicity, trend: Trend) -> dict[str, Any]:
    rows = found.witness_frame(trend.feature, trend.output)
    return {"feature": trend.feature, "output": trend.output, "rows": records(rows)}


# ---------------------------------------------------------------------------------------------
# Text.


def _scores(network: ReluNetwork, inputs: Inputs) -> dict[str, str]:
    """What each score is, by its name."""
    view = network.outputs.view(inputs.score)
    return {name: score_text(view, k) for k, name in enumerate(view.names)}


def _text(found: Monotonicity, schema: InputSchema, scores: dict[str, str]) -> str:
    blocks = []
    for output in dict.fromkeys(t.output for t in found.trends):
        trends = [t for t in found.trends if t.output == output]
        blocks.append(f"As one column grows, the {scores[output]}\n{_table(trends)}")
    blocks += [
        _pair(t, schema, scores) for t in found.trends if t.expected and t.witness is not None
    ]
    blocks += ["\n".join(lines)] if (lines := _verdicts(found, scores)) else []
    reasons = dict.fromkeys(
        f"{t.feature}: undecided, {t.reason}"
        for t in found.trends
        if t.direction is Direction.UNDECIDED and t.reason
    )
    blocks += [folded("\n".join(reasons), width=80)] if reasons else []
    return "\n\n".join(blocks)


def _table(trends: Sequence[Trend]) -> str:
    rows = [
        [
            t.feature,
            str(t.direction),
            *(
                ("", "", "")
                if t.direction is Direction.NOT_APPLICABLE
                else (_slope(t.slope_lower), _slope(t.slope_upper), str(t.n_violating_rows))
            ),
        ]
        for t in trends
    ]
    return table_text(["column", "is", "slope from", "to", "rows against"], rows, "<<>>>")


def _slope(value: float) -> str:
    return number_text(value) if np.isfinite(value) else ""


def _verdicts(found: Monotonicity, scores: dict[str, str]) -> list[str]:
    return [
        folded(
            f"Expected {scores[t.output]} {t.expected} in {t.feature}: {_VERDICTS[t.status]}"
            + (f", by {t.proof}" if t.proof and t.status is not Status.FAILS else ""),
            width=80,
        )
        for t in found.trends
        if t.expected
    ]


def _pair(trend: Trend, schema: InputSchema, scores: dict[str, str]) -> str:
    """Two rows that go against what was expected, in a sentence."""
    pair = trend.witness
    if pair is None:
        return ""
    rows = schema.decode(pair.points)
    ends = [value_text(value) for value in rows[trend.feature]]
    raw = [f"{score:.6g}" for score in pair.scores]
    others = ", ".join(
        f"{name} {value_text(value)}"
        for name, value in rows.iloc[0].items()
        if name != trend.feature
    )
    text = (
        f"{trend.feature} from {ends[0]} to {ends[1]} takes the {scores[trend.output]} from "
        f"{raw[0]} to {raw[1]}"
    )
    return folded(f"{text}, at {others}." if others else f"{text}.", width=80)
