"""The known scoring rule behind ``loans``: the truth an explanation can be held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.datasets.files import read_json
from explainrelu.errors import (
    ColumnsError,
    DataError,
    InputTypeError,
    MissingValuesError,
    UnknownLevelError,
)

__all__ = ["Hinge", "LoansRule", "loans_rule"]


@dataclass(frozen=True, slots=True, eq=False)
class Hinge:
    """One bend of the rule: ``slope * max(0, sum_j terms[j] * x_j - threshold)``.

    Attributes
    ----------
    name
        What the hinge says, in words.
    terms
        Numeric column -> its weight inside the hinge. With one column the hinge is a kink in
        that column's effect, with two it is an interaction.
    threshold
        Where the hinge starts, in the unit of the weighted sum.
    slope
        Log-odds per unit of the weighted sum above the threshold.
    """

    name: str
    terms: Mapping[str, float]
    threshold: float
    slope: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", MappingProxyType(dict(self.terms)))


@dataclass(frozen=True, slots=True, eq=False)
class LoansRule:
    """The scoring rule behind ``loans``, in the raw units of its columns.

    With numeric columns ``x_j``, slopes ``a_j``, hinges ``k`` (weights ``w_kj``, threshold
    ``t_k``, slope ``s_k``) and one additive effect ``e`` for each level of a categorical
    column ``c``, the log-odds of repayment are::

        score(x) = intercept + sum_j a_j x_j + sum_c e_c[x_c]
                   + sum_k s_k max(0, sum_j w_kj x_j - t_k)

    Attributes
    ----------
    intercept
        Log-odds where every numeric column is 0 and every level effect is 0.
    slopes
        Numeric column -> log-odds per unit, before the hinges; 0 for the noise column.
    hinges
        The bends, each a `Hinge`.
    level_effects
        Categorical column -> level -> log-odds; all 0 for the protected column.

    Examples
    --------
    >>> from explainrelu.datasets.loaders import load_loans
    >>> X, y = load_loans()
    >>> rule = loans_rule()
    >>> rule.score(X).shape
    (4000,)
    >>> rule.importance(X).idxmax()
    'income'
    """

    intercept: float
    slopes: Mapping[str, float]
    hinges: tuple[Hinge, ...]
    level_effects: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        strangers = {column for hinge in self.hinges for column in hinge.terms} - set(self.slopes)
        if strangers:
            raise ColumnsError(
                f"Required: hinges over the numeric columns {list(self.slopes)}. "
                f"Got: {sorted(strangers)}. Give each of these a slope (0 will do)."
            )
        frozen = {c: MappingProxyType(dict(levels)) for c, levels in self.level_effects.items()}
        object.__setattr__(self, "slopes", MappingProxyType(dict(self.slopes)))
        object.__setattr__(self, "level_effects", MappingProxyType(frozen))

    @property
    def pieces(self) -> dict[str, Any]:
        """The whole rule as plain data: ``intercept``, ``slopes``, ``hinges``, ``level_effects``.

        A fresh copy of dictionaries, lists, strings and numbers, as in
        ``datasets/loans_rule.json``; changing it does not change the rule.
        """
        return {
            "intercept": self.intercept,
            "slopes": dict(self.slopes),
            "hinges": [
                {"name": h.name, "terms": dict(h.terms), "threshold": h.threshold, "slope": h.slope}
                for h in self.hinges
            ],
            "level_effects": {c: dict(levels) for c, levels in self.level_effects.items()},
        }

    def score(self, X: pd.DataFrame) -> FloatArray:
        """Log-odds of repayment of every row.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)
            The columns of ``load_loans``, in any order; further columns are ignored.

        Returns
        -------
        ndarray of shape (n_samples,)
            Exact up to float64 rounding.

        Raises
        ------
        InputTypeError, ColumnsError, MissingValuesError, UnknownLevelError, DataError
            If ``X`` is no DataFrame, lacks a column, has a missing or infinite number, a
            level the rule does not know, or text in a numeric column.
        """
        values = self._numeric_values(X)
        weights, thresholds, slopes = self._hinge_arrays()
        bends = np.maximum(values @ weights.T - thresholds, 0.0) @ slopes
        levels = sum(self._effects(X, column) for column in self.level_effects)
        linear = values @ np.array(list(self.slopes.values()))
        return np.asarray(self.intercept + linear + levels + bends, dtype=np.float64)

    def coefficients(self, X: pd.DataFrame) -> pd.DataFrame:
        """The local coefficient of every numeric column in every row, in raw units.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)
            As for `score`.

        Returns
        -------
        DataFrame of shape (n_samples, n_numeric)
            Log-odds per unit of the column, ``a_j + sum of s_k w_kj over the active hinges``,
            with the index of ``X``. Effects of levels do not vary by row: `level_table`.

        Notes
        -----
        Exact. On a boundary (a hinge exactly at its threshold) the hinge counts as inactive.
        """
        values = self._numeric_values(X)
        weights, thresholds, slopes = self._hinge_arrays()
        active = values @ weights.T > thresholds
        local = np.array(list(self.slopes.values())) + active @ (slopes[:, None] * weights)
        return pd.DataFrame(local, index=X.index, columns=list(self.slopes))

    def level_table(self) -> pd.DataFrame:
        """Every level effect, one row a level: columns ``feature``, ``level``, ``effect``."""
        rows = [
            (column, level, effect)
            for column, levels in self.level_effects.items()
            for level, effect in levels.items()
        ]
        return pd.DataFrame(rows, columns=["feature", "level", "effect"])

    def importance(self, X: pd.DataFrame) -> pd.Series:
        """The true importance of every raw column over the rows of ``X``.

        Numeric: mean over rows of ``abs(local coefficient)`` times the standard deviation of
        the column. Categorical: standard deviation of the level effects under the observed
        level frequencies. Standard deviations divide by ``n_samples``. These are the formulas
        of ``rank_features(by="effect")``.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)
            As for `score`.

        Returns
        -------
        Series of shape (n_columns,)
            Log-odds, named ``"effect"``, indexed by raw column in the order of the table;
            0 for a column without effect.

        Raises
        ------
        DataError
            If ``X`` has no rows, and as for `score`.
        """
        values = self._numeric_values(X)
        if len(values) == 0:
            raise DataError(
                "Required: at least one row to average over. Got: an empty frame. Hand over the "
                "rows whose importance is asked for."
            )
        spread = values.std(axis=0)
        numeric = self.coefficients(X).abs().to_numpy().mean(axis=0) * spread
        levels = [self._effects(X, column).std() for column in self.level_effects]
        columns = [*self.slopes, *self.level_effects]
        return pd.Series([*numeric, *levels], index=columns, name="effect", dtype="float64")

    def weights(
        self,
    ) -> tuple[list[FloatArray], list[FloatArray], list[str]]:
        """The rule written by hand as a ReLU network with one hidden layer.

        With ``t`` the linear part (slopes and level effects), the hidden units are
        ``relu(t)``, ``relu(-t)`` and one ``relu`` a hinge; the output is
        ``intercept + relu(t) - relu(-t) + sum_k s_k relu(hinge k)``, and
        ``relu(t) - relu(-t) = t``.

        Returns
        -------
        weights : list of two ndarrays, of shape (n_neurons, n_inputs) and (1, n_neurons)
            ``z = weight @ h + bias``. Every entry is a number of the rule or its negative, so
            in exact arithmetic the network equals the rule.
        biases : list of two ndarrays, of shape (n_neurons,) and (1,)
        inputs : list of str, of length n_inputs
            Numeric columns in the order of the table, then one 0/1 indicator for each level of
            each categorical column, written ``job = nurse``, levels in sorted order.
        """
        levels = self.level_table()
        hinge_weights, thresholds, slopes = self._hinge_arrays()
        linear = np.concatenate([list(self.slopes.values()), levels["effect"].to_numpy()])
        hidden = np.zeros((2 + len(self.hinges), len(linear)))
        hidden[0], hidden[1] = linear, -linear
        hidden[2:, : len(self.slopes)] = hinge_weights
        inputs = [*self.slopes, *(levels["feature"] + " = " + levels["level"])]
        output = np.concatenate([[1.0, -1.0], slopes])[None, :]
        biases = [np.concatenate([[0.0, 0.0], -thresholds]), np.array([self.intercept])]
        return [hidden, output], biases, inputs

    def _hinge_arrays(
        self,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights (n_hinges, n_numeric), thresholds and slopes (n_hinges,)."""
        weights = np.array([[h.terms.get(c, 0.0) for c in self.slopes] for h in self.hinges])
        thresholds = np.array([h.threshold for h in self.hinges])
        slopes = np.array([h.slope for h in self.hinges])
        return weights.reshape(len(self.hinges), len(self.slopes)), thresholds, slopes

    def _numeric_values(self, X: pd.DataFrame) -> FloatArray:
        """The numeric columns as (n_samples, n_numeric) float64, checked."""
        self._check_columns(X)
        try:
            values = X[list(self.slopes)].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"Required: numbers in the columns {list(self.slopes)}. Got: {error}. "
                "Convert these columns to numbers."
            ) from error
        finite = np.isfinite(values).all(axis=0)
        if not finite.all():
            bad = [column for column, fine in zip(self.slopes, finite, strict=True) if not fine]
            raise MissingValuesError(
                f"Required: finite numbers in every row. Got: missing or infinite values in {bad}. "
                "Fill or drop these rows; the rule imputes nothing."
            )
        return values

    def _check_columns(self, X: object) -> None:
        if not isinstance(X, pd.DataFrame):
            raise InputTypeError(
                f"Required: a pandas DataFrame with the columns of load_loans(). "
                f"Got: {type(X).__name__}. Wrap the rows in a DataFrame with those names."
            )
        missing = [c for c in (*self.slopes, *self.level_effects) if c not in X.columns]
        if missing:
            raise ColumnsError(
                f"Required: the columns of load_loans(). Got: a frame without {missing}. "
                "Add these columns; their order does not matter."
            )

    def _effects(self, X: pd.DataFrame, column: str) -> FloatArray:
        """The level effect of every row, (n_samples,)."""
        levels = self.level_effects[column]
        effects = np.asarray(X[column].map(dict(levels)), dtype=np.float64)
        if np.isnan(effects).any():
            unknown = sorted({str(level) for level in X[column][np.isnan(effects)]})
            raise UnknownLevelError(
                f"Required: {column!r} to be one of {list(levels)}. Got: {unknown[:5]}. "
                "Recode or drop these rows."
            )
        return effects


def loans_rule() -> LoansRule:
    """The known rule behind ``loans``, read from ``datasets/loans_rule.json``.

    Returns
    -------
    LoansRule
        The rule the data were made from: its pieces, exact scores, local coefficients, true
        importance, and its weights as a ReLU network.

    Examples
    --------
    >>> loans_rule().slopes["branch_distance"]
    0.0
    >>> loans_rule().hinges[0].name
    'income above 45000 EUR/year counts less'
    """
    data = read_json("loans_rule.json")
    hinges = tuple(Hinge(**hinge) for hinge in data["hinges"])
    return LoansRule(data["intercept"], data["slopes"], hinges, data["level_effects"])
