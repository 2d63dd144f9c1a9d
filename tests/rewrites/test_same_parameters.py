import pytest

from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.canonical_form import canonical_form
from explainrelu.rewrites.same_parameters import same_parameters
from explainrelu.tolerances import Tolerances
from tests.rewrites.network_orbit import nudged, opposite_pairs, plain_network, shuffled


@pytest.mark.parametrize("seed", range(10))
def test_networks_of_one_orbit_have_the_same_parameters(seed):
    network = plain_network((4, 4, 3, 3, 2), seed)
    assert same_parameters(network, shuffled(network, seed + 100, scales=3.0))


@pytest.mark.parametrize("layer", range(4))
def test_a_perturbation_in_any_layer_gives_other_parameters(layer):
    network = plain_network((4, 4, 3, 3, 2), layer)
    other = nudged(shuffled(network, 1), layer=layer, by=1e-3)
    assert not same_parameters(network, other)


def test_the_tolerance_says_how_near_is_the_same():
    network = plain_network((2, 5, 1), 0)
    other = nudged(network, layer=0, by=1e-6)
    assert not same_parameters(network, other)
    assert same_parameters(network, other, tolerances=Tolerances(agreement=1e-4))


def test_units_that_tie_when_sorted_are_matched_all_the_same():
    # first weights equal up to rounding: their order by raw numbers is a matter of chance
    first = [[0.3, 0.1], [0.1 + 0.2, -0.1]]
    second = [[0.1 + 0.2, 0.1], [0.3, -0.1]]
    a = ReluNetwork.from_weights([first, [[1.0, 2.0]]], [[0.0, 0.0], [0.0]])
    b = ReluNetwork.from_weights([second, [[1.0, 2.0]]], [[0.0, 0.0], [0.0]])
    assert same_parameters(a, b)


def test_opposite_units_are_never_the_same():
    a = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    b = ReluNetwork.from_weights([[[-1.0]], [[1.0]]], [[0.0], [0.0]])
    assert not same_parameters(a, b)
    assert not same_parameters(opposite_pairs(mirrored=False), opposite_pairs(mirrored=True))


@pytest.mark.parametrize("widths", [(2, 5, 2), (3, 5, 1), (2, 4, 1), (2, 5, 5, 1)])
def test_networks_of_another_shape_have_other_parameters(widths):
    assert not same_parameters(plain_network((2, 5, 1), 0), plain_network(widths, 0))


def test_of_a_rewrite_the_result_is_compared():
    network = plain_network((2, 5, 1), 0)
    assert same_parameters(network, canonical_form(network))
