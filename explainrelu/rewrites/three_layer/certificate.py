"""What is checked of the three-layer network against its source.

Three things: the scores of the rows, the literal weights at interior points of some cells in
float64, and the literal weights in exact rationals at interior and boundary points of a few.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.network.exact import ExactArray, exact_forms, exact_pattern, exact_scores
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.evaluation import by_lookup, exactly, literally
from explainrelu.rewrites.three_layer.forms import CellForms
from explainrelu.tolerances import Tolerances

__all__ = ["certify_three_layers"]

_FLOAT_CELLS = 25
_EXACT_CELLS = 4
_EXACT_PRODUCTS = 20_000_000  # integer products spent on exact composition at most


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
    The cells tested beyond the rows are the most visited ones. Cost: a few forward passes, one
    linear program and one exact composition for each cell tested.
    """
    checks = [*_rows_agree(regions, points, tolerances)]
    full = [
        i for i in range(min(len(regions), 2 * _FLOAT_CELLS)) if _inside(regions, i) is not None
    ]
    checks += _interiors_agree(regions, np.array(full[:_FLOAT_CELLS], dtype=np.int64), tolerances)
    checks += _exact_agree(regions, np.array(full[: _n_exact(regions.network)], dtype=np.int64))
    return Certificate(tuple(checks))


def _rows_agree(regions: RegionSet, points: FloatArray, tolerances: Tolerances) -> list[Check]:
    found = by_lookup(regions, points, tolerances)
    own = regions.network.forward(points)
    scale = max(1.0, float(np.abs(own).max(initial=0.0)))
    unlisted = float((~found.listed).sum())
    gap = float(np.abs(found.scores - own)[found.listed].max(initial=0.0)) / scale
    rows = f"{points.shape[0]} rows"
    near = f"{rows}, {int(found.ambiguous.sum())} of them within tolerance of a boundary"
    return [
        Check.at_most("every row lies in a listed cell", unlisted, 0.0, Exactness.EXACT, rows),
        Check.at_most(
            "scores equal the source's", gap, tolerances.agreement, Exactness.EXACT, near
        ),
    ]


def _interiors_agree(regions: RegionSet, cells: IntArray, tolerances: Tolerances) -> list[Check]:
    """The weights taken literally, at a point well inside each of some cells."""
    if cells.size == 0:
        return []
    some = regions.chosen(cells)
    points = np.stack([_inside(regions, int(i)) for i in cells])  # type: ignore[misc]  # cells were chosen for having one
    forms = CellForms.of(some.network, unpack(some.network, some.patterns))
    found = literally(some, forms, points, tolerances)
    wrong = (found.cells != np.arange(cells.size)) & ~found.ambiguous
    own = regions.network.forward(points)
    scale = max(1.0, float(np.abs(own).max(initial=0.0)))
    gap = float(np.abs(found.scores - own)[found.listed].max(initial=0.0)) / scale
    detail = f"Chebyshev centres of {cells.size} of {len(regions)} cells, float64"
    return [
        Check.at_most(
            "exactly its own cell fires", float(wrong.sum()), 0.0, Exactness.ESTIMATED, detail
        ),
        Check.at_most(
            "literal weights equal the source",
            gap,
            tolerances.agreement,
            Exactness.ESTIMATED,
            detail,
        ),
    ]


def _exact_agree(regions: RegionSet, cells: IntArray) -> list[Check]:
    """The weights taken literally in fractions, at interior and boundary points."""
    if cells.size == 0:
        return []
    some = regions.chosen(cells)
    network = regions.network
    patterns = unpack(network, some.patterns)
    forms = CellForms.of(network, patterns)
    points = [
        p for i, cell in enumerate(cells) for p in _exact_points(regions, int(cell), patterns[i])
    ]
    wrong = 0
    for point, found in zip(points, exactly(forms, points), strict=True):
        own = exact_pattern(network, point)
        speaks = tuple(int(i) for i in np.flatnonzero((patterns == own).all(axis=1)))
        scores = tuple(exact_scores(network, point).fractions())
        wrong += found.firing != speaks or (bool(speaks) and found.scores != scores)
    detail = (
        f"{len(points)} interior and boundary points of {cells.size} of {len(regions)} cells, "
        "in fractions"
    )
    name = "literal weights equal the source in exact rationals"
    return [Check.at_most(name, float(wrong), 0.0, Exactness.EXACT, detail)]


def _exact_points(regions: RegionSet, cell: int, pattern: BoolArray) -> list[ExactArray]:
    """An interior point of the cell and the points where two lines through it leave the cell."""
    inside = _inside(regions, cell)
    assert inside is not None  # the caller chose cells that have one
    weight, bias = exact_forms(regions.network, pattern)[0]
    centre = ExactArray.of(inside)
    values = (weight @ centre + bias).fractions()
    points = [centre]
    for direction in _directions(regions.network.n_inputs, cell):
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


def _inside(regions: RegionSet, cell: int) -> FloatArray | None:
    """The Chebyshev centre of a cell within the domain, None for a lower-dimensional cell."""
    ball = regions.region(cell).polytope().inscribed_ball()
    return ball.centre if ball.radius > 0 else None


def _n_exact(network: ReluNetwork) -> int:
    """How many cells can be composed exactly within the budget, at most a few."""
    widths = (*network.widths, network.n_outputs)  # the first layer's weights stand as they are
    products = sum(a * b * network.n_inputs for a, b in pairwise(widths))
    return min(_EXACT_CELLS, _EXACT_PRODUCTS // max(1, products))
