"""What is known of each unit's sign over a domain: bounds, rows that were seen, and how.

A unit is stably inactive where ``z <= 0`` all over the domain and stably active where ``z >= 0``;
both up to ``boundary`` times the size of the terms of ``z``, which float64 cannot tell from zero.
"""

from collections.abc import Iterator
from enum import StrEnum

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, applied, frozen, magnitudes
from explainrelu.geometry.box import Box
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["Evidence", "UnitState"]


class UnitState(StrEnum):
    """What a rectified unit does over a domain."""

    ACTIVE = "stably active"
    INACTIVE = "stably inactive"
    UNSTABLE = "unstable"
    UNDECIDED = "undecided"


class Evidence:
    """Bounds and sightings of every unit, gathered by one proof after the other.

    Parameters
    ----------
    network
        Whose units.
    domain
        The box.
    bounds
        Sound bounds to start from.
    source
        How these were found, in a word.
    tolerances
        ``boundary`` decides what counts as zero.
    """

    def __init__(
        self, network: ReluNetwork, domain: Box, bounds: Bounds, source: str, tolerances: Tolerances
    ) -> None:
        self.network, self.domain = network, domain
        self.lower = [lower.copy() for lower in bounds.lower]
        self.upper = [upper.copy() for upper in bounds.upper]
        self._slack = _slacks(network, domain, bounds, tolerances)
        self._positive = [np.zeros(n, np.bool_) for n in network.widths]
        self._negative = [np.zeros(n, np.bool_) for n in network.widths]
        self._shown = [np.full(n, "", dtype=object) for n in network.widths]
        self._proven = [np.full(n, "", dtype=object) for n in network.widths]
        for i in range(len(network.layers)):
            self._note(i, source)

    @property
    def bounds(self) -> Bounds:
        """The bounds known by now; scores have none here."""
        ends = np.full(self.network.n_outputs, np.inf)
        return Bounds(
            tuple(frozen(lower.copy()) for lower in self.lower),
            tuple(frozen(upper.copy()) for upper in self.upper),
            -ends,
            ends,
        )

    def tighten(self, i: int, lower: FloatArray, upper: FloatArray, source: str) -> None:
        """Take further sound bounds of a layer, where they are tighter."""
        self.lower[i] = np.minimum(np.maximum(self.lower[i], lower), self.upper[i])
        self.upper[i] = np.maximum(np.minimum(self.upper[i], upper), self.lower[i])
        self._note(i, source)

    def bound_side(self, i: int, unit: int, sign: float, bound: float, source: str) -> None:
        """Take a bound of ``sign * z`` of one unit."""
        lower, upper = self.lower[i].copy(), self.upper[i].copy()
        if sign > 0:
            upper[unit] = bound
        else:
            lower[unit] = -bound
        self.tighten(i, lower, upper, source)

    def see(self, points: FloatArray, source: str) -> None:
        """Strike out what rows refute: a unit that is positive somewhere is not inactive."""
        for rows in self.network.row_chunks(points.shape[0]):
            for i, z in enumerate(self.network.preactivations(points[rows])):
                self._positive[i] |= (z > self._slack[i]).any(axis=0)
                self._negative[i] |= (z < -self._slack[i]).any(axis=0)
        for i, shown in enumerate(self._shown):
            shown[(shown == "") & self._positive[i] & self._negative[i]] = source

    def candidates(self, i: int) -> IntArray:
        """Units of a layer that neither bounds nor rows have settled."""
        states = self.states(i)
        return np.flatnonzero(states == UnitState.UNDECIDED).astype(np.int64)

    def open_sides(self, i: int) -> Iterator[tuple[int, float]]:
        """The units that are not settled and the sides they were not seen on: 1 or -1."""
        for unit in self.candidates(i).tolist():
            if not self._positive[i][unit]:
                yield unit, 1.0
            if not self._negative[i][unit]:
                yield unit, -1.0

    def slack(self, i: int, unit: int) -> float:
        """What counts as zero for a unit."""
        return float(self._slack[i][unit])

    def is_open(self, i: int, unit: int, sign: float) -> bool:
        """Whether it is not known if the unit reaches that side of zero."""
        seen = self._positive if sign > 0 else self._negative
        return bool(self.states(i)[unit] == UnitState.UNDECIDED and not seen[i][unit])

    def states(self, i: int) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
        """The state of each unit of a layer, None for carried ones: (n_units,)."""
        layer = self.network.layers[i]
        found = np.full(layer.n_units, UnitState.UNDECIDED, dtype=object)
        found[self._positive[i] & self._negative[i]] = UnitState.UNSTABLE
        found[self.lower[i] >= -self._slack[i]] = UnitState.ACTIVE
        found[self.upper[i] <= self._slack[i]] = UnitState.INACTIVE
        found[~layer.rectified] = None
        return found

    def unstable(self, i: int) -> BoolArray:
        """Units whose value is not affine in ``z``, as far as the bounds tell: (n_units,)."""
        layer = self.network.layers[i]
        return np.asarray(layer.rectified & (self.lower[i] < 0) & (self.upper[i] > 0))

    def proven_by(self, i: int, unit: int) -> str:
        """What settled a stable unit; empty for one that is not."""
        return str(self._proven[i][unit])

    def to_frame(self) -> pd.DataFrame:
        """One row a rectified unit: ``layer neuron lower upper state proven_by``."""
        rows = []
        for i, layer in enumerate(self.network.layers):
            states = self.states(i)
            for j in np.flatnonzero(layer.rectified):
                state = states[j]
                how = self._shown[i][j] if state is UnitState.UNSTABLE else self._proven[i][j]
                rows.append(
                    (i + 1, int(j) + 1, self.lower[i][j], self.upper[i][j], str(state), how)
                )
        columns = list(zip(*rows, strict=True)) or [()] * 6
        kinds = ("int64", "int64", "float64", "float64", "str", "str")
        names = ("layer", "neuron", "lower", "upper", "state", "proven_by")
        return pd.DataFrame(
            {
                name: pd.Series(list(column), dtype=kind)
                for name, column, kind in zip(names, columns, kinds, strict=True)
            }
        )

    def _note(self, i: int, source: str) -> None:
        """Remember what settled the units that the bounds settle now."""
        stable = (self.lower[i] >= -self._slack[i]) | (self.upper[i] <= self._slack[i])
        self._proven[i][stable & (self._proven[i] == "")] = source


def _slacks(
    network: ReluNetwork, domain: Box, bounds: Bounds, tolerances: Tolerances
) -> list[FloatArray]:
    """``boundary`` times the sum of the absolute terms of each unit, at most over the domain."""
    found = []
    size = np.maximum(np.abs(domain.lower), np.abs(domain.upper))
    for i, layer in enumerate(network.layers):
        scale = applied(magnitudes(layer.weight), size) + np.abs(layer.bias)
        found.append(tolerances.boundary * scale)
        values = (np.maximum(side[i], layer.floor) for side in (bounds.lower, bounds.upper))
        size = np.max([np.abs(value) for value in values], axis=0)
    return found
