"""One call for every attribution."""

import numpy as np
import pytest

from explainrelu.errors import ArgumentError
from explainrelu.explanations.agreement.with_shap import compare_with_shap
from explainrelu.explanations.explain import METHODS, explain
from explainrelu.explanations.integrated_gradients import integrated_gradients
from explainrelu.explanations.shapley import shapley_values
from explainrelu.network.network import ReluNetwork
from tests import models

LINEAR = ReluNetwork.from_weights([[[3.0, -1.0, 0.5]]], [[1.0]])
X = np.random.default_rng(0).normal(size=(30, 3))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["breast_cancer", "iris", "loan_decisions"])
def test_every_method_adds_up(method, name):
    model, rows, _ = getattr(models, name)()
    if method == "shapley" and rows.shape[1] > 20:
        rest = {"groups": [list(rows.columns[i::10]) for i in range(10)]}
    else:
        rest = {}
    found = explain(model, rows[:4], method=method, background=rows[:20], **rest)
    np.testing.assert_allclose(found.base_values + found.values.sum(axis=1), found.scores)
    assert found.certificate.holds
    assert str(found.exactness) == "exact"


def test_they_are_one_on_a_linear_model():
    found = [explain(LINEAR, X, method=m, background=X).values for m in METHODS]
    np.testing.assert_allclose(found[1], found[0], atol=1e-12)
    np.testing.assert_allclose(found[2], found[0], atol=1e-12)


def test_a_baseline_means_the_same_to_each():
    start = {"x2": 0.5, "x0": 1.0, "x1": -1.0}
    found = [explain(LINEAR, X, method=m, baseline=start) for m in METHODS]
    for each in found:
        np.testing.assert_allclose(each.base_values, 3.0 + 1.0 + 0.25 + 1.0)
        np.testing.assert_allclose(each.values, found[0].values, atol=1e-12)


def test_explain_is_the_call_behind_it():
    model, rows, _ = models.loan_decisions()
    few, rest = rows[:5], rows[:30]
    np.testing.assert_array_equal(
        explain(model, few, method="shapley", background=rest).values,
        shapley_values(model, few, background=rest).values,
    )
    np.testing.assert_array_equal(
        explain(model, few, method="integrated_gradients", background=rest).values,
        integrated_gradients(model, few, background=rest).values,
    )


def test_exact_shapley_values_agree_with_shaps_exact_ones():
    model, rows, _ = models.iris()
    found = compare_with_shap(model, rows, max_rows=20, ours="shapley", method="exact")
    np.testing.assert_allclose(found.ours.values, found.shap_values, atol=1e-9)
    assert (found.summary["spearman"] == 1.0).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "gradient"}, "method must be one of"),
        ({"groups": [["x0"], ["x1", "x2"]]}, "players of method='shapley'"),
        ({"method": "shapley", "baseline": X[0], "background": X}, "got both"),
        ({"method": "integrated_gradients", "baseline": X[:1], "background": X}, "both"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, text):
    with pytest.raises(ArgumentError, match=text):
        explain(LINEAR, X, **options)
