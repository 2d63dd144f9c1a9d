"""ATen operators that move numbers: views, slices, joins, repeats."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.operators.graph import Shape
from explainrelu.importers.torch_graph.aten_elementwise import identity
from explainrelu.importers.torch_graph.writing import Numbers, Value, Writer

__all__ = ["SHAPES"]

_Places = npt.NDArray[np.int64]


# ------------------------------------------------------------------------------------------
# Another shape, or another order of the axes.


def _reshape(w: Writer, x: Value, **_: Any) -> Value:
    """The same numbers in C order in another shape."""
    return w.reshaped(x, w.given.shape)


def _view(w: Writer, x: Value, **arguments: Any) -> Value:
    """The same numbers in another shape; a view as another number format is refused."""
    if w.call.target == "view.dtype":
        raise w.refused(
            f"which reads the bits of numbers as {w.given.dtype}",
            "That jumps and is not piecewise linear: convert them with to().",
        )
    return _reshape(w, x) if prod(x.shape) == prod(w.given.shape) else identity(w, x, **arguments)


def _expand(w: Writer, x: Value, **_: Any) -> Value:
    """``x`` broadcast to a shape."""
    return x if x.shape == w.given.shape else w.node("expand", x, shape=w.given.shape)


def _permute(w: Writer, x: Value, dims: Shape) -> Value:
    """The axes in another order."""
    return w.node("transpose", x, axes=tuple(axis % len(x.shape) for axis in dims))


def _transpose(w: Writer, x: Value, dim0: int, dim1: int) -> Value:
    """Two axes exchanged."""
    axes = list(range(len(x.shape)))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return w.node("transpose", x, axes=tuple(axes))


def _swapaxes(w: Writer, x: Value, axis0: int, axis1: int) -> Value:
    """Two axes exchanged."""
    return _transpose(w, x, axis0, axis1)


def _turned(w: Writer, x: Value) -> Value:
    """All axes in reverse order; of two axes, the transpose."""
    return w.node("transpose", x, axes=tuple(reversed(range(len(x.shape)))))


def _matrix_turned(w: Writer, x: Value) -> Value:
    """The last two axes exchanged."""
    return _transpose(w, x, -1, -2)


def _movedim(w: Writer, x: Value, source: Shape | int, destination: Shape | int) -> Value:
    """Some axes moved to other places."""
    # an array of no numbers whose sizes are the names of its axes: its shape tells the order
    order = np.moveaxis(np.empty(range(len(x.shape))), source, destination).shape
    return w.node("transpose", x, axes=order)


# ------------------------------------------------------------------------------------------
# A part.


def _cut(w: Writer, x: Value, axis: int, start: int, end: int, step: int, gives: Shape) -> Value:
    return w.node(
        "slice", x, gives=gives, axes=(axis,), starts=(start,), ends=(end,), steps=(step,)
    )


def _slice(
    w: Writer,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """``x[start:end:step]`` along one axis."""
    if x.shape == w.given.shape:
        return x
    axis = dim % len(x.shape)
    end = x.shape[axis] if end is None else min(end, x.shape[axis])
    return _cut(w, x, axis, start or 0, end, step, w.given.shape)


def _narrow(w: Writer, x: Value, dim: int, start: Any, length: int) -> Value:
    """``length`` numbers from ``start`` along one axis."""
    first, axis = int(_whole(w, start)), dim % len(x.shape)
    first += x.shape[axis] if first < 0 else 0
    return _cut(w, x, axis, first, first + length, 1, w.given.shape)


def _select(w: Writer, x: Value, dim: int, index: Any) -> Value:
    """One position along one axis."""
    axis, place = dim % len(x.shape), int(_whole(w, index))
    place += x.shape[axis] if place < 0 else 0
    one = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return w.reshaped(_cut(w, x, axis, place, place + 1, 1, one), w.given.shape)


def _pieces(w: Writer, x: Value, dim: int = 0, **_: Any) -> tuple[Value, ...]:
    """Pieces one behind the other along one axis."""
    axis, start, found = dim % len(x.shape), 0, []
    for tensor in w.call.outputs:
        end = start + tensor.shape[axis]
        found.append(_cut(w, x, axis, start, end, 1, tensor.shape))
        start = end
    return tuple(found)


def _unbind(w: Writer, x: Value, dim: int = 0) -> tuple[Value, ...]:
    """Every position along one axis."""
    return tuple(_select(w, x, dim, i) for i in range(x.shape[dim]))


def _index_select(w: Writer, x: Value, dim: int, index: Value) -> Value:
    """Constant positions along one axis."""
    return w.at(x, np.take(_places(x), _whole(w, index), axis=dim))


def _index(w: Writer, x: Value, indices: tuple[Value | None, ...]) -> Value:
    """Constant positions or masks, by the rules of numpy."""
    return w.at(x, _places(x)[_key(w, indices)])


def _gather(w: Writer, x: Value, dim: int, index: Value, **_: Any) -> Value:
    """For each place a constant position along one axis."""
    positions = _whole(w, index)
    kept = tuple(
        slice(None) if axis == dim % len(x.shape) else slice(size)
        for axis, size in enumerate(positions.shape)
    )
    return w.at(x, np.take_along_axis(_places(x)[kept], positions, axis=dim))


def _diagonal(w: Writer, x: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """The diagonal of two axes."""
    return w.at(x, np.diagonal(_places(x), offset, dim1, dim2))


def _unfold(w: Writer, x: Value, dimension: int, size: int, step: int) -> Value:
    """Overlapping windows along one axis, as a new last axis."""
    axis = dimension % len(x.shape)
    windows = np.lib.stride_tricks.sliding_window_view(_places(x), size, axis=axis)
    starts = np.arange(0, x.shape[axis] - size + 1, step)
    return w.at(x, np.take(windows, starts, axis=axis))


# ------------------------------------------------------------------------------------------
# Several, or one several times.


def _cat(w: Writer, tensors: tuple[Value, ...], dim: int = 0) -> Value:
    """Values one behind the other along an axis."""
    kept = tuple(value for value in tensors if value.shape != (0,))
    return w.node("concat", *kept, axis=dim % len(w.given.shape))


def _stack(w: Writer, tensors: tuple[Value, ...], dim: int = 0) -> Value:
    """Values one behind the other along a new axis."""
    axis = dim % len(w.given.shape)
    one = (*w.given.shape[:axis], 1, *w.given.shape[axis + 1 :])
    return w.node("concat", *(w.reshaped(value, one) for value in tensors), axis=axis)


def _flip(w: Writer, x: Value, dims: Shape) -> Value:
    """Some axes in reverse."""
    return w.at(x, np.flip(_places(x), dims))


def _roll(w: Writer, x: Value, shifts: Any, dims: Any = ()) -> Value:
    """Numbers moved along some axes and round the end."""
    return w.at(x, np.roll(_places(x), shifts, dims or None))


def _repeat(w: Writer, x: Value, repeats: Shape = (), dims: Shape = ()) -> Value:
    """The whole several times along each axis."""
    times = repeats or dims
    _check_size(w, prod(x.shape) * prod(times))
    return w.at(x, np.tile(_places(x), times))


def _repeat_interleave(
    w: Writer, x: Value, repeats: int, dim: int | None = None, **_: Any
) -> Value:
    """Each position several times along an axis."""
    _check_size(w, prod(x.shape) * repeats)
    return w.at(x, np.repeat(_places(x), repeats, axis=dim))


def _check_size(w: Writer, size: int) -> None:
    """Hold what is about to be made to what the program says of it, before it takes memory."""
    if size != prod(w.given.shape):
        raise ValueError(f"{size} numbers for the shape {w.given.shape}")


def _pixel_shuffle(w: Writer, x: Value, upscale_factor: int) -> Value:
    """Channels laid out as a finer picture."""
    *rows, channels, height, width = x.shape
    r = upscale_factor
    places = _places(x).reshape(*rows, channels // r**2, r, r, height, width)
    n = len(rows)
    order = (*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return w.at(x, places.transpose(order).reshape(w.given.shape))


def _select_scatter(w: Writer, x: Value, src: Value, dim: int, index: int) -> Value:
    """``x`` with one position along an axis replaced."""
    key = (slice(None),) * (dim % len(x.shape)) + (index,)
    return _replaced(w, x, src, key)


def _slice_scatter(
    w: Writer,
    x: Value,
    src: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """``x`` with a slice along an axis replaced."""
    return _replaced(w, x, src, (slice(None),) * (dim % len(x.shape)) + (slice(start, end, step),))


def _index_put(
    w: Writer,
    x: Value,
    indices: tuple[Value | None, ...],
    values: Value,
    accumulate: bool = False,
    **_: Any,
) -> Value:
    """``x`` with constant positions replaced."""
    if accumulate:
        raise w.refused("which adds at positions", "Add a tensor of the whole shape there.")
    return _replaced(w, x, values, _key(w, indices))


def _replaced(w: Writer, x: Value, src: Value, key: Any) -> Value:
    """``x`` with ``x[key]`` replaced by ``src``: one gather out of both."""
    index, size = _places(x), prod(x.shape)
    spread = np.broadcast_to(_places(src) + size, index[key].shape)
    index[key] = spread
    flat = [w.reshaped(value, (prod(value.shape),)) for value in (x, src)]
    both = w.node("concat", *flat, gives=(size + prod(src.shape),), axis=0)
    return w.at(both, index)


def _places(x: Value) -> _Places:
    """The flat position of each number, in the value's shape."""
    return np.arange(prod(x.shape)).reshape(x.shape)


def _whole(w: Writer, index: Any) -> Numbers:
    """Positions, which must be constant."""
    if isinstance(index, Value):
        if index.numbers is None:
            raise UnsupportedModelError(
                f"{w.call.where} calls {w.call.target} at positions that depend on the input, "
                "which is not piecewise linear. Use constant positions."
            )
        return index.numbers
    return np.asarray(index)


def _key(w: Writer, indices: Sequence[Value | None]) -> tuple[Any, ...]:
    return tuple(slice(None) if index is None else _whole(w, index) for index in indices)


_RESHAPES = ("_reshape_alias", "_unsafe_view", "flatten", "ravel", "reshape", "reshape_as")
_MORE_RESHAPES = ("squeeze", "unflatten", "unsqueeze", "view_as")

SHAPES: Mapping[str, Callable[..., Value | tuple[Value, ...]]] = MappingProxyType(
    {
        **dict.fromkeys((*_RESHAPES, *_MORE_RESHAPES), _reshape),
        **dict.fromkeys(("broadcast_to", "expand", "expand_as"), _expand),
        **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
        **dict.fromkeys(("chunk", "split", "split_with_sizes", "tensor_split"), _pieces),
        **dict.fromkeys(("unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes"), _pieces),
        "diagonal": _diagonal,
        "flip": _flip,
        "gather": _gather,
        "index": _index,
        "index_put": _index_put,
        "index_select": _index_select,
        "mT": _matrix_turned,
        "moveaxis": _movedim,
        "movedim": _movedim,
        "narrow": _narrow,
        "numpy_T": _turned,
        "permute": _permute,
        "pixel_shuffle": _pixel_shuffle,
        "repeat": _repeat,
        "repeat_interleave": _repeat_interleave,
        "roll": _roll,
        "select": _select,
        "select_scatter": _select_scatter,
        "slice": _slice,
        "slice_scatter": _slice_scatter,
        "stack": _stack,
        "swapaxes": _swapaxes,
        "swapdims": _transpose,
        "t": _turned,
        "tile": _repeat,
        "transpose": _transpose,
        "unbind": _unbind,
        "unfold": _unfold,
        "view": _view,
    }
)
"""Operator -> the function that reads it."""
