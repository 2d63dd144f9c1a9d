"""Whole numbers that a person passes: how many at most, and the seed of a draw."""

from numbers import Integral
from typing import Any

from explainrelu.errors import ArgumentError, InputTypeError

__all__ = ["checked_count", "checked_limit", "checked_seed"]

_LARGEST_SEED = 2**32 - 2  # NumPy's older generator takes 32 bits, and shap's second run one more


def checked_limit(name: str, limit: Any) -> int | None:
    """A limit of at least one, or None for no limit.

    Raises
    ------
    InputTypeError
        For what is no whole number.
    ArgumentError
        For a number below one.

    Examples
    --------
    >>> checked_limit("max_rows", 3.0), checked_limit("max_rows", None)
    (3, None)
    """
    if limit is None:
        return None
    number = _whole(limit)
    if number is None:
        raise InputTypeError(
            f"{name} must be a whole number of at least 1 or None, got {limit!r}. Write "
            f"{name}=None for no limit."
        )
    if number < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1 or None, got {limit!r}.")
    return number


def checked_count(name: str, count: Any) -> int:
    """A number of at least one, which cannot be left out.

    Raises
    ------
    InputTypeError
        For what is no whole number.
    ArgumentError
        For a number below one.
    """
    number = _whole(count)
    wanted = f"{name} must be a whole number of at least 1, got {count!r}."
    if number is None:
        raise InputTypeError(wanted)
    if number < 1:
        raise ArgumentError(wanted)
    return number


def checked_seed(seed: Any) -> int:
    """A seed for every draw of a call.

    Raises
    ------
    InputTypeError
        For what is no whole number.
    ArgumentError
        For a number outside the range of seeds.
    """
    number = _whole(seed)
    if number is None:
        raise InputTypeError(
            f"random_state must be a whole number, got {seed!r}. It is a seed: the same number "
            "gives the same result."
        )
    if not 0 <= number <= _LARGEST_SEED:
        raise ArgumentError(f"random_state must be from 0 to {_LARGEST_SEED}, got {seed!r}.")
    return number


def _whole(value: Any) -> int | None:
    """The whole number a value stands for, None where it stands for none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None
