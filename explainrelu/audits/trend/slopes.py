"""The slopes of a score: bounds over a box, and at points.

Legend: with the pattern of a point in the diagonal matrices ``D_l`` the gradient is
``V A D_L W_L ... D_1 W_1``. Over a box the entries of ``D_l`` are 1 for units that are stably
active or carried, 0 for those stably inactive, and anything from 0 to 1 for the others; the product
of such interval matrices, from the output back, bounds the gradient of every region in the box.
"""

from itertools import product

import numpy as np

from explainrelu.arrays import FloatArray, Matrix, magnitudes
from explainrelu.geometry.box import Box
from explainrelu.milp.rows import RowSpace
from explainrelu.network.back_substitution import back_substituted_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.patterns import activation_patterns, affine_maps
from explainrelu.network.schema import InputSchema
from explainrelu.tolerances import Tolerances

__all__ = ["level_boxes", "negligible_slopes", "slope_bounds", "slopes_at"]


def slope_bounds(
    network: ReluNetwork, score: AffineMap, boxes: list[Box]
) -> tuple[FloatArray, FloatArray]:
    """Bounds of every slope over the union of some boxes.

    Parameters
    ----------
    score
        The map behind the last layer, one row a score.

    Returns
    -------
    lower, upper : (n_scores, n_inputs)
        Sound: the gradient in every linear region lies between, and so does the change of the
        score for each unit of an input along any way in one of the boxes.

    Notes
    -----
    Cost: bounds of the units of each box, and two products a layer for all boxes together.
    """
    bounds = [back_substituted_bounds(network, box) for box in boxes]
    shape = (len(boxes), *score.weight.shape)
    lower = np.broadcast_to(score.weight, shape)
    upper = lower
    for i in reversed(range(len(network.layers))):
        layer = network.layers[i]
        least, most = _diagonal(bounds, i, ~layer.rectified)
        # entry times a factor from ``least`` to ``most``, both 0 or 1
        lower = np.where(lower > 0, lower * least, lower * most)
        upper = np.where(upper > 0, upper * most, upper * least)
        lower, upper = _through(layer.weight, lower, upper)
    return lower.min(axis=0), upper.max(axis=0)


def _diagonal(
    bounds: list[Bounds], i: int, carried: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> tuple[FloatArray, FloatArray]:
    """The least and the largest entry of ``D_i``: (n_boxes, 1, n_units) each."""
    low = np.stack([part.lower[i] for part in bounds])
    high = np.stack([part.upper[i] for part in bounds])
    least, most = (low >= 0) | carried, (high > 0) | carried
    return least[:, None, :].astype(np.float64), most[:, None, :].astype(np.float64)


def _through(weight: Matrix, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    size = magnitudes(weight)
    middle, half = 0.5 * (lower + upper), 0.5 * (upper - lower)
    shape = (*lower.shape[:2], weight.shape[1])
    centre = np.asarray(middle.reshape(-1, weight.shape[0]) @ weight).reshape(shape)
    reach = np.asarray(half.reshape(-1, weight.shape[0]) @ size).reshape(shape)
    return centre - reach, centre + reach


def slopes_at(network: ReluNetwork, score: AffineMap, points: FloatArray) -> FloatArray:
    """The gradients of the linear pieces of points: (n_points, n_scores, n_inputs)."""
    return affine_maps(network, activation_patterns(network, points), score)[0]


def negligible_slopes(network: ReluNetwork, score: AffineMap, tolerances: Tolerances) -> FloatArray:
    """What rounding may have made of a slope that is zero: (n_scores, n_inputs)."""
    size = np.abs(score.weight)
    for layer in reversed(network.layers):
        size = np.asarray(size @ magnitudes(layer.weight))
    n_sums = sum(network.widths) + 1
    return np.asarray(tolerances.rounding * n_sums * size)


def level_boxes(
    schema: InputSchema, domain: Box, *, free: tuple[str, ...] = (), most: int
) -> list[Box] | None:
    """The parts of a box where every column with levels stands at one of them.

    Parameters
    ----------
    free
        Columns that are not held at levels.
    most
        None is returned where there would be more parts.
    """
    choices = [
        choice for choice in RowSpace.of(schema, domain).choices if choice.column.name not in free
    ]
    if float(np.prod([len(choice.values) for choice in choices], dtype=np.float64)) > most:
        return None
    found = []
    for values in product(*(choice.values for choice in choices)):
        lower, upper = domain.lower.copy(), domain.upper.copy()
        for choice, value in zip(choices, values, strict=True):
            lower[choice.inputs] = upper[choice.inputs] = value
        found.append(Box(lower, upper))
    return found
