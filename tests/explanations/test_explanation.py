"""The record of an attribution: its table and shap's."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import shap

from explainrelu.certificate import Status
from explainrelu.explanations.explain import explain
from explainrelu.explanations.explanation import additivity
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests import models


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "loans"])
def test_the_frame_holds_every_value_once(name):
    model, X, _ = getattr(models, name)()
    explanation = explain(model, X[:7])
    frame = explanation.to_frame()
    assert len(frame) == explanation.values.size
    added = frame.groupby(["row", "output"], sort=False)["attribution"].sum()
    first = frame.groupby(["row", "output"], sort=False).first()
    np.testing.assert_allclose(first["base_value"] + added, first["score"], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(first["score"], explanation.scores.ravel())


def test_shap_gets_raw_values_and_the_same_numbers():
    model, X, _ = models.breast_cancer()
    explanation = explain(model, X[:5])
    theirs = explanation.to_shap()
    assert isinstance(theirs, shap.Explanation)
    np.testing.assert_array_equal(theirs.data, X[:5].to_numpy())
    np.testing.assert_array_equal(
        theirs.values.sum(axis=1) + theirs.base_values,
        explanation.values.sum(axis=1) + explanation.base_values,
    )
    assert theirs.feature_names == list(X.columns)


def test_shap_gets_string_columns_as_they_are():
    model, X, _ = models.loans()
    assert explain(model, X[:5]).to_shap().data[0, -1] == X.iat[0, -1]


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "loans"])
def test_shaps_waterfall_draws_it(name):
    model, X, _ = getattr(models, name)()
    row = explain(model, X[:5]).to_shap()[0]
    shap.plots.waterfall(row if row.values.ndim == 1 else row[:, 0], show=False)
    assert any(axes.patches or axes.texts for axes in plt.gcf().axes)
    plt.close("all")


@pytest.mark.parametrize("name", ["values", "base_values", "scores", "imputed", "regions"])
def test_arrays_of_an_explanation_cannot_be_changed(name):
    model, X, _ = models.iris()
    array = getattr(explain(model, X[:3]), name)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = array[1]


def test_a_change_of_the_callers_table_does_not_reach_an_explanation():
    model, X, _ = models.iris()
    mine = X[:3].copy()
    explanation = explain(model, mine)
    mine.iloc[0, 0] = -1.0
    assert explanation.data.iloc[0, 0] == X.iloc[0, 0]


def test_values_that_do_not_add_up_fail_the_check():
    check = additivity(np.ones((1, 2)), np.ones(1), np.array([3.1]), DEFAULT_TOLERANCES)
    assert check.status is Status.FAILS
    assert check.value == pytest.approx(0.1 / 3.1)
