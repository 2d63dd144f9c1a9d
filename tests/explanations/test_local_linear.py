"""Attributions by the formula of each row's own region."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from explainrelu.errors import ArgumentError, ColumnsError, DataError
from explainrelu.explanations.explain import explain
from explainrelu.explanations.local_linear import local_linear
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from tests import models
from tests.oracles import pattern_exact, pattern_map_exact
from tests.strategies import networks_and_points

JOBS = InputSchema(
    (Column("age"), Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", "pilot")))
)
# score = 2 * age + 1 * clerk + 5 * nurse - 3 * pilot
JOB_NETWORK = ReluNetwork(
    (), AffineMap([[2.0, 1.0, 5.0, -3.0]], [0.5]), JOBS, OutputSchema.numbered(1)
)
JOB_ROWS = pd.DataFrame({"age": [30.0, 40.0, 50.0], "job": ["nurse", "nurse", "pilot"]})


@given(networks_and_points(integer=True, max_outputs=2))
def test_a_value_is_the_regions_coefficient_times_the_distance_from_the_baseline(drawn):
    network, points = drawn
    start = np.arange(network.n_inputs) - 1.0
    baseline = dict(zip(network.schema.names, start, strict=True))
    explanation = local_linear(network, points, baseline=baseline)
    values = explanation.values.reshape(len(points), network.n_inputs, -1)
    bases = explanation.base_values.reshape(len(points), -1)
    for i, point in enumerate(points):
        weight, bias = pattern_map_exact(network, pattern_exact(network, point))
        weight, bias = np.array(weight, dtype=float), np.array(bias, dtype=float)
        np.testing.assert_array_equal(values[i], (weight * (point - start)).T)
        np.testing.assert_array_equal(bases[i], weight @ start + bias)


def test_a_categorical_column_has_one_value():
    explanation = local_linear(JOB_NETWORK, JOB_ROWS)
    # the baseline is age 40 and the most frequent level, nurse
    assert explanation.baseline.iloc[0].to_dict() == {"age": 40.0, "job": "nurse"}
    assert explanation.values.tolist() == [[-20.0, 0.0], [0.0, 0.0], [20.0, -8.0]]
    assert explanation.base_values.tolist() == [85.5, 85.5, 85.5]


@pytest.mark.parametrize("kind", [ColumnKind.ORDINAL, ColumnKind.CATEGORICAL])
def test_the_default_baseline_is_the_most_frequent_known_level(kind):
    codes = (0.0, 1.0, 2.0) if kind is ColumnKind.ORDINAL else ()
    unknown = {"ignores_unknown": True} if kind is ColumnKind.CATEGORICAL else {}
    column = Column("size", kind, levels=("S", "M", "L"), codes=codes, **unknown)
    schema = InputSchema((column,))
    network = ReluNetwork(
        (), AffineMap(np.ones((1, schema.n_inputs)), [0.0]), schema, OutputSchema.numbered(1)
    )
    sizes = ["L", "S", "L", "S", "L"]
    if unknown:
        sizes += ["XXL"] * 4  # no level of the model, and so none to measure from
    explanation = local_linear(network, pd.DataFrame({"size": sizes}))
    assert explanation.baseline["size"].tolist() == ["L"]


def test_the_data_are_the_raw_rows():
    explanation = local_linear(JOB_NETWORK, JOB_ROWS)
    pd.testing.assert_frame_equal(explanation.data, JOB_ROWS)
    assert explanation.to_frame()["value"].tolist()[:2] == ["30.0", "nurse"]


def test_the_background_sets_the_baseline():
    background = pd.DataFrame({"age": [10.0], "job": ["pilot"]})
    explanation = local_linear(JOB_NETWORK, JOB_ROWS[:1], background=background)
    assert explanation.values.tolist() == [[40.0, 8.0]]


@pytest.mark.parametrize(
    "baseline",
    [
        {"age": 10.0, "job": "pilot"},
        {"job": "pilot", "age": 10.0},
        pd.Series({"job": "pilot", "age": 10.0}),
        pd.DataFrame({"age": [10.0], "job": ["pilot"]}),
    ],
    ids=["mapping", "mapping of another order", "series", "frame"],
)
def test_a_baseline_may_be_a_row_of_any_kind(baseline):
    explanation = local_linear(JOB_NETWORK, JOB_ROWS[:1], baseline=baseline)
    assert explanation.values.tolist() == [[40.0, 8.0]]


def test_a_baseline_of_several_rows_is_refused():
    with pytest.raises(DataError, match="baseline must be one row, got 3"):
        local_linear(JOB_NETWORK, JOB_ROWS, baseline=JOB_ROWS)


def test_a_baseline_without_every_column_is_refused():
    with pytest.raises(ColumnsError, match="missing: job"):
        local_linear(JOB_NETWORK, JOB_ROWS, baseline={"age": 1.0})


def test_imputed_values_are_flagged_and_still_add_up():
    schema = InputSchema((Column("age", imputes=True, fill=40.0),))
    network = ReluNetwork((), AffineMap([[2.0]], [0.0]), schema, OutputSchema.numbered(1))
    explanation = local_linear(network, pd.DataFrame({"age": [30.0, np.nan]}))
    assert explanation.imputed.tolist() == [[False], [True]]
    assert explanation.to_frame()["imputed"].tolist() == [False, True]
    assert explanation.certificate.holds
    assert explanation.scores.tolist() == [60.0, 80.0]


def test_an_unknown_level_adds_nothing():
    schema = InputSchema(
        (Column("job", ColumnKind.CATEGORICAL, levels=("a", "b"), ignores_unknown=True),)
    )
    network = ReluNetwork((), AffineMap([[2.0, 5.0]], [1.0]), schema, OutputSchema.numbered(1))
    explanation = local_linear(network, pd.DataFrame({"job": ["b", "zzz"]}), baseline={"job": "a"})
    assert explanation.values[:, 0].tolist() == [3.0, -2.0]
    assert explanation.scores.tolist() == [6.0, 1.0]


def test_several_outputs_add_up_one_by_one():
    model, X, _ = models.iris()
    explanation = explain(model, X)
    assert explanation.values.shape == (150, 4, 3)
    assert explanation.base_values.shape == (150, 3)
    assert explanation.view.scale == "centred logit"
    np.testing.assert_allclose(explanation.values.sum(axis=2), 0.0, atol=1e-9)  # centred


def test_a_pair_of_classes_is_their_margin():
    model, X, _ = models.iris()
    margin = explain(model, X, output=("virginica", "setosa"))
    raw = [explain(model, X, output=name).scores for name in ("virginica", "setosa")]
    np.testing.assert_allclose(margin.scores, raw[0] - raw[1], rtol=1e-9)
    assert margin.output_names == ("virginica - setosa",)


def test_the_negative_class_of_a_binary_model_has_the_opposite_values():
    model, X, _ = models.breast_cancer()
    np.testing.assert_array_equal(
        explain(model, X[:5], output="benign").values, -explain(model, X[:5]).values
    )


def test_an_unknown_output_is_refused_with_the_known_ones():
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match=r"one of 'setosa', 'versicolor', 'virginica', got 'x'"):
        explain(model, X, output="x")


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(ArgumentError, match="method must be one of local_linear, .*, got 'lime'"):
        explain(JOB_NETWORK, JOB_ROWS, method="lime")


def test_many_rows_are_the_same_as_one_by_one(monkeypatch):
    model, X, _ = models.loans()
    together = explain(model, X[:40], background=X)
    for i in (0, 17, 39):
        alone = explain(model, X[i : i + 1], background=X)
        np.testing.assert_allclose(alone.values[0], together.values[i], rtol=1e-12, atol=1e-12)
        assert alone.regions[0] == together.regions[i]


def test_a_single_row_is_not_its_own_baseline():
    with pytest.raises(ArgumentError, match=r"taken over several rows.*background=X"):
        local_linear(JOB_NETWORK, JOB_ROWS[:1])
