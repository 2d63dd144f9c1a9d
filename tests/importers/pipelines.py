"""Scikit-learn models of every supported make, and their raw scores by their own methods."""

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    VarianceThreshold,
    f_regression,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

N_ROWS = 60
NUMBERS = ["age", "income", "debt"]
LEVELLED = ["job", "town", "size", "flag"]


def regressor(**options: Any) -> MLPRegressor:
    """A tiny regressor, hardly trained: only its arithmetic matters."""
    return MLPRegressor(
        **{"hidden_layer_sizes": (5, 4), "max_iter": 5, "random_state": 0, **options}
    )


def classifier(**options: Any) -> MLPClassifier:
    """A tiny classifier, hardly trained, so that its probabilities do not saturate."""
    return MLPClassifier(
        **{"hidden_layer_sizes": (5, 4), "max_iter": 5, "random_state": 0, **options}
    )


def quietly(model: Any, X: Any, y: Any) -> Any:
    """The model fitted without a word about convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


@cache
def tables() -> dict[str, Any]:
    """The raw tables: numbers of very different size, levels of several types, holes."""
    rng = np.random.default_rng(0)
    mixed = pd.DataFrame(
        {
            "age": rng.normal(40.0, 10.0, N_ROWS),
            "income": rng.lognormal(10.0, 1.0, N_ROWS),
            "debt": rng.normal(0.0, 1e-3, N_ROWS),
            "job": rng.choice(["nurse", "clerk", "smith"], N_ROWS),
            "town": rng.choice(list("ABCDE"), N_ROWS, p=[0.4, 0.3, 0.2, 0.05, 0.05]),
            "size": rng.choice([1, 2, 5], N_ROWS),
            "flag": rng.choice([True, False], N_ROWS),
        }
    )
    holes = mixed.copy()
    holes.loc[rng.random(N_ROWS) < 0.2, "age"] = np.nan
    holes.loc[rng.random(N_ROWS) < 0.2, "job"] = np.nan
    numbers = mixed[NUMBERS]
    return {
        "numbers": numbers,
        "mixed": mixed,
        "holes": holes,
        "array": numbers.to_numpy(),
        "single": numbers.astype(np.float32),
        "unnamed": numbers.set_axis(range(3), axis=1),
        "marked": holes[NUMBERS].fillna(-1.0),
        "small": (numbers - numbers.mean()) / numbers.std(),
    }


@cache
def targets() -> dict[str, np.ndarray]:
    """Targets of every task for the same rows."""
    table = tables()["mixed"]
    noise = np.random.default_rng(1).normal(size=N_ROWS)
    number = (table["age"] / 10 + 2.0 * (table["job"] == "nurse") + noise).to_numpy()
    thirds = np.digitize(number, np.quantile(number, [1 / 3, 2 / 3]))
    yes = number > np.median(number)
    return {
        "number": number,
        "two numbers": np.column_stack([number, 100.0 - 30.0 * noise]),
        "count": np.abs(np.round(number)),
        "yes or no": np.where(yes, "yes", "no"),
        "zero or one": yes.astype(int),
        "three": np.array(["low", "middle", "high"])[thirds],
        "labels": np.column_stack([yes, thirds == 1, noise > 0]).astype(int),
    }


def columns(*encoders: Any, **options: Any) -> ColumnTransformer:
    """Scaled numbers beside encoded levels."""
    parts = [("numbers", StandardScaler(), NUMBERS)]
    parts += [(f"levels{i}", encoder, LEVELLED) for i, encoder in enumerate(encoders)]
    return ColumnTransformer(parts, **options)


def before(*steps: Any) -> Pipeline:
    """Steps, then a scaler, then the regressor."""
    return make_pipeline(*steps, StandardScaler(), regressor())


def selected(selection: Any) -> Pipeline:
    """A column transformer with one selection of columns, the rest handed on."""
    scaled = ColumnTransformer([("part", MinMaxScaler(), selection)], remainder="passthrough")
    return before(scaled)


def in_target(transformer: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), regressor()), transformer=transformer
    )


def _scalers() -> dict[str, Any]:
    scalers = [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        StandardScaler(with_mean=False, with_std=False),
        MinMaxScaler(),
        MinMaxScaler((-1, 2)),
        MaxAbsScaler(),
        RobustScaler(),
        RobustScaler(with_centering=False),
        RobustScaler(with_scaling=False),
        RobustScaler(unit_variance=True, quantile_range=(10, 90)),
        PCA(2),
        PCA(whiten=True),
        IncrementalPCA(2, whiten=True),
        TruncatedSVD(2),
        VarianceThreshold(1.0),
        SelectKBest(f_regression, k=2),
        SelectFromModel(LinearRegression(), max_features=1, threshold=-np.inf),
        RFE(LinearRegression(), n_features_to_select=2),
        FunctionTransformer(),
        "passthrough",
        None,
        make_union(StandardScaler(), PCA(1), "passthrough", "drop"),
        FeatureUnion(
            [("a", StandardScaler()), ("b", MinMaxScaler())], transformer_weights={"b": 0.5}
        ),
        make_pipeline(MinMaxScaler(), make_pipeline(RobustScaler(), PCA(2))),
        make_pipeline("passthrough", StandardScaler()),
    ]
    return {f"{i} {' '.join(str(s).split())}"[:60]: before(s) for i, s in enumerate(scalers)}


def _encoders() -> dict[str, Any]:
    encoders = [
        OneHotEncoder(),
        OneHotEncoder(sparse_output=False),
        OneHotEncoder(drop="first"),
        OneHotEncoder(drop="if_binary"),
        OneHotEncoder(drop=np.array(["nurse", "D", 2, True], dtype=object)),
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", drop="first"),
        OneHotEncoder(min_frequency=8),
        OneHotEncoder(max_categories=3),
        OneHotEncoder(max_categories=2, drop="first"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=8),
        OneHotEncoder(
            categories=[
                ["smith", "nurse", "clerk", "x"],
                list("EDCBA"),
                [1, 2, 5, 9],
                [False, True],
            ]
        ),
        OrdinalEncoder(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(min_frequency=8),
        OrdinalEncoder(max_categories=3),
        OrdinalEncoder(
            categories=[["smith", "nurse", "clerk"], list("EDCBA"), [1, 2, 5], [False, True]]
        ),
    ]
    return {
        f"encoded {i} {' '.join(str(e).split())}"[:60]: make_pipeline(columns(e), regressor())
        for i, e in enumerate(encoders)
    }


def _column_transformers() -> dict[str, Any]:
    levels, one_hot = ["job", "town"], OneHotEncoder(sparse_output=False)
    weights = {"numbers": 3.0, "levels0": 0.5}
    inner = make_column_transformer(
        (StandardScaler(), ["age"]), remainder="passthrough", verbose_feature_names_out=False
    )
    first = ColumnTransformer(
        [("a", StandardScaler(), ["age", "income"]), ("j", "passthrough", ["job"])],
        verbose_feature_names_out=False,
    )
    named = clone(first).set_output(transform="pandas")
    by_name = make_column_transformer((one_hot, ["job"]), remainder="passthrough")
    by_place = make_column_transformer((one_hot, [2]), remainder="passthrough")
    sparse = make_column_transformer(
        (MaxAbsScaler(), ["age"]), (OneHotEncoder(), levels), sparse_threshold=1.0
    )
    dense = make_column_transformer((StandardScaler(), ["age"]), (one_hot, levels))
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    return {
        "weights": make_pipeline(columns(one_hot, transformer_weights=weights), regressor()),
        "weighted remainder": before(
            make_column_transformer((StandardScaler(), ["age"]), (one_hot, levels)),
        ),
        "nested": make_pipeline(
            make_column_transformer(
                (inner, ["age", "income"]),
                (one_hot, ["job"]),
                ("drop", ["town"]),
                remainder=MinMaxScaler(),
            ),
            regressor(),
        ),
        "two in a row by name": make_pipeline(named, by_name, regressor()),
        "two in a row by place": make_pipeline(first, by_place, regressor()),
        "sparse": make_pipeline(sparse, StandardScaler(with_mean=False), regressor()),
        "one-hot and PCA": make_pipeline(dense, PCA(3), regressor()),
        "sparse and SVD": make_pipeline(sparse, TruncatedSVD(3), VarianceThreshold(), regressor()),
        "no columns for one part": before(
            ColumnTransformer([("none", MinMaxScaler(), []), ("n", MinMaxScaler(), NUMBERS)])
        ),
        "a scaled remainder": before(
            make_column_transformer(
                (MinMaxScaler(), ["debt"]), ("drop", LEVELLED), remainder=scaled
            )
        ),
        "truth values and numbers handed on": before(
            make_column_transformer((MinMaxScaler(), NUMBERS), ("passthrough", ["flag", "size"]))
        ),
        **{
            f"output {kind}, names {verbose}": make_pipeline(
                columns(one_hot, verbose_feature_names_out=verbose), regressor()
            ).set_output(transform=kind)
            for kind in ("pandas", "polars", "default")
            for verbose in (True, False)
        },
    }


def _selections() -> dict[str, Any]:
    selections = {
        "names": ["debt", "age"],
        "places": [2, 0],
        "a place from the end": [-1],
        "a slice": slice(0, 2),
        "a slice of names": slice("age", "income"),
        "an open slice of names": slice("income", None),
        "a mask": [True, False, True],
        "a mask array": np.array([True, False, True]),
        "an index": pd.Index(["age", "debt"]),
        "a function": lambda X: ["age", "debt"],
        "a selector": make_column_selector(pattern="e"),
        "nothing": [],
    }
    return {f"columns by {name}": selected(selection) for name, selection in selections.items()}


def _imputers() -> dict[str, Any]:
    median = SimpleImputer(strategy="median")
    constant = SimpleImputer(strategy="constant", fill_value=17.0)
    frequent = SimpleImputer(strategy="most_frequent")
    none = SimpleImputer(strategy="constant", fill_value="none")

    def filled(numbers: Any, *levels: Any) -> Pipeline:
        parts = [("n", numbers, NUMBERS), ("l", make_pipeline(*levels), ["job"])]
        return make_pipeline(ColumnTransformer(parts), regressor())

    one_hot, scaler = OneHotEncoder(), StandardScaler()
    coded = OrdinalEncoder(encoded_missing_value=-1)
    return {
        "imputer before the scaler": filled(make_pipeline(median, scaler), frequent, one_hot),
        "imputer behind the scaler": filled(make_pipeline(scaler, median), frequent, one_hot),
        "imputer between scalers": filled(
            make_pipeline(RobustScaler(), constant, scaler), none, one_hot
        ),
        "missing as a level": filled(make_pipeline(SimpleImputer(), scaler), one_hot),
        "missing with a code": filled(make_pipeline(constant, scaler), coded),
        "imputed codes": filled(make_pipeline(median, scaler), frequent, OrdinalEncoder()),
        "codes with a constant": filled(make_pipeline(median, scaler), none, OrdinalEncoder()),
        "codes imputed": filled(make_pipeline(median, scaler), OrdinalEncoder(), median, scaler),
        "unknown ignored": filled(
            make_pipeline(median, scaler), OneHotEncoder(handle_unknown="ignore")
        ),
    }


def _heads() -> dict[str, tuple[Any, str, str]]:
    mixed = columns(OneHotEncoder())
    alphas = {"mlpregressor__alpha": [1e-4, 1.0]}
    pipe = make_pipeline(StandardScaler(), regressor())
    found: dict[str, tuple[Any, str, str]] = {
        "regression of two numbers": (make_pipeline(mixed, regressor()), "mixed", "two numbers"),
        "poisson": (make_pipeline(mixed, regressor(loss="poisson")), "mixed", "count"),
        "binary": (make_pipeline(mixed, classifier()), "mixed", "yes or no"),
        "binary of zero and one": (make_pipeline(mixed, classifier()), "mixed", "zero or one"),
        "multiclass": (make_pipeline(mixed, classifier()), "mixed", "three"),
        "multilabel": (make_pipeline(mixed, classifier()), "mixed", "labels"),
        "identity": (make_pipeline(mixed, regressor(activation="identity")), "mixed", "number"),
        "identity, three classes": (
            make_pipeline(mixed, classifier(activation="identity")),
            "mixed",
            "three",
        ),
        "no hidden layer": (
            make_pipeline(mixed, regressor(hidden_layer_sizes=())),
            "mixed",
            "number",
        ),
        "bare": (regressor(), "small", "number"),
        "bare classifier": (classifier(), "small", "yes or no"),
        "array": (pipe, "array", "number"),
        "array, columns by place": (
            before(make_column_transformer((MinMaxScaler(), [2, 0]), remainder="passthrough")),
            "array",
            "number",
        ),
        "a grid search": (GridSearchCV(pipe, alphas, cv=2), "numbers", "number"),
        "a random search": (
            RandomizedSearchCV(pipe, alphas, n_iter=1, cv=2, random_state=0),
            "numbers",
            "number",
        ),
        "a search at the end of a pipeline": (
            make_pipeline(
                StandardScaler(), GridSearchCV(regressor(), {"alpha": [1e-4, 1.0]}, cv=2)
            ),
            "numbers",
            "number",
        ),
        "a target within a target": (
            TransformedTargetRegressor(in_target(StandardScaler()), transformer=MinMaxScaler()),
            "numbers",
            "number",
        ),
        "a target around a search": (
            TransformedTargetRegressor(
                GridSearchCV(pipe, alphas, cv=2), transformer=RobustScaler()
            ),
            "numbers",
            "number",
        ),
        "a target at the end of a pipeline": (
            make_pipeline(
                StandardScaler(),
                TransformedTargetRegressor(regressor(), transformer=StandardScaler()),
            ),
            "numbers",
            "number",
        ),
        "a marker for missing": (
            before(SimpleImputer(missing_values=-1.0)),
            "marked",
            "number",
        ),
        "an identity as the target's function": (
            in_target(FunctionTransformer()),
            "numbers",
            "number",
        ),
    }
    for scaler in (
        None,
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler((1, 3)),
        MaxAbsScaler(),
        RobustScaler(),
        RobustScaler(with_centering=False, with_scaling=False),
    ):
        for target in ("number", "two numbers"):
            found[f"target {scaler}, {target}"] = (in_target(scaler), "numbers", target)
    return found


def _all() -> dict[str, tuple[Any, str, str]]:
    found = {name: (model, "numbers", "number") for name, model in _scalers().items()}
    found |= {name: (model, "mixed", "number") for name, model in _encoders().items()}
    found |= {name: (model, "mixed", "number") for name, model in _column_transformers().items()}
    found |= {name: (model, "numbers", "number") for name, model in _selections().items()}
    found |= {name: (model, "holes", "number") for name, model in _imputers().items()}
    return found | _heads()


MODELS = _all()
"""Name -> unfitted model, table, target."""


@dataclass(frozen=True, eq=False)
class Case:
    """A fitted model with the rows it was fitted on."""

    model: Any
    X: Any
    y: np.ndarray


@cache
def case(name: str) -> Case:
    """One of ``MODELS``, fitted once a process."""
    model, table, target = MODELS[name]
    X, y = tables()[table], targets()[target]
    return Case(quietly(clone(model), X, y), X, y)


def own_scores(model: Any, X: Any) -> np.ndarray:
    """Raw scores ``(n_samples, n_outputs)`` from the model's public methods and nothing else.

    The logit of a probability; of several classes the logits are centred, since probabilities
    do not tell more; the logarithm of a Poisson prediction.
    """
    if not is_classifier(model):
        found = np.asarray(model.predict(X), dtype=np.float64).reshape(len(X), -1)
        return np.log(found) if getattr(last_step(model), "loss", "") == "poisson" else found
    p = model.predict_proba(X)
    if last_step(model).out_activation_ == "softmax":
        return centred(np.log(p))
    return np.log(p[:, 1:] / p[:, :1]) if len(model.classes_) == 2 else np.log(p / (1.0 - p))


def centred(scores: np.ndarray) -> np.ndarray:
    """Each row minus its mean."""
    return scores - scores.mean(axis=1, keepdims=True)


def last_step(model: Any) -> Any:
    """The network at the end of whatever stands around it."""
    for name in ("best_estimator_", "regressor_"):
        if hasattr(model, name):
            return last_step(getattr(model, name))
    return last_step(model[-1]) if isinstance(model, Pipeline) else model
