"""``torch.nn.Module`` networks of any form, read into the operator graph."""

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from explainrelu.errors import MissingDependencyError, ModelError
from explainrelu.importers.assembling import assembled
from explainrelu.importers.operators.graph import Graph, Node, Shape
from explainrelu.importers.samples import one_row, points_of
from explainrelu.importers.torch_check import (
    checked_on_rows,
    checked_unseen,
    cpu_copy,
    exact_copy,
    refuse_mixing,
    runs,
)
from explainrelu.importers.torch_graph.exported import traced
from explainrelu.importers.torch_graph.reading import graph_of
from explainrelu.importers.torch_modules import (
    INPUT,
    NUMBER_FORMATS,
    check_ready,
    first_width,
    folded_steps,
    number_formats,
    read_modules,
    readable,
)
from explainrelu.network.network import Origin, ReluNetwork
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
    """The network of a ``torch.nn.Module`` in evaluation mode.

    Parameters
    ----------
    module
        Any module that is piecewise linear and takes and gives one tensor: layers, functional
        calls, skip connections, shared modules, in-place calls; Softmax, LogSoftmax or Sigmoid
        at the end is cut off as the link. Parameters in float16, bfloat16, float32 or float64,
        on any device.
    X : (n_samples, n_inputs) or (n_samples, *shape), optional
        Rows, or pictures and signals, as the module takes them; they also say the shape of a
        sample. A frame names the columns. May be left out where the module is a Sequential whose
        first module says how many inputs it takes.
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
        how far its own arithmetic stays from that. A module that was traced is compared, both
        ways, on a few random rows where there is no ``X``.

    Raises
    ------
    TrainingModeError
        Where the module, or a part or call in it that then computes something else, is in
        training mode.
    UnsupportedModelError
        For a call that is not piecewise linear or not supported, named by module path, operator
        and source line; for a choice that depends on the data; for a module that mixes the rows
        of a batch; for hooks, and for parameters that are sparse, quantised or hold no values.
    ModelError
        For parameters that are not finite, shapes that do not fit, or where the shape of a
        sample is not known.
    DataError
        Where ``X`` is no table of rows for the module.
    ImportCheckError
        Where the network does not reproduce the module in float64.
    MissingDependencyError
        Where torch is not installed.

    Notes
    -----
    Exact for every input, kinks included, up to float64 rounding where a batch norm or several
    linear modules are composed. A Sequential of Linear, ReLU, LeakyReLU, PReLU, BatchNorm1d,
    Dropout, Flatten and Identity is read module by module; any other module is traced with
    ``torch.export`` on one row, which takes some seconds the first time in a process. Cost: two
    copies of the parameters, and with ``X`` one forward pass each of the network, of a float64
    copy of the module, and of the module.

    Examples
    --------
    >>> from torch import nn
    >>> network = from_torch(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval())
    >>> network.widths, network.schema.names
    ((3,), ('x0', 'x1'))
    """
    torch = load_torch()
    check_ready(torch, module)
    shape = one_row(X)
    if len(shape) <= 2 and readable(torch, module):
        return _read_directly(torch, module, X, names, tolerances)
    return _read_traced(torch, module, X, shape, names, tolerances)


def _read_directly(
    torch: ModuleType, module: Any, X: Any, names: Sequence[str] | None, tolerances: Tolerances
) -> ReluNetwork:
    nodes, value = read_modules(torch, module)
    shape = (1, _n_inputs(nodes, X, names))
    origin = _origin(torch, module, folded_steps(torch, module))
    graph = Graph(INPUT, shape, tuple(nodes), value)
    network = assembled(graph, origin=origin, X=X, names=names)
    if X is None:
        return network
    points = points_of(network, X)
    reference = exact_copy(module)
    return checked_on_rows(
        torch, network, module, points, reference=reference, shape=shape, tolerances=tolerances
    )


def _read_traced(
    torch: ModuleType,
    module: Any,
    X: Any,
    shape: Shape,
    names: Sequence[str] | None,
    tolerances: Tolerances,
) -> ReluNetwork:
    shape = shape or _shape_without_rows(torch, module, names)
    reference, dtype = _reference(torch, module, shape)
    program = traced(torch, reference, torch.zeros(shape, dtype=getattr(torch, dtype)))
    origin = _origin(torch, module, program.folded)
    network = assembled(graph_of(program, _own_format(module)), origin=origin, X=X, names=names)
    points = None if X is None else points_of(network, X)
    refuse_mixing(torch, reference, points, shape, tolerances)
    options: Any = {"reference": reference, "shape": shape, "dtype": program.coarsest}
    if points is None:
        return checked_unseen(torch, network, module, **options, tolerances=tolerances)
    return checked_on_rows(torch, network, module, points, **options, tolerances=tolerances)


def _reference(torch: ModuleType, module: Any, shape: Shape) -> tuple[Any, str]:
    """A copy of the module on the CPU in float64, and the format of its parameters.

    A module may name a number format in its own source and so not run in another; it is then
    copied as it is.
    """
    own, exact = number_formats(module)[0], exact_copy(module)
    if own == "float64" or runs(torch, exact, shape):
        return exact, "float64"
    copy = cpu_copy(module)
    return (copy, own) if runs(torch, copy, shape) else (exact, "float64")


# ------------------------------------------------------------------------------------------
# What stands around the chain.


def _shape_without_rows(torch: ModuleType, module: Any, names: Sequence[str] | None) -> Shape:
    width = len(names) if names is not None else first_width(torch, module)
    if width is None:
        raise ModelError(
            "The shape of a sample must be known, but this module does not begin with a Linear or "
            "BatchNorm1d that says it. Pass X: some rows, or pictures (n_samples, channels, "
            "height, width)."
        )
    return (1, width)


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
    if X is not None:
        return one_row(X)[1]
    raise ModelError(
        "The number of inputs must be known, but no Linear or BatchNorm1d in the module says it. "
        "Pass X, or the column names."
    )


def _own_format(module: Any) -> str:
    """The coarsest number format among parameters and buffers; PyTorch's own where none is."""
    if not any(tensor.is_floating_point() for tensor in (*module.parameters(), *module.buffers())):
        return "float32"
    return max(number_formats(module), key=NUMBER_FORMATS.index)


def _origin(torch: ModuleType, module: Any, folded: tuple[str, ...]) -> Origin:
    return Origin(
        kind=f"torch {type(module).__name__}",
        folded=folded,
        dtype=max(number_formats(module), key=NUMBER_FORMATS.index),
        versions=(("torch", str(torch.__version__)),),
    )
