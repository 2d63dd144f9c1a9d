"""ONNX operators that slide a window: convolution and pooling."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from explainrelu.errors import ModelError
from explainrelu.importers.onnx_graph.reading import Call
from explainrelu.importers.operators.graph import Shape

__all__ = ["WINDOWS"]


def _conv(call: Call) -> str:
    """Convolution with constant kernels: strides, padding, dilations, groups."""
    kernel = call.integers(9, "kernel_shape") or call.shape(1)[2:]
    if kernel != call.shape(1)[2:]:
        raise ModelError(
            f"Node {call.label} must have the kernel_shape of its weight, {call.shape(1)[2:]}, got "
            f"{kernel}. The file contradicts itself: save the model again."
        )
    steps = _windows(call, kernel)
    return call.write("conv", *call.values(), **steps, groups=int(call.number("group", 1)))


def _max_pool(call: Call) -> str:
    """Largest number in each window."""
    kernel = _kernel(call)
    ceil = int(call.number("ceil_mode", 0))
    return call.write("max_pool", call.value(), kernel=kernel, ceil=ceil, **_windows(call, kernel))


def _average_pool(call: Call) -> str:
    """Mean of each window, padding counted or not."""
    kernel = _kernel(call)
    ceil, count = int(call.number("ceil_mode", 0)), int(call.number("count_include_pad", 0))
    steps = _windows(call, kernel)
    return call.write(
        "average_pool", call.value(), kernel=kernel, ceil=ceil, count_pad=count, **steps
    )


def _global_average_pool(call: Call) -> str:
    """Mean of each channel."""
    axes = tuple(range(2, len(call.shape())))
    return call.write("reduce_mean", call.value(), axes=axes, keep=1)


def _global_max_pool(call: Call) -> str:
    """Largest number of each channel."""
    axes = tuple(range(2, len(call.shape())))
    return call.write("reduce_max", call.value(), axes=axes, keep=1)


def _kernel(call: Call) -> Shape:
    kernel = call.integers(9, "kernel_shape")
    if kernel is None:
        raise ModelError(
            f"Node {call.label} must have a kernel_shape, got none. The file contradicts itself: "
            "save the model again."
        )
    return kernel


def _windows(call: Call, kernel: Shape) -> dict[str, Shape]:
    """Strides, dilations and the padding on both sides."""
    ones = (1,) * len(kernel)
    strides, dilations = (call.integers(9, name) or ones for name in ("strides", "dilations"))
    auto = call.text("auto_pad", "NOTSET")
    if auto == "VALID":
        before, after = (0,) * len(kernel), (0,) * len(kernel)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        before, after = _same(call.shape()[2:], kernel, strides, dilations, auto == "SAME_UPPER")
        call.reading.pads[call.outputs[0]] = before + after
    else:
        pads = call.integers(9, "pads") or (0,) * (2 * len(kernel))
        before, after = pads[: len(kernel)], pads[len(kernel) :]
    return {"strides": strides, "dilations": dilations, "before": before, "after": after}


def _same(
    sizes: Shape, kernel: Shape, strides: Shape, dilations: Shape, upper: bool
) -> tuple[Shape, Shape]:
    """The padding with which there are ``ceil(size / stride)`` windows; an odd one at one end."""
    less, more = [], []
    for size, width, step, gap in zip(sizes, kernel, strides, dilations, strict=True):
        covered = (-(-size // step) - 1) * step + gap * (width - 1) + 1
        total = max(covered - size, 0)
        less.append(total // 2)
        more.append(total - total // 2)
    sides = (tuple(less), tuple(more))
    return sides if upper else (sides[1], sides[0])


WINDOWS: Mapping[str, Callable[[Call], str]] = MappingProxyType(
    {
        "AveragePool": _average_pool,
        "Conv": _conv,
        "GlobalAveragePool": _global_average_pool,
        "GlobalMaxPool": _global_max_pool,
        "MaxPool": _max_pool,
    }
)
"""ONNX operator -> the function that writes it into the operator graph."""
