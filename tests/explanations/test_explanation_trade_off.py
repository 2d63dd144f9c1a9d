"""Networks trained to be simple: read in raw columns, measured on rows not used."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from explainrelu.errors import ArgumentError, DataError
from explainrelu.explanations.explanation_trade_off import explanation_trade_off
from explainrelu.explanations.tabular_training import tabular_task
from explainrelu.network.outputs import Task
from explainrelu.regions.observed import observed_regions

RNG = np.random.default_rng(0)
X = pd.DataFrame({"size": RNG.normal(5.0, 2.0, 240), "dust": RNG.normal(size=240)})
X["job"] = RNG.choice(["nurse", "clerk"], 240)
Y = np.where((X["size"] > 5.0) ^ (X["job"] == "nurse"), "yes", "no")
FEW = {"hidden_layers": (8,), "epochs": 6, "max_rules": 2, "time_limit": 1.0}


def test_one_network_a_pair_of_penalties():
    told = []
    found = explanation_trade_off(
        X, Y, l1=(0.0, 0.03), stability=(0.0, 0.1), progress=lambda n, word: told.append(n), **FEW
    )
    assert found.frame[["l1", "stability"]].drop_duplicates().shape == (4, 2)
    assert told == [0, 1, 2, 3, 4]
    for row, network in zip(found.frame.itertuples(), found.networks, strict=True):
        assert row.regions == len(observed_regions(network, X))
    kept = found.frame.groupby("l1")["weights_kept"].mean()
    assert kept[0.03] < kept[0.0]


def test_the_same_call_gives_the_same_frame():
    first, second = (explanation_trade_off(X, Y, l1=(0.01,), **FEW).frame for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_what_is_told_of_the_rules_is_what_they_do():
    found = explanation_trade_off(X, Y, l1=(0.001,), **FEW | {"epochs": 30})
    [row], [network], [rules] = found.frame.itertuples(), found.networks, found.rules
    assert row.n_rules == len(rules) <= 2
    gap = np.abs(rules.predict(X) - network(X))
    assert gap.max() <= row.bound + 1e-9
    assert row.performance > 0.7


def test_networks_are_on_raw_columns_and_units():
    task = tabular_task(X, pd.Series(3.0 * X["size"] + 100.0, name="price"))
    assert task.outputs.task is Task.REGRESSION
    network = task.trained(np.arange(240), (8,), 0, epochs=80, learning_rate=0.05)
    assert network.outputs.names == ("price",)
    assert network.schema.names == ("size", "dust", "job")
    gap = network(X) - (3.0 * X["size"] + 100.0).to_numpy()
    assert np.sqrt(np.mean(gap**2)) < 0.3 * 3.0 * X["size"].std()


@pytest.mark.parametrize(
    ("y", "task", "names"),
    [
        (np.arange(240) % 3, "auto", ("0", "1", "2")),
        (np.arange(240) % 2 == 0, "auto", ("True",)),
        (np.arange(240) % 3, "regression", ("prediction",)),
        (np.arange(240), "auto", ("prediction",)),
    ],
)
def test_the_task_is_seen_from_the_target(y, task, names):
    assert tabular_task(X, y, task=task).outputs.names == names


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"l1": (-1.0,)}, ArgumentError, "l1 must be weights of at least 0"),
        ({"l1": ()}, ArgumentError, "l1 must be weights of at least 0"),
        ({"hidden_layers": (0,)}, ArgumentError, "hidden_layers must be whole numbers"),
        ({"max_rules": 0}, ArgumentError, "max_rules"),
        ({"task": "ranking"}, ArgumentError, "task must be"),
    ],
)
def test_options_are_checked(options, error, text):
    with pytest.raises(error, match=text):
        explanation_trade_off(X, Y, **FEW | options)


@pytest.mark.parametrize(
    ("rows", "target", "text"),
    [
        (X, Y[:5], "as many rows"),
        (X.assign(size=np.nan), Y, "no missing values"),
        (X, np.ones(240, dtype=int), "at least two classes"),
    ],
)
def test_tables_are_checked(rows, target, text):
    with pytest.raises(DataError, match=text):
        explanation_trade_off(rows, target, **FEW)
