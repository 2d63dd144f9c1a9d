import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from explainrelu.errors import (
    ColumnsError,
    DataError,
    ImportCheckError,
    MissingValuesError,
    ModelError,
    NotFittedModelError,
    UnknownLevelError,
    UnsupportedModelError,
)
from explainrelu.importers.from_sklearn import from_sklearn, is_sklearn_estimator
from explainrelu.network.outputs import Link, Task
from explainrelu.tolerances import Tolerances
from tests.importers.pipelines import (
    NUMBERS,
    case,
    classifier,
    in_target,
    last_step,
    own_scores,
    quietly,
    regressor,
    tables,
    targets,
)
from tests.network.messages import says_all_three


def scaled(model: Any, table: str = "numbers", target: str = "number") -> Any:
    """A fitted pipeline of a scaler and the model."""
    return quietly(make_pipeline(StandardScaler(), model), tables()[table], targets()[target])


# outputs


@pytest.mark.parametrize(
    ("name", "task", "link", "outputs", "classes"),
    [
        ("bare", Task.REGRESSION, Link.identity, ("prediction",), ()),
        ("regression of two numbers", Task.REGRESSION, Link.identity, ("output 0", "output 1"), ()),
        ("poisson", Task.REGRESSION, Link.exp, ("prediction",), ()),
        ("binary", Task.BINARY, Link.logistic, ("yes",), ("no", "yes")),
        ("binary of zero and one", Task.BINARY, Link.logistic, ("1",), ("0", "1")),
        ("multiclass", Task.MULTICLASS, Link.softmax, ("high", "low", "middle"), None),
        ("multilabel", Task.MULTILABEL, Link.logistic, ("0", "1", "2"), None),
    ],
)
def test_task_link_and_names_are_the_models(name: str, task, link, outputs, classes):
    found = from_sklearn(case(name).model).outputs
    assert (found.task, found.link, found.names) == (task, link, outputs)
    assert found.classes == (outputs if classes is None else classes)


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel", "poisson", "bare"])
def test_the_link_of_the_scores_is_what_the_model_reports(name: str):
    model, X = case(name).model, case(name).X
    network = from_sklearn(model)
    reported = network.link(network.forward(network.schema.encode(X)))
    if not hasattr(model, "predict_proba"):
        expected = model.predict(X).reshape(len(X), -1)
    elif name == "binary":
        expected = model.predict_proba(X)[:, 1:]
    else:
        expected = model.predict_proba(X)
    assert reported == pytest.approx(expected, rel=1e-9)


def test_scores_stay_right_where_probabilities_have_run_into_one():
    model = scaled(classifier(), target="yes or no")
    model[-1].coefs_[-1] *= 1e4
    X = tables()["numbers"]
    hidden = model[:-1].transform(X)
    for weight, bias in zip(model[-1].coefs_[:-1], model[-1].intercepts_[:-1], strict=True):
        hidden = np.maximum(hidden @ weight + bias, 0.0)
    expected = (hidden @ model[-1].coefs_[-1] + model[-1].intercepts_[-1])[:, 0]
    assert set(model.predict_proba(X)[:, 1]) & {0.0, 1.0}
    assert from_sklearn(model, X)(X) == pytest.approx(expected, rel=1e-9)


def test_a_classifier_of_a_single_class_is_taken():
    model = quietly(classifier(), tables()["small"], np.zeros(60))
    network = from_sklearn(model, tables()["small"])
    assert network.outputs.names == ("0.0",)


# shape


def test_hidden_layers_are_the_models_and_all_units_rectified():
    network = from_sklearn(case("binary").model)
    assert network.widths == (5, 4)
    assert network.n_neurons == 9


@pytest.mark.parametrize("name", ["identity", "identity, three classes", "no hidden layer"])
def test_a_model_without_kinks_has_no_layers(name: str):
    assert from_sklearn(case(name).model).layers == ()


def test_the_last_of_several_layers_is_left_as_it_is():
    model = scaled(regressor(hidden_layer_sizes=(4, 3, 5)))
    network = from_sklearn(model)
    assert (network.layers[1].weight == model[-1].coefs_[1].T).all()
    assert (network.output.weight == model[-1].coefs_[-1].T).all()


def test_importing_leaves_the_model_alone():
    model = scaled(regressor())
    before = own_scores(model, tables()["numbers"])
    network = from_sklearn(model, tables()["numbers"])
    assert (own_scores(model, tables()["numbers"]) == before).all()
    model[-1].coefs_[0][:] = 0.0
    assert not (network.layers[0].weight == 0.0).all()


def test_where_the_network_came_from_is_written_down():
    origin = from_sklearn(case("binary").model).origin
    assert origin.kind == "scikit-learn Pipeline with MLPClassifier"
    assert "columntransformer.numbers: StandardScaler" in origin.folded
    assert "columntransformer.levels0: OneHotEncoder" in origin.folded
    assert dict(origin.versions).keys() == {"scikit-learn"}
    assert origin.dtype == "float64"
    folded = from_sklearn(case("target StandardScaler(), number").model).origin.folded
    assert "target: StandardScaler" in folded


# column names and number formats


def test_ranges_seen_are_kept_in_raw_units():
    X = tables()["numbers"]
    column = from_sklearn(case("a grid search").model, X).schema.column("income")
    assert (column.lower, column.upper) == (X["income"].min(), X["income"].max())


def test_a_model_fitted_on_a_frame_takes_arrays_by_position():
    model, X = scaled(regressor()), tables()["numbers"]
    network = from_sklearn(model, X.to_numpy())
    assert network.schema.names == tuple(NUMBERS)
    assert (network(X.to_numpy()) == network(X)).all()


def test_a_model_fitted_on_an_array_takes_the_names_of_the_frame():
    model, X = scaled(regressor(), "array"), tables()["numbers"]
    network = from_sklearn(model, X)
    assert network.schema.names == tuple(NUMBERS)
    assert network(X) == pytest.approx(model.predict(X.to_numpy()), rel=1e-9)
    assert from_sklearn(model).schema.names == ("x0", "x1", "x2")


def test_a_model_fitted_on_unnamed_columns_takes_them_again():
    X = tables()["unnamed"]
    model = scaled(regressor(), "unnamed")
    network = from_sklearn(model, X)
    assert network.certificate.holds
    assert network(X) == pytest.approx(model.predict(X), rel=1e-9)
    assert network(X.to_numpy()) == pytest.approx(model.predict(X), rel=1e-9)


def test_a_model_trained_in_single_precision_has_its_drift_reported():
    X = tables()["single"]
    model = scaled(regressor(), "single")
    network = from_sklearn(model, X)
    drift = network.certificate.checks[0]
    assert network.origin.dtype == "float32"
    assert network.layers[0].weight.dtype == np.float64
    assert "float32" in drift.detail
    assert 0.0 < drift.value < drift.tolerance == Tolerances().single_agreement
    assert network(X) == pytest.approx(model.predict(X), abs=1e-5)


@pytest.mark.parametrize("table", ["numbers", "array"])
def test_rows_in_single_precision_do_not_accuse_a_model_in_double(table: str):
    rows = np.asarray(tables()[table], dtype=np.float32)
    rows = rows if table == "array" else pd.DataFrame(rows, columns=NUMBERS)
    network = from_sklearn(scaled(regressor(), table), rows)
    assert network.certificate.holds


def test_a_model_fitted_on_polars_is_checked_on_polars():
    X = pl.DataFrame({name: tables()["mixed"][name].tolist() for name in (*NUMBERS, "job", "size")})
    encode = make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(), ["job", "size"])
    )
    model = quietly(make_pipeline(encode, regressor()), X, targets()["number"])
    network = from_sklearn(model, X)
    assert network.certificate.holds
    assert network(X) == pytest.approx(model.predict(X), rel=1e-9)


def test_a_model_fitted_on_pandas_takes_the_same_rows_from_polars():
    holes = tables()["holes"]
    cells = {c: [None if pd.isna(v) else v for v in holes[c]] for c in holes}
    model = case("imputer before the scaler").model
    network = from_sklearn(model, pl.DataFrame(cells))
    assert network.certificate.holds
    assert network(pl.DataFrame(cells)) == pytest.approx(model.predict(holes), rel=1e-9)


def test_a_column_far_from_zero_beside_its_spread_does_not_accuse_the_importer():
    X = tables()["numbers"].assign(second=1.7e9 + np.arange(60.0))
    mlp = regressor(solver="lbfgs", max_iter=50)
    model = quietly(make_pipeline(StandardScaler(), mlp), X, targets()["number"])
    network = from_sklearn(model, X)
    assert network.certificate.holds
    assert network(X) == pytest.approx(model.predict(X), rel=1e-6, abs=1e-6)


def test_whole_numbers_are_as_good_as_fractions():
    X = tables()["numbers"].round().astype(int)
    model = quietly(make_pipeline(StandardScaler(), regressor()), X, targets()["number"])
    assert from_sklearn(model, X)(X) == pytest.approx(model.predict(X), rel=1e-9)


def test_a_constant_column_is_as_in_the_pipeline():
    X = tables()["numbers"].assign(constant=3.0)
    model = quietly(make_pipeline(StandardScaler(), regressor()), X, targets()["number"])
    network = from_sklearn(model, X)
    other = X.assign(constant=5.0)
    assert network(other) == pytest.approx(model.predict(other), rel=1e-9)


def test_a_model_that_answers_otherwise_than_its_numbers_say_is_found_out():
    model, X = scaled(regressor()), tables()["numbers"]
    model[0].transform = lambda rows: np.asarray(rows) * 0.0
    with pytest.raises(ImportCheckError, match=r"must give the model's own raw scores.*got a diff"):
        from_sklearn(model, X)


def test_the_tolerance_of_the_check_is_an_argument():
    with pytest.raises(ImportCheckError, match="within"):
        from_sklearn(
            scaled(regressor(), "single"),
            tables()["single"],
            tolerances=Tolerances(single_agreement=1e-12),
        )


# models that are refused


def fitted_search() -> GridSearchCV:
    search = GridSearchCV(regressor(), {"alpha": [1e-4, 1.0]}, cv=2, refit=False)
    return quietly(search, tables()["small"], targets()["number"])


class Shifted(MLPRegressor):
    """A regressor that does not do what its base does."""

    def predict(self, X):
        return super().predict(X) + 1.0


OTHERS = {
    "KNeighborsClassifier": lambda: KNeighborsClassifier(),
    "LogisticRegression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "RandomForestClassifier": lambda: RandomForestClassifier(2),
    "CalibratedClassifierCV": lambda: CalibratedClassifierCV(classifier(), cv=2),
    "VotingClassifier": lambda: VotingClassifier([("mlp", classifier())]),
    "OneVsRestClassifier": lambda: OneVsRestClassifier(classifier()),
    "PCA": lambda: make_pipeline(StandardScaler(), PCA(2)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_model_is_refused_by_name(name: str):
    target = "number" if name == "PCA" else "yes or no"
    model = quietly(OTHERS[name](), tables()["small"], targets()[target])
    with pytest.raises(
        UnsupportedModelError, match=f"MLPClassifier or MLPRegressor.*got .*{name}"
    ) as e:
        from_sklearn(model)
    assert says_all_three(e.value), e.value


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_another_activation_is_refused_by_name(make, activation: str):
    target = "yes or no" if make is classifier else "number"
    model = scaled(make(activation=activation), target=target)
    with pytest.raises(
        UnsupportedModelError, match=f"must have activation='relu'.*got '{activation}'"
    ) as e:
        from_sklearn(model)
    assert says_all_three(e.value), e.value


def test_a_subclass_may_compute_otherwise_and_is_refused():
    model = quietly(
        Shifted(hidden_layer_sizes=(3,), max_iter=2), tables()["small"], targets()["number"]
    )
    with pytest.raises(UnsupportedModelError, match=r"got .*Shifted"):
        from_sklearn(model)


def test_a_model_that_was_switched_to_another_activation_is_refused():
    model = scaled(regressor()).set_params(mlpregressor__activation="tanh")
    with pytest.raises(UnsupportedModelError, match="tanh"):
        from_sklearn(model)


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(),
        MLPRegressor(),
        make_pipeline(StandardScaler(), MLPRegressor()),
        GridSearchCV(MLPRegressor(), {"alpha": [1.0]}),
        TransformedTargetRegressor(MLPRegressor()),
        Pipeline([("only", MLPClassifier())]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_an_unfitted_model_is_refused_by_name(model: Any):
    with pytest.raises(NotFittedModelError, match=r"must be fitted.*got one .*Call fit") as caught:
        from_sklearn(model)
    assert says_all_three(caught.value), caught.value


def test_a_search_that_was_not_refitted_is_refused():
    with pytest.raises(
        NotFittedModelError, match="GridSearchCV must be fitted with refit=True"
    ) as e:
        from_sklearn(fitted_search())
    assert says_all_three(e.value), e.value


def test_a_class_instead_of_a_model_is_refused_by_its_name():
    with pytest.raises(ModelError, match="MLPRegressor"):
        from_sklearn(MLPRegressor)


class StandardScalerOfMine(StandardScaler):
    """A target scaler that does not undo what it does."""

    def inverse_transform(self, X, copy=None):
        return np.zeros_like(X)


StandardScalerOfMine.__name__ = "StandardScaler"

CURVED_TARGETS = [
    PowerTransformer(),
    QuantileTransformer(n_quantiles=10),
    FunctionTransformer(np.cbrt, lambda y: y**3),
    make_pipeline(PowerTransformer()),
    StandardScalerOfMine(),
]


@pytest.mark.parametrize("transformer", CURVED_TARGETS, ids=lambda t: type(t).__name__)
def test_a_target_transformer_that_is_not_affine_is_refused_by_name(transformer: Any):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = quietly(in_target(transformer), tables()["numbers"], targets()["number"])
    with pytest.raises(
        UnsupportedModelError, match=f"affine.*got .*{type(transformer).__name__}"
    ) as e:
        from_sklearn(model)
    assert says_all_three(e.value), e.value


def test_a_poisson_regressor_inside_a_scaled_target_is_refused():
    model = TransformedTargetRegressor(regressor(loss="poisson"), transformer=MinMaxScaler())
    quietly(model, tables()["small"], targets()["count"])
    with pytest.raises(UnsupportedModelError, match="poisson"):
        from_sklearn(model)


# rows that are refused


def rows(**cells: Any) -> pd.DataFrame:
    return tables()["mixed"].assign(**cells)


BAD_ROWS = {
    "infinity": (rows(age=np.inf), MissingValuesError, "'age' must be finite, got inf in row 0"),
    "NaN": (rows(age=np.nan), MissingValuesError, "'age' has 60 missing .* row 0"),
    "missing level": (rows(job=None), MissingValuesError, "'job' has 60 missing"),
    "unknown level": (
        rows(job="pilot"),
        UnknownLevelError,
        "'job' must be one of 'clerk'.*'pilot'",
    ),
    "strings": (rows(age="old"), DataError, "'age' must be numeric, got .*'old'"),
    "dates": (rows(age=pd.Timestamp("2020")), DataError, "'age' must be numeric, got"),
    "another name": (rows().rename(columns={"age": "Age"}), ColumnsError, "missing: age; .*Age"),
    "another order": (
        rows()[[*NUMBERS[::-1], "job", "town", "size", "flag"]],
        ColumnsError,
        "order",
    ),
    "a column less": (rows().drop(columns="flag"), ColumnsError, "missing: flag"),
    "a column more": (rows(extra=1.0), ColumnsError, "not known to the model: extra"),
    "an array too narrow": (rows().to_numpy()[:, :3], ColumnsError, "must have 7 columns.*got 3"),
    "no rows": (rows().iloc[:0], DataError, "at least one row, got an empty table"),
    "one dimension": (rows().to_numpy()[0], DataError, r"two-dimensional, .*got shape \(7,\)"),
    "a series": (rows().iloc[0], DataError, "got a pandas Series"),
}


@pytest.mark.parametrize("when", ["at import", "when called"])
@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_refused_in_words(name: str, when: str):
    bad, error, says = BAD_ROWS[name]
    model = case("binary").model
    network = None if when == "at import" else from_sklearn(model)
    with pytest.raises(error, match=says) as caught:
        from_sklearn(model, bad) if network is None else network(bad)
    assert says_all_three(caught.value), caught.value


def test_a_frame_too_narrow_for_a_model_fitted_on_an_array_is_refused():
    with pytest.raises(ColumnsError, match=r"must have 3 columns.*got 2"):
        from_sklearn(case("array").model, tables()["numbers"][["age", "debt"]])


def test_what_counts_as_an_estimator():
    assert is_sklearn_estimator(MLPRegressor())
    assert is_sklearn_estimator(make_pipeline(StandardScaler()))
    assert not is_sklearn_estimator(np.zeros(3))
    assert not is_sklearn_estimator("model.skops")


def test_every_case_ends_in_a_network():
    assert isinstance(last_step(case("a target around a search").model), MLPRegressor)
