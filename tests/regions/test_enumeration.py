"""Every region of a box: exact oracles, closed formulas, published networks, limits."""

import json
import tracemalloc
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise, product
from math import comb, factorial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.certificate import Status
from explainrelu.errors import ArchiveError, ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import activation_patterns, unpack
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import count_regions, enumerate_regions
from explainrelu.regions.search.records import SearchNode
from explainrelu.regions.search.tree import SearchTree
from explainrelu.regions.verification import certify
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests import carla
from tests.oracles import region_widths_exact, regions_exact
from tests.strategies import arrays, relu_networks

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def cube(n_inputs: int, half_width: float = 1.0) -> Box:
    return Box(np.full(n_inputs, -half_width), np.full(n_inputs, half_width))


def patterns_of(regions) -> set[tuple[bool, ...]]:
    return {tuple(bits.tolist()) for bits in unpack(regions.network, regions.patterns)}


def arrangement(normals, offsets=None) -> ReluNetwork:
    """One unit a hyperplane: the regions of the network are those of the arrangement."""
    normals = np.asarray(normals, dtype=float)
    offsets = np.zeros(len(normals)) if offsets is None else offsets
    return ReluNetwork.from_weights([normals, np.ones((1, len(normals)))], [offsets, [0.0]])


@st.composite
def degenerate_networks(draw) -> ReluNetwork:
    """Small integers, with rows that repeat, oppose, scale or vanish, and biases of zero."""
    network = draw(relu_networks(integer=True, min_layers=1))
    chain = []
    for layer in network.layers:
        weight, bias = layer.weight.copy(), layer.bias.copy()
        for unit in range(1, layer.n_units):
            factor = draw(st.sampled_from([None, None, 1.0, -1.0, 2.0, -0.5, 0.0]))
            if factor is not None:
                weight[unit], bias[unit] = factor * weight[0], factor * bias[0]
        if draw(st.booleans()):
            bias[:] = 0.0
        chain.append(Layer(weight, bias, layer.rectified))
    return replace(network, layers=tuple(chain))


@st.composite
def integer_boxes(draw, n_inputs: int) -> Box:
    """Corners of small integers, some inputs fixed."""
    lower = draw(arrays((n_inputs,), integer=True))
    widths = draw(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=n_inputs, max_size=n_inputs))
    return Box(lower, lower + np.array(widths, dtype=float))


@settings(max_examples=150)
@given(st.data())
def test_small_networks_have_exactly_the_regions_found_in_fractions(data):
    network = data.draw(degenerate_networks())
    box = data.draw(integer_boxes(network.n_inputs))
    found = enumerate_regions(network, box)
    assert patterns_of(found) == regions_exact(network, box.lower, box.upper)
    assert found.complete
    assert count_regions(network, box).n_regions == len(found)


@st.composite
def nearly_degenerate_networks(draw) -> ReluNetwork:
    """Degenerate ones with weights moved by 1e-11 to 1e-7: slivers between borders, thin wedges."""
    network = draw(degenerate_networks())
    step = 10.0 ** draw(st.floats(-11.0, -7.0))
    chain = [
        Layer(
            layer.weight + step * draw(arrays(layer.weight.shape, integer=True)),
            layer.bias + step * draw(arrays(layer.bias.shape, integer=True)),
            layer.rectified,
        )
        for layer in network.layers
    ]
    return replace(network, layers=tuple(chain))


@settings(max_examples=60)
@given(nearly_degenerate_networks())
def test_regions_thinner_than_the_tolerance_are_counted(network):
    # in one layer no sum of the network's own can blur what is there
    network = arrangement(network.layers[0].weight, network.layers[0].bias)
    box = cube(network.n_inputs, 2.0)
    widths = region_widths_exact(network, box.lower, box.upper)
    found = enumerate_regions(network, box)
    missing = set(widths) - patterns_of(found)
    assert found.complete
    assert patterns_of(found) <= set(widths)
    assert sum(widths[bits] > 1e-11 for bits in missing) <= found.skipped
    assert all(widths[bits] < 1e-6 for bits in missing)


@settings(max_examples=60)
@given(nearly_degenerate_networks())
def test_slivers_in_deep_networks_never_make_a_set_that_is_wrong(network):
    found = enumerate_regions(network, cube(network.n_inputs, 2.0))
    assert found.complete
    assert certify(found, n_samples=10).status is not Status.FAILS


def test_a_sliver_between_two_borders_is_counted_and_not_listed():
    network = ReluNetwork.from_weights([[[1.0], [2.0]], [[0.0, 0.0]]], [[9.9e-11] * 2, [0.0]])
    found = enumerate_regions(network, Box([-2.0], [2.0]))
    assert (len(found), found.complete, found.skipped) == (2, True, 1)


@settings(max_examples=40)
@given(relu_networks(min_layers=1))
def test_small_networks_of_any_weights_have_them_too(network):
    box = cube(network.n_inputs, 2.0)
    expected = regions_exact(network, box.lower, box.upper)
    found = enumerate_regions(network, box)
    assert patterns_of(found) <= expected
    # what is missing is thinner than the tolerance: no drawn point lies there
    drawn = activation_patterns(network, box.sample(200, np.random.default_rng(0)))
    assert (found.locate_patterns(drawn) >= 0).all()
    assert len(expected) - len(found) <= found.skipped or certify(found, n_samples=10).holds


@pytest.mark.parametrize("exact_inputs", [0, 10], ids=["by HiGHS", "in fractions"])
@settings(max_examples=40)
@given(degenerate_networks())
def test_every_decision_made_otherwise_finds_the_same(exact_inputs, network):
    box = cube(network.n_inputs, 2.0)
    tree = SearchTree(network, box, DEFAULT_TOLERANCES, budget=0, exact_inputs=exact_inputs)
    found = [part.patterns for part in tree.regions(1 << 10)]
    expected = enumerate_regions(network, box).patterns
    assert sorted(map(bytes, np.concatenate(found))) == sorted(map(bytes, expected))
    assert tree.n_lost == 0


def braid(d: int) -> np.ndarray:
    return np.array([np.eye(d)[i] - np.eye(d)[j] for i, j in combinations(range(d), 2)])


def type_b(d: int) -> np.ndarray:
    sums = [np.eye(d)[i] + np.eye(d)[j] for i, j in combinations(range(d), 2)]
    return np.vstack([np.eye(d), *([braid(d), sums] if d > 1 else [])])


def resonance(d: int) -> np.ndarray:
    return np.array([bits for bits in product((0.0, 1.0), repeat=d) if any(bits)])


@pytest.mark.parametrize("d", range(2, 7))
def test_the_braid_arrangement_has_d_factorial_regions(d):
    assert count_regions(arrangement(braid(d)), cube(d)).n_regions == factorial(d)


@pytest.mark.parametrize("d", range(1, 6))
def test_the_arrangement_of_type_b_has_two_to_the_d_times_as_many(d):
    assert count_regions(arrangement(type_b(d)), cube(d)).n_regions == 2**d * factorial(d)


@pytest.mark.parametrize(("d", "known"), [(1, 2), (2, 6), (3, 32), (4, 370), (5, 11_292)])
def test_the_resonance_arrangement_has_its_known_numbers(d, known):
    assert count_regions(arrangement(resonance(d)), cube(d)).n_regions == known


@pytest.mark.slow
def test_the_resonance_arrangement_in_six_dimensions():
    assert count_regions(arrangement(resonance(6)), cube(6)).n_regions == 1_066_044


@pytest.mark.parametrize("d", range(2, 9))
def test_generic_hyperplanes_through_the_middle_follow_zaslavsky(d):
    m = d + 3
    normals = np.random.default_rng(d).normal(size=(m, d))
    expected = 2 * sum(comb(m - 1, i) for i in range(d))
    assert count_regions(arrangement(normals), cube(d)).n_regions == expected


@pytest.mark.parametrize("d", range(2, 9))
def test_generic_hyperplanes_follow_zaslavsky(d):
    m, rng = d + 2, np.random.default_rng(d)
    normals, offsets = rng.normal(size=(m, d)), rng.normal(size=m)
    # every region has a vertex, so that a box around all vertices meets all regions
    vertices = [
        np.linalg.solve(normals[list(rows)], -offsets[list(rows)])
        for rows in combinations(range(m), d)
    ]
    box = cube(d, 1.5 * float(np.abs(vertices).max()))
    expected = sum(comb(m, i) for i in range(d + 1))
    assert count_regions(arrangement(normals, offsets), box).n_regions == expected


@pytest.mark.parametrize("cuts", [(7,), (3, 4), (2, 1, 5), (1, 1, 2, 3)])
def test_a_grid_has_a_region_a_cell(cuts):
    d = len(cuts)
    normals = np.repeat(np.eye(d), cuts, axis=0)
    offsets = np.concatenate([-np.linspace(-0.9, 0.9, n + 2)[1:-1] for n in cuts])
    found = enumerate_regions(arrangement(normals, offsets), cube(d))
    assert len(found) == np.prod(np.array(cuts) + 1)
    assert certify(found).holds


def test_duplicated_opposite_scaled_and_dead_units_add_no_region():
    rng = np.random.default_rng(3)
    normals, offsets = rng.normal(size=(5, 3)), 0.2 * rng.normal(size=5)
    more = np.vstack([normals, normals, -normals, 1e4 * normals, np.zeros((2, 3))])
    shifts = np.concatenate([offsets, offsets, -offsets, 1e4 * offsets, [0.3, -0.3]])
    plain = count_regions(arrangement(normals, offsets), cube(3)).n_regions
    assert count_regions(arrangement(more, shifts), cube(3)).n_regions == plain


@cache
def torch_network(*widths: int) -> ReluNetwork:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = [torch.nn.Linear(*pair) for pair in pairwise(widths)]
    return ReluNetwork.from_weights(
        [layer.weight.detach().double().numpy() for layer in layers],
        [layer.bias.detach().double().numpy() for layer in layers],
    )


COUNTED = {
    (2, 16, 16, 1): 127,
    (2, 32, 32, 32, 1): 1_180,
    (3, 16, 16, 1): 1_276,
    (4, 16, 16, 3): 6_658,
    (6, 16, 16, 1): 35_227,
    (5, 20, 20, 1): 76_348,
}


@pytest.mark.parametrize(("widths", "known"), list(COUNTED.items()))
def test_networks_as_torch_makes_them_have_the_known_counts(widths, known):
    found = count_regions(torch_network(*widths), cube(widths[0]))
    assert (found.n_regions, found.complete, found.skipped) == (known, True, 0)


@pytest.mark.parametrize("widths", [w for w, n in COUNTED.items() if n < 7000])
def test_networks_as_torch_makes_them_are_certified(widths):
    assert certify(enumerate_regions(torch_network(*widths), cube(widths[0]))).holds


@pytest.mark.slow
@pytest.mark.parametrize("widths", [w for w, n in COUNTED.items() if n > 7000])
def test_large_networks_as_torch_makes_them_are_certified(widths):
    assert certify(enumerate_regions(torch_network(*widths), cube(widths[0]))).holds


def in_other_units(network: ReluNetwork, box: Box) -> ReluNetwork:
    """The network over the cube, as one over a box."""
    first = network.layers[0]
    weight = first.weight / box.half_width
    moved = Layer(weight, first.bias - weight @ box.centre, first.rectified)
    return replace(network, layers=(moved, *network.layers[1:]))


@pytest.mark.parametrize(
    "box",
    [
        Box([-1e6, -1e-6, 3.0], [1e6, 1e-6, 3.5]),
        Box([0.0, 0.0, 0.0], [1.0, 1e-7, 1.0]),
        Box([100.0, -5.0, 0.0], [101.0, 5.0, 1e-3]),
    ],
    ids=["six orders up and down", "thin in one axis", "far from zero"],
)
def test_regions_do_not_depend_on_units(box):
    network = torch_network(3, 16, 16, 1)
    found = enumerate_regions(in_other_units(network, box), box)
    expected = enumerate_regions(network, cube(3))
    assert sorted(map(bytes, found.patterns)) == sorted(map(bytes, expected.patterns))


def test_weights_from_a_millionth_to_a_million_change_no_region():
    network = torch_network(3, 16, 16, 1)
    scale = np.logspace(-6, 6, 16)
    first, second = network.layers
    layers = (
        Layer(first.weight * scale[:, None], first.bias * scale, first.rectified),
        Layer(second.weight / scale, second.bias, second.rectified),
    )
    found = enumerate_regions(replace(network, layers=layers), cube(3))
    assert sorted(map(bytes, found.patterns)) == sorted(
        map(bytes, enumerate_regions(network, cube(3)).patterns)
    )


def test_a_fixed_input_gives_the_regions_of_the_slice():
    network = torch_network(3, 16, 16, 1)
    first = network.layers[0]
    sliced = ReluNetwork.from_weights(
        [first.weight[:, [0, 2]], network.layers[1].weight, network.output.weight],
        [first.bias + 0.25 * first.weight[:, 1], network.layers[1].bias, network.output.bias],
    )
    found = enumerate_regions(network, Box([-1, 0.25, -1], [1, 0.25, 1]))
    expected = enumerate_regions(sliced, cube(2))
    assert sorted(map(bytes, found.patterns)) == sorted(map(bytes, expected.patterns))
    assert (found.witnesses[:, 1] == 0.25).all()


def test_a_box_that_is_a_point_has_the_region_of_the_point():
    network = torch_network(3, 16, 16, 1)
    point = np.array([[0.1, 0.2, 0.3]])
    found = enumerate_regions(network, Box(point[0], point[0]))
    assert np.array_equal(found.patterns, activation_patterns(network, point))
    assert found.complete


def test_a_network_without_layers_has_one_region():
    linear = ReluNetwork.from_weights([[[1.0, 2.0]]], [[0.5]])
    found = enumerate_regions(linear, cube(2))
    assert (len(found), found.complete) == (1, True)


def test_carried_units_cut_nothing():
    layer = Layer(np.eye(2), np.zeros(2), np.array([True, False]))
    network = ReluNetwork(
        (layer,), AffineMap([[1.0, 1.0]], [0.0]), InputSchema.numbered(2), OutputSchema.numbered(1)
    )
    assert len(enumerate_regions(network, cube(2))) == 2


def test_witnesses_lie_inside_their_regions():
    network = torch_network(4, 16, 16, 3)
    found = enumerate_regions(network, cube(4))
    assert np.array_equal(activation_patterns(network, found.witnesses), found.patterns)
    assert cube(4).contains(found.witnesses).all()


@pytest.mark.parametrize("limit", [None, 100])
def test_the_result_does_not_depend_on_the_number_of_processes(limit):
    network = torch_network(3, 16, 16, 1)
    one = enumerate_regions(network, cube(3), max_regions=limit)
    two = enumerate_regions(network, cube(3), max_regions=limit, n_jobs=2)
    assert np.array_equal(one.patterns, two.patterns)
    assert np.array_equal(one.witnesses, two.witnesses)
    assert (one.complete, one.stopped) == (two.complete, two.stopped)


@pytest.mark.parametrize(
    ("limit", "complete"), [(1, False), (126, False), (127, True), (500, True)]
)
def test_a_limit_on_regions_says_whether_more_are_left(limit, complete):
    found = enumerate_regions(torch_network(2, 16, 16, 1), cube(2), max_regions=limit)
    assert (len(found), found.complete) == (min(limit, 127), complete)
    assert found.stopped == ("" if complete else f"max_regions={limit} was reached")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_limit_on_time_returns_what_was_found(n_jobs):
    # a search that would take hours
    found = enumerate_regions(
        torch_network(10, 16, 16, 1), cube(10), time_limit=0.2, n_jobs=n_jobs, max_regions=300_000
    )
    assert not found.complete
    assert len(found) > 0
    assert found.stopped in ("time_limit was reached", "max_regions=300000 was reached")


@pytest.mark.slow
def test_a_million_regions_of_a_search_without_end_take_little_memory():
    network = torch_network(10, 16, 16, 1)
    tracemalloc.start()
    try:
        found = enumerate_regions(network, cube(10), max_regions=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(found), found.complete) == (1_000_000, False)
    assert found.stopped == "max_regions=1000000 was reached"
    assert peak < 300_000_000


def test_a_time_limit_that_is_not_reached_changes_nothing():
    found = enumerate_regions(torch_network(2, 16, 16, 1), cube(2), time_limit=600)
    assert (len(found), found.complete, found.stopped) == (127, True, "")


def score_stays_below(node: SearchNode) -> bool:
    """Whether interval bounds from the layer at hand to the output prove a score of at most 0."""
    box = node.polytope.box
    middle = node.weight @ box.centre + node.bias
    spread = np.abs(node.weight) @ box.half_width
    low, high = middle - spread, middle + spread
    for later, layer in enumerate(node.network.layers[node.layer :]):
        if later:
            up, down = np.maximum(layer.weight, 0), np.minimum(layer.weight, 0)
            low, high = up @ low + down @ high + layer.bias, up @ high + down @ low + layer.bias
        low = np.where(layer.rectified, np.maximum(low, 0), low)
        high = np.where(layer.rectified, np.maximum(high, 0), high)
    weight, bias = node.network.output.weight, node.network.output.bias
    top = np.maximum(weight, 0) @ high + np.minimum(weight, 0) @ low + bias
    return bool(top[0] < 0)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_pruning_keeps_every_region_that_it_may_not_leave_out(n_jobs):
    network = torch_network(3, 16, 16, 1)
    output = AffineMap(network.output.weight, network.output.bias - 0.35)
    network = replace(network, output=output)
    every = enumerate_regions(network, cube(3))
    weight, bias = every.affine_maps()
    # the largest score of each region, by linear programs
    top = [
        region.polytope().linear_ranges(w)[0, 1] + b[0]
        for region, w, b in zip(every, weight, bias, strict=True)
    ]
    found = enumerate_regions(network, cube(3), prune=score_stays_below, n_jobs=n_jobs)
    kept = set(map(bytes, found.patterns))
    assert {bytes(p) for p, t in zip(every.patterns, top, strict=True) if t > 1e-9} <= kept
    assert kept < set(map(bytes, every.patterns))
    assert not found.complete
    assert "cut off by prune" in found.stopped


def test_pruning_nothing_leaves_the_set_complete():
    found = enumerate_regions(torch_network(2, 16, 16, 1), cube(2), prune=lambda node: False)
    assert (len(found), found.complete) == (127, True)


def test_a_pruning_rule_sees_the_layer_on_the_polytope():
    network, seen = torch_network(2, 16, 16, 1), []

    def look(node: SearchNode) -> bool:
        inside = node.polytope.inscribed_ball().centre
        z = network.preactivations(inside[None])[node.layer][0]
        seen.append(float(np.abs(node.weight @ inside + node.bias - z).max()))
        return False

    enumerate_regions(network, cube(2), prune=look)
    assert len(seen) > 1
    assert max(seen) < 1e-12


PUBLISHED = {
    ("1_1", 3): 71_930,
    ("1_1", 4): 19_143,
    ("3_3", 3): 7_935,
    ("2_2", 4): 4_500,
    ("5_8", 3): 2_406,
}


def published(name: str, property_: int) -> tuple[ReluNetwork, Box]:
    """A network of ACAS Xu and the input box of a published property."""
    pytest.importorskip("onnx")
    from explainrelu.importers.from_onnx import from_onnx

    folder = SHARED / "nets" / "acasxu"
    problem = json.loads((SHARED / "acasxu_properties.json").read_text())
    box = problem["properties"][f"property_{property_}"]
    network = from_onnx(folder / f"ACASXU_run2a_{name}_batch_2000.onnx")
    return network, Box(box["input_lower"], box["input_upper"])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not here")
@pytest.mark.parametrize(("problem", "known"), list(PUBLISHED.items()))
def test_published_networks_have_the_known_counts(problem, known):
    found = count_regions(*published(*problem))
    assert (found.n_regions, found.complete, found.skipped) == (known, True, 0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not here")
@pytest.mark.parametrize(
    "problem",
    [pytest.param(p, marks=[pytest.mark.slow] if n > 8_000 else []) for p, n in PUBLISHED.items()],
)
def test_published_networks_are_certified(problem):
    certificate = certify(enumerate_regions(*published(*problem)))
    assert certificate.holds
    assert "all " in next(c.detail for c in certificate.checks if "borders" in c.name)


def compas_network() -> tuple[ReluNetwork, Box]:
    """CARLA's network of COMPAS rows scaled to [0, 1], and the box of its data."""
    network, rows = carla.catalogued("compas")
    return network, Box.from_data(rows.to_numpy())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not here")
@pytest.mark.parametrize(
    ("misdemeanour", "other_race", "male"), [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]
)
def test_a_published_network_on_real_rows_is_complete_at_fixed_levels(
    misdemeanour, other_race, male
):
    network, box = compas_network()
    levels = {"c_charge_degree_M": misdemeanour, "race_Other": other_race, "sex_Male": male}
    for recidivist in (0, 1):
        fixed = box.at_levels(network.schema, two_year_recid=recidivist, **levels)
        found = enumerate_regions(network, fixed)
        assert (found.complete, found.skipped, int((~fixed.fixed).sum())) == (True, 0, 3)
        assert certify(found, exact=True).holds


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not here")
def test_a_published_network_on_real_rows_says_that_a_limit_was_reached():
    network, box = compas_network()
    fixed = box.at_levels(network.schema, c_charge_degree_M=0, race_Other=0, sex_Male=1)
    found = enumerate_regions(network, fixed, max_regions=100)
    assert (len(found), found.complete) == (100, False)
    assert found.stopped == "max_regions=100 was reached"
    assert certify(found).holds  # of what it claims


def test_a_box_of_another_dimension_is_refused():
    with pytest.raises(ArgumentError, match="must have the network's 2 inputs, got 3"):
        enumerate_regions(torch_network(2, 16, 16, 1), cube(3))


@pytest.mark.parametrize("call", [enumerate_regions, count_regions])
def test_a_box_beside_every_level_is_refused(call):
    schema = InputSchema((Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse")),))
    network = replace(torch_network(2, 16, 16, 1), schema=schema)
    with pytest.raises(ArgumentError, match="must hold a level of column 'job'"):
        call(network, Box([0.0, 0.0], [0.0, 0.5]))


@pytest.mark.parametrize("call", [enumerate_regions, count_regions])
def test_no_search_at_all_is_refused(call):
    with pytest.raises(ArgumentError, match="n_jobs must be 1 or more"):
        call(torch_network(2, 16, 16, 1), cube(2), n_jobs=0)


def test_what_is_no_box_is_refused():
    with pytest.raises(InputTypeError, match="domain must be a Box, got tuple"):
        enumerate_regions(torch_network(2, 16, 16, 1), ([-1, -1], [1, 1]))


@pytest.mark.parametrize(
    ("lower", "upper", "match"),
    [
        ([0.0, 1.0], [1.0, 0.0], "lower must not exceed upper"),
        ([-np.inf, 0.0], [1.0, 1.0], "finite numbers only"),
        ([np.nan, 0.0], [1.0, 1.0], "finite numbers only"),
    ],
)
def test_a_box_that_is_none_is_refused(lower, upper, match):
    with pytest.raises(ArgumentError, match=match):
        Box(lower, upper)


@pytest.mark.parametrize("limit", [0, -1, 2.5])
def test_a_limit_below_one_region_is_refused(limit):
    with pytest.raises(ArgumentError, match="max_regions must be a whole number of at least 1"):
        enumerate_regions(torch_network(2, 16, 16, 1), cube(2), max_regions=limit)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_a_time_limit_that_is_none_is_refused(limit):
    with pytest.raises(ArgumentError, match="time_limit must be seconds above 0"):
        enumerate_regions(torch_network(2, 16, 16, 1), cube(2), time_limit=limit)


def test_a_box_too_thin_to_compute_in_is_refused_and_one_of_a_rounding_is_not():
    network = torch_network(2, 16, 16, 1)
    with pytest.raises(ArgumentError, match="Equal bounds hold an input fixed"):
        enumerate_regions(network, Box([-1, -1e-200], [1, 1e-200]))
    thin = enumerate_regions(network, Box([-1, 1.0], [1, np.nextafter(1.0, 2.0)]))
    assert certify(thin).holds


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(ArgumentError, match="finite numbers only"):
        ReluNetwork.from_weights([[[np.nan]], [[1.0]]], [[0.0], [0.0]])


def test_what_is_no_model_is_refused():
    with pytest.raises(ArchiveError, match="no such model"):
        enumerate_regions("no such model", cube(2))
