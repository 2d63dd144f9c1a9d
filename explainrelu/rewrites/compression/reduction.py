"""Taking units out of a chain of layers without changing the function on a domain.

Legend: a layer ``z = W h + b`` feeds the next one, ``V h' + c``. A unit that is zero all over the
domain goes with its column of ``V``. Of the linear units (stably active or carried) with rows
``W_D = K W_B``, those of ``D`` go:

    V_B += V_D K,    c += V_D (b_D - K b_B),

whatever the biases. Where only linear units are left the layer is folded: ``V W``, ``V b + c``.
Where none is left the scores are constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lstsq, qr

from explainrelu.arrays import BoolArray, FloatArray, IntArray, Matrix, applied, dense
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["Kept", "Reason", "Reduced", "SettledLayer", "reduced"]


class Reason:
    """Why a unit is no longer there."""

    INACTIVE = "stably inactive"
    DEPENDENT = "linearly dependent"
    FOLDED = "layer folded"
    CONSTANT = "constant network"


@dataclass(frozen=True, slots=True, eq=False)
class SettledLayer:
    """What is proven of a layer's units over the domain.

    Attributes
    ----------
    inactive, linear : (n_units,) bool
        Units that are zero throughout, and units that pass ``z`` on throughout.
    sizes : (n_in,)
        The largest absolute values that the layer takes in, for what counts as zero.
    """

    inactive: BoolArray
    linear: BoolArray
    sizes: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A layer of the result: which layer of the source, and which of its units."""

    layer: int
    units: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A smaller chain.

    Attributes
    ----------
    layers, output
        The chain.
    kept
        For each of its layers where the units come from.
    removed
        ``(layer, unit, reason)`` of every unit that is gone, counted from 0.
    """

    layers: tuple[Layer, ...]
    output: AffineMap
    kept: tuple[Kept, ...]
    removed: tuple[tuple[int, int, str], ...]


def reduced(
    network: ReluNetwork, settled: Sequence[SettledLayer], tolerances: Tolerances
) -> Reduced:
    """The chain without the units that the domain does not need, front to back.

    Notes
    -----
    Units that are not settled stay. Cost: one pivoted QR decomposition a layer.
    """
    dead = [i for i, part in enumerate(settled) if part.inactive.all()]
    if dead:
        return _constant(network, dead[-1])
    layers: list[Layer] = []
    kept: list[Kept] = []
    removed: list[tuple[int, int, str]] = []
    weight: Matrix = network.layers[0].weight if network.layers else network.output.weight
    bias = network.layers[0].bias if network.layers else network.output.bias
    for i, layer in enumerate(network.layers):
        following = network.layers[i + 1] if i + 1 < len(settled) else network.output
        next_weight, next_bias = following.weight, following.bias
        known = settled[i]
        removed += [(i, int(j), Reason.INACTIVE) for j in np.flatnonzero(known.inactive)]
        if (known.linear | known.inactive).all():
            units = np.flatnonzero(known.linear)
            removed += [(i, int(j), Reason.FOLDED) for j in units]
            columns = next_weight[:, units]
            weight = columns @ weight[units]  # type: ignore[assignment]  # scipy's stubs are wide
            bias = applied(columns, bias[units]) + next_bias
            continue
        sizes = settled[0].sizes
        if kept:  # the layers between are folded: the values taken in are those of the last kept
            sizes = settled[kept[-1].layer + 1].sizes[kept[-1].units]
        merged = _dependent(weight, np.flatnonzero(known.linear), sizes, tolerances)
        removed += [(i, int(j), Reason.DEPENDENT) for j in merged.dropped]
        if merged.dropped.size:
            columns = dense(next_weight[:, merged.dropped])
            changed = dense(next_weight).copy()
            changed[:, merged.basis] += columns @ merged.factors
            next_bias = next_bias + columns @ (
                bias[merged.dropped] - merged.factors @ bias[merged.basis]
            )
            next_weight = changed
        gone = known.inactive.copy()
        gone[merged.dropped] = True
        units = np.flatnonzero(~gone).astype(np.int64)
        layers.append(Layer(weight[units], bias[units], layer.rectified[units]))
        kept.append(Kept(i, units))
        weight, bias = next_weight[:, units], next_bias
    return Reduced(tuple(layers), AffineMap(dense(weight), bias), tuple(kept), tuple(removed))


def _constant(network: ReluNetwork, dead: int) -> Reduced:
    """Nothing passes a layer that is zero throughout: the scores are those behind zeros."""
    hidden = np.zeros((1, network.layers[dead].n_units))
    for layer in network.layers[dead + 1 :]:
        hidden = layer.activate(layer.preactivation(hidden))
    scores = network.output(hidden)[0]
    removed = [
        (i, j, Reason.INACTIVE if i == dead else Reason.CONSTANT)
        for i, layer in enumerate(network.layers)
        for j in range(layer.n_units)
    ]
    output = AffineMap(np.zeros((network.n_outputs, network.n_inputs)), scores)
    return Reduced((), output, (), tuple(removed))


@dataclass(frozen=True, slots=True, eq=False)
class _Merged:
    """``W[dropped] = factors @ W[basis]``."""

    basis: IntArray
    dropped: IntArray
    factors: FloatArray


def _dependent(
    weight: Matrix, linear: IntArray, sizes: FloatArray, tolerances: Tolerances
) -> _Merged:
    """The linear units whose rows are combinations of other linear units' rows.

    A row counts as a combination where what is left of it changes ``z`` by at most ``boundary``
    times the size of its terms, anywhere in the domain.
    """
    rows = dense(weight[linear]) * sizes  # in the measure of what the layer takes in
    lengths = np.linalg.norm(rows, axis=1)
    scaled = rows / np.where(lengths > 0, lengths, 1.0)[:, None]
    empty = np.zeros(0, dtype=np.int64)
    if linear.size == 0:
        return _Merged(empty, empty, np.zeros((0, 0)))
    # pivoting takes the row farthest from the span of those before: a well-conditioned basis
    diagonal, order = _pivots(scaled)
    rank = int((diagonal > tolerances.boundary).sum())
    basis, rest = order[:rank], order[rank:]
    factors = np.zeros((rest.size, rank))
    if rank and rest.size:
        factors = lstsq(scaled[basis].T, scaled[rest].T)[0].T
    left = np.abs(scaled[rest] - factors @ scaled[basis]).sum(axis=1)
    fits = left <= tolerances.boundary
    factors = factors[fits] * lengths[rest[fits]][:, None]
    factors /= np.where(lengths[basis] > 0, lengths[basis], 1.0)
    return _Merged(linear[basis], linear[rest[fits]], factors)


def _pivots(rows: FloatArray) -> tuple[FloatArray, IntArray]:
    """How far each row, in the order of pivoting, lies from the span of those before it."""
    triangle, order = qr(rows.T, mode="r", pivoting=True)
    found = np.zeros(rows.shape[0])
    diagonal = np.abs(np.diagonal(triangle))
    found[: diagonal.size] = diagonal
    return found, order.astype(np.int64)
