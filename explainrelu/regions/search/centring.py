"""Keeping the point and the vertex of a node sound on a long way down, compiled."""

import numpy as np
from numba import njit

from explainrelu.geometry.simplex import refactored, slacks, vertex_from
from explainrelu.regions.search.state import AGE, FAST, N_RECENTRED, N_ROWS

__all__ = ["steady"]

COMPILED_WITH = "20227f894853b58f"  # make format renews it

_AGE = 100  # pivots after which a vertex is computed anew
_NEAR = 1e-6  # a point closer than this to a face is moved
_FLAT = 1e-12  # a row along which an axis moves less than this does not end its chord


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def steady(node, d):
    """Move a point that is near a face; compute an old vertex anew."""
    numbers, m = node.numbers, node.numbers[N_ROWS]
    rows, bound, p, direction = node.rows, node.bound, node.p, node.direction
    if node.radius[0] < _NEAR:
        node.radius[0] = _recentred(rows, bound, node.rate, p, node.cost, m, d)
        numbers[N_RECENTRED] += 1
    if numbers[AGE] > _AGE:
        v, basis, T, work = node.v, node.basis, node.T, node.work
        if not refactored(rows, bound, node.s, m, d, v, basis, T, work):
            vertex_from(rows, bound, node.s, m, d, p, v, basis, T, work, direction)
        numbers[AGE] = 0


@njit(cache=True, error_model="numpy")
def _recentred(rows, bound, room, p, old, m, d):
    """Move the point to where it has more room; the radius of the largest ball around it.

    It goes to the middle of its chord along each axis, where that gives it more room.
    """
    before = slacks(rows, bound, m, d, p, room)
    for k in range(d):
        old[k] = p[k]
        up, down = np.inf, np.inf
        for i in range(m):
            a = rows[k, i]
            if a > _FLAT:
                up = min(up, room[i] / a)
            elif a < -_FLAT:
                down = min(down, -room[i] / a)
        step = 0.5 * (up - down)
        p[k] += step
        for i in range(m):
            room[i] -= step * rows[k, i]
    after = slacks(rows, bound, m, d, p, room)
    if after >= before:
        return after
    for k in range(d):
        p[k] = old[k]
    return before
