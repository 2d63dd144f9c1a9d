"""The compiled walk over all hybrids of a row with background rows.

The hybrids of one pair are walked in blocks of 32: the first five players make the *lanes* of a
block, a vector of hybrids that the processor computes side by side, and the others are switched
from block to block. Of the first layer a block needs one number a unit, since what the lanes add
to a preactivation is the same in every block.

Before a block is computed, each unit's preactivation is enclosed in ``middle ± radius`` over the
lanes. A unit that stays at or below zero takes no part. A unit of the last layer that stays at or
above zero is linear, and all of these are folded into one row of weights; so only units that
bend inside the block are computed lane by lane. Players that move the first layer least come
first, which makes the enclosures narrow.

Letters: ``i`` players, ``j`` units of the layer before, ``m`` units, ``o`` scores, ``k`` lanes,
``a`` the units of the layer before that take part.
"""

import numpy as np
from numba import njit

from explainrelu.explanations.coalitions.lanes import (
    LANE_PLAYERS,
    LANES,
    rectified_shift,
    rectified_sums,
)
from explainrelu.geometry.borrowed import borrowed

__all__ = ["add_scores"]

COMPILED_WITH = "b9e54561f4733576"  # make format renews it

_FAST = {"reassoc", "contract", "nsz"}  # infinity is a value here: the floor of a carried unit


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def add_scores(start, moves, weight, bias, floor, width, out_weight, out_bias, sums):
    """Add the scores of all hybrids of every pair to ``sums``.

    Parameters
    ----------
    start : (n_pairs, n_units)
        Preactivations of the first layer at the background row.
    moves : (n_pairs, n_players, n_units)
        What each player adds to them when it changes to the row's own value.
    weight : (n_layers - 1, n_units, n_units)
        Of the layers behind the first; ``weight[l, m, j]`` leads from ``j`` to ``m``. Padded to
        the largest width, as what follows.
    bias, floor : (n_layers, n_units)
        0 the floor of a rectified unit, minus infinity that of a carried one.
    width : (n_layers,)
    out_weight : (n_scores, n_units)
    out_bias : (n_scores,)
    sums : (n_scores, 2**n_players)
        Bit ``i`` of the second index says whether player ``i`` is in the coalition.
    """
    n_players, n_first = moves.shape[1:]
    n_scores, n_units = out_weight.shape
    n_switched = n_players - min(n_players, LANE_PLAYERS)
    room = 2 * n_units + 4
    network = (weight, *_by_lanes(weight, bias), bias, floor, width, out_weight, out_bias)
    own = (
        _rows(n_first).reshape(n_first, LANES),
        np.empty((2, n_first)),
        np.empty((n_switched + 1, n_first)),
        _rows(2 * (room + 1)).reshape(2, room + 1, LANES),
        np.zeros((2, room), np.int64),
        np.zeros((2, room)),
        _rows(2 * network[1].shape[1]).reshape(2, network[1].shape[1] * LANES),
        np.zeros((n_scores, 2 * n_units)),
        np.empty(n_scores),
    )
    _walk(start, moves, network, own, sums)


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _walk(start, moves, network, own, sums):
    """See :func:`add_scores`, which holds the arrays that are borrowed here."""
    start, moves, sums = borrowed(start), borrowed(moves), borrowed(sums)
    weight, forward, reach, bias, floor, width, out_weight, out_bias = borrowed(network)
    offset, spread, bases, hidden, taking, ranges, enclosed, folded, constant = borrowed(own)
    n_pairs, n_players, n_first = moves.shape
    n_scores, n_units = out_weight.shape
    n_layers, room = width.shape[0], taking.shape[1]
    n_lane_players = min(n_players, LANE_PLAYERS)
    n_switched = n_players - n_lane_players
    for p in range(n_pairs):
        _offsets(moves, p, n_lane_players, offset, spread)
        for s in range(n_switched + 1):
            for j in range(n_first):
                bases[s, j] = start[p, j]
        for block in range(1 << n_switched):
            if block:
                _switch(bases, moves, p, n_lane_players, block)
            now = 0
            n = _first_layer(bases, offset, spread, floor, hidden, taking, ranges)
            for layer in range(1, n_layers):
                _enclose(forward, reach, layer, taking, ranges, now, n, enclosed)
                if layer < n_layers - 1:
                    n = _middle_layer(
                        weight, bias, floor, layer, width, hidden, taking, ranges, now, n, enclosed
                    )
                    now = 1 - now
            for o in range(n_scores):
                constant[o] = out_bias[o]
            if n_layers == 1:
                for o in range(n_scores):
                    for j in range(n_units):
                        folded[o, j] = out_weight[o, j]
            else:
                n = _last_layer(
                    weight, bias, floor, width, out_weight,
                    hidden, taking, now, n, enclosed, folded, constant,
                )  # fmt: skip
            first, rows = block << n_lane_players, now * hidden.shape[1]
            for o in range(n_scores):
                rectified_sums(
                    hidden, (rows + n,), hidden, rows, None, folded, (o * folded.shape[1],),
                    taking, now * room, n, (constant[o],), (-np.inf,),
                )  # fmt: skip
                for k in range(1 << n_lane_players):
                    sums[o, first + k] += hidden[now, n, k]


@njit(cache=True, error_model="numpy", nogil=True)
def _rows(n_rows):
    """Rows of 32 zeros, none of which lies across more cache lines than it has to."""
    n_values = n_rows * LANES
    values = np.zeros(n_values + 8)
    first = (-values.ctypes.data // 8) % 8
    return values[first : first + n_values]


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _by_lanes(weight, bias):
    """Weights, and their absolute values, with 32 units of the layer side by side.

    ``[l, q, j, k]`` leads from unit ``j`` to unit ``32 q + k`` of layer ``l + 1``; the last ``j``
    is the bias.
    """
    n_layers, n_units, _ = weight.shape
    n_parts = (n_units + LANES - 1) // LANES
    shape = (n_layers, n_parts, n_units + 1, LANES)
    n_rows = n_layers * n_parts * (n_units + 1)
    forward, reach = _rows(n_rows).reshape(shape), _rows(n_rows).reshape(shape)
    for layer in range(n_layers):
        for m in range(n_units):
            q, k = m // LANES, m % LANES
            for j in range(n_units):
                forward[layer, q, j, k] = weight[layer, m, j]
                reach[layer, q, j, k] = abs(weight[layer, m, j])
            forward[layer, q, n_units, k] = bias[layer + 1, m]
    return forward, reach


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _offsets(moves, p, n_lane_players, offset, spread):
    """What each lane adds to the first layer, and its enclosure."""
    for j in range(offset.shape[0]):
        low, high = 0.0, 0.0
        for i in range(n_lane_players):
            step = moves[p, i, j]
            for k in range(1 << i):
                offset[j, (1 << i) + k] = offset[j, k] + step
            low += min(step, 0.0)
            high += max(step, 0.0)
        spread[0, j], spread[1, j] = low, high


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _switch(bases, moves, p, n_lane_players, block):
    """The first layer of the next block.

    ``bases[s]`` counts the switched players ``s, s + 1, ...`` only: each block is a sum of at
    most ``n_players`` moves, and rounding does not grow along the walk.
    """
    s = 0
    while not (block >> s) & 1:
        s += 1
    for j in range(bases.shape[1]):
        value = bases[s + 1, j] + moves[p, n_lane_players + s, j]
        for below in range(s + 1):
            bases[below, j] = value


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _first_layer(bases, offset, spread, floor, hidden, taking, ranges):
    """The units of the first layer that take part, in every lane; how many they are."""
    n = 0
    for j in range(offset.shape[0]):
        f = floor[0, j]
        low, high = max(bases[0, j] + spread[0, j], f), bases[0, j] + spread[1, j]
        ranges[0, n], ranges[1, n] = 0.5 * (high + low), 0.5 * (high - low)
        taking[0, n] = j
        n += high > f  # no branch: the processor could not guess it
    for a in range(n):
        j = taking[0, a]
        rectified_shift(offset, j, bases[0, j], floor[0, j], hidden, a)
    return n


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _enclose(forward, reach, layer, taking, ranges, now, n, enclosed):
    """Middle and radius of the layer's preactivations over the lanes."""
    n_parts, n_rows, room = forward.shape[1], forward.shape[2], taking.shape[1]
    taking[now, n], ranges[0, n] = n_rows - 1, 1.0
    for q in range(n_parts):
        first = ((layer - 1) * n_parts + q) * n_rows
        rectified_sums(
            enclosed, (q,), forward, first, taking, ranges, (0,), None, now * room, n + 1,
            (0.0,), (-np.inf,),
        )  # fmt: skip
        rectified_sums(
            enclosed, (n_parts + q,), reach, first, taking, ranges, (room,), None, now * room, n,
            (0.0,), (-np.inf,),
        )  # fmt: skip


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _middle_layer(weight, bias, floor, layer, width, hidden, taking, ranges, now, n, enclosed):
    """The units of a layer that take part, in every lane; how many they are."""
    count, other = 0, 1 - now
    for m in range(width[layer]):
        f = floor[layer, m]
        low, high = max(enclosed[0, m] - enclosed[1, m], f), enclosed[0, m] + enclosed[1, m]
        ranges[0, count], ranges[1, count] = 0.5 * (high + low), 0.5 * (high - low)
        taking[other, count] = m
        count += high > f
    _sums(weight, bias, floor, layer, hidden, taking, now, n, count, other * hidden.shape[1])
    return count


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _last_layer(
    weight, bias, floor, width, out_weight, hidden, taking, now, n, enclosed, folded, constant
):
    """Add the units that bend as further rows; fold those that do not into rows of weights."""
    layer, n_scores, n_units, other = width.shape[0] - 1, *out_weight.shape, 1 - now
    for o in range(n_scores):
        for j in range(n_units):
            folded[o, j] = 0.0
    count, straight = 0, taking.shape[1]
    for m in range(width[layer]):
        f, low = floor[layer, m], enclosed[0, m] - enclosed[1, m]
        high = enclosed[0, m] + enclosed[1, m]
        bends = (low < f) & (high > f)
        # units that bend stand from the front on, those that are linear from the back
        taking[other, count] = m
        count += bends
        taking[other, straight - 1] = m
        straight -= (high > f) & (not bends)
    for k in range(straight, taking.shape[1]):
        m = taking[other, k]
        for o in range(n_scores):
            c = out_weight[o, m]
            constant[o] += c * bias[layer, m]
            for j in range(n_units):
                folded[o, j] += c * weight[layer - 1, m, j]
    _sums(weight, bias, floor, layer, hidden, taking, now, n, count, now * hidden.shape[1] + n)
    for k in range(count):
        taking[now, n + k] = n_units + k
        for o in range(n_scores):
            folded[o, n_units + k] = out_weight[o, taking[other, k]]
    return n + count


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _sums(weight, bias, floor, layer, hidden, taking, now, n, count, target):
    """The first ``count`` units of ``taking[1 - now]`` in every lane, from row ``target`` on."""
    n_units, room, other = weight.shape[1], taking.shape[1], 1 - now
    rows, before = now * hidden.shape[1], (layer - 1) * n_units
    for q in range(0, count - 1, 2):
        u, v = taking[other, q], taking[other, q + 1]
        rectified_sums(
            hidden, (target + q, target + q + 1), hidden, rows, None,
            weight, ((before + u) * n_units, (before + v) * n_units), taking, now * room, n,
            (bias[layer, u], bias[layer, v]), (floor[layer, u], floor[layer, v]),
        )  # fmt: skip
    if count & 1:
        u = taking[other, count - 1]
        rectified_sums(
            hidden, (target + count - 1,), hidden, rows, None,
            weight, ((before + u) * n_units,), taking, now * room, n,
            (bias[layer, u],), (floor[layer, u],),
        )  # fmt: skip
