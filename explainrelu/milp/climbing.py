"""Rows with extreme values of a layer's forms, found by climbing: witnesses, never proofs."""

from collections.abc import Sequence

import numpy as np

from explainrelu.arrays import FloatArray, Matrix, dense
from explainrelu.milp.rows import RowSpace
from explainrelu.network.network import Layer

__all__ = ["climbed", "values_behind"]

_STEPS = 4


def values_behind(layers: Sequence[Layer], points: FloatArray) -> FloatArray:
    """The values of the last of some layers at each point: (n_points, n_units)."""
    hidden = points
    for layer in layers:
        hidden = layer.activate(layer.preactivation(hidden))
    return hidden


def climbed(
    layers: Sequence[Layer], rows: RowSpace, weight: Matrix, bias: FloatArray, points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """For each form of a layer's values a row where it is large.

    Parameters
    ----------
    layers
        The layers whose last values the forms take.
    weight : (n_forms, n_units)
    bias : (n_forms,)
    points : (n_points, n_inputs)
        Rows to start from, at least one.

    Returns
    -------
    points : (n_forms, n_inputs)
        A row for each form: the best of the start, or one that climbing found.
    values : (n_forms,)
        The form there.

    Notes
    -----
    From the best row of each form to the best row of its own linear piece, while that helps, a
    few times over. Nothing is guaranteed of how large the values are, only that they are reached.
    Cost: a forward and a backward pass a step.
    """
    form = dense(weight)
    values = values_behind(layers, points) @ form.T + bias
    best = values.argmax(axis=0)
    found, reached = points[best], values[best, np.arange(bias.size)]
    for _ in range(_STEPS):
        tried = rows.highest(_slopes(layers, found, form))
        new = (values_behind(layers, tried) * form).sum(axis=1) + bias
        better = new > reached
        if not better.any():
            break
        found, reached = np.where(better[:, None], tried, found), np.where(better, new, reached)
    return found, reached


def _slopes(layers: Sequence[Layer], points: FloatArray, form: FloatArray) -> FloatArray:
    """The gradient of the i-th form at the i-th point: (n_forms, n_inputs)."""
    masks, hidden = [], points
    for layer in layers:
        z = layer.preactivation(hidden)
        masks.append((z > layer.floor).astype(np.float64))
        hidden = layer.activate(z)
    back = form
    for layer, mask in zip(reversed(layers), reversed(masks), strict=True):
        back = np.asarray((back * mask) @ layer.weight)
    return back
