"""The operators of a model as its source has them, and which of them cannot be read.

An import stops at the first operator that it cannot read. Here all of them are named, as far as
is known without lowering: operators in no table, links that do not stand at the end, and products
of values that both depend on the input.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.onnx_graph.columns import COLUMN_OPERATORS
from explainrelu.importers.onnx_graph.model import OnnxModel
from explainrelu.importers.onnx_graph.operators import ONNX_OPERATORS, reason
from explainrelu.importers.onnx_graph.ordering import needed, place
from explainrelu.importers.onnx_graph.tails import chosen_output, tail_of
from explainrelu.importers.operators.graph import Graph, Node
from explainrelu.importers.operators.lowering import LINKS, OPERATORS
from explainrelu.importers.torch_graph.aten import ATEN
from explainrelu.importers.torch_graph.calls import Call, Program
from explainrelu.importers.torch_graph.folding import CREATED
from explainrelu.importers.torch_graph.mutations import without_mutations
from explainrelu.importers.torch_graph.refusals import refusal

__all__ = ["Step", "first_line", "steps_of_file", "steps_of_graph", "steps_of_program"]

_FIXED = "fixed numbers, computed once"
_LINK = "cut off as the link behind the score"
_INSIDE = (
    "stands inside the model, where it is not piecewise linear; it is taken only at the very end. "
    "Use a ReLU there and train again."
)
_PRODUCT = (
    "takes two values that both depend on the input, so that it is not piecewise linear. Make one "
    "of them constant."
)
_UNKNOWN = (
    "is not among the operators that are read. If it is piecewise linear, write it with some that "
    "are: the documentation has a table of them."
)
_PASSING = frozenset(
    {"_to_copy", "_unsafe_view", "alias", "cast", "clone", "contiguous", "detach", "dropout"}
    | {"flatten", "identity", "reshape", "squeeze", "to", "unsqueeze", "view"}
)
_PRODUCTS = frozenset({"bmm", "div", "divide", "dot", "einsum", "matmul", "mm", "mul", "multiply"})
_CHOOSING = frozenset({"ge", "gt", "le", "lt"})  # a product with one of these may be a ReLU


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a model.

    Attributes
    ----------
    operator
        By the name that its source has for it.
    where
        Where a person finds it.
    takes, gives
        Names of values.
    read_as
        What becomes of it; empty where it cannot be read.
    reason
        Why it cannot be read, and what to do; empty where it can.
    """

    operator: str
    where: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    read_as: str
    reason: str = ""

    @property
    def name(self) -> str:
        """The operator as all sources would write it: ``_softmax`` and ``Softmax`` are one."""
        return self.operator.lower().removeprefix("_").replace("logsoftmax", "log_softmax")


def steps_of_graph(graph: Graph) -> tuple[Step, ...]:
    """The operators of an operator graph on which its output depends."""
    nodes = [node for node in graph.needed(graph.output) if node.op != "constant"]
    fixed = [node.output for node in graph.nodes if node.op == "constant"]
    return _judged([_of_node(node) for node in nodes], fixed, graph.output)


def steps_of_program(program: Program) -> tuple[Step, ...]:
    """The calls of a traced PyTorch program on which its output depends."""
    with suppress(UnsupportedModelError):  # the calls as they stand say enough
        program = without_mutations(program)
    return _judged([_of_call(call) for call in program.needed], program.constants, program.output)


def steps_of_file(model: OnnxModel) -> tuple[Step, ...]:
    """The nodes of an ONNX file on which its first output depends."""
    output = chosen_output([value.name for value in model.proto.graph.output], None)
    tail = tail_of(model.nodes, model.attributes, _labels(model), output)
    nodes = needed(model.nodes, tail.value)
    stored = {name for node in nodes for name in node.input if name in model.stored}
    return _judged([_of_file_node(node) for node in nodes], stored, tail.value)


def first_line(function: Callable[..., Any]) -> str:
    """What a table says of the function that reads an operator: its docstring's first line."""
    return (function.__doc__ or "").partition("\n")[0].strip()


def _labels(model: OnnxModel) -> dict[str, Any]:
    """Stored tensors that may be the labels of classes, or the 1 of a complement."""
    takers = [
        node for node in model.nodes.values() if node.op_type in ("ArrayFeatureExtractor", "Sub")
    ]
    names = {node.input[0] for node in takers if node.input and node.input[0] in model.stored}
    return {name: model.stored.known(name).array for name in names}


def _of_node(node: Node) -> Step:
    known, reason_why = "", ""
    if node.op in OPERATORS:
        known = first_line(OPERATORS[node.op])
    elif node.op in LINKS:
        known = _LINK
    else:
        reason_why = _UNKNOWN
    return Step(node.op, node.where or node.output, node.inputs, (node.output,), known, reason_why)


def _of_call(call: Call) -> Step:
    gives = tuple(tensor.name for tensor in call.outputs)
    if call.name in CREATED:
        return Step(call.name, call.where, (), gives, _FIXED)
    known = first_line(ATEN[call.name]) if call.name in ATEN else ""
    # what can be computed on fixed numbers only is told apart by its place (see _placed)
    reason_why = "" if known else _reason(str(refusal(call)))
    return Step(call.name, call.where, call.taken, gives, known, reason_why)


def _of_file_node(node: Any) -> Step:
    op, gives = node.op_type, tuple(filter(None, node.output))
    if op in ("Constant", "Shape", "Size"):
        return Step(op, place(node), (), gives, _FIXED)
    takes = tuple(filter(None, node.input))
    for table in (ONNX_OPERATORS, COLUMN_OPERATORS):
        if op in table and node.domain in ("", "ai.onnx", "ai.onnx.ml"):
            return Step(op, place(node), takes, gives, first_line(table[op]))
    return Step(op, place(node), takes, gives, "", _reason(reason(op)))


def _reason(text: str) -> str:
    """What an error says of an operator, without naming it, nor all others that there are."""
    said = text.partition(", which ")[2]
    return _UNKNOWN if said.startswith("is not among") else said


def _judged(steps: Sequence[Step], fixed: Iterable[str], output: str) -> tuple[Step, ...]:
    """The steps, with what only their place in the model says."""
    known, final = set(fixed), _final_link(steps, output)
    producers = {name: step for step in steps for name in step.gives}
    return tuple(_placed(step, known, producers, step is final) for step in steps)


def _placed(step: Step, fixed: set[str], producers: Mapping[str, Step], at_the_end: bool) -> Step:
    moving = [name for name in step.takes if name not in fixed]
    if not moving:
        fixed.update(step.gives)
        return replace(step, read_as=step.read_as if not step.takes else _FIXED, reason="")
    if step.name in LINKS:
        return replace(
            step, read_as=_LINK if at_the_end else "", reason="" if at_the_end else _INSIDE
        )
    chosen = any(name in producers and producers[name].name in _CHOOSING for name in moving)
    both = len(step.takes) > 1 and set(step.takes[:2]) <= set(moving)
    if step.name in _PRODUCTS and both and not chosen:
        return replace(step, read_as="", reason=_PRODUCT)
    return step


def _final_link(steps: Sequence[Step], output: str) -> Step | None:
    """The link that the model ends in; behind it only shapes and number formats change."""
    producers = {name: step for step in steps for name in step.gives}
    step = producers.get(output)
    while step is not None and step.name in _PASSING and step.takes:
        step = producers.get(step.takes[0])
    return step if step is not None and step.name in LINKS else None
