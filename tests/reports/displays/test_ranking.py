import numpy as np
import pandas as pd
import pytest

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.ranking import rank_features
from explainrelu.reports.displays.ranking import RankingDisplay
from explainrelu.reports.numbers import percent
from tests import models


def test_ranking_display_shows_the_largest_at_the_top():
    model, X, _ = models.loans()
    display = RankingDisplay.from_estimator(model, X, max_features=4)
    shown = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert shown == rank_features(model, X)["feature"].head(4).tolist()
    assert display.ax_.yaxis_inverted()


def test_ranking_display_takes_the_overall_ranking_or_an_output():
    ranking = rank_features(*models.iris()[:2])
    assert set(RankingDisplay.from_frame(ranking).ranking["output"]) == {"overall"}
    chosen = RankingDisplay.from_frame(ranking, output="setosa")
    assert set(chosen.ranking["output"]) == {"setosa"}


def test_ranking_display_names_the_outputs_there_are():
    ranking = rank_features(*models.iris()[:2])
    with pytest.raises(ArgumentError, match="one of setosa, versicolor, virginica, overall"):
        RankingDisplay.from_frame(ranking, output="rose")


def test_ranking_display_shows_in_how_many_rows_a_column_raises_the_score():
    model, X, _ = models.breast_cancer()
    display = RankingDisplay.from_estimator(model, X, max_features=12)
    shares = display.ranking["positive_share"]
    *texts, heading = [text.get_text() for text in display.ax_.texts]
    assert texts == [percent(share) for share in shares]
    assert heading == "raises in"
    bars = [bar for bars in display.ax_.containers for bar in bars if bar.get_height() < 0.3]
    whole, raises, lowers = (np.array([bar.get_width() for bar in bars[k::3]]) for k in range(3))
    np.testing.assert_allclose(raises / whole, shares)
    np.testing.assert_allclose(lowers / whole, 1.0 - shares)


def test_a_mean_over_outputs_has_no_share_and_shares_can_be_left_out():
    assert not RankingDisplay.from_estimator(*models.iris()[:2]).ax_.texts
    display = RankingDisplay.from_estimator(*models.breast_cancer()[:2], show_shares=False)
    assert not display.ax_.texts


@pytest.mark.parametrize(
    ("ranking", "error", "match"),
    [
        ([1.0], InputTypeError, "a table of rank_features, got list"),
        (pd.DataFrame({"feature": ["a"]}), ArgumentError, "got columns feature"),
    ],
)
def test_what_is_no_ranking_is_refused(ranking, error, match):
    with pytest.raises(error, match=match):
        RankingDisplay.from_frame(ranking)


def test_a_ranking_of_no_bars_is_refused():
    with pytest.raises(ArgumentError, match="max_features must be a whole number of at least 1"):
        RankingDisplay.from_estimator(*models.iris()[:2], max_features=0)
