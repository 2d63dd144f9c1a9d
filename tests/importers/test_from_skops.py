import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.stats import loguniform
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes the import below work
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from explainrelu.errors import ArchiveError, MissingDependencyError, ModelError
from explainrelu.importers import from_skops as from_skops_module
from explainrelu.importers import preprocessing
from explainrelu.importers.from_skops import TRUSTED_TYPES, from_skops

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def assert_close(got: np.ndarray, wanted: np.ndarray) -> None:
    """Equal up to the order of summation, which follows the layout of arrays in memory."""
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.uniform(18, 90, 60),
            "income": rng.uniform(1, 9, 60),
            "job": rng.choice(["clerk", "nurse"], 60),
            "home": rng.choice(["own", "rent"], 60),
        }
    )


X = rows()
NUMBERS = X[["age", "income"]]
LABELS = np.where(X["age"] > 50, "yes", "no")
TARGET = X["income"] * 2 + 30


def classifier(**options: Any) -> MLPClassifier:
    return MLPClassifier((3,), max_iter=4, random_state=0, **options)


def regressor(**options: Any) -> MLPRegressor:
    return MLPRegressor(hidden_layer_sizes=(3,), max_iter=4, random_state=0, **options)


def columns(*, by_name: bool) -> ColumnTransformer:
    numeric = ["age", "income"] if by_name else make_column_selector(dtype_include="number")
    return ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), numeric),
            ("job", OneHotEncoder(handle_unknown="ignore", drop="if_binary"), ["job"]),
            ("home", OrdinalEncoder(), ["home"]),
        ],
        remainder="passthrough",
    )


GRID = {"alpha": [0.1, 0.2]}
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "bare": classifier,
    "sgd": lambda: classifier(solver="sgd", early_stopping=True),
    "lbfgs": lambda: classifier(solver="lbfgs"),
    "scaled": lambda: make_pipeline(StandardScaler(), classifier()),
    "scalers": lambda: make_pipeline(
        MinMaxScaler(), MaxAbsScaler(), RobustScaler(), PCA(2), classifier()
    ),
    "reduced": lambda: make_pipeline(make_union(IncrementalPCA(1), TruncatedSVD(1)), classifier()),
    "passthrough": lambda: Pipeline([("none", "passthrough"), ("mlp", classifier())]),
    "grid": lambda: GridSearchCV(classifier(), GRID, cv=2),
    "scored grid": lambda: GridSearchCV(
        classifier(),
        {"hidden_layer_sizes": [(2,), (3, 2)]},
        cv=StratifiedKFold(2),
        scoring="roc_auc",
    ),
    "halving": lambda: HalvingGridSearchCV(classifier(), GRID, cv=2),
    "selector": lambda: make_pipeline(VarianceThreshold(), SelectKBest(k=1), classifier()),
    "linear selector": lambda: make_pipeline(SelectFromModel(LogisticRegression()), classifier()),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "regressor": regressor,
    "scaled target": lambda: TransformedTargetRegressor(regressor(), transformer=StandardScaler()),
    "log target": lambda: TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp),
    "grid of targets": lambda: GridSearchCV(
        TransformedTargetRegressor(make_pipeline(StandardScaler(), regressor())),
        {"regressor__mlpregressor__alpha": [0.1, 0.2]},
        cv=2,
        scoring=["r2", "neg_mean_absolute_error"],
        refit="r2",
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_loaded_as_it_was_saved(name: str, tmp_path: Path) -> None:
    model = CLASSIFIERS[name]().fit(NUMBERS, LABELS)
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = from_skops(tmp_path / "model.skops")
    assert type(loaded) is type(model)
    assert_close(loaded.predict_proba(NUMBERS), model.predict_proba(NUMBERS))


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_is_loaded_as_it_was_saved(name: str, tmp_path: Path) -> None:
    model = REGRESSORS[name]().fit(NUMBERS, TARGET)
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = from_skops(str(tmp_path / "model.skops"))
    assert_close(loaded.predict(NUMBERS), model.predict(NUMBERS))


@pytest.mark.parametrize("by_name", [True, False])
def test_a_column_transformer_is_loaded_as_it_was_saved(by_name: bool, tmp_path: Path) -> None:
    model = make_pipeline(columns(by_name=by_name), classifier()).fit(X, LABELS)
    skops.io.dump(model, tmp_path / "model.skops", compression=ZIP_DEFLATED)
    loaded = from_skops(tmp_path / "model.skops")
    assert_close(loaded.predict_proba(X), model.predict_proba(X))


def test_every_trusted_name_exists() -> None:
    for name in TRUSTED_TYPES:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_every_step_that_can_be_folded_may_stand_in_a_file() -> None:
    assert set(preprocessing._FOLDS) <= {name.rpartition(".")[2] for name in TRUSTED_TYPES}


# ---------------------------------------------------------------------------------------------
# What is not trusted.


def saved(path: Path, model: Any) -> Path:
    skops.io.dump(model, path)
    return path


def test_another_estimator_is_refused_by_name(tmp_path: Path) -> None:
    forest = RandomForestClassifier(2).fit(NUMBERS, LABELS)
    with pytest.raises(ModelError, match=r"ensemble\._forest\.RandomForestClassifier.*not trusted"):
        from_skops(saved(tmp_path / "model.skops", forest))


def test_a_function_is_refused_by_name(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(os.path.exists), classifier())
    with pytest.raises(ModelError, match=r"got genericpath\.exists, not trusted"):
        from_skops(saved(tmp_path / "model.skops", model))


def test_a_method_of_a_trusted_type_is_refused_by_name(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(classifier().fit), classifier())
    with pytest.raises(ModelError, match=r"MLPClassifier\.fit, not trusted"):
        from_skops(saved(tmp_path / "model.skops", model))


def test_text_that_a_trusting_load_would_run_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    alpha = loguniform(0.1, 1.0)
    alpha.dist._parse_arg_template = f"open({str(marker)!r}, 'w').close()\n" + (
        alpha.dist._parse_arg_template
    )
    search = RandomizedSearchCV(classifier(), {"alpha": alpha}, n_iter=1, cv=2)
    path = saved(tmp_path / "model.skops", search)
    with pytest.raises(ModelError, match=r"scipy\.stats.*save its best_estimator_"):
        from_skops(path)
    assert not marker.exists()
    skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    assert marker.exists(), "the file is harmless and this test shows nothing"


def altered(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file with its schema changed and all else as it was."""
    with ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema)
    with ZipFile(path, "w") as new:
        for name, content in (members | {"schema.json": json.dumps(schema).encode()}).items():
            new.writestr(name, content)
    return path


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(inner, (dict, list)):
            yield from nodes(inner)


def test_a_type_that_skops_trusts_but_no_pipeline_needs_is_refused(tmp_path: Path) -> None:
    def cast_to_bytes(schema: dict[str, Any]) -> None:
        # numpy.bytes_(n) is n zero bytes: a small file that fills the memory
        array = next(n for n in nodes(schema) if n.get("__loader__") == "NdArrayNode")
        array["__class__"] = "bytes_"

    path = saved(tmp_path / "model.skops", classifier().fit(NUMBERS, LABELS))
    assert "numpy.bytes_" not in skops.io.get_untrusted_types(file=altered(path, cast_to_bytes))
    with pytest.raises(ModelError, match=r"got numpy\.bytes_, not trusted"):
        from_skops(path)


def test_a_trusted_type_in_a_role_that_skops_does_not_trust_is_refused(tmp_path: Path) -> None:
    def call_it(schema: dict[str, Any]) -> None:
        array = next(n for n in nodes(schema) if n.get("__class__") == "RandomState")
        array["__loader__"] = "ConstructorFromReduceNode"

    path = saved(tmp_path / "model.skops", classifier().fit(NUMBERS, LABELS))
    with pytest.raises(ModelError, match=r"mtrand\.RandomState, not trusted"):
        from_skops(altered(path, call_it))


@pytest.mark.parametrize("content", [[1, 2], {"a": 1.0}, np.zeros(2), StandardScaler()])
def test_what_does_not_predict_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="must hold a fitted estimator, got"):
        from_skops(saved(tmp_path / "model.skops", content))


# ---------------------------------------------------------------------------------------------
# Damage.


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"PK\x05\x06" + bytes(18)])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"must be a whole \.skops file"):
        from_skops(tmp_path / "model.skops")


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "5", "[" * 100_000, '{"protocol": 1}'])
def test_a_schema_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "model.skops", "w") as file:
        file.writestr("schema.json", text)
    with pytest.raises(ArchiveError, match=r"must be a whole \.skops file"):
        from_skops(tmp_path / "model.skops")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.skops", classifier().fit(NUMBERS, LABELS))
    whole = path.read_bytes()
    for length in range(0, len(whole), 997):
        path.write_bytes(whole[:length])
        with pytest.raises(ArchiveError, match=r"must be a whole \.skops file"):
            from_skops(path)


def test_an_altered_file_is_refused_or_still_the_same_model(tmp_path: Path) -> None:
    model = classifier().fit(NUMBERS, LABELS)
    path = saved(tmp_path / "model.skops", model)
    whole = path.read_bytes()
    for position in range(0, len(whole), 499):
        damaged = bytearray(whole)
        damaged[position] ^= 0x11
        path.write_bytes(damaged)
        try:
            loaded = from_skops(path)
        except (ArchiveError, ModelError):
            continue
        assert_close(loaded.predict_proba(NUMBERS), model.predict_proba(NUMBERS))


def test_members_beyond_the_limit_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ZipFile(tmp_path / "model.skops", "w", ZIP_DEFLATED) as file:
        file.writestr("schema.json", b" " * 1_000_000)
    monkeypatch.setattr(from_skops_module, "LARGEST_FILE", 999_999)
    with pytest.raises(ArchiveError, match="members of 1000000 bytes together"):
        from_skops(tmp_path / "model.skops")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="No such file"):
        from_skops(tmp_path / "model.skops")


def test_without_skops_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "model.skops", classifier().fit(NUMBERS, LABELS))
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(MissingDependencyError, match=r"pip install explainrelu\[skops\]"):
        from_skops(path)


def test_the_module_loads_neither_skops_nor_scikit_learn() -> None:
    code = (
        "import sys, explainrelu.importers.from_skops\n"
        "print([name for name in ('skops', 'sklearn', 'safetensors') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
