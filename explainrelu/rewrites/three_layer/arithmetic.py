"""Extended-real arithmetic of selector weights, in any number type.

The three-layer network has weights in the reals with minus infinity. Its arithmetic is that
of measure theory: ``0 * -inf = 0``, ``v * -inf = -inf`` for ``v > 0``, ``finite + -inf = -inf``
and ``max(0, -inf) = 0``. By construction -inf only ever meets outputs of rectified units, which
are never negative, so no ``inf - inf`` can arise. IEEE floats would give ``0 * -inf = nan``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["NEGATIVE_INFINITY", "ExtendedRow", "rectified_row"]

NEGATIVE_INFINITY = float("-inf")


@dataclass(frozen=True, slots=True)
class ExtendedRow:
    """One neuron: a finite bias, finite weights, and the inputs it weighs with -inf."""

    weights: tuple[tuple[int, Fraction], ...]
    bias: Fraction
    selectors: tuple[int, ...]


def rectified_row(row: ExtendedRow, hidden: Sequence[Fraction]) -> Fraction:
    """``max(0, weights @ hidden + bias)`` in the extended reals.

    Examples
    --------
    >>> row = ExtendedRow(((0, Fraction(2)),), Fraction(1), (1,))
    >>> rectified_row(row, [Fraction(3), Fraction(0)])
    Fraction(7, 1)
    >>> rectified_row(row, [Fraction(3), Fraction(1)])
    Fraction(0, 1)
    """
    if any(hidden[i] > 0 for i in row.selectors):
        return Fraction(0)  # a finite sum plus -inf is -inf, rectified to zero
    total = row.bias + sum((weight * hidden[i] for i, weight in row.weights), Fraction(0))
    return max(total, Fraction(0))
