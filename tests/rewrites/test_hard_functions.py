from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import explainrelu
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.segments import pieces_between
from explainrelu.rewrites.hard_functions import (
    sawtooth,
    sawtooth_pieces,
    shallow_size_bound,
    zonotope,
    zonotope_pieces,
)
from tests.oracles import forward_exact

SIZES = [(w, k) for w in (2, 3, 4) for k in (1, 2, 3)]


def n_pieces(network, box):
    regions = enumerate_regions(network, box)
    assert regions.complete
    return len(np.unique(regions.affine_pieces()))


def drawn_knots(width, depth, height, seed=0):
    rng = np.random.default_rng(seed)
    steps = rng.uniform(1, 3, size=(depth, width))
    return height * (np.cumsum(steps, axis=1) / steps.sum(axis=1, keepdims=True))[:, :-1]


@pytest.mark.parametrize(("width", "depth"), SIZES)
def test_s5_sawtooth_has_as_many_pieces_as_stated(width, depth):
    for knots in (None, drawn_knots(width, depth, 2.0)):
        network = sawtooth(width, depth, height=2.0, knots=knots)
        assert network.widths == (width,) * depth
        assert n_pieces(network, Box([0.0], [2.0])) == width**depth
        assert n_pieces(network, Box([-1.0], [5.0])) == sawtooth_pieces(width, depth)


@pytest.mark.parametrize(("width", "depth"), SIZES)
def test_s5_every_tooth_goes_from_one_end_of_the_height_to_the_other(width, depth):
    network = sawtooth(width, depth, height=4.0, knots=drawn_knots(width, depth, 4.0, 1))
    pieces = pieces_between(network, [[0.0]], [[4.0]])
    assert pieces.n_pieces[0] == sawtooth_pieces(width, depth, inside=True)
    values = pieces.values[:, 0]
    np.testing.assert_allclose(values, 4.0 * (np.arange(values.size) % 2), atol=1e-9)


def test_sawtooth_is_the_composition_of_its_teeth_in_fractions():
    knots = [[0.25, 0.5, 0.75], [0.125, 0.25, 0.5]]
    network = sawtooth(4, 2, knots=knots)

    def tooth(x, a):
        ends = [Fraction(0), *map(Fraction, a), Fraction(1)]
        for i, (left, right) in enumerate(pairwise(ends)):
            if left <= x <= right or (x > 1 and right == 1):
                rising = 1 - 2 * (i % 2)
                return (i % 2) + rising * (x - left) / (right - left)
        return Fraction(0)

    for numerator in range(-3, 40):
        x = Fraction(numerator, 32)
        expected = tooth(tooth(x, knots[0]), knots[1])
        assert forward_exact(network, [x]) == [expected]


TABLE = [
    (2, 3, 2, 1, 12),
    (2, 3, 3, 1, 18),
    (2, 3, 2, 2, 25),
    (2, 4, 3, 2, 72),
    (3, 3, 2, 1, 16),
    (3, 3, 3, 1, 24),
    (3, 3, 2, 2, 33),
    (3, 4, 3, 2, 126),
]


@pytest.mark.parametrize(("n_inputs", "n_generators", "width", "depth", "stated"), TABLE)
def test_s5_zonotope_has_as_many_pieces_as_stated(n_inputs, n_generators, width, depth, stated):
    generators = np.random.default_rng(n_generators).normal(size=(n_generators, n_inputs))
    network = zonotope(generators, width, depth)
    box = Box(np.full(n_inputs, -20.0), np.full(n_inputs, 20.0))
    assert network.n_neurons == 2 * n_generators + width * depth
    assert zonotope_pieces(n_generators, n_inputs, width, depth) == stated
    assert n_pieces(network, box) == stated


def test_zonotope_is_a_sawtooth_of_the_support_function():
    generators = np.array([[1.0, 0.5], [-0.25, 1.0], [0.5, 0.5]])
    r = np.random.default_rng(0).normal(size=(200, 2)) / 5
    gamma = np.abs(r @ generators.T).sum(axis=1)
    expected = sawtooth(3, 2, height=2.0)(gamma[:, None])
    np.testing.assert_allclose(zonotope(generators, 3, 2, height=2.0)(r), expected, atol=1e-12)


def test_s5_shallower_networks_need_more_units():
    sizes = {k: (k**3, shallow_size_bound(k, k * k, k)) for k in (2, 3, 4)}
    assert sizes == {2: (8, 3.0), 3: (27, 39.5), 4: (64, 511.0)}
    assert shallow_size_bound(3, 4, 4) == 0.5 * 4 * 3 - 1


def test_the_module_is_a_public_name():
    assert explainrelu.hard_functions.sawtooth is sawtooth


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((1, 2), {}, "width must be at least 2"),
        ((2, 0), {}, "depth at least 1"),
        ((2, 1), {"height": -1.0}, "height must be a positive number"),
        ((2, 2), {"knots": [[0.5]]}, r"knots must be .* \(2, 1\), got \(1, 1\)"),
        ((3, 1), {"knots": [[0.5, 0.5]]}, "increase strictly"),
        ((2, 1), {"knots": [[1.5]]}, "between 0 and height=1.0"),
    ],
)
def test_sawtooth_refuses_what_makes_none(arguments, options, message):
    with pytest.raises(ArgumentError, match=message):
        sawtooth(*arguments, **options)


def test_zonotope_and_bounds_refuse_what_makes_none():
    with pytest.raises(ArgumentError, match="two inputs"):
        zonotope([[1.0]], 2, 1)
    with pytest.raises(ArgumentError, match="at least one generator"):
        zonotope_pieces(0, 2, 2, 1)
    with pytest.raises(ArgumentError, match="from 1 to depth=2"):
        shallow_size_bound(2, 2, 3)
