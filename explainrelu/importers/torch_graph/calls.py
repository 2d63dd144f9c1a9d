"""A traced PyTorch program as plain records: what it calls, on what, and where in the source.

``exported.py`` makes these records from a program in memory and ``pt2_file.py`` from a file;
``reading.py`` needs nothing else, and so neither PyTorch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from explainrelu.importers.operators.graph import Shape

__all__ = [
    "FORMATS",
    "Argument",
    "Call",
    "Constant",
    "Program",
    "Reference",
    "Tensor",
    "argument_name",
]

FORMATS = ("float64", "float32", "float16", "bfloat16")
"""Number formats of real numbers, the finest first."""

_RENAMED = {"self": "x", "input": "x", "min": "lower", "max": "upper", "ord": "order"}


def argument_name(name: str) -> str:
    """An argument of an ATen schema by the name it has in this room.

    >>> argument_name("self"), argument_name("weight")
    ('x', 'weight')
    """
    return _RENAMED.get(name, name)


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that a call takes, by its name."""

    name: str


Argument = Reference | bool | int | float | str | None | tuple["Argument", ...]
"""What a call is given: values by name, numbers, words, and tuples of these."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value of the program.

    Attributes
    ----------
    name
        How calls refer to it.
    shape
        The whole shape in a run on one row.
    dtype
        Number format, as ``float32``.
    """

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of an ATen operator.

    Attributes
    ----------
    target
        Name and overload, as ``conv2d.default``.
    arguments
        By the names of the operator's schema (see :func:`argument_name`); those that have their
        default may be left out.
    outputs
        What it gives.
    where
        Module path and source line.
    """

    target: str
    arguments: Mapping[str, Argument]
    outputs: tuple[Tensor, ...]
    where: str

    @property
    def name(self) -> str:
        """The operator without its overload."""
        return self.target.partition(".")[0]

    @property
    def taken(self) -> tuple[str, ...]:
        """Names of the values it takes."""
        return tuple(_references(tuple(self.arguments.values())))


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A parameter, buffer or fixed tensor.

    Attributes
    ----------
    value
        Its numbers in its own number format (bfloat16 as float32, which holds it exactly).
    place
        Its name in the module.
    """

    value: "npt.NDArray[Any]"
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Calls from one input tensor to one output tensor.

    Attributes
    ----------
    input
        The tensor that the module is called with.
    constants
        Value name -> parameter, buffer or fixed tensor.
    calls
        In the order in which they run.
    output
        Name of the value that is returned.
    """

    input: Tensor
    constants: Mapping[str, Constant] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    output: str = ""

    @property
    def needed(self) -> tuple[Call, ...]:
        """The calls on which the output depends, in order."""
        wanted, kept = {self.output}, []
        for call in reversed(self.calls):
            if any(tensor.name in wanted for tensor in call.outputs):
                wanted.update(call.taken)
                kept.append(call)
        return tuple(reversed(kept))

    @property
    def folded(self) -> tuple[str, ...]:
        """The calls that leave no unit of their own, as ``place: operator``."""
        kinds = ("batch_norm", "dropout")
        found = [call for call in self.needed if any(kind in call.name for kind in kinds)]
        return tuple(f"{call.where}: {call.name}" for call in found)

    @property
    def coarsest(self) -> str:
        """The number format of least precision that the computation goes through."""
        found = {tensor.dtype for call in self.needed for tensor in call.outputs}
        return _coarsest(found | {self.input.dtype})

    @property
    def stored(self) -> str:
        """The number format of least precision among the input and the constants."""
        return _coarsest({self.input.dtype, *(str(c.value.dtype) for c in self.constants.values())})


def _coarsest(found: set[str]) -> str:
    known = [name for name in FORMATS if name in found]
    return known[-1] if known else FORMATS[0]


def _references(argument: Argument) -> Iterator[str]:
    if isinstance(argument, Reference):
        yield argument.name
    elif isinstance(argument, tuple):
        for part in argument:
            yield from _references(part)
