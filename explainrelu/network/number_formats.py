"""The network in the number format its model computes in: which patterns rounding changes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import ByteArray, FloatArray, IntArray, entries
from explainrelu.errors import ArgumentError
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.network.patterns import activation_patterns

__all__ = ["NARROWER", "rows_of_other_pattern"]

_Singles = npt.NDArray[np.float32]


def rows_of_other_pattern(network: ReluNetwork, points: FloatArray, number_format: str) -> IntArray:
    """The rows whose activation pattern is another one where every number is rounded.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Encoded points.
    number_format
        ``float32``, ``float16`` or ``bfloat16``; ``float64`` gives no rows.

    Returns
    -------
    (n_rows,) int64
        Positions in ``points``, in order.

    Notes
    -----
    An estimate of the model's own arithmetic: weights and what each layer gives are rounded to
    the format and summed in float32, as torch and onnxruntime do, but where affine operators
    were composed the model rounds once more in between. Cost: two forward passes.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[-1.0], [0.0]])
    >>> rows_of_other_pattern(network, np.array([[2.0], [1.0 + 1e-12]]), "float32")
    array([1])
    """
    if number_format == "float64":
        return np.zeros(0, dtype=np.int64)
    if number_format not in NARROWER:
        known = ", ".join(("float64", *NARROWER))
        raise ArgumentError(f"number_format must be one of {known}, got {number_format!r}.")
    exact = activation_patterns(network, points)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is in another region
        rounded = _rounded_patterns(network, points, NARROWER[number_format])
    return np.flatnonzero((exact != rounded).any(axis=1))


def _rounded_patterns(
    network: ReluNetwork, points: FloatArray, rounded: Callable[[FloatArray], _Singles]
) -> ByteArray:
    packed = np.empty((points.shape[0], (network.n_neurons + 7) // 8), dtype=np.uint8)
    layers = [_rounded_layer(layer, rounded) for layer in network.layers]
    for rows in network.row_chunks(points.shape[0]):
        hidden, bits = rounded(points[rows]), []
        for layer, (weight, bias) in zip(network.layers, layers, strict=True):
            z = rounded(np.asarray(hidden @ weight.T) + bias)
            bits.append(z[:, layer.rectified] > 0.0)
            hidden = np.maximum(z, layer.floor.astype(np.float32))
        empty = np.zeros((hidden.shape[0], 0), dtype=np.bool_)
        packed[rows] = np.packbits(np.concatenate([empty, *bits], axis=1), axis=1)
    return packed


def _rounded_layer(layer: Layer, rounded: Callable[[FloatArray], _Singles]) -> tuple[Any, _Singles]:
    if isinstance(layer.weight, np.ndarray):
        return rounded(layer.weight), rounded(layer.bias)
    weight = layer.weight.astype(np.float32)
    weight.data = rounded(entries(layer.weight))
    return weight, rounded(layer.bias)


# ------------------------------------------------------------------------------------------
# Number formats, each as a rounding into float32, which holds all of them.


def _single(values: FloatArray) -> _Singles:
    return values.astype(np.float32)


def _half(values: FloatArray) -> _Singles:
    return values.astype(np.float16).astype(np.float32)


def _brain(values: FloatArray) -> _Singles:
    """bfloat16 is the upper half of a float32, rounded to nearest, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    bits = (bits + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


NARROWER: Mapping[str, Callable[[FloatArray], _Singles]] = MappingProxyType(
    {"float32": _single, "float16": _half, "bfloat16": _brain}
)
"""Number format -> the rounding to it."""
