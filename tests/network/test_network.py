from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.network.schema import InputSchema
from tests.oracles import forward_exact, preactivations_exact
from tests.strategies import networks_and_points, relu_networks


def plain(*widths: int, seed: int = 0) -> ReluNetwork:
    """A chain of rectified layers with random weights."""
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(widths))
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairs]
    return ReluNetwork.from_weights(weights, [rng.normal(size=b) for _, b in pairs])


@settings(max_examples=100)
@given(networks_and_points(integer=True))
def test_scores_of_integer_networks_are_exact(case: tuple[ReluNetwork, np.ndarray]):
    network, points = case
    for point, scores in zip(points, network.forward(points), strict=True):
        assert scores.tolist() == forward_exact(network, point)


@settings(max_examples=100)
@given(networks_and_points())
def test_scores_are_those_of_exact_arithmetic_up_to_rounding(case):
    network, points = case
    for point, scores in zip(points, network.forward(points), strict=True):
        assert scores == pytest.approx(np.array(forward_exact(network, point), float), abs=1e-9)


@settings(max_examples=60)
@given(networks_and_points(integer=True))
def test_preactivations_of_integer_networks_are_exact(case: tuple[ReluNetwork, np.ndarray]):
    network, points = case
    found = network.preactivations(points)
    for i, point in enumerate(points):
        assert [z[i].tolist() for z in found] == preactivations_exact(network, point)


@settings(max_examples=40)
@given(networks_and_points())
def test_evaluating_changes_neither_the_points_nor_the_network(case):
    network, points = case
    before, fingerprint = points.copy(), network.fingerprint
    network(points)
    network.preactivations(points)
    assert (points == before).all()
    assert network.fingerprint == fingerprint


def test_a_carried_unit_passes_negative_values_on():
    layer = Layer(np.eye(2), np.zeros(2), np.array([True, False]))
    output = AffineMap(np.eye(2), np.zeros(2))
    network = ReluNetwork(
        (layer,), output, InputSchema.numbered(2), OutputSchema(("rectified", "carried"))
    )
    assert network([[-1.0, -2.0]]).tolist() == [[0.0, -2.0]]
    assert (network.n_neurons, network.widths) == (1, (2,))


def test_a_residual_block_of_carried_units_adds_its_input():
    weight = np.array([[1.0], [1.0]])
    layer = Layer(weight, np.array([0.0, -1.0]), np.array([False, True]))
    network = ReluNetwork(
        (layer,),
        AffineMap(np.array([[1.0, 1.0]]), np.zeros(1)),
        InputSchema.numbered(1),
        OutputSchema.numbered(1),
    )
    assert network([[-3.0], [1.0], [3.0]]).tolist() == [-3.0, 1.0, 5.0]


def test_without_hidden_layers_a_network_is_its_output_map():
    network = ReluNetwork.from_weights([[[2.0, -1.0]]], [[3.0]])
    assert network([[1.0, 1.0], [0.0, 5.0]]).tolist() == [4.0, -2.0]
    assert (network.n_neurons, network.widths, network.n_inputs) == (0, (), 2)


def test_a_hidden_layer_without_units_leaves_the_bias():
    layer = Layer(np.zeros((0, 2)), np.zeros(0), np.zeros(0, bool))
    network = ReluNetwork(
        (layer,),
        AffineMap(np.zeros((1, 0)), np.array([4.0])),
        InputSchema.numbered(2),
        OutputSchema.numbered(1),
    )
    assert network([[1.0, 2.0]]).tolist() == [4.0]


def test_one_output_is_a_vector_and_several_are_a_table():
    assert plain(3, 4, 1)(np.zeros((5, 3))).shape == (5,)
    assert plain(3, 4, 2)(np.zeros((5, 3))).shape == (5, 2)


def test_rows_scored_in_chunks_are_scored_like_single_rows():
    network = plain(3, 4096, 2)
    points = np.random.default_rng(1).normal(size=(700, 3))
    assert len(list(network.row_chunks(700))) > 1
    one_by_one = np.concatenate([network.forward(points[[i]]) for i in (0, 127, 128, 699)])
    assert network.forward(points)[[0, 127, 128, 699]] == pytest.approx(one_by_one, rel=1e-12)


def test_chunks_cover_every_row_once():
    for n_samples in (0, 1, 63, 64, 1000):
        rows = [
            i for s in plain(2, 20_000, 1).row_chunks(n_samples) for i in range(s.start, s.stop)
        ]
        assert rows == list(range(n_samples))


def test_a_float32_table_is_scored_in_float64():
    network = plain(3, 4, 1)
    points = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    assert network(points).dtype == np.float64
    assert (network(points) == network(points.astype(np.float64))).all()


def test_weights_are_copied_and_read_only():
    weight = np.ones((1, 2))
    network = ReluNetwork.from_weights([weight], [[0.0]])
    weight[:] = 5.0
    assert network.output.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="read-only"):
        network.output.weight[0, 0] = 2.0


def test_a_record_cannot_be_changed():
    with pytest.raises(AttributeError, match="field"):
        plain(2, 3, 1).layers = ()


def test_the_link_is_the_one_of_the_outputs():
    outputs = OutputSchema(("yes",), Task.BINARY, Link.logistic, ("no", "yes"))
    network = ReluNetwork.from_weights([[[1.0]]], [[0.0]], outputs=outputs)
    assert network.link is Link.logistic


@settings(max_examples=60)
@given(relu_networks(), relu_networks())
def test_equal_numbers_have_equal_fingerprints_and_others_do_not(a: ReluNetwork, b: ReluNetwork):
    same = all(
        np.array_equal(x, y) and x.shape == y.shape
        for x, y in zip(_numbers(a), _numbers(b), strict=False)
    ) and len(_numbers(a)) == len(_numbers(b))
    assert (a.fingerprint == b.fingerprint) == same


def _numbers(network: ReluNetwork) -> list[np.ndarray]:
    layers = [x for layer in network.layers for x in (layer.weight, layer.bias, layer.rectified)]
    return [*layers, network.output.weight, network.output.bias]


def test_the_fingerprint_tells_shapes_apart():
    flat = ReluNetwork.from_weights([np.zeros((2, 3))], [np.zeros(2)])
    tall = ReluNetwork.from_weights([np.zeros((4, 1))], [np.zeros(4)])
    assert flat.fingerprint != tall.fingerprint


@pytest.mark.parametrize(
    ("weights", "biases", "says"),
    [
        ([], [], "one bias a weight matrix and at least one"),
        ([np.zeros((1, 2))], [], "got 1 and 0"),
        ([np.zeros((3, 2)), np.zeros((1, 4))], [np.zeros(3), np.zeros(1)], r"weights\[1\] must"),
        ([np.zeros((3, 2))], [np.zeros(2)], r"bias must have one value a row .*\(3\), got 2"),
        ([np.zeros(3)], [np.zeros(3)], r"weight must have 2 dimension\(s\), got shape \(3,\)"),
        ([np.full((1, 1), np.nan)], [np.zeros(1)], "finite numbers only, got NaN or infinity"),
        ([np.ones((1, 1))], [np.array([np.inf])], "bias must hold finite numbers"),
        ([[["a"]]], [[0.0]], "weight must"),
        ([[[1.0, 2.0], [3.0]]], [[0.0, 0.0]], "weight must"),
    ],
)
def test_arrays_that_make_no_network_are_refused_in_words(weights, biases, says: str):
    with pytest.raises(ArgumentError, match=says):
        ReluNetwork.from_weights(weights, biases)


def test_weights_may_come_as_one_array():
    weights = np.ones((2, 1, 1))
    assert ReluNetwork.from_weights(weights, np.zeros((2, 1)))([[3.0]]).tolist() == [3.0]


def test_a_layer_needs_one_flag_a_unit():
    with pytest.raises(ArgumentError, match=r"one flag a unit \(2\), got shape \(1,\)"):
        Layer(np.eye(2), np.zeros(2), np.array([True]))


def test_layers_must_take_what_stands_before_them():
    with pytest.raises(ArgumentError, match="takes 2 values but what stands before it gives 3"):
        ReluNetwork(
            (),
            AffineMap(np.zeros((1, 2)), np.zeros(1)),
            InputSchema.numbered(3),
            OutputSchema.numbered(1),
        )


def test_every_output_needs_a_name():
    with pytest.raises(ArgumentError, match="2 outputs need 2 names"):
        ReluNetwork.from_weights([np.eye(2)], [np.zeros(2)], outputs=OutputSchema.numbered(1))


@given(st.integers(1, 3))
def test_numbered_inputs_and_outputs_have_names(n: int):
    network = ReluNetwork.from_weights([np.eye(n)], [np.zeros(n)])
    assert network.schema.names == tuple(f"x{i}" for i in range(n))
    assert len(set(network.outputs.names)) == n
