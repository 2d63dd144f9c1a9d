"""The least excess of an alternative over a box, in fractions, from all corners there can be.

On a region the largest of some affine forms is convex and piecewise linear, so that it is least at
a corner: where as many of the region's borders, of the walls of the box and of the places where two
of the forms are equal meet as there are inputs. All of them are tried, for every pattern.
"""

from fractions import Fraction
from itertools import combinations, product

import numpy as np

from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from tests.oracles import Vector, affine_exact, exact, forward_exact

Form = tuple[Vector, Fraction]  # coefficients and constant


def least_excess(network: ReluNetwork, box: Box, weight: np.ndarray, bound: np.ndarray) -> Fraction:
    """The least of ``max(weight @ y - bound)`` over a box of one or two inputs."""
    walls = [
        ([Fraction(int(i == k)) for k in range(box.n_inputs)], -Fraction(float(end)))
        for i in range(box.n_inputs)
        for end in (box.lower[i], box.upper[i])
    ]
    points = set()
    for pattern in product((False, True), repeat=network.n_neurons):
        units, scores = forms(network, pattern)
        rows = [combined(row, scores, b) for row, b in zip(weight, bound, strict=True)]
        ties = [difference(a, b) for a, b in combinations(rows, 2)]
        for chosen in combinations([*walls, *units, *ties], box.n_inputs):
            point = meeting(chosen)
            if point is not None and inside(point, box):
                points.add(point)
    return min(excess(network, point, weight, bound) for point in points)


def excess(network: ReluNetwork, point, weight: np.ndarray, bound: np.ndarray) -> Fraction:
    """``max(weight @ y - bound)`` at a point."""
    scores = forward_exact(network, point)
    return max(affine_exact(weight, -bound, scores))


def forms(network: ReluNetwork, pattern) -> tuple[list[Form], list[Form]]:
    """The preactivations of the rectified units and the scores, under a pattern."""
    n = network.n_inputs
    hidden: list[Form] = [
        ([Fraction(int(i == k)) for k in range(n)], Fraction(0)) for i in range(n)
    ]
    bits, units = iter(pattern), []
    for layer in network.layers:
        found = [combined(row, hidden, -b) for row, b in zip(layer.weight, layer.bias, strict=True)]
        units += [form for form, flag in zip(found, layer.rectified, strict=True) if flag]
        hidden = [
            form if not flag or next(bits) else ([Fraction(0)] * n, Fraction(0))
            for form, flag in zip(found, layer.rectified, strict=True)
        ]
    output = network.output
    scores = [combined(row, hidden, -b) for row, b in zip(output.weight, output.bias, strict=True)]
    return units, scores


def combined(row, parts: list[Form], bound) -> Form:
    """The sum of some forms by their coefficients, minus a bound."""
    row = exact(row)
    slopes = [
        sum((w * slope[k] for w, (slope, _) in zip(row, parts, strict=True)), Fraction(0))
        for k in range(len(parts[0][0]))
    ]
    constant = sum((w * c for w, (_, c) in zip(row, parts, strict=True)), Fraction(0))
    return slopes, constant - Fraction(float(bound))


def difference(a: Form, b: Form) -> Form:
    return [x - y for x, y in zip(a[0], b[0], strict=True)], a[1] - b[1]


def meeting(chosen: tuple[Form, ...]) -> tuple[Fraction, ...] | None:
    """Where one or two forms are zero together."""
    if len(chosen) == 1:
        [([a], c)] = chosen
        return None if a == 0 else (-c / a,)
    ((a, b), e), ((c, d), f) = chosen
    determinant = a * d - b * c
    if determinant == 0:
        return None
    return (b * f - d * e) / determinant, (c * e - a * f) / determinant


def inside(point: tuple[Fraction, ...], box: Box) -> bool:
    corners = zip(point, box.lower.tolist(), box.upper.tolist(), strict=True)
    return all(low <= x <= high for x, low, high in corners)
