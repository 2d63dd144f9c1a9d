"""What a certificate of a region set proves, and what it must not let pass."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.certificate import Exactness, Status
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry import polytope
from explainrelu.geometry.box import Box
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.patterns import activation_patterns
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import regions_of_points
from explainrelu.regions.region_set import RegionSet
from explainrelu.regions.verification import certify
from tests.strategies import arrays, relu_networks


def cube(n_inputs: int, half_width: float = 1.0) -> Box:
    return Box(np.full(n_inputs, -half_width), np.full(n_inputs, half_width))


def random_network(*widths: int, seed: int = 0) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(widths))
    weights = [rng.normal(size=(out, into)) / np.sqrt(into) for into, out in pairs]
    return ReluNetwork.from_weights(weights, [0.3 * rng.normal(size=out) for _, out in pairs])


NETWORK = random_network(3, 6, 5, 2)
REGIONS = enumerate_regions(NETWORK, cube(3))


def statuses(certificate) -> dict[str, Status]:
    return {check.name: check.status for check in certificate.checks}


def altered(regions: RegionSet, **arrays) -> RegionSet:
    """The same set with other arrays, past the checks of its construction."""
    found = replace(regions)
    for name, array in arrays.items():
        object.__setattr__(found, name, array)
    return found


def without(regions: RegionSet, position: int) -> RegionSet:
    """A set that claims to be complete and leaves a region out."""
    kept = np.arange(len(regions)) != position
    return replace(
        regions,
        patterns=regions.patterns[kept],
        witnesses=regions.witnesses[kept],
        counts=regions.counts[kept],
        rows=np.zeros(0, dtype=np.int64),
    )


@pytest.mark.parametrize("exact", [False, True])
def test_a_complete_set_is_certified(exact):
    certificate = certify(REGIONS, exact=exact)
    assert certificate.holds
    assert len(certificate.checks) == (8 if exact else 7)


@settings(max_examples=60)
@given(relu_networks(integer=True))
def test_small_degenerate_networks_are_certified(network):
    assert certify(enumerate_regions(network, cube(network.n_inputs, 2.0)), n_samples=200).holds


@settings(max_examples=25)
@given(relu_networks(integer=True, min_layers=1))
def test_small_degenerate_networks_are_certified_in_exact_rationals(network):
    found = enumerate_regions(network, cube(network.n_inputs, 2.0))
    assert certify(found, n_samples=200, exact=True).holds


@pytest.mark.parametrize("position", range(0, len(REGIONS), 9))
def test_a_region_that_was_removed_is_missed(position):
    found = statuses(certify(without(REGIONS, position)))
    assert found["borders are on the box or lead to a region"] is Status.FAILS
    assert found["volumes fill the domain"] is Status.FAILS


@settings(max_examples=40)
@given(relu_networks(integer=True, min_layers=1))
def test_a_region_that_was_removed_from_a_degenerate_set_is_missed(network):
    regions = enumerate_regions(network, cube(network.n_inputs, 2.0))
    assert certify(without(regions, len(regions) // 2), n_samples=50).status is Status.FAILS


def test_a_removed_region_is_missed_in_exact_rationals():
    found = statuses(certify(without(REGIONS, 3), exact=True))
    assert found["inner points and borders in exact rationals"] is Status.FAILS


@pytest.mark.parametrize("bit", range(NETWORK.n_neurons))
def test_a_flipped_pattern_is_found_out(bit):
    patterns = REGIONS.patterns.copy()
    patterns[7] ^= np.packbits(np.arange(NETWORK.n_neurons) == bit)
    found = certify(altered(REGIONS, patterns=patterns))
    assert found.status is Status.FAILS
    assert statuses(found)["witnesses lie in their regions"] is Status.FAILS


def test_a_pattern_with_another_witness_is_found_out_by_its_borders():
    gone = REGIONS.patterns[7]
    with_twin = altered(
        REGIONS,
        patterns=np.where(
            np.arange(len(REGIONS))[:, None] == 7, REGIONS.patterns[8], REGIONS.patterns
        ),
    )
    found = statuses(certify(with_twin))
    assert (with_twin.patterns != gone).any(axis=1).all()
    assert found["patterns are distinct"] is Status.FAILS
    assert found["borders are on the box or lead to a region"] is Status.FAILS


class Tampered(RegionSet):
    """A set one of whose maps is not quite what the network computes."""

    __slots__ = ()

    def affine_map_chunks(self, view=None):
        for part, weight, bias in RegionSet.affine_map_chunks(self, view):
            weight = weight.copy()
            weight[-1, 0, -1] += 1e-7
            yield part, weight, bias


def test_a_map_that_was_perturbed_is_found_out():
    names = ("network", "patterns", "witnesses", "domain", "complete", "found_by", "counts", "rows")
    found = statuses(certify(Tampered(**{name: getattr(REGIONS, name) for name in names})))
    assert found.pop("affine maps give the scores") is Status.FAILS
    assert set(found.values()) == {Status.HOLDS}


def test_maps_of_other_weights_are_found_out():
    output = AffineMap(NETWORK.output.weight * (1 + 1e-7), NETWORK.output.bias)
    found = statuses(certify(REGIONS, network=replace(NETWORK, output=output)))
    assert found.pop("affine maps give the scores") is Status.FAILS
    assert set(found.values()) == {Status.HOLDS}


def test_regions_of_another_hidden_layer_are_found_out():
    first = NETWORK.layers[0]
    moved = Layer(first.weight, first.bias + 0.05, first.rectified)
    assert certify(
        REGIONS, network=replace(NETWORK, layers=(moved, *NETWORK.layers[1:]))
    ).status is (Status.FAILS)


def test_a_witness_in_another_region_is_found_out():
    witnesses = REGIONS.witnesses.copy()
    witnesses[2] = REGIONS.witnesses[5]
    found = statuses(certify(altered(REGIONS, witnesses=witnesses)))
    assert found["witnesses lie in their regions"] is Status.FAILS


def test_an_empty_set_that_claims_to_be_complete_fails():
    nothing = replace(
        REGIONS,
        patterns=REGIONS.patterns[:0],
        witnesses=REGIONS.witnesses[:0],
        counts=REGIONS.counts[:0],
    )
    assert certify(nothing).status is Status.FAILS


def test_a_set_that_is_not_complete_claims_no_more_than_it_lists():
    some = enumerate_regions(NETWORK, cube(3), max_regions=20)
    certificate = certify(some)
    assert certificate.holds
    told = [check.detail for check in certificate.checks if "not claimed" in check.detail]
    assert len(told) == 3
    assert all("max_regions=20 was reached" in detail for detail in told)


def test_a_set_that_claims_too_much_fails():
    some = enumerate_regions(NETWORK, cube(3), max_regions=20)
    assert certify(replace(some, complete=True)).status is Status.FAILS


def test_regions_too_thin_to_tell_are_undecided():
    # a strip 1e-10 wide between two borders, listed as a region
    network = ReluNetwork.from_weights(
        [[[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0]]], [[0.0, -1e-10], [0.0]]
    )
    points = np.array([[-0.5, 0.0], [0.5e-10, 0.0], [0.5, 0.0]])
    listed = replace(regions_of_points(network, points, domain=cube(2)), complete=True)
    assert len(listed) == 3
    assert certify(listed).status is Status.UNDECIDED
    assert certify(without(listed, 1)).status is Status.UNDECIDED


def test_volumes_that_hang_on_the_tolerance_are_undecided():
    # two borders that lie within some tolerances of each other, not quite parallel
    rng = np.random.default_rng(0)
    rng.integers(1, 5)
    normal = rng.normal(size=4)
    normal /= np.linalg.norm(normal)
    across = rng.normal(size=4)
    weight = np.vstack([normal, normal + 4e-9 * 0.3 * rng.normal(size=4), across])
    network = ReluNetwork.from_weights([weight, np.ones((1, 3))], [[0.1, 0.1 + 4e-9, 0.2], [0.0]])
    regions = enumerate_regions(network, cube(4))
    certificate = certify(regions)
    assert certificate.status is Status.UNDECIDED
    [volumes] = [check for check in certificate.checks if "volumes" in check.name]
    assert "by a finer tolerance: too thin to tell" in volumes.detail
    assert certify(without(regions, 0)).status is Status.FAILS


def test_units_that_follow_across_a_border_take_the_side_they_have_there():
    # |x| is zero at x = 0 and positive on both sides; relu(x) is nothing on one of them
    network = ReluNetwork.from_weights(
        [[[1.0], [-1.0]], [[1.0, 1.0], [1.0, 0.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0, 0.0], [0.0]]
    )
    regions = enumerate_regions(network, cube(1))
    assert len(regions) == 2
    assert certify(regions, exact=True).holds


@pytest.mark.parametrize("complete", [True, False])
def test_more_than_six_inputs_are_certified_by_linear_programs(complete):
    network = random_network(7, 4, 3, 1)
    regions = enumerate_regions(network, cube(7), max_regions=None if complete else 10)
    found = certify(regions, exact=True, max_checked=12)
    assert found.holds
    assert "volume" not in " ".join(statuses(found))
    if complete:
        assert certify(without(regions, 5)).status is Status.FAILS


def test_the_share_that_was_looked_at_is_told():
    found = certify(REGIONS, max_checked=10)
    borders = next(check for check in found.checks if "borders" in check.name)
    assert f"10 of {len(REGIONS)} regions" in borders.detail
    assert borders.exactness is Exactness.ESTIMATED
    assert found.holds


@pytest.mark.parametrize("lower", [[-1, 0.25, -1], [0.1, 0.25, -0.3]])
def test_fixed_inputs_are_left_out(lower):
    box = Box(lower, [1, 0.25, -0.3])
    regions = enumerate_regions(NETWORK, box)
    assert certify(regions, exact=True).holds
    assert certify(without(regions, 0)).status is Status.FAILS


def test_a_box_that_is_a_point_has_one_region():
    box = Box([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert certify(enumerate_regions(NETWORK, box), exact=True).holds


def test_a_network_without_layers_has_one_region():
    linear = ReluNetwork.from_weights([[[1.0, 2.0]]], [[0.5]])
    assert certify(enumerate_regions(linear, cube(2)), exact=True).holds


def test_other_units_change_nothing():
    box = Box([-1e6, -1e-6, 3.0], [1e6, 1e-6, 3.5])
    first = NETWORK.layers[0]
    weight = first.weight / box.half_width
    moved = Layer(weight, first.bias - weight @ box.centre, first.rectified)
    regions = enumerate_regions(replace(NETWORK, layers=(moved, *NETWORK.layers[1:])), box)
    assert len(regions) == len(REGIONS)
    assert certify(regions).holds


def test_the_result_depends_on_the_seed_alone():
    first, again = (certify(REGIONS, max_checked=10, random_state=4).to_frame() for _ in range(2))
    assert first.equals(again)


def test_drawn_points_are_those_of_the_network():
    regions = without(REGIONS, 0)
    points = cube(3).sample(5000, np.random.default_rng(0))
    listed = {pattern.tobytes() for pattern in regions.patterns}
    lost = sum(p.tobytes() not in listed for p in activation_patterns(NETWORK, points))
    [check] = [c for c in certify(regions, n_samples=5000).checks if "drawn" in c.name]
    assert check.value == lost > 0


def test_what_is_no_region_set_is_refused():
    with pytest.raises(InputTypeError, match="region_set must be a RegionSet, got ReluNetwork"):
        certify(NETWORK)


def test_a_network_of_another_shape_is_refused():
    with pytest.raises(ArgumentError, match="network must have the shape of the set's"):
        certify(REGIONS, network=random_network(3, 5, 5, 2))


@pytest.mark.parametrize("wrong", [{"n_samples": 0}, {"max_checked": 0}])
def test_too_little_to_check_is_refused(wrong):
    with pytest.raises(ArgumentError, match="must be at least 1"):
        certify(REGIONS, **wrong)


def test_points_are_looked_up_in_the_network_the_set_is_held_against():
    def other(seed: int) -> ReluNetwork:
        rng = np.random.default_rng(seed)
        return ReluNetwork.from_weights(
            [rng.normal(size=(8, 2)), rng.normal(size=(1, 8))], [rng.normal(size=8), [0.0]]
        )

    found = enumerate_regions(other(0), Box([-2.0, -2.0], [2.0, 2.0]))
    checks = {check.name: check for check in certify(found, network=other(1)).checks}
    assert checks["drawn points lie in one region"].status is not Status.HOLDS


def test_borders_are_not_found_by_the_walks_that_the_search_is_made_of(monkeypatch):
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(5, 7)), rng.normal(size=(1, 5))], [rng.normal(size=5), [0.0]]
    )
    found = enumerate_regions(network, Box([-1.0] * 7, [1.0] * 7))

    def walk(*_: object) -> None:
        raise AssertionError("the certificate walked")

    monkeypatch.setattr(polytope, "_MANY", 0)  # as if every polytope were a large one
    monkeypatch.setattr(polytope, "_walk", walk)
    assert certify(found, n_samples=200).holds


DEAD = ReluNetwork.from_weights(
    [[[1.0, 1.0], [0.0, 0.0], [1.0, -1.0]], [[1.0, 1.0, -1.0]]], [[5.0, 0.0, 5.0], [0.0]]
)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("bit", range(3))
@pytest.mark.parametrize(
    "box", [cube(2), Box([0.5, -1.0], [0.5, 1.0]), Box([0.5, 1.0], [0.5, 1.0])]
)
def test_a_flipped_pattern_of_the_only_region_is_found_out(bit, box, exact):
    regions = enumerate_regions(DEAD, box)
    assert len(regions) == 1
    assert certify(regions, exact=exact).holds
    flipped = altered(regions, patterns=regions.patterns ^ np.packbits(np.arange(3) == bit))
    assert certify(flipped, exact=exact).status is Status.FAILS


@pytest.mark.parametrize("seed", range(8))
def test_what_rounding_leaves_of_terms_that_cancel_is_no_error_in_exact_rationals(seed):
    # units and their scaled copies, subtracted again: zero in float64, not quite in fractions
    rng = np.random.default_rng(seed)
    weight, bias, scale = rng.normal(size=(3, 2)), rng.normal(size=3), rng.uniform(0.1, 3.0, 3)
    twice = np.vstack([weight, weight * scale[:, None]])
    mixed = rng.normal(size=(2, 3))
    nought = np.hstack([mixed, -mixed / scale])
    network = ReluNetwork.from_weights(
        [twice, np.vstack([nought, rng.normal(size=(1, 6))]), np.ones((1, 3))],
        [np.concatenate([bias, bias * scale]), [0.0, 0.0, 0.1], [0.0]],
    )
    regions = enumerate_regions(network, cube(2))
    assert certify(regions).holds
    assert certify(regions, exact=True).status is Status.UNDECIDED
    if len(regions) > 1:
        assert certify(without(regions, 0), exact=True).status is Status.FAILS


@st.composite
def sets_in_many_inputs(draw) -> RegionSet:
    """Every region of a small integer network of one to eight inputs, some of them fixed."""
    n_inputs = draw(st.integers(1, 8))
    widths = [n_inputs, *draw(st.lists(st.integers(1, 4), min_size=1, max_size=2)), 1]
    pairs = list(pairwise(widths))
    network = ReluNetwork.from_weights(
        [draw(arrays((out, into), integer=True)) for into, out in pairs],
        [draw(arrays((out,), integer=True)) for _, out in pairs],
    )
    lower = draw(arrays((n_inputs,), integer=True))
    wide = draw(st.lists(st.booleans(), min_size=n_inputs, max_size=n_inputs))
    return enumerate_regions(network, Box(lower, lower + 2.0 * np.array(wide)))


@settings(max_examples=60, deadline=None)
@given(sets_in_many_inputs(), st.booleans(), st.data())
def test_in_any_dimension_a_set_holds_and_one_that_was_tampered_with_does_not(regions, exact, data):
    def judged(found: RegionSet) -> Status:
        return certify(found, exact=exact, n_samples=20).status

    assert judged(regions) is Status.HOLDS
    position = data.draw(st.integers(0, len(regions) - 1))
    assert judged(without(regions, position)) is Status.FAILS
    bit = data.draw(st.integers(0, regions.network.n_neurons - 1))
    patterns = regions.patterns.copy()
    patterns[position] ^= np.packbits(np.arange(regions.network.n_neurons) == bit)
    assert judged(altered(regions, patterns=patterns)) is Status.FAILS
    network = regions.network
    moved = AffineMap(network.output.weight, network.output.bias + 1e-6)
    found = certify(regions, network=replace(network, output=moved), exact=exact, n_samples=20)
    assert found.status is Status.FAILS
