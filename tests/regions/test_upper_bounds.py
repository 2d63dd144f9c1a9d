"""Upper bounds, against literal sums from the papers and against the regions there are."""

from itertools import pairwise, product
from math import comb, log10, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import count_regions
from explainrelu.regions.upper_bounds import region_upper_bounds
from tests.models import iris
from tests.strategies import relu_networks

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=4)


def values(model, domain=None) -> dict[str, int]:
    frame = region_upper_bounds(model, domain)
    return dict(zip(frame["bound"], frame["value"], strict=True))


def of_widths(widths, *, seed: int = 0, bias: float = 0.3) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    pairs = list(pairwise([*widths, 1]))
    return ReluNetwork.from_weights(
        [rng.normal(size=(n_out, n_in)) for n_in, n_out in pairs],
        [bias * rng.normal(size=n_out) for _, n_out in pairs],
    )


def montufar_literal(n_inputs, widths) -> int:
    """prod_l sum_{j=0}^{d_l} C(n_l, j) with d_l = min(n_0, ..., n_l)."""
    return prod(
        sum(comb(width, j) for j in range(min(n_inputs, *widths[: i + 1]) + 1))
        for i, width in enumerate(widths)
    )


def serra_literal(n_inputs, widths) -> int:
    """The sum over all tuples (j_1, ..., j_L) of Theorem 1, as it is written."""
    total = 0
    for js in product(*(range(width + 1) for width in widths)):
        left = [n_inputs, *(n - j for n, j in zip(widths, js, strict=True))]
        if all(js[i] <= min(*left[: i + 1], widths[i]) for i in range(len(widths))):
            total += prod(comb(n, j) for n, j in zip(widths, js, strict=True))
    return total


@given(st.integers(1, 4), WIDTHS)
def test_bounds_of_the_widths_are_the_sums_of_the_papers(n_inputs, widths):
    found = values(of_widths([n_inputs, *widths]))
    assert found["all patterns"] == 2 ** sum(widths)
    assert found["Montúfar"] == montufar_literal(n_inputs, widths)
    assert found["Serra et al."] == serra_literal(n_inputs, widths)


@settings(max_examples=60)
@given(relu_networks(min_layers=1, max_layers=3, max_inputs=2, max_units=4), st.integers(1, 4))
def test_no_network_has_more_regions_than_any_bound(network, radius):
    box = Box.around(np.zeros(network.n_inputs), radius)
    count = count_regions(network, box).n_regions
    for domain in (None, box):
        assert all(bound >= count for bound in values(network, domain).values())


@settings(max_examples=60)
@given(
    relu_networks(min_layers=1, max_layers=3, max_inputs=2, max_units=4, integer=True),
    st.integers(-2, 2),
)
def test_stable_units_in_a_shifted_box_are_never_too_many(network, shift):
    box = Box.around(np.full(network.n_inputs, float(shift)), 0.5)
    count = count_regions(network, box).n_regions
    assert min(values(network, box).values()) >= count


@pytest.mark.parametrize("seed", range(12))
def test_deeper_networks_stay_below_their_bounds(seed):
    widths = ([2, 6, 6], [2, 3, 8, 4], [3, 5, 5], [1, 6, 6, 6])[seed % 4]
    network = of_widths(widths, seed=seed)
    box = Box.around(np.zeros(widths[0]), 4.0)
    found, count = values(network, box), count_regions(network, box).n_regions
    assert 1 < count <= found["Serra and Ramalingam"] <= found["Serra et al."]


@given(st.integers(1, 3), st.integers(1, 7), st.integers(0, 1000))
def test_one_generic_hidden_layer_has_as_many_as_the_bounds_say(n_inputs, width, seed):
    network = of_widths([n_inputs, width], seed=seed)
    # a vertex may lie far out, and a region near it may be thin beside the widest box
    boxes = [Box.around(np.zeros(n_inputs), radius) for radius in (1e1, 1e3, 1e5)]
    most = max(count_regions(network, box).n_regions for box in boxes)
    found = values(network)
    assert most == found["Montúfar"] == found["Serra et al."] == found["Serra and Ramalingam"]


@given(relu_networks(max_layers=3, integer=True))
def test_each_bound_is_at_least_as_tight_as_the_one_before(network):
    box = Box.around(np.ones(network.n_inputs), 0.5)
    for domain in (None, box):
        bounds = list(values(network, domain).values())
        assert bounds == sorted(bounds, reverse=True)


@given(relu_networks(max_layers=3, integer=True))
def test_a_smaller_box_never_has_the_larger_bound(network):
    inner, outer = (Box.around(np.zeros(network.n_inputs), radius) for radius in (0.5, 2.0))
    last = "Serra and Ramalingam"
    assert values(network, inner)[last] <= values(network, outer)[last] <= values(network)[last]


def test_a_layer_that_never_falls_below_zero_is_not_counted():
    first = np.random.default_rng(0).normal(size=(4, 2))
    network = ReluNetwork.from_weights(
        [first, np.full((3, 4), 0.5), [[1.0] * 3]], [np.zeros(4), np.ones(3), [0.0]]
    )
    one = ReluNetwork.from_weights([first, [[1.0] * 4]], [np.zeros(4), [0.0]])
    assert values(network)["Serra and Ramalingam"] == values(one)["Serra et al."] == 11


def test_a_fixed_input_adds_no_dimension():
    network = of_widths([2, 5])
    free = values(network, Box([-9.0, -9.0], [9.0, 9.0]))
    fixed = values(network, Box([-9.0, 1.0], [9.0, 1.0]))
    assert (free["Montúfar"], fixed["Montúfar"]) == (16, 6)
    assert values(network, Box([1.0, 1.0], [1.0, 1.0]))["Montúfar"] == 1


def test_few_units_before_can_wake_few_behind():
    # with zero biases, and one unit a neighbour, a dead unit before leaves its neighbour dead
    network = ReluNetwork.from_weights(
        [np.eye(3), np.eye(3) - 0.1, np.ones((1, 3))], [np.zeros(3), np.zeros(3), [0.0]]
    )
    box = Box.around(np.zeros(3), 1.0)
    found = values(network)
    assert count_regions(network, box).n_regions <= found["Serra and Ramalingam"]
    assert found["Serra and Ramalingam"] < found["Serra et al."]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_unit_cuts_only_where_what_pushes_it_against_its_bias_is_active(sign):
    # each input alone: below 0, between 0 and 1, above 1, so 3 ** 3 regions
    network = ReluNetwork.from_weights(
        [np.eye(3), sign * np.eye(3), np.ones((1, 3))], [np.zeros(3), np.full(3, -sign), [0.0]]
    )
    count = count_regions(network, Box.around(np.zeros(3), 2.0)).n_regions
    assert values(network)["Serra and Ramalingam"] == count == 27
    assert values(network)["Serra et al."] > 27


def test_units_that_are_stable_over_the_domain_do_not_cut():
    network = ReluNetwork.from_weights(
        [[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.ones((1, 3))], [[-1.0, 0.5, 9.0], [0.0]]
    )
    box = Box([-0.25, -0.25], [2.0, 2.0])  # the sign of an input does not tell it
    assert values(network, box)["Serra and Ramalingam"] == 2
    assert count_regions(network, box).n_regions == 2


def test_carried_units_keep_the_dimension_they_carry():
    rng = np.random.default_rng(3)
    narrow = Layer(rng.normal(size=(3, 2)), np.zeros(3), np.array([True, False, False]))
    wide = Layer(rng.normal(size=(5, 3)), 0.1 * rng.normal(size=5), np.ones(5, np.bool_))
    network = ReluNetwork(
        (narrow, wide),
        AffineMap(np.ones((1, 5)), np.zeros(1)),
        InputSchema.numbered(2),
        OutputSchema.numbered(1),
    )
    count = count_regions(network, Box.around(np.zeros(2), 9.0)).n_regions
    bounds = values(network)
    assert bounds["Montúfar"] == 2 * 16  # one hyperplane, then five in a plane
    assert count > 2 * 6  # what a single unit without the carried ones would allow
    assert all(bound >= count for bound in bounds.values())


def test_a_weight_matrix_too_large_to_look_at_keeps_the_bounds_sound(monkeypatch):
    network, box = of_widths([2, 6, 6], seed=5), Box.around(np.zeros(2), 2.0)
    looked_at = values(network, box)["Serra and Ramalingam"]
    monkeypatch.setattr("explainrelu.regions.upper_bounds._LARGEST", 0)
    found = values(network, box)
    assert looked_at <= found["Serra and Ramalingam"] <= found["Serra et al."]


def test_a_network_without_hidden_layers_has_one_region():
    assert set(values(ReluNetwork.from_weights([[[2.0]]], [[1.0]])).values()) == {1}


def test_values_are_exact_integers_with_their_logarithm():
    frame = region_upper_bounds(of_widths([20, 60, 60, 60]))
    assert frame["value"][0] == 2**180
    assert all(isinstance(value, int) for value in frame["value"])
    np.testing.assert_allclose(frame["log10"], [log10(value) for value in frame["value"]])
    assert frame["value"][2] == serra_literal_by_layers(20, [60, 60, 60])


def serra_literal_by_layers(dimension, widths) -> int:
    """The same sum, the innermost index first, without keeping anything."""
    if not widths:
        return 1
    width, *rest = widths
    if not rest:
        return sum(comb(width, j) for j in range(min(dimension, width) + 1))
    return sum(
        comb(width, j) * serra_literal_by_layers(min(dimension, width - j), rest)
        for j in range(min(dimension, width) + 1)
    )


def test_a_number_too_long_to_read_is_shown_by_its_leading_digits():
    text = str(region_upper_bounds(of_widths([4, 16_000]))["value"][0])
    assert text.startswith("about ")
    assert text.endswith("e4816")
    assert "about" in region_upper_bounds(of_widths([4, 16_000])).to_string()
    assert str(region_upper_bounds(of_widths([2, 3]))["value"][0]) == "8"


def test_a_fitted_model_is_taken_as_it_is():
    model, X, _ = iris()
    found = region_upper_bounds(model)
    assert found["value"].tolist()[1] == montufar_literal(X.shape[1], [8, 8])
    assert found["reference"].str.contains("20").all()


@pytest.mark.parametrize(
    ("domain", "error", "match"),
    [
        ([[0, 1]], InputTypeError, "domain must be a Box, got list"),
        (Box([0.0], [1.0]), ArgumentError, "must have the network's 2 inputs, got 1"),
    ],
)
def test_a_domain_that_is_no_box_of_the_inputs_is_refused(domain, error, match):
    with pytest.raises(error, match=match):
        region_upper_bounds(of_widths([2, 3]), domain)
