"""Cells of a box that are half-open by one point of it.

The linear regions of a box are closed and share their borders. To give each point to one cell
alone, take a point ``c`` of the box on no zero set of any form, and let ``x`` belong to the region
that ``x + eps (c - x)`` enters. So a border ``g = 0`` belongs to the cell on the side of ``c``:
with every form turned so that ``g(c) < 0``, a cell asks ``g <= 0`` or ``g > 0``. Every point of
the closed box, its faces included, then lies in exactly one cell, and every cell has an interior.
"""

import numpy as np

from explainrelu.arrays import (
    BoolArray,
    ByteArray,
    FloatArray,
    applied_to_rows,
    dense,
    frozen,
)
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, unpack
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.forms import CellForms
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["cell_forms", "cell_patterns", "exact_cell_pattern", "generic_point"]

_CANDIDATES = 16
_STEPS = 1 << 20  # the candidates lie on a grid so fine, to have short fractions
_CHUNK_VALUES = 1 << 22


def generic_point(regions: RegionSet, tolerances: Tolerances = DEFAULT_TOLERANCES) -> FloatArray:
    """A point of the domain on no zero set of any form of the regions: (n_inputs,).

    Of some points drawn evenly, always the same ones, it is the one farthest from the nearest
    zero set, as a share of what the form reaches in the domain. Fixed inputs keep their value.

    Raises
    ------
    ArgumentError
        Where rounding hides which side of some form a point lies on.

    Notes
    -----
    Cost: that of composing every form.
    """
    forms, box = _plain(regions), regions.domain
    weight, bias = forms.compose()
    idle, reach, size = _extent(forms, weight, bias, box, tolerances)
    candidates = _drawn(box)
    clearance = np.full(len(candidates), np.inf)
    certain = np.ones(len(candidates), dtype=np.bool_)
    step = max(1, _CHUNK_VALUES // _CANDIDATES)
    for start in range(0, forms.n_forms, step):
        rows = np.arange(start, min(start + step, forms.n_forms))
        rows = rows[~idle[rows]]
        value = np.abs(candidates @ weight[rows].T + bias[rows])
        clearance = np.minimum(clearance, (value / reach[rows]).min(axis=1, initial=np.inf))
        certain &= (value > tolerances.rounding * size[rows]).all(axis=1)
    best = int(np.argmax(np.where(certain, clearance, -1.0)))
    if not certain[best]:
        raise ArgumentError(
            "The domain must be wide enough for the borders of its regions to be told from "
            "rounding, got one in which they are not. Widen the domain, or take an offset that is "
            "large beside its width off the inputs."
        )
    return frozen(candidates[best])


def cell_forms(
    regions: RegionSet, point: FloatArray | None, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> CellForms:
    """The forms of cells that are half-open by the pattern rule, or by a generic point.

    Parameters
    ----------
    point : (n_inputs,), optional
        With it every form is turned so that it is negative there, and a form that is zero on the
        whole domain asks nothing. Without it a form stands as it is: inactive at zero.

    Raises
    ------
    ArgumentError
        Where the point lies on the zero set of a form, within rounding, or outside the domain.
    """
    forms, box = _plain(regions), regions.domain
    if point is None:
        return forms
    weight, bias = forms.compose()
    idle, _, size = _extent(forms, weight, bias, box, tolerances)
    value = weight @ point + bias
    hidden = np.flatnonzero(~idle & (np.abs(value) <= tolerances.rounding * size))
    if hidden.size or not box.contains(point[None])[0]:
        where = f"on the border of form {hidden[0]}" if hidden.size else "a point outside it"
        raise ArgumentError(
            "Cells are half-open by a point of their domain on no border of theirs, got "
            f"{where}. Take the point that convert chose."
        )
    return CellForms(forms.network, forms.patterns, forms.prefixes, (value > 0.0) & ~idle, idle)


def cell_patterns(
    network: ReluNetwork, points: FloatArray, towards: FloatArray | None
) -> ByteArray:
    """The packed pattern of the cell of each point ``(n_samples, n_inputs)``.

    Without ``towards`` a unit with ``z = 0`` is inactive. With it, it is active where ``z`` grows
    on the way to that point: the pattern is that of ``x + eps (towards - x)``.

    Notes
    -----
    Cost: one forward pass, and a second for the points on a border.
    """
    packed = activation_patterns(network, points)
    if towards is None:
        return packed
    for rows in network.row_chunks(points.shape[0]):
        on = np.flatnonzero(_touches_zero(network, points[rows])) + rows.start
        if on.size:
            packed[on] = _entered(network, points[on], towards)
    return packed


def exact_cell_pattern(
    network: ReluNetwork, point: ExactArray, towards: ExactArray | None
) -> BoolArray:
    """The pattern ``(n_neurons,)`` of the cell of one point, without rounding."""
    hidden = point
    towards = point if towards is None else towards
    slope = towards + ExactArray(-point.integers, point.denominator)
    found = [np.zeros(0, dtype=np.bool_)]
    for layer in network.layers:
        weight = ExactArray.of(dense(layer.weight))
        z, dz = weight @ hidden + ExactArray.of(layer.bias), weight @ slope
        at_zero = np.asarray(z.integers == 0, dtype=np.bool_)
        bits = z.positive | (at_zero & dz.positive)
        found.append(bits[layer.rectified])
        kept = bits | ~layer.rectified
        hidden, slope = z.rows_where(kept), dz.rows_where(kept)
    return np.concatenate(found)


def _plain(regions: RegionSet) -> CellForms:
    return CellForms.of(regions.network, unpack(regions.network, regions.patterns))


def _extent(
    forms: CellForms, weight: FloatArray, bias: FloatArray, box: Box, tolerances: Tolerances
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Of each form: whether it is zero on the whole box, its reach there, the size of its terms."""
    reach = np.abs(weight @ box.centre + bias) + np.abs(weight) @ box.half_width
    size = forms.term_sizes(np.maximum(np.abs(box.lower), np.abs(box.upper)))
    return reach <= tolerances.rounding * size, reach, size


def _drawn(box: Box) -> FloatArray:
    """Points evenly from the inside of the box: (n_candidates, n_inputs)."""
    rng = np.random.default_rng(0)
    share = rng.integers(1, _STEPS, size=(_CANDIDATES, box.n_inputs)) / _STEPS
    points = box.lower + share * (2.0 * box.half_width)
    # where rounding leads out of a narrow box, the wall itself is as good
    return np.clip(points, box.lower, box.upper)


def _touches_zero(network: ReluNetwork, points: FloatArray) -> BoolArray:
    """Which points have a preactivation of zero."""
    found, hidden = np.zeros(points.shape[0], dtype=np.bool_), points
    for layer in network.layers:
        z = layer.preactivation(hidden)
        found |= (z[:, layer.rectified] == 0.0).any(axis=1)
        hidden = layer.activate(z)
    return found


def _entered(network: ReluNetwork, points: FloatArray, towards: FloatArray) -> ByteArray:
    """The packed patterns of ``x + eps (towards - x)``: values and slopes, layer by layer."""
    hidden, slope = points, towards - points
    found = [np.zeros((points.shape[0], 0), dtype=np.bool_)]
    for layer in network.layers:
        z, dz = layer.preactivation(hidden), applied_to_rows(layer.weight, slope)
        bits = (z > 0.0) | ((z == 0.0) & (dz > 0.0))
        found.append(bits[:, layer.rectified])
        kept = bits | ~layer.rectified
        hidden, slope = np.where(kept, z, 0.0), np.where(kept, dz, 0.0)
    packed: ByteArray = np.packbits(np.concatenate(found, axis=1), axis=1)
    return packed
