"""Affine forms written for a reader, in the names of the raw columns."""

from collections.abc import Sequence

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.geometry.box import Box
from explainrelu.network.column import ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["formula_text", "linear_text", "number_text", "readable_form", "shown_name"]


def number_text(value: float, *, digits: int = 4) -> str:
    """A number with ``digits`` significant digits, whole numbers below a billion written out."""
    short = float(f"{value:.{digits}g}")
    if 10**digits <= abs(short) < 1e9:
        return f"{value:.0f}"
    return f"{short:.{digits}g}" if short else "0"


def linear_text(
    weight: FloatArray,
    names: Sequence[str],
    *,
    scale: FloatArray | None = None,
    digits: int = 4,
) -> str:
    """``2 * age - 0.5 * [job = nurse]``: the terms of a linear form, largest first.

    Parameters
    ----------
    weight : (n_inputs,)
    names
        One name an input, in brackets where it could be read as part of the formula.
    scale : (n_inputs,)
        Terms are ordered by ``|weight| * scale``, such as the width of the domain.

    Examples
    --------
    >>> linear_text(np.array([2.0, 0.0, -0.5]), ["age", "x", "job = nurse"])
    '2 * age - 0.5 * [job = nurse]'
    """
    size = np.abs(weight) * (1.0 if scale is None else scale)
    order = [int(i) for i in np.argsort(-size, kind="stable") if weight[i] != 0.0]
    text = ""
    for i in order:
        text += _joined(text, float(weight[i]), _term(float(weight[i]), names[i], digits))
    return text or "0"


def formula_text(
    weight: FloatArray,
    bias: float,
    names: Sequence[str],
    *,
    scale: FloatArray | None = None,
    digits: int = 4,
) -> str:
    """An affine form: the constant first, then the terms as :func:`linear_text` writes them.

    Examples
    --------
    >>> formula_text(np.array([-2.0]), 1.5, ["age"])
    '1.5 - 2 * age'
    """
    linear = linear_text(weight, names, scale=scale, digits=digits)
    constant = number_text(bias, digits=digits)
    if linear == "0":
        return constant
    return f"{constant} - {linear[1:]}" if linear.startswith("-") else f"{constant} + {linear}"


def readable_form(
    weight: FloatArray, bias: float, schema: InputSchema, domain: Box
) -> tuple[FloatArray, float]:
    """The same affine form on every row of a domain, its categorical columns made readable.

    The indicators of a categorical column add up to one on every row (where the column accepts
    no unknown level), so a constant may be moved from all of them to the bias: levels are
    counted from the first one the domain admits, and a reader sees how they differ instead of
    two nearly equal numbers. A level the domain excludes is left out; one it fixes is a constant.

    Examples
    --------
    >>> from explainrelu.network.column import Column, ColumnKind
    >>> job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
    >>> readable_form(np.array([5.0, 5.5]), 1.0, InputSchema((job,)), Box([0, 0], [1, 1]))
    (array([0. , 0.5]), 6.0)
    """
    weight = weight.copy()
    for column, start in zip(schema.columns, schema.starts[:-1], strict=True):
        if column.kind is not ColumnKind.CATEGORICAL:
            continue
        group = slice(start, start + column.n_inputs)
        admitted = domain.upper[group] > 0
        if admitted.any() and column.always_known:
            first = float(weight[group][admitted.argmax()])
            weight[group] -= first
            bias += first
        weight[group] = np.where(admitted, weight[group], 0.0)
    return weight, bias


def shown_name(name: str) -> str:
    """A name as it stands in a formula: in brackets where it could be read as part of it.

    Examples
    --------
    >>> shown_name("mean radius"), shown_name("job = nurse"), shown_name("9")
    ('mean radius', '[job = nurse]', '[9]')
    """
    plain = name[:1].isalpha() or name[:1] == "_"
    return name if plain and not set(name) & set("=<>*+-±[]") else f"[{name}]"


def _term(weight: float, name: str, digits: int) -> str:
    """One term without its sign; a coefficient of one is not written."""
    shown = shown_name(name)
    return shown if abs(weight) == 1.0 else f"{number_text(abs(weight), digits=digits)} * {shown}"


def _joined(before: str, weight: float, term: str) -> str:
    if not before:
        return term if weight >= 0 else f"-{term}"
    return f" + {term}" if weight >= 0 else f" - {term}"
