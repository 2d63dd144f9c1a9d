"""A network over a box as a mixed-integer program that PuLP holds.

Legend: for a rectified unit with preactivation ``z``, bounds ``L <= z <= U`` and ``L < 0 < U``,
its value ``h >= 0`` and its switch ``s`` in {0, 1} obey

    h >= z,    h <= z - L (1 - s),    h <= U s,

which hold together exactly where ``h = max(z, 0)`` (and ``s = 1`` where ``z > 0``, ``s = 0`` where
``z < 0``). With ``s`` between 0 and 1 instead the three lines are the triangle around the unit.
A unit with ``U <= 0`` is left out, one with ``L >= 0`` and a carried one pass ``z`` on: no switch.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from re import sub
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, Matrix
from explainrelu.errors import ArgumentError, OutputError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.rows import Choice, RowSpace
from explainrelu.network.back_substitution import back_substituted_bounds
from explainrelu.network.bounds import Bounds
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.regions.observed import check_domain

__all__ = ["NetworkProgram", "encode"]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkProgram:
    """A network over a box, as variables and rows.

    Attributes
    ----------
    problem
        The ``pulp.LpProblem``, maximising the first score.
    network
        The network that is encoded.
    rows
        The box, and what of it is a row.
    bounds
        The bounds that the rows are made with.
    inputs
        One variable an input.
    switches
        For each layer one variable a unit, None for a unit that has no switch.
    scores
        One variable an output.
    """

    problem: Any
    network: ReluNetwork
    rows: RowSpace
    bounds: Bounds
    inputs: tuple[Any, ...]
    switches: tuple[tuple[Any | None, ...], ...]
    scores: tuple[Any, ...]

    @property
    def n_switches(self) -> int:
        """Rectified units that the bounds leave open."""
        return sum(switch is not None for layer in self.switches for switch in layer)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the program to a ``.lp`` or ``.mps`` file for a person or another solver.

        Inputs are called by their columns, ``z_2_5`` is the preactivation of the fifth unit of
        the second layer, ``h_2_5`` its value, ``s_2_5`` its switch. PuLP writes twelve digits. A
        ``.lp`` file maximises the first score, a ``.mps`` file minimises minus that.

        Raises
        ------
        OutputError
            For another ending, or where the file cannot be written.
        """
        target = Path(path)
        if target.suffix not in (".lp", ".mps"):
            raise OutputError(f"A program is written to a .lp or .mps file, got {target.name!r}.")
        try:
            if target.suffix == ".lp":
                self.problem.writeLP(str(target))
            else:  # MPS files are minimised, whatever a comment in them says
                self.problem.writeMPS(str(target), mpsSense=1)
        except OSError as error:
            raise OutputError(f"Cannot write {target}: {error}.") from error


def encode(
    model: Any, domain: Box, *, bounds: Bounds | None = None, levels: bool = True
) -> NetworkProgram:
    """The mixed-integer program of a model over a box.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs.
    bounds
        Sound bounds of every preactivation over the box; by back-substitution where not given.
    levels
        Whether columns with levels stand at one of them (indicators 0 or 1 and summing to one,
        codes among the known ones). With False every point of the box counts.

    Returns
    -------
    NetworkProgram
        Its feasible points are exactly ``(x, z, h, s)`` of the points ``x`` of the domain.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the model's inputs, or holds no level of some column.

    Notes
    -----
    Exact but for the solver's tolerances. One switch a unit that the bounds leave open.

    References
    ----------
    T. Serra, A. Kumar, S. Ramalingam, "Lossless compression of deep neural networks", CPAIOR 2020.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, 2.0], [0.0]])
    >>> program = encode(network, Box([-1.0], [1.0]))
    >>> program.n_switches, [variable.name for variable in program.inputs]
    (1, ['in_x0'])
    """
    network = import_model(model)
    check_domain(domain, network.n_inputs, network.schema)
    known = bounds or back_substituted_bounds(network, domain)
    if tuple(map(len, known.lower)) != network.widths:
        raise ArgumentError(
            f"bounds must be those of the network's layers {network.widths}, got "
            f"{tuple(map(len, known.lower))}."
        )
    return _Writer(network, RowSpace.of(network.schema, domain, levels=levels), known).program()


class _Writer:
    """Writes variables and rows, layer by layer."""

    def __init__(self, network: ReluNetwork, rows: RowSpace, bounds: Bounds) -> None:
        import pulp

        self._pulp: Any = pulp
        self._network, self._rows, self._bounds = network, rows, bounds
        self._problem: Any = pulp.LpProblem("network", pulp.LpMaximize)
        self._taken: set[str] = set()

    def program(self) -> NetworkProgram:
        network, bounds = self._network, self._bounds
        inputs = self._inputs()
        values: list[Any | None] = list(inputs)
        switches = []
        for i, layer in enumerate(network.layers):
            values, found = self._layer(i, layer, values)
            switches.append(found)
        output = network.output
        ranges = bounds.output_lower, bounds.output_upper
        names = [f"score_{name}" for name in network.outputs.names]
        scores = self._affine(output.weight, output.bias, values, ranges, names)
        # inputs that no row mentions still belong to the program
        objective = [(scores[0], 1.0), *((variable, 0.0) for variable in inputs)]
        self._problem.setObjective(self._pulp.LpAffineExpression(objective))
        return NetworkProgram(
            self._problem, network, self._rows, bounds, inputs, tuple(switches), tuple(scores)
        )

    def _inputs(self) -> tuple[Any, ...]:
        box, found = self._rows.box, []
        categorical = np.zeros(box.n_inputs, dtype=np.bool_)
        for choice in self._rows.choices:
            categorical[choice.inputs] = choice.column.kind is ColumnKind.CATEGORICAL
        for i, name in enumerate(self._network.schema.input_names):
            kind = self._pulp.LpInteger if categorical[i] else self._pulp.LpContinuous
            lower, upper = float(box.lower[i]), float(box.upper[i])
            if categorical[i]:
                lower, upper = float(lower > 0), float(upper >= 1)
            found.append(self._variable(f"in_{name}", lower, upper, kind))
        for choice in self._rows.choices:
            if choice.column.kind is ColumnKind.CATEGORICAL:
                self._one_level(choice, found[choice.inputs])
            else:
                self._one_code(choice, found[choice.inputs.start])
        return tuple(found)

    def _one_level(self, choice: Choice, indicators: Sequence[Any]) -> None:
        """At most one indicator at 1, and exactly one where every row has a known level."""
        least = choice.values.sum(axis=1).min()
        sense = self._pulp.LpConstraintEQ if least == 1 else self._pulp.LpConstraintLE
        self._row(f"one_{choice.column.name}", [(v, 1.0) for v in indicators], sense, 1.0)

    def _one_code(self, choice: Choice, value: Any) -> None:
        """The value is the code that is picked."""
        name, equal = choice.column.name, self._pulp.LpConstraintEQ
        picks = [
            self._variable(f"pick_{name}_{code:g}", 0.0, 1.0, self._pulp.LpInteger)
            for code in choice.values[:, 0]
        ]
        self._row(f"one_{name}", [(pick, 1.0) for pick in picks], equal, 1.0)
        codes = zip(picks, (-choice.values[:, 0]).tolist(), strict=True)
        self._row(f"code_{name}", [(value, 1.0), *codes], equal, 0.0)

    def _layer(
        self, i: int, layer: Layer, values: list[Any | None]
    ) -> tuple[list[Any | None], tuple[Any | None, ...]]:
        lower, upper = self._bounds.lower[i], self._bounds.upper[i]
        kept = ~layer.rectified | (upper > 0)
        names = [f"z_{i + 1}_{j + 1}" for j in np.flatnonzero(kept)]
        ranges = lower[kept], upper[kept]
        z = self._affine(layer.weight[kept], layer.bias[kept], values, ranges, names)
        h: list[Any | None] = [None] * layer.n_units
        switches: list[Any | None] = [None] * layer.n_units
        for variable, j in zip(z, np.flatnonzero(kept).tolist(), strict=True):
            h[j] = variable
            if layer.rectified[j] and lower[j] < 0:
                name = f"{i + 1}_{j + 1}"
                h[j], switches[j] = self._unit(name, variable, float(lower[j]), float(upper[j]))
        return h, tuple(switches)

    def _unit(self, name: str, z: Any, lower: float, upper: float) -> tuple[Any, Any]:
        h = self._variable(f"h_{name}", 0.0, upper, self._pulp.LpContinuous)
        s = self._variable(f"s_{name}", 0.0, 1.0, self._pulp.LpInteger)
        at_most = self._pulp.LpConstraintLE
        self._row(f"above_{name}", [(z, 1.0), (h, -1.0)], at_most, 0.0)
        self._row(f"active_{name}", [(h, 1.0), (z, -1.0), (s, -lower)], at_most, -lower)
        self._row(f"inactive_{name}", [(h, 1.0), (s, -upper)], at_most, 0.0)
        return h, s

    def _affine(
        self,
        weight: Matrix,
        bias: FloatArray,
        values: list[Any | None],
        ranges: tuple[FloatArray, FloatArray],
        names: Sequence[str],
    ) -> list[Any]:
        """One variable a row of ``weight @ values + bias``; None values are zero."""
        found = []
        for j, name in enumerate(names):
            low, high = float(ranges[0][j]), float(ranges[1][j])
            # the row sets the value; the bounds only help, so rounding must not make them bind
            room = 1e-9 * max(1.0, abs(low), abs(high))
            variable = self._variable(name, low - room, high + room, self._pulp.LpContinuous)
            terms = [(variable, -1.0)]
            for k, coefficient in _entries(weight, j):
                if values[k] is not None:
                    terms.append((values[k], coefficient))
            self._row(f"def_{name}", terms, self._pulp.LpConstraintEQ, -float(bias[j]))
            found.append(variable)
        return found

    def _variable(self, name: str, lower: float, upper: float, kind: str) -> Any:
        return self._problem.add_variable(self._unused(name), lower, upper, cat=kind)

    def _row(self, name: str, terms: Sequence[tuple[Any, float]], sense: int, bound: float) -> None:
        form = self._pulp.LpAffineExpression(terms)
        row = self._pulp.LpConstraint(form, sense, name=self._unused(name), rhs=bound)
        self._problem.addConstraint(row)

    def _unused(self, name: str) -> str:
        """A name of letters, digits and underscores that no other variable or row has."""
        plain = sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:60]
        found, number = plain, 1
        while found in self._taken:
            number += 1
            found = f"{plain}_no{number}"
        self._taken.add(found)
        return found


def _entries(weight: Matrix, j: int) -> list[tuple[int, float]]:
    """The entries of one row that are not zero."""
    if isinstance(weight, np.ndarray):
        places = np.flatnonzero(weight[j])
        return list(zip(places.tolist(), weight[j, places].tolist(), strict=True))
    part = slice(int(weight.indptr[j]), int(weight.indptr[j + 1]))
    return list(zip(weight.indices[part].tolist(), weight.data[part].tolist(), strict=True))
