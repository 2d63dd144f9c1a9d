"""Which columns carry protected information into the score: the protected ones and their proxies.

A proxy is a column from which a group can be told: its association with the groups is measured by
the share of variance between groups (correlation ratio ``eta^2``) for a number, and by Cramer's
``V^2`` for levels; both run from 0, nothing, to 1, the column tells the group.
"""

from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.explanations.explanation import Explanation

__all__ = ["association", "carriers_frame"]


def carriers_frame(
    explanation: Explanation, groups: pd.DataFrame, *, protected: tuple[str, ...], proxy: float
) -> pd.DataFrame:
    """The share of the score that each column carries, and how well it tells the groups.

    Parameters
    ----------
    explanation
        ``local_linear`` attributions of the rows: by the formula of each row's own region.
    groups
        One column a sensitive feature.
    protected
        Columns of the model that are protected themselves.
    proxy
        The association from which a column is called a proxy.

    Returns
    -------
    DataFrame
        One row a sensitive feature and column: ``feature column role association share
        group_gap_share exactness``. ``share`` is the column's part of the mean absolute
        attribution; ``group_gap_share`` its part of what sets the mean scores of the groups
        apart: the mean over pairs of groups of the difference of the column's mean attribution,
        divided by the sum of these over all columns.
    """
    values = np.abs(explanation.column_values)
    size = values.reshape(len(explanation), explanation.data.shape[1], -1).mean(axis=(0, 2))
    share = size / (size.sum() or 1.0)
    signed = explanation.column_values.reshape(len(explanation), len(size), -1)
    records = []
    for name in groups.columns:
        labels = groups[name].to_numpy()
        gap = _gaps(signed, labels)
        gap = gap / (gap.sum() or 1.0)
        for j, column in enumerate(explanation.feature_names):
            found = association(explanation.data.iloc[:, j], labels)
            role = "other"
            if column in protected or column == name:
                role = "protected"
            elif found >= proxy:
                role = "proxy"
            records.append((name, column, role, found, float(share[j]), float(gap[j]), "exact"))
    names = ["feature", "column", "role", "association", "share", "group_gap_share", "exactness"]
    dtypes = dict.fromkeys(("feature", "column", "role", "exactness"), "str")
    dtypes |= dict.fromkeys(("association", "share", "group_gap_share"), "float64")
    table = pd.DataFrame(records, columns=names).astype(dtypes)
    return table.sort_values(
        ["feature", "group_gap_share"], ascending=[True, False], kind="stable", ignore_index=True
    )


def association(values: "pd.Series[Any]", labels: Any) -> float:
    """How well a column tells the group: ``eta^2`` of numbers, Cramer's ``V^2`` of levels.

    Examples
    --------
    >>> association(pd.Series([1.0, 1.0, 5.0, 5.0]), ["a", "a", "b", "b"])
    1.0
    """
    known = values.notna().to_numpy()
    groups = np.asarray(labels, dtype=object)[known]
    if pd.api.types.is_numeric_dtype(values.dtype) and values.nunique() > 2:
        return _eta(values[known].to_numpy(dtype=np.float64), groups)
    return _cramer(values[known].astype(str).to_numpy(), groups)


def _eta(numbers: FloatArray, groups: Any) -> float:
    total = float(np.square(numbers - numbers.mean()).sum()) if numbers.size else 0.0
    if total <= 0.0:
        return 0.0
    between = sum(
        float((groups == g).sum() * (numbers[groups == g].mean() - numbers.mean()) ** 2)
        for g in set(groups)
    )
    return min(1.0, between / total)


def _cramer(levels: Any, groups: Any) -> float:
    table = pd.crosstab(levels, groups).to_numpy(dtype=np.float64)
    if min(table.shape, default=0) < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    squares = float((np.square(table - expected) / expected).sum())
    return min(1.0, squares / (float(table.sum()) * (min(table.shape) - 1)))


def _gaps(values: FloatArray, labels: Any) -> FloatArray:
    """How far the mean attributions of the groups lie apart: (n_columns,)."""
    means = np.stack([values[labels == group].mean(axis=0) for group in sorted(set(labels))])
    apart = np.abs(means[:, None] - means[None])
    return np.asarray(apart.mean(axis=(0, 1, 3)), dtype=np.float64)
