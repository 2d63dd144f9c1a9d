from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.max_of_shallow import max_of_shallow, shallow_counts
from explainrelu.rewrites.shallow_terms.penalties import Penalty, penalties
from tests.oracles import affine_exact, exact, forward_exact
from tests.strategies import points, relu_networks

FORMS = ("max", "min", "region")
PENALTIES = ("sign-aware", "path-norm")


def integer_network(widths: tuple[int, ...], seed: int) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-2, 3, size=(b, a)) for a, b in pairwise(widths)]
    return ReluNetwork.from_weights(weights, [rng.integers(-2, 3, size=b) for b in widths[1:]])


def residual_network(n_blocks: int, width: int, seed: int, *, skip: bool = True) -> ReluNetwork:
    """``u + V relu(W u + b)``, block after block, each as a layer that carries ``u``."""
    rng = np.random.default_rng(seed)
    into, layers = np.eye(2), []
    for _ in range(n_blocks):
        W, V = rng.integers(-1, 2, (width, 2)), rng.integers(-1, 2, (2, width))
        b = rng.integers(-2, 3, width)
        both = np.vstack([W, np.eye(2)])
        rectified = np.arange(width + 2) < width
        layers.append(Layer(both @ into, np.append(b, [0, 0]), rectified))
        into = np.hstack([V, np.eye(2) * skip])
    a = rng.integers(-2, 3, (1, 2))
    output = AffineMap(a @ into, np.zeros(1))
    return ReluNetwork(tuple(layers), output, InputSchema.numbered(2), OutputSchema.numbered(1))


def literal_term(network, pattern, penalty, point, sign, n_frozen):
    """``T_s`` from its definition, in fractions."""
    bits, hidden, paid = iter(pattern), exact(point), Fraction(0)
    for number, layer in enumerate(network.layers):
        z = affine_exact(layer.weight, layer.bias, hidden)
        owed, hidden = iter(penalty[number]) if number < n_frozen else None, []
        for value, rectified in zip(z, layer.rectified, strict=True):
            if not rectified:
                hidden.append(value)
            elif owed is None:
                hidden.append(max(value, Fraction(0)))
            else:
                s = int(next(bits))
                paid += Fraction(float(next(owed))) * max(-(2 * s - 1) * value, Fraction(0))
                hidden.append(s * value)
    return affine_exact(network.output.weight, network.output.bias, hidden)[0] - sign * paid


NETWORKS = {
    "deep": integer_network((2, 3, 3, 2, 1), 0),
    "negative output weights": ReluNetwork.from_weights(
        [[[1, 0], [0, 1], [1, 1]], [[1, -1, 1], [2, 1, -2]], [[-1, -2]]],
        [[0, 0, -1], [0, 1], [0]],
    ),
    "residual": residual_network(2, 3, 1),
    "one layer": integer_network((2, 5, 1), 2),
}


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", NETWORKS)
def test_s2_max_of_terms_equals_the_network_and_no_term_passes_it(which, form, penalty):
    network, rng = NETWORKS[which], np.random.default_rng(3)
    shallow = max_of_shallow(network, form=form, penalty=penalty)
    n_frozen, sign = shallow.terms.n_frozen, -1 if form == "min" else 1
    owed = [layer[0] for layer in shallow.terms.penalties]
    for point in rng.integers(-4, 5, size=(4, 2)):  # small integers: many lie on kinks
        [score] = forward_exact(network, point)
        values = [
            literal_term(network, bits, owed, point, sign, n_frozen) for bits in shallow.patterns
        ]
        assert all(sign * value <= sign * score for value in values)
        assert score in values


@settings(max_examples=40)
@given(st.data())
def test_s2_holds_for_any_mixture_of_carried_and_rectified_units(data):
    network = data.draw(relu_networks(integer=True, max_units=3, max_outputs=2))
    form, penalty = data.draw(st.sampled_from(FORMS)), data.draw(st.sampled_from(PENALTIES))
    X = data.draw(points(network.n_inputs, integer=True))
    shallow = max_of_shallow(network, form=form, penalty=penalty)
    np.testing.assert_array_equal(shallow(X), network(X))
    assert shallow.certificate.holds


@pytest.mark.parametrize("which", NETWORKS)
def test_the_speaking_terms_include_the_pattern_of_the_point(which):
    network = NETWORKS[which]
    shallow = max_of_shallow(network)
    X = np.random.default_rng(0).normal(size=(20, 2))
    for x, score in zip(X, network.forward(X), strict=True):
        z = network.preactivations(x[None])
        kept = [h[0, part.rectified] > 0 for h, part in zip(z, network.layers, strict=True)][:-1]
        own = np.concatenate([np.zeros(0, bool), *kept])
        place = int(np.flatnonzero((shallow.patterns == own).all(axis=1))[0])
        np.testing.assert_allclose(shallow.terms.values(x[None])[0, place], score, atol=1e-9)


@pytest.mark.parametrize(("form", "which"), list(product(FORMS, NETWORKS)))
def test_each_term_is_a_network_of_one_hidden_layer(form, which):
    shallow = max_of_shallow(NETWORKS[which], form=form)
    X = np.random.default_rng(1).normal(size=(30, 2))
    values = shallow.terms.values(X)[:, :, 0]
    for number in range(0, shallow.n_terms, 7):
        term = shallow.term(number)
        assert len(term.layers) == 1
        assert term.layers[0].rectified.all()
        assert term.widths == (shallow.counts()["units_per_term"][0],)
        np.testing.assert_allclose(term(X), values[:, number], rtol=1e-9, atol=1e-9)


def test_a_domain_needs_only_the_patterns_that_occur_in_it():
    network = integer_network((2, 4, 4, 1), 5)
    box = Box([-1.0, -1.0], [2.0, 2.0])
    shallow = max_of_shallow(network, box)
    X = box.sample(500, np.random.default_rng(0))
    assert 1 < shallow.n_terms < 16
    assert shallow.certificate.holds
    np.testing.assert_allclose(shallow(X), network(X), rtol=1e-12, atol=1e-12)
    wide = np.random.default_rng(1).normal(size=(500, 2)) * 50
    assert (shallow(wide) <= network(wide) + 1e-9).all()


def test_regions_handed_over_serve_as_the_domain():
    network, box = integer_network((2, 4, 4, 1), 5), Box([-1.0, -1.0], [2.0, 2.0])
    regions = enumerate_regions(network, box)
    shallow = max_of_shallow(network, regions, form="region")
    assert shallow.n_terms == len(regions)
    assert shallow.guarantee.reach == "exact on a domain"
    part = max_of_shallow(network, regions.chosen([0, 1]))
    assert part.guarantee.reach == "exact on the listed regions"
    assert part.certificate.holds


@pytest.mark.parametrize(
    ("hidden", "n_terms"), [((12,), 1), ((6, 6), 64), ((4, 4, 4), 256), ((3, 3, 3, 3), 512)]
)
def test_s2_deeper_networks_of_equally_many_neurons_have_more_terms(hidden, n_terms):
    network = integer_network((2, *hidden, 1), 0)
    assert max_of_shallow(network).n_terms == n_terms
    assert 2 ** shallow_counts({"": network})["log2_terms"][0] == n_terms


def test_s2_penalties_of_a_residual_network_exceed_those_without_skips():
    with_skips = residual_network(3, 3, 4)
    plain = residual_network(3, 3, 4, skip=False)
    table = shallow_counts({"residual": with_skips, "plain": plain}).set_index("model")
    assert table["log2_terms"].nunique() == 1
    for mass in ("sign_aware_mass", "path_norm_mass"):
        assert table.loc["residual", mass] > table.loc["plain", mass]


def test_sign_aware_penalties_vanish_where_no_negative_weight_follows():
    network = ReluNetwork.from_weights(
        [[[1], [-1]], [[1, 2], [0, 1]], [[1, 3]]], [[0, 1], [0, 0], [0]]
    )
    [owed] = penalties(network, 1, Penalty.SIGN_AWARE, upper=False)
    [path] = penalties(network, 1, Penalty.PATH_NORM, upper=False)
    assert owed.tolist() == [[0.0, 0.0]]
    assert path.tolist() == [[1.0, 5.0]]


def test_a_penalty_too_small_is_caught_by_the_certificate():
    from explainrelu.rewrites.shallow_terms.certificate import certify_terms
    from explainrelu.rewrites.shallow_terms.terms import FrozenTerms
    from explainrelu.tolerances import DEFAULT_TOLERANCES

    network = NETWORKS["negative output weights"]
    right = max_of_shallow(network).terms
    weak = FrozenTerms(network, right.bits, tuple(0.1 * owed for owed in right.penalties))
    assert not certify_terms(weak, None, None, DEFAULT_TOLERANCES).holds


def test_penalties_are_rounded_up_so_that_terms_hold_in_fractions():
    rng = np.random.default_rng(8)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(3, 2)), rng.normal(size=(3, 3)), rng.normal(size=(1, 3))],
        [rng.normal(size=3), rng.normal(size=3), [0.0]],
    )
    terms = max_of_shallow(network).terms
    for x in rng.normal(size=(3, 2)):
        values = [terms.exact_values(t, ExactArray.of(x))[0] for t in range(len(terms))]
        assert max(values) == forward_exact(network, x)[0]


def test_too_many_terms_are_refused_with_their_number():
    network = integer_network((2, 40, 2, 1), 0)
    with pytest.raises(SizeError, match=r"2\*\*40 terms, more than max_terms=65,536"):
        max_of_shallow(network)
    with pytest.raises(SizeError, match="more than max_terms=3 patterns"):
        max_of_shallow(network, Box([-1.0, -1.0], [1.0, 1.0]), max_terms=3)


def test_penalties_beyond_the_range_of_floats_are_refused():
    network = ReluNetwork.from_weights([[[1.0]], [[-1e200]], [[1e200]]], [[0.0], [0.0], [0.0]])
    with pytest.raises(SizeError, match="within the range of float64"):
        max_of_shallow(network)


def test_options_and_domains_that_do_not_fit_are_refused():
    network = NETWORKS["deep"]
    with pytest.raises(ArgumentError, match="form must be one of 'max', 'min', 'region'"):
        max_of_shallow(network, form="median")
    with pytest.raises(ArgumentError, match="penalty must be one of"):
        max_of_shallow(network, penalty="none")
    with pytest.raises(ArgumentError, match="2 inputs, got 1"):
        max_of_shallow(network, Box([0.0], [1.0]))
    with pytest.raises(InputTypeError, match="Box, a RegionSet or None"):
        max_of_shallow(network, [[0.0, 1.0]])
    other = enumerate_regions(NETWORKS["one layer"], Box([0.0, 0.0], [1.0, 1.0]))
    with pytest.raises(ArgumentError, match="regions of another network"):
        max_of_shallow(network, other)
    with pytest.raises(ArgumentError, match="a term from 0 to 255"):
        max_of_shallow(network, form="region").term(256)
    with pytest.raises(ArgumentError, match="max_terms must be at least 1"):
        max_of_shallow(network, max_terms=0)
