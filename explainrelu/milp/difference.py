"""The largest difference between two networks over a box."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.extremes import Extreme, ScoreRange, score_ranges
from explainrelu.milp.solving import SolveStatus
from explainrelu.network.difference import difference_network
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Difference", "largest_difference"]


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """How far two networks lie apart over a domain.

    Attributes
    ----------
    scores
        For each score the range of ``a - b``.
    """

    scores: tuple[ScoreRange, ...]

    @property
    def lower(self) -> FloatArray:
        """``a - b`` is nowhere smaller: (n_scores,)."""
        return np.array([score.lower for score in self.scores])

    @property
    def upper(self) -> FloatArray:
        """``a - b`` is nowhere larger: (n_scores,)."""
        return np.array([score.upper for score in self.scores])

    @property
    def bound(self) -> float:
        """No score differs by more, anywhere in the domain."""
        return float(max(0.0, np.max(np.abs([self.lower, self.upper]))))

    @property
    def value(self) -> float:
        """The difference that some score has at the witness."""
        return abs(self._farthest.value)

    @property
    def witness(self) -> FloatArray:
        """The encoded row where the networks lie farthest apart, of those found: (n_inputs,)."""
        return self._farthest.witness

    @property
    def status(self) -> SolveStatus:
        """``OPTIMAL`` where every end of every score is proven, else ``UNDECIDED``."""
        proven = all(score.status is SolveStatus.OPTIMAL for score in self.scores)
        return SolveStatus.OPTIMAL if proven else SolveStatus.UNDECIDED

    @property
    def _farthest(self) -> Extreme:
        ends = [end for score in self.scores for end in (score.smallest, score.largest)]
        return max(ends, key=lambda end: abs(end.value))


def largest_difference(
    a: Any,
    b: Any,
    domain: Box,
    *,
    output: Any = None,
    levels: bool = True,
    time_limit: float | None = None,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Difference:
    """The smallest and the largest of ``a(x) - b(x)`` over a box, with proof and witnesses.

    Parameters
    ----------
    a, b
        Anything :func:`explainrelu.import_model` takes; equally many inputs and outputs.
    domain
        The box, over the encoded inputs, read by the columns of ``a``.
    output
        A name of ``a``'s scores, or a pair of names for their difference; every raw score by
        default.
    levels
        Whether only rows count, columns with levels standing at one of them; with False every
        point of the box.
    time_limit
        Seconds, all scores together. What is not proven then keeps bounds that hold.
    random_state
        Seed of the rows that climbing starts from; it changes no proven value.

    Returns
    -------
    Difference
        ``bound`` always holds; ``value`` is reached at ``witness``, by the networks themselves.

    Raises
    ------
    ArgumentError, InputTypeError
        For networks of other shapes, an unknown output and a domain that is no box of the inputs.
    SolverError
        Where the solver fails.

    Notes
    -----
    One program for both networks, which share ``x``. Exact up to the solver's tolerances; see
    :func:`explainrelu.milp.extremes.extremes`.

    Examples
    --------
    >>> one = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    >>> line = ReluNetwork.from_weights([[[1.0]]], [[0.0]])
    >>> largest_difference(one, line, Box([0.0], [5.0])).bound
    0.0
    >>> found = largest_difference(one, line, Box([-1.0], [5.0]))
    >>> found.value, found.witness.tolist()
    (1.0, [-1.0])
    """
    first, second = import_model(a), import_model(b)
    difference = difference_network(first, second)
    found = score_ranges(
        difference,
        domain,
        _raw(first) if output is None else first.outputs.view(output),
        levels=levels,
        time_limit=time_limit,
        random_state=random_state,
        tolerances=tolerances,
    )
    return Difference(found)


def _raw(network: ReluNetwork) -> ScoreView:
    """Every raw score, rather than the centred logits that tables show."""
    return ScoreView(network.outputs.names, "raw score", "", np.eye(network.n_outputs))
