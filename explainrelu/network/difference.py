"""Two networks on the same inputs as one network: their difference."""

import numpy as np
from scipy import sparse

from explainrelu.arrays import FloatArray, Matrix
from explainrelu.errors import ArgumentError
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork

__all__ = ["difference_network"]


def difference_network(a: ReluNetwork, b: ReluNetwork) -> ReluNetwork:
    """The network ``x -> a(x) - b(x)`` on encoded points.

    The units of ``a`` stand above those of ``b`` in each layer; the last values of the shallower
    network are carried on to the depth of the other.

    Returns
    -------
    ReluNetwork
        With the inputs and the output names of ``a``. Its linear regions are the joint ones.

    Raises
    ------
    ArgumentError
        Where the numbers of inputs or outputs differ.

    Examples
    --------
    >>> one = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [0.0]])
    >>> two = ReluNetwork.from_weights([[[2.0]]], [[1.0]])
    >>> difference_network(one, two)([[3.0], [-1.0]])
    array([-1.,  1.])
    """
    _check_same(a, b)
    depth = max(len(a.layers), len(b.layers))
    layers = []
    for i in range(depth):
        first, second = _layer(a, i), _layer(b, i)
        if i == 0:
            weight: Matrix = _rows(first.weight, second.weight)
        else:
            weight = _blocks(first.weight, second.weight)
        rectified = np.concatenate([first.rectified, second.rectified])
        layers.append(Layer(weight, np.concatenate([first.bias, second.bias]), rectified))
    mine, other = a.output, b.output
    weights = [mine.weight, -other.weight]
    output = np.hstack(weights) if depth else mine.weight - other.weight
    return ReluNetwork(
        tuple(layers),
        AffineMap(output, mine.bias - other.bias),
        a.schema,
        a.outputs,
        Origin(kind="difference of two networks"),
    )


def _check_same(a: ReluNetwork, b: ReluNetwork) -> None:
    for what, mine, other in (
        ("inputs", a.n_inputs, b.n_inputs),
        ("outputs", a.n_outputs, b.n_outputs),
    ):
        if mine != other:
            raise ArgumentError(
                f"Two networks to compare must have equally many {what}, got {mine} and {other}."
            )


def _layer(network: ReluNetwork, i: int) -> Layer:
    """The i-th layer, or one that carries the last values on."""
    if i < len(network.layers):
        return network.layers[i]
    n = network.layers[-1].n_units if network.layers else network.n_inputs
    return Layer(sparse.eye_array(n, format="csr"), np.zeros(n), np.zeros(n, np.bool_))


def _rows(upper: Matrix, lower: Matrix) -> Matrix:
    if isinstance(upper, np.ndarray) and isinstance(lower, np.ndarray):
        stacked: FloatArray = np.vstack([upper, lower])
        return stacked
    found: sparse.csr_array[np.float64] = sparse.vstack(
        [sparse.csr_array(upper), sparse.csr_array(lower)], format="csr"
    )
    return found


def _blocks(upper: Matrix, lower: Matrix) -> Matrix:
    return sparse.csr_array(sparse.block_diag([upper, lower], format="csr"))
