import numpy as np
import pytest

from explainrelu.errors import ModelError
from explainrelu.importers.operators.graph import Attribute, Graph, Node


def node(op: str, inputs: str, output: str, **attributes: Attribute) -> Node:
    return Node(op, tuple(inputs), output, attributes, where=f"block.{output}")


def test_nodes_are_put_into_an_order_that_can_be_run():
    graph = Graph("x", (1,), (node("relu", "a", "y"), node("identity", "x", "a")), "y")
    assert [n.output for n in graph.nodes] == ["a", "y"]


def test_only_what_a_value_depends_on_is_needed_for_it():
    nodes = (node("relu", "x", "a"), node("relu", "x", "b"), node("add", "aa", "y"))
    assert [n.output for n in Graph("x", (1,), nodes, "y").needed("y")] == ["a", "y"]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("add", "xb", "a"), ("relu", "a", "b")], r"free of cycles, got .*'block.a' \(add\)"),
        ([("relu", "q", "a")], r"'block.a' \(relu\) takes the value 'q', which no node gives"),
        ([("relu", "x", "a"), ("relu", "x", "a")], r"'block.a' \(relu\) gives 'a' again"),
        ([("relu", "x", "x")], "gives 'x' again"),
    ],
)
def test_a_graph_that_cannot_be_run_is_refused(nodes: list[tuple[str, str, str]], message: str):
    with pytest.raises(ModelError, match=message):
        Graph("x", (1,), tuple(node(*parts) for parts in nodes), "a")


def test_an_output_that_nothing_gives_is_refused():
    with pytest.raises(ModelError, match="'y' must be given by a node"):
        Graph("x", (1,), (), "y")


def test_an_input_without_values_is_refused():
    with pytest.raises(ModelError, match=r"sizes of at least 1, got \(0,\)"):
        Graph("x", (0,), (), "x")


def test_constants_are_copied_and_read_only():
    source = np.array([1.0, 2.0])
    constant = Node.constant("c", source)
    source[0] = 5.0
    assert constant.array("value").tolist() == [1.0, 2.0]
    assert not constant.array("value").flags.writeable


def test_a_node_is_named_by_where_it_stands_in_the_model():
    assert node("relu", "x", "a").label == "'block.a' (relu)"
    assert Node("relu", ("x",), "a").label == "'a' (relu)"


def test_attributes_are_read_by_kind():
    one = node("op", "x", "y", shape=(2, -1), slope=1, axis=-1)
    assert one.integers("shape") == (2, -1)
    assert one.number("slope") == 1.0
    assert one.axis("axis", 3) == 2


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda n: n.number("slope"), "'slope' .* must be a finite number, got nan"),
        (lambda n: n.number("shape"), "'shape' .* must be a finite number"),
        (lambda n: n.array("slope"), "'slope' .* must be an array, got nan"),
        (lambda n: n.integers("slope"), "must be a tuple of integers"),
        (lambda n: n.axis("axis", 2), "'axis' .* must be an axis among 2, got 2"),
        (lambda n: n.number("eps"), "must have the attribute 'eps', got none"),
    ],
)
def test_an_attribute_of_another_kind_is_refused(read, message: str):
    with pytest.raises(ModelError, match=message):
        read(node("op", "x", "y", slope=float("nan"), shape=(1,), axis=2))
