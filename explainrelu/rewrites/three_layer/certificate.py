"""What is checked of the three-layer network against its source.

Three things: the scores of the rows, the literal weights at interior points of some cells in
float64, and the literal weights in exact rationals at interior and boundary points of a few.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.network.exact import ExactArray, exact_forms, exact_pattern, exact_scores
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.rewrites.three_layer.evaluation import by_lookup, exactly, literally
from explainrelu.rewrites.three_layer.forms import CellForms
from explainrelu.tolerances import Tolerances

__all__ = ["certify_three_layers"]

_FLOAT_CELLS = 25
_EXACT_CELLS = 4
_EXACT_PRODUCTS = 20_000_000  # integer products spent on exact composition at most
_IN_FRACTIONS = "literal weights equal the source in exact rationals"


def certify_three_layers(
    regions: RegionSet, points: FloatArray, tolerances: Tolerances
) -> Certificate:
    """The certificate of the three-layer network of these cells.

    Parameters
    ----------
    regions
        The listed cells.
    points : (n_samples, n_inputs)
        Encoded rows on which source and rewrite are compared.

    Notes
    -----
    The cells tested beyond the rows are the most visited ones. Where even one of them is too
    large to be composed exactly, that check is entered as undecided. Cost: a few forward passes,
    one linear program and one exact composition for each cell tested.
    """
    checks = [*_rows_agree(regions, points, tolerances)]
    if len(regions):
        places = _Places.of(regions)
        checks += _places_agree(regions, places, tolerances)
        checks.append(_exact_agree(regions, places))
    return Certificate(tuple(checks))


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """A point in each of some cells: ``cells (n,)``, ``points (n, n_inputs)``, and what they are.

    Well inside the most visited cells; the rows themselves where none of these has an interior.
    """

    cells: IntArray
    points: FloatArray
    what: str

    @classmethod
    def of(cls, regions: RegionSet) -> "_Places":
        inside = {}
        for i in range(min(len(regions), 2 * _FLOAT_CELLS)):
            ball = regions.region(i).polytope().inscribed_ball()
            if ball.radius > 0:
                inside[i] = ball.centre
            if len(inside) == _FLOAT_CELLS:
                break
        if inside:
            cells = np.array(list(inside), dtype=np.int64)
            return cls(cells, np.stack(list(inside.values())), "interior")
        cells = np.arange(min(len(regions), _FLOAT_CELLS))
        return cls(cells, regions.witnesses[cells], "example")


def _rows_agree(regions: RegionSet, points: FloatArray, tolerances: Tolerances) -> list[Check]:
    found = by_lookup(regions, points, tolerances)
    own = regions.network.forward(points)
    unlisted = float((~found.listed).sum())
    rows = f"{points.shape[0]} rows"
    near = f"{rows}, {int(found.ambiguous.sum())} of them within tolerance of a boundary"
    return [
        Check.at_most("every row lies in a listed cell", unlisted, 0.0, Exactness.EXACT, rows),
        scores_check(
            "scores equal the source's",
            np.where(found.listed[:, None], found.scores, own),
            own,
            term_size=largest_term(regions.network, points),
            tolerances=tolerances,
            exactness=Exactness.EXACT,
            detail=near,
        ),
    ]


def _places_agree(regions: RegionSet, places: _Places, tolerances: Tolerances) -> list[Check]:
    """The weights taken literally in float64, at a point of each of some cells."""
    some, points = regions.chosen(places.cells), places.points
    forms = CellForms.of(some.network, unpack(some.network, some.patterns))
    found = literally(some, forms, points, tolerances)
    wrong = (found.cells != np.arange(points.shape[0])) & ~found.ambiguous
    own = regions.network.forward(points)
    detail = f"{places.what} points of {points.shape[0]} of {len(regions)} cells, float64"
    return [
        Check.at_most(
            "exactly its own cell fires", float(wrong.sum()), 0.0, Exactness.ESTIMATED, detail
        ),
        scores_check(
            "literal weights equal the source",
            np.where(found.listed[:, None], found.scores, own),
            own,
            term_size=largest_term(regions.network, points),
            tolerances=tolerances,
            exactness=Exactness.ESTIMATED,
            detail=detail,
        ),
    ]


def _exact_agree(regions: RegionSet, places: _Places) -> Check:
    """The weights taken literally in fractions, at interior and boundary points."""
    network, products = regions.network, _exact_products(regions.network)
    n_cells = min(_EXACT_CELLS, _EXACT_PRODUCTS // max(1, products))
    if n_cells == 0:
        return _left_undecided(products)
    cells = places.cells[:n_cells]
    patterns = unpack(network, regions.patterns[cells])
    forms = CellForms.of(network, patterns)
    points = [
        point
        for cell, inside, pattern in zip(cells, places.points, patterns, strict=False)
        for point in _exact_points(network, int(cell), inside, pattern)
    ]
    wrong = 0
    for point, found in zip(points, exactly(forms, points), strict=True):
        own = exact_pattern(network, point)
        speaks = tuple(int(i) for i in np.flatnonzero((patterns == own).all(axis=1)))
        scores = tuple(exact_scores(network, point).fractions())
        wrong += found.firing != speaks or (bool(speaks) and found.scores != scores)
    detail = (
        f"{len(points)} {places.what} and boundary points of {cells.size} of {len(regions)} "
        "cells, in fractions"
    )
    return Check.at_most(_IN_FRACTIONS, float(wrong), 0.0, Exactness.EXACT, detail)


def _left_undecided(products: int) -> Check:
    detail = (
        f"one cell takes {products:,} products of integers, more than the {_EXACT_PRODUCTS:,} "
        "that are spent; checked in float64 only"
    )
    return Check(_IN_FRACTIONS, Status.UNDECIDED, np.nan, 0.0, Exactness.EXACT, detail)


def _exact_points(
    network: ReluNetwork, cell: int, inside: FloatArray, pattern: BoolArray
) -> list[ExactArray]:
    """A point of the cell and the points where two lines through it leave the cell."""
    weight, bias = exact_forms(network, pattern)[0]
    centre = ExactArray.of(inside)
    values = (weight @ centre + bias).fractions()
    points = [centre]
    for direction in _directions(network.n_inputs, cell):
        slopes = (weight @ direction).fractions()
        # the first unit whose form reaches zero along the line: |z / slope|, sign opposed
        times = [-z / s for z, s in zip(values, slopes, strict=True) if s != 0 and -z / s > 0]
        if times:
            points.append(_along(centre, direction, min(times)))
    return points


def _directions(n_inputs: int, seed: int) -> list[ExactArray]:
    rng = np.random.default_rng(seed)
    return [ExactArray.of(rng.integers(-9, 10, n_inputs).tolist()) for _ in range(2)]


def _along(start: ExactArray, direction: ExactArray, time: Fraction) -> ExactArray:
    step = ExactArray(direction.integers * time.numerator, direction.denominator * time.denominator)
    return start + step


def _exact_products(network: ReluNetwork) -> int:
    """Products of integers that composing one cell exactly takes."""
    widths = (*network.widths, network.n_outputs)  # the first layer's weights stand as they are
    return sum(a * b * network.n_inputs for a, b in pairwise(widths))
