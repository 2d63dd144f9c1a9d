"""Random boxes and polytopes, and what is true of them by exact or plain brute force."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope

Row = tuple[tuple[Fraction, ...], Fraction]
"""A half-space ``a @ x <= b`` as ``(a, b)``."""


@st.composite
def polytopes(
    draw: st.DrawFn, *, max_inputs: int = 2, max_halfspaces: int = 6, fixed: bool = True
) -> Polytope:
    """Half-spaces of small integers in a box of small integers: often degenerate or empty."""
    n_inputs = draw(st.integers(1, max_inputs))
    n_rows = draw(st.integers(0, max_halfspaces))
    widths = st.integers(0 if fixed else 1, 4).map(float)
    lower = draw(hnp.arrays(np.float64, n_inputs, elements=st.integers(-3, 1).map(float)))
    upper = lower + draw(hnp.arrays(np.float64, n_inputs, elements=widths))
    small = st.integers(-2, 2).map(float)
    weight = draw(hnp.arrays(np.float64, (n_rows, n_inputs), elements=small))
    bound = draw(hnp.arrays(np.float64, n_rows, elements=st.integers(-4, 4).map(float)))
    return Polytope(weight, bound, Box(lower, upper))


@st.composite
def solid_polytopes(draw: st.DrawFn, *, max_inputs: int = 4, max_halfspaces: int = 9) -> Polytope:
    """Half-spaces of any floats with the middle of the box inside: full-dimensional."""
    n_inputs = draw(st.integers(1, max_inputs))
    n_rows = draw(st.integers(1, max_halfspaces))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    lower = rng.normal(size=n_inputs)
    box = Box(lower, lower + rng.uniform(0.5, 2.0, size=n_inputs))
    weight = rng.normal(size=(n_rows, n_inputs))
    slack = rng.exponential(0.4, size=n_rows) + 1e-3
    return Polytope(weight, weight @ box.centre + slack, box)


def in_units(polytope: Polytope, units: np.ndarray) -> Polytope:
    """The same set with input ``j`` counted in a unit ``1 / units[j]`` as large."""
    box = Box(polytope.box.lower * units, polytope.box.upper * units)
    return Polytope(polytope.weight / units, polytope.bound, box)


@dataclass(frozen=True)
class ExactPolytope:
    """A polytope of at most two or three inputs as rationals, box faces written as rows."""

    rows: tuple[Row, ...]
    n_inputs: int

    @classmethod
    def of(cls, polytope: Polytope, kept: "list[int] | None" = None) -> "ExactPolytope":
        """The half-spaces in ``kept`` (all by default) and the faces of the box."""
        positions = range(polytope.n_halfspaces) if kept is None else kept
        rows = [(_fractions(polytope.weight[i]), Fraction(polytope.bound[i])) for i in positions]
        for j in range(polytope.box.n_inputs):
            unit = [Fraction(int(j == k)) for k in range(polytope.box.n_inputs)]
            rows.append((tuple(unit), Fraction(polytope.box.upper[j])))
            rows.append((tuple(-u for u in unit), -Fraction(polytope.box.lower[j])))
        return cls(tuple(rows), polytope.box.n_inputs)

    def vertices(self) -> set[tuple[Fraction, ...]]:
        """Every corner: bounded and not empty means there is at least one."""
        return {
            point
            for chosen in combinations(self.rows, self.n_inputs)
            if (point := _meet(chosen)) is not None and self.holds(point)
        }

    def holds(self, point: tuple[Fraction, ...]) -> bool:
        """Whether a point lies in the closed set."""
        return all(_dot(a, point) <= b for a, b in self.rows)

    def largest(self, form: tuple[Fraction, ...]) -> Fraction | None:
        """The largest value of a linear form; None where the set is empty."""
        return max((_dot(form, vertex) for vertex in self.vertices()), default=None)


def needed_exactly(polytope: Polytope) -> list[int]:
    """The half-spaces the others and the box do not imply, the first of equal ones."""
    rows = ExactPolytope.of(polytope).rows[: polytope.n_halfspaces]
    distinct = [i for i, row in enumerate(rows) if not any(_same(row, rows[k]) for k in range(i))]
    found = []
    for i in distinct:
        others = ExactPolytope.of(polytope, [k for k in distinct if k != i])
        reach = others.largest(rows[i][0])
        if reach is not None and reach > rows[i][1]:
            found.append(i)
    return found


def is_solid_exactly(polytope: Polytope) -> bool:
    """Whether there is a point strictly inside every half-space, fixed inputs aside."""
    corners = list(ExactPolytope.of(polytope).vertices())
    if not corners:
        return False
    middle = [sum(values) / len(corners) for values in zip(*corners, strict=True)]
    free = ~polytope.box.fixed
    return all(
        _dot(a, tuple(middle)) < b
        for a, b in ExactPolytope.of(polytope).rows
        if any(v != 0 for v, is_free in zip(a, free, strict=True) if is_free)
    )


def scaled_rows(polytope: Polytope) -> tuple[np.ndarray, np.ndarray]:
    """The half-spaces in the box scaled to ``[-1, 1]``, each row of length one."""
    weight = polytope.weight * polytope.box.half_width
    bound = polytope.bound - polytope.weight @ polytope.box.centre
    length = np.linalg.norm(weight, axis=1)
    return weight / length[:, None], bound / length


def largest(cost: np.ndarray, weight: np.ndarray, bound: np.ndarray) -> float:
    """The largest ``cost @ u`` with ``weight @ u <= bound`` and ``-1 <= u <= 1``, by scipy."""
    found = linprog(-cost, A_ub=weight, b_ub=bound, bounds=[(-1.0, 1.0)] * cost.size)
    return -found.fun if found.status == 0 else float("nan")


def corner_points(box: Box) -> Iterator[np.ndarray]:
    """Every corner of a box."""
    for bits in np.ndindex(*(2,) * box.n_inputs):
        yield np.where(np.array(bits, dtype=bool), box.upper, box.lower)


def _fractions(values: np.ndarray) -> tuple[Fraction, ...]:
    return tuple(Fraction(float(value)) for value in values)


def _dot(a: tuple[Fraction, ...], b: tuple[Fraction, ...]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _same(first: Row, second: Row) -> bool:
    """Whether two rows are one half-space up to a positive factor."""
    (a, b), (c, d) = first, second
    factors = {y / x for x, y in zip((*a, b), (*c, d), strict=True) if x != 0}
    zeros = all((x == 0) == (y == 0) for x, y in zip((*a, b), (*c, d), strict=True))
    return zeros and len(factors) <= 1 and all(f > 0 for f in factors)


def _meet(rows: tuple[Row, ...]) -> tuple[Fraction, ...] | None:
    """The point where the hyperplanes of as many rows as inputs meet (Gauss-Jordan)."""
    table = [[*a, b] for a, b in rows]
    size = len(table)
    for k in range(size):
        pivot = next((i for i in range(k, size) if table[i][k] != 0), None)
        if pivot is None:
            return None
        table[k], table[pivot] = table[pivot], table[k]
        table[k] = [value / table[k][k] for value in table[k]]
        for i in range(size):
            if i != k and table[i][k] != 0:
                factor = table[i][k]
                table[i] = [v - factor * w for v, w in zip(table[i], table[k], strict=True)]
    return tuple(row[-1] for row in table)
