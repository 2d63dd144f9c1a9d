"""The written weights, against the construction read literally."""

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, SizeError
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.convert import convert
from tests import models

# one unit relu(x): two cells, one form
KINK = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[-3.0], [1.0]]), [[5.0], [5.5], [0.0]])


def test_layer_one_splits_the_input_and_measures_the_form():
    first = KINK.layer(1)
    assert first.weight.toarray().tolist() == [[1.0], [-1.0], [1.0]]
    assert first.bias.tolist() == [0.0, 0.0, -3.0]


def test_layer_two_carries_and_switches_with_minus_infinity():
    second = KINK.layer(2)
    assert second.weight.toarray().tolist() == [
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.0, -np.inf],
    ]
    assert second.bias.tolist() == [0.0, 0.0, 0.0, 1.0]


def test_layer_three_has_a_plus_and_a_minus_neuron_a_cell():
    third = KINK.layer(3)
    active, inactive = third.weight.toarray()[:2], third.weight.toarray()[2:]
    # 2 (x - 3) + 1 = 2 x - 5 on the active cell, silenced where the switch speaks
    assert active.tolist() == [[2.0, -2.0, 0.0, -np.inf], [-2.0, 2.0, 0.0, -np.inf]]
    assert inactive.tolist() == [[0.0, 0.0, -np.inf, 0.0], [0.0, 0.0, -np.inf, 0.0]]
    assert third.bias.tolist() == [-5.0, 5.0, 1.0, -1.0]


def test_the_output_map_adds_plus_and_takes_minus():
    assert KINK.layer(4).weight.toarray().tolist() == [[1.0, -1.0, 1.0, -1.0]]


def test_minus_infinity_is_the_only_infinite_weight():
    model, X, _ = models.iris()
    shallow = convert(model, X)
    for number in (1, 2, 3, 4):
        layer = shallow.layer(number)
        assert np.isfinite(layer.bias).all()
        assert not np.isposinf(layer.weight.data).any()
        assert np.isfinite(layer.finite.data).all()


def test_selectors_only_meet_outputs_of_rectified_units():
    model, X, _ = models.iris()
    shallow = convert(model, X)
    n_inputs = shallow.source.n_inputs
    assert shallow.layer(3).selectors.indices.min() >= 2 * n_inputs


def test_another_layer_is_refused():
    with pytest.raises(ArgumentError, match="1, 2, 3 or 4"):
        KINK.layer(5)


def test_weights_that_do_not_fit_are_refused_with_their_count(monkeypatch):
    monkeypatch.setattr("explainrelu.rewrites.three_layer.weights._MAX_WEIGHTS", 10)
    with pytest.raises(SizeError, match=r"Layer 3 of 2 cells has 12 non-zero weights.*restrict"):
        KINK.layer(3)
