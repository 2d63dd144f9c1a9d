"""What a term of the maximum pays for each unit that is frozen on its wrong side.

Legend: ``z^l`` are the preactivations of layer ``l``, ``z_s^l`` those of the network frozen at the
pattern ``s``, and ``rho_i^l = max(0, -(2 s_i^l - 1) z_{i,s}^l)`` is by how much unit ``i`` is on
the wrong side. A rectified unit obeys ``s z_s = max(z_s, 0) - rho``. So with
``-D^- <= z_s - z <= D^+`` at layer ``l``, ``h_s - h <= D^+`` and ``h - h_s <= D^- + rho``
(``rho = 0`` for a carried unit), and one layer on, with ``t^+ = max(t, 0)`` and
``t^- = max(-t, 0)``,

    ``D'^+ = W^+ D^+ + W^- (D^- + rho)``  and  ``D'^- = W^+ (D^- + rho) + W^- D^+``.

For output weights ``a`` the error ``f_s - f`` is at most ``a^+ D^+ + a^- D^-``. Read from the
output back, ``alpha`` and ``beta`` are what stands before ``D^+`` and ``D^-``; they start as
``a^+`` and ``a^-``, go from layer ``l + 1`` to layer ``l`` by

    ``alpha' = alpha W^+ + beta W^-``,  ``beta' = alpha W^- + beta W^+``,

and ``beta`` is what stands before ``rho``: the penalty ``M^l``. The same with ``-a`` bounds
``f - f_s``. The path norm ``alpha + beta`` is a larger penalty that asks for no signs.
"""

from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray, dense, frozen
from explainrelu.errors import SizeError
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import ReluNetwork

__all__ = ["Penalty", "penalties"]


class Penalty(StrEnum):
    """How the penalties are computed."""

    SIGN_AWARE = "sign-aware"
    PATH_NORM = "path-norm"


def penalties(
    network: ReluNetwork, n_frozen: int, penalty: Penalty, *, upper: bool
) -> tuple[FloatArray, ...]:
    """The penalties ``M`` of the rectified units of the first ``n_frozen`` layers.

    Parameters
    ----------
    network
        The source.
    n_frozen
        How many layers are frozen, from the first.
    penalty
        Sign-aware, or the path norm.
    upper
        True where the terms must not fall below the network (a minimum), False where they must not
        exceed it (a maximum).

    Returns
    -------
    One array ``(n_outputs, n_rectified)`` a frozen layer.
        At least the exact penalty of these float64 weights: what does not fit is rounded up, so
        that no rounding lets a term pass the network.

    Raises
    ------
    SizeError
        Where a penalty lies beyond the range of float64.

    Notes
    -----
    In exact arithmetic; O(n_outputs * number of weights) products of integers.
    """
    if n_frozen == 0:
        return ()
    output = ExactArray.of(network.output.weight)
    alpha, beta = _positive(output), _negative(output)
    if upper:
        alpha, beta = beta, alpha
    found = []
    for number in range(len(network.layers) - 1, -1, -1):
        layer = network.layers[number]
        if number < n_frozen:
            owed = alpha + beta if penalty is Penalty.PATH_NORM else beta
            found.append(_rounded_up(owed)[:, layer.rectified])
        if number == 0:
            break
        weight = ExactArray.of(dense(layer.weight))
        plus, minus = _positive(weight), _negative(weight)
        alpha, beta = alpha @ plus + beta @ minus, alpha @ minus + beta @ plus
    return tuple(frozen(np.ascontiguousarray(owed)) for owed in reversed(found))


def _positive(array: ExactArray) -> ExactArray:
    return ExactArray(np.maximum(array.integers, 0), array.denominator)


def _negative(array: ExactArray) -> ExactArray:
    return ExactArray(np.maximum(-array.integers, 0), array.denominator)


def _rounded_up(array: ExactArray) -> FloatArray:
    """The nearest float64 that is not smaller, element by element."""
    values: npt.NDArray[Any] = np.empty(array.integers.shape)
    for place, integer in np.ndenumerate(array.integers):
        exact = Fraction(integer, array.denominator)
        try:
            value = float(exact)
        except OverflowError as error:
            raise SizeError(
                "The penalties must lie within the range of float64, got one beyond 1e308: the "
                "weights of consecutive layers multiply. Scale the model's weights."
            ) from error
        values[place] = value if Fraction(value) >= exact else np.nextafter(value, np.inf)
    return values
