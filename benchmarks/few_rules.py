"""How much of a network few rules keep, and what is proven of their error.

    python benchmarks/few_rules.py --data FOLDER

Networks of 40-40 neurons (30-40-40-1 on breast cancer) trained on three quarters of the rows of
each table; eight rules of each (six on breast cancer and iris), fitted on the same rows; measured
on the other quarter, which neither has seen. Tables that are not bundled lie in FOLDER and are left
out where they do not. One thread.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from explainrelu.datasets import load_breast_cancer, load_iris, load_loans, load_wine

Table = tuple[pd.DataFrame, Any, bool]
_ADULT = (
    "age workclass fnlwgt education education_num marital occupation relationship race sex "
    "gain loss hours country income"
).split()


def moons() -> Table:
    X, y = make_moons(2000, noise=0.15, random_state=0)
    return pd.DataFrame(X, columns=["x", "y"]), y, False


def banknote(folder: Path) -> Table:
    names = ["variance", "skewness", "curtosis", "entropy", "forged"]
    X = pd.read_csv(folder / "banknote_authentication.csv", header=None, names=names)
    return X, X.pop("forged"), False


def pima(folder: Path) -> Table:
    X = pd.read_csv(folder / "pima-indians-diabetes.csv", header=None)
    X.columns = ["pregnant", "glucose", "pressure", "skin", "insulin", "bmi", "pedigree", "age", "y"]
    return X, X.pop("y"), False


def german(folder: Path) -> Table:
    X = pd.read_csv(folder / "german_statlog.data", header=None)
    X.columns = [f"c{i}" for i in range(X.shape[1])]
    return X, X.pop("c20"), False


def compas(folder: Path) -> Table:
    X = pd.read_csv(folder / "compas-scores-two-years.csv")
    X = X[X.days_b_screening_arrest.between(-30, 30) & (X.is_recid != -1)]
    kept = "sex age race juv_fel_count juv_misd_count juv_other_count priors_count c_charge_degree"
    return X[kept.split()].reset_index(drop=True), X.two_year_recid.to_numpy(), False


def adult(folder: Path) -> Table:
    X = pd.read_csv(
        folder / "adult-train.csv", header=None, names=_ADULT, skipinitialspace=True
    )
    return X, X.pop("income"), False


def titanic(folder: Path) -> Table:
    X = pd.read_csv(folder / "titanic_train.csv")
    y = X.pop("Survived")
    X = X[["Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked"]]
    return X.assign(Embarked=X.Embarked.fillna("S")), y, False


def wine_quality(folder: Path) -> Table:
    X = pd.read_csv(folder / "winequality-red.csv", header=None)
    X.columns = [f"c{i}" for i in range(X.shape[1])]
    return X, X.pop("c11"), True


def california(folder: Path) -> Table:
    X = pd.read_csv(folder / "california_housing.csv")
    return X, X.pop("median_house_value") / 1e5, True


BUNDLED: dict[str, tuple[Callable[[], Table], int]] = {
    "breast cancer": (lambda: (*load_breast_cancer(), False), 6),
    "iris": (lambda: (*load_iris(), False), 6),
    "wine": (lambda: (*load_wine(), False), 8),
    "loans": (lambda: (*load_loans(), False), 8),
    "moons": (moons, 8),
}
SHARED: dict[str, tuple[Callable[[Path], Table], int]] = {
    "banknote": (banknote, 8),
    "Pima": (pima, 8),
    "German credit": (german, 8),
    "COMPAS": (compas, 8),
    "Titanic": (titanic, 8),
    "Adult": (adult, 8),
    "wine quality": (wine_quality, 8),
    "California": (california, 8),
}


def trained(X: pd.DataFrame, y: Any, *, regression: bool) -> Any:
    """A network of 40-40 neurons behind a pipeline of the usual kind."""
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (numeric, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    rounds = 300 if len(X) < 5000 else 30
    kind = MLPRegressor if regression else MLPClassifier
    mlp = kind(hidden_layer_sizes=(40, 40), max_iter=rounds, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(columns, mlp).fit(X, y)


def tables(folder: Path | None, only: str) -> Iterator[tuple[str, Table, int]]:
    for name, (load, n_rules) in BUNDLED.items():
        if only in name:
            yield name, load(), n_rules
    for name, (read, n_rules) in SHARED.items():
        if folder is not None and folder.is_dir() and only in name:
            yield name, read(folder), n_rules
