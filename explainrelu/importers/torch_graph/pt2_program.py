"""The program in a ``.pt2`` file as plain calls."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any, TypeVar

from explainrelu.errors import ArchiveError, ExplainReluError, UnsupportedModelError
from explainrelu.importers.torch_graph.calls import (
    Argument,
    Call,
    Constant,
    Program,
    Reference,
    Tensor,
    argument_name,
)
from explainrelu.importers.torch_graph.places import place_of
from explainrelu.importers.torch_graph.pt2_file import DTYPES, Pt2File, refusal
from explainrelu.importers.torch_graph.pt2_sizes import row_symbol, size_of

__all__ = ["has_open_rows", "program_of"]

_T = TypeVar("_T")

_SCHEMA = 8
_LARGEST = 1 << 28
_STORED = {"parameter": "parameter_name", "buffer": "buffer_name"} | {
    "tensor_constant": "tensor_constant_name"
}


def has_open_rows(file: Pt2File) -> bool:
    """Whether the number of rows was left open when the program was exported."""
    return _guarded(lambda: _Reader(file, 1).symbol is not None)


def program_of(file: Pt2File, n_rows: int = 1) -> Program:
    """The calls that the program makes.

    Parameters
    ----------
    file
        As it was opened.
    n_rows
        Put in for the number of rows where that was left open.

    Raises
    ------
    ArchiveError
        Where the file does not follow the schema.
    UnsupportedModelError
        For several inputs or outputs, sizes that are not known, or control flow.
    """
    return _guarded(lambda: _Reader(file, n_rows).program())


def _guarded(read: Callable[[], _T]) -> _T:
    try:
        return read()
    except ExplainReluError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise refusal(
            "the program", "as its schema has it", f"{type(error).__name__}: {error}"
        ) from error


def _only(union: Mapping[str, Any]) -> tuple[str, Any]:
    """The kind and the content of a value of several possible kinds."""
    ((kind, content),) = union.items()
    return kind, content


class _Reader:
    """One program, with everything that its parts refer to."""

    def __init__(self, file: Pt2File, n_rows: int) -> None:
        version = file.model["schema_version"]["major"]
        if version != _SCHEMA:
            raise refusal("the schema version", f"{_SCHEMA}", repr(version))
        self.file, self.n_rows = file, n_rows
        self.graph = file.model["graph_module"]["graph"]
        self.signature = file.model["graph_module"]["signature"]
        self.values = self.graph["tensor_values"]
        self.input = self._input()
        self.symbol = row_symbol(self.values[self.input]["sizes"])

    def program(self) -> Program:
        taken = self._tensor(self.input)
        if not taken.dtype.removeprefix("b").startswith("float"):
            raise UnsupportedModelError(
                f"The input of a program must be real numbers, got {taken.dtype}. A model of "
                "codes or tokens is not piecewise linear in them."
            )
        calls = tuple(self._call(node) for node in self.graph["nodes"])
        return Program(taken, dict(self._constants()), calls, self._output())

    def _input(self) -> str:
        inputs = [
            spec["user_input"]["arg"]
            for spec in self.signature["input_specs"]
            if "user_input" in spec
        ]
        if len(inputs) != 1 or "as_tensor" not in inputs[0]:
            raise UnsupportedModelError(
                f"A program must take one tensor, got {len(inputs)} inputs. Export a module that "
                "takes one and splits it."
            )
        return str(inputs[0]["as_tensor"]["name"])

    def _output(self) -> str:
        outputs = [
            spec["user_output"]["arg"]
            for spec in self.signature["output_specs"]
            if "user_output" in spec
        ]
        if len(outputs) != 1 or "as_tensor" not in outputs[0]:
            raise UnsupportedModelError(
                f"A program must give one tensor, got {len(outputs)} outputs. Export a module "
                "that returns the one to be explained."
            )
        return str(outputs[0]["as_tensor"]["name"])

    def _constants(self) -> Iterator[tuple[str, Constant]]:
        for spec in self.signature["input_specs"]:
            kind, content = _only(spec)
            if kind == "user_input":
                continue
            if kind not in _STORED:
                raise UnsupportedModelError(
                    f"A program must compute with tensors only, got an input of kind {kind!r}. "
                    "Write the module in PyTorch's own operators."
                )
            place = content[_STORED[kind]]
            yield str(content["arg"]["name"]), Constant(self.file.tensor(place), str(place))

    def _call(self, node: Mapping[str, Any]) -> Call:
        target = str(node["target"]).removeprefix("torch.ops.").removeprefix("aten.")
        arguments = {
            argument_name(str(part["name"])): self._argument(part["arg"]) for part in node["inputs"]
        }
        metadata = node["metadata"]
        stack = str(metadata.get("nn_module_stack", "")).rpartition(";")[2].split(",")
        where = place_of(stack[1] if len(stack) > 2 else "", str(metadata.get("stack_trace", "")))
        return Call(target, arguments, tuple(self._given(node["outputs"])), where)

    def _given(self, outputs: list[Mapping[str, Any]]) -> Iterator[Tensor]:
        for output in outputs:
            if "as_tensor" in output:
                yield self._tensor(output["as_tensor"]["name"])
            for part in output.get("as_tensors", ()):
                yield self._tensor(part["name"])

    def _tensor(self, name: str) -> Tensor:
        meta = self.values[name]
        shape = tuple(size_of(size, self.symbol, self.n_rows) for size in meta["sizes"])
        if prod(shape) > _LARGEST:
            raise ArchiveError(
                f"A value in a program must have at most {_LARGEST} numbers, got {shape}. Split "
                "the model."
            )
        return Tensor(str(name), shape, DTYPES.get(meta["dtype"], f"format {meta['dtype']}"))

    def _argument(self, argument: Mapping[str, Any]) -> Argument:
        kind, content = _only(argument)
        if kind == "as_none":
            return None
        if kind == "as_tensor":
            return Reference(str(content["name"]))
        if kind == "as_tensors":
            return tuple(Reference(str(part["name"])) for part in content)
        if kind in ("as_optional_tensors", "as_optional_tensor"):
            parts = content if isinstance(content, list) else [content]
            found = tuple(self._argument(part) for part in parts)
            return found if isinstance(content, list) else found[0]
        if kind in ("as_bool", "as_int"):
            return int(content) if kind == "as_int" else bool(content)
        if kind == "as_float":  # infinities stand there as words
            return float(content)
        if kind in ("as_ints", "as_bools", "as_floats"):
            return tuple(content)
        if kind == "as_sym_int":
            return self._size(content)
        if kind == "as_sym_ints":
            return tuple(self._size(part) for part in content)
        if kind == "as_string":
            return str(content)
        if kind == "as_graph":
            raise UnsupportedModelError(
                "A program must be one graph, got a graph within the graph. Where that comes from "
                "torch.no_grad, save the program behind run_decompositions({}); a choice by the "
                "numbers can be written with relu, clamp, maximum or minimum."
            )
        return kind  # number formats, devices and layouts, which say nothing of what is computed

    def _size(self, size: Mapping[str, Any]) -> int:
        if "as_int" in size:
            return int(size["as_int"])
        return size_of(self.graph["sym_int_values"][size["as_name"]], self.symbol, self.n_rows)
