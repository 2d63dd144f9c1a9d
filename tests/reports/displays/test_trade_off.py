import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.reports.displays.trade_off import TradeOffDisplay

TABLE = pd.DataFrame(
    {
        "l1": [0.0, 1e-3, 3e-3],
        "stability": 0.0,
        "regions": [514, 430, 77],
        "performance": [0.965, 0.96, 0.964],
        "performance_is": "accuracy",
        "rules_performance": [0.95, 0.96, 0.963],
        "n_rules": [6, 4, 5],
    }
)


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def test_what_is_drawn_is_what_the_table_says():
    display = TradeOffDisplay.from_frame(TABLE)
    points = display.ax_.collections[0].get_offsets()
    by_regions = TABLE.sort_values("regions")
    np.testing.assert_allclose(points, by_regions[["regions", "performance"]])
    rules = display.rules_ax_.collections[2].get_offsets()
    np.testing.assert_allclose(rules[:, 1], TABLE["rules_performance"])
    assert [text.get_text() for text in display.rules_ax_.get_xticklabels()] == [
        "0",
        "0.001",
        "0.003",
    ]
    assert display.figure_ is display.ax_.figure


def test_it_is_drawn_on_the_axes_given():
    _, pair = pyplot.subplots(1, 2)
    display = TradeOffDisplay.from_frame(TABLE, ax=pair)
    assert display.ax_ is pair[0]
    assert display.rules_ax_ is pair[1]


def test_from_data_trains_and_draws():
    pytest.importorskip("torch")
    X = np.random.default_rng(0).normal(size=(80, 2))
    display = TradeOffDisplay.from_data(
        X, X[:, 0] > 0, l1=(0.0, 0.02), hidden_layers=(4,), epochs=3, max_rules=1, time_limit=1.0
    )
    assert len(display.frame) == 2


@pytest.mark.parametrize(
    ("found", "error", "text"),
    [
        (3, InputTypeError, "what explanation_trade_off returns"),
        (TABLE.drop(columns="regions"), ArgumentError, "regions"),
        (TABLE[:0], ArgumentError, "must have rows"),
    ],
)
def test_what_is_no_trade_off_is_refused(found, error, text):
    with pytest.raises(error, match=text):
        TradeOffDisplay.from_frame(found)


def test_one_pair_of_axes_is_needed():
    with pytest.raises(ArgumentError, match="two axes"):
        TradeOffDisplay.from_frame(TABLE, ax=pyplot.gca())
