"""Agreement with SHAP: the measures, and the reasons."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.agreement.measures import top_agreements
from explainrelu.explanations.agreement.with_shap import compare_with_shap
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
    found = top_agreements(mine, theirs, k)
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
        (
            {"ours": "lime"},
            "ours must be one of .*shapley, got 'lime'",
        ),
        (
            {"ours": ["lime"]},
            r"ours must be one of .*shapley, got \['lime'\]",
        ),
        ({"max_rows": 0}, "max_rows must be a whole number of at least 1 or None, got 0"),
        ({"random_state": -1}, "random_state must be from 0 to 4294967294, got -1"),
        ({"k": ()}, r"k must be whole numbers of at least 1, got \(\)"),
    ],
)
def test_options_that_are_none_are_refused(options, words):
    with pytest.raises(ArgumentError, match=words):
        compare_with_shap(LINEAR, np.ones((2, 3)), **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_rows": 2.5}, "max_rows must be a whole number of at least 1 or None, got 2.5"),
        ({"random_state": "x"}, "random_state must be a whole number, got 'x'"),
        ({"random_state": np.random.default_rng(0)}, "It is a seed"),
        ({"k": "all"}, "k must be a whole number of at least 1 or None, got 'all'"),
    ],
)
def test_options_of_another_type_are_refused(options, words):
    with pytest.raises(InputTypeError, match=words):
        compare_with_shap(LINEAR, np.ones((2, 3)), **options)


@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_numpys_global_generator_is_left_as_it_was(method):
    X = np.random.default_rng(0).normal(size=(6, 3))
    before = np.random.get_state()[1]  # noqa: NPY002  # the generator that shap reseeds
    compare_with_shap(LINEAR, X, method=method)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_calls_from_several_threads_give_what_they_give_alone():
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(6, 12)), rng.normal(size=(1, 6))], [rng.normal(size=6), [0.0]]
    )
    X = rng.normal(size=(8, 12))

    def values(seed):
        return compare_with_shap(network, X, random_state=seed).shap_values

    alone = [values(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(values, range(3)))
    np.testing.assert_array_equal(together, alone)


def test_arrays_of_a_comparison_cannot_be_changed():
    found = compare_with_shap(LINEAR, np.random.default_rng(0).normal(size=(4, 3)))
    for array in (found.shap_values, found.shap_base_values, found.rows):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_rows_that_are_their_whole_background_have_shap_values_of_zero(method):
    network = ReluNetwork.from_weights([[[1.0, 2.0], [1.0, -1.0]], [[1.0, 1.0], [0.0, 3.0]]],
                                       [[0.0, 0.0], [1.0, 2.0]])  # fmt: skip
    X = np.array([[1.0, 5.0], [2.0, 5.0], [1.0, 5.0]])
    found = compare_with_shap(network, X, background=X[:1], method=method, k=1)
    assert found.shap_values[[0, 2]].tolist() == np.zeros((2, 2, 2)).tolist()
    added = found.shap_base_values + found.shap_values.sum(axis=1)
    np.testing.assert_allclose(added, found.ours.scores, atol=1e-12)
    alone = compare_with_shap(network, X[[0, 2]], background=X[:1], method=method, k=1)
    assert alone.shap_values.tolist() == np.zeros((2, 2, 2)).tolist()


def test_too_many_columns_for_all_subsets_are_refused():
    X = np.random.default_rng(0).normal(size=(4, 17))
    network = ReluNetwork.from_weights([np.ones((1, 17))], [[0.0]])
    with pytest.raises(ArgumentError, match=r"at most 16, got 17\. Use method='permutation'"):
        compare_with_shap(network, X, method="exact")


def test_background_rows_of_another_region_are_counted():
    kink = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    background = [[-1.0], [1.0], [2.0], [3.0]]
    found = compare_with_shap(kink, [[-1.0], [1.0], [2.0]], background=background)
    assert found.per_row["same_region_share"].tolist() == [0.25, 0.75, 0.75]
    other = found.reasons.set_index("reason")["value"].filter(like="another linear region")
    assert other.tolist() == [pytest.approx((0.75 + 0.25 + 0.25) / 3)]


def test_the_sampling_error_is_the_standard_deviation_of_a_value(monkeypatch):
    class Noisy:
        """An explainer whose values are off by 0.3 in the root mean square."""

        def __init__(self, score, masker, seed):
            self.noise = np.random.default_rng(seed)

        def __call__(self, rows, **_):
            return SimpleNamespace(values=self.noise.normal(scale=0.3, size=rows.shape))

    monkeypatch.setattr("shap.explainers.Permutation", Noisy)
    network = ReluNetwork.from_weights([np.ones((1, 50))], [[0.0]])
    X = np.random.default_rng(1).normal(size=(20, 50))
    reasons = compare_with_shap(network, X, method="permutation").reasons
    error = reasons.set_index("reason")["value"]["sampling error of a SHAP value"]
    assert error == pytest.approx(0.3, rel=0.1)
