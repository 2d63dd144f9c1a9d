"""The arrays with which a search begins: the network on the cube, the whole cube as a node.

The free inputs of a box are scaled to ``[-1, 1]`` and the fixed ones eliminated, so that one
tolerance means one thing whatever the units.
"""

from typing import Any

import numpy as np

from explainrelu.arrays import applied, dense, magnitudes
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.search.forms import NOTHING, ROUNDING
from explainrelu.regions.search.state import HERE, N_NUMBERS, N_ROWS, Layers, Node, Stack

__all__ = ["grown", "layers_on_the_cube", "root", "stack_for"]


def layers_on_the_cube(network: ReluNetwork, box: Box) -> Layers:
    """The network as padded arrays; the forms of the first layer with rows of length 1."""
    free, layers = ~box.fixed, network.layers
    n_layers, widest, d = len(layers), max(layer.n_units for layer in layers), int(free.sum())
    weight, bias = np.zeros((n_layers, widest, widest)), np.zeros((n_layers, widest))
    rectified = np.zeros((n_layers, widest), dtype=np.bool_)
    F, h = np.zeros((n_layers, widest, d)), np.zeros((n_layers, widest))
    norm, blur = np.ones((n_layers, widest)), np.zeros((n_layers, widest))
    for i, layer in enumerate(layers):
        n = layer.n_units
        bias[i, :n], rectified[i, :n] = layer.bias, layer.rectified
        if i:
            weight[i, :n, : layer.weight.shape[1]] = dense(layer.weight)
    first = layers[0]
    forms = dense(first.weight)[:, free] * box.half_width[free]
    offset = applied(first.weight, box.centre) + first.bias
    size = applied(magnitudes(first.weight), np.abs(box.centre)) + np.abs(first.bias)
    length = np.linalg.norm(forms, axis=1)
    constant = length <= NOTHING * size
    length = np.where(constant, 1.0, length)
    F[0, : first.n_units] = np.where(constant[:, None], 0.0, forms / length[:, None])
    h[0, : first.n_units], norm[0, : first.n_units] = offset / length, length
    blur[0, : first.n_units] = ROUNDING * size / length
    width = np.array([layer.n_units for layer in layers])
    return Layers(weight, bias, rectified, width, F, h, norm, blur)


def root(layers: Layers) -> Node:
    """The whole cube, with a point near its middle and a corner for a vertex."""
    n_layers, widest, d = layers.F.shape
    n_rows = 2 * d + int(layers.rectified.sum()) + 1
    rows, s = np.zeros((d, n_rows)), np.zeros(n_rows)
    rows[:, :d], rows[:, d : 2 * d], s[d : 2 * d] = np.eye(d), -np.eye(d), 2.0
    numbers = np.zeros(N_NUMBERS, dtype=np.int64)
    numbers[N_ROWS], numbers[HERE] = 2 * d, 1
    # off the middle, where borders of symmetric networks meet; any point inside would do
    point = 0.1 * np.modf(np.sqrt(2.0) * np.arange(1, d + 1))[0] + 0.01
    whole = {"basis": d, "crossing_basis": d, "candidates": widest, "state": widest}
    shapes: dict[str, tuple[int, ...]] = {
        "crossing_T": (d, d), "C": (d, widest), "work": (d, 2 * d),
        "crossing_s": (n_rows,), "rate": (n_rows,), "reach": (n_rows,),
        "crossing_v": (d,), "witness": (d,), "cost": (d,), "direction": (d,),
        "sign": (widest,), "height": (widest,), "need": (widest,), "offset": (widest,),
        "at_v": (widest,),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: np.zeros(shape) for name, shape in shapes.items()}
    arrays |= {name: np.arange(size, dtype=np.int64) for name, size in whole.items()}
    bits = np.zeros((n_layers, widest), dtype=np.bool_)
    radius = np.array([1.0 - float(point.max())])
    return Node(
        **arrays, rows=rows, bound=np.ones(n_rows), s=s, v=np.ones(d), T=np.eye(d), p=point,
        radius=radius, bits=bits, numbers=numbers,
    )  # fmt: skip


def stack_for(node: Node, depth: int) -> Stack:
    """Room for so many nodes to wait."""
    d, n_rows, widest = node.p.size, node.bound.size, node.candidates.size
    numbers, integers = np.zeros, np.int64
    return Stack(
        layer=numbers(depth, integers), n_rows=numbers(depth, integers), row=numbers((depth, d)),
        bound=numbers(depth), s=numbers((depth, n_rows)), v=numbers((depth, d)),
        basis=numbers((depth, d), integers), T=numbers((depth, d, d)), p=numbers((depth, d)),
        radius=numbers(depth), bits=numbers((depth, widest), np.bool_),
        candidates=numbers((depth, widest), integers), n_candidates=numbers(depth, integers),
        age=numbers(depth, integers),
    )  # fmt: skip


def grown(stack: Stack) -> Stack:
    """Room for twice as many nodes."""
    return Stack(*(np.concatenate([array, np.zeros_like(array)]) for array in stack))
