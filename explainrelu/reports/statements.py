"""What was proven and how far each statement reaches, in sentences."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from explainrelu.certificate import Exactness, Status
from explainrelu.explanations.conditions import rounded_up
from explainrelu.explanations.simplification.deviation import Deviations
from explainrelu.network.outputs import Link
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import count, counted, number, percent

__all__ = [
    "Direction",
    "Statement",
    "deviation_text",
    "direction",
    "statements",
    "verdict",
]

_NEARLY_ALL = 0.95


class Direction(StrEnum):
    """Which way a column moves the score, over the rows."""

    RAISES = "raises"
    LOWERS = "lowers"
    BOTH = "both ways"
    LEVELS = "by level"
    OUTPUTS = "by output"
    NOTHING = "no effect"


@dataclass(frozen=True, slots=True)
class Statement:
    """One kind of result: how exact it is, where, and on what grounds."""

    what: str
    exactness: str
    reach: str
    grounds: str


def verdict(findings: Findings) -> str:
    """Whether the certificate holds, and what that means, in a sentence or two."""
    checks, broken = findings.certificate.checks, findings.broken
    if broken:
        names = "; ".join(f"{check.name} ({check.status})" for check in broken)
        verb = "does" if len(broken) == 1 else "do"
        return (
            f"{len(broken)} of {len(checks)} checks {verb} not hold: {names}. Do not rely on this "
            "report before that is understood."
        )
    open_ones = findings.undecided
    held = f"All {len(checks)} checks hold."
    if open_ones:
        named = "; ".join(f"{check.name} ({check.detail})" for check in open_ones)
        held = f"{len(checks) - len(open_ones)} of {len(checks)} checks hold. Not decided: {named}."
    rows = f"On all {count(findings.n_rows)} rows"
    if findings.drift is None:
        start = f"{rows} the three-layer network gives the network's own score;"
    else:
        gap = f", to within {number(findings.drift.value, 2)} of the largest"
        exactly = gap if findings.drift.value > 0 else " to the last bit"
        start = (
            f"{rows} the imported network gives the model's own raw score{exactly}; its "
            "three-layer equivalent,"
        )
    equal = f"{start} the rules and the attributions are equal to it."
    return " ".join([held, equal, _coverage(findings), *_approximation(findings)])


def _approximation(findings: Findings) -> list[str]:
    """That a few rules are no equal, so that their deviation is taken for no failed check."""
    found = findings.few_rules
    if found is None:
        return []
    unit = f" {found.view.unit}" if found.view.unit else ""
    rules = "One rule stands" if len(found) == 1 else f"{count(len(found))} rules stand"
    return [
        f"{rules} for it approximately, off by {deviation_text(found.visited)}{unit} over those "
        "regions: that is proven, and no check that fails."
    ]


def _coverage(findings: Findings) -> str:
    """How much of the data the rules in the report speak for."""
    rules = findings.rules
    share = percent(float(rules.regions.counts.sum()) / max(1, rules.total_rows))
    regions = counted(rules.n_regions_found, "region")
    n_rules = counted(len(rules), "rule")
    return f"The {n_rules} of this report cover {share} of the rows, which lie in {regions}."


def direction(row: Any) -> Direction:
    """Which way the column of one row of the ranking moves the score."""
    if row.importance == 0.0:
        return Direction.NOTHING
    if np.isnan(row.positive_share):
        return Direction.OUTPUTS
    if np.isnan(row.mean_coefficient):
        return Direction.LEVELS
    if row.positive_share >= _NEARLY_ALL:
        return Direction.RAISES
    if row.positive_share <= 1.0 - _NEARLY_ALL and row.mean_coefficient < 0.0:
        return Direction.LOWERS
    return Direction.BOTH


def statements(findings: Findings) -> list[Statement]:
    """Every kind of result in the report, the exact ones first.

    Nothing is called exact where a check fails.
    """
    found = [
        *_import(findings),
        _three_layers(findings),
        *_rules(findings),
        _attributions(findings),
        _ranking(findings),
        *_few_rules(findings),
        *_shap(findings),
        *_performance(findings),
        *_link(findings),
        _elsewhere(findings),
    ]
    if not findings.broken:
        return found
    return [replace(s, exactness="not confirmed") if s.exactness == "exact" else s for s in found]


def _import(findings: Findings) -> list[Statement]:
    check = findings.drift
    if check is None:
        return []
    dtype = findings.network.origin.dtype
    grounds = f"largest difference {number(check.value, 2)} of the largest score"
    return [
        Statement(
            "The imported network is the model",
            "exact" if dtype == "float64" else f"exact but for {dtype} rounding",
            "everywhere, preprocessing included",
            f"by construction; {grounds} over {counted(findings.n_rows, 'row')}",
        )
    ]


def _three_layers(findings: Findings) -> Statement:
    cells = counted(findings.shallow.n_cells, "region")
    return Statement(
        "The three-layer network is the network",
        "exact",
        f"every point of the {cells} the rows visit, boundaries included",
        f"by construction; checked {_listed_places(findings)}",
    )


def _listed_places(findings: Findings) -> str:
    """Where the certificate really checked the three-layer network."""
    checks = findings.certificate.checks
    names = " ".join(check.name for check in checks if check.status is Status.HOLDS)
    inside = ", at interior points" if "its own cell fires" in names else ""
    exact = ", and in exact fractions" if "in exact rationals" in names else ""
    return f"on all rows{inside}{exact}"


def _rules(findings: Findings) -> list[Statement]:
    rules = findings.rules
    covered = int(rules.regions.counts.sum())
    share = percent(covered / max(1, rules.total_rows))
    found = counted(rules.n_regions_found, "region")
    held = f"{count(len(rules))} of {found}, with {share} of the rows"
    return [
        Statement(
            "The formula of a rule is the score",
            "exact",
            f"on its region; there are rules for {held}",
            "each formula held against the network at a row of its region",
        ),
        Statement(
            "The conditions of a rule describe its region",
            "exact",
            "within the smallest box around the rows",
            "a condition is left out only where the others imply it, by linear programs",
        ),
    ]


def _attributions(findings: Findings) -> Statement:
    check = findings.explanation.certificate.checks[0]
    n_explained = count(findings.rows.size)
    return Statement(
        "Attributions add up to the score",
        str(findings.explanation.exactness),
        f"each row explained, {n_explained} in all",
        f"largest gap {number(check.value, 2)}; another baseline gives other attributions",
    )


def _ranking(findings: Findings) -> Statement:
    return Statement(
        "The ranking of the columns and the spread of their coefficients",
        "exact",
        f"these {counted(findings.n_rows, 'row')}",
        "computed from the coefficients of every region visited; other rows, other ranking",
    )


def _few_rules(findings: Findings) -> list[Statement]:
    found = findings.few_rules
    if found is None:
        return []
    unit = f" {found.view.unit}" if found.view.unit else ""
    rows = "not used" if (found.quality["rows"] == "not used").any() else "used"
    n_rows = int(found.quality.loc[found.quality["rows"] == rows, "n_rows"].iloc[0])
    parts = (
        ("over the regions visited", found.visited, "the regions of these rows, inside the box"),
        (
            "over the whole domain",
            found.whole,
            "the box around these rows, levels at one of theirs",
        ),
    )
    return [
        *(
            Statement(
                f"How far the few rules can be off, {where}",
                str(deviations.exactness),
                reach,
                f"{deviation_text(deviations)}{unit}; proven by {_proofs(deviations)}",
            )
            for where, deviations, reach in parts
        ),
        Statement(
            "How well the few rules stand for the network",
            "estimated",
            f"{counted(n_rows, 'row')} {rows} to fit them",
            "a fit; other rows give other figures",
        ),
    ]


def deviation_text(deviations: Deviations) -> str:
    """``at most 1.3``, or ``1.1 to 1.3`` where no point is known that is as far off as the bound.

    The bound is never rounded down.
    """
    bound = number(rounded_up(deviations.largest_bound), 2)
    if deviations.exactness is Exactness.EXACT:
        return f"at most {bound}"
    return f"{number(deviations.largest_value, 2)} to {bound}"


def _proofs(deviations: Deviations) -> str:
    """What proved the bounds, each once."""
    return " and ".join(dict.fromkeys(how for rule in deviations.how for how in rule))


def _shap(findings: Findings) -> list[Statement]:
    if findings.comparison is None:
        return []
    reasons = findings.comparison.reasons
    sampling = reasons[reasons["reason"].str.startswith("sampling error")].iloc[0]
    estimated = bool((findings.comparison.per_row["exactness"] == Exactness.ESTIMATED).any())
    return [
        Statement(
            "SHAP values",
            str(Exactness.ESTIMATED if estimated else Exactness.EXACT),
            f"{counted(findings.comparison.rows.size, 'row')}, given the background",
            str(sampling["detail"]),
        )
    ]


def _performance(findings: Findings) -> list[Statement]:
    if "performance" not in findings.tables:
        return []
    return [
        Statement(
            "Performance, overall, by region and by few rule"
            if findings.few_rules is not None
            else "Performance, overall and by region",
            "estimated",
            f"these {counted(findings.n_rows, 'row')}",
            "says nothing of new data where the model was trained on these rows",
        )
    ]


def _link(findings: Findings) -> list[Statement]:
    link = findings.network.link
    if link is Link.identity:
        return []
    return [
        Statement(
            "Probabilities" if link in (Link.logistic, Link.softmax) else "Predictions",
            "not linear",
            "everywhere",
            f"they follow from the raw score by the {link.name} link; every formula here gives the "
            "raw score",
        )
    ]


def _elsewhere(findings: Findings) -> Statement:
    return Statement(
        "Rows in regions that were not visited",
        "not covered",
        "everywhere else",
        "the three-layer network reports such a row and never guesses; extend() lists its region",
    )
