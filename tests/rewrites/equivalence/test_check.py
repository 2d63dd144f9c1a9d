from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.canonical_form import canonical_form
from explainrelu.rewrites.equivalence.check import check_equivalence
from explainrelu.rewrites.same_parameters import same_parameters
from explainrelu.tolerances import Tolerances
from tests.oracles import forward_exact, pattern_map_exact, regions_exact
from tests.rewrites.network_orbit import nudged, opposite_pairs, plain_network, shuffled
from tests.strategies import relu_networks

SQUARE = Box([-2, -2], [2, 2])


def with_a_corner(network: ReluNetwork, size: float) -> ReluNetwork:
    """The network plus ``relu(x0 + x1 - (4 - size))``: another one at a tip of the square only."""
    layer, output = network.layers[0], network.output
    weight = np.vstack([layer.weight, [1.0, 1.0]])
    return ReluNetwork.from_weights(
        [weight, np.hstack([output.weight, [[1.0]]])],
        [np.append(layer.bias, size - 4.0), output.bias],
    )


@pytest.mark.parametrize("method", ["auto", "canonical", "regions", "milp"])
@pytest.mark.parametrize("seed", range(4))
def test_a_permuted_and_scaled_network_is_equal(method, seed):
    network = plain_network((2, 6, 5, 2), seed)
    found = check_equivalence(network, shuffled(network, seed), SQUARE, method=method)
    assert found.status == "equal"
    assert found.bound <= found.tolerance.max()
    assert found.certificate.holds


@pytest.mark.parametrize("exact", [False, True])
def test_opposite_pairs_that_add_up_to_zero_are_equal_by_joint_regions_alone(exact):
    one, other = (opposite_pairs(mirrored=way) for way in (False, True))
    assert not same_parameters(one, other)
    assert check_equivalence(one, other, SQUARE, method="canonical").status == "undecided"
    found = check_equivalence(one, other, SQUARE, exact=exact)
    assert found.status == "equal"
    assert found.proven_by.startswith("regions")
    assert found.bound <= (0.0 if exact else 1e-8)


@pytest.mark.parametrize("method", ["auto", "regions", "milp"])
@pytest.mark.parametrize("layer", range(3))
def test_a_perturbed_network_is_different_with_a_replayed_witness(method, layer):
    network = plain_network((2, 6, 5, 2), layer)
    other = nudged(shuffled(network, 3), layer=layer, by=0.3)
    found = check_equivalence(network, other, SQUARE, method=method)
    assert found.status == "different"
    row = found.witness.frame
    assert SQUARE.contains(found.witness.point[None]).all()
    np.testing.assert_allclose(network(row)[0] - other(row)[0], found.witness.difference)
    assert (np.abs(found.witness.difference) > found.tolerance).any()
    assert found.certificate.holds


@pytest.mark.parametrize("size", [1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("exact", [False, True])
def test_networks_that_differ_in_a_tiny_corner_are_different(size, exact):
    network = plain_network((2, 6, 1), 3)
    other = with_a_corner(network, size)
    found = check_equivalence(network, other, SQUARE, exact=exact)
    assert found.status == "different"
    x0, x1 = found.witness.frame.to_numpy()[0]
    assert x0 + x1 > 4 - size
    assert check_equivalence(network, other, Box([-2, -2], [1, 1])).status == "equal"


def test_bounds_by_regions_are_the_extremes_of_the_difference():
    network = plain_network((2, 5, 1), 1)
    other = nudged(network, layer=0, by=0.1)
    found = check_equivalence(network, other, SQUARE, method="regions")
    grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 201)] * 2), axis=-1).reshape(-1, 2)
    gaps = network(grid) - other(grid)
    assert (found.lower - 1e-9 <= gaps.min()).all()
    assert (found.upper + 1e-9 >= gaps.max()).all()
    assert found.bound == pytest.approx(np.abs(found.witness.difference).max(), rel=1e-6)
    assert np.abs(gaps).max() == pytest.approx(found.bound, rel=0.05)


def truly_equal(a: ReluNetwork, b: ReluNetwork, box: Box) -> bool:
    """By exact vertices: two affine maps that agree at every vertex of a joint region agree."""
    from explainrelu.network.difference import difference_network

    both = difference_network(a, b)
    for pattern in regions_exact(both, box.lower, box.upper):
        weight, bias = pattern_map_exact(both, pattern)
        if any(w != 0 for row in weight for w in row) or any(c != 0 for c in bias):
            return False
    return True


@st.composite
def pairs(draw: st.DrawFn) -> tuple[ReluNetwork, ReluNetwork]:
    """Small integer networks of equal shape, half of the time one function."""
    options = {"integer": True, "max_layers": 2, "max_inputs": 2, "max_units": 3}
    a = draw(relu_networks(**options, max_outputs=1))
    if draw(st.booleans()):
        return a, canonical_form(a).result if draw(st.booleans()) else mirrored(a)
    output = AffineMap(a.output.weight, a.output.bias + draw(st.sampled_from([0.0, 1.0])))
    weight = draw(st.sampled_from([1.0, -1.0]))
    layers = tuple(replace(part, weight=weight * part.weight) for part in a.layers)
    return a, replace(a, layers=layers, output=output)


def mirrored(network: ReluNetwork) -> ReluNetwork:
    """``relu(t) = t + relu(-t)`` in the last layer: the same function in other parameters."""
    if not network.layers:
        return network
    *before, last = network.layers
    flip = last.rectified
    layer = Layer(
        np.vstack([np.where(flip[:, None], -last.weight, last.weight), last.weight[flip]]),
        np.append(np.where(flip, -last.bias, last.bias), last.bias[flip]),
        np.append(last.rectified, np.zeros(flip.sum(), np.bool_)),
    )
    output = np.hstack([network.output.weight, network.output.weight[:, flip]])
    return replace(network, layers=(*before, layer), output=AffineMap(output, network.output.bias))


@settings(max_examples=40, deadline=None)
@given(pairs(), st.booleans())
def test_the_verdict_is_that_of_exact_arithmetic(drawn, exact):
    a, b = drawn
    box = Box([-3.0] * a.n_inputs, [2.0] * a.n_inputs)
    before = a.fingerprint, b.fingerprint
    found = check_equivalence(a, b, box, exact=exact)
    assert (a.fingerprint, b.fingerprint) == before
    if found.status == "different":
        x = [Fraction(v) for v in found.witness.point.tolist()]
        assert forward_exact(a, x) != forward_exact(b, x)
    elif not exact or found.status == "equal":  # a canonical form is rounded, so not to the digit
        assert found.status == "equal"
        assert truly_equal(a, b, box) or found.bound <= found.tolerance.max()


def test_limits_leave_it_undecided_with_bounds_that_hold():
    network = plain_network((3, 8, 8, 1), 0)
    layers = (*network.layers, Layer(np.eye(8), np.zeros(8), np.ones(8, np.bool_)))
    other = replace(network, layers=layers)
    box = Box([-1] * 3, [1] * 3)
    found = check_equivalence(network, other, box, method="regions", max_regions=5)
    assert found.status == "undecided"
    assert not found.proven_by
    assert found.witness is None
    assert (found.lower <= 0).all()
    assert (found.upper >= 0).all()
    assert "5" in found.certificate.to_frame()["detail"].iloc[-1]
    assert check_equivalence(network, other, box).status == "equal"


def test_opposite_pairs_are_equal_by_programs_too():
    one, other = (opposite_pairs(mirrored=way) for way in (False, True))
    found = check_equivalence(one, other, SQUARE, method="milp")
    assert (found.status, found.proven_by) == ("equal", "mixed-integer programs")


def test_programs_find_the_tiny_corner_and_as_much_as_the_regions():
    network = plain_network((2, 6, 1), 3)
    found, other = (
        check_equivalence(network, with_a_corner(network, 1e-3), SQUARE, method=method)
        for method in ("milp", "regions")
    )
    assert found.status == other.status == "different"
    assert found.bound == pytest.approx(other.bound, rel=1e-6)


def test_a_solver_that_fails_leaves_it_undecided(monkeypatch):
    from explainrelu.errors import SolverError
    from explainrelu.rewrites.equivalence import by_programs

    def broken(*_: object, **__: object) -> None:
        raise SolverError("the solver gave up")

    monkeypatch.setattr(by_programs, "largest_difference", broken)
    one, other = (opposite_pairs(mirrored=way) for way in (False, True))
    found = check_equivalence(one, other, SQUARE, method="milp")
    assert found.status == "undecided"
    assert "the solver gave up" in found.certificate.to_frame()["detail"].tolist()


def test_inputs_of_very_different_sizes_are_compared_alike():
    network = plain_network((2, 6, 1), 0)
    size, shift = np.array([1e5, 1e-3]), np.array([1e6, 0.0])

    def stretched(plain: ReluNetwork) -> ReluNetwork:
        first, *rest = plain.layers
        weight = first.weight / size
        layer = Layer(weight, first.bias - weight @ shift, first.rectified)
        return replace(plain, layers=(layer, *rest))

    box = Box(shift - 2 * size, shift + 2 * size)
    for method in ("canonical", "regions"):
        pair = stretched(network), stretched(shuffled(network, 1))
        assert check_equivalence(*pair, box, method=method).status == "equal"
    other = stretched(with_a_corner(network, 1e-2))
    assert check_equivalence(stretched(network), other, box).status == "different"


def test_points_alone_prove_nothing():
    network = plain_network((2, 4, 1), 0)
    assert check_equivalence(network, network, SQUARE, method="points").status == "undecided"


def test_a_looser_tolerance_takes_nearly_equal_networks_as_equal():
    network = plain_network((2, 6, 1), 0)
    other = nudged(network, layer=1, by=1e-6)
    assert check_equivalence(network, other, SQUARE).status == "different"
    loose = Tolerances(agreement=1e-3)
    assert check_equivalence(network, other, SQUARE, tolerances=loose).status == "equal"


def with_levels(weight: float) -> ReluNetwork:
    """``relu(age) + relu(clerk + nurse - 1) + weight relu(2 clerk + nurse - 1)``."""
    schema = InputSchema(
        (Column("age"), Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse")))
    )
    layer = Layer([[1.0, 0, 0], [0, 1, 1], [0, 2, 1]], [0.0, -1.0, -1.0], [True] * 3)
    return ReluNetwork(
        (layer,), AffineMap([[1.0, 1.0, weight]], [0.0]), schema, OutputSchema.numbered(1)
    )


def test_columns_with_levels_stand_at_one_of_them():
    box = Box([-1, 0, 0], [1, 1, 1])
    silent = replace(with_levels(0.0), output=AffineMap([[1.0, 0.0, 0.0]], [0.0]))
    # relu(clerk + nurse - 1) is zero at every level, though not at every point of the box
    assert check_equivalence(with_levels(0.0), silent, box).status == "equal"
    assert check_equivalence(with_levels(0.0), silent, box, exact=True).status == "equal"
    found = check_equivalence(with_levels(0.5), silent, box)
    assert found.status == "different"
    assert found.witness.frame["job"].tolist() == ["clerk"]


def test_networks_of_different_depth_are_compared():
    line = ReluNetwork.from_weights([[[1.0, 1.0]]], [[0.0]])
    first, second = [[1.0, 1.0], [-1.0, -1.0]], np.eye(2)
    deep = ReluNetwork.from_weights([first, second, [[1.0, -1.0]]], [np.zeros(2)] * 2 + [[0.0]])
    assert check_equivalence(line, deep, SQUARE).status == "equal"
    assert check_equivalence(deep, line, SQUARE, exact=True).status == "equal"


def test_of_a_rewrite_the_result_is_compared():
    network = plain_network((2, 5, 1), 0)
    form = canonical_form(network)
    broken = replace(form, result=nudged(form.result, layer=0, by=0.5))
    assert check_equivalence(network, form, SQUARE).status == "equal"
    assert check_equivalence(network, broken, SQUARE).status == "different"


def test_the_table_has_the_status_and_both_scores():
    network = plain_network((2, 5, 2), 0)
    table = check_equivalence(network, nudged(network, layer=1, by=1.0), SQUARE).to_frame()
    assert table.columns.tolist() == [
        *("output", "lower", "upper", "tolerance", "exactness"),
        *("status", "proven_by", "score_a", "score_b"),
    ]
    assert set(table["status"]) == {"different"}


def named(names: list[str]) -> ReluNetwork:
    return replace(plain_network((2, 3, 1), 0), schema=InputSchema.numeric(names))


@pytest.mark.parametrize(
    ("other", "error", "text"),
    [
        (plain_network((3, 2, 1), 0), ColumnsError, "same columns, got 2 and 3"),
        (plain_network((2, 2, 2), 0), ArgumentError, "equally many outputs, got 1 and 2"),
        (named(["age", "income"]), ColumnsError, "got 'age' and 'income' in place 0|same order"),
    ],
)
def test_models_that_cannot_be_compared_are_refused(other, error, text):
    with pytest.raises(error, match=text):
        check_equivalence(named(["income", "age"]), other, SQUARE)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "guess"}, "method must be one of auto, points, canonical, regions, milp"),
        ({"time_limit": 0}, "time_limit must be a positive number"),
        ({"max_regions": 0}, "max_regions must be at least 1"),
        ({"exact": True, "method": "points"}, "exact=True compares joint regions"),
    ],
)
def test_wrong_options_are_refused(options, text):
    network = plain_network((2, 3, 1), 0)
    with pytest.raises(ArgumentError, match=text):
        check_equivalence(network, network, SQUARE, **options)


def test_a_domain_that_is_no_box_is_refused():
    network = plain_network((2, 3, 1), 0)
    with pytest.raises(InputTypeError, match="domain must be a Box"):
        check_equivalence(network, network, [[0, 1], [0, 1]])
