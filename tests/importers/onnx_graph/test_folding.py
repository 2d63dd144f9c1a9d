"""Constants in all their forms, and what is computed of them while reading."""

from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from explainrelu.errors import ModelError, SizeError, UnsupportedModelError
from explainrelu.importers.from_onnx import from_onnx
from tests.importers.onnx_graph.onnx_files import file_of, gap_to_onnxruntime, node, rows_for

SPARSE = helper.make_sparse_tensor(
    numpy_helper.from_array(np.array([3.0], np.float32), "v"),
    numpy_helper.from_array(np.array([1]), "i"),
    [3],
)


@pytest.mark.parametrize(
    "form",
    [
        {"value": numpy_helper.from_array(np.array([1.5, 2.0, -1.0], np.float32))},
        {"value_float": 0.25},
        {"value_floats": [1.0, 2.0, 3.0]},
        {"sparse_value": SPARSE},
    ],
)
def test_constant_in_each_of_its_forms(form: dict[str, Any]) -> None:
    model = file_of([node("Constant", to=["c"], **form), node("Add", "x", "c")])
    network = from_onnx(model)
    wanted = form.get("value_floats", form.get("value_float"))
    if "value" in form:
        wanted = numpy_helper.to_array(form["value"])
    if "sparse_value" in form:
        wanted = [0.0, 3.0, 0.0]
    np.testing.assert_array_equal(network([[0.0, 0.0, 0.0]])[0], np.broadcast_to(wanted, 3))


@pytest.mark.parametrize("op", ["Floor", "Ceil", "Round"])
def test_arithmetic_on_constants_is_that_of_the_file(op: str) -> None:
    # 0.7 * 10 is 7 in float32, in which the file computes, and less in float64
    product = helper.make_node("Mul", ["a", "b"], ["m"])
    nodes = [product, node(op, "m", to=["u"]), node("Mul", "x", "u")]
    weights = {"a": np.array([0.7, 1.1, 0.3]), "b": np.array([10.0])}
    model = file_of(nodes, weights=weights)
    assert gap_to_onnxruntime(model) == 0.0
    network = from_onnx(model, rows_for([3]))
    assert network.certificate.holds
    assert network.origin.dtype == "float32"


def test_whole_numbers_and_shapes_never_reach_the_network() -> None:
    nodes = [
        node("ConstantOfShape", "n", to=["zeros"]),
        node("Shape", "x", to=["s"]),
        node("Size", "x", to=["k"]),
        helper.make_node("Cast", ["k"], ["f"], to=1),
        node("Expand", "zeros", "s", to=["wide"]),
        node("Add", "wide", "f", to=["c"]),
        node("Sub", "x", "c"),
    ]
    assert gap_to_onnxruntime(file_of(nodes, (1, 3), {"n": np.array([1])})) == 0.0


def test_constant_without_a_value_is_refused() -> None:
    with pytest.raises(ModelError, match=r"'the Constant' \(Constant\) must hold one value, got 0"):
        from_onnx(file_of([node("Constant", to=["c"]), node("Add", "x", "c")]))


def test_constant_that_would_not_fit_in_memory_is_refused() -> None:
    nodes = [node("ConstantOfShape", "n", to=["c"]), node("Add", "x", "c")]
    with pytest.raises(SizeError, match="'the ConstantOfShape'"):
        from_onnx(file_of(nodes, weights={"n": np.array([10**6, 10**6])}))


def test_random_numbers_are_refused() -> None:
    nodes = [node("RandomNormalLike", "a", to=["c"]), node("Add", "x", "c")]
    with pytest.raises(UnsupportedModelError, match=r"'the RandomNormalLike'.*draws random"):
        from_onnx(file_of(nodes, weights={"a": np.ones(3)}))


def test_text_in_a_network_is_refused() -> None:
    nodes = [node("Constant", to=["c"], value_strings=["a", "b"]), node("Concat", "x", "c", axis=1)]
    with pytest.raises(ModelError, match=r"must be numbers, got text|does not fit"):
        from_onnx(file_of(nodes))


def test_constants_that_do_not_fit_each_other_are_refused() -> None:
    nodes = [node("MatMul", "a", "b", to=["c"]), node("Add", "x", "c")]
    model = file_of(nodes, weights={"a": np.ones((2, 3)), "b": np.ones((2, 3))})
    with pytest.raises(ModelError, match=r"'the MatMul' \(MatMul\) cannot be computed"):
        from_onnx(model)
