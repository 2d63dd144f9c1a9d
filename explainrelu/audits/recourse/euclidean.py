"""The nearest point of one linear region that reaches the target, in the l2 sense.

Legend: the inputs that move by any amount are ``x = x0 + B t``; with ``w_j`` the weight of input
``j`` the part of the distance that ``t`` decides is ``sum_g W_g^2 t_g^2`` with
``W_g^2 = sum of w_j^2`` over the inputs of group ``g``. In ``y = W t`` it is the least ``|y|`` with
``G y >= h``, which Lawson and Hanson reduce to one least-squares problem without negative
coefficients: with ``u >= 0`` minimising ``|E u - e|``, ``E = [G' ; h']``, ``e = (0, ..., 0, 1)``,
and ``r = E u - e``, it is ``y_j = -r_j / r_last``; ``r = 0`` where no ``y`` exists.
"""

from collections.abc import Sequence

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, dense
from explainrelu.audits.recourse.distance import Distance
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.target import Target
from explainrelu.network.network import ReluNetwork

__all__ = ["least_distance", "nearest_in_region"]

_NOTHING = 1e-12


def least_distance(weight: FloatArray, bound: FloatArray) -> FloatArray | None:
    """The shortest ``y`` with ``weight @ y >= bound``, None where there is none.

    References
    ----------
    C. L. Lawson, R. J. Hanson, "Solving least squares problems", 1974, chapter 23 (LDP).

    Examples
    --------
    >>> least_distance(np.array([[1.0, 1.0]]), np.array([2.0]))
    array([1., 1.])
    """
    from scipy.optimize import nnls

    if (bound <= 0).all():
        return np.zeros(weight.shape[1])
    length = np.linalg.norm(weight, axis=1)
    if (bound[length == 0] > 0).any():
        return None
    weight, bound = weight[length > 0], bound[length > 0]
    length = length[length > 0]
    # rows of length one, and bounds of size one: y comes out in units of the largest bound
    rows, far = weight / length[:, None], bound / length
    size = float(np.abs(far).max())
    system = np.vstack([rows.T, far / size])
    wanted = np.zeros(system.shape[0])
    wanted[-1] = 1.0
    try:
        u, _ = nnls(system, wanted)
    except RuntimeError:
        return None
    rest = system @ u - wanted
    if -rest[-1] <= _NOTHING:
        return None
    return np.asarray(-rest[:-1] / rest[-1] * size, dtype=np.float64)


def nearest_in_region(
    scored: ReluNetwork,
    moves: MoveSpace,
    distance: Distance,
    target: Target,
    room: float,
    point: FloatArray,
    active: Sequence[BoolArray],
) -> FloatArray | None:
    """The nearest row with the levels and steps of ``point`` in one region; None for none.

    Parameters
    ----------
    active
        For each layer which units pass their preactivation on (carried ones always do).

    Returns
    -------
    point : (n_inputs,)
        A point of the region's closure that reaches the target by ``room``, up to rounding.
    """
    base, spread, weights = _movers(moves, distance, point)
    if not weights.size:
        return None
    rows, bounds = _region(scored, target, room, active)
    low, high = moves.box.lower, moves.box.upper
    free = spread.any(axis=1)
    rows = np.vstack([rows, np.eye(low.size)[free], -np.eye(low.size)[free]])
    bounds = np.concatenate([bounds, low[free], -high[free]])
    away = least_distance(rows @ spread / weights, bounds - rows @ base)
    return None if away is None else base + spread @ (away / weights)


def _movers(
    moves: MoveSpace, distance: Distance, point: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``x0``, ``B`` and ``W`` of the module's legend."""
    columns = moves.columns
    free = (moves.box.lower < moves.box.upper) & (moves.steps == 0)
    for choice in moves.rows.choices:
        free[choice.inputs] = False
    grouped = {i for link in moves.links for i in link}
    groups = [*(link for link in moves.links if free[list(link)].all())]
    groups += [(int(i),) for i in np.flatnonzero(free) if int(i) not in grouped]
    spread = np.zeros((free.size, len(groups)))
    base = point.copy()
    for g, group in enumerate(groups):
        spread[list(group), g] = 1.0
        base[list(group)] = moves.query[list(group)]
    squares = (distance.weights[columns] ** 2) @ spread
    return base, spread, np.sqrt(squares)


def _region(
    scored: ReluNetwork, target: Target, room: float, active: Sequence[BoolArray]
) -> tuple[FloatArray, FloatArray]:
    """``rows @ x >= bounds`` for the region and the target."""
    weight, bias = np.eye(scored.n_inputs), np.zeros(scored.n_inputs)
    rows: list[FloatArray] = []
    bounds: list[FloatArray] = []
    for layer, on in zip(scored.layers, active, strict=True):
        matrix = dense(layer.weight)
        weight, bias = matrix @ weight, matrix @ bias + layer.bias
        sign = np.where(on, 1.0, -1.0)[layer.rectified]
        rows.append(sign[:, None] * weight[layer.rectified])
        bounds.append(-sign * bias[layer.rectified])
        passes = on | ~layer.rectified
        weight, bias = weight * passes[:, None], bias * passes
    weight = scored.output.weight @ weight
    bias = scored.output.weight @ bias + scored.output.bias
    for k in range(bias.size):
        if np.isfinite(target.lower[k]):
            rows.append(weight[[k]])
            bounds.append(np.array([target.lower[k] + room - bias[k]]))
        if np.isfinite(target.upper[k]):
            rows.append(-weight[[k]])
            bounds.append(np.array([bias[k] - target.upper[k] + room]))
    return np.vstack(rows), np.concatenate(bounds)
