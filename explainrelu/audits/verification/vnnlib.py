"""Read a VNN-LIB file: the boxes of the inputs, and the scores that count as counterexamples.

A file of version 1 declares ``X_i`` and ``Y_i`` and asserts what holds at a counterexample. The
assertions are brought into disjunctive normal form: cases, each with a box of the inputs and linear
constraints of the outputs. Cases with the same constraints share them over the union of their
boxes.
"""

import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from re import fullmatch
from typing import NoReturn

import numpy as np

from explainrelu.audits.verification.constraints import LinearConstraint, OutputConstraints
from explainrelu.audits.verification.expressions import Expression, expressions
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box

__all__ = ["VnnlibPart", "VnnlibProperty", "read_vnnlib"]

_MOST_CASES = 10_000
_IGNORED = ("set-logic", "set-info", "set-option", "check-sat", "exit")


@dataclass(frozen=True, slots=True, eq=False)
class VnnlibPart:
    """Boxes and what must hold over each of them.

    Attributes
    ----------
    domain
        Their union is the domain.
    output_constraints
        The property, over scores by their position.
    """

    domain: tuple[Box, ...]
    output_constraints: OutputConstraints


@dataclass(frozen=True, slots=True, eq=False)
class VnnlibProperty:
    """What a VNN-LIB file asks: the property holds where that of each part does.

    Attributes
    ----------
    n_inputs, n_outputs
        Variables declared.
    parts
        One where the file asks the same of all its boxes, as most do.
    """

    n_inputs: int
    n_outputs: int
    parts: tuple[VnnlibPart, ...]

    @property
    def domain(self) -> tuple[Box, ...]:
        """The boxes of the only part.

        Raises
        ------
        ArgumentError
            Where there are several: go through ``parts``.
        """
        return self._only.domain

    @property
    def output_constraints(self) -> OutputConstraints:
        """The property of the only part (see :attr:`domain`)."""
        return self._only.output_constraints

    @property
    def _only(self) -> VnnlibPart:
        if len(self.parts) > 1:
            raise ArgumentError(
                f"A file with one set of constraints has one domain, got {len(self.parts)} sets. "
                "Verify each of .parts by itself; the property holds where each does."
            )
        return self.parts[0]


def read_vnnlib(path: str | os.PathLike[str]) -> VnnlibProperty:
    """The property that a VNN-LIB file of version 1 states.

    Parameters
    ----------
    path
        The file: ``declare-const`` of ``X_i`` and ``Y_i``, and ``assert`` of ``<= >= < > =``
        between linear expressions, joined by ``and`` and ``or``.

    Returns
    -------
    VnnlibProperty
        What :func:`explainrelu.verify_property` takes. The file asserts what holds at a
        counterexample; the property holds where there is none.

    Raises
    ------
    ArgumentError
        For a file that cannot be read, with the line: malformed text, an input without bounds on
        both sides, contradictory bounds, constraints that join several inputs, or inputs and
        outputs, and no constraint of the outputs.

    Notes
    -----
    Numbers become the nearest float64. Each assertion multiplies the cases by those of its ``or``;
    more than 10,000 are refused.

    References
    ----------
    D. Guidotti et al., "The verification of neural networks library (VNN-LIB)", 2019.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> text = '''(declare-const X_0 Real) (declare-const Y_0 Real)
    ... (assert (<= X_0 1.0)) (assert (>= X_0 -1.0)) (assert (>= Y_0 3.0))'''
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "bound.vnnlib")
    ...     _ = file.write_text(text)
    ...     found = read_vnnlib(file)
    >>> print(found.output_constraints)
    violated where -output 0 <= -3
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, TypeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"Cannot read {path}: {error}.") from error
    return _Reader(Path(path).name).property(text)


@dataclass(frozen=True, slots=True)
class _Linear:
    """A constant and the coefficients of variables."""

    constant: float
    terms: dict[str, float]

    def plus(self, other: "_Linear", factor: float = 1.0) -> "_Linear":
        terms = dict(self.terms)
        for name, value in other.terms.items():
            terms[name] = terms.get(name, 0.0) + factor * value
        return _Linear(self.constant + factor * other.constant, terms)

    def times(self, factor: float) -> "_Linear":
        scaled = {name: factor * value for name, value in self.terms.items()}
        return _Linear(factor * self.constant, scaled)


@dataclass(frozen=True, slots=True)
class _Relation:
    """``left <= 0``, or ``< 0`` where strict."""

    left: _Linear
    strict: bool
    line: int


_Cases = list[tuple[_Relation, ...]]


class _Reader:
    """Reads one file; ``name`` stands in its errors."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._declared: set[str] = set()

    def property(self, text: str) -> VnnlibProperty:
        cases: _Cases = [()]
        for found in expressions(text, self._name):
            cases = self._command(found, cases)
        n_inputs, n_outputs = self._count("X"), self._count("Y")
        sides = [self._sides(case) for case in cases]
        grouped: dict[tuple[LinearConstraint, ...], list[Box]] = {}
        known: dict[object, tuple[LinearConstraint, ...]] = {}
        for inputs, outputs in sides:
            constraints = tuple(self._output(relation) for relation in outputs)
            if not constraints:
                self._fail(0, "a case must constrain an output Y_i, got inputs only")
            same = tuple((each.terms, each.bound, each.strict) for each in constraints)
            key = known.setdefault(same, constraints)
            grouped.setdefault(key, []).append(self._box(inputs, n_inputs))
        return VnnlibProperty(n_inputs, n_outputs, _parts(grouped))

    def _command(self, found: Expression, cases: _Cases) -> _Cases:
        head, *rest = found.items if isinstance(found.items, list) else [found]
        if head.items == "declare-const" and len(rest) == 2:
            self._declare(rest[0], rest[1])
        elif head.items == "assert" and len(rest) == 1:
            new = self._cases(rest[0])
            return self._joined(cases, new, found.line)
        elif head.items not in _IGNORED:
            self._fail(
                found.line,
                f"a command must be declare-const or assert of VNN-LIB 1, got {head.items!r}",
            )
        return cases

    def _declare(self, name: Expression, kind: Expression) -> None:
        if not isinstance(name.items, str) or not fullmatch(r"[XY]_(0|[1-9]\d*)", name.items):
            self._fail(name.line, f"a variable must be called X_0, Y_0, ..., got {name.items!r}")
        if kind.items != "Real":
            self._fail(kind.line, f"a variable must be Real, got {kind.items!r}")
        if name.items in self._declared:
            self._fail(name.line, f"{name.items} is declared twice")
        self._declared.add(str(name.items))

    def _count(self, letter: str) -> int:
        """How many variables of one kind there are, numbered without gaps."""
        numbers = sorted(int(name[2:]) for name in self._declared if name[0] == letter)
        if not numbers or numbers != list(range(len(numbers))):
            self._fail(
                0, f"{letter}_0, {letter}_1, ... must be declared without gaps, got {numbers}"
            )
        return len(numbers)

    def _cases(self, found: Expression) -> _Cases:
        """The cases of a formula."""
        if not isinstance(found.items, list) or len(found.items) < 2:
            self._fail(
                found.line, f"a formula must be (and ...), (or ...) or a relation, got {found}"
            )
        head, *rest = found.items
        if head.items == "and":
            cases: _Cases = [()]
            for part in rest:
                cases = self._joined(cases, self._cases(part), part.line)
            return cases
        if head.items == "or":
            return [case for part in rest for case in self._cases(part)]
        return [tuple(self._relations(found, str(head.items), rest))]

    def _joined(self, first: _Cases, second: _Cases, line: int) -> _Cases:
        if len(first) * len(second) > _MOST_CASES:
            self._fail(line, f"at most {_MOST_CASES:,} cases are read, got more by this assertion")
        return [one + other for one, other in product(first, second)]

    def _relations(self, found: Expression, sign: str, sides: list[Expression]) -> list[_Relation]:
        if sign not in ("<=", ">=", "<", ">", "=") or len(sides) != 2:
            self._fail(
                found.line, f"a relation must be (<= a b), or >=, <, >, = of two sides, got {found}"
            )
        left = self._linear(sides[0]).plus(self._linear(sides[1]), -1.0)
        if not any(left.terms.values()):
            self._fail(found.line, f"a relation must hold a variable, got {found}")
        turned = _Relation(left.times(-1.0), sign == ">", found.line)
        straight = _Relation(left, sign == "<", found.line)
        return {"=": [straight, turned], ">=": [turned], ">": [turned]}.get(sign, [straight])

    def _linear(self, found: Expression) -> _Linear:
        if isinstance(found.items, str):
            return self._atom(found.items, found.line)
        if len(found.items) < 2:
            self._fail(found.line, f"an expression must be a sum or a product, got {found}")
        head, *rest = found.items
        parts = [self._linear(part) for part in rest]
        if head.items == "+":
            return _sum_of(parts)
        if head.items == "-":
            return (
                parts[0].times(-1.0) if len(parts) == 1 else parts[0].plus(_sum_of(parts[1:]), -1.0)
            )
        if head.items != "*":
            self._fail(found.line, f"an expression must be made by + - *, got {head.items!r}")
        return self._product(parts, found)

    def _product(self, parts: list[_Linear], found: Expression) -> _Linear:
        product_, *rest = sorted(parts, key=lambda part: not part.terms)
        if any(part.terms for part in rest):
            self._fail(found.line, f"a product may hold one variable, got {found}")
        for part in rest:
            product_ = product_.times(part.constant)
        return product_

    def _atom(self, word: str, line: int) -> _Linear:
        if word in self._declared:
            return _Linear(0.0, {word: 1.0})
        try:
            value = float(word)
        except ValueError:
            self._fail(
                line, f"a number or a variable declared before must stand here, got {word!r}"
            )
        if not np.isfinite(value):
            self._fail(line, f"a number must be finite, got {word!r}")
        return _Linear(value, {})

    def _sides(self, case: tuple[_Relation, ...]) -> tuple[list[_Relation], list[_Relation]]:
        """The relations of the inputs, and those of the outputs."""
        inputs: list[_Relation] = []
        outputs: list[_Relation] = []
        for relation in case:
            names = [name for name, value in relation.left.terms.items() if value]
            kinds = {name[0] for name in names}
            if kinds == {"X", "Y"} or (kinds == {"X"} and len(names) > 1):
                self._fail(
                    relation.line,
                    f"inputs are constrained one by one, by numbers, got one of {', '.join(names)}",
                )
            (inputs if kinds == {"X"} else outputs).append(relation)
        return inputs, outputs

    def _box(self, relations: list[_Relation], n_inputs: int) -> Box:
        lower, upper = np.full(n_inputs, -np.inf), np.full(n_inputs, np.inf)
        for relation in relations:
            [(name, value)] = [pair for pair in relation.left.terms.items() if pair[1]]
            if relation.strict:
                self._fail(relation.line, f"bounds of {name} must be <= or >=, got a strict one")
            i, end = int(name[2:]), -relation.left.constant / value
            if value > 0:
                upper[i] = min(upper[i], end)
            else:
                lower[i] = max(lower[i], end)
            if lower[i] > upper[i]:
                self._fail(
                    relation.line,
                    f"bounds of {name} must not contradict each other, got {lower[i]:g} <= {name} "
                    f"<= {upper[i]:g}",
                )
        missing = np.flatnonzero(~np.isfinite(lower) | ~np.isfinite(upper)).tolist()
        if missing:
            names = ", ".join(f"X_{i}" for i in missing[:5])
            self._fail(0, f"every input needs a bound on both sides in every case, {names} has not")
        return Box(lower, upper)

    def _output(self, relation: _Relation) -> LinearConstraint:
        terms = sorted(
            (int(name[2:]), value) for name, value in relation.left.terms.items() if value
        )
        return LinearConstraint(tuple(terms), -relation.left.constant, relation.strict)

    def _fail(self, line: int, text: str) -> NoReturn:
        where = f"{self._name}, line {line}" if line else self._name
        raise ArgumentError(f"{where}: {text}.")


def _sum_of(parts: list[_Linear]) -> _Linear:
    """The sum of some expressions."""
    total = _Linear(0.0, {})
    for part in parts:
        total = total.plus(part)
    return total


def _parts(grouped: dict[tuple[LinearConstraint, ...], list[Box]]) -> tuple[VnnlibPart, ...]:
    """Constraints over the same boxes become the alternatives of one property."""
    together: dict[tuple[tuple[float, ...], ...], list[tuple[LinearConstraint, ...]]] = {}
    domains: dict[tuple[tuple[float, ...], ...], list[Box]] = {}
    for constraints, boxes in grouped.items():
        unique = {(*box.lower.tolist(), *box.upper.tolist()): box for box in boxes}
        key = tuple(sorted(unique))
        together.setdefault(key, []).append(constraints)
        domains[key] = [unique[corners] for corners in key]
    return tuple(
        VnnlibPart(tuple(domains[key]), OutputConstraints(tuple(alternatives)))
        for key, alternatives in together.items()
    )
