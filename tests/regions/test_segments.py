"""Pieces along segments, against a walk in exact rationals from one breakpoint to the next."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError, ColumnsError, SizeError
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import activation_patterns, pattern_keys, unpack
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import observed_regions
from explainrelu.regions.segments import (
    SegmentPieces,
    pieces_between,
    polyline_pieces,
    segment_pieces,
)
from tests.models import breast_cancer, loans
from tests.oracles import affine_exact, exact, forward_exact
from tests.strategies import arrays, relu_networks

HINGES = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, -1.0], [0.0]])


@st.composite
def segments(draw: st.DrawFn, *, max_segments: int = 4, **options):
    """A network and the ends of some segments, those of length zero among them."""
    network = draw(relu_networks(**options))
    shape = (draw(st.integers(1, max_segments)), network.n_inputs)
    integer = options.get("integer", False)
    return network, draw(arrays(shape, integer=integer)), draw(arrays(shape, integer=integer))


def signs_behind(network, point, direction):
    """``(z, dz)`` of each rectified unit just behind ``point``, in the order of the pattern."""
    hidden, change, found = list(point), list(direction), []
    for layer in network.layers:
        still = np.zeros(layer.n_units)
        pairs = list(
            zip(
                affine_exact(layer.weight, layer.bias, hidden),
                affine_exact(layer.weight, still, change),
                strict=True,
            )
        )
        found += [pair for pair, rectified in zip(pairs, layer.rectified, strict=True) if rectified]
        pairs = [
            pair if not rectified or pair > (0, 0) else (Fraction(0), Fraction(0))
            for pair, rectified in zip(pairs, layer.rectified, strict=True)
        ]
        hidden, change = ([pair[k] for pair in pairs] for k in (0, 1))
    return found


def walk(network, start, end):
    """Exact breakpoints, and for each piece the bits: True, False, or None where ``z`` stays 0."""
    start, end = exact(start), exact(end)
    direction = [b - a for a, b in zip(start, end, strict=True)]
    t, breakpoints, pieces = Fraction(0), [Fraction(0)], []
    while t < 1:
        point = [a + t * d for a, d in zip(start, direction, strict=True)]
        forms = signs_behind(network, point, direction)
        pieces.append([None if pair == (0, 0) else pair > (0, 0) for pair in forms])
        ahead = [t - z / dz for z, dz in forms if z * dz < 0]
        t = min([Fraction(1), *ahead])
        breakpoints.append(t)
    return breakpoints, pieces


@settings(max_examples=300)
@given(segments(integer=True, max_units=5))
def test_pieces_are_those_of_a_walk_in_exact_rationals(case):
    network, starts, ends = case
    found = segment_pieces(network, starts, ends)
    bits = unpack(network, found.patterns)
    for i in range(len(starts)):
        breakpoints, pieces = walk(network, starts[i], ends[i])
        t = found.breakpoints[found.breakpoints_of(i)]
        np.testing.assert_allclose(t, np.array(breakpoints, dtype=float), rtol=0, atol=1e-12)
        for seen, wanted in zip(bits[found.pieces_of(i)], pieces, strict=True):
            assert all(w is None or s == w for s, w in zip(seen, wanted, strict=True))


@settings(max_examples=100)
@given(segments(integer=True, max_outputs=2))
def test_values_at_breakpoints_are_the_scores_there(case):
    network, starts, ends = case
    found = segment_pieces(network, starts, ends)
    for i in range(len(starts)):
        breakpoints, _ = walk(network, starts[i], ends[i])
        first, last = exact(starts[i]), exact(ends[i])
        for t, value in zip(breakpoints, found.values[found.breakpoints_of(i)], strict=True):
            point = [(1 - t) * a + t * b for a, b in zip(first, last, strict=True)]
            wanted = [float(score) for score in forward_exact(network, point)]
            np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-10)


@settings(max_examples=200)
@given(segments(max_outputs=3, max_units=6))
def test_between_breakpoints_the_score_is_a_straight_line(case):
    network, starts, ends = case
    found = segment_pieces(network, starts, ends)
    slope, intercept = found.lines()
    place, of = np.arange(len(found)) + found.segments, found.segments
    for share in (0.0, 0.25, 0.5, 1.0):
        t = ((1 - share) * found.lower + share * found.upper)[:, None]
        points = (1 - t) * starts[of] + t * ends[of]
        room = 1e-12 * (1 + network.term_sizes(points))
        scores = network.forward(points)
        assert (np.abs(slope * t + intercept - scores) <= room).all()
        between = (1 - share) * found.values[place] + share * found.values[place + 1]
        assert (np.abs(between - scores) <= room).all()


@settings(max_examples=100)
@given(segments(max_outputs=2))
def test_neighbouring_pieces_have_different_patterns_and_rising_breakpoints(case):
    found = segment_pieces(*case)
    for i in range(found.n_segments):
        patterns, t = found.patterns[found.pieces_of(i)], found.breakpoints[found.breakpoints_of(i)]
        assert (patterns[1:] != patterns[:-1]).any(axis=1).all()
        assert t[0] == 0.0
        assert t[-1] == 1.0
        assert (np.diff(t) > 0).all()


@settings(max_examples=100)
@given(segments(max_outputs=2))
def test_mean_gradients_explain_the_whole_change_of_the_score(case):
    network, starts, ends = case
    found = segment_pieces(network, starts, ends)
    change = np.einsum("soi,si->so", found.mean_gradients(), ends - starts)
    room = 1e-12 * (1 + network.term_sizes(starts) + network.term_sizes(ends))
    assert (np.abs(change - (network.forward(ends) - network.forward(starts))) <= room).all()


@given(segments(max_outputs=3))
def test_mean_gradients_are_the_gradients_by_their_share(case):
    found = segment_pieces(*case)
    by_share = found.gradients() * found.shares[:, None, None]
    for i, mean in enumerate(found.mean_gradients()):
        np.testing.assert_allclose(mean, by_share[found.pieces_of(i)].sum(axis=0), atol=1e-12)


def random_network(*widths: int, seed: int = 0) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    return ReluNetwork.from_weights(
        [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes],
        [0.3 * rng.normal(size=shape[0]) for shape in shapes],
    )


def test_a_fine_grid_finds_no_other_pattern_than_the_pieces():
    network, rng = random_network(5, 12, 12, 2), np.random.default_rng(1)
    starts, ends = rng.normal(size=(2, 20, 5))
    found = segment_pieces(network, starts, ends)
    t = np.linspace(0.0, 1.0, 2003)[1:-1]
    for i in range(20):
        grid = activation_patterns(network, starts[i] + t[:, None] * (ends[i] - starts[i]))
        place = np.searchsorted(found.breakpoints[found.breakpoints_of(i)], t) - 1
        assert (found.patterns[found.pieces_of(i)][place] == grid).all()


def test_the_result_does_not_depend_on_how_segments_are_chunked(monkeypatch):
    network, rng = random_network(4, 10, 10, 1), np.random.default_rng(2)
    starts, ends = rng.normal(size=(2, 60, 4))
    whole = segment_pieces(network, starts, ends)
    monkeypatch.setattr("explainrelu.regions.line_restriction._CHUNK_VALUES", 1)
    single = segment_pieces(network, starts, ends)
    assert (single.offsets == whole.offsets).all()
    assert (single.patterns == whole.patterns).all()
    np.testing.assert_allclose(single.breakpoints, whole.breakpoints, atol=1e-13)


def test_maps_stream_in_chunks_that_cut_segments(monkeypatch):
    network, rng = random_network(4, 10, 10, 2), np.random.default_rng(3)
    found = segment_pieces(network, *rng.normal(size=(2, 10, 4)))
    whole, means = found.gradients(), found.mean_gradients()
    monkeypatch.setattr("explainrelu.regions.segments._MAP_VALUES", 24)
    assert len(list(found.affine_map_chunks())) == -(-len(found) // 3)
    np.testing.assert_allclose(found.gradients(), whole, atol=1e-14)
    np.testing.assert_allclose(found.mean_gradients(), means, atol=1e-14)
    monkeypatch.setattr("explainrelu.regions.segments._GRADIENT_VALUES", 60)
    np.testing.assert_allclose(found.mean_gradients(), means, atol=1e-14)


def test_the_sizes_of_terms_are_the_same_pair_by_pair_and_by_products(monkeypatch):
    network, rng = random_network(4, 10, 10, 1), np.random.default_rng(2)
    starts, ends = rng.normal(size=(2, 60, 4))
    found = []
    for gathering in (0, 10**9):
        monkeypatch.setattr("explainrelu.regions.line_restriction._GATHERING", gathering)
        found.append(segment_pieces(network, starts, ends))
    assert (found[0].patterns == found[1].patterns).all()
    np.testing.assert_array_equal(found[0].breakpoints, found[1].breakpoints)


def test_a_unit_that_touches_zero_and_turns_back_adds_no_breakpoint():
    # |x| - 1 is cut at 0 by |.| alone; relu(|x|) touches zero there and never changes its side
    weights = [[[1.0], [-1.0]], [[1.0, 1.0]], [[1.0]]]
    found = segment_pieces(
        ReluNetwork.from_weights(weights, [[0.0, 0.0], [0.0], [0.0]]), [[-1.0]], [[2.0]]
    )
    np.testing.assert_allclose(found.breakpoints, [0.0, 1 / 3, 1.0])


def test_a_point_on_a_border_where_the_segment_turns_back_is_no_breakpoint():
    for start, end in ((0.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (1.0, 0.0)):
        found = segment_pieces(
            ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]]), [[start]], [[end]]
        )
        assert found.breakpoints.tolist() == [0.0, 1.0]
        assert unpack(found.network, found.patterns).tolist() == [[start + end > 0]]


def test_a_segment_inside_a_units_zero_set_is_not_cut_by_it():
    # points of a plane, up to rounding: the unit's sign along the way is noise
    rng = np.random.default_rng(10)
    normal = rng.normal(size=3)
    network = ReluNetwork.from_weights([normal[None], [[1.0]]], [[0.0], [0.0]])
    points = rng.normal(size=(400, 3))
    points -= (points @ normal / (normal @ normal))[:, None] * normal
    signs = np.sign(network.preactivations(points)[0][:, 0]).reshape(2, 200)
    assert (signs[0] * signs[1] < 0).any()
    found = segment_pieces(network, points[:200], points[200:])
    assert (found.n_pieces == 1).all()
    np.testing.assert_allclose(found.values, 0.0, atol=1e-14)


def test_equal_and_opposite_borders_are_one_breakpoint():
    rng = np.random.default_rng(4)
    normal, scale = rng.normal(size=3), np.array([1.0, 3.0, -0.7, 1e6, -1e-6, 1 / 3])
    network = ReluNetwork.from_weights(
        [scale[:, None] * normal, np.ones((1, 6))], [0.1 * scale, [0.0]]
    )
    starts = rng.normal(size=(200, 3))
    # each segment is mirrored in the border, so that it crosses it once
    ends = starts - 3 * ((starts @ normal + 0.1) / (normal @ normal))[:, None] * normal
    found = segment_pieces(network, starts, ends)
    assert (found.n_pieces == 2).all()
    np.testing.assert_allclose(found.lower[1::2], 1 / 3, rtol=1e-12)


def test_a_segment_of_length_zero_is_one_piece_with_the_points_pattern():
    network, rng = random_network(3, 8, 8, 2), np.random.default_rng(5)
    points = rng.normal(size=(7, 3))
    found = segment_pieces(network, points, points)
    assert (found.n_pieces == 1).all()
    assert (found.patterns == activation_patterns(network, points)).all()
    np.testing.assert_allclose(found.values[::2], network.forward(points), atol=1e-14)


def test_a_flat_crossing_does_not_move_a_steep_one_beside_it():
    # the flat unit is a small difference of large terms: rounding leaves its zero in doubt
    flat, steep = [1e-6, 1e6], [1e6, 0.0]
    network = ReluNetwork.from_weights(
        [[flat, steep], [[1.0, 1.0]]], [[-1e6 - 0.5e-6, -0.5e6], [0.0]]
    )
    found = segment_pieces(network, [[0.0, 1.0]], [[1.0, 1.0]])
    assert 0.5 in found.breakpoints
    wanted = network.forward(found.points())
    np.testing.assert_allclose(found.values, wanted, rtol=0, atol=1e-9)


def test_the_units_of_the_inputs_do_not_matter():
    # powers of two, so that float64 computes the same numbers in both units
    network, rng = random_network(4, 10, 10, 1), np.random.default_rng(9)
    unit = 2.0 ** np.array([40, 0, -40, 10])
    first = network.layers[0]
    other = replace(
        network,
        layers=(replace(first, weight=first.weight / unit), *network.layers[1:]),
    )
    starts, ends = rng.normal(size=(2, 100, 4))
    found, wanted = (
        segment_pieces(other, starts * unit, ends * unit),
        segment_pieces(network, starts, ends),
    )
    assert (found.offsets == wanted.offsets).all()
    np.testing.assert_allclose(found.breakpoints, wanted.breakpoints, rtol=0, atol=1e-13)


def test_a_short_piece_is_kept_beside_large_terms_of_other_units():
    # the middle piece is 1e-9 long; a column in the millions with a tiny weight stands beside it
    network = ReluNetwork.from_weights(
        [[[1e-9, 1.0], [1e-9, 1.0]], [[1.0, 1.0]]], [[-0.5, -0.5 - 1e-9], [0.0]]
    )
    found = segment_pieces(network, [[0.0, 0.0]], [[1e6, 1.0]])
    assert len(found) == 3
    np.testing.assert_allclose(found.shares[1], 1e-9 / 1.001, rtol=1e-5)


def test_carried_units_never_break():
    layer = Layer(np.array([[1.0], [1.0]]), np.zeros(2), np.array([True, False]))
    network = ReluNetwork(
        (layer,),
        AffineMap(np.array([[1.0, 1.0]]), np.zeros(1)),
        InputSchema.numbered(1),
        OutputSchema.numbered(1),
    )
    found = segment_pieces(network, [[-1.0]], [[1.0]])
    assert found.gradients().ravel().tolist() == [1.0, 2.0]


def test_sparse_layers_give_the_pieces_of_dense_ones():
    rng = np.random.default_rng(6)
    weight = np.where(rng.random((300, 300)) < 0.02, rng.normal(size=(300, 300)), 0.0)
    network = ReluNetwork.from_weights(
        [weight, rng.normal(size=(1, 300))], [rng.normal(size=300), [0.0]]
    )
    assert not isinstance(network.layers[0].weight, np.ndarray)
    starts, ends = rng.normal(size=(2, 3, 300))
    found = segment_pieces(network, starts, ends)
    for i in range(3):
        ends_z = np.stack([starts[i], ends[i]]) @ weight.T + network.layers[0].bias
        a, b = ends_z[:, ends_z[0] * ends_z[1] < 0]
        t = np.sort(a / (a - b))
        np.testing.assert_allclose(found.breakpoints[found.breakpoints_of(i)][1:-1], t, rtol=1e-10)


def test_a_network_without_hidden_layers_is_one_piece():
    found = segment_pieces(ReluNetwork.from_weights([[[2.0]]], [[1.0]]), [[0.0]], [[3.0]])
    assert found.values.ravel().tolist() == [1.0, 7.0]
    assert found.patterns.shape == (1, 0)


def test_no_segments_are_no_pieces():
    found = segment_pieces(HINGES, np.zeros((0, 1)), np.zeros((0, 1)))
    assert len(found) == 0
    assert found.mean_gradients().shape == (0, 1, 1)
    assert found.to_frame().empty


def test_a_polyline_is_its_segments_one_after_the_other():
    points = np.random.default_rng(7).normal(size=(6, 3))
    network = random_network(3, 8, 8, 1)
    line, parts = polyline_pieces(network, points), segment_pieces(network, points[:-1], points[1:])
    assert (line.breakpoints == parts.breakpoints).all()
    corners = line.points()[[line.breakpoints_of(i).start for i in range(5)]]
    assert (corners == points[:-1]).all()
    assert (line.points()[-1] == points[-1]).all()


def test_raw_rows_are_encoded_and_a_single_row_serves_all():
    model, X, _ = loans()
    found = pieces_between(model, X[:1], X[1:40])
    network = found.network
    assert found.n_segments == 39
    assert (found.starts == network.schema.encode(X[:1])).all()
    back = pieces_between(model, X[1:40], X[:1])
    assert (back.n_pieces == found.n_pieces).all()
    np.testing.assert_allclose(
        back.values[back.breakpoints_of(0)][::-1], found.values[found.breakpoints_of(0)], rtol=1e-9
    )


def test_the_first_pieces_regions_are_those_of_the_rows():
    model, X, _ = breast_cancer()
    found = pieces_between(model, X[:30], X[30:60])
    regions = observed_regions(model, X[:30])
    assert (found.names[found.offsets[:-1]] == regions.names[regions.rows]).all()


def test_the_frame_has_one_row_a_piece_and_score():
    found = segment_pieces(HINGES, [[-1.0], [0.5]], [[3.0], [0.5]])
    frame = found.to_frame()
    assert frame["segment"].tolist() == [0, 0, 0, 1]
    assert frame["piece"].tolist() == [0, 1, 2, 0]
    assert frame["t_from"].tolist() == [0.0, 0.25, 0.5, 0.0]
    assert frame["t_to"].tolist() == [0.25, 0.5, 1.0, 1.0]
    assert frame["slope"].tolist() == [0.0, 4.0, 8.0, 0.0]
    assert frame["score_to"].tolist() == [0.0, 1.0, 5.0, 0.5]
    assert frame["region"].dtype == pd.StringDtype(na_value=np.nan)


def test_the_frame_of_a_view_has_its_scores():
    network = ReluNetwork.from_weights([np.eye(2), np.eye(2)], [np.zeros(2), np.zeros(2)])
    found = segment_pieces(network, [[-1.0, 2.0]], [[1.0, 1.0]])
    frame = found.to_frame(network.outputs.view(("output 0", "output 1")))
    assert frame["output"].tolist() == ["output 0 - output 1"] * 2
    assert frame["score_from"].tolist() == [-2.0, -1.5]
    assert frame["slope"].tolist() == [1.0, 3.0]


def test_keys_name_the_regions_of_the_middles():
    network = random_network(3, 8, 8, 1)
    found = segment_pieces(network, *np.random.default_rng(8).normal(size=(2, 5, 3)))
    middle, of = 0.5 * (found.lower + found.upper)[:, None], found.segments
    points = (1 - middle) * found.starts[of] + middle * found.ends[of]
    wanted = pattern_keys(activation_patterns(network, points))
    assert (pattern_keys(found.patterns) == wanted).all()


@pytest.mark.parametrize(
    ("starts", "ends", "match"),
    [
        ([[0.0, 1.0]], [[1.0]], "starts must have the network's 1 inputs"),
        ([[0.0]], [[1.0], [2.0]], "one point a segment each, got 1 and 2"),
        ([[0.0]], [[np.nan]], "ends must hold finite numbers"),
        ([0.0], [[1.0]], "starts must have 2 dimension"),
    ],
)
def test_points_that_do_not_fit_are_refused(starts, ends, match):
    with pytest.raises(ArgumentError, match=match):
        segment_pieces(HINGES, starts, ends)


def test_one_point_is_no_line():
    with pytest.raises(ArgumentError, match="at least two points, got 1"):
        polyline_pieces(HINGES, [[0.0]])


def test_tables_of_different_lengths_are_refused():
    with pytest.raises(ArgumentError, match=r"same number of rows.* got 2 and 3"):
        pieces_between(HINGES, [[0.0], [1.0]], [[0.0], [1.0], [2.0]])


def test_rows_of_other_columns_are_refused():
    with pytest.raises(ColumnsError, match="1 column"):
        pieces_between(HINGES, [[0.0]], [[0.0, 1.0]])


def test_an_overflow_along_the_way_is_an_error():
    network = ReluNetwork.from_weights([[[1e200]], [[1e200]]], [[0.0], [0.0]])
    with pytest.raises(SizeError, match="must be finite in float64"):
        segment_pieces(network, [[-1e3]], [[1e3]])


def test_offsets_that_do_not_fit_are_refused():
    found = segment_pieces(HINGES, [[-1.0]], [[3.0]])
    arrays = (found.patterns, found.breakpoints, found.values)
    with pytest.raises(ArgumentError, match="offsets must rise from 0 to the 3 pieces"):
        SegmentPieces(HINGES, found.starts, found.ends, np.array([0, 2]), *arrays)
