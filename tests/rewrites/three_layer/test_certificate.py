"""The certificate catches a three-layer network that is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError
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
    with pytest.raises(ArgumentError, match="another activation pattern for region 0"):
        replace(regions, patterns=flipped)


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


def test_a_scale_of_tiny_scores_hides_no_wrong_formula(monkeypatch):
    from explainrelu.network.patterns import affine_maps

    tiny = replace(NETWORK, output=AffineMap(NETWORK.output.weight * 1e-12, [1e-12]))

    def perturbed(*arguments):
        weight, bias = affine_maps(*arguments)
        return weight * (1 + 1e-6), bias

    assert failing(regions_of_points(tiny, POINTS)) == []
    for module in ("evaluation", "weights"):
        monkeypatch.setattr(f"explainrelu.rewrites.three_layer.{module}.affine_maps", perturbed)
    found = failing(regions_of_points(tiny, POINTS))
    assert found == ["scores equal the source's", "literal weights equal the source"]


def test_terms_that_cancel_are_no_fault_of_the_rewrite():
    # a column far from zero beside its spread: scores near 1 from terms near 1e9
    far = POINTS + 1e9
    centred = ReluNetwork(
        (replace(NETWORK.layers[0], bias=-NETWORK.layers[0].weight @ [1e9, 1e9]),),
        AffineMap(RNG.normal(size=(1, 5)), [1.0]),
        NETWORK.schema,
        NETWORK.outputs,
    )
    assert failing(regions_of_points(centred, far)) == []


def test_what_exceeds_the_budget_is_undecided_and_not_left_out(monkeypatch):
    module = "explainrelu.rewrites.three_layer.exact_check"
    monkeypatch.setattr(f"{module}._PRODUCTS", 35)  # 5 * 3 * 2 + 3 * 1 * 2 = 36
    certificate = certify_three_layers(
        regions_of_points(NETWORK, POINTS), POINTS, DEFAULT_TOLERANCES
    )
    last = certificate.checks[-1]
    assert last.status is Status.UNDECIDED
    assert "one cell takes 36 products of integers, more than the 35 that are" in last.detail
    assert [check.status for check in certificate.checks[:-1]] == [Status.HOLDS] * 4
    assert not certificate.holds


def test_a_cell_that_does_not_fire_at_its_own_point_is_noticed(monkeypatch):
    from explainrelu.rewrites.three_layer.evaluation import literally

    def silent_first_cell(*arguments):
        found = literally(*arguments)
        return replace(found, cells=np.where(found.cells == 0, 1, found.cells))

    module = "explainrelu.rewrites.three_layer.certificate"
    monkeypatch.setattr(f"{module}.literally", silent_first_cell)
    assert failing(regions_of_points(NETWORK, POINTS)) == ["exactly its own cell fires"]


def test_cells_without_interior_are_checked_at_their_rows():
    network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    point = np.zeros((1, 1))  # both units at zero: a cell of a single point
    checks = certify_three_layers(
        regions_of_points(network, point), point, DEFAULT_TOLERANCES
    ).checks
    assert [check.status for check in checks] == [Status.HOLDS] * 5
    assert "example" in checks[-1].detail


def test_exact_points_include_boundaries_of_a_real_network():
    model, X, _ = models.loans()
    from explainrelu.rewrites.convert import convert

    last = convert(model, X).certificate.checks[-1]
    assert last.detail.startswith("12 interior and boundary points of 4 of")
    assert last.value == 0.0
