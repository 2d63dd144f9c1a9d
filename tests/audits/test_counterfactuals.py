"""Counterfactuals against every row that there is, and against a program a region."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

import explainrelu as xr
from explainrelu.audits.actionability import Actionability
from explainrelu.audits.counterfactuals import counterfactuals
from explainrelu.audits.recourse.search import CounterfactualStatus
from explainrelu.errors import ArgumentError, ColumnsError, ExplainReluError, InputTypeError
from tests import models
from tests.audits.discrete import POINTS, ROWS, SCHEMA, distances, networks

NORMS = ("l1", "l2", "l0", "linf")
STATUS = CounterfactualStatus

few = settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

WISHES: list[tuple[Actionability, Any]] = [
    (Actionability(), lambda own, rows: np.ones(len(rows), bool)),
    (
        Actionability(immutable=["job"], increase_only=["a"], cost={"b": 2.0}),
        lambda own, rows: (rows["job"] == own["job"]) & (rows["a"] >= own["a"]),
    ),
    (
        Actionability(step={"a": 2.0}, decrease_only=["b"], cost={"job": 0.5}),
        lambda own, rows: ((rows["a"] - own["a"]) % 2 == 0) & (rows["b"] <= own["b"]),
    ),
    (
        Actionability(linked={"a": "b"}, immutable=["grade"]),
        lambda own, rows: (
            (rows["a"] - own["a"] == rows["b"] - own["b"]) & (rows["grade"] == own["grade"])
        ),
    ),
]


@few
@given(network=networks(), data=st.data())
def test_nearest_change_is_that_of_trying_every_row(network: xr.ReluNetwork, data: Any) -> None:
    norm, (wishes, allows) = data.draw(st.sampled_from(NORMS)), data.draw(st.sampled_from(WISHES))
    query = ROWS.iloc[[data.draw(st.integers(0, len(ROWS) - 1))]].reset_index(drop=True)
    wanted = "positive" if network(query)[0] <= 0 else "negative"
    score = network.forward(POINTS)[:, 0]
    reached = (score > 0 if wanted == "positive" else score < 0) & allows(query.iloc[0], ROWS)
    least = distances(query, norm, dict(wishes.cost))[reached].min(initial=np.inf)
    found = counterfactuals(network, query, desired_class=wanted, norm=norm, actionability=wishes)
    if not reached.any():
        assert found.status == (STATUS.INFEASIBLE,)
        assert len(found.frame) == 0
    else:
        assert found.status == (STATUS.OPTIMAL,)
        assert found.frame["distance"].iloc[0] == pytest.approx(least, abs=1e-6)
        row = found.frame[list(ROWS)]
        assert (row.to_numpy() == ROWS[reached].to_numpy()).all(axis=1).any()
        assert found.certificate.holds


@few
@given(network=networks(n_outputs=3), data=st.data())
def test_nearest_other_class_is_that_of_trying_every_row(
    network: xr.ReluNetwork, data: Any
) -> None:
    query = ROWS.iloc[[data.draw(st.integers(0, len(ROWS) - 1))]].reset_index(drop=True)
    scores = network.forward(POINTS)
    own = int(network.forward(network.schema.encode(query))[0].argmax())
    best = np.sort(scores, axis=1)
    clear = (scores.argmax(axis=1) != own) & (best[:, -1] > best[:, -2])
    found = counterfactuals(network, query)
    if network.forward(network.schema.encode(query))[0].tolist().count(scores.max()) > 1:
        return
    least = distances(query, "l1", {})[clear].min(initial=np.inf)
    assert found.status == (STATUS.OPTIMAL if clear.any() else STATUS.INFEASIBLE,)
    assert found.outcomes["distance"].iloc[0] == pytest.approx(least, abs=1e-6)


def test_class_that_is_farther_than_another_leaves_the_nearest_proven() -> None:
    # scores 0, 2 * grade - 3 and 0.5 - b: one class is a step of the grade away, one two of b
    weights = [np.eye(SCHEMA.n_inputs), np.zeros((3, SCHEMA.n_inputs))]
    weights[1][1, -1], weights[1][2, 1] = 2.0, -1.0
    network = xr.ReluNetwork.from_weights(
        weights, [np.zeros(SCHEMA.n_inputs), np.array([0.0, -3.0, 0.5])], schema=SCHEMA
    )
    query = pd.DataFrame({"a": [0], "b": [2], "job": ["nurse"], "grade": ["mid"]})
    found = counterfactuals(network, query)
    assert found.status == (STATUS.OPTIMAL,)
    assert found.frame["grade"].tolist() == ["high"]


@few
@given(network=networks(), row=st.integers(0, len(ROWS) - 1))
def test_each_further_one_leaves_a_column_alone_that_those_before_change(
    network: xr.ReluNetwork, row: int
) -> None:
    query = ROWS.iloc[[row]].reset_index(drop=True)
    found = counterfactuals(network, query, total_CFs=3)
    sets = [set(part["feature"]) for _, part in found.changes.groupby("cf")]
    assert all(not before <= after for i, after in enumerate(sets) for before in sets[:i])
    assert found.frame["distance"].is_monotonic_increasing
    reached = (network.forward(POINTS)[:, 0] > 0) != (network(query)[0] > 0)
    reached &= network.forward(POINTS)[:, 0] != 0
    changed = (ROWS.to_numpy() != query.to_numpy()).astype(bool)
    if len(sets) > 1:
        names = list(ROWS)
        first = [names.index(name) for name in sets[0]]
        other = reached & ~changed[:, first].all(axis=1)
        least = distances(query, "l1", {})[other].min()
        assert found.frame["distance"].iloc[1] == pytest.approx(least, abs=1e-6)


def random_network(seed: int, *widths: int) -> xr.ReluNetwork:
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(widths))
    return xr.ReluNetwork.from_weights(
        [rng.normal(size=(n_out, n_in)) for n_in, n_out in pairs],
        [rng.normal(size=n_out) for _, n_out in pairs],
    )


def nearest_by_region(network: xr.ReluNetwork, query: np.ndarray, norm: str, room: float) -> float:
    """The least distance over the regions of a box, one program each."""
    box = xr.Box(np.full(query.size, -3.0), np.full(query.size, 3.0))
    regions = xr.enumerate_regions(network, box)
    sign = -1.0 if network.forward(query[None])[0, 0] > 0 else 1.0
    weight, bias = regions.affine_maps()
    least = np.inf
    for i in range(len(regions)):
        polytope, eye = regions.region(i).polytope(), np.eye(query.size)
        A = np.vstack([polytope.weight, -sign * weight[i], eye, -eye])
        b = np.concatenate([polytope.bound, [sign * bias[i, 0] - room], box.upper, -box.lower])
        least = min(least, nearest_in_polytope(A, b, query, norm))
    return least


def nearest_in_polytope(A: np.ndarray, b: np.ndarray, query: np.ndarray, norm: str) -> float:
    n = query.size
    eye, one = np.eye(n), np.ones((n, 1))
    if norm == "l1":
        cost = np.concatenate([np.zeros(n), np.ones(n)])
        rows = np.block([[A, np.zeros((len(b), n))], [eye, -eye], [-eye, -eye]])
    else:
        cost = np.concatenate([np.zeros(n), [1.0]])
        rows = np.block([[A, np.zeros((len(b), 1))], [eye, -one], [-eye, -one]])
    ends = np.concatenate([b, query, -query])
    found = linprog(cost, A_ub=rows, b_ub=ends, bounds=(None, None))
    if found.status != 0:
        return np.inf
    if norm != "l2":
        return float(found.fun)
    close = minimize(
        lambda x: ((x - query) ** 2).sum(), found.x[:n], jac=lambda x: 2 * (x - query),
        constraints={"type": "ineq", "fun": lambda x: b - A @ x, "jac": lambda x: -A},
        method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    return float(np.linalg.norm(close.x - query)) if close.success else np.inf


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
@pytest.mark.parametrize("seed", range(4))
def test_nearest_change_is_that_of_a_program_a_region(norm: str, seed: int) -> None:
    network = random_network(seed, 3, 6, 4, 1)
    query = np.random.default_rng(seed).uniform(-2, 2, 3)
    ranges = dict.fromkeys(network.schema.names, (-3.0, 3.0))
    found = counterfactuals(network, query[None], permitted_range=ranges, norm=norm)
    required = float(found.outcomes["required"].iloc[0].split()[0])
    least = nearest_by_region(network, query, norm, required)
    if np.isfinite(least):
        assert found.status == (STATUS.OPTIMAL,)
        assert found.frame["distance"].iloc[0] == pytest.approx(least, rel=2e-5, abs=2e-5)
    else:
        assert found.status == (STATUS.INFEASIBLE,)


@pytest.mark.parametrize("norm", NORMS)
def test_loans_that_are_refused_have_a_nearest_change_that_the_model_accepts(norm: str) -> None:
    model, X, _ = models.loan_decisions()
    refused = X[model.predict(X) == "no"].iloc[:2]
    wishes = Actionability(immutable=["sex", "age"], decrease_only=["loan_amount"])
    found = counterfactuals(
        model, refused, norm=norm, scale="mad", background=X, actionability=wishes
    )
    changed = found.frame[list(X)]
    assert found.certificate.holds
    assert found.status == (STATUS.OPTIMAL,) * 2
    assert set(model.predict(changed)) == {"yes"}
    assert changed.dtypes.equals(X.dtypes)
    assert (changed[["sex", "age"]].to_numpy() == refused[["sex", "age"]].to_numpy()).all()
    assert (changed["loan_amount"].to_numpy() <= refused["loan_amount"].to_numpy()).all()


def test_reasons_add_up_to_what_was_missing() -> None:
    model, X, _ = models.loan_decisions()
    refused = X[model.predict(X) == "no"].iloc[:1]
    found = counterfactuals(model, refused, scale="mad", background=X)
    network = xr.import_model(model)
    gap = found.frame["score"].iloc[0] - network(refused)[0]
    assert found.reasons["closes"].sum() == pytest.approx(gap)
    assert found.reasons["share"].sum() == pytest.approx(1.0)
    assert set(found.reasons["feature"]) == set(found.changes["feature"])
    assert found.reasons["closes"].is_monotonic_decreasing


def test_changes_cost_the_distance() -> None:
    model, X, _ = models.loan_decisions()
    found = counterfactuals(model, X.iloc[:2], scale="mad", background=X)
    assert np.allclose(found.changes.groupby("row")["cost"].sum(), found.frame["distance"])


def test_class_of_several_is_the_largest_at_the_change() -> None:
    model, X, _ = models.iris()
    found = counterfactuals(model, X.iloc[:2], desired_class="virginica", background=X)
    assert list(model.predict(found.frame[list(X)])) == ["virginica"] * 2
    assert found.certificate.holds


def test_score_of_a_regression_comes_into_its_range() -> None:
    model, X, _ = models.diabetes()
    found = counterfactuals(
        model, X.iloc[:2], desired_range=(200.0, 210.0), scale="mad", background=X
    )
    inside = model.predict(found.frame[list(X)])
    assert ((inside >= 200) & (inside <= 210)).all()


def test_margin_is_kept() -> None:
    network = xr.ReluNetwork.from_weights([np.eye(2), [[1.0, -1.0]]], [np.zeros(2), [-1.0]])
    ranges = {"x0": (-9, 9), "x1": (-9, 9)}
    found = counterfactuals(network, [[0.5, 0.5]], permitted_range=ranges, margin=0.25)
    assert found.frame["score"].iloc[0] >= 0.25


def test_row_that_is_as_desired_stays() -> None:
    network = random_network(0, 2, 4, 1)
    own = "positive" if network([[0.5, 0.5]])[0] > 0 else "negative"
    ranges = {"x0": (-9, 9), "x1": (-9, 9)}
    found = counterfactuals(
        network, [[0.5, 0.5]], permitted_range=ranges, desired_class=own, total_CFs=2
    )
    assert found.frame["distance"].tolist() == [0.0]
    assert "already" in found.outcomes["detail"].iloc[0]


def test_same_call_gives_the_same_answer() -> None:
    model, X, _ = models.loan_decisions()
    first, second = (
        counterfactuals(model, X.iloc[:1], scale="mad", background=X, norm="l2") for _ in range(2)
    )
    pd.testing.assert_frame_equal(first.frame, second.frame)
    pd.testing.assert_frame_equal(first.reasons, second.reasons)


def test_limit_leaves_bounds_that_hold() -> None:
    network = random_network(1, 6, 16, 16, 1)
    ranges = dict.fromkeys(network.schema.names, (-3.0, 3.0))
    query = np.zeros((1, 6))
    known = counterfactuals(network, query, permitted_range=ranges)
    hurried = counterfactuals(network, query, permitted_range=ranges, time_limit=1e-3)
    least = known.frame["distance"].iloc[0]
    assert hurried.status[0] in (STATUS.BOUNDED, STATUS.UNDECIDED)
    assert hurried.outcomes["bound"].iloc[0] <= least <= hurried.outcomes["distance"].iloc[0]
    assert not hurried.certificate.holds
    assert hurried.gap[0] > 0


def test_whole_numbers_stay_whole_unless_the_caller_says_otherwise() -> None:
    network = xr.ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [-2.5]])
    row = pd.DataFrame({"x0": [1]})
    whole = counterfactuals(network, row, permitted_range={"x0": (0, 9)})
    free = counterfactuals(
        network, row, permitted_range={"x0": (0, 9)},
        actionability=Actionability(step={"x0": None}),
    )  # fmt: skip
    assert whole.frame["x0"].tolist() == [3]
    assert free.frame["x0"].iloc[0] == pytest.approx(2.5, abs=1e-5)


def test_values_that_do_not_change_stay_as_they_were_handed_over() -> None:
    network = xr.ReluNetwork.from_weights([[[1.0, 0.0]], [[1.0]]], [[0.0], [-2.5]])
    row = pd.DataFrame({"x0": [1.0], "x1": [7]})
    found = counterfactuals(network, row, permitted_range={"x0": (0, 9), "x1": (0, 9)})
    assert found.frame["x1"].tolist() == [7]
    assert found.frame["x1"].dtype == row["x1"].dtype


BAD: list[tuple[dict[str, Any], type[ExplainReluError], str]] = [
    ({"norm": "l3"}, ArgumentError, "norm must be one of l1"),
    ({"scale": "std"}, ArgumentError, "scale must be None, 'mad'"),
    ({"scale": "mad"}, ArgumentError, "background=X"),
    ({"scale": {"a": 0.0}}, ArgumentError, "scale of 'a' must be positive"),
    ({"scale": {"z": 1.0}}, ColumnsError, "scale must name columns"),
    ({"scale": {"a": "x"}}, InputTypeError, "scale of 'a' must be a number"),
    ({"margin": -1.0}, ArgumentError, "margin must be a number of at least 0"),
    ({"margin": "x"}, InputTypeError, "margin must be a number"),
    ({"desired_class": "maybe"}, ArgumentError, "one of 'negative', 'positive', got 'maybe'"),
    ({"desired_class": "positive", "desired_range": (0, 1)}, ArgumentError, "not both"),
    ({"desired_range": (1, 0)}, ArgumentError, "desired_range must hold scores"),
    ({"desired_range": (0, 1), "margin": 0.5}, ArgumentError, "twice the margin"),
    ({"desired_range": 3}, InputTypeError, "desired_range must be two numbers"),
    ({"output": "score"}, ArgumentError, "without a range"),
    ({"total_CFs": 0}, ArgumentError, "total_CFs must be a whole number"),
    ({"time_limit": 0}, ArgumentError, "time_limit must be a positive number"),
    ({"random_state": "x"}, InputTypeError, "random_state must be a whole number"),
    ({"actionability": {"immutable": ["a"]}}, InputTypeError, "must be an Actionability"),
    ({"permitted_range": [("a", 1)]}, InputTypeError, "permitted_range must map columns"),
    ({"permitted_range": {"z": (0, 1)}}, ColumnsError, "permitted_range must name columns"),
    ({"permitted_range": {"a": (3, 1)}}, ArgumentError, "lowest <= highest"),
    ({"permitted_range": {"a": 3}}, InputTypeError, "two numbers"),
    ({"permitted_range": {"job": []}}, ArgumentError, "at least one level"),
    ({"permitted_range": {"job": ["poet"]}}, ArgumentError, "must name its levels, got 'poet'"),
    ({"permitted_range": {"job": "nurse"}}, InputTypeError, "must be a list of levels"),
    ({"features_to_vary": "a"}, ArgumentError, "'all' or a list of columns"),
    ({"features_to_vary": ["z"]}, ColumnsError, "features_to_vary must name columns"),
    (
        {"features_to_vary": ["a"], "actionability": Actionability(immutable=["a"])},
        ArgumentError,
        "features_to_vary and immutable at once",
    ),
    (
        {"permitted_range": {"a": (3, 4)}, "actionability": Actionability(immutable=["a"])},
        ArgumentError,
        "Row 0: 'a' must not change, but permitted_range excludes its own value",
    ),
    (
        {"permitted_range": {"job": ["nurse"]}, "features_to_vary": ["a"]},
        ArgumentError,
        "excludes its own value, clerk",
    ),
    (
        {"permitted_range": {"a": (3, 4)}, "actionability": Actionability(decrease_only=["a"])},
        ArgumentError,
        "one way only",
    ),
    (
        {"permitted_range": {"a": (1.5, 1.6)}},
        ArgumentError,
        "must hold a value on its steps",
    ),
    (
        {
            "permitted_range": {"a": (3, 4), "b": (0, 1)},
            "actionability": Actionability(linked={"a": "b"}),
        },
        ArgumentError,
        "ranges allow none",
    ),
    (
        {"actionability": Actionability(linked={"a": "b"}, step={"a": 1.0, "b": 2.0})},
        ArgumentError,
        "Give them one step",
    ),
]


@pytest.mark.parametrize(("arguments", "kind", "text"), BAD)
def test_bad_input_is_refused_in_words(
    arguments: dict[str, Any], kind: type[ExplainReluError], text: str
) -> None:
    weights = [np.ones((2, SCHEMA.n_inputs)), np.ones((1, 2))]
    network = xr.ReluNetwork.from_weights(weights, [np.zeros(2), -np.ones(1)], schema=SCHEMA)
    with pytest.raises(kind, match=text):
        counterfactuals(network, ROWS.iloc[[0]], **arguments)


def test_column_without_a_range_asks_for_one() -> None:
    network = random_network(0, 2, 4, 1)
    with pytest.raises(ArgumentError, match=r"permitted_range=\{'x0': \(lowest, highest\)\}"):
        counterfactuals(network, [[0.0, 0.0]])


def test_regression_asks_for_a_range_of_its_score() -> None:
    model, X, _ = models.diabetes()
    with pytest.raises(ArgumentError, match="desired_range"):
        counterfactuals(model, X.iloc[:1], background=X)


def test_several_scores_ask_for_one_of_them() -> None:
    network = random_network(0, 2, 4, 2)
    ranges = {"x0": (0, 1), "x1": (0, 1)}
    with pytest.raises(ArgumentError, match="output must name one of the scores"):
        counterfactuals(network, [[0.0, 0.0]], desired_range=(0, 1), permitted_range=ranges)


@pytest.mark.slow
def test_no_farther_than_dice_on_the_same_rows() -> None:
    dice_ml = pytest.importorskip("dice_ml")
    model, X, y = models.iris()
    table = X.assign(species=y)
    data = dice_ml.Data(dataframe=table, continuous_features=list(X), outcome_name="species")
    search = dice_ml.Dice(data, dice_ml.Model(model=model, backend="sklearn"), method="random")
    ours = counterfactuals(model, X.iloc[:3], desired_class="virginica", background=X, norm="l1")
    theirs = search.generate_counterfactuals(
        X.iloc[:3], total_CFs=1, desired_class=list(model.classes_).index("virginica")
    )
    for row, example in enumerate(theirs.cf_examples_list):
        other = example.final_cfs_df[list(X)].to_numpy(dtype=float)[0]
        away = np.abs(other - X.iloc[row].to_numpy(dtype=float)).sum()
        assert ours.frame["distance"].iloc[row] <= away + 1e-6
