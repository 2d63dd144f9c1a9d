"""Vertices, facets and volume of many small polytopes at once: double description, compiled.

A polytope starts as the cube ``[-1, 1]^d`` with its ``2^d`` vertices and is cut by one half-space
after the other. Of each vertex it is known which half-spaces are tight there, as bits. A cut keeps
the vertices inside, and puts a new one on each edge that joins an inner to an outer vertex; two
vertices are joined by an edge where no third one has all the half-spaces that are tight at both.

The volume of each is then that of a triangulation (:mod:`explainrelu.geometry.triangulation`).

References
----------
T. Motzkin, H. Raiffa, G. Thompson, R. Thrall, "The double description method", 1953.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.geometry.bits import has_bit, n_tight, ones, set_bit
from explainrelu.geometry.triangulation import pulled_volume

__all__ = ["Shapes", "cut_cubes", "cut_vertices"]

COMPILED_WITH = "3914d00e5fe8c1e1"  # make format renews it


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """What is known of many polytopes in ``[-1, 1]^d``.

    Attributes
    ----------
    volume : (n_polytopes,)
        0 where ``solid`` is False; NaN where it was not asked for.
    centre : (n_polytopes, d)
        The mean of the vertices.
    solid
        Whether there are points farther than the tolerance inside every half-space.
    facet_of, facet_row : (n_facets,)
        For each facet its polytope and its half-space; ``-1 - k`` stands for the face
        ``u_k = 1`` of the cube and ``-1 - d - k`` for ``u_k = -1``.
    facet_point : (n_facets, d)
        The mean of the facet's vertices.
    """

    volume: FloatArray
    centre: FloatArray
    solid: BoolArray
    facet_of: IntArray
    facet_row: IntArray
    facet_point: FloatArray


def cut_cubes(
    weight: FloatArray,
    bound: FloatArray,
    near: FloatArray,
    tolerance: float,
    *,
    volumes: bool = True,
) -> Shapes:
    """The polytopes ``weight[i] @ u <= bound[i]`` in ``[-1, 1]^d``.

    Parameters
    ----------
    weight : (n_polytopes, n_halfspaces, d)
        Rows of length 1; a row of zeros says ``0 <= bound``.
    bound : (n_polytopes, n_halfspaces)
    near : (n_polytopes, d)
        A point in or near each polytope. Half-spaces near to it are cut first, which keeps the
        others cheap; the result does not depend on it.
    tolerance
        A vertex nearer than this to a hyperplane counts as lying on it.
    volumes
        Whether volumes are wanted too, which cost most of the time.

    Returns
    -------
    Shapes

    Notes
    -----
    Exact up to float64 rounding and the tolerance. Cost of a cut: O(V m + I O V) at most for
    ``V`` vertices of which ``I`` lie inside and ``O`` outside; made for ``d`` up to 8 or so.

    Examples
    --------
    >>> corner = np.full((1, 1, 2), -np.sqrt(0.5))
    >>> shapes = cut_cubes(corner, np.array([[-np.sqrt(0.5)]]), np.zeros((1, 2)), 1e-9)
    >>> shapes.volume, shapes.facet_row
    (array([0.5]), array([-1, -2,  0]))
    """
    return Shapes(*_cut_all(weight, bound, near, tolerance, volumes))


def cut_vertices(weight: FloatArray, bound: FloatArray, tolerance: float) -> FloatArray:
    """The vertices ``(n_vertices, d)`` of one polytope; none where it is not solid.

    The arguments are those of :func:`cut_cubes` for one polytope.

    Examples
    --------
    >>> cut_vertices(np.zeros((0, 1)), np.zeros(0), 1e-9)
    array([[-1.],
           [ 1.]])
    """
    found: FloatArray = _vertices_of(weight, bound, np.zeros(weight.shape[1]), tolerance)
    return found


_EMPTY, _FULL = -1, -2  # nothing is left; the arrays are too small


@njit(cache=True, error_model="numpy")
def _cut_all(weight, bound, near, tol, volumes):
    n, _, d = weight.shape
    size, n_words = 8 << d, 1
    V, tight, rows = (
        np.empty((size, d)),
        np.zeros((size, n_words), np.uint64),
        np.empty(64, np.int64),
    )
    volume, centre, solid = np.zeros(n), np.zeros((n, d)), np.zeros(n, np.bool_)
    room, n_facets = 64, 0
    facet_of, facet_row = np.empty(room, np.int64), np.empty(room, np.int64)
    facet_point = np.empty((room, d))
    for i in range(n):
        n_vertices, n_rows = _described(weight[i], bound[i], near[i], tol, V, tight, rows)
        while n_vertices == _FULL:
            size, n_words = 2 * size, 2 * n_words
            V, tight = np.empty((size, d)), np.zeros((size, n_words), np.uint64)
            rows = np.empty(64 * n_words, np.int64)
            n_vertices, n_rows = _described(weight[i], bound[i], near[i], tol, V, tight, rows)
        if n_vertices == _EMPTY:
            continue
        solid[i] = True
        for v in range(n_vertices):
            for k in range(d):
                centre[i, k] += V[v, k] / n_vertices
        while n_facets + n_rows > room:
            room *= 2
            facet_of, facet_row = _longer(facet_of), _longer(facet_row)
            longer = np.empty((room, d))
            longer[:n_facets] = facet_point[:n_facets]
            facet_point = longer
        for r in range(n_rows):
            if _is_facet(tight, n_vertices, n_rows, r):
                facet_of[n_facets], facet_row[n_facets] = i, rows[r]
                _mean(V, tight, n_vertices, r, facet_point[n_facets])
                n_facets += 1
        volume[i] = pulled_volume(V[:n_vertices], tight[:n_vertices], n_rows) if volumes else np.nan
    return (
        volume, centre, solid, facet_of[:n_facets].copy(), facet_row[:n_facets].copy(),
        facet_point[:n_facets].copy(),
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _vertices_of(weight, bound, near, tol):
    d = weight.shape[1]
    size, n_words = 8 << d, 1
    while True:
        V, tight = np.empty((size, d)), np.zeros((size, n_words), np.uint64)
        rows = np.empty(64 * n_words, np.int64)
        n_vertices, _ = _described(weight, bound, near, tol, V, tight, rows)
        if n_vertices != _FULL:
            return V[: max(n_vertices, 0)].copy()
        size, n_words = 2 * size, 2 * n_words


@njit(cache=True, error_model="numpy")
def _described(weight, bound, near, tol, V, tight, rows):
    """Vertices and what is tight there; how many, and how many half-spaces ever cut."""
    m, d = weight.shape
    n = _cube(V, tight, rows)
    n_rows = 2 * d
    slack, at = np.empty(m), np.empty(V.shape[0])
    for i in range(m):
        slack[i] = bound[i]
        for k in range(d):
            slack[i] -= weight[i, k] * near[k]
    for i in np.argsort(slack):
        lowest, highest = np.inf, -np.inf
        for v in range(n):
            at[v] = bound[i]
            for k in range(d):
                at[v] -= weight[i, k] * V[v, k]
            lowest, highest = min(lowest, at[v]), max(highest, at[v])
        if highest <= tol:
            return _EMPTY, 0
        if lowest >= -tol:
            continue
        if n_rows >= rows.size:
            return _FULL, 0
        rows[n_rows] = i
        n = _cut(V, tight, at, n, n_rows, d, tol)
        if n == _FULL:
            return _FULL, 0
        n_rows += 1
    return n, n_rows


@njit(cache=True, error_model="numpy")
def _cube(V, tight, rows):
    """The corners of the cube, each with ``d`` of its ``2 d`` faces; how many."""
    d = V.shape[1]
    for k in range(2 * d):
        rows[k] = -1 - k
    for v in range(1 << d):
        tight[v] = 0
        for k in range(d):
            up = (v >> k) & 1
            V[v, k] = 1.0 if up else -1.0
            set_bit(tight, v, k if up else d + k)
    return 1 << d


@njit(cache=True, error_model="numpy")
def _cut(V, tight, at, n, row, d, tol):
    """Keep the vertices with ``at >= -tol``, and add those where the new face cuts an edge."""
    n_words, end = tight.shape[1], n
    common = np.empty(n_words, np.uint64)
    for outer in range(n):
        if at[outer] >= -tol:
            continue
        alone = n_tight(tight, outer) == d
        for inner in range(n):
            if at[inner] <= tol or not _joined(tight, outer, inner, n, d, alone, common):
                continue
            if end >= V.shape[0]:
                return _FULL
            share = at[inner] / (at[inner] - at[outer])
            for k in range(d):
                V[end, k] = V[inner, k] + share * (V[outer, k] - V[inner, k])
            for w in range(n_words):
                tight[end, w] = common[w]
            set_bit(tight, end, row)
            end += 1
    kept = 0
    for v in range(end):
        if v < n:
            if at[v] < -tol:
                continue
            if at[v] <= tol:
                set_bit(tight, v, row)
        if kept < v:
            for k in range(d):
                V[kept, k] = V[v, k]
            for w in range(n_words):
                tight[kept, w] = tight[v, w]
        kept += 1
    return kept


@njit(cache=True, error_model="numpy")
def _joined(tight, a, b, n, d, alone, common):
    """Whether an edge joins two vertices; what is tight along it.

    ``alone`` says that just ``d`` half-spaces are tight at ``a``: all but one of them meet in a
    line, which is an edge.
    """
    n_words, n_common = tight.shape[1], 0
    for w in range(n_words):
        common[w] = tight[a, w] & tight[b, w]
        n_common += ones(common[w])
    if n_common < d - 1:
        return False
    if alone:
        return True
    for v in range(n):
        if v != a and v != b:
            holds = True
            for w in range(n_words):
                holds = holds and (tight[v, w] & common[w]) == common[w]
            if holds:
                return False
    return True


@njit(cache=True, error_model="numpy")
def _is_facet(tight, n, n_rows, row):
    """Whether the vertices on a half-space lie all on no other one (of equal ones the first)."""
    n_words, n_on = tight.shape[1], 0
    shared = np.empty(n_words, np.uint64)
    for v in range(n):
        if has_bit(tight, v, row):
            for w in range(n_words):
                shared[w] = tight[v, w] if n_on == 0 else shared[w] & tight[v, w]
            n_on += 1
    if n_on == 0:
        return False
    for other in range(n_rows):
        if other == row or not (shared[other >> 6] >> np.uint64(other & 63)) & np.uint64(1):
            continue
        n_other = 0
        for v in range(n):
            n_other += has_bit(tight, v, other)
        if n_other > n_on or other < row:
            return False
    return True


@njit(cache=True, error_model="numpy")
def _mean(V, tight, n, row, mean):
    """The mean of the vertices on a half-space."""
    n_on = 0
    mean[:] = 0.0
    for v in range(n):
        if has_bit(tight, v, row):
            n_on += 1
            mean += V[v]
    mean /= n_on


@njit(cache=True, error_model="numpy")
def _longer(array):
    found = np.empty(2 * array.size, array.dtype)
    found[: array.size] = array
    return found
