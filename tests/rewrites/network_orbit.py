"""Networks that are the same function by construction: units permuted and positively scaled."""

from itertools import pairwise

import numpy as np

from explainrelu.network.network import ReluNetwork


def plain_network(widths: tuple[int, ...], seed: int) -> ReluNetwork:
    """A plain chain with weights drawn from a normal distribution."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(widths)]
    return ReluNetwork.from_weights(weights, [rng.normal(size=b) / 2 for b in widths[1:]])


def shuffled(
    network: ReluNetwork, seed: int, *, powers_of_two: bool = False, scales: float = 2.0
) -> ReluNetwork:
    """Another point of the orbit of a plain chain; scaling by powers of two is without rounding."""
    rng = np.random.default_rng(seed)
    maps = [*network.layers, network.output]
    weights, biases = [m.weight.copy() for m in maps], [m.bias.copy() for m in maps]
    for i, layer in enumerate(network.layers):
        order = rng.permutation(layer.n_units)
        scale = 10 ** rng.uniform(-scales, scales, size=layer.n_units)
        if powers_of_two:
            scale = 2.0 ** rng.integers(-3, 4, size=layer.n_units)
        weights[i] = weights[i][order] * scale[:, None]
        biases[i] = biases[i][order] * scale
        weights[i + 1] = weights[i + 1][:, order] / scale
    return ReluNetwork.from_weights(weights, biases)


def nudged(network: ReluNetwork, *, layer: int, by: float) -> ReluNetwork:
    """The network with one weight changed."""
    maps = [*network.layers, network.output]
    weights, biases = [m.weight.copy() for m in maps], [m.bias for m in maps]
    weights[layer][0, 0] += by
    return ReluNetwork.from_weights(weights, biases)


def opposite_pairs(*, mirrored: bool) -> ReluNetwork:
    """``sum relu(t_i)`` or ``sum relu(-t_i)`` for three forms with ``t_1 + t_2 + t_3 = 0``.

    The two are the same function, since ``relu(t) - relu(-t) = t``.
    """
    forms = np.array([[1.0, 2.0], [-3.0, 1.0], [2.0, -3.0]])
    offsets = np.array([1.0, -2.0, 1.0])
    sign = -1.0 if mirrored else 1.0
    return ReluNetwork.from_weights([sign * forms, np.ones((1, 3))], [sign * offsets, [0.0]])
