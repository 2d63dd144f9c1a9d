"""Sums of maxima as a network: every maximum a binary tree of maxima of two.

A maximum of two values is ``max(a, b) = max(a - b, 0) + max(b, 0) - max(-b, 0)``, three rectified
units; a value without a partner is brought a layer on by the last two of them. Values and units
that several maxima need are made once.
"""

from collections.abc import Sequence

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.network.network import AffineMap, Layer

__all__ = ["maxima_network"]

_Node = tuple[int, ...]


def maxima_network(
    weight: FloatArray,
    bias: FloatArray,
    sets: Sequence[_Node],
    coefficients: FloatArray,
    constant: FloatArray,
) -> tuple[tuple[Layer, ...], AffineMap]:
    """Layers and output map of ``sum_j c_j max_{i in U_j} (weight_i @ x + bias_i) + constant``.

    Parameters
    ----------
    weight : (n_functions, n_inputs)
    bias : (n_functions,)
    sets
        ``U_j``, each of positions of the functions in increasing order.
    coefficients : (n_outputs, n_sets)
        ``c_j`` of each output.
    constant : (n_outputs,)

    Returns
    -------
    layers, output
        ``ceil(log2(largest set))`` layers, every unit rectified; none where all sets are single.
    """
    depth = max((len(s) - 1).bit_length() for s in sets) if sets else 0
    wanted = _nodes(sets, depth)
    # a value is written in what the layer before passes on, its constant last
    values: dict[_Node, FloatArray] = {(i,): np.append(weight[i], bias[i]) for (i,) in wanted[0]}
    n_in, layers = weight.shape[1], []
    for level in range(1, depth + 1):
        rows, values = _level(wanted[level], values, 2 ** (level - 1))
        matrix = np.array(rows).reshape(len(rows), n_in + 1)
        everything: BoolArray = np.ones(len(rows), dtype=np.bool_)
        layers.append(Layer(matrix[:, :-1], matrix[:, -1], everything))
        n_in = len(rows)
    last = np.array([values[tuple(s)] for s in sets]).reshape(len(sets), n_in + 1)
    total = coefficients @ last
    return tuple(layers), AffineMap(total[:, :-1], total[:, -1] + constant)


def _nodes(sets: Sequence[_Node], depth: int) -> list[list[_Node]]:
    """The values each level has to make, from the affine functions up."""
    wanted = [list(dict.fromkeys(map(tuple, sets)))]
    for level in range(depth, 0, -1):
        half = 2 ** (level - 1)
        parts = [part for s in wanted[0] for part in (s[:half], s[half:]) if part]
        wanted.insert(0, list(dict.fromkeys(parts)))
    return wanted


def _level(
    nodes: list[_Node], before: dict[_Node, FloatArray], half: int
) -> tuple[list[FloatArray], dict[_Node, FloatArray]]:
    """The units of one layer, and the values they make for the next."""
    place: dict[tuple[_Node, _Node, int], int] = {}
    rows: list[FloatArray] = []

    def unit(key: tuple[_Node, _Node, int], row: FloatArray) -> int:
        if key not in place:
            place[key] = len(rows)
            rows.append(row)
        return place[key]

    recipes: dict[_Node, list[tuple[int, float]]] = {}
    for node in nodes:
        first, second = node[:half], node[half:]
        kept = second or first
        value = before[kept]
        recipes[node] = [(unit((kept, (), 1), value), 1.0), (unit((kept, (), -1), -value), -1.0)]
        if second:
            recipes[node].append((unit((first, second, 0), before[first] - value), 1.0))
    made: dict[_Node, FloatArray] = {}
    for node, recipe in recipes.items():
        made[node] = np.zeros(len(rows) + 1)
        for which, coefficient in recipe:
            made[node][which] = coefficient
    return rows, made
