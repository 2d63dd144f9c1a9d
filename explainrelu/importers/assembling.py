"""From an operator graph to a network: the schema of its inputs and the names of its outputs."""

from collections.abc import Sequence
from math import prod
from typing import Any

from explainrelu.errors import ColumnsError
from explainrelu.importers.operators.graph import Graph, Shape
from explainrelu.importers.operators.lowering import Chain, lower
from explainrelu.network.frames import column_names
from explainrelu.network.network import Origin, ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.network.schema import InputSchema

__all__ = ["assembled", "sample_shape"]


def assembled(
    graph: Graph,
    *,
    origin: Origin,
    X: Any = None,
    names: Sequence[str] | None = None,
    schema: InputSchema | None = None,
    outputs: OutputSchema | None = None,
) -> ReluNetwork:
    """The network that a graph computes.

    Parameters
    ----------
    graph
        The model in one run on one row.
    origin
        Where it came from.
    X
        Rows, asked only for the names of their columns.
    names
        Column names where ``X`` brings none.
    schema
        How raw rows become the graph's input, where the model says more than their number.
    outputs
        Names and meaning of the scores, where the model says more than their number.

    Returns
    -------
    ReluNetwork
        Without a check: the importers hold it against the model's own outputs.

    Raises
    ------
    ColumnsError
        Where the names are not as many as the inputs.
    UnsupportedModelError, ModelError
        See :func:`explainrelu.importers.operators.lowering.lower`.
    """
    schema = schema or _schema(graph.input_shape, X, names)
    chain = lower(graph)
    return ReluNetwork(
        layers=chain.layers,
        output=chain.output,
        schema=schema,
        outputs=outputs or _outputs(chain),
        origin=origin,
    )


def sample_shape(input_shape: Shape) -> Shape:
    """The shape of a sample that is more than a row of numbers, else ().

    A first axis of size 1 is that of the rows. What then has at most one axis longer than 1 is a
    row of a table.

    >>> sample_shape((1, 3, 32, 32)), sample_shape((1, 1, 1, 5)), sample_shape((25, 5))
    ((3, 32, 32), (), (25, 5))
    """
    shape = input_shape[1:] if input_shape[:1] == (1,) else input_shape
    return shape if sum(size > 1 for size in shape) > 1 else ()


def _schema(input_shape: Shape, X: Any, names: Sequence[str] | None) -> InputSchema:
    found, n_inputs = (None if X is None else column_names(X)) or names, prod(input_shape)
    if found is None:
        shape = sample_shape(input_shape)
        return InputSchema.pictured(shape) if shape else InputSchema.numbered(n_inputs)
    if len(found) != n_inputs:
        raise ColumnsError(
            f"The model takes {n_inputs} columns, got {len(found)} ({', '.join(found[:8])}). "
            "Hand over the columns it was trained on, in that order."
        )
    return InputSchema.numeric(found)


def _outputs(chain: Chain) -> OutputSchema:
    n_outputs = chain.output.bias.size
    classes = tuple(str(i) for i in range(n_outputs))
    if chain.link is Link.logistic and n_outputs == 1:
        return OutputSchema(("1",), Task.BINARY, chain.link, ("0", "1"))
    if chain.link is Link.logistic:
        return OutputSchema(classes, Task.MULTILABEL, chain.link, classes)
    if chain.link in (Link.softmax, Link.log_softmax):
        return OutputSchema(classes, Task.MULTICLASS, chain.link, classes)
    names = OutputSchema.numbered(n_outputs).names
    task = Task.REGRESSION if chain.link is Link.exp else Task.SCORE
    return OutputSchema(names, task, chain.link)
