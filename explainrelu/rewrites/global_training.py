"""The best network of one hidden layer for some rows, proven to be the best.

Every network of ``w`` neurons can be written ``f(x) = sum_i s_i max(a_i x + b_i, 0)`` with signs
``s_i``. Fix the signs, and for each neuron the dichotomy of the rows (on which it is active): the
scores of the rows are then linear in what is left, and the least convex loss is the answer of a
convex program. The best over all choices is the best of all networks. Equal signs are
interchangeable, two neurons of one sign and one dichotomy are as good as one, and a neuron may be
zero under any dichotomy: so it is enough to choose ``p`` different dichotomies for the positive
neurons and ``w - p`` for the negative ones, for each ``p``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, product
from math import comb
from numbers import Integral
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArgumentError, SizeError
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import OutputSchema, Task
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.global_search.cones import NeuronCones, dichotomy_bound, neuron_cones
from explainrelu.rewrites.global_search.programs import Loss, loss_of, solve
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["GlobalOptimum", "count_programs", "train_to_global_optimum"]

_MAX_PROGRAMS = 100_000
_MAX_DICHOTOMIES = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class GlobalOptimum:
    """A network, its loss, and whether any other of its size could do better.

    Attributes
    ----------
    network
        One hidden layer of ``n_neurons`` units; no constant behind them.
    loss
        Its mean loss over the rows.
    n_dichotomies
        Ways in which one neuron can part the rows, being active on some.
    n_programs
        Convex programs of all choices.
    n_solved
        Those that were solved; fewer where the loss reached zero before, or at a time limit.
    stopped
        Why the search ended before it was done; "" where it was done.
    certificate
        Whether the loss is the least, and that the network attains it.
    """

    network: ReluNetwork
    loss: float
    n_dichotomies: int
    n_programs: int
    n_solved: int
    stopped: str
    certificate: Certificate

    @property
    def optimal(self) -> bool:
        """Whether it is proven that no network of this form has a lower loss."""
        return self.certificate.holds


def count_programs(n_dichotomies: int, n_neurons: int) -> int:
    """The convex programs for so many dichotomies that are active somewhere.

    Examples
    --------
    >>> count_programs(9, 2)
    153
    """
    return sum(
        comb(n_dichotomies, min(p, n_dichotomies))
        * comb(n_dichotomies, min(n_neurons - p, n_dichotomies))
        for p in range(n_neurons + 1)
    )


def train_to_global_optimum(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    n_neurons: int,
    *,
    loss: str = "squared",
    max_programs: int = _MAX_PROGRAMS,
    time_limit: float | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> GlobalOptimum:
    """The network of one hidden layer with the least loss on some rows.

    Minimises the mean over the rows of ``loss(f(x_j), y_j)`` over all
    ``f(x) = sum_i v_i max(a_i x + b_i, 0)`` with ``n_neurons`` terms.

    Parameters
    ----------
    X : (n_samples, n_inputs)
        Few rows: see the cost below.
    y : (n_samples,)
        Targets; -1 or 1 for the hinge loss.
    n_neurons
        ``w``, at least 1.
    loss
        ``"squared"``, ``"absolute"`` or ``"hinge"``.
    max_programs
        The most convex programs to solve. More are an error that says how many there would be,
        before the first is solved.
    time_limit
        Stop after so many seconds with the best found so far.

    Returns
    -------
    GlobalOptimum
        ``.network``, ``.loss``, ``.n_programs``; ``.optimal`` where every program was solved, or
        the loss is zero. At a time limit ``.stopped`` says so and the certificate is undecided.

    Raises
    ------
    ArgumentError
        For arrays and options that do not fit.
    SizeError
        For more programs than ``max_programs``.

    Notes
    -----
    Exact up to the tolerance of the solvers: linear programs for the absolute and hinge loss,
    least squares with non-negative weights, tested for optimality, for the squared one. With ``K``
    dichotomies active somewhere (:func:`dichotomy_bound` less one in general position) there are
    ``sum_p C(K, p) C(K, w - p)`` programs, about ``(2 K)**w / w!``; ``K`` grows as
    ``n_samples ** n_inputs``. Ten rows, two inputs and two neurons make 16,471 programs.

    References
    ----------
    Arora, Basu, Mianjy, Mukherjee 2018, theorem 4.1 and algorithm 1.

    Examples
    --------
    >>> found = train_to_global_optimum([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 1.0, 3.0], 2)
    >>> round(found.loss, 9), found.optimal
    (0.041666667, True)
    """
    points, targets, kind = _data(X, y, n_neurons, loss)
    bound = dichotomy_bound(*points.shape)
    if bound > _MAX_DICHOTOMIES:
        raise SizeError(
            f"{points.shape[0]} rows of {points.shape[1]} inputs have up to {bound:,} dichotomies, "
            f"which make {Decimal(count_programs(bound, n_neurons)):.3g} programs. Take fewer rows."
        )
    cones = neuron_cones(points, tolerances)
    n_programs = count_programs(len(cones), n_neurons)
    if n_programs > max_programs:
        raise SizeError(
            f"{len(cones)} dichotomies and {n_neurons} neurons make {n_programs:,} convex "
            f"programs, more than max_programs={max_programs:,}. Raise max_programs, or take fewer "
            "rows, inputs or neurons."
        )
    end = np.inf if time_limit is None else monotonic() + time_limit
    search = _Search(cones, targets, kind, n_neurons, tolerances)
    search.run(end)
    network = search.network()
    certificate = search.certificate(network, points, n_programs)
    return GlobalOptimum(
        network=network,
        loss=loss_of(kind, network.forward(points)[:, 0], targets),
        n_dichotomies=len(cones),
        n_programs=n_programs,
        n_solved=search.n_solved,
        stopped=search.stopped,
        certificate=certificate,
    )


class _Search:
    """The best so far, and what was solved to find it."""

    def __init__(
        self,
        cones: NeuronCones,
        y: FloatArray,
        loss: Loss,
        n_neurons: int,
        tolerances: Tolerances,
    ) -> None:
        self.cones, self.y, self.loss = cones, y, loss
        self.n_neurons, self.tolerances = n_neurons, tolerances
        self.signs = np.zeros(0)
        self.neurons = np.zeros((0, cones.rays.shape[1]))
        self.best = loss_of(loss, np.zeros(y.size), y)
        self.n_solved = self.n_undecided = 0
        self.stopped = ""

    @property
    def perfect(self) -> bool:
        """Whether no loss can be lower, since none is below zero."""
        size = max(loss_of(self.loss, np.zeros(self.y.size), self.y), 1e-300)
        return self.best <= self.tolerances.rounding * size

    def run(self, end: float) -> None:
        """Solve the programs one after the other, until the loss is zero or the time is over."""
        for positive, negative in _choices(len(self.cones), self.n_neurons):
            if self.perfect:
                return
            if monotonic() > end:
                self.stopped = "the time limit"
                return
            self._try(positive, negative)

    def _try(self, positive: tuple[int, ...], negative: tuple[int, ...]) -> None:
        chosen = (*positive, *negative)
        signs = np.repeat([1.0, -1.0], [len(positive), len(negative)])
        rays = [self.cones.members[c] for c in chosen]
        sizes = [r.size for r in rays]
        which = np.concatenate([np.zeros(0, dtype=np.int64), *rays])
        columns = (np.repeat(signs, sizes)[:, None] * self.cones.values[which]).T
        found = solve(self.loss, columns, self.y, self.tolerances)
        self.n_solved += 1
        self.n_undecided += not found.decided
        if found.weights.size == 0:
            return
        value = loss_of(self.loss, columns @ found.weights, self.y)
        if value < self.best:
            weighed = found.weights[:, None] * self.cones.rays[which]
            parts = np.split(weighed, np.cumsum(sizes)[:-1])
            self.best, self.signs = value, signs
            self.neurons = np.array([part.sum(axis=0) for part in parts])

    def network(self) -> ReluNetwork:
        """The best network found, units that are not needed being zero."""
        n_inputs = self.cones.rays.shape[1] - 1
        weight, signs = np.zeros((self.n_neurons, n_inputs + 1)), np.ones(self.n_neurons)
        weight[: len(self.neurons)], signs[: self.signs.size] = self.neurons, self.signs
        rectified = np.ones(self.n_neurons, dtype=np.bool_)
        task = Task.REGRESSION if self.loss is not Loss.HINGE else Task.SCORE
        return ReluNetwork(
            (Layer(weight[:, :-1], weight[:, -1], rectified),),
            AffineMap(signs[None], np.zeros(1)),
            InputSchema.numbered(n_inputs),
            OutputSchema(("score",), task),
            Origin(f"training to the global optimum of the {self.loss} loss"),
        )

    def certificate(self, network: ReluNetwork, points: FloatArray, n_programs: int) -> Certificate:
        """Every program solved, and the network attains what the best one promised."""
        attained = loss_of(self.loss, network.forward(points)[:, 0], self.y)
        scale = max(loss_of(self.loss, np.zeros(self.y.size), self.y), 1e-300)
        return Certificate(
            (
                self._solved(n_programs),
                Check.at_most(
                    "the network attains the loss",
                    abs(attained - self.best) / scale,
                    self.tolerances.agreement,
                    Exactness.EXACT,
                    f"{self.y.size} rows, beside the loss of the zero network, float64",
                ),
            )
        )

    def _solved(self, n_programs: int) -> Check:
        name = "no network of this size has a lower loss"
        if self.perfect:
            return Check.at_most(
                name, 0, 0, Exactness.EXACT, "the loss is zero, the least there is"
            )
        left = n_programs - self.n_solved + self.n_undecided
        detail = f"{self.n_solved:,} of {n_programs:,} convex programs solved"
        if self.n_undecided:
            detail += f", {self.n_undecided:,} of them undecided"
        if self.cones.thin:
            left += self.cones.thin
            detail += f"; {self.cones.thin} dichotomies too thin to tell from rounding left out"
        status = Status.HOLDS if left == 0 else Status.UNDECIDED
        return Check(name, status, float(left), 0.0, Exactness.EXACT, detail)


def _choices(
    n_dichotomies: int, n_neurons: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Different dichotomies for the positive neurons, and for the negative ones."""
    everything = range(n_dichotomies)
    for p in range(n_neurons + 1):
        yield from product(
            combinations(everything, min(p, n_dichotomies)),
            combinations(everything, min(n_neurons - p, n_dichotomies)),
        )


def _data(
    X: npt.ArrayLike, y: npt.ArrayLike, n_neurons: Any, loss: str
) -> tuple[FloatArray, FloatArray, Loss]:
    points, targets = frozen_floats(X, 2, "X"), frozen_floats(y, 1, "y")
    if points.shape[0] != targets.size or points.size == 0:
        raise ArgumentError(
            f"X must be (n_samples, n_inputs) with a target a row, got {points.shape} and "
            f"{targets.size} targets."
        )
    if not isinstance(n_neurons, Integral):
        raise ArgumentError(f"n_neurons must be a whole number, got {n_neurons!r}.")
    if n_neurons < 1:
        raise ArgumentError(f"n_neurons must be at least 1, got {n_neurons}.")
    if loss not in list(Loss):
        known = ", ".join(repr(str(member)) for member in Loss)
        raise ArgumentError(f"loss must be one of {known}, got {loss!r}.")
    if loss == Loss.HINGE and not np.isin(targets, (-1.0, 1.0)).all():
        raise ArgumentError("The hinge loss takes targets -1 and 1. Write 2 * y - 1 for 0 and 1.")
    return points, targets, Loss(loss)
