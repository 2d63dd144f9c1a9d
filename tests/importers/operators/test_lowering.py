from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.operators.graph import Attribute, Graph, Node
from explainrelu.importers.operators.lowering import LINKS, OPERATORS, Chain, lower
from explainrelu.importers.operators.reductions import REDUCTIONS
from explainrelu.importers.operators.windows import WINDOWS
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema
from explainrelu.network.schema import InputSchema
from tests.oracles import evaluate_graph, forward_exact
from tests.strategies import SLOPES, graphs, points


def network_of(chain: Chain, n_inputs: int) -> ReluNetwork:
    return ReluNetwork(
        chain.layers,
        chain.output,
        InputSchema.numbered(n_inputs),
        OutputSchema.numbered(chain.output.bias.size),
    )


def lowered(*nodes: Node, n_inputs: int = 2, output: str = "y") -> ReluNetwork:
    return network_of(lower(Graph("x", (1, n_inputs), nodes, output)), n_inputs)


def node(op: str, *inputs: str, output: str = "y", **attributes: Attribute) -> Node:
    return Node(op, inputs, output, attributes)


@settings(max_examples=300)
@given(graphs(), st.data())
def test_the_chain_computes_the_graph_exactly_kinks_included(graph: Graph, data: st.DataObject):
    n_inputs = graph.input_shape[1]
    network = network_of(lower(graph), n_inputs)
    for point in data.draw(points(n_inputs, integer=True)):
        expected = evaluate_graph(graph, point).reshape(-1)
        assert np.array_equal(network.forward(point[None])[0], expected)
        assert forward_exact(network, point) == expected.tolist()


def test_every_operator_is_drawn_by_the_random_graphs():
    from tests.oracles import _LITERAL
    from tests.strategies import _OPERATORS

    # windows and reductions are held against torch, in their own tests
    assert set(_LITERAL) == set(OPERATORS) - set(WINDOWS) - set(REDUCTIONS)
    assert set(_LITERAL) - {"constant"} == set(_OPERATORS)


def test_every_operator_says_what_it_computes():
    assert all((function.__doc__ or "").strip() for function in OPERATORS.values())


def test_a_residual_block_carries_its_input():
    block = [
        Node.constant("w", np.ones((5, 2))),
        node("linear", "x", "w", output="z"),
        node("relu", "z", output="r"),
        Node.constant("v", np.ones((2, 5))),
        node("linear", "r", "v", output="u"),
        node("add", "x", "u"),
    ]
    network = lowered(*block)
    assert [layer.n_rectified for layer in network.layers] == [5]
    assert network.widths == (7,)


def test_a_value_added_to_itself_counts_twice():
    assert lowered(node("add", "x", "x"))([[1.0, -3.0]]).tolist() == [[2.0, -6.0]]


def test_two_rectifications_of_one_value_share_their_units():
    nodes = (node("relu", "x", output="a"), node("leaky_relu", "x", output="b", slope=0.5))
    assert lowered(*nodes, node("concat", "a", "b", axis=0)).n_neurons == 2


def test_a_relu_of_a_relu_adds_no_layer():
    assert lowered(node("relu", "x", output="a"), node("relu", "a")).widths == (2,)


@pytest.mark.parametrize(("slope", "widths"), [(0.0, (2,)), (1.0, ()), (0.25, (4,)), (-1.0, (4,))])
def test_a_leaky_relu_takes_only_the_units_its_slope_needs(slope: float, widths: tuple[int, ...]):
    network = lowered(node("leaky_relu", "x", slope=slope))
    assert network.widths == widths
    assert network([[-4.0, 4.0]]).tolist() == [[-4.0 * slope, 4.0]]


def test_a_slope_for_each_channel_takes_only_the_units_each_needs():
    slopes = Node.constant("s", np.array(SLOPES))
    network = lowered(slopes, node("prelu", "x", "s"), n_inputs=5)
    assert network.n_neurons == 4  # not the one of slope 1
    assert network.widths == (8,)  # nothing carried for the one of slope 0


def test_affine_operators_alone_make_no_layer():
    nodes = (Node.constant("c", [1.0, 2.0]), node("subtract", "c", "x"))
    network = lowered(*nodes)
    assert network.widths == ()
    assert network.output.weight.tolist() == [[-1.0, 0.0], [0.0, -1.0]]


def test_an_output_that_ignores_the_input_is_a_constant():
    network = lowered(Node.constant("c", [-1.0, 2.0]), node("relu", "c"))
    assert network([[5.0, 6.0]]).tolist() == [[0.0, 2.0]]


def test_operators_behind_which_nothing_stands_are_left_out():
    network = lowered(node("tanh", "x", output="unused"), node("relu", "x"))
    assert network.n_neurons == 2


@pytest.mark.parametrize("op", LINKS)
def test_a_link_at_the_end_is_cut_off(op: str):
    nodes = (node(op, "x", output="p", axis=-1), node("identity", "p"))
    chain = lower(Graph("x", (1, 2), nodes, "y"))
    assert chain.link is LINKS[op]
    assert chain.layers == ()
    assert chain.output.weight.tolist() == np.eye(2).tolist()


def test_without_a_link_it_is_the_identity():
    assert lower(Graph("x", (2,), (node("relu", "x"),), "y")).link is Link.identity


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("tanh", "x")], r"'y' \(tanh\) is not among the supported operators \(absolute, "),
        (
            [node("sigmoid", "x", output="p"), node("relu", "p")],
            r"'p' \(sigmoid\) stands inside the model",
        ),
        ([node("multiply", "x", "x")], "both depend on the input"),
        ([node("matmul", "x", "x")], "both depend on the input"),
        ([node("divide", "x", "x")], "both depend on the input"),
        (
            [node("reshape", "x", output="m", shape=(1, 2, 1)), node("softmax", "m", axis=2)],
            r"softmax must run over all scores .* axis 2 of the shape \(1, 2, 1\)",
        ),
    ],
)
def test_what_is_not_piecewise_linear_is_refused_by_name(nodes: list[Node], message: str):
    with pytest.raises(UnsupportedModelError, match=message):
        lowered(*nodes)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [Node.constant("w", np.ones((3, 4))), node("linear", "x", "w")],
            r"\(linear\) needs a weight .* got shape \(1, 2\) and \(3, 4\)",
        ),
        (
            [
                Node.constant("w", np.ones((3, 2))),
                Node.constant("b", [1.0]),
                node("linear", "x", "w", "b"),
            ],
            "one bias a row",
        ),
        ([Node.constant("c", np.ones(3)), node("add", "x", "c")], "shapes that broadcast"),
        ([Node.constant("c", np.zeros(2)), node("divide", "x", "c")], "must not divide by 0"),
        ([Node.constant("c", np.ones(3)), node("prelu", "x", "c")], "slopes that broadcast"),
        (
            [Node.constant("c", np.ones(3)), node("batch_norm", "x", *"cccc", epsilon=1.0)],
            "one number for each channel",
        ),
        (
            [Node.constant("c", -np.ones(2)), node("batch_norm", "x", *"cccc", epsilon=1.0)],
            r"variance \+ epsilon > 0",
        ),
        ([node("reshape", "x", shape=(3,))], r"2 values for the shape \(3,\)"),
        ([node("reshape", "x", shape=(-1, -1))], r"2 values for the shape \(-1, -1\)"),
        ([node("transpose", "x", axes=(0, 2))], "'axes' .* an axis among 2, got 2"),
        ([node("transpose", "x", axes=(1, 1))], r"'axes' .* different axes, got \(1, 1\)"),
        ([node("transpose", "x", axes=(1,))], "an order of all axes"),
        ([node("expand", "x", shape=(3,))], r"broadcasts to \(3,\)"),
        ([node("slice", "x", axes=(1,), starts=(5,), ends=(9,), steps=(1,))], "at least one"),
        ([node("slice", "x", axes=(1,), starts=(0,), ends=(9,), steps=(0,))], "other than 0"),
        ([node("gather", "x", axis=1, indices=np.array([2.0]))], "positions among 2"),
        ([node("gather", "x", axis=1, indices=np.array([0.5]))], "whole positions"),
        ([Node.constant("c", np.ones((3, 2))), node("matmul", "x", "c")], "multiplied as matrices"),
        ([Node.constant("c", [np.inf]), node("add", "x", "c")], "finite numbers only"),
        ([node("leaky_relu", "x")], "must have the attribute 'slope'"),
        ([node("relu", "x", "x")], r"was given 2 value\(s\), which does not fit: too many"),
        (
            [
                node("reshape", "x", output="m", shape=(2, 1)),
                node("concat", "x", "m", axis=0),
            ],
            "shapes that agree but for axis 0",
        ),
        (
            [Node.constant("s", 1.0), Node.constant("t", 2.0), node("concat", "s", "t", axis=0)],
            "at least one axis",
        ),
        ([replace(node("relu", "x"), shape=(1, 3))], r"shape \(1, 3\) that the model declares"),
        (
            [
                Node.constant("w", np.full((2, 2), 1e300)),
                node("linear", "x", "w", output="h"),
                node("linear", "h", "w"),
            ],
            "must compose to finite numbers",
        ),
    ],
)
def test_a_graph_that_contradicts_itself_is_refused(nodes: list[Node], message: str):
    with pytest.raises(ModelError, match=message):
        lowered(*nodes)


def test_the_shape_the_model_declares_is_accepted_where_it_holds():
    assert lowered(replace(node("relu", "x"), shape=(1, 2))).n_neurons == 2


def test_a_linear_along_the_last_of_two_axes_is_applied_to_each_row():
    nodes = (
        node("reshape", "x", output="m", shape=(2, 2)),
        Node.constant("w", [[1.0, 10.0]]),
        node("linear", "m", "w"),
    )
    assert lowered(*nodes, n_inputs=4)([[1.0, 2.0, 3.0, 4.0]]).tolist() == [[21.0, 43.0]]


def test_a_long_chain_of_doublings_is_lowered_at_once():
    names = ["x", *(f"d{i}" for i in range(60))]
    doublings = [node("add", a, a, output=b) for a, b in pairwise(names)]
    network = lowered(*doublings, node("relu", names[-1]))
    assert network([[1.0, -1.0]]).tolist() == [[2.0**60, 0.0]]


def test_what_cannot_be_negative_is_not_rectified_again():
    nodes = (
        node("relu", "x", output="r"),
        Node.constant("w", np.ones((3, 2))),
        node("linear", "r", "w", output="s"),
        node("relu", "s"),
    )
    assert lowered(*nodes).n_neurons == 2
