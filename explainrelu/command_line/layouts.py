"""Results as text of at most a hundred columns; the exact numbers stand in the tables."""

import textwrap
from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.certificate import Certificate, Status
from explainrelu.explanations.agreement.with_shap import Comparison
from explainrelu.explanations.explanation import Explanation
from explainrelu.network.column import level_text
from explainrelu.network.formula import number_text
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, ScoreView, Task
from explainrelu.reports.numbers import percent
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork

__all__ = [
    "agreement_text",
    "attribution_text",
    "certificate_text",
    "conversion_text",
    "folded",
    "link_text",
    "ranking_text",
    "score_text",
    "signed_text",
    "table_text",
    "value_text",
]

_WIDTH = 100
_LONGEST_CELL = 30
_HALF_BAR = 8

_MEANING = {
    "effect": "how far a step of one standard deviation moves the score, mean over the rows",
    "contribution": "the size of the column's attribution, mean over the rows",
    "coefficient": "the size of its coefficient, mean over the rows; not comparable across units",
}


def table_text(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    align: str,
    longest: int = _LONGEST_CELL,
) -> str:
    """Cells in columns two spaces apart, long ones shortened.

    Parameters
    ----------
    header
        One heading a column; no line of headings where all are empty.
    align
        One sign a column: ``<`` for text, ``>`` for numbers.
    longest
        Characters that a cell may have.

    Examples
    --------
    >>> print(table_text(["column", "share"], [["age", "9.1%"], ["income", "62%"]], "<>"))
      column  share
      age      9.1%
      income    62%
    """
    lines = [
        [_shortened(cell, longest) for cell in line]
        for line in ((header, *rows) if any(header) else rows)
    ]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    form = "  ".join(f"{{:{side}{width}}}" for side, width in zip(align, widths, strict=True))
    return "\n".join(f"  {form.format(*line)}".rstrip() for line in lines)


def folded(text: str, hang: int = 4, width: int = _WIDTH) -> str:
    """The text with lines beyond the width broken; an indented line goes on at column ``hang``."""
    lines = []
    for line in text.splitlines():
        indent = " " * hang if line.startswith(" ") else ""
        lines += textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return "\n".join(lines)


def signed_text(value: float) -> str:
    """A number with its sign.

    Examples
    --------
    >>> signed_text(1.5), signed_text(-0.25), signed_text(0.0)
    ('+1.5', '-0.25', '0')
    """
    return f"+{number_text(value)}" if value > 0 else number_text(value)


def value_text(value: Any) -> str:
    """A value of a raw row: a number with six digits, a level as it is.

    Examples
    --------
    >>> value_text(67.8029003942919), value_text("nurse"), value_text(True)
    ('67.8029', 'nurse', 'True')
    """
    is_number = isinstance(value, (float, np.floating)) and not pd.isna(value)
    return number_text(float(value), digits=6) if is_number else level_text(value)


def score_text(view: ScoreView, k: int) -> str:
    """What a score is: ``logit of malignant``.

    Examples
    --------
    >>> from explainrelu.network.outputs import OutputSchema
    >>> score_text(OutputSchema(("yes",), Task.BINARY, Link.logistic, ("no", "yes")).view(), 0)
    'logit of yes'
    """
    name = view.names[k]
    return name if name == view.scale else f"{view.scale} of {name}"


def link_text(network: ReluNetwork, view: ScoreView, k: int, raw: Any) -> str:
    """What the model itself makes of raw outputs ``(n_outputs,)``; empty where that is the score.

    Examples
    --------
    >>> from explainrelu.network.outputs import OutputSchema
    >>> yes = OutputSchema(("yes",), Task.BINARY, Link.logistic, ("no", "yes"))
    >>> network = ReluNetwork.from_weights([[[1.0]]], [[0.0]], outputs=yes)
    >>> link_text(network, yes.view("no"), 0, [1.0])
    'probability of no 26.9%'
    """
    outputs, name = network.outputs, view.names[k]
    reported = network.link(np.asarray(raw, dtype=np.float64).reshape(1, -1))[0]
    if network.link is Link.identity or name not in (*outputs.names, *outputs.classes):
        return ""
    if name not in outputs.names:
        return f"probability of {name} {percent(1.0 - reported[0])}"
    value = float(reported[outputs.names.index(name)])
    if network.link is Link.exp:
        return f"{name} {number_text(value)}"
    if network.link is Link.log_softmax:
        value = float(np.exp(value))
    return f"probability of {name} {percent(value)}"


def _shortened(cell: str, longest: int = _LONGEST_CELL) -> str:
    if len(cell) <= longest:
        return cell
    end = longest // 3
    return f"{cell[: longest - 1 - end]}…{cell[-end:]}"


# ---------------------------------------------------------------------------------------------
# The three-layer network and its certificate.


def conversion_text(shallow: ThreeLayerNetwork) -> str:
    """Source, cells, sizes and guarantee of a converted model."""
    source, sizes, view = shallow.source, shallow.sizes, shallow.source.outputs.view()
    hidden = ", ".join(map(str, source.widths)) or "none"
    scores = score_text(view, 0) + "".join(f", {name}" for name in view.names[1:])
    facts = (
        ("source", f"{source.origin.kind}: {source.n_inputs} inputs, hidden layers {hidden}"),
        ("score", f"{scores}; link: {source.link}"),
        ("cells", f"{shallow.n_cells} linear regions, {shallow.regions.found_by}"),
        ("result", f"three hidden layers of {sizes[0]}, {sizes[1]} and {sizes[2]} neurons"),
        ("guarantee", f"{shallow.guarantee.reach}: {shallow.guarantee.statement}"),
    )
    return folded("\n".join(f"  {name:<10}{fact}" for name, fact in facts), hang=12)


_STATES = {
    Status.HOLDS: "holds",
    Status.FAILS: "DOES NOT HOLD",
    Status.UNDECIDED: "not decided in full",
}


def certificate_text(certificate: Certificate) -> str:
    """Whether it holds, and every check with its figure."""
    lines = [f"Certificate: {_STATES[certificate.status]}"]
    for check in certificate.checks:
        # a statement has no tolerance, and what is undecided no figure
        limit = "" if isnan(check.tolerance) else f" (at most {check.tolerance:.2g})"
        figure = "" if check.status is Status.UNDECIDED else f"{check.value:.2g}{limit}; "
        lines.append(f"  {check.status:<10}{check.name}: {figure}{check.detail}")
    return folded("\n".join(lines), hang=12)


# ---------------------------------------------------------------------------------------------
# The ranking.


def ranking_text(ranking: pd.DataFrame) -> str:
    """The ranking of one output; of several outputs their mean."""
    several = ranking["output"].nunique() > 1
    chosen = ranking[ranking["output"] == ranking["output"].iloc[-1]]  # the mean stands last
    first, largest = chosen.iloc[0], float(chosen["importance"].max()) or 1.0
    rows = [
        [
            str(row["rank"]),
            str(row["feature"]),
            number_text(row["importance"]),
            percent(row["share"]),
            _direction(row["positive_share"], row["mean_coefficient"]),
            _bar(row["importance"] / largest, 2 * _HALF_BAR),
        ]
        for _, row in chosen.iterrows()
    ]
    header = ["", "column", str(first["by"]), "share", "" if several else "rising", ""]
    return f"{_ranking_title(ranking, first, several)}\n\n" + table_text(header, rows, "><>><<")


def _ranking_title(ranking: pd.DataFrame, first: "pd.Series[Any]", several: bool) -> str:
    what = f"{first['scale']} of {first['output']}"
    if several:
        what = f"mean over {ranking['output'].nunique() - 1} outputs, {first['scale']}"
    elif first["output"] == first["scale"]:
        what = str(first["scale"])
    unit = f", in {first['unit']}" if first["unit"] and first["comparable"] else ""
    lines = [f"Score: {what}{unit}", f"{str(first['by']).capitalize()}: {_MEANING[first['by']]}"]
    if not several:
        lines.append("Rising: which way the score goes when the column rises, in most rows")
    return folded("\n".join(lines))


def _direction(positive_share: float, mean_coefficient: float) -> str:
    """Which way the score moves when the column rises, and in which share of the rows."""
    if np.isnan(positive_share):
        return ""
    if np.isnan(mean_coefficient):
        return "by level"
    up = positive_share >= 0.5
    share = positive_share if up else 1.0 - positive_share
    return f"{'+' if up else '-'} in {percent(round(share, 9))}"  # a sum of shares is rounded


def _bar(part: float, width: int) -> str:
    return "█" * round(part * width)


# ---------------------------------------------------------------------------------------------
# One row.


def attribution_text(
    explanation: Explanation, ranges: pd.DataFrame, network: ReluNetwork, row: int
) -> str:
    """The attributions of one explained row, a block an output.

    Of several classes only the most likely one is shown.

    Parameters
    ----------
    explanation
        Of a single row.
    ranges
        How far each of its columns can move alone, of :meth:`RuleSet.ranges`.
    network
        What was explained.
    row
        The row's number in the data.
    """
    scores = explanation.scores.reshape(-1)
    shown = range(scores.size)
    if network.outputs.task is Task.MULTICLASS:
        shown = range(int(scores.argmax()), int(scores.argmax()) + 1)
    raw = network.forward(network.schema.encode(explanation.data))[0]
    blocks = []
    for k in shown:
        what = score_text(explanation.view, k)
        reported = link_text(network, explanation.view, k, raw)
        title = f"Row {row}: {what} {number_text(scores[k])}" + (f", {reported}" * bool(reported))
        blocks.append(f"{folded(title)}\n\n{_attributions(explanation, ranges, k)}")
    blocks.append(
        folded(
            f"The attributions add up to the score, counted from the {explanation.base_meaning}. "
            f"In region {explanation.regions[0]} the score is one formula, which holds while one "
            "column alone moves within its range, the others held, among values seen in the data."
        )
    )
    return "\n\n".join(blocks)


def _attributions(explanation: Explanation, ranges: pd.DataFrame, k: int) -> str:
    """The table of one output, largest first."""
    names = explanation.feature_names
    values = explanation.values.reshape(len(names), len(explanation.view))[:, k]
    base, score = (float(a.reshape(-1)[k]) for a in (explanation.base_values, explanation.scores))
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    moves = {str(row["feature"]): _range_text(row) for _, row in ranges.iterrows()}
    rows = [
        [
            names[j],
            _value_text(explanation, j),
            signed_text(values[j]),
            _two_sided(values[j] / largest),
            moves.get(names[j], "any value"),
        ]
        for j in (int(i) for i in np.argsort(-np.abs(values), kind="stable"))
    ]
    rows.insert(0, ["(base)", "", number_text(base), "", ""])
    rows.append(["(score)", "", number_text(score), "", ""])
    header = ["column", "value", "attribution", "", "formula holds for"]
    return table_text(header, rows, "<>><<")


def _value_text(explanation: Explanation, j: int) -> str:
    if explanation.imputed[0, j]:
        return "(filled)"
    value: Any = explanation.data.iloc[0, j]
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return number_text(float(value), digits=5) if is_number else str(value)


def _two_sided(part: float) -> str:
    """A bar to the left of the middle for a negative part, to the right for a positive one."""
    bar = _bar(abs(part), _HALF_BAR)
    return f"{bar if part < 0 else '':>{_HALF_BAR}}|{bar if part > 0 else ''}"


def _range_text(row: "pd.Series[Any]") -> str:
    if row["levels"] or np.isnan(row["lower"]):
        return str(row["levels"])
    lower, upper = (number_text(row[end], digits=5) for end in ("lower", "upper"))
    return lower if lower == upper else f"{lower} to {upper}"


# ---------------------------------------------------------------------------------------------
# The comparison with SHAP.


def agreement_text(comparison: Comparison) -> str:
    """How far the two agree, and why they do not."""
    several = comparison.summary["output"].nunique() > 1
    names = ("feature", "sign", "rank", "signed_rank")
    rows = [
        [
            str(row["output"]) if several else "",
            f"top {row['k']}",
            *(percent(row[f"{name}_agreement"]) for name in names),
            f"{row['spearman']:.2f}",
            f"{row['kendall']:.2f}",
        ]
        for _, row in comparison.summary.iterrows()
    ]
    header = ["", "", "same columns", "same sign too", "same place too", "both too", "Spearman",
              "Kendall"]  # fmt: skip
    title = (
        f"{comparison.ours.method} beside SHAP on {comparison.rows.size} rows, in "
        f"{comparison.ours.view.unit or comparison.ours.view.scale}: shares of the columns with "
        "the largest attributions, mean over the rows"
    )
    return "\n\n".join([folded(title), table_text(header, rows, "<<>>>>>>"), _reasons(comparison)])


def _reasons(comparison: Comparison) -> str:
    """Each reason in a line, over all outputs."""
    lines = ["The two answer different questions. Why they differ, mean over the rows:"]
    for reason, rows in comparison.reasons.groupby("reason", sort=False):
        first, ends = rows.iloc[0], (rows["value"].min(), rows["value"].max())
        text = percent if first["unit"] == "share" else number_text
        figure = " to ".join(dict.fromkeys(map(text, ends)))
        unit = "" if first["unit"] == "share" else f" {first['unit']}"
        lines.append(f"  {reason}: {figure}{unit} ({first['detail']})")
    return folded("\n".join(lines))
