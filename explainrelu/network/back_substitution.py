"""Bounds of preactivations by symbolic back-substitution over a box.

Legend: ``l <= z <= u`` are bounds of a rectified unit that are known already. Where ``l < 0 < u``
its value lies between two lines, ``a z <= max(z, 0) <= s (z - l)`` with ``s = u / (u - l)`` and
``a = 1`` where ``u > -l``, else 0. A form ``A h + c`` of one layer's values is thus bounded by a
form of the layer before, and so on down to the inputs, whose box bounds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, Matrix, dense
from explainrelu.geometry.box import Box
from explainrelu.network.bounds import Bounds, check_box
from explainrelu.network.network import Layer, ReluNetwork

__all__ = ["back_substituted_bounds", "form_bounds"]

_CHUNK_VALUES = 1 << 21  # values of one form matrix: 16 MB


def back_substituted_bounds(network: ReluNetwork, box: Box) -> Bounds:
    """Bounds by linear relaxation of each unit, substituted back to the inputs.

    Returns
    -------
    Bounds
        Sound (up to float64 rounding), and nowhere looser than
        :func:`explainrelu.network.bounds.interval_bounds`: at every layer on the way the form is
        bounded by intervals too, and the tightest bound is kept.

    Raises
    ------
    ArgumentError
        Where the box has another number of inputs than the network.

    Notes
    -----
    A bound, not an estimate. For a pattern that is the same all over the box it is exact. Cost
    O(depth * number of weights * width): each layer's forms go back through all before it.

    References
    ----------
    H. Zhang et al., "Efficient neural network robustness certification with general activation
    functions", NeurIPS 2018 (CROWN); G. Singh et al., "An abstract domain for certifying neural
    networks", POPL 2019 (DeepPoly).

    Examples
    --------
    >>> network = ReluNetwork.from_weights(
    ...     [[[1.0], [1.0]], [[1.0, -1.0]]], [[1.0, 1.0], [0.0]])
    >>> float(back_substituted_bounds(network, Box([0.0], [1.0])).output_upper[0])
    0.0
    """
    check_box(network, box)
    lowers: list[FloatArray] = []
    uppers: list[FloatArray] = []
    for layer in network.layers:
        lower, upper = form_bounds(network, box, lowers, uppers, layer.weight, layer.bias)
        lowers.append(lower)
        uppers.append(upper)
    out = form_bounds(network, box, lowers, uppers, network.output.weight, network.output.bias)
    return Bounds(tuple(lowers), tuple(uppers), *out)


def form_bounds(
    network: ReluNetwork,
    box: Box,
    lowers: Sequence[FloatArray],
    uppers: Sequence[FloatArray],
    weight: Matrix,
    bias: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bounds of ``weight @ h + bias`` for the values ``h`` of a layer.

    Parameters
    ----------
    lowers, uppers
        Bounds of the preactivations of the first layers, one array a layer; ``h`` are the values
        behind the last of these (the inputs where there is none).
    weight : (n_forms, n_units)
    bias : (n_forms,)

    Returns
    -------
    lower, upper : (n_forms,)
    """
    known = [
        _Relaxed.of(layer, lower, upper)
        for layer, lower, upper in zip(network.layers, lowers, uppers, strict=False)
    ]
    widest = max(network.n_inputs, weight.shape[1], *(part.layer.n_units for part in known), 1)
    step = max(1, _CHUNK_VALUES // widest)
    lower, upper = np.empty(bias.size), np.empty(bias.size)
    for start in range(0, bias.size, step):
        rows = slice(start, start + step)
        form = dense(weight[rows])
        upper[rows] = _largest(box, known, form, bias[rows])
        lower[rows] = -_largest(box, known, -form, -bias[rows])
    # rounding may put the two a hair across each other where a unit is constant
    return np.minimum(lower, upper), np.maximum(lower, upper)


@dataclass(frozen=True, slots=True, eq=False)
class _Relaxed:
    """A layer, the bounds of its values, and the lines they lie between."""

    layer: Layer
    lower: FloatArray  # of the values h
    upper: FloatArray
    slope_above: FloatArray
    offset_above: FloatArray
    slope_below: FloatArray

    @classmethod
    def of(cls, layer: Layer, lower: FloatArray, upper: FloatArray) -> "_Relaxed":
        passes = ~layer.rectified | (lower >= 0)
        unstable = layer.rectified & (lower < 0) & (upper > 0)
        above, offset = passes.astype(np.float64), np.zeros(lower.size)
        low, high = lower[unstable], upper[unstable]
        above[unstable] = high / (high - low)
        offset[unstable] = -above[unstable] * low
        below = passes.astype(np.float64)
        below[unstable] = high > -low
        values = np.maximum(lower, layer.floor), np.maximum(upper, layer.floor)
        return cls(layer, *values, above, offset, below)


def _largest(
    box: Box, known: Sequence[_Relaxed], form: FloatArray, constant: FloatArray
) -> FloatArray:
    """An upper bound of each row of ``form @ h + constant``: the least of those on the way."""
    best = np.full(constant.size, np.inf)
    for part in reversed(known):
        best = np.minimum(best, _over(form, constant, part.lower, part.upper))
        positive, negative = np.maximum(form, 0.0), np.minimum(form, 0.0)
        constant = constant + positive @ part.offset_above
        form = positive * part.slope_above + negative * part.slope_below
        constant = constant + form @ part.layer.bias
        form = np.asarray(form @ part.layer.weight)
    return np.asarray(np.minimum(best, _over(form, constant, box.lower, box.upper)))


def _over(
    form: FloatArray, constant: FloatArray, lower: FloatArray, upper: FloatArray
) -> FloatArray:
    """The largest value of each row over a box of the values it takes."""
    found = np.maximum(form, 0.0) @ upper + np.minimum(form, 0.0) @ lower + constant
    return np.asarray(found, dtype=np.float64)
