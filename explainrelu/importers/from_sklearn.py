"""A fitted scikit-learn MLP, alone or at the end of a pipeline, as a ReluNetwork."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.errors import ColumnsError, DataError, NotFittedModelError, UnsupportedModelError
from explainrelu.importers.check import checked
from explainrelu.importers.features import Folding
from explainrelu.importers.preprocessing import fold, is_sklearn_class
from explainrelu.network.frames import column_names
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["from_sklearn", "is_sklearn_estimator"]

_LINKS = {"logistic": Link.logistic, "softmax": Link.softmax, "identity": Link.identity}


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """A model taken apart: transformers before the network, affine maps of the target behind."""

    transformers: tuple[tuple[str, Any], ...]
    network: Any
    targets: tuple[Any, ...]  # innermost first


def is_sklearn_estimator(model: Any) -> bool:
    """Whether ``model`` is an estimator of scikit-learn or built on it, without importing it."""
    return hasattr(model, "get_params") and hasattr(model, "fit")


def from_sklearn(
    model: Any, X: Any = None, *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> ReluNetwork:
    """Import a fitted scikit-learn model.

    Parameters
    ----------
    model
        ``MLPClassifier`` or ``MLPRegressor`` with activation relu or identity, bare, as the
        last step of a ``Pipeline``, as the best estimator of a fitted search, or inside
        ``TransformedTargetRegressor`` with an affine transformer.
    X : (n_samples, n_columns), optional
        Raw rows. With them the network is checked against the model's own scores, and
        column ranges are recorded.

    Returns
    -------
    ReluNetwork
        Equal to the model in exact arithmetic; the largest float difference on ``X`` is in
        its certificate. Scalers, encoders and selectors are folded into the first layer.

    Raises
    ------
    UnsupportedModelError, NotFittedModelError, ImportCheckError, DataError
        By name of the step, with what to do.
    """
    chain = _take_apart(model, "")
    mlp = _needs_mlp(chain.network)
    folding = Folding.of(_raw_names(chain, X))
    features = folding.raw()
    for name, transformer in chain.transformers:
        features = fold(folding, transformer, features, name)
    first = AffineMap(*folding.matrix(folding.numeric(features, "the network")))
    network = _build(mlp, folding, first, chain, model)
    if X is None:
        return network
    return _check(network, chain, model, X, tolerances)


def _take_apart(model: Any, where: str) -> _Chain:
    name = type(model).__name__
    if not is_sklearn_class(model):
        return _Chain((), model, ())
    if name.endswith("SearchCV"):
        if not hasattr(model, "best_estimator_"):
            raise NotFittedModelError(
                f"{name} must be fitted with refit=True, got one without best_estimator_. Call fit."
            )
        return _take_apart(model.best_estimator_, where)
    if name == "Pipeline":
        *before, (last_name, last) = model.steps
        inner = _take_apart(last, f"{where}{last_name}.")
        named = tuple((f"{where}{step_name}", step) for step_name, step in before)
        return _Chain(named + inner.transformers, inner.network, inner.targets)
    if name == "TransformedTargetRegressor":
        if not hasattr(model, "regressor_"):
            raise NotFittedModelError(f"{name} must be fitted, got one that is not. Call fit.")
        inner = _take_apart(model.regressor_, where)
        return _Chain(inner.transformers, inner.network, (*inner.targets, model.transformer_))
    return _Chain((), model, ())


def _needs_mlp(model: Any) -> Any:
    name = type(model).__name__
    if not is_sklearn_class(model) or name not in ("MLPClassifier", "MLPRegressor"):
        raise UnsupportedModelError(
            "The model must end in MLPClassifier or MLPRegressor (bare, in a Pipeline, a search or "
            f"a TransformedTargetRegressor), got {type(model).__module__}.{name}. Other models are "
            "no ReLU networks and cannot be converted."
        )
    if model.activation not in ("relu", "identity"):
        raise UnsupportedModelError(
            f"{name} must have activation='relu' or 'identity', got {model.activation!r}: such a "
            "network is not piecewise linear. Refit it with activation='relu'."
        )
    if not hasattr(model, "coefs_"):
        raise NotFittedModelError(f"{name} must be fitted, got one that is not. Call fit first.")
    return model


def _raw_names(chain: _Chain, X: Any) -> tuple[str, ...]:
    """Names of the raw columns: the model's own, else those of ``X``, else ``x0``, ``x1``."""
    first = _first_step(chain)
    if hasattr(first, "feature_names_in_"):
        return tuple(str(name) for name in first.feature_names_in_)
    if not hasattr(first, "n_features_in_"):
        raise NotFittedModelError(
            f"{type(first).__name__} must be fitted, got one that is not. Call fit first."
        )
    n_columns = int(first.n_features_in_)
    given = None if X is None else column_names(X)
    if given is not None and len(given) != n_columns:
        raise ColumnsError(f"X must have {n_columns} columns as in fit, got {len(given)}.")
    return given or tuple(f"x{i}" for i in range(n_columns))


def _build(mlp: Any, folding: Folding, first: AffineMap, chain: _Chain, model: Any) -> ReluNetwork:
    maps = [
        AffineMap(np.asarray(w, dtype=np.float64).T, np.asarray(b, dtype=np.float64))
        for w, b in zip(mlp.coefs_, mlp.intercepts_, strict=True)
    ]
    maps[0] = _compose(maps[0], first)
    if mlp.activation == "identity":
        whole = maps[0]
        for following in maps[1:]:
            whole = _compose(following, whole)
        maps = [whole]
    for target in chain.targets:
        maps[-1] = _compose(_target_map(target, maps[-1].bias.size), maps[-1])
    layers = tuple(Layer(m.weight, m.bias, np.ones(m.bias.size, np.bool_)) for m in maps[:-1])
    kind = (
        type(mlp).__name__ if model is mlp else f"{type(model).__name__} with {type(mlp).__name__}"
    )
    origin = Origin(
        kind=f"scikit-learn {kind}",
        folded=(*folding.folded, *(f"target: {type(t).__name__}" for t in chain.targets)),
        assumptions=tuple(folding.assumptions),
        dtype=str(mlp.coefs_[0].dtype),
        versions=(("scikit-learn", version("scikit-learn")),),
    )
    return ReluNetwork(layers, maps[-1], folding.schema(), _outputs(mlp, chain), origin)


def _compose(outer: AffineMap, inner: AffineMap) -> AffineMap:
    """``outer`` after ``inner`` as one map."""
    return AffineMap(outer.weight @ inner.weight, outer.weight @ inner.bias + outer.bias)


def _target_map(transformer: Any, n_outputs: int) -> AffineMap:
    """``inverse_transform`` of a target transformer, which has to be affine."""
    name = type(transformer).__name__ if is_sklearn_class(transformer) else "another class"
    if name == "FunctionTransformer" and transformer.inverse_func is None:
        return AffineMap(np.eye(n_outputs), np.zeros(n_outputs))
    if name == "StandardScaler":
        scale = transformer.scale_ if transformer.scale_ is not None else 1.0
        shift = transformer.mean_ if transformer.with_mean else 0.0
    elif name == "MinMaxScaler" and not transformer.clip:
        scale = 1.0 / transformer.scale_
        shift = -transformer.min_ / transformer.scale_
    elif name == "MaxAbsScaler":
        scale, shift = transformer.scale_, 0.0
    elif name == "RobustScaler":
        scale = transformer.scale_ if transformer.scale_ is not None else 1.0
        shift = transformer.center_ if transformer.center_ is not None else 0.0
    else:
        raise UnsupportedModelError(
            "The target transformer must be affine (StandardScaler, MinMaxScaler, MaxAbsScaler, "
            f"RobustScaler), got {type(transformer).__name__}. Explain the inner regressor "
            "(model.regressor_) instead, whose score is in the transformed units."
        )
    ones = np.ones(n_outputs)
    return AffineMap(np.diag(ones * scale), ones * shift)


def _outputs(mlp: Any, chain: _Chain) -> OutputSchema:
    n_outputs = int(mlp.n_outputs_)
    if type(mlp).__name__ == "MLPRegressor":
        names = (
            ("prediction",) if n_outputs == 1 else tuple(f"output {i}" for i in range(n_outputs))
        )
        if mlp.out_activation_ not in ("identity", "exp"):
            raise UnsupportedModelError(
                f"MLPRegressor must end in identity or exp, got {mlp.out_activation_!r}."
            )
        if mlp.out_activation_ == "exp" and chain.targets:
            raise UnsupportedModelError(
                "MLPRegressor with loss='poisson' must not stand in a TransformedTargetRegressor:"
                " its score is a logarithm, which an affine target map cannot undo. Refit without."
            )
        link = Link.exp if mlp.out_activation_ == "exp" else Link.identity
        return OutputSchema(names, Task.REGRESSION, link)
    classes = tuple(_class_names(mlp.classes_))
    link = _LINKS[mlp.out_activation_]
    if n_outputs == 1:
        return OutputSchema((classes[-1],), Task.BINARY, link, classes)
    task = Task.MULTICLASS if link is Link.softmax else Task.MULTILABEL
    return OutputSchema(classes, task, link, classes)


def _class_names(classes: Sequence[Any]) -> list[str]:
    return [str(c.item() if isinstance(c, np.generic) else c) for c in classes]


def _check(
    network: ReluNetwork, chain: _Chain, model: Any, X: Any, tolerances: Tolerances
) -> ReluNetwork:
    """The network held against the model's own scores and its public predictions on ``X``."""
    points = network.schema.encode(X)
    scores = network.forward(points)
    rows = _as_fitted(chain, network, X, points)
    size = float(network.term_sizes(points).max(initial=0.0))
    own, public, what = _asked(chain, model, rows)
    network = checked(
        network, scores, own, what="raw scores", term_size=size, tolerances=tolerances
    )
    if network.outputs.task is Task.BINARY:
        public = public[:, -1:]
    network = checked(
        network, network.link(scores), public, what=what, term_size=size, tolerances=tolerances
    )
    return replace(network, schema=network.schema.with_ranges(points))


def _asked(chain: _Chain, model: Any, rows: Any) -> tuple[FloatArray, FloatArray, str]:
    """The model's own raw scores, what it reports publicly, and what that is called."""
    what = "probabilities" if hasattr(model, "predict_proba") else "predictions"
    try:
        own = _own_scores(chain, rows)
        public = model.predict_proba(rows) if what == "probabilities" else model.predict(rows)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The model itself must take the rows of X, got its own {type(error).__name__}: "
            f"{error} Hand over rows it can score."
        ) from error
    return own, np.asarray(public, dtype=np.float64).reshape(own.shape[0], -1), what


def _as_fitted(chain: _Chain, network: ReluNetwork, X: Any, points: Any) -> Any:
    """The rows as the model saw them in fit: a table of any library, or an array.

    In double precision, so that the rounding of the rows is not taken for the model's.
    """
    frame = network.schema.frame(X)
    single = frame.columns[[dtype in (np.float32, np.float16) for dtype in frame.dtypes]]
    frame = frame.astype(dict.fromkeys(single, np.float64))
    if not hasattr(_first_step(chain), "feature_names_in_"):
        return frame.to_numpy()
    foreign = column_names(X) is not None and not isinstance(X, pd.DataFrame)
    return X if foreign and not _takes(chain, network, frame, points) else frame


def _takes(chain: _Chain, network: ReluNetwork, frame: Any, points: FloatArray) -> bool:
    """Whether the model scores the rows as a pandas frame as the network does.

    A table of another library may be the kind the model was fitted on, or only the kind at hand:
    the model itself cannot say, and its encoders read a missing value differently in each.
    """
    try:
        own = _own_scores(chain, frame)
    except (TypeError, ValueError):
        return False
    return bool(np.allclose(own, network.forward(points), rtol=1e-4, atol=1e-4))


def _first_step(chain: _Chain) -> Any:
    """The first step that saw the raw columns: a transformer, or the network itself."""
    return next(_real_steps(step for _, step in chain.transformers), chain.network)


def _real_steps(steps: Iterable[Any]) -> Iterator[Any]:
    """The steps that do something, those of inner pipelines among them."""
    for step in steps:
        if step is None or isinstance(step, str):
            continue
        if is_sklearn_class(step) and type(step).__name__ == "Pipeline":
            yield from _real_steps(inner for _, inner in step.steps)
        else:
            yield step


def _own_scores(chain: _Chain, rows: Any) -> FloatArray:
    """The model's raw scores by its own transformers and weights, in its own number format."""
    mlp = chain.network
    hidden = rows
    for _, transformer in chain.transformers:
        if transformer is not None and not isinstance(transformer, str):
            hidden = transformer.transform(hidden)
    hidden = hidden.toarray() if hasattr(hidden, "toarray") else np.asarray(hidden)
    hidden = hidden.astype(mlp.coefs_[0].dtype)
    last = len(mlp.coefs_) - 1
    for i, (weight, bias) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True)):
        hidden = hidden @ weight + bias
        if i < last and mlp.activation == "relu":
            hidden = np.maximum(hidden, 0)
    scores = hidden.astype(np.float64)
    for target in chain.targets:
        if type(target).__name__ != "FunctionTransformer":
            scores = target.inverse_transform(scores)
    return np.asarray(scores, dtype=np.float64)
