"""The nodes of a file in an order in which they can be read, and the files that have none."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from explainrelu.errors import ModelError

__all__ = ["needed", "place", "producers"]


def place(node: Any) -> str:
    """Where a person finds a node: its name, else what it gives."""
    names = (node.name, *node.output, node.op_type)
    return next(str(name) for name in names if name)


def producers(nodes: Sequence[Any], given: Iterable[str]) -> dict[str, Any]:
    """Value name -> the node that gives it.

    Parameters
    ----------
    nodes
        NodeProtos.
    given
        The names of inputs and stored tensors.

    Raises
    ------
    ModelError
        For a value that is given twice or taken and never given, and for cycles.
    """
    known, found = set(given), dict[str, Any]()
    for node in nodes:
        for name in filter(None, node.output):
            if name in found or name in known:
                raise ModelError(
                    f"Every value must be given once, but node {place(node)!r} ({node.op_type}) "
                    f"gives {name!r} again. The file contradicts itself: save the model again."
                )
            found[name] = node
    for node in nodes:
        for name in filter(None, node.input):
            if name not in found and name not in known:
                raise ModelError(
                    f"Node {place(node)!r} ({node.op_type}) takes the value {name!r}, which no "
                    "node, input or stored tensor gives. The file is incomplete: save the model "
                    "again with all of its weights."
                )
    _refuse_cycles(nodes, found)
    return found


def needed(nodes: Mapping[str, Any], target: str) -> list[Any]:
    """The nodes on which a value depends, each behind those it takes from."""
    order: list[Any] = []
    done, stack = set[int](), [(target, False)]
    while stack:
        name, ready = stack.pop()
        node = nodes.get(name)
        if node is None or id(node) in done:
            continue
        if ready:
            done.add(id(node))
            order.append(node)
        else:
            stack.append((name, True))
            stack += [(taken, False) for taken in node.input if taken]
    return order


def _refuse_cycles(nodes: Sequence[Any], found: Mapping[str, Any]) -> None:
    numbers = {id(node): i for i, node in enumerate(nodes)}
    graph = {
        i: {numbers[id(found[name])] for name in node.input if name in found}
        for i, node in enumerate(nodes)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(repr(place(nodes[i])) for i in error.args[1])
        raise ModelError(
            f"A model must be free of cycles, got {circle}. The file contradicts itself: save the "
            "model again."
        ) from error
