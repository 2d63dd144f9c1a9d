"""The modules of a ``torch.nn.Sequential``, read one by one into operator nodes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from explainrelu.errors import ModelError, TrainingModeError, UnsupportedModelError
from explainrelu.importers.operators.graph import Node

__all__ = [
    "INPUT",
    "NUMBER_FORMATS",
    "check_ready",
    "first_width",
    "folded_steps",
    "number_formats",
    "read_modules",
    "readable",
]

INPUT = "input"
"""Name of the value that the first module takes."""

NUMBER_FORMATS = ("float64", "float32", "float16", "bfloat16")
"""Formats of parameters that are taken, the finest first."""

_Reader = Callable[[str, Any, str], list[Node]]


def read_modules(torch: ModuleType, module: Any) -> tuple[list[Node], str]:
    """The nodes of a module and the name of the value it gives.

    Parameters
    ----------
    torch
        The package.
    module
        A Sequential, also nested and with shared instances, or one module that can be read
        (see :func:`readable`), ready as :func:`check_ready` has it.

    Raises
    ------
    UnsupportedModelError
        For another module, named by path and class.
    ModelError
        For parameters that are not finite.
    """
    nodes: list[Node] = []
    value = INPUT
    for path, leaf in _leaves(torch, module, ""):
        reader = _reader(torch, leaf)
        if reader is None:
            raise UnsupportedModelError(
                f"{_called(path, leaf)} is not among the modules that are read one by one."
            )
        nodes += reader(path, leaf, value)
        value = nodes[-1].output
    return nodes, value


def readable(torch: ModuleType, module: Any) -> bool:
    """Whether :func:`read_modules` can read the module; another one has to be traced."""
    leaves = _leaves(torch, module, "")
    return all(_reader(torch, leaf) is not None for _, leaf in leaves)


def check_ready(torch: ModuleType, module: Any) -> None:
    """Refuse a module that is not one fixed function of its input with known parameters.

    Raises
    ------
    UnsupportedModelError
        For modules that were compiled or traced by torch.jit, for hooks, and for parameters that
        are sparse, quantised or hold no values.
    TrainingModeError
        Where it, or a module in it that then computes something else, is in training mode.
    """
    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise UnsupportedModelError(
                f"{_called(path, part)} must be an ordinary module, got one that torch.jit "
                "compiled or traced, whose calls cannot be read. Hand over the original module."
            )
        _refuse_unready(part, path)
    _refuse_training(torch, module)
    for place, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_floating_point() or tensor.is_complex() or tensor.is_quantized:
            _refuse_tensor(tensor, place)


def first_width(torch: ModuleType, module: Any) -> int | None:
    """The number of inputs that the first module of a Sequential asks for, where it says it."""
    first = next(iter(_leaves(torch, module, "")), ("", None))[1]
    if isinstance(first, torch.nn.Linear):
        return int(first.in_features)
    return int(first.num_features) if isinstance(first, torch.nn.BatchNorm1d) else None


def folded_steps(torch: ModuleType, module: Any) -> tuple[str, ...]:
    """The modules that leave no unit of their own, as ``path: class``."""
    nn = torch.nn
    kinds = (nn.BatchNorm1d, nn.Dropout, nn.Flatten, nn.Identity)
    found = [(path, leaf) for path, leaf in _leaves(torch, module, "") if isinstance(leaf, kinds)]
    return tuple(f"{_place(path)}: {type(leaf).__name__}" for path, leaf in found)


def number_formats(module: Any) -> list[str]:
    """Number formats of the parameters and buffers, in order; float64 where there are none."""
    found = [_format(tensor) for tensor in (*module.parameters(), *module.buffers())]
    return [name for name in found if name in NUMBER_FORMATS] or ["float64"]


# ------------------------------------------------------------------------------------------
# Walking.


def _leaves(torch: ModuleType, module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules that compute something, in order, each with its path."""
    if isinstance(module, torch.nn.Sequential) and _plain(module, torch.nn.Sequential):
        # named_children() would leave out the second use of a shared module
        for name, child in module._modules.items():
            yield from _leaves(torch, child, f"{path}.{name}" if path else name)
    else:
        yield path, module


def _plain(module: Any, kind: Any) -> bool:
    """Whether the module computes what its kind does: no forward of its own."""
    return type(module).forward is kind.forward and "forward" not in vars(module)


def _called(path: str, module: Any) -> str:
    kind = f"{type(module).__module__}.{type(module).__qualname__}"
    return f"Module {path!r} ({kind})" if path else f"The module ({kind})"


def _refuse_unready(module: Any, path: str) -> None:
    tensors = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    if any(type(tensor).__name__.startswith("Uninitialized") for tensor in tensors):
        raise UnsupportedModelError(
            f"{_called(path, module)} must have its parameters initialised, got a lazy module "
            "that has seen no data. Run one batch through the model first."
        )
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnsupportedModelError(
            f"{_called(path, module)} must have no forward hooks, which may change what it "
            "computes. Call remove() on each handle; for pruned or weight-normed modules call "
            "torch.nn.utils.prune.remove or torch.nn.utils.remove_weight_norm."
        )


def _refuse_training(torch: ModuleType, module: Any) -> None:
    parts = [(path, part) for path, part in module.named_modules() if part.training]
    found = [_called(path, part) for path, part in parts if _differs(torch, part)]
    # what a module of somebody's own does in training mode is not known
    if module.training and not (found or _plain_layer(torch, module)):
        found = [_called("", module)]
    if found:
        raise TrainingModeError(
            "A module must be in evaluation mode, where it is one fixed function, but these are "
            f"in training mode: {'; '.join(found)}. Call model.eval() first."
        )


def _differs(torch: ModuleType, module: Any) -> bool:
    """Whether a module of PyTorch's computes something else in training mode."""
    nn = torch.nn
    kinds = (nn.modules.batchnorm._NormBase, nn.RReLU, nn.utils.parametrizations._SpectralNorm)
    dropping = isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
    return dropping or isinstance(module, kinds)


def _plain_layer(torch: ModuleType, module: Any) -> bool:
    """Whether it is one of PyTorch's own layers, with no other module in it."""
    return type(module).__module__.startswith("torch.nn.modules.") and not module._modules


def _reader(torch: ModuleType, module: Any) -> _Reader | None:
    for kind, reader in _readers(torch).items():
        if isinstance(module, kind) and _plain(module, kind):
            return reader
    return None


# ------------------------------------------------------------------------------------------
# Readers: from the path of a module, the module, and the name of the value it takes.


def _readers(torch: ModuleType) -> Mapping[Any, _Reader]:
    nn = torch.nn
    return {
        nn.Linear: _read_linear,
        nn.ReLU: _read_relu,
        nn.LeakyReLU: _read_leaky_relu,
        nn.PReLU: _read_prelu,
        nn.BatchNorm1d: _read_batch_norm,
        nn.Dropout: _read_dropout,
        nn.Flatten: _read_flatten,
        nn.Identity: _read_identity,
        nn.Softmax: _read_softmax,
        nn.LogSoftmax: _read_log_softmax,
        nn.Sigmoid: _read_sigmoid,
    }


def _read_linear(path: str, module: Any, value: str) -> list[Node]:
    roles = ("weight",) if module.bias is None else ("weight", "bias")
    return _with_parameters("linear", path, module, value, roles)


def _read_relu(path: str, module: Any, value: str) -> list[Node]:
    return [_node("relu", path, value)]


def _read_leaky_relu(path: str, module: Any, value: str) -> list[Node]:
    return [_node("leaky_relu", path, value, slope=float(module.negative_slope))]


def _read_prelu(path: str, module: Any, value: str) -> list[Node]:
    return _with_parameters("prelu", path, module, value, ("weight",))


def _read_batch_norm(path: str, module: Any, value: str) -> list[Node]:
    if module.running_mean is None or module.running_var is None:
        raise UnsupportedModelError(
            f"{_called(path, module)} must keep running statistics; without them it mixes the "
            "rows of a batch, also in evaluation mode. Train with track_running_stats=True."
        )
    epsilon = {"epsilon": float(module.eps)}
    roles = ("weight", "bias", "running_mean", "running_var")
    return _with_parameters("batch_norm", path, module, value, roles, epsilon)


def _read_dropout(path: str, module: Any, value: str) -> list[Node]:
    return [_node("dropout", path, value)]


def _read_identity(path: str, module: Any, value: str) -> list[Node]:
    return [_node("identity", path, value)]


def _read_flatten(path: str, module: Any, value: str) -> list[Node]:
    if module.start_dim == 0:
        raise UnsupportedModelError(
            f"{_called(path, module)} must keep the rows apart, got start_dim=0. Use start_dim=1."
        )
    # what stands before it gives rows of numbers: there is nothing to flatten
    return [_node("identity", path, value)]


def _read_softmax(path: str, module: Any, value: str) -> list[Node]:
    return _over_scores("softmax", path, module, value)


def _read_log_softmax(path: str, module: Any, value: str) -> list[Node]:
    return _over_scores("log_softmax", path, module, value)


def _read_sigmoid(path: str, module: Any, value: str) -> list[Node]:
    return [_node("sigmoid", path, value)]


def _over_scores(op: str, path: str, module: Any, value: str) -> list[Node]:
    if module.dim not in (None, 1, -1):  # torch takes None for the scores of two-dimensional data
        raise UnsupportedModelError(
            f"{_called(path, module)} must run over the scores of a row, got dim={module.dim}. "
            "Use dim=1."
        )
    return [_node(op, path, value, axis=1)]


def _node(op: str, path: str, value: str, **attributes: float) -> Node:
    return Node(op, (value,), _output(path), attributes, _place(path))


def _with_parameters(
    op: str,
    path: str,
    module: Any,
    value: str,
    roles: Sequence[str],
    attributes: Mapping[str, float] | None = None,
) -> list[Node]:
    nodes = [_parameter(path, module, role) for role in roles]
    inputs = (value, *(node.output for node in nodes))
    return [*nodes, Node(op, inputs, _output(path), attributes or {}, _place(path))]


def _output(path: str) -> str:
    return f"{path}.output"


def _place(path: str) -> str:
    return path or "the module"


# ------------------------------------------------------------------------------------------
# Parameters.


def _parameter(path: str, module: Any, role: str) -> Node:
    """A parameter or buffer as a constant, exact in float64."""
    tensor, place = getattr(module, role), f"{path}.{role}" if path else role
    if tensor is None:  # a batch norm with affine=False
        array = np.full(module.num_features, 1.0 if role == "weight" else 0.0)
        return Node.constant(f"{path}.{role}", array, place)
    _refuse_tensor(tensor, place)
    array = tensor.detach().double().cpu().numpy()
    if not np.isfinite(array).all():
        raise ModelError(
            f"Parameter {place!r} must hold finite numbers only, got NaN or infinity. "
            "Was the training divergent?"
        )
    return Node.constant(f"{path}.{role}", array, place)


def _refuse_tensor(tensor: Any, place: str) -> None:
    if tensor.is_meta:
        problem, advice = "lies on the meta device and has no values", "Load its weights first."
    elif tensor.is_quantized:
        problem, advice = "is quantised", "Hand over the module as it was before quantisation."
    elif str(tensor.layout) != "torch.strided":
        problem, advice = f"is sparse ({tensor.layout})", "Make it dense with to_dense()."
    elif _format(tensor) not in NUMBER_FORMATS:
        formats = ", ".join(NUMBER_FORMATS)
        problem, advice = f"has dtype {_format(tensor)}", f"Convert it to one of {formats}."
    else:
        return
    raise UnsupportedModelError(f"Parameter {place!r} {problem}. {advice}")


def _format(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")
