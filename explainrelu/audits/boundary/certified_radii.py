"""Cheap bounds of the distance to the boundary, for many rows at once."""

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.audits.boundary.neighbourhoods import Neighbourhoods
from explainrelu.audits.boundary.norms import Norm

__all__ = ["certified_radii", "crossings", "nearest_on_forms"]

_HALVINGS = 14
_ROUNDS = 20
_FURTHER = (1.0, 1.0 + 1e-9, 1.01, 1.2, 2.0)  # how far beyond a guess is looked
_SHARES = (1.0, 0.5, 0.2, 0.05)  # of the way to what the linear piece promises
_HALVINGS_OF_A_WAY = 30


def certified_radii(around: Neighbourhoods, most: FloatArray) -> FloatArray:
    """A radius for each row within which no step changes its class: (n_rows,).

    Parameters
    ----------
    most : (n_rows,)
        No larger one is asked for.

    Notes
    -----
    Sound: each radius is one at which bounds of all margins are positive. Cost: some fifteen
    passes of back-substitution for all rows together.
    """
    rows = np.arange(len(around))
    safe = (around.margin_bounds(rows, most) > 0).all(axis=1)
    low, high = np.where(safe, most, 0.0), most.copy()
    left = rows[~safe]
    for _ in range(_HALVINGS):
        if not left.size:
            break
        middle = 0.5 * (low[left] + high[left])
        holds = (around.margin_bounds(left, middle) > 0).all(axis=1)
        low[left[holds]], high[left[~holds]] = middle[holds], middle[~holds]
    return low


def crossings(around: Neighbourhoods, most: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Short steps that change the class of each row, as far as climbing finds any.

    Parameters
    ----------
    most : (n_rows,)
        Longer steps are not looked for.

    Returns
    -------
    steps : (n_rows, n_moved)
        Zero where none was found.
    length : (n_rows,)
        Infinity where none was found.

    Notes
    -----
    Each found step was replayed by the network. From the linear piece of the last place the
    nearest step to that piece's own boundary is taken, and pulled back to the first change on
    its way; nothing is guaranteed of how short they are.
    """
    n_rows, n_classes = around.own.size, len(around.decision.classes)
    best = np.zeros((n_rows, around.moved.size))
    length = np.full(n_rows, np.inf)
    for k in range(n_classes):
        rows = np.flatnonzero(around.own != k)
        here = np.zeros((rows.size, around.moved.size))
        reached = np.zeros(rows.size, dtype=np.bool_)
        for _ in range(_ROUNDS):
            if not rows.size:
                break
            here, reached = _nearer(around, rows, here, reached, k)
            size = np.where(reached, around.norm.length(here), np.inf)
            better = (size <= most[rows]) & (size < length[rows])
            best[rows[better]], length[rows[better]] = here[better], size[better]
    return best, length


def _nearer(
    around: Neighbourhoods, rows: IntArray, here: FloatArray, reached: BoolArray, rival: int
) -> tuple[FloatArray, BoolArray]:
    """From each place on, the shortest of some steps at which the class is seen to change."""
    aims = _towards(around, rows, here, rival)
    found = here
    size = np.where(reached, around.norm.length(here), np.inf)
    for share in _SHARES:
        tried, crosses = _pulled_back(around, rows, here + share * (aims - here))
        length = np.where(crosses, around.norm.length(tried), np.inf)
        better = length < size
        found = np.where(better[:, None], tried, found)
        size = np.where(better, length, size)
    return np.where(np.isfinite(size)[:, None], found, aims), np.isfinite(size)


def _towards(around: Neighbourhoods, rows: IntArray, here: FloatArray, rival: int) -> FloatArray:
    """The nearest steps at which the linear pieces at some places let the rival lead."""
    rivals = np.full(rows.size, rival)
    slopes = around.slopes(rows, here, rivals)
    margin = around.margins(rows, here)[:, rival]
    gap = margin - (slopes * here).sum(axis=1)  # of the piece's form at the row itself
    low, high = around.low[rows], around.high[rows]
    return nearest_on_forms(around.norm, slopes, gap, low, high)


def _pulled_back(
    around: Neighbourhoods, rows: IntArray, steps: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Where the way to a step, or a little beyond, is seen to change the class, if it does."""
    low, high = around.low[rows], around.high[rows]
    reached = around.margins(rows, steps).min(axis=1) <= 0
    for factor in _FURTHER[1:]:
        tried = np.clip(factor * steps, low, high)
        more = ~reached & (around.margins(rows, tried).min(axis=1) <= 0)
        steps = np.where(more[:, None], tried, steps)
        reached = reached | more
    start, end = np.zeros(rows.size), np.ones(rows.size)
    for _ in range(_HALVINGS_OF_A_WAY):
        middle = 0.5 * (start + end)
        over = around.margins(rows, middle[:, None] * steps).min(axis=1) <= 0
        start, end = np.where(over, start, middle), np.where(over, middle, end)
    return end[:, None] * steps, reached


def nearest_on_forms(
    norm: Norm, slopes: FloatArray, gap: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """The shortest steps with ``slopes @ s + gap <= 0`` between limits, each form by itself.

    Parameters
    ----------
    slopes : (n_forms, n_moved)
    gap : (n_forms,)
    low, high : (n_forms, n_moved)

    Returns
    -------
    (n_forms, n_moved)
        The farthest descent within the limits where they allow no such step.
    """
    wanted = np.maximum(gap, 0.0)
    if norm is Norm.L1:
        return _along_few_columns(slopes, wanted, low, high)
    down = -np.sign(slopes) if norm is Norm.LINF else -slopes
    speed = -(down * slopes).sum(axis=1)
    time = wanted / np.where(speed > 0, speed, 1.0)
    steps = time[:, None] * down
    if ((steps >= low) & (steps <= high)).all():
        return steps
    # limits bind: the same path, each column stopping at its limit, until the form is low enough
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(down > 0, high / down, np.where(down < 0, low / down, 0.0))
    ends = np.where(np.isfinite(ends), ends, 0.0)
    low_t, high_t = time, np.maximum(time, ends.max(axis=1, initial=0.0))
    for _ in range(50):
        middle = 0.5 * (low_t + high_t)
        reached = -(np.clip(middle[:, None] * down, low, high) * slopes).sum(axis=1) >= wanted
        low_t, high_t = np.where(reached, low_t, middle), np.where(reached, middle, high_t)
    return np.asarray(np.clip(high_t[:, None] * down, low, high))


def _along_few_columns(
    slopes: FloatArray, wanted: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """In the sum of absolute steps the steepest column goes first, up to its limit."""
    room = np.where(slopes > 0, -low, high)
    order = np.argsort(-np.abs(slopes), axis=1, kind="stable")
    steep = np.take_along_axis(np.abs(slopes), order, axis=1)
    room = np.take_along_axis(room, order, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = np.where(steep > 0, steep * room, 0.0)
        before = np.cumsum(np.pad(gain, ((0, 0), (1, 0)))[:, :-1], axis=1)
        left = np.maximum(wanted[:, None] - before, 0.0)
        size = np.where(steep > 0, np.minimum(left / steep, room), 0.0)
    steps = np.zeros_like(slopes)
    np.put_along_axis(steps, order, np.where(np.isfinite(size), size, 0.0), axis=1)
    return -np.sign(slopes) * steps
