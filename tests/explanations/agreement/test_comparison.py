"""Any attributions beside each other, in whatever form they come."""

import numpy as np
import pandas as pd
import pytest
import shap

from explainrelu.errors import ArgumentError, DataError, InputTypeError
from explainrelu.explanations.agreement.comparison import compare_attributions
from explainrelu.explanations.agreement.measures import pairwise_rank_agreement
from explainrelu.explanations.explain import explain
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from tests import models

LINEAR = ReluNetwork.from_weights([[[3.0, -1.0, 0.5]]], [[1.0]])
X = np.random.default_rng(0).normal(size=(20, 3))


def test_pairs_of_columns_in_the_same_order_are_counted():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 8, 5))
    a[0, 1] = a[0, 2]
    for i, share in enumerate(pairwise_rank_agreement(a, b)):
        pairs = [(p, q) for p in range(5) for q in range(p)]
        same = [
            np.sign(abs(a[i, p]) - abs(a[i, q])) == np.sign(abs(b[i, p]) - abs(b[i, q]))
            for p, q in pairs
        ]
        assert share == pytest.approx(np.mean(same))


def test_an_attribution_agrees_with_itself_in_every_form():
    torch = pytest.importorskip("torch")
    ours = explain(LINEAR, X)
    forms = {
        "record": ours,
        "array": ours.values,
        "tensor": torch.tensor(ours.values),
        "shap": ours.to_shap(),
        "call": lambda rows: explain(LINEAR, rows).values,
        "local_linear": "local_linear",
    }
    comparison = compare_attributions(LINEAR, X, forms, reference="record")
    for measure in ("feature_agreement", "signed_rank_agreement", "kendall"):
        assert comparison.matrix(measure).eq(1.0).all(axis=None)
    assert comparison.errors["largest_error"].max() <= 1e-12
    assert set(comparison.errors["attribution"]) == set(forms) - {"record"}


def test_inputs_of_a_categorical_column_are_added_up():
    model, rows, _ = models.loans()
    ours = explain(model, rows[:5])
    network = compare_attributions(model, rows[:5], {"a": ours, "b": ours.values})
    assert network.matrix("feature_agreement").eq(1.0).all(axis=None)
    schema = import_model(model, rows).schema
    spread = np.zeros((5, schema.n_inputs))
    spread[:, schema.starts[:-1]] = ours.values  # all of a column's value on its first input
    comparison = compare_attributions(model, rows[:5], {"a": ours, "b": spread}, reference="a")
    assert comparison.errors["largest_error"].max() <= 1e-12


def test_errors_are_distances_from_the_reference():
    comparison = compare_attributions(
        LINEAR, X, {"a": np.zeros((20, 3)), "b": np.ones((20, 3))}, reference="b"
    )
    [row] = comparison.errors.itertuples()
    assert (row.mean_absolute_error, row.largest_error, row.relative_error) == (1.0, 1.0, 1.0)
    assert row.attribution == "a"


def test_the_output_scale_of_shap_values_is_found_out():
    model, rows, _ = models.breast_cancer()
    few = rows[:30]

    def probability(numbers):
        return model.predict_proba(pd.DataFrame(numbers, columns=rows.columns))[:, 1]

    explainer = shap.explainers.Permutation(
        probability, shap.maskers.Independent(few.to_numpy()), seed=0
    )
    theirs = explainer(few[:4].to_numpy(), max_evals=2 * 30 + 1, silent=True)
    comparison = compare_attributions(model, few[:4], {"shap": theirs, "ours": "local_linear"})
    assert "probability" in comparison.attributions[0].scale
    details = comparison.reasons.query("attribution == 'shap'")["detail"]
    assert details.str.contains("probability").any()


def test_raw_logits_of_every_class_are_centred():
    model, rows, _ = models.iris()
    network = import_model(model, rows)
    parts = [explain(network, rows[:6], output=name) for name in network.outputs.names]
    theirs = shap.Explanation(
        values=np.stack([part.values for part in parts], axis=-1),
        base_values=np.stack([part.base_values for part in parts], axis=-1),
    )
    ours = explain(network, rows[:6])
    comparison = compare_attributions(network, rows[:6], {"a": theirs, "b": ours}, reference="b")
    assert comparison.errors["largest_error"].max() <= 1e-9
    assert "raw outputs" in comparison.attributions[0].scale


def test_reasons_say_how_bent_the_way_is_and_what_the_base_is():
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    given = {"a": "local_linear", "b": np.zeros((2, 1))}
    rest = [[2.0], [-1.0]]
    comparison = compare_attributions(network, [[1.0], [-1.0]], given, background=rest)
    reasons = comparison.reasons.set_index(["row", "reason"])["value"]
    way = "linear regions on the way to the background"
    assert reasons.loc[0, way] == 1.5
    assert reasons.loc[1, "background rows in another linear region"] == 0.5


def test_the_table_holds_every_pair_once():
    parts = {name: X * i for i, name in enumerate("abcd", start=1)}
    comparison = compare_attributions(LINEAR, X, parts, k=2)
    assert len(comparison.summary) == 6
    assert len(comparison.per_row) == 6 * len(X)
    assert comparison.per_row["rank_agreement"].eq(1.0).all()


@pytest.mark.parametrize(
    ("attributions", "options", "error", "text"),
    [
        ({"a": "local_linear"}, {}, ArgumentError, "At least two attributions"),
        ({"a": "gradient", "b": X}, {}, ArgumentError, "must be one of local_linear"),
        ({"a": X[:3], "b": X}, {}, DataError, r"must have shape \(20, 3\)"),
        ({"a": X * np.nan, "b": X}, {}, DataError, "finite values"),
        ({"a": object(), "b": X}, {}, InputTypeError, "an array of numbers"),
        ({"a": X, "b": X}, {"reference": "c"}, ArgumentError, "reference must be one of a, b"),
        ({"a": X, "b": X}, {"k": 0}, ArgumentError, "k must be"),
        ({"a": np.zeros((20, 3, 4)), "b": X}, {}, DataError, "one value a score"),
        ({"a": X, "b": X}, {"background": X[:0]}, DataError, "row"),
        ({"a": None, "b": X}, {}, InputTypeError, "got None"),
        (None, {}, InputTypeError, "attributions must be a mapping"),
        ({"a": explain(LINEAR, X[::-1]), "b": X}, {}, DataError, "the rows of X, got other values"),
    ],
)
def test_what_cannot_be_compared_is_said(attributions, options, error, text):
    with pytest.raises(error, match=text):
        compare_attributions(LINEAR, X, attributions, **options)


def test_a_matrix_of_what_was_not_compared_is_refused():
    comparison = compare_attributions(LINEAR, X, {"a": X, "b": X}, k=2)
    with pytest.raises(ArgumentError, match="measure must be one of"):
        comparison.matrix("beauty")
    with pytest.raises(ArgumentError, match="k and output must be of those compared"):
        comparison.matrix(k=7)


def test_explanations_of_another_output_are_refused():
    model, rows, _ = models.iris()
    first, second, _ = model.classes_
    theirs = explain(model, rows, output=str(first))
    with pytest.raises(ArgumentError, match="of the scores compared, versicolor, got setosa"):
        compare_attributions(model, rows, {"a": theirs, "b": "shapley"}, output=str(second))
