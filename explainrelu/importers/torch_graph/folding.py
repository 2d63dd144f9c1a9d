"""ATen operators that are computed, not read: what they give does not depend on the input.

Positions, masks, grids and normalised weights are made by such calls. Operators that are also
nodes of the graph are computed where they are written (``writing.py``); here are the others.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.operators.graph import Shape
from explainrelu.importers.torch_graph.calls import Tensor
from explainrelu.importers.torch_graph.writing import Numbers

__all__ = ["CREATED", "FOLDED", "in_format"]

_FORMATS = (
    *("float64", "float32", "float16", "bfloat16", "bool", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


def in_format(numbers: Numbers, dtype: str) -> Numbers:
    """Numbers in the format that the program gives them; bfloat16 is held as float32.

    Raises
    ------
    UnsupportedModelError
        For a format that is not one of real numbers, whole numbers or truth values.
    """
    if dtype not in _FORMATS:
        raise UnsupportedModelError(
            f"A program must compute with numbers of the formats {', '.join(_FORMATS)}, got "
            f"{dtype}. Convert them before the export."
        )
    wanted = np.dtype("float32" if dtype == "bfloat16" else dtype)
    if wanted.kind in "iub" and numbers.dtype.kind == "f" and wanted.kind != "b":
        return np.trunc(numbers).astype(wanted)
    return numbers.astype(wanted, copy=False)


# ------------------------------------------------------------------------------------------
# Made from nothing but a shape: from the value to be given and the arguments.


def _arange(given: Tensor, start: float = 0, end: float | None = None, step: float = 1) -> Numbers:
    """``arange(start, end, step)``."""
    if end is None:
        start, end = 0, start
    return np.arange(given.shape[0]) * step + start


def _linspace(given: Tensor, start: float, end: float, steps: int) -> Numbers:
    """``linspace(start, end, steps)``, from both ends in the format given, as PyTorch does."""
    kind: Any = np.dtype("float32" if given.dtype == "bfloat16" else given.dtype).type
    place, last = np.arange(given.shape[0]), max(steps - 1, 1)
    step = (kind(end) - kind(start)) / kind(last)
    from_start = kind(start) + step * place.astype(kind)
    from_end = kind(end) - step * (last - place).astype(kind)
    first = (place < steps // 2) | (steps == 1)
    return np.asarray(np.where(first, from_start, from_end))


def _full(given: Tensor, fill_value: float, **_: Any) -> Numbers:
    """One number everywhere."""
    return np.full(given.shape, fill_value)


def _zeros(given: Tensor, **_: Any) -> Numbers:
    """Zeros, also for what is made empty, to be filled."""
    return np.zeros(given.shape)


def _ones(given: Tensor, **_: Any) -> Numbers:
    """Ones."""
    return np.ones(given.shape)


def _eye(given: Tensor, **_: Any) -> Numbers:
    """The identity matrix."""
    return np.eye(given.shape[0], given.shape[1])


def _scalar(given: Tensor, s: float) -> Numbers:
    """One number."""
    return np.array(s)


CREATED: Mapping[str, Callable[..., Numbers]] = MappingProxyType(
    {
        "arange": _arange,
        "empty": _zeros,
        "eye": _eye,
        "full": _full,
        "full_like": _full,
        "empty_like": _zeros,
        "linspace": _linspace,
        "new_empty": _zeros,
        "new_full": _full,
        "new_ones": _ones,
        "new_zeros": _zeros,
        "ones": _ones,
        "ones_like": _ones,
        "scalar_tensor": _scalar,
        "zeros": _zeros,
        "zeros_like": _zeros,
    }
)
"""Operator -> what it gives, whatever the tensors that it takes hold."""


# ------------------------------------------------------------------------------------------
# Computed from fixed numbers.


def _divided(x: Numbers, other: Numbers, rounding_mode: str | None = None) -> Numbers:
    if rounding_mode == "floor":
        return np.floor_divide(x, other)
    quotient = np.divide(x, other)
    return np.trunc(quotient) if rounding_mode == "trunc" else quotient


def _norm(x: Numbers, order: float = 2, dim: Any = None, keepdim: bool = False) -> Numbers:
    size = np.abs(x)
    if order in (np.inf, -np.inf):
        return np.asarray((np.max if order > 0 else np.min)(size, axis=dim, keepdims=keepdim))
    return np.asarray(np.sum(size**order, axis=dim, keepdims=keepdim) ** (1.0 / order))


def _weight_norm(v: Numbers, g: Numbers, dim: int = 0) -> Numbers:
    others: Shape | None = tuple(axis for axis in range(v.ndim) if axis != dim % max(v.ndim, 1))
    return v * (g / _norm(v, 2, others if dim != -1 else None, keepdim=True))


FOLDED: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "__and__": np.bitwise_and,
        "__or__": np.bitwise_or,
        "__xor__": np.bitwise_xor,
        "_weight_norm": _weight_norm,
        "_weight_norm_interface": _weight_norm,
        "argsort": lambda x, dim=-1, descending=False: np.argsort(
            -x if descending else x, axis=dim, kind="stable"
        ),
        "bitwise_and": lambda x, other: np.bitwise_and(x, other),
        "bitwise_not": np.invert,
        "bitwise_or": lambda x, other: np.bitwise_or(x, other),
        "ceil": np.ceil,
        "cos": np.cos,
        "cumsum": lambda x, dim: np.cumsum(x, axis=dim),
        "div": _divided,
        "eq": lambda x, other: np.equal(x, other),
        "exp": np.exp,
        "floor": np.floor,
        "floor_divide": lambda x, other: np.floor_divide(x, other),
        "fmod": lambda x, other: np.fmod(x, other),
        "ge": lambda x, other: np.greater_equal(x, other),
        "gt": lambda x, other: np.greater(x, other),
        "le": lambda x, other: np.less_equal(x, other),
        "linalg_vector_norm": _norm,
        "log": np.log,
        "logical_and": lambda x, other: np.logical_and(x, other),
        "logical_not": np.logical_not,
        "logical_or": lambda x, other: np.logical_or(x, other),
        "lt": lambda x, other: np.less(x, other),
        "ne": lambda x, other: np.not_equal(x, other),
        "pow": lambda x, exponent: np.power(x, exponent),
        "reciprocal": np.reciprocal,
        "remainder": lambda x, other: np.mod(x, other),
        "round": lambda x, decimals=0: np.round(x, decimals),
        "rsqrt": lambda x: 1.0 / np.sqrt(x),
        "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
        "sign": np.sign,
        "sin": np.sin,
        "softplus": lambda x: np.logaddexp(0.0, x),
        "sqrt": np.sqrt,
        "tanh": np.tanh,
        "tril": lambda x, diagonal=0: np.tril(x, diagonal),
        "triu": lambda x, diagonal=0: np.triu(x, diagonal),
        "trunc": np.trunc,
        "vdot": lambda x, other: np.asarray(np.vdot(x, other)),
    }
)
"""Operator -> the function of fixed numbers it stands for."""
