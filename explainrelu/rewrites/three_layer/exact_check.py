"""The three-layer network held against its source in exact rationals, boundaries included."""

from fractions import Fraction
from itertools import pairwise

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.certificate import Check, Exactness, Status
from explainrelu.geometry.box import Box
from explainrelu.network.exact import ExactArray, exact_forms, exact_scores
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.evaluation import exactly
from explainrelu.rewrites.three_layer.forms import CellForms
from explainrelu.rewrites.three_layer.generic_point import cell_forms, exact_cell_pattern

__all__ = ["exact_check", "n_exact_box_cells", "n_exact_cells"]

_CELLS, _MOST_CELLS = 4, 12
_FRACTIONS = 200_000  # numbers of the first layer that each point is multiplied with, over all
_PRODUCTS = 20_000_000  # integer products spent on exact composition at most
_CORNERS = 4
_NAME = "literal weights equal the source in exact rationals"


def n_exact_cells(network: ReluNetwork) -> int:
    """How many cells are composed exactly: four, or fewer where a cell is large."""
    return min(_CELLS, _PRODUCTS // max(1, _products(network)))


def n_exact_box_cells(network: ReluNetwork) -> int:
    """The same for cells of a box: up to twelve where they are small."""
    # each cell brings its forms and three points at which every form is evaluated
    several = int((_FRACTIONS / (3 * max(1, network.n_neurons * network.n_inputs))) ** 0.5)
    return min(max(_CELLS, several), _MOST_CELLS, _PRODUCTS // max(1, _products(network)))


def exact_check(
    regions: RegionSet,
    cells: IntArray,
    inside: FloatArray,
    what: str,
    generic_point: FloatArray | None = None,
) -> Check:
    """The weights taken literally in fractions, at points inside and on borders of some cells.

    Parameters
    ----------
    regions
        The listed cells.
    cells : (n_cells,)
        Positions of those to compose; none where each is too large, which leaves it undecided.
    inside : (n_cells, n_inputs)
        A point of each.
    what
        What these points are, in words.
    generic_point : (n_inputs,), optional
        The point of the domain that the cells are half-open by. Walls and corners of the domain
        are then tested too, and on which side of each form the point lies.

    Notes
    -----
    At every point exactly the cell must fire that the source's own exact pattern names, and say
    the source's exact score; none where that cell is not among those composed.
    """
    network = regions.network
    if cells.size == 0:
        return _left_undecided(
            f"one cell takes {_products(network):,} products of integers, more than the "
            f"{_PRODUCTS:,} that are spent; checked in float64 only"
        )
    some = regions.chosen(cells)
    forms = cell_forms(some, generic_point)
    towards = None if generic_point is None else ExactArray.of(generic_point)
    walls = None if towards is None else regions.domain
    points = [] if walls is None else _corners(walls)
    wrong = 0
    for i, pattern in enumerate(unpack(network, some.patterns)):
        weight, bias = exact_forms(network, pattern)[0]
        if towards is not None:
            found = _sides(forms, i, weight, bias, towards, regions.domain)
            if found is None:
                return _left_undecided(
                    "some forms are zero on the whole box but for rounding, which fractions do "
                    "not leave out; checked in float64 only"
                )
            wrong += found
        points += _points(weight, bias, inside[i], int(cells[i]), walls)
    all_of_them = towards is not None and regions.complete and cells.size == len(regions)
    wrong += _mismatches(forms, points, towards, one_must=all_of_them)
    walls_too = "" if walls is None else ", walls and corners of the box among them,"
    detail = (
        f"{len(points)} {what} and boundary points{walls_too} of {cells.size} of {len(regions)} "
        "cells, in fractions"
    )
    return Check.at_most(_NAME, float(wrong), 0.0, Exactness.EXACT, detail)


def _mismatches(
    forms: CellForms, points: list[ExactArray], towards: ExactArray | None, *, one_must: bool
) -> int:
    """Points at which another cell fires than the source's pattern names, or says another score.

    With ``one_must`` also the points at which none is named.
    """
    network, wrong = forms.network, 0
    for point, found in zip(points, exactly(forms, points), strict=True):
        own = exact_cell_pattern(network, point, towards)
        named = tuple(int(i) for i in np.flatnonzero((forms.patterns == own).all(axis=1)))
        scores = tuple(exact_scores(network, point).fractions())
        wrong += found.firing != named or (bool(named) and found.scores != scores)
        wrong += one_must and not named
    return wrong


def _left_undecided(detail: str) -> Check:
    return Check(_NAME, Status.UNDECIDED, np.nan, 0.0, Exactness.EXACT, detail)


def _sides(
    forms: CellForms, cell: int, weight: ExactArray, bias: ExactArray, point: ExactArray, box: Box
) -> int | None:
    """Forms of a cell that are turned to the wrong side of the point.

    None where a form that is left out as zero on the box is not exactly so.
    """
    index = forms.indices()[cell]
    value = (weight @ point + bias).integers
    idle = forms.idle[index]
    slopes = weight.integers[:, ~box.fixed] != 0
    if (idle & (slopes.any(axis=1) | (value != 0))).any():
        return None
    turned = np.asarray(value > 0, dtype=np.bool_)
    at_zero = np.asarray(value == 0, dtype=np.bool_)
    return int((~idle & (at_zero | (turned != forms.turned[index]))).sum())


def _points(
    weight: ExactArray, bias: ExactArray, inside: FloatArray, cell: int, walls: Box | None
) -> list[ExactArray]:
    """A point of the cell and the points where two lines through it leave the cell."""
    centre = ExactArray.of(inside)
    values = (weight @ centre + bias).fractions()
    points = [centre]
    for direction in _directions(inside.size, cell, walls):
        slopes = (weight @ direction).fractions()
        # the first unit whose form reaches zero along the line: |z / slope|, sign opposed
        times = [-z / s for z, s in zip(values, slopes, strict=True) if s != 0 and -z / s > 0]
        times += [] if walls is None else _times_to_walls(centre, direction, walls)
        if times:
            points.append(_along(centre, direction, min(times)))
    return points


def _directions(n_inputs: int, seed: int, walls: Box | None) -> list[ExactArray]:
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(-9, 10, n_inputs) for _ in range(2)]
    if walls is None:
        return [ExactArray.of(direction.tolist()) for direction in drawn]
    # in the measure of the box, so that fixed inputs stay and no other one is passed over
    return [ExactArray.of((direction * walls.half_width).tolist()) for direction in drawn]


def _times_to_walls(centre: ExactArray, direction: ExactArray, box: Box) -> list[Fraction]:
    """When the line reaches each wall that it comes nearer to."""
    times = []
    ends = zip(box.lower.tolist(), box.upper.tolist(), strict=True)
    for x, step, (lower, upper) in zip(
        centre.fractions(), direction.fractions(), ends, strict=True
    ):
        if step != 0:
            times.append((Fraction(upper if step > 0 else lower) - x) / step)
    return times


def _corners(box: Box) -> list[ExactArray]:
    """Some corners of the box: the lowest, the highest, and two others."""
    flags = np.random.default_rng(0).random((_CORNERS, box.n_inputs)) < 0.5
    flags[0], flags[1] = False, True
    corners: list[ExactArray] = [ExactArray.of(x) for x in np.where(flags, box.upper, box.lower)]
    return corners


def _along(start: ExactArray, direction: ExactArray, time: Fraction) -> ExactArray:
    step = ExactArray(direction.integers * time.numerator, direction.denominator * time.denominator)
    return start + step


def _products(network: ReluNetwork) -> int:
    """Products of integers that composing one cell exactly takes."""
    widths = (*network.widths, network.n_outputs)  # the first layer's weights stand as they are
    return sum(a * b * network.n_inputs for a, b in pairwise(widths))
