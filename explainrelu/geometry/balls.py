"""The largest balls in many polytopes at once: a primal simplex in one dimension more, compiled.

Legend: a polytope is ``{u : A u <= b}`` on the cube ``[-1, 1]^d``, rows of length 1, the faces of
the cube among them. A ball of radius ``r`` around ``u`` lies in it exactly where
``A u + r <= b``, so that the largest one is the highest point ``(u, r)`` of a polytope in ``d + 1``
dimensions. Every ``u`` gives a first point of that, ``r`` being its least slack, negative outside.

At the end the rows that hold the highest point have multipliers ``y``. For any ``y >= 0`` no point
of the lifted polytope is higher than ``b y + |e - A^T y|_1``, ``e`` being the way up, since there
no coordinate is larger than 1. This bound and the least slack at the centre enclose the radius
whatever the walk did: where they are apart, the walk has failed.
"""

import numpy as np
from numba import njit

from explainrelu.geometry.borrowed import borrowed
from explainrelu.geometry.simplex import find_edge, refactored, take_edge, vertex_from

__all__ = ["balls_of_many"]

COMPILED_WITH = "f5e49e060a401c7a"  # make format renews it

_BUDGET = 2000  # pivots of one walk
_LATE = 100  # pivots after which cycling is guarded against
_AGE = 60  # pivots after which a vertex is computed anew
_ROOT = np.sqrt(0.5)  # the length of a row becomes sqrt(2) by its new coordinate


@njit(cache=True, error_model="numpy")
def balls_of_many(rows, bound, start, centre, radius, excess):
    """The largest ball in each of many polytopes on the cube.

    Parameters
    ----------
    rows : (n_polytopes, n_halfspaces, d)
        Rows of length 1; a row of zeros says ``0 <= bound``. ``d`` is at least 1.
    bound : (n_polytopes, n_halfspaces)
    start : (n_polytopes, d)
        A point of the cube, the nearer to the centre the better.
    centre : (n_polytopes, d)
        Written: the centre of a largest ball; there may be several.
    radius : (n_polytopes,)
        Written: its distance to the nearest half-space or face of the cube, negative where that
        is beyond, and minus infinity where a row of zeros never holds.
    excess : (n_polytopes,)
        Written: how much larger a ball could be at most; infinite where a walk did not end.
    """
    n, m, d = rows.shape
    size, high = 4 * d + 2 + m, d + 1
    A, b, s = np.empty((high, size)), np.empty(size), np.empty(size)
    rate, reach = np.empty(size), np.empty(size)
    v, cost, direction = np.empty(high), np.zeros(high), np.empty(high)
    first, basis = np.empty(high), np.empty(high, np.int64)
    T, work = np.empty((high, high)), np.empty((high, 2 * high))
    cost[d] = -1.0
    lifted, ends = borrowed(A), borrowed(b)
    for i in range(n):
        radius[i], excess[i] = -np.inf, 0.0
        for k in range(d):
            centre[i, k] = start[i, k]
        if not _lifted(rows[i], bound[i], lifted, ends):
            continue
        least = _least_slack(rows[i], bound[i], start[i])
        for k in range(d):
            first[k] = start[i, k]
        first[d] = least
        ends[2 * d + 1] = 1.0 - min(least, 0.0)
        excess[i] = np.inf
        if vertex_from(lifted, ends, s, size, high, first, v, basis, T, work, direction):
            _climb(lifted, ends, s, size, high, v, basis, T, work, cost, direction, rate, reach)
            for k in range(d):
                centre[i, k] = min(max(v[k], -1.0), 1.0)
            excess[i] = _highest(lifted, ends, high, basis, T, max(1.0, -least))
        radius[i] = _least_slack(rows[i], bound[i], centre[i])
        excess[i] = max(excess[i] - radius[i], 0.0)


@njit(cache=True, error_model="numpy")
def _lifted(rows, bound, A, b):
    """Write the rows of the lifted polytope; False where a row of zeros never holds.

    First the walls of all ``d + 1`` coordinates, of which the cube keeps ``u`` within and ``r``
    below 1; ``r`` is kept above what the caller says. Then the faces of the cube and the
    half-spaces, each with its ``r``.
    """
    m, d = rows.shape
    high = d + 1
    A[:] = 0.0
    for k in range(high):
        A[k, k], A[k, high + k] = 1.0, -1.0
        b[k], b[high + k] = 1.0, 1.0
    for k in range(d):
        for side in range(2):
            i = 2 * high + side * d + k
            A[k, i], A[d, i], b[i] = _ROOT if side == 0 else -_ROOT, _ROOT, _ROOT
    for j in range(m):
        i, nothing = 4 * d + 2 + j, True
        for k in range(d):
            A[k, i] = _ROOT * rows[j, k]
            nothing = nothing and rows[j, k] == 0.0
        A[d, i], b[i] = 0.0 if nothing else _ROOT, _ROOT * bound[j]
        if nothing:
            if bound[j] < 0.0:
                return False
            b[i] = 1.0
    return True


@njit(cache=True, error_model="numpy")
def _least_slack(rows, bound, u):
    """How far a point is inside the half-spaces and the cube."""
    m, d = rows.shape
    least = np.inf
    for k in range(d):
        least = min(least, 1.0 - abs(u[k]))
    for j in range(m):
        slack, nothing = bound[j], True
        for k in range(d):
            slack -= rows[j, k] * u[k]
            nothing = nothing and rows[j, k] == 0.0
        if not nothing:
            least = min(least, slack)
    return least


@njit(cache=True, error_model="numpy")
def _climb(A, b, s, m, d, v, basis, T, work, cost, direction, rate, reach):
    """Walk to the vertex where the cost is least."""
    age = 0
    for pivots in range(_BUDGET):
        leaving, entering, length = find_edge(
            A, s, m, d, basis, T, cost, direction, rate, reach, pivots > _LATE
        )
        if leaving < 0 or entering < 0:
            break
        take_edge(A, s, m, d, v, basis, T, direction, rate, leaving, entering, length)
        age += 1
        if age > _AGE:
            refactored(A, b, s, m, d, v, basis, T, work)
            age = 0
    if age > 0:
        refactored(A, b, s, m, d, v, basis, T, work)


@njit(cache=True, error_model="numpy")
def _highest(A, b, d, basis, T, far):
    """An upper bound of the last coordinate, by the multipliers of the basis.

    No coordinate of the highest point is larger than ``far``.
    """
    bound, left = 0.0, 0.0
    for j in range(d):
        y = max(T[j, d - 1], 0.0)
        bound += y * b[basis[j]]
    for k in range(d):
        miss = 1.0 if k == d - 1 else 0.0
        for j in range(d):
            miss -= max(T[j, d - 1], 0.0) * A[k, basis[j]]
        left += abs(miss)
    return bound + left * far
