from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.geometry.box import Box
from explainrelu.network.back_substitution import back_substituted_bounds
from explainrelu.network.batched_bounds import BatchedBounds
from explainrelu.network.network import ReluNetwork
from tests.milp.networks import random_network
from tests.oracles import forward_exact
from tests.strategies import arrays, relu_networks


@st.composite
def problems(draw):
    """A network, two boxes, and a point of each."""
    network = draw(relu_networks())
    shape = (2, network.n_inputs)
    lower = draw(arrays(shape))
    upper = lower + np.abs(draw(arrays(shape)))
    share = draw(st.floats(0.0, 1.0))
    return network, lower, upper, np.clip(lower + share * (upper - lower), lower, upper)


@given(problems())
def test_no_point_of_a_box_lies_below_the_bounds(problem):
    network, lower, upper, points = problem
    domain = Box(lower.min(axis=0), upper.max(axis=0))
    weight = np.vstack([np.eye(network.n_outputs), -np.eye(network.n_outputs)])
    bound = np.arange(len(weight), dtype=float)
    found = BatchedBounds(network, domain, weight, bound).over(lower, upper)
    for box, point in enumerate(points):
        scores = forward_exact(network, point)
        exact = [*scores, *(-score for score in scores)]
        for form, value in enumerate(exact):
            assert Fraction(float(found.lower[box, form])) <= value - int(bound[form])


@pytest.mark.parametrize("carried", [0.0, 0.5])
def test_bounds_are_nearly_those_of_one_box_at_a_time(carried):
    network = random_network((3, 8, 8, 2), 0, carried)
    centres = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    lower, upper = centres - 0.1, centres + 0.1
    forms = BatchedBounds(network, Box([-2.0] * 3, [2.0] * 3), np.eye(2), np.zeros(2))
    found = forms.over(lower, upper)
    for i in (0, 299):
        single = back_substituted_bounds(network, Box(lower[i], upper[i])).output_lower
        assert (found.lower[i] <= single + 1e-12).all()
        assert found.lower[i] == pytest.approx(single, abs=0.2)


def test_where_nothing_is_open_the_bound_is_the_least_value():
    network = ReluNetwork.from_weights([[[1.0, -1.0]], [[2.0]]], [[5.0], [0.0]])
    forms = BatchedBounds(network, Box([0.0, 0.0], [1.0, 1.0]), np.array([[1.0]]), np.array([1.0]))
    found = forms.over(np.zeros((1, 2)), np.ones((1, 2)))
    assert found.lower[0, 0] == pytest.approx(7.0, abs=1e-12)
    assert (found.slope[0, 0].tolist(), found.gap[0].tolist()) == ([2.0, -2.0], [0.0, 0.0])
    assert found.n_unstable[0] == 0


def test_the_gap_is_where_the_open_units_are():
    network = ReluNetwork.from_weights([[[1.0, 0.0], [0.0, 1.0]], [[1.0, -1.0]]], [[0, 9], [0]])
    forms = BatchedBounds(network, Box([-1.0] * 2, [1.0] * 2), np.array([[-1.0]]), np.zeros(1))
    found = forms.over(-np.ones((1, 2)), np.ones((1, 2)))
    assert found.gap[0, 0] > 0 == found.gap[0, 1]
    assert found.n_unstable[0] == 1
