"""Whether two networks differ only in the order and the scale of their units."""

from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, dense
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.rewrites.canonical_form import canonical_form
from explainrelu.rewrites.network_of import network_of
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["matched", "parameter_gap", "same_parameters"]

_APART = 1e300  # the cost of a pair that cannot be: finite, as the assignment asks


def same_parameters(a: Any, b: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> bool:
    """Whether two models are equal up to permutation and positive scaling of their units.

    Both are brought to their canonical form; then layer by layer the units of ``b`` are matched
    with those of ``a`` by their ``[w, b]``, with the least total distance.

    Parameters
    ----------
    a, b
        Anything :func:`explainrelu.import_model` takes; of a rewrite its result, where that is a
        ReluNetwork.
    tolerances
        ``agreement``: how far matched numbers may lie apart, weights as shares of their unit's
        length, biases and output weights as shares of the largest of them, at least 1.

    Returns
    -------
    bool
        True proves that the two are one function up to that tolerance of the weights
        (:func:`explainrelu.check_equivalence` bounds what it does to the scores). False proves
        nothing: different parameters may be the same function.

    Raises
    ------
    ModelError, InputTypeError, SizeError
        See :func:`explainrelu.canonical_form`.

    Notes
    -----
    Units that are ``unused``, ``constant`` or ``merged`` in the canonical form do not count. A unit
    with ``-w`` never matches one with ``w``, except where both are carried. Two units of a layer
    within the tolerance of each other may be matched the wrong way round. Cost: O(n^3) a layer
    of ``n`` units.

    References
    ----------
    M. Phuong, C. Lampert, "Functional vs. parametric equivalence of ReLU networks", ICLR 2020.

    Examples
    --------
    >>> a = ReluNetwork.from_weights([[[1.0], [2.0]], [[1.0, 1.0]]], [[0.0, 1.0], [0.0]])
    >>> b = ReluNetwork.from_weights([[[4.0], [3.0]], [[0.5, 1 / 3]]], [[2.0, 0.0], [0.0]])
    >>> same_parameters(a, b)
    True
    """
    forms = [canonical_form(network_of(model), tolerances=tolerances).result for model in (a, b)]
    return parameter_gap(*forms) <= tolerances.agreement


def parameter_gap(a: ReluNetwork, b: ReluNetwork) -> float:
    """The largest distance of matched numbers of two canonical forms; infinite without a match."""
    other = matched(a, b)
    if other is None:
        return float("inf")
    return max(_gap(x, y) for x, y in zip(_tables(a), _tables(other), strict=True))


def matched(a: ReluNetwork, b: ReluNetwork) -> ReluNetwork | None:
    """``b`` with its units in the order of those of ``a`` that lie nearest.

    None where the two have not the same shape, or another number of rectified units in a layer.
    """
    if (a.n_inputs, a.widths, a.n_outputs) != (b.n_inputs, b.widths, b.n_outputs):
        return None
    layers, order = [], np.arange(b.n_inputs)
    for mine, theirs in zip(a.layers, b.layers, strict=True):
        if mine.n_rectified != theirs.n_rectified:
            return None
        weight = dense(theirs.weight)[:, order]
        order = _order(mine, Layer(weight, theirs.bias, theirs.rectified))
        layers.append(Layer(weight[order], theirs.bias[order], theirs.rectified[order]))
    output = AffineMap(b.output.weight[:, order], b.output.bias)
    return ReluNetwork(tuple(layers), output, b.schema, b.outputs)


def _tables(network: ReluNetwork) -> list[FloatArray]:
    """``[w, b]`` of every unit, layer by layer, the outputs last."""
    hidden = [np.column_stack([dense(layer.weight), layer.bias]) for layer in network.layers]
    return [*hidden, np.column_stack([network.output.weight, network.output.bias])]


def _order(mine: Layer, theirs: Layer) -> IntArray:
    """Which of their units stands for each of mine."""
    from scipy.optimize import linear_sum_assignment

    rows = [np.column_stack([dense(layer.weight), layer.bias]) for layer in (mine, theirs)]
    cost = np.empty((mine.n_units, theirs.n_units))
    for i, row in enumerate(rows[0]):
        with np.errstate(over="ignore"):
            cost[i] = np.minimum(np.linalg.norm(rows[1] - row, axis=1), _APART / len(cost) / 4)
    cost[mine.rectified[:, None] != theirs.rectified[None, :]] = _APART / len(cost)
    found: IntArray = np.asarray(linear_sum_assignment(cost)[1], dtype=np.int64)
    return found


def _gap(mine: FloatArray, theirs: FloatArray) -> float:
    """The largest difference, each column's as a share of its largest number, at least 1."""
    size = np.maximum(1.0, np.abs(mine).max(axis=0, initial=0.0))
    return float((np.abs(mine - theirs) / size).max(initial=0.0))
