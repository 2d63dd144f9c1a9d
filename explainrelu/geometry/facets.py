"""Which half-spaces of a polytope are facets, compiled: one warm walk for each of them.

A row ``i`` is irredundant exactly where the other rows leave room beyond it: where
``max a_i x`` over the polytope without that row is more than ``b_i``. Of rows that say the same
the first one stands for all. Legend as in :mod:`explainrelu.geometry.simplex`.
"""

import numpy as np
from numba import njit

from explainrelu.geometry.borrowed import borrowed
from explainrelu.geometry.simplex import find_edge, refactored, take_edge, vertex_from

__all__ = ["FACET", "REDUNDANT", "UNSETTLED", "facets_of_many"]

COMPILED_WITH = "f5e49e060a401c7a"  # make format renews it

REDUNDANT, FACET, UNSETTLED = -1, -2, -3
"""What is known of a row: implied by the others, a facet, or not decided by walking. A row that
says the same as an earlier one has the number of that row."""

_BUDGET = 2000  # pivots of one walk
_LATE = 30  # pivots after which cycling is guarded against
_AGE = 60  # pivots after which a vertex is computed anew


@njit(cache=True, error_model="numpy")
def facets_of_many(rows, bound, inside, tol, kinds):
    """The facets of many polytopes in the same number of rows.

    Parameters
    ----------
    rows : (n_polytopes, d, m)
        Rows of length 1 (or 0, for one that says nothing), the first ``2 d`` the walls of the
        cube.
    bound : (n_polytopes, m)
        Changed for rows that say the same as another one.
    inside : (n_polytopes, d)
        A point inside each.
    tol
        A row is a facet where the others leave more room than this beyond it.
    kinds : (n_polytopes, m) int16
        Written: ``FACET``, ``REDUNDANT``, ``UNSETTLED``, or an earlier row that says the same.
    """
    d, m = rows.shape[1], rows.shape[2]
    s, rate, reach = np.empty(m), np.empty(m), np.empty(m)
    v, cost, direction, basis = np.empty(d), np.empty(d), np.empty(d), np.empty(d, np.int64)
    T, work, old_v, old_s = np.empty((d, d)), np.empty((d, 2 * d)), np.empty(d), np.empty(m)
    old_T, old_basis = np.empty((d, d)), np.empty(d, np.int64)
    for r in range(rows.shape[0]):
        A, b = borrowed(rows[r]), borrowed(bound[r])
        _mark_twins(A, b, m, d, tol, kinds[r])
        if not vertex_from(A, b, s, m, d, inside[r], v, basis, T, work, direction):
            for i in range(m):
                kinds[r, i] = UNSETTLED if kinds[r, i] < 0 else kinds[r, i]
            continue
        age = 0
        for i in range(m):
            if kinds[r, i] >= 0:
                continue
            if age > _AGE:
                refactored(A, b, s, m, d, v, basis, T, work)
                age = 0
            for k in range(m):
                old_s[k] = s[k]
            for k in range(d):
                old_v[k], old_basis[k] = v[k], basis[k]
                for e in range(d):
                    old_T[k, e] = T[k, e]
            kinds[r, i], pivots = _kind(
                A, s, m, d, v, basis, T, cost, direction, rate, reach, i, tol
            )
            age += pivots
            if kinds[r, i] != REDUNDANT:  # the walk ended outside: go back
                for k in range(m):
                    s[k] = old_s[k]
                for k in range(d):
                    v[k], basis[k] = old_v[k], old_basis[k]
                    for e in range(d):
                        T[k, e] = old_T[k, e]


@njit(cache=True, error_model="numpy")
def _mark_twins(A, b, m, d, tol, kinds):
    """Rows that say the same as an earlier one, moved out of the way so that they do not count."""
    for i in range(m):
        kinds[i] = UNSETTLED
        for j in range(i):
            if kinds[j] < 0 and abs(b[i] - b[j]) <= tol:
                far = 0.0
                for k in range(d):
                    far = max(far, abs(A[k, i] - A[k, j]))
                if far <= tol:
                    kinds[i], b[i] = j, b[i] + 2.0 + 2.0 * d
                    break


@njit(cache=True, error_model="numpy")
def _kind(A, s, m, d, v, basis, T, cost, direction, rate, reach, i, tol):
    """Walk towards and beyond row ``i`` as if it were not there."""
    nothing = True
    for k in range(d):
        cost[k] = -A[k, i]
        nothing = nothing and cost[k] == 0.0
    if nothing:
        return REDUNDANT, 0
    beyond, pivots = -s[i], 0
    place = -1
    for k in range(d):
        if basis[k] == i:
            place = k
    if place >= 0:
        # the row holds the vertex: leave it outwards, along +T[place] instead of -T[place]
        length, entering, steepest = np.inf, -1, 0.0
        for k in range(d):
            direction[k] = T[place, k]
        for e in range(m):
            rate[e] = 0.0
            for k in range(d):
                rate[e] += A[k, e] * direction[k]
            if e != i and rate[e] > 1e-11:
                far = s[e] / rate[e]
                if far < length - 1e-13 or (far <= length + 1e-13 and rate[e] > steepest):
                    length, entering, steepest = min(far, length), e, rate[e]
        if entering < 0:
            return UNSETTLED, 0
        if length > tol:
            return FACET, 0
        take_edge(A, s, m, d, v, basis, T, direction, rate, place, entering, length)
        beyond, pivots = length, 1
    s[i] = 2.0 + 2.0 * d  # out of the way: the cube is not wider
    while beyond <= tol:
        leaving, entering, length = find_edge(
            A, s, m, d, basis, T, cost, direction, rate, reach, pivots > _LATE
        )
        if leaving < 0:
            s[i] = max(-beyond, 0.0)
            return REDUNDANT, pivots
        if pivots > _BUDGET or entering == i:
            return UNSETTLED, pivots
        slope = 0.0
        for k in range(d):
            slope -= cost[k] * direction[k]
        beyond += length * slope
        take_edge(A, s, m, d, v, basis, T, direction, rate, leaving, entering, length)
        s[i] = 2.0 + 2.0 * d
        pivots += 1
    return FACET, pivots
