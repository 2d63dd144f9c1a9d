"""Each operator that works value by value, against onnxruntime."""

from typing import Any

import numpy as np
import onnx
import pytest

from explainrelu.errors import TrainingModeError, UnsupportedModelError
from explainrelu.importers.from_onnx import from_onnx
from tests.importers.onnx_graph.onnx_files import file_of, gap_to_onnxruntime, node

ROW = {"c": [0.5, -2.0, 4.0], "d": [[1.0], [-3.0]], "two": 2.0}

CASES: dict[str, tuple[Any, ...]] = {
    "Add": ([node("Add", "x", "c")],),
    "Add of itself": ([node("Add", "x", "x")],),
    "Add broadcast": ([node("Add", "d", "x")], (1, 3)),
    "Sub": ([node("Sub", "c", "x")],),
    "Mul": ([node("Mul", "x", "c")],),
    "Div": ([node("Div", "x", "c")],),
    "Neg": ([node("Neg", "x")],),
    "Abs": ([node("Abs", "x")],),
    "Relu": ([node("Relu", "x")],),
    "Sum": ([node("Sum", "x", "c", "x")],),
    "Sum of one": ([node("Sum", "x")],),
    "Mean": ([node("Mean", "x", "c", "two")],),
    "Max": ([node("Max", "x", "c", "two")],),
    "Max of activations": (
        [node("Neg", "x", to=["n"]), node("Mul", "x", "two", to=["m"]), node("Max", "n", "m", "x")],
    ),
    "Min": ([node("Neg", "x", to=["n"]), node("Min", "n", "x", "c")],),
    "LeakyRelu": ([node("LeakyRelu", "x")],),
    "LeakyRelu negative": ([node("LeakyRelu", "x", alpha=-0.7)],),
    "PRelu": ([node("PRelu", "x", "c")],),
    "HardSigmoid": ([node("HardSigmoid", "x")],),
    "HardSigmoid steep": ([node("HardSigmoid", "x", alpha=1.5, beta=-0.25)],),
    "Identity": ([node("Identity", "x")],),
    "Clip": ([node("Clip", "x", "low", "two")], ("N", 3), {"low": -0.75, "two": 2.0}),
    "Clip below": ([node("Clip", "x", "low")], ("N", 3), {"low": -0.75}),
    "Clip above": ([node("Clip", "x", "", "two")],),
    "Cast": (
        [
            onnx.helper.make_node("Cast", ["x"], ["e"], to=11),
            onnx.helper.make_node("Cast", ["e"], ["y"], to=1),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_operator_computes_what_onnxruntime_computes(name: str) -> None:
    nodes, *rest = CASES[name]
    shape, weights = (*rest, *(("N", 3), ROW)[len(rest) :])
    assert gap_to_onnxruntime(file_of(nodes, shape, weights)) <= 1e-6


@pytest.mark.parametrize("opset", [7, 9])
def test_clip_of_old_opsets_has_its_bounds_as_attributes(opset: int) -> None:
    model = file_of([node("Clip", "x", min=-1.0, max=0.5)], opset=opset)
    assert gap_to_onnxruntime(model) <= 1e-6


def test_prelu_has_one_slope_a_channel() -> None:
    weights = {"slope": np.array([-0.5, 0.0, 2.0]).reshape(3, 1, 1)}
    assert gap_to_onnxruntime(file_of([node("PRelu", "x", "slope")], ("N", 3, 2, 2), weights)) == 0


def test_dropout_of_a_trained_model_changes_nothing() -> None:
    model = file_of([node("Dropout", "x", "p")], weights={"p": 0.5})
    assert gap_to_onnxruntime(model) == 0.0


def test_dropout_in_training_mode_is_refused() -> None:
    model = file_of([node("Dropout", "x", "p", "t")], weights={"p": 0.5, "t": np.array(True)})
    with pytest.raises(TrainingModeError, match=r"'the Dropout'.* must be in evaluation mode"):
        from_onnx(model)


def test_rounding_a_value_to_whole_numbers_is_refused() -> None:
    model = file_of([onnx.helper.make_node("Cast", ["x"], ["y"], name="round", to=7)])
    with pytest.raises(UnsupportedModelError, match=r"'round' \(Cast\) .* into INT64, which jumps"):
        from_onnx(model)


def test_product_of_two_activations_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match=r"'the Mul'.* both depend on the input"):
        from_onnx(file_of([node("Mul", "x", "x")]))


def test_bounds_that_depend_on_the_input_are_refused() -> None:
    nodes = [node("ReduceSum", "x", to=["low"], keepdims=0), node("Clip", "x", "low")]
    with pytest.raises(UnsupportedModelError, match=r"'the Clip'.* must have a constant min"):
        from_onnx(file_of(nodes))
