"""Standardised coefficients, against the ranking and the network itself."""

import numpy as np
import pytest
from hypothesis import given

from explainrelu.errors import ArgumentError, DataError
from explainrelu.explanations.ranking import rank_features
from explainrelu.explanations.standardised import (
    StandardisedCoefficients,
    standardised_coefficients,
)
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema, Task
from explainrelu.regions.observed import regions_of_points
from tests import models, strategies

EVERY_MODEL = ["breast_cancer", "iris", "diabetes", "loans", "loan_decisions"]


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_mean_size_over_the_rows_is_the_effect_of_the_ranking(name):
    model, X, _ = getattr(models, name)()
    found, ranking = standardised_coefficients(model, X[:400]), rank_features(model, X[:400])
    first = ranking[ranking["output"] == found.view.names[0]].set_index("feature")
    expected = first["importance"][[column.name for column in found.columns]]
    np.testing.assert_allclose(found.effect, expected, rtol=1e-9, atol=1e-12)
    order = [column.name for column in found.strongest(3).columns]
    assert order == first.index[:3].tolist()


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_rows_it_raises_are_those_of_the_ranking(name):
    model, X, _ = getattr(models, name)()
    found, ranking = standardised_coefficients(model, X[:400]), rank_features(model, X[:400])
    first = ranking[ranking["output"] == found.view.names[0]].set_index("feature")
    expected = first["positive_share"][[column.name for column in found.columns]].to_numpy()
    raises, lowers = found.sign_shares()
    np.testing.assert_allclose(raises[found.signed], expected[found.signed], atol=1e-12)
    assert (raises + lowers <= 1.0).all()
    assert (lowers[~found.signed] == 0.0).all()


@given(strategies.networks_and_points(max_outputs=1))
def test_quantile_is_the_least_value_that_enough_rows_do_not_exceed(case):
    network, points = case
    points = np.vstack([points, points[:1] + 1.0])
    found = standardised_coefficients(network, points)
    values = found.values[regions_of_points(network, points).rows]
    for level, quantile in zip((0.05, 0.5, 0.95), found.quantiles([0.05, 0.5, 0.95]), strict=True):
        expected = np.quantile(values, level, axis=0, method="inverted_cdf")
        assert quantile.tolist() == expected.tolist()


def test_the_score_moves_by_these_coefficients_inside_a_region():
    model, X, _ = models.breast_cancer()
    network = import_model(model, X)
    value = standardised_coefficients(network, X).values[:, 0] / X["mean radius"].std(ddof=0)
    regions = regions_of_points(network, network.schema.encode(X))
    moved = X.copy()
    moved["mean radius"] += 1e-6
    slope = (network(moved) - network(X)) / 1e-6
    inside = regions_of_points(network, network.schema.encode(moved)).counts.size == len(regions)
    assert inside
    np.testing.assert_allclose(slope, value[regions.rows], rtol=1e-4, atol=1e-4)


def test_regions_know_their_mean_score_and_the_class_of_most_rows():
    outputs = OutputSchema(("yes",), Task.BINARY, classes=("no", "yes"))
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [-3.0]], outputs=outputs)
    found = standardised_coefficients(network, [[-1.0], [1.0], [2.0], [3.0]])
    assert found.counts.tolist() == [3, 1]
    assert found.mean_scores.tolist() == [1.0, -3.0]
    assert [found.classes[k] for k in found.winners] == ["yes", "no"]


def test_a_regression_has_no_winners():
    model, X, _ = models.diabetes()
    assert set(standardised_coefficients(model, X).winners.tolist()) == {-1}


def test_a_single_row_and_none_are_refused():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [0.0]])
    with pytest.raises(ArgumentError, match="over several rows, got 1"):
        standardised_coefficients(network, [[1.0]])
    with pytest.raises((ArgumentError, DataError), match="row"):
        standardised_coefficients(network, np.zeros((0, 1)))


def test_values_of_another_shape_are_refused():
    network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [0.0]])
    found = standardised_coefficients(network, [[1.0], [2.0]])
    with pytest.raises(ArgumentError, match=r"values must be \(1, 1\), got \(1, 2\)"):
        StandardisedCoefficients(
            np.zeros((1, 2)),
            found.counts,
            found.mean_scores,
            found.winners,
            found.columns,
            (),
            found.view,
        )
