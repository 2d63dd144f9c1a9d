"""A torch module traced into plain calls: by ``torch.export``, else by way of ``torch.fx``."""

import re
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

from explainrelu.errors import ModelError, TrainingModeError, UnsupportedModelError
from explainrelu.importers.torch_graph.calls import (
    Argument,
    Call,
    Constant,
    Program,
    Reference,
    Tensor,
    argument_name,
)
from explainrelu.importers.torch_graph.mutations import SharedMemoryError, without_mutations
from explainrelu.importers.torch_graph.places import place_of
from explainrelu.importers.torch_graph.reading import unread
from explainrelu.importers.torch_graph.refusals import refused

__all__ = ["traced"]


def traced(torch: ModuleType, module: Any, example: Any) -> Program:
    """The calls that a module makes on one row.

    Parameters
    ----------
    torch
        The package.
    module
        In evaluation mode, on the CPU; it is not changed.
    example : tensor (1, ...)
        One row. Only its shape, number format and device are looked at.

    Raises
    ------
    UnsupportedModelError
        Where the module cannot be traced: control flow that depends on the data, named with its
        source line, or an input or output that is not one tensor.

    Notes
    -----
    Nothing but Python's own bookkeeping runs: tensors are traced without their numbers. Cost: the
    first call imports the compiler front end of PyTorch, some seconds; later ones take 0.1 s to
    1 s, whatever the size of the parameters.
    """
    exported = _exported(torch, module, example)
    program = _program(torch, exported)
    try:
        program = without_mutations(program)
    except SharedMemoryError:
        exported = _decomposed(exported, {})
        program = _program(torch, exported)
    if unread(program) and not any(refused(call) for call in unread(program)):
        # where that does not help either, what the module itself calls is named in the error
        with suppress(Exception):
            smaller = _program(torch, _decomposed(exported, None))
            program = program if unread(smaller) else smaller
    return program


def _exported(torch: ModuleType, module: Any, example: Any) -> Any:
    try:
        return _quietly(torch, module, example)
    except Exception as error:
        with suppress(Exception):  # the error of the export itself is the one that names the line
            return _quietly(torch, torch.fx.symbolic_trace(module), example)
        raise _untraceable(module, error) from error


def _quietly(torch: ModuleType, module: Any, example: Any) -> Any:
    # what PyTorch prints of a module that it cannot trace says less than our own error
    with warnings.catch_warnings(), torch.no_grad(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        return torch.export.export(module, (example,), strict=False)


def _decomposed(exported: Any, table: Mapping[Any, Any] | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exported.run_decompositions(table)


def _untraceable(module: Any, error: Exception) -> ModelError:
    """The error for a module that cannot be traced: what happened on which line of its source."""
    if "when training" in str(error):  # batch norm of one row, as in training
        return TrainingModeError(
            f"A module must be in evaluation mode, where it is one fixed function, got {error}. "
            "Call model.eval() first, and pass training=self.training to functional calls."
        )
    told = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {told[0] if told else 'no text'}"
    frame = _own_line(error)
    line = f"line {frame.lineno} of {Path(frame.filename).name}, `{frame.line}`" if frame else ""
    if frame is None or not re.search("data-dependent|DataDependent|numpy|tolist|item", str(error)):
        return UnsupportedModelError(
            "A module must run on one row, with an axis of rows of size 1, but tracing "
            f"{type(module).__qualname__} gave {what}{f' ({line})' if line else ''}. "
            "Does it take the rows of X as they are?"
        )
    return UnsupportedModelError(
        f"A module must do the same whatever the numbers are, but {line}, cannot be traced "
        f"({what}). Write a choice that depends on the data with relu, clamp, maximum or minimum."
    )


def _own_line(error: Exception) -> traceback.FrameSummary | None:
    """The innermost line of the module's own source at which an error arose."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not re.search(r"-packages[\\/]torch[\\/]", frame.filename)
    ]
    first = next((i for i, frame in enumerate(frames) if frame.name == "forward"), None)
    return None if first is None else frames[first:][-1]


# ------------------------------------------------------------------------------------------
# From the exported program to plain calls.


def _program(torch: ModuleType, exported: Any) -> Program:
    signature, nodes = exported.graph_signature, list(exported.graph.nodes)
    held = {**exported.state_dict, **exported.constants}
    by_name = {node.name: node for node in nodes}
    inputs, constants = [], {}
    for spec in signature.input_specs:
        name, kind = getattr(spec.arg, "name", ""), spec.kind.name
        if kind == "USER_INPUT":
            inputs.append(by_name[name])
        elif kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            constants[name] = _constant(held[spec.target], spec.target)
        else:
            raise UnsupportedModelError(
                f"A module must compute with tensors only, got {spec.target!r} ({kind.lower()}). "
                "Write it in PyTorch's own operators."
            )
    outputs = [spec.arg for spec in signature.output_specs if spec.kind.name == "USER_OUTPUT"]
    _check_ends(inputs, outputs)
    calls = tuple(_call(torch, node) for node in nodes if _computes(node))
    return Program(
        _tensor(inputs[0].name, inputs[0].meta["val"]), constants, calls, outputs[0].name
    )


def _check_ends(inputs: list[Any], outputs: list[Any]) -> None:
    if len(inputs) != 1:
        raise UnsupportedModelError(
            f"A module must take one tensor, got {len(inputs)} inputs. Wrap it in a module that "
            "takes one and splits it."
        )
    if len(outputs) != 1 or type(outputs[0]).__name__ != "TensorArgument":
        raise UnsupportedModelError(
            f"A module must give one tensor, got {len(outputs)} outputs of kinds "
            f"{', '.join(type(output).__name__ for output in outputs) or 'none'}. Wrap it in a "
            "module that returns the one to be explained."
        )


def _constant(tensor: Any, place: str) -> Constant:
    if tensor.is_complex() or tensor.is_quantized or str(tensor.layout) != "torch.strided":
        raise UnsupportedModelError(
            f"Parameter {place!r} must be a dense tensor of real numbers, got {tensor.dtype} in "
            f"the layout {tensor.layout}. Convert it before the import."
        )
    tensor = tensor.detach().cpu()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()  # numpy has no such format; exact
    return Constant(tensor.numpy().copy(), place)


def _computes(node: Any) -> bool:
    return node.op == "call_function" and not _is_item(node)


def _is_item(node: Any) -> bool:
    return getattr(node.target, "__name__", "") == "getitem"


def _call(torch: ModuleType, node: Any) -> Call:
    target = str(node.target).removeprefix("aten.")
    schema = getattr(node.target, "_schema", None)
    names = [part.name for part in schema.arguments] if schema else []
    names += [f"argument {i}" for i in range(len(names), len(node.args))]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    arguments = {argument_name(name): _argument(part) for name, part in given.items()}
    where = place_of(_module_path(node), node.meta.get("stack_trace") or "")
    return Call(target, arguments, tuple(_outputs(node)), where)


def _module_path(node: Any) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return str(stack[-1][0]) if stack else ""


def _outputs(node: Any) -> Iterator[Tensor]:
    """The values that a node gives; those of a tuple are named by the nodes that take them."""
    value = node.meta.get("val")
    if not isinstance(value, (list, tuple)):
        if hasattr(value, "shape"):
            yield _tensor(node.name, value)
        return
    names = {user.args[1]: user.name for user in node.users if _is_item(user)}
    for i, part in enumerate(value):
        if hasattr(part, "shape"):
            yield _tensor(names.get(i, f"{node.name}[{i}]"), part)


def _tensor(name: str, value: Any) -> Tensor:
    dtype = str(value.dtype).removeprefix("torch.")
    if not all(isinstance(size, int) for size in value.shape):
        raise UnsupportedModelError(
            f"Every size in a module must be known, but that of {name!r} depends on numbers. Take "
            "constant positions where a mask is used as an index."
        )
    return Tensor(name, tuple(value.shape), dtype)


def _argument(part: Any) -> Argument:
    if part is None or isinstance(part, (bool, int, float, str)):
        return part
    if isinstance(part, (list, tuple)):
        return tuple(_argument(inner) for inner in part)
    if hasattr(part, "op") and hasattr(part, "target"):
        if type(part.meta.get("val")).__name__ in ("SymInt", "SymFloat", "SymBool"):
            raise UnsupportedModelError(
                "A module must compute with constant numbers and positions, but one of its calls "
                f"takes {part.name!r}, which depends on the input. Use constants there."
            )
        return Reference(part.name)
    return str(part)
