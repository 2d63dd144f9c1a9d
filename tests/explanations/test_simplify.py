"""Few rules in place of a network: what they promise, held against brute force."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import explainrelu as xr
from explainrelu.errors import ArgumentError
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from tests import models
from tests.strategies import arrays, relu_networks

SPLITS = ("network", "axis")


def rows_in(box, n=60, seed=0):
    return box.sample(n, np.random.default_rng(seed))


def largest_by_brute_force(rules, box):
    """The largest ``|network - rule|``, by SciPy over every region met with every leaf."""
    network, view = rules.network, rules.view
    regions = xr.enumerate_regions(network, box)
    weight, bias = regions.affine_maps(view)
    worst = np.zeros((len(rules), len(view)))
    tree = rules.grown.tree
    for r, leaf, k, sign in product(
        range(len(regions)), range(len(rules)), range(len(view)), (1, -1)
    ):
        polytope, (cut, ends) = regions.region(r).polytope(), tree.half_spaces(leaf)
        cost = weight[r, k] - rules.grown.weight[leaf, k]
        found = linprog(
            -sign * cost,
            A_ub=np.vstack([polytope.weight, cut]),
            b_ub=np.concatenate([polytope.bound, ends]),
            bounds=list(zip(box.lower, box.upper, strict=True)),
        )
        if found.status == 0:
            value = -found.fun + sign * (bias[r, k] - rules.grown.bias[leaf, k])
            worst[leaf, k] = max(worst[leaf, k], value)
    return worst


@settings(max_examples=12, deadline=None)
@given(relu_networks(max_layers=2, max_inputs=2), st.sampled_from(SPLITS))
def test_the_deviation_over_a_box_is_that_of_brute_force(network, splits):
    box = xr.Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    rules = xr.simplify(network, rows_in(box), domain=box, max_rules=3, splits=splits)
    expected, scale = largest_by_brute_force(rules, box), 1.0 + np.abs(rules.grown.weight).max()
    np.testing.assert_allclose(np.nan_to_num(rules.whole.bound), expected, atol=1e-6 * scale)
    assert rules.certificate.holds


@settings(max_examples=6, deadline=None)
@given(arrays((3, 3)), st.sampled_from(SPLITS))
def test_the_deviation_over_rows_with_levels_is_the_largest_of_all_levels(weight, splits):
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
    schema = InputSchema((Column("age"), job))
    first = Layer(weight, np.zeros(3), np.ones(3, dtype=bool))
    network = ReluNetwork((first,), AffineMap(weight[:1], [0.5]), schema, OutputSchema(("score",)))
    rng = np.random.default_rng(0)
    rows = schema.spread(np.column_stack([rng.uniform(-2, 2, 60), rng.integers(2, size=60)]))
    X, box = schema.decode(rows), xr.Box([-2, 0, 0], [2, 1, 1])
    rules = xr.simplify(network, X, domain=box, max_rules=3, splits=splits)
    boxes = [box.at_levels(schema, job=level) for level in job.levels]
    expected = np.max([largest_by_brute_force(rules, part) for part in boxes], axis=0)
    np.testing.assert_allclose(np.nan_to_num(rules.whole.bound), expected, atol=1e-5)
    assert set(rules.witnesses().job) <= {"clerk", "nurse"}


@settings(max_examples=12, deadline=None)
@given(relu_networks(max_layers=3, max_inputs=3, integer=True), st.integers(0, 5))
def test_no_point_of_the_box_deviates_by_more_than_its_bound(network, seed):
    box = xr.Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    rules = xr.simplify(network, rows_in(box, seed=seed), domain=box, max_rules=4)
    points = np.concatenate([rows_in(box, 3000, seed=1), np.round(rows_in(box, 500))])
    leaf = rules.grown.tree.place(points)
    away = np.abs(network.forward(points) @ rules.view.matrix.T - rules.grown.predict(points))
    assert (away <= rules.whole.bound[leaf] + 1e-9 * (1 + away)).all()


@settings(max_examples=12, deadline=None)
@given(relu_networks(max_layers=2, max_inputs=3), st.integers(0, 5))
def test_a_named_witness_belongs_to_its_rule_and_deviates_as_named(network, seed):
    box = xr.Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    rules = xr.simplify(network, rows_in(box, seed=seed), domain=box, max_rules=4)
    for found in (rules.visited, rules.whole):
        for i, k in np.argwhere(~np.isnan(found.value)):
            point = found.witness[i, k][None]
            assert rules.grown.tree.place(point)[0] == i
            own = (network.forward(point) @ rules.view.matrix.T)[0, k]
            assert abs(own - rules.grown.predict(point)[0, k]) == found.value[i, k]
            assert box.contains(point)[0]


def test_a_program_bounds_what_cannot_be_listed():
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(6, 14)), rng.normal(size=(1, 6))], [rng.normal(size=6), [0.0]]
    )
    box = xr.Box(-np.ones(14), np.ones(14))
    rules = xr.simplify(network, rows_in(box, 200), domain=box, max_rules=3, time_limit=30)
    assert set(np.ravel(rules.whole.how)) == {"mixed-integer program"}
    assert rules.whole.exact.all()
    points = rows_in(box, 20_000, seed=3)
    away = np.abs(network(points) - rules.predict(points))
    assert away.max() <= rules.whole.largest_value


def test_visited_regions_deviate_by_no_more_than_the_domain():
    model, X, _ = models.breast_cancer()
    rules = xr.simplify(model, X, max_rules=4)
    known = ~np.isnan(rules.visited.bound)
    assert (rules.visited.value <= rules.whole.bound + 1e-9)[known].all()
    assert rules.visited.exact.all()


def test_predictions_are_the_formulas_and_every_row_has_one_rule():
    model, X, _ = models.iris()
    rules = xr.simplify(model, X, max_rules=4)
    points = rules.network.schema.encode(X)
    holds = np.zeros((len(X), len(rules)), dtype=bool)
    for i, rule in enumerate(rules):
        holds[:, i] = True
        for condition in rule.conditions:
            left = points @ condition.weight
            relation = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
            holds[:, i] &= relation[condition.relation](left, condition.bound)
    np.testing.assert_array_equal(holds.sum(axis=1), 1)
    place = holds.argmax(axis=1)
    np.testing.assert_array_equal(place, rules.locate(X))
    table = rules.coefficients().pivot_table(
        index=["rule", "output"], columns="feature", values="coefficient", sort=False
    )
    by_hand = [
        [
            table.loc[(f"R{p + 1}", name), "(intercept)"]
            + x @ table.loc[(f"R{p + 1}", name), X.columns]
            for name in rules.view.names
        ]
        for p, x in zip(place, X.to_numpy(), strict=True)
    ]
    np.testing.assert_allclose(rules.predict(X), by_hand, atol=1e-9)


def test_a_linear_network_is_one_rule_without_deviation():
    network = ReluNetwork.from_weights([[[2.0, -1.0, 0.5]]], [[3.0]])
    rules = xr.simplify(network, rows_in(xr.Box([0, 0, 0], [1, 5, 9])))
    assert len(rules) == 1
    assert rules.whole.largest_bound < 1e-9
    assert rules.to_frame().conditions.tolist() == ["always"]


def test_carried_units_are_no_splits():
    layer = Layer([[1.0], [1.0]], [0.0, 0.0], [False, True])
    output = AffineMap([[1.0, 2.0]], [0.0])
    schema = InputSchema.numbered(1)
    network = ReluNetwork((layer,), output, schema, OutputSchema.numbered(1))
    rules = xr.simplify(network, np.linspace(-1, 1, 50)[:, None])
    assert len(rules) == 2
    assert rules.whole.largest_bound < 1e-6


@pytest.mark.parametrize("splits", ["network", "axis"])
def test_levels_stay_levels(splits):
    model, X, _ = models.loan_decisions()
    rules = xr.simplify(model, X[:1500], max_rules=4, splits=splits, time_limit=4)
    witnesses = rules.witnesses()
    assert witnesses.notna().all(axis=None)
    np.testing.assert_allclose(
        rules.predict(witnesses[X.columns]),
        witnesses.rule_score,
    )
    assert rules.certificate.holds
    drawn = rules.network.schema.encode(X.sample(2000, replace=True, random_state=1))
    inside = rules.domain.contains(drawn)
    away = np.abs(rules.network.forward(drawn)[:, 0] - rules.grown.predict(drawn)[:, 0])
    assert (away <= rules.whole.bound[rules.grown.tree.place(drawn), 0] + 1e-9)[inside].all()


def test_axis_splits_name_one_column_each():
    model, X, _ = models.loan_decisions()
    rules = xr.simplify(model, X[:1000], max_rules=5, splits="axis", time_limit=2)
    features = rules.conditions().groupby(["rule", "condition"]).feature.nunique()
    assert (features == 1).all()


def test_max_terms_bounds_the_columns_of_each_formula():
    model, X, _ = models.breast_cancer()
    rules = xr.simplify(model, X, max_rules=3, max_terms=2, time_limit=2)
    terms = rules.coefficients().query("feature != '(intercept)' and coefficient != 0")
    assert terms.groupby(["rule", "output"]).feature.nunique().max() <= 2


def test_the_same_call_gives_the_same_rules():
    model, X, _ = models.iris()
    first, second = (xr.simplify(model, X, random_state=3, time_limit=2) for _ in range(2))
    pd.testing.assert_frame_equal(first.coefficients(), second.coefficients())
    pd.testing.assert_frame_equal(first.curve, second.curve)


def test_max_error_takes_the_fewest_rules_or_says_that_they_do_not_reach():
    model, X, _ = models.diabetes()
    curve = xr.simplify(model, X, time_limit=1).curve.query("rows == 'used'")
    target = float(curve.largest_error.iloc[2]) * 1.0001
    rules = xr.simplify(model, X, max_error=target, time_limit=1)
    first = int(curve.n_rules[curve.largest_error <= target].iloc[0])
    assert (rules.status, len(rules)) == ("reached", first)
    few = xr.simplify(model, X, max_error=1e-6, max_rules=2, time_limit=1)
    assert few.status == "not reached"
    assert "were not reached with 2 rules" in few.message
    assert not few.certificate.holds


def test_regression_has_no_decisions():
    model, X, _ = models.diabetes()
    rules = xr.simplify(model, X, time_limit=1)
    assert rules.quality.equal_decisions.isna().all()
    assert rules.quality.r2.min() > 0.9


def test_rows_not_used_are_those_handed_over_or_a_share():
    model, X, _ = models.iris()
    assert xr.simplify(model, X, held_out=0.2, time_limit=1).quality.n_rows.unique().tolist() == [
        120,
        30,
    ]
    assert xr.simplify(model, X, held_out=0, time_limit=1).quality.rows.unique().tolist() == [
        "used"
    ]
    tested = xr.simplify(model, X[:100], X_test=X[100:], time_limit=1)
    assert tested.quality.n_rows.unique().tolist() == [100, 50]


def test_a_time_limit_leaves_bounds_that_hold():
    model, X, _ = models.breast_cancer()
    rules = xr.simplify(model, X, max_rules=3, time_limit=1e-3)
    away = np.abs(rules.network(X) - rules.predict(X))
    for found in (rules.visited, rules.whole):
        assert (away <= found.bound[rules.locate(X), 0] + 1e-9).all()
    assert str(rules.whole.exactness) == "bounded"


@pytest.mark.slow
def test_six_rules_keep_the_decisions_of_a_network_of_four_hundred_regions():
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = xr.datasets.load_breast_cancer()
    train, test, target, _ = train_test_split(X, y, test_size=0.25, random_state=0)
    mlp = MLPClassifier((40, 40), max_iter=300, random_state=0)
    model = make_pipeline(StandardScaler(), mlp).fit(train, target)
    rules = xr.simplify(model, train, X_test=test, max_rules=6)
    assert len(xr.observed_regions(model, train)) > 300
    assert rules.quality.query("rows == 'not used'").equal_decisions.min() >= 0.97


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_rules": 0}, "max_rules must be a whole number of at least 1"),
        ({"max_rules": None}, "max_rules must be a whole number of at least 1"),
        ({"max_error": 0.0}, "max_error must be a number above 0"),
        ({"max_error": -1.0}, "max_error must be a number above 0"),
        ({"splits": "curves"}, "splits must be one of network, axis"),
        ({"max_terms": 0}, "max_terms must be a whole number of at least 1"),
        ({"held_out": 1.0}, "held_out must be a share"),
        ({"time_limit": 0}, "time_limit must be a positive number"),
        ({"domain": xr.Box(np.zeros(4), np.ones(4))}, "domain must hold the rows of X"),
        ({"domain": xr.Box([0.0], [1.0])}, "The domain must have the network's 4 inputs"),
    ],
)
def test_options_that_are_not_offered_are_refused(options, message):
    model, X, _ = models.iris()
    with pytest.raises(xr.errors.ArgumentError, match=message):
        xr.simplify(model, X, **options)


@pytest.mark.parametrize("options", [{"max_error": "small"}, {"held_out": "some"}, {"domain": 3}])
def test_options_of_another_type_are_refused(options):
    model, X, _ = models.iris()
    with pytest.raises(xr.errors.InputTypeError, match="must be"):
        xr.simplify(model, X, **options)


def test_too_few_rows_are_refused():
    model, X, _ = models.iris()
    with pytest.raises(xr.errors.DataError, match="needs at least 10 rows to fit rules to, got 9"):
        xr.simplify(model, X[:11])


def test_a_proof_by_bounds_needs_no_clock_and_holds():
    model, X, _ = models.loan_decisions()
    first, again = (xr.simplify(model, X[:300], max_rules=3, proof="bounds") for _ in range(2))
    pd.testing.assert_frame_equal(first.deviations(), again.deviations())
    searched = xr.simplify(model, X[:300], max_rules=3)
    np.testing.assert_allclose(first.visited.value, searched.visited.value, rtol=1e-9)
    assert (first.whole.bound >= searched.whole.value - 1e-9).all()
    assert set(np.ravel(first.whole.how)) == {"back-substitution"}
    assert first.certificate.holds


def test_an_unknown_proof_is_refused():
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match="proof must be one of search, bounds"):
        xr.simplify(model, X, proof="hope")


def test_the_largest_errors_stand_in_one_table():
    model, X, _ = models.iris()
    rules = xr.simplify(model, X, max_rules=3)
    table = rules.largest_errors()
    assert len(table) == 4
    assert (table["value"] <= table["bound"] + 1e-12).all()
    assert table["bound"].iloc[-1] == rules.whole.largest_bound
    assert table["value"].iloc[0] <= table["bound"].iloc[2] + 1e-9  # rows lie in regions visited


@pytest.mark.parametrize("scope", ["domain", "visited"])
def test_witnesses_of_either_scope_deviate_as_named(scope):
    model, X, _ = models.loans()
    rules = xr.simplify(model, X[:200], max_rules=3, proof="bounds")
    found = rules.witnesses(scope)
    raw = found[list(X.columns)]
    np.testing.assert_allclose(rules.network(raw), found["network"])
    deviations = rules.whole if scope == "domain" else rules.visited
    np.testing.assert_allclose(found["deviation"], deviations.value.ravel())


def test_witnesses_of_no_scope_are_refused():
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match="scope must be domain or visited"):
        xr.simplify(model, X, proof="bounds").witnesses("nowhere")


def test_the_formulas_are_those_of_the_predictions():
    model, X, _ = models.iris()
    rules = xr.simplify(model, X, max_rules=3, proof="bounds")
    weight, bias = rules.affine_maps()
    place, points = rules.locate(X), rules.network.schema.encode(X)
    scores = np.einsum("nki,ni->nk", weight[place], points) + bias[place]
    np.testing.assert_allclose(scores, rules.predict(X))
