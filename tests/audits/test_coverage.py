"""New rows beside training rows: regions, ranges, borders, shift."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from explainrelu.audits.coverage import border_distances, coverage
from explainrelu.errors import ArgumentError, ColumnsError
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns
from explainrelu.regions.observed import observed_regions
from tests import models


def network(seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(7, 2)), rng.normal(size=(6, 7)), rng.normal(size=(1, 6))]
    return ReluNetwork.from_weights(weights, [rng.normal(size=len(w)) for w in weights])


def test_rows_in_known_regions_are_those_whose_pattern_was_seen():
    net, rng = network(), np.random.default_rng(0)
    train, new = rng.normal(size=(100, 2)), rng.normal(size=(80, 2)) * 2
    found = coverage(net, train, new).per_row
    seen = {row.tobytes() for row in activation_patterns(net, train)}
    expected = [row.tobytes() in seen for row in activation_patterns(net, new)]
    assert found["seen"].tolist() == expected
    outside = (new < train.min(axis=0)) | (new > train.max(axis=0))
    assert found["outside"].tolist() == outside.any(axis=1).tolist()
    assert 0 < sum(expected) < 80


@pytest.mark.parametrize("seed", range(3))
def test_no_border_is_nearer_than_the_distance_and_one_is_at_it(seed):
    net, rng = network(seed), np.random.default_rng(seed)
    scale = np.array([0.5, 3.0])
    points = rng.normal(size=(6, 2)) * 2
    for point, distance in zip(points, border_distances(net, points, scale), strict=True):
        turns = np.linspace(0, 2 * np.pi, 2000)
        ring = np.column_stack([np.cos(turns), np.sin(turns)]) * scale
        own = activation_patterns(net, point[None])[0]
        inside = activation_patterns(net, point + 0.999 * distance * ring)
        beyond = activation_patterns(net, point + 1.001 * distance * ring)
        assert (inside == own).all()
        assert (beyond != own).any()


def test_levels_stay_where_they_are():
    model, X, _ = models.loan_decisions()
    found = coverage(model, X[:200], X[200:260])
    assert np.isfinite(found.per_row["border_distance"]).all()
    net = import_model(model, X)
    point = net.schema.encode(X[200:201])
    moved = np.repeat(point, 500, axis=0)
    numeric = np.array([c.kind == "numeric" for c in net.schema.columns])[net.schema.input_columns]
    scale = net.schema.encode(X[:200]).std(axis=0)
    way = np.random.default_rng(0).normal(size=moved.shape) * numeric
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    moved += 0.999 * found.per_row["border_distance"][0] * way * scale
    assert (activation_patterns(net, moved) == activation_patterns(net, point)).all()


def test_shift_and_unseen_levels_are_counted_by_column():
    model, X, _ = models.loan_decisions()
    train, new = X[X["job"] != "nurse"][:300], X[:200]
    columns = coverage(model, train, new).columns.set_index("feature")
    assert columns.loc["job", "unseen_level"] == (new["job"] == "nurse").sum() > 0
    expected = stats.ks_2samp(train["income"], new["income"]).statistic
    assert columns.loc["income", "shift"] == pytest.approx(expected)
    assert columns.loc["income", "above"] == (new["income"] > train["income"].max()).sum()


def test_training_rows_against_themselves_are_all_seen():
    model, X, _ = models.iris()
    found = coverage(model, X, X)
    assert found.per_row["seen"].all()
    assert not found.per_row["outside"].any()
    assert (found.columns["shift"] == 0.0).all()
    shared = observed_regions(model, X).counts
    first = found.summary.set_index("quantity").iloc[0]
    assert first["training"] == pytest.approx(shared[shared > 1].sum() / len(X))


def test_a_linear_model_has_no_border():
    net = ReluNetwork.from_weights([[[1.0, 2.0]]], [[0.0]])
    found = coverage(net, [[0.0, 0.0], [1.0, 1.0]], [[0.5, 0.5]])
    assert np.isinf(found.per_row["border_distance"]).all()


def test_wrong_input_is_refused():
    net = network()
    with pytest.raises(ArgumentError, match="near must be"):
        coverage(net, np.eye(2), np.eye(2), near=-1.0)
    with pytest.raises(ColumnsError, match="The model takes 2 columns"):
        coverage(net, np.eye(2), pd.DataFrame({"a": [1.0], "b": [2.0]}))
