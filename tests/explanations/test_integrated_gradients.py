"""Integrated gradients along straight paths, against exact rationals and captum's steps."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from explainrelu.errors import (
    ArgumentError,
    ColumnsError,
    DataError,
    MissingValuesError,
    UnknownLevelError,
)
from explainrelu.explanations import path_attributions
from explainrelu.explanations.integrated_gradients import integrated_gradients
from explainrelu.exporters.to_torch import to_torch
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.regions.segments import segment_pieces
from tests import models
from tests.oracles import exact, pattern_exact, pattern_map_exact, preactivations_exact
from tests.strategies import arrays, relu_networks

JOBS = InputSchema(
    (
        Column("age"),
        Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"), ignores_unknown=True),
    )
)
# score = relu(age + 40 nurse - 20) + 3 clerk: a nurse passes the hinge earlier
JOB_NETWORK = ReluNetwork(
    (Layer([[1.0, 0.0, 40.0], [0.0, 1.0, 0.0]], [-20.0, 0.0], [True, False]),),
    AffineMap([[1.0, 3.0]], [0.0]),
    JOBS,
    OutputSchema.numbered(1),
)
JOB_ROWS = pd.DataFrame({"age": [30.0, 10.0], "job": ["nurse", "clerk"]})


@st.composite
def paths(draw: st.DrawFn, **options):
    network = draw(relu_networks(**options))
    integer = options.get("integer", False)
    return network, *(draw(arrays((2, network.n_inputs), integer=integer)) for _ in range(2))


def integrated_exact(network, start, end):
    """Integrated gradients in rationals, ``(n_scores, n_inputs)``; None where they are not unique.

    Breakpoints are found layer by layer: a preactivation is linear between those of the layers
    before it.
    """
    start, end = exact(start), exact(end)

    def point(t):
        return [(1 - t) * a + t * b for a, b in zip(start, end, strict=True)]

    times = [Fraction(0), Fraction(1)]
    for i, layer in enumerate(network.layers):
        values = [preactivations_exact(network, point(t))[i] for t in times]
        for k in np.flatnonzero(layer.rectified):
            for j in range(len(values) - 1):
                a, b = values[j][k], values[j + 1][k]
                if a == b == 0 and times[j] < times[j + 1]:
                    return None
                if a * b < 0:
                    times.append(times[j] + (times[j + 1] - times[j]) * a / (a - b))
        times.sort()
    total = np.full((network.n_outputs, network.n_inputs), Fraction(0))
    for first, last in pairwise(times):
        pattern = pattern_exact(network, point((first + last) / 2))
        total += (last - first) * np.array(pattern_map_exact(network, pattern)[0], dtype=object)
    return total * (np.array(end) - np.array(start))


@settings(max_examples=150)
@given(paths(max_outputs=2))
def test_values_are_the_integrals_in_exact_rationals(case):
    network, starts, ends = case
    found = integrated_gradients(network, ends, baselines=starts)
    values = found.values.reshape(2, network.n_inputs, -1)
    room = 1e-11 * (1 + network.term_sizes(starts) + network.term_sizes(ends))
    for i in range(2):
        wanted = integrated_exact(network, starts[i], ends[i])
        assume(wanted is not None)
        assert (np.abs(values[i].T - wanted.astype(float)) <= room[i][:, None]).all()


@settings(max_examples=150)
@given(paths(integer=True, max_outputs=3))
def test_values_add_up_to_the_score_from_the_score_at_the_baseline(case):
    network, starts, ends = case
    found = integrated_gradients(network, ends, baselines=starts)
    assert found.certificate.holds
    np.testing.assert_array_equal(found.base_values, network(starts))
    np.testing.assert_allclose(
        found.base_values + found.values.sum(axis=1), network(ends), rtol=0, atol=1e-10
    )


def test_a_linear_model_gives_the_coefficients_times_the_distance():
    weight, rng = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]]), np.random.default_rng(0)
    network = ReluNetwork.from_weights([weight], [[1.0, 2.0]])
    starts, ends = rng.normal(size=(2, 5, 3))
    found = integrated_gradients(network, ends, baselines=starts)
    np.testing.assert_allclose(found.values, (ends - starts)[:, :, None] * weight.T)


def test_on_one_side_of_all_hinges_the_values_are_those_of_the_region():
    network = ReluNetwork.from_weights([[[1.0, 2.0]], [[3.0]]], [[10.0], [0.0]])
    found = integrated_gradients(network, [[1.0, 1.0]], baselines=[[0.0, 0.0]])
    np.testing.assert_allclose(found.values, [[3.0, 6.0]])


@pytest.mark.parametrize("fitted", [models.breast_cancer, models.diabetes, models.loans])
def test_completeness_is_exact_where_five_hundred_steps_are_not(fitted):
    torch, attr = pytest.importorskip("torch"), pytest.importorskip("captum.attr")
    model, X, _ = fitted()
    network, rows, start = import_model(model), X.iloc[1:31], X.iloc[:1]
    found = integrated_gradients(network, rows, baselines=start)
    change = network(rows) - network(start)
    error = np.abs(found.values.sum(axis=1) - change) / np.abs(change)
    assert error.max() < 1e-10
    points = (torch.as_tensor(network.schema.encode(part)) for part in (rows, start))
    steps = attr.IntegratedGradients(to_torch(network).double())
    _, delta = steps.attribute(*points, n_steps=500, return_convergence_delta=True)
    theirs = np.abs(delta.detach().numpy()) / np.abs(change)
    assert theirs.max() > 1e4 * error.max()


def test_captums_steps_come_as_near_as_their_width_lets_them():
    torch, attr = pytest.importorskip("torch"), pytest.importorskip("captum.attr")
    model, X, _ = models.iris()
    network = import_model(model)
    points, steps = network.schema.encode(X[50:60]), 5000
    start, name = points.mean(axis=0), network.outputs.names[1]
    found = integrated_gradients(network, X[50:60], output=name)
    theirs = attr.IntegratedGradients(to_torch(network).double()).attribute(
        torch.as_tensor(points),
        torch.as_tensor(start[None]),
        target=1,
        n_steps=steps,
        method="riemann_middle",
        internal_batch_size=10000,
    )
    pieces = segment_pieces(network, np.tile(start, (10, 1)), points)
    gradients = pieces.gradients(network.outputs.view(name))[:, 0]
    for i in range(10):
        # each breakpoint puts at most half a step on the wrong side of it
        jumps = np.abs(np.diff(gradients[pieces.pieces_of(i)], axis=0)).sum(axis=0)
        room = 0.5 / steps * jumps * np.abs(points[i] - start)
        room += 1e-6 * np.abs(found.values[i])  # captum keeps its weights of steps in float32
        assert (np.abs(theirs[i].numpy() - found.values[i]) <= room).all()
        assert (room < 0.01 * np.abs(found.values[i]).max()).all()


def test_a_categorical_columns_value_sums_its_indicators():
    found = integrated_gradients(JOB_NETWORK, JOB_ROWS[:1], baselines=JOB_ROWS[1:])
    # from a clerk of 10 to a nurse of 30 the hinge's 60 t - 10 passes zero at t = 1/6
    np.testing.assert_allclose(found.values, [[20 * 5 / 6, 40 * 5 / 6 - 3]])
    assert found.base_values.tolist() == [3.0]
    assert found.baseline.iloc[0].to_dict() == {"age": 10.0, "job": "clerk"}


def test_one_row_serves_all_and_as_many_rows_are_taken_in_pairs():
    network, rng = random_network(4, 8, 8, 1), np.random.default_rng(1)
    starts, ends = rng.normal(size=(2, 5, 4))
    paired = integrated_gradients(network, ends, baselines=starts)
    assert paired.paired
    for i in range(5):
        single = integrated_gradients(network, ends, baselines=starts[[i]])
        assert not single.paired
        np.testing.assert_allclose(single.values[i], paired.values[i], rtol=0, atol=1e-13)
        assert single.base_values[i] == pytest.approx(paired.base_values[i], rel=1e-13)
    assert paired.to_frame()["baseline"].iloc[0] == str(starts[0, 0])


def test_the_default_baseline_is_that_of_the_local_linear_method():
    model, X, _ = models.loans()
    found = integrated_gradients(model, X[:20])
    assert found.base_meaning == "score at the baseline"
    assert found.baseline.iloc[0]["income"] == pytest.approx(X["income"][:20].mean())
    np.testing.assert_allclose(found.base_values, import_model(model)(found.baseline)[0])


@pytest.mark.parametrize("form", [dict, pd.Series, lambda row: pd.DataFrame([row])])
def test_a_baseline_may_be_a_mapping_a_series_or_a_table(form):
    found = integrated_gradients(JOB_NETWORK, JOB_ROWS, baselines=form({"age": 0, "job": "clerk"}))
    np.testing.assert_allclose(found.base_values, [3.0, 3.0])


def test_values_over_a_background_are_the_mean_of_those_from_each_row():
    model, X, _ = models.loans()
    rows, background = X[:6], X[100:117]
    found = integrated_gradients(model, rows, background=background)
    singles = [integrated_gradients(model, rows, baselines=X[i : i + 1]) for i in range(100, 117)]
    mean = np.mean([single.values for single in singles], axis=0)
    np.testing.assert_allclose(found.values, mean, rtol=0, atol=1e-10 * np.abs(mean).max())
    np.testing.assert_allclose(found.base_values, import_model(model)(background).mean())
    assert found.base_meaning == "mean score over the background"
    assert len(found.baseline) == 17
    assert found.to_frame()["baseline"].unique().tolist() == ["17 rows"]


def test_a_background_as_long_as_the_rows_is_not_taken_in_pairs():
    network, rng = random_network(3, 6, 1), np.random.default_rng(2)
    rows = rng.normal(size=(4, 3))
    found = integrated_gradients(network, rows, background=rows)
    assert not found.paired
    np.testing.assert_allclose(found.base_values, network(rows).mean())


def test_the_result_does_not_depend_on_how_paths_are_chunked(monkeypatch):
    network, rng = random_network(4, 10, 10, 2), np.random.default_rng(3)
    rows, background = rng.normal(size=(7, 4)), rng.normal(size=(5, 4))
    whole = integrated_gradients(network, rows, background=background)
    for values in (1, 3000):
        monkeypatch.setattr(path_attributions, "_CHUNK_VALUES", values)
        found = integrated_gradients(network, rows, background=background)
        np.testing.assert_allclose(found.values, whole.values, rtol=0, atol=1e-13)


def test_several_classes_are_explained_by_their_centred_logits():
    model, X, _ = models.iris()
    found = integrated_gradients(model, X[::30])
    assert found.values.shape == (5, 4, 3)
    assert found.view.scale == "centred logit"
    np.testing.assert_allclose(found.values.sum(axis=2), 0.0, atol=1e-9)
    one = integrated_gradients(model, X[::30], output=("setosa", "virginica"))
    np.testing.assert_allclose(one.values, found.values[:, :, 0] - found.values[:, :, 2], atol=1e-9)


def test_the_values_of_pictures_have_their_shape():
    rng, shape = np.random.default_rng(4), (2, 3, 4)
    plain = random_network(24, 8, 3)
    network = ReluNetwork(plain.layers, plain.output, InputSchema.pictured(shape), plain.outputs)
    pictures = rng.normal(size=(5, *shape))
    found = integrated_gradients(network, pictures, baselines=np.zeros(shape))
    flat = integrated_gradients(plain, pictures.reshape(5, 24), baselines=np.zeros((1, 24)))
    assert found.values.shape == (5, *shape, 3)
    np.testing.assert_array_equal(found.values, flat.values.reshape(5, *shape, 3))
    paired = integrated_gradients(network, pictures, baselines=np.zeros((5, *shape)))
    np.testing.assert_allclose(paired.values, found.values, rtol=0, atol=1e-13)


def test_shap_takes_the_result():
    found = integrated_gradients(JOB_NETWORK, JOB_ROWS, baselines=JOB_ROWS[:1]).to_shap()
    np.testing.assert_allclose(found.base_values + found.values.sum(axis=1), [50.0, 3.0])


BAD_BASELINES = [
    ({"age": 1.0, "job": "pilot"}, UnknownLevelError, "one of 'clerk', 'nurse' in column 'job'"),
    ({"age": np.nan, "job": "clerk"}, MissingValuesError, "baselines, .*'age' has 1 missing"),
    ({"age": 1.0}, ColumnsError, "baselines, .*missing: job"),
    ({"age": 1.0, "work": "clerk"}, ColumnsError, "not known to the model: work"),
    (JOB_ROWS.iloc[[0, 1, 0]], DataError, r"one for each of the 2 rows of X, got 3.*background="),
    (JOB_ROWS.iloc[:0], DataError, "baselines, .*at least one row"),
    ([1.0, "clerk"], DataError, "baselines, .*two-dimensional"),
]


@pytest.mark.parametrize(("baselines", "error", "match"), BAD_BASELINES)
def test_baselines_that_do_not_fit_are_refused(baselines, error, match):
    with pytest.raises(error, match=match):
        integrated_gradients(JOB_NETWORK, JOB_ROWS, baselines=baselines)


def test_a_level_that_the_pipeline_refuses_is_no_baseline():
    model, X, _ = models.loans()
    name = X.select_dtypes(exclude="number").columns[0]
    with pytest.raises(UnknownLevelError, match=f"baselines, .*{name}.*must be one of"):
        integrated_gradients(model, X[:3], baselines=X[:1].assign(**{name: "no such level"}))


def test_an_unknown_code_is_no_baseline():
    size = Column(
        "size", ColumnKind.ORDINAL, levels=("S", "M"), codes=(0.0, 1.0), ignores_unknown=True,
        unknown_code=-1.0,
    )  # fmt: skip
    network = ReluNetwork(
        (), AffineMap([[1.0]], [0.0]), InputSchema((size,)), OutputSchema.numbered(1)
    )
    with pytest.raises(UnknownLevelError, match="one of 'S', 'M' in column 'size', got 'XL'"):
        integrated_gradients(network, [["S"], ["M"]], baselines=[["XL"]])
    assert integrated_gradients(network, [["S"], ["M"]], baselines=[["M"]]).values[0, 0] == -1.0


@pytest.mark.parametrize(
    ("background", "error", "match"),
    [
        (JOB_ROWS.assign(age=[1.0, np.nan]), MissingValuesError, "background, .*in row 1"),
        (JOB_ROWS[["age"]], ColumnsError, "background, .*missing: job"),
        (JOB_ROWS[:0], DataError, "background, .*at least one row, got an empty table"),
    ],
)
def test_a_background_that_does_not_fit_is_refused(background, error, match):
    with pytest.raises(error, match=match):
        integrated_gradients(JOB_NETWORK, JOB_ROWS, background=background)


def test_baselines_and_a_background_are_too_much():
    with pytest.raises(ArgumentError, match="Either baselines or a background must be given, got"):
        integrated_gradients(JOB_NETWORK, JOB_ROWS, baselines=JOB_ROWS, background=JOB_ROWS)


def test_a_single_row_needs_something_to_measure_from():
    with pytest.raises(ArgumentError, match="over several rows, got a single one"):
        integrated_gradients(JOB_NETWORK, JOB_ROWS[:1])


def random_network(*widths: int) -> ReluNetwork:
    rng = np.random.default_rng(0)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    return ReluNetwork.from_weights(
        [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes],
        [0.3 * rng.normal(size=shape[0]) for shape in shapes],
    )
