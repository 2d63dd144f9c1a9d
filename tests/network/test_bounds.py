import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.bounds import interval_bounds
from explainrelu.network.network import ReluNetwork
from tests.strategies import networks_and_points, relu_networks


@settings(max_examples=120)
@given(networks_and_points(integer=True), st.data())
def test_every_preactivation_and_score_over_the_box_lies_between(case, data: st.DataObject):
    network, points = case
    bounds = interval_bounds(network, Box.from_data(points))
    low, high = points.min(axis=0), points.max(axis=0)
    halves = data.draw(
        st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(low), max_size=len(low))
    )
    inside = np.vstack([points, low + np.array(halves) * (high - low)])
    for z, lower, upper in zip(
        network.preactivations(inside), bounds.lower, bounds.upper, strict=True
    ):
        assert ((lower <= z) & (z <= upper)).all()
    scores = network.forward(inside)
    assert ((bounds.output_lower <= scores) & (scores <= bounds.output_upper)).all()


@settings(max_examples=60)
@given(networks_and_points())
def test_the_bounds_of_one_point_are_its_values(case):
    network, points = case
    bounds = interval_bounds(network, Box(points[0], points[0]))
    for z, lower, upper in zip(
        network.preactivations(points[:1]), bounds.lower, bounds.upper, strict=True
    ):
        assert lower == pytest.approx(z[0], abs=1e-9)
        assert upper == pytest.approx(z[0], abs=1e-9)
    assert bounds.output_lower == pytest.approx(network.forward(points[:1])[0], abs=1e-9)


@settings(max_examples=60)
@given(relu_networks(integer=True), st.integers(0, 3), st.integers(0, 3))
def test_a_larger_box_has_wider_bounds(network: ReluNetwork, small: int, more: int):
    centre = np.ones(network.n_inputs)
    inner = interval_bounds(network, Box.around(centre, small))
    outer = interval_bounds(network, Box.around(centre, small + more))
    assert (outer.output_lower <= inner.output_lower).all()
    assert (outer.output_upper >= inner.output_upper).all()


@settings(max_examples=60)
@given(relu_networks(integer=True, min_layers=1, max_layers=1))
def test_the_bounds_of_the_first_layer_are_reached_at_corners(network: ReluNetwork):
    box = Box.around(np.zeros(network.n_inputs), 1.0)
    bounds = interval_bounds(network, box)
    corners = np.array(list(np.ndindex(*(2,) * network.n_inputs))) * 2.0 - 1.0
    z = network.preactivations(corners)[0]
    assert (bounds.lower[0] == z.min(axis=0)).all()
    assert (bounds.upper[0] == z.max(axis=0)).all()


def test_a_box_of_another_number_of_inputs_is_refused():
    network = ReluNetwork.from_weights([np.eye(2)], [np.zeros(2)])
    with pytest.raises(ArgumentError, match=r"must have .*2 inputs.*got 3"):
        interval_bounds(network, Box([0] * 3, [1] * 3))
