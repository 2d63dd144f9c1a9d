"""The preactivations of one layer, maximised or minimised over what stands before them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, dense
from explainrelu.errors import SolverError
from explainrelu.geometry.box import Box
from explainrelu.milp.encoding import encode
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.tolerances import Tolerances

__all__ = ["LayerProgram", "Reach"]


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """How far one unit's preactivation goes to one side.

    Attributes
    ----------
    status
        How the program ended.
    bound
        No point goes farther: an upper bound of ``z``, or of ``-z``.
    row : (n_inputs,)
        A row that the solver went to; empty where it has none.
    """

    status: SolveStatus
    bound: float
    row: FloatArray


class LayerProgram:
    """Some units of a layer over the layers before it, as one program kept in the solver.

    Parameters
    ----------
    lowers, uppers
        Sound bounds of the layers up to and with this one.
    units
        Positions of the units in the layer ``len(lowers) - 1``.
    relaxed
        Whether switches and levels may take fractions: linear programs.
    """

    def __init__(
        self,
        network: ReluNetwork,
        domain: Box,
        lowers: Sequence[FloatArray],
        uppers: Sequence[FloatArray],
        units: IntArray,
        *,
        relaxed: bool,
        levels: bool,
        tolerances: Tolerances,
    ) -> None:
        depth = len(lowers) - 1
        layer = network.layers[depth]
        head = ReluNetwork(
            network.layers[:depth],
            AffineMap(dense(layer.weight[units]), layer.bias[units]),
            network.schema,
            OutputSchema.numbered(units.size),
        )
        bounds = Bounds(
            tuple(lowers[:depth]), tuple(uppers[:depth]), lowers[depth][units], uppers[depth][units]
        )
        self._encoded = encode(head, domain, bounds=bounds, levels=levels)
        self._program = Program(self._encoded.problem, relaxed=relaxed, tolerances=tolerances)
        self._place = {int(unit): i for i, unit in enumerate(units)}

    def largest(
        self,
        unit: int,
        sign: float,
        *,
        time_limit: float | None = None,
        target: float | None = None,
    ) -> Reach:
        """The largest ``sign * z`` of a unit.

        Raises
        ------
        SolverError
            Where the solver finds no point at all, which cannot be.
        """
        variable = self._encoded.scores[self._place[unit]]
        found = self._program.maximise({variable: sign}, time_limit=time_limit, target=target)
        if found.status is SolveStatus.INFEASIBLE:
            raise SolverError(
                "A unit has a preactivation at every row of its domain; HiGHS reports that none "
                "exists. Check that the weights and the domain are of sane size."
            )
        row = np.zeros(0)
        if found.point.size:
            solved = np.array([found.point[v.index] for v in self._encoded.inputs])
            row = self._encoded.rows.nearest(solved)
        return Reach(found.status, found.bound, row)
