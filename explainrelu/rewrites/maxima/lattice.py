"""The lattice form of a network's score on a box: a maximum of minima of its affine pieces.

Let ``l_1 .. l_k`` be the affine functions that the continuous function ``f`` is made of. The zero
sets of ``l_i - l_j``, for one ``j``, cut the box into cells; in the inside of a cell no other
function meets ``l_j``, so that ``f`` is ``l_j`` on all of it or nowhere. On a cell where it is,
take ``S = {i : l_i >= l_j}``. Then ``f`` is the maximum over all these cells of
``min_{i in S} l_i``: it attains ``f`` on its own cell; and for any ``x``, along the segment from a
point ``y`` of the cell to ``x`` there is some ``l_i`` with ``l_i(y) >= f(y)`` and
``l_i(x) <= f(x)``, and that ``i`` is in ``S``. The proof asks for these cells rather than the
linear regions: in a region that ``l_i`` cuts through, which ``i`` serves may depend on ``y``.
"""

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.errors import SizeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.maxima.signed import minimal_sets
from explainrelu.tolerances import Tolerances

__all__ = ["affine_functions", "lattice_sets"]


def affine_functions(
    regions: RegionSet, output: int, max_pieces: int, tolerances: Tolerances
) -> tuple[FloatArray, FloatArray]:
    """The different affine functions of one output, ``weight @ x + bias``.

    Two are the same where they differ by at most ``tolerances.containment`` of the largest
    coefficient in the domain scaled to ``[-1, 1]``.

    Raises
    ------
    SizeError
        For more than ``max_pieces``.
    """
    box, found = regions.domain, np.zeros((0, regions.network.n_inputs + 1))
    for _, weight, bias in regions.affine_map_chunks():
        new = np.column_stack([weight[:, output], bias[:, output]])
        for known in found:
            new = new[~_same(new, known, box, tolerances)]
        while new.size:
            found = np.vstack([found, new[:1]])
            if len(found) > max_pieces:
                raise SizeError(
                    f"The regions hold more than max_pieces={max_pieces} different affine "
                    f"functions; {max_pieces + 1} of them can make 2**{max_pieces + 1} maxima. "
                    "Take a smaller domain, or raise max_pieces."
                )
            new = new[~_same(new, found[-1], box, tolerances)]
    return found[:, :-1], found[:, -1]


def lattice_sets(
    regions: RegionSet,
    weight: FloatArray,
    bias: FloatArray,
    output: int,
    tolerances: Tolerances,
) -> list[int]:
    """The sets ``S`` of the lattice form that matter, as integers whose bits are the functions."""
    found: list[int] = []
    for j in range(bias.size):
        points = _cell_points(weight, bias, j, regions.domain, tolerances)
        values = points @ weight.T + bias
        score = regions.network.forward(points)[:, output]
        own = np.abs(values - score[:, None]).argmin(axis=1) == j
        above = values[own] >= values[own, j][:, None]
        found += [sum(1 << int(i) for i in np.flatnonzero(row)) for row in above]
    return minimal_sets(found)


def _cell_points(
    weight: FloatArray, bias: FloatArray, j: int, box: Box, tolerances: Tolerances
) -> FloatArray:
    """A point of each cell into which the zero sets of ``l_i - l_j`` cut the box."""
    others = np.arange(bias.size) != j
    if not others.any():
        return box.centre[None]
    differences = ReluNetwork.from_weights(
        [weight[others] - weight[j], np.ones((1, int(others.sum())))],
        [bias[others] - bias[j], np.zeros(1)],
    )
    return enumerate_regions(differences, box, tolerances=tolerances).witnesses


def _same(maps: FloatArray, one: FloatArray, box: Box, tolerances: Tolerances) -> BoolArray:
    """Which maps, the constant last, agree with one over the box."""
    scale, centre = np.append(box.half_width, 1.0), np.append(box.centre, 0.0)
    gap = (maps - one) * scale
    gap[:, -1] += (maps - one) @ centre
    size = max(float(np.abs(one * scale).max()), abs(float(one @ np.append(box.centre, 1.0))))
    return np.asarray(np.abs(gap).max(axis=1) <= tolerances.containment * size, dtype=np.bool_)
