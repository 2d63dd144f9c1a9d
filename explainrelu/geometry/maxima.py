"""The largest values of linear forms over many polytopes at once, compiled, with their proof.

Legend as in :mod:`explainrelu.geometry.simplex`. At the vertex where a walk ends the rows of its
basis have multipliers ``y``; for any ``y >= 0`` no point of the polytope has a larger ``c x`` than
``b y + |c - A^T y|_1``, since no coordinate on the cube is larger than 1. Whatever the walk did,
the value at its end and this bound enclose the maximum.
"""

import numpy as np
from numba import njit

from explainrelu.geometry.borrowed import borrowed
from explainrelu.geometry.simplex import find_edge, refactored, take_edge, vertex_from

__all__ = ["maxima_of_many"]

COMPILED_WITH = "f5e49e060a401c7a"  # make format renews it

_BUDGET = 3000  # pivots of one walk
_LATE = 60  # pivots after which cycling is guarded against
_AGE = 60  # pivots after which a vertex is computed anew


@njit(cache=True, error_model="numpy")
def maxima_of_many(rows, bound, inside, costs, point, value, excess):
    """The largest value of some linear forms over each of many polytopes on the cube.

    Parameters
    ----------
    rows : (n_polytopes, d, m)
        Rows of length 1 (or 0, for one that says nothing), the first ``2 d`` the walls of the
        cube ``[-1, 1]^d``: ``x_k <= 1``, then ``-x_k <= 1``. ``d`` is at least 1.
    bound : (n_polytopes, m)
    inside : (n_polytopes, d)
        A point of each.
    costs : (n_polytopes, n_forms, d)
    point : (n_polytopes, n_forms, d)
        Written: where the form is largest.
    value : (n_polytopes, n_forms)
        Written: the form there.
    excess : (n_polytopes, n_forms)
        Written: how much larger it could be at most; infinite where a walk did not end.
    """
    d, m, n_forms = rows.shape[1], rows.shape[2], costs.shape[1]
    s, rate, reach = np.empty(m), np.empty(m), np.empty(m)
    v, cost, direction, basis = np.empty(d), np.empty(d), np.empty(d), np.empty(d, np.int64)
    T, work = np.empty((d, d)), np.empty((d, 2 * d))
    for r in range(rows.shape[0]):
        A, b = borrowed(rows[r]), borrowed(bound[r])
        started = vertex_from(A, b, s, m, d, inside[r], v, basis, T, work, direction)
        for j in range(n_forms):
            size = 0.0
            for k in range(d):
                size += costs[r, j, k] * costs[r, j, k]
                point[r, j, k] = min(max(inside[r, k], -1.0), 1.0)
            size = np.sqrt(size)
            value[r, j], excess[r, j] = _value(costs[r, j], point[r, j]), np.inf
            if size == 0.0:
                excess[r, j] = 0.0
                continue
            if not started:
                continue
            for k in range(d):
                cost[k] = -costs[r, j, k] / size
            _climb(A, b, s, m, d, v, basis, T, work, cost, direction, rate, reach)
            for k in range(d):
                point[r, j, k] = min(max(v[k], -1.0), 1.0)
            value[r, j] = _value(costs[r, j], point[r, j])
            excess[r, j] = max(
                size * _highest(A, b, d, basis, T, cost, direction) - value[r, j], 0.0
            )


@njit(cache=True, error_model="numpy")
def _value(cost, point):
    total = 0.0
    for k in range(cost.size):
        total += cost[k] * point[k]
    return total


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
def _highest(A, b, d, basis, T, cost, y):
    """An upper bound of ``-cost @ x``, by the multipliers ``y`` of the basis, which are written."""
    bound, left = 0.0, 0.0
    for j in range(d):
        y[j] = 0.0
        for k in range(d):
            y[j] -= cost[k] * T[j, k]
        y[j] = max(y[j], 0.0)
        bound += y[j] * b[basis[j]]
    for k in range(d):
        miss = -cost[k]
        for j in range(d):
            miss -= y[j] * A[k, basis[j]]
        left += abs(miss)
    return bound + left
