"""Units that can be left out, merged or rescaled without a change of the function, on all of R^d.

Legend: unit ``i`` of a layer has incoming weights ``w_i`` and bias ``b_i``; ``v_i`` is its column
of the weights behind it, ``c`` the bias there.

    v_i = 0                                leave i out
    w_i = 0                                c += v_i h_i, with h_i = max(b_i, 0) or b_i; leave i out
    carried                                c += v_i b_i, b_i = 0
    [w_k, b_k] = s [w_i, b_i], s > 0       v_i += s v_k; leave k out (s < 0 too where both carry)
    a layer that only carries              [v w, v b + c]; leave the layer out
    s = ||w_i||_2                          w_i / s, b_i / s, s v_i; where i carries also the sign
"""

from dataclasses import dataclass, field

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray, dense
from explainrelu.errors import SizeError
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["Chain", "Change", "WorkingLayer"]

_MOST = 1 << 25  # weights of one layer: 256 MB written out


@dataclass(frozen=True, slots=True)
class Change:
    """One unit of the source that the result does without.

    Attributes
    ----------
    layer, neuron
        Its place in the source, counted from 0, carried units counted too.
    change
        ``unused``, ``constant``, ``merged`` or ``folded``.
    """

    layer: int
    neuron: int
    change: str


@dataclass(slots=True, eq=False)
class WorkingLayer:
    """A layer while it is rewritten; ``place`` says where its units stand in the source."""

    weight: FloatArray
    bias: FloatArray
    rectified: BoolArray
    number: int
    place: IntArray

    def keep(self, kept: BoolArray | IntArray) -> None:
        """Only these units, in this order."""
        self.weight, self.bias = self.weight[kept], self.bias[kept]
        self.rectified, self.place = self.rectified[kept], self.place[kept]


@dataclass(slots=True, eq=False)
class Chain:
    """The layers of a network as copies that may be changed, the output map last."""

    layers: list[WorkingLayer]
    tolerances: Tolerances
    changes: list[Change] = field(default_factory=list)

    @classmethod
    def of(cls, network: ReluNetwork, tolerances: Tolerances) -> "Chain":
        """Copies of a network's weights, written out.

        Raises
        ------
        SizeError
            Where a layer has too many weights to write out.
        """
        for layer in network.layers:
            if layer.weight.shape[0] * layer.weight.shape[1] > _MOST:
                raise SizeError(
                    f"A layer to rewrite must have at most {_MOST:,} weights, got "
                    f"{layer.weight.shape[0]:,} times {layer.weight.shape[1]:,}: every zero of it "
                    "is written out."
                )
        layers = [
            WorkingLayer(
                dense(layer.weight).copy(),
                layer.bias.copy(),
                layer.rectified.copy(),
                number,
                np.arange(layer.n_units),
            )
            for number, layer in enumerate(network.layers)
        ]
        output, n_outputs = network.output, network.n_outputs
        last = WorkingLayer(
            output.weight.copy(),
            output.bias.copy(),
            np.zeros(n_outputs, dtype=np.bool_),
            len(layers),
            np.arange(n_outputs),
        )
        return cls([*layers, last], tolerances)

    @property
    def hidden(self) -> list[WorkingLayer]:
        """The layers before the output map."""
        return self.layers[:-1]

    def clean(self) -> None:
        """Leave out and merge until nothing more can be: each round removes a unit or ends."""
        removed = -1
        while removed < len(self.changes):
            removed = len(self.changes)
            for i in reversed(range(len(self.layers) - 1)):
                self._drop_unused(i)
            for i in range(len(self.layers) - 1):
                self._fold_constants(i)
                self._merge(i)
            self._fold_carrying_layers()

    def scale(self) -> None:
        """Every unit's incoming weights to length 1, first layer to last."""
        for layer, after in zip(self.layers[:-1], self.layers[1:], strict=True):
            length = _lengths(layer.weight)
            length[np.abs(length - 1.0) <= self.tolerances.rounding] = 1.0
            length *= np.where(layer.rectified, 1.0, _signs(layer.weight))
            layer.weight = layer.weight / length[:, None] + 0.0
            layer.bias = layer.bias / length + 0.0
            after.weight = after.weight * length

    def sort(self) -> None:
        """Rectified units first, then by incoming weights and bias, first layer to last."""
        digits = max(0, round(-float(np.log10(self.tolerances.agreement))))
        for layer, after in zip(self.layers[:-1], self.layers[1:], strict=True):
            rows = np.round(np.column_stack([layer.weight, layer.bias]), digits) + 0.0
            order = np.lexsort((*reversed(rows.T), ~layer.rectified))
            layer.keep(order)
            after.weight = after.weight[:, order]

    def _leave_out(self, i: int, units: BoolArray, change: str) -> None:
        layer, after = self.layers[i], self.layers[i + 1]
        for place in layer.place[units]:
            self.changes.append(Change(layer.number, int(place), change))
        layer.keep(~units)
        after.weight = after.weight[:, ~units]

    def _drop_unused(self, i: int) -> None:
        used = np.asarray(self.layers[i + 1].weight.any(axis=0), dtype=np.bool_)
        self._leave_out(i, ~used, "unused")

    def _fold_constants(self, i: int) -> None:
        layer, after = self.layers[i], self.layers[i + 1]
        constant = ~np.asarray(layer.weight.any(axis=1), dtype=np.bool_)
        moved = constant | ~layer.rectified  # the bias of a carried unit stands behind it as well
        value = np.where(layer.rectified, np.maximum(layer.bias, 0.0), layer.bias)
        after.bias = after.bias + after.weight[:, moved] @ value[moved]
        layer.bias = np.where(moved, 0.0, layer.bias)
        self._leave_out(i, constant, "constant")

    def _merge(self, i: int) -> None:
        layer, after = self.layers[i], self.layers[i + 1]
        length = _lengths(layer.weight)
        length *= np.where(layer.rectified, 1.0, _signs(layer.weight))
        rows = np.column_stack([layer.weight, layer.bias]) / length[:, None]
        room = self.tolerances.rounding * np.maximum(1.0, np.abs(rows[:, -1]))
        merged = np.zeros(len(rows), dtype=np.bool_)
        for unit in range(len(rows)):
            if merged[unit]:
                continue
            near = (np.abs(rows - rows[unit]) <= room[unit]).all(axis=1) & ~merged
            near &= layer.rectified == layer.rectified[unit]
            near[: unit + 1] = False
            if near.any():
                near[unit] = True
                parts = after.weight[:, near] * (length[near] / length[unit])
                after.weight[:, unit] = _sums(parts, self.tolerances.rounding)
                near[unit] = False
                merged |= near
        self._leave_out(i, merged, "merged")

    def _fold_carrying_layers(self) -> None:
        for i in reversed(range(len(self.layers) - 1)):
            layer, after = self.layers[i], self.layers[i + 1]
            if layer.bias.size and not layer.rectified.any():
                for place in layer.place:
                    self.changes.append(Change(layer.number, int(place), "folded"))
                after.bias = after.bias + after.weight @ layer.bias
                after.weight = after.weight @ layer.weight
                del self.layers[i]


def _lengths(weight: FloatArray) -> FloatArray:
    """``||w||_2`` of each row, without overflow; 1 for a row of zeros."""
    largest = np.abs(weight).max(axis=1, initial=0.0)
    largest[largest == 0.0] = 1.0
    length: FloatArray = largest * np.linalg.norm(weight / largest[:, None], axis=1)
    return np.where(length == 0.0, 1.0, length)


def _signs(weight: FloatArray) -> FloatArray:
    """The sign of each row's first entry that is about as large as its largest."""
    if weight.size == 0:
        return np.ones(weight.shape[0])
    size = np.abs(weight)
    first = (size >= (1.0 - 1e-9) * size.max(axis=1, keepdims=True)).argmax(axis=1)
    return np.where(weight[np.arange(len(weight)), first] < 0, -1.0, 1.0)


def _sums(parts: FloatArray, rounding: float) -> FloatArray:
    """Sums of rows; zero where only the rounding of the terms is left."""
    total, size = parts.sum(axis=1), np.abs(parts).sum(axis=1)
    return np.where(np.abs(total) <= rounding * size, 0.0, total)
