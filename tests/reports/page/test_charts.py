import re

import numpy as np
import pytest

from explainrelu.reports.page.charts import bar, histogram, range_strip, share_curve, step_bar


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


def test_labels_are_escaped():
    svg = histogram(np.zeros(3), -1, 1, title="<b>&", unit='"<i>"')
    assert "<b>" not in svg
    assert "<i>" not in svg
