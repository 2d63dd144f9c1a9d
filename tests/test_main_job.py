"""The main job end to end: what a person is promised, held against independent figures."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import r2_score

import explainrelu as xr
from explainrelu.datasets import loans_rule
from explainrelu.network.column import Column, ColumnKind
from tests import models

EVERY_MODEL = ["breast_cancer", "iris", "wine", "diabetes", "loans", "loan_decisions"]


def own_scores(model, X):
    """Raw scores from the pipeline's own steps and weight matrices."""
    hidden = np.asarray(model[:-1].transform(X))
    mlp = model[-1]
    for i, (weight, bias) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True)):
        hidden = hidden @ weight + bias
        if i + 1 < len(mlp.coefs_):
            hidden = np.maximum(hidden, 0)
    if hidden.shape[1] == 1:
        return hidden[:, 0]
    return hidden - hidden.mean(axis=1, keepdims=True)  # centred logits


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_values_add_up_to_the_models_own_raw_score(name):
    model, X, _ = getattr(models, name)()
    explanation = xr.explain(model, X)
    own = own_scores(model, X)
    added = explanation.base_values + explanation.values.sum(axis=1)
    assert np.all(np.abs(added - own) <= 1e-9 * np.maximum(1.0, np.abs(own)))


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_three_layers_give_the_models_own_raw_score(name):
    model, X, _ = getattr(models, name)()
    shallow = xr.convert(model, X)
    found = shallow(X)
    found = found if found.ndim == 1 else found - found.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, own_scores(model, X), rtol=1e-9, atol=1e-9)
    assert shallow.certificate.holds


def logit(model, X):
    """The log-odds of the second class from the pipeline's public probabilities."""
    p = model.predict_proba(X)
    return np.log(p[:, 1]) - np.log(p[:, 0])


def test_coefficients_in_raw_units_equal_finite_differences_of_the_pipelines_own_logit():
    model, X, _ = models.breast_cancer()
    p = model.predict_proba(X)[:, 1]
    rows = X[(p > 1e-4) & (p < 1 - 1e-4)].iloc[:25]  # beyond that the logit has few digits
    regions = xr.observed_regions(model, rows)
    weight = regions.affine_maps()[0][regions.rows, 0]
    compared = 0
    for i in range(len(rows)):
        row = rows.iloc[[i]]
        room = regions.region(int(regions.rows[i])).polytope().moves(row.to_numpy()[0])
        for j, column in enumerate(rows.columns):
            step = 0.25 * min(
                room[j, 1] - row.iat[0, j], row.iat[0, j] - room[j, 0], X[column].std()
            )
            if step <= 1e-4 * X[column].std():
                continue  # the row stands on a boundary of its region, or of the data
            up, down = row.copy(), row.copy()
            up[column], down[column] = row[column] + step, row[column] - step
            slope = float((logit(model, up) - logit(model, down))[0] / (2 * step))
            scale = X[column].std()
            assert slope * scale == pytest.approx(weight[i, j] * scale, abs=1e-4)
            compared += 1
    assert compared > 200


def test_the_loans_network_is_explained_as_the_known_rule_says():
    model, X, score = models.loans()
    rule, held_out = loans_rule(), X[3000:]
    assert r2_score(score[3000:], model.predict(held_out)) >= 0.98
    ranking = xr.rank_features(model, held_out).set_index("feature")["importance"]
    truth = rule.importance(held_out)
    assert stats.spearmanr(ranking[truth.index], truth).statistic >= 0.9


def test_signs_are_right_for_every_loans_column_with_a_true_effect():
    model, X, _ = models.loans()
    held_out, rule = X[3000:], loans_rule()
    network = xr.import_model(model, held_out)
    regions = xr.observed_regions(network, held_out)
    weight = regions.affine_maps()[0][regions.rows, 0]
    truth = rule.coefficients(held_out)
    for column in truth.columns[(truth != 0).any()]:
        own = weight[:, network.schema.groups[column][0]]
        assert np.mean(np.sign(own) == np.sign(truth[column])) >= 0.95, column


def test_level_effects_of_loans_have_the_sign_of_the_known_rule():
    model, X, _ = models.loans()
    held_out = X[3000:]
    values = xr.explain(model, held_out)
    baseline = values.baseline.iloc[0]
    for column, effects in loans_rule().level_effects.items():
        true = held_out[column].map(dict(effects)) - dict(effects)[baseline[column]]
        own = values.values[:, values.feature_names.index(column)]
        moved = true.to_numpy() != 0
        if not any(dict(effects).values()):
            continue  # the protected attribute has no effect
        assert np.mean(np.sign(own[moved]) == np.sign(true[moved])) >= 0.95, column


def hand_built_loans():
    weights, biases, names = loans_rule().weights()
    X, _ = xr.datasets.load_loans()
    columns = []
    for column in X.columns:
        levels = tuple(n.split(" = ")[1] for n in names if n.startswith(f"{column} = "))
        kind = "categorical" if levels else "numeric"
        columns.append(Column(column, ColumnKind(kind), levels=levels))
    schema = xr.InputSchema(tuple(columns))
    assert schema.input_names == tuple(names)
    return xr.ReluNetwork.from_weights(weights, biases, schema=schema), X


def test_a_network_built_from_the_rules_own_pieces_is_explained_exactly():
    network, X = hand_built_loans()
    rule = loans_rule()
    np.testing.assert_allclose(network(X), rule.score(X), rtol=1e-12, atol=1e-12)
    regions = xr.observed_regions(network, X)
    weight = regions.affine_maps()[0][regions.rows, 0]
    truth = rule.coefficients(X)
    for column in truth.columns:
        own = weight[:, network.schema.groups[column][0]]
        np.testing.assert_allclose(own, truth[column], rtol=1e-9, atol=1e-15)
    ranking = xr.rank_features(network, X).set_index("feature")["importance"]
    pd.testing.assert_series_equal(
        ranking[rule.importance(X).index],
        rule.importance(X),
        check_names=False,
        rtol=1e-9,
        atol=1e-12,
    )


def test_the_same_call_gives_the_same_tables():
    model, X, _ = models.iris()
    first, second = (xr.extract_rules(model, X).to_frame() for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    first, second = (xr.compare_with_shap(model, X, max_rows=5).per_row for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
