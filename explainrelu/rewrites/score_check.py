"""Whether two computations of the same scores agree, beside the size of what they add up."""

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Check, Exactness
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.tolerances import Tolerances

__all__ = ["largest_term", "scores_check"]


def scores_check(
    name: str,
    found: FloatArray,
    own: FloatArray,
    *,
    term_size: float,
    tolerances: Tolerances,
    exactness: Exactness,
    detail: str,
) -> Check:
    """The check that ``found`` equals ``own``.

    With ``s`` the largest ``|own|`` and ``t`` the size of the terms, the largest difference may
    be ``agreement * s``, or ``rounding * t`` where the terms cancel and that is more. Both the
    difference and this limit are given as a share of ``s``, whatever the unit of the scores.

    Parameters
    ----------
    found, own : (n_samples, n_scores)
    term_size
        ``t``, see :func:`largest_term`.

    Examples
    --------
    >>> import numpy as np
    >>> from explainrelu.tolerances import DEFAULT_TOLERANCES
    >>> tiny = np.array([[1e-12], [2e-12]])
    >>> check = scores_check("equal", 1.01 * tiny, tiny, term_size=2e-12,
    ...                      tolerances=DEFAULT_TOLERANCES, exactness=Exactness.EXACT, detail="")
    >>> round(check.value, 6), str(check.status)
    (0.01, 'fails')
    """
    largest = float(np.abs(own).max(initial=0.0))
    allowed = max(tolerances.agreement * largest, tolerances.rounding * term_size)
    scale = largest or term_size or 1.0  # where every score is zero, a share of the terms
    gap = float(np.abs(found - own).max(initial=0.0))
    return Check.at_most(name, gap / scale, allowed / scale, exactness, detail)


def largest_term(network: ReluNetwork, points: FloatArray, view: ScoreView | None = None) -> float:
    """The largest size of the terms that make a score (:meth:`ReluNetwork.term_sizes`).

    Zero where it exceeds the range of float64, so that nothing is excused by it.
    """
    largest = 0.0
    for rows in network.row_chunks(points.shape[0]):
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = network.term_sizes(points[rows])
            sizes = sizes if view is None else sizes @ np.abs(view.matrix).T
        largest = max(largest, float(sizes.max(initial=0.0)))
    return largest if np.isfinite(largest) else 0.0
