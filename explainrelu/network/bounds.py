"""Interval bounds of preactivations over a box."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, Matrix, applied
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork

__all__ = ["Bounds", "check_box", "interval_bounds"]


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Sound bounds over a box.

    Attributes
    ----------
    lower, upper
        One array a layer, ``(n_units,)``: every preactivation over the box lies between.
    output_lower, output_upper : (n_outputs,)
        The same for the raw scores.
    """

    lower: tuple[FloatArray, ...]
    upper: tuple[FloatArray, ...]
    output_lower: FloatArray
    output_upper: FloatArray


def interval_bounds(network: ReluNetwork, box: Box) -> Bounds:
    """Bounds by interval arithmetic, layer by layer.

    With ``W = W+ - W-`` split by sign, ``upper = W+ u - W- l + b`` and
    ``lower = W+ l - W- u + b``, then ``max(., 0)`` on rectified units.

    Returns
    -------
    Bounds
        Sound but not tight: a bound, never an estimate (up to float64 rounding).

    Raises
    ------
    ArgumentError
        Where the box has another number of inputs than the network.

    Notes
    -----
    Cost: four matrix-vector products a layer.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, -1.0]], [[1.0]]], [[0.0], [0.0]])
    >>> interval_bounds(network, Box([0, 0], [1, 1])).output_upper
    array([1.])
    """
    check_box(network, box)
    lower, upper = box.lower, box.upper
    lowers, uppers = [], []
    for layer in network.layers:
        lower, upper = _through(layer.weight, layer.bias, lower, upper)
        lowers.append(lower)
        uppers.append(upper)
        lower, upper = np.maximum(lower, layer.floor), np.maximum(upper, layer.floor)
    last = _through(network.output.weight, network.output.bias, lower, upper)
    return Bounds(tuple(lowers), tuple(uppers), *last)


def check_box(network: ReluNetwork, box: Box) -> None:
    """Raise where a box has another number of inputs than the network.

    Raises
    ------
    ArgumentError
    """
    if box.n_inputs != network.n_inputs:
        raise ArgumentError(
            f"The box must have the network's {network.n_inputs} inputs, got {box.n_inputs}. "
            "Box.from_data(X, schema=network.schema) makes one from raw rows."
        )


def _through(
    weight: Matrix, bias: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    positive, negative = _part(weight, 1.0), _part(weight, -1.0)
    return (
        applied(positive, lower) - applied(negative, upper) + bias,
        applied(positive, upper) - applied(negative, lower) + bias,
    )


def _part(weight: Matrix, sign: float) -> Matrix:
    """The entries of one sign, as numbers that are not negative."""
    if isinstance(weight, np.ndarray):
        return np.maximum(sign * weight, 0.0)
    part = weight.copy()
    part.data = np.maximum(sign * part.data, 0.0)
    return part
