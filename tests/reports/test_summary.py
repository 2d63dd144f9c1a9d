from dataclasses import replace

import pytest

from explainrelu.certificate import Check, Exactness, Status
from explainrelu.reports.summary import summary
from tests.reports.samples import MODELS, sample


@pytest.mark.parametrize("name", MODELS)
def test_summary_is_short_and_fits_every_terminal(name):
    text = summary(sample(name).findings)
    assert text.isascii()
    assert len(text.splitlines()) < 56
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize("name", MODELS)
def test_summary_tells_the_main_findings(name):
    findings = sample(name).findings
    text = " ".join(summary(findings).split())
    top = findings.tables["ranking"].query("rank == 1")["feature"].iloc[-1]
    assert f"All {len(findings.certificate.checks)} checks hold" in text
    assert f"{len(findings.shallow.regions)} linear regions" in text
    assert top in text
    assert "SHAP, on 4 rows, names" in text
    few = findings.few_rules
    assert f"A few rules instead: {len(few)} rule" in text
    assert ("decide as it does in" in text) == (name != "diabetes")
    assert f"({few.visited.exactness}) over the regions visited" in text


def test_summary_without_few_rules_says_nothing_of_them():
    assert "few rules" not in summary(replace(sample("iris").findings, few_rules=None))


def test_summary_begins_with_a_check_that_fails():
    findings = sample("iris").findings
    check = Check("made up", Status.FAILS, 1.0, 0.0, Exactness.EXACT, "nowhere")
    text = summary(replace(findings, certificate=findings.certificate.plus([check])))
    assert "1 of 14 checks does not hold: made up (fails)" in " ".join(text.split())
