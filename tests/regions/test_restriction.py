"""The regions of a set that meet a smaller box are those that a search of it finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.verification import certify
from tests.strategies import relu_networks

CROSS = ReluNetwork.from_weights([np.eye(2), np.ones((1, 2))], [np.zeros(2), [0.0]])
SQUARE = Box([-2.0, -2.0], [2.0, 2.0])


@st.composite
def networks_and_boxes(draw, *, integer):
    """A network, a box, and a smaller one, of which inputs may be fixed, often on borders."""
    network = draw(relu_networks(integer=integer))
    grid = st.integers(-4, 4).map(lambda k: k / 2)
    ends = [sorted((draw(grid), draw(grid))) for _ in range(network.n_inputs)]
    lower, upper = np.array(ends).T
    return network, Box([-2.0] * network.n_inputs, [2.0] * network.n_inputs), Box(lower, upper)


def same_regions(found, expected):
    assert sorted(found.names) == sorted(expected.names)
    assert found.complete
    assert found.domain.contains(found.witnesses).all()


@given(networks_and_boxes(integer=True))
def test_regions_of_integer_networks_are_those_of_the_smaller_box(drawn):
    network, domain, box = drawn
    same_regions(enumerate_regions(network, domain).restrict(box), enumerate_regions(network, box))


@given(networks_and_boxes(integer=False))
def test_regions_of_other_networks_are_those_of_the_smaller_box(drawn):
    network, domain, box = drawn
    whole = enumerate_regions(network, domain)
    if not whole.skipped:  # thin regions of the domain may be thick ones of the box
        found, expected = whole.restrict(box), enumerate_regions(network, box)
        assert {*expected.names} <= {*found.names}
        balls = found.inscribed_balls().radius
        extra = ~np.isin(found.names, expected.names)
        assert (balls[extra] < 1e-8).all() or not extra.any()


def test_a_larger_network_restricted_is_complete_and_certified():
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(8, 3)), rng.normal(size=(8, 8)), rng.normal(size=(1, 8))]
    network = ReluNetwork.from_weights(weights, [rng.normal(size=8), rng.normal(size=8), [0.0]])
    box = Box([-0.5, 0.0, -1.0], [0.5, 1.0, 0.25])
    found = enumerate_regions(network, Box([-1.0] * 3, [1.0] * 3)).restrict(box)
    same_regions(found, enumerate_regions(network, box))
    assert certify(found).holds
    assert found.volumes().values.sum() == pytest.approx(1.25, rel=1e-12)


def test_regions_that_only_touch_the_box_are_left_out():
    found = enumerate_regions(CROSS, SQUARE).restrict(Box([0.0, -1.0], [1.0, 1.0]))
    assert len(found) == 2
    assert found.skipped == 0
    assert (found.witnesses[:, 0] > 0).all()


def test_regions_that_share_a_border_along_a_slice_are_one():
    found = enumerate_regions(CROSS, SQUARE).restrict(Box([0.0, -1.0], [0.0, 1.0]))
    assert len(found) == 2
    active = np.unpackbits(found.patterns, axis=1)[:, :2]
    assert active[:, 0].tolist() == [0, 0]  # zero counts as inactive
    assert sorted(active[:, 1]) == [0, 1]


def test_a_single_point_lies_in_one_region():
    found = enumerate_regions(CROSS, SQUARE).restrict(Box([0.0, 1.0], [0.0, 1.0]))
    assert len(found) == 1
    assert found.witnesses.tolist() == [[0.0, 1.0]]


def test_a_region_that_hardly_reaches_into_the_box_is_counted_as_skipped():
    found = enumerate_regions(CROSS, SQUARE).restrict(Box([-1e-11, -1.0], [1.0, 1.0]))
    assert (len(found), found.skipped) == (2, 2)


def test_what_a_search_did_not_finish_stays_said():
    part = enumerate_regions(CROSS, SQUARE, max_regions=3)
    found = part.restrict(Box([-1.0, -1.0], [1.0, 1.0]))
    assert (len(found), found.complete, found.stopped) == (3, False, part.stopped)
    assert found.found_by == "in a part of the box, those of a smaller box"


def test_rows_are_not_kept_but_can_be_counted_anew():
    rows = [[-1.5, 1.0], [0.5, 0.5]]
    whole = enumerate_regions(CROSS, SQUARE).with_rows(rows)
    found = whole.restrict(Box([-1.0, -1.0], [1.0, 1.0]))
    assert (found.counts.sum(), found.rows.size) == (0, 0)
    assert found.with_rows(rows).counts.sum() == 1


@pytest.mark.parametrize(
    ("box", "error", "words"),
    [
        (Box([-1.0, -3.0], [1.0, 1.0]), ArgumentError, "input 1 between -2 and 2, got -3 to 1"),
        (Box([-1.0], [1.0]), ArgumentError, "domain's 2 inputs, got 1"),
        ([[-1, 1], [-1, 1]], InputTypeError, "must be a Box, got list"),
    ],
)
def test_a_box_that_is_not_within_the_domain_is_refused(box, error, words):
    with pytest.raises(error, match=words):
        enumerate_regions(CROSS, SQUARE).restrict(box)


def test_a_network_without_rectified_units_has_one_region_in_any_box():
    network = ReluNetwork.from_weights([np.ones((1, 2))], [[1.0]])
    found = enumerate_regions(network, SQUARE).restrict(Box([0.0, 1.0], [0.0, 2.0]))
    assert len(found) == 1
