from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.neural_network import MLPClassifier, MLPRegressor

import explainrelu as xr
from explainrelu.errors import ArgumentError, DataError, InputTypeError, MissingValuesError
from explainrelu.explanations.diagnostics import region_diagnostics
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.regions.observed import observed_regions
from tests import models, strategies

BINARY = OutputSchema(("1",), Task.BINARY, Link.logistic, ("0", "1"))


def coarse(kind: str):
    """A small model of few regions with many rows each, and data with ties."""
    rng = np.random.default_rng(3)
    X = np.round(rng.normal(size=(400, 2)), 1)
    noise = rng.normal(size=400)
    if kind == "binary":
        y = np.where(X[:, 0] * X[:, 1] + noise > 0, "yes", "no")
    elif kind == "classes":
        y = np.array(["a", "b", "c"])[(X[:, 0] + 0.5 * noise > 0).astype(int) + (X[:, 1] > 0.5)]
    elif kind == "labels":
        y = np.stack([X[:, 0] + noise > 0, X[:, 1] - noise > 0], axis=1).astype(int)
    else:
        y = np.abs(X[:, 0]) + X[:, 1] + noise
    make = MLPRegressor if kind == "numbers" else MLPClassifier
    model = make(hidden_layer_sizes=(3, 3), solver="lbfgs", max_iter=200, random_state=0)
    return models.fitted(model, X, y)


def each_region(model, X):
    """Position and rows of every visited region, by the lookup of a region set."""
    regions = observed_regions(import_model(model), X)
    place = regions.locate(X)
    names = regions.names
    for i in range(len(regions)):
        yield names[i], place == i, regions.region(i).affine_map()


def rows_of(found, output=None):
    table = found.to_frame()
    table = table if output is None else table[table["output"] == output]
    return table.set_index("region")


def same(value, wanted):
    assert value == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_binary_figures_are_those_of_each_region_by_itself():
    model, X, y = coarse("binary")
    table, flags = rows_of(region_diagnostics(model, X, y)), y == "yes"
    probability = model.predict_proba(X)[:, 1]
    for name, own, formula in each_region(model, X):
        row, logit = table.loc[name], formula(X)[:, 0]
        same(row["n_rows"], own.sum())
        same(row["share"], own.mean())
        same(row["score_mean"], logit[own].mean())
        same(row["score_std"], logit[own].std())
        same(row["response_mean"], flags[own].mean())
        same(row["response_std"], flags[own].std())
        same(row["margin_mean"], np.abs(logit[own]).mean())
        same(row["margin_min"], np.abs(logit[own]).min())
        same(row["near_share"], (np.abs(logit[own]) <= 0.4).mean())
        same(row["predicted_mean"], probability[own].mean())
        same(row["calibration_gap"], probability[own].mean() - flags[own].mean())
        same(row["accuracy"], (model.predict(X)[own] == y[own]).mean())
        loss = metrics.log_loss(flags[own], probability[own], labels=[False, True])
        same(row["local_log_loss"], loss)
        same(row["global_auc"], metrics.roc_auc_score(flags, logit))
        if np.unique(flags[own]).size == 2:
            same(row["local_auc"], metrics.roc_auc_score(flags[own], logit[own]))
            assert row["status"] == "computed"


def test_overall_is_the_model_on_all_rows():
    model, X, y = models.breast_cancer()
    found = region_diagnostics(model, X, y).overall.iloc[0]
    probability = model.predict_proba(X)[:, 1]
    same(found["accuracy"], model.score(X, y))
    same(found["local_auc"], metrics.roc_auc_score(y, probability))
    same(found["global_auc"], found["local_auc"])
    same(found["local_log_loss"], metrics.log_loss(y, probability))
    assert found["n_rows"] == len(X)


def test_the_negative_class_mirrors_the_positive_one():
    model, X, y = coarse("binary")
    yes = rows_of(region_diagnostics(model, X, y, output="yes"))
    no = rows_of(region_diagnostics(model, X, y, output="no"))
    for column in ("local_auc", "local_log_loss", "accuracy", "margin_mean", "global_auc"):
        np.testing.assert_allclose(no[column], yes[column], rtol=1e-12)
    np.testing.assert_allclose(no["response_mean"], 1 - yes["response_mean"])
    np.testing.assert_allclose(no["predicted_mean"], 1 - yes["predicted_mean"])


@pytest.mark.parametrize("output", ["yes", "no"])
def test_a_logit_of_zero_is_decided_for_the_negative_class(output):
    schema = OutputSchema(("yes",), Task.BINARY, Link.logistic, ("no", "yes"))
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]], outputs=schema)
    found = region_diagnostics(network, [[-1.0], [1.0]], ["no", "yes"], output=output)
    assert found.overall["accuracy"].tolist() == [1.0]


def test_equal_rows_of_both_classes_share_their_rank():
    """A product computed block by block may give equal rows scores that differ in a bit."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((40, 20), (40, 40), (1, 40))]
    biases = [rng.normal(size=n) for n in (40, 40, 1)]
    network = ReluNetwork.from_weights(weights, biases, outputs=BINARY)
    X = np.tile(rng.normal(size=20), (10_007, 1))
    found = region_diagnostics(network, X, rng.integers(0, 2, len(X)))
    assert found.overall["local_auc"].tolist() == [0.5]
    assert found.to_frame()["global_auc"].tolist() == [0.5]


def test_several_classes_are_taken_one_against_the_rest():
    model, X, y = coarse("classes")
    found = region_diagnostics(model, X, y)
    raw = import_model(model).forward(X)
    probability, given = model.predict_proba(X), model.predict(X)
    for k, name in enumerate(model.classes_):
        table, flags, score = rows_of(found, name), y == name, raw[:, k] - raw.mean(axis=1)
        margin = np.abs(raw[:, k] - np.delete(raw, k, axis=1).max(axis=1))
        for region, own, formula in each_region(model, X):
            row, every = table.loc[region], formula(X)
            same(row["margin_mean"], margin[own].mean())
            same(row["predicted_mean"], probability[own, k].mean())
            loss = metrics.log_loss(flags[own], probability[own, k], labels=[False, True])
            same(row["local_log_loss"], loss)
            same(row["accuracy"], ((given == name) == flags)[own].mean())
            same(row["joint_accuracy"], (given == y)[own].mean())
            centred = every[:, k] - every.mean(axis=1)
            same(row["global_auc"], metrics.roc_auc_score(flags, centred))
            if np.unique(flags[own]).size == 2:
                same(row["local_auc"], metrics.roc_auc_score(flags[own], score[own]))


def test_one_class_of_several_is_ranked_by_its_own_logit():
    model, X, y = models.iris()
    found = region_diagnostics(model, X, y, output="virginica")
    raw = import_model(model)(X)
    same(found.overall["local_auc"][0], metrics.roc_auc_score(y == "virginica", raw[:, 2]))
    same(found.overall["predicted_mean"][0], model.predict_proba(X)[:, 2].mean())
    assert set(found.to_frame()["output"]) == {"virginica"}


def test_labels_are_taken_one_by_one():
    model, X, y = coarse("labels")
    found, given = region_diagnostics(model, X, y), model.predict(X)
    for k, name in enumerate(import_model(model).outputs.names):
        table = rows_of(found, name)
        for region, own, _ in each_region(model, X):
            same(table.loc[region, "accuracy"], (given == y)[own, k].mean())
            same(table.loc[region, "joint_accuracy"], (given == y)[own].all(axis=1).mean())


def test_regression_figures_are_those_of_each_region_by_itself():
    model, X, y = coarse("numbers")
    table, given = rows_of(region_diagnostics(model, X, y, max_global=None)), model.predict(X)
    for name, own, formula in each_region(model, X):
        row, every = table.loc[name], formula(X)[:, 0]
        square = (given - y)[own] ** 2
        same(row["response_std"], y[own].std())
        same(row["bias"], (given - y)[own].mean())
        same(row["local_mse"], square.mean())
        same(row["global_mse"], metrics.mean_squared_error(y, every))
        same(row["global_r2"], metrics.r2_score(y, every))
        if own.sum() > 1:
            same(row["local_r2"], metrics.r2_score(y[own], given[own]))
            same(row["standard_error"], square.std(ddof=1) / np.sqrt(own.sum()))


def doubling(**options):
    """``2 max(x, 0)``, and one region on either side of zero."""
    return ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [0.0]], **options)


def test_what_is_missing_has_a_reason():
    X = [[-3.0], [-2.0], [-1.0], [1.0], [2.0]]
    table = region_diagnostics(doubling(outputs=BINARY), X, [0, 0, 0, 0, 1]).to_frame()
    assert table["status"].tolist() == ["one class", "computed"]
    assert table["local_auc"].isna().tolist() == [True, False]
    table = region_diagnostics(doubling(outputs=BINARY), X[2:4], [0, 1]).to_frame()
    assert table["status"].tolist() == ["one row", "one row"]


def test_a_target_of_one_class_has_no_area_over_all_rows_either():
    table = region_diagnostics(doubling(outputs=BINARY), [[1.0], [2.0]], [1, 1]).to_frame()
    assert table["status"].tolist() == table["global_status"].tolist() == ["one class"]
    assert table["global_auc"].isna().all()


def test_constant_response_has_no_r2():
    table = region_diagnostics(doubling(), [[1.0], [2.0], [-1.0]], [0.1, 0.1, 0.1]).to_frame()
    assert table["status"].tolist() == ["constant response", "one row"]
    assert table["local_r2"].isna().all()
    assert set(table["global_status"]) == {"constant response"}


def test_every_nan_has_a_reason_beside_it():
    model, X, y = models.breast_cancer()
    table = region_diagnostics(model, X, y, max_global=3).to_frame()
    assert (table["local_auc"].isna() == (table["status"] != "computed")).all()
    assert (table["global_auc"].isna() == (table["global_status"] != "computed")).all()
    others = table.drop(columns=["local_auc", "global_auc"])
    assert not others.isna().to_numpy().any()


def test_fit_over_all_rows_is_computed_for_the_most_visited_only():
    model, X, y = models.breast_cancer()
    table = region_diagnostics(model, X, y, max_global=2).to_frame()
    assert table["global_status"].tolist()[:3] == ["computed"] * 2 + [
        "not among the 2 most visited"
    ]


def test_predictions_beyond_float64_are_said_to_be():
    schema = OutputSchema(("price",), Task.REGRESSION, Link.exp)
    network = doubling(outputs=schema)
    found = region_diagnostics(network, [[1.0], [2.0], [1e4]], [1.0, 2.0, 3.0])
    assert found.to_frame()["status"].tolist() == ["too large for float64"]
    assert found.to_frame()["global_status"].tolist() == ["too large for float64"]


def test_log_of_a_prediction_is_held_against_the_prediction():
    schema = OutputSchema(("price",), Task.REGRESSION, Link.exp)
    X, y = [[0.5], [1.0], [1.5]], np.array([1.0, 8.0, 20.0])
    found = region_diagnostics(doubling(outputs=schema), X, y)
    given = np.exp([1.0, 2.0, 3.0])
    same(found.overall["local_mse"][0], metrics.mean_squared_error(y, given))
    same(found.overall["local_r2"][0], metrics.r2_score(y, given))


def test_difference_of_two_outputs_is_held_against_that_of_the_targets():
    network = ReluNetwork.from_weights([[[1.0]], [[1.0], [3.0]]], [[0.0], [0.0, 0.0]])
    X, y = [[1.0], [2.0]], np.array([[1.0, 2.0], [1.0, 7.0]])
    found = region_diagnostics(network, X, y, output=("output 0", "output 1"))
    same(found.overall["local_mse"][0], np.mean([(-2 + 1) ** 2, (-4 + 6) ** 2]))


def test_score_without_a_task_ranks_two_values():
    found = region_diagnostics(doubling(), [[-1.0], [1.0], [2.0]], ["no", "no", "yes"])
    assert found.overall["local_auc"].tolist() == [1.0]
    assert "accuracy" not in found.to_frame()
    with pytest.raises(ArgumentError, match="only ranks y"):
        found.weak_spots()


def test_without_a_target_scores_and_margins_are_told():
    model, X, _ = coarse("binary")
    table = region_diagnostics(model, X).to_frame()
    assert {"score_mean", "margin_mean", "predicted_mean"} <= set(table)
    assert not {"response_mean", "local_auc", "global_status"} & set(table)
    assert set(table["status"]) == {"computed"}


def test_pair_of_classes_has_scores_but_no_response():
    model, X, y = models.iris()
    pair = ("setosa", "virginica")
    raw = import_model(model)(X)
    found = region_diagnostics(model, X, output=pair)
    same(found.overall["score_mean"][0], (raw[:, 0] - raw[:, 2]).mean())
    with pytest.raises(ArgumentError, match=r"must name one output .* got setosa - virginica"):
        region_diagnostics(model, X, y, output=pair)


def test_only_the_most_visited_are_listed_and_the_rest_counted():
    model, X, y = coarse("binary")
    full, short = region_diagnostics(model, X, y), region_diagnostics(model, X, y, max_regions=2)
    pd.testing.assert_frame_equal(short.to_frame().iloc[:, :-4], full.to_frame().iloc[:2, :-4])
    pd.testing.assert_frame_equal(short.overall, full.overall)
    assert short.n_groups == full.n_groups > 2


def test_the_table_handed_out_is_a_copy():
    found = region_diagnostics(doubling(), [[1.0]])
    table = found.to_frame()
    table["n_rows"] = 7
    assert found.to_frame()["n_rows"].tolist() == [1]


def test_regions_of_a_box_that_no_row_reaches_are_told():
    network = ReluNetwork.from_weights([np.eye(2), [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    regions = xr.enumerate_regions(network, xr.Box([-1.0, -1.0], [1.0, 1.0]))
    X = [[0.5, 0.5], [0.5, -0.5], [0.25, 0.5], [3.0, 3.0]]
    found = region_diagnostics(network, X, [1.0, 1.0, 2.0, 0.0], by=regions)
    assert found.n_unassigned == 1  # outside the box, though in the pattern of a region
    unreached = regions.chosen(found.unreached)
    assert len(unreached) == 2
    assert (unreached.locate(X) < 0).all()
    table = found.to_frame()
    assert table["n_rows"].tolist() == [2, 1, 0, 0]
    assert table["status"].tolist() == ["computed", "one row", "no rows", "no rows"]
    assert found.overall["n_rows"].tolist() == [3]
    same(table["share"].sum(), 0.75)


def test_no_row_in_any_region_leaves_only_reasons():
    network = doubling(outputs=BINARY)
    regions = xr.enumerate_regions(network, xr.Box([-1.0], [1.0]))
    found = region_diagnostics(network, [[5.0], [6.0]], [0, 1], by=regions)
    assert found.n_unassigned == 2
    assert found.overall["status"].tolist() == ["no rows"]
    assert set(found.to_frame()["status"]) == {"no rows"}
    assert len(found.weak_spots()) == 0


def test_rules_of_the_regions_give_the_regions_figures():
    model, X, y = coarse("binary")
    rules = xr.extract_rules(model, X, max_rules=3)
    by_rule = region_diagnostics(model, X, y, by=rules)
    by_region = region_diagnostics(model, X, y)
    covered = int(rules.covers(X).sum())
    assert by_rule.n_unassigned == len(X) - covered
    pd.testing.assert_frame_equal(
        by_rule.to_frame().iloc[:, :-4], by_region.to_frame().iloc[:3, :-4]
    )


def test_full_dimensional_says_which_regions_have_an_interior():
    X = [[0.0], [1.0], [2.0]]
    network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    table = region_diagnostics(network, X, full_dimensional=True).to_frame()
    assert table["full_dimensional"].tolist() == [True, False]


class Halves:
    """Two rules, one on either side of zero, and none above ten."""

    names = ("low", "high")

    def locate(self, X):
        x = X.to_numpy()[:, 0]
        return np.where(x > 10, -1, (x > 0).astype(int))

    def predict(self, X):
        assert (X.to_numpy() <= 10).all()
        return np.where(self.locate(X) == 1, 2.0, -1.0)


class WithFormulas(Halves):
    def affine_maps(self):
        return np.zeros((2, 1, 1)), np.array([[-1.0], [2.0]])


def test_other_rules_are_held_to_their_own_predictions():
    X, y = [[-1.0], [1.0], [2.0], [20.0]], [0.0, 1.0, 4.0, 9.0]
    found = region_diagnostics(doubling(), X, y, by=Halves())
    table = found.to_frame().set_index("region")
    assert table.loc["high", "local_mse"] == pytest.approx((1 + 4) / 2)
    assert table.loc["low", "bias"] == -1.0
    assert set(table["global_status"]) == {"no formula"}
    assert (found.n_unassigned, found.overall["n_rows"][0]) == (1, 3)


def test_formulas_of_other_rules_are_held_against_all_rows():
    X, y = [[-1.0], [1.0], [2.0], [20.0]], np.array([0.0, 1.0, 4.0, 9.0])
    table = region_diagnostics(doubling(), X, y, by=WithFormulas()).to_frame()
    assert table["global_status"].tolist() == ["computed"] * 2
    assert table["global_mse"].tolist() == [((y - 2) ** 2).mean(), ((y + 1) ** 2).mean()]


class Classes(Halves):
    """Scores of three classes."""

    def predict(self, X):
        return np.eye(3)[self.locate(X)] * 3.0


def test_rules_of_several_classes_decide_by_their_own_scores():
    names = ("a", "b", "c")
    schema = OutputSchema(names, Task.MULTICLASS, Link.softmax, names)
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]] * 3], [[0.0], [0.0] * 3], outputs=schema)
    X, y = [[-1.0], [1.0], [2.0]], ["a", "b", "c"]
    found = region_diagnostics(network, X, y, by=Classes())
    assert found.overall["joint_accuracy"].tolist() == [pytest.approx(2 / 3)] * 3
    one = type("One", (Halves,), {"view": network.outputs.view("a")})()
    with pytest.raises(ArgumentError, match="a score for each class, got a"):
        region_diagnostics(network, X, y, by=one)
    assert "margin_mean" not in region_diagnostics(network, X, by=one).to_frame()


def test_weak_spots_are_the_regions_worse_than_all():
    X = np.linspace(-2.0, 2.0, 82)[:, None]
    y = (X[:, 0] > 0).astype(int)
    y[:10] = 1  # wrong on the left, right on the right
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [-1e-3]], outputs=BINARY)
    spots = region_diagnostics(network, X, y).weak_spots()
    assert len(spots) == 1
    spot = spots.iloc[0]
    same(spot["error"], 10 / 41)
    same(spot["excess"], 10 / 41 - 10 / 82)
    assert spot["lower"] < spot["error"] < spot["upper"]
    assert spot["measure"] == "share of wrong decisions"
    assert bool(spot["beyond_chance"]) == (spot["lower"] > spot["overall_error"])


def test_weak_spots_of_a_regression_come_worst_first():
    model, X, y = coarse("numbers")
    found = region_diagnostics(model, X, y)
    spots = found.weak_spots(None, min_rows=5)
    table = found.to_frame()
    worse = table[(table["n_rows"] >= 5) & (table["local_mse"] > found.overall["local_mse"][0])]
    assert set(spots["region"]) == set(worse["region"])
    assert spots["error"].is_monotonic_decreasing
    assert len(found.weak_spots(1, min_rows=5)) == 1
    assert not spots.isna().to_numpy().any()


def test_too_few_rows_make_no_weak_spot():
    model, X, y = coarse("binary")
    assert len(region_diagnostics(model, X, y).weak_spots(min_rows=401)) == 0


@given(strategies.relu_networks(integer=True), st.data())
def test_regions_add_up_to_the_whole(network, data):
    X = data.draw(strategies.points(network.n_inputs, integer=True, max_points=12))
    y = data.draw(strategies.arrays((len(X), network.n_outputs)))
    schema = replace(network.outputs, task=Task.REGRESSION)
    found = region_diagnostics(replace(network, outputs=schema), X, y, max_global=None)
    table, wide = found.to_frame(), network.forward(X)
    for k, name in enumerate(schema.names):
        part = table[table["output"] == name]
        assert part["n_rows"].sum() == len(X)
        total = (part["n_rows"] * part["local_mse"]).sum()
        assert total == pytest.approx(((wide - y)[:, k] ** 2).sum())
        assert (part["global_mse"] * len(X) + 1e-9 >= part["n_rows"] * part["local_mse"]).all()
    assert (table["local_r2"].isna() == (table["status"] != "computed")).all()


def test_string_columns_are_taken_as_the_model_takes_them():
    model, X, y = models.loan_decisions()
    X, y = X[:400], y[:400]
    found = region_diagnostics(model, X, y)
    same(found.overall["accuracy"][0], model.score(X, y))
    table, right = rows_of(found), model.predict(X) == y.to_numpy()
    regions = observed_regions(model, X)
    for i, name in enumerate(regions.names):
        same(table.loc[name, "accuracy"], right[regions.rows == i].mean())


def test_carried_units_split_nothing():
    network = doubling()
    carried = replace(network.layers[0], rectified=np.array([False]))
    X = [[-1.0], [1.0], [2.0]]
    found = region_diagnostics(replace(network, layers=(carried,)), X, [-2.0, 2.0, 4.0])
    assert len(found.to_frame()) == 1
    assert found.overall["local_mse"].tolist() == [0.0]


def test_regions_in_another_order_of_rows_have_the_same_figures():
    model, X, y = coarse("binary")
    order = np.random.default_rng(0).permutation(len(X))
    one = rows_of(region_diagnostics(model, X, y, max_global=None)).sort_index()
    other = rows_of(region_diagnostics(model, X[order], y[order], max_global=None)).sort_index()
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        ([0, 1], DataError, "one value a row of X, 3, got 2"),
        ([0, 1, 7], DataError, "the model's classes, '0', '1', got '7'"),
        ([0.0, np.nan, 1.0], MissingValuesError, "got none in row 1"),
        ([[0, 1]] * 3, DataError, "one column of classes, got 2"),
        (0, DataError, "must be a column or a table"),
    ],
)
def test_target_that_does_not_fit_is_refused(y, error, match):
    with pytest.raises(error, match=match):
        region_diagnostics(doubling(outputs=BINARY), [[0.0], [1.0], [2.0]], y)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([0.0, 1.0, np.inf], "finite numbers, got infinity in row 2"),
        (["a", "b", "c"], "must hold numbers"),
        ([[0.0, 1.0]] * 3, "one column an output, 1, got 2"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(y, match):
    with pytest.raises(DataError, match=match):
        region_diagnostics(doubling(), [[0.0], [1.0], [2.0]], y)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"by": "rules"}, ArgumentError, "by must be 'regions', .* got 'rules'"),
        ({"by": 3}, InputTypeError, "by must be .* got int"),
        ({"by": Halves(), "output": "score"}, ArgumentError, "output must be None"),
        ({"by": Halves(), "full_dimensional": True}, ArgumentError, "must be asked of regions"),
        ({"max_regions": 0}, ArgumentError, "max_regions must be"),
        ({"max_global": "all"}, InputTypeError, "max_global must be"),
        ({"near": -1.0}, ArgumentError, "near must be a number of at least 0, got -1.0"),
        ({"near": np.nan}, ArgumentError, "near must be"),
        ({"output": "x"}, ArgumentError, "output= must be one of 'score'"),
    ],
)
def test_option_that_is_not_offered_is_refused(options, error, match):
    with pytest.raises(error, match=match):
        region_diagnostics(doubling(), [[0.0], [1.0]], **options)


def test_regions_and_rules_of_another_model_are_refused():
    other = ReluNetwork.from_weights([[[1.0]], [[3.0]]], [[0.0], [0.0]])
    with pytest.raises(ArgumentError, match="must be those of the model"):
        region_diagnostics(doubling(), [[1.0]], by=observed_regions(other, [[1.0]]))
    with pytest.raises(ArgumentError, match="must be those of the model"):
        region_diagnostics(doubling(), [[1.0]], by=xr.extract_rules(other, [[1.0], [2.0]]))
    halves = type("Made", (Halves,), {"network": other})()
    with pytest.raises(ArgumentError, match="must be those of the model"):
        region_diagnostics(doubling(), [[1.0]], by=halves)


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="at least one row"):
        region_diagnostics(doubling(), np.zeros((0, 1)))


@pytest.mark.parametrize(
    ("method", "answer", "match"),
    [
        ("locate", np.array([0.0, 1.0]), "one whole number a row"),
        ("locate", np.array([0]), "one whole number a row"),
        ("locate", np.array([0, 2]), "positions of the 2 names, or -1, got 0 to 2"),
        ("predict", np.zeros((2, 2)), "1 score"),
        ("predict", np.array([0.0, np.nan]), "finite scores"),
        ("affine_maps", (np.zeros((2, 1, 2)), np.zeros((2, 1))), "affine_maps\\(\\) must return"),
    ],
)
def test_answers_of_rules_are_checked(method, answer, match):
    rules = type("Rules", (WithFormulas,), {method: lambda *_: answer})()
    with pytest.raises(ArgumentError, match=match):
        region_diagnostics(doubling(), [[-1.0], [1.0]], by=rules)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"n": 0}, ArgumentError, "n must be"),
        ({"min_rows": 1}, ArgumentError, "min_rows must be a whole number of at least 2"),
        ({"min_rows": None}, ArgumentError, "min_rows must be a whole number of at least 2"),
        ({"min_rows": "many"}, InputTypeError, "min_rows must be"),
    ],
)
def test_limits_of_weak_spots_are_checked(options, error, match):
    found = region_diagnostics(doubling(), [[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(error, match=match):
        found.weak_spots(**options)


def test_weak_spots_ask_for_a_target():
    with pytest.raises(ArgumentError, match="no y was given"):
        region_diagnostics(doubling(), [[1.0]]).weak_spots()
