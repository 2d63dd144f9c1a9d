"""The whole audit: every verdict held against what it should be, and planted faults found."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from explainrelu.audits.actionability import Actionability
from explainrelu.audits.audit import AUDIT_STEPS, audited
from explainrelu.audits.auditing.expectations import AuditLimits, Expectations
from explainrelu.audits.auditing.verdicts import AuditCheck, AuditStatus, overall_status
from explainrelu.audits.verification.constraints import OutputConstraints
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from tests import carla, models

FEW = {"robustness_rows": 10, "recourse_rows": 2, "time_limit": 5.0, "few_rules": 3}
EXPECTED = {
    "performance": {"accuracy": 0.8, "auc": 0.99},
    "monotone": {"income": "increasing", "late_payments": "increasing", "job": "increasing"},
    "protected": ["sex"],
    "group_difference": {"selection_rate": 0.5},
    "group_ratio": {"selection_rate": 0.999},
    "measurement_errors": {"income": 1e-6},
    "min_stable_share": 1.0,
    "min_recourse_share": 1.0,
    "actionability": {"immutable": ["age", "sex"]},
    "min_rules_agreement": 0.5,
    "max_unseen_share": 1.0,
    "max_outside_share": 1.0,
    "properties": {"no score above 100": OutputConstraints.at_most("yes", 100.0)},
}


@pytest.fixture(scope="module")
def loans():
    model, X, y = models.loan_decisions()
    return audited(model, X[:800], y[:800], expectations=EXPECTED, limits=FEW, X_train=X[800:1600])


def verdict(found, words):
    [check] = [check for check in found.checks if words in check.name]
    return str(check.status)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("network equals the model", "pass"),
        ("most frequent class", "pass"),
        ("accuracy", "pass"),
        ("auc", "fail"),
        ("increasing in income", "pass"),
        ("increasing in late_payments", "fail"),
        ("increasing in job", "not applicable"),
        ("unchanged by measurement errors", "pass"),
        ("changes with sex alone", "fail"),
        ("difference of selection rate", "pass"),
        ("ratio of selection rate", "fail"),
        ("that a few rules keep", "pass"),
        ("no score above 100", "pass"),
        ("in regions without training rows", "pass"),
        ("outside the training ranges", "pass"),
    ],
)
def test_each_expectation_has_its_verdict(loans, words, status):
    assert verdict(loans, words) == status


def test_the_table_holds_every_check(loans):
    frame = loans.to_frame()
    assert len(frame) == len(loans.checks)
    assert str(loans.status) == "fail"
    assert set(frame["exactness"]) <= {"exact", "bounded", "estimated"}
    assert (frame["evidence"] != "").all()
    assert set(loans.seconds) == set(AUDIT_STEPS)


def test_the_same_call_gives_the_same_verdicts(loans):
    model, X, y = models.loan_decisions()
    again = audited(model, X[:800], y[:800], expectations=EXPECTED, limits=FEW, X_train=X[800:1600])
    pd.testing.assert_frame_equal(again.to_frame(), loans.to_frame())


def test_every_kind_of_model_can_be_audited():
    for name in ("iris", "loans"):
        model, X, y = getattr(models, name)()
        told = []
        found = audited(
            model, X[:150], y[:150], limits=FEW, progress=lambda n, _, told=told: told.append(n)
        )
        assert verdict(found, "better than always answering") == "pass"
        assert told == list(range(len(AUDIT_STEPS) + 1))


def test_a_model_that_says_nothing_is_found_out():
    X = np.random.default_rng(0).normal(size=(100, 2))
    y = np.where(X[:, 0] > 0, "yes", "no")
    network = ReluNetwork.from_weights([[[0.0, 1.0]], [[1.0]]], [[0.0], [-5.0]])
    found = audited(network.with_classes(["no", "yes"]), X, y, limits=FEW)
    assert verdict(found, "most frequent class") == "fail"


def test_protected_columns_are_not_for_people_to_change_unless_it_is_said():
    assert Expectations(protected=["sex"]).changeable.immutable == ("sex",)
    own = Actionability(immutable=["age"])
    assert Expectations(protected=["sex"], actionability=own).changeable is own


def test_distances_are_measured_by_the_spread_of_all_rows():
    rows = np.c_[np.r_[np.zeros(3), np.arange(57.0)], np.ones(60)]  # the second never varies
    network = ReluNetwork.from_weights([[[1.0, 0.0]], [[1.0]]], [[0.0], [-20.5]])
    found = audited(network.with_classes(["no", "yes"]), rows, limits={**FEW, "robustness_rows": 3})
    assert found.robustness.features == ("x0",)
    at = found.robustness_rows
    expected = np.abs(rows[at, 0] - 20.5) / rows[:, 0].std()
    np.testing.assert_allclose(found.robustness.upper, expected, rtol=1e-6)


def test_of_several_classes_expected_directions_are_about_the_favourable_one():
    model, X, _ = models.iris()
    wanted = {"monotone": {"petal length (cm)": "increasing"}, "favourable": "virginica"}
    found = audited(model, X, expectations=wanted, limits=FEW)
    assert {trend.output for trend in found.monotonicity.trends} == {"virginica"}
    assert len(found.monotonicity) == 4


def test_without_a_target_performance_is_not_applicable():
    model, X, _ = models.iris()
    found = audited(model, X, expectations={"performance": {"accuracy": 0.5}}, limits=FEW)
    assert verdict(found, "accuracy") == "not applicable"


@carla.here
@pytest.mark.parametrize("turned", [False, True])
def test_columns_in_the_wrong_order_are_exposed(turned):
    network, X = carla.catalogued("compas")
    parts = [
        pd.read_csv(carla.FOLDER / "data" / f"compas_{part}.csv") for part in ("train", "test")
    ]
    y = pd.concat(parts, ignore_index=True)["score"].astype(str)
    if turned:
        X = X[list(X.columns[::-1])].set_axis(X.columns, axis=1)
    found = audited(network.with_classes(["0", "1"]), X[:2000], y[:2000], limits=FEW)
    assert verdict(found, "most frequent class") == ("fail" if turned else "pass")


@pytest.mark.parametrize(
    ("expectations", "error", "text"),
    [
        ({"monotone": {"salary": "increasing"}}, ColumnsError, "monotone names 'salary'"),
        ({"monotone": {"income": "upwards"}}, ArgumentError, "increasing or decreasing"),
        ({"protected": ["gender"]}, ColumnsError, "protected names 'gender'"),
        ({"performance": {"beauty": 1.0}}, ArgumentError, "performance knows accuracy"),
        ({"performance": {"accuracy": "high"}}, InputTypeError, "accuracy must be a number"),
        ({"max_flip_share": 2.0}, ArgumentError, "a share from 0 to 1"),
        ({"fairnes": {}}, ArgumentError, "no entry 'fairnes'"),
        ({"favourable": "maybe"}, ArgumentError, "favourable must be one of the classes"),
        ({"actionability": {"immutable": ["x"], "frozen": []}}, ArgumentError, "no entry 'frozen'"),
        (
            {"actionability": {"immutable": ["age"], "increase_only": ["age"]}},
            ArgumentError, "at once",
        ),
        ({"properties": {"calm": 3}}, InputTypeError, "must be OutputConstraints"),
        ([], InputTypeError, "must be a mapping"),
    ],
)  # fmt: skip
def test_expectations_are_checked(expectations, error, text):
    model, X, y = models.loan_decisions()
    with pytest.raises(error, match=text):
        audited(model, X[:50], y[:50], expectations=expectations or [1])


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"time_limit": 0}, "time_limit must be seconds above 0"),
        ({"few_rules": 0}, "few_rules must be"),
        ({"patience": 3}, "no entry 'patience'"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_limits_are_checked(limits, text):
    with pytest.raises(ArgumentError, match=text):
        AuditLimits.from_mapping(limits)


def test_expectations_come_from_a_mapping_or_as_they_are():
    found = Expectations.from_mapping({"actionability": {"immutable": ["age"]}})
    assert isinstance(found.actionability, Actionability)
    assert Expectations.from_mapping(found) is found


def test_what_is_between_bounds_is_undecided():
    between = [AuditCheck.between("r", "n", 0.2, 0.6, least, "") for least in (0.1, 0.5, 0.9)]
    assert [str(check.status) for check in between] == ["pass", "undecided", "fail"]
    assert overall_status(between) is AuditStatus.FAIL
    assert overall_status(between[:2]) is AuditStatus.UNDECIDED
    assert overall_status([]) is AuditStatus.NOT_APPLICABLE


def test_a_network_of_logits_takes_classes():
    network = ReluNetwork.from_weights([[[1.0], [2.0]]], [[0.0, 0.0]])
    assert network.with_classes(["a", "b"]).outputs.task == "multiclass"
    with pytest.raises(ArgumentError, match="2 classes"):
        network.with_classes(["a"])


def test_a_protected_column_that_the_model_does_not_use_passes():
    net = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [-1.0]])
    lean = replace(net, schema=InputSchema((Column("x0"), Column("sex", ColumnKind.UNUSED))))
    rows = pd.DataFrame({"x0": np.linspace(0, 1, 30), "sex": ["f", "m"] * 15})
    found = audited(lean, rows, expectations={"protected": ["sex"], "max_flip_share": 0.0})
    assert verdict(found, "sex alone") == "pass"
