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

Letters: ``i`` players, ``j`` units of the layer before, ``m`` units, ``o`` scores, ``l`` lanes,
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
    start, moves, weight, bias = borrowed(start), borrowed(moves), borrowed(weight), borrowed(bias)
    floor, width, sums = borrowed(floor), borrowed(width), borrowed(sums)
    out_weight, out_bias = borrowed(out_weight), borrowed(out_bias)
    n_pairs, n_players, n_first = moves.shape
    n_scores, n_units = out_weight.shape
    n_layers = width.shape[0]
    n_lane_players = min(n_players, LANE_PLAYERS)
    n_switched = n_players - n_lane_players
    room = n_first + 2 * n_units + n_scores + 6
    forward, reach = _transposed(weight)
    own = (
        np.zeros((n_first, LANES)),
        np.empty((2, n_first)),
        np.empty((n_switched + 1, n_first)),
        np.zeros((2, room, LANES)),
        np.zeros((2, room), np.int64),
        np.zeros((2, room)),
        np.empty((2, max(n_first, n_units))),
        np.zeros((n_scores + 1, room)),
        np.empty(n_scores + 1),
    )
    offset, spread, bases, hidden, taking, ranges, enclosed, folded, constant = borrowed(own)
    forward, reach = borrowed(forward), borrowed(reach)
    everyone = borrowed(np.arange(room))
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
                _enclose(forward, reach, bias, layer, taking, ranges, now, n, width[layer], enclosed)
                if layer < n_layers - 1:
                    n = _middle_layer(
                        weight, bias, floor, layer, width, hidden, taking, ranges, now, n, enclosed
                    )
                    now = 1 - now
            for o in range(n_scores):
                constant[o] = out_bias[o]
            if n_layers == 1:
                for o in range(n_scores):
                    for a in range(n):
                        folded[o, a] = out_weight[o, taking[now, a]]
            else:
                n = _last_layer(
                    weight, bias, floor, width, out_weight,
                    hidden, taking, now, n, enclosed, folded, constant,
                )
            first = block << n_lane_players
            for o in range(0, n_scores, 2):
                # scores are sums without a floor, two at once; of an odd number one is not read
                rectified_sums(
                    hidden, now * room, folded, (o * room, (o + 1) * room), everyone, 0, n,
                    (constant[o], constant[o + 1]), (-np.inf, -np.inf),
                    (now * room + n, now * room + n + 1),
                )
                for q in range(min(2, n_scores - o)):
                    for l in range(1 << n_lane_players):
                        sums[o + q, first + l] += hidden[now, n + q, l]


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _transposed(weight):
    """``forward[l, j, m]`` and its absolute value, for sums over ``j`` side by side in ``m``."""
    forward, reach = np.empty(weight.shape), np.empty(weight.shape)
    for l in range(weight.shape[0]):
        for m in range(weight.shape[1]):
            for j in range(weight.shape[2]):
                forward[l, j, m] = weight[l, m, j]
                reach[l, j, m] = abs(weight[l, m, j])
    return forward, reach


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _offsets(moves, p, n_lane_players, offset, spread):
    """What each lane adds to the first layer, and its enclosure."""
    for j in range(offset.shape[0]):
        low, high = 0.0, 0.0
        for i in range(n_lane_players):
            step = moves[p, i, j]
            for l in range(1 << i):
                offset[j, (1 << i) + l] = offset[j, l] + step
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
        base, f = bases[0, j], floor[0, j]
        low, high = base + spread[0, j], base + spread[1, j]
        if high <= 0.0 and f == 0.0:
            continue
        low = max(low, f)
        ranges[0, n], ranges[1, n] = 0.5 * (high + low), 0.5 * (high - low)
        taking[0, n] = j
        rectified_shift(offset, j, base, f, hidden, n)
        n += 1
    return n


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _enclose(forward, reach, bias, layer, taking, ranges, now, n, n_units, enclosed):
    """Middle and radius of the layer's preactivations over the lanes."""
    for a in range(n, n + (-n & 3)):
        taking[now, a], ranges[0, a], ranges[1, a] = 0, 0.0, 0.0
    for m in range(n_units):
        enclosed[0, m] = bias[layer, m]
        enclosed[1, m] = 0.0
    below = layer - 1
    for a in range(0, n, 4):
        j0, j1 = taking[now, a], taking[now, a + 1]
        j2, j3 = taking[now, a + 2], taking[now, a + 3]
        c0, c1, c2, c3 = ranges[0, a], ranges[0, a + 1], ranges[0, a + 2], ranges[0, a + 3]
        r0, r1, r2, r3 = ranges[1, a], ranges[1, a + 1], ranges[1, a + 2], ranges[1, a + 3]
        for m in range(n_units):
            enclosed[0, m] += (
                forward[below, j0, m] * c0
                + forward[below, j1, m] * c1
                + forward[below, j2, m] * c2
                + forward[below, j3, m] * c3
            )
        for m in range(n_units):
            enclosed[1, m] += (
                reach[below, j0, m] * r0
                + reach[below, j1, m] * r1
                + reach[below, j2, m] * r2
                + reach[below, j3, m] * r3
            )


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _middle_layer(weight, bias, floor, layer, width, hidden, taking, ranges, now, n, enclosed):
    """The units of a layer that take part, in every lane; how many they are."""
    count, other = 0, 1 - now
    for m in range(width[layer]):
        low, high = enclosed[0, m] - enclosed[1, m], enclosed[0, m] + enclosed[1, m]
        f = floor[layer, m]
        if high <= 0.0 and f == 0.0:
            continue
        low = max(low, f)
        ranges[0, count], ranges[1, count] = 0.5 * (high + low), 0.5 * (high - low)
        taking[other, count] = m
        count += 1
    room = hidden.shape[1]
    _sums(weight, bias, floor, layer, hidden, taking, now, n, other, count, other * room)
    return count


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _sums(weight, bias, floor, layer, hidden, taking, now, n, other, count, target):
    """The units ``taking[other, :count]`` in every lane, from row ``target`` on."""
    n_units, room = weight.shape[1], hidden.shape[1]
    if count & 1:
        taking[other, count] = taking[other, count - 1]
    for q in range(0, count, 2):
        u, v = taking[other, q], taking[other, q + 1]
        rows = (layer - 1) * n_units
        rectified_sums(
            hidden, now * room, weight, ((rows + u) * n_units, (rows + v) * n_units),
            taking, now * room, n, (bias[layer, u], bias[layer, v]),
            (floor[layer, u], floor[layer, v]), (target + q, target + q + 1),
        )


@njit(cache=True, error_model="numpy", fastmath=_FAST, nogil=True)
def _last_layer(
    weight, bias, floor, width, out_weight, hidden, taking, now, n, enclosed, folded, constant
):
    """Add the units that bend as further rows; fold those that do not into rows of weights."""
    layer, n_scores, other = width.shape[0] - 1, out_weight.shape[0], 1 - now
    for o in range(n_scores):
        for a in range(n):
            folded[o, a] = 0.0
    count = 0
    for m in range(width[layer]):
        rectified = floor[layer, m] == 0.0
        if rectified and enclosed[0, m] + enclosed[1, m] <= 0.0:
            continue
        if not rectified or enclosed[0, m] - enclosed[1, m] >= 0.0:
            for o in range(n_scores):
                c = out_weight[o, m]
                constant[o] += c * bias[layer, m]
                for a in range(n):
                    folded[o, a] += c * weight[layer - 1, m, taking[now, a]]
            continue
        taking[other, count] = m
        for o in range(n_scores):
            folded[o, n + count] = out_weight[o, m]
        count += 1
    room = hidden.shape[1]
    _sums(weight, bias, floor, layer, hidden, taking, now, n, other, count, now * room + n)
    return n + count
