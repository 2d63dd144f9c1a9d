"""Lookup, boundaries and bookkeeping of many regions."""

import numpy as np
import pytest
from hypothesis import given

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import observed_regions, regions_of_points
from explainrelu.regions.region_set import RegionSet
from tests.strategies import networks_and_points

KINK = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])


@given(networks_and_points(integer=True, min_layers=1))
def test_every_row_is_located_in_its_own_region(drawn):
    network, points = drawn
    regions = regions_of_points(network, points)
    assert np.array_equal(regions.locate_points(points), regions.rows)


@given(networks_and_points(integer=True, min_layers=1))
def test_the_closed_polytope_of_a_region_holds_its_rows(drawn):
    network, points = drawn
    regions = regions_of_points(network, points)
    for i, point in enumerate(points):
        assert regions.region(int(regions.rows[i])).polytope().contains(point[None])[0]


def test_a_point_of_no_listed_region_is_minus_one():
    regions = observed_regions(KINK, [[1.0]])
    assert regions.locate([[2.0], [-1.0]]).tolist() == [0, -1]


def test_a_boundary_point_is_found_in_the_listed_neighbour():
    regions = observed_regions(KINK, [[1.0]])  # only the active side is listed
    assert regions.locate([[0.0]]).tolist() == [0]  # whose closure holds the boundary


def test_a_boundary_point_gets_the_right_score_from_either_neighbour():
    rng = np.random.default_rng(1)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(5, 2)), rng.normal(size=(1, 5))], [rng.normal(size=5), [0.3]]
    )
    layer = network.layers[0]
    start = rng.normal(size=(40, 2))
    unit = rng.integers(0, 5, 40)
    w, b = layer.weight[unit], layer.bias[unit]
    distance = (np.einsum("ij,ij->i", start, w) + b) / np.square(w).sum(axis=1)
    on = start - distance[:, None] * w
    either = regions_of_points(network, np.vstack([on + 1e-6 * w, on - 1e-6 * w]))
    place = either.locate_points(on)
    assert (place >= 0).all()
    weight, bias = either.affine_maps()
    scores = np.einsum("noi,ni->no", weight[place], on) + bias[place]
    np.testing.assert_allclose(scores, network.forward(on), rtol=1e-9, atol=1e-9)


def test_a_thin_region_is_known_as_such():
    # units x and -x: at 0 both are inactive, a pattern held by that point alone
    network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    regions = observed_regions(network, [[-1.0], [0.0], [1.0]])
    assert sorted(regions.full_dimensional().tolist()) == [False, True, True]
    assert not regions.full_dimensional()[regions.rows[1]]


def test_a_row_on_the_boundary_of_a_full_region_does_not_make_it_thin():
    regions = observed_regions(KINK, [[0.0], [-1.0]])
    assert regions.full_dimensional().tolist() == [True]


def test_a_unit_that_is_always_zero_does_not_make_regions_thin():
    network = ReluNetwork.from_weights([[[1.0], [0.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    assert observed_regions(network, [[-1.0], [1.0]]).full_dimensional().all()


def test_the_frame_has_one_row_a_region():
    frame = observed_regions(KINK, [[1.0], [2.0], [-1.0]]).to_frame()
    assert list(frame.columns) == [
        *("region", "n_rows", "share", "n_active", "full_dimensional", "exactness")
    ]
    assert frame["n_rows"].tolist() == [2, 1]
    assert frame["n_active"].tolist() == [1, 0]


def test_joined_sets_list_every_region_once_and_add_counts():
    first, second = observed_regions(KINK, [[1.0]]), observed_regions(KINK, [[3.0], [-1.0], [-2.0]])
    joined = first.joined(second)
    assert joined.counts.tolist() == [2, 2]
    assert joined.rows.tolist() == [0, 0, 1, 1]
    assert (joined.domain.lower[0], joined.domain.upper[0]) == (-2.0, 3.0)


def test_chosen_regions_keep_their_names():
    regions = observed_regions(KINK, [[1.0], [2.0], [-1.0]])
    assert regions.chosen(np.array([1])).names.tolist() == [regions.names[1]]
    with pytest.raises(ArgumentError, match=r"from 0 to 1, got \[2\]"):
        regions.chosen(np.array([2]))


def test_affine_map_chunks_are_the_affine_maps(monkeypatch):
    monkeypatch.setattr("explainrelu.regions.region_set._CHUNK_VALUES", 2)
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(6, 2)), rng.normal(size=(2, 6))], [rng.normal(size=6), [0.0, 1.0]]
    )
    regions = regions_of_points(network, rng.normal(size=(200, 2)))
    parts = list(regions.affine_map_chunks())
    assert len(parts) > 3
    np.testing.assert_array_equal(
        np.concatenate([weight for _, weight, _ in parts]), regions.affine_maps()[0]
    )


def test_arrays_of_a_region_set_cannot_be_changed():
    regions = observed_regions(KINK, [[1.0]])
    for array in (regions.patterns, regions.witnesses, regions.counts, regions.rows):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def arrays(regions):
    return {
        name: getattr(regions, name).copy() for name in ("patterns", "witnesses", "counts", "rows")
    }


def built(regions, **changed):
    parts = arrays(regions) | changed
    return RegionSet(
        network=regions.network, domain=regions.domain, complete=False, found_by="", **parts
    )


def test_arrays_of_the_caller_stay_theirs():
    regions = observed_regions(KINK, [[1.0], [-1.0]])
    mine = arrays(regions)
    again = built(regions, **mine)
    mine["witnesses"][0] = 99.0  # not frozen, and not shared
    mine["counts"][0] = 99
    assert again.witnesses.tolist() == regions.witnesses.tolist()
    assert again.counts.tolist() == regions.counts.tolist()


def test_a_region_listed_twice_is_refused():
    regions = observed_regions(KINK, [[1.0], [-1.0]])
    twice = regions.patterns[[0, 1, 0]], regions.witnesses[[0, 1, 0]], np.ones(3, dtype=int)
    with pytest.raises(ArgumentError, match="all be different, got the same for regions 0 and 2"):
        built(regions, patterns=twice[0], witnesses=twice[1], counts=twice[2])


def test_a_witness_of_another_region_is_refused():
    regions = observed_regions(KINK, [[1.0], [-1.0]])
    with pytest.raises(ArgumentError, match="another activation pattern for region 1"):
        built(regions, witnesses=np.array([[1.0], [2.0]]))


def test_bits_beyond_the_last_unit_are_refused():
    regions = observed_regions(KINK, [[1.0], [-1.0]])
    with pytest.raises(ArgumentError, match="another activation pattern for region 1"):
        built(regions, patterns=regions.patterns | np.array([[0], [1]], dtype=np.uint8))


def test_a_witness_on_the_boundary_may_have_either_pattern():
    regions = observed_regions(KINK, [[1.0], [-1.0]])
    assert len(built(regions, witnesses=np.array([[0.0], [0.0]]))) == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"counts": np.zeros(1)}, r"counts must be \(2,\), got \(1,\)"),
        ({"patterns": np.zeros((2, 2))}, r"patterns must be \(2, 1\), got \(2, 2\)"),
        ({"rows": np.array([0, 2])}, "rows must be positions of the 2 regions"),
        ({"counts": np.array([3, -1])}, "counts must not be negative, got -1"),
        ({"witnesses": np.array([[1.0], [np.nan]])}, "finite numbers only"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed, words):
    with pytest.raises(ArgumentError, match=words):
        built(observed_regions(KINK, [[1.0], [-1.0]]), **changed)


def test_regions_are_chosen_by_flags_or_by_position_each_once():
    regions = observed_regions(KINK, [[1.0], [2.0], [-1.0]])
    assert regions.chosen([False, True]).names.tolist() == [regions.names[1]]
    assert regions.chosen([1, 0, 1]).names.tolist() == regions.names[[1, 0]].tolist()
    assert len(regions.chosen([])) == 0


def test_what_chooses_no_regions_is_refused():
    regions = observed_regions(KINK, [[1.0], [-1.0]])
    with pytest.raises(ArgumentError, match=r"one a region, \(2,\), got shape \(3,\)"):
        regions.chosen([True, False, True])
    with pytest.raises(InputTypeError, match=r"whole numbers.*got float64 of shape \(1,\)"):
        regions.chosen([0.5])


def test_witnesses_of_another_size_are_refused():
    regions = observed_regions(KINK, [[1.0]])
    with pytest.raises(ArgumentError, match=r"must be \(1, 1\), got \(2, 1\)"):
        RegionSet(
            KINK,
            regions.patterns,
            np.zeros((2, 1)),
            Box([0], [1]),
            False,
            "",
            *[np.zeros(0, int)] * 2,
        )


def test_rows_are_counted_in_the_regions_and_domain_they_lie_in():
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    found = enumerate_regions(network, Box([-1.0], [1.0])).with_rows([[-0.5], [0.5], [0.7], [3.0]])
    active = found.witnesses[:, 0] > 0
    assert found.counts[active].tolist() == [2]
    assert found.counts[~active].tolist() == [1]
    assert found.rows.size == 3
