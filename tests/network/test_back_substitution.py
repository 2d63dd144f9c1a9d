import numpy as np
import pytest
from hypothesis import given, settings

from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.back_substitution import back_substituted_bounds
from explainrelu.network.bounds import interval_bounds
from explainrelu.network.network import ReluNetwork
from tests.strategies import networks_and_points, relu_networks


@settings(max_examples=150)
@given(networks_and_points(max_layers=4))
def test_every_preactivation_and_score_over_the_box_lies_between(case):
    network, points = case
    box = Box.from_data(points)
    bounds = back_substituted_bounds(network, box)
    inside = np.vstack([points, box.sample(50, np.random.default_rng(0))])
    for z, lower, upper in zip(
        network.preactivations(inside), bounds.lower, bounds.upper, strict=True
    ):
        slack = 1e-9 * (1 + np.abs(z).max())
        assert ((lower - slack <= z) & (z <= upper + slack)).all()
    scores = network.forward(inside)
    slack = 1e-9 * (1 + np.abs(scores).max())
    assert (bounds.output_lower - slack <= scores).all()
    assert (bounds.output_upper + slack >= scores).all()


@settings(max_examples=100)
@given(relu_networks(integer=True, max_layers=4))
def test_no_bound_is_looser_than_by_intervals(network: ReluNetwork):
    box = Box.around(np.zeros(network.n_inputs), 1.0)
    loose, tight = interval_bounds(network, box), back_substituted_bounds(network, box)
    for i in range(len(network.layers)):
        assert (tight.lower[i] >= loose.lower[i] - 1e-9).all()
        assert (tight.upper[i] <= loose.upper[i] + 1e-9).all()
    assert (tight.output_lower >= loose.output_lower - 1e-9).all()
    assert (tight.output_upper <= loose.output_upper + 1e-9).all()


def test_what_cancels_is_seen_where_intervals_do_not_see_it():
    network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, -1.0]]], [[5.0, 5.0], [0.0]])
    bounds = back_substituted_bounds(network, Box([-1.0], [1.0]))
    assert bounds.output_lower == bounds.output_upper == 0.0
    assert interval_bounds(network, Box([-1.0], [1.0])).output_upper == 2.0


def test_a_box_of_another_number_of_inputs_is_refused():
    network = ReluNetwork.from_weights([np.eye(2)], [np.zeros(2)])
    with pytest.raises(ArgumentError, match=r"must have .*2 inputs.*got 3"):
        back_substituted_bounds(network, Box([0] * 3, [1] * 3))
