"""Each operator that moves numbers or reduces axes, against onnxruntime."""

from typing import Any

import numpy as np
import onnx
import pytest

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.from_onnx import from_onnx
from tests.importers.onnx_graph.onnx_files import file_of, gap_to_onnxruntime, node

BOX = ("N", 2, 3, 4)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def with_ints(op: str, *arrays: Any, shape: Any = BOX, opset: int = 13, **attributes: Any) -> Any:
    """A file of one operator whose further inputs are integers; None leaves one out."""
    names = ["" if array is None else f"i{k}" for k, array in enumerate(arrays)]
    weights = {n: array for n, array in zip(names, arrays, strict=True) if n}
    return file_of([node(op, "x", *names, **attributes)], shape, weights, opset=opset)


FILES = {
    "Reshape": with_ints("Reshape", ints(0, -1, 2)),
    "Reshape of all": with_ints("Reshape", ints(4, 3, 2), shape=(2, 3, 4)),
    "Flatten": with_ints("Flatten"),
    "Flatten from 2": with_ints("Flatten", axis=2, shape=(1, 2, 3)),
    "Flatten from 0": with_ints("Flatten", axis=0, shape=(2, 3)),
    "Squeeze 11": with_ints("Squeeze", axes=[2], shape=("N", 2, 1), opset=11),
    "Squeeze": with_ints("Squeeze", ints(-1), shape=("N", 2, 1)),
    "Unsqueeze 11": with_ints("Unsqueeze", axes=[0, 3], shape=("N", 2), opset=11),
    "Unsqueeze": with_ints("Unsqueeze", ints(1)),
    "Transpose": with_ints("Transpose", perm=[0, 3, 1, 2]),
    "Transpose all": with_ints("Transpose", shape=(2, 3, 4)),
    "Expand": with_ints("Expand", ints(1, 2, 1), shape=("N", 1, 4)),
    "Slice 9": with_ints("Slice", axes=[2, -1], starts=[1, 0], ends=[99, -1], opset=9),
    "Slice 9, no axes": with_ints("Slice", starts=[0, 1], ends=[9, 2], shape=(2, 3), opset=9),
    "Slice": with_ints("Slice", ints(0, -1), ints(2, -99), ints(2, 3), ints(1, -2)),
    "Slice to the least": with_ints("Slice", ints(-1), ints(-(2**63)), ints(3), ints(-1)),
    "Slice from before the least": with_ints(
        "Slice", ints(-100), ints(-(2**63)), ints(3), ints(-1)
    ),
    "Gather": with_ints("Gather", np.array([[2, 0], [-1, 1]]), axis=2),
    "Gather one": with_ints("Gather", np.array(1), axis=-1),
    "Pad 9": with_ints("Pad", pads=[0, 0, 1, 0, 0, 1, 0, 2], value=1.5, opset=9),
    "Pad cropping": with_ints("Pad", ints(0, 0, 1, -1, 0, 0, 0, 2)),
    "Pad some axes": with_ints("Pad", ints(1, 2), None, ints(-1), opset=18),
    **{
        f"{op} 11 {keep}": with_ints(op, axes=[-1, 1], keepdims=keep, opset=11)
        for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")
        for keep in (0, 1)
    },
    "ReduceMean": with_ints("ReduceMean", ints(2), opset=18),
    "ReduceSum": with_ints("ReduceSum", ints(1, 3), keepdims=0),
    "ReduceMax of all": with_ints("ReduceMax", shape=(2, 3), opset=18),
    "ReduceSum of none": with_ints("ReduceSum", ints(), noop_with_empty_axes=1),
    "ReduceMin": with_ints("ReduceMin", ints(-1), opset=18),
    "Shape": file_of(
        [
            node("Shape", "x", to=["s"]),
            node("Gather", "s", "zero", to=["n"]),
            node("Concat", "n", "rest", to=["t"], axis=0),
            node("Reshape", "x", "t"),
        ],
        BOX,
        {"zero": ints(0), "rest": ints(-1)},
    ),
    "Concat": file_of(
        [node("Neg", "x", to=["n"]), node("Concat", "x", "c", "n", axis=-1)],
        (1, 2, 3),
        {"c": np.ones((1, 2, 1))},
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_operator_computes_what_onnxruntime_computes(name: str) -> None:
    assert gap_to_onnxruntime(FILES[name]) <= 1e-6


@pytest.mark.parametrize(
    ("opset", "sizes", "attributes"),
    [
        (11, None, {"split": [1, 3]}),
        (13, ints(3, 1), {}),
        (13, None, {}),
        (18, None, {"num_outputs": 2}),
    ],
)
def test_split_gives_every_part(opset: int, sizes: Any, attributes: Any) -> None:
    taken = ["x"] if sizes is None else ["x", "sizes"]
    split = onnx.helper.make_node("Split", taken, ["a", "b"], axis=3, **attributes)
    joined = [node("ReduceMax", "a", to=["c"], axes=[3]), node("Sub", "b", "c")]
    weights = {} if sizes is None else {"sizes": sizes}
    opset_joined = joined if opset < 18 else [node("Sub", "b", "a")]
    assert gap_to_onnxruntime(file_of([split, *opset_joined], BOX, weights, opset=opset)) <= 1e-6


def test_padding_by_reflection_is_refused() -> None:
    model = with_ints("Pad", ints(0, 1, 0, 1), shape=("N", 3), mode="reflect")
    with pytest.raises(UnsupportedModelError, match=r"'the Pad'.* got mode='reflect'"):
        from_onnx(model)


def test_positions_that_depend_on_the_input_are_refused() -> None:
    nodes = [node("ArgMax", "x", to=["i"], axis=1), node("Gather", "x", "i", axis=1)]
    with pytest.raises(UnsupportedModelError, match="'the ArgMax' is ArgMax, which jumps"):
        from_onnx(file_of(nodes))


def test_reshape_to_another_number_of_values_is_refused() -> None:
    with pytest.raises(ModelError, match=r"'the Reshape' .*contradicts itself"):
        from_onnx(with_ints("Reshape", ints(5, 5)))


def test_empty_part_of_a_split_adds_nothing() -> None:
    split = onnx.helper.make_node("Split", ["x", "sizes"], ["a", "b"], axis=1)
    model = file_of([split, node("Concat", "b", "a", axis=1)], weights={"sizes": ints(0, 3)})
    assert gap_to_onnxruntime(model) == 0.0
