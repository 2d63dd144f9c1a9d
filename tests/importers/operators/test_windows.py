from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.operators.graph import Graph, Node
from explainrelu.importers.operators.lowering import Chain, lower
from explainrelu.importers.operators.values import InputVector, Value, constant
from explainrelu.importers.operators.windows import WINDOWS
from tests.importers.operators.running import lowered, preactivations, run, widths

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
ADAPTIVE_AVERAGE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}

ONE = {"strides": (1,), "before": (0,), "after": (0,)}


@st.composite
def pictures(draw: st.DrawFn, *, channels: int | None = None, max_size: int = 7) -> np.ndarray:
    """``(1, channels, *spatial)`` of small integers with many ties, one to three spatial axes."""
    n_axes = draw(st.integers(1, 3))
    top = {1: 2 * max_size, 2: max_size, 3: 4}[n_axes]
    sizes = draw(st.lists(st.integers(1, top), min_size=n_axes, max_size=n_axes))
    n_channels = draw(st.integers(1, 3)) if channels is None else channels
    return integers(draw, (1, n_channels, *sizes))


def integers(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return generator.integers(-4, 5, shape).astype(np.float64)


def sizes_of(draw: st.DrawFn, n_axes: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(low, high), min_size=n_axes, max_size=n_axes)))


def spans(sizes: tuple[int, ...], kernel: tuple[int, ...], dilation: tuple[int, ...]) -> bool:
    """Whether a window fits in, padding included."""
    return all(n > d * (k - 1) for n, k, d in zip(sizes, kernel, dilation, strict=True))


def torch_of(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float64)


# ------------------------------------------------------------------------------------------
# Convolution.


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_convolution_is_that_of_torch_exactly(data: st.DataObject):
    draw = data.draw
    groups, per_group = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    x = draw(pictures(channels=groups * per_group))
    n_axes = x.ndim - 2
    kernel, strides = sizes_of(draw, n_axes, 1, 3), sizes_of(draw, n_axes, 1, 3)
    dilations, pads = sizes_of(draw, n_axes, 1, 2), sizes_of(draw, n_axes, 0, 2)
    padded = tuple(n + 2 * p for n, p in zip(x.shape[2:], pads, strict=True))
    assume(spans(padded, kernel, dilations))
    n_out = groups * draw(st.integers(1, 2))
    weight = integers(draw, (n_out, per_group, *kernel))
    bias = [integers(draw, (n_out,))] if draw(st.booleans()) else []
    expected = CONV[n_axes](
        *map(torch_of, (x, weight)),
        *(map(torch_of, bias) if bias else [None]),
        strides,
        pads,
        dilations,
        groups,
    ).numpy()
    attributes = {"strides": strides, "before": pads, "after": pads, "dilations": dilations}
    found = run("conv", x, weight, *bias, shape=expected.shape, groups=groups, **attributes)
    assert np.array_equal(found, expected.reshape(-1))


def test_a_convolution_pads_each_side_by_its_own():
    x, weight = np.arange(1.0, 13.0).reshape(1, 1, 3, 4), np.ones((1, 1, 2, 2))
    expected = F.conv2d(F.pad(torch_of(x), (0, 3, 2, 1)), torch_of(weight)).numpy()
    found = run(
        "conv", x, weight, shape=expected.shape, strides=(1, 1), before=(2, 0), after=(1, 3)
    )
    assert np.array_equal(found, expected.reshape(-1))


def test_a_convolution_takes_several_rows_each_by_itself():
    x = np.random.default_rng(0).integers(-3, 4, (3, 2, 5)).astype(np.float64)
    weight, bias = np.arange(12.0).reshape(2, 2, 3), np.array([1.0, -1.0])
    expected = F.conv1d(*map(torch_of, (x, weight, bias))).numpy()
    assert np.array_equal(
        run("conv", x, weight, bias, shape=expected.shape, **ONE), expected.reshape(-1)
    )


def test_a_convolution_makes_no_layer():
    chain = lowered("conv", (1, 1, 4), np.ones((1, 1, 2)), **ONE)
    assert chain.layers == ()


# ------------------------------------------------------------------------------------------
# Pooling.


@st.composite
def pools(draw: st.DrawFn, *, dilated: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """A picture and the attributes of a pool over it that torch accepts."""
    x = draw(pictures())
    n_axes = x.ndim - 2
    kernel, strides = sizes_of(draw, n_axes, 1, 5), sizes_of(draw, n_axes, 1, 4)
    pads = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    padded = tuple(n + 2 * p for n, p in zip(x.shape[2:], pads, strict=True))
    dilations = sizes_of(draw, n_axes, 1, 2) if dilated else (1,) * n_axes
    assume(spans(padded, kernel, dilations))
    attributes = {"kernel": kernel, "strides": strides, "before": pads, "after": pads}
    attributes |= {"dilations": dilations} if dilated else {}
    return x, {**attributes, "ceil": draw(st.integers(0, 1))}


@settings(max_examples=300, deadline=None)
@given(pools(dilated=True), st.sampled_from([None, "relu"]))
def test_a_max_pool_is_that_of_torch_exactly(
    drawn: tuple[np.ndarray, dict[str, Any]], behind: str | None
):
    x, a = drawn
    taken = torch_of(x) if behind is None else torch.relu(torch_of(x))
    n_axes = x.ndim - 2
    expected = MAX_POOL[n_axes](
        taken, a["kernel"], a["strides"], a["before"], a["dilations"], bool(a["ceil"])
    ).numpy()
    # with dilation a window of torch may lie in the padding alone: it has no largest number
    assume(np.isfinite(expected).all())
    found = run("max_pool", x, shape=expected.shape, behind=behind, **a)
    assert np.array_equal(found, expected.reshape(-1))


@settings(max_examples=200, deadline=None)
@given(pools(dilated=False), st.integers(0, 1), st.sampled_from([None, 3, -2]))
def test_an_average_pool_is_that_of_torch(
    drawn: tuple[np.ndarray, dict[str, Any]], count_pad: int, divisor: int | None
):
    x, a = drawn
    n_axes = x.ndim - 2
    # along three axes torch asks for more than a window that fits in with its padding
    assume(n_axes < 3 or spans(x.shape[2:], a["kernel"], (1, 1, 1)))
    options = [] if n_axes == 1 else [divisor]
    expected = AVERAGE_POOL[n_axes](
        torch_of(x),
        a["kernel"],
        a["strides"],
        a["before"],
        bool(a["ceil"]),
        bool(count_pad),
        *options,
    ).numpy()
    if divisor is not None and n_axes > 1:
        a = {**a, "divisor": float(divisor)}
    found = run("average_pool", x, shape=expected.shape, count_pad=count_pad, **a)
    assert np.allclose(found, expected.reshape(-1), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad"), [(2, 3, 2, 0), (3, 5, 2, 1), (2, 5, 4, 1)]
)
def test_rounding_up_a_window_larger_than_the_padded_input_is_one_window_as_in_torch(
    size: int, kernel: int, stride: int, pad: int
):
    x, pads = np.arange(1.0, size + 1.0)[None, None], {"before": (pad,), "after": (pad,)}
    ours = {"kernel": (kernel,), "strides": (stride,), "ceil": 1, **pads}
    expected = F.max_pool1d(torch_of(x), kernel, stride, pad, ceil_mode=True).numpy()
    assert run("max_pool", x, shape=(1, 1, 1), **ours).tolist() == expected[0, 0].tolist()
    expected = F.avg_pool1d(torch_of(x), kernel, stride, pad, True).numpy()
    found = run("average_pool", x, shape=(1, 1, 1), count_pad=1, **ours)
    assert np.allclose(found, expected.reshape(-1), rtol=1e-14)


def onnx_output(op: str, x: np.ndarray, **attributes: Any) -> np.ndarray:
    """What onnxruntime computes, in float32."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, ["x"], ["y"], **attributes)],
        "pool",
        [value("x", onnx.TensorProto.FLOAT, x.shape)],
        [value("y", onnx.TensorProto.FLOAT, None)],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 22)], ir_version=10
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(None, {"x": x.astype(np.float32)})[0])


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize(
    ("before", "after"), [((0, 0), (0, 0)), ((1, 0), (0, 1)), ((1, 1), (1, 1))]
)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 2)])
def test_pools_of_onnx_with_pads_on_one_side(strides: Any, before: Any, after: Any, ceil: int):
    x = np.random.default_rng(1).integers(-4, 5, (1, 2, 5, 6)).astype(np.float64)
    named = {"kernel_shape": (3, 3), "strides": strides, "pads": (*before, *after)}
    ours = {"kernel": (3, 3), "strides": strides, "before": before, "after": after, "ceil": ceil}
    expected = onnx_output("MaxPool", x, ceil_mode=ceil, **named)
    assert np.array_equal(run("max_pool", x, shape=expected.shape, **ours), expected.reshape(-1))
    for count_pad in (0, 1):
        expected = onnx_output(
            "AveragePool", x, ceil_mode=ceil, count_include_pad=count_pad, **named
        )
        found = run("average_pool", x, shape=expected.shape, count_pad=count_pad, **ours)
        assert np.allclose(found, expected.reshape(-1), atol=1e-6)


def test_a_dilated_average_pool_is_that_of_onnx():
    x = np.random.default_rng(2).integers(-4, 5, (1, 1, 9)).astype(np.float64)
    named = {"kernel_shape": (3,), "strides": (2,), "pads": (1, 1), "dilations": (2,)}
    expected = onnx_output("AveragePool", x, **named)
    ours = {"kernel": (3,), "strides": (2,), "before": (1,), "after": (1,), "dilations": (2,)}
    found = run("average_pool", x, shape=expected.shape, **ours)
    assert np.allclose(found, expected.reshape(-1), atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(pictures(), st.data())
def test_adaptive_pools_are_those_of_torch(x: np.ndarray, data: st.DataObject):
    n_axes = x.ndim - 2
    size = tuple(data.draw(st.integers(1, n + 2)) for n in x.shape[2:])
    expected = ADAPTIVE_MAX[n_axes](torch_of(x), size).numpy()
    found = run("adaptive_max_pool", x, shape=expected.shape, size=size)
    assert np.array_equal(found, expected.reshape(-1))
    expected = ADAPTIVE_AVERAGE[n_axes](torch_of(x), size).numpy()
    found = run("adaptive_average_pool", x, shape=expected.shape, size=size)
    assert np.allclose(found, expected.reshape(-1), rtol=1e-14, atol=1e-14)


# ------------------------------------------------------------------------------------------
# What is refused.


def conv(x: tuple[int, ...], weight: tuple[int, ...], *bias: np.ndarray, **changed: Any) -> Any:
    n_axes = len(weight) - 2
    plain = {"strides": (1,) * n_axes, "before": (0,) * n_axes, "after": (0,) * n_axes}
    return lowered("conv", x, np.ones(weight), *bias, **{**plain, **changed})


@pytest.mark.parametrize(
    ("x", "weight", "changed", "message"),
    [
        ((1, 2), (3, 2), {}, r"\(n_out, n_in, \*kernel\) .* got shape \(3, 2\) and \(1, 2\)"),
        ((1, 2, 5), (3, 2, 2, 2), {}, r"needs a weight \(n_out, n_in, \*kernel\)"),
        ((1, 2, 5), (3, 3, 2), {}, r"3 channels for each of 1 group\(s\)"),
        ((1, 4, 5), (3, 2, 2), {"groups": 2}, r"2 channels for each of 2 group\(s\)"),
        ((1, 2, 5), (3, 2, 2), {"groups": 0}, r"each of 0 group\(s\)"),
        ((1, 2, 5), (3, 2, 2), {"strides": (1, 1)}, "1 spatial axes, with a kernel, a stride"),
        ((1, 2, 5), (3, 2, 2), {"strides": (0,)}, "strides and dilations of at least 1"),
        ((1, 2, 5), (3, 2, 2), {"after": (-1,)}, "pads of at least 0"),
        ((1, 2, 5), (3, 2, 6), {}, r"an input that a window of \(6,\) fits in"),
        ((1, 2, 5), (3, 2, 3), {"dilations": (3,)}, "an input that a window"),
    ],
)
def test_a_convolution_that_does_not_fit_is_refused(
    x: tuple[int, ...], weight: tuple[int, ...], changed: dict[str, Any], message: str
):
    with pytest.raises(ModelError, match=message):
        conv(x, weight, **changed)


def test_a_convolution_needs_one_bias_a_channel():
    with pytest.raises(
        ModelError, match=r"one bias a channel of the output, \(3,\), got .* \(2,\)"
    ):
        conv((1, 2, 5), (3, 2, 2), np.ones(2))


def test_a_convolution_by_weights_that_depend_on_the_input_is_refused():
    node = Node("conv", ("x", "x"), "y", {**ONE, "dilations": (1,), "groups": 1})
    with pytest.raises(UnsupportedModelError, match="both depend on the input"):
        lower(Graph("x", (1, 1, 3), (node,), "y"))


@pytest.mark.parametrize("op", ["max_pool", "average_pool"])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"before": (3,)}, "windows that each cover a number, not padding alone"),
        ({"kernel": (7,)}, r"an input that a window of \(7,\) fits in"),
        ({"kernel": ()}, "0 spatial axes"),
        ({"kernel": (0,)}, "kernels, strides and dilations of at least 1"),
        ({"kernel": 2}, "'kernel' .* must be a tuple of integers, got 2"),
    ],
)
def test_a_pool_that_does_not_fit_is_refused(op: str, changed: dict[str, Any], message: str):
    with pytest.raises(ModelError, match=message):
        lowered(op, (1, 2, 5), **{**ONE, "kernel": (2,), **changed})


def test_padding_alone_is_a_mean_of_zero_where_padding_counts():
    found = run(
        "average_pool", np.ones((1, 1, 2)), **{**ONE, "kernel": (1,), "before": (1,)}, count_pad=1
    )
    assert found.tolist() == [0.0, 1.0, 1.0]


def test_a_divisor_of_zero_is_refused():
    with pytest.raises(ModelError, match="must not divide by 0, got the divisor 0"):
        lowered("average_pool", (1, 1, 5), kernel=(2,), divisor=0.0, **ONE)


@pytest.mark.parametrize("op", ["adaptive_max_pool", "adaptive_average_pool"])
@pytest.mark.parametrize(("shape", "size"), [((1, 1, 5), (2, 2)), ((1, 1, 5), (0,)), ((1, 1), ())])
def test_an_adaptive_pool_needs_a_size_for_each_axis(op: str, shape: Any, size: Any):
    with pytest.raises(ModelError, match="spatial axes for the sizes"):
        lowered(op, shape, size=size)


# ------------------------------------------------------------------------------------------
# What a max pool costs, in rectified and carried units for each layer.


def square_pool(size: int, kernel: int, stride: int, **options: Any) -> Chain:
    attributes = {"kernel": (kernel,) * 2, "strides": (stride,) * 2, "before": (0, 0)}
    return lowered("max_pool", (1, 1, size, size), after=(0, 0), **attributes, **options)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "cost"),
    [
        (8, 2, 2, [(32, 32), (16, 16)]),
        (8, 4, 4, [(32, 32), (16, 16), (8, 8), (4, 4)]),
        # windows one step apart share: a pair a row and column, then a pair of these a window
        (8, 2, 1, [(56, 56), (49, 49)]),
    ],
)
def test_a_max_pool_costs_a_rectified_and_a_carried_unit_a_pair(
    size: int, kernel: int, stride: int, cost: list[tuple[int, int]]
):
    assert widths(square_pool(size, kernel, stride)) == cost


def test_what_was_rectified_before_a_max_pool_is_rectified_once_a_window():
    cost = widths(square_pool(8, 2, 2, behind="relu"))
    assert cost == [(32, 32), (16, 16), (16, 0)]  # not 64 units before these


def test_a_max_pool_that_leaves_as_many_numbers_rectifies_first():
    ends = {**ONE, "before": (1,), "after": (1,)}
    chain = lowered("max_pool", (1, 1, 4), behind="relu", kernel=(3,), **ends)
    assert [layer.n_rectified for layer in chain.layers] == [4, 3, 2]


@pytest.mark.parametrize(
    ("kernel", "n_pairs"),
    # a window of 7 is one of 4 and another of 4, and these are pairs of pairs
    [(2, 1), (3, 2), (4, 2), (5, 3), (7, 3), (8, 3)],
)
def test_sliding_windows_take_as_many_pairs_each_as_their_length_has_halvings(
    kernel: int, n_pairs: int
):
    n = 200
    chain = lowered("max_pool", (1, 1, n), kernel=(kernel,), **ONE)
    total = sum(layer.n_rectified for layer in chain.layers)
    assert n_pairs * (n - kernel + 1) <= total <= n_pairs * n


@settings(max_examples=60, deadline=None)
@given(pools(dilated=True))
def test_every_unit_of_a_max_pool_is_active_for_some_inputs_only(
    drawn: tuple[np.ndarray, dict[str, Any]],
):
    x, a = drawn
    try:
        chain = lowered("max_pool", x.shape, **a)
    except ModelError:
        assume(False)
    generator = np.random.default_rng(0)
    runs = [preactivations(chain, generator.normal(size=x.size)) for _ in range(60)]
    for layer, z in zip(chain.layers, zip(*runs, strict=True), strict=True):
        active = np.array(z)[:, layer.rectified] > 0.0
        assert active.any(axis=0).all()
        assert not active.all(axis=0).any()


def test_the_matrix_of_a_convolution_has_an_entry_for_each_product_and_none_for_padding():
    x, weight = Value((1, 3, 32, 32), InputVector(3072)), constant(np.ones((16, 3, 3, 3)))
    pads = {"strides": (1, 1), "before": (1, 1), "after": (1, 1)}
    value = WINDOWS["conv"](Node("conv", ("x", "w"), "y", pads), x, weight)
    [(matrix, _)] = value.vector.terms
    assert matrix.nnz == 16 * 3 * (3 * 32 - 2) ** 2
