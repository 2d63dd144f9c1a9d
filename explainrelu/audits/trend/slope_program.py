"""The smallest and the largest slope of a score over a domain, as a mixed-integer program.

Legend: ``s_j`` in {0, 1} is the switch of an open unit, ``g_j`` the gradient of the score by its
value, with bounds ``L <= g_j <= U`` from intervals. Backwards through the layers the gradient by
its preactivation is ``p_j = s_j g_j``, which holds exactly where

    L s_j <= p_j <= U s_j,    g_j - U (1 - s_j) <= p_j <= g_j - L (1 - s_j).

On a border both switches are allowed, so that the program may see patterns of no region: its
bounds hold, while a slope that it finds has to be shown by rows.
"""

from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, dense
from explainrelu.geometry.box import Box
from explainrelu.milp.encoding import NetworkProgram, encode
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["SlopeProgram"]

_NOWHERE = np.zeros(0), np.zeros(0, dtype=np.bool_)


class SlopeProgram:
    """The slopes of one score by some inputs.

    Parameters
    ----------
    network
        Whose hidden layers are meant.
    score
        One row: the map behind the last layer.
    domain
        The box.
    levels
        Whether columns with levels stand at one of them.
    """

    def __init__(
        self,
        network: ReluNetwork,
        score: AffineMap,
        domain: Box,
        inputs: list[int],
        *,
        levels: bool,
        tolerances: Tolerances,
    ) -> None:
        self._encoded = encode(network, domain, levels=levels)
        self._writer = _Backwards(self._encoded, score.weight[0])
        self._slopes = {i: self._writer.slope(i) for i in inputs}
        self._program = Program(self._encoded.problem, tolerances=tolerances)

    def largest(
        self, i: int, sign: float, *, target: float, time_limit: float | None
    ) -> tuple[float, FloatArray, BoolArray]:
        """No slope by input ``i`` times ``sign`` is larger than this, and where one was found.

        The search stops at the first slope beyond ``target``.

        Returns
        -------
        bound
        row : (n_inputs,)
            Empty where none was found.
        pattern : (n_neurons,) bool
            That has the slope found; the row may lie on the border of its region.
        """
        variable, constant = self._slopes[i]
        if variable is None:
            return sign * constant, *_NOWHERE
        found = self._program.maximise({variable: sign}, target=target, time_limit=time_limit)
        if found.status is SolveStatus.INFEASIBLE:  # which a network never is
            return np.inf, *_NOWHERE
        if not found.point.size:
            return found.bound, *_NOWHERE
        row = np.array([found.point[v.index] for v in self._encoded.inputs])
        return found.bound, self._encoded.rows.nearest(row), self._pattern(found.point)

    def _pattern(self, point: FloatArray) -> BoolArray:
        """One bit a rectified unit, from the switches and the bounds."""
        found = [np.zeros(0, dtype=np.bool_)]
        parts = zip(
            self._encoded.network.layers, self._encoded.switches, self._encoded.bounds.lower,
            strict=True,
        )  # fmt: skip
        for layer, switches, lower in parts:
            bits = lower >= 0
            for j, switch in enumerate(switches):
                if switch is not None:
                    bits[j] = point[switch.index] > 0.5
            found.append(bits[layer.rectified])
        return np.concatenate(found)


class _Backwards:
    """Writes the gradient, from the output back."""

    def __init__(self, encoded: NetworkProgram, weight: FloatArray) -> None:
        import pulp

        self._pulp: Any = pulp
        self._encoded, self._problem = encoded, encoded.problem
        # the gradient by the values of a layer: constants, and coefficients of variables
        self._constant = weight.copy()
        self._linear = np.zeros((weight.size, 0))
        self._variables: list[Any] = []
        self._lower, self._upper = weight.copy(), weight.copy()
        for i in reversed(range(len(encoded.network.layers))):
            self._through(i)

    def slope(self, i: int) -> tuple[Any | None, float]:
        """A variable for the slope by one input, or None and what it is."""
        constant = float(self._constant[i])
        if not self._linear[i].any():
            return None, constant
        return self._defined(f"slope_{i}", i), constant

    def _through(self, i: int) -> None:
        layer, bounds = self._encoded.network.layers[i], self._encoded.bounds
        passes = ~layer.rectified | (bounds.lower[i] >= 0)
        constant, linear = np.zeros(layer.n_units), np.zeros((layer.n_units, self._linear.shape[1]))
        constant[passes], linear[passes] = self._constant[passes], self._linear[passes]
        lower = np.where(passes, self._lower, np.minimum(self._lower, 0.0))
        upper = np.where(passes, self._upper, np.maximum(self._upper, 0.0))
        new: list[tuple[int, Any, float]] = []
        for j, switch in enumerate(self._encoded.switches[i]):
            if switch is None:
                if not passes[j]:
                    lower[j] = upper[j] = 0.0
            elif not self._linear[j].any():
                new.append((j, switch, float(self._constant[j])))
            else:
                new.append((j, self._product(f"{i + 1}_{j + 1}", j, switch), 1.0))
        added = np.zeros((layer.n_units, len(new)))
        for place, (j, variable, coefficient) in enumerate(new):
            added[j, place] = coefficient
            self._variables.append(variable)
        weight = dense(layer.weight).T
        self._constant = weight @ constant
        self._linear = weight @ np.hstack([linear, added])
        middle, half = weight @ (lower + upper) / 2, np.abs(weight) @ (upper - lower) / 2
        self._lower, self._upper = middle - half, middle + half

    def _product(self, name: str, j: int, switch: Any) -> Any:
        low, high = float(self._lower[j]), float(self._upper[j])
        g = self._defined(f"g_{name}", j)
        p = self._problem.add_variable(f"p_{name}", min(low, 0.0), max(high, 0.0))
        at_most = self._pulp.LpConstraintLE
        self._row(f"p_least_{name}", [(switch, low), (p, -1.0)], at_most, 0.0)
        self._row(f"p_most_{name}", [(p, 1.0), (switch, -high)], at_most, 0.0)
        self._row(f"p_low_{name}", [(g, 1.0), (p, -1.0), (switch, high)], at_most, high)
        self._row(f"p_high_{name}", [(p, 1.0), (g, -1.0), (switch, -low)], at_most, -low)
        return p

    def _defined(self, name: str, j: int) -> Any:
        low, high = float(self._lower[j]), float(self._upper[j])
        room = 1e-9 * max(1.0, abs(low), abs(high))
        variable = self._problem.add_variable(name, low - room, high + room)
        terms = [(variable, -1.0)]
        terms += [
            (self._variables[k], float(self._linear[j, k]))
            for k in np.flatnonzero(self._linear[j]).tolist()
        ]
        self._row(f"def_{name}", terms, self._pulp.LpConstraintEQ, -float(self._constant[j]))
        return variable

    def _row(self, name: str, terms: list[tuple[Any, float]], sense: int, bound: float) -> None:
        form = self._pulp.LpAffineExpression(terms)
        self._problem.addConstraint(self._pulp.LpConstraint(form, sense, name=name, rhs=bound))
