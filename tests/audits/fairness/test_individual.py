"""Can protected columns alone change a class: against brute force, and on others' networks."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from explainrelu.audits.fairness.fairness import fairness
from explainrelu.audits.fairness.individual import individual_fairness
from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError, ColumnsError, DataError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import enumerate_regions
from tests import carla, models


def network(seed, n_outputs=1, weight=1.0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(5, 2)), rng.normal(size=(n_outputs, 5))]
    weights[0][:, 1] *= weight
    return ReluNetwork.from_weights(weights, [rng.normal(size=5), rng.normal(size=n_outputs)])


def changes_somewhere(net, values, low, high):
    """Over every piece of the line of the free input: exact for one free input."""
    grid = np.linspace(low, high, 20_001)
    both = [net.forward(np.column_stack([grid, np.full(grid.size, v)])) for v in values]
    if both[0].shape[1] == 1:
        classes = [scores[:, 0] > 0 for scores in both]
    else:
        classes = [scores.argmax(axis=1) for scores in both]
    return bool((classes[0] != classes[1]).any())


@pytest.mark.parametrize(("seed", "n_outputs"), list(product(range(12), (1, 3))))
def test_the_verdict_is_that_of_brute_force(seed, n_outputs):
    net = network(seed, n_outputs, weight=0.3)
    X = np.array([[-2.0, 0.0], [2.0, 1.0]])
    found = individual_fairness(net, X, protected=["x1"], time_limit=20.0)
    if changes_somewhere(net, (0.0, 1.0), -2.0, 2.0):
        assert found.status is Status.FAILS
    elif found.status is Status.FAILS:  # a change narrower than the grid: the witness shows it
        assert found.witness is not None
    else:
        assert found.status is Status.HOLDS


@pytest.mark.parametrize("seed", range(4))
def test_the_witness_differs_in_the_protected_column_and_the_class(seed):
    net = network(seed, weight=2.0)
    found = individual_fairness(net, [[-2.0, 0.0], [2.0, 1.0]], protected=["x1"])
    assert (found.witness is not None) == (found.status is Status.FAILS)
    if found.witness is not None:
        first, second = found.witness.to_numpy()
        assert (first[0], {first[1], second[1]}) == (second[0], {0.0, 1.0})
        assert (net([first])[0] > 0) != (net([second])[0] > 0)


@pytest.mark.parametrize("seed", range(4))
def test_no_protected_change_moves_the_score_by_more(seed):
    net = network(seed)
    found = individual_fairness(net, [[-2.0, 0.0], [2.0, 1.0]], protected=["x1"])
    grid = np.linspace(-2.0, 2.0, 5001)
    gaps = [net(np.column_stack([grid, np.full(grid.size, v)])) for v in (0.0, 1.0)]
    largest = np.abs(gaps[1] - gaps[0]).max()
    assert largest <= found.largest_effect + 1e-9
    assert found.largest_effect <= largest + 1e-2
    assert len(enumerate_regions(net, Box([-2.0, 0.0], [2.0, 1.0]))) > 1


def test_a_column_that_does_nothing_is_proven_fair():
    net = network(0, weight=0.0)
    found = individual_fairness(net, [[-2.0, 0.0], [2.0, 1.0]], protected=["x1"])
    assert found.status is Status.HOLDS
    assert found.largest_effect <= 1e-9
    assert found.certificate.holds


def test_a_planted_preference_is_found():
    model, X, _ = models.loan_decisions()
    found = individual_fairness(model, X[:300], protected=["sex", "job"])
    assert found.status is Status.FAILS
    pair = found.witness
    same = [name for name in X.columns if name not in ("sex", "job")]
    assert pair.loc["as it is", same].equals(pair.loc["changed", same])
    assert model.predict(pair)[0] != model.predict(pair)[1]


def test_a_limit_leaves_it_undecided_or_right():
    model, X, _ = models.breast_cancer()
    name = X.columns[3]
    span = (float(X[name].min()), float(X[name].min() + 1e-6))
    found = individual_fairness(model, X[:5], protected={name: span}, time_limit=0.5)
    assert found.status in (Status.UNDECIDED, Status.HOLDS, Status.FAILS)
    assert found.status is not Status.FAILS or found.witness is not None or found.rows.flips.any()
    rng, net = np.random.default_rng(0), import_model(model, X)
    place, low, high = list(X.columns).index(name), X[:5].min(), X[:5].max()
    points = rng.uniform(low, high, size=(5000, X.shape[1]))
    own, other = points.copy(), points.copy()
    own[:, place], other[:, place] = rng.uniform(*span, size=(2, 5000))
    changes = ((net.forward(own) > 0) != (net.forward(other) > 0)).any()
    assert not (changes and found.status is Status.HOLDS)


def test_everything_at_once():
    pytest.importorskip("fairlearn")
    model, X, y = models.loan_decisions()
    found = fairness(model, X[:400], y[:400], protected=["sex"])
    assert set(found.groups["metric"]) == {
        "selection_rate", "true_positive_rate", "false_positive_rate", "accuracy"
    }  # fmt: skip
    assert found.carriers.set_index("column").loc["sex", "role"] == "protected"
    assert found.certificate.status is found.individual.status
    assert not found.notes
    regression, rows, _ = models.loans()
    other = fairness(regression, rows[:100], protected=["sex"])
    assert other.groups.empty
    assert "does not decide" in other.notes[0]
    assert other.individual.verdict is None


def test_groups_that_are_no_columns_are_welcome():
    model, X, y = models.iris()
    groups = pd.Series(np.arange(len(X)) % 2, name="side")
    found = fairness(model, X, y, sensitive_features=groups, favourable="virginica")
    assert found.individual is None
    assert set(found.regions["group"]) == {"0", "1"}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, ArgumentError, "got neither"),
        ({"protected": ["gender"]}, ColumnsError, "not among the model's columns"),
        ({"protected": ["sex"], "favourable": "maybe"}, ArgumentError, "favourable must be one of"),
        ({"sensitive_features": ["a"]}, DataError, "one row a row of X"),
        ({"protected": ["sex"], "y": ["yes"]}, DataError, "one value a row"),
    ],
)
def test_wrong_input_is_refused(options, error, text):
    model, X, _ = models.loan_decisions()
    with pytest.raises(error, match=text):
        fairness(model, X[:20], **options)


@carla.here
@pytest.mark.parametrize(
    ("name", "protected"),
    [
        ("compas", ["sex_Male"]),
        ("compas", ["race_Other"]),
        ("adult", ["sex_Male"]),
        ("adult", ["race_White"]),
    ],
)
def test_verdicts_on_networks_of_others_replay(name, protected):
    net, X = carla.catalogued(name)
    found = individual_fairness(net, X, protected=protected, time_limit=20.0)
    assert found.status in (Status.HOLDS, Status.FAILS)
    if found.status is Status.FAILS:
        assert found.witness is not None
    else:
        assert found.verdict.decided_by
    if found.witness is not None:
        scores = net.forward(net.schema.encode(found.witness))
        classes = scores[:, 0] > 0 if scores.shape[1] == 1 else scores.argmax(axis=1)
        assert classes[0] != classes[1]
        others = [column for column in X.columns if column not in protected]
        assert found.witness[others].iloc[0].equals(found.witness[others].iloc[1])


@pytest.mark.parametrize("values", [[0.0, 1.0], (-1.0, 2.0)])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_column_that_no_unit_reads_changes_nothing(n_outputs, values):
    net = network(0, n_outputs, weight=0.0)
    X = np.array([[-2.0, 0.0], [2.0, 1.0]])
    found = individual_fairness(net, X, protected={"x1": values})
    assert found.status is Status.HOLDS
    assert not found.reads
    assert found.certificate.holds


def test_a_column_that_the_model_does_not_use_changes_nothing():
    lean = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [-1.0]])
    columns = (Column("x0"), Column("sex", ColumnKind.UNUSED))
    X = pd.DataFrame({"x0": [0.0, 1.0, 2.0], "sex": ["f", "m", "f"]})
    found = individual_fairness(replace(lean, schema=InputSchema(columns)), X, protected="sex")
    assert found.status is Status.HOLDS
    assert found.largest_effect == 0.0
    assert not found.rows["flips"].any()
    assert "sex reaches no unit" in found.certificate.checks[0].detail


def test_used_columns_are_compared_beside_one_that_is_not_used():
    net = ReluNetwork.from_weights([[[1.0, 1.0]], [[2.0]]], [[0.0], [-1.0]])
    columns = (*net.schema.columns, Column("sex", ColumnKind.UNUSED))
    X = pd.DataFrame({"x0": [0.4, 1.0], "x1": [0.0, 1.0], "sex": ["f", "m"]})
    lean = replace(net, schema=InputSchema(columns))
    found = individual_fairness(lean, X, protected=["x1", "sex"])
    assert found.status is Status.FAILS
    assert found.rows["flips"].tolist() == [True, False]
    assert len(fairness(lean, X, protected=["x1", "sex"]).carriers) == 6
