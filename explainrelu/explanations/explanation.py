"""The record of an attribution: values that add up to the score."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, frozen
from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.network.outputs import ScoreView
from explainrelu.tolerances import Tolerances

__all__ = ["Explanation", "additivity"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explanation:
    """Attributions of raw rows, in raw columns.

    ``base_values + values.sum(axis=1)`` is the score, for every row and output; of pictures the
    values are summed over all of their axes.

    Attributes
    ----------
    values : (n_samples, n_columns) or (n_samples, n_columns, n_scores)
        One value a raw column, in units of the score. For samples with a shape of their own
        ``(n_samples, *shape)`` or ``(n_samples, *shape, n_scores)``, as shap has it.
    base_values : (n_samples,) or (n_samples, n_scores)
        What the values are counted from; ``base_meaning`` says what it is.
    scores : (n_samples,) or (n_samples, n_scores)
        The model's raw score of each row.
    data : DataFrame (n_samples, n_columns)
        The raw rows, as they were handed over.
    view
        Names, scale and unit of the scores.
    regions : (n_samples,) str
        The linear region of each row.
    method
        How the values were computed.
    base_meaning
        What the base value is, in words.
    baseline : DataFrame (n_baselines, n_columns)
        The raw point the values are measured from; where there are several rows, each row's own
        (``paired``), or else all of them, over which the values are means.
    imputed : (n_samples, n_columns) bool
        Values that were missing and filled by the model's own pipeline.
    exactness
        Whether the values are exact, bounded or estimated.
    certificate
        The check that they add up.
    shape
        The shape of one sample where it is a picture, a signal, ...; () for a row of a table.
    paired
        Whether row ``i`` of ``baseline`` is that of row ``i`` of the data.
    standard_errors : as ``values``, optional
        Of values that were sampled; None where nothing was.
    """

    values: FloatArray
    base_values: FloatArray
    scores: FloatArray
    data: pd.DataFrame
    view: ScoreView
    regions: "np.ndarray[tuple[int], np.dtype[np.str_]]"
    method: str
    base_meaning: str
    baseline: pd.DataFrame
    imputed: BoolArray
    exactness: Exactness
    certificate: Certificate
    shape: tuple[int, ...] = ()
    paired: bool = False
    standard_errors: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("values", "base_values", "scores", "regions", "imputed"):
            object.__setattr__(self, name, frozen(np.array(getattr(self, name))))
        if self.standard_errors is not None:
            object.__setattr__(self, "standard_errors", frozen(np.array(self.standard_errors)))
        for name in ("data", "baseline"):
            # copied on write: what is done to the caller's table does not reach this one
            object.__setattr__(self, name, getattr(self, name).copy(deep=False))

    def __repr__(self) -> str:
        size = f"{len(self)} rows, {self.data.shape[1]} columns"
        return f"Explanation({self.method} of {', '.join(self.view.names)}: {size})"

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def column_values(self) -> FloatArray:
        """The values with one axis of columns, ``(n_samples, n_columns)`` and one for scores."""
        behind = self.values.shape[1 + len(self.shape) :] if self.shape else self.values.shape[2:]
        return self.values.reshape(len(self), self.data.shape[1], *behind)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The raw columns."""
        return tuple(str(name) for name in self.data.columns)

    @property
    def output_names(self) -> tuple[str, ...]:
        """One name a score."""
        return self.view.names

    def to_frame(self) -> pd.DataFrame:
        """One row a data row, output and column.

        Columns ``row output feature value attribution base_value score region scale unit
        exactness imputed baseline standard_error``; ``value`` and ``baseline`` are raw values as
        text, of several baselines their number. ``standard_error`` is 0 of what was not sampled.
        """
        n_rows, n_columns, n_scores = len(self), self.data.shape[1], len(self.view)
        values = self.values.reshape(n_rows, n_columns, n_scores)
        per_score = (n_rows, n_scores, n_columns)
        texts = np.stack([_texts(self.data.iloc[:, j]) for j in range(n_columns)], axis=1)
        errors = np.zeros(values.shape) if self.standard_errors is None else self.standard_errors
        errors = errors.reshape(values.shape)

        def spread(of_rows: Any) -> Any:
            return np.broadcast_to(of_rows, per_score).reshape(-1)

        bases, scores = (a.reshape(n_rows, n_scores) for a in (self.base_values, self.scores))
        return pd.DataFrame(
            {
                "row": spread(np.arange(n_rows)[:, None, None]),
                "output": _strings(spread(np.array(self.view.names, dtype=object)[None, :, None])),
                "feature": _strings(spread(np.array(self.feature_names, dtype=object))),
                "value": _strings(spread(texts[:, None, :])),
                "attribution": values.transpose(0, 2, 1).reshape(-1),
                "base_value": spread(bases[:, :, None]),
                "score": spread(scores[:, :, None]),
                "region": _strings(spread(self.regions.astype(object)[:, None, None])),
                "scale": _strings(spread(np.array(self.view.scale, dtype=object))),
                "unit": _strings(spread(np.array(self.view.unit, dtype=object))),
                "exactness": _strings(spread(np.array(str(self.exactness), dtype=object))),
                "imputed": spread(self.imputed[:, None, :]),
                "baseline": _strings(spread(self._baseline_texts()[:, None, :])),
                "standard_error": errors.transpose(0, 2, 1).reshape(-1),
            }
        )

    def _baseline_texts(self) -> "np.ndarray[Any, np.dtype[np.object_]]":
        """What each value is measured from: (1 or n_samples, n_columns)."""
        n_baselines, n_columns = self.baseline.shape
        if n_baselines > 1 and not self.paired:
            return np.full((1, n_columns), f"{n_baselines} rows", dtype=object)
        return np.stack([_texts(self.baseline.iloc[:, j]) for j in range(n_columns)], axis=1)

    def to_shap(self) -> Any:
        """The same as a ``shap.Explanation``, so that every shap plot works on it.

        ``data`` holds the raw, unscaled values. shap's plots label any base value ``E[f(X)]`` and
        any value "SHAP value"; here they are what ``base_meaning`` and ``method`` say.
        """
        import shap

        names = list(self.view.names)
        numeric = all(pd.api.types.is_numeric_dtype(t) for t in self.data.dtypes)
        data = self.data.to_numpy(dtype=np.float64 if numeric else object)
        return shap.Explanation(
            values=np.array(self.values),
            base_values=np.array(self.base_values),
            data=data.reshape(len(self), *self.shape) if self.shape else data,
            feature_names=None if self.shape else list(self.feature_names),
            output_names=names[0] if self.column_values.ndim == 2 else names,
        )


def additivity(
    values: FloatArray, base_values: FloatArray, scores: FloatArray, tolerances: Tolerances
) -> Check:
    """The check that ``base_values + values.sum(axis=1)`` is the score."""
    gap = np.abs(base_values + values.sum(axis=1) - scores) / np.maximum(1.0, np.abs(scores))
    detail = f"{scores.shape[0]} rows, relative to max(1, |score|)"
    worst = float(gap.max(initial=0.0))
    return Check.at_most(
        "values add up to the score", worst, tolerances.additivity, Exactness.EXACT, detail
    )


def _texts(values: "pd.Series[Any]") -> "np.ndarray[Any, np.dtype[np.object_]]":
    return np.array(["missing" if pd.isna(v) else str(v) for v in values], dtype=object)


def _strings(values: Any) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")
