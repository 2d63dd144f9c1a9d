"""The fewest numbers that have to pass through a layer for what stands behind it.

Before a layer stand its input units, and single numbers computed from them by affine vectors.
Some of these numbers are *live*: they are taken again behind the layer. Whatever is carried, a
live number must be carried itself or be computable from numbers that are. So the carried
numbers cut every path from the units to the live numbers: a vertex cut. The smallest one has
the size of a largest flow in which each number passes one unit of flow (Menger), and is read
off that flow. Numbers are cut out as they stand, so nothing is rounded by it.

References
----------
K. Menger, "Zur allgemeinen Kurventheorie", Fundamenta Mathematicae 10, 1927.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from explainrelu.arrays import BoolArray, IntArray
from explainrelu.importers.operators.values import AffineVector, Vector

__all__ = ["COMPUTED", "LOST", "fewest_carried"]

COMPUTED = -1
"""Place of a number that is not carried, but computable from numbers that are."""

LOST = -2
"""Place of a number that is gone behind the layer, since nothing takes it there."""

_SOURCE, _SINK, _FIRST = 0, 1, 2


def fewest_carried(
    vectors: Sequence[Vector],
    live: Collection[Vector],
    units: Mapping[Vector, IntArray],
    n_units: int,
) -> dict[Vector, IntArray]:
    """Where each number of each vector is found behind the layer.

    Parameters
    ----------
    vectors
        The live vectors and all they are computed from, sources first.
    live
        Those that must be computable behind the layer.
    units
        For each vector the unit before the layer that each of its numbers is, or
        ``COMPUTED``, or ``LOST``.
    n_units
        Units before the layer.

    Returns
    -------
    dict
        For each vector its places: the position ``0, 1, ...`` among the carried numbers, or
        ``COMPUTED``, or ``LOST``. Every number of a live vector is carried or computable, with
        the fewest carried; among equally small choices the one nearest the units.

    Notes
    -----
    Cost: one maximum flow over as many edges as the matrices have non-zeros, where rows of a
    dense matrix with equal zeros share theirs.
    """
    if not live:
        return {}
    vertices = _numbered(vectors, units, n_units)
    n_vertices = max(n_units, 1 + max(int(v.max(initial=0)) for v in vertices.values()))
    edges = _Edges(n_vertices)
    edges.add(np.full(n_units, _SOURCE), _entry(np.arange(n_units)))
    for vector in live:
        edges.add(_exit(vertices[vector]), np.full(vector.size, _SINK))
    for vector in vectors:
        _connect(edges, vector, units[vector] == COMPUTED, vertices)
    reached = _reached(edges.capacities())
    enters, leaves = reached[_entry(np.arange(n_vertices))], reached[_exit(np.arange(n_vertices))]
    places = np.where(leaves, LOST, COMPUTED)
    cut = np.flatnonzero(enters & ~leaves)
    places[cut] = np.arange(cut.size)
    return {
        vector: np.where(units[vector] == LOST, LOST, places[vertices[vector]])
        for vector in vectors
    }


def _numbered(
    vectors: Sequence[Vector], units: Mapping[Vector, IntArray], n_units: int
) -> dict[Vector, IntArray]:
    """The vertex of each number: its unit's, or one of its own behind all units."""
    vertices, start = {}, n_units
    for vector in vectors:
        own = np.arange(start, start + vector.size)
        vertices[vector] = np.where(units[vector] >= 0, units[vector], own)
        start += vector.size
    return vertices


def _entry(vertex: IntArray) -> IntArray:
    """A vertex is an edge of capacity 1 from its entry to its exit."""
    return _FIRST + 2 * vertex


def _exit(vertex: IntArray) -> IntArray:
    return _FIRST + 2 * vertex + 1


class _Edges:
    """The flow network while it grows."""

    def __init__(self, n_vertices: int) -> None:
        numbers = np.arange(n_vertices)
        self._tails = [_entry(numbers)]
        self._heads = [_exit(numbers)]
        self._n_vertices = n_vertices
        self._size = _FIRST + 2 * n_vertices

    def add(self, tails: IntArray, heads: IntArray) -> None:
        """Edges that are never cut."""
        self._tails.append(tails)
        self._heads.append(heads)

    def hubs(self, count: int) -> IntArray:
        """New vertices that are never cut."""
        self._size += count
        return np.arange(self._size - count, self._size)

    def capacities(self) -> sparse.csr_array[np.int32]:
        """The network: capacity 1 through a number, more than all of them along an edge."""
        tails, heads = np.concatenate(self._tails), np.concatenate(self._heads)
        capacity = np.full(tails.size, self._n_vertices + 1, dtype=np.int32)
        capacity[: self._n_vertices] = 1
        shape = (self._size, self._size)
        return sparse.csr_array(sparse.coo_array((capacity, (tails, heads)), shape=shape))


def _connect(
    edges: _Edges, vector: Vector, computed: BoolArray, vertices: Mapping[Vector, IntArray]
) -> None:
    """Edges to the computed numbers of a vector from the numbers they are computed from."""
    if not isinstance(vector, AffineVector) or not computed.any():
        return
    heads = _entry(vertices[vector][computed])
    for matrix, source in vector.terms:
        tails = _exit(vertices[source])
        if isinstance(matrix, np.ndarray):
            # rows with zeros in the same places meet in a hub: m + n edges stand for m n
            kinds, kind = np.unique(matrix[computed] != 0.0, axis=0, return_inverse=True)
            hubs = edges.hubs(kinds.shape[0])
            having, columns = kinds.nonzero()
            edges.add(tails[columns], hubs[having])
            edges.add(hubs[kind.reshape(-1)], heads)
        else:
            taking, taken = matrix[computed].nonzero()
            edges.add(tails[taken], heads[taking])


def _reached(capacities: sparse.csr_array[np.int32]) -> BoolArray:
    """The vertices that a largest flow leaves within reach of the source."""
    flow = maximum_flow(capacities, _SOURCE, _SINK).flow
    residual = sparse.csr_array(capacities - flow)
    residual.eliminate_zeros()
    found = breadth_first_order(residual, _SOURCE, return_predecessors=False)
    reached = np.zeros(capacities.shape[0], np.bool_)
    reached[found] = True
    return reached
