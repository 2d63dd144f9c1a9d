"""All units in one program: solve, strike out what was seen, solve again.

Legend: ``p`` of a unit not yet seen active is at most its switch ``s``, ``q`` of one not yet seen
inactive at most ``1 - s``. The largest sum of all ``p`` and ``q`` is 0 where none of them can be
seen: then they all are stable. Each point found strikes out the ``p`` and ``q`` that its replay
shows.
"""

from time import monotonic
from typing import Any

import numpy as np

from explainrelu.milp.encoding import NetworkProgram, encode
from explainrelu.milp.evidence import Evidence
from explainrelu.milp.layer_program import LayerProgram
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.tolerances import Tolerances

__all__ = ["settle_together"]

_Side = tuple[int, int, float]  # layer, unit, sign


def settle_together(
    evidence: Evidence, *, levels: bool, deadline: float | None, tolerances: Tolerances
) -> None:
    """Settle every open unit of all layers with one program, solved until nothing is left to see.

    Notes
    -----
    HiGHS has no lazy cuts, so that the program is solved again after each point. A unit that only
    the solver's tolerance sees on a side is handed to a program of its own at the end.

    References
    ----------
    T. Serra, X. Yu, A. Kumar, S. Ramalingam, "Scaling up exact neural network compression by ReLU
    stability", NeurIPS 2021.
    """
    sides = _open_sides(evidence)
    if not sides:
        return
    encoded = _encoded(evidence, levels)
    marks = _marks(encoded, sides)
    program = Program(encoded.problem, tolerances=tolerances)
    doubtful: list[_Side] = []
    while marks:
        left = None if deadline is None else deadline - monotonic()
        if left is not None and left <= 0:
            return
        found = program.maximise(dict.fromkeys(marks.values(), 1.0), time_limit=left, target=0.5)
        if found.bound < 0.5:
            _prove(evidence, list(marks))
            break
        if found.status is SolveStatus.UNDECIDED and not found.point.size:
            return
        chosen = [side for side, mark in marks.items() if found.point[mark.index] > 0.5]
        solved = np.array([found.point[variable.index] for variable in encoded.inputs])
        evidence.see(encoded.rows.nearest(solved)[None], "single MILP")
        still = set(_open_sides(evidence))
        gone = [side for side in marks if side not in still]
        if not gone:
            doubtful += chosen
            gone = chosen
        if not gone:
            return  # a time-out's point that shows nothing new
        for side in gone:
            program.set_bounds(marks.pop(side), 0.0, 0.0)
    for side in doubtful:
        _alone(evidence, side, levels, deadline, tolerances)


def _open_sides(evidence: Evidence) -> list[_Side]:
    n_layers = len(evidence.network.layers)
    return [(i, unit, sign) for i in range(n_layers) for unit, sign in evidence.open_sides(i)]


def _encoded(evidence: Evidence, levels: bool) -> NetworkProgram:
    """The hidden layers alone: no score is asked for."""
    network = evidence.network
    bare = ReluNetwork(
        network.layers,
        AffineMap(np.zeros((1, network.widths[-1])), np.zeros(1)),
        network.schema,
        OutputSchema.numbered(1),
    )
    zero = np.zeros(1)
    bounds = Bounds(tuple(evidence.lower), tuple(evidence.upper), zero, zero)
    return encode(bare, evidence.domain, bounds=bounds, levels=levels)


def _marks(encoded: NetworkProgram, sides: list[_Side]) -> dict[_Side, Any]:
    """A variable a side, at most 1 where the unit's switch stands on it."""
    marks: dict[_Side, Any] = {}
    for i, unit, sign in sides:
        switch, letter = encoded.switches[i][unit], "p" if sign > 0 else "q"
        mark = encoded.problem.add_variable(f"{letter}_{i + 1}_{unit + 1}", 0.0, 1.0)
        row = mark <= switch if sign > 0 else mark + switch <= 1
        encoded.problem.addConstraint(row, f"seen_{letter}_{i + 1}_{unit + 1}")
        marks[i, unit, sign] = mark
    return marks


def _prove(evidence: Evidence, sides: list[_Side]) -> None:
    """None of these sides can be reached: zero is a bound."""
    for i, unit, sign in sides:
        evidence.bound_side(i, unit, sign, 0.0, "single MILP")


def _alone(
    evidence: Evidence,
    side: _Side,
    levels: bool,
    deadline: float | None,
    tolerances: Tolerances,
) -> None:
    i, unit, sign = side
    left = None if deadline is None else deadline - monotonic()
    if not evidence.is_open(i, unit, sign) or (left is not None and left <= 0):
        return
    program = LayerProgram(
        evidence.network, evidence.domain, evidence.lower[: i + 1], evidence.upper[: i + 1],
        np.array([unit]), relaxed=False, levels=levels, tolerances=tolerances,
    )  # fmt: skip
    found = program.largest(unit, sign, time_limit=left)
    if found.row.size:
        evidence.see(found.row[None], "MILP")
    evidence.bound_side(i, unit, sign, found.bound, "MILP")
