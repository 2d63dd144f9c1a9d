"""Calls that change a tensor in place, written as calls that give a new one.

``relu_(x)`` overwrites ``x``: behind it, ``x`` and every other name of the very same tensor mean
the result. A tensor that only shares memory with it (a slice, a transpose) changes too, in
part; that is not followed here, and such programs are told apart so that PyTorch can rewrite
them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.torch_graph.calls import Argument, Call, Program, Reference

__all__ = ["SharedMemoryError", "without_mutations"]


class SharedMemoryError(UnsupportedModelError):
    """A call changes a tensor in place while another value shares its memory."""


_SAME = frozenset({"alias", "detach", "detach_", "dropout", "feature_dropout", "alpha_dropout"})
"""Operators that hand on the very tensor they take."""

_SHARING = frozenset(
    {"_reshape_alias", "_unsafe_view", "as_strided", "broadcast_to", "chunk", "contiguous"}
    | {"diagonal", "expand", "expand_as", "flatten", "mT", "moveaxis", "movedim", "narrow"}
    | {"numpy_T", "permute", "ravel", "reshape", "reshape_as", "select", "slice", "split"}
    | {"split_with_sizes", "squeeze", "swapaxes", "swapdims", "t", "tensor_split", "to"}
    | {"transpose", "type_as", "unbind", "unflatten", "unfold", "unsafe_chunk", "unsafe_split"}
    | {"unsqueeze", "view", "view_as"}
)
"""Operators whose results may share memory with what they take."""


def without_mutations(program: Program) -> Program:
    """The same program without calls that change a tensor in place.

    Raises
    ------
    SharedMemoryError
        Where another value that is used later shares the memory that is changed.
    UnsupportedModelError
        Where a parameter or buffer is changed: the module is then another function at its next
        call.
    """
    if not any(_in_place(call) for call in program.calls):
        return program
    names, calls = _Names(), []
    for position, call in enumerate(program.calls):
        arguments = {key: names.renamed(part) for key, part in call.arguments.items()}
        if _in_place(call):
            used = {name for other in program.calls[position + 1 :] for name in other.taken}
            _check_memory(program, call, names, {*used, program.output})
            calls.append(names.changed(replace(call, arguments=arguments)))
        else:
            names.given(call)
            calls.append(replace(call, arguments=arguments))
    return replace(program, calls=tuple(calls), output=names.current(program.output))


@dataclass(slots=True)
class _Names:
    """Which names mean the same tensor, the same memory, and the numbers it holds now."""

    first: dict[str, str] = field(default_factory=dict)  # name -> first name of the same tensor
    memory: dict[str, str] = field(default_factory=dict)  # name -> first name of its memory
    now: dict[str, str] = field(default_factory=dict)  # first name -> value with its numbers

    def current(self, name: str) -> str:
        first = self.first.get(name, name)
        return self.now.get(first, name)

    def renamed(self, argument: Argument) -> Argument:
        if isinstance(argument, Reference):
            return Reference(self.current(argument.name))
        if isinstance(argument, tuple):
            return tuple(self.renamed(part) for part in argument)
        return argument

    def given(self, call: Call) -> None:
        """Note what a call gives that changes nothing."""
        source = next(iter(call.taken), None)
        if source is None or call.name not in _SAME | _SHARING:
            return
        for tensor in call.outputs:
            self.memory[tensor.name] = self.memory.get(source, source)
            if call.name in _SAME:
                self.first[tensor.name] = self.first.get(source, source)

    def changed(self, call: Call) -> Call:
        """The call as one that gives a new tensor; every name of the old one now means it."""
        source, (given,) = _overwritten(call), call.outputs
        # the argument is renamed already, and so may be a value made by an earlier change
        first = next((key for key, value in self.now.items() if value == source), source)
        first = self.first.get(first, first)
        self.first[given.name] = first
        self.memory[given.name] = self.memory.get(first, first)
        self.now[first] = f"{given.name} in place"
        operator, _, overload = call.target.partition(".")
        fresh = replace(given, name=self.now[first])
        return replace(call, target=f"{operator[:-1]}.{overload}", outputs=(fresh,))


def _in_place(call: Call) -> bool:
    # the names of Python's operators, as __rshift__, end so too
    changes = call.name.endswith("_") and not call.name.endswith("__") and call.name != "detach_"
    return changes and len(call.outputs) == 1


def _overwritten(call: Call) -> str:
    """The name of the value that an in-place call changes: the first one it takes."""
    return next(iter(call.taken), "")


def _check_memory(program: Program, call: Call, names: _Names, used: Iterable[str]) -> None:
    changed = _overwritten(call)
    first = names.first.get(changed, changed)
    memory = names.memory.get(changed, changed)
    if memory in program.constants:
        raise UnsupportedModelError(
            f"{call.where} calls {call.name}, which changes {program.constants[memory].place!r} "
            "of the module itself: it is another function at its next call. Compute a new tensor "
            "there."
        )
    for name in used:
        if names.memory.get(name, name) == memory and names.first.get(name, name) != first:
            raise SharedMemoryError(
                f"{call.where} calls {call.name}, which changes a tensor in place that shares its "
                "memory with another one used later. Compute a new tensor there, or save the "
                "program as torch.export gives it behind run_decompositions({})."
            )
