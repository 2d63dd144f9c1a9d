"""Slow, literal evaluation in exact rationals, straight from the definitions.

Nothing here calls the package's own arithmetic: layers are read as numbers and every sum is a
sum of :class:`fractions.Fraction`, so that a boundary is hit exactly or not at all.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from explainrelu.importers.operators.graph import Graph
from explainrelu.network.network import Layer, ReluNetwork

Number = float | int | Fraction
Vector = list[Fraction]
Matrix = list[Vector]


def exact(values: Iterable[Number]) -> Vector:
    """The same numbers as fractions; a float becomes exactly the rational it stands for."""
    return [value if isinstance(value, Fraction) else Fraction(_plain(value)) for value in values]


def affine_exact(weight: np.ndarray, bias: np.ndarray, point: Sequence[Fraction]) -> Vector:
    """``weight @ point + bias``."""
    rows = [exact(row) for row in weight]
    return [
        sum((w * x for w, x in zip(row, point, strict=True)), Fraction(_plain(constant)))
        for row, constant in zip(rows, bias, strict=True)
    ]


def preactivations_exact(network: ReluNetwork, point: Iterable[Number]) -> Matrix:
    """``z`` of every layer, carried units included."""
    hidden, found = exact(point), []
    for layer in network.layers:
        found.append(affine_exact(layer.weight, layer.bias, hidden))
        hidden = _activate(layer, found[-1])
    return found


def forward_exact(network: ReluNetwork, point: Iterable[Number]) -> Vector:
    """The raw scores of one encoded point."""
    point = exact(point)
    hidden = point
    for layer, z in zip(network.layers, preactivations_exact(network, point), strict=True):
        hidden = _activate(layer, z)
    return affine_exact(network.output.weight, network.output.bias, hidden)


def pattern_exact(network: ReluNetwork, point: Iterable[Number]) -> tuple[bool, ...]:
    """One bit a rectified unit, layer after layer: True where ``z > 0``."""
    return tuple(
        z > 0
        for layer, zs in zip(network.layers, preactivations_exact(network, point), strict=True)
        for z, rectified in zip(zs, layer.rectified, strict=True)
        if rectified
    )


def pattern_map_exact(network: ReluNetwork, pattern: Sequence[bool]) -> tuple[Matrix, Vector]:
    """The affine map of the scores under a pattern: ``(weight, bias)``.

    Read off column by column: the frozen network at zero is the bias, at a unit vector it is
    the bias plus one column.
    """
    origin = [Fraction(0)] * network.n_inputs
    bias = _frozen(network, pattern, origin)
    columns = []
    for i in range(network.n_inputs):
        unit = [Fraction(int(i == k)) for k in range(network.n_inputs)]
        columns.append([a - b for a, b in zip(_frozen(network, pattern, unit), bias, strict=True)])
    return [list(row) for row in zip(*columns, strict=True)], bias


def _frozen(network: ReluNetwork, pattern: Sequence[bool], point: Vector) -> Vector:
    """The scores where every rectified unit follows its bit rather than its sign."""
    bits, hidden = iter(pattern), point
    for layer in network.layers:
        z = affine_exact(layer.weight, layer.bias, hidden)
        hidden = [
            value if not rectified or next(bits) else Fraction(0)
            for value, rectified in zip(z, layer.rectified, strict=True)
        ]
    return affine_exact(network.output.weight, network.output.bias, hidden)


def _activate(layer: Layer, z: Vector) -> Vector:
    return [
        max(value, Fraction(0)) if rectified else value
        for value, rectified in zip(z, layer.rectified, strict=True)
    ]


def _plain(value: float | int) -> float | int:
    """A Python number: Fraction takes no numpy integers."""
    return value.item() if isinstance(value, np.generic) else value


def evaluate_graph(graph: Graph, point: np.ndarray) -> np.ndarray:
    """The output of an operator graph for one sample, node by node as NumPy would compute it."""
    values = {graph.input: np.asarray(point, dtype=np.float64).reshape(graph.input_shape)}
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        values[node.output] = _LITERAL[node.op](node.attributes, *inputs)
    return values[graph.output]


def _by_channel(numbers: np.ndarray, x: np.ndarray) -> np.ndarray:
    return numbers.reshape(-1, *[1] * (x.ndim - 2)) if numbers.size > 1 else numbers


def _literal_slice(a: dict, x: np.ndarray) -> np.ndarray:
    for axis, start, end, step in zip(a["axes"], a["starts"], a["ends"], a["steps"], strict=True):
        x = np.moveaxis(np.moveaxis(x, axis, 0)[start:end:step], 0, axis)
    return x


_LITERAL: dict[str, Callable[..., np.ndarray]] = {
    "constant": lambda a: a["value"],
    "identity": lambda a, x: x,
    "dropout": lambda a, x: x,
    "linear": lambda a, x, w, b=0.0: x @ w.T + b,
    "add": lambda a, x, y: x + y,
    "subtract": lambda a, x, y: x - y,
    "multiply": lambda a, x, y: x * y,
    "divide": lambda a, x, y: x / y,
    "relu": lambda a, x: np.where(x > 0, x, 0.0),
    "leaky_relu": lambda a, x: np.where(x > 0, x, a["slope"] * x),
    "prelu": lambda a, x, s: np.where(x > 0, x, s * x),
    "absolute": lambda a, x: np.where(x > 0, x, -x),
    "clip": lambda a, x: np.minimum(np.maximum(x, a.get("lower", -np.inf)), a.get("upper", np.inf)),
    "hard_sigmoid": lambda a, x: np.minimum(np.maximum(a["slope"] * x + a["offset"], 0), 1),
    "maximum": lambda a, x, y: np.maximum(x, y),
    "minimum": lambda a, x, y: np.minimum(x, y),
    "negate": lambda a, x: -x,
    "matmul": lambda a, x, y: np.matmul(x, y),
    "batch_norm": lambda a, x, scale, shift, mean, variance: (
        _by_channel(scale, x)
        * (x - _by_channel(mean, x))
        / _by_channel(np.sqrt(variance + a["epsilon"]), x)
        + _by_channel(shift, x)
    ),
    "expand": lambda a, x: x * np.ones(a["shape"]),
    "gather": lambda a, x: np.take(x, a["indices"].astype(int), axis=a["axis"]),
    "slice": _literal_slice,
    "transpose": lambda a, x: np.transpose(x, a["axes"]),
    "reshape": lambda a, x: x.reshape(a["shape"]),
    "concat": lambda a, *xs: np.concatenate(xs, axis=a["axis"]),
}
