"""``.nnet`` files of the Stanford Intelligent Systems Laboratory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.importers.assembling import assembled
from explainrelu.importers.check import checked
from explainrelu.importers.nnet_file import NnetFile, read_nnet
from explainrelu.importers.operators.graph import Graph, Node
from explainrelu.network.network import Origin, ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["from_nnet", "nnet_graph"]


def from_nnet(
    path: str | Path,
    X: Any = None,
    *,
    names: Sequence[str] | None = None,
    clip: bool = True,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """The network of an NNet file, in the raw units of its inputs and outputs.

    The file says how inputs are clipped to their range and normalised, and how outputs are
    scaled back; all of it is part of the network.

    Parameters
    ----------
    path
        The file.
    X : (n_samples, n_inputs), optional
        Rows in raw units. A frame names the columns.
    names
        Column names where ``X`` brings none.
    clip
        Whether an input outside the range that the file gives it is set to the end of the range,
        as the format's evaluator in C++ does. (The one in Python normalises such an input in a
        way that jumps at the ends, which no network can.) Without, the formulas of the inside go
        on outside, as in files that were converted to ONNX. Inside, all are the same.
    tolerances
        What the check of the import is held against.

    Returns
    -------
    ReluNetwork
        Its columns have the file's ranges as the ranges seen, widened by ``X``. With ``X`` the
        certificate holds the comparison with the file's own arithmetic.

    Raises
    ------
    ArchiveError
        Where the file cannot be read; the text names the line.
    ColumnsError, DataError
        Where names or rows do not fit.
    ImportCheckError
        Where the network does not reproduce the file's own arithmetic.

    Notes
    -----
    Exact for every input up to float64 rounding, where the normalisation is composed with the
    first and the last weights. Clipping costs a layer with two rectified units and a carried one
    for each input: ``clip(x) = x + max(lower - x, 0) - max(x - upper, 0)``. They are inactive
    everywhere inside the range, its ends included.
    """
    file = read_nnet(path)
    network = assembled(nnet_graph(file, clip=clip), origin=_origin(clip), X=X, names=names)
    network = replace(network, schema=_with_ranges_of(file, network.schema))
    if X is None:
        return network
    points = network.schema.encode(X)
    network = replace(network, schema=network.schema.with_ranges(points))
    return checked(
        network,
        network.forward(points),
        file.evaluate(points, clip=clip),
        what="raw scores",
        term_size=float(network.term_sizes(points).max()),
        tolerances=tolerances,
    )


def nnet_graph(file: NnetFile, *, clip: bool = True) -> Graph:
    """The operators that evaluate an NNet file, one after the other."""
    nodes: list[Node] = []

    def does(op: str, name: str, *taken: str | FloatArray | float) -> str:
        """One more operator; arrays that it takes become constants."""
        inputs = []
        for i, value in enumerate(taken):
            if not isinstance(value, str):
                nodes.append(Node.constant(f"{name}, constant {i}", value, name))
                value = nodes[-1].output
            inputs.append(value)
        nodes.append(Node(op, tuple(inputs), name, where=name))
        return name

    value = "input"
    if clip and file.limited_below.any():
        low = _beyond(does, "below the minimum", file.limited_below, file.minima, "input")
        value = does("add", "raised to the minimum", value, low)
    if clip and file.limited_above.any():
        high = _beyond(does, "above the maximum", file.limited_above, "input", file.maxima)
        value = does("subtract", "lowered to the maximum", value, high)
    value = does(
        "divide", "normalised", does("subtract", "centred", value, file.means), file.ranges
    )
    for i, (weight, bias) in enumerate(zip(file.weights, file.biases, strict=True), start=1):
        if i > 1:
            value = does("relu", f"relu {i - 1}", value)
        value = does("linear", f"layer {i}", value, weight, bias)
    value = does("multiply", "scaled back", value, file.output_range)
    value = does("add", "shifted back", value, file.output_mean)
    return Graph("input", (1, file.means.size), tuple(nodes), value)


def _beyond(
    does: Callable[..., str],
    name: str,
    limited: BoolArray,
    larger: str | FloatArray,
    smaller: str | FloatArray,
) -> str:
    """``max(larger - smaller, 0)`` for the inputs that have this limit, else 0."""
    larger, smaller = (
        part if isinstance(part, str) else np.where(limited, part, 0.0)
        for part in (larger, smaller)
    )
    distance = does("subtract", f"{name}, by", larger, smaller)
    if not limited.all():
        distance = does("multiply", f"{name}, where there is one", distance, limited)
    return does("relu", name, distance)


def _with_ranges_of(file: NnetFile, schema: InputSchema) -> InputSchema:
    lower = np.where(file.limited_below, file.minima, np.nan).tolist()
    upper = np.where(file.limited_above, file.maxima, np.nan).tolist()
    columns = [
        replace(column, lower=low, upper=high)
        for column, low, high in zip(schema.columns, lower, upper, strict=True)
    ]
    return replace(schema, columns=tuple(columns))


def _origin(clip: bool) -> Origin:
    unclipped = "inputs lie in the ranges of the file, or its formulas are meant to go on outside"
    return Origin(
        kind="NNet file",
        folded=("normalisation of inputs", "scaling of outputs"),
        assumptions=() if clip else (unclipped,),
    )
