"""A network as an ordinary ONNX file."""

from functools import singledispatch
from pathlib import Path

import numpy as np

from explainrelu.arrays import IntArray, Matrix
from explainrelu.errors import InputTypeError
from explainrelu.exporters.onnx_file import OnnxFile
from explainrelu.exporters.three_layer_arrays import three_layer_arrays
from explainrelu.exporters.three_layer_onnx import three_layers
from explainrelu.importers.from_onnx import load_onnx
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.network.outputs import Link
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork

__all__ = ["to_onnx"]

_LINKS = {
    Link.identity: ("", "score"),
    Link.logistic: ("Sigmoid", "probability"),
    Link.softmax: ("Softmax", "probability"),
    Link.log_softmax: ("LogSoftmax", "log_probability"),
    Link.exp: ("Exp", "prediction"),
}


@singledispatch
def to_onnx(network: object, path: str | Path, *, link: bool = False) -> Path:
    """Write the same function to an ONNX file, in float64.

    A ReluNetwork becomes a Gemm for each layer and one for the output, with a Relu between them.
    Where some units of a layer are carried they stand behind the rectified ones, and a Split and
    a Concat lead them past the Relu. A three-layer network is written with its selector weights
    as masks: a cell is silenced where one of its switches is on, and the score is NaN where not
    exactly one cell speaks.

    Parameters
    ----------
    network
        A ReluNetwork, or a ThreeLayerNetwork.
    path
        The file to write, ending in ``.onnx``; an existing one is replaced.
    link
        Whether the link stands at the end as the model had it (Sigmoid, Softmax, LogSoftmax,
        Exp). Without it the file gives the raw score.

    Returns
    -------
    Path
        The file. It takes ``input``, encoded points ``(n_samples, n_inputs)``, or ``(n_samples,
        *shape)`` where samples have a shape, and gives ``score``, raw scores ``(n_samples,
        n_outputs)``; behind a link ``probability``, ``log_probability`` or ``prediction``. The
        names of inputs and outputs are in its metadata, as JSON.

    Raises
    ------
    InputTypeError
        For an object of another kind.
    OutputError
        Where the file cannot be written; nothing is then left of it.
    SizeError
        Where the numbers are more than a file can hold.
    MissingDependencyError
        Where onnx is not installed.

    Notes
    -----
    Every weight keeps its 64 bits, and sparse layers stay sparse, so that a file is about as
    large as the network in memory. ``import_model`` reads a ReluNetwork back as the same layers,
    units that are carried behind those that are rectified (less layers that rectify what their
    weights show to be never negative). Written for opset 13; the file has passed
    ``onnx.checker``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> with TemporaryDirectory() as folder:
    ...     to_onnx(network, Path(folder, "network.onnx")).stat().st_size > 0
    True
    """
    raise InputTypeError(
        "to_onnx takes a ReluNetwork (see import_model) or what convert returned, "
        f"got {type(network).__module__}.{type(network).__qualname__}."
    )


@to_onnx.register(ReluNetwork)
def _network(network: ReluNetwork, path: str | Path, *, link: bool = False) -> Path:
    file = OnnxFile(load_onnx())
    value, order = file.points(network), np.arange(network.n_inputs)
    for number, layer in enumerate(network.layers, start=1):
        weight = _columns(layer.weight, order)
        order = np.argsort(~layer.rectified, kind="stable")  # rectified units before carried ones
        z = file.affine(f"z{number}", value, _rows(weight, order), layer.bias[order])
        value = _activated(file, number, z, layer)
    weight = _columns(network.output.weight, order)
    value = file.affine("score", value, weight, network.output.bias)
    return _written(file, network, value, path, link=link, of="a piecewise-linear network")


@to_onnx.register(ThreeLayerNetwork)
def _three_layers(network: ThreeLayerNetwork, path: str | Path, *, link: bool = False) -> Path:
    file = OnnxFile(load_onnx())
    value = three_layers(file, file.points(network.source), three_layer_arrays(network))
    of = f"a piecewise-linear network in {network.n_cells} of its linear regions, else NaN"
    return _written(file, network.source, value, path, link=link, of=of)


def _activated(file: OnnxFile, number: int, z: str, layer: Layer) -> str:
    """``h`` of a layer whose rectified units stand before its carried ones."""
    n_rectified, h = layer.n_rectified, f"h{number}"
    if n_rectified in (0, layer.n_units):
        return file.does("Relu", h, z) if n_rectified else z
    sizes = file.array(f"{z}_sizes", np.array([n_rectified, layer.n_units - n_rectified]))
    parts = (f"{z}_rectified", f"{z}_carried")
    file.gives("Split", parts, z, sizes, axis=1)
    return file.does("Concat", h, file.does("Relu", f"{h}_rectified", parts[0]), parts[1], axis=1)


def _rows(weight: Matrix, order: IntArray) -> Matrix:
    """The rows in that order, untouched where it is theirs."""
    return weight if np.array_equal(order, np.arange(order.size)) else weight[order]


def _columns(weight: Matrix, order: IntArray) -> Matrix:
    """The columns in that order, untouched where it is theirs."""
    return weight if np.array_equal(order, np.arange(order.size)) else weight[:, order]


def _written(
    file: OnnxFile, network: ReluNetwork, score: str, path: str | Path, *, link: bool, of: str
) -> Path:
    operator, name = _LINKS[network.link] if link else _LINKS[Link.identity]
    if operator:
        axis = {"axis": 1} if network.link in (Link.softmax, Link.log_softmax) else {}
        score = file.does(operator, name, score, **axis)
    file.write(Path(path), network, score, f"The {name} of {of}.")
    return Path(path)
