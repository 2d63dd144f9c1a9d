"""The cells of a box: exactly one at every point of it, in fractions, faces included."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError, UnlistedRegionError
from explainrelu.geometry.box import Box
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.rewrite import Reach
from explainrelu.rewrites.three_layer.certificate import certify_box_cells
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests.oracles import exact, forward_exact, pattern_exact
from tests.strategies import relu_networks

WIDTHS = [(2, 3, 2, 1), (1, 3, 2, 1), (2, 3, 2, 2)]


def integer_network(widths, seed, *, zero_biases=False, carried=False):
    rng = np.random.default_rng(seed)
    layers = [
        Layer(
            rng.integers(-2, 3, (b, a)),
            rng.integers(-2, 3, b) * (not zero_biases),
            rng.random(b) < (0.6 if carried else 1.1),
        )
        for a, b in pairwise(widths[:-1])
    ]
    output = AffineMap(
        rng.integers(-2, 3, (widths[-1], widths[-2])), rng.integers(-2, 3, widths[-1])
    )
    schema, outputs = InputSchema.numbered(widths[0]), OutputSchema.numbered(widths[-1])
    return ReluNetwork(tuple(layers), output, schema, outputs)


def grid_of(box, step=0.5):
    """Points that hit the box's corners and faces, and the borders of integer networks."""
    axes = [np.arange(a, b + step / 2, step) for a, b in zip(box.lower, box.upper, strict=True)]
    return np.array(list(product(*axes)))


def mismatches(network, box, grid):
    """Points where not one cell alone fires, or with another score than the network's."""
    found = convert(network, domain=box).evaluate_exact(grid.tolist())
    return sum(
        len(f.firing) != 1 or list(f.scores) != forward_exact(network, point)
        for point, f in zip(grid, found, strict=True)
    )


KINDS = {"plain": {}, "zero biases": {"zero_biases": True}, "carried units": {"carried": True}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_exactly_one_cell_fires_at_every_point_of_the_closed_box(widths, seed, kind):
    box = Box([-2.0] * widths[0], [2.0] * widths[0])
    assert mismatches(integer_network(widths, seed, **KINDS[kind]), box, grid_of(box)) == 0


HARD_LAYERS = {
    "duplicate": ([[1, 1], [1, 1], [1, -1]], [0, 0, 0]),
    "opposite": ([[1, 1], [-1, -1], [2, 1]], [-1, 1, 0]),
    "scaled": ([[1, 1], [2, 2], [-3, -3]], [1, 2, -3]),
    "dead": ([[1, 0], [0, 0], [-1, -1]], [0, 0, -9]),
    "on the walls": ([[1, 0], [0, 1], [-1, 0]], [-2, 2, 2]),
    "through the corners": ([[1, 1], [1, -1], [1, 3]], [0, 0, -4]),
}


@pytest.mark.parametrize("kind", HARD_LAYERS)
@pytest.mark.parametrize("bias", [0, 1])
def test_neurons_that_share_borders_or_have_none_leave_one_cell_a_point(kind, bias):
    weight, first = (np.array(part, dtype=float) for part in HARD_LAYERS[kind])
    second = np.array([[1.0, -1.0, 1.0], [-1.0, 2.0, 0.0]])
    network = ReluNetwork.from_weights(
        [weight, second, [[1.0, -2.0]]], [first, [bias, -bias], [0.5]]
    )
    box = Box([-2.0, -2.0], [2.0, 2.0])
    assert mismatches(network, box, grid_of(box)) == 0


def test_cells_of_a_box_with_a_fixed_input_are_one_a_point():
    network = integer_network((3, 3, 2, 1), 1)
    box = Box([-2.0, 0.0, -1.0], [2.0, 0.0, 2.0])
    shallow = convert(network, domain=box)
    assert shallow.generic_point[1] == 0.0
    assert mismatches(network, box, grid_of(box)) == 0


@given(relu_networks(integer=True, max_layers=2, max_units=3), st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_small_network_is_its_cells_in_fractions(network, data):
    ends = st.lists(st.integers(-2, 2), min_size=network.n_inputs, max_size=network.n_inputs)
    lower, upper = np.sort([data.draw(ends), data.draw(ends)], axis=0)
    assume((lower < upper).any())
    box = Box(lower, upper)
    grid = grid_of(box)[:60]
    assert mismatches(network, box, grid) == 0


def test_a_border_belongs_to_the_cell_on_the_side_of_the_point():
    network = integer_network((2, 3, 2, 1), 2)
    box = Box([-2.0, -2.0], [2.0, 2.0])
    shallow = convert(network, domain=box)
    bits = np.unpackbits(shallow.regions.patterns, axis=1, count=network.n_neurons)
    centre, n_borders = exact(shallow.generic_point), 0
    for point, found in zip(
        grid := grid_of(box), shallow.evaluate_exact(grid.tolist()), strict=True
    ):
        # every nonzero form is at least 1/4 here, so that 2**-40 on the way is near enough
        step = [x + (c - x) / 2**40 for x, c in zip(exact(point), centre, strict=True)]
        entered = pattern_exact(network, step)
        n_borders += entered != pattern_exact(network, point)
        assert tuple(bits[found.firing[0]].astype(bool)) == entered
    assert n_borders > 3  # of the points some are where the two rules differ


def test_the_pattern_rule_alone_leaves_points_without_a_cell():
    network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 3.0]]], [[0.0, 0.0], [1.0]])
    box = Box([-2.0], [2.0])
    plain = ThreeLayerNetwork(network, enumerate_regions(network, box))
    assert plain.evaluate_exact([[0.0]])[0].firing == ()  # of (1, 0) and (0, 1) it is in neither
    assert len(convert(network, domain=box).evaluate_exact([[0.0]])[0].firing) == 1


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_lookup_literal_weights_and_fractions_name_the_same_cell_on_borders_too(widths):
    network = integer_network(widths, 2)
    box = Box([-2.0] * widths[0], [2.0] * widths[0])
    shallow, grid = convert(network, domain=box), grid_of(box)
    looked_up, literal = shallow.evaluate(grid), shallow.evaluate_literal(grid)
    exactly = [found.firing for found in shallow.evaluate_exact(grid.tolist())]
    assert [(int(cell),) for cell in looked_up.cells] == exactly
    np.testing.assert_array_equal(literal.cells, looked_up.cells)
    np.testing.assert_array_equal(literal.scores, network.forward(grid))
    assert looked_up.ambiguous.any()


def test_every_point_of_a_real_box_has_a_score_borders_included():
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(b, a)) for a, b in pairwise((3, 8, 6, 2))]
    network = ReluNetwork.from_weights(weights, [rng.normal(size=b) for b in (8, 6, 2)])
    box = Box([-1.0, -1.0, -1.0], [1.0, 1.0, 1.0])
    shallow = convert(network, domain=box)
    layer, points = network.layers[0], box.sample(500, rng)
    unit = np.arange(500) % 8
    w = layer.weight[unit]
    shift = ((points * w).sum(axis=1) + layer.bias[unit]) / np.square(w).sum(axis=1)
    on = points - shift[:, None] * w  # as near to a border as rounding lets them
    on = np.vstack([on[box.contains(on)], points])
    assert shallow.evaluate(on).ambiguous.sum() > 100
    np.testing.assert_allclose(shallow(on), network(on), rtol=1e-9, atol=1e-9)


def test_the_guarantee_and_the_certificate_speak_of_the_box():
    network = integer_network((2, 3, 2, 1), 0)
    shallow = convert(network, domain=Box([-2.0, -2.0], [2.0, 2.0]))
    assert (shallow.complete, shallow.guarantee.reach) == (True, Reach.DOMAIN)
    assert "all of a box" in repr(shallow)
    assert shallow.certificate.holds
    table = shallow.certificate.to_frame().set_index("check")
    assert table.loc["every point of the box lies in a listed cell", "exactness"] == "estimated"
    in_fractions = table.loc["literal weights equal the source in exact rationals"]
    assert in_fractions["exactness"] == "exact"
    assert "walls and corners" in in_fractions["detail"]


def test_a_search_that_was_stopped_is_said_to_be_incomplete_and_never_guessed():
    network = integer_network((2, 3, 2, 1), 0)
    box = Box([-2.0, -2.0], [2.0, 2.0])
    part = convert(network, domain=box, max_regions=3)
    grid = grid_of(box)
    found = part.evaluate_exact(grid.tolist())
    assert {len(f.firing) for f in found} == {0, 1}
    for point, f in zip(grid, found, strict=True):
        assert not f.firing or list(f.scores) == forward_exact(network, point)
    assert (part.complete, part.guarantee.reach) == (False, Reach.LISTED)
    first = part.certificate.checks[0]
    assert first.status is Status.UNDECIDED
    assert "max_regions=3 was reached" in first.detail
    with pytest.raises(UnlistedRegionError, match=r"one of the 3 listed cells.*wider domain"):
        part(grid)


def test_a_point_outside_the_box_in_no_cell_is_an_error():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[-5.0], [1.0]])
    shallow = convert(network, domain=Box([-1.0], [1.0]))
    with pytest.raises(UnlistedRegionError, match="the first being row 1"):
        shallow([[0.0], [9.0]])


def test_cells_of_a_box_are_not_extended_by_rows():
    shallow = convert(integer_network((2, 3, 2, 1), 0), domain=Box([-2.0, -2.0], [2.0, 2.0]))
    with pytest.raises(ArgumentError, match=r"got the cells of a box\..*wider box"):
        shallow.extend([[5.0, 5.0]])


def test_some_cells_of_a_box_fire_as_they_did():
    network = integer_network((2, 3, 2, 1), 0)
    box = Box([-2.0, -2.0], [2.0, 2.0])
    shallow, points = convert(network, domain=box), grid_of(box).tolist()
    some = shallow.restrict([1, 3])
    assert not some.complete
    for all_of_them, few in zip(
        shallow.evaluate_exact(points), some.evaluate_exact(points), strict=True
    ):
        expected = {(1,): (0,), (3,): (1,)}.get(all_of_them.firing, ())
        assert few.firing == expected


def test_sizes_are_those_of_the_written_layers_of_a_box():
    shallow = convert(integer_network((2, 3, 2, 2), 0), domain=Box([-2.0, -2.0], [2.0, 2.0]))
    assert tuple(shallow.layer(i).shape[0] for i in (1, 2, 3)) == shallow.sizes


def test_a_form_that_is_turned_is_told_so():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.5], [1.0]])
    shallow = convert(network, domain=Box([-1.0], [9.0]))  # the point lies where 0.5 + x0 > 0
    assert shallow.generic_point[0] > -0.5
    text = shallow.describe(1, 2)
    assert text == "max(0, -0.5 - x0): unit 0 of layer 1 of the source, sign turned, in every cell"
    assert "silenced unless all 1 conditions" in shallow.describe(3, 0)


def certificate_of(regions, point):
    return certify_box_cells(regions, point, DEFAULT_TOLERANCES)


def failing(regions, point):
    return {c.name for c in certificate_of(regions, point).checks if c.status is Status.FAILS}


def test_a_region_that_is_missing_is_noticed():
    shallow = convert(integer_network((2, 3, 2, 1), 0), domain=Box([-2.0, -2.0], [2.0, 2.0]))
    assert failing(shallow.regions, shallow.generic_point) == set()
    for i in range(shallow.n_cells):
        rest = shallow.regions.chosen(np.arange(shallow.n_cells) != i)
        claimed = replace(rest, complete=True)
        assert "every point of the box lies in a listed cell" in failing(
            claimed, shallow.generic_point
        )


def test_cells_that_are_closed_on_the_wrong_side_are_noticed(monkeypatch):
    from explainrelu.rewrites.three_layer.generic_point import cell_forms

    shallow = convert(integer_network((2, 3, 2, 1), 0), domain=Box([-2.0, -2.0], [2.0, 2.0]))
    monkeypatch.setattr(
        "explainrelu.rewrites.three_layer.exact_check.cell_forms",
        lambda regions, point: cell_forms(regions, None),
    )
    found = failing(shallow.regions, shallow.generic_point)
    assert found == {"literal weights equal the source in exact rationals"}


def test_a_cell_that_stays_silent_is_noticed(monkeypatch):
    from explainrelu.rewrites.three_layer.evaluation import literally

    def without_the_first(*arguments):
        found = literally(*arguments)
        return replace(found, cells=np.where(found.cells == 0, -1, found.cells))

    shallow = convert(integer_network((2, 3, 2, 1), 0), domain=Box([-2.0, -2.0], [2.0, 2.0]))
    module = "explainrelu.rewrites.three_layer.certificate"
    monkeypatch.setattr(f"{module}.literally", without_the_first)
    found = failing(shallow.regions, shallow.generic_point)
    assert found == {"exactly one cell fires", "exactly its own cell fires"}


def test_a_formula_that_is_wrong_is_noticed(monkeypatch):
    from explainrelu.network.patterns import affine_maps

    shallow = convert(integer_network((2, 3, 2, 1), 0), domain=Box([-2.0, -2.0], [2.0, 2.0]))
    for module in ("evaluation", "weights"):
        monkeypatch.setattr(
            f"explainrelu.rewrites.three_layer.{module}.affine_maps",
            lambda *arguments: tuple(part * (1 + 1e-6) for part in affine_maps(*arguments)),
        )
    found = failing(shallow.regions, shallow.generic_point)
    assert found == {"scores equal the source's", "literal weights equal the source"}


def test_a_form_that_is_zero_but_for_rounding_leaves_fractions_undecided():
    # 0.1 + 0.2 - 0.3 is 5.6e-17: a second unit that float64 cannot tell from nothing
    network = ReluNetwork.from_weights(
        [[[1.0], [1.0], [1.0]], [[0.1, 0.2, -0.3]], [[2.0]]], [[3.0, 3.0, 3.0], [0.0], [1.0]]
    )
    shallow = convert(network, domain=Box([-1.0], [1.0]))
    last = shallow.certificate.checks[-1]
    assert last.status is Status.UNDECIDED
    assert "zero on the whole box but for rounding" in last.detail
    np.testing.assert_allclose(shallow([[-1.0], [1.0]]), [1.0, 1.0], atol=1e-12)


def test_exports_to_torch_and_onnx_are_right_on_borders_too(tmp_path):
    torch = pytest.importorskip("torch")
    onnxruntime = pytest.importorskip("onnxruntime")
    from explainrelu.exporters.to_onnx import to_onnx
    from explainrelu.exporters.to_torch import to_torch

    network = integer_network((2, 3, 2, 2), 2)
    box = Box([-2.0, -2.0], [2.0, 2.0])
    shallow, grid = convert(network, domain=box), grid_of(box)
    own = [[float(s) for s in forward_exact(network, point)] for point in grid]
    np.testing.assert_array_equal(to_torch(shallow)(torch.tensor(grid)).numpy(), own)
    path = to_onnx(shallow, tmp_path / "box.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"input": grid})[0], own)


def test_the_point_has_short_fractions_and_lies_in_the_box():
    box = Box([-2.0, 1.0], [2.0, 4.0])
    shallow = convert(integer_network((2, 3, 2, 1), 1), domain=box)
    assert box.contains(shallow.generic_point[None])[0]
    assert all(Fraction(float(x)).denominator <= 2**20 for x in shallow.generic_point)
