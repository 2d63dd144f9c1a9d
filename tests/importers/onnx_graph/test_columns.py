"""Pipelines exported by skl2onnx: the file, scikit-learn and onnxruntime give one function."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from explainrelu.errors import ColumnsError, UnknownLevelError, UnsupportedModelError
from explainrelu.importers.from_onnx import from_onnx
from explainrelu.importers.from_sklearn import from_sklearn
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import ReluNetwork
from tests.importers.pipelines import classifier, quietly, regressor, tables, targets

KINDS = {
    "age": FloatTensorType([None, 1]),
    "debt": FloatTensorType([None, 1]),
    "job": StringTensorType([None, 1]),
    "town": StringTensorType([None, 1]),
    "size": Int64TensorType([None, 1]),
}
DTYPES = {"age": np.float32, "debt": np.float32, "job": object, "town": object, "size": np.int64}
ENCODED = ColumnTransformer(
    [
        ("n", StandardScaler(), ["age", "debt"]),
        ("o", OneHotEncoder(handle_unknown="ignore"), ["job", "town"]),
        ("k", OrdinalEncoder(), ["size"]),
    ]
)
FILLED = ColumnTransformer(
    [
        ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age"]),
        ("o", OneHotEncoder(drop="first"), ["town"]),
        ("k", OrdinalEncoder(), ["size"]),
    ],
    remainder="passthrough",
)
WIDE = ColumnTransformer(
    [("n", make_pipeline(SimpleImputer(), MinMaxScaler()), [0]), ("o", OneHotEncoder(), [1])],
    remainder="passthrough",
)


def frame(*names: str, holes: bool = False) -> pd.DataFrame:
    """Rows whose numbers float32 holds."""
    found = tables()["holes" if holes else "mixed"].assign(job=tables()["mixed"]["job"])[
        list(names)
    ]
    return found.assign(**{n: found[n].round(2) for n in ("age", "debt") if n in names})


def single(table: pd.DataFrame) -> np.ndarray:
    """Numbers that float32 holds, in float64, in which scikit-learn then computes."""
    return table.to_numpy().astype(np.float32).astype(np.float64)


def numbers() -> np.ndarray:
    return single(tables()["small"])


def wide() -> np.ndarray:
    return single(frame("age", "size", "debt", holes=True))


CASES: dict[str, tuple[Any, Any, str]] = {
    "two classes": (make_pipeline(StandardScaler(), classifier()), numbers(), "zero or one"),
    "three classes": (make_pipeline(MinMaxScaler(), classifier()), numbers(), "three"),
    "labels": (make_pipeline(StandardScaler(), classifier()), numbers(), "labels"),
    "regression": (make_pipeline(RobustScaler(), MaxAbsScaler(), regressor()), numbers(), "number"),
    "two numbers": (make_pipeline(PCA(2), regressor()), numbers(), "two numbers"),
    "columns": (make_pipeline(ENCODED, classifier()), frame(*KINDS), "three"),
    "columns and two classes": (make_pipeline(ENCODED, classifier()), frame(*KINDS), "yes or no"),
    "encoded and scaled": (
        make_pipeline(ENCODED, StandardScaler(), regressor()),
        frame(*KINDS),
        "number",
    ),
    "filled": (
        make_pipeline(FILLED, regressor()),
        frame("age", "town", "size", "debt", holes=True),
        "number",
    ),
    "wide": (make_pipeline(WIDE, regressor()), wide(), "number"),
}


def fitted(name: str) -> tuple[Any, Any]:
    model, X, target = CASES[name]
    return quietly(model, X, targets()[target]), X


def exported(model: Any, X: Any, **options: Any) -> onnx.ModelProto:
    if isinstance(X, pd.DataFrame):
        return to_onnx(model, initial_types=[(n, KINDS[n]) for n in X], **options)
    return to_onnx(model, X[:1].astype(np.float32), **options)


def onnxruntime_outputs(model: onnx.ModelProto, X: Any) -> np.ndarray:
    """The last output of the file, dictionaries of probabilities as rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    if not isinstance(X, pd.DataFrame):
        feeds = {model.graph.input[0].name: X.astype(np.float32)}
    else:
        feeds = {name: X[[name]].to_numpy().astype(DTYPES[name]) for name in X}
    found = session.run(None, feeds)[-1]
    if isinstance(found, list):
        found = np.array([list(row.values()) for row in found])
    return np.asarray(found, dtype=np.float64).reshape(len(X), -1)


def same_outputs(network: ReluNetwork, wanted: np.ndarray, X: Any) -> bool:
    got = network.link(network.forward(network.schema.encode(X)))
    return bool(
        np.abs(got - wanted[:, -got.shape[1] :]).max() <= 1e-5 * max(1, np.abs(wanted).max())
    )


@pytest.mark.parametrize("name", CASES)
def test_file_scikit_learn_and_onnxruntime_agree(name: str) -> None:
    model, X = fitted(name)
    file = exported(model, X)
    network, own = from_onnx(file, X), from_sklearn(model, X)
    assert same_outputs(network, onnxruntime_outputs(file, X), X)
    scores, wanted = network.forward(network.schema.encode(X)), own.forward(own.schema.encode(X))
    np.testing.assert_allclose(scores, wanted, atol=1e-4)
    assert network.certificate.holds


@pytest.mark.parametrize("name", CASES)
def test_schema_and_outputs_are_those_of_the_import_from_scikit_learn(name: str) -> None:
    model, X = fitted(name)
    network, own = from_onnx(exported(model, X), X), from_sklearn(model, X)
    for mine, theirs in zip(network.schema.columns, own.schema.columns, strict=True):
        assert (mine.name, mine.kind, mine.levels) == (theirs.name, theirs.kind, theirs.levels)
        assert (mine.codes, mine.imputes) == (theirs.codes, theirs.imputes)
    assert network.outputs.names == own.outputs.names
    assert network.outputs.classes == own.outputs.classes
    assert (network.outputs.task, network.link) == (own.outputs.task, own.link)


@pytest.mark.parametrize("target", ["zero or one", "three"])
@pytest.mark.parametrize("zipmap", [False, True])
def test_logistic_regression_gives_its_own_probabilities(target: str, zipmap: bool) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(numbers(), targets()[target])
    file = exported(model, numbers(), options={"zipmap": zipmap})
    network = from_onnx(file, numbers())
    assert same_outputs(network, model.predict_proba(numbers()), numbers())
    assert network.outputs.classes == tuple(str(c) for c in model.classes_)


@pytest.mark.parametrize("target", ["number", "two numbers"])
def test_linear_regression_is_one_affine_map(target: str) -> None:
    model = LinearRegression().fit(numbers(), targets()[target])
    network = from_onnx(exported(model, numbers()), numbers())
    assert network.layers == ()
    np.testing.assert_allclose(network(numbers()), model.predict(numbers()), atol=1e-4)


def test_every_output_of_a_classifier_leads_to_the_same_scores() -> None:
    model, X = fitted("two classes")
    file = exported(model, X)
    prints = {from_onnx(file, output=value.name).fingerprint for value in file.graph.output}
    assert len(file.graph.output) == 2
    assert len(prints) == 1


def test_columns_of_the_file_are_named_by_its_inputs() -> None:
    model, X = fitted("columns")
    network = from_onnx(exported(model, X))
    assert network.schema.names == tuple(KINDS)
    assert network.schema.column("size").kind is ColumnKind.ORDINAL


def test_columns_of_one_wide_input_are_named_by_the_rows_or_by_number() -> None:
    model, X = fitted("wide")
    file = exported(model, X)
    assert from_onnx(file).schema.names == ("x0", "x1", "x2")
    named = pd.DataFrame(X, columns=["age", "size", "debt"])
    assert from_onnx(file, named).schema.names == ("age", "size", "debt")
    with pytest.raises(ColumnsError, match="takes 3 columns, got 1"):
        from_onnx(file, names=["age"])


def test_fill_is_that_of_the_imputer_and_said() -> None:
    model, X = fitted("filled")
    network = from_onnx(exported(model, X), X)
    assert network.schema.column("age").fill == pytest.approx(X["age"].median(), rel=1e-6)
    assert any(text.startswith("a missing age is taken") for text in network.origin.assumptions)


def test_unknown_level_is_treated_as_the_file_treats_it() -> None:
    model, X = fitted("columns")
    file = exported(model, X)
    unknown = X.assign(job="pilot")
    assert same_outputs(from_onnx(file, unknown), onnxruntime_outputs(file, unknown), unknown)
    model, X = fitted("filled")
    with pytest.raises(UnknownLevelError, match="'town' must be one of"):
        from_onnx(exported(model, X))(X.assign(town="Z"))


def test_one_vs_rest_probabilities_that_are_normalised_are_refused() -> None:
    scores = onnx.helper.make_node(
        "LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", name="linear",
        coefficients=[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], intercepts=[0.0, 0.0, 0.0],
        classlabels_ints=[0, 1, 2], post_transform="LOGISTIC",
    )  # fmt: skip
    norm = onnx.helper.make_node("Normalizer", ["p"], ["y"], "norm", domain="ai.onnx.ml", norm="L1")
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [scores, norm], "g", [onnx.helper.make_tensor_value_info("x", kind, ["N", 2])],
        [onnx.helper.make_tensor_value_info("y", kind, ["N", 3])],
    )  # fmt: skip
    sets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("ai.onnx.ml", 1)]
    with pytest.raises(UnsupportedModelError, match="'norm' is Normalizer, which divides"):
        from_onnx(onnx.helper.make_model(graph, opset_imports=sets))


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([Normalizer()], "'Normalizer' is Normalizer, which divides each row by its length"),
        ([StandardScaler(), SimpleImputer()], "Imputer, which must stand directly on raw columns"),
    ],
)
def test_step_that_cannot_be_folded_is_refused(steps: list[Any], why: str) -> None:
    model = quietly(make_pipeline(*steps, regressor()), numbers(), targets()["number"])
    with pytest.raises(UnsupportedModelError, match=why):
        from_onnx(exported(model, numbers()))


def test_curved_activation_is_refused() -> None:
    model = MLPClassifier((3,), activation="tanh", max_iter=5, random_state=0)
    quietly(model, numbers(), targets()["zero or one"])
    with pytest.raises(UnsupportedModelError, match="is Tanh, which is a curve"):
        from_onnx(exported(model, numbers()))


@pytest.mark.parametrize("strange", [1.5, 9.0])
def test_levels_that_the_file_cuts_to_whole_numbers_are_taken_only_whole(strange: float) -> None:
    X = np.array([[0.0], [1.0], [2.0]] * 4, dtype=np.float32)
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = make_pipeline(encoder, LinearRegression()).fit(X, X.ravel() ** 2)
    network = from_onnx(exported(model, X), X)
    np.testing.assert_allclose(network(X), model.predict(X), atol=1e-5)
    assert any(text.startswith("whole numbers in column x0") for text in network.origin.assumptions)
    with pytest.raises(UnknownLevelError, match="'x0' must be one of"):
        network([[strange]])


def test_imputer_over_two_inputs_side_by_side() -> None:
    X = frame("age", "debt", holes=True)
    model = make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression())
    model.fit(X, targets()["number"])
    file = exported(model, X)
    assert any(n.op_type == "FeatureVectorizer" for n in file.graph.node)
    network = from_onnx(file, X)
    assert network.schema.names == ("age", "debt")
    assert same_outputs(network, onnxruntime_outputs(file, X), X)
