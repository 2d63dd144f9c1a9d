"""A scikit-learn model saved with skops, loaded without trusting the file.

A `.skops` file names types and fills them with data. Two gates stand before anything is built:

1. every type that the file names, wherever it names it, must be listed here;
2. what skops itself does not trust must be among the few that are vouched for here.

The second list is short on purpose: skops calls or fills a type it is told to trust with
whatever the file holds. Distributions of ``scipy.stats`` are on neither list, for they execute
text found in their own state.
"""

import json
import os
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from explainrelu.errors import ArchiveError, MissingDependencyError, ModelError
from explainrelu.importers.archive.model_file import LARGEST_FILE, read_model_file

__all__ = ["TRUSTED_TYPES", "from_skops"]

_LARGEST_SCHEMA = 2**28

_PLAIN = {
    "builtins": "bool dict float int list set slice str tuple",
    "numpy": (
        "bool bool_ dtype float16 float32 float64 int8 int16 int32 int64 ndarray object_ str_ "
        "uint8 uint16 uint32 uint64 exp expm1 log log1p"
    ),
    "numpy.ma": "MaskedArray",
    "numpy.random.mtrand": "RandomState",
}
_MODELS = {
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.compose._column_transformer": "ColumnTransformer",
    "sklearn.compose._target": "TransformedTargetRegressor",
    "sklearn.decomposition._incremental_pca": "IncrementalPCA",
    "sklearn.decomposition._pca": "PCA",
    "sklearn.decomposition._truncated_svd": "TruncatedSVD",
    "sklearn.impute._base": "MissingIndicator SimpleImputer",
    "sklearn.preprocessing._data": "MaxAbsScaler MinMaxScaler RobustScaler StandardScaler",
    "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._label": "LabelBinarizer",
}
_SELECTORS = {
    "sklearn.feature_selection._variance_threshold": "VarianceThreshold",
    "sklearn.feature_selection._univariate_selection": (
        "GenericUnivariateSelect SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile"
    ),
    "sklearn.feature_selection._from_model": "SelectFromModel",
    "sklearn.feature_selection._rfe": "RFE RFECV",
    "sklearn.feature_selection._sequential": "SequentialFeatureSelector",
    # what SelectFromModel and its kin were fitted with
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._coordinate_descent": "ElasticNet ElasticNetCV Lasso LassoCV",
    "sklearn.linear_model._logistic": "LogisticRegression LogisticRegressionCV",
    "sklearn.linear_model._ridge": "Ridge RidgeCV RidgeClassifier",
}
_SEARCHES = {
    "sklearn.model_selection._search": "GridSearchCV RandomizedSearchCV",
}
# Not trusted by skops itself; read one by one: plain records and pure functions of their arguments.
_VOUCHED_FOR = {
    "numpy": "dtype",
    "sklearn.compose._column_transformer": "make_column_selector",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression r_regression",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.model_selection._search_successive_halving": (
        "HalvingGridSearchCV HalvingRandomSearchCV"
    ),
    "sklearn.model_selection._split": (
        "GroupKFold GroupShuffleSplit KFold LeaveOneOut RepeatedKFold RepeatedStratifiedKFold "
        "ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit"
    ),
    "sklearn.metrics._scorer": "_MultimetricScorer _PassthroughScorer _Scorer",
    "sklearn.metrics._classification": (
        "accuracy_score balanced_accuracy_score brier_score_loss f1_score jaccard_score log_loss "
        "matthews_corrcoef precision_score recall_score"
    ),
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score top_k_accuracy_score",
    "sklearn.metrics._regression": (
        "explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error "
        "mean_squared_error mean_squared_log_error median_absolute_error r2_score "
        "root_mean_squared_error root_mean_squared_log_error"
    ),
}


def _listed(*groups: dict[str, str]) -> frozenset[str]:
    return frozenset(
        f"{module}.{name}" for group in groups for module in group for name in group[module].split()
    )


_VOUCHED = _listed(_VOUCHED_FOR)
TRUSTED_TYPES: frozenset[str] = _listed(_PLAIN, _MODELS, _SELECTORS, _SEARCHES) | _VOUCHED
"""Every type and function that a `.skops` file may name: what a scikit-learn MLP pipeline needs."""


def from_skops(path: str | os.PathLike[str]) -> Any:
    """The fitted scikit-learn estimator in a `.skops` file.

    Parameters
    ----------
    path
        A file written by ``skops.io.dump``.

    Returns
    -------
    estimator
        As it was saved. Whether it can be imported is :func:`explainrelu.import_model`'s to say.

    Raises
    ------
    ModelError
        Where the file names types outside :data:`TRUSTED_TYPES`, which are listed, or holds
        something that does not predict.
    ArchiveError
        For a file that is missing, damaged, or not a skops file.
    MissingDependencyError
        Where skops is not installed.

    Notes
    -----
    Types are checked, and with them what can run; the numbers in a file are taken as they are.

    Examples
    --------
    >>> from_skops("no such file.skops")
    Traceback (most recent call last):
    explainrelu.errors.ArchiveError: 'no such file.skops' cannot be read: ...
    """
    data = read_model_file(path)
    skops_io = _skops_io()
    try:
        named = _types_named(_schema(data))
        vouched = set(skops_io.get_untrusted_types(data=data))
        refused = (named - TRUSTED_TYPES) | (vouched - _VOUCHED)
        estimator = None if refused else skops_io.loads(data, trusted=sorted(vouched))
    except Exception as error:  # skops answers a damaged file with whatever it trips over
        raise ArchiveError(
            f"{str(path)!r} must be a whole .skops file, got: {_said(error)}. Save the model again "
            "with skops.io.dump, with the scikit-learn release that is installed here."
        ) from error
    if refused:
        raise _untrusted(path, refused)
    if not hasattr(type(estimator), "predict"):
        raise ModelError(
            f"{str(path)!r} must hold a fitted estimator, got {type(estimator).__name__}. Save the "
            "estimator or Pipeline itself with skops.io.dump."
        )
    return estimator


def _skops_io() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise MissingDependencyError(
            "Reading a .skops file needs skops, which is not installed: "
            "pip install explainrelu[skops]."
        ) from error
    return skops.io


def _schema(data: bytes) -> Any:
    """The tree of types and values, with the sizes of all members checked before any is read."""
    with ZipFile(BytesIO(data)) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
        if total > LARGEST_FILE:
            raise ValueError(f"members of {total} bytes together, more than {LARGEST_FILE}")
        with archive.open("schema.json") as file:
            text = file.read(_LARGEST_SCHEMA + 1)
    if len(text) > _LARGEST_SCHEMA:
        raise ValueError(f"a schema.json of more than {_LARGEST_SCHEMA} bytes")
    return json.loads(text)


def _types_named(schema: Any) -> set[str]:
    """Every type or function named anywhere in the tree, whatever skops would make of it."""
    named, waiting = set(), [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__class__" in node:
                named.add(f"{node.get('__module__')}.{node['__class__']}")
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return named


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(". \n")


def _untrusted(path: str | os.PathLike[str], refused: set[str]) -> ModelError:
    names = sorted(refused)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return ModelError(
        f"{str(path)!r} must name only types that a scikit-learn MLP pipeline needs, got {shown}, "
        "not trusted. Of a search, save its best_estimator_. A file you trust, load yourself with "
        "skops.io.load(path, trusted=[...]) and hand over the estimator."
    )
