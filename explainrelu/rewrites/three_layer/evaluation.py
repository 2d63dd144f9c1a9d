"""Three ways to evaluate the three-layer network: by lookup, literally, and exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import affine_maps
from explainrelu.regions.lookup import near_zero
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.arithmetic import rectified_row
from explainrelu.rewrites.three_layer.forms import CellForms
from explainrelu.rewrites.three_layer.generic_point import cell_patterns
from explainrelu.rewrites.three_layer.weights import exact_rows, extended_layer, selectors
from explainrelu.tolerances import Tolerances

__all__ = ["Evaluation", "ExactEvaluation", "by_lookup", "exactly", "literally"]

_CHUNK_VALUES = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What the three-layer network says of some points, in float64.

    Attributes
    ----------
    scores : (n_samples, n_outputs)
        Raw scores; NaN exactly where ``listed`` is False.
    cells : (n_samples,)
        The cell that speaks, -1 where none does.
    ambiguous : (n_samples,) bool
        Points within tolerance of a unit's zero set: rounding may put them on either side.
    """

    scores: FloatArray
    cells: IntArray
    ambiguous: BoolArray

    @property
    def listed(self) -> BoolArray:
        """Which points lie in a listed cell: (n_samples,)."""
        return self.cells >= 0


@dataclass(frozen=True, slots=True)
class ExactEvaluation:
    """The literal network at one point, in exact rational arithmetic.

    Attributes
    ----------
    scores
        One fraction an output: the sum over all layer-3 neurons.
    firing
        The cells that are not silenced: one, or none where the point's cell is not listed.
    """

    scores: tuple[Fraction, ...]
    firing: tuple[int, ...]


def by_lookup(
    regions: RegionSet,
    points: FloatArray,
    tolerances: Tolerances,
    generic_point: FloatArray | None = None,
) -> Evaluation:
    """The cell of each encoded point by its activation pattern, then that cell's formula.

    Where the cells are half-open by a generic point, a point of no listed pattern is given to a
    cell whose closure holds it within tolerance: rounding may have put it beyond the border.

    Cost: one forward pass, and one affine map a cell met.
    """
    network = regions.network
    cells = regions.locate_patterns(cell_patterns(network, points, generic_point))
    beyond = np.flatnonzero(cells < 0)
    if generic_point is not None and beyond.size:
        cells[beyond] = regions.locate_points(points[beyond], tolerances=tolerances)
    scores = np.full((points.shape[0], network.n_outputs), np.nan)
    for rows in network.row_chunks(points.shape[0]):
        inside = np.flatnonzero(cells[rows] >= 0) + rows.start
        used, which = np.unique(cells[inside], return_inverse=True)
        weight, bias = affine_maps(network, regions.patterns[used])
        scores[inside] = (weight[which] @ points[inside, :, None])[:, :, 0] + bias[which]
    return Evaluation(scores, cells, _ambiguous(network, points, tolerances))


def literally(
    regions: RegionSet, forms: CellForms, points: FloatArray, tolerances: Tolerances
) -> Evaluation:
    """Every neuron of the three layers in float64, silenced ones and all.

    Nothing is looked up: within rounding of a boundary a point may fire no cell, or two.
    Such points are flagged as ambiguous and have NaN where not exactly one cell fires.
    """
    network, first = regions.network, extended_layer(forms, 1)
    third, silencers = extended_layer(forms, 3), selectors(forms)
    output = extended_layer(forms, 4)
    scores = np.empty((points.shape[0], network.n_outputs))
    cells = np.empty(points.shape[0], dtype=np.int64)
    step = max(1, _CHUNK_VALUES // max(1, 2 * first.shape[0] + third.shape[0]))
    for start in range(0, points.shape[0], step):
        rows = slice(start, start + step)
        hidden = np.maximum((first.finite @ points[rows].T).T + first.bias, 0.0)
        switches = (hidden[:, 2 * network.n_inputs :] <= 0.0).astype(np.float64)
        second = np.hstack([hidden, switches])
        fires = ~((silencers @ (second > 0.0).T.astype(np.float64)).T > 0.0)
        voices = np.maximum((third.finite @ second.T).T + third.bias, 0.0)
        voices *= np.repeat(fires, 2 * network.n_outputs, axis=1)
        scores[rows] = (output.finite @ voices.T).T
        cells[rows] = np.where(fires.sum(axis=1) == 1, fires.argmax(axis=1), -1)
    scores[cells < 0] = np.nan
    return Evaluation(scores, cells, _ambiguous(network, points, tolerances))


def exactly(forms: CellForms, points: Sequence[ExactArray]) -> list[ExactEvaluation]:
    """Every neuron of the three layers in fractions, by the rules of the extended reals."""
    first, second, third = exact_rows(forms)
    n_outputs = forms.network.n_outputs
    results = []
    for point in points:
        hidden: list[Fraction] = point.fractions()
        for layer in (first, second):
            hidden = [rectified_row(row, hidden) for row in layer]
        voices = [rectified_row(row, hidden) for row in third]
        silent = [any(hidden[i] > 0 for i in row.selectors) for row in third[:: 2 * n_outputs]]
        scores = tuple(
            sum(voices[2 * o :: 2 * n_outputs], Fraction(0))
            - sum(voices[2 * o + 1 :: 2 * n_outputs], Fraction(0))
            for o in range(n_outputs)
        )
        results.append(
            ExactEvaluation(scores, tuple(int(c) for c in np.flatnonzero(~np.array(silent))))
        )
    return results


def _ambiguous(network: ReluNetwork, points: FloatArray, tolerances: Tolerances) -> BoolArray:
    """Which points lie within tolerance of some unit's zero set."""
    return np.asarray(near_zero(network, points, tolerances).any(axis=1), dtype=np.bool_)
