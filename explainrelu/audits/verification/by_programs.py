"""Ask a mixed-integer program for the row nearest to a counterexample.

For an alternative ``a_i @ y <= b_i`` it finds the least ``t >= a_i @ y - b_i`` over the rows of a
box. The solver's own tolerances are held against the bound: with ``f`` for its feasibility,
``10 f`` times the size of what a unit's variables weigh in a constraint has to lie between the
bound and zero.
"""

from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, magnitudes
from explainrelu.audits.verification.question import Answer, Question
from explainrelu.errors import SolverError
from explainrelu.geometry.box import Box
from explainrelu.milp.encoding import NetworkProgram, encode
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.milp.tightening import tightened_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema

__all__ = ["by_programs"]

_ROOM = 10.0  # times the solver's tolerance that a bound has to lie beyond zero


def by_programs(question: Question) -> Answer:
    """One program for each alternative and each box of the domain."""
    lower = np.full(len(question.alternatives), np.inf)
    pairs = [(k, box) for k in range(lower.size) for box in question.boxes]
    why = ""
    for done, (k, box) in enumerate(pairs):
        seconds = question.seconds_left / (len(pairs) - done)
        try:
            least, point, room, solved = _least(question, box, k, seconds)
        except SolverError:
            return Answer(question.unknown, open="the solver failed", how="mixed-integer programs")
        lower[k] = min(lower[k], least - room)
        witness = question.witness_among(point)
        if witness is not None:
            return Answer(question.unknown, witness, how="mixed-integer programs")
        if least <= room:
            near = "a bound lies within the solver's tolerances of zero"
            why = why or (near if solved else "the time limit was reached")
    return Answer(lower, open=why, how="mixed-integer programs")


def _least(
    question: Question, box: Box, k: int, seconds: float
) -> tuple[float, FloatArray, float, bool]:
    """A bound of the least excess, a row near it, the room it needs, and whether it was solved."""
    end = monotonic() + seconds
    viewed, levels = _constraints(question, k), bool(question.branching.choices)
    bounds = tightened_bounds(
        viewed, box, levels=levels, time_limit=seconds / 4, tolerances=question.tolerances
    )
    room = question.rounding(k) + _solver_room(viewed, bounds, question.tolerances.feasibility)
    known = float(bounds.output_lower.max())
    if known > room:
        return known, np.zeros((0, viewed.n_inputs)), room, True
    encoded = encode(viewed, box, bounds=bounds, levels=levels)
    program, worst = _program(encoded, question)
    found = program.maximise({worst: -1.0}, time_limit=max(0.01, end - monotonic()))
    if found.status is SolveStatus.INFEASIBLE:  # a network has scores everywhere: not believed
        return known, np.zeros((0, viewed.n_inputs)), room, True
    point = np.zeros((0, viewed.n_inputs))
    if found.point.size:
        solved = np.array([found.point[variable.index] for variable in encoded.inputs])
        point = encoded.rows.nearest(solved)[None]
    return max(known, -found.bound), point, room, found.status is SolveStatus.OPTIMAL


def _constraints(question: Question, k: int) -> ReluNetwork:
    """The network whose outputs are ``a_i @ y - b_i``."""
    network, part = question.network, question.alternatives[k]
    output = AffineMap(
        part.weight @ network.output.weight, part.weight @ network.output.bias - part.bound
    )
    return replace(network, output=output, outputs=OutputSchema.numbered(part.bound.size))


def _program(encoded: NetworkProgram, question: Question) -> tuple[Program, Any]:
    """The program with one more variable, no smaller than any score."""
    import pulp

    bounds, problem = encoded.bounds, encoded.problem
    low, high = float(bounds.output_lower.max()), float(bounds.output_upper.max())
    far = 1e-6 * max(1.0, abs(low), abs(high))
    worst = problem.add_variable("worst", low - far, high + far, cat=pulp.LpContinuous)
    for i, score in enumerate(encoded.scores):
        form = pulp.LpAffineExpression([(score, 1.0), (worst, -1.0)])
        row = pulp.LpConstraint(form, pulp.LpConstraintLE, name=f"worst_{i}", rhs=0.0)
        problem.addConstraint(row)
    return Program(problem, tolerances=question.tolerances), worst


def _solver_room(network: ReluNetwork, bounds: Bounds, feasibility: float) -> float:
    """How far the solver's tolerances may move a score, in one row of every unit at once."""
    weigh, total = np.abs(network.output.weight), np.ones(network.n_outputs)
    layers = zip(network.layers, bounds.lower, bounds.upper, strict=True)
    for layer, lower, upper in reversed(list(layers)):
        reach = np.maximum(np.abs(lower), np.abs(upper))
        total = total + weigh @ (1.0 + reach)
        weigh = np.asarray(weigh @ magnitudes(layer.weight))
    return _ROOM * feasibility * float(total.max())
