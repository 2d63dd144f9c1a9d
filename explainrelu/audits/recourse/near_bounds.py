"""Bounds of every preactivation over the rows that reach the target within a distance.

Few rows do where the distance is just enough, so that these bounds leave far fewer units open
than those of all rows within the distance, and often show that there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.audits.recourse.distance import Distance
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.program import DistanceRows, bound_scores
from explainrelu.audits.recourse.target import Target
from explainrelu.milp.encoding import NetworkProgram, encode
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.network.back_substitution import back_substituted_bounds, form_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["Near", "n_open"]

_FEW = 8  # open units that a mixed-integer program needs no help with
_PASSES = 8
_WORTH = 0.97  # another pass where the last left at most this share of the widths


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """The rows within a distance that reach a target.

    Attributes
    ----------
    scored
        The network of the target's scores.
    moves
        Where the row may go within the radius.
    radius, least
        No row farther than the one is of interest, and none is nearer than the other.
    """

    scored: ReluNetwork
    moves: MoveSpace
    distance: Distance
    target: Target
    room: float
    radius: float
    least: float
    excluded: tuple[frozenset[int], ...]
    tangents: FloatArray
    tolerances: Tolerances

    def program(self, bounds: Bounds) -> tuple[NetworkProgram, DistanceRows] | None:
        """The program of these rows; None where a bound shows that there are none."""
        encoded = encode(self.scored, self.moves.box, bounds=bounds)
        if not bound_scores(encoded, self.target, self.room):
            return None
        rows = DistanceRows(
            encoded, self.moves, self.distance, self.radius,
            least=self.least, excluded=self.excluded, tangents=self.tangents / self.radius,
        )  # fmt: skip
        return encoded, rows

    def bounds(self, deadline: float | None) -> Bounds | None:
        """Bounds of every preactivation over these rows; None where there are none.

        Returns
        -------
        Bounds
            Sound for the rows that reach the target within the radius, and for no other.

        Notes
        -----
        Back-substitution over the box first. Then layer by layer two linear programs a unit that
        is still open, over the triangles of all layers, the distance and the target, from bounds
        that grow tighter as they go; pass after pass as long as units get closed.
        """
        found = back_substituted_bounds(self.scored, self.moves.box)
        for _ in range(_PASSES):
            late = deadline is not None and monotonic() >= deadline
            if late or n_open(self.scored, found) <= _FEW:
                return found
            narrowed = self._passed(found, deadline)
            if narrowed is None:
                return None
            before, found = found, narrowed
            if _width(self.scored, found) > _WORTH * _width(self.scored, before):
                return found
        return found

    def _passed(self, bounds: Bounds, deadline: float | None) -> Bounds | None:
        """One pass over the layers."""
        for i in range(len(self.scored.layers)):
            made = self.program(bounds)
            if made is None:
                return None
            encoded, _ = made
            program = Program(encoded.problem, relaxed=True, tolerances=self.tolerances)
            lower, upper = bounds.lower[i].copy(), bounds.upper[i].copy()
            names = encoded.problem.variablesDict()
            for j, switch in enumerate(encoded.switches[i]):
                if switch is None:
                    continue
                unit = names[f"z_{i + 1}_{j + 1}"]
                if not _narrow(program, unit, j, lower, upper, deadline):
                    return None
            bounds = self._behind(bounds, i, lower, upper)
        return bounds

    def _behind(self, bounds: Bounds, i: int, lower: FloatArray, upper: FloatArray) -> Bounds:
        """The bounds with those of layer ``i`` replaced, and what follows from them behind it."""
        lowers, uppers = [*bounds.lower[:i], lower], [*bounds.upper[:i], upper]
        output = self.scored.output
        maps = [(layer.weight, layer.bias) for layer in self.scored.layers]
        known = [*zip(bounds.lower, bounds.upper, strict=True)]
        known.append((bounds.output_lower, bounds.output_upper))
        for place, (weight, bias) in enumerate([*maps, (output.weight, output.bias)]):
            if place > i:
                low, high = form_bounds(self.scored, self.moves.box, lowers, uppers, weight, bias)
                low = np.maximum(low, known[place][0])
                lowers.append(low)
                uppers.append(np.maximum(np.minimum(high, known[place][1]), low))
        return Bounds(tuple(lowers[:-1]), tuple(uppers[:-1]), lowers[-1], uppers[-1])


def _narrow(
    program: Program,
    unit: object,
    j: int,
    lower: FloatArray,
    upper: FloatArray,
    deadline: float | None,
) -> bool:
    """Tighten both bounds of a unit; False where the program has no row at all."""
    for sign in (1.0, -1.0):
        left = None if deadline is None else deadline - monotonic()
        if left is not None and left <= 0:
            return True
        found = program.maximise({unit: sign}, time_limit=left)
        if found.status is SolveStatus.INFEASIBLE:
            return False
        if found.status is not SolveStatus.OPTIMAL:
            continue
        bound = found.bound + 1e-9 * max(1.0, abs(found.bound))
        if sign > 0:
            upper[j] = max(min(upper[j], bound), lower[j])
        else:
            lower[j] = min(max(lower[j], -bound), upper[j])
    return True


def _width(network: ReluNetwork, bounds: Bounds) -> float:
    """The widths of the open units together."""
    total = 0.0
    for layer, lower, upper in zip(network.layers, bounds.lower, bounds.upper, strict=True):
        open_units = layer.rectified & (lower < 0) & (upper > 0)
        total += float((upper - lower)[open_units].sum())
    return total


def n_open(network: ReluNetwork, bounds: Bounds) -> int:
    """Rectified units whose bounds lie on both sides of zero."""
    layers: Sequence[tuple[FloatArray, FloatArray]] = [
        *zip(bounds.lower, bounds.upper, strict=True)
    ]
    return sum(
        int((layer.rectified & (lower < 0) & (upper > 0)).sum())
        for layer, (lower, upper) in zip(network.layers, layers, strict=True)
    )
