from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import explainrelu as xr
from explainrelu.errors import (
    ArgumentError,
    ColumnsError,
    DataError,
    InputTypeError,
    MissingValuesError,
)
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from tests import models, strategies
from tests.audits.brute_force import nearest_by_regions

X1 = [[3.0, 0.0]]
NORMS = ("linf", "l1", "l2")
CORNER = ReluNetwork.from_weights([[[1.0, 1.0]], [[1.0]]], [[0.0], [-1.0]])


def multiclass(network: ReluNetwork) -> ReluNetwork:
    names = tuple(f"class {i}" for i in range(network.n_outputs))
    outputs = OutputSchema(names, Task.MULTICLASS, Link.softmax, names)
    return replace(network, outputs=outputs)


def sixteenths(network: ReluNetwork) -> ReluNetwork:
    """The network with its numbers rounded, none too small for the solver of the brute force."""

    def rounded(part):
        numbers = {"weight": np.round(part.weight * 16) / 16, "bias": np.round(part.bias * 16) / 16}
        return replace(part, **numbers)

    layers = tuple(rounded(layer) for layer in network.layers)
    return replace(network, layers=layers, output=rounded(network.output))


@st.composite
def questions(draw: st.DrawFn, integer: bool = False):
    network = draw(
        strategies.relu_networks(
            integer=integer, min_layers=1, max_layers=2, max_inputs=3, max_outputs=3
        )
    )
    threshold = None
    if network.n_outputs == 1:
        threshold = round(16 * draw(strategies.numbers(integer=integer))) / 16
    else:
        network = multiclass(network)
    points = draw(strategies.points(network.n_inputs, integer=integer, max_points=2))
    if not integer:
        network, points = sixteenths(network), np.round(points * 16) / 16
    return network, threshold, points, draw(st.sampled_from(NORMS))


def agrees(network, threshold, points, norm) -> None:
    box = Box(np.full(network.n_inputs, -4.0), np.full(network.n_inputs, 4.0))
    found = xr.robustness(
        network, points, norm=norm, threshold=threshold, domain=box, time_limit=5.0
    )
    for i, x in enumerate(points):
        truth = nearest_by_regions(network, x, box, norm, threshold)
        slack = 1e-5 * (1.0 + min(truth, 10.0))
        assert found.lower[i] <= truth + slack
        assert found.upper[i] >= truth - slack
        if found.status[i] == "exact":
            assert found.upper[i] == pytest.approx(truth, rel=1e-4, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(questions())
def test_bounds_hold_the_distance_found_region_by_region(question):
    agrees(*question)


@settings(max_examples=30, deadline=None)
@given(questions(integer=True))
def test_bounds_hold_for_rows_on_borders_and_flat_scores(question):
    agrees(*question)


@settings(max_examples=20, deadline=None)
@given(questions())
def test_small_networks_are_decided(question):
    network, threshold, points, norm = question
    found = xr.robustness(network, points, norm=norm, threshold=threshold, max_distance=3.0)
    assert set(found.status) <= {"exact", "beyond the largest distance"}


@settings(max_examples=20, deadline=None)
@given(questions())
def test_witnesses_are_where_they_are_said_to_be(question):
    network, threshold, points, norm = question
    found = xr.robustness(network, points, norm=norm, threshold=threshold, max_distance=3.0)
    reached = np.isfinite(found.upper)
    steps = found.witnesses - points
    np.testing.assert_allclose(found.norm.length(steps)[reached], found.upper[reached], atol=1e-9)
    assume(reached.any())
    assert (found.margins[reached] <= 1e-6).all()


@pytest.mark.parametrize("norm", NORMS)
def test_distances_of_a_trained_network_hold_their_random_rows(norm: str):
    model, X, _ = models.iris()
    rows = X.iloc[::30]
    found = xr.robustness(model, rows, norm=norm)
    assert (found.status == "exact").all()
    network, rng = xr.import_model(model), np.random.default_rng(0)
    for i, x in enumerate(rows.to_numpy()):
        steps = rng.standard_normal((2000, 4))
        steps *= (0.999 * found.lower[i] / found.norm.length(steps))[:, None]
        classes = network.forward(x + steps).argmax(axis=1)
        assert (classes == found.own[i]).all()
        assert network.forward(found.witnesses[[i]]).argmax() != found.own[i]


def test_cheap_bounds_hold_the_exact_distance():
    model, X, _ = models.iris()
    cheap, exact = (xr.robustness(model, X.iloc[::20], method=m) for m in ("bounds", "auto"))
    assert (cheap.lower <= exact.lower * (1 + 1e-9)).all()
    assert (cheap.upper >= exact.upper * (1 - 1e-6)).all()
    assert exact.n_nodes > cheap.n_nodes == 0


def test_the_scale_of_a_column_is_the_length_of_its_step():
    found = xr.robustness(CORNER, [*X1, [9.0, 9.0]], scale={"x0": 2.0, "x1": 0.5}, threshold=0.0)
    assert found.upper[0] == pytest.approx(2.0 / 2.5)
    assert found.scale.tolist() == [2.0, 0.5]


@pytest.mark.parametrize(("scale", "size"), [("std", 2.0), ("mad", 2.0)])
def test_scales_are_taken_over_the_rows(scale: str, size: float):
    X = [[3.0, 0.0], [7.0, 4.0]]
    found = xr.robustness(CORNER, X, scale=scale, threshold=0.0)
    assert found.upper[0] == pytest.approx(2.0 / (2 * size))


def test_columns_that_are_not_named_are_held():
    found = xr.robustness(CORNER, [[3.0, 0.0], [9.0, 9.0]], features=["x1"], threshold=0.0)
    assert found.upper[0] == pytest.approx(2.0)
    assert found.witnesses[0, 0] == 3.0
    assert found.features == ("x1",)


def test_a_domain_is_never_left():
    box = Box([2.5, -5.0], [3.5, 5.0])
    found = xr.robustness(CORNER, [[3.0, 0.0]], domain=box, threshold=0.0)
    assert found.upper[0] == pytest.approx(1.5)
    assert box.contains(found.witnesses, slack=1e-12).all()


def test_what_lies_beyond_the_largest_distance_is_said_to():
    found = xr.robustness(CORNER, [[3.0, 0.0]], max_distance=0.5, threshold=0.0)
    assert found.status.tolist() == ["beyond the largest distance"]
    assert found.certified_share([0.5, 0.6]).certified.tolist() == [1.0, 0.0]
    assert len(found.witness_frame()) == 0


def test_measurement_errors_count_the_rows_they_can_change():
    X = [[3.0, 0.0], [1.5, 0.0], [0.9, 0.0], [-5.0, 0.0]]
    found = xr.robustness(CORNER, X, errors={"x0": 0.6}, threshold=0.0)
    assert found.unchanged_share == (0.5, 0.5)
    assert found.features == ("x0",)


def test_shares_add_up():
    model, X, _ = models.iris()
    table = xr.robustness(model, X.iloc[::10], method="bounds").certified_share([0.0, 0.3, 1.0])
    total = table[["certified", "changeable", "undecided"]].sum(axis=1)
    assert total.tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert table.certified.is_monotonic_decreasing


def test_tables_have_a_row_for_each_row_and_quantile():
    model, X, _ = models.iris()
    found = xr.robustness(model, X.iloc[::30])
    assert found.to_frame()["class"].iloc[0] == "setosa"
    assert found.to_frame().row.tolist() == list(range(5))
    assert (found.summary.lower <= found.summary.upper).all()
    assert found.summary["quantile"].tolist() == [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
    assert list(found.witness_frame().columns) == list(X.columns)


def test_columns_with_levels_stay_at_their_levels():
    model, X, _ = models.loan_decisions()
    found = xr.robustness(model, X.iloc[:20], scale={**_ones(X), "income": 1000.0})
    witnesses = found.witness_frame()
    text = X.select_dtypes(exclude="number").columns
    assert (witnesses[text] == X.loc[witnesses.index, text]).all(axis=None)
    assert (found.status == "exact").mean() > 0.9
    changed = model.predict(witnesses.astype(X.dtypes.to_dict() | _floats(X)))
    assert (changed != model.predict(X.iloc[:20])[witnesses.index]).all()


def _ones(X: pd.DataFrame) -> dict[str, float]:
    return dict.fromkeys(X.select_dtypes(include="number").columns, 1.0)


def _floats(X: pd.DataFrame) -> dict[str, str]:
    return dict.fromkeys(X.select_dtypes(include="number").columns, "float64")


def test_a_search_that_is_cut_short_keeps_bounds_that_hold():
    model, X, _ = models.breast_cancer()
    rows = X.iloc[:2]
    found = xr.robustness(model, rows, scale="std", time_limit=1e-6)
    longer = xr.robustness(model, rows, scale="std", time_limit=0.5)
    assert (found.lower <= longer.lower + 1e-9).all()
    assert (found.upper >= longer.upper - 1e-9).all()


@pytest.mark.slow
def test_processes_change_nothing():
    model, X, _ = models.iris()
    one, two = (xr.robustness(model, X.iloc[::30], n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.upper, two.upper)


def test_the_same_question_has_the_same_answer_without_layers():
    line = ReluNetwork.from_weights([[[3.0, 4.0]]], [[-5.0]])
    found = xr.robustness(line, [[3.0, 4.0]], norm="l2", threshold=0.0, max_distance=9.0)
    assert found.upper[0] == pytest.approx(4.0)
    assert found.to_frame().exactness.tolist() == ["exact"]


def test_a_row_on_the_boundary_has_distance_zero():
    found = xr.robustness(CORNER, [[0.5, 0.5]], threshold=0.0, max_distance=1.0)
    assert found.upper[0] == pytest.approx(0.0, abs=1e-6)
    assert found.lower[0] == 0.0


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"norm": "l3"}, ArgumentError, "norm must be one of linf, l1, l2"),
        ({"features": ["x9"]}, ColumnsError, "x9"),
        ({"features": []}, ArgumentError, "at least one"),
        ({"features": "x0"}, InputTypeError, "list of column names"),
        ({"scale": {"x0": -1.0, "x1": 1.0}}, ArgumentError, "positive number"),
        ({"scale": {"x0": 1.0}}, ArgumentError, "none for 'x1'"),
        ({"scale": {"x9": 1.0}}, ColumnsError, "x9"),
        ({"scale": "iqr"}, ArgumentError, "'std', 'mad' or a mapping"),
        ({"scale": "std"}, ArgumentError, "got 0 for 'x0'"),
        ({"errors": 1.0}, InputTypeError, "mapping from columns"),
        ({"errors": {"x0": 1.0}, "norm": "l1"}, ArgumentError, "errors= stands for"),
        ({"domain": Box([4, 4], [5, 5])}, ArgumentError, "row 0 outside"),
        ({"method": "guess"}, ArgumentError, "method must be one of"),
        ({"max_distance": -1.0}, ArgumentError, "positive and finite"),
        ({"max_distance": "far"}, InputTypeError, "must be a number"),
        ({"time_limit": 0.0}, ArgumentError, "time_limit"),
        ({"threshold": None}, ArgumentError, "Pass threshold="),
        ({"threshold": np.nan}, ArgumentError, "finite number"),
    ],
)
def test_wrong_options_are_refused(options, error, match):
    with pytest.raises(error, match=match):
        xr.robustness(CORNER, X1, **({"threshold": 0.0, "max_distance": None} | options))


def test_a_model_without_ranges_asks_for_a_largest_distance():
    with pytest.raises(ArgumentError, match="max_distance must be given"):
        xr.robustness(CORNER, X1, threshold=0.0)


def test_rows_must_be_numbers_and_there_must_be_some():
    with pytest.raises(MissingValuesError, match="x0"):
        xr.robustness(CORNER, [[np.nan, 0.0]], threshold=0.0)
    with pytest.raises(DataError, match="at least one row"):
        xr.robustness(CORNER, np.zeros((0, 2)), threshold=0.0)


def test_a_categorical_column_cannot_be_moved():
    model, X, _ = models.loan_decisions()
    with pytest.raises(ArgumentError, match="'job', which is categorical"):
        xr.robustness(model, X.iloc[:2], features=["job"])


def test_a_regression_needs_a_threshold():
    model, X, _ = models.diabetes()
    with pytest.raises(ArgumentError, match="Pass threshold="):
        xr.robustness(model, X.iloc[:2])
    found = xr.robustness(model, X.iloc[:2], threshold=150.0, time_limit=0.2)
    assert found.classes[0].endswith("<= 150")


def test_a_negative_radius_is_refused():
    found = xr.robustness(CORNER, X1, threshold=0.0, max_distance=3.0)
    with pytest.raises(ArgumentError, match="must not be negative"):
        found.certified_share([-1.0])
