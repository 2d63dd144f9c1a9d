"""How well the model predicts the target of the rows at hand."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.explanations.ranking import overall_name
from explainrelu.explanations.roc_area import roc_area
from explainrelu.explanations.targets import (
    class_codes,
    target_flags,
    target_frame,
    target_numbers,
)
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, Task

__all__ = ["performance"]

Metric = tuple[str, str, float, str, str]  # output, metric, value, unit, detail


def performance(network: ReluNetwork, X: Any, y: Any) -> pd.DataFrame:
    """The usual figures of merit on some rows, by scikit-learn's definitions.

    Classifiers: accuracy, area under the ROC curve and log loss (several classes: the area is
    the mean of each class against the rest; several labels: each label by itself). Regressions:
    R2, root mean squared and mean absolute error of what the model itself predicts. A network
    without a stated task: the area under the ROC curve of its score where the target has two
    values, else the figures of a regression.

    Parameters
    ----------
    X : (n_samples, n_columns)
        Raw rows.
    y : (n_samples,) or (n_samples, n_outputs)
        The target: class names, 0/1 flags a label, or numbers.

    Returns
    -------
    DataFrame
        One row an output and metric: ``output metric value unit n_rows exactness detail``. NaN
        where the rows do not define a metric. They are estimates: other rows, other figures.

    Raises
    ------
    DataError
        Where ``y`` has another length, an unknown class, or does not fit the outputs.
    MissingValuesError
        Where a target is missing.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> performance(network, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).value.tolist()
    [1.0, 0.0, 0.0]
    """
    scores = network.forward(network.schema.encode(X))
    target = target_frame(y, scores.shape[0])
    rows = list(_METRICS[network.outputs.task](network, scores, target))
    table = pd.DataFrame(rows, columns=["output", "metric", "value", "unit", "detail"])
    table = table.astype(dict.fromkeys(["output", "metric", "unit", "detail"], "str"))
    table["value"] = table["value"].astype("float64")
    table["n_rows"] = np.full(len(table), scores.shape[0], dtype=np.int64)
    table["exactness"] = pd.Series(["estimated"] * len(table), dtype="str")
    return table[["output", "metric", "value", "unit", "n_rows", "exactness", "detail"]]


def _binary(network: ReluNetwork, scores: FloatArray, target: pd.DataFrame) -> Iterator[Metric]:
    codes = class_codes(network, target)
    name = network.outputs.names[0]
    yield _accuracy(name, codes, (scores[:, 0] > 0).astype(np.int64))
    yield from _ranking_and_loss(name, codes == 1, scores[:, 0])


def _multiclass(network: ReluNetwork, scores: FloatArray, target: pd.DataFrame) -> Iterator[Metric]:
    codes, names = class_codes(network, target), network.outputs.names
    overall = overall_name(names)
    areas = [roc_area(codes == k, scores[:, k]) for k in range(len(names))]
    loss = -Link.log_softmax(scores)[np.arange(codes.size), codes].mean()
    yield _accuracy(overall, codes, scores.argmax(axis=1))
    yield (overall, "area under the ROC curve", float(np.mean(areas)), "",
           "mean over the classes, each against the rest, ranked by its logit")  # fmt: skip
    yield overall, "log loss", float(loss), "nats", "of the predicted probabilities"
    for name, area in zip(names, areas, strict=True):
        yield name, "area under the ROC curve", area, "", "this class against the rest"


def _multilabel(network: ReluNetwork, scores: FloatArray, target: pd.DataFrame) -> Iterator[Metric]:
    flags = target_flags(network, target)
    exact = float(((scores > 0) == flags).all(axis=1).mean())
    overall = overall_name(network.outputs.names)
    yield overall, "accuracy", exact, "share", "every label right at once"
    for k, name in enumerate(network.outputs.names):
        yield _accuracy(name, flags[:, k].astype(np.int64), (scores[:, k] > 0).astype(np.int64))
        yield from _ranking_and_loss(name, flags[:, k], scores[:, k])


def _regression(network: ReluNetwork, scores: FloatArray, target: pd.DataFrame) -> Iterator[Metric]:
    from sklearn import metrics

    numbers, predicted, unit = (
        target_numbers(network, target),
        network.link(scores),
        network.outputs.unit,
    )
    for k, name in enumerate(network.outputs.names):
        own, given = numbers[:, k], predicted[:, k]
        fit = float(metrics.r2_score(own, given)) if len(own) > 1 else np.nan
        square = float(np.sqrt(metrics.mean_squared_error(own, given)))
        absolute = float(metrics.mean_absolute_error(own, given))
        yield name, "R2", fit, "", "share of the target's variance that is explained"
        yield name, "root mean squared error", square, unit, "of the prediction"
        yield name, "mean absolute error", absolute, unit, "of the prediction"


def _score(network: ReluNetwork, scores: FloatArray, target: pd.DataFrame) -> Iterator[Metric]:
    """A network whose task is not known: two target values are told apart, others predicted."""
    column = target.iloc[:, 0]
    if scores.shape[1] == 1 and target.shape[1] == 1 and column.nunique() == 2:
        positive = sorted(column.unique())[1]
        area = roc_area((column == positive).to_numpy(dtype=np.bool_), scores[:, 0])
        detail = f"{positive} against the other value, ranked by the raw score"
        yield network.outputs.names[0], "area under the ROC curve", area, "", detail
        return
    yield from _regression(network, scores, target)


_METRICS: dict[Task, Callable[[ReluNetwork, FloatArray, pd.DataFrame], Iterator[Metric]]] = {
    Task.BINARY: _binary,
    Task.MULTICLASS: _multiclass,
    Task.MULTILABEL: _multilabel,
    Task.REGRESSION: _regression,
    Task.SCORE: _score,
}


def _accuracy(name: str, own: IntArray, given: IntArray) -> Metric:
    return name, "accuracy", float((own == given).mean()), "share", "rows whose class is right"


def _ranking_and_loss(name: str, positive: BoolArray, scores: FloatArray) -> Iterator[Metric]:
    yield name, "area under the ROC curve", roc_area(positive, scores), "", "ranked by the logit"
    # log(1 + exp(-z)) for the true class: no overflow and no clipping of probabilities
    loss = float(np.logaddexp(0.0, np.where(positive, -scores, scores)).mean())
    yield name, "log loss", loss, "nats", "of the predicted probabilities"
