"""ATen operators that slide a window: convolution, pooling, and padding of the edges."""

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.importers.operators.graph import Shape
from explainrelu.importers.torch_graph.writing import Value, Writer

__all__ = ["WINDOWS"]

_Sizes = int | Shape | None
_LARGEST = 1 << 16


def _conv(
    w: Writer,
    x: Value,
    weight: Value,
    bias: Value | None = None,
    stride: _Sizes = 1,
    padding: _Sizes | str = 0,
    dilation: _Sizes = 1,
    groups: int = 1,
    transposed: bool = False,
    output_padding: _Sizes = 0,
    **_: Any,
) -> Value:
    """Convolution along any number of axes: strides, padding (also 'same'), dilations, groups."""
    if transposed:
        raise w.refused("a transposed convolution", "Use an ordinary one behind an upsampling.")
    n_axes = len(weight.shape) - 2
    strides, dilations = _each(stride, n_axes), _each(dilation, n_axes)
    before, after = _margins(padding, weight.shape[2:], dilations)
    return _on_batch(
        w,
        "conv",
        (x, weight) if bias is None else (x, weight, bias),
        n_axes,
        strides=strides,
        before=before,
        after=after,
        dilations=dilations,
        groups=groups,
    )


def _max_pool(
    w: Writer,
    x: Value,
    kernel_size: _Sizes,
    stride: _Sizes = None,
    padding: _Sizes = 0,
    dilation: _Sizes = 1,
    ceil_mode: bool = False,
) -> Value:
    """The largest in each window; its positions cannot be used."""
    n_axes = _n_axes(w)
    kernel, margin = _each(kernel_size, n_axes), _each(padding, n_axes)
    return _on_batch(
        w,
        "max_pool",
        (x,),
        n_axes,
        kernel=kernel,
        strides=_each(stride, n_axes) if stride else kernel,
        before=margin,
        after=margin,
        dilations=_each(dilation, n_axes),
        ceil=int(ceil_mode),
    )


def _avg_pool(
    w: Writer,
    x: Value,
    kernel_size: _Sizes,
    stride: _Sizes = None,
    padding: _Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """The mean of each window, padding counted or not, or its sum by a given divisor."""
    n_axes = _n_axes(w)
    kernel, margin = _each(kernel_size, n_axes), _each(padding, n_axes)
    return _on_batch(
        w,
        "average_pool",
        (x,),
        n_axes,
        kernel=kernel,
        strides=_each(stride, n_axes) if stride else kernel,
        before=margin,
        after=margin,
        ceil=int(ceil_mode),
        count_pad=int(count_include_pad),
        divisor=divisor_override,
    )


def _adaptive_avg_pool(w: Writer, x: Value, output_size: _Sizes) -> Value:
    """The mean of each of ``output_size`` windows spread over the axis."""
    n_axes = _n_axes(w)
    return _on_batch(w, "adaptive_average_pool", (x,), n_axes, size=w.given.shape[-n_axes:])


def _adaptive_max_pool(w: Writer, x: Value, output_size: _Sizes) -> Value:
    """The largest in each of ``output_size`` windows spread over the axis."""
    n_axes = _n_axes(w)
    return _on_batch(w, "adaptive_max_pool", (x,), n_axes, size=w.given.shape[-n_axes:])


def _pad(
    w: Writer,
    x: Value,
    pad: Shape = (),
    mode: str = "constant",
    value: float | None = None,
    padding: Shape = (),
) -> Value:
    """A margin of one number, of mirrored or repeated edges, or of the other side."""
    pad = pad or padding
    # PyTorch counts from the last axis, before and after in turn
    margins = [(0, 0)] * (len(x.shape) - len(pad) // 2)
    margins += [(pad[i], pad[i + 1]) for i in reversed(range(0, len(pad), 2))]
    for (low, high), size, wanted in zip(margins, x.shape, w.given.shape, strict=True):
        if low + size + high != wanted:  # before it takes memory
            raise ValueError(f"margins {margins} for the shape {w.given.shape}")
    if mode == "constant":
        before, after = zip(*margins, strict=True)
        return w.node("pad", x, before=before, after=after, value=float(value or 0.0))
    index = np.arange(prod(x.shape)).reshape(x.shape)
    for axis, (low, high) in enumerate(margins):
        index = np.take(index, _edge_places(mode, x.shape[axis], low, high), axis=axis)
    return w.at(x, index)


def _reflection_pad(w: Writer, x: Value, padding: Shape) -> Value:
    """A margin of mirrored edges."""
    return _pad(w, x, padding, "reflect")


def _replication_pad(w: Writer, x: Value, padding: Shape) -> Value:
    """A margin of repeated edges."""
    return _pad(w, x, padding, "replicate")


def _upsample_nearest(w: Writer, x: Value, **_: Any) -> Value:
    """Every value repeated along the spatial axes, a whole number of times."""
    index = np.arange(prod(x.shape)).reshape(x.shape)
    for axis, (size, given) in enumerate(zip(x.shape, w.given.shape, strict=True)):
        if given % size:
            raise w.refused(
                f"which stretches {size} to {given}", "Use a whole number as the scale factor."
            )
        index = np.repeat(index, given // size, axis=axis)
    return w.at(x, index)


def _n_axes(w: Writer) -> int:
    """Spatial axes, from the operator's name: ``max_pool2d`` has two."""
    return int(next(letter for letter in w.call.name if letter.isdigit()))


def _each(sizes: _Sizes | str, n_axes: int) -> Shape:
    """One number an axis."""
    if isinstance(sizes, int):
        return (sizes,) * n_axes
    found = tuple(int(size) for size in sizes or ())
    return found * n_axes if len(found) == 1 else found


def _margins(padding: _Sizes | str, kernel: Shape, dilations: Shape) -> tuple[Shape, Shape]:
    if padding == "valid":
        padding = 0
    if padding != "same":
        margin = _each(padding, len(kernel))
        return margin, margin
    # the output is as long as the input; an odd rest goes behind it
    total = [step * (size - 1) for step, size in zip(dilations, kernel, strict=True)]
    before = tuple(size // 2 for size in total)
    return before, tuple(size - low for size, low in zip(total, before, strict=True))


def _on_batch(
    w: Writer, op: str, inputs: tuple[Value, ...], n_axes: int, **attributes: Any
) -> Value:
    """The node on ``(rows, channels, *spatial)``, with the axis of the rows added where missing."""
    x, *parameters = inputs
    sizes = [size for part in attributes.values() if isinstance(part, tuple) for size in part]
    if max(sizes, default=0) > _LARGEST:  # before it takes memory
        raise ValueError(f"{max(sizes)} as a size, stride or margin of a window")
    if len(x.shape) == n_axes + 2:
        return w.node(op, x, *parameters, **attributes)
    batch = w.reshaped(x, (1, *x.shape))
    given = w.node(op, batch, *parameters, gives=(1, *w.given.shape), **attributes)
    return w.reshaped(given, w.given.shape)


def _edge_places(mode: str, size: int, low: int, high: int) -> "np.ndarray[Any, np.dtype[Any]]":
    """Which position stands at each place of a padded axis; a negative margin crops."""
    ways: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    places = np.pad(np.arange(size), (max(low, 0), max(high, 0)), mode=ways[mode])
    return places[max(-low, 0) : places.size - max(-high, 0)]


def _table() -> dict[str, Callable[..., Value]]:
    by_name: dict[str, Callable[..., Value]] = {
        "adaptive_avg_pool": _adaptive_avg_pool,
        "adaptive_max_pool": _adaptive_max_pool,
        "avg_pool": _avg_pool,
        "max_pool": _max_pool,
        "reflection_pad": _reflection_pad,
        "replication_pad": _replication_pad,
        "upsample_nearest": _upsample_nearest,
    }
    return {
        **{f"{name}{n}d": function for name, function in by_name.items() for n in (1, 2, 3)},
        **{f"_adaptive_avg_pool{n}d": _adaptive_avg_pool for n in (2, 3)},
        **{f"max_pool{n}d_with_indices": _max_pool for n in (1, 2, 3)},
        **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution", "_convolution"), _conv),
        **dict.fromkeys(("constant_pad_nd", "pad"), _pad),
    }


WINDOWS: Mapping[str, Callable[..., Value]] = MappingProxyType(_table())
"""Operator -> the function that reads it."""
