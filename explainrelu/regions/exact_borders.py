"""Inner points and borders of regions in exact rationals.

Every weight and every coordinate in float64 is the fraction it stands for. An inner point of a
region is one where every unit is strictly on the side of its bit, or inactive and zero throughout.
Of a border a point near the one that was found is moved along one axis until the border's form is
exactly zero; where all other forms that are zero there are multiples of it, the point lies in the
border's relative interior, and the slopes of the preactivations along that axis tell, without
rounding, which pattern holds beyond.

A unit that float64 takes for zero throughout a region, because terms cancel, may be something of
the size of a rounding in fractions, and have another bit. Where only such units make a difference
nothing is said to be wrong, and nothing to be proven.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, ByteArray, FloatArray, IntArray, dense
from explainrelu.geometry.box import Box
from explainrelu.network.exact import ExactArray, exact_forms
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.borders import halfspaces_on_the_cube

__all__ = ["BorderCount", "active_but_zero", "exact_borders"]


@dataclass(frozen=True, slots=True)
class BorderCount:
    """How borders turned out.

    Attributes
    ----------
    n_borders
        Borders looked at.
    n_unlisted
        Those that lead to a pattern which is not listed.
    n_doubtful
        Those that could not be decided, and inner points that could not.
    n_outside
        Inner points that lie on a border or outside their region.
    """

    n_borders: int = 0
    n_unlisted: int = 0
    n_doubtful: int = 0
    n_outside: int = 0

    def __add__(self, other: "BorderCount") -> "BorderCount":
        return BorderCount(
            self.n_borders + other.n_borders,
            self.n_unlisted + other.n_unlisted,
            self.n_doubtful + other.n_doubtful,
            self.n_outside + other.n_outside,
        )


def exact_borders(
    network: ReluNetwork,
    bits: BoolArray,
    box: Box,
    centres: FloatArray,
    border_of: IntArray,
    border_unit: IntArray,
    border_points: FloatArray,
    locate: Callable[[ByteArray], IntArray],
) -> tuple[BorderCount, ByteArray]:
    """Check inner points and borders of some regions.

    Parameters
    ----------
    bits : (n_regions, n_neurons)
    centres : (n_regions, n_inputs)
        A point inside each.
    border_of, border_unit : (n_borders,)
        For each border its region, in increasing order, and a unit that makes it.
    border_points : (n_borders, n_inputs)
        A point on each, up to rounding.
    locate
        Finds packed patterns in the set, -1 where one is not listed.

    Returns
    -------
    count
    unlisted : (n_unlisted, n_bytes) uint8
        The patterns that those borders lead to.

    Notes
    -----
    Cost: integer matrix products over the network for each region and each border, of the order
    of a millisecond for a few dozen units.
    """
    layers = [_ExactLayer.of(layer.weight, layer.bias, layer.rectified) for layer in network.layers]
    first = np.searchsorted(border_of, np.arange(bits.shape[0] + 1))
    noise = halfspaces_on_the_cube(network, bits, box)[2]
    n_outside = n_doubtful = 0
    across = [np.zeros((0, bits.shape[1]), dtype=np.bool_)]
    for i, pattern in enumerate(bits):
        weight, bias = exact_forms(network, pattern)[0]
        forms = _Forms(weight, bias, np.where(pattern, 1, -1).astype(object), box)
        astray = forms.astray(centres[i])
        if astray.any() or not box.contains(centres[i][None])[0]:
            only_noise = bool((astray <= noise[i]).all() and not forms.zero_but_active(centres[i]))
            n_doubtful += only_noise
            n_outside += not only_noise
        for e in range(first[i], first[i + 1]):
            found = forms.way_out(int(border_unit[e]), border_points[e])
            if found is None:
                n_doubtful += 1
            else:
                across.append(_pattern_beyond(layers, *found)[None])
    beyond = np.concatenate(across)
    lost = beyond[locate(np.packbits(beyond, axis=1)) < 0]
    without_noise = lost & ~halfspaces_on_the_cube(network, lost, box)[2]
    doubtful = (locate(np.packbits(without_noise, axis=1)) >= 0) & (lost != without_noise).any(
        axis=1
    )
    unlisted = np.packbits(lost[~doubtful], axis=1)
    n_doubtful += int(doubtful.sum())
    return BorderCount(border_of.size, unlisted.shape[0], n_doubtful, n_outside), unlisted


def active_but_zero(network: ReluNetwork, pattern: BoolArray, box: Box, point: FloatArray) -> bool:
    """Whether a pattern calls a unit active that is exactly zero all over the region of a point.

    Parameters
    ----------
    pattern : (n_neurons,)
    point : (n_inputs,)
    """
    weight, bias = exact_forms(network, pattern)[0]
    side = np.where(pattern, 1, -1).astype(object)
    return _Forms(weight, bias, side, box).zero_but_active(point)


@dataclass(frozen=True, slots=True, eq=False)
class _ExactLayer:
    weight: ExactArray
    bias: ExactArray
    rectified: BoolArray

    @classmethod
    def of(cls, weight: Any, bias: FloatArray, rectified: BoolArray) -> "_ExactLayer":
        return cls(ExactArray.of(dense(weight)), ExactArray.of(bias), rectified)


@dataclass(frozen=True, slots=True, eq=False)
class _Forms:
    """The exact forms of a pattern, with the side that each asks for."""

    weight: ExactArray
    bias: ExactArray
    side: "np.ndarray[Any, np.dtype[np.object_]]"
    box: Box

    def at(self, point: ExactArray) -> Any:
        """Integers with the signs of the preactivations on the side of the bits."""
        return (self.weight @ point + self.bias).integers * self.side

    def astray(self, point: FloatArray) -> BoolArray:
        """Units not strictly on the side of their bit, unless inactive and zero throughout."""
        heights = self.at(ExactArray.of(point))
        right = (heights > 0) | (self._constant & (heights == 0) & (self.side < 0))
        return np.asarray(~right.astype(np.bool_), dtype=np.bool_)

    def zero_but_active(self, point: FloatArray) -> bool:
        """Whether a unit that is zero throughout has the bit of an active one."""
        heights = self.at(ExactArray.of(point))
        return bool((self._constant & (heights == 0) & (self.side > 0)).any())

    @property
    def _constant(self) -> BoolArray:
        weights = self.weight.integers[:, ~self.box.fixed]
        return np.asarray((weights == 0).all(axis=1), dtype=np.bool_)

    def way_out(self, unit: int, point: FloatArray) -> tuple[ExactArray, ExactArray] | None:
        """A point in the relative interior of a unit's border, and an axis that leaves there."""
        free = np.flatnonzero(~self.box.fixed)
        form = self.weight.integers[unit]
        # the axis along which the form changes most over the box takes the smallest step
        change = [abs(float(Fraction(form[k], self.weight.denominator))) for k in free]
        axis = int(free[np.argmax(change * self.box.half_width[free])])
        if form[axis] == 0:
            return None
        exact = [Fraction(value) for value in point.tolist()]
        height = sum(
            (Fraction(f, self.weight.denominator) * x for f, x in zip(form, exact, strict=True)),
            Fraction(self.bias.integers[unit], self.bias.denominator),
        )
        exact[axis] -= height * self.weight.denominator / form[axis]
        if not self._inside_the_box(exact, free) or not self._only(unit, axis, exact, free):
            return None
        direction = np.zeros(point.size, dtype=object)
        direction[axis] = -1 if form[axis] * self.side[unit] > 0 else 1
        return ExactArray.of(np.array(exact, dtype=object)), ExactArray.of(direction)

    def _inside_the_box(self, exact: list[Fraction], free: IntArray) -> bool:
        return all(self.box.lower[k] < exact[k] < self.box.upper[k] for k in free)

    def _only(self, unit: int, axis: int, exact: list[Fraction], free: IntArray) -> bool:
        """Whether every unit holds, and those that are zero are so on all of the border."""
        heights = self.at(ExactArray.of(np.array(exact, dtype=object)))
        if (heights < 0).any():
            return False
        form = self.weight.integers[unit]
        zero = self.weight.integers[heights == 0][:, free]
        across = self.weight.integers[heights == 0][:, axis]
        return bool((zero * form[axis] == across[:, None] * form[free]).all())


def _pattern_beyond(
    layers: list[_ExactLayer], point: ExactArray, direction: ExactArray
) -> BoolArray:
    """The bits a small step away: signs of the values, or of slopes where these are zero."""
    value, slope, bits = point, direction, [np.zeros(0, dtype=np.bool_)]
    for layer in layers:
        value, slope = layer.weight @ value + layer.bias, layer.weight @ slope
        zero = np.asarray(value.integers == 0, dtype=np.bool_)
        active = value.positive | (zero & slope.positive)
        bits.append(active[layer.rectified])
        passed = active | ~layer.rectified
        value, slope = value.rows_where(passed), slope.rows_where(passed)
    return np.concatenate(bits)
