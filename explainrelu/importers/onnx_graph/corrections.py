"""Operators that onnx's reference evaluator gets wrong, as the specification has them."""

from collections.abc import Callable
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
    differs between the ends of an axis, and its padding cannot crop.
    """
    found: dict[str, Callable[..., tuple[Array]]] = {
        "BatchNormalization": _batch_normalization,
        "GlobalMaxPool": _global_max_pool,
        "MaxPool": _max_pool,
        "Pad": _pad,
    }
    if opset < 13:
        found |= {"LogSoftmax": _log_softmax, "Softmax": _softmax}
    base = onnx.reference.op_run.OpRun
    return [type(op, (base,), {"op_domain": "", "_run": run}) for op, run in found.items()]


def _batch_normalization(
    self: Any, x: Array, scale: Array, shift: Array, mean: Array, variance: Array, **given: Any
) -> tuple[Array]:
    along = (-1, *([1] * (x.ndim - 2)))
    scale, shift, mean, variance = (p.reshape(along) for p in (scale, shift, mean, variance))
    return ((x - mean) / np.sqrt(variance + given["epsilon"]) * scale + shift,)


def _global_max_pool(self: Any, x: Array) -> tuple[Array]:
    return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


def _max_pool(self: Any, x: Array, **given: Any) -> tuple[Array]:
    kernel = tuple(given["kernel_shape"])
    steps, gaps = (given.get(name) or (1,) * len(kernel) for name in ("strides", "dilations"))
    pads = given.get("pads") or (0,) * (2 * len(kernel))
    windows = [
        _window_starts(*sizes, up=bool(given.get("ceil_mode")))
        for sizes in zip(
            x.shape[2:], kernel, steps, gaps, pads[: len(kernel)], pads[len(kernel) :], strict=True
        )
    ]
    found = np.full((*x.shape[:2], *map(len, windows)), -np.inf)
    for place in np.ndindex(*found.shape[2:]):
        starts = [axis[i] for axis, i in zip(windows, place, strict=True)]
        for offset in np.ndindex(*kernel):
            at = tuple(s + o * g for s, o, g in zip(starts, offset, gaps, strict=True))
            if all(0 <= i < size for i, size in zip(at, x.shape[2:], strict=True)):
                here = (slice(None), slice(None), *place)
                found[here] = np.maximum(found[here], x[(slice(None), slice(None), *at)])
    return (found.astype(x.dtype),)


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


def _log_softmax(self: Any, x: Array, axis: int | None = None) -> tuple[Array]:
    axis = 1 if axis is None else axis % x.ndim
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
    shifted = flat - flat.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return (logs.reshape(x.shape),)


def _softmax(self: Any, x: Array, axis: int | None = None) -> tuple[Array]:
    return (np.exp(_log_softmax(self, x, axis)[0]),)
