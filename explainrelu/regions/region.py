"""One linear region: where the network is one affine formula."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import BoolArray, ByteArray, FloatArray
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.patterns import (
    affine_maps,
    pattern_keys,
    preactivation_forms,
    region_names,
    unpack,
)

__all__ = ["LinearRegion"]


@dataclass(frozen=True, slots=True, eq=False)
class LinearRegion:
    """An activation pattern, the closed polytope it holds on, and the affine map there.

    Attributes
    ----------
    network
        The network the region belongs to.
    packed : (n_bytes,) uint8
        The activation pattern, packed.
    domain
        The box the polytope is read in.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[-1.0], [0.0]])
    >>> region = LinearRegion(network, np.packbits([True]), Box([0.0], [3.0]))
    >>> region.affine_map().weight
    array([[2.]])
    >>> region.polytope().contains(np.array([[0.5], [2.0]]))
    array([False,  True])
    """

    network: ReluNetwork
    packed: ByteArray
    domain: Box

    @property
    def name(self) -> str:
        """The region's identity: a short stable hash of its pattern."""
        return str(region_names(pattern_keys(self.packed[None]))[0])

    @property
    def pattern(self) -> BoolArray:
        """One bit a rectified unit, True where active: (n_neurons,)."""
        bits: BoolArray = unpack(self.network, self.packed[None])[0]
        return bits

    def affine_map(self, view: ScoreView | None = None) -> AffineMap:
        """``x -> weight @ x + bias`` on the region, for the raw outputs or a view of them."""
        output = None if view is None else self.network.score_map(view)
        weight, bias = affine_maps(self.network, self.packed[None], output)
        return AffineMap(weight[0], bias[0])

    def polytope(self) -> Polytope:
        """The closed region within the domain: one half-space a rectified unit.

        An active unit asks ``z >= 0``, that is ``-g x <= h`` for its form ``z = g x + h``; an
        inactive one ``z <= 0``, that is ``g x <= -h``. Rows stand in the order of the units.
        """
        weight, bias = preactivation_forms(self.network, self.pattern)
        sign = np.where(self.pattern, -1.0, 1.0)
        return Polytope(weight * sign[:, None], -bias * sign, self.domain)

    def distances(self, point: FloatArray, scale: FloatArray) -> FloatArray:
        """Distance of a point to each unit's hyperplane: (n_neurons,).

        Inputs are measured in ``scale``, one number an input, so that units do not matter.
        Infinite for a unit whose form is constant over the region.
        """
        polytope = self.polytope()
        length = np.linalg.norm(polytope.weight * scale, axis=1)
        slack = np.maximum(polytope.bound - polytope.weight @ point, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(length > 0, slack / length, np.inf)
