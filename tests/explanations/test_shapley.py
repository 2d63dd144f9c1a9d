"""Shapley values of columns and groups, exact and sampled."""

from fractions import Fraction
from itertools import combinations, pairwise
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.certificate import Exactness
from explainrelu.errors import (
    ArgumentError,
    ColumnsError,
    DataError,
    InputTypeError,
    MissingValuesError,
    UnknownLevelError,
)
from explainrelu.explanations.coalitions import exact
from explainrelu.explanations.main_effects import main_effects
from explainrelu.explanations.shapley import shapley_values
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from tests import models
from tests.oracles import forward_exact, pattern_exact, pattern_map_exact
from tests.strategies import arrays, relu_networks

JOBS = InputSchema(
    (
        Column("age"),
        Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", "pilot")),
        Column("pay"),
    )
)
JOB_ROWS = pd.DataFrame(
    {"age": [30.0, 40.0, 50.0], "job": ["nurse", "nurse", "pilot"], "pay": [3.0, 1.0, 2.0]}
)


def job_network(n_layers: int = 2) -> ReluNetwork:
    return random_network([5, *[6] * n_layers, 1], schema=JOBS)


def random_network(widths, *, seed=0, schema=None) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(n_out, n_in)) for n_in, n_out in pairwise(widths)]
    biases = [rng.normal(size=n_out) for n_out in widths[1:]]
    return ReluNetwork.from_weights(weights, biases, schema=schema)


def rows_for(n_rows, n_columns, *, seed=1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_rows, n_columns))


def shapley_exact(network, point, background, players):
    """The definition in fractions, one encoded row: [player][output]."""

    def worth(coalition):
        taken = {k for player in coalition for k in players[player]}
        scores = [
            forward_exact(network, [point[k] if k in taken else b[k] for k in range(len(b))])
            for b in background
        ]
        return [sum(of_output) / len(background) for of_output in zip(*scores, strict=True)]

    n, found = len(players), []
    for i in range(n):
        others = [k for k in range(n) if k != i]
        value = [Fraction(0)] * network.n_outputs
        for size in range(n):
            weight = Fraction(factorial(size) * factorial(n - size - 1), factorial(n))
            for chosen in combinations(others, size):
                gains = zip(worth((*chosen, i)), worth(chosen), strict=True)
                value = [v + weight * (a - b) for v, (a, b) in zip(value, gains, strict=True)]
        found.append(value)
    return np.array(found, dtype=float)


@settings(max_examples=60)
@given(st.data())
def test_values_are_the_definition_in_fractions(data):
    network = data.draw(relu_networks(integer=True, max_inputs=4, max_outputs=2))
    # integers of a small range: ties, players that do not differ, hybrids on kinks
    points = data.draw(arrays((2, network.n_inputs), integer=True))
    background = data.draw(arrays((2, network.n_inputs), integer=True))
    explanation = shapley_values(network, points, background=background)
    players = [(i,) for i in range(network.n_inputs)]
    for i, point in enumerate(points):
        wanted = shapley_exact(network, point, background, players)
        np.testing.assert_allclose(
            explanation.values[i].reshape(wanted.shape), wanted, rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("n_columns", [1, 5, 6, 7])
@pytest.mark.parametrize("hidden", [(), (9,), (7, 40), (33, 5, 8)])
def test_every_depth_and_width_walks_to_the_same_values_as_matrix_products(
    n_columns, hidden, monkeypatch
):
    network = random_network([n_columns, *hidden, 3])
    X, background = rows_for(4, n_columns), rows_for(5, n_columns, seed=2)
    walked = shapley_values(network, X, background=background)
    monkeypatch.setattr(exact, "_KERNEL_WEIGHTS", 0)
    products = shapley_values(network, X, background=background)
    np.testing.assert_allclose(walked.values, products.values, rtol=1e-11, atol=1e-11)
    assert walked.certificate.holds


def test_values_equal_shaps_exact_explainer():
    shap = pytest.importorskip("shap")
    model, X, _ = models.diabetes()
    network = import_model(model, X)
    rows, background = X[:2], X[100:200]
    masker = shap.maskers.Independent(background.to_numpy(), max_samples=100)
    explainer = shap.explainers.Exact(lambda z: network.forward(z)[:, 0], masker)
    wanted = explainer(rows.to_numpy(), silent=True)
    found = shapley_values(model, rows, background=background)
    scale = np.abs(wanted.values).max()
    np.testing.assert_allclose(found.values, wanted.values, atol=1e-9 * scale)
    np.testing.assert_allclose(found.base_values, wanted.base_values)


def test_a_categorical_column_is_one_player_as_shap_has_it_on_codes():
    shap = pytest.importorskip("shap")
    model, X, _ = models.loans()
    rows, background = X[:3], X[200:240]
    network = import_model(model, X)
    schema = network.schema
    masker = shap.maskers.Independent(schema.numbers(background), max_samples=100)
    explainer = shap.explainers.Exact(lambda z: network.forward(schema.spread(z))[:, 0], masker)
    wanted = explainer(schema.numbers(rows), silent=True).values
    found = shapley_values(model, rows, background=background)
    np.testing.assert_allclose(found.values, wanted, atol=1e-9 * np.abs(wanted).max())


def test_groups_share_one_value():
    network, background = job_network(), JOB_ROWS[1:]
    groups = {"person": ["age", "job"], "pay": ["pay"]}
    found = shapley_values(network, JOB_ROWS, background=background, groups=groups)
    players = [(0, 1, 2, 3), (4,)]
    points, others = network.schema.encode(JOB_ROWS), network.schema.encode(background)
    wanted = [shapley_exact(network, point, others, players)[:, 0] for point in points]
    np.testing.assert_allclose(found.values, wanted, rtol=1e-12, atol=1e-12)
    assert found.data["person"].tolist()[2] == "age=50.0, job=pilot"
    assert found.data["pay"].tolist() == [3.0, 1.0, 2.0]
    assert found.feature_names == ("person", "pay")
    assert len(found.to_frame()) == 6


def test_groups_may_be_lists_and_single_names():
    groups = [["pay", "age"], "job"]
    found = shapley_values(job_network(), JOB_ROWS, groups=groups)
    assert found.feature_names == ("pay + age", "job")
    np.testing.assert_allclose(found.base_values + found.values.sum(axis=1), found.scores)


def test_values_add_up_to_the_score():
    model, X, _ = models.iris()
    found = shapley_values(model, X[:30], background=X[60:120])
    assert found.base_meaning == "mean score over the background"
    assert found.exactness is Exactness.EXACT
    gap = found.base_values + found.values.sum(axis=1) - found.scores
    assert np.abs(gap).max() < 1e-10


def test_of_a_linear_model_a_value_is_coefficient_times_distance_from_the_mean():
    weight = np.arange(1.0, 31.0)
    network = ReluNetwork(
        (), AffineMap(weight[None], [0.5]), InputSchema.numbered(30), OutputSchema.numbered(1)
    )
    X, background = rows_for(5, 30), rows_for(7, 30, seed=2)
    found = shapley_values(network, X, background=background)
    np.testing.assert_allclose(found.values, weight * (X - background.mean(axis=0)))


def test_any_number_of_columns_is_exact_where_no_unit_bends():
    network = random_network([30, 6, 1])
    X = rows_for(1, 30)
    background = X + 1e-6 * rows_for(3, 30, seed=2)
    found = shapley_values(network, X, background=background)
    [weight], _ = pattern_map_exact(network, pattern_exact(network, X[0]))
    wanted = np.array(weight, dtype=float) * (X - background.mean(axis=0))
    np.testing.assert_allclose(found.values, wanted, rtol=1e-8, atol=1e-14)


def test_a_player_that_never_differs_gets_nothing():
    network, X = random_network([6, 8, 8, 1]), rows_for(4, 6)
    background = rows_for(9, 6, seed=2)
    background[:, 2] = X[0, 2]
    found = shapley_values(network, X[[0]], background=background)
    assert found.values[0, 2] == 0.0


def test_one_background_row_gives_baseline_shapley_values():
    network, X = random_network([3, 8, 1]), rows_for(4, 3)
    start = {"x0": 0.5, "x1": -1.0, "x2": 2.0}
    found = shapley_values(network, X, background=start)
    wanted = [shapley_exact(network, x, [list(start.values())], [(0,), (1,), (2,)]) for x in X]
    np.testing.assert_allclose(found.values, np.array(wanted)[:, :, 0], rtol=1e-11, atol=1e-11)
    assert found.base_meaning == "score at the baseline"


def test_a_mean_over_background_rows_is_the_mean_of_baseline_values():
    network, X = random_network([4, 8, 6, 1]), rows_for(3, 4)
    background = rows_for(5, 4, seed=2)
    found = shapley_values(network, X, background=background)
    apart = [shapley_values(network, X, background=background[[i]]).values for i in range(5)]
    np.testing.assert_allclose(found.values, np.mean(apart, axis=0), rtol=1e-10, atol=1e-12)


def test_threads_change_nothing():
    network, X = random_network([6, 8, 8, 1]), rows_for(600, 6)
    one = shapley_values(network, X, background=X[:7])
    two = shapley_values(network, X, background=X[:7], n_jobs=2)
    np.testing.assert_array_equal(one.values, two.values)


def test_default_background_is_drawn_by_random_state():
    network, X = random_network([3, 5, 1]), rows_for(150, 3)
    first, again = (shapley_values(network, X, random_state=3) for _ in "ab")
    other = shapley_values(network, X, random_state=4)
    assert len(first.baseline) == 100
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.base_values, other.base_values)


def test_pictures_have_values_in_their_shape_and_groups_of_pixels_do_not():
    network = random_network([6, 5, 1], schema=InputSchema.pictured((2, 3)))
    X = rows_for(4, 6).reshape(4, 2, 3)
    assert shapley_values(network, X).values.shape == (4, 2, 3)
    halves = {f"row {i}": [f"x[{i},{j}]" for j in range(3)] for i in range(2)}
    assert shapley_values(network, X, groups=halves).values.shape == (4, 2)


def test_sampled_values_are_within_their_standard_errors():
    model, X, _ = models.diabetes()
    wanted = shapley_values(model, X[:10], background=X[50:80])
    found = shapley_values(model, X[:10], background=X[50:80], method="sampling", n_permutations=60)
    assert found.exactness is Exactness.ESTIMATED
    assert found.certificate.holds  # they add up, whatever was drawn
    assert (np.abs(found.values - wanted.values) <= 5.0 * found.standard_errors + 1e-9).all()


def test_sampling_is_unbiased_and_its_standard_errors_are_of_the_right_size():
    network, X = random_network([5, 12, 12, 1]), rows_for(1, 5)
    background = rows_for(3, 5, seed=2)
    wanted = shapley_values(network, X, background=background).values
    runs = [
        shapley_values(
            network, X, background=background, method="sampling", n_permutations=8, random_state=s
        )
        for s in range(150)
    ]
    values = np.array([run.values for run in runs])
    spread = values.std(axis=0)
    assert (np.abs(values.mean(axis=0) - wanted) < 5.0 * spread / np.sqrt(150)).all()
    told = np.sqrt(np.mean([run.standard_errors**2 for run in runs], axis=0))
    np.testing.assert_allclose(told, spread, rtol=0.35)


def test_sampling_is_reproducible_and_the_same_for_fewer_rows():
    network, X = random_network([5, 12, 1]), rows_for(6, 5)
    options = {"background": X, "method": "sampling", "n_permutations": 4, "random_state": 7}
    first, again = (shapley_values(network, X, **options) for _ in "ab")
    few = shapley_values(network, X[:2], **options)
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_allclose(first.values[:2], few.values, rtol=1e-12, atol=1e-12)


def test_main_effects_are_shapley_values_where_columns_do_not_interact():
    # max(x0, 0) + max(x1 - 1, 0)
    network = ReluNetwork.from_weights([np.eye(2), [[1.0, 1.0]]], [[0.0, -1.0], [0.0]])
    X, background = rows_for(5, 2), rows_for(6, 2, seed=2)
    values = shapley_values(network, X, background=background).values
    table = main_effects(network, X, background=background)
    np.testing.assert_allclose(table["main_effect"], values.reshape(-1), atol=1e-14)
    assert table["feature"].tolist()[:2] == ["x0", "x1"]


def test_main_effects_change_one_player_alone():
    network, background = job_network(), JOB_ROWS[1:]
    groups = {"person": ["age", "job"], "pay": ["pay"]}
    table = main_effects(network, JOB_ROWS[:1], background=background, groups=groups)
    changed = background.assign(pay=JOB_ROWS["pay"][0])
    wanted = network(changed).mean() - network(background).mean()
    assert table["main_effect"][1] == pytest.approx(wanted, rel=1e-12)
    assert table["value"].tolist() == ["age=30.0, job=nurse", "3.0"]


@pytest.mark.parametrize("ask", [shapley_values, main_effects])
@pytest.mark.parametrize(
    ("groups", "error", "text"),
    [
        ([["age", "job"], ["job", "pay"]], ArgumentError, "must not overlap, got 'job' 2 times"),
        ([["age", "job"]], ArgumentError, "must hold every column, got none that holds 'pay'"),
        ([["age", "job", "pay"], []], ArgumentError, "must hold a column, got none"),
        ([["age", "job", "wage"]], ColumnsError, "No column is called 'wage'"),
        ("age", InputTypeError, "groups must be a mapping"),
        ([3, 4], InputTypeError, "A group must be a list of column names, got 3"),
    ],
)
def test_groups_must_part_the_columns(ask, groups, error, text):
    with pytest.raises(error, match=text):
        ask(job_network(), JOB_ROWS, groups=groups)


@pytest.mark.parametrize("ask", [shapley_values, main_effects])
@pytest.mark.parametrize(
    ("background", "error", "text"),
    [
        (JOB_ROWS[:0], DataError, "background.* at least one row"),
        (JOB_ROWS.assign(pay=[1.0, np.nan, 2.0]), MissingValuesError, "background.*'pay'"),
        (JOB_ROWS[["age", "job"]], ColumnsError, "background.*missing: pay"),
        (JOB_ROWS.rename(columns={"pay": "wage"}), ColumnsError, "background.*wage"),
        (JOB_ROWS.assign(job="king"), UnknownLevelError, "background.*king"),
        (3.0, InputTypeError, "background"),
    ],
)
def test_a_background_must_fit_the_model(ask, background, error, text):
    with pytest.raises(error, match=text):
        ask(job_network(), JOB_ROWS, background=background)


def test_too_many_players_are_refused_with_what_they_would_cost():
    network, X = random_network([30, 6, 1]), rows_for(8, 30)
    with pytest.raises(ArgumentError, match=r"at most 20, got 30: 2\*\*30 .* groups=.*sampling"):
        shapley_values(network, X)
    groups = [[f"x{i}" for i in range(k, k + 10)] for k in (0, 10, 20)]
    assert shapley_values(network, X, groups=groups).certificate.holds
    assert shapley_values(network, X, method="sampling", n_permutations=2).certificate.holds


def test_columns_beyond_what_a_float_can_count_are_refused_too():
    network, X = random_network([1100, 2, 1]), rows_for(2, 1100)
    with pytest.raises(ArgumentError, match="at most 20, got 1100"):
        shapley_values(network, X)


def test_days_of_walking_are_refused_before_they_begin(monkeypatch):
    monkeypatch.setattr(exact, "MOST_HYBRIDS", 1e8)
    network, X = random_network([20, 16, 1]), rows_for(20, 20)
    with pytest.raises(ArgumentError, match=r"at most 1e\+08 hybrids .* 20 rows .*sampling"):
        shapley_values(network, X)
    # rows of which none bends on the way cost nothing, however many there are
    flat = ReluNetwork.from_weights([np.ones((1, 20)), [[1.0]]], [[1e3], [0.0]])
    assert shapley_values(flat, X).certificate.holds


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"method": "kernel"}, ArgumentError, "one of exact, sampling, got 'kernel'"),
        ({"n_permutations": 0}, ArgumentError, "n_permutations must be"),
        ({"n_permutations": 1}, ArgumentError, "at least 2, .* got 1"),
        ({"n_permutations": 2.5}, InputTypeError, "n_permutations must be a whole number"),
        ({"random_state": -1}, ArgumentError, "random_state must be from 0"),
        ({"n_jobs": 0}, ArgumentError, "n_jobs must not be 0"),
        ({"n_jobs": 1.5}, InputTypeError, "n_jobs must be a whole number"),
        ({"output": "price"}, ArgumentError, "output= must be one of"),
    ],
)
def test_options_outside_those_offered_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        shapley_values(job_network(), JOB_ROWS, **options)
