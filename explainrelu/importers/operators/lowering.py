"""From the operator graph to the chain.

Each operator is one small function (``elementwise.py``, ``matrices.py``, ``structure.py``,
``windows.py``, ``reductions.py``) that writes it in affine maps and ``max(., 0)`` (see
``values.py``); ``scheduling.py`` lays the result out as layers. The first line of a function's
docstring is its row in the table of supported operators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from math import prod
from types import MappingProxyType

import numpy as np

from explainrelu.errors import ModelError, SizeError, UnsupportedModelError
from explainrelu.importers.operators.elementwise import ELEMENTWISE
from explainrelu.importers.operators.graph import Graph, Node, Shape
from explainrelu.importers.operators.matrices import MATRICES
from explainrelu.importers.operators.reductions import REDUCTIONS
from explainrelu.importers.operators.scheduling import schedule
from explainrelu.importers.operators.structure import STRUCTURE
from explainrelu.importers.operators.values import InputVector, Value
from explainrelu.importers.operators.windows import WINDOWS
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
    SizeError
        Where what an operator gives does not fit in memory.

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
    cut = _final_link(graph)
    name, link = (cut.inputs[0], LINKS[cut.op]) if cut else (graph.output, Link.identity)
    source = InputVector(prod(graph.input_shape))
    values = {graph.input: Value(graph.input_shape, source)}
    for node in graph.needed(name):
        values[node.output] = _apply(node, [values[taken] for taken in node.inputs])
    if link in (Link.softmax, Link.log_softmax):
        _check_softmax(cut, values[name].shape)
    layers, output = schedule(values[name].vector, source.size)
    return Chain(layers, output, link)


def _final_link(graph: Graph) -> Node | None:
    """The link that the graph ends in, where it does; only its shape may change behind it."""
    producers, name = graph.producers, graph.output
    while name in producers and producers[name].op in ("identity", "dropout", "reshape"):
        name = producers[name].inputs[0]
    return producers[name] if name in producers and producers[name].op in LINKS else None


def _check_softmax(node: Node | None, shape: Shape) -> None:
    if node is not None and shape[node.axis("axis", len(shape))] != prod(shape):
        raise UnsupportedModelError(
            f"A final {node.op} must run over all scores of a row, but node {node.label} runs "
            f"over axis {node.attributes['axis']} of the shape {shape}. Flatten the scores before "
            "it."
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
    try:
        with np.errstate(all="ignore"):  # what is not finite is found in the layers, with a text
            value = operator(node, *inputs)
    except MemoryError as error:
        raise SizeError(
            f"What node {node.label} gives must fit in memory, and does not: {error}. Is a shape, "
            "a pad or a size in the model mistaken?"
        ) from error
    if node.shape is not None and value.shape != node.shape:
        raise ModelError(
            f"Node {node.label} must give the shape {node.shape} that the model declares, "
            f"got {value.shape}. The file contradicts itself: save the model again."
        )
    return value


OPERATORS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    dict(sorted({**ELEMENTWISE, **MATRICES, **REDUCTIONS, **STRUCTURE, **WINDOWS}.items()))
)
"""Operator name -> the function that lowers it. Its docstring says what it computes."""

LINKS: Mapping[str, Link] = MappingProxyType(
    {
        "exp": Link.exp,
        "log_softmax": Link.log_softmax,
        "sigmoid": Link.logistic,
        "softmax": Link.softmax,
    }
)
"""Operators taken only at the very end -> the link they become; softmax runs over all scores."""
