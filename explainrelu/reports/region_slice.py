"""The linear regions in a plane of the input space, as exact polygons.

The plane is ``origin + u * first + v * second`` for ``u, v`` in ``[0, 1]``. On a convex piece of
the unit square every hidden value is an affine form of ``(u, v, 1)``; a rectified unit whose form
changes sign there cuts the piece in two along a straight line. So layer by layer the square falls
into its linear regions, without a grid.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, Matrix, applied
from explainrelu.errors import ArgumentError
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Piece", "Plane", "cut_plane", "decide", "two_columns"]

_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A convex polygon of the unit square and affine forms on it.

    Attributes
    ----------
    corners : (n_corners, 2)
        In ``(u, v)``, going round.
    forms : (n_forms, 3)
        Coefficients of ``u``, ``v`` and 1: hidden values, and raw scores in the end.
    """

    corners: FloatArray
    forms: FloatArray

    def values(self, places: FloatArray) -> FloatArray:
        """The forms at ``places (n_places, 2)``: (n_places, n_forms)."""
        return places @ self.forms[:, :2].T + self.forms[:, 2]

    @property
    def middle(self) -> FloatArray:
        """An inner point: (2,)."""
        return np.asarray(self.corners.mean(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The plane of two numeric columns of a network, the other columns held.

    Attributes
    ----------
    network
        The network.
    pair
        Positions of the two columns, across and up.
    limits : (2, 2)
        Smallest and largest value of each, in raw units.
    centre : (n_columns,)
        Where the others are held, one number a raw column.
    """

    network: ReluNetwork
    pair: tuple[int, int]
    limits: FloatArray
    centre: FloatArray

    @property
    def columns(self) -> tuple[Column, Column]:
        """The two columns."""
        first, second = self.pair
        return self.network.schema.columns[first], self.network.schema.columns[second]

    def raw(self, places: FloatArray) -> FloatArray:
        """Places of the unit square in raw units: (n_places, 2)."""
        low, high = self.limits.T
        return np.asarray(low + places * (high - low), dtype=np.float64)

    def encoded(self, places: FloatArray) -> FloatArray:
        """The network's inputs at places of the unit square: (n_places, n_inputs)."""
        rows = np.repeat(self.centre[None], places.shape[0], axis=0)
        rows[:, self.pair] = self.raw(places)
        return self.network.schema.spread(rows)

    def pieces(self, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> list[Piece]:
        """The linear regions in the plane (see :func:`cut_plane`)."""
        origin, right, top = self.encoded(_SQUARE[[0, 1, 3]])
        return cut_plane(self.network, origin, right - origin, top - origin, tolerances=tolerances)

    def scores(self, n_pixels: int) -> FloatArray:
        """Raw scores at the middle of every pixel: (n_pixels, n_pixels, n_outputs)."""
        if n_pixels < 2:
            raise ArgumentError(f"grid_resolution must be at least 2, got {n_pixels}.")
        middle = (np.arange(n_pixels) + 0.5) / n_pixels
        places = np.column_stack([np.tile(middle, n_pixels), np.repeat(middle, n_pixels)])
        return self.network.forward(self.encoded(places)).reshape(n_pixels, n_pixels, -1)


def two_columns(network: ReluNetwork, features: Sequence[str | int] | None) -> tuple[int, int]:
    """Positions of the two columns a plane is made of.

    Parameters
    ----------
    features
        Two numeric columns, by name or by position; None where there are no others.

    Raises
    ------
    ArgumentError, ColumnsError
        Where they are not two different numeric columns, or not named although there are more.
    """
    schema = network.schema
    if features is None and schema.n_columns != 2:
        raise ArgumentError(
            f"A map needs two columns, got a model of {schema.n_columns}. Name two numeric ones, "
            f"features=[{schema.names[0]!r}, ...]; the others are held."
        )
    given = schema.names if features is None else features
    if isinstance(given, str) or len(given) != 2:
        raise ArgumentError(f"features must be two different columns, got {given!r}.")
    first, second = (_position(network, feature) for feature in given)
    if first == second:
        raise ArgumentError(f"features must be two different columns, got {list(given)!r}.")
    return first, second


def _position(network: ReluNetwork, feature: Any) -> int:
    """Where a numeric column stands."""
    schema, names = network.schema, network.schema.names
    if isinstance(feature, Integral):
        if not 0 <= int(feature) < len(names):
            raise ArgumentError(
                f"features must be names of columns or positions from 0 to {len(names) - 1}, got "
                f"{feature}."
            )
        feature = names[int(feature)]
    kind = schema.column(str(feature)).kind
    if kind is not ColumnKind.NUMERIC:
        raise ArgumentError(
            f"features must be numeric columns, got {feature!r}, which is {kind}. Hold it at a "
            "level instead: at={" + f"{feature!r}: ..." + "}."
        )
    return names.index(str(feature))


def cut_plane(
    network: ReluNetwork,
    origin: FloatArray,
    first: FloatArray,
    second: FloatArray,
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> list[Piece]:
    """Every linear region that meets the square of a plane, with its raw scores.

    Parameters
    ----------
    origin, first, second : (n_inputs,)
        An encoded corner of the square and its two sides.

    Returns
    -------
    list of Piece
        Polygons that fill the square; ``forms`` holds the raw scores ``(n_outputs, 3)``.

    Notes
    -----
    Exact up to ``tolerances.boundary``: slivers thinner than that are left to a neighbour. Cost
    O(pieces * neurons).

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[1.0]]], [[-0.25], [0.0]])
    >>> pieces = cut_plane(network, np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    >>> sorted(float(piece.corners[:, 0].max()) for piece in pieces)
    [0.25, 1.0]
    """
    pieces = [Piece(_SQUARE, np.column_stack([first, second, origin]))]
    for layer in network.layers:
        cut = []
        for piece in pieces:
            forms = _mapped(layer.weight, layer.bias, piece.forms)
            for corners in _split_by_all([piece.corners], forms[layer.rectified], tolerances):
                z = Piece(corners, forms)
                active = z.values(z.middle[None])[0] > 0.0
                cut.append(Piece(corners, forms * (active | ~layer.rectified)[:, None]))
        pieces = cut
    output = network.output
    return [Piece(p.corners, _mapped(output.weight, output.bias, p.forms)) for p in pieces]


def decide(
    network: ReluNetwork, piece: Piece, *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> tuple[list[tuple[FloatArray, int]], list[FloatArray]]:
    """A piece by the class that wins, and the decision boundary in it.

    Returns
    -------
    parts
        Polygons with the position of the winning class (of a binary classifier 0 or 1).
    boundary
        Line segments ``(2, 2)`` along which the two best classes are equal.

    Notes
    -----
    A network that is no binary or multiclass classifier decides nothing: one part of class 0.
    """
    task, scores = network.outputs.task, piece.forms
    if task is Task.BINARY:
        scores = np.vstack([np.zeros(3), scores])  # the other class has logit zero
    elif task is not Task.MULTICLASS:
        return [(piece.corners, 0)], []
    pairs = [(i, j) for i in range(len(scores)) for j in range(i)]
    duels = np.array([scores[i] - scores[j] for i, j in pairs])
    parts: list[tuple[FloatArray, int]] = []
    boundary: list[FloatArray] = []
    for corners in _split_by_all([piece.corners], duels, tolerances):
        part = Piece(corners, scores)
        winner = int(part.values(part.middle[None])[0].argmax())
        parts.append((corners, winner))
        boundary += _ties(part, winner, tolerances)
    return parts, boundary


def _ties(part: Piece, winner: int, tolerances: Tolerances) -> Iterator[FloatArray]:
    """Sides of a part along which another class is as good as the winner."""
    values = part.values(part.corners)
    gap = values[:, [winner]] - np.delete(values, winner, axis=1)
    size = np.abs(part.forms).sum(axis=1).max()
    even = (gap <= tolerances.boundary * size).T  # (n_others, n_corners)
    for flags in even:
        for k in np.flatnonzero(flags & np.roll(flags, -1)):
            yield part.corners[[k, (k + 1) % len(part.corners)]]


def _mapped(weight: Matrix, bias: FloatArray, forms: FloatArray) -> FloatArray:
    result = applied(weight, forms)
    result[:, 2] += bias
    return result


def _split_by_all(
    polygons: Sequence[FloatArray], forms: FloatArray, tolerances: Tolerances
) -> list[FloatArray]:
    """Polygons cut along the zero line of every form that crosses them."""
    found = list(polygons)
    for form in forms:
        slack = tolerances.boundary * float(np.abs(form).sum())
        found = [part for polygon in found for part in _split(polygon, form, slack)]
    return found


def _split(polygon: FloatArray, form: FloatArray, slack: float) -> list[FloatArray]:
    """The parts of a convex polygon on either side of a line, or itself where it lies on one."""
    z = polygon @ form[:2] + form[2]
    if z.max() <= slack or z.min() >= -slack:
        return [polygon]
    following, z_next = np.roll(polygon, -1, axis=0), np.roll(z, -1)
    sides: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    for a, b, z_a, z_b in zip(polygon, following, z, z_next, strict=True):
        if z_a >= 0.0:
            sides[0].append(a)
        if z_a <= 0.0:
            sides[1].append(a)
        if z_a * z_b < 0.0:
            crossing = a + (b - a) * (z_a / (z_a - z_b))
            sides[0].append(crossing)
            sides[1].append(crossing)
    return [np.array(side) for side in sides if len(side) > 2]
