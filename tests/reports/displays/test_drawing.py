import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb

from explainrelu.network.column import Column
from explainrelu.network.outputs import OutputSchema, Task
from explainrelu.reports.displays.drawing import (
    HUES,
    axes_of,
    column_label,
    diverging,
    score_label,
    shortened,
    tint,
    way_shares,
)


def test_names_stay_different_and_within_their_width_where_they_can():
    names = ["months since the last delinquency", "months since the last trade", "age"]
    short = shortened(names, 16)
    assert len(set(short)) == 3
    assert max(map(len, short)) <= 16
    assert shortened(["aaaa b", "aaaa  b"], 3)[0] == shortened(["aaaa b"], 3)[0]


@pytest.mark.parametrize("names", [[], [""], ["a" * 40, "a" * 41]])
def test_any_names_can_be_shortened(names):
    assert len(set(shortened(names, 10))) == len(set(names))


def test_new_axes_have_the_size_asked_for_and_given_ones_stay():
    ax, figure = axes_of(None, (3.0, 2.0))
    assert figure.get_size_inches().tolist() == [3.0, 2.0]
    assert axes_of(ax, (9.0, 9.0)) == (ax, figure)


def test_tints_go_from_white_to_the_colour():
    assert tint(HUES[0], 0.0) == (1.0, 1.0, 1.0)
    assert tint(HUES[0], 1.0) == pytest.approx(to_rgb(HUES[0]))
    assert diverging()(0.5)[:3] == pytest.approx((1.0, 1.0, 1.0), abs=0.01)


def test_labels_carry_units():
    assert column_label(Column("income", unit="EUR")) == "income (EUR)"
    several = OutputSchema(("a", "b"), Task.MULTICLASS, classes=("a", "b"))
    assert score_label(several.view(), "b") == "centred logit of b (log-odds)"
    assert score_label(several.view(("a", "b"))) == "a - b (log-odds)"
    assert score_label(OutputSchema(("price",), Task.REGRESSION, unit="EUR").view()) == (
        "prediction of price (EUR)"
    )


def test_split_bar_is_as_long_as_the_shares_say():
    _, ax = pyplot.subplots()
    way_shares(ax, 0.0, 0.25, 0.5)
    whole, raises, lowers = (bar.get_width() for bar in ax.patches)
    assert np.allclose([raises / whole, lowers / whole], [0.25, 0.5])
    assert ax.texts[0].get_text() == "25.0%"
