"""Which candidates cut the polytope of a node, compiled: by its points first, then by walking.

A candidate *cuts* where a point of the polytope lies beyond its border, seen from ``p``. The ball
around ``p``, the vertex at hand and every vertex that is walked over may show that; a walk that
ends at a minimum on this side of the border shows the opposite.

What a walk found is checked, since rounding adds up on the way and a basis of rows that are nearly
parallel magnifies it. A minimum is believed by its multipliers alone: from ``cost = y A`` with
``y <= 0`` for the rows of the basis follows ``cost @ x >= y b`` everywhere in the polytope. That a
neuron cuts is believed when a point behind its border has room around it
(:mod:`explainrelu.regions.search.splitting`). Whatever is not believed is asked.
"""

import numpy as np
from numba import njit

from explainrelu.geometry.simplex import find_edge, replace_row, take_edge
from explainrelu.regions.search.state import (
    AGE,
    ASKED,
    CROSSED,
    CUT,
    FAST,
    KEPT,
    N_CANDIDATES,
    N_PIVOTS,
    N_ROWS,
    N_WALKS,
    UNKNOWN,
)

__all__ = ["cross_a_border", "decide", "survey"]

COMPILED_WITH = "20227f894853b58f"  # make format renews it

_ENOUGH = 100_000  # pivots within which a walk guarded against cycling must have ended
_ROUNDING = 1e-15  # of a sum of multipliers times bounds, relative to the multipliers
_LATE = 30  # pivots of one walk after which cycling is guarded against


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def survey(layers, node, layer, d, thresholds):
    """The form, the side and the state of each candidate as the point and the vertex show it."""
    p, v, C, offset, sign = node.p, node.v, node.C, node.offset, node.sign
    for c in range(node.numbers[N_CANDIDATES]):
        j = node.candidates[c]
        z = at_v = layers.h[layer, j]
        offset[c] = z
        for k in range(d):
            f = layers.F[layer, j, k]
            C[k, c] = f
            z += f * p[k]
            at_v += f * v[k]
        need = min(max(thresholds.splitting, layers.blur[layer, j]), thresholds.inradius)
        node.height[c], node.need[c] = z, need
        sign[c] = 1.0 if z > 0.0 else -1.0
        cuts = abs(z) < node.radius[0] - need or sign[c] * at_v < -need
        node.state[c] = CUT if cuts else UNKNOWN
    node.numbers[CROSSED] = -1


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def decide(node, d, budget):
    """Decide every candidate; False where one needs too many pivots, or its minimum is in doubt."""
    for c in range(node.numbers[N_CANDIDATES]):
        if node.state[c] == UNKNOWN and not _walk(node, c, d, budget):
            node.numbers[ASKED] = c + 1
            return False
    return True


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _walk(node, c, d, budget):
    """Walk from the vertex towards the other side of a candidate until it is decided."""
    rows, s, v, basis, T = node.rows, node.s, node.v, node.basis, node.T
    cost, direction, rate, numbers = node.cost, node.direction, node.rate, node.numbers
    m = numbers[N_ROWS]
    z = node.sign[c] * node.offset[c]
    for k in range(d):
        cost[k] = node.sign[c] * node.C[k, c]
        z += cost[k] * v[k]
    numbers[N_WALKS] += 1
    pivots = 0
    while node.state[c] == UNKNOWN and pivots < budget:
        leaving, entering, length = find_edge(
            rows, s, m, d, basis, T, cost, direction, rate, node.reach, pivots > _LATE
        )
        if leaving < 0:
            if _least(node, c, d) >= -node.need[c]:
                node.state[c] = KEPT
            break
        slope = 0.0
        for k in range(d):
            slope += cost[k] * direction[k]
        beyond = z + length * slope
        if beyond < -node.need[c]:
            node.state[c] = CUT
            if numbers[CROSSED] < 0:
                _mark_crossing(node, leaving, min(max(-z / slope, 0.0), length), -1.0, m, d)
                numbers[CROSSED] = c
                for k in range(d):
                    node.witness[k] = v[k] + length * direction[k]
        take_edge(rows, s, m, d, v, basis, T, direction, rate, leaving, entering, length)
        z = beyond
        pivots += 1
        _look_from_the_vertex(node, c, d)
    numbers[N_PIVOTS] += pivots
    numbers[AGE] += pivots
    return node.state[c] != UNKNOWN


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _least(node, c, d):
    """A lower bound of ``cost @ x + sign offset`` over the polytope, from the basis at hand.

    With ``y = cost T``, what ``y`` leaves of the cost counts at the walls of the cube, and so does
    a multiplier of the wrong sign; rounding counts by the size of the multipliers.
    """
    cost, basis, rest = node.cost, node.basis, node.direction
    least, size = node.sign[c] * node.offset[c], 1.0
    for i in range(d):
        rest[i] = cost[i]
    for k in range(d):
        y = 0.0
        for i in range(d):
            y += cost[i] * node.T[k, i]
        if y < 0.0:
            least += y * node.bound[basis[k]]
            size -= y
            for i in range(d):
                rest[i] -= y * node.rows[i, basis[k]]
    for i in range(d):
        least -= abs(rest[i])
    return least - _ROUNDING * size


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _look_from_the_vertex(node, first, d):
    """Mark the candidates from ``first`` on that the vertex shows to cut."""
    C, at_v, v, n = node.C, node.at_v, node.v, node.numbers[N_CANDIDATES]
    a, b = np.uint64(first), np.uint64(n)  # unsigned: no wrapping, so it vectorises
    for e in range(a, b):
        at_v[e] = node.offset[e]
    for k in range(np.uint64(d)):
        x = v[k]
        for e in range(a, b):
            at_v[e] += C[k, e] * x
    for e in range(first, n):
        if node.state[e] == UNKNOWN and node.sign[e] * at_v[e] < -node.need[e]:
            node.state[e] = CUT


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _mark_crossing(node, leaving, length, flip, m, d):
    """The vertex where an edge crosses the border; ``flip * cost`` is row ``m`` of its basis."""
    for i in range(m):
        node.crossing_s[i] = max(node.s[i] - length * node.rate[i], 0.0)
    for k in range(d):
        node.rows[k, m] = flip * node.cost[k]
        node.crossing_v[k] = node.v[k] + length * node.direction[k]
        node.crossing_basis[k] = node.basis[k]
        for i in range(d):
            node.crossing_T[k, i] = node.T[k, i]
    replace_row(node.rows, m, d, node.crossing_T, leaving)
    node.crossing_basis[leaving] = m


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def cross_a_border(node, d):
    """Cross the border of a candidate that is known to cut, whichever side the vertex is on.

    Returns the candidate, and whether its border was crossed.
    """
    rows, s, v, basis, T = node.rows, node.s, node.v, node.basis, node.T
    cost, direction, rate, numbers = node.cost, node.direction, node.rate, node.numbers
    m, c = numbers[N_ROWS], 0
    while node.state[c] != CUT:
        c += 1
    z = node.sign[c] * node.offset[c]
    for k in range(d):
        z += node.sign[c] * node.C[k, c] * v[k]
    down = 1.0 if z >= 0.0 else -1.0  # the walk goes to the side on which the vertex is not
    z *= down
    for k in range(d):
        cost[k] = down * node.sign[c] * node.C[k, c]
    numbers[N_WALKS] += 1
    for pivots in range(_ENOUGH):
        leaving, entering, length = find_edge(
            rows, s, m, d, basis, T, cost, direction, rate, node.reach, pivots > _LATE
        )
        if leaving < 0:
            return c, False
        slope = 0.0
        for k in range(d):
            slope += cost[k] * direction[k]
        beyond = z + length * slope
        if beyond < -node.need[c]:
            _mark_crossing(node, leaving, min(max(-z / slope, 0.0), length), -down, m, d)
            for k in range(d):
                node.witness[k] = v[k] + (length * direction[k] if down > 0.0 else 0.0)
            return c, True
        take_edge(rows, s, m, d, v, basis, T, direction, rate, leaving, entering, length)
        z = beyond
        numbers[N_PIVOTS] += 1
        numbers[AGE] += 1
    return c, False
