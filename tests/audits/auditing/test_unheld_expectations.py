"""An expectation that nothing was held against is said to be so, or refused; it never passes."""

import numpy as np
import pytest

from explainrelu.audits.audit import audited
from explainrelu.audits.auditing.expectations import Expectations
from explainrelu.audits.verification.constraints import OutputConstraints
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema, Task

ROWS = np.random.default_rng(0).normal(size=(12, 2))
LIMITS = {"time_limit": 2.0}
AMOUNT = OutputSchema(("amount",), Task.REGRESSION)
CLASSES = OutputSchema(("yes",), Task.BINARY, classes=("no", "yes"))


def line(outputs: OutputSchema | None = None, bias: float = 0.0) -> ReluNetwork:
    return ReluNetwork.from_weights([[[1.0, 0.0]], [[1.0]]], [[9.0], [bias - 9.0]], outputs=outputs)


def statuses(network, expectations, y=None, **more):
    found = audited(network, ROWS, y, expectations=expectations, limits=LIMITS, **more)
    return {check.name: str(check.status) for check in found.checks}


@pytest.mark.parametrize(
    ("expectations", "words"),
    [
        ({"group_difference": {"selection_rate": 0.1}}, "selection rate"),
        ({"min_rules_agreement": 0.9}, "a few rules keep"),
        ({"max_unseen_share": 0.1}, "without training rows"),
        ({"measurement_errors": {"x0": 0.1}, "min_stable_share": 0.9}, "measurement errors"),
        ({"protected": ["x1"], "max_flip_share": 0.0}, "protected columns alone"),
        ({"min_recourse_share": 0.5}, "can reach"),
    ],
)
def test_expectation_that_does_not_apply_is_told(expectations, words) -> None:
    [status] = [s for name, s in statuses(line(AMOUNT), expectations).items() if words in name]
    assert status == "not applicable"


def test_one_group_has_nothing_to_differ_from() -> None:
    wanted = {"group_difference": {"selection_rate": 0.1}}
    found = statuses(line(CLASSES), wanted, sensitive_features=["a"] * len(ROWS))
    assert set(found.values()) == {"not applicable"}


def test_no_answer_beats_the_only_one() -> None:
    found = statuses(line(CLASSES, bias=50.0), {}, y=["yes"] * len(ROWS))
    assert found["better than always answering the most frequent class"] == "not applicable"


@pytest.mark.parametrize("share", ["max_flip_share", "min_stable_share"])
def test_share_of_nothing_is_refused(share) -> None:
    with pytest.raises(ArgumentError, match=f"{share} needs"):
        Expectations.from_mapping({share: 0.5})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"protected": 5}, "protected must be a list of columns"),
        ({"actionability": 5}, "actionability must be an Actionability"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused(wrong, words) -> None:
    with pytest.raises(InputTypeError, match=words):
        Expectations.from_mapping(wrong)


@pytest.mark.parametrize("values", [5, "ab", ["a", "b"], [0.0, float("nan")]])
def test_protected_values_that_are_none_are_refused(values) -> None:
    with pytest.raises(InputTypeError, match="x1"):
        statuses(line(CLASSES), {"protected": {"x1": values}})


def test_size_of_an_error_is_above_zero() -> None:
    with pytest.raises(ArgumentError, match="sizes above 0, got x0 of 0"):
        Expectations(measurement_errors={"x0": 0.0})


def test_property_of_an_unknown_score_is_refused_before_anything_runs() -> None:
    network, seen = line(), []
    wanted = {"properties": {"p": OutputConstraints.at_most("nope", 1.0)}}
    with pytest.raises(ArgumentError, match="nope"):
        audited(network, ROWS, expectations=wanted, progress=lambda *step: seen.append(step))
    assert not seen


def test_columns_that_do_not_vary_are_held_and_the_others_measured() -> None:
    rows = ROWS.copy()
    rows[:, 1] = 0.0
    rows[0, 1] = 1.0  # not among the rows that are drawn, most likely
    found = audited(line(CLASSES), rows, limits={**LIMITS, "robustness_rows": 1})
    assert found.robustness.features == ("x0", "x1")
    found = audited(line(CLASSES), rows[1:], limits=LIMITS)
    assert found.robustness.features == ("x0",)
    assert found.slopes is not None


def test_score_that_never_leaves_zero_fails_no_row() -> None:
    network = ReluNetwork.from_weights([np.zeros((1, 2)), [[1.0]]], [[0.0], [0.0]], outputs=CLASSES)
    wanted = {"measurement_errors": {"x0": 1.0}, "min_stable_share": 0.9}
    assert "fail" not in statuses(network, wanted).values()
