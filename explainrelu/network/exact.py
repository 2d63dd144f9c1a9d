"""The network in exact rational arithmetic: every float is a fraction, taken as it is.

An exact array is a block of integers over one common denominator, so that a matrix product
is a product of integers, without a greatest common divisor at every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import BoolArray, dense
from explainrelu.network.network import AffineMap, ReluNetwork

__all__ = ["ExactArray", "exact_forms", "exact_pattern", "exact_scores"]

_Integers = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class ExactArray:
    """``integers / denominator``, element by element.

    Attributes
    ----------
    integers
        An object array of Python integers, of any shape.
    denominator
        One positive integer for all of them.

    Examples
    --------
    >>> half = ExactArray.of([Fraction(1, 2), 3])
    >>> (half + half).fractions()
    [Fraction(1, 1), Fraction(6, 1)]
    """

    integers: _Integers
    denominator: int

    @classmethod
    def of(cls, values: npt.ArrayLike | Sequence[Fraction | int | float]) -> "ExactArray":
        """Numbers taken exactly: floats, integers or fractions."""
        array = np.asarray(values, dtype=object)
        ratios = [_ratio(value) for value in array.ravel()]
        common = lcm(1, *(denominator for _, denominator in ratios))
        integers = np.empty(len(ratios), dtype=object)
        integers[:] = [numerator * (common // denominator) for numerator, denominator in ratios]
        return cls(integers.reshape(array.shape), common)

    def __matmul__(self, other: "ExactArray") -> "ExactArray":
        return ExactArray(self.integers @ other.integers, self.denominator * other.denominator)

    def __add__(self, other: "ExactArray") -> "ExactArray":
        common = lcm(self.denominator, other.denominator)
        left = self.integers * (common // self.denominator)
        right = other.integers * (common // other.denominator)
        return ExactArray(left + right, common)

    def rows_where(self, kept: BoolArray) -> "ExactArray":
        """The same with every row that is not kept set to zero."""
        integers = self.integers.copy()
        integers[~kept] = 0
        return ExactArray(integers, self.denominator)

    def take(self, kept: BoolArray) -> "ExactArray":
        """The rows that are kept."""
        return ExactArray(self.integers[kept], self.denominator)

    @property
    def positive(self) -> BoolArray:
        """Which elements are greater than zero."""
        return np.asarray(self.integers > 0, dtype=np.bool_)

    def fractions(self) -> list[Any]:
        """Nested lists of fractions."""
        make = np.frompyfunc(lambda n: Fraction(n, self.denominator), 1, 1)
        result: list[Any] = np.asarray(make(self.integers), dtype=object).tolist()
        return result


def exact_scores(network: ReluNetwork, point: ExactArray) -> ExactArray:
    """The raw scores ``(n_outputs,)`` at an encoded point, without rounding."""
    hidden, _ = _through(network, point)
    return ExactArray.of(network.output.weight) @ hidden + ExactArray.of(network.output.bias)


def exact_pattern(network: ReluNetwork, point: ExactArray) -> BoolArray:
    """The activation pattern ``(n_neurons,)`` at an encoded point, boundaries included."""
    _, bits = _through(network, point)
    return np.concatenate([np.zeros(0, np.bool_), *bits])


def exact_forms(
    network: ReluNetwork, pattern: BoolArray
) -> tuple[tuple[ExactArray, ExactArray], tuple[ExactArray, ExactArray]]:
    """The affine forms of a pattern, composed without rounding.

    Returns
    -------
    preactivations : weight (n_neurons, n_inputs), bias (n_neurons,)
        The form of each rectified unit under the pattern.
    scores : weight (n_outputs, n_inputs), bias (n_outputs,)
        The network's formula on the region.
    """
    weight: ExactArray | None = None
    bias: ExactArray | None = None
    forms, start = [], 0
    for layer in network.layers:
        weight, bias = _compose(AffineMap(dense(layer.weight), layer.bias), weight, bias)
        forms.append((weight.take(layer.rectified), bias.take(layer.rectified)))
        kept = np.ones(layer.n_units, dtype=np.bool_)
        kept[layer.rectified] = pattern[start : start + layer.n_rectified]
        weight, bias = weight.rows_where(kept), bias.rows_where(kept)
        start += layer.n_rectified
    return _stacked(forms, network.n_inputs), _compose(network.output, weight, bias)


def _through(network: ReluNetwork, point: ExactArray) -> tuple[ExactArray, list[BoolArray]]:
    hidden, bits = point, []
    for layer in network.layers:
        z = ExactArray.of(dense(layer.weight)) @ hidden + ExactArray.of(layer.bias)
        bits.append(z.positive[layer.rectified])
        hidden = z.rows_where(z.positive | ~layer.rectified)
    return hidden, bits


def _compose(
    outer: AffineMap, weight: ExactArray | None, bias: ExactArray | None
) -> tuple[ExactArray, ExactArray]:
    matrix = ExactArray.of(outer.weight)
    if weight is None or bias is None:  # nothing stands before: the map itself
        return matrix, ExactArray.of(outer.bias)
    return matrix @ weight, matrix @ bias + ExactArray.of(outer.bias)


def _stacked(
    forms: list[tuple[ExactArray, ExactArray]], n_inputs: int
) -> tuple[ExactArray, ExactArray]:
    """Forms of all layers over one denominator."""
    common = lcm(1, *(array.denominator for form in forms for array in form))
    weights = [w.integers * (common // w.denominator) for w, _ in forms]
    biases = [b.integers * (common // b.denominator) for _, b in forms]
    empty = np.zeros((0, n_inputs), dtype=object)
    return (
        ExactArray(np.concatenate([empty, *weights]), common),
        ExactArray(
            np.concatenate([empty[:, 0] if n_inputs else np.zeros(0, object), *biases]), common
        ),
    )


def _ratio(value: Any) -> tuple[int, int]:
    if isinstance(value, (int, np.integer)):
        return int(value), 1
    if isinstance(value, Fraction):
        return value.numerator, value.denominator
    return float(value).as_integer_ratio()
