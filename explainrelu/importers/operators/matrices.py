"""Operators that multiply by a constant matrix."""

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType

import numpy as np
from scipy import sparse

from explainrelu.arrays import frozen_matrix
from explainrelu.errors import ModelError
from explainrelu.importers.operators.graph import Node
from explainrelu.importers.operators.inputs import fixed, misfit
from explainrelu.importers.operators.values import Value, affine, diagonal

__all__ = ["MATRICES"]


def _linear(node: Node, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """``x @ weight.T + bias`` along the last axis."""
    matrix = fixed(node, weight)
    if matrix.ndim != 2 or not x.shape or x.shape[-1] != matrix.shape[1]:
        raise misfit(node, "a weight (n_out, n_in) whose n_in is the last axis", x, weight)
    shape = (*x.shape[:-1], matrix.shape[0])
    repeats = prod(x.shape[:-1])
    if bias is not None and fixed(node, bias).shape != shape[-1:]:
        raise misfit(node, f"one bias a row of the weight, {shape[-1:]}", bias)
    offset = None if bias is None else np.tile(fixed(node, bias), repeats)
    if repeats > 1:
        every = sparse.kron(sparse.eye_array(repeats), matrix, format="csr")
        return affine(shape, [(sparse.csr_array(every), x)], offset)
    return affine(shape, [(frozen_matrix(matrix, "weight"), x)], offset)


def _matmul(node: Node, x: Value, y: Value) -> Value:
    """``x @ y`` as numpy has it, where one of them is constant."""
    on_right = y.fixed is not None
    value, matrix = (x, fixed(node, y)) if on_right else (y, fixed(node, x))
    index = np.arange(value.size).reshape(value.shape)
    try:
        # where each product stands, found by numpy's own rules on positions counted from 1
        shape = np.matmul(np.empty(x.shape), np.empty(y.shape)).shape
    except ValueError:
        raise misfit(node, "two values that can be multiplied as matrices", x, y) from None
    if on_right and matrix.ndim == 2 and prod(shape[:-1]) == 1:
        return affine(shape, [(frozen_matrix(matrix.T, "weight"), value)])
    if matrix.ndim == 1:
        matrix = matrix[:, None] if on_right else matrix[None, :]
    if index.ndim == 1:
        index = index[None, :] if on_right else index[:, None]
    if not on_right:  # x @ y = (y.T @ x.T).T, and only which numbers meet matters
        index, matrix = np.swapaxes(index, -1, -2), np.swapaxes(matrix, -1, -2)
    every = _products(index, matrix, value.size)
    if on_right:
        return affine(shape, [(every, value)])
    stacked = np.broadcast_shapes(index.shape[:-2], matrix.shape[:-2])
    turned = np.arange(prod(shape)).reshape(*stacked, index.shape[-2], matrix.shape[-1])
    order = np.swapaxes(turned, -1, -2).reshape(-1)
    return affine(shape, [(sparse.csr_array(every[order]), value)])


def _products(
    index: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    matrix: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    size: int,
) -> sparse.csr_array[np.float64]:
    """The matrix from values at flat positions ``index (..., n, k)`` to ``index @ (..., k, m)``."""
    stacked = np.broadcast_shapes(index.shape[:-2], matrix.shape[:-2])
    index = np.broadcast_to(index, (*stacked, *index.shape[-2:]))
    matrix = np.broadcast_to(matrix, (*stacked, *matrix.shape[-2:]))
    n, k, m = index.shape[-2], index.shape[-1], matrix.shape[-1]
    places = np.broadcast_to(index[..., :, None, :], (*stacked, n, m, k))
    factors = np.broadcast_to(np.swapaxes(matrix, -1, -2)[..., None, :, :], (*stacked, n, m, k))
    rows = np.repeat(np.arange(prod(stacked) * n * m), k)
    found = sparse.coo_array(
        (factors.reshape(-1), (rows, places.reshape(-1))), shape=(prod(stacked) * n * m, size)
    )
    return sparse.csr_array(found)


def _batch_norm(
    node: Node, x: Value, scale: Value, shift: Value, mean: Value, variance: Value
) -> Value:
    """``scale (x - mean) / sqrt(variance + epsilon) + shift`` for each channel (axis 1)."""
    channels = x.shape[1:2]
    for part in (scale, shift, mean, variance):
        if not channels or fixed(node, part).shape != channels:
            raise misfit(node, "one number for each channel (axis 1)", x, part)
    spread = fixed(node, variance) + node.number("epsilon")
    if not (spread > 0.0).all():
        raise ModelError(
            f"Node {node.label} must have variance + epsilon > 0 in every channel, "
            f"got {spread.min()}."
        )
    factor = fixed(node, scale) / np.sqrt(spread)
    offset = fixed(node, shift) - fixed(node, mean) * factor
    channel = np.arange(factor.size).reshape(-1, *([1] * (len(x.shape) - 2)))
    place = np.broadcast_to(channel, x.shape).reshape(-1)
    return affine(x.shape, [(diagonal(factor[place]), x)], offset[place])


MATRICES: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {"batch_norm": _batch_norm, "linear": _linear, "matmul": _matmul}
)
"""Operator name -> the function that lowers it."""
