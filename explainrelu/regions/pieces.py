"""Which regions are neighbours, and which of those have the same formula."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.geometry.box import Box

__all__ = ["joined_pieces", "neighbour_matrix"]


def neighbour_matrix(
    here: IntArray, behind: IntArray, n_regions: int
) -> "sparse.csr_array[np.bool_]":
    """The symmetric matrix of pairs of regions, some of which may stand twice."""
    ones = np.ones(2 * here.size, dtype=np.bool_)
    places = (np.concatenate([here, behind]), np.concatenate([behind, here]))
    return sparse.csr_array(sparse.coo_array((ones, places), shape=(n_regions, n_regions)))


def joined_pieces(
    neighbours: "sparse.csr_array[np.bool_]",
    weight: FloatArray,
    bias: FloatArray,
    domain: Box,
    tolerance: float,
) -> IntArray:
    """A number for each region, the same where a chain of neighbours has the same map throughout.

    Parameters
    ----------
    weight : (n_regions, n_scores, n_inputs)
    bias : (n_regions, n_scores)
    tolerance
        Maps agree within this share of the largest coefficient, in the scaled domain.
    """
    maps = weight * domain.half_width
    at_centre = np.einsum("koi,i->ko", weight, domain.centre) + bias
    maps = np.concatenate([maps, at_centre[:, :, None]], axis=2).reshape(len(weight), -1)
    edges = sparse.coo_array(neighbours)
    first, second = edges.coords
    gap = np.abs(maps[first] - maps[second]).max(axis=1, initial=0.0)
    same = gap <= tolerance * np.abs(maps).max(initial=0.0)
    joins = sparse.coo_array(
        (np.ones(int(same.sum())), (first[same], second[same])), shape=edges.shape
    )
    labels: IntArray = connected_components(joins, directed=False)[1].astype(np.int64)
    return labels
