import numpy as np
import pytest

from explainrelu.errors import ModelError
from explainrelu.importers.operators.scheduling import schedule
from explainrelu.importers.operators.values import (
    AffineVector,
    InputVector,
    RectifiedVector,
    Vector,
)
from tests.strategies import SLOPES

RNG = np.random.default_rng(0)


def linear(source: Vector, n_out: int) -> AffineVector:
    return AffineVector(((RNG.normal(size=(n_out, source.size)), source),), RNG.normal(size=n_out))


def leaky(source: Vector, slope: float) -> AffineVector:
    eye = np.eye(source.size)
    terms = ((slope * eye, source), ((1.0 - slope) * eye, RectifiedVector(source)))
    return AffineVector(terms, np.zeros(source.size))


def total(*vectors: Vector) -> AffineVector:
    return AffineVector(tuple((np.eye(v.size), v) for v in vectors), np.zeros(vectors[0].size))


def carried(output: Vector, n_inputs: int) -> list[int]:
    layers, _ = schedule(output, n_inputs)
    return [layer.n_units - layer.n_rectified for layer in layers]


def test_a_plain_chain_keeps_its_very_numbers_and_carries_nothing():
    x = InputVector(3)
    first = linear(x, 4)
    second = linear(RectifiedVector(first), 2)
    layers, output = schedule(second, 3)
    assert layers[0].weight.tobytes() == first.terms[0][0].tobytes()
    assert layers[0].bias.tobytes() == first.bias.tobytes()
    assert output.weight.tobytes() == second.terms[0][0].tobytes()
    assert layers[0].rectified.all()


def test_negative_zero_survives():
    x = InputVector(1)
    y = AffineVector(((np.array([[-0.0]]), x),), np.array([-0.0]))
    _, output = schedule(y, 1)
    assert np.signbit(output.weight).all()
    assert np.signbit(output.bias).all()


@pytest.mark.parametrize("slope", SLOPES)
def test_a_residual_stream_carries_no_more_than_itself(slope: float):
    stream: Vector = InputVector(3)
    for _ in range(4):
        stream = total(stream, linear(leaky(linear(stream, 8), slope), 3))
    assert carried(stream, 3) == [3, 3, 3, 3]


def test_a_bottleneck_before_a_leaky_rectification_is_what_is_carried():
    wide = RectifiedVector(linear(InputVector(10), 9))
    bottleneck = linear(wide, 2)
    assert carried(linear(leaky(linear(bottleneck, 7), 0.5), 1), 10) == [0, 2]


def test_a_skip_over_several_layers_is_carried_to_where_it_is_needed():
    early = RectifiedVector(linear(InputVector(4), 2))
    middle = RectifiedVector(linear(RectifiedVector(linear(early, 5)), 2))
    late = RectifiedVector(linear(total(early, middle), 3))
    assert carried(linear(late, 1), 4) == [0, 2, 2, 0]


def test_units_ready_at_the_same_depth_share_a_layer():
    x = InputVector(2)
    layers, _ = schedule(total(RectifiedVector(linear(x, 3)), RectifiedVector(linear(x, 3))), 2)
    assert [layer.n_rectified for layer in layers] == [6]


def test_a_chain_of_a_thousand_layers_needs_no_deep_recursion():
    vector: Vector = InputVector(1)
    for _ in range(1000):
        vector = RectifiedVector(AffineVector(((np.ones((1, 1)), vector),), np.zeros(1)))
    layers, _ = schedule(vector, 1)
    assert len(layers) == 1000


def test_weights_that_overflow_when_composed_are_refused():
    x = InputVector(1)
    huge = np.full((1, 1), 1e200)
    vector = AffineVector(((huge, AffineVector(((huge, x),), np.zeros(1))),), np.zeros(1))
    with pytest.raises(ModelError, match="must compose to finite numbers"):
        schedule(RectifiedVector(vector), 1)
