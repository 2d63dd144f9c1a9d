"""The borders of regions, and which region lies across each, found without the search.

Legend: on the cube ``u`` in ``[-1, 1]^d`` of the free inputs, under a pattern, the preactivation
of rectified unit ``j`` is ``z_j(u) = F_j u + h_j``; an active unit asks ``z_j >= 0``, an inactive
one ``z_j <= 0``.

Across a border lies exactly one region: preactivations are continuous, so that a unit which is not
zero on the border keeps its side. One that is zero there, because it makes the border or because
it is fed by units that do, follows the sign of its slope on the way out. The slope is taken
through the layers with the bits that hold on the other side; flipping all units that are zero on
the border would be wrong: of ``max(x, 0)`` and ``max(x, 0) + max(-x, 0)`` only the first changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import (
    BoolArray,
    ByteArray,
    FloatArray,
    IntArray,
    applied,
    applied_to_rows,
    magnitudes,
)
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.geometry.polytope import Polytope
from explainrelu.geometry.vertices import cut_cubes
from explainrelu.geometry.volumes import EXACT_INPUTS
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.tolerances import Tolerances

__all__ = [
    "RegionShapes",
    "halfspaces_on_the_cube",
    "largest_ball",
    "patterns_across",
    "region_shapes",
]

_ROUNDING = 1e-14  # relative to the size of the terms that made a form
_LEVEL = 1e-13  # a slope below this share of its terms is none
_CHUNK_VALUES = 1 << 21  # 16 MB of forms at a time


@dataclass(frozen=True, slots=True, eq=False)
class RegionShapes:
    """The geometry of some regions of a set.

    Attributes
    ----------
    positions : (n_regions,)
        Which regions of the set.
    centre : (n_regions, n_free)
        A point of each on the cube.
    room : (n_regions,)
        Radius of a ball around it inside the region; not above 0 where no inner point was found.
    volume : (n_regions,)
        On the cube; NaN above six free inputs.
    reach : (n_regions, n_free)
        Steps along each axis that stay in the region, nine tenths of the longer way out.
    border_of : (n_borders,)
        For each border inside the box the region, as a position in these arrays.
    border_unit : (n_borders,)
        A rectified unit that makes it.
    border_point, border_normal : (n_borders, n_free)
        A point in its relative interior and the way out of the region, of length 1.
    border_slack : (n_borders, n_neurons)
        How far the point is from where each unit is zero; 0 for one that is zero throughout.
    n_thin
        Borders left out because no point could be told from their rims.
    """

    positions: IntArray
    centre: FloatArray
    room: FloatArray
    volume: FloatArray
    reach: FloatArray
    border_of: IntArray
    border_unit: IntArray
    border_point: FloatArray
    border_normal: FloatArray
    border_slack: FloatArray
    n_thin: int


def region_shapes(
    network: ReluNetwork,
    patterns: ByteArray,
    near: FloatArray,
    box: Box,
    positions: IntArray,
    tolerances: Tolerances,
) -> Iterator[RegionShapes]:
    """The shapes of the regions at some positions, in chunks of bounded memory.

    Parameters
    ----------
    patterns : (n_regions, n_bytes)
    near : (n_regions, n_inputs)
        A point of each region.

    Notes
    -----
    Up to six free inputs by double description, above by linear programs, one a border and more.
    """
    free = ~box.fixed
    step = max(1, _CHUNK_VALUES // max(1, network.n_neurons * max(1, int(free.sum()))))
    for start in range(0, positions.size, step):
        part = positions[start : start + step]
        rows, ends, nought = halfspaces_on_the_cube(network, unpack(network, patterns[part]), box)
        points = (near[part] - box.centre)[:, free] / np.where(free, box.half_width, 1.0)[free]
        if not free.any():
            yield _of_a_point(part, ends)
        elif free.sum() <= EXACT_INPUTS:
            yield _by_vertices(part, rows, ends, nought, points, tolerances)
        else:
            yield _by_programs(part, rows, ends, nought, tolerances)


def halfspaces_on_the_cube(
    network: ReluNetwork, bits: BoolArray, box: Box
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """What each rectified unit asks of a point on the cube, for many patterns.

    Parameters
    ----------
    bits : (n_patterns, n_neurons)

    Returns
    -------
    weight : (n_patterns, n_neurons, n_free)
        Rows of length 1, or of zeros where the preactivation is constant.
    bound : (n_patterns, n_neurons)
        ``weight @ u <= bound``; of a constant one 1 where it has the side of its bit, else -1.
    nought : (n_patterns, n_neurons) bool
        Which preactivations are zero throughout.

    Notes
    -----
    Beside each form goes the size of the terms that made it: what is left of terms that cancel is
    rounding, not a border.
    """
    n, free = bits.shape[0], ~box.fixed
    d = int(free.sum())
    shape = (network.n_inputs, n)
    F = np.zeros((*shape, d))
    F[free] = np.diag(box.half_width[free])[:, None, :]
    h = np.tile(box.centre[:, None], n)
    size_F = np.tile(np.where(free, box.half_width, 0.0)[:, None], n)
    size_h = np.abs(h)
    rows, ends, start = [np.zeros((0, n, d))], [np.zeros((0, n))], 0
    noughts = [np.zeros((0, n), dtype=np.bool_)]
    for layer in network.layers:
        large = magnitudes(layer.weight)
        F = applied(layer.weight, F.reshape(F.shape[0], -1)).reshape(layer.n_units, n, d)
        h = applied(layer.weight, h) + layer.bias[:, None]
        size_F = applied(large, size_F)
        size_h = applied(large, size_h) + np.abs(layer.bias)[:, None]
        stop = start + layer.n_rectified
        active = bits[:, start:stop].T
        own = layer.rectified
        weight, bound, nought = _asked(F[own], h[own], size_F[own], size_h[own], active)
        rows.append(weight)
        ends.append(bound)
        noughts.append(nought)
        kept = np.ones((layer.n_units, n))
        kept[layer.rectified] = active
        F, h, size_F, size_h = F * kept[:, :, None], h * kept, size_F * kept, size_h * kept
        start = stop
    weight = np.ascontiguousarray(np.concatenate(rows).transpose(1, 0, 2))
    return weight, np.ascontiguousarray(np.concatenate(ends).T), np.concatenate(noughts).T


def _asked(
    F: FloatArray, h: FloatArray, size_F: FloatArray, size_h: FloatArray, active: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Half-spaces of one layer: ``-F u <= h`` where active, ``F u <= -h`` where not."""
    length = np.linalg.norm(F, axis=2)
    constant = length <= _ROUNDING * size_F
    scale = np.where(constant, 1.0, length)
    sign = np.where(active, -1.0, 1.0)
    weight = np.where(constant[:, :, None], 0.0, F * (sign / scale)[:, :, None])
    bound, rounding = -sign * h / scale, _ROUNDING * (size_F + size_h)
    nought = constant & (np.abs(bound) <= rounding)
    return weight, np.where(constant, np.where(bound >= -rounding, 1.0, -1.0), bound), nought


def patterns_across(
    network: ReluNetwork, bits: BoolArray, zero: BoolArray, directions: FloatArray
) -> ByteArray:
    """The pattern a small step out of a region, through a point on its border.

    Parameters
    ----------
    bits : (n_points, n_neurons)
        The pattern of the region.
    zero : (n_points, n_neurons)
        Which units are zero at the point.
    directions : (n_points, n_inputs)
        The way out.

    Returns
    -------
    (n_points, n_bytes) uint8
    """
    across = np.zeros(bits.shape, dtype=np.bool_)
    for part in network.row_chunks(bits.shape[0]):
        slope, size, start = directions[part], np.abs(directions[part]), 0
        for layer in network.layers:
            slope = applied_to_rows(layer.weight, slope)
            size = applied_to_rows(magnitudes(layer.weight), size)
            stop = start + layer.n_rectified
            own = layer.rectified
            rises = slope[:, own] > _LEVEL * size[:, own]
            across[part, start:stop] = np.where(
                zero[part, start:stop], rises, bits[part, start:stop]
            )
            passed = np.ones(slope.shape, dtype=np.bool_)
            passed[:, own] = across[part, start:stop]
            slope, size = np.where(passed, slope, 0.0), np.where(passed, size, 0.0)
            start = stop
    return np.packbits(across, axis=1)


def _of_a_point(positions: IntArray, ends: FloatArray) -> RegionShapes:
    """No input is free: a region is the point, where every unit has the side of its bit."""
    n = positions.size
    fits = np.asarray((ends > 0).all(axis=1), dtype=np.float64)
    none, nowhere = np.zeros(0, dtype=np.int64), np.zeros((0, 0))
    return RegionShapes(
        positions,
        np.zeros((n, 0)),
        fits,
        fits,
        np.zeros((n, 0)),
        none,
        none,
        nowhere,
        nowhere,
        np.zeros((0, ends.shape[1])),
        0,
    )


def _by_vertices(
    positions: IntArray,
    rows: FloatArray,
    ends: FloatArray,
    nought: BoolArray,
    near: FloatArray,
    tolerances: Tolerances,
) -> RegionShapes:
    found = cut_cubes(rows, ends, near, tolerances.redundancy)
    centre = found.centre.copy()
    room = np.where(found.solid, _room(rows, ends, centre), -np.inf)
    for i in np.flatnonzero(room <= tolerances.inradius):  # thin, or nothing at all: HiGHS decides
        centre[i], room[i] = largest_ball(rows[i], ends[i], tolerances)
    inside = found.facet_row >= 0
    of, unit = found.facet_of[inside], found.facet_row[inside]
    points = found.facet_point[inside]
    return RegionShapes(
        positions, centre, room, found.volume, _reach(rows, ends, centre), of, unit,
        points, rows[of, unit], _slack(rows, ends, nought, of, points), 0,
    )  # fmt: skip


def _by_programs(
    positions: IntArray,
    rows: FloatArray,
    ends: FloatArray,
    nought: BoolArray,
    tolerances: Tolerances,
) -> RegionShapes:
    n, _, d = rows.shape
    centre, room, borders, n_thin = np.zeros((n, d)), np.full(n, -np.inf), [], 0
    cube = Box(-np.ones(d), np.ones(d))
    for i in range(n):
        centre[i], room[i] = largest_ball(rows[i], ends[i], tolerances)
        if room[i] <= tolerances.inradius:
            continue
        polytope = Polytope(rows[i], ends[i], cube)
        facets = polytope.irredundant(centre[i], by_programs=True, tolerances=tolerances)
        for unit in facets:
            point = _middle_of_border(rows[i], ends[i], int(unit), tolerances)
            if point is None:
                n_thin += 1
            else:
                borders.append((i, unit, point))
    of = np.array([border[0] for border in borders], dtype=np.int64)
    unit = np.array([border[1] for border in borders], dtype=np.int64)
    points = np.array([border[2] for border in borders]).reshape(-1, d)
    return RegionShapes(
        positions, centre, room, np.full(n, np.nan), _reach(rows, ends, centre), of, unit,
        points, rows[of, unit], _slack(rows, ends, nought, of, points), n_thin,
    )  # fmt: skip


def largest_ball(
    rows: FloatArray, ends: FloatArray, tolerances: Tolerances
) -> tuple[FloatArray, float]:
    """Centre and radius of the largest ball in ``rows @ u <= ends`` on the cube, by HiGHS.

    Parameters
    ----------
    rows : (n_halfspaces, n_free)
    ends : (n_halfspaces,)
    """
    if not rows.shape[1]:
        return np.zeros(0), 1.0 if (ends > 0).all() else -np.inf
    ones = np.ones(rows.shape[1])
    ball = Polytope(rows, ends, Box(-ones, ones)).inscribed_ball(tolerances=tolerances)
    return ball.centre, ball.radius


def _middle_of_border(
    rows: FloatArray, ends: FloatArray, unit: int, tolerances: Tolerances
) -> FloatArray | None:
    """The centre of the largest ball in a facet, taken within its hyperplane; None where thin."""
    d = rows.shape[1]
    walls = np.vstack([rows, np.eye(d), -np.eye(d)])
    normal = rows[unit]
    along = walls - np.outer(walls @ normal, normal)
    within = np.linalg.norm(along, axis=1)
    within[within <= tolerances.redundancy] = 0.0  # the same hyperplane again
    on = np.vstack([np.r_[normal, 0.0], np.r_[-normal, 0.0]])
    weight = np.vstack([np.column_stack([walls, within]), on])
    bound = np.r_[ends, np.ones(2 * d), ends[unit], -ends[unit]]
    program = LinearProgram(
        weight, bound, np.r_[-np.ones(d), 0.0], np.r_[np.ones(d), 1.0], tolerances
    )
    found = program.maximise(np.r_[np.zeros(d), 1.0])
    if found.status is not LinearStatus.OPTIMAL or found.value <= tolerances.inradius:
        return None
    return found.point[:-1]


def _slack(
    rows: FloatArray, ends: FloatArray, nought: BoolArray, of: IntArray, points: FloatArray
) -> FloatArray:
    """How far points on borders are from where each unit is zero: (n_borders, n_neurons)."""
    slack = np.empty((of.size, ends.shape[1]))
    first = np.searchsorted(of, np.arange(ends.shape[0] + 1))
    for i in range(ends.shape[0]):
        part = slice(first[i], first[i + 1])
        slack[part] = np.where(nought[i], 0.0, ends[i] - points[part] @ rows[i].T)
    return slack


def _room(rows: FloatArray, ends: FloatArray, centre: FloatArray) -> FloatArray:
    """How far each point is inside its half-spaces and the cube: (n_regions,)."""
    slack = (ends - np.einsum("ijk,ik->ij", rows, centre)).min(axis=1, initial=np.inf)
    room: FloatArray = np.minimum(slack, 1.0 - np.abs(centre).max(axis=1, initial=0.0))
    return room


def _reach(rows: FloatArray, ends: FloatArray, centre: FloatArray) -> FloatArray:
    slack = (ends - np.einsum("ijk,ik->ij", rows, centre))[:, :, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        time = slack / rows
    ahead = np.where(rows > 0, time, np.inf).min(axis=1, initial=np.inf)
    behind = np.where(rows < 0, time, -np.inf).max(axis=1, initial=-np.inf)
    ahead, behind = np.minimum(ahead, 1.0 - centre), np.maximum(behind, -1.0 - centre)
    longer = np.where(ahead >= -behind, np.maximum(ahead, 0.0), np.minimum(behind, 0.0))
    return np.asarray(0.9 * longer)
