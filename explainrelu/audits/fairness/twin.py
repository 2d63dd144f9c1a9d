"""Two copies of a network on one row that differ in its protected columns only.

The twin of ``f`` takes a row ``x``, its protected values ``p`` among them, and other protected
values ``q``; it gives ``f(x, p)`` and ``f(x, q)`` side by side. Whether a change of protected
columns alone can change a class is then a question about the outputs of one network.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from explainrelu.arrays import FloatArray, IntArray, Matrix, dense
from explainrelu.audits.fairness.alternatives import Alternatives
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema

__all__ = ["Twin", "twin_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """A network and its copy on the same row with other protected values.

    Attributes
    ----------
    network
        Of the inputs of the original and, behind them, those of the protected columns once more;
        its outputs are those of the original, and then those of the copy.
    domain
        The box of all of them.
    own, other
        Which inputs make the row, and which make the changed one, in the original's order.
    """

    network: ReluNetwork
    domain: Box
    own: IntArray
    other: IntArray

    def rows(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The encoded row and the changed row of a point of the twin: (n_inputs,) each."""
        return point[self.own], point[self.other]


def twin_of(network: ReluNetwork, domain: Box, protected: tuple[Alternatives, ...]) -> Twin:
    """The twin of a network over a box, whose protected columns take their values only.

    Parameters
    ----------
    domain
        The box over the encoded inputs of the network.
    protected
        The columns that differ between the two copies, with the values that they take.
    """
    schema, n_inputs = network.schema, network.n_inputs
    own = np.arange(n_inputs)
    columns, other, lower, upper = list(schema.columns), own.copy(), domain.lower, domain.upper
    lower, upper = lower.copy(), upper.copy()
    size, ends = n_inputs, []
    for each in protected:
        place = schema.names.index(each.column.name)
        part = slice(int(schema.starts[place]), int(schema.starts[place + 1]))
        columns[place] = _as_choice(each, each.column.name)
        columns.append(_as_choice(each, _unused_name(each.column.name, schema)))
        other[part] = np.arange(size, size + each.column.n_inputs)
        size += each.column.n_inputs
        lower[part], upper[part] = _limits(each)
        ends.append(_limits(each))
    box = Box(
        np.concatenate([lower, *(low for low, _ in ends)]),
        np.concatenate([upper, *(high for _, high in ends)]),
    )
    twin = ReluNetwork(
        tuple(_side_by_side(network, i, own, other, size) for i in range(len(network.layers))),
        _outputs(network, own, other, size),
        InputSchema(tuple(columns)),
        _names(network.outputs),
        Origin(kind="a network beside its copy on other protected values"),
    )
    return Twin(twin, box, own, other)


def _as_choice(each: Alternatives, name: str) -> Column:
    """The column, numbers of which only some are allowed as codes of as many levels."""
    column = replace(each.column, name=name, ignores_unknown=False, imputes=False, fill=None)
    if column.kind is ColumnKind.NUMERIC and each.interval is None:
        codes = tuple(float(number) for number in each.numbers)
        return Column(name, ColumnKind.ORDINAL, column.unit, levels=codes, codes=codes)
    return column


def _limits(each: Alternatives) -> tuple[FloatArray, FloatArray]:
    """The box of the values that a column takes: of its indicators or its one input."""
    if each.column.kind is ColumnKind.CATEGORICAL:
        upper = np.zeros(each.column.n_inputs)
        upper[each.numbers.astype(np.int64)] = 1.0
        return np.zeros_like(upper), upper
    return each.numbers.min(keepdims=True), each.numbers.max(keepdims=True)


def _unused_name(name: str, schema: InputSchema) -> str:
    found = f"{name} (changed)"
    while found in schema.names:
        found += "*"
    return found


def _side_by_side(
    network: ReluNetwork, i: int, own: IntArray, other: IntArray, n_inputs: int
) -> Layer:
    layer = network.layers[i]
    if i == 0:
        weight: Matrix = _on_inputs(layer.weight, own, other, n_inputs)
    else:
        weight = sparse.csr_array(sparse.block_diag([layer.weight, layer.weight], format="csr"))
    return Layer(weight, np.tile(layer.bias, 2), np.tile(layer.rectified, 2))


def _on_inputs(weight: Matrix, own: IntArray, other: IntArray, n_inputs: int) -> FloatArray:
    """A matrix on the original's inputs, once on the row's and once on the changed row's."""
    rows = dense(weight)
    found = np.zeros((2 * rows.shape[0], n_inputs))
    found[: rows.shape[0], own] = rows
    found[rows.shape[0] :, other] = rows
    return found


def _outputs(network: ReluNetwork, own: IntArray, other: IntArray, n_inputs: int) -> AffineMap:
    weight, bias = network.output.weight, np.tile(network.output.bias, 2)
    if not network.layers:
        return AffineMap(_on_inputs(weight, own, other, n_inputs), bias)
    none = np.zeros_like(weight)
    return AffineMap(np.block([[weight, none], [none, weight]]), bias)


def _names(outputs: OutputSchema) -> OutputSchema:
    names = [f"{name} ({which})" for which in ("as it is", "changed") for name in outputs.names]
    return OutputSchema(tuple(names))
