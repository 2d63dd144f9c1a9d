"""The largest change of an attribution in a ball, held against dense sampling."""

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.agreement.sensitivity import attribution_sensitivity
from explainrelu.explanations.local_linear import local_linear
from explainrelu.network.network import ReluNetwork
from tests import models


def network(seed):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(8, 2)), rng.normal(size=(2, 8))]
    return ReluNetwork.from_weights(weights, [rng.normal(size=8), rng.normal(size=2)])


@pytest.mark.parametrize("seed", range(3))
def test_no_sampled_change_is_larger_and_some_come_near(seed):
    net, rng = network(seed), np.random.default_rng(seed)
    X, background = rng.normal(size=(3, 2)), rng.normal(size=(200, 2))
    table = attribution_sensitivity(net, X, radius=0.4, background=background)
    reach = 0.4 * background.std(axis=0)
    for i, x in enumerate(X):
        near = x + rng.uniform(-1, 1, size=(20_000, 2)) * reach
        own = local_linear(net, x[None], background=background).values[0]
        moved = local_linear(net, near, background=background).values
        largest = np.abs(moved - own).max(axis=(0, 1))
        found = table[table["row"] == i]["largest_change"].to_numpy()
        assert (largest <= found + 1e-9).all()
        assert (largest >= 0.9 * found - 1e-9).all()
        scores = np.abs(net(near) - net(x[None])).max(axis=0)
        assert (scores <= table[table["row"] == i]["score_change"].to_numpy() + 1e-9).all()
    assert table["exactness"].eq("exact").all()


def test_in_one_region_it_is_the_coefficient_times_the_reach():
    net = ReluNetwork.from_weights([[[3.0, -1.0]]], [[0.0]])
    X = np.random.default_rng(0).normal(size=(50, 2))
    table = attribution_sensitivity(net, X, radius=0.1)
    expected = (np.abs([3.0, -1.0]) * 0.1 * X.std(axis=0)).max()
    np.testing.assert_allclose(table["largest_change"], expected)


def test_a_search_that_stops_says_so():
    net = network(0)
    X = np.random.default_rng(0).normal(size=(20, 2))
    table = attribution_sensitivity(net, X, radius=3.0, max_regions=2)
    assert table["exactness"].eq("bounded").any()


def test_levels_stay_and_numbers_move():
    model, X, _ = models.loans()
    table = attribution_sensitivity(model, X[:2], radius=0.01, background=X)
    numeric = set(X.select_dtypes("number").columns)
    assert set(table["feature"]) <= numeric


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan])
def test_a_ball_needs_a_radius(radius):
    with pytest.raises(ArgumentError, match="radius must be a number above 0"):
        attribution_sensitivity(network(0), np.eye(2), radius=radius)


@pytest.mark.parametrize("radius", ["0.1", True, [0.1, 0.2], None])
def test_a_radius_is_one_number(radius):
    with pytest.raises(InputTypeError, match="radius must be a number above 0"):
        attribution_sensitivity(network(0), np.eye(2), radius=radius)


def test_a_single_row_has_no_spread():
    with pytest.raises(ArgumentError, match="numeric columns that vary"):
        attribution_sensitivity(network(0), np.ones((1, 2)))
