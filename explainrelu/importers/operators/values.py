"""What the nodes of a graph compute: vectors made by affine maps and by ``max(., 0)``.

These two steps make every continuous piecewise-linear function, so each operator of
``lowering.py`` is written in them: ``|z| = 2 max(z, 0) - z``, for one. A value is such a vector
with the shape its numbers are read in (C order); reshaping never touches the vector.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from scipy import sparse

from explainrelu.arrays import FloatArray, IntArray, Matrix, entries
from explainrelu.importers.operators.graph import Shape

__all__ = [
    "AffineVector",
    "InputVector",
    "RectifiedVector",
    "Value",
    "Vector",
    "affine",
    "constant",
    "diagonal",
    "gather",
    "larger",
    "rectify",
    "selection",
    "weighted",
]


@dataclass(frozen=True, slots=True, eq=False)
class InputVector:
    """The input of the model."""

    size: int

    @property
    def sources(self) -> "tuple[Vector, ...]":
        """Vectors this one is made from."""
        return ()

    @property
    def never_negative(self) -> bool:
        """Whether no number can be below 0, as far as is seen without computing bounds."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class RectifiedVector:
    """``max(argument, 0)``."""

    argument: "Vector"

    @property
    def size(self) -> int:
        """Number of values."""
        return self.argument.size

    @property
    def sources(self) -> "tuple[Vector, ...]":
        """Vectors this one is made from."""
        return (self.argument,)

    @property
    def never_negative(self) -> bool:
        """Whether no number can be below 0, as far as is seen without computing bounds."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class AffineVector:
    """``bias + sum of matrix @ vector`` over the terms; a constant where there are none.

    ``never_negative`` says whether no number can be below 0, as far as is seen without computing
    bounds; it is found once, since a vector may be taken by many.
    """

    terms: "tuple[tuple[Matrix, Vector], ...]"
    bias: FloatArray
    never_negative: bool = field(init=False)

    def __post_init__(self) -> None:
        found = (
            bool((self.bias >= 0.0).all())
            and all(vector.never_negative for _, vector in self.terms)
            and all((entries(matrix) >= 0.0).all() for matrix, _ in self.terms)
        )
        object.__setattr__(self, "never_negative", found)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.bias.size)

    @property
    def sources(self) -> "tuple[Vector, ...]":
        """Vectors this one is made from."""
        return tuple(vector for _, vector in self.terms)


Vector = InputVector | RectifiedVector | AffineVector


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A vector read in a shape.

    Attributes
    ----------
    shape
        The shape of one sample.
    vector
        Its numbers in C order.
    """

    shape: Shape
    vector: Vector

    @property
    def size(self) -> int:
        """Number of values."""
        return self.vector.size

    @property
    def fixed(self) -> FloatArray | None:
        """The numbers in their shape where they do not depend on the input, else None."""
        if isinstance(self.vector, AffineVector) and not self.vector.terms:
            return self.vector.bias.reshape(self.shape)
        return None


def constant(array: FloatArray) -> Value:
    """A value that does not depend on the input."""
    return Value(array.shape, AffineVector((), array.reshape(-1)))


def affine(
    shape: Shape, terms: Iterable[tuple[Matrix, Value]], bias: FloatArray | None = None
) -> Value:
    """``bias + sum of matrix @ value``, with terms that are constants added into the bias."""
    total = np.zeros(prod(shape)) if bias is None else bias.reshape(-1)
    kept: list[tuple[Matrix, Vector]] = []
    for matrix, value in terms:
        numbers = value.fixed
        if numbers is None:
            kept.append((matrix, value.vector))
        else:
            total = total + matrix @ numbers.reshape(-1)
    return Value(shape, AffineVector(tuple(kept), total))


def weighted(
    factors: Sequence[float], values: Sequence[Value], bias: FloatArray | None = None
) -> Value:
    """``bias + sum of factor * value``, of values in the same shape."""
    size, shape = values[0].size, values[0].shape
    terms = [
        (diagonal(np.full(size, factor)), value)
        for factor, value in zip(factors, values, strict=True)
    ]
    return affine(shape, terms, bias)


def rectify(value: Value) -> Value:
    """``max(value, 0)``; what can be seen to be never negative stays as it is."""
    numbers = value.fixed
    if numbers is not None:
        return constant(np.maximum(numbers, 0.0))
    if value.vector.never_negative:
        return value
    return Value(value.shape, RectifiedVector(value.vector))


def larger(x: Value, y: Value) -> Value:
    """``max(x, y) = x + max(y - x, 0)``, of values in the same shape.

    Exact where both are equal, and in float64 wherever ``y - x`` is.
    """
    return weighted((1.0, 1.0), (x, rectify(weighted((1.0, -1.0), (y, x)))))


def gather(value: Value, index: IntArray) -> Value:
    """The values at flat positions ``index``, in the shape of ``index``.

    Broadcasting, slicing and transposing are gathers. One that moves nothing only reshapes.
    """
    flat = index.reshape(-1)
    if flat.size == value.size and bool((flat == np.arange(flat.size)).all()):
        return Value(index.shape, value.vector)
    return affine(index.shape, [(selection(flat, value.size), value)])


def selection(index: IntArray, size: int) -> sparse.csr_array[np.float64]:
    """The 0/1 matrix that takes the entries ``index`` of a vector of ``size`` values."""
    rows = np.arange(index.size + 1)
    return sparse.csr_array((np.ones(index.size), index, rows), shape=(index.size, size))


def diagonal(factors: FloatArray) -> sparse.csr_array[np.float64]:
    """The matrix that multiplies each value by its factor."""
    size = factors.size
    return sparse.csr_array((factors, np.arange(size), np.arange(size + 1)), shape=(size, size))
