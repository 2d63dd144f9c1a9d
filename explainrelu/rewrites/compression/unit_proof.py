"""A bound of the difference between a network and its compression, unit by unit.

Legend: ``f`` is the source, ``g`` the source with its settled units made exactly zero or linear,
``r`` the result. From ``f`` to ``g`` the difference ``e`` of a layer's values is at most
``|W| e`` of the layer before plus what a settled unit oversteps zero by. From ``g`` to ``r`` a unit
of ``r`` and its unit of ``g`` differ, ``max(z, 0)`` being 1-Lipschitz, by at most ``|V| d`` of the
layer before plus the largest of the form ``(V - A) h + (c - a)`` over the domain, with ``V, c``
the row in ``r`` and ``A, a`` that of ``g``, both read over the values ``h`` of ``g``. The form is
bounded by back-substitution through the settled units, where it cancels.
"""

from collections.abc import Sequence

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, Matrix, applied, dense, magnitudes
from explainrelu.geometry.box import Box
from explainrelu.network.back_substitution import form_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.rewrites.compression.reduction import Kept, SettledLayer

__all__ = ["difference_bounds"]


def difference_bounds(
    source: ReluNetwork,
    result: ReluNetwork,
    kept: Sequence[Kept],
    settled: Sequence[SettledLayer],
    bounds: Bounds,
    box: Box,
) -> FloatArray:
    """How far each score of the result can be from the source's over the box: (n_outputs,).

    Parameters
    ----------
    kept, settled
        What the compression kept and took for settled.
    bounds
        Sound bounds of the source's preactivations.

    Notes
    -----
    A bound whatever the result is, also of one that is wrong: then it is large. In real
    arithmetic, up to the rounding of the bound itself. Cost: that of back-substitution.
    """
    lows, highs = _clamped(source, settled, bounds)
    distance = np.zeros(source.n_inputs)  # of the result's units to theirs in g
    units, before = np.arange(source.n_inputs), -1
    for layer, place in zip(result.layers, kept, strict=True):
        own = source.layers[place.layer]
        target = own.weight[place.units], own.bias[place.units]
        distance = _step(
            source, settled, lows, highs, box, layer, target, units, (before, place.layer), distance
        )
        units, before = place.units, place.layer
    output = source.output.weight, source.output.bias
    ends = (before, len(source.layers))
    return _overstepping(source, settled, bounds) + _step(
        source, settled, lows, highs, box, result.output, output, units, ends, distance
    )


def _step(
    source: ReluNetwork,
    settled: Sequence[SettledLayer],
    lows: Sequence[FloatArray],
    highs: Sequence[FloatArray],
    box: Box,
    row: Layer | AffineMap,
    target: tuple[Matrix, FloatArray],
    units: IntArray,
    ends: tuple[int, int],
    distance: FloatArray,
) -> FloatArray:
    """The distance of one layer's units from that of the layer before it."""
    before, here = ends
    form, constant = dense(target[0]), target[1]
    for k in range(here - 1, before, -1):  # through the layers that are gone: linear in g
        form = form * settled[k].linear
        constant = constant + form @ source.layers[k].bias
        form = np.asarray(form @ source.layers[k].weight)
    spread = np.zeros_like(form)
    spread[:, units] = dense(row.weight)
    low, high = form_bounds(
        source, box, lows[: before + 1], highs[: before + 1], spread - form, row.bias - constant
    )
    return np.maximum(np.abs(low), np.abs(high)) + applied(magnitudes(row.weight), distance)


def _clamped(
    source: ReluNetwork, settled: Sequence[SettledLayer], bounds: Bounds
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Bounds in which settled units do not overstep zero, so that they relax to nothing."""
    lows, highs = [], []
    for layer, part, low, high in zip(
        source.layers, settled, bounds.lower, bounds.upper, strict=True
    ):
        low = np.where(part.linear & layer.rectified, np.maximum(low, 0.0), low)
        # any lower bound below zero says the same of a unit that is zero
        lows.append(np.where(part.inactive, np.minimum(low, -1.0), low))
        highs.append(np.where(part.inactive, np.minimum(high, 0.0), high))
    return lows, highs


def _overstepping(
    source: ReluNetwork, settled: Sequence[SettledLayer], bounds: Bounds
) -> FloatArray:
    """The difference that settled units make by overstepping zero within tolerance."""
    error = np.zeros(source.n_inputs)
    known = zip(source.layers, settled, bounds.lower, bounds.upper, strict=True)
    for layer, part, low, high in known:
        error = applied(magnitudes(layer.weight), error)
        passed = part.linear & layer.rectified
        error = error + np.where(passed, np.maximum(-low, 0.0), 0.0)
        error = error + np.where(part.inactive, np.maximum(high, 0.0), 0.0)
    return applied(magnitudes(source.output.weight), error)
