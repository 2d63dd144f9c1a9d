"""A network of one hidden layer from its answers alone, after Rolnick and Kording.

On a line the scores are piecewise linear; each breakpoint lies on the zero set of one unit, and the
jump of the gradient across it is that unit's ``v w``, up to a common factor of either sign. Nothing
is known of the network but a function of points and the number of its units.
"""

from collections.abc import Callable

import numpy as np

from explainrelu.network.network import ReluNetwork

Query = Callable[[np.ndarray], np.ndarray]


def breakpoints(query: Query, start: np.ndarray, end: np.ndarray) -> list[float]:
    """Where the score bends on a segment, by halving what is not one straight line."""

    def value(t: float) -> float:
        return float(query((start + t * (end - start))[None])[0])

    def straight(low: float, high: float) -> bool:
        ends = value(low), value(high)
        inner = [low + share * (high - low) for share in (0.21, 0.5, 0.83)]
        lines = [ends[0] + share * (ends[1] - ends[0]) for share in (0.21, 0.5, 0.83)]
        return all(abs(value(t) - line) < 1e-10 for t, line in zip(inner, lines, strict=True))

    def inside(low: float, high: float) -> list[float]:
        if straight(low, high):
            return []
        if high - low < 1e-4:
            return [_meeting(value, low, high)]
        middle = (low + high) / 2 + 1e-3 * (high - low)  # off the places a bend likes to have
        return inside(low, middle) + inside(middle, high)

    return inside(0.0, 1.0)


def _meeting(value: Callable[[float], float], low: float, high: float) -> float:
    """Where the straight lines on both sides of the one bend in between meet."""
    step = high - low
    left = (value(low) - value(low - step)) / step
    right = (value(high + step) - value(high)) / step
    return low + (value(high) - value(low) - right * step) / (left - right)


def gradient(query: Query, point: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """The slope in each direction at a point that lies well inside a region."""
    steps = step * np.eye(point.size)
    return (query(point + steps) - query(point - steps)) / (2 * step)


def recovered(query: Query, n_inputs: int, n_units: int, seed: int) -> ReluNetwork:
    """The one-hidden-layer network behind ``query``, from bends on random lines.

    The sign of a unit's ``w`` is free where the affine part may follow: ``relu(t)`` is
    ``t + relu(-t)``. What is left, an affine function, tells which units have to be turned.
    """
    rng = np.random.default_rng(seed)
    rows, outgoing = [], []
    for _ in range(200):
        start, end = rng.normal(size=(2, n_inputs)) * 4.0
        way = (end - start) / np.linalg.norm(end - start)
        for t in breakpoints(query, start, end):
            point = start + t * (end - start)
            jump = gradient(query, point + 0.01 * way) - gradient(query, point - 0.01 * way)
            if np.linalg.norm(jump) < 1e-6:
                continue
            w = jump / np.linalg.norm(jump)
            w = w if w @ way > 0 else -w
            row, v = np.append(w, -w @ point), float(jump @ w)
            if not any(_parallel(row, other) for other in rows) and _bends_alone(query, point, row):
                rows.append(row)
                outgoing.append(v)
        if len(rows) == n_units:
            break
    return _turned(query, np.array(rows), np.array(outgoing), rng)


def _bends_alone(query: Query, point: np.ndarray, row: np.ndarray) -> bool:
    """Whether the score bends at this hyperplane elsewhere too, and is straight beside it."""
    w, rng = row[:-1], np.random.default_rng(0)
    along = rng.normal(size=w.size)
    along -= (along @ w) * w
    for shift in (0.02, -0.02):
        near = point + shift * along
        jump = gradient(query, near + 0.01 * w) - gradient(query, near - 0.01 * w)
        if np.linalg.norm(jump - (jump @ w) * w) > 1e-6 or abs(jump @ w) < 1e-6:
            return False
    return True


def _parallel(row: np.ndarray, other: np.ndarray) -> bool:
    return abs(abs(row @ other) / np.linalg.norm(row) / np.linalg.norm(other) - 1) < 1e-9


def _turned(
    query: Query, rows: np.ndarray, outgoing: np.ndarray, rng: np.random.Generator
) -> ReluNetwork:
    """Turn units until what is left, the sum of ``v (w x + b)`` over turned ones, is constant."""
    points = rng.normal(size=(400, rows.shape[1] - 1)) * 3.0
    ones = np.column_stack([points, np.ones(len(points))])
    rest = query(points) - np.maximum(ones @ rows.T, 0.0) @ outgoing
    affine = np.linalg.lstsq(ones, rest, rcond=None)[0]
    best, turn = np.inf, np.zeros(len(rows), dtype=bool)
    for number in range(2 ** len(rows)):
        flags = np.array([number >> i & 1 for i in range(len(rows))], dtype=bool)
        left = affine[:-1] + (outgoing[flags] @ rows[flags])[:-1]
        if np.abs(left).max() < best:
            best, turn = float(np.abs(left).max()), flags
    constant = affine[-1] + (outgoing[turn] @ rows[turn])[-1]
    rows = np.where(turn[:, None], -rows, rows)
    return ReluNetwork.from_weights([rows[:, :-1], outgoing[None]], [rows[:, -1], [constant]])
