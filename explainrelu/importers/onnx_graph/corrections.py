"""Operators that onnx's reference evaluator gets wrong, as the specification has them."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["corrections"]

Array = npt.NDArray[Any]


def corrections(onnx: ModuleType, opset: int) -> list[Any]:
    """Classes to hand to the evaluator in place of its own.

    Its batch normalisation trains before opset 14, its softmax runs over one axis before opset
    13, its global max pool takes the wrong axes of a signal, its max pool misplaces padding that
    differs between the ends of an axis, its average pool misplaces the last window where their
    number is rounded up, its padding cannot crop, its backward slice does not begin at the first
    number where it is told to begin before it, and its scaler keeps whole numbers whole.
    """
    found: dict[str, Callable[..., tuple[Array]]] = {
        "AveragePool": _average_pool,
        "BatchNormalization": _batch_normalization,
        "GlobalMaxPool": _global_max_pool,
        "MaxPool": _max_pool,
        "Pad": _pad,
        "Slice": _slice,
    }
    if opset < 13:
        found |= {"LogSoftmax": _log_softmax, "Softmax": _softmax}
    base = onnx.reference.op_run.OpRun
    plain = [type(op, (base,), {"op_domain": "", "_run": run}) for op, run in found.items()]
    return [*plain, type("Scaler", (base,), {"op_domain": "ai.onnx.ml", "_run": _scaler})]


def _batch_normalization(
    self: Any, x: Array, scale: Array, shift: Array, mean: Array, variance: Array, **given: Any
) -> tuple[Array]:
    along = (-1, *([1] * (x.ndim - 2)))
    scale, shift, mean, variance = (p.reshape(along) for p in (scale, shift, mean, variance))
    return ((x - mean) / np.sqrt(variance + given["epsilon"]) * scale + shift,)


def _global_max_pool(self: Any, x: Array) -> tuple[Array]:
    return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


def _max_pool(self: Any, x: Array, **given: Any) -> tuple[Array]:
    windows, _ = _windows(x.shape[2:], given)
    found = np.full((*x.shape[:2], *windows.shape), -np.inf)
    for place in np.ndindex(*windows.shape):
        for at in windows[place]:
            here = (slice(None), slice(None), *place)
            found[here] = np.maximum(found[here], x[(slice(None), slice(None), *at)])
    return (found.astype(x.dtype),)


def _average_pool(self: Any, x: Array, **given: Any) -> tuple[Array]:
    windows, padded = _windows(x.shape[2:], given)
    found = np.zeros((*x.shape[:2], *windows.shape), dtype=x.dtype)
    for place in np.ndindex(*windows.shape):
        total = sum(x[(slice(None), slice(None), *at)] for at in windows[place])
        count = padded[place] if given.get("count_include_pad") else len(windows[place])
        found[(slice(None), slice(None), *place)] = total / x.dtype.type(count)
    return (found,)


def _windows(sizes: tuple[int, ...], given: dict[str, Any]) -> tuple[Array, Array]:
    """The positions in each window, and how many it has with those in the padding."""
    kernel = tuple(given["kernel_shape"])
    steps, gaps = (given.get(name) or (1,) * len(kernel) for name in ("strides", "dilations"))
    pads = given.get("pads") or (0,) * (2 * len(kernel))
    before, after = pads[: len(kernel)], pads[len(kernel) :]
    # beyond the padding at the end, where a last window may reach, nothing counts
    ends = [size + more for size, more in zip(sizes, after, strict=True)]
    up = bool(given.get("ceil_mode"))
    starts = [
        _window_starts(*axis, up=up)
        for axis in zip(sizes, kernel, steps, gaps, before, after, strict=True)
    ]
    inside = np.empty([len(axis) for axis in starts], dtype=object)
    padded = np.empty(inside.shape, dtype=int)
    for place in np.ndindex(*inside.shape):
        first = [axis[i] for axis, i in zip(starts, place, strict=True)]
        all_of_it = [
            tuple(s + o * g for s, o, g in zip(first, offset, gaps, strict=True))
            for offset in np.ndindex(*kernel)
        ]
        inside[place] = [at for at in all_of_it if min(at) >= 0 and _below(at, sizes)]
        padded[place] = sum(_below(at, ends) for at in all_of_it)
    return inside, padded


def _below(at: tuple[int, ...], ends: Sequence[int]) -> bool:
    return all(i < end for i, end in zip(at, ends, strict=True))


def _window_starts(
    size: int, width: int, step: int, gap: int, before: int, after: int, *, up: bool
) -> list[int]:
    """Where the windows of one axis begin."""
    room = size + before + after - gap * (width - 1) - 1
    count = (-(-room // step) if up else room // step) + 1
    starts = [i * step - before for i in range(count)]
    return starts[:-1] if up and starts[-1] >= size else starts


def _pad(
    self: Any,
    x: Array,
    pads: Any = None,
    constant_value: Any = None,
    axes: Any = None,
    **given: Any,
) -> tuple[Array]:
    margins = np.zeros((x.ndim, 2), dtype=int)
    chosen = range(x.ndim) if axes is None else np.asarray(axes).reshape(-1)
    margins[list(chosen)] = np.asarray(pads).reshape(2, -1).T
    value = given.get("value", 0.0) if constant_value is None else np.asarray(constant_value)
    cut = -np.minimum(margins, 0)
    kept = (slice(low, size - high) for size, (low, high) in zip(x.shape, cut, strict=True))
    filled = np.pad(x[tuple(kept)], np.maximum(margins, 0), constant_values=value or 0.0)
    return (filled.astype(x.dtype),)


def _slice(
    self: Any, x: Array, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None
) -> tuple[Array]:
    starts, ends = np.reshape(starts, -1), np.reshape(ends, -1)
    axes = range(len(starts)) if axes is None else np.reshape(axes, -1)
    steps = np.ones(len(starts), dtype=int) if steps is None else np.reshape(steps, -1)
    for axis, *bounds in zip(axes, starts, ends, steps, strict=True):
        chosen = _slice_positions(x.shape[axis], *map(int, bounds))
        x = np.take(x, np.array(chosen, dtype=int), axis=axis)
    return (x,)


def _slice_positions(size: int, start: int, end: int, step: int) -> range:
    """The positions of ``start:end:step`` on an axis, bounds beyond it brought to it.

    As numpy has it but for one case: backwards from before the first number begins at the first.

    Examples
    --------
    >>> list(_slice_positions(5, -100, -200, -1)), list(_slice_positions(5, 1, 100, 2))
    ([0], [1, 3])
    """
    first = start + size if start < 0 else start
    if step < 0 and first < 0:
        start = 0
    low = end + size if end < 0 else end
    stop = None if step < 0 and low < 0 else end
    return range(*slice(start, stop, step).indices(size))


def _scaler(self: Any, x: Array, offset: Any = None, scale: Any = None) -> tuple[Array]:
    kind = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
    shift, factor = (np.asarray(d if g is None else g, kind) for g, d in ((offset, 0), (scale, 1)))
    return ((x.astype(kind) - shift) * factor,)


def _log_softmax(self: Any, x: Array, axis: int | None = None) -> tuple[Array]:
    axis = 1 if axis is None else axis % x.ndim
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
    shifted = flat - flat.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return (logs.reshape(x.shape),)


def _softmax(self: Any, x: Array, axis: int | None = None) -> tuple[Array]:
    return (np.exp(_log_softmax(self, x, axis)[0]),)
