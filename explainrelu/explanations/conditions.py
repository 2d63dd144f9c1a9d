"""The half-spaces of a region as conditions a person can read.

A unit's half-space, ``z > 0`` or ``z <= 0`` say, keeps its meaning when ``z`` is divided by a
number; it is written with coefficient one on its largest term (the constant moved to the right), so
that ``1.3 x - 2.6 > 0`` reads ``x > 2``. Levels are counted from the first that is possible.
"""

from dataclasses import dataclass, replace
from math import ceil, floor, log10

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, frozen
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.column import Column, ColumnKind, level_text
from explainrelu.network.formula import readable_form
from explainrelu.network.reading import Reading, read
from explainrelu.regions.region import LinearRegion
from explainrelu.tolerances import Tolerances

__all__ = ["Condition", "conditions_of", "rounded_up"]

_TERMS_SHOWN = 5
_ROUNDING = 1e-12  # of a row's largest term: below it nothing but rounding is left


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One condition of a rule: ``weight @ x`` on the left, ``bound`` on the right.

    Attributes
    ----------
    weight : (n_inputs,)
        Coefficients in raw units; the largest term over the domain has coefficient one.
    relation
        ``>``, ``>=``, ``<`` or ``<=``; for a level, ``=`` or ``in``.
    bound
        The right-hand side.
    distance
        Distance of the rule's example row from the hyperplane, inputs measured in half-widths
        of the domain; zero for a level.
    text
        The condition in words, by its largest terms: the others are held at the example row,
        and ``±`` says how far they can move the right-hand side anywhere in the domain. Where
        that is much beside the terms written, the others are counted too.
    """

    weight: FloatArray
    relation: str
    bound: float
    distance: float
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen(np.array(self.weight)))


def conditions_of(
    region: LinearRegion,
    inside: FloatArray,
    tolerances: Tolerances,
    *,
    generic_point: FloatArray | None = None,
) -> tuple[tuple[Condition, ...], Box]:
    """The conditions of a region that matter within its domain.

    A categorical column is written as ``job = nurse`` or ``job in {nurse, clerk}`` where the
    region with the domain admits these levels only; within the domain so narrowed, the
    half-spaces implied by the others are left out.

    Parameters
    ----------
    inside : (n_inputs,)
        A point of the region, from which distances are taken.
    generic_point : (n_inputs,), optional
        A point by which the region is half-open: a half-space that holds it has its border too.
        Without it a half-space has its border where the unit is inactive.

    Returns
    -------
    conditions
        Levels first, then half-spaces, nearest first.
    domain
        The domain narrowed to the levels named.
    """
    levels, domain = _levels(region, tolerances)
    narrowed = LinearRegion(region.network, region.packed, domain)
    polytope = narrowed.polytope()
    matter = polytope.irredundant(inside, tolerances=tolerances)
    distances = narrowed.distances(inside, domain.half_width)
    order = matter[np.argsort(distances[matter], kind="stable")]
    closed = ~region.pattern
    if generic_point is not None:
        closed = polytope.weight @ generic_point < polytope.bound
    found = [
        _halfspace(narrowed, polytope, i, inside, float(distances[i]), closed=bool(closed[i]))
        for i in order
    ]
    return (*levels, *(condition for condition in found if condition is not None)), domain


def _halfspace(
    region: LinearRegion,
    polytope: Polytope,
    row: int,
    inside: FloatArray,
    distance: float,
    *,
    closed: bool,
) -> Condition | None:
    """One half-space as a condition; None where it is constant on every row of known levels."""
    schema, scale = region.network.schema, region.domain.half_width
    # fixed inputs are constants of the domain and move to the right-hand side
    free = scale > 0
    weight = np.where(free, polytope.weight[row], 0.0)
    bound = float(polytope.bound[row] - polytope.weight[row][~free] @ polytope.box.centre[~free])
    weight, moved = readable_form(weight, -bound, schema, region.domain)
    bound = -moved
    size = float((np.abs(polytope.weight[row]) * scale).max(initial=0.0))
    if float((np.abs(weight) * scale).max(initial=0.0)) <= _ROUNDING * size:
        return None
    leading = weight[int(np.argmax(np.abs(weight) * scale))]
    weight, bound = weight / leading, bound / leading
    # the row reads weight @ x <= bound; an open one is strict, dividing may turn it round
    signs = ("<=", ">=") if closed else ("<", ">")
    relation = signs[0] if leading > 0 else signs[1]
    reading = read(weight, -bound, schema, region.domain, at=inside, max_terms=_TERMS_SHOWN)
    return Condition(weight, relation, bound, distance, _text(reading, relation))


def rounded_up(value: float, *, digits: int = 2) -> float:
    """The next number of so many significant digits: what is printed of a bound stays a bound.

    Examples
    --------
    >>> rounded_up(531.2), rounded_up(0.0), rounded_up(0.101)
    (540.0, 0.0, 0.11)
    """
    if value <= 0.0:
        return 0.0
    step = floor(log10(value)) - digits + 1
    # at the step itself, rounding of the quotient must not lead one step further
    return float(f"{ceil(value / 10.0**step * (1.0 - 1e-12))}e{step}")


def _text(reading: Reading, relation: str) -> str:
    """A reading with its slack always told: without it the rule's own rows could break it."""
    told = replace(reading, slack=rounded_up(reading.slack), nearly_all=True)
    text = told.text(right=relation)
    if reading.nearly_all:
        return text
    return f"{text} ({reading.n_held} more term{'s' if reading.n_held > 1 else ''})"


def _levels(region: LinearRegion, tolerances: Tolerances) -> tuple[list[Condition], Box]:
    """A condition for each categorical column the region narrows down, and the domain left."""
    schema, polytope = region.network.schema, region.polytope()
    lower, upper = region.domain.lower.copy(), region.domain.upper.copy()
    found = []
    for i, column in enumerate(schema.columns):
        if column.kind is not ColumnKind.CATEGORICAL or not column.always_known:
            continue
        group = slice(int(schema.starts[i]), int(schema.starts[i + 1]))
        offered = region.domain.upper[group] > 0
        possible = offered & _possible(region, polytope, i, offered, tolerances)
        if possible.sum() == offered.sum() or not possible.any():
            continue
        weight = np.zeros(schema.n_inputs)
        weight[group] = possible
        upper[group] = np.where(possible, upper[group], 0.0)
        alone = possible.sum() == 1
        lower[group] = np.where(possible & alone, 1.0, lower[group])
        found.append(Condition(weight, "=" if alone else "in", 1.0, 0.0, _named(column, possible)))
    return found, Box(np.minimum(lower, upper), upper)


def _named(column: Column, possible: BoolArray) -> str:
    names = [level_text(column.levels[int(i)]) for i in np.flatnonzero(possible)]
    return (
        f"{column.name} = {names[0]}"
        if len(names) == 1
        else f"{column.name} in {{{', '.join(names)}}}"
    )


def _possible(
    region: LinearRegion,
    polytope: Polytope,
    column: int,
    offered: BoolArray,
    tolerances: Tolerances,
) -> BoolArray:
    """Which levels of a column the closed region meets within the domain."""
    schema = region.network.schema
    name, levels = schema.columns[column].name, schema.columns[column].levels
    possible = np.zeros(len(levels), dtype=np.bool_)
    for position in np.flatnonzero(offered):
        box = region.domain.at_levels(schema, **{name: levels[int(position)]})
        part = Polytope(polytope.weight, polytope.bound, box)
        possible[position] = part.inscribed_ball(tolerances=tolerances).radius >= 0.0
    return possible
