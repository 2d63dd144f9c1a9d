"""Missing values, unknown levels, ordinal and unused columns of a fitted pipeline."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import explainrelu as xr
from tests.models import fitted

GRADES = ["low", "mid", "high"]


@cache
def applicants() -> tuple[Any, pd.DataFrame]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "score": rng.normal(size=200),
            "visits": rng.integers(0, 9, 200),
            "job": rng.choice(["a", "b", "c"], 200),
            "grade": rng.choice(GRADES, 200),
            "junk": rng.normal(size=200),
        }
    )
    y = np.where(X["score"] + 0.3 * X["visits"] + (X["job"] == "b") > 1.5, "yes", "no")
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["score", "visits"]),
        (OneHotEncoder(handle_unknown="ignore"), ["job"]),
        (OrdinalEncoder(categories=[GRADES]), ["grade"]),
    )
    mlp = MLPClassifier((6, 6), max_iter=150, random_state=0)
    model, _, _ = fitted(make_pipeline(columns, mlp), X, y)
    return model, X


def test_missing_value_and_unknown_level_may_stay_and_are_never_moved_to() -> None:
    model, X = applicants()
    query = X.iloc[:4].copy()
    query.loc[query.index[0], "score"] = np.nan
    query.loc[query.index[1], "job"] = "pilot"
    found = xr.counterfactuals(model, query, background=X, total_CFs=2, norm="l2")
    assert found.certificate.holds
    assert set(found.changes["to"]) & {"missing", "pilot"} == set()
    assert (found.frame["junk"].to_numpy() == query["junk"].to_numpy()[found.frame["row"]]).all()


def test_our_columns_step_aside_for_those_of_the_table() -> None:
    model, X = applicants()
    found = xr.counterfactuals(model, X.iloc[:1], background=X)
    assert list(found.frame) == [
        "row", "cf", "score", "visits", "job", "grade", "junk",
        "distance", "cf_score", "status", "gap",
    ]  # fmt: skip


def test_grade_that_may_only_rise_does() -> None:
    model, X = applicants()
    query = X[X["grade"] == "high"].iloc[:2]
    found = xr.counterfactuals(
        model, query, background=X, actionability=xr.Actionability(increase_only=["grade"])
    )
    assert found.frame["grade"].tolist() == ["high", "high"]
