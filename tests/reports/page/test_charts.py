import re

import numpy as np
import pytest

from explainrelu.reports.page.charts import (
    bar,
    histogram,
    interval_strip,
    profile_scale,
    profile_strip,
    range_strip,
    share_curve,
    split_bar,
    step_bar,
    trade_off,
)


def percents(svg, name):
    return [float(x) for x in re.findall(rf'\b{name}="([-\d.]+)%"', svg)]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0, 1.5])
def test_bar_is_as_long_as_its_share_and_never_leaves_its_cell(share):
    assert percents(bar(share, "up"), "width")[-1] == 100 * min(1.0, share)


def test_steps_of_a_waterfall_meet():
    first, second = step_bar(0, 2, -1, 4, "up"), step_bar(2, 1, -1, 4, "down")
    assert percents(first, "x1")[1] == percents(second, "x1")[0] == 60.0


def test_range_strip_of_a_constant_column_is_drawn_in_the_middle():
    assert percents(range_strip(3, 3, 3, 3, 3), "cx") == [50.0]


def test_share_curve_says_how_many_regions_hold_half_of_the_rows():
    svg = share_curve(np.array([0.4, 0.3, 0.2, 0.1]))
    assert "2 of 4 regions hold half of the rows" in svg


def test_share_curve_of_many_regions_stays_small():
    assert len(share_curve(np.full(100_000, 1e-5))) < 10_000


def test_histogram_draws_every_value():
    svg = histogram(np.array([-1.0, 1.0, 1.0, 7.0]), -1, 1, title="Made up", unit="nothing")
    tops = [float(h) for h in re.findall(r'class="count".*? height="([\d.]+)"', svg)]
    assert len(tops) == 20
    assert tops[-1] == pytest.approx(3 * tops[0], rel=0.01)


def test_split_bar_leaves_what_does_neither_grey():
    svg = split_bar(0.25, 0.5)
    assert percents(svg, "width")[-3:] == [100.0, 25.0, 50.0]
    assert percents(svg, "x") == [50.0]


def test_profile_strip_draws_band_box_median_and_zero_on_one_scale():
    svg = profile_strip([-1.0, 0.0, 1.0, 2.0, 3.0], -1.0, 4.0, "both")
    assert percents(svg, "x1") == [20.0, 40.0]
    assert percents(svg, "x") == [0.0, 20.0]
    assert percents(svg, "width")[-2:] == [80.0, 40.0]


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [(-1.0, 1.0, ["−1.0", "1.0", "0"]), (0.0, 2.0, ["2.0", "0"]), (-2.0, 0.1, ["−2.0", "0"])],
)
def test_profile_scale_names_its_ends_where_they_do_not_meet_zero(low, high, texts):
    assert re.findall(r">([^<>]+)</text>", profile_scale(low, high)) == texts


def test_interval_strip_shows_the_known_value_beside_the_interval():
    svg = interval_strip(0.2, 0.1, 0.4, 0.05, 0.5, "ours")
    assert percents(svg, "x1") == [10.0, 20.0]
    assert percents(svg, "x2") == [10.0, 80.0]
    assert percents(svg, "cx") == [40.0]


def test_trade_off_marks_the_number_taken_on_every_line():
    lines = [("not-used", [1, 2, 3], [0.9, 0.3, 0.2]), ("used", [1, 2, 3], [0.8, 0.2, 0.1])]
    svg = trade_off(lines, 2, 0.0, 0.9, title="Made <up>", ticks=[(0.0, "0"), (0.9, "0.9")])
    assert len(re.findall(r'r="5"', svg)) == 2
    assert len(re.findall(r'r="3"', svg)) == 4
    assert 'aria-label="Made &lt;up&gt;"' in svg


def test_trade_off_of_one_rule_alone_is_a_point_in_the_middle():
    svg = trade_off([("used", [1], [0.5])], 1, 0.0, 1.0, title="One", ticks=[(0.0, "0")])
    assert "nan" not in svg
    assert len(re.findall("<circle", svg)) == 1


def test_labels_are_escaped():
    svg = histogram(np.zeros(3), -1, 1, title="<b>&", unit='"<i>"')
    assert "<b>" not in svg
    assert "<i>" not in svg
