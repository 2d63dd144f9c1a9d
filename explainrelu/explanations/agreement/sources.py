"""Attributions from anywhere, brought to one form: ours, shap's, captum's, arrays, callables."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, frozen
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError, DataError, InputTypeError
from explainrelu.explanations.agreement.measures import three_dimensional
from explainrelu.explanations.assembly import ExplainedRows, column_sums
from explainrelu.explanations.explain import METHODS, explain
from explainrelu.explanations.explanation import Explanation
from explainrelu.network.outputs import Task
from explainrelu.tolerances import Tolerances

__all__ = ["Attribution", "OutputScale", "attributions_of"]

_SAME = 1e-3  # of the spread of the scores: nearer than this, sums are of one scale


class OutputScale(StrEnum):
    """What the values of an attribution add up to."""

    SCORE = "the score explained"
    RAW = "the raw outputs, combined to the score explained"
    LINKED = "the model's own output behind the link, such as a probability"
    OTHER = "something else: they do not add up to the score"
    UNKNOWN = "unknown: no base values were given"


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """The values one method gives some rows.

    Attributes
    ----------
    name
        What it is called in the tables.
    values : (n_samples, n_columns, n_scores)
        One value a raw column.
    base : (n_samples, n_scores), optional
        What they are counted from, None where it was not told.
    standard_errors : (n_samples, n_columns, n_scores), optional
        None where none were told.
    scale
        What base and values add up to.
    exactness
        ``exact`` for our own exact methods; of others nothing is known, so ``estimated``.
    """

    name: str
    values: FloatArray
    base: FloatArray | None
    standard_errors: FloatArray | None
    scale: OutputScale
    exactness: Exactness

    def __post_init__(self) -> None:
        for name in ("values", "base", "standard_errors"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen(np.array(getattr(self, name))))


def attributions_of(
    given: Any,
    rows: ExplainedRows,
    *,
    background: pd.DataFrame,
    output: Any,
    tolerances: Tolerances,
) -> tuple[Attribution, ...]:
    """Everything a person hands over, in one form.

    Parameters
    ----------
    given
        A mapping from a name to an attribution, or a sequence of names of our methods. An
        attribution is the name of one of our methods, an :class:`Explanation`, a
        ``shap.Explanation``, an array or tensor ``(n_samples, n_columns)`` or
        ``(n_samples, n_columns, n_scores)``, also over the encoded inputs, or a callable that takes
        the raw rows and returns one of these (a shap explainer, say).

    Raises
    ------
    ArgumentError, InputTypeError, DataError
        For what is none of these, has values that are not finite, or is of other rows.
    """
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, (Mapping, list, tuple)):
        raise InputTypeError(
            "attributions must be a mapping from names to attributions, or a list of them, got "
            f"{type(given).__qualname__}. Write {{'mine': values, 'ours': 'local_linear'}}."
        )
    if not isinstance(given, Mapping):
        given = {name if isinstance(name, str) else f"attribution {i + 1}": name
                 for i, name in enumerate(given)}  # fmt: skip
    return tuple(
        _one(str(name), item, rows, background, output, tolerances) for name, item in given.items()
    )


def _one(
    name: str,
    item: Any,
    rows: ExplainedRows,
    background: pd.DataFrame,
    output: Any,
    tolerances: Tolerances,
) -> Attribution:
    if isinstance(item, str):
        if item not in METHODS:
            raise ArgumentError(
                f"An attribution named by a text must be one of {', '.join(METHODS)}, got {item!r}."
            )
        item = explain(
            rows.network, rows.frame, method=item, background=background, output=output,
            tolerances=tolerances,
        )  # fmt: skip
    elif item is None:
        raise InputTypeError(
            f"Attribution {name!r} must be an explanation, an array of numbers, or a callable that "
            "returns one, got None."
        )
    elif callable(item) and not hasattr(item, "values"):
        item = item(rows.frame)
    if isinstance(item, Explanation):
        return _of_ours(name, item, rows)
    values, base, errors = _parts(name, item)
    values, base = _scores_picked(name, _columns(name, values, rows), base, rows)
    return _of_another(name, values, base, errors, rows)


def _of_ours(name: str, item: Explanation, rows: ExplainedRows) -> Attribution:
    values = three_dimensional(item.column_values)
    _check_shape(name, values, rows)
    if item.output_names != rows.view.names:
        raise ArgumentError(
            f"Attribution {name!r} must be of the scores compared, {', '.join(rows.view.names)}, "
            f"got {', '.join(item.output_names)}. Explain with the same output=."
        )
    _check_rows(name, item, rows)
    errors = item.standard_errors
    return Attribution(
        name,
        values,
        item.base_values.reshape(len(item), -1),
        None if errors is None else errors.reshape(values.shape),
        OutputScale.SCORE,
        item.exactness,
    )


def _parts(name: str, item: Any) -> tuple[FloatArray, FloatArray | None, FloatArray | None]:
    """Values, base values and standard errors of what another library returned."""
    base = getattr(item, "base_values", None)
    errors = getattr(item, "error_std", None)
    values = item.values if base is not None and hasattr(item, "values") else item
    if isinstance(values, (list, tuple)):
        values = np.stack([np.asarray(part) for part in values], axis=-1)
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(
            f"Attribution {name!r} must be an explanation, an array of numbers, or a callable that "
            f"returns one, got {type(item).__qualname__}."
        ) from error
    if not np.isfinite(numbers).all():
        raise DataError(
            f"Attribution {name!r} must have finite values, got NaN or infinity. Leave such rows "
            "out of X and of the attribution."
        )
    floats = (
        None if part is None else np.asarray(part, dtype=np.float64) for part in (base, errors)
    )
    base, errors = floats
    return numbers, base, errors


def _columns(name: str, values: FloatArray, rows: ExplainedRows) -> FloatArray:
    """Values with one axis of raw columns: inputs are added up, pictures laid flat."""
    schema, n_samples = rows.network.schema, rows.points.shape[0]
    if schema.shape and values.shape[1 : 1 + len(schema.shape)] == schema.shape:
        values = values.reshape(
            values.shape[0], schema.n_columns, *values.shape[1 + len(schema.shape) :]
        )
    if values.ndim in (2, 3) and values.shape[:2] == (n_samples, schema.n_columns):
        return three_dimensional(values)
    if values.ndim in (2, 3) and values.shape[:2] == (n_samples, schema.n_inputs):
        summed = np.einsum("nik,ij->njk", three_dimensional(values), column_sums(schema))
        return np.asarray(summed, dtype=np.float64)
    raise DataError(
        f"Attribution {name!r} must have shape ({n_samples}, {schema.n_columns}) or "
        f"({n_samples}, {schema.n_columns}, n_scores): the rows of X by the raw columns; got "
        f"{values.shape}."
    )


def _scores_picked(
    name: str, values: FloatArray, base: FloatArray | None, rows: ExplainedRows
) -> tuple[FloatArray, FloatArray | None]:
    """Values ``(n, n_columns, n)`` and bases ``(n_samples, n)`` with a known number of scores."""
    n_found = values.shape[2]
    if base is not None:
        base = _bases(name, base, values.shape[0], n_found)
    binary = rows.network.outputs.task is Task.BINARY
    if binary and n_found == 2 and len(rows.view) == 1:
        # one value a class: those of the positive class
        return values[:, :, 1:], None if base is None else base[:, 1:]
    if n_found not in (len(rows.view), rows.network.n_outputs):
        raise DataError(
            f"Attribution {name!r} must have one value a score, {len(rows.view)} "
            f"({', '.join(rows.view.names)}), got {n_found}. Name the output that it explains by "
            "output=."
        )
    return values, base


def _bases(name: str, base: FloatArray, n_samples: int, n_scores: int) -> FloatArray:
    """One base value a row and score, of what was told: one for all, one a row, or one a score."""
    if base.ndim == 1 and base.size == n_samples and n_scores == 1:
        base = base[:, None]
    try:
        return np.broadcast_to(base, (n_samples, n_scores))
    except ValueError as error:
        raise DataError(
            f"Attribution {name!r} must have one base value, one a row ({n_samples}) or one a "
            f"score ({n_scores}), got shape {base.shape}."
        ) from error


def _of_another(
    name: str,
    values: FloatArray,
    base: FloatArray | None,
    errors: FloatArray | None,
    rows: ExplainedRows,
) -> Attribution:
    """Values on the scale of the score where that can be found out."""
    scale = OutputScale.UNKNOWN
    raw = rows.network.forward(rows.points)
    if base is not None:
        scale = _scale(base + values.sum(axis=1), raw, rows)
    matrix = rows.view.matrix
    combine = scale is OutputScale.RAW or (base is None and values.shape[2] != len(rows.view))
    if combine:
        values, base = values @ matrix.T, None if base is None else base @ matrix.T
    if values.shape[2] != len(rows.view):
        raise DataError(
            f"Attribution {name!r} must have {len(rows.view)} scores, got {values.shape[2]} that "
            "do not add up to the raw outputs. Name the output that it explains by output=."
        )
    if errors is not None:
        errors = None if combine or errors.size != values.size else errors.reshape(values.shape)
    return Attribution(name, values, base, errors, scale, Exactness.ESTIMATED)


def _scale(sums: FloatArray, raw: FloatArray, rows: ExplainedRows) -> OutputScale:
    """What the sums are, of the things they could be."""
    outputs = rows.network.outputs
    linked = outputs.link(raw)
    candidates = (
        (OutputScale.SCORE, raw @ rows.view.matrix.T),
        (OutputScale.RAW, raw),
        (OutputScale.LINKED, linked),
    )
    for scale, wanted in candidates:
        if wanted.shape == sums.shape:
            spread = max(float(np.ptp(wanted, axis=0).max(initial=0.0)), 1e-9)
            if float(np.median(np.abs(sums - wanted))) <= _SAME * spread:
                return scale
    return OutputScale.OTHER


def _check_rows(name: str, item: Explanation, rows: ExplainedRows) -> None:
    """An explanation carries its rows: those of others are not compared."""
    schema = rows.network.schema
    numbers, own = schema.numbers(item.data), schema.numbers(rows.frame)
    other = np.flatnonzero((numbers != own).any(axis=1))
    if other.size:
        raise DataError(
            f"Attribution {name!r} must be of the rows of X, got other values in {other.size} of "
            f"{len(own)}, the first being row {other[0]}. Explain the same X in the same order."
        )


def _check_shape(name: str, values: FloatArray, rows: ExplainedRows) -> None:
    wanted = (rows.points.shape[0], rows.network.schema.n_columns, len(rows.view))
    if values.shape != wanted:
        raise DataError(
            f"Attribution {name!r} must be of the rows, columns and scores compared, {wanted}, got "
            f"{values.shape}. Explain the same X with the same output=."
        )
