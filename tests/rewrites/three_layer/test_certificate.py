"""The certificate catches a three-layer network that is wrong."""

from dataclasses import replace

import numpy as np

from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.regions.observed import regions_of_points
from explainrelu.rewrites.three_layer.certificate import certify_three_layers
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests import models

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(200, 2))
NETWORK = ReluNetwork.from_weights(
    [RNG.normal(size=(5, 2)), RNG.normal(size=(3, 5)), RNG.normal(size=(1, 3))],
    [RNG.normal(size=5), RNG.normal(size=3), RNG.normal(size=1)],
)


def failing(regions, points=POINTS):
    checks = certify_three_layers(regions, points, DEFAULT_TOLERANCES).checks
    return [check.name for check in checks if check.status != "holds"]


def test_a_right_one_holds():
    assert failing(regions_of_points(NETWORK, POINTS)) == []


def test_a_missing_cell_is_noticed():
    regions = regions_of_points(NETWORK, POINTS)
    some = regions.chosen(np.arange(1, len(regions)))
    assert failing(some) == ["every row lies in a listed cell"]


def test_patterns_of_another_network_are_noticed():
    regions = regions_of_points(NETWORK, POINTS)
    flipped = regions.patterns.copy()
    flipped[:, 0] ^= 0b10000000  # the first unit of every cell turned round
    wrong = replace(regions, patterns=flipped)
    assert "every row lies in a listed cell" in failing(wrong)


def test_a_wrong_affine_map_is_noticed(monkeypatch):
    from explainrelu.network.patterns import affine_maps

    def perturbed(*arguments):
        weight, bias = affine_maps(*arguments)
        return weight * (1 + 1e-6), bias

    for module in ("evaluation", "weights"):
        monkeypatch.setattr(f"explainrelu.rewrites.three_layer.{module}.affine_maps", perturbed)
    found = failing(regions_of_points(NETWORK, POINTS))
    assert "scores equal the source's" in found
    assert "literal weights equal the source" in found


def test_a_wrong_exact_weight_is_noticed(monkeypatch):
    from explainrelu.network.exact import exact_forms

    other = replace(NETWORK, output=AffineMap(NETWORK.output.weight * 1.0001, NETWORK.output.bias))
    monkeypatch.setattr(
        "explainrelu.rewrites.three_layer.weights.exact_forms",
        lambda _, pattern: exact_forms(other, pattern),
    )
    assert failing(regions_of_points(NETWORK, POINTS)) == [
        "literal weights equal the source in exact rationals"
    ]


def test_exact_points_include_boundaries_of_a_real_network():
    model, X, _ = models.loans()
    from explainrelu.rewrites.convert import convert

    last = convert(model, X).certificate.checks[-1]
    assert last.detail.startswith("12 interior and boundary points of 4 of")
    assert last.value == 0.0
