import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

from explainrelu.errors import ArgumentError
from explainrelu.network.network import ReluNetwork
from explainrelu.reports.displays.drawing import HUES
from explainrelu.reports.displays.parallel_coefficients import ParallelCoefficientsDisplay
from tests import models


def lines_of(display):
    (lines,) = [c for c in display.ax_.collections if isinstance(c, LineCollection)]
    return lines


def test_each_region_is_a_line_through_its_coefficients():
    model, X, _ = models.iris()
    display = ParallelCoefficientsDisplay.from_estimator(model, X)
    drawn = np.stack([segment[:, 1] for segment in lines_of(display).get_segments()])
    assert drawn.tolist() == display.coefficients.values.tolist()
    assert display.ax_.get_title(loc="right") == f"{len(drawn)} regions"


def test_lines_are_wider_where_more_rows_lie():
    model, X, _ = models.iris()
    display = ParallelCoefficientsDisplay.from_estimator(model, X)
    widths = np.array(lines_of(display).get_linewidths())
    counts = display.coefficients.counts
    np.testing.assert_allclose((widths - 0.7) / (widths[0] - 0.7), counts / counts[0])


def test_only_the_most_visited_are_drawn_and_it_says_so():
    model, X, _ = models.breast_cancer()
    display = ParallelCoefficientsDisplay.from_estimator(model, X, max_regions=20, max_features=5)
    counts = display.coefficients.counts
    assert len(lines_of(display).get_segments()) == 20
    assert len(display.ax_.get_xticks()) == 5
    held = f"{counts[:20].sum() / counts.sum():.1%}"
    title = display.ax_.get_title(loc="right")
    assert title == f"20 of {counts.size} regions, {held} of the rows"


def test_classes_have_the_colours_of_the_region_map():
    model, X, _ = models.iris()
    display = ParallelCoefficientsDisplay.from_estimator(model, X)
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["setosa", "versicolor", "virginica"]
    colours = [tuple(c[:3]) for c in lines_of(display).get_colors()]
    assert colours == [to_rgb(HUES[k]) for k in display.coefficients.winners]


def test_mean_score_colours_a_regression():
    model, X, _ = models.diabetes()
    display = ParallelCoefficientsDisplay.from_estimator(model, X)
    lines, means = lines_of(display), display.coefficients.mean_scores
    assert lines.get_array().tolist() == means.tolist()
    assert lines.get_clim() == (means.min(), means.max())


def test_score_of_a_classifier_is_coloured_about_zero():
    model, X, _ = models.breast_cancer()
    display = ParallelCoefficientsDisplay.from_estimator(model, X).plot(colour="score")
    low, high = lines_of(display).get_clim()
    assert low == -high


@pytest.mark.parametrize(
    ("colour", "match"),
    [("region", "class or score, got 'region'"), ("class", "needs a classifier")],
)
def test_wrong_colours_are_refused(colour, match):
    network = ReluNetwork.from_weights([[[1.0, 0.0]], [[3.0]]], [[0.0], [0.0]])
    with pytest.raises(ArgumentError, match=match):
        ParallelCoefficientsDisplay.from_estimator(
            network, [[-1.0, 0.0], [1.0, 2.0]], colour=colour
        )


@pytest.mark.parametrize("limit", ["max_features", "max_regions"])
def test_limits_below_one_are_refused(limit):
    network, X = ReluNetwork.from_weights([[[1.0, 0.0]], [[3.0]]], [[0.0], [0.0]]), np.eye(2)
    with pytest.raises(ArgumentError, match=f"{limit} must be a whole number of at least 1"):
        ParallelCoefficientsDisplay.from_estimator(network, X, **{limit: 0})


def test_one_column_and_one_region_can_be_drawn():
    network = ReluNetwork.from_weights([[[1.0]], [[3.0]]], [[0.0], [0.0]])
    display = ParallelCoefficientsDisplay.from_estimator(network, [[1.0], [2.0]], max_regions=None)
    assert display.ax_.get_title(loc="right") == "1 region"
