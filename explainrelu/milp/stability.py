"""Which neurons never change sides over a box."""

from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray, dense
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.climbing import climbed
from explainrelu.milp.evidence import Evidence
from explainrelu.milp.layer_program import LayerProgram, Reach
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.single_program import settle_together
from explainrelu.milp.solving import SolveStatus, check_time_limit
from explainrelu.milp.tightening import tighten_layer
from explainrelu.network.back_substitution import back_substituted_bounds, form_bounds
from explainrelu.network.bounds import interval_bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["METHODS", "find_stability", "stability"]

METHODS = ("auto", "interval", "back-substitution", "lp", "milp", "single")

_DRAWN = 1000  # rows drawn from the domain to strike out what they refute


def stability(
    model: Any,
    domain: Box,
    *,
    method: str = "auto",
    X: Any = None,
    levels: bool = True,
    time_limit: float | None = None,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> pd.DataFrame:
    """Which neurons are stably active, stably inactive or unstable over a box.

    With ``z`` the preactivation of a neuron, it is stably inactive where ``z <= 0`` at every row
    of the box, stably active where ``z >= 0`` at every one, unstable where both signs occur.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs.
    method
        ``auto``: rows strike out what they refute; what is left is settled by intervals, then
        back-substitution, then linear programs, then a mixed-integer program a neuron and side,
        which stops as soon as the sign is known. ``interval``, ``back-substitution`` and ``lp``
        stop there and leave the rest undecided. ``milp`` proves the exact range of every
        neuron that the bounds leave open.
        ``single`` settles all that back-substitution leaves open in one program for all of them.
    X : (n_samples, n_columns)
        Raw rows to strike out with, beside drawn ones; those outside the box are left out.
    levels
        Whether only rows count, columns with levels standing at one of them; with False every
        point of the box.
    time_limit
        Seconds. What is not settled then is ``undecided``, with bounds that hold.
    random_state
        Seed of the drawn rows; it changes no state that is proven, only by what.
    tolerances
        ``boundary``: what counts as zero, relative to the size of the terms of ``z``.
        ``feasibility`` is handed to the solver.

    Returns
    -------
    DataFrame
        One row a neuron (carried units never change sides and are not listed), ``layer`` and
        ``neuron`` counted from 1: ``layer neuron lower upper state proven_by``. ``lower`` and
        ``upper`` bound ``z`` over the box whatever the state. ``proven_by`` is ``interval``,
        ``back-substitution``, ``LP``, ``MILP``, ``single MILP``, or for an unstable neuron what
        the rows were that show both signs: ``data``, ``sample``, or a solver's; empty where
        undecided.

    Raises
    ------
    ArgumentError, InputTypeError
        For an unknown method, a domain that is no box of the model's inputs or holds no level of
        some column, and a limit that is not positive.
    SolverError
        Where the solver fails.

    Notes
    -----
    Exact up to float64: bounds carry the rounding of the network's own sums and the solver's
    tolerance. A neuron that is zero throughout counts as stably inactive. Cost: that of the
    programs; exponential in the number of open neurons in the worst case.

    References
    ----------
    T. Serra, A. Kumar, S. Ramalingam, "Lossless compression of deep neural networks", CPAIOR 2020
    (a program a neuron); T. Serra, X. Yu, A. Kumar, S. Ramalingam, "Scaling up exact neural
    network compression by ReLU stability", NeurIPS 2021 (one for all).

    Examples
    --------
    >>> network = ReluNetwork.from_weights(
    ...     [[[1.0], [1.0], [-1.0]], [[1.0, 1.0, 1.0]]], [[0.0, 5.0, -5.0], [0.0]])
    >>> stability(network, Box([-1.0], [1.0]))[["neuron", "state"]].to_numpy().tolist()
    [[1, 'unstable'], [2, 'stably active'], [3, 'stably inactive']]
    """
    network = import_model(model)
    found = find_stability(
        network,
        domain,
        method=method,
        points=None if X is None else network.schema.encode(X),
        levels=levels,
        time_limit=time_limit,
        random_state=random_state,
        tolerances=tolerances,
    )
    return found.to_frame()


def find_stability(
    network: ReluNetwork,
    domain: Box,
    *,
    method: str = "auto",
    points: FloatArray | None = None,
    levels: bool = True,
    time_limit: float | None = None,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Evidence:
    """:func:`stability` with its bounds, for encoded points ``(n_samples, n_inputs)``."""
    check_domain(domain, network.n_inputs, network.schema)
    check_time_limit(time_limit)
    if method not in METHODS:
        raise ArgumentError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    deadline = None if time_limit is None else monotonic() + time_limit
    evidence = Evidence(network, domain, interval_bounds(network, domain), "interval", tolerances)
    rng = np.random.default_rng(random_state)
    search = _Search(evidence, levels, deadline, tolerances, rng)
    search.strike_out(points)
    if method == "interval":
        return evidence
    tight = back_substituted_bounds(network, domain)
    for i, (lower, upper) in enumerate(zip(tight.lower, tight.upper, strict=True)):
        evidence.tighten(i, lower, upper, "back-substitution")
    if method == "single":
        settle_together(evidence, levels=levels, deadline=deadline, tolerances=tolerances)
    elif method != "back-substitution":
        search.by_programs(method)
    return evidence


class _Search:
    """Settles the units of one layer after the other."""

    def __init__(
        self,
        evidence: Evidence,
        levels: bool,
        deadline: float | None,
        tolerances: Tolerances,
        rng: np.random.Generator,
    ) -> None:
        self._evidence, self._network = evidence, evidence.network
        self._levels, self._deadline, self._tolerances = levels, deadline, tolerances
        self._rows = RowSpace.of(self._network.schema, evidence.domain, levels=levels)
        self._start = self._rows.sample(_DRAWN, rng)

    def strike_out(self, points: FloatArray | None) -> None:
        """Let rows of the data, drawn ones and climbing ones refute what they can."""
        if points is not None:
            inside = points[self._evidence.domain.contains(points)]
            self._evidence.see(inside, "data")
        self._evidence.see(self._start, "sample")
        for i, layer in enumerate(self._network.layers):
            sides = list(self._evidence.open_sides(i))
            if not sides:
                continue
            units = np.array([unit for unit, _ in sides])
            signs = np.array([sign for _, sign in sides])
            form = signs[:, None] * dense(layer.weight[units])
            found, _ = climbed(
                self._network.layers[:i], self._rows, form, signs * layer.bias[units], self._start
            )
            self._evidence.see(found, "sample")

    def by_programs(self, method: str) -> None:
        """Linear programs, then mixed-integer ones, layer by layer."""
        n_layers = len(self._network.layers)
        for i in range(n_layers):
            self._refresh(i)
            if method == "milp":
                self._exact_ranges(i)
                continue
            later = any(self._evidence.candidates(j).size for j in range(i + 1, n_layers))
            self._settle(i, "LP", relaxed=True)
            if method == "auto":
                self._settle(i, "MILP", relaxed=False)
            if later and i + 1 < n_layers:
                self._tighten(i)

    def _refresh(self, i: int) -> None:
        """Back-substitution again, from what is known of the layers before by now."""
        if i == 0:
            return
        evidence, layer = self._evidence, self._network.layers[i]
        sides = form_bounds(
            self._network, evidence.domain, evidence.lower[:i], evidence.upper[:i],
            layer.weight, layer.bias,
        )  # fmt: skip
        evidence.tighten(i, *sides, "back-substitution")

    def _settle(self, i: int, source: str, *, relaxed: bool) -> None:
        """A program for each unit and side that is open, while time is left."""
        evidence = self._evidence
        sides = list(evidence.open_sides(i))
        if not sides or self._late():
            return
        units = np.unique([unit for unit, _ in sides]).astype(np.int64)
        program = self._program(i, units, relaxed=relaxed)
        for number, (unit, sign) in enumerate(sides):
            if not evidence.is_open(i, unit, sign):
                continue
            if self._late():
                return
            target = None if relaxed else evidence.slack(i, unit)
            limit = self._share(len(sides) - number)
            found = program.largest(unit, sign, time_limit=limit, target=target)
            self._take(i, unit, sign, found, source)
            if found.status is SolveStatus.TARGET and evidence.is_open(i, unit, sign):
                # the solver's point was beyond zero by its tolerance only: to the end, then
                found = program.largest(unit, sign, time_limit=limit)
                self._take(i, unit, sign, found, source)

    def _exact_ranges(self, i: int) -> None:
        """The exact range of every unit of a layer that its bounds leave open."""
        units = np.flatnonzero(self._evidence.unstable(i)).astype(np.int64)
        if units.size == 0 or self._late():
            return
        program = self._program(i, units, relaxed=False)
        for number, unit in enumerate(units.tolist()):
            for sign in (1.0, -1.0):
                if self._late():
                    return
                limit = self._share(2 * (units.size - number))
                self._take(i, unit, sign, program.largest(unit, sign, time_limit=limit), "MILP")

    def _take(self, i: int, unit: int, sign: float, found: Reach, source: str) -> None:
        if found.row.size:
            self._evidence.see(found.row[None], source)
        self._evidence.bound_side(i, unit, sign, found.bound, source)

    def _tighten(self, i: int) -> None:
        """Bounds of a layer by linear programs, for the triangles of later layers."""
        evidence = self._evidence
        units = np.flatnonzero(evidence.unstable(i)).astype(np.int64)
        if units.size == 0 or self._late() or (i == 0 and not self._rows.choices):
            return  # of a first layer over a box intervals say all
        sides = tighten_layer(
            self._network, evidence.domain, evidence.lower[: i + 1], evidence.upper[: i + 1],
            units, relaxed=True, levels=self._levels, deadline=self._deadline,
            tolerances=self._tolerances,
        )  # fmt: skip
        evidence.tighten(i, *sides, "LP")

    def _program(self, i: int, units: IntArray, *, relaxed: bool) -> LayerProgram:
        evidence = self._evidence
        return LayerProgram(
            self._network, evidence.domain, evidence.lower[: i + 1], evidence.upper[: i + 1],
            units, relaxed=relaxed, levels=self._levels, tolerances=self._tolerances,
        )  # fmt: skip

    def _late(self) -> bool:
        return self._deadline is not None and monotonic() >= self._deadline

    def _share(self, n_programs: int) -> float | None:
        """Seconds for the next of some programs: four times its share, so that hard ones get it."""
        if self._deadline is None:
            return None
        left = self._deadline - monotonic()
        return min(left, 4.0 * left / n_programs)
