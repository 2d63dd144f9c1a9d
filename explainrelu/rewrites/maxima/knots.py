"""A piecewise-linear function of one input as one hidden layer.

With knots ``x_1 < .. < x_q``, values ``y`` there, and slopes ``s_0`` on the left, ``s_q`` on the
right and ``s_i`` between, ``f(x) = y_1 - s_0 max(x_1 - x, 0) + s_1 max(x - x_1, 0)
+ sum_{i >= 2} (s_i - s_{i-1}) max(x - x_i, 0)``: ``q + 1`` units for ``q + 1`` pieces, and
one fewer where the left piece is flat. Where the right one is, the same is done from the right.
"""

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.network.network import AffineMap, Layer

__all__ = ["interpolated", "knots_network"]


def knots_network(
    knots: FloatArray, values: FloatArray, slopes: FloatArray, *, negligible: float = 0.0
) -> tuple[tuple[Layer, ...], AffineMap]:
    """Layers and output map of the function through the knots.

    Parameters
    ----------
    knots : (n_knots,)
        Strictly increasing, at least one.
    values : (n_knots, n_outputs)
    slopes : (2, n_outputs)
        Left of the first knot and right of the last.
    negligible
        A slope changes only where it does by more than this share of the largest slope.

    Returns
    -------
    layers, output
        One hidden layer of at most ``p`` units for ``p`` pieces, ``p - 1`` where an end is flat;
        none at all for one piece.
    """
    s = _slopes(knots, values, slopes)
    least = negligible * np.abs(s).max(initial=0.0)
    bends = (np.abs(np.diff(s, axis=0)) > least).any(axis=1)
    if not bends.any():
        return (), AffineMap(s[0][:, None], values[0] - s[0] * knots[0])
    x, y = knots[bends], values[bends]
    s = np.vstack([s[:-1][bends], s[-1]])
    rising = np.append(np.ones(x.size), -1.0)
    jumps = np.vstack([s[1], np.diff(s[1:], axis=0), -s[0]])
    places, start = np.append(x, x[0]), y[0]
    if (s[-1] == 0).all() and (s[0] != 0).any():  # from the right
        rising, places, start = -np.append(np.ones(x.size), -1.0), np.append(x[::-1], x[-1]), y[-1]
        back = -s[::-1]
        jumps = np.vstack([back[1], np.diff(back[1:], axis=0), -back[0]])
    kept = (jumps != 0).any(axis=1)
    rectified: BoolArray = np.ones(int(kept.sum()), dtype=np.bool_)
    layer = Layer(rising[kept, None], -(rising * places)[kept], rectified)
    return (layer,), AffineMap(jumps[kept].T, start)


def interpolated(
    x: FloatArray, knots: FloatArray, values: FloatArray, slopes: FloatArray
) -> FloatArray:
    """The function through the knots, from its definition: (n_samples, n_outputs)."""
    s = _slopes(knots, values, slopes)
    piece = np.searchsorted(knots, x)
    start = np.maximum(piece - 1, 0)
    found: FloatArray = values[start] + s[piece] * (x - knots[start])[:, None]
    return found


def _slopes(knots: FloatArray, values: FloatArray, slopes: FloatArray) -> FloatArray:
    """The slope of every piece: (n_knots + 1, n_outputs)."""
    inner = np.diff(values, axis=0) / np.diff(knots)[:, None]
    return np.vstack([slopes[0], inner, slopes[1]])
