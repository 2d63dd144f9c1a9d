"""From what was found to verdicts: one function a section."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from explainrelu.audits.auditing.expectations import Expectations
from explainrelu.audits.auditing.verdicts import AuditCheck, AuditStatus, status_of
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.coverage import Coverage
from explainrelu.audits.fairness.fairness import Fairness
from explainrelu.audits.properties import PropertyResult, PropertyStatus
from explainrelu.audits.recourse.result import CounterfactualResult
from explainrelu.audits.recourse.search import CounterfactualStatus
from explainrelu.audits.trend.trends import Monotonicity
from explainrelu.certificate import Certificate, Status
from explainrelu.explanations.diagnostics import RegionDiagnostics
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.network.formula import number_text

__all__ = [
    "on_coverage",
    "on_fairness",
    "on_import",
    "on_monotonicity",
    "on_performance",
    "on_properties",
    "on_recourse",
    "on_robustness",
    "on_rules",
]

_COLUMNS = {"accuracy": "accuracy", "auc": "local_auc", "log_loss": "local_log_loss",
            "r2": "local_r2", "mse": "local_mse"}  # fmt: skip
_NO_CLASSES = "the model does not decide between classes"
_SMALLER_IS_BETTER = ("log_loss", "mse")
_OF_PROPERTY = {
    PropertyStatus.HOLDS: AuditStatus.PASS,
    PropertyStatus.VIOLATED: AuditStatus.FAIL,
    PropertyStatus.UNDECIDED: AuditStatus.UNDECIDED,
}


def on_import(certificate: Certificate) -> Iterator[AuditCheck]:
    """The network that is audited is the model that was handed over."""
    if not certificate.checks:
        yield AuditCheck.not_applicable(
            "model", "the network equals the model", "the network itself was handed over"
        )
        return
    broken = [check.name for check in certificate.checks if check.status is Status.FAILS]
    worst = max((check.value for check in certificate.checks if check.value == check.value),
                default=float("nan"))  # fmt: skip
    told = f"does not hold: {'; '.join(broken)}" if broken else "every check of the import holds"
    yield AuditCheck(
        "model", "the network equals the model", status_of(certificate.status), worst,
        "within its tolerances", "exact", told,
    )  # fmt: skip


def on_performance(
    expected: Expectations, found: RegionDiagnostics | None, constant: float
) -> Iterator[AuditCheck]:
    """Performance on the rows, and whether it beats always giving the same answer.

    ``constant`` is the accuracy of the most frequent class, or 0 for the R2 of the mean.
    """
    if found is None:
        for metric in expected.performance:
            yield AuditCheck.not_applicable("performance", metric, "no target was given")
        return
    overall = found.overall
    own, name = _first(overall, ("accuracy", "local_r2"))
    if name:
        words = "the most frequent class" if name == "accuracy" else "the mean of the target"
        status = AuditStatus.PASS if own > constant else AuditStatus.FAIL
        told = f"on the {found.n_rows} rows audited"
        if constant == 1.0:
            status, told = AuditStatus.NOT_APPLICABLE, f"{told}, which are all of one class"
        yield AuditCheck(
            "performance", f"better than always answering {words}", status, own,
            f"above {constant:.4g}", "exact", told,
        )  # fmt: skip
    for metric, threshold in expected.performance.items():
        value, column = _first(overall, (_COLUMNS[metric],))
        if not column or value != value:
            yield AuditCheck.not_applicable(
                "performance", metric, "the model and its target have no such figure"
            )
            continue
        make = AuditCheck.at_most if metric in _SMALLER_IS_BETTER else AuditCheck.at_least
        told = f"on the {found.n_rows} rows audited"
        if len(overall) > 1 and metric != "accuracy":
            told += ", the worst of the outputs"
        yield make("performance", metric, value, threshold, "exact", told)


def on_monotonicity(expected: Expectations, found: Monotonicity | None) -> Iterator[AuditCheck]:
    """Every direction that is expected, everywhere in the domain."""
    if found is None:
        return
    for trend in found.trends:
        if not trend.expected:
            continue
        score = trend.output if trend.output == "score" else f"score of {trend.output}"
        name = f"{score} {trend.expected} in {trend.feature}"
        if str(trend.direction) == "not applicable":
            yield AuditCheck.not_applicable("monotonicity", name, trend.reason)
            continue
        share = float(trend.n_violating_rows) / trend.n_rows if trend.n_rows else float("nan")
        told = f"{trend.direction}, by {trend.proof}" if trend.proof else str(trend.direction)
        told += f"; slope from {number_text(trend.slope_lower)} to {number_text(trend.slope_upper)}"
        if trend.n_violating_rows:
            told += f"; {trend.n_violating_rows} of {trend.n_rows} rows lie where it goes against"
        if trend.reason:
            told += f". {trend.reason}"
        status = status_of(trend.status)
        exact = "bounded" if status is AuditStatus.UNDECIDED else "exact"
        yield AuditCheck("monotonicity", name, status, share, trend.expected, exact, told)


def on_robustness(
    expected: Expectations, found: Robustness | None, n_rows: int
) -> Iterator[AuditCheck]:
    """How many rows keep their class under measurement errors; ``n_rows`` could be looked at."""
    name = "class unchanged by measurement errors"
    if not expected.measurement_errors:
        return
    if found is None:
        yield AuditCheck.not_applicable("robustness", name, _NO_CLASSES)
        return
    lower, upper = found.unchanged_share
    sizes = ", ".join(f"{name} ±{size:g}" for name, size in expected.measurement_errors.items())
    told = f"{_sample(len(found), n_rows, 'rows')}, errors of {sizes}; "
    told += f"proven for {lower:.1%}, at most {upper:.1%}"
    least = expected.min_stable_share
    if least is None:
        yield AuditCheck.not_applicable("robustness", name, f"no share was expected; {told}")
    else:
        check = AuditCheck.between("robustness", name, lower, upper, least, told)
        yield _sampled(check, len(found), n_rows)


def on_fairness(expected: Expectations, found: Fairness | None) -> Iterator[AuditCheck]:
    """Protected columns alone, and rates of groups."""
    individual = None if found is None else found.individual
    if found is not None and individual is not None and individual.decides:
        yield from _on_flips(expected, found)
    elif expected.protected:
        yield AuditCheck.not_applicable(
            "fairness", "no class changes with protected columns alone", _NO_CLASSES
        )
    groups = pd.DataFrame() if found is None else found.groups
    notes = () if found is None else found.notes
    wanted = [("difference", expected.group_difference), ("ratio", expected.group_ratio)]
    for kind, thresholds in wanted:
        for rate, threshold in thresholds.items():
            yield from _on_rate(groups, kind, rate, threshold, notes)


def _on_flips(expected: Expectations, found: Fairness) -> Iterator[AuditCheck]:
    individual = found.individual
    if individual is None:
        return
    names = " and ".join(each.column.name for each in individual.protected)
    share = float(individual.rows["flips"].mean())
    n_flips = int(individual.rows["flips"].sum())
    [check] = individual.certificate.checks
    told = f"{n_flips} of {len(individual.rows)} rows change; {check.detail}"
    most = expected.max_flip_share
    name = f"no class changes with {names} alone"
    if most:
        yield AuditCheck.at_most("fairness", f"rows that change with {names} alone", share, most,
                                 "exact", told)  # fmt: skip
    else:
        status = status_of(individual.status)
        yield AuditCheck("fairness", name, status, share, "nowhere in the domain",
                         str(check.exactness), told)  # fmt: skip


def _on_rate(
    groups: pd.DataFrame, kind: str, rate: str, threshold: float, notes: tuple[str, ...]
) -> Iterator[AuditCheck]:
    rows = groups[groups["metric"] == rate] if len(groups) else groups
    name = f"{kind} of {rate.replace('_', ' ')} between groups"
    if rows.empty:
        told = "; ".join(notes) or "no groups were given"
        yield AuditCheck.not_applicable("fairness", name, told)
        return
    for feature, block in rows.groupby("feature", sort=False):
        value = float(block[kind].iloc[0])
        told = ", ".join(f"{r.group}: {r.value:.3f} of {r.n_rows} rows" for r in block.itertuples())
        if np.isnan(value) or len(block) < 2:
            yield AuditCheck.not_applicable("fairness", f"{name} of {feature}", told)
            continue
        make = AuditCheck.at_most if kind == "difference" else AuditCheck.at_least
        yield make("fairness", f"{name} of {feature}", value, threshold, "exact", told)


def on_recourse(
    expected: Expectations, found: CounterfactualResult | None, n_refused: int
) -> Iterator[AuditCheck]:
    """How many refused rows can reach the favourable class; ``n_refused`` there are."""
    name = "refused rows that can reach the favourable class"
    if found is None:
        if expected.min_recourse_share is not None:
            words = "no row audited was refused, or the model does not decide between classes"
            yield AuditCheck.not_applicable("recourse", name, words)
        return
    counts = {status: found.status.count(status) for status in CounterfactualStatus}
    n = len(found.status)
    reached = counts[CounterfactualStatus.OPTIMAL] + counts[CounterfactualStatus.BOUNDED]
    open_ones = counts[CounterfactualStatus.UNDECIDED]
    told = f"{_sample(n, n_refused, 'refused rows')}: {reached} can, "
    told += f"{counts[CounterfactualStatus.INFEASIBLE]} cannot"
    told += f", {open_ones} undecided" if open_ones else ""
    if expected.min_recourse_share is None:
        yield AuditCheck.not_applicable("recourse", name, f"no share was expected; {told}")
        return
    bounds = reached / n, (reached + open_ones) / n
    check = AuditCheck.between("recourse", name, *bounds, expected.min_recourse_share, told)
    yield _sampled(check, n, n_refused)


def _sample(n: int, n_all: int, what: str) -> str:
    return f"{n} {what}" if n == n_all else f"{n} of {n_all} {what}, drawn at random"


def _sampled(check: AuditCheck, n: int, n_all: int) -> AuditCheck:
    """The check as an estimate where not all rows were looked at."""
    return check if n == n_all else replace(check, exactness="estimated")


def on_rules(expected: Expectations, found: FewRules | None) -> Iterator[AuditCheck]:
    """How much a few rules keep of the model."""
    if found is None:
        if expected.min_rules_agreement is not None:
            words = "too few rows to fit rules to and to hold some out"
            yield AuditCheck.not_applicable("rules", "decisions that a few rules keep", words)
        return
    unused = found.quality[found.quality["rows"] != found.quality["rows"].iloc[0]]
    rows = unused if len(unused) else found.quality
    value, words = float(rows["equal_decisions"].iloc[0]), "decisions"
    if np.isnan(value):
        value, words = float(rows["r2"].min()), "variance (R2)"
    told = f"{len(found)} rules on {int(rows['n_rows'].iloc[0])} rows not used to fit them; "
    told += f"off by at most {found.whole.largest_bound:.4g} anywhere in the domain"
    name = f"{words} that a few rules keep"
    if expected.min_rules_agreement is None:
        yield AuditCheck.not_applicable(
            "rules", name, f"{value:.1%}: no share was expected; {told}"
        )
        return
    yield AuditCheck.at_least("rules", name, value, expected.min_rules_agreement, "exact", told)


def on_coverage(expected: Expectations, found: Coverage | None) -> Iterator[AuditCheck]:
    """Whether the rows lie where the model was trained."""
    wanted = (
        ("seen", False, "rows in regions without training rows", expected.max_unseen_share),
        ("outside", True, "rows outside the training ranges", expected.max_outside_share),
    )
    for column, bad, name, most in wanted:
        if most is None:
            continue
        if found is None:
            yield AuditCheck.not_applicable("coverage", name, "no training rows were given")
            continue
        share = float((found.per_row[column] == bad).mean())
        told = f"{len(found.per_row)} rows"
        yield AuditCheck.at_most("coverage", name, share, most, "exact", told)


def on_properties(found: dict[str, PropertyResult]) -> Iterator[AuditCheck]:
    """Every property that must hold in the domain."""
    for name, result in found.items():
        status = _OF_PROPERTY[result.status]
        told = f"by {result.decided_by}" if result.decided_by else result.reason
        exact = "bounded" if status is AuditStatus.UNDECIDED else "exact"
        least = float(np.min(result.lower))
        yield AuditCheck("properties", name, status, least, "above 0 everywhere", exact, told)


def _first(overall: pd.DataFrame, columns: tuple[str, ...]) -> tuple[float, str]:
    """The worst over outputs of the first column there is, with its name; NaN and "" for none."""
    for column in columns:
        if column in overall and overall[column].notna().any():
            values = overall[column].dropna()
            if column == "accuracy" and "joint_accuracy" in overall:
                values = overall["joint_accuracy"].dropna()
            small = column in ("local_log_loss", "local_mse")
            return float(values.max() if small else values.min()), column
    return float("nan"), ""
