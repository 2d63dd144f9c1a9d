"""Random modules against PyTorch itself: the function, and its gradient away from kinks."""

import numpy as np
import torch
from hypothesis import given, settings

from explainrelu.importers.from_torch import from_torch
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, affine_maps
from tests.importers.torch_graph.random_modules import Sample, random_modules


@settings(max_examples=60, deadline=None)
@given(random_modules())
def test_a_random_module_is_the_same_function_at_kinks_too(sample: Sample):
    network = from_torch(sample.module, sample.rows)
    with torch.no_grad():
        wanted = sample.module(sample.rows).numpy()
    got = network.forward(sample.rows.reshape(6, -1).numpy())
    scale = max(1.0, float(np.abs(wanted).max()))
    assert np.abs(got - wanted).max() <= 1e-12 * scale


@settings(max_examples=40, deadline=None)
@given(random_modules())
def test_local_maps_are_autograds_jacobians_away_from_kinks(sample: Sample):
    network = from_torch(sample.module, sample.rows)
    generator = torch.Generator().manual_seed(0)
    point = torch.randn(sample.rows[:1].shape, generator=generator, dtype=torch.float64)
    flat = point.reshape(1, -1).numpy()
    if near_a_kink(network, flat):
        return
    weight, _ = affine_maps(network, activation_patterns(network, flat))
    jacobian = torch.func.jacrev(sample.module)(point)[0].detach().reshape(weight.shape[1:])
    scale = max(1.0, float(jacobian.abs().max()))
    assert np.abs(weight[0] - jacobian.numpy()).max() <= 1e-9 * scale


def near_a_kink(network: ReluNetwork, point: np.ndarray) -> bool:
    found = network.preactivations(point)
    return any(
        (np.abs(z[:, layer.rectified]) < 1e-9).any()
        for z, layer in zip(found, network.layers, strict=True)
    )
