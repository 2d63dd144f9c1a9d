from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics
from sklearn.neural_network import MLPClassifier

from explainrelu.errors import DataError
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.reports.performance import performance
from tests import models


def figures(model, X, y):
    """Metric -> value for each output."""
    table = performance(import_model(model), X, y)
    return {key: rows.set_index("metric")["value"] for key, rows in table.groupby("output")}


def test_binary_figures_are_scikit_learns():
    model, X, y = models.breast_cancer()
    found, p = figures(model, X, y)["malignant"], model.predict_proba(X)
    assert found["accuracy"] == model.score(X, y)
    area = metrics.roc_auc_score(y, p[:, 1])
    assert found["area under the ROC curve"] == pytest.approx(area)
    assert found["log loss"] == pytest.approx(metrics.log_loss(y, p))


def test_multiclass_figures_are_scikit_learns():
    model, X, y = models.iris()
    found, p = figures(model, X, y)["overall"], model.predict_proba(X)
    assert found["accuracy"] == model.score(X, y)
    assert found["log loss"] == pytest.approx(metrics.log_loss(y, p))


def test_a_class_called_overall_is_told_from_the_figures_of_all():
    model, X, y = models.iris()
    renamed = y.replace({"setosa": "overall"})
    network = import_model(model)
    schema = OutputSchema(
        ("overall", "versicolor", "virginica"),
        network.outputs.task,
        network.outputs.link,
        ("overall", "versicolor", "virginica"),
    )
    table = performance(replace(network, outputs=schema), X, renamed)
    outputs = table.groupby("metric")["output"].apply(list)
    assert outputs["accuracy"] == ["overall (mean)"]
    assert len(set(outputs["area under the ROC curve"])) == 4


def test_a_target_that_requires_a_gradient_is_read():
    torch = pytest.importorskip("torch")
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    y = torch.tensor([1.0, 3.0, 5.0], requires_grad=True)
    assert performance(network, [[0.0], [1.0], [2.0]], y).value.tolist() == [1.0, 0.0, 0.0]


def test_regression_figures_are_scikit_learns():
    model, X, y = models.diabetes()
    found, given = figures(model, X, y)["prediction"], model.predict(X)
    assert found["R2"] == pytest.approx(metrics.r2_score(y, given))
    square = metrics.root_mean_squared_error(y, given)
    assert found["root mean squared error"] == pytest.approx(square)
    assert found["mean absolute error"] == pytest.approx(metrics.mean_absolute_error(y, given))


def test_multilabel_has_figures_of_each_label():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, :2] > 0).astype(int)
    model = MLPClassifier((4,), solver="lbfgs", max_iter=500, random_state=0).fit(X, y)
    found = figures(model, X, y)
    assert found["overall"]["accuracy"] == model.score(X, y)
    assert set(found["0"].index) == {"accuracy", "area under the ROC curve", "log loss"}


def test_classes_that_are_numbers_are_known_by_their_text():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    model = MLPClassifier((3,), solver="lbfgs", max_iter=500, random_state=0).fit(X, y)
    assert figures(model, X, y)["1"]["accuracy"] == model.score(X, y)


def test_area_is_missing_where_all_rows_are_of_one_class():
    model, X, y = models.breast_cancer()
    found = figures(model, X[y == "benign"], y[y == "benign"])["malignant"]
    assert np.isnan(found["area under the ROC curve"])


def network():
    return ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])


def test_network_without_a_task_ranks_two_values():
    table = performance(network(), [[0.0], [1.0], [2.0]], ["no", "yes", "yes"])
    assert table["metric"].tolist() == ["area under the ROC curve"]
    assert table["value"].tolist() == [1.0]


def test_network_without_a_task_predicts_numbers():
    table = performance(network(), [[0.0], [1.0], [2.0]], [1.0, 3.0, 6.0]).set_index("metric")
    assert table["value"]["mean absolute error"] == pytest.approx(1 / 3)


def test_every_figure_is_an_estimate_with_its_rows():
    table = performance(network(), [[0.0], [1.0], [2.0]], [1.0, 3.0, 6.0])
    assert set(table["exactness"]) == {"estimated"}
    assert set(table["n_rows"]) == {3}


def test_unknown_class_is_refused_by_name():
    model, X, _ = models.iris()
    with pytest.raises(DataError, match="'setosa', 'versicolor', 'virginica', got 'rose'"):
        performance(import_model(model), X, ["rose"] * len(X))


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([1.0, 2.0], "one value a row of X, 3, got 2"),
        ([[1.0], [2.0, 3.0], [1.0]], "column or a table, got a list"),
        (3.0, "column or a table, got shape"),
        ([1.0, 2.0, "x"], "must hold numbers|one column an output"),
        ([[1.0, 2.0]] * 3, "one column an output, 1, got 2"),
    ],
)
def test_target_that_does_not_fit_is_refused(y, match):
    with pytest.raises(DataError, match=match):
        performance(network(), [[0.0], [1.0], [2.0]], y)
