"""Affine forms written for a reader, in the names of the raw columns."""

from collections.abc import Sequence

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.network.column import ColumnKind
from explainrelu.network.schema import InputSchema

__all__ = ["formula_text", "linear_text", "number_text", "relative_to_first_levels"]


def number_text(value: float, *, digits: int = 4) -> str:
    """A number with ``digits`` significant digits, whole numbers below a billion written out."""
    if 10**digits <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def linear_text(
    weight: FloatArray,
    names: Sequence[str],
    *,
    scale: FloatArray | None = None,
    max_terms: int | None = None,
    digits: int = 4,
) -> str:
    """``2 * age - 0.5 * [job = nurse]``: the terms of a linear form, largest first.

    Parameters
    ----------
    weight : (n_inputs,)
    names
        One name an input; a name with ``=`` in it is an indicator and put in brackets.
    scale : (n_inputs,)
        Terms are ordered by ``|weight| * scale``, such as the width of the domain.
    max_terms
        At most so many terms are written, the rest counted.

    Examples
    --------
    >>> linear_text(np.array([2.0, 0.0, -0.5]), ["age", "x", "job = nurse"])
    '2 * age - 0.5 * [job = nurse]'
    """
    size = np.abs(weight) * (1.0 if scale is None else scale)
    order = [int(i) for i in np.argsort(-size, kind="stable") if weight[i] != 0.0]
    shown = order if max_terms is None else order[:max_terms]
    text = ""
    for i in shown:
        text += _joined(text, float(weight[i]), _term(float(weight[i]), names[i], digits))
    if len(order) > len(shown):
        text += f" + {len(order) - len(shown)} smaller terms"
    return text or "0"


def formula_text(
    weight: FloatArray,
    bias: float,
    names: Sequence[str],
    *,
    scale: FloatArray | None = None,
    max_terms: int | None = None,
    digits: int = 4,
) -> str:
    """An affine form: the constant first, then the terms as :func:`linear_text` writes them.

    Examples
    --------
    >>> formula_text(np.array([-2.0]), 1.5, ["age"])
    '1.5 - 2 * age'
    """
    linear = linear_text(weight, names, scale=scale, max_terms=max_terms, digits=digits)
    constant = number_text(bias, digits=digits)
    if linear == "0":
        return constant
    return f"{constant} - {linear[1:]}" if linear.startswith("-") else f"{constant} + {linear}"


def relative_to_first_levels(
    weight: FloatArray, bias: float, schema: InputSchema
) -> tuple[FloatArray, float]:
    """The same affine form on every row, each group counted from its first level.

    The indicators of a categorical column add up to one on every row (where the column accepts
    no unknown level), so a constant may be moved from all its coefficients to the bias: a reader
    then sees how a level differs from the first instead of two nearly equal numbers.

    Examples
    --------
    >>> from explainrelu.network.column import Column, ColumnKind
    >>> schema = InputSchema((Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse")),))
    >>> relative_to_first_levels(np.array([5.0, 5.5]), 1.0, schema)
    (array([0. , 0.5]), 6.0)
    """
    weight = weight.copy()
    for column, start in zip(schema.columns, schema.starts[:-1], strict=True):
        if column.kind is ColumnKind.CATEGORICAL and not column.ignores_unknown:
            first = float(weight[start])
            weight[start : start + column.n_inputs] -= first
            bias += first
    return weight, bias


def _term(weight: float, name: str, digits: int) -> str:
    """One term without its sign; a coefficient of one is not written."""
    shown = f"[{name}]" if " = " in name else name
    return shown if abs(weight) == 1.0 else f"{number_text(abs(weight), digits=digits)} * {shown}"


def _joined(before: str, weight: float, term: str) -> str:
    if not before:
        return term if weight >= 0 else f"-{term}"
    return f" + {term}" if weight >= 0 else f" - {term}"
