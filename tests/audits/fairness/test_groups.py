"""Groups: their rates, their regions, and the columns that tell them."""

import numpy as np
import pandas as pd
import pytest

from explainrelu.audits.fairness.carriers import association, carriers_frame
from explainrelu.audits.fairness.groups import group_metrics, region_frame, sensitive_frame
from explainrelu.errors import DataError
from explainrelu.explanations.local_linear import local_linear
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import observed_regions

RNG = np.random.default_rng(0)
GROUPS = pd.DataFrame({"sex": np.where(RNG.random(200) < 0.4, "female", "male")})


def test_rates_are_those_of_each_group():
    pytest.importorskip("fairlearn")
    predicted, observed = RNG.integers(0, 2, 200), RNG.integers(0, 2, 200)
    table = group_metrics(predicted, observed, GROUPS).set_index(["group", "metric"])
    female = (GROUPS["sex"] == "female").to_numpy()
    rate = table.loc[("female", "selection_rate")]
    assert rate["value"] == pytest.approx(predicted[female].mean())
    assert rate["n_rows"] == female.sum()
    gap = abs(predicted[female].mean() - predicted[~female].mean())
    assert rate["difference"] == pytest.approx(gap)
    positive = table.loc[("male", "true_positive_rate"), "value"]
    assert positive == pytest.approx(predicted[~female & (observed == 1)].mean())


def test_without_a_target_only_selection_rates_are_known():
    pytest.importorskip("fairlearn")
    table = group_metrics(RNG.integers(0, 2, 200), None, GROUPS)
    assert set(table["metric"]) == {"selection_rate"}


def test_regions_of_one_group_alone_are_counted():
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    X = [[-1.0], [-2.0], [1.0], [2.0]]
    groups = pd.DataFrame({"g": ["a", "a", "a", "b"]})
    table = region_frame(observed_regions(network, X), groups).set_index("group")
    assert (table.loc["a", "own_regions"], table.loc["b", "own_regions"]) == (1, 0)
    assert table.loc["a", "own_share"] == pytest.approx(2 / 3)
    assert table.loc["a", "distance"] == pytest.approx(2 / 3)


def test_a_column_that_tells_the_group_is_a_proxy():
    groups = pd.DataFrame({"g": np.repeat(["a", "b"], 50)})
    X = pd.DataFrame({"x0": np.repeat([0.0, 1.0], 50) + RNG.normal(0, 0.01, 100)})
    X["x1"] = RNG.normal(size=100)
    network = ReluNetwork.from_weights([[[2.0, 1.0]]], [[0.0]])
    table = carriers_frame(local_linear(network, X), groups, protected=(), proxy=0.5)
    rows = table.set_index("column")
    assert rows.loc["x0", "role"] == "proxy"
    assert rows.loc["x1", "role"] == "other"
    assert table["share"].sum() == pytest.approx(1.0)
    assert rows.loc["x0", "group_gap_share"] > 0.8


def test_association_runs_from_nothing_to_all():
    labels = np.repeat(["a", "b"], 50)
    assert association(pd.Series(np.repeat(["x", "y"], 50)), labels) == pytest.approx(1.0)
    assert association(pd.Series(np.tile([1.0, 2.0, 3.0, 4.0, 5.0], 20)), labels) < 0.01
    assert association(pd.Series(np.ones(100)), labels) == 0.0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["a", "b"], "one row a row of X, 3"),
        (pd.Series(["a", None, "b"], name="sex"), "no missing values, got some in 'sex'"),
        (pd.DataFrame(index=range(3)), "and a column"),
    ],
)
def test_sensitive_features_are_checked(given, text):
    with pytest.raises(DataError, match=text):
        sensitive_frame(given, 3)


def test_sensitive_features_come_in_every_form():
    for given in (["a", "b"], pd.Series(["a", "b"], name="sex"), {"sex": ["a", "b"]}):
        assert sensitive_frame(given, 2).iloc[:, 0].tolist() == ["a", "b"]
    assert sensitive_frame(pd.Series(["a", "b"], name="sex"), 2).columns.tolist() == ["sex"]
