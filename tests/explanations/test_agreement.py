"""Agreement with SHAP: the measures, and the reasons."""

import numpy as np
import pytest

from explainrelu.errors import ArgumentError
from explainrelu.explanations.agreement import _top_agreements, compare_with_shap
from explainrelu.network.network import ReluNetwork
from tests import models

LINEAR = ReluNetwork.from_weights([[[3.0, -1.0, 0.5]]], [[1.0]])


def literal_agreement(a, b, k):
    """The four measures for one row, as Krishna et al. define them."""
    top_a, top_b = (sorted(range(len(v)), key=lambda j: -abs(v[j]))[:k] for v in (a, b))
    shared = set(top_a) & set(top_b)
    same_sign = {j for j in shared if np.sign(a[j]) == np.sign(b[j])}
    placed = {j for i, j in enumerate(top_a) if top_b[i] == j}
    return [len(group) / k for group in (shared, placed, same_sign, placed & same_sign)]


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_measures_are_those_of_the_definition(k):
    rng = np.random.default_rng(k)
    mine, theirs = rng.normal(size=(50, 6)), rng.normal(size=(50, 6))
    found = _top_agreements(mine, theirs, k)
    expected = [literal_agreement(a, b, k) for a, b in zip(mine, theirs, strict=True)]
    np.testing.assert_allclose(np.column_stack(list(found.values())), expected)


def test_on_a_linear_model_both_agree_fully():
    X = np.random.default_rng(0).normal(size=(50, 3))
    comparison = compare_with_shap(LINEAR, X, background=X)
    summary = comparison.summary
    for measure in ("feature_agreement", "rank_agreement", "sign_agreement", "spearman", "kendall"):
        np.testing.assert_allclose(summary[measure], 1.0)
    np.testing.assert_allclose(comparison.shap_values, comparison.ours.values, atol=1e-9)
    assert comparison.per_row["same_region_share"].eq(1.0).all()


def test_shap_values_add_up_from_their_own_base():
    model, X, _ = models.iris()
    comparison = compare_with_shap(model, X, max_rows=10)
    added = comparison.shap_base_values + comparison.shap_values.sum(axis=1)
    np.testing.assert_allclose(added, comparison.ours.scores, atol=1e-8)
    assert (comparison.per_row["exactness"] == "exact").all()


def test_string_columns_are_compared_too():
    model, X, _ = models.loans()
    comparison = compare_with_shap(model, X, max_rows=5)
    added = comparison.shap_base_values + comparison.shap_values.sum(axis=1)
    np.testing.assert_allclose(added, comparison.ours.scores, atol=1e-6)
    assert comparison.ours.data["job"].iloc[0] in set(X["job"])
    assert (comparison.per_row["exactness"] == "estimated").all()  # twelve columns: it samples


def test_rows_are_those_of_the_table_handed_over():
    model, X, _ = models.iris()
    comparison = compare_with_shap(model, X, max_rows=10, random_state=3)
    assert comparison.rows.size == 10
    np.testing.assert_array_equal(comparison.ours.data, X.iloc[comparison.rows])
    assert set(comparison.per_row["row"]) == set(comparison.rows)


def test_every_reason_has_a_figure():
    model, X, _ = models.breast_cancer()
    reasons = compare_with_shap(model, X, max_rows=5).reasons
    figures = reasons.set_index("reason")["value"]
    assert 0 < figures["background rows in another linear region than the row"] <= 1
    assert figures["difference of base values"] > 0
    assert figures["sampling error of a SHAP value"] > 0
    assert "two runs" in reasons["detail"].iloc[-1]


def test_the_base_difference_is_ours_less_theirs():
    model, X, _ = models.diabetes()
    comparison = compare_with_shap(model, X, max_rows=8)
    first = comparison.per_row[comparison.per_row["k"] == 1]
    gap = comparison.ours.base_values - comparison.shap_base_values
    np.testing.assert_allclose(first["base_difference"], gap)


def test_lists_longer_than_the_columns_are_left_out():
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert set(compare_with_shap(LINEAR, X, max_rows=3).per_row["k"]) == {1, 3}
    assert set(compare_with_shap(LINEAR, X, max_rows=3, k=(9,)).per_row["k"]) == {3}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "kernel"}, "one of auto, exact, permutation, got 'kernel'"),
        ({"ours": "lime"}, "ours must be one of local_linear, got 'lime'"),
        ({"max_rows": 0}, "max_rows must be at least 1 or None, got 0"),
    ],
)
def test_options_that_are_none_are_refused(options, words):
    with pytest.raises(ArgumentError, match=words):
        compare_with_shap(LINEAR, np.ones((2, 3)), **options)
