"""Operators that slide a window over the spatial axes: convolution and pooling.

Values are ``(rows, channels, *spatial)``. Along each spatial axis of size ``n`` window ``o``
covers the positions ``o stride - before + dilation j`` for ``j = 0 .. kernel - 1``; what lies
outside ``0 .. n - 1`` is padding. There are

    floor((n + before + after - dilation (kernel - 1) - 1) / stride) + 1

windows. With ``ceil`` the quotient is rounded up, and a last window that would start behind the
input, in the padding ``after`` it, is left out, as PyTorch does and ONNX says.

References
----------
torch.nn.MaxPool2d: "Sliding windows that would start in the right padded region are ignored";
the same words in ONNX, operators MaxPool and AveragePool.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType

import numpy as np
from scipy import sparse

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.errors import ModelError
from explainrelu.importers.operators.graph import Node, Shape
from explainrelu.importers.operators.inputs import fixed, misfit
from explainrelu.importers.operators.maxima import ABSENT, largest
from explainrelu.importers.operators.values import Value, affine

__all__ = ["WINDOWS"]


def _conv(node: Node, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """Convolution along any number of axes: strides, pads, dilations and groups."""
    kernels, groups = fixed(node, weight), int(node.number("groups", 1.0))
    _check_kernels(node, x, weight, groups)
    positions = _positions(node, x, kernels.shape[2:])
    shape = (*x.shape[:1], kernels.shape[0], *map(len, positions))
    if bias is None:
        offset = None
    elif fixed(node, bias).shape == kernels.shape[:1]:
        places = prod(map(len, positions))
        offset = np.tile(np.repeat(fixed(node, bias), places), x.shape[0])
    else:
        raise misfit(node, f"one bias a channel of the output, {kernels.shape[:1]}", bias)
    matrix = _convolution(kernels, groups, *_flat(positions, x.shape[2:]), prod(x.shape[2:]))
    return affine(shape, [(_repeated(matrix, x.shape[0]), x)], offset)


def _max_pool(node: Node, x: Value) -> Value:
    """The largest in each window, padding never; ``k`` numbers by at most ``k - 1`` units."""
    return _largest(node, x, _positions(node, x, node.integers("kernel")))


def _average_pool(node: Node, x: Value) -> Value:
    """The mean of each window, padding counted or not, or its sum over a given ``divisor``."""
    positions = _positions(node, x, node.integers("kernel"))
    if "divisor" in node.attributes:
        divisor = node.number("divisor")
        if divisor == 0.0:
            raise ModelError(f"Node {node.label} must not divide by 0, got the divisor 0.")
        counts = [np.ones(len(axis)) for axis in positions]
        return _averaged(x, positions, divisor * _outer(counts))
    if not node.number("count_pad", 0.0):
        return _averaged(x, positions, _outer(_counts(node, x, positions)))
    # with ceil a window may reach beyond the padding too: what lies there never counts
    ends = [size + high for size, high in zip(x.shape[2:], node.integers("after"), strict=True)]
    counts = [(axis < end).sum(axis=1) for axis, end in zip(positions, ends, strict=True)]
    return _averaged(x, positions, _outer(counts))


def _adaptive_max_pool(node: Node, x: Value) -> Value:
    """The largest in each of ``size`` windows spread over the axis."""
    return _largest(node, x, _spread_out(node, x))


def _adaptive_average_pool(node: Node, x: Value) -> Value:
    """The mean of each of ``size`` windows spread over the axis."""
    positions = _spread_out(node, x)
    return _averaged(x, positions, _outer(_counts(node, x, positions)))


# ------------------------------------------------------------------------------------------
# Where the windows are: for each spatial axis the positions (n_windows, kernel) they cover.


def _positions(node: Node, x: Value, kernel: Shape) -> list[IntArray]:
    """The positions along each axis, padding included."""
    sizes = x.shape[2:]
    strides, before, after = (node.integers(name) for name in ("strides", "before", "after"))
    dilations = (1,) * len(kernel)
    if "dilations" in node.attributes:
        dilations = node.integers("dilations")
    _check_windows(node, x, (kernel, strides, dilations), (before, after))
    up = node.number("ceil", 0.0) != 0.0
    found = []
    for size, width, step, low, high, gap in zip(
        sizes, kernel, strides, before, after, dilations, strict=True
    ):
        room = size + low + high - gap * (width - 1) - 1
        count = (-(-room // step) if up else room // step) + 1
        if up and (count - 1) * step >= size + low:
            count -= 1
        if count < 1:
            raise misfit(node, f"an input that a window of {kernel} fits in", x)
        found.append(np.arange(count)[:, None] * step - low + gap * np.arange(width))
    return found


def _check_windows(
    node: Node, x: Value, steps: tuple[Shape, Shape, Shape], pads: tuple[Shape, Shape]
) -> None:
    """Whether kernel, strides and dilations, and the pads on both sides, can be of the input."""
    kernel, n_axes = steps[0], len(x.shape) - 2
    if n_axes < 1 or any(len(given) != n_axes for given in (*steps, *pads)):
        raise misfit(
            node, f"{len(kernel)} spatial axes, with a kernel, a stride and pads for each", x
        )
    if min(map(min, steps)) < 1 or min(map(min, pads)) < 0:
        raise misfit(
            node,
            "kernels, strides and dilations of at least 1 and pads of at least 0, "
            f"not {', '.join(map(str, (*steps, *pads)))}",
            x,
        )


def _spread_out(node: Node, x: Value) -> list[IntArray]:
    """Windows ``floor(o n / size) .. ceil((o + 1) n / size) - 1``, short ones padded."""
    wanted, sizes = node.integers("size"), x.shape[2:]
    if not sizes or len(wanted) != len(sizes) or min(wanted) < 1:
        raise misfit(node, f"{len(wanted)} spatial axes for the sizes {wanted}", x)
    found = []
    for size, count in zip(sizes, wanted, strict=True):
        start = np.arange(count) * size // count
        end = -(-np.arange(1, count + 1) * size // count)
        place = start[:, None] + np.arange(int((end - start).max()))
        found.append(np.where(place < end[:, None], place, size))
    return found


def _inside(positions: Sequence[IntArray], sizes: Shape) -> list[BoolArray]:
    """Which positions along each axis are not padding."""
    return [(axis >= 0) & (axis < size) for axis, size in zip(positions, sizes, strict=True)]


def _counts(node: Node, x: Value, positions: Sequence[IntArray]) -> list[IntArray]:
    """How many numbers each window covers along each axis: at least one."""
    counts = [inside.sum(axis=1) for inside in _inside(positions, x.shape[2:])]
    if any((count == 0).any() for count in counts):
        raise misfit(node, "windows that each cover a number, not padding alone", x)
    return counts


def _flat(positions: Sequence[IntArray], sizes: Shape) -> tuple[IntArray, BoolArray]:
    """The positions ``(n_windows, kernel)`` of all axes as one, and which are not padding."""
    n_axes, flat, inside = len(sizes), np.zeros((), np.int64), np.ones((), np.bool_)
    for axis, (places, within) in enumerate(zip(positions, _inside(positions, sizes), strict=True)):
        # windows of axis 0, windows of axis 1, ..., kernel of axis 0, kernel of axis 1, ...
        along = [1] * (2 * n_axes)
        along[axis], along[n_axes + axis] = places.shape
        flat = flat * sizes[axis] + places.reshape(along)
        inside = inside & within.reshape(along)
    n_windows = prod(len(places) for places in positions)
    return flat.reshape(n_windows, -1), inside.reshape(n_windows, -1)


# ------------------------------------------------------------------------------------------
# What is computed in the windows.


def _check_kernels(node: Node, x: Value, weight: Value, groups: int) -> None:
    n_out, n_in = (*weight.shape, 0, 0)[:2]
    if len(weight.shape) < 3 or len(x.shape) != len(weight.shape):
        raise misfit(node, "a weight (n_out, n_in, *kernel) and (rows, n_in, *spatial)", weight, x)
    if groups < 1 or x.shape[1] != n_in * groups or n_out % groups:
        raise misfit(
            node, f"{n_in} channels for each of {groups} group(s) of the outputs", weight, x
        )


def _convolution(
    kernels: FloatArray, groups: int, flat: IntArray, inside: BoolArray, size: int
) -> sparse.csr_array[np.float64]:
    """From the channels of one row, each of ``size`` numbers, to those of the output.

    Rows of the matrix are (output channel, window), the entries of each (channel, position), so
    they stand in order as they come.
    """
    n_out, per_group = kernels.shape[:2]
    n_windows, n_places = flat.shape
    group = np.arange(n_out) // (n_out // groups)
    channels = group[:, None] * per_group + np.arange(per_group)
    form = (n_out, n_windows, per_group, n_places)
    present = np.broadcast_to(inside[:, None, :], form)
    columns = channels[:, None, :, None] * size + flat[:, None, :]
    factors = np.broadcast_to(kernels.reshape(n_out, 1, per_group, n_places), form)
    lengths = np.tile(per_group * inside.sum(axis=1), n_out)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return sparse.csr_array(
        (factors[present], columns[present], starts),
        shape=(n_out * n_windows, groups * per_group * size),
    )


def _averaged(x: Value, positions: Sequence[IntArray], divisors: FloatArray) -> Value:
    """The sum of each window over its divisor."""
    flat, inside = _flat(positions, x.shape[2:])
    factors = np.broadcast_to(1.0 / divisors[:, None], flat.shape)
    starts = np.concatenate([[0], np.cumsum(inside.sum(axis=1))])
    one = sparse.csr_array(
        (factors[inside], flat[inside], starts), shape=(len(flat), prod(x.shape[2:]))
    )
    shape = (*x.shape[:2], *map(len, positions))
    return affine(shape, [(_repeated(one, prod(x.shape[:2])), x)])


def _largest(node: Node, x: Value, positions: Sequence[IntArray]) -> Value:
    _counts(node, x, positions)
    windows = {
        2 + axis: np.where(inside, positions[axis], ABSENT)
        for axis, inside in enumerate(_inside(positions, x.shape[2:]))
    }
    return largest(x, windows)


def _outer(counts: Sequence[IntArray] | Sequence[FloatArray]) -> FloatArray:
    """The product of the counts along the axes, for each window."""
    total = np.ones(1)
    for count in counts:
        total = np.multiply.outer(total, count).reshape(-1)
    return total


def _repeated(matrix: sparse.csr_array[np.float64], times: int) -> sparse.csr_array[np.float64]:
    """The matrix for each of several parts of a value, one behind the other."""
    if times == 1:
        return matrix
    return sparse.csr_array(sparse.kron(sparse.eye_array(times), matrix, format="csr"))


WINDOWS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "adaptive_average_pool": _adaptive_average_pool,
        "adaptive_max_pool": _adaptive_max_pool,
        "average_pool": _average_pool,
        "conv": _conv,
        "max_pool": _max_pool,
    }
)
"""Operator name -> the function that lowers it."""
