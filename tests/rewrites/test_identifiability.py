from itertools import product

import numpy as np
import pytest

from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.equivalence.check import check_equivalence
from explainrelu.rewrites.identifiability import identifiability
from explainrelu.rewrites.identifiable import identifiable_network
from explainrelu.rewrites.same_parameters import same_parameters
from tests.rewrites.network_orbit import opposite_pairs, plain_network, shuffled

WIDTHS = [(2, 2, 1), (3, 3, 1), (2, 2, 2, 1), (3, 3, 2, 1)]


def box_of(n_inputs: int) -> Box:
    return Box([-1.0] * n_inputs, [3.0] * n_inputs)


@pytest.mark.parametrize("widths", WIDTHS)
def test_every_condition_holds_for_an_identifiable_network(widths):
    network = identifiable_network(widths, box_of(widths[0]), random_state=1)
    found = identifiability(network, box_of(widths[0]))
    assert found.status == "holds", found.to_frame().to_string()
    assert len(found.to_frame()) == 6


@pytest.mark.parametrize(("widths", "seed"), [*product(WIDTHS[1:3], range(3))])
def test_every_functional_equal_that_can_be_made_has_the_same_parameters(widths, seed):
    box = box_of(widths[0])
    network = identifiable_network(widths, box, random_state=seed)
    other = shuffled(network, seed)
    assert check_equivalence(network, other, box, method="regions").status == "equal"
    assert same_parameters(network, other)
    stranger = identifiable_network(widths, box, random_state=seed + 10)
    assert check_equivalence(network, stranger, box).status == "different"


def test_each_layer_has_an_active_unit_at_every_point():
    box = box_of(3)
    network = identifiable_network((3, 3, 2, 1), box, random_state=2)
    points = box.sample(5000, np.random.default_rng(0))
    for z in network.preactivations(points):
        assert (z > 0).any(axis=1).all()


def test_a_layer_that_dies_somewhere_is_not_transparent():
    network, box = plain_network((2, 2, 1), 0), Box([-5, -5], [5, 5])
    found = identifiability(network, box)["transparent"]
    assert found.status == "fails"
    assert (network.preactivations(found.witness[None])[0] <= 0).all()
    assert "no unit of layer 0" in found.detail


def test_a_dead_unit_behind_another_layer_has_an_optimum_of_zero():
    weights = [np.eye(2), [[1.0, 1.0], [1.0, 2.0]], [[1.0, 1.0]]]
    network = ReluNetwork.from_weights(weights, [[0.0, 0.5], [0.0, 0.0], [0.0]])
    found = identifiability(network, Box([-2, -2], [2, 2]))["general 1"]
    assert found.status == "fails"
    z = network.preactivations(found.witness + 1e-6 * np.array([[1, 1], [-1, 1], [1, -1]]))[1]
    assert (z == 0).all(axis=0).any()


def test_dependent_rows_break_the_ranks_and_the_multiples():
    network = ReluNetwork.from_weights(
        [[[1.0, 2.0], [-1.0, -2.0]], [[1.0, 1.0]]], [[0.5, -0.5], [0.0]]
    )
    found = identifiability(network, Box([-2, -2], [2, 2]))
    assert found["general 2"].status == "fails"
    assert found["general 2"].detail == "layers 0 to 0 with the diagonals 11 have not rank 2"
    assert found["general 3"].status == "fails"
    assert "unit 0 of layer 0 and unit 1 of layer 0" in found["general 3"].detail


def test_opposite_pairs_are_flagged_by_their_widths_and_ranks():
    found = identifiability(opposite_pairs(mirrored=False), Box([-2, -2], [2, 2]))
    assert found["widths"].status == "fails"
    assert found.status == "fails"


def test_borders_that_never_cross_leave_no_path():
    # the second layer is positive everywhere, so that nothing bends at the first
    weights = [np.eye(2), [[1.0, 0.5], [0.5, 1.0]], [[1.0, 1.0]]]
    network = ReluNetwork.from_weights(weights, [[0.1, 0.2], [1.0, 1.0], [0.0]])
    found = identifiability(network, Box([-2, -2], [2, 2]))["fold-set path"]
    assert found.status == "fails"
    assert found.detail == "no unit of layer 1 bends at unit 0 of layer 0"


def test_what_is_too_large_is_said_not_to_be_shown():
    network, box = plain_network((7, 7, 7, 7, 1), 0), box_of(7)
    found = identifiability(network, box, max_regions=10)
    for name in ("general 1", "general 2", "general 3"):
        assert found[name].status == "undecided"
    assert "drawn" in found["general 2"].detail
    assert found.status in ("undecided", "fails")


def test_the_regions_are_those_of_the_whole_box():
    box = box_of(2)
    network = identifiable_network((2, 2, 2, 1), box)
    assert identifiability(network, box)["transparent"].detail == (
        f"{len(enumerate_regions(network, box))} regions"
    )


@pytest.mark.parametrize("widths", [(2, 3, 1), (3, 1, 1), (3, 3), (3, 3, 2)])
def test_widths_that_the_theorem_does_not_hold_for_are_refused(widths):
    with pytest.raises(ArgumentError, match="widths must be the inputs"):
        identifiable_network(widths, box_of(widths[0]))


def test_a_domain_with_a_fixed_input_is_refused():
    with pytest.raises(ArgumentError, match="No input of the domain may be fixed, got input 1"):
        identifiable_network((2, 2, 1), Box([0, 1], [1, 1]))


@pytest.mark.parametrize("widths", [(2, 2.5, 1), "ab"])
def test_widths_that_are_no_whole_numbers_are_refused(widths):
    with pytest.raises(ArgumentError, match="widths must be whole numbers, got"):
        identifiable_network(widths, Box([-1.0, -1.0], [1.0, 1.0]))
