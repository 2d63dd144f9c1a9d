"""How large regions are: volumes and inscribed balls of many at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import ByteArray, FloatArray, IntArray, frozen, frozen_floats
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.borders import halfspaces_on_the_cube, largest_ball
from explainrelu.tolerances import Tolerances

__all__ = [
    "InscribedBalls",
    "RegionVolumes",
    "balls_on_the_cube",
    "chunks_of_regions",
    "estimated_shares",
    "exact_shares",
    "inscribed_balls",
    "to_the_cube",
]

_CHUNK_VALUES = 1 << 20  # numbers in the half-spaces of a chunk of regions: 8 MB
_MOST_INPUTS = 64  # free inputs up to which a walk finds a ball sooner than a linear program


@dataclass(frozen=True, slots=True, eq=False)
class RegionVolumes:
    """The volumes of regions in a box, relative to its free inputs.

    Attributes
    ----------
    share : (n_regions,)
        Part of the box that each region is, from 0 to 1. They add up to one where the regions
        are all of the box.
    share_error : (n_regions,)
        Standard error of an estimated share, never 0; 0 of an exact one.
    box
        The volume of the box, in the product of the free inputs' units; 1 where none is free.
    exactness
        ``exact`` up to float64 rounding, or ``estimated``.
    """

    share: FloatArray
    share_error: FloatArray
    box: float
    exactness: Exactness

    def __post_init__(self) -> None:
        for name in ("share", "share_error"):
            object.__setattr__(self, name, frozen_floats(getattr(self, name), 1, name))

    def __len__(self) -> int:
        return int(self.share.size)

    @property
    def values(self) -> FloatArray:
        """The volumes ``(n_regions,)``, in the product of the free inputs' units."""
        return np.where(self.share > 0, self.share * self.box, 0.0)

    @property
    def errors(self) -> FloatArray:
        """Standard errors of the volumes: (n_regions,)."""
        return np.where(self.share_error > 0, self.share_error * self.box, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class InscribedBalls:
    """The largest ball of each region, in the box scaled to ``[-1, 1]``.

    Attributes
    ----------
    centre : (n_regions, n_inputs)
        Chebyshev centres, encoded and in the inputs' own units. Of a region with several one.
    radius : (n_regions,)
        Radii in the box scaled to ``[-1, 1]``. Where one is positive the centre is an interior
        point; 0 where no input is free; negative for a pattern that the box does not hold.
    """

    centre: FloatArray
    radius: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre", frozen_floats(self.centre, 2, "centre"))
        object.__setattr__(self, "radius", frozen(np.array(self.radius, dtype=np.float64)))

    def __len__(self) -> int:
        return int(self.radius.size)


def to_the_cube(points: FloatArray, box: Box) -> FloatArray:
    """The free inputs of points in the box scaled to ``[-1, 1]``: ``(n_samples, n_free)``."""
    free = ~box.fixed
    return np.ascontiguousarray((points - box.centre)[:, free] / box.half_width[free])


def exact_shares(
    network: ReluNetwork,
    patterns: ByteArray,
    witnesses: FloatArray,
    box: Box,
    tolerances: Tolerances,
) -> FloatArray:
    """The exact share of the box in each region: (n_regions,); up to six free inputs."""
    from explainrelu.geometry.vertices import cut_cubes

    d = int((~box.fixed).sum())
    share = np.zeros(len(patterns))
    for part in chunks_of_regions(network, len(patterns), d):
        rows, ends, _ = halfspaces_on_the_cube(network, unpack(network, patterns[part]), box)
        if d:
            near = to_the_cube(witnesses[part], box)
            share[part] = cut_cubes(rows, ends, near, tolerances.redundancy).volume / 2.0**d
        else:
            share[part] = (ends > 0).all(axis=1)
    return share


def estimated_shares(place: IntArray, n_regions: int) -> tuple[FloatArray, FloatArray]:
    """Shares of the points drawn evenly that lie in each region, and their standard errors.

    Parameters
    ----------
    place : (n_samples,)
        The region of each point, -1 for none.

    Returns
    -------
    share, error : (n_regions,)
        ``error`` is ``sqrt(p (1 - p) / n)`` for the share ``p`` as it were with one more point
        inside and one more outside, since a region that no point hit need not be empty.

    Raises
    ------
    ArgumentError
        For fewer than two samples.

    Examples
    --------
    >>> estimated_shares(np.array([0, 0, 1, -1]), 2)[0]
    array([0.5 , 0.25])
    """
    if place.size < 2:
        raise ArgumentError(f"n_samples must be at least 2, got {place.size}.")
    hits = np.bincount(place[place >= 0], minlength=n_regions)
    about = (hits + 1.0) / (place.size + 2.0)
    return hits / place.size, np.sqrt(about * (1.0 - about) / place.size)


def inscribed_balls(
    network: ReluNetwork,
    patterns: ByteArray,
    witnesses: FloatArray,
    box: Box,
    tolerances: Tolerances,
) -> InscribedBalls:
    """The largest ball of each region within the box; see :meth:`RegionSet.inscribed_balls`."""
    free = ~box.fixed
    centre = np.tile(box.centre, (len(patterns), 1))
    radius = np.empty(len(patterns))
    for part in chunks_of_regions(network, len(patterns), int(free.sum())):
        rows, ends, _ = halfspaces_on_the_cube(network, unpack(network, patterns[part]), box)
        points, radius[part] = balls_on_the_cube(
            rows, ends, to_the_cube(witnesses[part], box), tolerances
        )
        centre[part, free] += points * box.half_width[free]
    return InscribedBalls(centre, radius)


def balls_on_the_cube(
    rows: FloatArray, ends: FloatArray, start: FloatArray, tolerances: Tolerances
) -> tuple[FloatArray, FloatArray]:
    """Centres and radii of the largest balls in ``rows[i] @ u <= ends[i]`` on the cube.

    Parameters
    ----------
    rows : (n_polytopes, n_halfspaces, n_free)
        Rows of length 1 or 0.
    ends : (n_polytopes, n_halfspaces)
    start : (n_polytopes, n_free)
        Where to look first.

    Notes
    -----
    A walk whose end is not proven to be the optimum within ``tolerances.feasibility`` is followed
    by a linear program; so is every one above 64 free inputs.
    """
    n, _, d = rows.shape
    centre, radius = np.zeros((n, d)), np.zeros(n)
    if not d:
        return centre, np.where((ends > 0).all(axis=1), 0.0, -np.inf)
    excess = np.full(n, np.inf)
    if d <= _MOST_INPUTS:
        from explainrelu.geometry.balls import balls_of_many

        balls_of_many(rows, ends, np.clip(start, -1.0, 1.0), centre, radius, excess)
    for i in np.flatnonzero(~(excess <= tolerances.feasibility)):
        centre[i], radius[i] = largest_ball(rows[i], ends[i], tolerances)
    return centre, radius


def chunks_of_regions(network: ReluNetwork, n_regions: int, n_free: int) -> Iterator[slice]:
    """Regions in parts whose half-spaces take bounded memory."""
    step = max(1, _CHUNK_VALUES // max(1, network.n_neurons * (n_free + 1)))
    for start in range(0, n_regions, step):
        yield slice(start, min(start + step, n_regions))
