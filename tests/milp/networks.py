"""Small random networks for the tests of mixed-integer programs."""

from itertools import pairwise

import numpy as np

from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.regions.region_set import RegionSet


def random_network(widths: tuple[int, ...], seed: int, carried: float = 0.0) -> ReluNetwork:
    """Normal weights; each unit is carried with the given probability."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(widths)]
    plain = ReluNetwork.from_weights(weights, [rng.normal(size=b) / 2 for b in widths[1:]])
    layers = tuple(
        Layer(part.weight, part.bias, rng.random(part.n_units) >= carried) for part in plain.layers
    )
    schema, outputs = InputSchema.numbered(widths[0]), OutputSchema.numbered(widths[-1])
    return ReluNetwork(layers, plain.output, schema, outputs)


def extremes_of_regions(regions: RegionSet) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and largest score over all regions, by one linear program a region and end."""
    from explainrelu.geometry.linear_program import LinearProgram

    weight, bias = regions.affine_maps()
    low, high = np.full(bias.shape[1], np.inf), np.full(bias.shape[1], -np.inf)
    for i, region in enumerate(regions):
        polytope = region.polytope()
        box = regions.domain
        program = LinearProgram(polytope.weight, polytope.bound, box.lower, box.upper)
        for k in range(bias.shape[1]):
            low[k] = min(low[k], program.minimise(weight[i, k]).value + bias[i, k])
            high[k] = max(high[k], program.maximise(weight[i, k]).value + bias[i, k])
    return low, high
