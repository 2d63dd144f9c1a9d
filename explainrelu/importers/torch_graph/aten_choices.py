"""ATen operators that choose between two values, and multiplication, by which choices are written.

A choice by the input is piecewise linear and continuous where both values meet at its boundary:
``where(d > 0, a, b) = b + k max(d, 0)`` if ``a - b = k d``. That is seen where ``a``, ``b`` and
``d`` are multiples of one value, as in a hand-written (leaky, parametric) ReLU; every other choice
by the input is refused.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.importers.torch_graph.writing import Numbers, Value, Writer

__all__ = ["CHOICES"]


def _above(w: Writer, x: Any, other: Any) -> Value:
    """``x > other``, to choose between values that meet where both are equal."""
    return _test(w, _value(x), _value(other))


def _below(w: Writer, x: Any, other: Any) -> Value:
    """``x < other``, to choose between values that meet where both are equal."""
    return _test(w, _value(other), _value(x))


def _mul(w: Writer, x: Any, other: Any) -> Value:
    """``x other``, where one of them is constant, or a comparison that the other meets at 0."""
    x, other = _value(x), _value(other)
    if x.above is not None:
        x, other = other, x
    if other.above is not None:
        return _chosen(w, other.above, x, Value.fixed(0.0))
    product = w.node("multiply", x, other)
    for value, factor in ((x, other.numbers), (other, x.numbers)):
        if value.name and factor is not None:
            base, before = w.multiples.get(value.name, (value, np.ones(())))
            w.multiples[product.name] = (base, before * factor)
    return product


def _where(w: Writer, condition: Value, x: Any, other: Any) -> Value:
    """``x`` where a constant mask is true, else ``other``; or by a sign at which both meet."""
    if condition.above is not None:
        return _chosen(w, condition.above, _value(x), _value(other))
    if condition.numbers is None:
        raise w.refused(
            "which chooses by the input", "Write it with relu, clamp, maximum or minimum."
        )
    mask = np.broadcast_to(condition.numbers.astype(np.bool_), w.given.shape)
    return w.node("add", _masked(w, _value(x), mask), _masked(w, _value(other), ~mask))


def _masked_fill(w: Writer, x: Value, mask: Value, value: Any) -> Value:
    """``value`` where a constant mask is true, else ``x``; or by a sign at which both meet."""
    return _where(w, mask, value, x)


def _value(x: Any) -> Value:
    return x if isinstance(x, Value) else Value.fixed(x)


def _test(w: Writer, larger: Value, smaller: Value) -> Value:
    zero = smaller.numbers is not None and not smaller.numbers.any()
    difference = larger if zero else w.node("subtract", larger, smaller)
    if not zero and larger.numbers is not None and not larger.numbers.any():
        base, factor = w.multiples.get(smaller.name, (smaller, np.ones(())))
        w.multiples[difference.name] = (base, -factor)
    return Value(w.given.shape, above=difference)


def _chosen(w: Writer, difference: Value, x: Value, other: Value) -> Value:
    """``x`` where the difference is above 0, else ``other``, if all are multiples of one value."""
    base, step = _multiple(w, difference, difference)
    found = [_multiple(w, value, base) for value in (x, other)]
    if not step.all() or any(name.name != base.name for name, _ in found):
        raise w.refused(
            "a choice by the input between values that may not meet where it changes",
            "Write it with relu, clamp, maximum or minimum.",
        )
    (_, upper), (_, lower) = found
    kink = w.node("relu", difference, gives=difference.shape)
    return w.node("add", _times(w, kink, (upper - lower) / step), _times(w, base, lower))


def _times(w: Writer, value: Value, factor: Numbers) -> Value:
    shape = np.broadcast_shapes(value.shape, factor.shape)
    return w.node("multiply", value, Value.fixed(factor), gives=shape)


def _multiple(w: Writer, value: Value, base: Value) -> tuple[Value, Numbers]:
    """The value as a multiple of another one; zeros are one of ``base``."""
    if value.numbers is not None:
        zero = not value.numbers.any()
        return (base, np.zeros(())) if zero else (value, np.ones(()))
    return w.multiples.get(value.name, (value, np.ones(())))


def _masked(w: Writer, x: Value, mask: "np.ndarray[Any, np.dtype[np.bool_]]") -> Value:
    """``x`` where the mask is true, else 0; what a constant holds elsewhere is never looked at."""
    if x.numbers is not None:
        return Value.fixed(np.where(mask, x.numbers, np.zeros((), x.numbers.dtype)))
    return w.node("multiply", x, Value.fixed(mask.astype(np.float64)))


CHOICES: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "ge": _above,
        "gt": _above,
        "le": _below,
        "lt": _below,
        "masked_fill": _masked_fill,
        "mul": _mul,
        "multiply": _mul,
        "where": _where,
    }
)
"""Operator -> the function that reads it."""
