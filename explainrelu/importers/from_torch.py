"""``torch.nn.Sequential`` networks, read into the operator graph."""

import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Check, Exactness
from explainrelu.errors import DataError, MissingDependencyError, ModelError
from explainrelu.importers.assembling import assembled
from explainrelu.importers.check import checked
from explainrelu.importers.operators.graph import Graph, Node
from explainrelu.importers.torch_modules import (
    INPUT,
    NUMBER_FORMATS,
    folded_steps,
    number_formats,
    read_modules,
)
from explainrelu.network.network import Origin, ReluNetwork
from explainrelu.network.outputs import Link
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

if TYPE_CHECKING:
    import torch

__all__ = ["from_torch", "is_torch_module", "load_torch"]


def load_torch() -> ModuleType:
    """The torch package: the one door through which it is imported.

    Raises
    ------
    MissingDependencyError
        Where it is not installed.
    """
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingDependencyError(
            "torch is needed here and is not installed. Run: pip install explainrelu[torch]"
        ) from error


def is_torch_module(model: Any) -> bool:
    """Whether ``model`` is a ``torch.nn.Module``, answered without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def from_torch(
    module: "torch.nn.Module",
    X: Any = None,
    *,
    names: Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """The network of a ``torch.nn.Sequential`` in evaluation mode.

    Parameters
    ----------
    module
        A Sequential, also nested and with shared instances, of Linear, ReLU, LeakyReLU, PReLU,
        BatchNorm1d, Dropout, Flatten and Identity, or one of these alone; Softmax, LogSoftmax
        or Sigmoid at the end is cut off as the link. Parameters in float16, bfloat16, float32
        or float64, on any device.
    X : (n_samples, n_inputs), optional
        Rows as the module takes them. A frame names the columns.
    names
        Column names where ``X`` brings none.
    tolerances
        What the check of the import is held against.

    Returns
    -------
    ReluNetwork
        The same function in float64: parameters are taken exactly, whatever their format, and
        the module itself is left as it is. With ``X`` the certificate holds the comparison
        with the module computed in float64, and for a module of lower precision its drift:
        how far its own arithmetic stays from that.

    Raises
    ------
    TrainingModeError
        Where the module, or a Dropout or BatchNorm1d in it, is in training mode.
    UnsupportedModelError
        For any other module, named by path and class, for hooks, and for parameters that are
        sparse, quantised or hold no values.
    ModelError
        For parameters that are not finite or shapes that do not fit.
    DataError
        Where ``X`` is no table of rows for the module.
    ImportCheckError
        Where the network does not reproduce the module in float64.
    MissingDependencyError
        Where torch is not installed.

    Notes
    -----
    Exact for every input, kinks included, up to float64 rounding where a batch norm or several
    linear modules are composed. Cost: one copy of the parameters, and with ``X`` one forward
    pass each of the network, of a float64 copy of the module, and of the module.

    Examples
    --------
    >>> from torch import nn
    >>> network = from_torch(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval())
    >>> network.widths, network.schema.names
    ((3,), ('x0', 'x1'))
    """
    torch = load_torch()
    nodes, value = read_modules(torch, module)
    X = _as_rows(X)
    n_inputs = _n_inputs(nodes, X, names)
    graph = Graph(INPUT, (1, n_inputs), tuple(nodes), value)
    network = assembled(graph, origin=_origin(torch, module), X=X, names=names)
    return network if X is None else _checked(torch, network, module, X, tolerances)


# ------------------------------------------------------------------------------------------
# What stands around the chain.


def _as_rows(X: Any) -> Any:
    """``X`` with tensors made arrays; anything but rows and columns is refused."""
    if type(X).__module__.split(".")[0] == "torch" and hasattr(X, "detach"):
        X = X.detach().double().cpu().numpy()
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) > 2:
        raise DataError(
            f"X must be two-dimensional, (n_samples, n_inputs), got shape {tuple(shape)}. Put the "
            "pictures into rows with X.reshape(len(X), -1), and leave Flatten in the module."
        )
    return X


def _n_inputs(nodes: Sequence[Node], X: Any, names: Sequence[str] | None) -> int:
    """The number of inputs: what the first module with parameters takes, else that of ``X``."""
    arrays = {node.output: node.array("value") for node in nodes if node.op == "constant"}
    for node in nodes:
        if node.op == "linear":
            return int(arrays[node.inputs[1]].shape[-1])
        if node.op == "batch_norm":
            return int(arrays[node.inputs[3]].size)
    if names is not None:
        return len(names)
    if X is not None and np.ndim(X) == 2:
        return int(np.shape(X)[1])
    raise ModelError(
        "The number of inputs must be known, but no Linear or BatchNorm1d in the module says it. "
        "Pass X, or the column names."
    )


def _origin(torch: ModuleType, module: Any) -> Origin:
    return Origin(
        kind=f"torch {type(module).__name__}",
        folded=folded_steps(torch, module),
        dtype=max(number_formats(module), key=NUMBER_FORMATS.index),
        versions=(("torch", str(torch.__version__)),),
    )


# ------------------------------------------------------------------------------------------
# The check.


def _checked(
    torch: ModuleType, network: ReluNetwork, module: Any, X: Any, tolerances: Tolerances
) -> ReluNetwork:
    """The network, checked against the module in float64 and in its own arithmetic."""
    points = network.schema.encode(X)
    got = network.link(network.forward(points))
    what = "raw scores" if network.link is Link.identity else f"outputs behind {network.link.name}"
    network = replace(network, schema=network.schema.with_ranges(points))
    # the import is held to float64, whatever the module computes in: a large drift of the module
    # must not hide a wrong import, nor look like one
    reference = _outputs_of(torch, deepcopy(module).to("cpu").double(), network, points)
    network = checked(network, got, reference, what=what, dtype="float64", tolerances=tolerances)
    if network.origin.dtype == "float64":
        return network
    drift = _drift(
        reference, _outputs_of(torch, module, network, points), network.origin, tolerances
    )
    return replace(network, certificate=network.certificate.plus([drift]))


def _outputs_of(
    torch: ModuleType, module: Any, network: ReluNetwork, points: FloatArray
) -> FloatArray:
    """What the module itself gives, in its own number format and on its own device."""
    held = [*module.parameters(), *module.buffers()]
    device = held[0].device if held else torch.device("cpu")
    dtype = getattr(torch, number_formats(module)[0])
    found = np.empty((points.shape[0], network.n_outputs))
    try:
        with torch.no_grad():
            for rows in network.row_chunks(points.shape[0]):
                given = torch.tensor(points[rows]).to(device=device, dtype=dtype)
                found[rows] = module(given).double().cpu().numpy()
    except RuntimeError as error:
        raise ModelError(
            f"The module must run on X itself, got {type(error).__name__}: {error}"
        ) from error
    return found


def _drift(reference: FloatArray, own: FloatArray, origin: Origin, tolerances: Tolerances) -> Check:
    limits = {"float32": tolerances.single_agreement}
    with np.errstate(invalid="ignore"):  # a module that overflows gives NaN, and the check fails
        gap = np.abs(own - reference).max() / max(1.0, np.abs(reference).max())
    return Check.at_most(
        f"drift of the module's {origin.dtype} arithmetic from float64",
        float(gap),
        limits.get(origin.dtype, tolerances.half_agreement),
        Exactness.ESTIMATED,
        f"{own.shape[0]} rows, largest difference relative to the largest output (at least 1)",
    )
