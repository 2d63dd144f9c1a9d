"""What is checked of the three-layer network against its source.

Three things: the scores of the rows, the literal weights at interior points of some cells in
float64, and the literal weights in exact rationals at interior and boundary points of a few.
For the cells of a box, points drawn from it stand for the rows.
"""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.geometry.box import Box
from explainrelu.regions.facets import find_facets
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.rewrites.three_layer.evaluation import Evaluation, by_lookup, literally
from explainrelu.rewrites.three_layer.exact_check import (
    exact_check,
    n_exact_box_cells,
    n_exact_cells,
)
from explainrelu.rewrites.three_layer.generic_point import cell_forms
from explainrelu.tolerances import Tolerances

__all__ = ["certify_box_cells", "certify_three_layers"]

_FLOAT_CELLS = 25
_BOX_POINTS = 1000
_LITERAL_WEIGHTS = 1 << 19  # of layer 3, up to which points of the box go through all of it


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
        checks += _places_agree(regions, places, None, tolerances)
        few = slice(n_exact_cells(regions.network))
        checks.append(exact_check(regions, places.cells[few], places.points[few], places.what))
    return Certificate(tuple(checks))


def certify_box_cells(
    regions: RegionSet, generic_point: FloatArray, tolerances: Tolerances
) -> Certificate:
    """The certificate of the three-layer network of cells that are half-open by a generic point.

    Parameters
    ----------
    regions
        The full-dimensional regions of ``regions.domain`` that were found.
    generic_point : (n_inputs,)
        The point of the domain, on no zero set of their forms.

    Notes
    -----
    That every point of the box lies in a cell is tested at drawn points, of its inside, faces and
    corners, and left undecided for regions that are not complete. Cost: that of composing every
    form, and else as for :func:`certify_three_layers`.
    """
    points = _drawn(regions.domain)
    found = by_lookup(regions, points, tolerances, generic_point)
    checks = [_covered(regions, found), _box_scores(regions, points, found, tolerances)]
    if len(regions):
        if _all_weights(regions) <= _LITERAL_WEIGHTS:
            checks.append(_one_fires(regions, points, found, generic_point, tolerances))
        places = _Places.of(regions)
        checks += _places_agree(regions, places, generic_point, tolerances)
        cells = _adjoining(regions, places, tolerances)
        inside = regions.witnesses[cells]
        checks.append(exact_check(regions, cells, inside, "inner", generic_point))
    return Certificate(tuple(checks))


def _drawn(box: Box) -> FloatArray:
    """Points of the box: half from its inside, half of which some inputs lie on a wall."""
    rng = np.random.default_rng(0)
    points = box.sample(_BOX_POINTS, rng)
    half = points[: _BOX_POINTS // 2]
    # from a single wall up to corners
    share = rng.random((half.shape[0], 1))
    on_wall, upper = rng.random(half.shape) < share, rng.random(half.shape) < 0.5
    half[on_wall] = np.where(upper, box.upper, box.lower)[on_wall]
    return np.clip(points, box.lower, box.upper)


def _covered(regions: RegionSet, found: Evaluation) -> Check:
    """Whether every point drawn from the box lies in a listed cell."""
    name, unlisted = "every point of the box lies in a listed cell", float((~found.listed).sum())
    drawn = f"{found.cells.size} points drawn from the box, its faces and corners"
    thin = f"; {regions.skipped} regions are thinner than the tolerance" if regions.skipped else ""
    if not regions.complete:
        reason = f": {regions.stopped}" if regions.stopped else ""
        detail = f"{drawn}; the {len(regions)} cells are not all of the box{reason}{thin}"
        return Check(name, Status.UNDECIDED, unlisted, 0.0, Exactness.ESTIMATED, detail)
    detail = f"{drawn}; the search for its {len(regions)} regions was complete{thin}"
    return Check.at_most(name, unlisted, 0.0, Exactness.ESTIMATED, detail)


def _box_scores(
    regions: RegionSet, points: FloatArray, found: Evaluation, tolerances: Tolerances
) -> Check:
    own = regions.network.forward(points)
    return scores_check(
        "scores equal the source's",
        np.where(found.listed[:, None], found.scores, own),
        own,
        term_size=largest_term(regions.network, points),
        tolerances=tolerances,
        exactness=Exactness.ESTIMATED,
        detail=f"{int(found.listed.sum())} points drawn from the box that lie in a listed cell",
    )


def _all_weights(regions: RegionSet) -> int:
    network = regions.network
    return 2 * network.n_outputs * len(regions) * (2 * network.n_inputs + network.n_neurons)


def _one_fires(
    regions: RegionSet,
    points: FloatArray,
    found: Evaluation,
    generic_point: FloatArray,
    tolerances: Tolerances,
) -> Check:
    """Every drawn point through all the weights."""
    literal = literally(regions, cell_forms(regions, generic_point), points, tolerances)
    wrong = (literal.cells != found.cells) & ~found.ambiguous
    clear = int((~found.ambiguous).sum())
    detail = f"{clear} points drawn from the box, {len(regions)} cells, float64"
    return Check.at_most(
        "exactly one cell fires", float(wrong.sum()), 0.0, Exactness.ESTIMATED, detail
    )


def _adjoining(regions: RegionSet, places: "_Places", tolerances: Tolerances) -> IntArray:
    """A cell and some that share a facet with it: as many as are composed exactly."""
    most, first = n_exact_box_cells(regions.network), int(places.cells[0])
    near = find_facets(
        regions.network,
        regions.patterns[[first]],
        regions.witnesses[[first]],
        regions.domain,
        tolerances,
    )
    behind = regions.locate_patterns(near.across)
    listed = np.concatenate([[first], behind[behind >= 0], places.cells])
    kept = np.unique(listed, return_index=True)[1]
    cells: IntArray = listed[np.sort(kept)][:most].astype(np.int64)
    return cells


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
        large = len(regions) > 0 and regions.region(0).polytope().is_large
        for i in range(0 if large else min(len(regions), 2 * _FLOAT_CELLS)):
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


def _places_agree(
    regions: RegionSet, places: _Places, generic_point: FloatArray | None, tolerances: Tolerances
) -> list[Check]:
    """The weights taken literally in float64, at a point of each of some cells."""
    some, points = regions.chosen(places.cells), places.points
    found = literally(some, cell_forms(some, generic_point), points, tolerances)
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
