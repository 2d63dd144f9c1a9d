"""The normal form: a chain of layers whose units are rectified or carried."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import (
    BoolArray,
    FloatArray,
    Matrix,
    applied_to_rows,
    dense,
    frozen,
    frozen_floats,
    frozen_matrix,
    magnitudes,
)
from explainrelu.certificate import Certificate
from explainrelu.errors import ArgumentError
from explainrelu.network.outputs import Link, OutputSchema, ScoreView
from explainrelu.network.schema import InputSchema

__all__ = ["AffineMap", "Layer", "Origin", "ReluNetwork"]

_CHUNK_VALUES = 1 << 17  # values of one intermediate array: 1 MB, which stays in cache


@dataclass(frozen=True, slots=True, eq=False)
class AffineMap:
    """``x -> weight @ x + bias`` with ``weight (n_out, n_in)`` and ``bias (n_out,)``."""

    weight: FloatArray
    bias: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_floats(self.weight, 2, "weight"))
        object.__setattr__(self, "bias", frozen_floats(self.bias, 1, "bias"))
        _check_rows(self.weight, self.bias)

    def __call__(self, points: FloatArray) -> FloatArray:
        """The map of points ``(n_samples, n_in)``, row by row."""
        return points @ self.weight.T + self.bias


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer: ``z = weight @ h + bias``, then ``max(z, 0)`` on the rectified units.

    Attributes
    ----------
    weight : (n_units, n_in)
        Dense, or in sparse rows where it is large with few entries other than zero, as that of
        a convolution (:func:`explainrelu.arrays.frozen_matrix`).
    bias : (n_units,)
    rectified : (n_units,) bool
        True for a rectified unit; the others are carried: they pass ``z`` on as it is.
    """

    weight: Matrix
    bias: FloatArray
    rectified: BoolArray
    floor: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        weight, bias = frozen_matrix(self.weight, "weight"), frozen_floats(self.bias, 1, "bias")
        _check_rows(weight, bias)
        rectified = np.array(self.rectified, dtype=np.bool_)
        if rectified.shape != bias.shape:
            raise ArgumentError(
                f"rectified must have one flag a unit ({bias.size}), got shape {rectified.shape}."
            )
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)
        object.__setattr__(self, "rectified", frozen(rectified))
        # max(z, -inf) = z: one broadcast maximum serves rectified and carried units alike
        object.__setattr__(self, "floor", frozen(np.where(rectified, 0.0, -np.inf)))

    @property
    def n_units(self) -> int:
        """Rectified and carried units together."""
        return int(self.bias.size)

    @property
    def n_rectified(self) -> int:
        """Rectified units, the ones that cut space."""
        return int(self.rectified.sum())

    def preactivation(self, hidden: FloatArray) -> FloatArray:
        """``z`` for ``hidden (n_samples, n_in)``, in a new array."""
        z = applied_to_rows(self.weight, hidden)
        z += self.bias
        return z

    def activate(self, z: FloatArray) -> FloatArray:
        """``h`` from ``z``, overwriting ``z``."""
        return np.maximum(z, self.floor, out=z)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a network came from.

    Attributes
    ----------
    kind
        The model that was imported, in words.
    folded
        The steps folded into the first layer, in order.
    assumptions
        What has to hold for the network to stand for the model (imputed values, ...).
    dtype
        The number format the model itself computes in.
    versions
        Package and version pairs that mattered.
    """

    kind: str = "arrays"
    folded: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    dtype: str = "float64"
    versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReluNetwork:
    """A piecewise-linear network in the one form every model becomes.

    For layer ``l`` with ``weight W``, ``bias b``: ``z = W h + b`` and ``h = max(z, 0)`` where
    the unit is rectified, ``h = z`` where it is carried; behind the last layer one affine
    output map gives the raw score. Calling the network encodes rows by its schema and
    returns that raw score: ``(n_samples,)`` for one output, else ``(n_samples, n_outputs)``.

    Attributes
    ----------
    layers
        The hidden layers, first to last.
    output
        The affine map behind them.
    schema
        How a person's rows become the inputs.
    outputs
        Names and meaning of the raw outputs.
    origin
        Where the network came from.
    certificate
        The importer's check of the network against the model's own scores.

    Notes
    -----
    Evaluation is in float64. Cost O(n_samples * number of weights), in chunks of bounded
    memory.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> network([[-1.0], [3.0]])
    array([1., 7.])
    """

    layers: tuple[Layer, ...]
    output: AffineMap
    schema: InputSchema
    outputs: OutputSchema
    origin: Origin = Origin()
    certificate: Certificate = Certificate()

    def __post_init__(self) -> None:
        widths = [self.schema.n_inputs, *(layer.n_units for layer in self.layers)]
        taken = [*(layer.weight.shape[1] for layer in self.layers), self.output.weight.shape[1]]
        for i, (given, wanted) in enumerate(zip(widths, taken, strict=True)):
            if given != wanted:
                raise ArgumentError(
                    f"Layer {i + 1} takes {wanted} values but what stands before it gives {given}."
                )
        if len(self.outputs.names) != self.n_outputs:
            raise ArgumentError(
                f"{self.n_outputs} outputs need {self.n_outputs} names, got {self.outputs.names}."
            )

    @classmethod
    def from_weights(
        cls,
        weights: Sequence[npt.ArrayLike],
        biases: Sequence[npt.ArrayLike],
        *,
        schema: InputSchema | None = None,
        outputs: OutputSchema | None = None,
    ) -> "ReluNetwork":
        """A plain chain from arrays: every hidden unit rectified, the last pair the output.

        Parameters
        ----------
        weights : each (n_out, n_in)
            One matrix a layer, the output's last (rows are units, as in torch).
        biases : each (n_out,)

        Raises
        ------
        ArgumentError
            Where the shapes do not chain or a value is not finite.
        """
        if len(weights) == 0 or len(weights) != len(biases):
            raise ArgumentError(
                "from_weights needs one bias a weight matrix and at least one of each, "
                f"got {len(weights)} and {len(biases)}."
            )
        maps = [
            AffineMap(frozen_floats(w, 2, "weight"), frozen_floats(b, 1, "bias"))
            for w, b in zip(weights, biases, strict=True)
        ]
        for i, (first, second) in enumerate(pairwise(maps)):
            if second.weight.shape[1] != first.weight.shape[0]:
                raise ArgumentError(
                    f"weights[{i + 1}] must have {first.weight.shape[0]} columns, "
                    f"got shape {second.weight.shape}."
                )
        return cls(
            layers=tuple(
                Layer(m.weight, m.bias, np.ones(m.bias.size, np.bool_)) for m in maps[:-1]
            ),
            output=maps[-1],
            schema=schema or InputSchema.numbered(maps[0].weight.shape[1]),
            outputs=outputs or OutputSchema.numbered(maps[-1].bias.size),
        )

    @property
    def n_inputs(self) -> int:
        """Inputs: numeric raw columns and one indicator for each level."""
        return self.schema.n_inputs

    @property
    def n_outputs(self) -> int:
        """Raw outputs."""
        return int(self.output.bias.size)

    @property
    def n_neurons(self) -> int:
        """Rectified units of all layers: the bits of an activation pattern."""
        return sum(layer.n_rectified for layer in self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return tuple(layer.n_units for layer in self.layers)

    @property
    def link(self) -> Link:
        """What was cut off behind the raw score."""
        return self.outputs.link

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every weight, bias and flag: the same numbers give the same text."""
        digest = sha256()
        arrays = [a for layer in self.layers for a in (layer.weight, layer.bias, layer.rectified)]
        for array in (*arrays, self.output.weight, self.output.bias):
            digest.update(str(array.shape).encode())
            for rows in _row_blocks(array):
                digest.update(rows)
        return digest.hexdigest()

    def with_classes(self, classes: Sequence[object]) -> "ReluNetwork":
        """The same network as a classifier whose scores are logits.

        For a file or module that ends in logits and does not say so.

        Parameters
        ----------
        classes
            One name a raw output; for a single output two, of which the second is chosen where the
            score is above 0.

        Raises
        ------
        ArgumentError
            For another number of classes, or two of the same name.

        Examples
        --------
        >>> network = ReluNetwork.from_weights([[[1.0]]], [[0.0]]).with_classes(["no", "yes"])
        >>> network.outputs.names, network.outputs.classes
        (('yes',), ('no', 'yes'))
        """
        return replace(self, outputs=OutputSchema.of_classes(classes, self.n_outputs))

    def __repr__(self) -> str:
        widths = "-".join(map(str, (self.n_inputs, *self.widths, self.n_outputs)))
        return f"ReluNetwork({widths}, from {self.origin.kind})"

    def __call__(self, X: Any) -> FloatArray:
        """Raw scores of raw rows: ``(n_samples,)`` or ``(n_samples, n_outputs)``."""
        scores = self.forward(self.schema.encode(X))
        return scores[:, 0] if self.n_outputs == 1 else scores

    def forward(self, points: FloatArray) -> FloatArray:
        """Raw scores ``(n_samples, n_outputs)`` of encoded points ``(n_samples, n_inputs)``."""
        scores = np.empty((points.shape[0], self.n_outputs))
        for rows in self.row_chunks(points.shape[0]):
            hidden = points[rows]
            for layer in self.layers:
                hidden = layer.activate(layer.preactivation(hidden))
            scores[rows] = self.output(hidden)
        return scores

    def preactivations(self, points: FloatArray) -> list[FloatArray]:
        """``z`` of every layer, each ``(n_samples, n_units)``, carried units included."""
        found, hidden = [], points
        for layer in self.layers:
            found.append(layer.preactivation(hidden))
            hidden = np.maximum(found[-1], layer.floor)
        return found

    def term_sizes(self, points: FloatArray) -> FloatArray:
        """The size of the terms that make each score: ``(n_samples, n_outputs)``.

        The forward pass with every weight, bias and hidden value by its absolute value. Rounding
        errors of a score are a small multiple of this times the float's precision.
        """
        size = np.abs(points)
        for layer in self.layers:
            size = applied_to_rows(magnitudes(layer.weight), size) + np.abs(layer.bias)
        return size @ np.abs(self.output.weight).T + np.abs(self.output.bias)

    def row_chunks(self, n_samples: int) -> Iterator[slice]:
        """Slices of rows such that no intermediate array grows beyond a few megabytes."""
        widest = max(self.n_inputs, self.n_outputs, *self.widths, 1)
        step = max(64, _CHUNK_VALUES // widest)
        for start in range(0, n_samples, step):
            yield slice(start, min(start + step, n_samples))

    def score_map(self, view: ScoreView) -> AffineMap:
        """The output map with the view's combination applied: ``(n_scores, n_units)``."""
        return AffineMap(view.matrix @ self.output.weight, view.matrix @ self.output.bias)


def _check_rows(weight: Matrix, bias: FloatArray) -> None:
    if bias.shape[0] != weight.shape[0]:
        raise ArgumentError(
            f"bias must have one value a row of weight ({weight.shape[0]}), got {bias.shape[0]}."
        )


def _row_blocks(array: Matrix | BoolArray) -> Iterator[bytes]:
    """The bytes of an array, the same whether it is dense or in sparse rows."""
    if isinstance(array, np.ndarray):
        yield array.tobytes()
        return
    step = max(1, _CHUNK_VALUES // max(1, array.shape[1]))
    for start in range(0, array.shape[0], step):
        yield dense(array[start : start + step]).tobytes()
