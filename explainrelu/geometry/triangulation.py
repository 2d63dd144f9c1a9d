"""The volume of a polytope from its vertices and what is tight there, compiled.

A face is the union of the pyramids from its first vertex, its apex, over its own facets that do not
hold it; these are pulled apart in the same way, down to polygons. All terms are positive, so that
nothing cancels.

References
----------
J. Cohen, T. Hickey, "Two algorithms for determining volumes of convex polyhedra", J. ACM 26, 1979.
"""

import numpy as np
from numba import njit

from explainrelu.geometry.bits import has_bit, n_tight, ones, set_bit

__all__ = ["pulled_volume"]

COMPILED_WITH = "9f324ea22e938d11"  # make format renews it


@njit(cache=True, error_model="numpy")
def pulled_volume(V, tight, n_rows):
    """Sum of the pyramids of a pulling triangulation down to polygons, without recursion.

    On level ``l`` stands a face of dimension ``d - l``: its vertices as bits, the half-space that
    is tried next for a facet of it, and where its vertices lie once the directions to the apexes
    above it are dropped. ``|det|`` of a simplex is the product of what is dropped, and of twice the
    area of a triangle in the plane that is left.

    Parameters
    ----------
    V : (n_vertices, d)
    tight : (n_vertices, n_words) uint64
        Which half-spaces are tight at each vertex, as bits.
    n_rows
        How many half-spaces there are.
    """
    n, d = V.shape
    if d == 1:
        return V[:, 0].max() - V[:, 0].min()
    simple, lying = _is_simple(tight, n, d), _vertices_on(tight, n, n_rows)
    faces, row = np.zeros((d, lying.shape[1]), np.uint64), np.zeros(d, np.int64)
    at, size, axis = np.empty((d, n, d)), np.ones(d), np.empty(d)
    corners, polygon = np.empty(n, np.int64), np.empty((n, 2))
    for v in range(n):
        set_bit(faces, 0, v)
        for k in range(d):
            at[0, v, k] = V[v, k] - V[0, k]
    level, total = 0, 0.0
    if d == 2:
        return 0.5 * _twice_the_area(at[0], np.arange(n), n, polygon)
    while level >= 0:
        if row[level] == lying.shape[0]:
            level -= 1
            continue
        r = row[level]
        row[level] += 1
        if not _is_pyramid(lying, faces[level], r, simple, d - level, faces[level + 1]):
            continue
        n_sub = _listed(faces[level + 1], corners)
        length = _dropped(at[level], corners, n_sub, d - level, axis, at[level + 1])
        if level + 1 == d - 2:
            total += size[level] * length * _twice_the_area(at[d - 2], corners, n_sub, polygon)
        elif length > 0.0:
            level += 1
            row[level], size[level] = 0, size[level - 1] * length
    for k in range(2, d + 1):
        total /= k
    return total


@njit(cache=True, error_model="numpy")
def _vertices_on(tight, n, n_rows):
    """For each half-space that holds a vertex its vertices, as bits."""
    found, n_found = np.zeros((n_rows, (n + 63) >> 6), np.uint64), 0
    for row in range(n_rows):
        some = False
        for v in range(n):
            if has_bit(tight, v, row):
                set_bit(found, n_found, v)
                some = True
        n_found += some
    return found[:n_found]


@njit(cache=True, error_model="numpy")
def _is_pyramid(lying, face, row, simple, least, sub):
    """Whether a half-space cuts a facet out of a face, one without its first vertex; ``sub``.

    Where two half-spaces cut out the same facet, the first one counts. Of a simple polytope there
    are no such two, and whatever is cut out is a facet.
    """
    n_words, n_sub, first = face.size, 0, True
    for w in range(n_words):
        sub[w] = face[w] & lying[row, w]
        n_sub += ones(sub[w])
        if first and face[w]:
            first = False
            if sub[w] & face[w] & (~face[w] + np.uint64(1)):
                return False
    if n_sub < least:  # the simplices of a face need one vertex more than its dimension
        return False
    if simple:
        return True
    n_face = 0
    for w in range(n_words):
        n_face += ones(face[w])
    for other in range(lying.shape[0]):
        n_other, n_both = 0, 0
        for w in range(n_words):
            n_other += ones(face[w] & lying[other, w])
            n_both += ones(sub[w] & lying[other, w])
        holds_it = other != row and n_both == n_sub and n_other < n_face
        if holds_it and (n_other > n_sub or other < row):
            return False
    return True


@njit(cache=True, error_model="numpy")
def _listed(bits, found):
    """The places of the bits that are set, in order; how many."""
    n_found = 0
    for w in range(bits.size):
        left = bits[w]
        while left:
            found[n_found] = 64 * w + ones((left & (~left + np.uint64(1))) - np.uint64(1))
            left &= left - np.uint64(1)
            n_found += 1
    return n_found


@njit(cache=True, error_model="numpy")
def _dropped(at, corners, n, d, axis, left):
    """Write to ``left`` the corners without their part along the first; how long that one is.

    A reflection takes the first corner to an axis, which is left out: ``d`` coordinates become
    ``d - 1``.
    """
    length = 0.0
    for k in range(d):
        axis[k] = at[corners[0], k]
        length += axis[k] * axis[k]
    length = np.sqrt(length)
    axis[0] += length if axis[0] >= 0.0 else -length
    factor = 1.0 / (length * abs(axis[0])) if length > 0.0 else 0.0  # 2 / |axis|^2
    for e in range(n):
        share, v = 0.0, corners[e]
        for k in range(d):
            share += axis[k] * at[v, k]
        share *= factor
        for k in range(1, d):
            left[v, k - 1] = at[v, k] - share * axis[k]
    return length


@njit(cache=True, error_model="numpy")
def _twice_the_area(at, corners, n, polygon):
    """Twice the area of a convex polygon whose first corner lies at 0.

    Seen from there the others lie within half a turn, so that they can be put in order.
    """
    for e in range(1, n):
        x, y, place = at[corners[e], 0], at[corners[e], 1], e
        while place > 1 and polygon[place - 1, 0] * y - polygon[place - 1, 1] * x < 0.0:
            polygon[place, 0], polygon[place, 1] = polygon[place - 1, 0], polygon[place - 1, 1]
            place -= 1
        polygon[place, 0], polygon[place, 1] = x, y
    total = 0.0
    for e in range(1, n - 1):
        total += abs(polygon[e, 0] * polygon[e + 1, 1] - polygon[e, 1] * polygon[e + 1, 0])
    return total


@njit(cache=True, error_model="numpy")
def _is_simple(tight, n, d):
    """Whether exactly ``d`` half-spaces are tight at every vertex."""
    n_simple = 0
    for v in range(n):
        n_simple += n_tight(tight, v) == d
    return n_simple == n
