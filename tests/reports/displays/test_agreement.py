import numpy as np
import pandas as pd
import pytest

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.agreement.comparison import compare_attributions
from explainrelu.explanations.explain import explain
from explainrelu.reports.displays.agreement import AgreementDisplay
from tests import models

NAMES = ["ours", "noisy", "other"]


def compared():
    model, X, _ = models.iris()
    values, noise = explain(model, X[:30]).values, np.random.default_rng(0)
    mine = {"ours": "local_linear", "noisy": values + noise.normal(size=values.shape)}
    return compare_attributions(model, X[:30], mine | {"other": noise.normal(size=values.shape)})


def cells(display):
    """The numbers that are written, by place."""
    texts = display.ax_.texts
    return {tuple(int(p) for p in t.get_position()[::-1]): t.get_text() for t in texts}


@pytest.mark.parametrize("measure", ["feature_agreement", "sign_agreement", "kendall"])
def test_every_pair_has_its_number_and_its_colour(measure):
    comparison = compared()
    display = AgreementDisplay.from_comparison(comparison, measure=measure)
    expected = comparison.matrix(measure).to_numpy()
    written = cells(display)
    assert sorted(written) == [(i, j) for i in range(3) for j in range(3) if i != j]
    for place, text in written.items():
        assert float(text.replace("−", "-")) == pytest.approx(expected[place], abs=0.005)
    (image,) = display.ax_.images
    drawn = np.ma.filled(image.get_array(), np.nan)
    assert np.isnan(np.diag(drawn)).all()
    assert drawn[~np.eye(3, dtype=bool)].tolist() == expected[~np.eye(3, dtype=bool)].tolist()
    assert image.get_clim() == (-1.0 if measure == "kendall" else 0.0, 1.0)


def test_title_says_what_was_measured_on_what():
    comparison = compared()
    display = AgreementDisplay.from_comparison(comparison, k=1, output="setosa")
    title = display.ax_.get_title(loc="left")
    assert title == "feature agreement of the top 1\nmean over 30 rows, setosa"
    display = AgreementDisplay.from_comparison(comparison, measure="spearman")
    assert display.ax_.get_title(loc="left") == "spearman\nmean over 30 rows and 3 outputs"


def test_from_estimator_compares_first():
    model, X, _ = models.diabetes()
    attributions = {"ours": "local_linear", "ones": np.ones((20, 10))}
    display = AgreementDisplay.from_estimator(model, X[:20], attributions, k=2)
    direct = compare_attributions(model, X[:20], attributions, k=2).matrix()
    pd.testing.assert_frame_equal(display.matrix, direct)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.9999, ">0.99"),
        (0.5, "0.50"),
        (np.nan, "–"),
        (-0.25, "−0.25"),
        (-0.001, "0.00"),
    ],
)
def test_one_is_written_only_where_it_is_exactly_that(value, text):
    matrix = pd.DataFrame([[1.0, value], [value, 1.0]], index=["a", "b"], columns=["a", "b"])
    display = AgreementDisplay.from_frame(matrix, measure="spearman")
    assert set(cells(display).values()) == {text}


@pytest.mark.parametrize(
    ("matrix", "error", "match"),
    [
        ([[1.0]], InputTypeError, "matrix must be a square table, got list"),
        (pd.DataFrame([[1.0]]), ArgumentError, "got 1 rows and 1 columns"),
        (pd.DataFrame(np.ones((2, 3))), ArgumentError, "got 2 rows and 3 columns"),
        (
            pd.DataFrame(2.0 * np.ones((2, 2))),
            ArgumentError,
            "between 0 and 1, got 2 to 2",
        ),
    ],
)
def test_what_is_no_table_of_agreement_is_refused(matrix, error, match):
    with pytest.raises(error, match=match):
        AgreementDisplay.from_frame(matrix, measure="feature_agreement")


def test_what_is_no_comparison_and_unknown_measures_are_refused():
    with pytest.raises(InputTypeError, match="what compare_attributions returns, got dict"):
        AgreementDisplay.from_comparison({})
    with pytest.raises(ArgumentError, match="measure must be one of"):
        AgreementDisplay.from_comparison(compared(), measure="taste")
