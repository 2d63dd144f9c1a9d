"""Bounds of every preactivation over a box, as tight as the effort spent on them."""

from enum import StrEnum
from time import monotonic
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.layer_program import LayerProgram
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.back_substitution import back_substituted_bounds, form_bounds
from explainrelu.network.bounds import Bounds, interval_bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["BoundMethod", "tighten_layer", "tightened_bounds"]

_MOST_PROGRAMS = 1000  # linear programs that "auto" spends


class BoundMethod(StrEnum):
    """How bounds are found, from the cheapest to the tightest."""

    AUTO = "auto"
    INTERVAL = "interval"
    BACK_SUBSTITUTION = "back-substitution"
    LP = "lp"
    MILP = "milp"


def tightened_bounds(
    model: Any,
    domain: Box,
    *,
    method: str = "auto",
    levels: bool = True,
    time_limit: float | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Bounds:
    """Sound bounds of every preactivation and score of a model over a box.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs.
    method
        ``interval``, ``back-substitution``, ``lp`` (a linear program a unit and side over the
        triangles of all layers before), ``milp`` (the exact range of each unit), or ``auto``:
        linear programs where at most 1000 are needed.
    levels
        Whether ``milp`` keeps columns with levels at one of them.
    time_limit
        Seconds; units whose turn does not come keep the bounds of back-substitution.

    Returns
    -------
    Bounds
        Each method's are nowhere looser than those of the methods before it in the list. Scores
        are bounded by back-substitution from the tightened layers.

    Raises
    ------
    ArgumentError, InputTypeError
        For an unknown method, and a domain that is no box of the model's inputs.

    Examples
    --------
    >>> network = ReluNetwork.from_weights(
    ...     [[[1.0], [-1.0]], [[1.0, 1.0]], [[1.0]]], [[0.0, 0.0], [-1.0], [0.0]])
    >>> found = tightened_bounds(network, Box([-1.0], [1.0]), method="lp")
    >>> round(float(found.upper[1][0]), 9) + 0.0
    0.0
    """
    network = import_model(model)
    check_domain(domain, network.n_inputs, network.schema)
    check_time_limit(time_limit)
    if method not in tuple(BoundMethod):
        raise ArgumentError(f"method must be one of {', '.join(BoundMethod)}, got {method!r}.")
    if method == BoundMethod.INTERVAL:
        return interval_bounds(network, domain)
    bounds = back_substituted_bounds(network, domain)
    if method == BoundMethod.AUTO:
        n_open = sum(_open(network, i, *sides).size for i, sides in enumerate(_sides(bounds)) if i)
        method = "lp" if 0 < 2 * n_open <= _MOST_PROGRAMS else "back-substitution"
    if method == BoundMethod.BACK_SUBSTITUTION:
        return bounds
    deadline = None if time_limit is None else monotonic() + time_limit
    plain = not RowSpace.of(network.schema, domain, levels=levels).choices
    lowers: list[FloatArray] = []
    uppers: list[FloatArray] = []
    for layer in network.layers:
        lower, upper = form_bounds(network, domain, lowers, uppers, layer.weight, layer.bias)
        lowers.append(lower)
        uppers.append(upper)
        units = _open(network, len(lowers) - 1, lower, upper)
        exact = len(lowers) == 1 and plain  # of a first layer over a box intervals say all
        if units.size and not exact:
            lowers[-1], uppers[-1] = tighten_layer(
                network, domain, lowers, uppers, units, relaxed=method == "lp", levels=levels,
                deadline=deadline, tolerances=tolerances,
            )  # fmt: skip
    output = network.output
    ends = form_bounds(network, domain, lowers, uppers, output.weight, output.bias)
    return Bounds(tuple(lowers), tuple(uppers), *ends)


def tighten_layer(
    network: ReluNetwork,
    domain: Box,
    lowers: list[FloatArray],
    uppers: list[FloatArray],
    units: IntArray,
    *,
    relaxed: bool,
    levels: bool,
    deadline: float | None,
    tolerances: Tolerances,
) -> tuple[FloatArray, FloatArray]:
    """The bounds of the last of some layers, tightened for some units by a program a side."""
    program = LayerProgram(
        network, domain, lowers, uppers, units, relaxed=relaxed, levels=levels,
        tolerances=tolerances,
    )  # fmt: skip
    lower, upper = lowers[-1].copy(), uppers[-1].copy()
    for unit in units.tolist():
        for sign in (1.0, -1.0):
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return lower, upper
            bound = program.largest(unit, sign, time_limit=left).bound
            if sign > 0:
                upper[unit] = max(min(upper[unit], bound), lower[unit])
            else:
                lower[unit] = min(max(lower[unit], -bound), upper[unit])
    return lower, upper


def _sides(bounds: Bounds) -> list[tuple[FloatArray, FloatArray]]:
    return list(zip(bounds.lower, bounds.upper, strict=True))


def _open(network: ReluNetwork, i: int, lower: FloatArray, upper: FloatArray) -> IntArray:
    """The rectified units of a layer whose bounds lie on both sides of zero."""
    rectified = network.layers[i].rectified
    return np.flatnonzero(rectified & (lower < 0) & (upper > 0)).astype(np.int64)
