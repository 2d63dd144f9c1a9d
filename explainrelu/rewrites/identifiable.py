"""A network that is determined by its function, up to the order and scale of its units.

Legend: ``u`` in ``[-1, 1]^n`` are the domain's coordinates. In each layer unit 1 is ``(w, b)``, its
zero set through a point of the domain, and unit 2 is ``(-w + e v, -b + d)`` with ``d > 0`` and
``e v h > -d`` for every value ``h`` of the layer before (``v >= 0`` behind a hidden layer): where
unit 1 is inactive, unit 2 is ``-z_1 + e v h + d > 0``. The other units are generic.
"""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import check_domain
from explainrelu.rewrites.identifiability import identifiability
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["identifiable_network"]

_MOST_DRAWS = 60
_SHIFT, _TURN = 0.3, 0.1  # d and e


def identifiable_network(
    widths: Sequence[int],
    domain: Box,
    *,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """A network whose every functional equal on a domain is a permutation and scaling of it.

    Parameters
    ----------
    widths
        Inputs, hidden layers, and 1 for the output: ``n_0 >= n_1 >= ... >= n_H >= 2``.
    domain
        A box of ``n_0`` inputs, none of them fixed.
    random_state
        Seed or generator.

    Returns
    -------
    ReluNetwork
        Transparent, with a fold-set path from every unit, and general as far as that could be
        shown: of :func:`explainrelu.identifiability` no condition fails, and for networks of a
        dozen units all are shown to hold.

    Raises
    ------
    ArgumentError, InputTypeError
        For widths that grow, a layer of one unit, several outputs, a domain with fixed inputs or of
        another number of inputs, and where no network was found in 60 draws.

    Notes
    -----
    Equal means equal among general networks of the same widths; the theorem says no more. Cost:
    that of :func:`explainrelu.identifiability` for each draw, a few as a rule.

    References
    ----------
    M. Phuong, C. Lampert, "Functional vs. parametric equivalence of ReLU networks", ICLR 2020,
    theorem 1.

    Examples
    --------
    >>> network = identifiable_network((2, 2, 2, 1), Box([-1, -1], [1, 1]))
    >>> network.widths
    (2, 2)
    """
    if not all(isinstance(width, Integral) for width in widths):
        raise ArgumentError(f"widths must be whole numbers, got {widths!r}.")
    sizes = tuple(int(width) for width in widths)
    _check_widths(sizes)
    check_domain(domain, sizes[0])
    if domain.fixed.any():
        raise ArgumentError(
            f"No input of the domain may be fixed, got input {int(domain.fixed.argmax())} at one "
            "value. Give each a range."
        )
    rng = np.random.default_rng(random_state)
    for _ in range(_MOST_DRAWS):
        network = _drawn(sizes, domain, rng)
        found = identifiability(network, domain, random_state=rng, tolerances=tolerances)
        needed = [found[name].status for name in ("transparent", "fold-set path")]
        if found.status is not Status.FAILS and needed == [Status.HOLDS] * 2:
            return network
    raise ArgumentError(
        f"No network of widths {sizes} was found in {_MOST_DRAWS} draws whose zero sets all cross. "
        "Try fewer layers or units, or another random_state."
    )


def _check_widths(widths: tuple[int, ...]) -> None:
    falling = all(a >= b for a, b in pairwise(widths))
    if len(widths) < 3 or not falling or min(widths[:-1]) < 2 or widths[-1] != 1:
        raise ArgumentError(
            "widths must be the inputs, one or more hidden layers, and 1 for the output, none "
            f"larger than the one before and each layer at least 2, got {widths}."
        )


def _drawn(widths: tuple[int, ...], domain: Box, rng: np.random.Generator) -> ReluNetwork:
    points = rng.uniform(-0.5, 0.5, size=(64, widths[0]))  # where zero sets are to pass
    weights, biases, hidden = [], [], points
    for number, (before, width) in enumerate(pairwise(widths[:-1])):
        weight, bias = _layer(before, width, hidden, rng, first=number == 0)
        hidden = np.maximum(hidden @ weight.T + bias, 0.0)
        weights.append(weight)
        biases.append(bias)
    weights.append(rng.normal(size=(1, widths[-2])))
    biases.append(rng.normal(size=1))
    weights[0] = weights[0] / domain.half_width
    biases[0] = biases[0] - weights[0] @ domain.centre
    return ReluNetwork.from_weights(weights, biases)


def _layer(
    before: int, width: int, hidden: FloatArray, rng: np.random.Generator, *, first: bool
) -> tuple[FloatArray, FloatArray]:
    weight = rng.normal(size=(width, before))
    weight /= np.linalg.norm(weight, axis=1, keepdims=True)
    through = hidden[rng.integers(len(hidden), size=width)]
    bias = -np.einsum("ij,ij->i", weight, through)
    turn = rng.normal(size=before) if first else rng.random(before)
    turn *= _SHIFT / np.abs(turn).sum() / 2 if first else _TURN
    weight[1], bias[1] = -weight[0] + turn, -bias[0] + _SHIFT
    return weight, bias
