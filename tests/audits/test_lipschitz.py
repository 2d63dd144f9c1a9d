import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import explainrelu as xr
from explainrelu.audits.boundary.norms import Norm
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError, ColumnsError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from tests import models, strategies
from tests.audits.brute_force import slopes_by_regions

KINK = ReluNetwork.from_weights([[[1.0, 1.0], [1.0, 0.0]], [[1.0, 3.0]]], [[0.0, -1.0], [0.0]])
UNIT = Box([-1.0, -1.0], [2.0, 1.0])


@settings(max_examples=40, deadline=None)
@given(strategies.relu_networks(), st.sampled_from(list(Norm)))
def test_the_largest_slope_is_that_of_the_steepest_region(network, norm):
    box = Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    found = xr.lipschitz(network, box, norm=norm)
    truth = norm.dual_length(slopes_by_regions(network, box)).max(axis=0)
    assert found.exactness is Exactness.EXACT
    np.testing.assert_allclose(found.upper, truth, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.lower, truth, rtol=1e-5, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(strategies.relu_networks(), st.sampled_from(list(Norm)))
def test_limits_leave_bounds_on_both_sides(network, norm):
    box = Box(np.full(network.n_inputs, -2.0), np.full(network.n_inputs, 2.0))
    found = xr.lipschitz(network, box, norm=norm, max_regions=1)
    truth = norm.dual_length(slopes_by_regions(network, box)).max(axis=0)
    assert (found.lower <= truth * (1 + 1e-6) + 1e-9).all()
    assert (found.upper >= truth * (1 - 1e-9) - 1e-12).all()


@pytest.mark.parametrize("norm", list(Norm))
def test_the_pair_attains_the_slope(norm: Norm):
    found = xr.lipschitz(KINK, UNIT, norm=norm)
    first, second = found.pairs[0]
    change = KINK(second[None])[0] - KINK(first[None])[0]
    assert change / norm.length(second - first) == pytest.approx(found.upper[0], rel=1e-6)
    assert UNIT.contains(found.pairs[0]).all()


@pytest.mark.parametrize("norm", list(Norm))
def test_no_two_rows_are_steeper(norm: Norm):
    model, X, _ = models.iris()
    network = xr.import_model(model, X)
    box = Box.from_data(X, schema=network.schema)
    found = xr.lipschitz(network, box, norm=norm, output="virginica")
    points = box.sample(4000, np.random.default_rng(0)).reshape(2, -1, 4)
    scores = [network.forward(part)[:, 2] for part in points]
    assert (
        np.abs(scores[1] - scores[0]) <= found.upper[0] * norm.length(points[1] - points[0])
    ).all()


def test_scales_and_columns_that_are_held():
    found = xr.lipschitz(KINK, UNIT, norm="linf", scale={"x0": 2.0}, features=["x0"])
    assert found.upper[0] == pytest.approx(8.0)
    assert found.pairs[0, 0, 1] == found.pairs[0, 1, 1]
    held = Box([0.0, 0.5], [0.5, 0.5])
    assert xr.lipschitz(KINK, held, norm="linf").upper[0] == pytest.approx(1.0)


def test_levels_between_the_levels_do_not_count():
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
    schema = InputSchema((Column("age"), job))
    network = ReluNetwork.from_weights(
        [[[1.0, -5.0, -5.0]], [[1.0]]], [[0.5], [0.0]], schema=schema
    )
    found = xr.lipschitz(network, Box([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]))
    assert found.upper.tolist() == [0.0]


def test_the_table_says_what_was_gone_through():
    frame = xr.lipschitz(KINK, UNIT).to_frame()
    assert frame.n_regions.tolist() == [3]
    assert frame.exactness.tolist() == ["exact"]
    assert xr.lipschitz(KINK, UNIT, max_regions=2).to_frame().stopped[0].startswith("max_regions")


def test_the_pair_is_shown_as_raw_rows():
    rows = xr.lipschitz(KINK, UNIT).pair_frame()
    assert list(rows.columns) == ["x0", "x1"]
    with pytest.raises(ArgumentError, match="output must be one of score"):
        xr.lipschitz(KINK, UNIT).pair_frame("other")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"norm": "l0"}, ArgumentError, "norm must be one of"),
        ({"scale": "std"}, ArgumentError, "pass X"),
        ({"features": ["x9"]}, ColumnsError, "x9"),
        ({"scale": {"x0": 0.0, "x1": 1.0}}, ArgumentError, "positive number"),
        ({"time_limit": 0}, ArgumentError, "time_limit"),
        ({"max_regions": 0}, ArgumentError, "max_regions"),
    ],
)
def test_wrong_options_are_refused(options, error, match):
    with pytest.raises(error, match=match):
        xr.lipschitz(KINK, UNIT, **options)


def test_a_domain_that_holds_everything_fixed_is_refused():
    with pytest.raises(ArgumentError, match="free in the domain"):
        xr.lipschitz(KINK, Box([0.0, 0.0], [0.0, 0.0]))
