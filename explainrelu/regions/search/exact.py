"""A node decided in fractions: what the compiled search asks where rounding leaves doubt.

The rows of the polytope and the forms of the candidates are taken as the numbers that they are in
floating point, and every step from there is exact. Bland's rule keeps the walks from cycling, so
that each ends at a minimum. Letters are those of :mod:`explainrelu.geometry.simplex`.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

import explainrelu.regions.search.state as at
from explainrelu.arrays import FloatArray

__all__ = ["decide_exactly"]

_Vector = list[Fraction]
_WIDE = Fraction(1, 1000)  # a vertex so far from a row is far enough


def decide_exactly(node: at.Node) -> bool:
    """Decide all candidates of a node, and cross the border of the first one that cuts.

    Written are the states, a vertex with its basis, and where a candidate cuts the crossing and
    the witness behind it. False, with nothing written, where the point of the node is not inside.

    Notes
    -----
    Of the order of a millisecond a pivot for ten rows in three dimensions; it grows with both.
    """
    numbers, d = node.numbers, node.p.size
    m = int(numbers[at.N_ROWS])
    rows = [_exact(row) for row in node.rows[:, :m].T]
    bound = _exact(node.bound[:m])
    point = _exact(node.p)
    if min(_slacks(rows, bound, point)) <= 0:
        return False
    vertex = _vertex_from(rows, bound, point)
    numbers[at.CROSSED] = -1
    for c in range(int(numbers[at.N_CANDIDATES])):
        cost = _exact(node.sign[c] * node.C[:, c])
        offset = Fraction(float(node.sign[c] * node.offset[c]))
        vertex = _lowest(rows, vertex, cost)
        cuts = _dot(cost, vertex.v) + offset < -Fraction(float(node.need[c]))
        node.state[c] = at.CUT if cuts else at.KEPT
        if cuts and numbers[at.CROSSED] < 0:
            numbers[at.CROSSED] = c
            crossing = _crossing(rows, vertex, cost, offset)
            _write_vertex(
                node.crossing_s, node.crossing_v, node.crossing_basis, node.crossing_T,
                crossing, m, d,
            )  # fmt: skip
            node.witness[:] = _floats(_inside(rows, cost, crossing))
            node.p[:] = _floats(_inside(rows, [-x for x in cost], crossing))
            node.height[c] = node.offset[c] + node.C[:, c] @ node.p
            node.radius[0] = float(min(_slacks(rows, bound, _exact(node.p))))
    _write_vertex(node.s, node.v, node.basis, node.T, vertex, m, d)
    return True


@dataclass(frozen=True, slots=True)
class _Vertex:
    """A vertex with its slacks, its basis and, for each row of it, the column of the inverse."""

    v: _Vector
    s: _Vector
    basis: list[int]
    columns: list[_Vector]

    def along(self, rows: list[_Vector], k: int) -> "tuple[_Vertex, _Vector]":
        """The vertex at the end of the edge that leaves row ``k`` of the basis, and the edge."""
        edge = [-x for x in self.columns[k]]
        rates = [_dot(row, edge) for row in rows]
        length, entering = min(
            (s / rate, i) for i, (s, rate) in enumerate(zip(self.s, rates, strict=True)) if rate > 0
        )
        pivot = _dot(rows[entering], self.columns[k])
        left = [x / pivot for x in self.columns[k]]
        columns = [
            left if j == k else _minus(column, _dot(rows[entering], column), left)
            for j, column in enumerate(self.columns)
        ]
        v = [x + length * r for x, r in zip(self.v, edge, strict=True)]
        slack = [s - length * rate for s, rate in zip(self.s, rates, strict=True)]
        basis = [entering if j == k else row for j, row in enumerate(self.basis)]
        return _Vertex(v, slack, basis, columns), edge

    def falling(self, cost: _Vector) -> int:
        """The place in the basis whose edge lets the cost fall, by Bland's rule; -1 for none."""
        falls = [
            (row, k)
            for k, (row, column) in enumerate(zip(self.basis, self.columns, strict=True))
            if _dot(cost, column) > 0
        ]
        return min(falls)[1] if falls else -1


def _lowest(rows: list[_Vector], vertex: _Vertex, cost: _Vector) -> _Vertex:
    """The vertex at which the cost is least."""
    while (k := vertex.falling(cost)) >= 0:
        vertex, _ = vertex.along(rows, k)
    return vertex


def _crossing(rows: list[_Vector], vertex: _Vertex, cost: _Vector, offset: Fraction) -> _Vertex:
    """Where the walk back from a vertex beyond the border crosses it, which is one more row."""
    up = [-x for x in cost]
    while True:
        k = vertex.falling(up)
        after, edge = vertex.along(rows, k)
        height = _dot(cost, vertex.v) + offset
        if _dot(cost, after.v) + offset >= 0:
            break
        vertex = after
    length = -height / _dot(cost, edge)
    v = [x + length * r for x, r in zip(vertex.v, edge, strict=True)]
    slack = [s - length * _dot(row, edge) for s, row in zip(vertex.s, rows, strict=True)]
    pivot = _dot(up, vertex.columns[k])
    left = [x / pivot for x in vertex.columns[k]]
    columns = [
        left if j == k else _minus(column, _dot(up, column), left)
        for j, column in enumerate(vertex.columns)
    ]
    basis = [len(rows) if j == k else row for j, row in enumerate(vertex.basis)]
    return _Vertex(v, slack, basis, columns)


def _inside(rows: list[_Vector], border: _Vector, crossing: _Vertex) -> _Vector:
    """A point well inside the part on one side of a border: a mean of its vertices.

    Vertices are added, each the farthest one from a row that all of them are close to.

    Parameters
    ----------
    border
        The normal of the border, away from the part; one more row.
    crossing
        A vertex on the border, with that row or its opposite in the basis.
    """
    m = len(rows)
    place = crossing.basis.index(m)
    sign = _dot(border, crossing.columns[place])  # 1 or -1
    columns = [[sign * x for x in c] if k == place else c for k, c in enumerate(crossing.columns)]
    vertex = _Vertex(crossing.v, [*crossing.s, Fraction(0)], crossing.basis, columns)
    rows = [*rows, border]
    seen, close = [vertex], set(range(m + 1))
    while close:
        row = min(close)
        vertex = _lowest(rows, vertex, rows[row])
        seen.append(vertex)
        close = {i for i in close if i != row and vertex.s[i] < _WIDE}
    return [sum(x, Fraction(0)) / len(seen) for x in zip(*(one.v for one in seen), strict=True)]


def _write_vertex(
    s: FloatArray, v: FloatArray, basis: Any, T: FloatArray, vertex: _Vertex, m: int, d: int
) -> None:
    s[:m], v[:] = _floats(vertex.s[:m]), _floats(vertex.v)
    basis[:], T[:] = vertex.basis, [_floats(column) for column in vertex.columns]


def _vertex_from(rows: list[_Vector], bound: _Vector, inside: _Vector) -> _Vertex:
    """A vertex by moving from a point inside along directions that no row met so far forbids."""
    d = len(inside)
    free = [[Fraction(int(i == k)) for i in range(d)] for k in range(d)]
    v, basis = inside, []
    for _ in range(d):
        ray, *others = free
        rates = [_dot(row, ray) for row in rows]
        slack = _slacks(rows, bound, v)
        length, entering = min(
            (s / rate, i) for i, (s, rate) in enumerate(zip(slack, rates, strict=True)) if rate > 0
        )
        v = [x + length * r for x, r in zip(v, ray, strict=True)]
        free = [_minus(x, _dot(rows[entering], x) / rates[entering], ray) for x in others]
        basis.append(entering)
    columns = _inverse([rows[i] for i in basis])
    return _Vertex(v, _slacks(rows, bound, v), basis, columns)


def _inverse(matrix: list[_Vector]) -> list[_Vector]:
    """The columns of the inverse of a regular matrix, by Gauss-Jordan elimination."""
    d = len(matrix)
    both = [[*row, *(Fraction(int(i == k)) for k in range(d))] for i, row in enumerate(matrix)]
    for c in range(d):
        best = next(i for i in range(c, d) if both[i][c])
        both[c], both[best] = both[best], both[c]
        both[c] = [x / both[c][c] for x in both[c]]
        for i in range(d):
            if i != c and both[i][c]:
                both[i] = _minus(both[i], both[i][c], both[c])
    return [[both[i][d + k] for i in range(d)] for k in range(d)]


def _slacks(rows: list[_Vector], bound: _Vector, x: _Vector) -> _Vector:
    return [b - _dot(row, x) for row, b in zip(rows, bound, strict=True)]


def _dot(a: _Vector, b: _Vector) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), Fraction(0))


def _minus(a: _Vector, factor: Fraction, b: _Vector) -> _Vector:
    return [x - factor * y for x, y in zip(a, b, strict=True)]


def _exact(values: FloatArray) -> _Vector:
    return [Fraction(float(x)) for x in values]


def _floats(values: _Vector) -> FloatArray:
    return np.array([float(x) for x in values])
