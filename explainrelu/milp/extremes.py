"""The smallest and the largest score of a network over a box."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.errors import ArgumentError, SolverError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.climbing import climbed
from explainrelu.milp.encoding import NetworkProgram, encode
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.solving import Program, SolveStatus, check_time_limit
from explainrelu.milp.tightening import tightened_bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema, ScoreView
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Extreme", "ScoreRange", "extremes", "score_ranges"]

_STARTS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Extreme:
    """The smallest or the largest score over a domain.

    Attributes
    ----------
    status
        Whether the optimum was proven, or a limit ended the search.
    value
        The score at the witness, computed by the network itself.
    bound
        No row of the domain has a score beyond this, whatever the status.
    witness : (n_inputs,)
        The encoded row that has this score.
    replay_difference
        How far the solver's own score of the witness lies from the network's; 0 where the
        witness was found without the solver.
    seconds
        Time spent.
    """

    status: SolveStatus
    value: float
    bound: float
    witness: FloatArray
    replay_difference: float
    seconds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "witness", frozen_floats(self.witness, 1, "witness"))

    @property
    def gap(self) -> float:
        """How far the bound lies beyond the witness."""
        return abs(self.bound - self.value)

    def turned(self) -> "Extreme":
        """The same of the score with its sign changed."""
        return replace(self, value=-self.value, bound=-self.bound)


@dataclass(frozen=True, slots=True, eq=False)
class ScoreRange:
    """The scores of a network over a domain.

    Attributes
    ----------
    name
        The score.
    smallest, largest
        Its two ends.
    """

    name: str
    smallest: Extreme
    largest: Extreme

    @property
    def lower(self) -> float:
        """No row of the domain has a smaller score."""
        return self.smallest.bound

    @property
    def upper(self) -> float:
        """No row of the domain has a larger score."""
        return self.largest.bound

    @property
    def status(self) -> SolveStatus:
        """``OPTIMAL`` where both ends are proven."""
        proven = self.smallest.status is self.largest.status is SolveStatus.OPTIMAL
        return SolveStatus.OPTIMAL if proven else SolveStatus.UNDECIDED


def extremes(
    model: Any,
    domain: Box,
    *,
    output: Any = None,
    levels: bool = True,
    time_limit: float | None = None,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ScoreRange:
    """The smallest and the largest score of a model over a box, with proof.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs.
    output
        Which score: a name, or a pair of names for their difference. To be left out only where
        there is one.
    levels
        Whether only rows count, columns with levels standing at one of them; with False every
        point of the box.
    time_limit
        Seconds for both ends together. What is not proven then keeps status ``UNDECIDED``, with
        bounds that hold.
    random_state
        Seed of the rows that climbing starts from; it changes no proven value.

    Returns
    -------
    ScoreRange
        ``lower`` and ``upper`` always hold; each end has a witness whose score is the network's
        own.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the model's inputs, an unknown or missing ``output``, and a
        limit that is not positive.
    SolverError
        Where the solver fails.

    Notes
    -----
    Exact up to the solver's tolerances (1e-9 a row by default, times the weights behind it): the
    bounds are those of a float64 solver, not of rational arithmetic. Cost: exponential in the
    number of units that the bounds leave open, in the worst case.

    References
    ----------
    V. Tjeng, K. Xiao, R. Tedrake, "Evaluating robustness of neural networks with mixed integer
    programming", ICLR 2019.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    >>> found = extremes(network, Box([-2.0], [1.0]))
    >>> round(found.lower, 9) + 0.0, round(found.upper, 9), found.status is SolveStatus.OPTIMAL
    (0.0, 2.0, True)
    """
    network = import_model(model)
    view = network.outputs.view(output)
    if output is None and network.n_outputs > 1:
        raise ArgumentError(
            f"output must name one of the scores {', '.join(network.outputs.names)}, or a pair of "
            "them for their difference, got none."
        )
    [found] = score_ranges(
        network,
        domain,
        view,
        levels=levels,
        time_limit=time_limit,
        random_state=random_state,
        tolerances=tolerances,
    )
    return found


def score_ranges(
    network: ReluNetwork,
    domain: Box,
    view: ScoreView,
    *,
    levels: bool = True,
    time_limit: float | None = None,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> tuple[ScoreRange, ...]:
    """:func:`extremes` for each score of a view, from one encoding."""
    check_domain(domain, network.n_inputs, network.schema)
    check_time_limit(time_limit)
    deadline = None if time_limit is None else monotonic() + time_limit
    viewed = _of_scores(network, view)
    bounds = tightened_bounds(
        viewed,
        domain,
        levels=levels,
        time_limit=None if time_limit is None else time_limit / 4,
        tolerances=tolerances,
    )
    encoded = encode(viewed, domain, bounds=bounds, levels=levels)
    search = _Search(encoded, np.random.default_rng(random_state), tolerances)
    searches = 2 * len(view)
    ends = []
    for number, (k, sign) in enumerate(_ends(len(view))):
        left = None if deadline is None else (deadline - monotonic()) / (searches - number)
        found = search.largest(k, sign, left)
        ends.append(found if sign > 0 else found.turned())
    return tuple(
        ScoreRange(name, ends[2 * k], ends[2 * k + 1]) for k, name in enumerate(view.names)
    )


def _ends(n_scores: int) -> Iterator[tuple[int, float]]:
    return ((k, sign) for k in range(n_scores) for sign in (-1.0, 1.0))


def _of_scores(network: ReluNetwork, view: ScoreView) -> ReluNetwork:
    """The network whose outputs are the scores of a view."""
    outputs = OutputSchema.numbered(len(view))
    return replace(network, output=network.score_map(view), outputs=outputs)


class _Search:
    """Solves for one end after the other; the program is built once and kept."""

    def __init__(
        self, encoded: NetworkProgram, rng: np.random.Generator, tolerances: Tolerances
    ) -> None:
        self._encoded = encoded
        self._rows: RowSpace = encoded.rows
        self._program = Program(encoded.problem, tolerances=tolerances)
        self._small = tolerances.feasibility
        self._starts = encoded.rows.sample(_STARTS, rng)

    def largest(self, k: int, sign: float, time_limit: float | None) -> Extreme:
        """The largest of the ``k``-th score times ``sign``."""
        start = monotonic()
        encoded, network = self._encoded, self._encoded.network
        output, bounds = network.output, encoded.bounds
        form, bias = sign * output.weight[[k]], sign * output.bias[[k]]
        points, values = climbed(network.layers, self._rows, form, bias, self._starts)
        witness, value, replay = points[0], float(values[0]), 0.0
        known = float(bounds.output_upper[k] if sign > 0 else -bounds.output_lower[k])
        if known - value <= self._small * max(1.0, abs(value)):
            return Extreme(
                SolveStatus.OPTIMAL, value, max(value, known), witness, 0.0, monotonic() - start
            )
        # a limit already passed still asks the solver, which then stops at once
        found = self._program.maximise({encoded.scores[k]: sign}, time_limit=time_limit)
        if found.status is SolveStatus.INFEASIBLE:
            raise SolverError(
                "A network has a score at every row of its domain; HiGHS reports that none "
                "exists. Check that the weights and the domain are of sane size."
            )
        if found.point.size:
            solved = np.array([found.point[variable.index] for variable in encoded.inputs])
            row = self._rows.nearest(solved)
            replayed = sign * float(network.forward(row[None])[0, k])
            if replayed >= value:
                witness, value = row, replayed
                replay = abs(replayed - found.value)
        bound = max(value, min(found.bound, known))
        return Extreme(found.status, value, bound, witness, replay, monotonic() - start)
