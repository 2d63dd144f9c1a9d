"""A traced program read into the operator graph, call by call."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import Any

import numpy as np

from explainrelu.errors import ExplainReluError, ModelError, UnsupportedModelError
from explainrelu.importers.operators.graph import Graph
from explainrelu.importers.torch_graph.aten import ATEN
from explainrelu.importers.torch_graph.calls import FORMATS, Argument, Call, Program, Reference
from explainrelu.importers.torch_graph.folding import CREATED, FOLDED, in_format
from explainrelu.importers.torch_graph.mutations import without_mutations
from explainrelu.importers.torch_graph.refusals import refusal
from explainrelu.importers.torch_graph.writing import Value, Writer

__all__ = ["graph_of", "unread"]

_SPEED = frozenset({"cudnn_enabled", "device", "layout", "memory_format", "momentum"}) | {
    *("non_blocking", "pin_memory", "copy", "dtype", "requires_grad", "cudnn_enable", "implicit"),
    *("half_to_float", "generator", "is_coalesced", "stable", "output_dtype", "dtype_layout"),
}
"""Arguments that say where and how fast to compute, or in what number format, which the program
says of the result too."""

_MISFITS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError)
"""What numpy and Python raise where the arguments of a call do not fit each other."""


def graph_of(program: Program, number_format: str | None = None) -> Graph:
    """The operator graph of a traced program.

    Parameters
    ----------
    program
        As ``exported.py`` or ``pt2_file.py`` made it.
    number_format
        The coarsest that values of the input may be converted to; that of the program's input
        and constants by default.

    Returns
    -------
    Graph
        The same function of the input; what does not depend on it is computed here.

    Raises
    ------
    UnsupportedModelError
        For an operator that is not piecewise linear, or not supported, and for one that rounds
        values of the input; the text names it with the module path and the source line.
    TrainingModeError
        For dropout or batch norm as in training.
    ModelError
        For constants that are not finite, or a program that contradicts itself.

    Notes
    -----
    Only what the output depends on is read. Cost O(number of calls) and of the constants.
    """
    program = without_mutations(program)
    writer, values = Writer(), _given(program)
    coarsest = number_format or program.stored
    for call in program.needed:
        writer.call = call
        for tensor, value in zip(call.outputs, _read(writer, call, values), strict=True):
            _refuse_rounding(call, value, tensor.dtype, coarsest)
            values[tensor.name] = value
    output = values.get(program.output)
    if output is None or output.above is not None:
        raise UnsupportedModelError(
            "The output must be a piecewise-linear function of the input, got positions or truth "
            "values. Return the scores themselves."
        )
    if output.numbers is not None:
        raise ModelError(
            "The output must depend on the input, got a constant. Is it the module you meant?"
        )
    return Graph(program.input.name, program.input.shape, tuple(writer.nodes), output.name)


def unread(program: Program) -> tuple[Call, ...]:
    """The calls whose operator is in no table, and on which the output depends."""
    known = {*ATEN, *CREATED, *FOLDED}
    return tuple(call for call in program.needed if call.name not in known)


def _given(program: Program) -> dict[str, Value | None]:
    """The values that are there before the first call."""
    values: dict[str, Value | None] = {
        name: Value.fixed(constant.value) for name, constant in program.constants.items()
    }
    values[program.input.name] = Value(program.input.shape, program.input.name)
    return values


def _read(writer: Writer, call: Call, values: Mapping[str, Value | None]) -> Sequence[Value | None]:
    """What one call gives; None for an output that is no piecewise-linear function."""
    if not (call.name in ATEN or call.name in CREATED or call.name in FOLDED):
        raise refusal(call)
    arguments = {
        key: _resolved(call, argument, values)
        for key, argument in call.arguments.items()
        if key not in _SPEED
    }
    if call.name in CREATED:
        kept = {key: part for key, part in arguments.items() if not isinstance(part, Value)}
        with _fitting(call):
            create = CREATED[call.name]
            made = create(call.outputs[0], **_accepted(create, call, kept, 1))
            return [Value.fixed(in_format(np.asarray(made), call.outputs[0].dtype))]
    if call.name in FOLDED and _all_fixed(arguments):
        return [_folded(call, arguments)]
    if call.name not in ATEN:
        raise refusal(call)
    function = ATEN[call.name]
    with _fitting(call):
        found = function(writer, **_accepted(function, call, arguments, 1))
        given = found if isinstance(found, tuple) else (found,)
        # positions, beside the largest numbers, are no piecewise-linear function
        missing = [None] * (len(call.outputs) - len(given))
        formats = [tensor.dtype for tensor in call.outputs]
        parts = zip([*given, *missing], formats, strict=True)
        return [_in_format(value, dtype) for value, dtype in parts]


def _refuse_rounding(call: Call, value: Value | None, dtype: str, coarsest: str) -> None:
    """Refuse values of the input in a number format that holds fewer numbers."""
    if value is None or value.numbers is not None or value.above is not None:
        return
    if dtype not in FORMATS or FORMATS.index(dtype) > FORMATS.index(coarsest):
        raise UnsupportedModelError(
            f"{call.where} calls {call.target}, which rounds values of the input to {dtype}. A "
            f"rounded value jumps and is not piecewise linear: keep it in {coarsest}."
        )


@contextmanager
def _fitting(call: Call) -> Iterator[None]:
    """Name the call whose arguments do not fit each other."""
    try:
        yield
    except ExplainReluError:
        raise
    except _MISFITS as error:
        raise ModelError(
            f"{call.where} calls {call.target} in a form that contradicts itself "
            f"({type(error).__name__}: {error}). Does the model run on its own data?"
        ) from error


def _resolved(call: Call, argument: Argument, values: Mapping[str, Value | None]) -> Any:
    """The argument with values in the place of their names."""
    if isinstance(argument, tuple):
        return tuple(_resolved(call, part, values) for part in argument)
    if not isinstance(argument, Reference):
        return argument
    if argument.name not in values:
        raise ModelError(
            f"{call.where} takes the value {argument.name!r}, which no call gives. "
            "The program is incomplete: save it again."
        )
    value = values[argument.name]
    if value is None:
        raise UnsupportedModelError(
            f"{call.where} calls {call.target} on positions that depend on the input, which is "
            "not piecewise linear. Only the values of max, min and pooling can be used."
        )
    return value


def _all_fixed(arguments: Mapping[str, Any]) -> bool:
    return all(
        part.numbers is not None for part in arguments.values() if isinstance(part, Value)
    ) and not any(isinstance(part, tuple) and _moving(part) for part in arguments.values())


def _moving(parts: tuple[Any, ...]) -> bool:
    return any(isinstance(part, Value) and part.numbers is None for part in parts)


def _folded(call: Call, arguments: Mapping[str, Any]) -> Value:
    numbers = {
        key: part.numbers if isinstance(part, Value) else part for key, part in arguments.items()
    }
    function = FOLDED[call.name]
    with _fitting(call), np.errstate(all="ignore"):  # not finite: refused where it is taken
        if isinstance(function, np.ufunc):
            found = function(*numbers.values())
        else:
            found = function(**_accepted(function, call, numbers, 0))
    return Value.fixed(in_format(np.asarray(found), call.outputs[0].dtype))


def _in_format(value: Value | None, dtype: str) -> Value | None:
    if value is None or value.numbers is None:
        return value
    return Value.fixed(in_format(value.numbers, dtype))


def _accepted(
    function: Any, call: Call, arguments: Mapping[str, Any], skipped: int
) -> dict[str, Any]:
    """The arguments, where the function knows them all."""
    parameters = list(signature(function).parameters.values())[skipped:]
    known = {parameter.name for parameter in parameters}
    if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        unknown = [key for key, part in arguments.items() if key not in known and part is not None]
        missing = [
            parameter.name
            for parameter in parameters
            if parameter.default is Parameter.empty and parameter.name not in arguments
        ]
        if unknown or missing:
            raise UnsupportedModelError(
                f"{call.where} calls {call.target} in a form that cannot be read "
                f"({', '.join([*unknown, *missing])}). Write it in a plainer form there."
            )
        return {key: part for key, part in arguments.items() if key in known}
    return dict(arguments)
