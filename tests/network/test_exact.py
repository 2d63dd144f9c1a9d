from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.network.exact import ExactArray, exact_forms, exact_pattern, exact_scores
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from tests.oracles import forward_exact, pattern_exact, pattern_map_exact
from tests.strategies import networks_and_points, relu_networks

FRACTIONS = st.fractions(min_value=-5, max_value=5, max_denominator=60)


def _matrix(draw: st.DrawFn, rows: int, columns: int) -> list[list[Fraction]]:
    return [[draw(FRACTIONS) for _ in range(columns)] for _ in range(rows)]


@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_products_and_sums_are_those_of_fractions(data: st.DataObject, n: int, m: int, k: int):
    left, right = _matrix(data.draw, n, m), _matrix(data.draw, m, k)
    product = [
        [sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0)) for column in columns]
        for row in left
        for columns in [list(zip(*right, strict=True))]
    ]
    found = ExactArray.of(left) @ ExactArray.of(right)
    assert found.fractions() == product
    double = [[2 * x for x in row] for row in product]
    assert (found + found).fractions() == double


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=4))
def test_floats_are_taken_as_the_rationals_they_are(values: list[float]):
    assert ExactArray.of(values).fractions() == [Fraction(v) for v in values]
    assert ExactArray.of(np.array(values)).fractions() == [Fraction(v) for v in values]


@given(st.lists(FRACTIONS, min_size=1, max_size=6))
def test_positive_is_strict(values: list[Fraction]):
    assert ExactArray.of(values).positive.tolist() == [v > 0 for v in values]


def test_rows_can_be_taken_or_set_to_zero():
    array = ExactArray.of([[1, Fraction(1, 2)], [3, 4]])
    kept = np.array([True, False])
    assert array.take(kept).fractions() == [[1, Fraction(1, 2)]]
    assert array.rows_where(kept).fractions() == [[1, Fraction(1, 2)], [0, 0]]
    assert array.fractions()[1] == [3, 4]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_fraction(value: float):
    with pytest.raises((ValueError, OverflowError), match="integer ratio"):
        ExactArray.of([value])


@settings(max_examples=60)
@given(networks_and_points())
def test_scores_and_pattern_are_exact_for_any_floats(case: tuple[ReluNetwork, np.ndarray]):
    network, points = case
    for point in points:
        exact = ExactArray.of(point)
        assert exact_scores(network, exact).fractions() == forward_exact(network, point)
        assert tuple(exact_pattern(network, exact).tolist()) == pattern_exact(network, point)


@settings(max_examples=60)
@given(relu_networks(integer=True), st.data())
def test_points_may_be_fractions_on_boundaries(network: ReluNetwork, data: st.DataObject):
    point = [data.draw(FRACTIONS) for _ in range(network.n_inputs)]
    exact = ExactArray.of(point)
    assert exact_scores(network, exact).fractions() == forward_exact(network, point)
    assert tuple(exact_pattern(network, exact).tolist()) == pattern_exact(network, point)


@settings(max_examples=60)
@given(networks_and_points())
def test_the_formula_of_a_pattern_is_exact(case: tuple[ReluNetwork, np.ndarray]):
    network, points = case
    pattern = np.array(pattern_exact(network, points[0]), dtype=bool)
    _, (weight, bias) = exact_forms(network, pattern)
    expected_weight, expected_bias = pattern_map_exact(network, pattern)
    assert weight.fractions() == expected_weight
    assert bias.fractions() == expected_bias


@settings(max_examples=60)
@given(networks_and_points())
def test_the_forms_of_the_preactivations_have_the_sign_of_the_bits(case):
    network, points = case
    point = ExactArray.of(points[0])
    pattern = exact_pattern(network, point)
    (weight, bias), _ = exact_forms(network, pattern)
    assert weight.integers.shape == (network.n_neurons, network.n_inputs)
    assert (weight @ point + bias).positive.tolist() == pattern.tolist()


def test_a_network_without_neurons_has_its_output_map_as_formula():
    network = ReluNetwork.from_weights([[[2.0, -1.0]]], [[3.0]])
    (weight, bias), (score_weight, score_bias) = exact_forms(network, np.zeros(0, bool))
    assert weight.integers.shape == (0, 2)
    assert bias.integers.shape == (0,)
    assert score_weight.fractions() == [[2, -1]]
    assert score_bias.fractions() == [3]
    assert exact_pattern(network, ExactArray.of([1, 1])).shape == (0,)


def test_a_hidden_layer_without_units_leaves_the_bias():
    layer = Layer(np.zeros((0, 2)), np.zeros(0), np.zeros(0, bool))
    network = ReluNetwork(
        (layer,),
        AffineMap(np.zeros((1, 0)), np.array([4.0])),
        InputSchema.numbered(2),
        OutputSchema.numbered(1),
    )
    assert exact_scores(network, ExactArray.of([1, 2])).fractions() == [4]
