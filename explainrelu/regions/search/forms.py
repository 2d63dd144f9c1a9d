"""The forms of a layer on a polytope on which the layers before it are affine, compiled."""

import numpy as np
from numba import njit

from explainrelu.regions.search.state import FAST, N_CANDIDATES, N_COMPOSED

__all__ = ["NOTHING", "ROUNDING", "compose", "enter", "next_layer"]

COMPILED_WITH = "621bafbb581b4934"  # make format renews it

ROUNDING = 1e-15
"""What rounding changes in a sum, relative to the size of its terms."""

NOTHING = 1e-14
"""What is left of terms that cancel, relative to their size, where it is rounding."""


@njit(cache=True, error_model="numpy")
def compose(layers, bits, layer, d):
    """The forms of a layer where the layer before it has the pattern ``bits``."""
    weight, bias, rectified, width = layers.weight, layers.bias, layers.rectified, layers.width
    F, h, norm, blur = layers.F, layers.h, layers.norm, layers.blur
    before = layer - 1
    for i in range(width[layer]):
        for k in range(d):
            F[layer, i, k] = 0.0
        c = bias[layer, i]
        size, error = abs(c), 0.0
        for j in range(width[before]):
            w = weight[layer, i, j] * norm[before, j]
            if w == 0.0 or (rectified[before, j] and not bits[before, j]):
                continue
            size += abs(w) * (_length(F, before, j, d) + abs(h[before, j]))
            error += abs(w) * blur[before, j]
            c += w * h[before, j]
            for k in range(d):
                F[layer, i, k] += w * F[before, j, k]
        length = _length(F, layer, i, d)
        if length <= NOTHING * size:
            for k in range(d):
                F[layer, i, k] = 0.0
            length = 1.0
            c = c if abs(c) > NOTHING * size else 0.0
        for k in range(d):
            F[layer, i, k] /= length
        h[layer, i] = c / length
        norm[layer, i] = length
        blur[layer, i] = (error + ROUNDING * size) / length


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _length(F, layer, i, d):
    length = 0.0
    for k in range(d):
        length += F[layer, i, k] * F[layer, i, k]
    return np.sqrt(length)


@njit(cache=True, error_model="numpy")
def enter(layers, bits, candidates, layer, d, tol):
    """The number of neurons of a layer that may cut; the others get their bit from the cube."""
    n = 0
    for i in range(layers.width[layer]):
        if not layers.rectified[layer, i]:
            continue
        reach = 0.0
        for k in range(d):
            reach += abs(layers.F[layer, i, k])
        if abs(layers.h[layer, i]) >= reach - tol:
            bits[layer, i] = layers.h[layer, i] > 0.0
        else:
            candidates[n] = i
            n += 1
    return n


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def next_layer(layers, node, layer, d, tol):
    """Enter a layer: its forms, and the neurons that may cut."""
    compose(layers, node.bits, layer, d)
    node.numbers[N_CANDIDATES] = enter(layers, node.bits, node.candidates, layer, d, tol)
    node.numbers[N_COMPOSED] += 1
