import numpy as np
import pandas as pd
import pytest

from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.command_line.layouts import (
    agreement_text,
    attribution_text,
    certificate_text,
    conversion_text,
    folded,
    link_text,
    ranking_text,
    table_text,
)
from explainrelu.explanations.agreement.with_shap import compare_with_shap
from explainrelu.explanations.explain import explain
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.ranking import rank_features
from explainrelu.explanations.rules import extract_rules
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.rewrites.convert import convert
from tests import models


def explained(network: ReluNetwork, X: pd.DataFrame, row: int) -> tuple[Explanation, str]:
    one = X.iloc[[row]]
    explanation = explain(network, one, background=X)
    ranges = extract_rules(network, one).ranges()
    return explanation, attribution_text(explanation, ranges, network, row)


@pytest.mark.parametrize("data", [models.breast_cancer, models.iris, models.loan_decisions])
def test_every_text_fits_a_hundred_columns(data: object) -> None:
    model, X, _ = data()  # type: ignore[operator]
    network = import_model(model, X)
    shallow = convert(network, X)
    texts = [
        conversion_text(shallow),
        certificate_text(shallow.certificate),
        folded(extract_rules(shallow, max_rules=2).to_text(), hang=9),
        explained(network, X, 3)[1],
        *(ranking_text(rank_features(network, X, by=by)) for by in ("effect", "coefficient")),
    ]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 100


def test_a_certificate_says_what_was_not_decided_without_a_figure() -> None:
    held = Check.at_most("fine", 0.0, 1.0, Exactness.EXACT, "3 rows")
    check = Check("in fractions", Status.UNDECIDED, np.nan, 0.0, Exactness.EXACT, "too large")
    lines = certificate_text(Certificate((held, check))).splitlines()
    assert lines[0] == "Certificate: not decided in full"
    assert lines[2] == "  undecided in fractions: too large"


def test_long_names_are_shortened_and_numbers_are_not() -> None:
    name = "the number of rooms per household in 1990, as counted"
    text = table_text(["column", "value"], [[name, "1.25"], ["age", "30"]], "<>")
    assert "the number of rooms…as counted" in text
    assert text.splitlines()[1].endswith("1.25")
    assert text.splitlines()[2].endswith("  30")


def test_a_line_that_is_too_long_goes_on_below() -> None:
    lines = folded("  THEN " + "1.5 * age + " * 20, hang=9).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line.startswith(" " * 9) for line in lines[1:])


def test_attributions_are_written_largest_first_and_with_their_range() -> None:
    model, X, _ = models.loan_decisions()
    explanation, text = explained(import_model(model, X), X, 3)
    order = np.argsort(-np.abs(explanation.values[0]), kind="stable")
    lines = [line for line in text.splitlines() if line.startswith("  ")]
    names = [line.split()[0] for line in lines[2:-1]]
    assert names == [explanation.feature_names[j] for j in order]
    assert lines[1].split()[0] == "(base)"
    assert lines[-1].split() == ["(score)", f"{float(explanation.scores[0]):.4g}"]


def test_of_several_classes_the_most_likely_is_shown() -> None:
    model, X, _ = models.iris()
    _, text = explained(import_model(model, X), X, 149)
    chance = model.predict_proba(X.iloc[[149]])[0]
    best = model.classes_[chance.argmax()]
    assert text.startswith(f"Row 149: centred logit of {best} ")
    assert f"probability of {best} {chance.max():.1%}" in text


def outputs(task: Task, link: Link, names: tuple[str, ...], classes: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    schema = OutputSchema(names, task, link, classes)
    weight = np.ones((len(names), 1))
    return ReluNetwork.from_weights([weight], [np.zeros(len(names))], outputs=schema)


@pytest.mark.parametrize(
    ("network", "output", "raw", "said"),
    [
        (outputs(Task.BINARY, Link.logistic, ("b",), ("a", "b")), None, [0.0], "of b 50.0%"),
        (outputs(Task.BINARY, Link.logistic, ("b",), ("a", "b")), "a", [2.0], "of a 11.9%"),
        (outputs(Task.MULTICLASS, Link.softmax, ("a", "b"), ("a", "b")), "b", [0, 0], "of b 50.0%"),
        (outputs(Task.SCORE, Link.log_softmax, ("a", "b")), "a", [0.0, 0.0], "of a 50.0%"),
        (outputs(Task.REGRESSION, Link.exp, ("prediction",)), None, [0.0], "prediction 1"),
        (outputs(Task.REGRESSION, Link.identity, ("prediction",)), None, [3.0], ""),
        (outputs(Task.MULTICLASS, Link.softmax, ("a", "b"), ("a", "b")), ("a", "b"), [0, 0], ""),
    ],
)
def test_what_the_model_reports_is_said_where_it_is_not_the_score(
    network: ReluNetwork, output: str | None, raw: list[float], said: str
) -> None:
    text = link_text(network, network.outputs.view(output), 0, raw)
    assert text.endswith(said)
    assert bool(text) == bool(said)


def test_a_ranking_says_which_way_the_score_goes() -> None:
    network = ReluNetwork.from_weights([[[2.0, -1.0]], [[1.0]]], [[50.0], [0.0]])
    X = np.random.default_rng(0).normal(size=(50, 2))
    lines = ranking_text(rank_features(network, X)).splitlines()[-2:]
    assert "x0" in lines[0]
    assert "+ in 100%" in lines[0]
    assert "- in 100%" in lines[1]


def test_a_ranking_of_several_outputs_is_their_mean() -> None:
    model, X, _ = models.iris()
    text = ranking_text(rank_features(model, X))
    assert "mean over 3 outputs" in text
    assert len([line for line in text.splitlines() if "(cm)" in line]) == 4


def test_the_comparison_gives_figures_and_reasons() -> None:
    model, X, _ = models.iris()
    found = compare_with_shap(model, X, max_rows=2)
    text = agreement_text(found)
    assert "on 2 rows" in text
    assert all(f"  {reason}: " in text for reason in found.reasons["reason"].unique())
    assert max(map(len, text.splitlines())) <= 100
