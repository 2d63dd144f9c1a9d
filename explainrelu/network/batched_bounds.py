"""Bounds of forms of the scores over many boxes at once, rounding included.

Legend: as in :mod:`explainrelu.network.back_substitution`, with a first axis for the boxes: a form
``F h + c`` of one layer's values is bounded from below by one of the layer before, the lines
``a z <= max(z, 0) <= s (z - l)`` put in by the sign of each coefficient, down to ``F x + c`` over
the inputs. What a unit's two lines lie apart costs at most ``|F| s (-l)``: its *gap*.

Rounding. ``size`` of a unit is its largest possible sum of absolute terms, ``|W| ... |W| |x| +
|b|`` at the corner of the domain farthest from zero. Every sum here has terms that together are at
most ``2 (depth + 2)`` times that, so that float64 errs by less than ``share * size``, with ``share
= 4 eps (depth + 2) (inputs + all units)``. Bounds of units are widened by that, and kept within
the size itself, before their lines are drawn, and those of the forms at the end: what is returned
bounds the network in real numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, applied, dense, magnitudes
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork

__all__ = ["BatchedBounds", "BoxBounds"]

_CHUNK_VALUES = 1 << 20  # values of one intermediate array: 8 MB


@dataclass(frozen=True, slots=True, eq=False)
class BoxBounds:
    """What is known of some forms over each of some boxes.

    Attributes
    ----------
    lower : (n_boxes, n_forms)
        No point of the box has a smaller value.
    slope : (n_boxes, n_forms, n_inputs)
        The coefficients of the affine form of the inputs that bounds each form from below.
    gap : (n_boxes, n_inputs)
        What the lines around the units cost all forms together, shared out over the inputs that
        the units' own forms depend on: halving the width of an input may win that much.
    n_unstable : (n_boxes,)
        Rectified units that these bounds leave open.
    """

    lower: FloatArray
    slope: FloatArray
    gap: FloatArray
    n_unstable: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The two lines around each unit of a layer: (n_boxes, n_units) each."""

    above: FloatArray
    offset: FloatArray
    below: FloatArray

    @classmethod
    def of(cls, rectified: "np.ndarray[tuple[int], np.dtype[np.bool_]]", lower: FloatArray,
           upper: FloatArray) -> "_Lines":  # fmt: skip
        passes = ~rectified | (lower >= 0)
        unstable = rectified & (lower < 0) & (upper > 0)
        width = np.where(unstable, upper - lower, 1.0)
        above = np.where(unstable, np.where(unstable, upper, 0.0) / width, passes)
        offset = np.where(unstable, -above * lower, 0.0)
        below = np.where(unstable, upper > -lower, passes).astype(np.float64)
        return cls(above, offset, below)


@dataclass(frozen=True, slots=True, eq=False)
class BatchedBounds:
    """Lower bounds of the forms ``weight @ scores - bound`` of a network, box after box.

    Parameters
    ----------
    network
        The network.
    domain
        A box that holds every box asked for; it sets the size of rounding errors.
    weight : (n_forms, n_outputs)
    bound : (n_forms,)

    Attributes
    ----------
    rounding : (n_forms,)
        What float64 may change in a form, anywhere in the domain.

    Notes
    -----
    Sound in real numbers, rounding included. Cost O(depth * number of weights * width) a box, as
    matrix products over all boxes.

    References
    ----------
    H. Zhang et al., "Efficient neural network robustness certification with general activation
    functions", NeurIPS 2018 (CROWN).

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    >>> forms = BatchedBounds(network, Box([-1.0], [1.0]), np.array([[1.0]]), np.array([0.5]))
    >>> forms.over(np.array([[-1.0], [0.75]]), np.array([[-0.75], [1.0]])).lower.round(6)
    array([[0.25],
           [0.25]])
    """

    network: ReluNetwork
    domain: Box
    weight: FloatArray
    bound: FloatArray
    rounding: FloatArray = field(init=False)
    _share: float = field(init=False, repr=False)
    _sizes: tuple[FloatArray, ...] = field(init=False, repr=False)
    _weights: tuple[FloatArray, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        network = self.network
        units = network.n_inputs + sum(network.widths) + network.n_outputs
        share = 4 * np.finfo(np.float64).eps * (len(network.layers) + 2) * units
        size = np.maximum(np.abs(self.domain.lower), np.abs(self.domain.upper))
        sizes = []
        with np.errstate(over="ignore", invalid="ignore"):
            for layer in network.layers:
                size = applied(magnitudes(layer.weight), size) + np.abs(layer.bias)
                sizes.append(size)
            last = np.abs(network.output.weight) @ size + np.abs(network.output.bias)
            last = share * (np.abs(self.weight) @ last + np.abs(self.bound))
        object.__setattr__(self, "rounding", np.where(np.isnan(last), np.inf, last))
        object.__setattr__(self, "_sizes", tuple(sizes))
        object.__setattr__(self, "_share", share)
        object.__setattr__(self, "_weights", tuple(dense(part.weight) for part in network.layers))

    @property
    def batch(self) -> int:
        """How many boxes may be bounded at once in bounded memory."""
        widest = max(1, self.network.n_inputs, *self.network.widths, self.bound.size)
        return int(max(1, min(256, _CHUNK_VALUES // (2 * widest * widest))))

    def over(self, lower: FloatArray, upper: FloatArray) -> BoxBounds:
        """The bounds over boxes given by their corners, (n_boxes, n_inputs) each."""
        with np.errstate(over="ignore", invalid="ignore"):
            found = [self._over(lower[rows], upper[rows]) for rows in self._chunks(len(lower))]
        return BoxBounds(
            np.concatenate([part.lower for part in found]),
            np.concatenate([part.slope for part in found]),
            np.concatenate([part.gap for part in found]),
            np.concatenate([part.n_unstable for part in found]),
        )

    def _chunks(self, n_boxes: int) -> Iterator[slice]:
        return (slice(start, start + self.batch) for start in range(0, max(n_boxes, 1), self.batch))

    def _over(self, lower: FloatArray, upper: FloatArray) -> BoxBounds:
        lines: list[_Lines] = []
        reaches: list[FloatArray] = []
        n_unstable = np.zeros(len(lower), dtype=np.int64)
        width = upper - lower
        for layer, weight, size in zip(
            self.network.layers, self._weights, self._sizes, strict=True
        ):
            n, most, error = layer.n_units, (1 + self._share) * size, self._share * size
            both = np.vstack([weight, -weight]), np.r_[layer.bias, -layer.bias]
            ends, form, _ = self._back(*both, lines, lower, upper)
            low = np.fmax(ends[:, :n] - error, -most)  # what is no number says nothing
            high = np.fmin(error - ends[:, n:], most)
            n_unstable += (layer.rectified & (low < 0) & (high > 0)).sum(axis=1)
            lines.append(_Lines.of(layer.rectified, low, high))
            reach = (np.abs(form[:, :n]) + np.abs(form[:, n:])) * width[:, None, :]
            total = reach.sum(axis=2, keepdims=True)
            reaches.append(np.divide(reach, total, out=np.zeros_like(reach), where=total > 0))
        output = self.network.output
        ends, form, gaps = self._back(
            self.weight @ output.weight,
            self.weight @ output.bias - self.bound,
            lines,
            lower,
            upper,
        )
        gap = np.zeros_like(lower)
        for cost, reach in zip(gaps, reaches, strict=True):
            gap += np.matmul(cost[:, None, :], reach)[:, 0]
        least = np.where(np.isfinite(ends), ends - self.rounding, -np.inf)
        return BoxBounds(np.where(np.isnan(least), -np.inf, least), form, gap, n_unstable)

    def _back(
        self,
        weight: FloatArray,
        bias: FloatArray,
        lines: Sequence[_Lines],
        lower: FloatArray,
        upper: FloatArray,
    ) -> tuple[FloatArray, FloatArray, list[FloatArray]]:
        """The least value of each form, its form of the inputs, and the gap of each unit."""
        n_boxes = len(lower)
        form = np.broadcast_to(weight, (n_boxes, *weight.shape))
        constant, gaps = np.broadcast_to(bias, (n_boxes, bias.size)), []
        for i in reversed(range(len(lines))):
            part, layer = lines[i], self.network.layers[i]
            negative = np.minimum(form, 0.0)
            constant = constant + np.matmul(negative, part.offset[:, :, None])[:, :, 0]
            gaps.append(np.abs(form).sum(axis=1) * part.offset)
            form = (form - negative) * part.below[:, None, :] + negative * part.above[:, None, :]
            constant = constant + form @ layer.bias
            flat = form.reshape(n_boxes * bias.size, layer.n_units) @ self._weights[i]
            form = flat.reshape(n_boxes, bias.size, -1)
        middle, half = 0.5 * (lower + upper), 0.5 * (upper - lower)
        least = np.matmul(form, middle[:, :, None])[:, :, 0] + constant
        least = least - np.matmul(np.abs(form), half[:, :, None])[:, :, 0]
        return least, form, gaps[::-1]
