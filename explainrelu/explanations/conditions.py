"""The half-spaces of a region as conditions a person can read.

A unit's half-space ``z > 0`` or ``z <= 0`` keeps its meaning when ``z`` is divided by a number;
it is written with coefficient one on its largest term (the constant moved to the right), so
that ``1.3 x - 2.6 > 0`` reads ``x > 2``. Levels are counted from the first of their column.
"""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.column import ColumnKind, level_text
from explainrelu.network.formula import linear_text, number_text, relative_to_first_levels
from explainrelu.network.schema import InputSchema
from explainrelu.regions.region import LinearRegion
from explainrelu.tolerances import Tolerances

__all__ = ["Condition", "conditions_of"]

_TERMS_SHOWN = 6


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
        The condition in words.
    """

    weight: FloatArray
    relation: str
    bound: float
    distance: float
    text: str


def conditions_of(
    region: LinearRegion, inside: FloatArray, tolerances: Tolerances
) -> tuple[Condition, ...]:
    """The conditions of a region that matter within its domain, levels first, then nearest first.

    A categorical column is written as ``job = nurse`` or ``job in {nurse, clerk}`` where the
    region with the domain admits these levels only. Of the half-spaces those implied by the
    others and the domain are left out.

    Parameters
    ----------
    inside : (n_inputs,)
        A point of the region, from which distances are taken.
    """
    schema, polytope = region.network.schema, region.polytope()
    matter = polytope.irredundant(inside, tolerances=tolerances)
    scale = region.domain.half_width
    distances = region.distances(inside, np.where(scale > 0, scale, 0.0))
    order = matter[np.argsort(distances[matter], kind="stable")]
    pattern = region.pattern
    halfspaces = [
        _halfspace(schema, polytope, int(i), bool(pattern[i]), scale, float(distances[i]))
        for i in order
    ]
    return (*_levels(region, polytope, tolerances), *halfspaces)


def _halfspace(
    schema: InputSchema,
    polytope: Polytope,
    row: int,
    active: bool,
    scale: FloatArray,
    distance: float,
) -> Condition:
    # fixed inputs are constants of the domain and move to the right-hand side
    free = scale > 0
    weight = np.where(free, polytope.weight[row], 0.0)
    bound = float(polytope.bound[row] - polytope.weight[row][~free] @ polytope.box.centre[~free])
    weight, moved = relative_to_first_levels(weight, -bound, schema)
    bound = -moved
    leading = weight[int(np.argmax(np.abs(weight) * scale))]
    weight, bound = weight / leading, bound / leading
    # the row reads weight @ x <= bound; an active unit's is strict, and dividing may turn it round
    relation = {(True, True): "<", (False, True): ">", (True, False): "<=", (False, False): ">="}[
        (bool(leading > 0), active)
    ]
    left = linear_text(weight, schema.input_names, scale=scale, max_terms=_TERMS_SHOWN)
    return Condition(weight, relation, bound, distance, f"{left} {relation} {number_text(bound)}")


def _levels(region: LinearRegion, polytope: Polytope, tolerances: Tolerances) -> list[Condition]:
    """One condition for each categorical column whose levels the region narrows down."""
    schema, found = region.network.schema, []
    for i, column in enumerate(schema.columns):
        if column.kind is not ColumnKind.CATEGORICAL:
            continue
        start = int(schema.starts[i])
        offered = region.domain.upper[start : start + column.n_inputs] > 0
        possible = offered & _possible(region, polytope, i, offered, tolerances)
        if possible.sum() == offered.sum() or not possible.any():
            continue
        names = [
            level_text(level) for level, kept in zip(column.levels, possible, strict=True) if kept
        ]
        weight = np.zeros(schema.n_inputs)
        weight[start : start + column.n_inputs] = possible
        alone = len(names) == 1
        text = (
            f"{column.name} = {names[0]}" if alone else f"{column.name} in {{{', '.join(names)}}}"
        )
        found.append(Condition(weight, "=" if alone else "in", 1.0, 0.0, text))
    return found


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
