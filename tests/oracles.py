"""Slow, literal evaluation in exact rationals, straight from the definitions.

Nothing here calls the package's own arithmetic: layers are read as numbers and every sum is a
sum of :class:`fractions.Fraction`, so that a boundary is hit exactly or not at all.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import product, zip_longest
from math import hypot, inf

import numpy as np
from scipy.linalg import block_diag

from explainrelu.importers.operators.graph import Graph
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema

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


Corners = dict[tuple[Fraction, ...], set[tuple[Fraction, ...]]]
"""The vertices of a polytope, each with the faces ``a x + b = 0`` it lies on, as ``(*a, b)``."""


def regions_exact(
    network: ReluNetwork, lower: Sequence[Number], upper: Sequence[Number]
) -> set[tuple[bool, ...]]:
    """The patterns of all full-dimensional regions of a box, relative to its free inputs."""
    return set(region_widths_exact(network, lower, upper))


def region_widths_exact(
    network: ReluNetwork, lower: Sequence[Number], upper: Sequence[Number]
) -> dict[tuple[bool, ...], float]:
    """The regions of a box by their patterns, with the least width across one of their faces.

    A unit that is positive at one vertex of a polytope and negative at another cuts it in two;
    one that is nowhere positive is inactive, the others are active. All in Fractions; the width is
    the largest distance of a vertex from the hyperplane of a face, in the inputs' own units.
    """
    return {bits: _width(part) for bits, part in _parts(network, exact(lower), exact(upper))}


def region_corners_exact(
    network: ReluNetwork, lower: Sequence[Number], upper: Sequence[Number]
) -> list[list[tuple[Fraction, ...]]]:
    """The vertices of each region of a box in which no input is fixed."""
    return [list(part) for _, part in _parts(network, exact(lower), exact(upper))]


def largest_gap_exact(
    first: ReluNetwork, second: ReluNetwork, lower: Sequence[Number], upper: Sequence[Number]
) -> Fraction:
    """The largest ``|first - second|`` over a box and the outputs.

    On each region of the two put side by side both are affine, so that the largest gap is at a
    vertex.
    """
    parts = region_corners_exact(side_by_side(first, second), lower, upper)
    corners = {corner for part in parts for corner in part}
    return max(
        abs(a - b)
        for x in corners
        for a, b in zip(forward_exact(first, x), forward_exact(second, x), strict=True)
    )


def side_by_side(first: ReluNetwork, second: ReluNetwork) -> ReluNetwork:
    """Both on the same inputs; behind its last layer the shorter one carries its values on."""
    layers = [*zip_longest(first.layers, second.layers)]
    widths, chain = [first.n_inputs] * 2, []
    for pair in layers:
        parts = [
            layer or Layer(np.eye(width), np.zeros(width), np.zeros(width, np.bool_))
            for layer, width in zip(pair, widths, strict=True)
        ]
        rows = [np.asarray(part.weight) for part in parts]
        weight = np.vstack(rows) if not chain else block_diag(*rows)
        bias, flags = (
            np.concatenate([getattr(p, n) for p in parts]) for n in ("bias", "rectified")
        )
        chain.append(Layer(weight, bias, flags))
        widths = [part.n_units for part in parts]
    output = AffineMap(np.zeros((1, sum(widths) if chain else first.n_inputs)), np.zeros(1))
    return ReluNetwork(tuple(chain), output, first.schema, OutputSchema.numbered(1))


def _parts(
    network: ReluNetwork, low: Vector, high: Vector
) -> list[tuple[tuple[bool, ...], Corners]]:
    """Pattern and vertices of each full-dimensional region of a box."""
    free = [k for k in range(network.n_inputs) if low[k] != high[k]]
    corners: Corners = {(): set()}
    for place, k in enumerate(free):
        axis = tuple(Fraction(int(i == place)) for i in range(len(free)))
        ends = ((low[k], (*axis, -low[k])), (high[k], (*axis, -high[k])))
        corners = {(*x, end): on | {n} for x, on in corners.items() for end, n in ends}
    # one row an input: how it hangs together with the free ones, and its value where these are 0
    inputs = [
        [Fraction(int(k == i)) for i in free] + [Fraction(0) if k in free else low[k]]
        for k in range(network.n_inputs)
    ]
    return _through_layers(network.layers, corners, inputs)


def _width(corners: Corners) -> float:
    """The least over the faces of how far the vertices lie from one."""
    faces = {face for on in corners.values() for face in on if any(face[:-1])}
    return min((_farthest(face, corners) for face in faces), default=inf)


def _farthest(face: tuple[Fraction, ...], corners: Corners) -> float:
    """How far the vertices lie from the hyperplane of a face."""
    *normal, constant = face
    heights = (sum((a * v for a, v in zip(normal, x, strict=True)), constant) for x in corners)
    return float(max(map(abs, heights))) / hypot(*map(float, normal))


def _through_layers(
    layers: Sequence[Layer], corners: Corners, hidden: Matrix
) -> list[tuple[tuple[bool, ...], Corners]]:
    """Patterns and polytopes of all regions in a polytope on which ``hidden`` is affine."""
    if not layers:
        return [((), corners)]
    first, forms = layers[0], []
    for row, constant in zip(layers[0].weight, layers[0].bias, strict=True):
        columns = zip(*hidden, strict=True)
        form = [
            sum((w * h for w, h in zip(exact(row), c, strict=True)), Fraction(0)) for c in columns
        ]
        forms.append([*form[:-1], form[-1] + exact([constant])[0]])
    cut = [forms[i] for i in range(first.n_units) if first.rectified[i]]
    found = []
    for bits, part in _halved(cut, corners):
        kept = iter(bits)
        after = [
            form if not rectified or next(kept) else [Fraction(0)] * len(form)
            for form, rectified in zip(forms, first.rectified, strict=True)
        ]
        found += [(bits + more, end) for more, end in _through_layers(layers[1:], part, after)]
    return found


def _halved(forms: Matrix, corners: Corners) -> list[tuple[tuple[bool, ...], Corners]]:
    """The parts into which the zero sets of the forms cut a polytope, with the sides of each."""
    if not forms:
        return [((), corners)]
    *normal, constant = forms[0]
    height = {x: sum((a * v for a, v in zip(normal, x, strict=True)), constant) for x in corners}
    sides = [max(height.values()) > 0]
    if min(height.values()) < 0 < max(height.values()):
        sides = [False, True]
    found = []
    for side in sides:
        part = _clipped(corners, height, tuple(forms[0]), side) if len(sides) == 2 else corners
        found += [((side, *more), end) for more, end in _halved(forms[1:], part)]
    return found


def _clipped(
    corners: Corners,
    height: dict[tuple[Fraction, ...], Fraction],
    face: tuple[Fraction, ...],
    upper: bool,
) -> Corners:
    """The vertices of the part on one side: those there, and one on each edge that is cut.

    Two vertices are joined by an edge where the faces that hold both leave one direction free.
    """
    sign = 1 if upper else -1
    kept = {x: on | ({face} if height[x] == 0 else set()) for x, on in corners.items()}
    kept = {x: on for x, on in kept.items() if sign * height[x] >= 0}
    for (x, faces), (y, others) in product(corners.items(), repeat=2):
        if height[x] > 0 > height[y] and _rank(form[:-1] for form in faces & others) == len(x) - 1:
            share = height[x] / (height[x] - height[y])
            point = tuple(a + share * (b - a) for a, b in zip(x, y, strict=True))
            kept[point] = kept.get(point, set()) | (faces & others) | {face}
    return kept


def _rank(vectors: Iterable[tuple[Fraction, ...]]) -> int:
    """The rank of some vectors, by elimination."""
    rows, rank = [list(vector) for vector in vectors], 0
    for k in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in rows if row[k] != 0), None)
        if pivot is None:
            continue
        rank += 1
        rows = [
            [a - row[k] / pivot[k] * b for a, b in zip(row, pivot, strict=True)]
            for row in rows
            if row is not pivot
        ]
    return rank
