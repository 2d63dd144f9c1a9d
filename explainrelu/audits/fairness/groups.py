"""What the groups of some rows have in common: rates, regions, and what carries their scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import IntArray
from explainrelu.errors import DataError, MissingDependencyError
from explainrelu.regions.region_set import RegionSet

__all__ = ["group_metrics", "region_frame", "sensitive_frame"]

_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


def sensitive_frame(sensitive_features: Any, n_samples: int) -> pd.DataFrame:
    """The groups of each row: one column a sensitive feature.

    Raises
    ------
    DataError
        For another number of rows, missing values, and no feature at all.
    """
    if isinstance(sensitive_features, pd.DataFrame):
        frame = sensitive_features.reset_index(drop=True)
    elif isinstance(sensitive_features, pd.Series):
        name = "group" if sensitive_features.name is None else str(sensitive_features.name)
        frame = pd.DataFrame({name: sensitive_features.to_numpy()})
    elif isinstance(sensitive_features, Mapping):
        frame = pd.DataFrame({name: np.asarray(v) for name, v in sensitive_features.items()})
    else:
        frame = pd.DataFrame(np.asarray(sensitive_features, dtype=object))
        frame.columns = (
            ["group"] if frame.shape[1] == 1 else [f"group {i}" for i in range(frame.shape[1])]
        )
    if len(frame) != n_samples or frame.shape[1] == 0:
        raise DataError(
            f"sensitive_features must have one row a row of X, {n_samples}, and a column, got "
            f"{len(frame)} rows and {frame.shape[1]} columns."
        )
    if frame.isna().any(axis=None):
        name = str(frame.columns[frame.isna().any()][0])
        raise DataError(
            f"sensitive_features must have no missing values, got some in {name!r}. Make them a "
            "group of their own, such as 'unknown', or leave the rows out."
        )
    return frame.astype(str).rename(columns=str)


def group_metrics(
    predicted: IntArray, observed: IntArray | None, groups: pd.DataFrame
) -> pd.DataFrame:
    """Rates of each group by fairlearn's MetricFrame, and how far groups lie apart.

    Parameters
    ----------
    predicted, observed : (n_samples,) of 0 and 1
        The model's class and the true one; without the true one only selection rates are known.
    groups
        As :func:`sensitive_frame` returns them.

    Returns
    -------
    DataFrame
        ``feature group n_rows metric value difference ratio exactness``, one row a feature, group
        and metric; ``difference`` and ``ratio`` are those between the groups (largest less
        smallest, smallest by largest), the same for all groups of a feature.

    Raises
    ------
    MissingDependencyError
        Where fairlearn is not installed.
    """
    try:
        from fairlearn import metrics
    except ImportError as error:
        raise MissingDependencyError(
            "Metrics of groups need fairlearn, which is not installed. Write pip install "
            "'explainrelu[fairness]'."
        ) from error
    known = {
        "selection_rate": metrics.selection_rate,
        "true_positive_rate": metrics.true_positive_rate,
        "false_positive_rate": metrics.false_positive_rate,
        "accuracy": _accuracy,
    }
    chosen = {name: known[name] for name in (_RATES if observed is not None else _RATES[:1])}
    truth = predicted if observed is None else observed
    records = []
    for name in groups.columns:
        frame = metrics.MetricFrame(
            metrics=chosen, y_true=truth, y_pred=predicted, sensitive_features=groups[name]
        )
        counts = groups[name].value_counts()
        apart, ratio = frame.difference(), frame.ratio()
        for group, row in frame.by_group.iterrows():
            for metric in chosen:
                figures = (float(row[metric]), float(apart[metric]), float(ratio[metric]))
                records.append((name, str(group), int(counts[group]), metric, *figures, "exact"))
    names = ["feature", "group", "n_rows", "metric", "value", "difference", "ratio", "exactness"]
    dtypes = dict.fromkeys(("feature", "group", "metric", "exactness"), "str")
    dtypes |= {"n_rows": "int64"} | dict.fromkeys(("value", "difference", "ratio"), "float64")
    return pd.DataFrame(records, columns=names).astype(dtypes)


def _accuracy(observed: Any, predicted: Any) -> float:
    return float(np.mean(np.asarray(observed) == np.asarray(predicted)))


def region_frame(regions: RegionSet, groups: pd.DataFrame) -> pd.DataFrame:
    """How differently the groups spread over the linear regions.

    Returns
    -------
    DataFrame
        One row a feature and group: ``feature group n_rows n_regions own_regions own_share
        distance exactness``. ``own_regions`` are visited by no other group, ``own_share`` is the
        share of the group's rows in them, and ``distance`` the total variation between the group's
        spread over the regions and that of all other rows: 0 where they are the same, 1 where
        no region holds both.
    """
    records = []
    for name in groups.columns:
        labels = groups[name].to_numpy()
        for group in sorted(set(labels)):
            inside = labels == group
            own = np.bincount(regions.rows[inside], minlength=len(regions))
            others = np.bincount(regions.rows[~inside], minlength=len(regions))
            alone = (own > 0) & (others == 0)
            n_rows, n_others = int(own.sum()), max(1, int(others.sum()))
            distance = 0.5 * float(np.abs(own / n_rows - others / n_others).sum())
            share = float(own[alone].sum()) / n_rows
            counts = (n_rows, int((own > 0).sum()), int(alone.sum()))
            records.append((name, group, *counts, share, min(1.0, distance), "exact"))
    names = ["feature", "group", "n_rows", "n_regions", "own_regions", "own_share", "distance"]
    dtypes = dict.fromkeys(("feature", "group", "exactness"), "str")
    dtypes |= dict.fromkeys(("n_rows", "n_regions", "own_regions"), "int64")
    dtypes |= dict.fromkeys(("own_share", "distance"), "float64")
    return pd.DataFrame(records, columns=[*names, "exactness"]).astype(dtypes)
