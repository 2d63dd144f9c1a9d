"""Small fitted models that several tests look at, each trained once a process."""

import warnings
from functools import cache
from typing import Any

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from explainrelu.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_loans,
    load_wine,
    loans_rule,
)

Fitted = tuple[Any, pd.DataFrame, pd.Series]


def fitted(model: Any, X: pd.DataFrame, y: Any) -> Fitted:
    """The model trained for as long as it was told, without a word about convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y), X, y


@cache
def breast_cancer() -> Fitted:
    """A binary classifier on thirty numeric columns."""
    mlp = MLPClassifier((16, 8), max_iter=300, random_state=0)
    return fitted(make_pipeline(StandardScaler(), mlp), *load_breast_cancer())


@cache
def iris() -> Fitted:
    """Three classes, four columns."""
    mlp = MLPClassifier((8, 8), max_iter=300, random_state=0)
    return fitted(make_pipeline(StandardScaler(), mlp), *load_iris())


@cache
def wine() -> Fitted:
    """Three classes, thirteen columns."""
    mlp = MLPClassifier((12,), max_iter=300, random_state=0)
    return fitted(make_pipeline(StandardScaler(), mlp), *load_wine())


@cache
def diabetes() -> Fitted:
    """A regression on ten numeric columns."""
    mlp = MLPRegressor(hidden_layer_sizes=(12, 6), max_iter=500, random_state=0)
    return fitted(make_pipeline(StandardScaler(), mlp), *load_diabetes())


@cache
def loans() -> Fitted:
    """A regression on the known loans score, with string columns; trained on 3,000 rows."""
    X, _ = load_loans()
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
    )
    mlp = MLPRegressor(
        hidden_layer_sizes=(16, 8), solver="lbfgs", alpha=1.0, max_iter=3000, random_state=0
    )
    score = pd.Series(loans_rule().score(X), name="score")
    model, _, _ = fitted(make_pipeline(columns, mlp), X[:3000], score[:3000])
    return model, X, score


@cache
def loan_decisions() -> Fitted:
    """A binary classifier of the loans table, with string columns."""
    X, y = load_loans()
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
    )
    mlp = MLPClassifier((8,), alpha=1.0, max_iter=60, random_state=0)
    return fitted(make_pipeline(columns, mlp), X, y)
