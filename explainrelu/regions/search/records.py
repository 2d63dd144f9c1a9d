"""What a search hands over: regions, a node as a caller sees it, a part for another process."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import BoolArray, ByteArray, FloatArray
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.network import ReluNetwork

__all__ = ["Found", "SearchNode", "Subtree"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Regions as the search gives them.

    Attributes
    ----------
    n_regions
        How many; where nothing is stored the arrays are empty.
    patterns : (n_regions, n_bytes) uint8
    points : (n_regions, n_free)
        A point of each on the cube.
    radii : (n_regions,)
        Radius of a ball around it that lies in the region.
    """

    n_regions: int
    patterns: ByteArray
    points: FloatArray
    radii: FloatArray

    @classmethod
    def none(cls, network: ReluNetwork) -> "Found":
        """No regions, in arrays of the right widths."""
        n_bytes, n_inputs = (network.n_neurons + 7) // 8, network.n_inputs
        return cls(0, np.zeros((0, n_bytes), np.uint8), np.zeros((0, n_inputs)), np.zeros(0))

    def first(self, n_regions: int) -> "Found":
        """The first ones."""
        some = slice(n_regions)
        return Found(n_regions, self.patterns[some], self.points[some], self.radii[some])

    def replaced(self, points: FloatArray, kept: BoolArray, store: bool) -> "Found":
        """Those that are kept, with other points; their number alone without ``store``."""
        n_regions = int(kept.sum())
        kept = kept if store else np.zeros_like(kept)
        return Found(n_regions, self.patterns[kept], points[kept], self.radii[kept])


@dataclass(frozen=True, slots=True, eq=False)
class SearchNode:
    """A polytope in which all layers before one are affine, as a caller sees it.

    Attributes
    ----------
    network
        The network that is searched.
    layer
        Position of the layer that is entered.
    pattern : (n_before,) bool
        One bit for each rectified unit of the layers before.
    weight : (n_units, n_inputs)
    bias : (n_units,)
        The preactivations of the layer there: ``weight @ x + bias``.
    polytope
        Where that holds.
    """

    network: ReluNetwork
    layer: int
    pattern: BoolArray
    weight: FloatArray
    bias: FloatArray
    polytope: Polytope


@dataclass(frozen=True, slots=True, eq=False)
class Subtree:
    """A node and all below it: what a search elsewhere needs to go on from there."""

    rows: FloatArray
    bound: FloatArray
    arrays: dict[str, npt.NDArray[Any]]
