"""One table of rewrites, with what each claims, times one set of invariants that all have.

A new rewrite is one ``Case`` in ``CASES``. All that is checked of it is checked by code that has
no part in it: :mod:`tests.oracles` evaluates networks and finds their regions in fractions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from explainrelu.certificate import Certificate
from explainrelu.geometry.box import Box
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.canonical_form import ToCanonicalForm, canonical_form
from explainrelu.rewrites.compress import Compress, compress
from explainrelu.rewrites.convert import ToThreeLayers, ToThreeLayersOfBox, convert
from explainrelu.rewrites.max_of_shallow import (
    MaxOfShallow,
    TermForm,
    ToMaxOfShallow,
    max_of_shallow,
)
from explainrelu.rewrites.rewrite import Reach, Rewrite, Transformation
from explainrelu.rewrites.two_hidden_layer import ToTwoHiddenLayers, two_hidden_layer
from tests.oracles import forward_exact, largest_gap_exact, region_corners_exact

Point = Sequence[Fraction]
HALF = 2.0  # every domain is the cube from -2 to 2


def _whole_numbers(widths: tuple[int, ...], seed: int) -> ReluNetwork:
    """Weights and biases from -2 to 2: fractions stay short, kinks meet each other."""
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-2, 3, size=(b, a)).astype(float) for a, b in pairwise(widths)]
    biases = [rng.integers(-2, 3, size=b).astype(float) for b in widths[1:]]
    return ReluNetwork.from_weights(weights, biases)


def _decimals(widths: tuple[int, ...], seed: int) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(widths)]
    return ReluNetwork.from_weights(weights, [rng.normal(size=b) / 2 for b in widths[1:]])


def _carried(seed: int) -> ReluNetwork:
    """A residual network: some units rectified, some carried."""
    rng = np.random.default_rng(seed)
    plain = _whole_numbers((2, 4, 3, 2), seed)
    layers = tuple(
        Layer(layer.weight, layer.bias, rng.random(layer.n_units) < 0.6) for layer in plain.layers
    )
    return ReluNetwork(layers, plain.output, InputSchema.numbered(2), OutputSchema.numbered(2))


def _stable() -> ReluNetwork:
    """Of five units in the cube one is always off, two always on, one twice the other; two cut."""
    weight = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 2.0], [1.0, -1.0]]
    first, second = [-5.0, 0.0, 5.0, 11.0, 1.0], [[1.0, 1.0, -1.0, 1.0, 2.0], [0, -1, 1, 1, -1.0]]
    return ReluNetwork.from_weights([weight, second, [[1.0, -2.0]]], [first, [1.0, 0.0], [3.0]])


NETWORKS: dict[str, ReluNetwork] = {
    "one layer": _whole_numbers((2, 5, 1), 0),
    "three layers": _whole_numbers((2, 4, 3, 2, 1), 1),
    "two outputs": _whole_numbers((2, 4, 3, 2), 2),
    "stable units": _stable(),
    "carried units": _carried(3),
    "no hidden layer": _whole_numbers((2, 1), 4),
    "decimals": _decimals((3, 5, 4, 1), 5),
}
ALL = tuple(NETWORKS)
WHOLE = tuple(name for name in ALL if name != "decimals")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A rewrite and what it claims.

    Attributes
    ----------
    make
        The rewrite of a network, good at least in a box.
    spoiled
        The certificate of a result that was damaged on purpose.
    reach
        The reach it has to state.
    takes
        The networks of the table it can rewrite.
    exactly
        The result at a point without rounding, where it has whole numbers for whole numbers.
    again
        Whether a result and what it is rewritten to are the same, where that is claimed.
    gap
        What rounding may do to scores of the size of one.
    is_chain
        Whether the result is a ReluNetwork.
    share
        The share of the domain where it may differ; nothing is claimed of single points then.
    unspoiled
        Networks whose result has nothing that could be damaged this way.
    """

    make: Callable[[ReluNetwork, Box], Rewrite]
    spoiled: Callable[[Rewrite, Box], Certificate]
    reach: Reach
    takes: tuple[str, ...] = ALL
    exactly: Callable[[Rewrite, Point], list[Fraction]] | None = None
    again: Callable[[ReluNetwork, ReluNetwork], bool] | None = None
    gap: float = 1e-9
    is_chain: bool = True
    unspoiled: tuple[str, ...] = ()
    share: float = 0.0


def cube(network: ReluNetwork) -> Box:
    return Box(np.full(network.n_inputs, -HALF), np.full(network.n_inputs, HALF))


def drawn(network: ReluNetwork) -> np.ndarray:
    return cube(network).sample(200, np.random.default_rng(9))


@cache
def corners(which: str) -> list[list[Point]]:
    """The vertices of every region in the cube, by fractions."""
    network, box = NETWORKS[which], cube(NETWORKS[which])
    return region_corners_exact(network, box.lower, box.upper)


def centres(which: str) -> list[Point]:
    """A point inside every region."""
    return [[sum(x, Fraction(0)) / len(part) for x in zip(*part, strict=True)]
            for part in corners(which)]  # fmt: skip


def on_boundaries(which: str) -> list[Point]:
    """The vertices, where most units are zero at once, and points on the edges between them."""
    found = {tuple(x) for part in corners(which) for x in part}
    between = {
        tuple((a + b) / 2 for a, b in zip(x, y, strict=True))
        for part in corners(which) for x, y in pairwise(part)
    }  # fmt: skip
    return sorted(found | between)


def floats(points: Sequence[Point]) -> np.ndarray:
    return np.array([[float(value) for value in point] for point in points])


def by_oracle(rewrite: Rewrite, point: Point) -> list[Fraction]:
    """A result that is a ReluNetwork."""
    return forward_exact(rewrite.result, point)


def _by_the_weights(rewrite: Rewrite, point: Point) -> list[Fraction]:
    """A three-layer network, its infinite weights taken literally."""
    (found,) = rewrite.evaluate_exact([point])
    return list(found.scores)


def _a_cell_short(rewrite: Rewrite, box: Box) -> Certificate:
    """The cells of rows without the cell of the first one."""
    rows = drawn(rewrite.source)
    others = np.arange(rewrite.n_cells) != rewrite.regions.locate(rows[:1])[0]
    return ToThreeLayers(rows, box).ensures(rewrite.restrict(others))


def _a_cell_short_of_a_box(rewrite: Rewrite, box: Box) -> Certificate:
    """The cells of a box without the largest, which still claims to be all of it."""
    largest = np.bincount(rewrite.regions.locate(drawn(rewrite.source))).argmax()
    some = rewrite.regions.chosen(np.arange(rewrite.n_cells) != largest)
    short = replace(rewrite, regions=replace(some, complete=True))
    return ToThreeLayersOfBox(box).ensures(short)


def _rows(network: ReluNetwork) -> np.ndarray:
    """Rows that visit every region, and its boundaries as far as floats hit them."""
    which = next(name for name, known in NETWORKS.items() if known is network)
    points = [*centres(which), *on_boundaries(which)]
    return np.vstack([drawn(network), floats(points)])


def _best_term(rewrite: MaxOfShallow, point: Point) -> list[Fraction]:
    """The largest of the terms (the smallest, where they lie above), each by fractions."""
    terms, best = rewrite.terms, min if rewrite.terms.upper else max
    values = [terms.exact_values(term, ExactArray.of(point)) for term in range(len(terms))]
    return [best(column) for column in zip(*values, strict=True)]


def _one_term_alone(transformation: ToMaxOfShallow) -> Callable[[Rewrite, Box], Certificate]:
    """The certificate of the term alone that lies farthest from the source."""

    def certificate(rewrite: MaxOfShallow, box: Box) -> Certificate:
        points = drawn(rewrite.source)
        away = np.abs(rewrite.terms.values(points) - rewrite.source.forward(points)[:, None])
        alone = rewrite.terms.bits[[away.max(axis=(0, 2)).argmax()]]
        return transformation.ensures(replace(rewrite, terms=replace(rewrite.terms, bits=alone)))

    return certificate


def _spoiled_result(
    transformation: Callable[[Box], Transformation], result: str = "result"
) -> Callable[[Rewrite, Box], Certificate]:
    """The certificate of a result one of whose output weights is a thousandth too large."""

    def certificate(rewrite: Rewrite, box: Box) -> Certificate:
        output = rewrite.result.output
        other = AffineMap(output.weight * 1.001, output.bias)
        damaged = replace(rewrite, **{result: replace(rewrite.result, output=other)})
        return transformation(box).ensures(damaged)

    return certificate


CASES: dict[str, Case] = {
    "three layers of rows": Case(
        make=lambda network, box: convert(network, _rows(network), domain=box),
        spoiled=_a_cell_short,
        reach=Reach.LISTED,
        exactly=_by_the_weights,
        is_chain=False,
    ),
    "three layers of a box": Case(
        make=lambda network, box: convert(network, domain=box),
        spoiled=_a_cell_short_of_a_box,
        reach=Reach.DOMAIN,
        exactly=_by_the_weights,
        is_chain=False,
    ),
    "canonical form": Case(
        make=lambda network, box: canonical_form(network),
        spoiled=_spoiled_result(lambda box: ToCanonicalForm()),
        reach=Reach.EVERYWHERE,
        again=lambda first, second: first.fingerprint == second.fingerprint,
    ),
    "maximum of shallow networks": Case(
        make=lambda network, box: max_of_shallow(network),
        spoiled=_one_term_alone(ToMaxOfShallow()),
        reach=Reach.EVERYWHERE,
        exactly=_best_term,
        is_chain=False,
        unspoiled=("one layer", "no hidden layer"),
    ),
    "maximum of shallow networks on a box": Case(
        make=lambda network, box: max_of_shallow(network, box),
        spoiled=_one_term_alone(ToMaxOfShallow()),
        reach=Reach.DOMAIN,
        takes=tuple(name for name in ALL if len(NETWORKS[name].layers) > 1),
        exactly=_best_term,
        is_chain=False,
    ),
    "minimum of shallow networks": Case(
        make=lambda network, box: max_of_shallow(network, form="min"),
        spoiled=_one_term_alone(ToMaxOfShallow(form=TermForm.MIN)),
        reach=Reach.EVERYWHERE,
        exactly=_best_term,
        is_chain=False,
        unspoiled=("one layer", "no hidden layer"),
    ),
    "maximum over regions": Case(
        make=lambda network, box: max_of_shallow(network, box, form="region"),
        spoiled=_one_term_alone(ToMaxOfShallow(form=TermForm.REGION)),
        reach=Reach.DOMAIN,
        takes=tuple(name for name in ALL if NETWORKS[name].layers),
        exactly=_best_term,
        is_chain=False,
    ),
    "compression": Case(
        make=lambda network, box: compress(network, box),
        spoiled=_spoiled_result(Compress, "network"),
        reach=Reach.DOMAIN,
        again=lambda first, second: first.widths == second.widths,
    ),
    "two hidden layers": Case(
        make=lambda network, box: two_hidden_layer(network, box),
        spoiled=_spoiled_result(ToTwoHiddenLayers, "network"),
        reach=Reach.BOUNDED,
        share=0.01,
    ),
}


def each(claims: Callable[[Case, str], bool] = lambda case, which: True) -> pytest.MarkDecorator:
    """Every rewrite with every network it takes, as far as it claims something."""
    pairs = [
        pytest.param(case, which, id=f"{name} of {which}")
        for name, case in CASES.items()
        for which in case.takes
        if claims(case, which)
    ]
    return pytest.mark.parametrize(("case", "which"), pairs)


@cache
def rewritten(case: Case, which: str) -> Rewrite:
    return case.make(NETWORKS[which], cube(NETWORKS[which]))


@each(lambda case, which: not case.share)
def test_same_function_at_random_points(case, which):
    X = drawn(NETWORKS[which])
    assert_close(rewritten(case, which)(X), NETWORKS[which](X), case.gap)


@each(lambda case, which: not case.share)
def test_same_function_at_region_centres(case, which):
    X = floats(centres(which))
    assert_close(rewritten(case, which)(X), NETWORKS[which](X), case.gap)


@each(lambda case, which: not case.share)
def test_same_function_on_boundaries(case, which):
    X = floats(on_boundaries(which))
    assert_close(rewritten(case, which)(X), NETWORKS[which](X), case.gap)


@each(lambda case, which: case.share > 0)
def test_differs_on_no_more_than_the_stated_share(case, which):
    X = cube(NETWORKS[which]).sample(4000, np.random.default_rng(11))
    gap = np.abs(rewritten(case, which)(X) - NETWORKS[which](X)).reshape(len(X), -1).max(axis=1)
    assert (gap > 1e-6).mean() <= 2 * case.share  # twice: the rows here are few


@each(lambda case, which: case.exactly is not None and which in WHOLE)
def test_same_function_in_fractions(case, which):
    for x in [*centres(which), *on_boundaries(which)]:
        if case.reach is not Reach.LISTED or floats([x])[0].tolist() == list(x):
            assert case.exactly(rewritten(case, which), x) == forward_exact(NETWORKS[which], x)


@each(lambda case, which: case.is_chain and not case.share and which in WHOLE)
def test_both_put_side_by_side_differ_nowhere(case, which):
    """A proof for the whole cube, which shares no code with any rewrite."""
    result, box = rewritten(case, which).result, cube(NETWORKS[which])
    gap = largest_gap_exact(NETWORKS[which], result, box.lower, box.upper)
    assert gap <= (0 if case.exactly else case.gap)


@each()
def test_the_result_is_the_rewrite(case, which):
    X, rewrite = drawn(NETWORKS[which]), rewritten(case, which)
    np.testing.assert_array_equal(rewrite(X), rewrite.result(X))


@each()
def test_the_source_is_untouched(case, which):
    network = NETWORKS[which]
    before = network.fingerprint
    rewrite = case.make(network, cube(network))
    assert rewrite.source is network
    assert network.fingerprint == before


@each()
def test_the_certificate_holds_and_says_what_was_checked(case, which):
    certificate = rewritten(case, which).certificate
    assert certificate.holds, certificate.to_frame().to_string()
    assert all(check.detail for check in certificate.checks)


@each()
def test_the_guarantee_is_the_one_claimed(case, which):
    guarantee = rewritten(case, which).guarantee
    assert guarantee.reach is case.reach
    assert len(guarantee.statement) > 20


@each(lambda case, which: which not in case.unspoiled)
def test_a_result_damaged_on_purpose_is_caught(case, which):
    assert not case.spoiled(rewritten(case, which), cube(NETWORKS[which])).holds


@each(lambda case, which: case.again is not None)
def test_rewriting_again_changes_nothing_where_that_is_claimed(case, which):
    first = rewritten(case, which).result
    assert case.again(first, case.make(first, cube(first)).result)


def assert_close(found: np.ndarray, wanted: np.ndarray, gap: float) -> None:
    np.testing.assert_allclose(found, wanted, rtol=gap, atol=gap)
