"""Bounds of every preactivation over the rows within a distance of one row."""

from time import monotonic

import numpy as np

from explainrelu.arrays import FloatArray, dense
from explainrelu.audits.recourse.distance import Distance
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.program import DistanceRows
from explainrelu.milp.encoding import encode
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.network.back_substitution import form_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.tolerances import Tolerances

__all__ = ["near_bounds"]

_MOST_PROGRAMS = 2000


def near_bounds(
    network: ReluNetwork,
    moves: MoveSpace,
    distance: Distance,
    radius: float,
    *,
    deadline: float | None,
    tolerances: Tolerances,
) -> Bounds:
    """Sound bounds over the moves within ``radius``, tightened by linear programs.

    Notes
    -----
    Back-substitution over the box of the moves first; for each rectified unit that it leaves
    open two linear programs over the triangles of the layers before it and the rows of the
    distance, as long as the time allows, 2000 at most.
    """
    box, spent = moves.box, 0
    lowers: list[FloatArray] = []
    uppers: list[FloatArray] = []
    output = network.output
    parts = [(layer.weight, layer.bias, layer.rectified) for layer in network.layers]
    ends = np.ones(output.bias.size, dtype=np.bool_)
    for depth, (weight, bias, rectified) in enumerate([*parts, (output.weight, output.bias, ends)]):
        lower, upper = form_bounds(network, box, lowers, uppers, weight, bias)
        last = depth == len(parts)
        units = np.flatnonzero(rectified & (lower < 0) & (upper > 0) | last)
        spent += 2 * units.size
        if units.size and spent <= _MOST_PROGRAMS and (last or moves.rows.choices or depth):
            head = ReluNetwork(
                network.layers[:depth], AffineMap(dense(weight[units]), bias[units]),
                network.schema, OutputSchema.numbered(units.size),
            )  # fmt: skip
            known = Bounds(tuple(lowers), tuple(uppers), lower[units], upper[units])
            found = _tightened(head, moves, distance, radius, known, deadline, tolerances)
            lower, upper = lower.copy(), upper.copy()
            lower[units], upper[units] = found
        if last:
            return Bounds(tuple(lowers), tuple(uppers), lower, upper)
        lowers.append(lower)
        uppers.append(upper)
    raise AssertionError("the output is the last part")


def _tightened(
    head: ReluNetwork,
    moves: MoveSpace,
    distance: Distance,
    radius: float,
    known: Bounds,
    deadline: float | None,
    tolerances: Tolerances,
) -> tuple[FloatArray, FloatArray]:
    encoded = encode(head, moves.box, bounds=known)
    DistanceRows(encoded, moves, distance, radius)
    program = Program(encoded.problem, relaxed=True, tolerances=tolerances)
    lower, upper = known.output_lower.copy(), known.output_upper.copy()
    for k, score in enumerate(encoded.scores):
        for sign in (1.0, -1.0):
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return lower, upper
            found = program.maximise({score: sign}, time_limit=left)
            if found.status is not SolveStatus.OPTIMAL:
                continue
            slack = 1e-9 * max(1.0, abs(found.bound))
            if sign > 0:
                upper[k] = max(min(upper[k], found.bound + slack), lower[k])
            else:
                lower[k] = min(max(lower[k], -found.bound - slack), upper[k])
    return lower, upper
