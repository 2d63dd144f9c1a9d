"""Functions that deep networks write with few neurons and shallow ones cannot.

Legend, after the paper: ``M`` is the height; ``a = (a_1 < ... < a_p)`` are knots in ``(0, M)``; the
tooth ``h_a`` is zero up to 0, takes the values ``M, 0, M, ...`` at ``a_1, a_2, ...``, at ``M`` the
other one of the two than at ``a_p``, is linear between, and keeps its last slope beyond ``M``.
It has one hidden layer of ``w = p + 1`` units, ``H = h_{a^k} o ... o h_{a^1}`` has ``k`` of them.
"""

from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.errors import ArgumentError
from explainrelu.network.network import ReluNetwork

__all__ = ["sawtooth", "sawtooth_pieces", "shallow_size_bound", "zonotope", "zonotope_pieces"]


def sawtooth(
    width: int, depth: int, *, height: float = 1.0, knots: npt.ArrayLike | None = None
) -> ReluNetwork:
    """A function of one input with ``width ** depth`` teeth on ``[0, height]``.

    Parameters
    ----------
    width
        ``w``, the units of each hidden layer; at least 2.
    depth
        ``k``, the hidden layers; at least 1.
    height
        ``M``: ``[0, M]`` is mapped onto itself, up and down ``w ** k`` times.
    knots : (depth, width - 1)
        ``a^1 .. a^k``, each increasing and strictly between 0 and ``M``; evenly spaced by default.

    Returns
    -------
    ReluNetwork
        ``depth`` hidden layers of ``width`` units, with :func:`sawtooth_pieces` affine pieces.

    Raises
    ------
    ArgumentError
        For sizes that are too small, and knots that do not increase within the height.

    Notes
    -----
    A network with ``k' <= k`` hidden layers needs at least ``k' w**(k / k') / 2 - 1`` units for the
    same function (:func:`shallow_size_bound`). Where the number of pieces matters keep
    ``w ** k`` below about 1e12: beyond it neighbouring teeth cannot be told apart in float64.

    References
    ----------
    Arora, Basu, Mianjy, Mukherjee 2018, "Understanding Deep Neural Networks with Rectified Linear
    Units", theorem 3.1 and lemma B.1.

    Examples
    --------
    >>> tooth = sawtooth(2, 2)
    >>> tooth([[0.0], [0.25], [0.5], [0.75], [1.0]])
    array([0., 1., 0., 1., 0.])
    """
    weights, biases = _chain(width, depth, height, knots)
    return ReluNetwork.from_weights([np.ones((width, 1)), *weights], biases)


def sawtooth_pieces(width: int, depth: int, *, inside: bool = False) -> int:
    """How many affine pieces :func:`sawtooth` has.

    Parameters
    ----------
    inside
        On ``[0, height]`` only: ``w ** k``. On the whole line there is one more on the left, and
        for an even ``w`` and ``k >= 2`` another on the right, where the first layer falls below 0.

    Examples
    --------
    >>> sawtooth_pieces(3, 2), sawtooth_pieces(2, 2), sawtooth_pieces(2, 2, inside=True)
    (10, 6, 4)
    """
    _check_sizes(width, depth)
    teeth = int(width**depth)
    return teeth if inside else teeth + 1 + _outer(width, depth)


def zonotope(
    generators: npt.ArrayLike,
    width: int,
    depth: int,
    *,
    height: float = 1.0,
    knots: npt.ArrayLike | None = None,
) -> ReluNetwork:
    """A sawtooth of the support function of a zonotope.

    ``H(gamma(r))`` with ``gamma(r) = sum_i |<r, b^i>|``, the support function of
    ``{sum_i t_i b^i : -1 <= t_i <= 1}``, affine on one cone for each vertex of it.

    Parameters
    ----------
    generators : (n_generators, n_inputs)
        ``b^1 .. b^m``, at least two inputs.
    width, depth, height, knots
        Of the sawtooth; see :func:`sawtooth`.

    Returns
    -------
    ReluNetwork
        ``depth + 1`` hidden layers with ``2 m + width * depth`` units in all, and for generators in
        general position :func:`zonotope_pieces` affine pieces.

    Raises
    ------
    ArgumentError
        For arrays and sizes that do not fit.

    References
    ----------
    Arora, Basu, Mianjy, Mukherjee 2018, section 3.2.

    Examples
    --------
    >>> zonotope([[1.0, 0.0], [0.0, 1.0]], 2, 1)([[0.25, 0.25], [0.5, -0.5]])
    array([1., 0.])
    """
    b = frozen_floats(generators, 2, "generators")
    if b.shape[0] < 1 or b.shape[1] < 2:
        raise ArgumentError(
            "generators must be (n_generators, n_inputs) with at least one generator and two "
            f"inputs, got shape {b.shape}. sawtooth is the function of one input."
        )
    weights, biases = _chain(width, depth, height, knots)
    both = np.concatenate([b, -b])
    first = np.ones((width, both.shape[0]))
    return ReluNetwork.from_weights([both, first, *weights], [np.zeros(both.shape[0]), *biases])


def zonotope_pieces(n_generators: int, n_inputs: int, width: int, depth: int) -> int:
    """How many affine pieces :func:`zonotope` has for generators in general position.

    ``V w**k``, and one more for an even ``w`` and ``k >= 2``: the outermost piece, where the
    function is zero, which is connected. ``V = 2 sum_{i < n} C(m - 1, i)`` is the number of
    vertices of the zonotope.

    Notes
    -----
    The paper states a lower bound, ``sum_{i < n} C(m - 1, i) w**k``; this is the count itself, as
    the tests find it by enumeration.

    Examples
    --------
    >>> zonotope_pieces(3, 2, 2, 1), zonotope_pieces(3, 2, 2, 2)
    (12, 25)
    """
    _check_sizes(width, depth)
    if n_generators < 1 or n_inputs < 2:
        raise ArgumentError(
            "There must be at least one generator and two inputs, got "
            f"{n_generators} and {n_inputs}."
        )
    vertices = 2 * sum(comb(n_generators - 1, i) for i in range(n_inputs))
    return int(vertices * width**depth) + _outer(width, depth)


def shallow_size_bound(width: int, depth: int, shallow_depth: int) -> float:
    """The fewest units that ``shallow_depth`` hidden layers need for a :func:`sawtooth`.

    ``k' w**(k / k') / 2 - 1`` for ``k' <= k`` hidden layers, a proven lower bound.

    References
    ----------
    Arora, Basu, Mianjy, Mukherjee 2018, theorem 3.1.

    Examples
    --------
    >>> [shallow_size_bound(k, k * k, k) for k in (2, 3, 4)]  # beside k**3 units in k**2 layers
    [3.0, 39.5, 511.0]
    """
    _check_sizes(width, depth)
    if not 1 <= shallow_depth <= depth:
        raise ArgumentError(f"shallow_depth must be from 1 to depth={depth}, got {shallow_depth}.")
    return float(0.5 * shallow_depth * float(width) ** (depth / shallow_depth) - 1.0)


def _chain(
    width: int, depth: int, height: float, knots: npt.ArrayLike | None
) -> tuple[list[FloatArray], list[FloatArray]]:
    """The weights between the teeth, the output's last, and the biases of every layer and it."""
    _check_sizes(width, depth)
    places = _knots(width, depth, height, knots)
    jumps = [_slope_jumps(row, height) for row in places]
    weights = [np.tile(jump, (width, 1)) for jump in jumps[:-1]]
    starts = [-np.append(0.0, row) for row in places]
    return [*weights, jumps[-1][None]], [*starts, np.zeros(1)]


def _slope_jumps(knots: FloatArray, height: float) -> FloatArray:
    """The change of slope of a tooth at 0 and at each knot: (width,)."""
    ends = np.concatenate([[0.0], knots, [height]])
    values = height * (np.arange(ends.size) % 2)
    return np.diff(np.diff(values) / np.diff(ends), prepend=0.0)


def _knots(width: int, depth: int, height: float, knots: Any) -> FloatArray:
    if not (np.isfinite(height) and height > 0):
        raise ArgumentError(f"height must be a positive number, got {height}.")
    if knots is None:
        even = height * np.arange(1, width) / width
        return np.tile(even, (depth, 1))
    places = frozen_floats(knots, 2, "knots")
    if places.shape != (depth, width - 1):
        raise ArgumentError(
            f"knots must be (depth, width - 1) = {(depth, width - 1)}, got {places.shape}."
        )
    ends = np.pad(places, ((0, 0), (1, 1)), constant_values=((0, 0), (0.0, height)))
    if (np.diff(ends, axis=1) <= 0).any():
        raise ArgumentError(f"knots must increase strictly between 0 and height={height}.")
    return places


def _check_sizes(*sizes: int) -> None:
    width, depth = sizes
    if width < 2 or depth < 1:
        raise ArgumentError(
            f"width must be at least 2 and depth at least 1, got {width} and {depth}."
        )


def _outer(width: int, depth: int) -> int:
    """1 where a flat piece lies beyond the last tooth."""
    return int(width % 2 == 0 and depth >= 2)
