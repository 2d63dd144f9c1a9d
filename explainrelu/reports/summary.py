"""The main findings as a short text for a terminal or a log."""

from textwrap import fill
from typing import Any

from explainrelu.explanations.ranking import leading_output
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted, merit, percent
from explainrelu.reports.page.cards import score_name
from explainrelu.reports.statements import Direction, deviation_text, direction, verdict
from explainrelu.reports.tables import rows_of

__all__ = ["summary"]

_WIDTH, _NAME = 88, 40
_TOP, _FORMULAS, _TERMS = 6, 3, 5
_FEW = 0.05
_SIGNS = {
    Direction.RAISES: "+",
    Direction.LOWERS: "-",
    Direction.BOTH: "+/-",
    Direction.LEVELS: "by level",
    Direction.OUTPUTS: "by output",
    Direction.NOTHING: "none",
}


def summary(findings: Findings) -> str:
    """What model, how many regions, what is proven, what matters, and how far SHAP agrees."""
    parts = [_head(findings), _regions(findings), _ranking(findings), _rule(findings)]
    parts += [_few_rules(findings), _performance(findings), _agreement(findings)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(findings: Findings) -> str:
    network, schema = findings.network, findings.network.schema
    widths = "-".join(str(width) for width in network.widths) or "no"
    unit = f", in {findings.view.unit}" if findings.view.unit else ""
    model = (
        f"{network.origin.kind}, {counted(schema.n_columns, 'column')}, {widths} hidden units. Its "
        f"score is the {findings.view.scale}{unit}."
    )
    rule = "=" * min(_WIDTH, len(findings.title))
    return f"{findings.title}\n{rule}\n{_filled(model)}\n{_filled(verdict(findings))}"


def _regions(findings: Findings) -> str:
    regions, sizes = findings.shallow.regions, findings.shallow.sizes
    found = counted(len(regions), "linear region")
    return _filled(
        f"The data, {counted(findings.n_rows, 'row')}, lie in {found}; the largest holds "
        f"{percent(float(regions.share[0]))} of them. The equal three-layer network has "
        f"{count(sizes[0])}, {count(sizes[1])} and {count(sizes[2])} neurons, and what each of "
        "them means can be said in a sentence."
    )


def _ranking(findings: Findings) -> str:
    table = findings.tables["ranking"]
    several, output = len(findings.view) > 1, leading_output(findings.view.names)
    table = table[table["output"] == output]
    top = list(rows_of(table.head(_TOP)))
    width = max(len(_short(row.feature)) for row in top)
    scores = findings.view.scale if several else score_name(findings, output)
    unit = table["unit"].iloc[0]
    head = f"What moves the {scores}" + (f" ({unit}, for one standard deviation)" if unit else "")
    lines = [f"  {row.importance:8.3g}  {_short(row.feature):<{width}}  {_way(row)}" for row in top]
    more = len(table) - len(top)
    return "\n".join([head, *lines] + ([f"  and {more} more columns"] if more else []))


def _way(row: Any) -> str:
    way = direction(row)
    if way is Direction.BOTH:
        return f"{_SIGNS[way]} (raises it in {row.positive_share:.0%} of rows)"
    return _SIGNS[way]


def _rule(findings: Findings) -> str:
    """The formula of the largest region with its nearest condition."""
    rule = findings.rules[0]
    rows = f"{counted(rule.n_rows, 'row')}, {percent(rule.share)}"
    lines = [f"In the largest region ({rows}) the network is"]
    for k in range(min(_FORMULAS, len(rule.view))):
        formula = rule.reading(k, max_terms=_TERMS).text()
        text = f"{score_name(findings, rule.view.names[k])} = {formula}"
        lines.append(_filled(text, indent="    "))
    if rule.conditions:
        n_conditions = counted(len(rule.conditions), "condition")
        verb = "holds" if len(rule.conditions) == 1 else "hold"
        lines.append(f"  while {n_conditions} {verb}, the nearest being")
        nearest = next((c for c in rule.conditions if c.distance > 0), rule.conditions[0])
        lines.append(_filled(nearest.text, indent="    "))
    return "\n".join(lines)


def _few_rules(findings: Findings) -> str:
    """How good a few rules are, and how far they can be off."""
    found = findings.few_rules
    if found is None:
        return ""
    rows = "not used" if (found.quality["rows"] == "not used").any() else "used"
    part = found.quality[found.quality["rows"] == rows]
    told = [f"explain {merit(float(part['r2'].mean()))} of the variance of its score (R2)"]
    if part["equal_decisions"].notna().all():
        told.insert(0, f"decide as it does in {percent(float(part['equal_decisions'].iloc[0]))}")
    unit = f" {found.view.unit}" if found.view.unit else ""
    return _filled(
        f"A few rules instead: {counted(len(found), 'rule')}, fitted to the network, on "
        f"{counted(int(part['n_rows'].iloc[0]), 'row')} {rows} to fit them {' and '.join(told)}. "
        f"Proven: they are off by {deviation_text(found.visited)}{unit} "
        f"({found.visited.exactness}) over the regions visited, and by "
        f"{deviation_text(found.whole)}{unit} ({found.whole.exactness}) over the whole domain."
    )


def _performance(findings: Findings) -> str:
    if "performance" not in findings.tables:
        return ""
    table = findings.tables["performance"]
    first = table[table["output"] == table["output"].iloc[0]]
    figures = ", ".join(f"{row.metric} {merit(row.value)}" for row in rows_of(first))
    return _filled(f"On these rows: {figures}")


def _agreement(findings: Findings) -> str:
    comparison = findings.comparison
    if comparison is None:
        return ""
    table, reasons = comparison.summary, comparison.reasons
    k = int(table["k"].max())
    longest = table[table["k"] == k]
    other = float(reasons[reasons["reason"].str.startswith("background rows")]["value"].mean())
    reason = (
        "Nearly all background rows that SHAP averages over lie in the row's own linear region."
        if other < _FEW
        else f"The two answer different questions: {other:.0%} of the background rows that SHAP "
        "averages over lie in another linear region than the row."
    )
    same, spearman = longest["feature_agreement"].mean(), longest["spearman"].mean()
    return _filled(
        f"SHAP, on {counted(comparison.rows.size, 'row')}, names {same:.0%} of our top "
        f"{counted(k, 'column')}, and its values correlate with ours by {spearman:.2f} (Spearman). "
        f"{reason}"
    )


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."


def _filled(text: str, indent: str = "") -> str:
    """Text in lines of limited width, in characters that every terminal has."""
    table = str.maketrans({"\N{MINUS SIGN}": "-", "\N{NARROW NO-BREAK SPACE}": ",", "±": "+/-"})
    powers = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    plain = text.translate(table).replace(" × 10", "e").translate(powers)
    return fill(plain, _WIDTH, initial_indent=indent, subsequent_indent=indent + indent)
