"""Champion and challenger: the largest difference, region by region."""

from dataclasses import replace

import numpy as np
import pytest

from explainrelu.audits.model_difference import compare_models
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.schema import InputSchema
from tests import models


def network(seed, n_inputs=2, n_outputs=1):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(6, n_inputs)), rng.normal(size=(n_outputs, 6))]
    return ReluNetwork.from_weights(weights, [rng.normal(size=6), rng.normal(size=n_outputs)])


@pytest.mark.parametrize("seed", range(3))
def test_no_point_of_the_domain_differs_more_and_the_witness_does(seed):
    a, b, rng = network(seed), network(seed + 10), np.random.default_rng(seed)
    X, domain = rng.normal(size=(50, 2)), Box([-2.0, -2.0], [2.0, 2.0])
    found = compare_models(a, b, np.clip(X, -2, 2), domain=domain)
    dense = rng.uniform(-2, 2, size=(50_000, 2))
    gaps = np.abs(b(dense) - a(dense))
    assert gaps.max() <= found.difference.bound + 1e-9
    at = found.witness.to_numpy()
    assert abs(b(at) - a(at))[0] == pytest.approx(found.difference.value)
    assert found.certificate.holds


def test_ranges_of_regions_hold_their_rows():
    a, b, X = network(1), network(2), np.random.default_rng(0).uniform(-2, 2, size=(300, 2))
    found = compare_models(a, b, X, max_regions=None)
    merged = found.per_row.merge(found.regions, on=["region", "output"])
    assert len(merged) == 300
    assert (merged["difference"] >= merged["lowest"] - 1e-9).all()
    assert (merged["difference"] <= merged["highest"] + 1e-9).all()
    assert found.regions["largest"].max() <= found.difference.bound + 1e-6
    np.testing.assert_allclose(found.per_row["difference"], b(X) - a(X))


def test_equal_models_differ_nowhere():
    a = network(0)
    found = compare_models(a, a, np.random.default_rng(0).normal(size=(20, 2)))
    assert found.difference.bound <= 1e-9
    assert not found.per_row["other_class"].any()


def test_classes_that_change_are_counted():
    model, X, _ = models.iris()
    other = models.iris()[0]
    found = compare_models(model, other, X, max_regions=3, time_limit=5.0)
    assert (found.summary["other_class_share"] == 0.0).all()
    assert len(found.regions) == 9


def test_a_limit_leaves_bounds_that_hold():
    model, X, _ = models.breast_cancer()
    network = import_model(model, X)
    other = replace(network, output=AffineMap(1.1 * network.output.weight, network.output.bias))
    found = compare_models(network, other, X, max_regions=1, time_limit=1.0)
    assert found.summary["bound"].item() >= found.summary["largest_over_rows"].item() - 1e-9


def test_models_of_other_columns_are_refused():
    with pytest.raises(ArgumentError, match="same columns and levels"):
        compare_models(network(0), network(0, n_inputs=3), np.zeros((2, 2)))


def test_models_of_other_outputs_are_refused():
    with pytest.raises(ArgumentError, match="same outputs"):
        compare_models(network(0), network(0, n_outputs=2), np.eye(2))


def leaving_out_the_second(net):
    """The network on two columns of which it uses the first only, and the same reading both."""
    lean = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [-1.0]])
    columns = (replace(net.schema.columns[0]), Column("x1", ColumnKind.UNUSED))
    return replace(lean, schema=InputSchema(columns))


@pytest.mark.parametrize("turned", [False, True])
def test_either_model_may_leave_a_column_out(turned):
    a, X = network(0), np.random.default_rng(0).uniform(-2, 2, size=(60, 2))
    pair = (leaving_out_the_second(a), a) if turned else (a, leaving_out_the_second(a))
    found = compare_models(*pair, X)
    np.testing.assert_allclose(found.per_row["difference"], pair[1](X) - pair[0](X))
    at = found.witness.to_numpy()
    assert abs(pair[1](at) - pair[0](at))[0] == pytest.approx(found.difference.value)


def test_a_domain_is_one_of_the_champion_and_the_rows_give_the_rest():
    a, X = network(0), np.random.default_rng(0).uniform(-2, 2, size=(60, 2))
    found = compare_models(leaving_out_the_second(a), a, X, domain=Box([-9.0], [9.0]))
    whole = Box([-9.0, X[:, 1].min()], [9.0, X[:, 1].max()])
    assert whole.contains(found.witness.to_numpy()).all()
    wide = compare_models(a, leaving_out_the_second(a), X, domain=whole)
    assert found.difference.bound == pytest.approx(wide.difference.bound)
