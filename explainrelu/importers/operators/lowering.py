"""From the operator graph to the chain: one small function an operator.

Each function writes its operator in affine maps and ``max(., 0)`` (see ``values.py``);
``scheduling.py`` lays the result out as layers. The first line of a function's docstring is its
row in the table of supported operators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from math import prod
from types import MappingProxyType

import numpy as np
from scipy import sparse

from explainrelu.arrays import FloatArray
from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.operators.graph import Graph, Node, Shape
from explainrelu.importers.operators.scheduling import schedule
from explainrelu.importers.operators.values import (
    InputVector,
    Value,
    affine,
    constant,
    diagonal,
    gather,
    rectify,
    selection,
)
from explainrelu.network.network import AffineMap, Layer
from explainrelu.network.outputs import Link

__all__ = ["LINKS", "OPERATORS", "Chain", "lower"]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A graph in the normal form.

    Attributes
    ----------
    layers, output
        As :class:`explainrelu.network.network.ReluNetwork` holds them.
    link
        What the graph ends in and was cut off.
    """

    layers: tuple[Layer, ...]
    output: AffineMap
    link: Link


def lower(graph: Graph) -> Chain:
    """The chain that computes what the graph computes.

    Operators on which the output does not depend are left out. A softmax, log-softmax or
    sigmoid at the very end is cut off and named as the link.

    Returns
    -------
    Chain
        The same function before the link, for every input, up to float64 rounding where
        consecutive affine operators are composed. One layer for each depth of rectification;
        the output in C order where it has several axes.

    Raises
    ------
    UnsupportedModelError
        For an operator that is not supported, or a use of one that is not piecewise linear;
        the text names the node.
    ModelError
        For shapes that do not fit, missing attributes, or numbers that are not finite.

    Notes
    -----
    General graphs: a value may be taken several times, skipped past rectifications, added to
    itself. Values needed again behind a layer are carried through it, and nothing else is.

    Examples
    --------
    >>> nodes = (Node("relu", ("x",), "r"), Node("add", ("x", "r"), "y"))
    >>> chain = lower(Graph("x", (1,), nodes, "y"))
    >>> chain.layers[0].rectified, chain.output.weight
    (array([ True, False]), array([[1., 1.]]))
    """
    name, link = _cut_link(graph)
    source = InputVector(prod(graph.input_shape))
    values = {graph.input: Value(graph.input_shape, source)}
    for node in graph.needed(name):
        values[node.output] = _apply(node, [values[taken] for taken in node.inputs])
    if link in (Link.softmax, Link.log_softmax):
        _check_softmax(graph.producers, name, values[name].shape, link)
    layers, output = schedule(values[name].vector, source.size)
    return Chain(layers, output, link)


def _cut_link(graph: Graph) -> tuple[str, Link]:
    """The value before the link, and the link."""
    producers, name = graph.producers, graph.output
    while name in producers and producers[name].op in ("identity", "dropout", "flatten", "reshape"):
        name = producers[name].inputs[0]
    if name in producers and producers[name].op in LINKS:
        return producers[name].inputs[0], LINKS[producers[name].op]
    return graph.output, Link.identity


def _check_softmax(producers: Mapping[str, Node], name: str, shape: Shape, link: Link) -> None:
    if len(shape) != 1:
        takers = [n.label for n in producers.values() if name in n.inputs and n.op in LINKS]
        raise UnsupportedModelError(
            f"A final {link.value} must run over one axis of scores, but node {takers[-1]} takes "
            f"the shape {shape} of one sample. Flatten the scores before it."
        )


def _apply(node: Node, inputs: list[Value]) -> Value:
    if node.op in LINKS:
        raise UnsupportedModelError(
            f"Node {node.label} stands inside the model, where {node.op} is not piecewise linear; "
            "it is taken only at the very end. Use a ReLU there and train again."
        )
    if node.op not in OPERATORS:
        raise UnsupportedModelError(
            f"Node {node.label} is not among the supported operators ({', '.join(OPERATORS)}). "
            "If it is piecewise linear, write it with these; otherwise no exact rewrite exists."
        )
    operator = OPERATORS[node.op]
    try:
        signature(operator).bind(node, *inputs)
    except TypeError as error:
        raise ModelError(
            f"Node {node.label} was given {len(inputs)} value(s), which does not fit: {error}."
        ) from error
    with np.errstate(all="ignore"):  # what is not finite is found in the layers, with a text
        value = operator(node, *inputs)
    if node.shape is not None and value.shape != node.shape:
        raise ModelError(
            f"Node {node.label} must give the shape {node.shape} that the model declares, "
            f"got {value.shape}. The file contradicts itself: save the model again."
        )
    return value


# ------------------------------------------------------------------------------------------
# Operators. Each takes its node and its inputs.


def _constant(node: Node) -> Value:
    """Fixed numbers."""
    array = node.array("value")
    if not np.isfinite(array).all():
        raise ModelError(
            f"Node {node.label} must hold finite numbers only, got NaN or infinity. "
            "Was the training divergent?"
        )
    return constant(array)


def _identity(node: Node, x: Value) -> Value:
    """``x``."""
    return x


def _dropout(node: Node, x: Value) -> Value:
    """``x``: dropout in evaluation mode."""
    return x


def _linear(node: Node, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """``x @ weight.T + bias`` along the last axis."""
    matrix = _fixed(node, weight)
    if matrix.ndim != 2 or not x.shape or x.shape[-1] != matrix.shape[1]:
        raise _misfit(node, "a weight (n_out, n_in) whose n_in is the last axis", x, weight)
    shape = (*x.shape[:-1], matrix.shape[0])
    repeats = prod(x.shape[:-1])
    if bias is not None and _fixed(node, bias).shape != shape[-1:]:
        raise _misfit(node, f"one bias a row of the weight, {shape[-1:]}", bias)
    offset = None if bias is None else np.tile(_fixed(node, bias), repeats)
    if repeats > 1:
        every = sparse.kron(sparse.eye_array(repeats), matrix, format="csr")
        return affine(shape, [(sparse.csr_array(every), x)], offset)
    return affine(shape, [(matrix, x)], offset)


def _add(node: Node, x: Value, y: Value) -> Value:
    """``x + y``, broadcast; both may depend on the input."""
    x, y = _broadcast(node, x, y)
    return _weighted(x, 1.0, y, 1.0)


def _subtract(node: Node, x: Value, y: Value) -> Value:
    """``x - y``, broadcast; both may depend on the input."""
    x, y = _broadcast(node, x, y)
    return _weighted(x, 1.0, y, -1.0)


def _multiply(node: Node, x: Value, y: Value) -> Value:
    """``x * y``, broadcast, where one of them is constant."""
    x, y = _broadcast(node, x, y)
    if x.fixed is not None:
        x, y = y, x
    return affine(x.shape, [(diagonal(_fixed(node, y).reshape(-1)), x)])


def _divide(node: Node, x: Value, y: Value) -> Value:
    """``x / y``, broadcast, where y is constant and nowhere 0."""
    x, y = _broadcast(node, x, y)
    divisor = _fixed(node, y)
    if not divisor.all():
        raise ModelError(f"Node {node.label} must not divide by 0, got a divisor with a 0 in it.")
    return affine(x.shape, [(diagonal(1.0 / divisor.reshape(-1)), x)])


def _relu(node: Node, x: Value) -> Value:
    """``max(x, 0)``: one rectified unit a value."""
    return rectify(x)


def _leaky_relu(node: Node, x: Value) -> Value:
    """``slope x + (1 - slope) max(x, 0)`` for any slope: a rectified and a carried unit a value."""
    return _sloped(x, np.full(x.size, node.number("slope")))


def _prelu(node: Node, x: Value, slope: Value) -> Value:
    """The leaky form with a slope for each channel (first axis) or one for all."""
    slopes = _fixed(node, slope).reshape(-1)
    if slopes.size != 1 and (not x.shape or slopes.size != x.shape[0]):
        raise _misfit(node, "one slope, or one for each channel (first axis)", x, slope)
    return _sloped(x, np.repeat(slopes, x.size // slopes.size))


def _batch_norm(
    node: Node, x: Value, scale: Value, shift: Value, mean: Value, variance: Value
) -> Value:
    """``scale (x - mean) / sqrt(variance + epsilon) + shift`` for each channel (first axis)."""
    channels = x.shape[:1]
    for part in (scale, shift, mean, variance):
        if _fixed(node, part).shape != channels:
            raise _misfit(node, "one number for each channel (first axis)", x, part)
    spread = _fixed(node, variance) + node.number("epsilon")
    if not (spread > 0.0).all():
        raise ModelError(
            f"Node {node.label} must have variance + epsilon > 0 in every channel, "
            f"got {spread.min()}."
        )
    factor = _fixed(node, scale) / np.sqrt(spread)
    offset = _fixed(node, shift) - _fixed(node, mean) * factor
    repeats = x.size // factor.size
    return affine(x.shape, [(diagonal(np.repeat(factor, repeats)), x)], np.repeat(offset, repeats))


def _flatten(node: Node, x: Value) -> Value:
    """Axes ``start`` to ``end`` as one."""
    if not x.shape:
        return Value((1,), x.vector)
    start, end = node.axis("start", len(x.shape)), node.axis("end", len(x.shape))
    if start > end:
        raise _misfit(node, f"a start axis ({start}) not behind the end axis ({end})", x)
    middle = prod(x.shape[start : end + 1])
    return Value((*x.shape[:start], middle, *x.shape[end + 1 :]), x.vector)


def _reshape(node: Node, x: Value) -> Value:
    """The same numbers in C order in another shape; one size may be -1."""
    shape = node.integers("shape")
    rest = prod(size for size in shape if size != -1)
    if shape.count(-1) == 1 and rest and x.size % rest == 0:
        shape = tuple(x.size // rest if size == -1 else size for size in shape)
    if prod(shape) != x.size or min(shape, default=1) < 1:
        raise _misfit(node, f"{x.size} values for the shape {node.integers('shape')}", x)
    return Value(shape, x.vector)


def _concat(node: Node, first: Value, *others: Value) -> Value:
    """The values one behind the other along ``axis``."""
    parts = (first, *others)
    if not first.shape:
        raise _misfit(node, "values with at least one axis", *parts)
    axis, sizes = node.axis("axis", len(first.shape)), [part.size for part in parts]
    places = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    blocks = [place.reshape(part.shape) for place, part in zip(places, parts, strict=True)]
    try:
        index = np.concatenate(blocks, axis=axis)
    except ValueError:
        raise _misfit(node, f"shapes that agree but for axis {axis}", *parts) from None
    # index[k] says which value stands at k: scatter each part to where its values stand
    target = np.argsort(index.reshape(-1))
    terms = [
        (selection(target[place], index.size).T.tocsr(), part)
        for place, part in zip(places, parts, strict=True)
    ]
    return affine(index.shape, terms)


# ------------------------------------------------------------------------------------------
# What the operators share.


def _fixed(node: Node, value: Value) -> FloatArray:
    """The numbers of an input that has to be constant."""
    numbers = value.fixed
    if numbers is None:
        raise UnsupportedModelError(
            f"Node {node.label} combines two values that both depend on the input, which is not "
            "piecewise linear: one of them must be constant."
        )
    return numbers


def _broadcast(node: Node, x: Value, y: Value) -> tuple[Value, Value]:
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise _misfit(node, "shapes that broadcast", x, y) from None
    return _spread(x, shape), _spread(y, shape)


def _spread(value: Value, shape: Shape) -> Value:
    index = np.arange(value.size).reshape(value.shape)
    return gather(value, np.broadcast_to(index, shape))


def _weighted(x: Value, a: float, y: Value, b: float) -> Value:
    """``a x + b y`` of equal shapes."""
    ones = np.ones(x.size)
    return affine(x.shape, [(diagonal(a * ones), x), (diagonal(b * ones), y)])


def _sloped(x: Value, slopes: FloatArray) -> Value:
    """``slope x + (1 - slope) max(x, 0)``: nothing rectified at slope 1, nothing carried at 0."""
    if not slopes.any():
        return rectify(x)
    bent, kept = np.flatnonzero(slopes != 1.0), np.flatnonzero(slopes)
    if not bent.size:
        return x
    scatter_bent = selection(bent, x.size).T @ diagonal(1.0 - slopes[bent])
    scatter_kept = selection(kept, x.size).T @ diagonal(slopes[kept])
    terms = [
        (sparse.csr_array(scatter_bent), rectify(gather(x, bent))),
        (sparse.csr_array(scatter_kept), gather(x, kept)),
    ]
    return affine(x.shape, terms)


def _misfit(node: Node, wanted: str, *values: Value) -> ModelError:
    got = " and ".join(str(value.shape) for value in values)
    return ModelError(
        f"Node {node.label} needs {wanted}, got shape {got} (of one sample, without the rows). "
        "The model contradicts itself: does it run on its own data?"
    )


OPERATORS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "add": _add,
        "batch_norm": _batch_norm,
        "concat": _concat,
        "constant": _constant,
        "divide": _divide,
        "dropout": _dropout,
        "flatten": _flatten,
        "identity": _identity,
        "leaky_relu": _leaky_relu,
        "linear": _linear,
        "multiply": _multiply,
        "prelu": _prelu,
        "relu": _relu,
        "reshape": _reshape,
        "subtract": _subtract,
    }
)
"""Operator name -> the function that lowers it. Its docstring says what it computes."""

LINKS: Mapping[str, Link] = MappingProxyType(
    {"log_softmax": Link.log_softmax, "sigmoid": Link.logistic, "softmax": Link.softmax}
)
"""Operators taken only at the very end -> the link they become; softmax runs over all scores."""
