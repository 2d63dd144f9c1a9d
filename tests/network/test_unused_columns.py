"""Inputs for columns that a network does not use change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.network.unused_columns import with_inputs_for

COLUMNS = (Column("a"), Column("b", ColumnKind.CATEGORICAL, levels=("x", "y")), Column("c"))


def network(layers=1):
    weights = [[[1.0, -1.0]], [[2.0]]] if layers else [[[1.0, -1.0]]]
    net = ReluNetwork.from_weights(weights, [[0.5], [1.0]] if layers else [[0.5]])
    unused = (Column("a"), Column("b", ColumnKind.UNUSED), Column("c"))
    return replace(net, schema=InputSchema(unused))


@pytest.mark.parametrize("layers", [0, 1])
def test_the_function_stays(layers):
    net = network(layers)
    wide, own = with_inputs_for(net, COLUMNS)
    points = np.random.default_rng(0).normal(size=(20, 4))
    assert own.tolist() == [True, False, False, True]
    assert wide.schema.input_names == ("a", "b = x", "b = y", "c")
    np.testing.assert_array_equal(wide.forward(points), net.forward(points[:, own]))


def test_a_network_that_uses_all_is_the_same():
    wide, _ = with_inputs_for(network(), COLUMNS)
    again, own = with_inputs_for(wide, COLUMNS)
    assert again is wide
    assert own.all()


def test_sparse_weights_are_spread_too():
    net = network()
    first = replace(net.layers[0], weight=sparse.csr_array(net.layers[0].weight))
    thin = replace(net, layers=(first, *net.layers[1:]))
    wide, own = with_inputs_for(thin, COLUMNS)
    points = np.random.default_rng(0).normal(size=(20, 4))
    np.testing.assert_array_equal(wide.forward(points), net.forward(points[:, own]))
