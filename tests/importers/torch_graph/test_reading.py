import numpy as np
import pytest
import torch

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.torch_graph.aten import ATEN
from explainrelu.importers.torch_graph.calls import Call, Constant, Program, Reference, Tensor
from explainrelu.importers.torch_graph.folding import CREATED, FOLDED, in_format
from explainrelu.importers.torch_graph.places import place_of
from explainrelu.importers.torch_graph.reading import graph_of, unread
from explainrelu.importers.torch_graph.refusals import refusal

X = Tensor("x", (1, 2), "float64")


def call(target: str, given: str = "y", shape: tuple[int, ...] = (1, 2), **more: object) -> Call:
    arguments = {"x": Reference("x"), **more}
    return Call(target, arguments, (Tensor(given, shape, "float64"),), "block.1 (line 3 of net.py)")


@pytest.mark.parametrize("name", sorted({*ATEN, *CREATED, *FOLDED}))
def test_every_operator_in_the_tables_is_one_of_pytorch(name: str):
    # a call of the module's own tensor method is an operator of PyTorch by the same name
    made_by_export = {"__and__", "__or__", "__xor__", "mT", "double", "float"}
    assert name in made_by_export or hasattr(torch.ops.aten, name)


@pytest.mark.parametrize("name", ATEN)
def test_every_operator_has_a_row_for_the_table_in_the_documentation(name: str):
    first = (ATEN[name].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) < 100


def test_calls_that_the_output_does_not_need_are_not_read():
    program = Program(X, {}, (call("tanh.default", "z"), call("relu.default")), "y")
    assert [node.op for node in graph_of(program).nodes] == ["relu"]
    assert unread(program) == ()


def test_an_operator_in_no_table_is_found_and_named():
    program = Program(X, {}, (call("upside_down.default"),), "y")
    assert [found.name for found in unread(program)] == ["upside_down"]
    with pytest.raises(UnsupportedModelError, match=r"^block\.1 \(line 3.* upside_down\.default"):
        graph_of(program)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gelu", "is not piecewise linear"), ("lstm", "is recurrent"), ("randn", "is random")],
)
def test_a_refusal_says_why_where_that_is_known(name: str, reason: str):
    assert reason in str(refusal(call(f"{name}.default")))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (call("relu.default", x=Reference("lost")), "'lost', which no call gives"),
        (call("relu.default", sharpness=2), r"cannot be read \(sharpness\)"),
        (call("leaky_relu.default", negative_slope="steep"), "contradicts itself"),
        (call("transpose.int", dim0=0, dim1=7), "contradicts itself"),
        (call("repeat.default", repeats=(1, 10**12)), "contradicts itself"),
    ],
)
def test_a_call_that_does_not_fit_is_named(broken: Call, message: str):
    with pytest.raises(ModelError, match=message):
        graph_of(Program(X, {}, (broken,), "y"))


def test_constants_keep_their_own_format_until_they_meet_the_input():
    calls = (
        Call(
            "div.Tensor",
            {"x": Reference("c"), "other": 10},
            (Tensor("d", (2,), "float32"),),
            "here",
        ),
        call("add.Tensor", other=Reference("d")),
    )
    program = Program(X, {"c": Constant(np.array([1, 3]), "net.c")}, calls, "y")
    (constant, _) = graph_of(program).nodes
    assert np.array_equal(constant.array("value"), np.float32([0.1, 0.3]).astype(np.float64))


def test_what_a_program_goes_through_says_its_precision():
    half = Call("to.dtype", {"x": Reference("x")}, (Tensor("h", (1, 2), "float16"),), "here")
    assert Program(X, {}, (half, call("relu.default", x=Reference("h"))), "y").coarsest == "float16"
    assert Program(X, {}, (half, call("relu.default")), "y").coarsest == "float64"


def test_numbers_of_an_unknown_format_are_refused():
    with pytest.raises(UnsupportedModelError, match="got complex64"):
        in_format(np.ones(2), "complex64")


@pytest.mark.parametrize(
    ("path", "trace", "place"),
    [
        ("", "", "the module"),
        ("a.0", 'File "/x/site-packages/torch/nn/conv.py", line 5, in f', "a.0"),
        ("", 'File "C:\\net.py", line 7, in f', "the module (line 7 of net.py)"),
        (
            "a",
            'File "/x/net.py", line 7, in f\nFile "/x/site-packages/torch/nn/c.py", line 5, in g',
            "a (line 7 of net.py)",
        ),
    ],
)
def test_places_name_the_innermost_line_outside_pytorch(path: str, trace: str, place: str):
    assert place_of(path, trace) == place
