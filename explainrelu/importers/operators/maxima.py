"""The largest number of each window, by pairs: ``max(p, q) = p + max(q - p, 0)``.

The numbers of a window are merged in pairs, then these in pairs, and so on: a window of ``k``
numbers takes ``k - 1`` rectified units in ``ceil(log2 k)`` layers. Windows that overlap share
the pairs they have in common:

- A window over several axes is a product of windows along them, so the largest along one axis
  is found first, for all windows at once, and of these the largest along the next one.
- A window of ``k`` consecutive numbers is also its first ``h`` and its last ``h``, for the
  largest power of two ``h < k``. These overlap, which does not change the largest, and windows
  of the same length ``h`` are what the neighbours need too.

``min(p, q) = p - max(p - q, 0)`` in the same way.
"""

from collections.abc import Mapping
from itertools import permutations
from math import prod

import numpy as np
from scipy import sparse

from explainrelu.arrays import BoolArray, IntArray
from explainrelu.importers.operators.graph import Shape
from explainrelu.importers.operators.values import (
    RectifiedVector,
    Value,
    affine,
    diagonal,
    gather,
    rectify,
    selection,
)

__all__ = ["ABSENT", "Windows", "largest", "smallest"]

ABSENT = -1
"""In a window the place of no number: it is never the largest."""

Windows = Mapping[int, IntArray]
"""Axis -> the positions ``(n_windows, size)`` along it that each window covers, or ``ABSENT``."""


def largest(x: Value, windows: Windows) -> Value:
    """The largest number in each product of windows along some axes.

    Parameters
    ----------
    x
        The numbers.
    windows
        Axis -> the positions along it that each window covers, ``(n_windows, size)``, each
        position once; where fewer are covered the others are ``ABSENT``, but at least one is.

    Returns
    -------
    Value
        Shaped as ``x``, with the number of windows for the size of each axis that has some.

    Notes
    -----
    Exact up to the rounding of ``p + (q - p)``; ties and windows of one number are exact. No
    pair is made twice, and no number is compared with itself. What was rectified before is
    rectified afterwards instead where fewer numbers are left then: ``max(., 0)`` keeps order.

    Examples
    --------
    >>> from explainrelu.importers.operators.values import constant
    >>> x = constant(np.array([3.0, 1.0, 4.0, 1.0, 5.0]))
    >>> largest(x, {0: np.array([[0, 1, 2], [2, 3, 4], [3, ABSENT, ABSENT]])}).fixed
    array([4., 5., 1.])
    """
    return _extreme(x, windows, 1.0)


def smallest(x: Value, windows: Windows) -> Value:
    """The smallest number in each product of windows; otherwise as :func:`largest`."""
    return _extreme(x, windows, -1.0)


def _extreme(x: Value, windows: Windows, sign: float) -> Value:
    """The largest numbers for sign 1, the smallest for sign -1."""
    shape = _shape_of(x.shape, windows)
    if isinstance(x.vector, RectifiedVector) and prod(shape) < x.size:
        return rectify(_extreme(Value(x.shape, x.vector.argument), windows, sign))
    if all(_is_disjoint(places) for places in windows.values()):
        # nothing to share: all axes at once take the fewest layers
        return Value(shape, _merged(x, _flat(x.shape, windows), sign).vector)
    x, windows = _covered(x, windows)
    cheapest = {axis: _cheapest(places) for axis, places in windows.items()}
    for axis in _order(x.shape, cheapest):
        along = {axis: cheapest[axis]}
        merged = _merged(x, _flat(x.shape, along), sign)
        x = Value(_shape_of(x.shape, along), merged.vector)
    return x


def _shape_of(shape: Shape, windows: Windows) -> Shape:
    return tuple(len(windows[axis]) if axis in windows else size for axis, size in enumerate(shape))


# ------------------------------------------------------------------------------------------
# Pairs.


def _merged(x: Value, rows: IntArray, sign: float) -> Value:
    """The extreme of the flat positions in each row."""
    rounds, last = _rounds(rows)
    for first, second in rounds:
        x = _paired(x, first, second, sign)
    return gather(x, last)


def _rounds(rows: IntArray) -> tuple[list[tuple[IntArray, IntArray]], IntArray]:
    """What to pair in each round, and where the extreme of each row then stands.

    A round turns the numbers into new ones, each made from the numbers ``first`` and ``second``;
    where these are the same one it is passed on. Every row has its ``ABSENT`` behind the rest.
    """
    rounds = []
    while rows.shape[1] > 1:
        if rows.shape[1] % 2:
            rows = np.pad(rows, ((0, 0), (0, 1)), constant_values=ABSENT)
        present = rows[:, ::2] != ABSENT
        first, second = rows[:, ::2][present], rows[:, 1::2][present]
        second = np.where(second == ABSENT, first, second)
        base = int(rows.max()) + 1
        pairs, made = np.unique(first * base + second, return_inverse=True)
        rows = np.full(present.shape, ABSENT)
        rows[present] = made
        rounds.append((pairs // base, pairs % base))
    return rounds, rows[:, 0]


def _paired(x: Value, first: IntArray, second: IntArray, sign: float) -> Value:
    """``p + sign max(sign (q - p), 0)`` for the numbers ``p`` first and ``q`` second."""
    apart = np.flatnonzero(first != second)
    if not apart.size:
        return gather(x, first)
    step = selection(second[apart], x.size) - selection(first[apart], x.size)
    beyond = rectify(affine((apart.size,), [(sparse.csr_array(sign * step), x)]))
    to_pairs = sparse.csr_array(sign * selection(apart, first.size).T)
    # a vector of its own, so that of x nothing but p is needed behind the rectification
    start = gather(x, first)
    return affine(start.shape, [(diagonal(np.ones(first.size)), start), (to_pairs, beyond)])


# ------------------------------------------------------------------------------------------
# Windows.


def _flat(shape: Shape, windows: Windows) -> IntArray:
    """The flat positions of each product of windows, one window a row, ``ABSENT`` at its end."""
    index = np.arange(prod(shape)).reshape(shape)
    for axis, places in windows.items():
        # one more position along the axis, so that ABSENT, the last one, takes ABSENT
        margin = [(0, int(other == axis)) for other in range(index.ndim)]
        index = np.take(np.pad(index, margin, constant_values=ABSENT), places, axis=axis)
        index = np.moveaxis(index, axis + 1, -1)
    return _packed(index.reshape(prod(index.shape[: len(shape)]), -1))


def _packed(rows: IntArray) -> IntArray:
    """Each row with its ``ABSENT`` moved to the end."""
    absent = rows == ABSENT
    if not absent.any():
        return rows
    order = np.argsort(absent, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1)


def _is_disjoint(places: IntArray) -> bool:
    present = places[places != ABSENT]
    return bool(np.unique(present).size == present.size)


def _covered(x: Value, windows: Windows) -> tuple[Value, Windows]:
    """The numbers that some window covers, and the windows over these."""
    index, found = np.arange(x.size).reshape(x.shape), {}
    for axis, places in windows.items():
        present = places != ABSENT
        used = np.unique(places[present])
        index = np.take(index, used, axis=axis)
        found[axis] = np.where(present, np.searchsorted(used, places), ABSENT)
    return gather(x, index), found


def _cheapest(places: IntArray) -> IntArray:
    """The windows along an axis, written so that merging them takes the fewest pairs."""
    packed = _packed(places)
    return min((packed, _halved(packed)), key=_n_pairs)


def _n_pairs(rows: IntArray) -> int:
    return sum(int((first != second).sum()) for first, second in _rounds(rows)[0])


def _halved(rows: IntArray) -> IntArray:
    """Each window as its first and its last ``h`` numbers, ``h`` the power of two that suffices.

    Of ``k`` numbers ``h`` is the largest power of two below ``k`` (1 where ``k`` is 1).
    """
    count = (rows != ABSENT).sum(axis=1, keepdims=True)
    half = 2 ** np.maximum(np.frexp(count - 1.0)[1] - 1, 0).astype(np.int64)
    column = np.arange(2 * int(half.max()))
    taken = np.where(column < half, column, count - 2 * half + column)
    inside: BoolArray = column < 2 * half
    halves = np.take_along_axis(rows, np.where(inside, taken, 0), axis=1)
    return np.where(inside, halves, ABSENT)


def _order(shape: Shape, windows: Windows) -> tuple[int, ...]:
    """The axes in the order in which merging along one after the other takes the fewest pairs."""
    n_pairs = {axis: _n_pairs(places) for axis, places in windows.items()}

    def cost(order: tuple[int, ...]) -> int:
        total, sizes = 0, list(shape)
        for axis in order:
            total += n_pairs[axis] * prod(sizes) // sizes[axis]
            sizes[axis] = len(windows[axis])
        return total

    return min(permutations(windows), key=cost)
