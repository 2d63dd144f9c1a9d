from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.reports.displays.rules_error import RulesErrorDisplay


def curve(**columns):
    """Errors of one to four rules on both kinds of rows; three were taken."""
    n = np.tile([1, 2, 3, 4], 2)
    table = {"n_rules": n, "rows": ["used"] * 4 + ["not used"] * 4, "mean_error": 1.0 / n}
    table |= {"equal_decisions": 1.0 - 0.1 / n, "r2": 1.0 - 1.0 / n, "chosen": n == 3}
    return pd.DataFrame(table | columns)


def test_lines_are_the_errors_of_each_kind_of_rows():
    table = curve()
    display = RulesErrorDisplay.from_frame(table[::-1], unit="log-odds")
    lines = {line.get_label(): line for line in display.ax_.get_lines()}
    for kind in ("used", "not used"):
        part = table[table["rows"] == kind]
        assert lines[f"rows {kind}"].get_xdata().tolist() == part["n_rules"].tolist()
        assert lines[f"rows {kind}"].get_ydata().tolist() == part["mean_error"].tolist()
    assert display.ax_.get_ylabel() == "mean error (log-odds)"
    words = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert words == ["rows not used", "rows used"]


def test_equal_decisions_stand_beside_where_they_are_known():
    display = RulesErrorDisplay.from_frame(curve())
    drawn = display.decisions_ax_.get_lines()[0].get_ydata()
    assert drawn.tolist() == curve()["equal_decisions"][:4].tolist()
    assert RulesErrorDisplay.from_frame(curve(equal_decisions=np.nan)).decisions_ax_ is None


def test_the_number_of_rules_taken_is_marked():
    display = RulesErrorDisplay.from_frame(curve())
    (ring,) = display.ax_.collections
    assert ring.get_offsets().tolist() == [[3.0, pytest.approx(1.0 / 3.0)]]
    without = RulesErrorDisplay.from_frame(curve().drop(columns=["chosen"]))
    assert not without.ax_.collections


def test_one_axes_holds_the_error_and_a_pair_holds_both():
    _, (first, second) = pyplot.subplots(1, 2)
    display = RulesErrorDisplay.from_frame(curve(), ax=first)
    assert (display.ax_, display.decisions_ax_) == (first, None)
    assert display.plot((first, second)) is display
    assert (display.ax_, display.decisions_ax_) == (first, second)
    with pytest.raises(ArgumentError, match="one or two axes, got 3"):
        display.plot([first, second, first])


def test_rules_give_their_curve_and_their_unit():
    rules = SimpleNamespace(trade_off=curve, view=SimpleNamespace(unit="EUR"))
    assert RulesErrorDisplay.from_rules(rules).ax_.get_ylabel() == "mean error (EUR)"
    assert RulesErrorDisplay.from_rules(rules, error="r2").ax_.get_ylabel() == "R² of the score"
    with pytest.raises(InputTypeError, match="what simplify returns, got DataFrame"):
        RulesErrorDisplay.from_rules(curve())


@pytest.mark.parametrize(
    ("table", "error", "match"),
    [
        ([1.0], InputTypeError, "curve must be a table, got list"),
        (curve().drop(columns=["rows"]), ArgumentError, "got none called rows"),
        (curve()[:0], ArgumentError, "at least one row with a finite mean_error"),
        (curve(mean_error=np.nan), ArgumentError, "at least one row with a finite mean_error"),
    ],
)
def test_what_is_no_curve_is_refused(table, error, match):
    with pytest.raises(error, match=match):
        RulesErrorDisplay.from_frame(table)
