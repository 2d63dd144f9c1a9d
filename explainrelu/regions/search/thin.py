"""Which of the regions that a search met are thicker than the tolerance."""

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.errors import SolverError
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.geometry.volumes import cube_halfspaces
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns
from explainrelu.regions.region import LinearRegion
from explainrelu.regions.search.records import Found
from explainrelu.tolerances import Tolerances

__all__ = ["thick_enough"]

_CLOSE = 20.0  # a ball smaller than this many tolerances is looked at


def thick_enough(
    found: Found, network: ReluNetwork, box: Box, tolerances: Tolerances
) -> tuple[BoolArray, FloatArray]:
    """Which regions hold a ball larger than ``tolerances.inradius``, and a point of each.

    The search knows a ball in each region, mostly not the largest. Where it is small the largest
    one is found by a linear program and measured again, so that a region is kept only where a
    ball that is large enough was seen in it. One in which the network's own arithmetic puts that
    point elsewhere is left out as well.

    Returns
    -------
    kept : (n_regions,)
    points : (n_regions, n_inputs)
        In the box's own units; better ones where a linear program was solved.
    """
    kept, points = np.ones(found.n_regions, dtype=np.bool_), found.points
    close = np.flatnonzero(found.radii < _CLOSE * tolerances.inradius)
    if close.size:
        points = points.copy()
    for i in close:
        polytope = LinearRegion(network, found.patterns[i], box).polytope()
        radius, points[i] = _ball(polytope, points[i], tolerances)
        kept[i] = radius > tolerances.inradius
    inside = _in_the_box(points, box)
    own = activation_patterns(network, inside[close])
    kept[close] &= (own == found.patterns[close]).all(axis=1)
    return kept, inside


def _in_the_box(points: FloatArray, box: Box) -> FloatArray:
    """Points on the cube in the box's own units, fixed inputs included."""
    free = ~box.fixed
    found = np.tile(box.centre, (len(points), 1))
    found[:, free] += box.half_width[free] * points
    return np.clip(found, box.lower, box.upper)


def _ball(
    polytope: Polytope, point: FloatArray, tolerances: Tolerances
) -> tuple[float, FloatArray]:
    """Radius and centre of a ball in a polytope on the cube, about the largest one."""
    box, free = polytope.box, ~polytope.box.fixed
    weight, bound = cube_halfspaces(polytope.weight[None], polytope.bound[None], box)
    walls = np.eye(int(free.sum()))
    rows, ends = np.vstack([weight[0], walls, -walls]), np.r_[bound[0], np.ones(2 * len(walls))]
    if _narrowest(rows, ends) <= 2.0 * tolerances.inradius:
        return 0.0, point
    try:
        largest = polytope.inscribed_ball(tolerances=tolerances).centre
    except SolverError:  # rows so nearly parallel that HiGHS ends in none of its outcomes
        return float((ends - rows @ point).min()), point
    centre = (largest - box.centre)[free] / box.half_width[free]
    radius = float((ends - rows @ centre).min())
    return radius, centre if radius > tolerances.inradius else point


def _narrowest(rows: FloatArray, ends: FloatArray) -> float:
    """An upper bound of the width, from rows that face each other.

    From ``a x <= b`` and ``c x <= e`` follows ``-e - |a + c| |x| <= a x <= b``.
    """
    facing = rows @ rows.T < -0.5
    first, second = np.nonzero(facing)
    tilt = np.linalg.norm(rows[first] + rows[second], axis=1) * np.sqrt(rows.shape[1])
    return float((ends[first] + ends[second] + tilt).min(initial=np.inf))
