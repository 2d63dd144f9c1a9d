from itertools import pairwise, product

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.two_hidden_layer import (
    band_slopes,
    two_hidden_layer,
    two_layers_of_patterns,
)


def random_network(widths: tuple[int, ...], seed: int) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(widths)]
    return ReluNetwork.from_weights(weights, [rng.normal(size=b) / 2 for b in widths[1:]])


BOX = Box([-2.0, -2.0], [2.0, 2.0])
NETWORK = random_network((2, 4, 3, 1), 0)


def wrong_share(network, other, n_samples=20_000):
    X = BOX.sample(n_samples, np.random.default_rng(5))
    return np.mean(np.abs(network(X) - other(X)) > 1e-7)


def test_s1_5_wrong_share_falls_like_one_over_the_slope():
    shares = [wrong_share(NETWORK, two_hidden_layer(NETWORK, BOX, M)) for M in (30, 300, 3000)]
    assert shares[0] > 0.01  # there is something to fall
    for before, after in pairwise(shares):
        assert before / 30 < after < before / 4


def test_s1_5_sizes_are_two_units_a_pattern_and_output_behind_the_distinct_forms():
    network = random_network((2, 4, 3, 2), 1)
    regions = enumerate_regions(network, BOX)
    flat = two_hidden_layer(network, regions, 100.0)
    first, second = flat.result.widths
    assert second == 2 * 2 * len(regions)
    assert first <= 2 * 2 + 2 * (4 + 3 * 2**4)
    assert all(layer.rectified.all() for layer in flat.result.layers)


def test_s1_5_all_patterns_and_those_of_regions_agree_off_the_bands():
    everything = np.array(list(product([False, True], repeat=7)))
    slope = 1e5
    all_of_them = two_layers_of_patterns(NETWORK, everything, slope, BOX)
    pruned = two_hidden_layer(NETWORK, BOX, slope)
    X = BOX.sample(5000, np.random.default_rng(2))
    off = X[band_slopes(NETWORK, everything, X) <= slope]
    assert len(off) > 0.98 * len(X)
    assert len(pruned.patterns) < len(everything)
    np.testing.assert_allclose(all_of_them(off), NETWORK(off), atol=1e-8)
    np.testing.assert_allclose(pruned(off), NETWORK(off), atol=1e-8)


def test_s1_5_error_on_a_border_does_not_vanish_with_the_slope():
    # max(x, 0) + 1: on the border both patterns speak
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [1.0]])
    for slope in (10.0, 1e6):
        flat = two_hidden_layer(network, Box([-1.0], [1.0]), slope, error_share=0.5)
        assert flat([[0.0]])[0] == 2 * network([[0.0]])[0]
        assert "not the largest error" in flat.guarantee.statement


@pytest.mark.parametrize("share", [0.1, 0.01, 0.002])
def test_the_slope_is_chosen_for_the_wanted_share(share):
    flat = two_hidden_layer(NETWORK, BOX, error_share=share)
    assert flat.certificate.holds
    assert flat.error_share <= share
    assert wrong_share(NETWORK, flat) <= share + 2 * flat.standard_error
    steep = two_hidden_layer(NETWORK, BOX, error_share=share / 2)
    assert steep.slope > flat.slope


def test_predicted_and_measured_shares_agree():
    flat = two_hidden_layer(NETWORK, BOX, 200.0)
    predicted, error = flat.share_at(200.0)
    assert abs(predicted - flat.error_share) <= 4 * (error + flat.standard_error)
    assert flat.share_at(2e4)[0] < flat.share_at(200.0)[0] < flat.share_at(10.0)[0]


def test_carried_units_and_domains_on_one_side_of_zero_are_taken():
    from tests.rewrites.test_every_rewrite import NETWORKS

    network, box = NETWORKS["carried units"], Box([0.5, -3.0], [2.0, -1.0])
    flat = two_hidden_layer(network, box, 1e4)
    assert flat.certificate.holds
    X = box.sample(2000, np.random.default_rng(0))
    wrong = np.abs(flat(X) - network(X)).max(axis=1) > 1e-7
    assert wrong.mean() < 0.01


def test_a_wrong_network_is_caught_by_the_certificate():
    from dataclasses import replace

    from explainrelu.rewrites.two_hidden_layer import ToTwoHiddenLayers

    rewrite = ToTwoHiddenLayers(BOX, 1e4)
    made = rewrite(NETWORK)
    broken = replace(made, network=two_hidden_layer(NETWORK, BOX, 3.0).result)
    assert made.certificate.holds
    assert not rewrite.ensures(broken).holds


def test_domains_and_options_that_do_not_fit_are_refused():
    regions = enumerate_regions(NETWORK, BOX)
    with pytest.raises(InputTypeError, match="Box or a RegionSet"):
        two_hidden_layer(NETWORK, [[0.0, 1.0]])
    with pytest.raises(ArgumentError, match="2 inputs, got 1"):
        two_hidden_layer(NETWORK, Box([0.0], [1.0]))
    with pytest.raises(ArgumentError, match="must be all of a box"):
        two_hidden_layer(NETWORK, regions.chosen([0]))
    with pytest.raises(ArgumentError, match="must be those of the model"):
        two_hidden_layer(random_network((2, 3, 1), 0), regions)
    with pytest.raises(ArgumentError, match="slope must be a positive number"):
        two_hidden_layer(NETWORK, BOX, -1.0)
    with pytest.raises(ArgumentError, match="n_samples of at least 1,000,000"):
        two_hidden_layer(NETWORK, BOX, error_share=1e-5)
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        two_hidden_layer(NETWORK, BOX, error_share=2.0)
    with pytest.raises(SizeError, match="more than max_regions=3 regions"):
        two_hidden_layer(NETWORK, BOX, max_regions=3)
