import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.ranking import rank_features
from explainrelu.network.network import ReluNetwork
from explainrelu.reports.displays.coefficient_profile import CoefficientProfileDisplay
from explainrelu.reports.displays.drawing import LOWERS, RAISES
from tests import models
from tests.reports import pictures


def bent():
    """A network of one column whose coefficient is 2 above zero and -1 below."""
    return ReluNetwork.from_weights([[[1.0], [-1.0]], [[2.0, 1.0]]], [[0.0, 0.0], [0.0]])


def test_each_region_is_a_dot_at_its_coefficient_in_the_colour_of_its_sign():
    display = CoefficientProfileDisplay.from_estimator(bent(), [[-1.0], [1.0], [2.0], [2.0]])
    (dots,) = display.ax_.collections[1:]
    spread = np.std([-1.0, 1.0, 2.0, 2.0])
    assert dots.get_offsets()[:, 0].tolist() == pytest.approx([2.0 * spread, -spread])
    assert [tuple(c[:3]) for c in dots.get_facecolors()] == [
        to_rgb(RAISES)[:3],
        to_rgb(LOWERS)[:3],
    ]
    assert dots.get_sizes()[0] - 4.0 == pytest.approx(3.0 * (dots.get_sizes()[1] - 4.0))


def test_share_of_rows_it_raises_stands_at_the_right():
    display = CoefficientProfileDisplay.from_estimator(bent(), [[-1.0], [1.0], [2.0], [2.0]])
    assert [text.get_text() for text in display.ax_.texts] == ["75.0%", "raises in"]


def test_bands_and_median_are_quantiles_of_the_rows():
    model, X, _ = models.breast_cancer()
    display = CoefficientProfileDisplay.from_estimator(model, X, max_features=3)
    low, lower, middle, upper, high = display.coefficients.quantiles([0.05, 0.25, 0.5, 0.75, 0.95])
    wide, narrow = display.ax_.containers[:2]
    assert [bar.get_width() for bar in wide] == pytest.approx((high - low).tolist())
    assert [bar.get_x() for bar in narrow] == pytest.approx(lower.tolist())
    medians = display.ax_.collections[0].get_segments()
    assert [segment[0, 0] for segment in medians] == pytest.approx(middle.tolist())
    assert (upper >= middle).all()


def test_columns_stand_in_the_order_of_their_effect():
    model, X, _ = models.loan_decisions()
    display = CoefficientProfileDisplay.from_estimator(model, X[:500], max_features=6)
    shown = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert shown == rank_features(model, X[:500])["feature"].head(6).tolist()
    assert display.ax_.yaxis_inverted()
    assert display.ax_.get_xlabel() == "coefficient × standard deviation, logit of yes (log-odds)"


def test_spread_of_levels_has_no_sign_and_no_share():
    model, X, _ = models.loan_decisions()
    display = CoefficientProfileDisplay.from_estimator(model, X[:500])
    found = display.coefficients
    assert (found.values[:, ~found.signed] >= 0.0).all()
    assert len(display.ax_.texts) == found.signed.sum() + 1
    words = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "levels' spread" in words


def test_dots_of_a_strip_stay_in_it():
    model, X, _ = models.breast_cancer()
    display = CoefficientProfileDisplay.from_estimator(model, X, max_features=4)
    for place, dots in enumerate(display.ax_.collections[1:]):
        assert np.abs(dots.get_offsets()[:, 1] - place).max() < 0.4


def test_plot_draws_on_the_axes_it_is_given():
    _, (first, second) = pyplot.subplots(1, 2)
    display = CoefficientProfileDisplay.from_estimator(bent(), [[-1.0], [1.0]], ax=first)
    assert display.plot(second, show_regions=False, show_shares=False) is display
    assert display.ax_ is second
    assert not second.texts
    assert len(second.collections) == 1


def test_a_pair_of_classes_names_the_axis():
    model, X, _ = models.iris()
    display = CoefficientProfileDisplay.from_estimator(model, X, output=("setosa", "virginica"))
    assert "setosa - virginica (log-odds)" in display.ax_.get_xlabel()


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"max_features": 0}, ArgumentError, "max_features must be a whole number of at least 1"),
        ({"max_features": "all"}, InputTypeError, "max_features must be a whole number"),
        ({"output": "maybe"}, ArgumentError, "output= must be one of"),
    ],
)
def test_wrong_options_are_refused(wrong, error, match):
    with pytest.raises(error, match=match):
        CoefficientProfileDisplay.from_estimator(bent(), [[-1.0], [1.0]], **wrong)


def test_a_single_row_is_refused():
    with pytest.raises(ArgumentError, match="several rows, got 1"):
        CoefficientProfileDisplay.from_estimator(bent(), [[-1.0]])


def test_picture_of_the_readme_is_what_the_package_draws(tmp_path):
    pictures.write(pictures.coefficients(), tmp_path / "again.png")
    assert imread(tmp_path / "again.png").shape == imread(pictures.COEFFICIENTS).shape
    assert pictures.COEFFICIENTS.stat().st_size < 60_000
