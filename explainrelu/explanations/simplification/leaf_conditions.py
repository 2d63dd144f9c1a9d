"""The conditions of a leaf as a person reads them: doubles left out, levels named."""

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.explanations.conditions import Condition, rounded_up
from explainrelu.explanations.simplification.split_tree import SplitTree
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind, level_text
from explainrelu.network.formula import readable_form
from explainrelu.network.reading import read
from explainrelu.network.schema import InputSchema

__all__ = ["leaf_conditions"]

_TERMS_SHOWN = 5
_LEVELS_SHOWN = 12


def leaf_conditions(
    tree: SplitTree, leaf: int, schema: InputSchema, domain: Box, example: FloatArray
) -> tuple[tuple[Condition, ...], Box]:
    """The conditions from the root to a leaf, levels first, then nearest to the example first.

    Of half-spaces with the same direction and side the tightest is kept.

    Returns
    -------
    conditions
    domain
        Narrowed to the levels that the conditions name.
    """
    levels: dict[int, BoolArray] = {}
    tightest: dict[tuple[bytes, bool], tuple[FloatArray, float, bool]] = {}
    for split, above in tree.paths()[leaf]:
        weight, bound = tree.weight[split], float(tree.bound[split])
        column = _column_of_levels(weight, bound, schema)
        if column is not None:
            start, stop = int(schema.starts[column]), int(schema.starts[column + 1])
            inside = weight[start:stop] > 0
            held = levels.get(column, np.ones(stop - start + 1, dtype=np.bool_))
            # the last flag stands for an unknown level, whose indicators are all zero
            levels[column] = held & np.append(inside if above else ~inside, not above)
            continue
        key = weight.tobytes(), above
        if key in tightest:
            other = tightest[key][1]
            bound = max(bound, other) if above else min(bound, other)
        tightest[key] = weight, bound, above
    found, narrowed = _level_conditions(levels, schema, domain)
    halves = [_half_space(*part, schema, narrowed, example) for part in tightest.values()]
    kept = sorted((half for half in halves if half is not None), key=lambda c: c.distance)
    return (*found, *kept), narrowed


def _column_of_levels(weight: FloatArray, bound: float, schema: InputSchema) -> int | None:
    """The categorical column of which a half-space picks levels, if it is such a one."""
    inputs = np.flatnonzero(weight)
    columns = np.unique(schema.input_columns[inputs])
    if columns.size != 1 or not (weight[inputs] == 1.0).all() or bound != 0.5:
        return None
    column = int(columns[0])
    return column if schema.columns[column].kind is ColumnKind.CATEGORICAL else None


def _level_conditions(
    levels: dict[int, BoolArray], schema: InputSchema, domain: Box
) -> tuple[list[Condition], Box]:
    lower, upper = domain.lower.copy(), domain.upper.copy()
    found = []
    for i, held in levels.items():
        column, start = schema.columns[i], int(schema.starts[i])
        part = slice(start, start + column.n_inputs)
        kept, unknown = held[:-1] & (domain.upper[part] > 0), bool(held[-1])
        unknown = unknown and not column.always_known
        upper[part] = np.where(kept, upper[part], 0.0)
        if kept.sum() == 1 and not unknown:
            lower[part] = np.where(kept, 1.0, 0.0)
        weight = np.zeros(schema.n_inputs)
        weight[part] = kept
        alone = kept.sum() == 1 and not unknown
        text = _levels_text(column, kept, unknown=unknown)
        found.append(Condition(weight, "=" if alone else "in", 1.0, 0.0, text))
    return found, Box(np.minimum(lower, upper), np.maximum(lower, upper))


def _levels_text(column: Column, kept: BoolArray, *, unknown: bool) -> str:
    names = [level_text(column.levels[int(i)]) for i in np.flatnonzero(kept)]
    others = [level_text(column.levels[int(i)]) for i in np.flatnonzero(~kept)]
    if unknown or (len(names) > _LEVELS_SHOWN and len(others) < len(names)):
        one = f"{column.name} != {others[0]}" if len(others) == 1 else ""
        return one or f"{column.name} not in {{{', '.join(others)}}}"
    if len(names) == 1:
        return f"{column.name} = {names[0]}"
    return f"{column.name} in {{{', '.join(names)}}}"


def _half_space(
    weight: FloatArray,
    bound: float,
    above: bool,
    schema: InputSchema,
    domain: Box,
    example: FloatArray,
) -> Condition | None:
    """One half-space with coefficient one on its largest term."""
    scale = domain.half_width
    length = float(np.linalg.norm(weight * scale))
    if length == 0.0:
        return None
    distance = abs(float(weight @ example) - bound) / length
    free = scale > 0
    form = np.where(free, weight, 0.0)
    constant = -(bound - float(weight[~free] @ domain.centre[~free]))
    form, constant = readable_form(form, constant, schema, domain)
    leading = form[int(np.argmax(np.abs(form) * scale))]
    if leading == 0.0:
        return None
    form, constant = form / leading, constant / leading
    relation = (">" if leading > 0 else "<") if above else ("<=" if leading > 0 else ">=")
    reading = read(form, constant, schema, domain, at=example, max_terms=_TERMS_SHOWN)
    text = reading.text(right=relation)
    if reading.n_held and "±" not in text:
        text += f", ± {rounded_up(reading.slack):g}"
    return Condition(form, relation, -constant, distance, text)
