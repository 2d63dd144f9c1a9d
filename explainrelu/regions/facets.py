"""The facets of linear regions, and the regions behind them.

A facet of a region lies on a wall of the domain or on the border of a unit. Across it the units of
the first layer that are zero on that border change their bits; those of later layers that are zero
there are active where they grow; no other one changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import BoolArray, ByteArray, FloatArray, IntArray, frozen
from explainrelu.geometry.box import Box
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.patterns import forms_of_many, unpack
from explainrelu.regions.region import LinearRegion
from explainrelu.tolerances import Tolerances

__all__ = ["Facets", "find_facets"]

_CHUNK_VALUES = 1 << 20  # numbers in the forms of a chunk of regions: 8 MB


@dataclass(frozen=True, slots=True, eq=False)
class Facets:
    """The facets of many regions, region after region.

    Attributes
    ----------
    region : (n_facets,)
        Position of the region that a facet belongs to.
    unit : (n_facets,)
        The rectified unit on whose border it lies, -1 for a wall of the domain. Where several
        units share the border, the first of them.
    wall : (n_facets,)
        The input that a wall bounds, -1 for a unit.
    upper : (n_facets,) bool
        Whether a wall is the upper one of its input.
    across : (n_facets, n_bytes) uint8
        The packed pattern behind the facet; that of the region itself behind a wall.
    """

    region: IntArray
    unit: IntArray
    wall: IntArray
    upper: BoolArray
    across: ByteArray

    def __post_init__(self) -> None:
        for name in self.__slots__:
            frozen(getattr(self, name))

    def __len__(self) -> int:
        return int(self.region.size)


def find_facets(
    network: ReluNetwork,
    patterns: ByteArray,
    witnesses: FloatArray,
    domain: Box,
    tolerances: Tolerances,
) -> Facets:
    """The facets of full-dimensional regions.

    Parameters
    ----------
    patterns : (n_regions, n_bytes)
        Packed patterns.
    witnesses : (n_regions, n_inputs)
        A point inside each region.

    Notes
    -----
    A border is a facet where the other ones leave more room than ``tolerances.redundancy`` beyond
    it, in the domain scaled to ``[-1, 1]``. Fixed inputs have no walls. Cost: one or two walks of
    a warm simplex a unit and region.
    """
    if domain.fixed.all() or not len(patterns):
        nothing = np.zeros(0, dtype=np.int64)
        across = np.zeros((0, patterns.shape[1]), np.uint8)
        return Facets(nothing, nothing, nothing, nothing.astype(np.bool_), across)
    parts = [
        _facets(network, patterns[rows], witnesses[rows], domain, tolerances, rows.start)
        for rows in _chunks(network, len(patterns), domain)
    ]
    return Facets(*(np.concatenate([getattr(p, name) for p in parts]) for name in Facets.__slots__))


def _chunks(network: ReluNetwork, n_regions: int, domain: Box) -> Iterator[slice]:
    d = int((~domain.fixed).sum())
    widest = max((layer.n_units for layer in network.layers), default=1)
    step = max(1, _CHUNK_VALUES // ((network.n_neurons + widest + 2 * d) * (d + 1)))
    for start in range(0, n_regions, step):
        yield slice(start, min(start + step, n_regions))


def _facets(
    network: ReluNetwork,
    patterns: ByteArray,
    witnesses: FloatArray,
    domain: Box,
    tolerances: Tolerances,
    first: int,
) -> Facets:
    from explainrelu.geometry.facets import FACET, UNSETTLED, facets_of_many

    free = np.flatnonzero(~domain.fixed)
    d, n_regions, n_neurons = free.size, len(patterns), network.n_neurons
    forms = forms_of_many(network, patterns, _from_the_cube(domain))
    rows, bound, zero = _half_spaces(forms, unpack(network, patterns))
    inside = (witnesses[:, free] - domain.centre[free]) / domain.half_width[free]
    kinds = np.empty((n_regions, 2 * d + n_neurons), dtype=np.int16)
    facets_of_many(rows, bound, np.ascontiguousarray(inside), tolerances.redundancy, kinds)
    for i in np.flatnonzero((kinds == UNSETTLED).any(axis=1)):
        _settle(kinds[i], LinearRegion(network, patterns[i], domain), free, tolerances)
    region, row = np.nonzero(kinds == FACET)
    shared = _sharing(kinds, region, row, 2 * d)
    layer = _layers_of_units(network)
    first_layer = np.where(shared, layer, layer.max(initial=0) + 1).min(axis=1, initial=len(layer))
    at_once = shared & (layer == first_layer[:, None])
    across: ByteArray = patterns[region] ^ np.packbits(at_once, axis=1)
    later = (shared & ~at_once) | (zero[region] & (row >= 2 * d)[:, None])
    for k in np.flatnonzero(later.any(axis=1)):
        normal = rows[region[k], :, row[k]]
        across[k] = _continued(network, across[k], later[k], normal, domain)
    is_wall = row < 2 * d
    return Facets(
        region=region + first,
        unit=np.where(is_wall, -1, row - 2 * d),
        wall=np.where(is_wall, free[row % d], -1),
        upper=row < d,
        across=across,
    )


def _from_the_cube(domain: Box) -> AffineMap:
    """The inputs as a map of the free ones scaled to ``[-1, 1]``."""
    free = np.flatnonzero(~domain.fixed)
    weight = np.zeros((domain.n_inputs, free.size))
    weight[free, np.arange(free.size)] = domain.half_width[free]
    return AffineMap(weight, domain.centre)


def _half_spaces(forms: FloatArray, bits: BoolArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Rows ``(n_regions, d, 2 d + n_neurons)`` of length 1, bounds, and which forms are zero."""
    n_regions, n_neurons, d = forms.shape[0], forms.shape[1], forms.shape[2] - 1
    length = np.linalg.norm(forms[:, :, :-1], axis=2)
    size = np.abs(forms).max(axis=2, initial=0.0)
    nothing = length <= 1e-13 * np.maximum(size, size.max(axis=1, keepdims=True, initial=0.0))
    sign = np.where(bits, -1.0, 1.0) / np.where(nothing, 1.0, length)
    rows = np.zeros((n_regions, d, 2 * d + n_neurons))
    rows[:, :, :d], rows[:, :, d : 2 * d] = np.eye(d), -np.eye(d)
    rows[:, :, 2 * d :] = np.where(nothing, 0.0, sign)[:, None] * forms[:, :, :-1].swapaxes(1, 2)
    bound = np.ones((n_regions, 2 * d + n_neurons))
    bound[:, 2 * d :] = np.where(nothing, 1.0, -sign * forms[:, :, -1])
    zero = nothing & (np.abs(forms[:, :, -1]) <= 1e-13 * size.max(axis=1, keepdims=True, initial=0))
    return rows, bound, zero


def _settle(
    kinds: "np.ndarray[tuple[int], np.dtype[np.int16]]",
    region: LinearRegion,
    free: IntArray,
    tolerances: Tolerances,
) -> None:
    """What walking did not decide, by linear programs."""
    from explainrelu.geometry.facets import FACET, REDUNDANT

    d, polytope = free.size, region.polytope()
    ranges = polytope.ranges(tolerances=tolerances)
    walls = np.column_stack([region.domain.lower, region.domain.upper])
    slack = tolerances.redundancy * region.domain.half_width[:, None]
    met = np.abs(ranges - walls) <= slack
    kinds[:] = np.where(kinds >= 0, kinds, REDUNDANT)
    kinds[2 * d + polytope.irredundant(tolerances=tolerances)] = FACET
    kinds[:d], kinds[d : 2 * d] = (np.where(met[free, side], FACET, REDUNDANT) for side in (1, 0))


def _sharing(
    kinds: "np.ndarray[tuple[int, int], np.dtype[np.int16]]",
    region: IntArray,
    row: IntArray,
    n_walls: int,
) -> BoolArray:
    """The units whose border each facet lies on: ``(n_facets, n_neurons)``; none for a wall."""
    units = np.arange(n_walls, kinds.shape[1])
    shared = (kinds[region][:, n_walls:] == row[:, None]) | (units == row[:, None])
    return np.asarray(shared & (row >= n_walls)[:, None], dtype=np.bool_)


def _layers_of_units(network: ReluNetwork) -> IntArray:
    """The layer of each rectified unit."""
    counts = [layer.n_rectified for layer in network.layers]
    return np.repeat(np.arange(len(counts)), counts)


def _continued(
    network: ReluNetwork, packed: ByteArray, open_: BoolArray, normal: FloatArray, domain: Box
) -> ByteArray:
    """The pattern across, where units of later layers are zero on the border too.

    What their form is across depends on the bits of the layers before. It is zero on the border,
    so a multiple of the border's form: the unit is active where it grows along ``normal``.
    """
    bits, start = unpack(network, packed[None])[0].copy(), 0
    for layer in network.layers:
        stop = start + layer.n_rectified
        units = start + np.flatnonzero(open_[start:stop])
        if units.size:
            forms = forms_of_many(network, np.packbits(bits)[None], _from_the_cube(domain))[0]
            growth = forms[units, :-1] @ normal
            bits[units] = growth > 1e-13 * np.abs(forms).max(initial=0.0)
        start = stop
    return np.packbits(bits)
