"""The distinct affine forms of a list of cells.

A unit's preactivation under a pattern depends only on the bits of the layers before it, its
prefix. So the cells of a network share forms: layer ``l`` has one form for each of its
rectified units and each distinct prefix. ``K``, the number of distinct forms, is
``sum over l of (prefixes at l) * (rectified units of l)``.

A form ``g`` is written as ``g`` or turned round, as ``-g``. Its side ``<= 0`` is the closed one:
so turning it moves the points where it is zero to the cells on its other side.
"""

from dataclasses import dataclass, field

import numpy as np

from explainrelu.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    Matrix,
    applied,
    frozen,
    magnitudes,
)
from explainrelu.network.network import ReluNetwork

__all__ = ["CellForms", "FormPlace"]


@dataclass(frozen=True, slots=True)
class FormPlace:
    """Where a form comes from: ``unit`` of ``layer`` (both from 0), and its prefix there."""

    layer: int
    prefix: int
    unit: int


@dataclass(frozen=True, slots=True, eq=False)
class CellForms:
    """Which form belongs to which cell and unit.

    Attributes
    ----------
    network
        The source.
    patterns : (n_cells, n_neurons) bool
        The cells' activation patterns.
    prefixes
        For each layer ``(n_cells,)``: the number of the cell's prefix, from 0 in order of
        first appearance.
    turned : (n_forms,) bool
        Forms written with the opposite sign; none by default.
    idle : (n_forms,) bool
        Forms that ask nothing of their cells; none by default.
    """

    network: ReluNetwork
    patterns: BoolArray
    prefixes: tuple[IntArray, ...]
    turned: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    idle: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def __post_init__(self) -> None:
        for name in ("turned", "idle"):
            flags = getattr(self, name)
            flags = flags if flags.size else np.zeros(self.n_forms, dtype=np.bool_)
            object.__setattr__(self, name, frozen(flags))

    @classmethod
    def of(cls, network: ReluNetwork, patterns: BoolArray) -> "CellForms":
        """The forms of cells given by their patterns ``(n_cells, n_neurons)``."""
        prefixes, stop = [], 0
        for layer in network.layers:
            prefixes.append(_numbered(patterns[:, :stop]))
            stop += layer.n_rectified
        return cls(network, patterns, tuple(prefixes))

    @property
    def offsets(self) -> IntArray:
        """First form of each layer, and behind them the number of forms: (n_layers + 1,)."""
        counts = [
            (int(prefix.max(initial=-1)) + 1) * layer.n_rectified
            for prefix, layer in zip(self.prefixes, self.network.layers, strict=True)
        ]
        return np.cumsum([0, *counts])

    @property
    def n_forms(self) -> int:
        """``K``, the number of distinct forms."""
        return int(self.offsets[-1])

    def indices(self) -> IntArray:
        """The form of each unit in each cell: (n_cells, n_neurons)."""
        blocks = [np.zeros((self.patterns.shape[0], 0), dtype=np.int64)]
        for offset, prefix, layer in zip(
            self.offsets[:-1], self.prefixes, self.network.layers, strict=True
        ):
            units = np.arange(layer.n_rectified)
            blocks.append(offset + prefix[:, None] * layer.n_rectified + units)
        return np.concatenate(blocks, axis=1)

    def place(self, form: int) -> FormPlace:
        """Layer, prefix and rectified unit of a form."""
        layer = int(np.searchsorted(self.offsets, form, side="right")) - 1
        prefix, unit = divmod(
            form - int(self.offsets[layer]), self.network.layers[layer].n_rectified
        )
        return FormPlace(layer, prefix, unit)

    @property
    def above(self) -> BoolArray:
        """Which cells lie where the form, as it is written, is positive: (n_cells, n_neurons)."""
        return self.patterns ^ self.turned[self.indices()]

    def compose(self) -> tuple[FloatArray, FloatArray]:
        """Every form as it is written: ``weight (n_forms, n_inputs)`` and ``bias (n_forms,)``.

        Layer by layer, each prefix continuing from the one it extends. Cost O(sum over layers
        of prefixes * n_units * n_in * n_inputs).
        """
        n_inputs = self.network.n_inputs
        weights, biases = [np.zeros((0, n_inputs))], [np.zeros(0)]
        # hidden[p] is the map from inputs (and a constant, last column) to h before the layer
        hidden = np.eye(n_inputs, n_inputs + 1)[None]
        start = 0
        for number, layer in enumerate(self.network.layers):
            z = _mapped(layer.weight, hidden)
            z[:, :, -1] += layer.bias
            forms = z[:, layer.rectified].reshape(-1, n_inputs + 1)
            weights.append(forms[:, :-1])
            biases.append(forms[:, -1])
            if number + 1 < len(self.network.layers):
                hidden = self._continued(z, number, start)
            start += layer.n_rectified
        sign = np.where(self.turned, -1.0, 1.0)
        return np.concatenate(weights) * sign[:, None], np.concatenate(biases) * sign

    def term_sizes(self, reach: FloatArray) -> FloatArray:
        """The largest size of the terms that make each form where ``|x| <= reach``: (n_forms,).

        ``reach (n_inputs,)``. What rounding can change in a form is a small share of it.
        """
        sizes, hidden, start = [np.zeros(0)], reach[None, :, None], 0
        for number, layer in enumerate(self.network.layers):
            z = _mapped(magnitudes(layer.weight), hidden)
            z[:, :, 0] += np.abs(layer.bias)
            sizes.append(z[:, layer.rectified].ravel())
            if number + 1 < len(self.network.layers):
                hidden = self._continued(z, number, start)
            start += layer.n_rectified
        return np.concatenate(sizes)

    def _continued(self, z: FloatArray, number: int, start: int) -> FloatArray:
        """The maps behind layer ``number`` for each prefix of the next layer."""
        layer = self.network.layers[number]
        following = self.prefixes[number + 1]
        first = np.unique(following, return_index=True)[1]  # one cell of each following prefix
        mask = np.ones((first.size, layer.n_units))
        mask[:, layer.rectified] = self.patterns[first, start : start + layer.n_rectified]
        return z[self.prefixes[number][first]] * mask[:, :, None]


def _mapped(weight: Matrix, stack: FloatArray) -> FloatArray:
    """``weight @ matrix`` for each matrix of a stack."""
    if isinstance(weight, np.ndarray):
        return weight @ stack
    return np.stack([applied(weight, matrix) for matrix in stack])


def _numbered(bits: BoolArray) -> IntArray:
    """Equal rows get equal numbers, counted from 0 in order of first appearance."""
    if bits.shape[1] == 0:
        return np.zeros(bits.shape[0], dtype=np.int64)
    _, first, inverse = np.unique(
        np.packbits(bits, axis=1), axis=0, return_index=True, return_inverse=True
    )
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(first.size)
    numbers: IntArray = rank[inverse.ravel()]
    return numbers
