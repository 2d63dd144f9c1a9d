"""ATen operators that multiply by constant matrices, and batch norm."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from explainrelu.errors import TrainingModeError, UnsupportedModelError
from explainrelu.importers.operators.graph import Shape
from explainrelu.importers.torch_graph.writing import Numbers, Value, Writer

__all__ = ["MATRICES"]


def _linear(w: Writer, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """``x @ weight.T + bias`` along the last axis."""
    if weight.numbers is not None and len(weight.shape) == 2 and not _moves(bias):
        return w.node("linear", *_present(x, weight, bias))
    product = _matmul(w, x, _swapped(w, weight))
    return product if bias is None else w.node("add", product, bias)


def _matmul(w: Writer, x: Value, other: Value) -> Value:
    """``x @ other``, where one of them is constant."""
    return w.node("matmul", x, other, gives=_product_shape(x, other))


def _mm(w: Writer, x: Value, mat2: Value) -> Value:
    """The product of two matrices, or of stacks of them, where one is constant."""
    return _matmul(w, x, mat2)


def _mv(w: Writer, x: Value, vec: Value) -> Value:
    """A matrix by a vector, where one of them is constant."""
    return _matmul(w, x, vec)


def _dot(w: Writer, x: Value, tensor: Value) -> Value:
    """The inner product of two vectors, where one of them is constant."""
    return _matmul(w, x, tensor)


def _addmm(
    w: Writer, x: Value, mat1: Value, mat2: Value, beta: float = 1, alpha: float = 1
) -> Value:
    """``beta x + alpha mat1 @ mat2``, where one of the two is constant."""
    product = _matmul(w, mat1, mat2)
    parts = [_times(w, x, beta), _times(w, product, alpha)]
    return w.node("add", *parts)


def _baddbmm(
    w: Writer, x: Value, batch1: Value, batch2: Value, beta: float = 1, alpha: float = 1
) -> Value:
    """``beta x + alpha batch1 @ batch2`` for stacks of matrices, where one is constant."""
    return _addmm(w, x, batch1, batch2, beta, alpha)


def _addmv(w: Writer, x: Value, mat: Value, vec: Value, beta: float = 1, alpha: float = 1) -> Value:
    """``beta x + alpha mat @ vec``, where one of the two is constant."""
    return _addmm(w, x, mat, vec, beta, alpha)


def _einsum(
    w: Writer, equation: str, tensors: tuple[Value, ...], path: Shape | None = None
) -> Value:
    """A sum of products over named axes, of one value or of a value and a constant."""
    terms, _, kept = equation.replace(" ", "").partition("->")
    letters = terms.split(",")
    plain = "->" in equation and "." not in equation and len(letters) == len(tensors) <= 2
    if not plain or any(len(set(term)) < len(term) for term in letters):
        raise UnsupportedModelError(
            f"{w.call.where} calls {w.call.target} with {equation!r}. What can be read is an "
            "equation with its result, of one or two tensors, without ... and without a letter "
            "twice in a term. Write it with matmul there."
        )
    others = [{*"".join(letters[:i] + letters[i + 1 :])} | {*kept} for i in range(len(letters))]
    parts = [_summed(w, *part) for part in zip(tensors, letters, others, strict=True)]
    if len(parts) == 1:
        return _ordered(w, *parts[0], kept)
    (x, of_x), (y, of_y) = parts
    both = [letter for letter in of_x if letter in of_y and letter in kept]
    inner = [letter for letter in of_x if letter in of_y and letter not in kept]
    left = [letter for letter in of_x if letter not in of_y]
    right = [letter for letter in of_y if letter not in of_x]
    pairs = [*zip(of_x, x.shape, strict=True), *zip(of_y, y.shape, strict=True)]
    sizes = {letter: max(size for other, size in pairs if other == letter) for letter, _ in pairs}
    x, y = (_widened(w, *part, sizes) for part in ((x, of_x), (y, of_y)))
    blocks = [tuple(sizes[letter] for letter in group) for group in (both, left, inner, right)]
    b, m, k, n = (int(np.prod(block)) for block in blocks)
    x = w.reshaped(_ordered(w, x, of_x, [*both, *left, *inner]), (b, m, k))
    y = w.reshaped(_ordered(w, y, of_y, [*both, *inner, *right]), (b, k, n))
    product = w.reshaped(_matmul(w, x, y), (*blocks[0], *blocks[1], *blocks[3]))
    return _ordered(w, product, "".join([*both, *left, *right]), kept)


def _batch_norm(
    w: Writer,
    x: Value,
    weight: Value | None = None,
    bias: Value | None = None,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    training: bool = False,
    eps: float = 1e-5,
) -> Value:
    """``weight (x - mean) / sqrt(variance + eps) + bias`` for each channel (axis 1)."""
    if training or running_mean is None or running_var is None:
        raise TrainingModeError(
            f"{w.call.where} calls {w.call.target} as in training, where it mixes the rows of a "
            "batch. Call model.eval() first, and keep its running statistics."
        )
    channels = running_mean.shape
    scale = Value.fixed(np.ones(channels)) if weight is None else weight
    shift = Value.fixed(np.zeros(channels)) if bias is None else bias
    return w.node("batch_norm", x, scale, shift, running_mean, running_var, epsilon=float(eps))


def _present(*values: Value | None) -> tuple[Value, ...]:
    return tuple(value for value in values if value is not None)


def _moves(x: Value | None) -> bool:
    return x is not None and x.numbers is None


def _times(w: Writer, x: Value, factor: float) -> Value:
    if factor == 1:
        return x
    return w.node("multiply", x, Value.fixed(factor), gives=x.shape)


def _swapped(w: Writer, x: Value) -> Value:
    """The last two axes exchanged."""
    n_axes = len(x.shape)
    if n_axes < 2:
        return x
    axes = (*range(n_axes - 2), n_axes - 1, n_axes - 2)
    return w.node("transpose", x, gives=tuple(x.shape[axis] for axis in axes), axes=axes)


def _product_shape(x: Value, other: Value) -> Shape:
    try:
        product: Numbers = np.matmul(np.empty(x.shape), np.empty(other.shape))
    except ValueError as error:
        raise UnsupportedModelError(f"Shapes {x.shape} and {other.shape}: {error}") from error
    return product.shape


def _summed(w: Writer, x: Value, letters: str, elsewhere: set[str]) -> tuple[Value, str]:
    """``x`` summed over the axes that stand nowhere else."""
    axes = tuple(i for i, letter in enumerate(letters) if letter not in elsewhere)
    if not axes:
        return x, letters
    left = [i for i in range(len(letters)) if i not in axes]
    shape = tuple(x.shape[i] for i in left)
    summed = w.node("reduce_sum", x, gives=shape, axes=axes, keep=0)
    return summed, "".join(letters[i] for i in left)


def _widened(w: Writer, x: Value, letters: str, sizes: Mapping[str, int]) -> Value:
    """``x`` with axes of size 1 repeated to the size that their letter has elsewhere."""
    shape = tuple(sizes[letter] for letter in letters)
    return x if x.shape == shape else w.node("expand", x, gives=shape, shape=shape)


def _ordered(w: Writer, x: Value, letters: str, wanted: str | list[str]) -> Value:
    """``x`` with its axes in the order wanted."""
    axes = tuple(letters.index(letter) for letter in wanted)
    if axes == tuple(range(len(axes))):
        return x
    return w.node("transpose", x, gives=tuple(x.shape[axis] for axis in axes), axes=axes)


MATRICES: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "_native_batch_norm_legit": _batch_norm,
        "_native_batch_norm_legit_no_training": _batch_norm,
        "addmm": _addmm,
        "addmv": _addmv,
        "baddbmm": _baddbmm,
        "batch_norm": _batch_norm,
        "bmm": _mm,
        "cudnn_batch_norm": _batch_norm,
        "dot": _dot,
        "einsum": _einsum,
        "linear": _linear,
        "matmul": _matmul,
        "mm": _mm,
        "mv": _mv,
        "native_batch_norm": _batch_norm,
    }
)
"""Operator -> the function that reads it."""
