"""The steps of a scikit-learn model, and which of them cannot be read."""

from collections.abc import Iterator
from typing import Any

from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.features import Folding
from explainrelu.importers.inspection.steps import Step
from explainrelu.importers.preprocessing import fold, is_sklearn_class, supported_transformers

__all__ = ["steps_of_estimator"]

_CONTAINERS = {
    "Pipeline": ("steps",),
    "ColumnTransformer": ("transformers_", "transformers"),
    "FeatureUnion": ("transformer_list",),
}
_WRAPPERS = ("best_estimator_", "regressor_")
_NO_NETWORK = (
    "is no ReLU network. The model must end in MLPClassifier or MLPRegressor with "
    "activation='relu' or 'identity'."
)


def steps_of_estimator(model: Any) -> tuple[Step, ...]:
    """The transformers of a model and the network behind them, as far as it is fitted."""
    return tuple(_steps(model, ""))


def _steps(model: Any, where: str) -> Iterator[Step]:
    if isinstance(model, str) or model is None:
        return  # "drop", "passthrough"
    name = type(model).__name__
    if is_sklearn_class(model) and name in _CONTAINERS:
        parts = next(getattr(model, key) for key in _CONTAINERS[name] if hasattr(model, key))
        for part in parts:
            yield from _steps(part[1], f"{where}{part[0]}.")
        return
    for wrapped in _WRAPPERS:
        if is_sklearn_class(model) and hasattr(model, wrapped):
            yield from _steps(getattr(model, wrapped), where)
            return
    yield _step(model, name, where.rstrip(".") or "the model")


def _step(model: Any, name: str, where: str) -> Step:
    if hasattr(model, "transform"):
        read_as, reason = "folded into the first layer", _refusal(model, name, where)
    elif name in ("MLPClassifier", "MLPRegressor") and is_sklearn_class(model):
        read_as = f"the layers, activation {model.activation}"
        reason = "" if model.activation in ("relu", "identity") else _NO_NETWORK
    else:
        read_as, reason = "", _NO_NETWORK
    return Step(name, where, (), (), "" if reason else read_as, reason)


def _refusal(model: Any, name: str, where: str) -> str:
    """What the import says of a transformer that is none of those it folds."""
    known = is_sklearn_class(model) and name in supported_transformers()
    if known or hasattr(model, "get_support"):
        return ""
    try:
        fold(Folding.of(()), model, [], where)
    except UnsupportedModelError as error:
        return str(error).partition("; got ")[2]
    return ""
