"""Inputs for columns that a network does not use, so that it reads rows as another one does."""

from dataclasses import replace

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, Matrix, dense
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.schema import InputSchema

__all__ = ["with_inputs_for"]


def with_inputs_for(
    network: ReluNetwork, columns: tuple[Column, ...]
) -> tuple[ReluNetwork, BoolArray]:
    """The same network with inputs, of weight 0, for the columns that it does not use.

    Parameters
    ----------
    columns
        Columns of the same names in the same order, as another network reads them.

    Returns
    -------
    network
        The same function of the same raw rows. Columns that it uses are its own.
    own : (n_inputs,)
        Which of its inputs the network had before.

    Examples
    --------
    >>> unused = InputSchema((Column("a"), Column("b", ColumnKind.UNUSED)))
    >>> network = replace(ReluNetwork.from_weights([[[2.0]]], [[1.0]]), schema=unused)
    >>> wider, own = with_inputs_for(network, (Column("a"), Column("b")))
    >>> wider([[1.0, 9.0]]), own.tolist()
    (array([3.]), [True, False])
    """
    mine = network.schema.columns
    unused = [column.kind is ColumnKind.UNUSED for column in mine]
    taken = tuple(b if skip else a for a, b, skip in zip(mine, columns, unused, strict=True))
    own = np.repeat(~np.array(unused, dtype=np.bool_), [column.n_inputs for column in taken])
    if own.all():
        return network, own
    schema = InputSchema(taken)
    if not network.layers:
        output = AffineMap(_spread(network.output.weight, own), network.output.bias)
        return replace(network, output=output, schema=schema), own
    first = replace(network.layers[0], weight=_spread(network.layers[0].weight, own))
    return replace(network, layers=(first, *network.layers[1:]), schema=schema), own


def _spread(weight: Matrix, own: BoolArray) -> FloatArray:
    """The columns of a matrix at their places, zeros at the others."""
    found = np.zeros((weight.shape[0], own.size))
    found[:, own] = dense(weight)
    return found
