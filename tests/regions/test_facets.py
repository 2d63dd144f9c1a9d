import itertools

import numpy as np
import pytest
from hypothesis import given, settings

from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.region_set import RegionSet
from tests.strategies import relu_networks


def every_region(network: ReluNetwork, half: float = 2.0) -> RegionSet:
    return enumerate_regions(network, Box([-half] * network.n_inputs, [half] * network.n_inputs))


def lines(normals: np.ndarray, offsets: np.ndarray) -> ReluNetwork:
    return ReluNetwork.from_weights([normals, np.ones((1, len(normals)))], [offsets, np.zeros(1)])


@settings(max_examples=150, deadline=None)
@given(relu_networks(integer=True, max_inputs=3, min_layers=1))
def test_behind_every_border_of_a_complete_set_lies_one_of_its_regions(network: ReluNetwork):
    found = every_region(network)
    facets = found.all_facets()
    inner = facets.unit >= 0
    assert (found.locate_patterns(facets.across[inner]) >= 0).all()
    touching = found.adjacency()
    assert (touching != touching.T).nnz == 0
    assert not touching.diagonal().any()


@settings(max_examples=60, deadline=None)
@given(relu_networks(max_inputs=3, min_layers=1))
def test_the_facets_are_those_that_linear_programs_find(network: ReluNetwork):
    found = every_region(network)
    facets = found.all_facets()
    for i in range(min(len(found), 5)):
        units = facets.unit[(facets.region == i) & (facets.unit >= 0)]
        assert sorted(units) == found.region(i).polytope().irredundant().tolist()


def test_walls_are_facets_of_the_regions_that_touch_them():
    found = every_region(lines(np.array([[1.0, 0.0]]), np.zeros(1)), half=1.0)
    facets = found.all_facets()
    for i in range(2):
        own = facets.region == i
        walls = {
            (int(k), bool(up)) for k, up in zip(facets.wall[own], facets.upper[own], strict=True)
        }
        right = found.witnesses[i, 0] > 0
        assert walls - {(-1, False)} == {(0, right), (1, True), (1, False)}


def test_a_fixed_input_has_no_walls():
    network = lines(np.array([[1.0, 1.0]]), np.zeros(1))
    found = enumerate_regions(network, Box([-1.0, 0.5], [1.0, 0.5]))
    assert set(found.all_facets().wall) == {-1, 0}


def test_across_a_fold_units_of_later_layers_follow_their_slope():
    # |x| twice: the second layer is active on both sides of the border of the first
    network = ReluNetwork.from_weights(
        [[[1.0], [-1.0]], [[1.0, 1.0], [1.0, 0.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0, 0.0], [0.0]]
    )
    found = every_region(network, half=1.0)
    assert len(found) == 2
    assert found.adjacency().toarray().tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("d", [2, 3])
def test_the_cells_of_a_grid_touch_as_in_a_grid(d: int):
    k = 3
    normals, offsets = np.repeat(np.eye(d), k, axis=0), np.tile([-0.5, 0.0, 0.5], d)
    found = every_region(lines(normals, offsets), half=1.0)
    cell = np.floor((found.witnesses + 1.0) * 2.0)
    apart = np.abs(cell[:, None] - cell[None]).sum(axis=2)
    assert len(found) == (k + 1) ** d
    assert np.array_equal(found.adjacency().toarray(), apart == 1)


def test_a_unit_that_changes_nothing_makes_patterns_but_no_pieces():
    # the second unit has weight 0 behind it
    network = ReluNetwork.from_weights(
        [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]]], [[0.0, 0.0], [0.0]]
    )
    found = every_region(network)
    pieces = found.affine_pieces()
    assert len(found) == 4
    assert len(set(pieces)) == 2
    assert all(
        (pieces[i] == pieces[j]) == ((found.witnesses[i, 0] > 0) == (found.witnesses[j, 0] > 0))
        for i, j in itertools.combinations(range(4), 2)
    )


def test_equal_maps_that_do_not_touch_are_different_pieces():
    # 0 on both sides of a bump
    network = ReluNetwork.from_weights(
        [np.ones((3, 1)), [[1.0, -2.0, 1.0]]], [[1.0, 0.0, -1.0], [0.0]]
    )
    found = every_region(network)
    assert len(found) == 4
    assert len(set(found.affine_pieces())) == 4


def test_a_set_without_regions_has_no_facets():
    network = lines(np.eye(2), np.zeros(2))
    nothing = every_region(network).chosen(np.zeros(4, dtype=bool))
    assert len(nothing.all_facets()) == 0
    assert nothing.adjacency().shape == (0, 0)


def test_facets_of_one_region_are_its_minimal_half_spaces():
    found = every_region(lines(np.array([[1.0, 1.0], [2.0, 2.0], [1.0, -1.0]]), np.zeros(3)))
    polytope = found.facets(0)
    assert polytope.weight.shape[0] == 2  # of two equal borders one
    assert polytope.contains(found.witnesses).sum() == 1


def test_networks_without_layers_have_one_region_of_walls():
    network = ReluNetwork.from_weights([[[1.0, 2.0]]], [[0.0]], outputs=OutputSchema.numbered(1))
    facets = every_region(network).all_facets()
    assert facets.unit.tolist() == [-1] * 4
