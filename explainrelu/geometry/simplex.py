"""The primal simplex on plain arrays, compiled: walks along the edges of a polytope, kept warm.

Legend: ``P = {x : A x <= b}`` in ``d`` dimensions with ``m`` rows of length 1, the first ``2 d`` of
them the walls ``x_k <= b_k`` and ``-x_k <= b_(d + k)``. ``rows[:, i]`` is row ``i`` of ``A``. A
vertex ``v`` is held with its slacks ``s = b - A v``, its *basis* (``d`` rows that are tight at it
and make it) and ``T``, where ``T[k]`` is column ``k`` of the inverse of the basis' matrix: along
``-T[k]`` row ``basis[k]`` is left and the others stay tight.

One step costs O(m d + d^2). Arrays are changed in place and only the first ``m`` places of any of
them are used, so that a caller may add rows without copying.
"""

import numpy as np
from numba import njit

__all__ = ["find_edge", "refactored", "replace_row", "slacks", "take_edge", "vertex_from"]

_FAST = {"contract", "nsz", "arcp", "reassoc", "nnan"}
_FAR = 1e300  # farther than any row of a bounded polytope
_GAIN = 1e-11  # least fall of the cost along an edge of a basis, whose rows have length 1
_BLOCK = 1e-11  # least approach to a row along an edge, relative to the edge
_TIE = 1e-13  # rows reached within this of each other: the steepest one is taken
_OUTSIDE = 1e-12  # how far rounding may put a vertex beyond a row
_SINGULAR = 1e-12  # smallest pivot of a basis


@njit(cache=True, error_model="numpy", fastmath=_FAST, inline="always")
def find_edge(rows, s, m, d, basis, T, cost, direction, rate, reach, bland):
    """The edge along which ``cost @ x`` falls fastest, and the row that ends it.

    ``direction``, ``rate = A direction`` and ``reach`` are written. With ``bland`` the first edge
    that falls and the first row that blocks are taken instead, which cannot cycle.

    Returns
    -------
    leaving, entering, length
        Place in the basis of the row that is left, the row that is reached, and how far it is
        along ``direction``; ``leaving`` is -1 where no edge falls: the vertex is a minimum.
    """
    D = np.uint64(d)
    leaving, most, lowest = -1, 0.0, m
    for k in range(d):
        gain, size = 0.0, 0.0
        for i in range(D):
            gain += cost[i] * T[k, i]
            size += T[k, i] * T[k, i]
        if bland:
            if gain > _GAIN and basis[k] < lowest:
                lowest, leaving = basis[k], k
        elif gain > _GAIN:
            steep = gain * gain / size
            if steep > most:
                most, leaving = steep, k
    if leaving < 0:
        return -1, -1, 0.0
    left, size = np.uint64(leaving), 0.0
    for i in range(D):
        r = -T[left, i]
        direction[i] = r
        rate[i] = r
        rate[D + i] = -r
        size = max(size, abs(r))
    first, last = np.uint64(2 * d), np.uint64(m)  # unsigned: no wrapping, so it vectorises
    r = direction[0]
    for i in range(first, last):
        rate[i] = rows[0, i] * r
    for j in range(np.uint64(1), D):
        r = direction[j]
        for i in range(first, last):
            rate[i] += rows[j, i] * r
    least, length = _BLOCK * size, _FAR
    for i in range(last):  # without branches, so that it vectorises
        r = rate[i]
        reach[i] = s[i] / r if r > least else _FAR
    for i in range(last):
        length = min(length, reach[i])
    entering, steepest = -1, 0.0
    for i in range(m):
        if reach[i] <= length + _TIE and rate[i] > steepest:
            entering, steepest = i, rate[i]
            if bland:
                break
    return leaving, entering, max(length, 0.0)


@njit(cache=True, error_model="numpy", fastmath=_FAST, inline="always")
def take_edge(rows, s, m, d, v, basis, T, direction, rate, leaving, entering, length):
    """Move to the vertex at the end of an edge that :func:`find_edge` found."""
    for i in range(np.uint64(d)):
        v[i] += length * direction[i]
    for i in range(np.uint64(m)):
        s[i] = max(s[i] - length * rate[i], 0.0)
    s[entering] = 0.0
    replace_row(rows, entering, d, T, leaving)
    basis[leaving] = entering


@njit(cache=True, error_model="numpy", fastmath=_FAST, inline="always")
def replace_row(rows, row, d, T, leaving):
    """``T`` for the basis with the row at place ``leaving`` replaced by another one."""
    D, left, r = np.uint64(d), np.uint64(leaving), np.uint64(row)
    pivot = 0.0
    for i in range(D):
        pivot += rows[i, r] * T[left, i]
    pivot = 1.0 / pivot
    for i in range(D):
        T[left, i] *= pivot
    for k in range(D):
        if k != left:
            alpha = 0.0
            for i in range(D):
                alpha += rows[i, r] * T[k, i]
            if alpha != 0.0:
                for i in range(D):
                    T[k, i] -= alpha * T[left, i]


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def slacks(rows, bound, m, d, x, s):
    """``s = b - A x``, and the least of them."""
    least, last = np.inf, np.uint64(m)
    for i in range(last):
        s[i] = bound[i]
    for k in range(np.uint64(d)):
        r = x[k]
        for i in range(last):
            s[i] -= rows[k, i] * r
    for i in range(last):
        least = min(least, s[i])
    return least


@njit(cache=True, error_model="numpy")
def refactored(rows, bound, s, m, d, v, basis, T, work):
    """``T``, the vertex and its slacks anew from the basis, without the rounding of many steps.

    Gauss-Jordan with row pivoting, O(d^3); ``work`` is (d, 2 d). Returns False where the basis is
    singular, or so nearly so that the vertex comes to lie outside.
    """
    for i in range(d):
        for k in range(d):
            work[i, k] = rows[k, basis[i]]
            work[i, d + k] = 1.0 if i == k else 0.0
    for c in range(d):
        best = c
        for i in range(c + 1, d):
            if abs(work[i, c]) > abs(work[best, c]):
                best = i
        if abs(work[best, c]) < _SINGULAR:
            return False
        if best != c:
            for k in range(2 * d):
                work[c, k], work[best, k] = work[best, k], work[c, k]
        pivot = 1.0 / work[c, c]
        for k in range(c, 2 * d):
            work[c, k] *= pivot
        for i in range(d):
            factor = work[i, c]
            if i != c and factor != 0.0:
                for k in range(c, 2 * d):
                    work[i, k] -= factor * work[c, k]
    for i in range(d):
        v[i] = 0.0
        for k in range(d):
            T[k, i] = work[i, d + k]
            v[i] += work[i, d + k] * bound[basis[k]]
    sound = slacks(rows, bound, m, d, v, s) > -_OUTSIDE
    for i in range(m):
        s[i] = max(s[i], 0.0)
    for k in range(d):
        s[basis[k]] = 0.0
    return sound


@njit(cache=True, error_model="numpy")
def vertex_from(rows, bound, s, m, d, inside, v, basis, T, work, direction):
    """A vertex of a bounded polytope from a point inside it, with slacks, basis and ``T``.

    From the point along a direction until a row is met, then along the part of a direction that
    all rows met so far allow, and so on: ``d`` rows, O(m d^2 + d^3). Returns False where rounding
    leaves no direction.
    """
    for k in range(d):
        v[k] = inside[k]
    for found in range(d):
        # of the unit vectors the one that keeps most when the rows met so far are projected out;
        # work[:found] holds those rows, made orthogonal
        longest = 0.0
        for axis in range(d):
            for k in range(d):
                work[found, d + k] = 1.0 if k == axis else 0.0
            for e in range(found):
                along = work[e, axis]
                for k in range(d):
                    work[found, d + k] -= along * work[e, k]
            length = 0.0
            for k in range(d):
                length += work[found, d + k] * work[found, d + k]
            if length > longest:
                longest = length
                for k in range(d):
                    direction[k] = work[found, d + k]
        if longest < _SINGULAR:
            return False
        slacks(rows, bound, m, d, v, s)
        entering, reach = -1, np.inf
        for i in range(m):
            r = 0.0
            for k in range(d):
                r += rows[k, i] * direction[k]
            if r > 1e-9 and max(s[i], 0.0) / r < reach:
                entering, reach = i, max(s[i], 0.0) / r
        if entering < 0:
            return False
        basis[found] = entering
        size = 0.0
        for k in range(d):
            v[k] += reach * direction[k]
            work[found, k] = rows[k, entering]
        for e in range(found):
            along = 0.0
            for k in range(d):
                along += work[e, k] * work[found, k]
            for k in range(d):
                work[found, k] -= along * work[e, k]
        for k in range(d):
            size += work[found, k] * work[found, k]
        if size < _SINGULAR:
            return False
        size = 1.0 / np.sqrt(size)
        for k in range(d):
            work[found, k] *= size
    return refactored(rows, bound, s, m, d, v, basis, T, work)
