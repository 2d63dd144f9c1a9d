"""The main job on real tables that are not bundled; skipped where they do not lie beside the clone.

They bring what bundled tables do not: missing values, rare and unknown levels, string columns
with a hundred levels, columns of very different size.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import explainrelu as xr
from tests.models import fitted

TABLES = Path(__file__).resolve().parents[2] / "shared" / "data" / "tabular"
pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason="the larger tables are not here")


def titanic():
    X = pd.read_csv(TABLES / "titanic_train.csv").drop(columns=["Name", "Ticket", "PassengerId"])
    y = X.pop("Survived")
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["Age", "Fare"]),
        (make_pipeline(StandardScaler(), SimpleImputer()), ["SibSp", "Parch"]),
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="first")),
            ["Sex", "Embarked"],
        ),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=5), ["Cabin"]),
        (OrdinalEncoder(), ["Pclass"]),
    )
    return fitted(make_pipeline(columns, MLPClassifier((16, 8), max_iter=60, random_state=0)), X, y)


def adult():
    X = pd.read_csv(TABLES / "adult-train.csv", header=None, skipinitialspace=True)
    X.columns = [f"c{i}" for i in range(X.shape[1])]
    y = X.pop("c14")
    text = X.select_dtypes(exclude="number").columns.tolist()
    columns = make_column_transformer(
        (StandardScaler(), X.columns.difference(text).tolist()),
        (OneHotEncoder(handle_unknown="ignore"), text),
    )
    mlp = MLPClassifier((20, 20), max_iter=3, random_state=0)
    return fitted(make_pipeline(columns, mlp), X, y)


def california():
    X = pd.read_csv(TABLES / "california_housing.csv")
    y = X.pop("median_house_value")
    numbers = X.select_dtypes("number").columns.tolist()
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler(), PCA(6, whiten=True)), numbers),
        (OneHotEncoder(), ["ocean_proximity"]),
    )
    mlp = MLPRegressor(hidden_layer_sizes=(24, 12), max_iter=10, random_state=0)
    model = TransformedTargetRegressor(make_pipeline(columns, mlp), transformer=StandardScaler())
    return fitted(model, X, y)


@pytest.mark.parametrize("table", [titanic, adult, california])
def test_a_real_table_is_explained_exactly(table):
    model, X, _ = table()
    shallow = xr.convert(model, X)
    assert shallow.certificate.holds
    explanation = xr.explain(model, X)
    assert explanation.certificate.holds
    if hasattr(model, "predict_proba"):
        p = model.predict_proba(X)[:, 1]
        np.testing.assert_allclose(1 / (1 + np.exp(-explanation.scores)), p, atol=1e-9)
    else:
        np.testing.assert_allclose(explanation.scores, model.predict(X), rtol=1e-9)


@pytest.mark.parametrize("table", [titanic, california])
def test_conditions_hold_on_a_rules_rows_and_on_no_others(table):
    model, X, _ = table()
    rules = xr.extract_rules(model, X, max_rules=5)
    points = rules.regions.network.schema.encode(X)
    place = rules.regions.locate(X)
    for i, rule in enumerate(rules):
        holds = np.ones(len(points), dtype=bool)
        for condition in rule.conditions:
            left, size = points @ condition.weight, np.abs(points) @ np.abs(condition.weight)
            slack = 1e-9 * (size + abs(condition.bound))
            above = condition.relation in (">", ">=", "=", "in")
            holds &= left >= condition.bound - slack if above else left <= condition.bound + slack
        np.testing.assert_array_equal(holds, place == i)
