from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from explainrelu.certificate import Check, Exactness, Status
from explainrelu.explanations.simplification.deviation import Deviations, Scope
from explainrelu.network.network import ReluNetwork
from explainrelu.reports.report import report
from explainrelu.reports.statements import (
    Direction,
    deviation_text,
    direction,
    statements,
    verdict,
)
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests.reports.samples import MODELS, sample


def row(importance=1.0, positive=1.0, mean=1.0):
    return SimpleNamespace(importance=importance, positive_share=positive, mean_coefficient=mean)


@pytest.mark.parametrize(
    ("ranked", "expected"),
    [
        (row(), Direction.RAISES),
        (row(positive=0.0, mean=-1.0), Direction.LOWERS),
        (row(positive=0.5), Direction.BOTH),
        (row(positive=0.0, mean=0.0), Direction.BOTH),
        (row(mean=np.nan), Direction.LEVELS),
        (row(positive=np.nan, mean=np.nan), Direction.OUTPUTS),
        (row(importance=0.0), Direction.NOTHING),
    ],
)
def test_direction_is_read_off_the_ranking(ranked, expected):
    assert direction(ranked) is expected


def test_verdict_says_over_how_many_rows_and_how_near():
    text = verdict(sample("breast_cancer").findings)
    assert text.startswith("All 13 checks hold. On all 120 rows the imported network gives")


def test_verdict_says_that_a_few_rules_are_no_equal_and_that_this_is_no_failure():
    findings = sample("breast_cancer").findings
    text = verdict(findings)
    assert f"{len(findings.few_rules)} rules stand for it approximately, off by" in text
    assert text.endswith("that is proven, and no check that fails.")
    assert "approximately" not in verdict(replace(findings, few_rules=None))


def test_verdict_of_a_network_that_was_not_imported_does_not_speak_of_the_model():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    found = report(network, [[1.0], [2.0]], shap=False).findings
    assert found.drift is None
    assert "On all 2 rows the three-layer network gives the network's own score" in verdict(found)
    assert "The imported network is the model" not in [s.what for s in statements(found)]


def test_statements_speak_of_what_the_report_holds():
    whats = [s.what for s in statements(sample("breast_cancer").findings)]
    performance = "Performance, overall, by region and by few rule"
    assert {"SHAP values", performance, "Probabilities"} <= set(whats)
    assert "Probabilities" not in [s.what for s in statements(sample("diabetes").findings)]


def test_shap_is_estimated_where_it_samples_and_exact_where_it_does_not():
    for name, expected in (("breast_cancer", "estimated"), ("iris", "exact")):
        found = {s.what: s.exactness for s in statements(sample(name).findings)}
        assert found["SHAP values"] == expected


@pytest.mark.parametrize("name", MODELS)
def test_deviation_of_few_rules_is_called_what_it_is(name):
    findings = sample(name).findings
    said = {s.what: s for s in statements(findings) if "few rules" in s.what}
    for where, found in (
        ("regions visited", findings.few_rules.visited), ("whole domain", findings.few_rules.whole)
    ):  # fmt: skip
        statement = said[f"How far the few rules can be off, over the {where}"]
        assert statement.exactness == found.exactness
        assert statement.grounds.startswith(deviation_text(found))
    assert said["How well the few rules stand for the network"].exactness == "estimated"


def deviations(value, bound):
    one = np.full((1, 1), value)
    most, witness, spread = np.full((1, 1), bound), np.zeros((1, 1, 2)), np.ones(1)
    return Deviations(Scope.DOMAIN, one, most, witness, (("",),), spread, DEFAULT_TOLERANCES)


def test_bound_of_a_deviation_is_never_rounded_down():
    assert deviation_text(deviations(1.2306, 1.2306)) == "at most 1.3"
    assert deviation_text(deviations(0.5, 10.61)) == "0.50 to 11"


def test_nothing_is_called_exact_where_a_check_fails():
    findings = sample("iris").findings
    check = Check("made up", Status.FAILS, 1.0, 0.0, Exactness.EXACT, "nowhere")
    worse = replace(findings, certificate=findings.certificate.plus([check]))
    assert "exact" not in {s.exactness for s in statements(worse)}
