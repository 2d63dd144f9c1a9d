"""What one neuron can contribute on some rows, dichotomy by dichotomy.

A neuron ``max(a x + b, 0)`` parts the rows into those with ``a x + b >= 0`` and those with
``a x + b <= 0``. The ``(a, b)`` that part them in one given way, a dichotomy, form a closed convex
cone; all ``(a, b)`` lie in one of the cones whose inside is not empty. On a cone the values that
the neuron takes on the rows are linear in ``(a, b)``, so that they are the sums, with weights that
are not negative, of its values at the extreme rays of the cone. A ray is a hyperplane through as
many rows as the rows have dimensions, in one of its two directions.
"""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.tolerances import Tolerances

__all__ = ["NeuronCones", "dichotomy_bound", "neuron_cones"]


@dataclass(frozen=True, slots=True, eq=False)
class NeuronCones:
    """The dichotomies of some rows, the one that is nowhere active left out.

    Attributes
    ----------
    sides : (n_cones, n_samples) bool
        The rows on which the neuron may be active.
    rays : (n_rays, n_inputs + 1)
        ``(a, b)`` of every extreme ray of any cone.
    values : (n_rays, n_samples)
        ``max(a x + b, 0)`` of each.
    members
        For each cone the positions of its rays.
    thin
        Dichotomies left out because their cones are thinner than the tolerance.
    """

    sides: BoolArray
    rays: FloatArray
    values: FloatArray
    members: tuple[IntArray, ...]
    thin: int

    def __len__(self) -> int:
        return len(self.members)


def dichotomy_bound(n_samples: int, n_inputs: int) -> int:
    """The most dichotomies of so many rows, attained in general position.

    ``2 sum_{i <= n} C(D - 1, i)``.

    References
    ----------
    Cover 1965, "Geometrical and Statistical Properties of Systems of Linear Inequalities with
    Applications in Pattern Recognition", theorem 1.

    Examples
    --------
    >>> dichotomy_bound(6, 1), dichotomy_bound(6, 2), dichotomy_bound(6, 3)
    (12, 32, 52)
    """
    return 2 * sum(comb(n_samples - 1, i) for i in range(n_inputs + 1))


def neuron_cones(X: FloatArray, tolerances: Tolerances) -> NeuronCones:
    """The cones of every dichotomy of the rows ``(n_samples, n_inputs)``.

    Cost: that of enumerating the regions of an arrangement of ``n_samples`` hyperplanes, and of
    ``C(n_samples, n)`` small null spaces for rows of dimension ``n``.
    """
    centre = X.mean(axis=0)
    axes, scale = _hull(X - centre, tolerances)
    n_inputs = scale.size
    points = np.column_stack([(X - centre) @ axes.T / scale, np.ones(X.shape[0])])
    sides, thin = _dichotomies(points, tolerances)
    rays = _rays(np.unique(points, axis=0), tolerances)
    heights = points @ rays.T
    heights[np.abs(heights) <= tolerances.boundary * np.abs(points).max()] = 0.0
    # a ray belongs to a cone where no row lies strictly on the other side than the cone asks
    off = sides.astype(np.int64) @ (heights < 0) + (~sides).astype(np.int64) @ (heights > 0)
    members = tuple(np.flatnonzero(row == 0).astype(np.int64) for row in off)
    slopes = (rays[:, :n_inputs] / scale) @ axes
    lifted = np.column_stack([slopes, rays[:, -1] - slopes @ centre])
    return NeuronCones(sides, lifted, np.maximum(heights.T, 0.0), members, thin)


def _hull(centred: FloatArray, tolerances: Tolerances) -> tuple[FloatArray, FloatArray]:
    """Orthonormal axes of the affine hull of the rows, and how far the rows reach along each."""
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[sizes > tolerances.containment * max(float(sizes.max(initial=0.0)), 1e-300)]
    reach = np.abs(centred @ axes.T).max(axis=0, initial=0.0)
    return axes, reach


def _dichotomies(points: FloatArray, tolerances: Tolerances) -> tuple[BoolArray, int]:
    """Every way in which a hyperplane parts the points, but the one with none on its upper side."""
    n_samples, n_coordinates = points.shape
    arrangement = ReluNetwork.from_weights(
        [points, np.ones((1, n_samples))], [np.zeros(n_samples), np.zeros(1)]
    )
    box = Box(-np.ones(n_coordinates), np.ones(n_coordinates))
    found = enumerate_regions(arrangement, box, tolerances=tolerances)
    sides = unpack(arrangement, found.patterns)
    return sides[sides.any(axis=1)], found.skipped


def _rays(points: FloatArray, tolerances: Tolerances) -> FloatArray:
    """Every hyperplane through ``n`` independent points, in both directions, each once."""
    n_inputs = points.shape[1] - 1
    found = []
    for chosen in combinations(range(points.shape[0]), n_inputs):
        _, sizes, axes = np.linalg.svd(points[list(chosen)].reshape(n_inputs, n_inputs + 1))
        if n_inputs == 0 or sizes[-1] > tolerances.containment * sizes[0]:
            found += [axes[-1], -axes[-1]]
    rays = np.array(found)
    digits = int(-np.log10(tolerances.containment))
    return rays[np.unique(np.round(rays, digits) + 0.0, axis=0, return_index=True)[1]]
