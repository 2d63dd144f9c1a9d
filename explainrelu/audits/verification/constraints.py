"""A small language for what must hold of a network's scores.

Legend: ``y`` are the raw scores. A *constraint* reads ``a @ y <= b`` (or ``<`` where strict). A
*counterexample* satisfies every constraint of at least one of the *alternatives*: in the space of
scores the counterexamples are a union of polyhedra.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Integral, Real
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.network.outputs import OutputSchema

__all__ = ["Alternative", "LinearConstraint", "OutputConstraints"]

_MOST_ALTERNATIVES = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class LinearConstraint:
    """``sum of coefficient * score <= bound``, or ``<`` where strict.

    Attributes
    ----------
    terms
        Pairs of a score and its coefficient. A score is a name (a class of a classifier too), or
        its position among the raw scores.
    bound
        The right-hand side.
    strict
        Whether equality does not count.

    Examples
    --------
    >>> str(LinearConstraint((("refuse", 1.0), ("grant", -1.0)), 0.5))
    'refuse - grant <= 0.5'
    """

    terms: tuple[tuple[str | int, float], ...]
    bound: float
    strict: bool = False

    def __post_init__(self) -> None:
        numbers: list[Any] = [*(coefficient for _, coefficient in self.terms), self.bound]
        if not all(isinstance(x, Real) and np.isfinite(float(x)) for x in numbers):
            raise ArgumentError(
                f"A constraint is made of finite numbers, got {self.terms} and bound {self.bound}."
            )
        if not any(float(coefficient) for _, coefficient in self.terms):
            raise ArgumentError(
                "A constraint must name at least one score with a coefficient other than 0, got "
                f"{self.terms}. What holds of no score in particular is no property of a model."
            )
        for name, _ in self.terms:
            if isinstance(name, bool) or not isinstance(name, (str, Integral)):
                raise InputTypeError(
                    f"A score is a name or its position, got {name!r}. "
                    "network.outputs.names lists them."
                )

    def __str__(self) -> str:
        text = ""
        for name, coefficient in self.terms:
            size = abs(coefficient)
            sign = " - " if coefficient < 0 else " + "
            shown = f"output {name}" if isinstance(name, int) else str(name)
            text += sign + (f"{size:.12g} " if size != 1 else "") + shown
        text = text.removeprefix(" + ") if text.startswith(" + ") else "-" + text[3:]
        return f"{text} {'<' if self.strict else '<='} {self.bound + 0.0:.12g}"

    def negated(self) -> "LinearConstraint":
        """What holds exactly where this does not: ``a @ y > b`` turned around."""
        turned = tuple((name, -coefficient) for name, coefficient in self.terms)
        return LinearConstraint(turned, -self.bound, not self.strict)

    def row(self, outputs: OutputSchema) -> FloatArray:
        """The coefficients of the raw scores: (n_outputs,).

        Raises
        ------
        ArgumentError
            For a score that the model has not, and where the coefficients cancel.
        """
        found = np.zeros(len(outputs.names))
        for name, coefficient in self.terms:
            found += float(coefficient) * _unit(name, outputs)
        if not found.any():
            raise ArgumentError(
                f"The constraint {self} reads 0 on its left side: its scores cancel, so that it "
                "says nothing of the model. Leave it out."
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """Constraints over the raw scores that hold together at a counterexample.

    Attributes
    ----------
    text
        The constraints in words.
    weight : (n_constraints, n_outputs)
    bound : (n_constraints,)
        ``weight @ y <= bound``.
    strict : (n_constraints,) bool
        Where equality does not count.
    """

    text: str
    weight: FloatArray
    bound: FloatArray
    strict: tuple[bool, ...]

    def excess(self, scores: FloatArray) -> FloatArray:
        """How far each row of scores is from a counterexample: ``max(weight @ y - bound)``."""
        found: FloatArray = (scores @ self.weight.T - self.bound).max(axis=1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class OutputConstraints:
    """A property of the scores: what must hold at every row of a domain.

    It is kept by its counterexamples, as the files of verification competitions do: the property
    is *violated* at a row where all constraints of one of the alternatives hold, and *holds* at
    every other. ``a & b`` must hold both, ``a | b`` at least one of the two at each row.

    Attributes
    ----------
    alternatives
        Each a tuple of constraints.

    Examples
    --------
    >>> calm = OutputConstraints.at_most("risk", 2.5) & OutputConstraints.at_least("risk", 0)
    >>> print(calm)
    violated where -risk < -2.5; or where risk < 0
    >>> print(OutputConstraints.not_largest("refuse", among=("refuse", "grant")))
    violated where -refuse + grant <= 0
    """

    alternatives: tuple[tuple[LinearConstraint, ...], ...]

    def __post_init__(self) -> None:
        if not self.alternatives or not all(self.alternatives):
            raise ArgumentError(
                "A property needs at least one alternative, and each at least one constraint, got "
                f"{self.alternatives}. Without constraints every row or none would violate it."
            )
        for constraint in (c for alternative in self.alternatives for c in alternative):
            if not isinstance(constraint, LinearConstraint):
                raise InputTypeError(
                    "An alternative is made of LinearConstraint, got "
                    f"{type(constraint).__qualname__}."
                )
        if len(self.alternatives) > _MOST_ALTERNATIVES:
            raise ArgumentError(
                f"A property may have at most {_MOST_ALTERNATIVES:,} alternatives, got "
                f"{len(self.alternatives):,}. Verify its parts one by one."
            )

    @classmethod
    def violated_when(cls, *alternatives: Iterable[LinearConstraint]) -> "OutputConstraints":
        """Violated where all constraints of one alternative hold."""
        return cls(tuple(tuple(alternative) for alternative in alternatives))

    @classmethod
    def hold(cls, *constraints: LinearConstraint) -> "OutputConstraints":
        """Every constraint must hold."""
        return cls(tuple((constraint.negated(),) for constraint in constraints))

    @classmethod
    def at_most(cls, output: str | int, bound: float) -> "OutputConstraints":
        """``output <= bound``."""
        return cls.hold(LinearConstraint(((output, 1.0),), bound))

    @classmethod
    def at_least(cls, output: str | int, bound: float) -> "OutputConstraints":
        """``output >= bound``."""
        return cls.hold(LinearConstraint(((output, -1.0),), -bound))

    @classmethod
    def difference_at_most(
        cls, first: str | int, second: str | int, bound: float
    ) -> "OutputConstraints":
        """``first - second <= bound``."""
        return cls.hold(LinearConstraint(((first, 1.0), (second, -1.0)), bound))

    @classmethod
    def largest(cls, output: str | int, *, among: Sequence[str | int]) -> "OutputConstraints":
        """``output`` is at least each of the others."""
        return cls.hold(*(_no_less(output, other) for other in _others(output, among)))

    @classmethod
    def not_largest(cls, output: str | int, *, among: Sequence[str | int]) -> "OutputConstraints":
        """Some other score is larger than ``output``."""
        return cls((tuple(_no_less(output, other) for other in _others(output, among)),))

    @classmethod
    def smallest(cls, output: str | int, *, among: Sequence[str | int]) -> "OutputConstraints":
        """``output`` is at most each of the others."""
        return cls.hold(*(_no_less(other, output) for other in _others(output, among)))

    @classmethod
    def not_smallest(cls, output: str | int, *, among: Sequence[str | int]) -> "OutputConstraints":
        """Some other score is smaller than ``output``."""
        return cls((tuple(_no_less(other, output) for other in _others(output, among)),))

    def __and__(self, other: "OutputConstraints") -> "OutputConstraints":
        return OutputConstraints(self.alternatives + other.alternatives)

    def __or__(self, other: "OutputConstraints") -> "OutputConstraints":
        pairs = product(self.alternatives, other.alternatives)
        return OutputConstraints(tuple(first + second for first, second in pairs))

    def __str__(self) -> str:
        texts = (" and ".join(map(str, alternative)) for alternative in self.alternatives)
        return "violated where " + "; or where ".join(texts)

    def over(self, outputs: OutputSchema) -> tuple[Alternative, ...]:
        """The alternatives as matrices over the raw scores.

        Raises
        ------
        ArgumentError
            For a score that the model has not.
        """
        return tuple(_matrices(alternative, outputs) for alternative in self.alternatives)


def _matrices(constraints: Sequence[LinearConstraint], outputs: OutputSchema) -> Alternative:
    return Alternative(
        " and ".join(map(str, constraints)),
        frozen_floats([constraint.row(outputs) for constraint in constraints], 2, "weight"),
        frozen_floats([constraint.bound for constraint in constraints], 1, "bound"),
        tuple(constraint.strict for constraint in constraints),
    )


def _no_less(first: str | int, second: str | int) -> LinearConstraint:
    """``first >= second``."""
    return LinearConstraint(((first, -1.0), (second, 1.0)), 0.0)


def _others(output: str | int, among: Sequence[str | int]) -> list[str | int]:
    others = [name for name in among if name != output]
    if output not in among or not others:
        raise ArgumentError(
            f"among must list {output!r} and at least one other score, got {list(among)}. "
            "network.outputs.names lists them."
        )
    return others


def _unit(name: Any, outputs: OutputSchema) -> FloatArray:
    """The raw score of that name, or at that place, as a form of all."""
    n_outputs = len(outputs.names)
    if isinstance(name, str):
        form: FloatArray = outputs.view(name).matrix[0]
        return form
    if not 0 <= int(name) < n_outputs:
        raise ArgumentError(
            f"A score is counted from 0 to {n_outputs - 1}, got {name}. The model's scores are "
            f"{', '.join(outputs.names)}."
        )
    unit: FloatArray = np.eye(n_outputs)[int(name)]
    return unit
