import numpy as np
import pytest
from hypothesis import given
from scipy import sparse

from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.canonical_form import canonical_form
from explainrelu.rewrites.rewrite import Reach
from tests.oracles import forward_exact
from tests.rewrites.network_orbit import plain_network, shuffled
from tests.strategies import networks_and_points, relu_networks


def numbers(network: ReluNetwork) -> np.ndarray:
    maps = [*network.layers, network.output]
    return np.concatenate([np.append(m.weight, m.bias) for m in maps])


@pytest.mark.parametrize("seed", range(10))
def test_random_permutation_and_scaling_gives_an_identical_canonical_form(seed):
    network = plain_network((3, 8, 7, 6, 2), seed)
    form, other = canonical_form(network), canonical_form(shuffled(network, seed))
    np.testing.assert_allclose(numbers(form.result), numbers(other.result), atol=1e-12)
    assert form.certificate.holds
    assert other.certificate.holds


def test_permutation_and_powers_of_two_give_the_same_numbers_to_the_last_bit():
    network = plain_network((3, 6, 1), 3)
    other = shuffled(network, 1, powers_of_two=True)
    found = [canonical_form(each).result.fingerprint for each in (network, other)]
    assert found[0] == found[1]


@given(networks_and_points(integer=True))
def test_same_scores_as_exact_arithmetic_gives_the_source(drawn):
    network, points = drawn
    found = canonical_form(network).result.forward(points)
    own = np.array([[float(v) for v in forward_exact(network, row)] for row in points])
    np.testing.assert_allclose(found, own, rtol=1e-11, atol=1e-11)


@given(relu_networks())
def test_form_of_a_form_is_itself(network):
    form = canonical_form(network).result
    again = canonical_form(form)
    assert not again.changes
    np.testing.assert_allclose(numbers(again.result), numbers(form), rtol=1e-12, atol=1e-300)


@given(relu_networks())
def test_source_is_untouched_and_units_have_length_one(network):
    before = network.fingerprint
    form = canonical_form(network)
    assert network.fingerprint == before
    assert form.source is network
    assert form.guarantee.reach is Reach.EVERYWHERE
    for layer in form.result.layers:
        np.testing.assert_allclose(np.linalg.norm(layer.weight, axis=1), 1.0, rtol=1e-12)


def test_unused_constant_and_proportional_units_are_left_out():
    first = [[1.0, 2.0], [3.0, 6.0], [0.0, 0.0], [0.0, 0.0], [1.0, -1.0], [-1.0, -2.0]]
    bias = [0.5, 1.5, 2.0, -2.0, 0.0, -0.5]
    network = ReluNetwork.from_weights([first, [[1.0, 2, 3, 4, 0, 1]]], [bias, [0.0]])
    form = canonical_form(network)
    assert form.result.widths == (2,)
    assert form.result.output.bias == [6.0]
    assert form.to_frame().to_numpy().tolist() == [
        [0, 1, "merged"],
        [0, 2, "constant"],
        [0, 3, "constant"],
        [0, 4, "unused"],
    ]


def test_merged_units_that_cancel_are_left_out_with_what_only_they_read():
    first = [[1.0, 0.0], [0.0, 1.0]]
    second = [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]
    network = ReluNetwork.from_weights(
        [first, second, [[2.0, -1.0, 1.0]]], [np.zeros(2), np.zeros(3), [0.0]]
    )
    assert canonical_form(network).result.widths == (1, 1)


def test_a_unit_and_its_opposite_are_not_merged():
    network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    assert canonical_form(network).result.widths == (2,)


def test_a_network_that_is_constant_has_no_layer_left():
    network = ReluNetwork.from_weights(
        [np.ones((3, 2)), np.zeros((2, 3)), [[1.0, 1.0]]], [np.ones(3), [1.0, -1.0], [0.5]]
    )
    form = canonical_form(network).result
    assert form.widths == ()
    assert form.forward(np.ones((2, 2))).tolist() == [[1.5], [1.5]]


def carrying(sign: float, shift: float) -> ReluNetwork:
    """``relu(x - y) + 2 x``, with ``x`` carried on as ``sign * (x + shift)``."""
    layer = Layer([[sign, 0.0], [1.0, -1.0]], [sign * shift, 0.0], [False, True])
    output = AffineMap([[2.0 / sign, 1.0]], [-2.0 * shift])
    return ReluNetwork((layer,), output, InputSchema.numbered(2), OutputSchema.numbered(1))


def test_carried_units_are_scaled_up_to_their_sign_and_hold_no_bias():
    form, other = (canonical_form(carrying(*how)).result for how in ((1.0, 0.0), (-3.0, 5.0)))
    np.testing.assert_allclose(numbers(form), numbers(other), atol=1e-12)
    assert form.layers[0].rectified.tolist() == [True, False]


def test_a_layer_that_only_carries_is_multiplied_into_the_next():
    carried = Layer([[2.0, 1.0], [0.0, 1.0]], [1.0, 0.0], [False, False])
    rectified = Layer([[1.0, 1.0]], [0.0], [True])
    network = ReluNetwork(
        (carried, rectified),
        AffineMap([[1.0]], [0.0]),
        InputSchema.numbered(2),
        OutputSchema.numbered(1),
    )
    form = canonical_form(network)
    assert form.result.widths == (1,)
    assert set(form.to_frame()["change"]) == {"folded"}
    row = np.array([[1.0, 2.0]])
    np.testing.assert_allclose(form(row), network(row), rtol=1e-12)


def test_sparse_layers_are_taken():
    weight = sparse.eye_array(300, format="csr")
    layer = Layer(weight, np.zeros(300), np.ones(300, np.bool_))
    network = ReluNetwork(
        (layer,),
        AffineMap(np.ones((1, 300)), [0.0]),
        InputSchema.numbered(300),
        OutputSchema.numbered(1),
    )
    assert canonical_form(network).certificate.holds


def test_a_broken_form_is_caught_by_its_own_check():
    from dataclasses import replace

    from explainrelu.rewrites.canonical_form import ToCanonicalForm

    transformation = ToCanonicalForm()
    network = plain_network((2, 4, 1), 0)
    rewrite = transformation.apply(network)
    output = AffineMap(rewrite.result.output.weight * 1.001, rewrite.result.output.bias)
    broken = replace(rewrite, result=replace(rewrite.result, output=output))
    assert not transformation.ensures(broken).holds


def test_of_a_rewrite_the_form_of_the_result_is_taken():
    form = canonical_form(plain_network((2, 4, 1), 0))
    again = canonical_form(form)
    assert again.source is form.result
    assert again.result.fingerprint == form.result.fingerprint
