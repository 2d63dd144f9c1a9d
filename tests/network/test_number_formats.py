import numpy as np
import pytest
from hypothesis import given

from explainrelu.errors import ArgumentError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.number_formats import NARROWER, rows_of_other_pattern
from tests.strategies import networks_and_points

_BITS = {"float32": 24, "float16": 11, "bfloat16": 8}


@pytest.mark.parametrize("name", NARROWER)
def test_a_number_is_rounded_to_the_bits_of_the_format(name: str):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).normal(size=1000)
    expected = torch.tensor(values).to(getattr(torch, name)).double().numpy()
    # torch rounds to bfloat16 by way of float32 too
    assert np.array_equal(NARROWER[name](values).astype(np.float64), expected)


@pytest.mark.parametrize("name", NARROWER)
def test_a_point_closer_to_the_border_than_the_format_sees_is_named(name: str):
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[-1.0], [0.0]])
    step = 2.0 ** -_BITS[name]
    points = np.array([[1.0 + 4 * step], [1.0 + step / 4], [1.0], [0.5]])
    assert rows_of_other_pattern(network, points, name).tolist() == [1]


@given(networks_and_points(integer=True))
def test_small_whole_numbers_have_the_same_pattern_in_float32(case):
    network, points = case
    assert rows_of_other_pattern(network, points, "float32").size == 0


def test_float64_differs_nowhere():
    network = ReluNetwork.from_weights([[[0.1]], [[1.0]]], [[-0.1], [0.0]])
    assert rows_of_other_pattern(network, np.array([[1.0]]), "float64").size == 0


def test_another_format_is_refused():
    network = ReluNetwork.from_weights([[[1.0]]], [[0.0]])
    with pytest.raises(ArgumentError, match="one of float64, float32, float16, bfloat16, got"):
        rows_of_other_pattern(network, np.zeros((1, 1)), "int8")


def test_numbers_that_overflow_the_format_are_in_another_region():
    network = ReluNetwork.from_weights([[[1.0, -1.0]], [[1.0]]], [[0.0], [0.0]])
    points = np.array([[2e5, 1e5], [1.0, 0.0]])
    assert rows_of_other_pattern(network, points, "float16").tolist() == [0]
