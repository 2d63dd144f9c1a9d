"""The three-layer network: exact where it speaks, outspoken where it does not."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings

from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.errors import ArgumentError, DataError, UnlistedRegionError
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.convert import convert
from tests import models
from tests.oracles import forward_exact
from tests.strategies import networks_and_points

WIDTHS = [(2, 3, 2, 1), (1, 3, 2, 1), (2, 3, 2, 2), (2, 2, 2, 2, 1)]


def integer_network(widths, seed):
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-2, 3, (b, a)) for a, b in pairwise(widths)]
    return ReluNetwork.from_weights(weights, [rng.integers(-2, 3, b) for b in widths[1:]])


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_every_grid_point_fires_one_cell_and_equals_the_source_in_fractions(widths, seed):
    network = integer_network(widths, seed)
    grid = np.array(list(product(np.arange(-2.0, 2.5, 0.5), repeat=widths[0])))
    shallow = convert(network, grid)
    for point, found in zip(grid, shallow.evaluate_exact(grid.tolist()), strict=True):
        assert len(found.firing) == 1
        assert list(found.scores) == forward_exact(network, point)


@given(networks_and_points(integer=True, max_layers=2, max_units=3))
@settings(max_examples=40)
def test_points_of_listed_cells_are_exact_for_any_network(drawn):
    network, points = drawn
    shallow = convert(network, points)
    for i, found in enumerate(shallow.evaluate_exact(points.tolist())):
        assert found.firing == (shallow.regions.rows[i],)
        assert list(found.scores) == forward_exact(network, points[i])


def test_a_point_of_an_unlisted_cell_fires_nothing_exactly():
    network = integer_network((2, 3, 2, 1), 0)
    grid = np.array(list(product(np.arange(-2.0, 2.5, 0.5), repeat=2)))
    some = convert(network, grid).restrict([0])
    inside = convert(network, grid).regions.rows == 0
    firing = [found.firing for found in some.evaluate_exact(grid.tolist())]
    assert firing == [(0,) if here else () for here in inside]


def test_literal_weights_equal_lookup_away_from_boundaries():
    model, X, _ = models.breast_cancer()
    shallow = convert(model, X)
    literal, looked_up = shallow.evaluate_literal(X), shallow.evaluate(X)
    clear = ~looked_up.ambiguous
    assert clear.sum() > 500
    np.testing.assert_array_equal(literal.cells[clear], looked_up.cells[clear])
    np.testing.assert_allclose(literal.scores[clear], looked_up.scores[clear], rtol=1e-9)


def test_points_on_a_boundary_are_counted_as_ambiguous_and_decided_by_lookup():
    network = ReluNetwork.from_weights([[[1.0, 1.0]], [[3.0]]], [[-0.3], [1.0]])
    rng = np.random.default_rng(0)
    a = rng.random(200)
    on = np.column_stack([a, 0.3 - a])  # a + (0.3 - a) rounds to 0.3 or next to it
    shallow = convert(network, np.vstack([on, on + 1.0, on - 1.0]))
    found = shallow.evaluate(on)
    assert found.ambiguous.all()
    np.testing.assert_allclose(found.scores[:, 0], network(on), atol=1e-12)


def test_an_unlisted_row_is_an_error_and_never_a_zero():
    shallow = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]]), [[1.0]])
    with pytest.raises(UnlistedRegionError, match=r"1 of 2 do not, the first being row 1.*extend"):
        shallow([[2.0], [-1.0]])
    flagged = shallow.evaluate([[2.0], [-1.0]])
    assert flagged.listed.tolist() == [True, False]
    assert np.isnan(flagged.scores[1, 0])


def test_extend_lists_the_cells_of_new_rows_in_a_new_network():
    shallow = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]]), [[1.0]])
    wider = shallow.extend([[-1.0]])
    assert wider([[2.0], [-1.0]]).tolist() == [5.0, 1.0]
    assert (shallow.n_cells, wider.n_cells) == (1, 2)
    assert wider.certificate.holds


def test_extend_certifies_anew_and_keeps_the_checks_of_the_import():
    model, X, _ = models.iris()
    old = Check.at_most("of the old cells", 1.0, 0.0, Exactness.EXACT, "")
    shallow = convert(model, X[:20]).certified(Certificate((old,)))
    wider = shallow.extend(X[20:])
    names = [check.name for check in wider.certificate.checks]
    imported = [check.name for check in wider.source.certificate.checks]
    assert names[: len(imported)] == imported
    assert old.name not in names
    assert f"{130 + shallow.n_cells} rows" in [check.detail for check in wider.certificate.checks]
    assert wider.certificate.holds


def test_rows_handed_over_again_are_counted_again():
    shallow = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]]), [[1.0]])
    assert shallow.extend([[1.0], [-1.0]]).regions.counts.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([[1.0], [float("nan")]], "finite numbers or fractions, got nan in point 1"),
        ([[float("inf")]], "got inf in point 0"),
        ([["1"]], "got '1' in point 0"),
        ([[1.0, 2.0]], "must have 1 values, one an input, got 2 in point 0"),
        ([1.0], "one an input, got 1.0 in point 0"),
    ],
)
def test_points_that_are_none_are_refused_exactly(points, words):
    shallow = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]]), [[1.0]])
    with pytest.raises(DataError, match=words):
        shallow.evaluate_exact(points)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, object])
def test_points_may_be_an_array(dtype):
    shallow = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]]), [[1.0]])
    assert shallow.evaluate_exact(np.array([[3]], dtype=dtype))[0].scores == (7,)


def test_cells_are_restricted_to_by_flags():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    shallow = convert(network, [[1.0], [2.0], [-1.0]])
    assert shallow.restrict([False, True]).regions.names.tolist() == [shallow.regions.names[1]]


def test_sizes_are_those_of_the_written_layers():
    model, X, _ = models.iris()
    shallow = convert(model, X)
    assert tuple(shallow.layer(i).shape[0] for i in (1, 2, 3)) == shallow.sizes
    n, k, r, m = 4, shallow.forms.n_forms, shallow.n_cells, 3
    assert shallow.sizes == (2 * n + k, 2 * n + 2 * k, 2 * m * r)


def test_restrict_refuses_cells_that_are_none():
    shallow = convert(ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]]), [[1.0]])
    with pytest.raises(ArgumentError, match="from 0 to 0"):
        shallow.restrict([1])
