import io

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from scipy import sparse
from torch import nn

from explainrelu.errors import InputTypeError, SizeError
from explainrelu.exporters.to_torch import to_torch
from explainrelu.importers.from_torch import from_torch
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import activation_patterns, affine_maps
from explainrelu.network.schema import InputSchema
from tests.strategies import every_layer_rectifies, networks_and_points, relu_networks


def absolute_value() -> ReluNetwork:
    """``2 max(x, 0) - x``, by one rectified and one carried unit."""
    layer = Layer(np.ones((2, 1)), np.zeros(2), np.array([True, False]))
    output = AffineMap(np.array([[2.0, -1.0]]), np.zeros(1))
    return ReluNetwork((layer,), output, InputSchema.numbered(1), OutputSchema.numbered(1))


@given(networks_and_points(integer=True))
def test_the_module_gives_the_networks_raw_scores(drawn: tuple[ReluNetwork, np.ndarray]):
    network, points = drawn
    found = to_torch(network)(torch.tensor(points))
    assert found.shape == (len(points), network.n_outputs)
    assert np.array_equal(found.numpy(), network.forward(points))


@given(networks_and_points(integer=True))
def test_the_gradient_is_that_of_the_region_kinks_included(
    drawn: tuple[ReluNetwork, np.ndarray],
):
    network, points = drawn
    weight, _ = affine_maps(network, activation_patterns(network, points))
    module = to_torch(network)
    # rows do not meet, so the sum over them has each row's own gradient
    jacobian = torch.func.jacrev(lambda rows: module(rows).sum(dim=0))(torch.tensor(points))
    assert np.array_equal(jacobian.numpy().swapaxes(0, 1), weight)


@given(relu_networks(carried=False))
def test_a_plain_network_is_read_back_to_the_last_bit(network: ReluNetwork):
    assume(every_layer_rectifies(network))
    module = to_torch(network)
    assert {type(part) for part in module} <= {nn.Linear, nn.ReLU}
    assert from_torch(module).fingerprint == network.fingerprint


@given(networks_and_points(integer=True))
def test_carried_units_are_read_back_as_the_same_function(drawn: tuple[ReluNetwork, np.ndarray]):
    network, points = drawn
    again = from_torch(to_torch(network))
    assert again.n_neurons <= network.n_neurons
    assert np.array_equal(again.forward(points), network.forward(points))


def test_carried_units_are_a_mask_of_slopes():
    module = to_torch(absolute_value())
    assert module[1].weight.tolist() == [0.0, 1.0]
    assert module(torch.tensor([[-3.0], [2.0]]).double()).tolist() == [[3.0], [2.0]]


def test_the_module_is_an_ordinary_one():
    module = to_torch(absolute_value())
    assert not module.training
    assert all(p.dtype is torch.float64 and not p.requires_grad for p in module.parameters())
    assert module.float()(torch.tensor([[-3.0]])).tolist() == [[3.0]]


def test_pictures_are_taken_in_their_shape_and_as_rows():
    weights, shape = [np.arange(24.0).reshape(2, 12) - 9, np.ones((1, 2))], (3, 2, 2)
    network = ReluNetwork.from_weights(
        weights, [np.zeros(2), np.zeros(1)], schema=InputSchema.pictured(shape)
    )
    pictures, module = np.arange(60.0).reshape(5, *shape) - 30, to_torch(network)
    for given_in in (pictures, pictures.reshape(5, 12)):
        assert np.array_equal(module(torch.tensor(given_in)).numpy()[:, 0], network(pictures))
    assert from_torch(module, pictures).fingerprint == network.fingerprint


def test_weights_too_large_to_be_dense_are_refused():
    weight = sparse.csr_array((20_000, 20_000), dtype=np.float64)
    layer = Layer(weight, np.zeros(20_000), np.ones(20_000, np.bool_))
    output = AffineMap(np.ones((1, 20_000)), np.zeros(1))
    network = ReluNetwork((layer,), output, InputSchema.numbered(20_000), OutputSchema.numbered(1))
    with pytest.raises(SizeError, match=r"dense, at most 2 GiB .* got 3\.0 GiB. to_onnx keeps"):
        to_torch(network)


def test_its_state_can_be_saved_and_loaded():
    network, buffer = absolute_value(), io.BytesIO()
    torch.save(to_torch(network).state_dict(), buffer)
    buffer.seek(0)
    module = to_torch(network)
    nn.init.zeros_(module[0].weight)
    module.load_state_dict(torch.load(buffer, weights_only=True))
    assert module(torch.tensor([[-3.0]]).double()).tolist() == [[3.0]]


def test_it_goes_through_torch_export():
    point = torch.tensor([[-3.0], [2.0]]).double()
    exported = torch.export.export(to_torch(absolute_value()), (point,))
    assert exported.module()(point).tolist() == [[3.0], [2.0]]


def test_the_persons_random_state_is_left_alone():
    before = torch.get_rng_state()
    to_torch(absolute_value())
    assert torch.equal(before, torch.get_rng_state())


def test_changing_the_module_leaves_the_network_as_it_was():
    network = absolute_value()
    nn.init.zeros_(to_torch(network)[0].weight)
    assert network.layers[0].weight.tolist() == [[1.0], [1.0]]


def test_another_object_is_refused():
    with pytest.raises(InputTypeError, match=r"to_torch takes a ReluNetwork .*got builtins\.dict"):
        to_torch({})
