"""The surroundings of many rows: where each may be moved, and bounds of what the network does.

Legend: row ``i`` is moved to ``x_i + scale * s`` with ``|s| <= r_i`` and ``low_i <= s <= high_i``,
``s`` over the inputs that move. The first affine map reads ``first @ s + offset_i`` there. Bounds
go back through the layers as in :mod:`explainrelu.network.back_substitution`, for all rows at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, applied_to_rows, dense
from explainrelu.audits.boundary.decisions import Decision
from explainrelu.audits.boundary.norms import Norm
from explainrelu.network.network import Layer

__all__ = ["Neighbourhoods", "UnitBounds"]

_CHUNK_VALUES = 1 << 20  # values of one array of forms: 8 MB


@dataclass(frozen=True, slots=True, eq=False)
class UnitBounds:
    """Bounds of the preactivations of one layer around each row: (n_rows, n_units) each."""

    layer: Layer
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhoods:
    """Rows, and how each of them may be moved.

    Attributes
    ----------
    decision
        What is decided of a row.
    norm
        How a step is measured.
    points : (n_rows, n_inputs)
    own : (n_rows,)
        The class of each row.
    moved : (n_moved,)
        The inputs that move.
    scale : (n_moved,)
        One step of each in raw units.
    low, high : (n_rows, n_moved)
        The steps that stay in the domain; infinite where there is none.
    """

    decision: Decision
    norm: Norm
    points: FloatArray
    own: IntArray
    moved: IntArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return int(self.points.shape[0])

    def at(self, rows: IntArray, steps: FloatArray) -> FloatArray:
        """The points that rows are moved to: (n_steps, n_inputs)."""
        points = self.points[rows]
        points[:, self.moved] += self.scale * steps
        return points

    def margins(self, rows: IntArray, steps: FloatArray) -> FloatArray:
        """The margins of the rows' own classes after a step: (n_steps, n_classes)."""
        return self.decision.margins(self.at(rows, steps), self.own[rows])

    def slopes(self, rows: IntArray, steps: FloatArray, rivals: IntArray) -> FloatArray:
        """By how much the margin over a rival grows a step, at each place: (n_steps, n_moved)."""
        network, hidden = self.decision.network, self.at(rows, steps)
        masks = []
        for layer in network.layers:
            z = layer.preactivation(hidden)
            masks.append(z > layer.floor)
            hidden = layer.activate(z)
        back = network.output.weight[self.own[rows]] - network.output.weight[rivals]
        for layer, mask in zip(reversed(network.layers), reversed(masks), strict=True):
            back = np.asarray((back * mask) @ layer.weight)
        return np.asarray(back[:, self.moved] * self.scale)

    def unit_bounds(self, rows: IntArray, radius: FloatArray) -> list[UnitBounds]:
        """Sound bounds of every preactivation around some rows.

        Parameters
        ----------
        radius : (n_rows,)
        """
        known: list[UnitBounds] = []
        for layer in self.decision.network.layers:
            weight = dense(layer.weight)
            both = np.vstack([weight, -weight])[None]
            constant = np.tile(np.concatenate([layer.bias, -layer.bias]), (rows.size, 1))
            least = self.least(rows, radius, known, both, constant)
            lower, upper = least[:, : layer.n_units], -least[:, layer.n_units :]
            known.append(UnitBounds(layer, np.minimum(lower, upper), np.maximum(lower, upper)))
        return known

    def margin_bounds(self, rows: IntArray, radius: FloatArray) -> FloatArray:
        """No step of that size brings a margin below this: (n_rows, n_classes)."""
        found = np.empty((rows.size, len(self.decision.classes)))
        for part in self._chunks(rows.size):
            known = self.unit_bounds(rows[part], radius[part])
            found[part] = self.least_margins(rows[part], radius[part], known)
        return found

    def least_margins(
        self, rows: IntArray, radius: FloatArray, known: Sequence[UnitBounds]
    ) -> FloatArray:
        """:meth:`margin_bounds` from bounds of the units."""
        output, own = self.decision.network.output, self.own[rows]
        form = output.weight[own][:, None, :] - output.weight
        least = self.least(rows, radius, known, form, output.bias[own][:, None] - output.bias)
        least[np.arange(rows.size), own] = np.inf
        return least

    def least(
        self,
        rows: IntArray,
        radius: FloatArray,
        known: Sequence[UnitBounds],
        form: FloatArray,
        constant: FloatArray,
    ) -> FloatArray:
        """Lower bounds of ``form @ h + constant`` for the values ``h`` behind the known layers.

        Parameters
        ----------
        form : (n_rows or 1, n_forms, n_units)
        constant : (n_rows, n_forms)

        Returns
        -------
        (n_rows, n_forms)
        """
        best = np.full(constant.shape, -np.inf)
        for bounds in reversed(known):
            layer = bounds.layer
            floor = layer.floor
            values = np.maximum(bounds.lower, floor), np.maximum(bounds.upper, floor)
            positive, negative = np.maximum(form, 0.0), np.minimum(form, 0.0)
            plain = _summed(positive, values[0]) + _summed(negative, values[1]) + constant
            best = np.maximum(best, plain)
            above, offset, below = _lines(bounds)
            constant = constant + _summed(negative, offset)
            form = positive * below[:, None, :] + negative * above[:, None, :]
            constant = constant + form @ layer.bias
            flat = np.asarray(form.reshape(-1, layer.n_units) @ layer.weight)
            form = flat.reshape(*form.shape[:2], -1)
        here = np.matmul(form, self.points[rows][:, :, None])[:, :, 0] + constant
        steps = form[:, :, self.moved] * self.scale
        return np.asarray(np.maximum(best, here + self._least_over_steps(rows, radius, steps)))

    def _least_over_steps(
        self, rows: IntArray, radius: FloatArray, slopes: FloatArray
    ) -> FloatArray:
        """The least of ``slopes @ s`` over the steps of each row.

        A lower bound of it where a norm other than the largest step and a domain both limit them.
        """
        low = np.maximum(self.low[rows], -radius[:, None])
        high = np.minimum(self.high[rows], radius[:, None])
        found = _summed(np.maximum(slopes, 0.0), low) + _summed(np.minimum(slopes, 0.0), high)
        if self.norm is Norm.LINF:
            return found
        return np.maximum(found, -radius[:, None] * self.norm.dual_length(slopes))

    def _chunks(self, n_rows: int) -> list[slice]:
        network = self.decision.network
        widths = [network.n_inputs, *network.widths, network.n_outputs]
        largest = max(2 * a * b for a, b in zip(widths[1:], widths[:-1], strict=True))
        step = max(1, _CHUNK_VALUES // max(1, largest, 2 * max(widths) ** 2))
        return [slice(start, start + step) for start in range(0, n_rows, step)]


def _summed(form: FloatArray, values: FloatArray) -> FloatArray:
    """``form[i] @ values[i]`` for each row: (n_rows, n_forms)."""
    if form.shape[0] == 1:
        return np.asarray(applied_to_rows(form[0], values))
    return np.asarray(np.matmul(form, values[:, :, None])[:, :, 0])


def _lines(bounds: UnitBounds) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slope and offset of the line above each unit, slope of the one below."""
    lower, upper = bounds.lower, bounds.upper
    passes = ~bounds.layer.rectified | (lower >= 0)
    unstable = bounds.layer.rectified & (lower < 0) & (upper > 0)
    width = np.where(unstable, upper - lower, 1.0)
    above = np.where(unstable, upper / width, passes.astype(np.float64))
    offset = np.where(unstable, -above * lower, 0.0)
    below = np.where(unstable, (upper > -lower).astype(np.float64), above)
    return above, offset, below
