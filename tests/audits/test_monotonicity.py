import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import explainrelu as xr
from explainrelu.audits.trend.slope_program import SlopeProgram
from explainrelu.audits.trend.slopes import slope_bounds
from explainrelu.audits.trend.trends import Direction, Proof
from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests import models, strategies
from tests.audits.brute_force import slopes_by_regions

HILL = ReluNetwork.from_weights([[[1.0, 0.0], [1.0, 0.0]], [[1.0, -3.0]]], [[0.0, -1.0], [0.0]])
UNIT = Box([-1.0, -1.0], [2.0, 1.0])


def levelled(weight: list[float]) -> ReluNetwork:
    """``relu(weight @ x)`` of a number and a column with two levels."""
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
    schema = InputSchema((Column("age"), job))
    return ReluNetwork.from_weights([[weight], [[1.0]]], [[0.0], [0.0]], schema=schema)


@settings(max_examples=60, deadline=None)
@given(strategies.relu_networks(max_layers=3), st.sampled_from([None, 1]))
def test_verdicts_are_those_of_all_regions(network, max_regions):
    box = Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    slopes = slopes_by_regions(network, box)
    small = 1e-7 * (1.0 + np.abs(slopes).max())
    found = xr.monotonicity(network, box, max_regions=max_regions, time_limit=5.0)
    for trend in found.trends:
        k = network.outputs.names.index(trend.output)
        steep = slopes[:, k, network.schema.names.index(trend.feature)]
        assert trend.slope_lower <= steep.min() + small
        assert trend.slope_upper >= steep.max() - small
        if trend.direction is Direction.INCREASING:
            assert steep.min() >= -small
        elif trend.direction is Direction.DECREASING:
            assert steep.max() <= small
        elif trend.direction is Direction.CONSTANT:
            assert np.abs(steep).max() <= small
        elif trend.direction is Direction.NOT_MONOTONE:
            assert steep.min() < 0 < steep.max()
        if (np.abs(steep) > small).all():
            assert trend.direction is not Direction.UNDECIDED


@settings(max_examples=40, deadline=None)
@given(strategies.relu_networks(max_layers=3))
def test_pairs_differ_in_one_column_and_replay(network):
    box = Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    for trend in xr.monotonicity(network, box, time_limit=5.0).trends:
        for pair, sign in ((trend.rising, 1.0), (trend.falling, -1.0)):
            if pair is None:
                continue
            first, second = pair.points
            [moved] = np.flatnonzero(first != second)
            assert network.schema.names[moved] == trend.feature
            assert second[moved] > first[moved]
            k = network.outputs.names.index(trend.output)
            scores = network.forward(pair.points)[:, k]
            assert sign * (scores[1] - scores[0]) > 0
            np.testing.assert_allclose(scores, pair.scores)


@settings(max_examples=40, deadline=None)
@given(strategies.relu_networks(max_layers=3))
def test_gradient_bounds_hold_all_slopes(network):
    box = Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    lower, upper = slope_bounds(network, network.output, [box])
    slopes = slopes_by_regions(network, box)
    small = 1e-9 * (1.0 + np.abs(slopes).max())
    assert (lower <= slopes.min(axis=0) + small).all()
    assert (upper >= slopes.max(axis=0) - small).all()


@settings(max_examples=25, deadline=None)
@given(strategies.relu_networks(max_layers=3, max_outputs=1))
def test_the_program_bounds_the_largest_slope(network):
    box = Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    slopes = slopes_by_regions(network, box)[:, 0, 0]
    program = SlopeProgram(
        network, network.output, box, [0], levels=True, tolerances=DEFAULT_TOLERANCES
    )
    most, _, _ = program.largest(0, 1.0, target=np.inf, time_limit=None)
    assert most >= slopes.max() - 1e-6 * (1.0 + np.abs(slopes).max())


def test_a_planted_violation_is_found_with_its_regions_and_rows():
    X = [[-0.5, 0.0], [0.5, 0.0], [1.5, 0.0], [0.2, 0.0], [9.0, 9.0]]
    trend = xr.monotonicity(HILL, UNIT, X=X, features=["x0"]).trends[0]
    assert trend.direction is Direction.NOT_MONOTONE
    assert trend.proof is Proof.REGIONS
    assert (trend.slope_lower, trend.slope_upper) == (-2.0, 1.0)
    assert (trend.n_regions, trend.n_violating) == (3, 1)
    assert (trend.n_rows, trend.n_violating_rows, trend.share) == (4, 1, 0.25)
    assert trend.witness is not None
    assert trend.witness.points[:, 0].tolist() == pytest.approx([1.0, 2.0], abs=0.05)


def test_a_column_that_changes_nothing_is_constant():
    trend = xr.monotonicity(HILL, UNIT).trend("x1")
    assert trend.direction is Direction.CONSTANT
    assert trend.proof is Proof.BOUNDS
    assert trend.status is Status.HOLDS


def test_what_is_expected_is_checked():
    found = xr.monotonicity(HILL, UNIT, direction={"x0": "increasing", "x1": "decreasing"})
    assert [check.status for check in found.certificate.checks] == [Status.FAILS, Status.HOLDS]
    rows = found.witness_frame("x0")
    assert rows.score.iloc[1] < rows.score.iloc[0]
    assert len(found.witness_frame("x1")) == 0


def test_a_proven_direction_against_the_expected_one_fails_with_a_pair():
    part = Box([0.0, 0.0], [1.0, 1.0])
    trend = xr.monotonicity(HILL, part, direction="decreasing").trend("x0")
    assert trend.direction is Direction.INCREASING
    assert trend.status is Status.FAILS
    assert trend.witness is trend.rising is not None


def test_levels_between_the_levels_do_not_count():
    # falls with age where both indicators are off, which is no row
    network = levelled([-1.0, 5.0, 5.0])
    box = Box([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    found = xr.monotonicity(network, box)
    assert found.trend("age").direction is Direction.DECREASING
    assert found.trend("job").direction is Direction.NOT_APPLICABLE
    assert "no order" in found.trend("job").reason
    table = ReluNetwork.from_weights(
        [[[1.0, -5.0, -5.0]], [[1.0]]], [[0.5], [0.0]], schema=network.schema
    )
    assert xr.monotonicity(table, box).trend("age").direction is Direction.CONSTANT


def test_many_levels_are_left_to_the_program(monkeypatch):
    monkeypatch.setattr("explainrelu.audits.trend.trend_search._MOST_BOXES", 1)
    table = ReluNetwork.from_weights(
        [[[1.0, -5.0, -5.0], [-1.0, -5.0, -5.0]], [[1.0, 1.0]]], [[0.5, 0.5], [0.0]],
        schema=levelled([1.0, 1.0, 1.0]).schema,
    )  # fmt: skip
    trend = xr.monotonicity(table, Box([-1.0, 0.0, 0.0], [1.0, 1.0, 1.0])).trend("age")
    assert trend.direction is Direction.CONSTANT
    assert trend.proof is Proof.PROGRAM


def test_an_ordinal_column_is_witnessed_at_its_codes():
    size = Column("size", ColumnKind.ORDINAL, levels=("s", "m", "l"), codes=(0.0, 1.0, 2.0))
    schema = InputSchema((size,))
    peak = ReluNetwork.from_weights(
        [[[1.0], [1.0]], [[1.0, -2.0]]], [[0.0, -1.0], [0.0]], schema=schema
    )
    trend = xr.monotonicity(peak, Box([0.0], [2.0])).trends[0]
    assert trend.direction is Direction.NOT_MONOTONE
    assert np.isin(trend.falling.points, (0.0, 1.0, 2.0)).all()


def test_a_dip_between_two_codes_is_undecided():
    size = Column("size", ColumnKind.ORDINAL, levels=("s", "l"), codes=(0.0, 1.0))
    dip = ReluNetwork.from_weights(
        [[[1.0], [1.0]], [[-1.0, 4.0]]], [[0.0, -0.5], [0.0]], schema=InputSchema((size,))
    )
    trend = xr.monotonicity(dip, Box([0.0], [1.0])).trends[0]
    assert trend.direction is Direction.UNDECIDED
    assert trend.reason


def test_limits_leave_bounds_that_hold():
    model, X, _ = models.breast_cancer()
    network = xr.import_model(model, X)
    box = Box.from_data(X, schema=network.schema)
    found = xr.monotonicity(network, box, features=X.columns[:2], max_regions=10, time_limit=0.1)
    for trend in found.trends:
        assert trend.slope_lower <= trend.slope_upper
        assert not trend.complete


def test_directions_of_the_loan_classifier_are_proven_or_shown_wrong():
    model, X, _ = models.loan_decisions()
    network = xr.import_model(model, X)
    box = Box.from_data(X, schema=network.schema)
    found = xr.monotonicity(network, box, features=["income", "branch_distance", "job"], X=X[:500])
    directions = [trend.direction for trend in found.trends]
    assert directions == [Direction.INCREASING, Direction.NOT_MONOTONE, Direction.NOT_APPLICABLE]
    pair = found.witness_frame("branch_distance").drop(columns="score")
    first, second = model.decision_function(pair) if hasattr(model, "decision_function") else (
        np.log(p / (1 - p)) for p in model.predict_proba(pair)[:, 1]
    )  # fmt: skip
    assert second < first


def test_the_table_has_a_row_for_each_column_and_score():
    frame = xr.monotonicity(HILL, UNIT).to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.feature.tolist() == ["x0", "x1"]
    assert frame.status.tolist() == ["fails", "holds"]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"features": ["x9"]}, ColumnsError, "x9"),
        ({"features": "x0"}, InputTypeError, "list of column names"),
        ({"direction": "up"}, ArgumentError, "increasing, decreasing, got 'up'"),
        ({"direction": {"x9": "increasing"}}, ArgumentError, "x9"),
        ({"time_limit": -1.0}, ArgumentError, "time_limit"),
        ({"max_regions": 0}, ArgumentError, "max_regions"),
        ({"output": "none"}, ArgumentError, "output="),
    ],
)
def test_wrong_options_are_refused(options, error, match):
    with pytest.raises(error, match=match):
        xr.monotonicity(HILL, UNIT, **options)


def test_a_domain_of_another_size_is_refused():
    with pytest.raises(ArgumentError, match="2 inputs, got 1"):
        xr.monotonicity(HILL, Box([0.0], [1.0]))
    with pytest.raises(InputTypeError, match="must be a Box"):
        xr.monotonicity(HILL, [[0.0, 1.0]])


def test_a_trend_that_was_not_looked_at_is_refused():
    with pytest.raises(ArgumentError, match="not looked at"):
        xr.monotonicity(HILL, UNIT, features=["x0"]).trend("x1")
