"""The parts of simplify: trees of half-spaces, drawn rows, fits, decisions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import explainrelu as xr
from explainrelu.errors import ArgumentError
from explainrelu.explanations.simplification.candidates import axis_candidates, network_candidates
from explainrelu.explanations.simplification.decisions import Decision, decision_of
from explainrelu.explanations.simplification.drawn_rows import drawn_rows
from explainrelu.explanations.simplification.formulas import Standard, fitted, sparse_fit
from explainrelu.explanations.simplification.growing import Growing, Sample
from explainrelu.explanations.simplification.quality import equal_decisions, quality_frame
from explainrelu.explanations.simplification.split_tree import SplitTree
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.outputs import OutputSchema, Task
from explainrelu.network.schema import InputSchema
from tests import models
from tests.strategies import points

TREE = SplitTree(
    [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
    [0.0, 1.0, -1.0],
    ("a", "b", "c"),
    [[1, 2], [-1, -2], [-3, -4]],
)
JOB = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", "smith"))


@given(points(2, integer=True, max_points=30))
def test_every_point_lies_in_one_leaf_whose_closed_half_spaces_hold_it(found):
    place = TREE.place(found)
    for leaf in range(TREE.n_leaves):
        weight, bound = TREE.half_spaces(leaf)
        assert (found[place == leaf] @ weight.T <= bound).all()
        # half-open: a point of another leaf is at best on the border
        assert not (found[place != leaf] @ weight.T < bound).all(axis=1).any()


def test_leaves_keep_their_points_when_they_are_numbered_anew():
    found = np.random.default_rng(0).normal(size=(50, 2))
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(order[TREE.renumbered(order).place(found)], TREE.place(found))


def test_a_tree_without_splits_is_one_leaf():
    tree = SplitTree(np.zeros((0, 2)), np.zeros(0), (), np.zeros((0, 2), dtype=int))
    assert (tree.n_leaves, tree.paths(), tree.place(np.ones((3, 2))).tolist()) == (
        1,
        ((),),
        [0] * 3,
    )


@pytest.mark.parametrize("children", [[[-1, -1]], [[0, -1]], [[-2, -3]]])
def test_what_is_no_tree_is_refused(children):
    with pytest.raises(ArgumentError, match="must"):
        SplitTree([[1.0]], [0.0], ("a",), children)


@given(st.integers(0, 20))
def test_drawn_rows_stay_in_the_range_and_at_the_levels_of_the_rows(seed):
    schema, rng = InputSchema((Column("age"), JOB)), np.random.default_rng(seed)
    rows = schema.spread(np.column_stack([rng.normal(size=9), rng.integers(2, size=9)]))
    drawn = drawn_rows(schema, rows, 40, rng)
    assert xr.Box.from_data(rows).contains(drawn).all()
    assert set(schema.decode(drawn).job) <= {"clerk", "nurse"}


def test_a_fit_finds_a_linear_score_and_leaves_its_constant_alone():
    rows = np.random.default_rng(0).normal(3.0, 2.0, size=(60, 3))
    standard = Standard.of(rows)
    scores = rows @ np.array([[1.0], [0.0], [-2.0]]) + 5.0
    formula = fitted(standard(rows), scores, np.ones(60), np.zeros((4, 1)))
    weight, bias = standard.raw(formula)
    np.testing.assert_allclose(weight, [[1.0, 0.0, -2.0]], atol=1e-9)
    np.testing.assert_allclose(bias, [5.0], atol=1e-8)


def test_a_sparse_fit_takes_the_columns_that_matter():
    rows = np.random.default_rng(0).normal(size=(80, 5))
    z = Standard.of(rows)(rows)
    scores = rows @ np.array([[0.0], [3.0], [0.1], [0.0], [-1.0]])
    formula = sparse_fit(z, scores, np.ones(80), np.arange(5), 2)
    assert np.flatnonzero(formula[:-1, 0]).tolist() == [1, 4]


def test_levels_are_split_alone_or_in_the_order_of_their_scores():
    schema = InputSchema((JOB,))
    rows = np.eye(3)[[0, 0, 1, 2]]
    found = axis_candidates(schema, rows, np.array([[5.0], [5.0], [1.0], [3.0]]))
    sets = {tuple(weight) for weight in found.weight}
    assert sets == {(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)}
    assert (found.own == 0.5).all()
    assert not found.movable.any()


def test_neurons_of_the_first_layer_give_their_own_borders():
    network = xr.ReluNetwork.from_weights([[[2.0], [1.0]], [[1.0, 1.0]]], [[-1.0, 50.0], [0.0]])
    found = network_candidates(network, np.linspace(0.0, 1.0, 11)[:, None])
    assert (found.names, found.weight.tolist(), found.own.tolist()) == (
        ("neuron 1.1",),
        [[2.0]],
        [1.0],
    )


def test_leaves_with_nearly_the_same_formula_are_merged():
    rows = np.random.default_rng(0).uniform(-1.0, 1.0, size=(400, 1))
    network = xr.ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    sample = Sample(rows, network.forward(rows), np.ones(400))
    candidates = axis_candidates(network.schema, rows, sample.scores)
    rng = np.random.default_rng(0)
    growing = Growing(
        sample, candidates, Decision.NONE, np.zeros(1, int), None, np.ones((1, 1)), rng
    )
    for _ in range(3):
        growing.grow()
    assert growing.merged(growing.state(), -1.0).tree.n_leaves == 4
    assert growing.merged(growing.state(), 1e-4).tree.n_leaves == 2


def test_decisions_are_signs_largest_scores_or_none():
    scores = np.array([[0.5, -1.0], [-2.0, 3.0]])
    assert Decision.SIGN.of(scores).tolist() == [1, 2]
    assert Decision.LARGEST.of(scores).tolist() == [0, 1]
    assert Decision.LARGEST.margin(scores).tolist() == [1.5, 5.0]
    assert np.isnan(equal_decisions(scores, scores, Decision.NONE))
    outputs = OutputSchema(("a", "b", "c"), Task.MULTICLASS, classes=("a", "b", "c"))
    assert decision_of(outputs, outputs.view()) is Decision.LARGEST
    assert decision_of(outputs, outputs.view(("a", "b"))) is Decision.SIGN
    assert decision_of(outputs, outputs.view("a")) is Decision.NONE


def test_the_area_under_the_curve_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    scores = rng.normal(size=(50, 1))
    predicted = np.round(scores + rng.normal(size=(50, 1)), 1)
    frame = quality_frame("used", scores, predicted, Decision.SIGN, ["yes"])
    assert frame.auc[0] == pytest.approx(roc_auc_score(scores[:, 0] > 0, predicted[:, 0]))


def test_words_and_tables_of_rules_with_levels():
    model, X, _ = models.loan_decisions()
    rules = xr.simplify(model, X[:600], max_rules=4, splits="axis", time_limit=1)
    text = rules.to_text()
    assert "of decisions kept" in text
    assert "Largest distance from the network over the whole domain" in text
    assert len(rules.to_frame()) == len(rules) == len(list(rules))
    assert rules.to_frame().share.is_monotonic_decreasing
    assert rules.covers(X[:600]).all()
    assert rules.trade_off().chosen.any()
    with pytest.raises(IndexError, match="There are"):
        rules[len(rules)]
