"""Every importer's check of itself: the network's scores against the model's own."""

from dataclasses import replace

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Check, Exactness, Status
from explainrelu.errors import ImportCheckError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.number_formats import rows_of_other_pattern
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["checked", "pattern_drift"]

_NAMED_ROWS = 20


def checked(
    network: ReluNetwork,
    got: FloatArray,
    own: FloatArray,
    *,
    what: str,
    dtype: str | None = None,
    term_size: float = 0.0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """The network with one more check: its numbers against the model's own on the same rows.

    Parameters
    ----------
    network
        As imported; ``network.origin.dtype`` says what the model computes in.
    got, own : (n_samples, n_outputs)
        What the network gives and what the model itself gives.
    what
        What is compared, such as ``raw scores`` or ``probabilities``.
    term_size
        Largest size of the terms that make a score (:meth:`ReluNetwork.term_sizes`): where they
        cancel, as for a column far from zero beside its spread, rounding alone explains more.
    dtype
        The number format ``own`` was computed in; the model's own by default.

    Returns
    -------
    ReluNetwork
        The same network; the largest difference is kept in its certificate, relative to
        ``max(1, largest own value)``.

    Raises
    ------
    ImportCheckError
        Where they differ by more than the model's number format explains.
    """
    dtype = dtype or network.origin.dtype
    limits = {"float64": tolerances.agreement, "float32": tolerances.single_agreement}
    limit = limits.get(dtype, tolerances.half_agreement)
    scale = max(1.0, float(np.abs(own).max(initial=0.0)))
    limit = max(limit, tolerances.rounding * term_size / scale)
    gap = float(np.abs(got - own).max(initial=0.0)) / scale
    detail = f"{own.shape[0]} rows, model computes in {dtype}"
    check = Check.at_most(
        f"import: {what} equal the model's own", gap, limit, Exactness.EXACT, detail
    )
    if check.status is not Status.HOLDS:
        raise ImportCheckError(
            f"The imported network must give the model's own {what} within {limit:.0e}, got a "
            f"difference of {gap:.3g} over {detail}. Please report the model: this is a defect of "
            "the importer, and no explanation of it could be trusted."
        )
    return replace(network, certificate=network.certificate.plus([check]))


def pattern_drift(network: ReluNetwork, points: FloatArray) -> Check:
    """How many rows are in another linear region in the model's own number format.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Encoded points; ``network.origin.dtype`` is the format.

    Returns
    -------
    Check
        A statement, not a test: its value is the share of rows, its detail names them.
    """
    number_format = network.origin.dtype
    rows = rows_of_other_pattern(network, points, number_format)
    named = ", ".join(map(str, rows[:_NAMED_ROWS]))
    more = f" and {rows.size - _NAMED_ROWS} more" if rows.size > _NAMED_ROWS else ""
    return Check(
        f"share of rows with another activation pattern in {number_format}",
        Status.HOLDS,
        rows.size / points.shape[0],
        float("nan"),
        Exactness.ESTIMATED,
        f"{rows.size} of {points.shape[0]} rows" + (f": {named}{more}" if rows.size else ""),
    )
