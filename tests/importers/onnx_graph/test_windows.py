"""Convolutions and pools of one and two dimensions, against onnxruntime."""

from typing import Any

import numpy as np
import onnx
import pytest

from explainrelu.errors import ModelError
from explainrelu.importers.from_onnx import from_onnx
from tests.importers.onnx_graph.onnx_files import file_of, gap_to_onnxruntime, node

GENERATOR = np.random.default_rng(2)
PICTURE, SIGNAL = ("N", 2, 7, 6), ("N", 2, 9)
SAME = [("SAME_UPPER", "upper"), ("SAME_LOWER", "lower"), ("VALID", "valid")]


def conv(shape: Any, kernel: tuple[int, ...], *, bias: bool = True, **attributes: Any) -> Any:
    weights = {"w": GENERATOR.normal(size=kernel), "b": GENERATOR.normal(size=kernel[0])}
    inputs = ["x", "w", "b"] if bias else ["x", "w"]
    return file_of([node("Conv", *inputs, **attributes)], shape, weights)


def pool(op: str, shape: Any = PICTURE, *, opset: int = 13, **attributes: Any) -> Any:
    return file_of([node(op, "x", **attributes)], shape, opset=opset)


FILES = {
    "Conv": conv(PICTURE, (3, 2, 3, 2)),
    "Conv without bias": conv(PICTURE, (3, 2, 1, 1), bias=False),
    "Conv strided": conv(PICTURE, (3, 2, 3, 3), strides=[2, 1], pads=[1, 0, 2, 1]),
    "Conv dilated": conv(PICTURE, (1, 2, 2, 3), dilations=[3, 2], kernel_shape=[2, 3]),
    "Conv grouped": conv(PICTURE, (4, 1, 2, 2), group=2),
    "Conv of a signal": conv(SIGNAL, (3, 2, 4), strides=[2], pads=[1, 2]),
    "MaxPool": pool("MaxPool", kernel_shape=[2, 2]),
    "MaxPool strided": pool("MaxPool", kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 1, 1]),
    "MaxPool up": pool("MaxPool", kernel_shape=[2, 4], strides=[2, 3], ceil_mode=1),
    "MaxPool dilated": pool("MaxPool", kernel_shape=[2, 2], dilations=[3, 2]),
    "MaxPool of a signal": pool("MaxPool", SIGNAL, kernel_shape=[3], strides=[2]),
    "AveragePool": pool("AveragePool", kernel_shape=[2, 3], strides=[2, 1]),
    "AveragePool padded": pool("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "AveragePool counted": pool(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "AveragePool up": pool("AveragePool", kernel_shape=[2, 4], strides=[2, 3], ceil_mode=1),
    "AveragePool up to a last window that is cut": pool(
        "AveragePool", kernel_shape=[3, 2], strides=[3, 2], ceil_mode=1
    ),
    "AveragePool up, padded and counted": pool(
        "AveragePool",
        kernel_shape=[3, 2],
        strides=[3, 2],
        pads=[0, 1, 1, 1],
        ceil_mode=1,
        count_include_pad=1,
        opset=19,
    ),
    "AveragePool of a signal": pool("AveragePool", SIGNAL, kernel_shape=[4]),
    "AveragePool dilated": pool("AveragePool", kernel_shape=[2, 2], dilations=[2, 1], opset=19),
    "GlobalAveragePool": pool("GlobalAveragePool"),
    "GlobalMaxPool": pool("GlobalMaxPool", SIGNAL),
    **{
        f"{op} {word} {stride}": pool(
            op, kernel_shape=[3, 2], strides=[stride, stride], auto_pad=auto
        )
        for op in ("MaxPool", "AveragePool")
        for auto, word in SAME
        for stride in (1, 2)
    },
    **{f"Conv {word}": conv(PICTURE, (2, 2, 4, 3), strides=[3, 2], auto_pad=a) for a, word in SAME},
}


@pytest.mark.parametrize("name", FILES)
def test_operator_computes_what_onnxruntime_computes(name: str) -> None:
    assert gap_to_onnxruntime(FILES[name], n_rows=3) <= 1e-6


def test_positions_of_a_max_pool_are_refused() -> None:
    pooled = onnx.helper.make_node(
        "MaxPool", ["x"], ["p", "i"], name="the MaxPool", kernel_shape=[2, 2]
    )
    cast = onnx.helper.make_node("Cast", ["i"], ["y"], name="the Cast", to=1)
    with pytest.raises(ModelError, match=r"'the Cast'.* takes 'i', a second output"):
        from_onnx(file_of([pooled, cast], PICTURE))


def test_kernel_shape_that_contradicts_the_weight_is_refused() -> None:
    with pytest.raises(ModelError, match="'the Conv'"):
        from_onnx(conv(PICTURE, (3, 2, 3, 2), kernel_shape=[2, 2]))
