"""The terms ``T_s``: the first layers frozen at a pattern, the others as they are, less penalties.

For a pattern ``s`` of the frozen layers, ``T_s(x)`` is the score of the frozen network, minus (for
a maximum) or plus (for a minimum) ``sum_i M_i max(0, -(2 s_i - 1) z_{i,s}(x))``. All
preactivations of frozen layers and of the first layer behind them are affine in ``x``, so that
with at most the last hidden layer kept a term is a network of one hidden layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from explainrelu.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    applied,
    applied_to_rows,
    dense,
    frozen,
)
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import OutputSchema

__all__ = ["FrozenTerms"]

_CHUNK_VALUES = 1 << 20  # values of one intermediate array: 8 MB


@dataclass(frozen=True, slots=True, eq=False)
class FrozenTerms:
    """One term a pattern of the frozen layers, and one value a term and output.

    Attributes
    ----------
    network
        The source.
    bits : (n_terms, n_frozen_neurons) bool
        The patterns of the rectified units of the frozen layers.
    penalties
        For each frozen layer ``(n_outputs, n_rectified)``, not negative.
    upper
        Whether the terms lie above the network, which is then their minimum.
    """

    network: ReluNetwork
    bits: BoolArray
    penalties: tuple[FloatArray, ...]
    upper: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", frozen(np.array(self.bits, dtype=np.bool_)))

    def __len__(self) -> int:
        return int(self.bits.shape[0])

    @property
    def n_frozen(self) -> int:
        """Frozen layers, from the first."""
        return len(self.penalties)

    @property
    def keeps_affine_part(self) -> bool:
        """Whether a term adds an affine function of the inputs to its rectified units."""
        layers = self.network.layers
        return self.n_frozen == len(layers) or not bool(layers[-1].rectified.all())

    def n_units(self, output: int) -> int:
        """Rectified units of each term, two of them for an affine part; the same for every term."""
        paid = sum(int(np.count_nonzero(owed[output])) for owed in self.penalties)
        kept = 0
        if self.n_frozen < len(self.network.layers):
            rectified = self.network.layers[-1].rectified
            kept = int(np.count_nonzero(self.network.output.weight[output, rectified]))
        return paid + kept + 2 * self.keeps_affine_part

    def values(self, points: FloatArray, bits: BoolArray | None = None) -> FloatArray:
        """Every term at every point, all at once: ``(n_samples, n_terms, n_outputs)``.

        ``bits`` takes some of the terms. Cost O(n_samples * n_terms * number of weights).
        """
        bits = self.bits if bits is None else bits
        hidden, start = points[:, None, :], 0
        total: FloatArray = np.zeros((points.shape[0], bits.shape[0], self.network.n_outputs))
        for number, layer in enumerate(self.network.layers):
            z = _through(layer, hidden)
            if number >= self.n_frozen:
                hidden = layer.activate(z)
                continue
            stop = start + layer.n_rectified
            side = bits[:, start:stop]
            wrong = np.maximum(np.where(side, -1.0, 1.0) * z[:, :, layer.rectified], 0.0)
            total -= self._sign * (wrong @ self.penalties[number].T)
            hidden = z * _mask(layer, side)
            start = stop
        return total + hidden @ self.network.output.weight.T + self.network.output.bias

    def best(self, points: FloatArray) -> tuple[FloatArray, IntArray]:
        """The maximum (or minimum) of the terms and the first term that attains it.

        Both ``(n_samples, n_outputs)``. In blocks of points and terms of bounded memory.
        """
        shape = (points.shape[0], self.network.n_outputs)
        values, which = np.full(shape, -np.inf), np.zeros(shape, dtype=np.int64)
        for rows, terms in self._blocks(points.shape[0]):
            found = self._sign * self.values(points[rows], self.bits[terms])
            place = found.argmax(axis=1)
            found = np.take_along_axis(found, place[:, None, :], axis=1)[:, 0]
            better = found > values[rows]
            values[rows] = np.where(better, found, values[rows])
            which[rows] = np.where(better, place + terms.start, which[rows])
        return self._sign * values, which

    def exact_values(self, term: int, point: ExactArray) -> list[Fraction]:
        """One term at one point without rounding, a fraction an output."""
        hidden, start = point, 0
        total = ExactArray.of(self.network.output.bias)
        for number, layer in enumerate(self.network.layers):
            z = ExactArray.of(dense(layer.weight)) @ hidden + ExactArray.of(layer.bias)
            if number >= self.n_frozen:
                hidden = z.rows_where(z.positive | ~layer.rectified)
                continue
            stop = start + layer.n_rectified
            side = self.bits[term, start:stop]
            r = z.take(layer.rectified)
            wrong = ExactArray(np.maximum(np.where(side, -1, 1) * r.integers, 0), r.denominator)
            total = total + ExactArray.of(-self._sign * self.penalties[number]) @ wrong
            hidden = z.rows_where(_mask(layer, side) > 0)
            start = stop
        scores = ExactArray.of(self.network.output.weight) @ hidden + total
        return list(scores.fractions())

    def term(self, number: int, output: int) -> ReluNetwork:
        """One term of one output as a network of one hidden layer, every unit rectified."""
        weight, bias = np.eye(self.network.n_inputs), np.zeros(self.network.n_inputs)
        units, start = [], 0
        for place, layer in enumerate(self.network.layers):
            weight, bias = applied(layer.weight, weight), applied(layer.weight, bias) + layer.bias
            kept, forms = layer.rectified, np.column_stack([weight, bias])
            if place < self.n_frozen:
                stop = start + layer.n_rectified
                side = self.bits[number, start:stop]
                owed = -self._sign * self.penalties[place][output]
                units.append((np.where(side, -1.0, 1.0)[:, None] * forms[kept], owed))
                mask, start = _mask(layer, side), stop
            else:
                units.append((forms[kept], self.network.output.weight[output, kept]))
                mask = np.where(kept, 0.0, 1.0)
            weight, bias = weight * mask[:, None], bias * mask
        a = self.network.output.weight[output]
        slope, constant = a @ weight, float(a @ bias) + float(self.network.output.bias[output])
        if self.keeps_affine_part:  # t(x) = max(t, 0) - max(-t, 0)
            both = np.append(slope, 0.0) * np.array([[1.0], [-1.0]])
            units.append((both, np.array([1.0, -1.0])))
        return self._one_layer(units, constant, output)

    def _one_layer(
        self, units: list[tuple[FloatArray, FloatArray]], constant: float, output: int
    ) -> ReluNetwork:
        forms = np.concatenate([np.zeros((0, self.network.n_inputs + 1)), *(u[0] for u in units)])
        signs = np.concatenate([np.zeros(0), *(u[1] for u in units)])
        forms, signs = forms[signs != 0], signs[signs != 0]
        outputs = self.network.outputs
        return ReluNetwork(
            (Layer(forms[:, :-1], forms[:, -1], np.ones(signs.size, np.bool_)),),
            AffineMap(signs[None], np.array([constant])),
            self.network.schema,
            OutputSchema((outputs.names[output],), unit=outputs.unit),
            Origin("a term of the maximum of shallow networks"),
        )

    @property
    def _sign(self) -> float:
        return -1.0 if self.upper else 1.0

    def _blocks(self, n_samples: int) -> Iterator[tuple[slice, slice]]:
        widest = max(self.network.n_inputs, self.network.n_outputs, *self.network.widths, 1)
        room = max(1, _CHUNK_VALUES // widest)
        n_terms = min(len(self), max(1, room // max(1, min(n_samples, 64))))
        n_rows = max(1, room // max(1, n_terms))
        for first in range(0, len(self), max(1, n_terms)):
            terms = slice(first, min(first + n_terms, len(self)))
            for start in range(0, n_samples, n_rows):
                yield slice(start, min(start + n_rows, n_samples)), terms


def _through(layer: Layer, hidden: FloatArray) -> FloatArray:
    """``z`` of a layer for ``hidden (n_samples, n_terms, n_in)``, in a new array."""
    flat = applied_to_rows(layer.weight, hidden.reshape(-1, hidden.shape[2]))
    flat = flat + layer.bias
    return flat.reshape(*hidden.shape[:2], layer.n_units)


def _mask(layer: Layer, side: BoolArray) -> Any:
    """1 for carried units and active ones, 0 for inactive: ``(..., n_units)``."""
    mask = np.ones((*side.shape[:-1], layer.n_units))
    mask[..., layer.rectified] = side
    return mask
