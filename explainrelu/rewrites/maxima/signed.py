"""From a maximum of minima to a signed sum of maxima of at most ``d + 1`` affine functions.

Legend: ``l_1 .. l_k`` are affine functions of ``d`` inputs; a set of them is an integer whose bit
``i`` stands for ``l_i``. A signed sum of maxima is a dictionary from sets ``U`` to whole numbers
``c_U`` and means ``sum_U c_U max_{i in U} l_i``.

By inclusion and exclusion, twice,

    ``max_j m_j = sum_J (-1)^(|J| + 1) min_{j in J} m_j``,
    ``min_{i in V} l_i = sum_{U in V} (-1)^(|U| + 1) max_{i in U} l_i``,

over nonempty ``J`` and ``U``. A set ``U`` of more than ``d + 1`` functions holds ``d + 2`` whose
gradients are affinely dependent: ``sum lam_i l_i = c`` is constant with ``sum lam_i = 0`` and
``lam != 0``; change its sign so that ``c <= 0``. With ``I = {i : lam_i > 0}`` the least of ``I``
is nowhere above the others of ``U``, for else ``c`` were positive. So ``max_{U - T}`` stays what it
is when that least one is put into ``T`` or taken out, the sum of ``(-1)^|T| max_{U - T}`` over all
``T`` in ``I`` is zero, and

    ``max_U = sum_{nonempty T in I} (-1)^(|T| + 1) max_{U - T}``.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction

import numpy as np

from explainrelu.arrays import FloatArray, IntArray

__all__ = ["lattice_maxima", "minimal_sets", "small_maxima"]


def minimal_sets(sets: Iterable[int]) -> list[int]:
    """The sets that contain no other one of them: the minima over the others never matter."""
    kept: list[int] = []
    for candidate in sorted(set(sets), key=lambda s: (s.bit_count(), s)):
        if not any(candidate & smaller == smaller for smaller in kept):
            kept.append(candidate)
    return kept


def lattice_maxima(sets: Iterable[int], n_functions: int) -> dict[int, int]:
    """``max_j min_{i in S_j} l_i`` as a signed sum of maxima.

    Examples
    --------
    >>> lattice_maxima([0b01, 0b10], 2)  # the larger of two
    {3: 1}
    >>> lattice_maxima([0b11], 2)  # the smaller of two
    {1: 1, 2: 1, 3: -1}
    """
    minima: dict[int, int] = {}
    for new in minimal_sets(sets):  # max(m, n) = m + n - min(m, n)
        both = [(union | new, -c) for union, c in minima.items()]
        for union, c in [*both, (new, 1)]:
            minima[union] = minima.get(union, 0) + c
    above: IntArray = np.zeros(1 << n_functions, dtype=np.int64)
    for union, c in minima.items():
        above[union] = c
    for i in range(n_functions):  # sum over all sets that contain one
        halves = above.reshape(-1, 2, 1 << i)
        halves[:, 0] += halves[:, 1]
    sign = {True: 1, False: -1}
    found = [(int(u), int(above[u])) for u in np.flatnonzero(above) if u]
    return {u: sign[u.bit_count() % 2 == 1] * c for u, c in found}


def small_maxima(maxima: Mapping[int, int], weight: FloatArray, bias: FloatArray) -> dict[int, int]:
    """The same function with maxima over at most ``d + 1`` functions.

    Parameters
    ----------
    maxima
        A signed sum of maxima of the functions ``weight @ x + bias``.
    weight : (n_functions, n_inputs)
    bias : (n_functions,)

    Notes
    -----
    Exact: the dependences are found in fractions. At most ``2**n_functions`` sets arise.

    References
    ----------
    Wang and Sun 2005, "Generalization of Hinging Hyperplanes"; Koutschan, Moser, Ponomarchuk,
    Schicho 2023, "Representing Piecewise Linear Functions by Functions with Small Arity".

    Examples
    --------
    >>> slopes = np.array([[-1.0], [0.0], [1.0]])
    >>> small_maxima({0b111: 1}, slopes, np.array([0.0, 1.0, 0.0]))  # max(-x, 1, x)
    {2: -1, 3: 1, 6: 1}
    """
    exact = [
        [*map(Fraction, row), Fraction(1), Fraction(constant)]
        for row, constant in zip(weight.tolist(), bias.tolist(), strict=True)
    ]
    most = weight.shape[1] + 1
    found, large = {u: c for u, c in maxima.items() if c}, True
    while large:
        large = False
        for whole in sorted(found, key=lambda u: -u.bit_count()):
            if whole.bit_count() <= most:
                break
            large = True
            coefficient = found.pop(whole)
            if coefficient == 0:
                continue
            for part, sign in _reduced(whole, most + 1, exact):
                found[part] = found.get(part, 0) + sign * coefficient
    return {u: c for u, c in found.items() if c}


def _reduced(whole: int, n_taken: int, exact: list[list[Fraction]]) -> list[tuple[int, int]]:
    """One step: ``max_U`` as maxima over smaller sets, with their signs."""
    taken = [i for i in range(len(exact)) if whole >> i & 1][:n_taken]
    lam = _dependence([exact[i][:-1] for i in taken])
    constant = sum((a * exact[i][-1] for a, i in zip(lam, taken, strict=True)), Fraction(0))
    positive = [i for a, i in zip(lam, taken, strict=True) if a > 0]
    negative = [i for a, i in zip(lam, taken, strict=True) if a < 0]
    if constant > 0 or (constant == 0 and len(negative) < len(positive)):
        positive = negative
    parts, some = [], sum(1 << i for i in positive)
    left = some
    while left:  # every nonempty subset of the positive ones
        parts.append((whole & ~left, 1 if left.bit_count() % 2 else -1))
        left = (left - 1) & some
    return parts


def _dependence(rows: list[list[Fraction]]) -> list[Fraction]:
    """Coefficients, not all zero, with which the rows add up to zero; one row more than columns."""
    n_rows = len(rows)
    tagged = [[*row, *(Fraction(int(i == k)) for k in range(n_rows))] for i, row in enumerate(rows)]
    for column in range(len(rows[0])):
        pivot = next((row for row in tagged if row[column] != 0), None)
        if pivot is None:
            continue
        tagged = [
            [a - row[column] / pivot[column] * b for a, b in zip(row, pivot, strict=True)]
            if row[column] != 0
            else row
            for row in tagged
            if row is not pivot
        ]
    return tagged[0][len(rows[0]) :]
