"""ONNX operators that move numbers, and those that take a whole axis to one number."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from explainrelu.importers.onnx_graph.reading import Call
from explainrelu.importers.operators.graph import Shape

__all__ = ["STRUCTURE"]


def _reshape(call: Call) -> str:
    """The same numbers in another constant shape; a 0 keeps a size, a -1 takes the rest."""
    return call.reshaped(call.value(), call.output_shape())


def _flatten(call: Call) -> str:
    """Two axes: those before ``axis`` and those from it on."""
    return call.reshaped(call.value(), call.output_shape())


def _squeeze(call: Call) -> str:
    """Without axes of size 1."""
    return call.reshaped(call.value(), call.output_shape())


def _unsqueeze(call: Call) -> str:
    """With new axes of size 1."""
    return call.reshaped(call.value(), call.output_shape())


def _transpose(call: Call) -> str:
    """The axes in another order."""
    backward = tuple(reversed(range(len(call.shape()))))
    axes = tuple(int(axis) for axis in call.attributes.get("perm", backward))
    return call.write("transpose", call.value(), axes=axes)


def _expand(call: Call) -> str:
    """Broadcast to a constant shape."""
    return call.write("expand", call.value(), shape=call.output_shape())


def _concat(call: Call) -> str:
    """Values one behind the other; empty ones, which a split may leave, add nothing."""
    full = [i for i in range(len(call.inputs)) if 0 not in call.shape(i)]
    return call.write("concat", *map(call.value, full), axis=int(call.number("axis", 1)))


def _slice(call: Call) -> str:
    """A range of positions along some axes, backwards too, with constant bounds."""
    starts, ends = call.integers(1, "starts") or (), call.integers(2, "ends") or ()
    axes = call.integers(3, "axes") or tuple(range(len(starts)))
    steps = call.integers(4, "steps") or (1,) * len(starts)
    sizes = call.shape()
    starts = tuple(  # numpy takes nothing backwards from before the first number, ONNX the first
        0 if step < 0 and start < -sizes[axis] else start
        for start, step, axis in zip(starts, steps, axes, strict=True)
    )
    return call.write("slice", call.value(), axes=axes, starts=starts, ends=ends, steps=steps)


def _split(call: Call) -> list[str]:
    """Parts along an axis, of equal or given sizes; an empty one is a constant."""
    axis, parts, start = int(call.number("axis", 0)), [], 0
    for position, name in enumerate(call.outputs):
        end = start + call.output_shape(position)[axis] if name else start
        bounds: dict[str, Shape] = {"axes": (axis,), "starts": (start,), "ends": (end,)}
        written = call.write("slice", call.value(), **bounds, steps=(1,)) if end > start else ""
        parts.append(written)
        start = end
    return parts


def _gather(call: Call) -> str:
    """Numbers at constant positions along an axis."""
    indices = call.fixed(1, "choice of positions").astype(np.float64)
    return call.write("gather", call.value(), axis=int(call.number("axis", 0)), indices=indices)


def _pad(call: Call) -> str:
    """A margin of a constant value."""
    mode = call.text("mode", "constant")
    if mode != "constant":
        raise call.refuse(f"must pad with a constant, got mode={mode!r}. Pad before the model.")
    n_axes = len(call.shape())
    axes = tuple(range(n_axes))
    if call.has(3):
        axes = tuple(int(axis) % n_axes for axis in call.fixed(3, "choice of axes").reshape(-1))
    pads = call.integers(1, "pads") or ()
    value = call.number("value", 0.0)
    if call.has(2):
        value = float(call.fixed(2, "value").reshape(-1)[0])
    margins = np.zeros((2, n_axes), dtype=int)
    margins[:, list(axes)] = np.reshape(pads, (2, len(axes)))
    before, after = (tuple(int(size) for size in side) for side in margins)
    return call.write("pad", call.value(), before=before, after=after, value=value)


def _reduced(op: str, call: Call) -> str:
    axes = call.integers(1, "axes")
    if not axes and call.number("noop_with_empty_axes", 0.0):
        return call.value()
    axes = axes or tuple(range(len(call.shape())))
    return call.write(op, call.value(), axes=axes, keep=int(call.number("keepdims", 1)))


def _reduce_sum(call: Call) -> str:
    """Sum over some axes."""
    return _reduced("reduce_sum", call)


def _reduce_mean(call: Call) -> str:
    """Mean over some axes."""
    return _reduced("reduce_mean", call)


def _reduce_max(call: Call) -> str:
    """Largest over some axes."""
    return _reduced("reduce_max", call)


def _reduce_min(call: Call) -> str:
    """Smallest over some axes."""
    return _reduced("reduce_min", call)


STRUCTURE: Mapping[str, Callable[[Call], str | list[str]]] = MappingProxyType(
    {
        "Concat": _concat,
        "Expand": _expand,
        "Flatten": _flatten,
        "Gather": _gather,
        "Pad": _pad,
        "ReduceMax": _reduce_max,
        "ReduceMean": _reduce_mean,
        "ReduceMin": _reduce_min,
        "ReduceSum": _reduce_sum,
        "Reshape": _reshape,
        "Slice": _slice,
        "Split": _split,
        "Squeeze": _squeeze,
        "Transpose": _transpose,
        "Unsqueeze": _unsqueeze,
    }
)
"""ONNX operator -> the function that writes it into the operator graph."""
