import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrow

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.explain import explain
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.reports.displays.drawing import LOWERS, RAISES
from explainrelu.reports.displays.waterfall import WaterfallDisplay
from explainrelu.reports.numbers import number, signed
from tests import models


def arrows_of(display):
    """The bars of shap, from the top, each as ``(left, right, colour)``."""
    found = [patch for patch in display.ax_.patches if isinstance(patch, FancyArrow)]
    found.sort(key=lambda arrow: -arrow.get_xy()[:, 1].mean())
    ends = [(a.get_xy()[:, 0].min(), a.get_xy()[:, 0].max(), a.get_facecolor()) for a in found]
    return [(float(left), float(right), colour) for left, right, colour in ends]


def test_bars_are_the_attributions_from_the_score_down_to_the_base_value():
    model, X, _ = models.diabetes()
    display = WaterfallDisplay.from_explanation(explain(model, X[:5]), row=2)
    order, end = np.argsort(-np.abs(display.values)), display.score
    for (left, right, colour), j in zip(arrows_of(display), order, strict=True):
        step = display.values[j]
        assert (left, right) == pytest.approx(sorted((end - step, end)))
        assert colour == to_rgba(RAISES if step >= 0 else LOWERS)
        end -= step
    assert end == pytest.approx(display.base_value)


def test_numbers_and_names_stand_with_their_bars():
    model, X, _ = models.diabetes()
    display = WaterfallDisplay.from_explanation(explain(model, X[:5]), row=2)
    order = np.argsort(-np.abs(display.values))[::-1]
    texts = {round(t.get_position()[1], 3): t.get_text().strip() for t in display.ax_.texts}
    assert [texts[place] for place in range(10)] == [signed(display.values[j]) for j in order]
    shown = [label.get_text().split(" = ")[0] for label in display.ax_.get_yticklabels()]
    assert shown == [X.columns[j] for j in order]


def test_the_base_value_is_called_what_it_is():
    model, X, _ = models.breast_cancer()
    explanation = explain(model, X[:5])
    display = WaterfallDisplay.from_explanation(explanation, row=1)
    texts = [t.get_text().strip() for axes in display.figure_.axes for t in axes.texts]
    assert f"{explanation.base_meaning}: {number(display.base_value)}" in texts
    assert f"score: {number(display.score)}" in texts
    assert not any("E[f(X)]" in t.get_text() for t in display.figure_.findobj(pyplot.Text))
    assert display.ax_.get_xlabel() == "logit of malignant (log-odds)"


def test_columns_beyond_the_limit_are_one_bar():
    model, X, _ = models.breast_cancer()
    display = WaterfallDisplay.from_estimator(model, X[:20], row=1, max_features=4)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    left, right, _ = arrows_of(display)[-1]
    rest = np.sort(np.abs(display.values))[:27]
    assert labels[0] == "27 other columns"
    assert right - left <= rest.sum() + 1e-9
    assert pytest.approx(display.base_value) in (left, right)


def test_one_row_of_a_table_is_measured_from_the_whole_table():
    model, X, _ = models.loans()
    display = WaterfallDisplay.from_estimator(model, X[:200], row=-1)
    expected = explain(model, X[:200])
    assert display.values.tolist() == pytest.approx(expected.values[199].tolist())
    assert any(
        f"job = {X['job'][199]}" in label.get_text() for label in display.ax_.get_yticklabels()
    )


def test_of_several_outputs_the_highest_is_shown_or_the_one_named():
    model, X, _ = models.iris()
    explanation = explain(model, X)
    assert WaterfallDisplay.from_explanation(explanation, row=0).output == "setosa"
    display = WaterfallDisplay.from_explanation(explanation, row=0, output="virginica")
    assert display.values.tolist() == explanation.values[0, :, 2].tolist()
    assert display.ax_.get_xlabel() == "centred logit of virginica (log-odds)"


def test_the_figure_keeps_its_size_and_its_other_axes():
    model, X, _ = models.iris()
    figure, (first, second) = pyplot.subplots(1, 2, figsize=(11.0, 3.0))
    pyplot.ion()
    try:
        display = WaterfallDisplay.from_explanation(explain(model, X), ax=first)
        assert pyplot.isinteractive()
    finally:
        pyplot.ioff()
    assert figure.get_size_inches().tolist() == [11.0, 3.0]
    assert figure.axes == [first, second]
    assert display.plot(second) is display
    assert display.ax_ is second


def test_what_was_on_the_axes_before_stays():
    model, X, _ = models.iris()
    _, ax = pyplot.subplots()
    note = ax.text(0.0, 99.0, "a note")
    display = WaterfallDisplay.from_explanation(explain(model, X), ax=ax)
    assert (note.get_text(), note.get_position()) == ("a note", (0.0, 99.0))
    assert display.plot(ax).ax_ is ax


def test_a_row_that_equals_the_baseline_can_be_drawn():
    network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[9.0], [0.0]])
    explanation = explain(network, [[1.0, 1.0]], baseline=[[1.0, 1.0]])
    display = WaterfallDisplay.from_explanation(explanation)
    low, high = display.ax_.get_xlim()
    assert low < display.score < high


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"row": 5}, ArgumentError, "row must be from 0 to 4, got 5"),
        ({"row": 1.0}, InputTypeError, "row must be the position of a row"),
        ({"output": "rose"}, ArgumentError, "output must be one of setosa, .* got 'rose'"),
        ({"max_features": 0}, ArgumentError, "max_features must be a whole number of at least 1"),
    ],
)
def test_wrong_options_are_refused(wrong, error, match):
    model, X, _ = models.iris()
    with pytest.raises(error, match=match):
        WaterfallDisplay.from_explanation(explain(model, X[:5]), **wrong)


def test_what_is_no_explanation_and_pictures_are_refused():
    with pytest.raises(InputTypeError, match="what explain returns, got list"):
        WaterfallDisplay.from_explanation([1.0])
    network = ReluNetwork.from_weights(
        [np.ones((2, 4)), np.ones((1, 2))],
        [np.ones(2), np.ones(1)],
        schema=InputSchema.pictured((1, 2, 2)),
        outputs=OutputSchema(("score",)),
    )
    with pytest.raises(ArgumentError, match=r"rows of a table, got samples of shape \(1, 2, 2\)"):
        WaterfallDisplay.from_explanation(explain(network, np.ones((3, 1, 2, 2))))


def test_a_figure_without_pyplot_stays_without_it():
    model, X, _ = models.iris()
    figure = Figure()
    display = WaterfallDisplay.from_explanation(explain(model, X), ax=figure.add_subplot())
    assert display.figure_ is figure
    assert len(arrows_of(display)) == 4
    assert not pyplot.get_fignums()


def test_axes_that_pyplot_refuses_are_refused_in_words(monkeypatch):
    def refuse(ax):
        raise ValueError("not managed by pyplot")

    model, X, _ = models.iris()
    monkeypatch.setattr(pyplot, "sca", refuse)
    with pytest.raises(ArgumentError, match="must belong to a figure of pyplot"):
        WaterfallDisplay.from_explanation(explain(model, X), ax=Figure().add_subplot())
