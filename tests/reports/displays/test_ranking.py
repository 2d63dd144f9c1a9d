import pytest

from explainrelu.errors import ArgumentError
from explainrelu.explanations.ranking import rank_features
from explainrelu.reports.displays.ranking import RankingDisplay
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
