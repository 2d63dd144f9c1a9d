"""The page of an audit: every part, readable by everyone, alone on its own, and on every width."""

import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from explainrelu.audits.auditing.verdicts import AuditCheck, AuditStatus
from explainrelu.certificate import Status
from explainrelu.reports.audit.audit import audit
from explainrelu.reports.audit.page import audit_page
from explainrelu.reports.page import page as module
from tests import models
from tests.reports.audit.samples import FEW, SAMPLES, sample
from tests.reports.outline import Outline, contrast

TEMPLATES = Path(module.__file__).parent / "templates"
NASTY = '<script>alert("a & b")</script>'
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@cache
def text_of(name):
    found = sample(name)
    return audit_page(found.findings, found.report.findings, found.tables)


@pytest.mark.parametrize("name", SAMPLES)
def test_page_is_well_formed_says_its_language_and_loads_nothing(name):
    outline = Outline(text_of(name))
    assert outline.named("html") == [{"lang": "en"}]
    assert len(outline.named("title", "h1")) == 2
    assert not outline.named("script", "link", "img", "iframe", "object", "image", "use")
    assert not re.search(r"https?:|@import|url\(|javascript:|\bon\w+=", text_of(name))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_table_has_a_caption_and_every_head_a_scope(name):
    outline = Outline(text_of(name))
    assert len(outline.named("table")) == len(outline.named("caption")) > 12
    assert all("scope" in attrs for attrs in outline.named("th"))
    assert all(attrs["scope"] in ("col", "row", "colgroup") for attrs in outline.named("th"))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_picture_is_described_or_stands_beside_its_numbers(name):
    for attrs in Outline(text_of(name)).named("svg"):
        named = attrs.get("role") == "img" and len(attrs.get("aria-label", "")) > 20
        assert named or attrs.get("aria-hidden") == "true"


@pytest.mark.parametrize("name", SAMPLES)
def test_headings_go_down_one_step_at_a_time(name):
    levels = [int(tag[1]) for tag, _ in Outline(text_of(name)).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", SAMPLES)
def test_names_of_places_are_unique_and_every_link_leads_to_one(name):
    outline = Outline(text_of(name))
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"] for attrs in outline.named("a")}
    assert links == {f"#{one}" for one in ids}
    contents = re.search(r"<nav.*?</nav>", text_of(name), re.S).group()
    assert re.findall(r'href="#(\w+)"', contents) == ids


@pytest.mark.parametrize("name", SAMPLES)
def test_places_that_scroll_can_be_reached_and_have_a_name(name):
    regions = [a for a in Outline(text_of(name)).named("div") if a.get("class") == "scroll"]
    assert regions
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in regions)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_number_is_left_undefined(name):
    words = Outline(text_of(name)).words
    assert not re.search(r"\bnan\b|\bNone\b(?! of)|\binf\b", words)
    for _, attrs in Outline(text_of(name)).tags:
        assert not re.search(r"\bnan\b|\binf\b", attrs.get("points", "") + attrs.get("width", ""))


def declared():
    """Selector -> its colour and background, of both style sheets, variables filled in."""
    style = "".join((TEMPLATES / f"{n}.css").read_text("utf-8") for n in ("page", "audit"))
    values = dict(re.findall(r"--(\w+): (#\w{6});", style))
    style = re.sub(r"var\(--(\w+)\)", lambda m: values.get(m.group(1), m.group()), style)
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.S).replace("#fff;", "#ffffff;")
    for selector, body in re.findall(r"([^{}@]+)\{([^{}]*)\}", style):
        ink = re.search(r"(?<![-\w])color: (#\w{6})", body)
        ground = re.search(r"background(?:-color)?: (#\w{6})", body)
        yield selector.strip(), ink and ink.group(1), ground and ground.group(1)


DECORATION = {"i", ".conditions li::before"}  # dots and dashes between words


def test_every_colour_of_text_can_be_read_on_white_and_on_its_own_ground():
    seen = 0
    for selector, ink, ground in declared():
        if ink and selector not in DECORATION:
            assert contrast(ink, ground or "#ffffff") >= 4.5, selector
            seen += 1
    assert seen > 30


def test_verdicts_can_be_read_on_the_ground_of_their_rows():
    rules = {selector: (ink, ground) for selector, ink, ground in declared()}
    grounds = [
        g for s, (_, g) in rules.items() if g and s.startswith((".verdicts tr", ".verdict."))
    ]
    assert len(grounds) >= 6
    for state in ("pass", "fail", "undecided", "none"):
        for ground in grounds:
            assert contrast(rules[f".status.{state}"][0], ground) >= 4.5


def test_a_status_is_told_by_word_and_mark_too():
    found = re.findall(r'<span class="status (\w+)"><span aria-hidden="true">(.)</span> ([\w ]+)<',
                       text_of("loan_decisions"))  # fmt: skip
    assert {("pass", "✓", "pass"), ("fail", "✕", "fail"), ("none", "–", "not applicable")} <= set(
        found
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_page_has_every_part_whether_looked_at_or_not(name):
    words = Outline(text_of(name)).words
    for part in (
        "Verdicts", "What was expected, and what was found", "The model", "What was proven",
        "Certificate", "Rows and regions", "The domain as a whole has", "The rules",
        "A few rules instead", "Which columns matter", "Agreement with SHAP", "Monotonicity",
        "Properties", "Robustness", "Groups", "What to change", "Where the model is weak",
        "Coverage", "Limits of what was shown", "Provenance", "Terms",
    ):  # fmt: skip
        assert part in words, part


def test_page_shows_witnesses_and_reasons():
    words = Outline(text_of("loan_decisions")).words
    for part in (
        "yes falls as late_payments grows, where increasing was expected",
        "A row that violates: no score above 2", "Measurement errors", "When only sex changes",
        "Rates by sex", "Part of the difference", "How far each column moved", "make audit",
        "Rows nearest to another class", "expected: monotone", "euro a year",
    ):  # fmt: skip
        assert part in words, part


def test_page_claims_no_more_than_it_shows():
    words = Outline(text_of("loans")).words
    assert "It is no statement that the model is fit for a purpose or meets a law" in words
    assert "Neither protected columns nor groups of the rows were named" in words
    assert "No training rows were given" in words
    assert "complian" not in words


def test_every_check_stands_in_the_table_with_its_evidence():
    words = Outline(text_of("loan_decisions")).words
    for check in sample("loan_decisions").checks:
        assert check.name in words
        assert re.sub(r"\s+", " ", check.evidence) in words


def with_status(status):
    found = sample("loans")
    check = AuditCheck("monotonicity", "made up", status, 0.5, "at least 1", "bounded", "none")
    findings = replace(found.findings, checks=(*found.checks, check))
    return Outline(audit_page(findings, found.report.findings, found.tables))


def test_what_is_undecided_is_no_pass():
    outline = with_status(AuditStatus.UNDECIDED)
    assert {"class": "verdict undecided"} in outline.named("div")
    assert "1 of 4 checks is undecided: made up. 3 pass." in outline.words
    assert "may be decided with more time" in outline.words


def test_what_fails_is_said_first():
    outline = with_status(AuditStatus.FAIL)
    assert {"class": "verdict fail"} in outline.named("div")
    assert "1 of 4 checks fails: made up. 3 pass." in outline.words


def test_an_explanation_that_is_not_the_model_is_said_beside_the_verdict():
    found = sample("loans")
    certificate = found.certificate
    broken = replace(certificate.checks[0], status=Status.FAILS)
    report = replace(
        found.report.findings,
        certificate=replace(certificate, checks=(broken, *certificate.checks[1:])),
    )
    text = audit_page(found.findings, report, found.tables)
    assert "Do not rely on this report" in text.split("<nav")[0]


def test_names_are_escaped_wherever_they_stand():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=[NASTY, "b", "c"])
    y = pd.Series(np.where(X["b"] > 0, "<b>yes</b>", "<b>no</b>"), name=NASTY)
    from sklearn.neural_network import MLPClassifier

    model, _, _ = models.fitted(MLPClassifier((4,), max_iter=50, random_state=0), X, y)
    found = audit(
        model, X, y, sensitive_features={NASTY: y}, limits={**FEW, "shap_rows": 0}, X_train=X,
        expectations={"monotone": {NASTY: "increasing"}, "protected": [NASTY]},
    )  # fmt: skip
    text = audit_page(found.findings, found.report.findings, found.tables)
    assert "<script" not in text
    assert "<b>yes</b>" not in text
    assert NASTY in Outline(text).words


MEASURED = """<!doctype html><meta charset="utf-8"><body>{frames}<p id="out"></p><script>
addEventListener("message", e => {{ document.getElementById("out").textContent += e.data + ";" }})
</script>"""
TOLD = """<script>addEventListener("load", () => parent.postMessage(
innerWidth + ":" + document.documentElement.scrollWidth, "*"))</script></body>"""


def chromium(folder, *arguments):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
               "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
               f"--user-data-dir={folder}", *arguments]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"Chromium does not run here: {error}")
    return done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_page_fits_a_desk_a_tablet_and_a_phone(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(text_of("loan_decisions").replace("</body>", TOLD), encoding="utf-8")
    frames = "".join(
        f'<iframe src="page.html" width="{w}" height="900" style="border:0"></iframe>'
        for w in (1280, 820, 390)
    )
    (tmp_path / "frames.html").write_text(MEASURED.format(frames=frames), encoding="utf-8")
    url = (tmp_path / "frames.html").as_uri()
    dom = chromium(tmp_path / "profile", "--virtual-time-budget=8000", "--dump-dom", url)
    told = re.search(r'<p id="out">([\d:;]+)</p>', dom).group(1)
    widths = [tuple(map(int, part.split(":"))) for part in told.strip(";").split(";")]
    assert {width for width, _ in widths} == {1280, 820, 390}
    assert [pair for pair in widths if pair[1] > pair[0]] == []


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_page_is_drawn_and_printed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(text_of("loan_decisions"), encoding="utf-8")
    picture, paper = tmp_path / "page.png", tmp_path / "page.pdf"
    chromium(tmp_path / "p", f"--screenshot={picture}", "--window-size=1280,4000", page.as_uri())
    chromium(tmp_path / "p", "--no-pdf-header-footer", f"--print-to-pdf={paper}", page.as_uri())
    assert picture.stat().st_size > 50_000
    assert paper.read_bytes().startswith(b"%PDF")
    assert paper.stat().st_size > 100_000
