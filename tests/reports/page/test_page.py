"""The page is whole, safe, readable by everyone, and the same every time."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.neural_network import MLPClassifier

from explainrelu.certificate import Check, Exactness, Status
from explainrelu.network.network import ReluNetwork
from explainrelu.reports.page import page as module
from explainrelu.reports.page import simplified
from explainrelu.reports.page.cards import worked_row
from explainrelu.reports.page.page import page
from explainrelu.reports.page.weakness import weakness
from explainrelu.reports.report import report
from tests import models
from tests.reports.outline import Outline, luminance
from tests.reports.samples import MODELS, MORNING, sample

STYLE = Path(module.__file__).parent / "templates" / "page.css"
NASTY = '<script>alert("a & b")</script>'


@cache
def text_of(name):
    return page(sample(name).findings)


@cache
def nasty():
    """A report in which every name is trouble: markup, quotes, great length, many classes."""
    rng = np.random.default_rng(0)
    names = [NASTY, "x" * 120, *(f"c{i}" for i in range(68))]
    X = pd.DataFrame(rng.normal(size=(80, 70)), columns=names)
    y = pd.Series([f"<b>{k}</b>" for k in np.arange(80) % 10], name=NASTY)
    model, _, _ = models.fitted(MLPClassifier((5,), max_iter=5, random_state=0), X, y)
    return page(report(model, X, y, shap=False, max_rules=6, title=f"{NASTY} 'q'").findings)


@pytest.mark.parametrize("name", MODELS)
def test_page_is_well_formed_and_says_its_language(name):
    outline = Outline(text_of(name))
    assert outline.named("html") == [{"lang": "en"}]
    assert len(outline.named("title", "h1")) == 2


@pytest.mark.parametrize("name", MODELS)
def test_page_loads_nothing_and_runs_nothing(name):
    outline = Outline(text_of(name))
    assert not outline.named("script", "link", "img", "iframe", "object", "image", "use")
    assert not re.search(r"https?:|@import|url\(|javascript:|\bon\w+=", text_of(name))


@pytest.mark.parametrize("name", MODELS)
def test_every_table_has_a_caption_and_every_head_a_scope(name):
    outline = Outline(text_of(name))
    assert len(outline.named("table")) == len(outline.named("caption")) > 8
    assert all("scope" in attrs for attrs in outline.named("th"))


@pytest.mark.parametrize("name", MODELS)
def test_every_picture_is_described_or_stands_beside_its_numbers(name):
    for attrs in Outline(text_of(name)).named("svg"):
        named = attrs.get("role") == "img" and len(attrs.get("aria-label", "")) > 20
        assert named or attrs.get("aria-hidden") == "true"


@pytest.mark.parametrize("name", MODELS)
def test_headings_go_down_one_step_at_a_time(name):
    levels = [int(tag[1]) for tag, _ in Outline(text_of(name)).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", MODELS)
def test_every_link_leads_to_a_heading(name):
    outline = Outline(text_of(name))
    ids = {attrs["id"] for attrs in outline.named("h2")}
    assert {attrs["href"] for attrs in outline.named("a")} == {f"#{name}" for name in ids}


@pytest.mark.parametrize("name", MODELS)
def test_no_number_is_left_undefined(name):
    text = text_of(name)
    for _, attrs in Outline(text).tags:
        assert "nan" not in " ".join(str(value) for value in attrs.values()).split()
        assert not re.search(r"\bnan\b|\binf\b", attrs.get("points", "") + attrs.get("width", ""))


def test_page_has_every_part():
    words = Outline(text_of("breast_cancer")).words
    for part in (
        "What was proven", "What is exact and what is not", "Certificate", "Performance",
        "Which columns matter", "The rules", "Rules side by side", "One row, worked",
        "How steady each coefficient is", "Rows and regions", "A few rules instead",
        "Where the model is weak", "The model on the rows of each few rule",
        "Agreement with SHAP", "Why they differ", "Provenance", "Terms",
    ):  # fmt: skip
        assert part in words


def test_page_without_target_and_shap_leaves_their_parts_out():
    model, X, _ = models.iris()
    found = report(model, X, shap=False, max_rules=2, few_rules=None)
    words = Outline(page(found.findings)).words
    assert "Agreement with SHAP" not in words
    assert "Performance" not in words
    assert "A few rules instead" not in words
    assert "Where the model is weak" not in words


@pytest.mark.parametrize("name", MODELS)
def test_every_few_rule_says_how_far_it_is_off(name):
    few = sample(name).findings.few_rules
    words = Outline(text_of(name)).words
    for rule in few.names:
        assert f"Rule {rule} " in words
    shown = min(3, len(few.view)) * len(few)
    assert words.count("regions visited: off by") + words.count("whole domain: off by") >= shown


def test_shown_bound_of_a_deviation_is_never_below_it():
    assert simplified.rounded_to_three(46.2401) == pytest.approx(46.3)
    assert simplified.rounded_to_three(0.00123) == pytest.approx(0.00123)
    for bound in np.random.default_rng(0).lognormal(0, 5, 200):
        shown = simplified.rounded_to_three(bound)
        assert bound * (1 - 1e-11) <= shown <= bound * 1.0101


def test_a_group_of_few_rows_is_not_called_weak():
    for part in ("rules", "regions"):
        for row in weakness(sample("iris").findings)[part]:
            assert not row["weak"] or int(row["n_rows"]) >= 20


def test_a_target_that_only_ranks_has_no_weak_part():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    X = np.arange(20.0)[:, None]
    found = report(network, X, X[:, 0] > 9, shap=False, few_rules=None).findings
    assert weakness(found) is None
    assert "Where the model is weak" not in page(found)


def test_time_that_was_given_to_the_proof_is_named_where_sameness_is_promised():
    findings = sample("iris").findings
    provenance = findings.tables["provenance"].copy()
    provenance.loc[provenance["property"] == "argument time_limit", "value"] = "5.0"
    timed = replace(findings, tables={**findings.tables, "provenance": provenance})
    said = "but for how far the few rules were proven in the time that was given"
    assert said in Outline(page(timed)).words
    assert said not in Outline(text_of("iris")).words


def test_names_are_escaped_wherever_they_stand():
    outline = Outline(nasty())
    assert "<script" not in nasty()
    assert "<b>0</b>" not in nasty()
    assert NASTY in outline.words
    assert "<b>0</b>" in outline.words


def test_long_tables_are_cut_and_say_what_is_left_out():
    words = Outline(nasty()).words
    assert "10 more columns are in columns.csv" in words
    assert "64 more columns and 7 more outputs are in coefficient_profile.csv" in words
    assert "55 more columns, together" in words
    assert "7 more outputs are in rules.csv" in words


def test_only_the_date_changes_with_the_date():
    findings = sample("iris").findings
    later = page(replace(findings, created=MORNING + timedelta(days=1)))
    assert text_of("iris").replace("1 March 2026", "2 March 2026") == later


def test_a_check_that_fails_is_the_first_thing_said():
    findings = sample("iris").findings
    check = Check("made up", Status.FAILS, 1.0, float("nan"), Exactness.BOUNDED, "nowhere")
    text = page(replace(findings, certificate=findings.certificate.plus([check])))
    words = Outline(text).words
    assert 'class="verdict fails"' in text
    assert "checks does not hold: made up (fails). Do not rely on this report" in words
    assert 'badge exact"' not in text.split('id="model"')[0]


def test_a_check_that_is_not_decided_is_said_to_be_so_and_reads_as_no_proof():
    findings = sample("iris").findings
    check = Check("made up", Status.UNDECIDED, np.nan, 0.0, Exactness.EXACT, "too large")
    text = page(replace(findings, certificate=findings.certificate.plus([check])))
    words, n_held = Outline(text).words, len(findings.certificate.checks)
    assert 'class="verdict undecided"' in text
    assert f"{n_held} of {n_held + 1} checks hold. Not decided: made up (too large)." in words
    assert "Do not rely" not in words
    assert " nan " not in words


@pytest.mark.parametrize("name", MODELS)
def test_worked_row_adds_up_to_the_score_of_its_row(name):
    findings = sample(name).findings
    worked = worked_row(findings)
    table = findings.tables["explanations"]
    rows = table[table["row"] == int(worked["row"])]
    output = worked["score_name"].removeprefix(f"{findings.view.scale} of ")
    rows = rows[rows["output"] == output] if len(findings.view) > 1 else rows
    total = rows["base_value"].iloc[0] + rows["attribution"].sum()
    assert total == pytest.approx(rows["score"].iloc[0], rel=1e-9)
    parts = [step for step in worked["steps"] if "part" in step]
    assert len(parts) <= 13
    shown = sum(
        float(p["part"].replace("−", "-").replace(" × 10", "e").translate(POWERS)) for p in parts
    )
    base, score = (float(worked[k].replace("−", "-")) for k in ("base", "score"))
    assert base + shown == pytest.approx(score, abs=0.01 * max(1.0, abs(base), abs(score)))


POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def test_colours_of_text_have_the_contrast_that_reading_needs():
    style = STYLE.read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#\w{6});", style))
    tints = dict(re.findall(r"\.((?:up|down|grey)\d) \{ background: (#\w{6}); \}", style))
    assert len(tints) == 15
    for name in ("ink", "soft", "accent", "up", "down", "both", "level", "holds", "fails"):
        assert 1.05 / (luminance(colours[name]) + 0.05) >= 4.5, name
    for name, tint in tints.items():
        assert (luminance(tint) + 0.05) / (luminance(colours["ink"]) + 0.05) >= 7.0, name
