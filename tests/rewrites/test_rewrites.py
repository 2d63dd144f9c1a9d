"""One table of rewrites times one set of invariants that every rewrite has."""

from collections.abc import Callable
from itertools import pairwise, product

import numpy as np
import pytest

from explainrelu.geometry.box import Box
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.compress import compress
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.rewrite import Rewrite


def _random(widths: tuple[int, ...], seed: int) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(widths)]
    return ReluNetwork.from_weights(weights, [rng.normal(size=b) / 2 for b in widths[1:]])


def _carried(seed: int) -> ReluNetwork:
    """A residual network: some units rectified, some carried."""
    rng = np.random.default_rng(seed)
    plain = _random((2, 5, 4, 2), seed)
    layers = tuple(
        Layer(layer.weight, layer.bias, rng.random(layer.n_units) < 0.6) for layer in plain.layers
    )
    return ReluNetwork(layers, plain.output, InputSchema.numbered(2), OutputSchema.numbered(2))


NETWORKS: dict[str, ReluNetwork] = {
    "one layer": _random((2, 6, 1), 0),
    "three layers": _random((3, 5, 4, 3, 1), 1),
    "two outputs": _random((2, 4, 4, 2), 2),
    "carried units": _carried(3),
    "no hidden layer": _random((2, 1), 4),
}

REWRITES: dict[str, Callable[[ReluNetwork, np.ndarray], Rewrite]] = {
    "three_layer": lambda network, X: convert(network, X),
    "three_layer of a box": lambda network, X: convert(network, domain=Box.from_data(X)),
    "compress": lambda network, X: compress(network, Box.from_data(X), X=X),
}


def _points(network: ReluNetwork) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(300, network.n_inputs))


def _on_boundaries(network: ReluNetwork) -> np.ndarray:
    """Points moved onto zero sets of first-layer units, as near as rounding lets them."""
    points = _points(network)
    if not network.layers:
        return points
    layer = network.layers[0]
    unit = np.arange(len(points)) % layer.n_units
    w, b = layer.weight[unit], layer.bias[unit]
    shift = (np.einsum("ij,ij->i", points, w) + b) / np.square(w).sum(axis=1)
    return points - shift[:, None] * w


CASES = [pytest.param(*case, id=" of ".join(case)) for case in product(REWRITES, NETWORKS)]


@pytest.mark.parametrize(("how", "which"), CASES)
def test_same_function_at_random_points(how, which):
    network = NETWORKS[which]
    X = _points(network)
    np.testing.assert_allclose(REWRITES[how](network, X)(X), network(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("how", "which"), CASES)
def test_same_function_on_region_boundaries(how, which):
    network = NETWORKS[which]
    X = _on_boundaries(network)
    np.testing.assert_allclose(REWRITES[how](network, X)(X), network(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("how", "which"), CASES)
def test_the_result_is_the_rewrite(how, which):
    network = NETWORKS[which]
    X = _points(network)
    rewrite = REWRITES[how](network, X)
    np.testing.assert_array_equal(rewrite(X), rewrite.result(X))


@pytest.mark.parametrize(("how", "which"), CASES)
def test_the_certificate_holds_and_says_what_was_checked(how, which):
    network = NETWORKS[which]
    certificate = REWRITES[how](network, _points(network)).certificate
    assert certificate.holds
    assert all(check.detail for check in certificate.checks)


@pytest.mark.parametrize(("how", "which"), CASES)
def test_the_source_is_untouched(how, which):
    network = NETWORKS[which]
    before = network.fingerprint
    rewrite = REWRITES[how](network, _points(network))
    assert rewrite.source is network
    assert network.fingerprint == before


@pytest.mark.parametrize(("how", "which"), CASES)
def test_the_guarantee_is_stated(how, which):
    network = NETWORKS[which]
    guarantee = REWRITES[how](network, _points(network)).guarantee
    assert guarantee.reach
    assert len(guarantee.statement) > 20
