from fractions import Fraction
from math import ceil, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.segments import pieces_between
from explainrelu.rewrites.hard_functions import sawtooth
from explainrelu.rewrites.maxima.signed import lattice_maxima, small_maxima
from explainrelu.rewrites.pieces import from_pieces
from tests.oracles import forward_exact
from tests.strategies import arrays


def allowed_depth(n_inputs: int) -> int:
    return ceil(log2(n_inputs + 1))


def random_lattice(n_functions: int, n_inputs: int, seed: int):
    """Small integers, so that float64 makes no rounding errors and ties occur."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-3, 4, (n_functions, n_inputs)).astype(float)
    bias = rng.integers(-3, 4, n_functions).astype(float)
    sets = [
        np.flatnonzero(rng.random(n_functions) < 0.5).tolist() or [0] for _ in range(n_functions)
    ]
    return weight, bias, sets


def max_min_exact(weight, bias, sets, point):
    heights = [
        sum((Fraction(a) * x for a, x in zip(row, point, strict=True)), Fraction(c))
        for row, c in zip(weight.tolist(), bias.tolist(), strict=True)
    ]
    return max(min(heights[i] for i in s) for s in sets)


@pytest.mark.parametrize("n_inputs", [1, 2, 3, 4])
@pytest.mark.parametrize("n_functions", [1, 2, 5, 7])
def test_s5_network_of_a_max_min_equals_it_in_fractions_and_is_shallow(n_functions, n_inputs):
    weight, bias, sets = random_lattice(n_functions, n_inputs, 10 * n_functions + n_inputs)
    network = from_pieces(weight=weight, bias=bias, sets=sets)
    assert len(network.layers) <= allowed_depth(n_inputs)
    assert all(layer.rectified.all() for layer in network.layers)
    assert network.certificate.holds
    for point in np.random.default_rng(1).integers(-4, 5, (8, n_inputs)).tolist():
        expected = max_min_exact(weight, bias, sets, [Fraction(x) for x in point])
        assert forward_exact(network, point) == [expected]


@settings(max_examples=40)
@given(st.data())
def test_s5_reduced_maxima_are_of_at_most_d_plus_one_functions_and_equal(data):
    n_inputs = data.draw(st.integers(1, 3))
    n_functions = data.draw(st.integers(1, 6))
    weight = data.draw(arrays((n_functions, n_inputs), integer=True))
    bias = data.draw(arrays((n_functions,), integer=True))
    found = small_maxima({(1 << n_functions) - 1: 1}, weight, bias)
    assert all(u.bit_count() <= n_inputs + 1 for u in found)
    X = np.random.default_rng(0).integers(-5, 6, (30, n_inputs)).astype(float)
    heights = X @ weight.T + bias
    total = sum(
        c * heights[:, [i for i in range(n_functions) if u >> i & 1]].max(axis=1)
        for u, c in found.items()
    )
    np.testing.assert_array_equal(total, heights.max(axis=1))


def test_lattice_maxima_equal_the_maximum_of_minima_of_any_numbers():
    rng = np.random.default_rng(0)
    for _ in range(20):
        sets = [int(s) for s in rng.integers(1, 32, 4)]
        found = lattice_maxima(sets, 5)
        for x in rng.integers(-9, 10, (20, 5)):
            members = [[x[i] for i in range(5) if s >> i & 1] for s in sets]
            total = sum(c * max(x[i] for i in range(5) if u >> i & 1) for u, c in found.items())
            assert total == max(map(min, members))


@pytest.mark.parametrize("widths", [(1, 4, 3), (2, 3), (2, 2, 2), (3, 2, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_s5_network_of_all_regions_of_a_box_equals_theirs(widths, seed):
    rng = np.random.default_rng(seed)
    shapes = list(zip((*widths[1:], 1), widths, strict=True))
    source = ReluNetwork.from_weights(
        [rng.normal(size=s) for s in shapes], [rng.normal(size=b) / 3 for b, _ in shapes]
    )
    box = Box(np.full(widths[0], -2.0), np.full(widths[0], 2.0))
    network = from_pieces(enumerate_regions(source, box))
    X = box.sample(3000, rng)
    assert len(network.layers) <= allowed_depth(widths[0])
    assert network.certificate.holds
    np.testing.assert_allclose(network(X), source(X), rtol=1e-8, atol=1e-8)


def test_pieces_that_cross_another_inside_a_region_are_cut_there():
    # |x| - |y| with max(x + y, 0): other pieces pass through the regions of each
    source = ReluNetwork.from_weights(
        [[[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1]], [[1, 1, -1, -1, 1]]], [np.zeros(5), [0]]
    )
    box = Box([-2.0, -2.0], [2.0, 2.0])
    network = from_pieces(enumerate_regions(source, box))
    X = box.sample(5000, np.random.default_rng(0))
    np.testing.assert_allclose(network(X), source(X), atol=1e-9)


def test_every_output_of_the_regions_is_kept():
    rng = np.random.default_rng(3)
    source = ReluNetwork.from_weights(
        [rng.normal(size=(2, 2)), rng.normal(size=(2, 2))], [rng.normal(size=2), [0.0, 1.0]]
    )
    box = Box([-1.0, -1.0], [1.0, 1.0])
    network = from_pieces(enumerate_regions(source, box))
    X = box.sample(1000, rng)
    np.testing.assert_allclose(network(X), source(X), atol=1e-9)


@pytest.mark.parametrize(
    ("slopes", "n_units"), [((1.0, -1.0), 4), ((0.0, -1.0), 3), ((1.0, 0.0), 3), ((0.0, 0.0), 3)]
)
def test_s5_one_input_needs_p_units_and_one_fewer_where_an_end_is_flat(slopes, n_units):
    knots, values = [0.0, 1.0, 3.0], [0.0, 2.0, -2.0]
    network = from_pieces(knots=knots, values=values, slopes=slopes)
    assert network.widths == (n_units,)  # p = 4 pieces
    assert pieces_between(network, [[-5.0]], [[5.0]]).n_pieces[0] == 4
    inside = np.linspace(0, 3, 13)
    np.testing.assert_array_equal(network(inside[:, None]), np.interp(inside, knots, values))
    np.testing.assert_array_equal(network([[-2.0], [5.0]]), [-2 * slopes[0], -2 + 2 * slopes[1]])


def test_knots_where_nothing_bends_cost_no_unit():
    assert from_pieces(knots=[0.0, 1.0], values=[1.0, 3.0], slopes=(2.0, 2.0)).layers == ()
    bend = from_pieces(knots=[0.0, 1.0, 2.0], values=[0.0, 1.0, 2.0], slopes=(0.0, 3.0))
    assert bend.widths == (2,)


def test_a_deep_sawtooth_becomes_one_wide_hidden_layer():
    deep = sawtooth(3, 3)
    wide = from_pieces(enumerate_regions(deep, Box([0.0], [1.0])))
    assert wide.widths == (27,)  # p = 27 pieces, no flat end
    x = np.linspace(0, 1, 301)[:, None]
    np.testing.assert_allclose(wide(x), deep(x), atol=1e-9)


def test_more_pieces_than_allowed_are_refused_with_what_they_would_make():
    weight, bias, sets = random_lattice(13, 2, 0)
    with pytest.raises(SizeError, match=r"2\*\*13 = 8,192 maxima"):
        from_pieces(weight=weight, bias=bias, sets=sets)
    rng = np.random.default_rng(0)
    source = ReluNetwork.from_weights(
        [rng.normal(size=(6, 2)), rng.normal(size=(1, 6))], [rng.normal(size=6), [0.0]]
    )
    regions = enumerate_regions(source, Box([-3.0, -3.0], [3.0, 3.0]))
    with pytest.raises(SizeError, match="more than max_pieces=4 different affine functions"):
        from_pieces(regions, max_pieces=4)
    with pytest.raises(ArgumentError, match="must be all of a box"):
        from_pieces(regions.chosen([0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "got none"),
        ({"knots": [0.0], "bias": [0.0]}, "takes one of"),
        ({"knots": [0.0]}, "belong together"),
        ({"weight": [[1.0]]}, "belong together"),
        ({"knots": [0.0, 0.0], "values": [0.0, 1.0]}, "increase strictly"),
        ({"knots": [0.0], "values": [0.0, 1.0]}, "one value a knot"),
        ({"weight": [[1.0]], "bias": [0.0, 1.0], "sets": [[0]]}, "n_functions, n_inputs"),
        ({"weight": [[1.0]], "bias": [0.0], "sets": [[1]]}, "positions from 0 to 0"),
        ({"weight": [[1.0]], "bias": [0.0], "sets": []}, "at least one"),
    ],
)
def test_what_gives_no_function_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        from_pieces(**arguments)


def test_regions_must_be_a_set_of_regions():
    with pytest.raises(InputTypeError, match="must be a RegionSet"):
        from_pieces([[0.0]])


@pytest.mark.parametrize("sets", [[[0.5]], ["ab"]])
def test_positions_that_are_no_whole_numbers_are_refused(sets):
    with pytest.raises(ArgumentError, match="nonempty lists of positions from 0 to 1"):
        from_pieces(weight=[[1.0], [2.0]], bias=[0.0, 0.0], sets=sets)
