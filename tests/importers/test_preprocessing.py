"""Every supported pipeline against its own public methods; what cannot be folded, by name."""

import warnings
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA, IncrementalPCA, KernelPCA, TruncatedSVD
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectKBest, SelectorMixin, VarianceThreshold
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.utils.validation import validate_data

from explainrelu.errors import ExplainReluError, NotFittedModelError, UnsupportedModelError
from explainrelu.importers.import_model import import_model
from explainrelu.importers.preprocessing import supported_transformers
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.network.patterns import activation_patterns, affine_maps
from tests.importers.pipelines import (
    MODELS,
    NUMBERS,
    case,
    centred,
    own_scores,
    quietly,
    regressor,
    tables,
    targets,
)
from tests.network.messages import says_all_three

every_model = pytest.mark.parametrize("name", MODELS)


def scores_of(network: ReluNetwork, X: Any) -> np.ndarray:
    """The network's scores as :func:`own_scores` gives the model's."""
    scores = network.forward(network.schema.encode(X))
    return centred(scores) if network.outputs.task is Task.MULTICLASS else scores


def maps_of(network: ReluNetwork, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Packed pattern and coefficients at each point, centred where the scores are."""
    packed = activation_patterns(network, points)
    weight, _ = affine_maps(network, packed)
    if network.outputs.task is Task.MULTICLASS:
        weight = weight - weight.mean(axis=1, keepdims=True)
    return packed, weight


def moved(X: Any, column: int, value: Any) -> Any:
    """The same rows with one column replaced."""
    if isinstance(X, np.ndarray):
        return np.column_stack([value if j == column else X[:, j] for j in range(X.shape[1])])
    return X.assign(**{X.columns[column]: value})


@every_model
def test_the_network_has_the_scores_of_the_pipeline(name: str):
    found = case(name)
    own = own_scores(found.model, found.X)
    assert scores_of(import_model(found.model), found.X) == pytest.approx(own, rel=1e-9, abs=1e-9)


@every_model
def test_the_import_is_checked_on_the_rows_and_keeps_the_largest_difference(name: str):
    found = case(name)
    network = import_model(found.model, found.X)
    assert network.certificate.holds
    assert all(f"{len(found.X)} rows" in check.detail for check in network.certificate.checks)
    assert all(check.value <= 1e-9 for check in network.certificate.checks)


@every_model
def test_coefficients_in_raw_units_are_the_pipelines_own_slopes(name: str):
    found = case(name)
    X = found.X[:20] if isinstance(found.X, np.ndarray) else found.X.dropna()[:20]
    network = import_model(found.model)
    points = network.schema.encode(X)
    packed, weight = maps_of(network, points)
    for j, column in enumerate(network.schema.columns):
        if column.kind is not ColumnKind.NUMERIC or column.name == "flag":
            continue
        values = np.asarray(X)[:, j].astype(float)
        step = 1e-4 * max(values.std(), 1e-12)
        above, below = moved(X, j, values + step), moved(X, j, values - step)
        stays = (activation_patterns(network, network.schema.encode(above)) == packed).all(axis=1)
        stays &= (activation_patterns(network, network.schema.encode(below)) == packed).all(axis=1)
        slope = (own_scores(found.model, above) - own_scores(found.model, below)) / (2 * step)
        expected = weight[:, :, network.schema.groups[column.name][0]]
        noise = 1e-9 * max(1.0, np.abs(own_scores(found.model, X)).max()) / step
        assert stays.sum() >= 10
        assert slope[stays] == pytest.approx(expected[stays], rel=1e-6, abs=noise)


@every_model
def test_another_level_moves_the_score_as_in_the_pipeline(name: str):
    found = case(name)
    network = import_model(found.model)
    for j, column in enumerate(network.schema.columns):
        if column.kind not in (ColumnKind.CATEGORICAL, ColumnKind.ORDINAL):
            continue
        X = found.X.dropna()[:10]
        packed, weight = maps_of(network, network.schema.encode(X))
        for level in column.levels:
            other = moved(X, j, pd.Series([level] * len(X), index=X.index, dtype=X.dtypes.iloc[j]))
            own = own_scores(found.model, other)
            assert scores_of(network, other) == pytest.approx(own, rel=1e-9, abs=1e-9)
            points = network.schema.encode(other)
            stays = (activation_patterns(network, points) == packed).all(axis=1)
            step = points - network.schema.encode(X)
            rise = np.einsum("nij,nj->ni", weight, step)
            change = own - own_scores(found.model, X)
            assert rise[stays] == pytest.approx(change[stays], rel=1e-6, abs=1e-9)


@every_model
def test_decoded_points_have_the_same_scores(name: str):
    network = import_model(case(name).model)
    points = network.schema.encode(case(name).X)
    decoded = network.schema.encode(network.schema.decode(points))
    assert network.forward(decoded) == pytest.approx(network.forward(points), rel=1e-12)


def test_everything_that_was_folded_is_named_with_its_place():
    folded = import_model(case("nested").model).origin.folded
    assert "columntransformer.columntransformer.standardscaler: StandardScaler" in folded
    assert "columntransformer.onehotencoder: OneHotEncoder" in folded
    assert "columntransformer.remainder: MinMaxScaler" in folded


# missing values and unknown levels: never another answer than the pipeline's


def answer(predict: Any, rows: Any, refusals: type[Exception]) -> np.ndarray | None:
    """What is predicted, None where the rows are refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return np.asarray(predict(rows), dtype=float)
        except refusals:
            return None


def assert_no_other_answer(model: Any, rows: Any) -> None:
    """The network answers like the model or refuses; it never answers where the model refuses."""
    own = answer(model.predict, rows, ValueError)
    ours = answer(import_model(model), rows, ExplainReluError)
    if ours is not None:
        assert own is not None, f"the pipeline refuses these rows, the network says {ours[:3]}"
        assert ours == pytest.approx(own, rel=1e-9)
    # with these rows the import holds, or is refused in words of our own
    answer(lambda X: import_model(model, X)(X), rows, ExplainReluError)


ENCODERS = {
    "one-hot": OneHotEncoder(),
    "one-hot, ignoring": OneHotEncoder(handle_unknown="ignore"),
    "one-hot, rare together": OneHotEncoder(min_frequency=25),
    "one-hot, unknown as rare": OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=25
    ),
    "codes": OrdinalEncoder(),
    "codes, missing -2": OrdinalEncoder(encoded_missing_value=-2),
    "codes, unknown -1": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "codes, unknown missing": OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan
    ),
    "codes, rare together": OrdinalEncoder(min_frequency=25),
    "codes, then imputed": make_pipeline(OrdinalEncoder(), SimpleImputer()),
    "codes with missing -2, then imputed": make_pipeline(
        OrdinalEncoder(encoded_missing_value=-2), SimpleImputer()
    ),
    "codes with unknown -1, then imputed": make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), SimpleImputer()
    ),
}
FILLS = {
    "nothing": "passthrough",
    "the most frequent": SimpleImputer(strategy="most_frequent"),
    "a constant": SimpleImputer(strategy="constant", fill_value="zz"),
    "a marker": SimpleImputer(strategy="most_frequent", missing_values="smith"),
}


@pytest.mark.parametrize("table", ["mixed", "holes"])
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_no_level_makes_the_network_answer_otherwise(encoder: str, fill: str, table: str):
    levels = make_pipeline(
        clone(FILLS[fill]) if fill != "nothing" else None, clone(ENCODERS[encoder])
    )
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    model = make_pipeline(
        ColumnTransformer([("n", scaled, ["age"]), ("l", levels, ["job"])]), regressor()
    )
    X = tables()[table][["age", "job"]]
    try:
        quietly(model, X, targets()["number"])
    except ValueError:
        return  # scikit-learn itself has no such model: missing values reach the network
    try:
        import_model(model)
    except UnsupportedModelError:
        return  # refused by name, which is no answer either
    for level in ("nurse", "pilot", np.nan, None):
        rows = X.fillna({"age": 40.0}).astype({"job": object})
        rows.loc[::3, "job"] = level
        assert_no_other_answer(model, rows.astype({"job": X["job"].dtype}))


NUMBER_IMPUTERS = {
    "none": (StandardScaler(),),
    "before": (SimpleImputer(), StandardScaler()),
    "behind": (StandardScaler(), SimpleImputer()),
    "marker": (SimpleImputer(missing_values=-1.0), StandardScaler()),
    "marker, then missing": (SimpleImputer(missing_values=-1.0), SimpleImputer(strategy="median")),
    "missing, then marker": (SimpleImputer(strategy="median"), SimpleImputer(missing_values=-1.0)),
    "before and behind": (SimpleImputer(), StandardScaler(), SimpleImputer()),
    "empty columns kept": (SimpleImputer(keep_empty_features=True),),
    "in one part of a union": (make_union(SimpleImputer(), MinMaxScaler()), SimpleImputer()),
    "behind a selector": (VarianceThreshold(), SimpleImputer()),
}


@pytest.mark.parametrize("name", NUMBER_IMPUTERS)
def test_no_number_makes_the_network_answer_otherwise(name: str):
    model = make_pipeline(*map(clone, NUMBER_IMPUTERS[name]), StandardScaler(), regressor())
    X = tables()["numbers"]
    quietly(model, X, targets()["number"])
    try:
        import_model(model)
    except UnsupportedModelError:
        return
    for value in (np.nan, -1.0, np.inf, 1e300):
        rows = X.copy()
        rows.loc[::3, "age"] = value
        if value != 1e300:
            assert_no_other_answer(model, rows)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("behind", [False, True])
def test_a_column_that_was_all_missing_is_dropped_or_kept_as_in_the_pipeline(keep, behind):
    imputer = SimpleImputer(keep_empty_features=keep)
    steps = (StandardScaler(), imputer) if behind else (imputer, StandardScaler())
    X = tables()["numbers"].assign(empty=np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (UserWarning, RuntimeWarning))
        model = quietly(make_pipeline(*steps, regressor()), X, targets()["number"])
        own = own_scores(model, X)
        network = import_model(model)
    assert scores_of(network, X) == pytest.approx(own, rel=1e-9)


def test_what_missing_values_are_taken_for_is_an_assumption():
    model = case("imputer before the scaler").model
    network = import_model(model)
    median = float(tables()["holes"]["age"].median())
    assert f"a missing age is taken to be {median:.6g}" in network.origin.assumptions
    flags = network.schema.imputed(tables()["holes"])
    assert (
        flags == tables()["holes"].isna().to_numpy() & [True, True, True, True, False, False, False]
    ).all()


def test_an_ignored_unknown_level_is_all_zeros():
    network = import_model(case("unknown ignored").model)
    rows = tables()["mixed"].assign(job="pilot")
    assert (network.schema.encode(rows)[:, list(network.schema.groups["job"])] == 0.0).all()


LEVELS = {
    "truth values": [True, False],
    "whole numbers": [1, 2],
    "large whole numbers": [2**60, 2**60 + 1],
    "fractions": [0.1, 0.7],
    "numbers and missing": [0.1, np.nan],
    "texts and missing": ["a", None],
    "texts of numbers": ["1", "2"],
    "empty texts": ["", "a"],
    "categories": pd.Categorical(["a", "b"]),
    "categories of numbers": pd.Categorical([3, 4]),
    "nullable numbers": pd.array([1, 2], dtype="Int64"),
    "strings": pd.array(["a", "b"], dtype="string"),
    "single precision": np.array([0.1, 0.7], dtype=np.float32),
    "texts as objects": pd.array(["a", "b"], dtype=object),
    "None among objects": pd.array(["a", None], dtype=object),
    "numbers as objects": pd.array([1, 2], dtype=object),
}
ODD_LEVELS = {
    "bytes": [b"a", b"b"],
    "dates": pd.to_datetime(["2020", "2021"]),
    "dates as objects": pd.array([date(2020, 1, 1), date(2021, 1, 1)], dtype=object),
    "spans": pd.to_timedelta([1, 2], unit="D"),
    "None and NaN": pd.array([None, np.nan], dtype=object),
}
any_encoder = pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(encoded_missing_value=-1),
    ],
    ids=str,
)


def levelled(values: Any, encoder: Any) -> tuple[Any, pd.DataFrame]:
    """A fitted model of a table whose last column has the given levels, and the table."""
    level = pd.Series(values).iloc[np.arange(60) % 2].set_axis(range(60))
    X = tables()["numbers"].assign(level=level)
    encode = make_column_transformer((StandardScaler(), NUMBERS), (clone(encoder), ["level"]))
    return quietly(make_pipeline(encode, regressor()), X, targets()["number"]), X


@any_encoder
@pytest.mark.parametrize("kind", LEVELS)
def test_levels_may_be_texts_numbers_and_truth_values_of_any_dtype(kind: str, encoder: Any):
    model, X = levelled(LEVELS[kind], encoder)
    network = import_model(model, X)
    assert scores_of(network, X) == pytest.approx(own_scores(model, X), rel=1e-9)
    assert import_model(model).schema.encode(X).tolist() == network.schema.encode(X).tolist()


@any_encoder
@pytest.mark.parametrize("kind", ODD_LEVELS)
def test_levels_that_no_table_can_name_are_refused_by_column_or_step(kind: str, encoder: Any):
    model, _ = levelled(ODD_LEVELS[kind], encoder)
    with pytest.raises(UnsupportedModelError, match=r"level|column") as caught:
        import_model(model)
    assert says_all_three(caught.value), caught.value


@any_encoder
def test_an_imputer_that_looks_for_nan_leaves_none_as_in_the_pipeline(encoder: Any):
    imputed = make_pipeline(SimpleImputer(strategy="most_frequent"), clone(encoder))
    model, X = levelled(LEVELS["None among objects"], imputed)
    network = import_model(model, X)
    assert scores_of(network, X) == pytest.approx(own_scores(model, X), rel=1e-9)


# what cannot be folded


class Doubled(StandardScaler):
    """A scaler that does not do what its base does."""

    def transform(self, X, copy=None):
        return 2.0 * super().transform(X, copy)


class Squared(VarianceThreshold):
    """A selector that does not only select."""

    def transform(self, X):
        return np.asarray(super().transform(X)) ** 2


class OwnSelector(SelectorMixin, BaseEstimator):
    """A selector of one's own that only selects."""

    def fit(self, X, y=None):
        validate_data(self, X)
        return self

    def _get_support_mask(self):
        return np.arange(self.n_features_in_) != 1


class Own(TransformerMixin, BaseEstimator):
    """A transformer of one's own."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


REFUSED = [
    Normalizer(),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=10),
    PolynomialFeatures(2),
    SplineTransformer(),
    KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf"),
    Binarizer(threshold=3.0),
    KNNImputer(),
    IterativeImputer(),
    KernelPCA(2),
    MinMaxScaler(clip=True),
    SimpleImputer(add_indicator=True),
    FunctionTransformer(np.log1p),
    FunctionTransformer(np.abs),
    Doubled(),
    Squared(),
    Own(),
]


@pytest.mark.parametrize("step", REFUSED, ids=lambda step: type(step).__name__)
def test_a_step_that_cannot_be_folded_is_refused_by_name_place_and_advice(step: Any):
    X = tables()["numbers"].abs()
    steps = [("first", "passthrough"), ("odd", clone(step)), ("mlp", regressor())]
    model = quietly(Pipeline(steps), X, targets()["number"])
    with pytest.raises(UnsupportedModelError, match=f"{type(step).__name__} at 'odd'") as e:
        import_model(model)
    assert says_all_three(e.value), e.value


def test_a_refused_step_deep_inside_is_named_with_its_whole_place():
    inner = ColumnTransformer(
        [("part", make_pipeline(MinMaxScaler(), PowerTransformer()), ["age"])]
    )
    model = Pipeline([("outer", inner), ("mlp", regressor())])
    quietly(model, tables()["numbers"], targets()["number"])
    with pytest.raises(UnsupportedModelError, match=r"PowerTransformer at 'outer.part.powertransf"):
        import_model(model)


def test_a_missing_indicator_in_a_union_is_refused():
    union = FeatureUnion([("values", SimpleImputer()), ("holes", MissingIndicator(features="all"))])
    X = tables()["holes"][NUMBERS]
    model = quietly(make_pipeline(union, regressor()), X, targets()["number"])
    with pytest.raises(UnsupportedModelError, match=r"MissingIndicator at 'featureunion\.holes'"):
        import_model(model)


def test_a_selector_of_ones_own_is_taken_where_it_only_selects():
    X = tables()["numbers"]
    model = make_pipeline(OwnSelector(), StandardScaler(), regressor())
    quietly(model, X, targets()["number"])
    network = import_model(model)
    assert scores_of(network, X) == pytest.approx(own_scores(model, X), rel=1e-9)
    assert network.schema.column("income").kind is ColumnKind.UNUSED


def test_an_encoder_behind_a_scaler_is_refused():
    X = tables()["mixed"][["size"]].astype(float)
    model = make_pipeline(MinMaxScaler(), OneHotEncoder(), regressor())
    quietly(model, X, targets()["number"])
    with pytest.raises(UnsupportedModelError, match="OneHotEncoder at 'onehotencoder' must stand"):
        import_model(model)


def test_a_column_that_two_steps_take_differently_is_refused():
    encode = make_column_transformer(
        (OneHotEncoder(), ["size"]), (StandardScaler(), ["size", "age"])
    )
    X = tables()["mixed"][["size", "age"]]
    model = quietly(make_pipeline(encode, regressor()), X, targets()["number"])
    with pytest.raises(UnsupportedModelError, match=r"column 'size' as numeric.*as categorical"):
        import_model(model)


def test_a_column_that_is_encoded_twice_alike_is_one_column():
    encode = make_column_transformer(
        (OneHotEncoder(), ["size"]),
        (OneHotEncoder(drop="first"), ["size"]),
        (MinMaxScaler(), ["age"]),
    )
    X = tables()["mixed"][["size", "age"]]
    model = quietly(make_pipeline(encode, regressor()), X, targets()["number"])
    assert scores_of(import_model(model), X) == pytest.approx(own_scores(model, X), rel=1e-9)
    assert import_model(model).n_inputs == 4


UNFITTED = [
    StandardScaler(),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, with_scaling=False),
    PCA(),
    IncrementalPCA(),
    TruncatedSVD(),
    SimpleImputer(),
    OneHotEncoder(),
    OrdinalEncoder(),
    VarianceThreshold(),
    SelectKBest(),
    ColumnTransformer([("n", StandardScaler(), NUMBERS)]),
    make_union(StandardScaler()),
]


@pytest.mark.parametrize("place", ["first", "second"])
@pytest.mark.parametrize("step", UNFITTED, ids=lambda step: str(step)[:30])
def test_an_unfitted_step_is_refused_by_name(step: Any, place: str):
    mlp = case("bare").model
    scaler = clone(StandardScaler()).fit(tables()["numbers"])
    steps = (clone(step),) if place == "first" else (scaler, clone(step))
    inner = {"FeatureUnion": "StandardScaler|FeatureUnion"}.get(
        type(step).__name__, type(step).__name__
    )
    with pytest.raises(NotFittedModelError, match=f"({inner}).* must be fitted.*Call fit"):
        import_model(make_pipeline(*steps, mlp))


def test_every_supported_transformer_is_among_the_models():
    used = {type(step).__name__ for model, _, _ in MODELS.values() for step in _inside(model)}
    assert set(supported_transformers()) <= used


def _inside(thing: Any):
    """A model and every step inside it."""
    yield thing
    parts = [step for _, step in getattr(thing, "steps", [])]
    parts += [part[1] for part in getattr(thing, "transformers", [])]
    parts += [part[1] for part in getattr(thing, "transformer_list", [])]
    parts += [getattr(thing, name) for name in ("estimator", "regressor") if hasattr(thing, name)]
    for part in parts:
        yield from _inside(part)
