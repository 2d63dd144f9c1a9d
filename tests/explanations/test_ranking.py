"""Importance by region coefficients, against the formulas written out row by row."""

import numpy as np
import pandas as pd
import pytest

from explainrelu.command_line.layouts import ranking_text
from explainrelu.errors import ArgumentError
from explainrelu.explanations.explain import explain
from explainrelu.explanations.ranking import rank_features
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import observed_regions
from explainrelu.reports.displays.ranking import RankingDisplay
from explainrelu.rewrites.convert import convert
from tests import models

EVERY_MODEL = ["breast_cancer", "iris", "diabetes", "loans", "loan_decisions"]


def row_coefficients(model, X, output=None):
    """The coefficients of each row's region: the network, and (n_samples, n_scores, n_inputs)."""
    regions = observed_regions(model, X)
    view = regions.network.outputs.view(output)
    return regions.network, regions.affine_maps(view)[0][regions.rows]


def by_hand(model, X, by):
    """The three formulas, one column after the other, straight from their definition."""
    network, weight = row_coefficients(model, X)
    values = np.abs(explain(model, X).values).reshape(len(X), X.shape[1], -1)
    result = {}
    for j, column in enumerate(network.schema.columns):
        block = weight[:, :, list(network.schema.groups[column.name])]
        if by == "contribution":
            size = values[:, j].mean(axis=0)
        elif column.kind is ColumnKind.CATEGORICAL:
            share = X[column.name].value_counts(normalize=True).reindex(column.levels, fill_value=0)
            mean = (block * share.to_numpy()).sum(axis=2, keepdims=True)
            spread = np.sqrt(((block - mean) ** 2 * share.to_numpy()).sum(axis=2))
            size = (np.ptp(block, axis=2) if by == "coefficient" else spread).mean(axis=0)
        else:
            size = np.abs(block[:, :, 0]).mean(axis=0)
            size = size if by == "coefficient" else size * X[column.name].std(ddof=0)
        result[column.name] = size
    return result


@pytest.mark.parametrize("name", EVERY_MODEL)
@pytest.mark.parametrize("by", ["effect", "contribution", "coefficient"])
def test_importance_is_the_stated_formula(name, by):
    model, X, _ = getattr(models, name)()
    ranking, truth = rank_features(model, X, by=by), by_hand(model, X, by)
    for k, (_, block) in enumerate(ranking.groupby("output", sort=False)):
        if block["output"].iloc[0] != "overall":
            expected = [truth[feature][k] for feature in block["feature"]]
            np.testing.assert_allclose(block["importance"], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_each_output_is_ranked_from_one_and_shares_add_up(name):
    model, X, _ = getattr(models, name)()
    for _, block in rank_features(model, X).groupby("output", sort=False):
        assert block["rank"].tolist() == list(range(1, X.shape[1] + 1))
        assert block["importance"].is_monotonic_decreasing
        assert block["share"].sum() == pytest.approx(1.0)


def test_overall_is_the_mean_of_the_outputs():
    model, X, _ = models.iris()
    table = rank_features(model, X).pivot_table(
        index="feature", columns="output", values="importance"
    )
    np.testing.assert_allclose(table["overall"], table.drop(columns="overall").mean(axis=1))


def test_an_output_called_overall_is_told_from_the_mean():
    schema = OutputSchema(("overall", "engine"))
    network = ReluNetwork.from_weights([[[1.0], [3.0]]], [[0.0, 0.0]], outputs=schema)
    ranking = rank_features(network, [[-1.0], [1.0]])
    assert ranking.set_index("output")["importance"].to_dict() == {
        "overall": 1.0,
        "engine": 3.0,
        "overall (mean)": 2.0,
    }
    assert RankingDisplay.from_frame(ranking).ranking["importance"].tolist() == [2.0]
    text = ranking_text(ranking)
    assert "mean over 2 outputs" in text
    assert text.splitlines()[-1].split()[2] == "2"


def test_the_only_output_may_be_called_overall():
    network = ReluNetwork.from_weights([[[1.0]]], [[0.0]], outputs=OutputSchema(("overall",)))
    text = ranking_text(rank_features(network, [[-1.0], [1.0]]))
    assert "Score: raw score of overall" in text
    assert "outputs" not in text


def test_one_output_has_no_overall():
    model, X, _ = models.breast_cancer()
    assert set(rank_features(model, X)["output"]) == {"malignant"}


def test_sign_and_mean_coefficient_are_those_of_the_rows():
    model, X, _ = models.breast_cancer()
    _, weight = row_coefficients(model, X)
    table = rank_features(model, X).set_index("feature").loc[X.columns]
    np.testing.assert_allclose(table["mean_coefficient"], weight[:, 0].mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(table["positive_share"], (weight[:, 0] > 0).mean(axis=0))


def test_a_categorical_column_has_no_single_coefficient():
    model, X, _ = models.loans()
    table = rank_features(model, X).set_index("feature")
    assert table.loc[["home", "job", "purpose", "sex"], "mean_coefficient"].isna().all()
    assert table.drop(index=["home", "job", "purpose", "sex"])["mean_coefficient"].notna().all()
    assert table["positive_share"].between(0, 1).all()


def test_the_positive_share_of_a_categorical_column_counts_rows_above_the_mean_level():
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", "pilot"))
    network = ReluNetwork.from_weights([[[1.0, 5.0, -3.0]]], [[0.0]], schema=InputSchema((job,)))
    X = pd.DataFrame({"job": ["nurse", "nurse", "pilot", "clerk", "clerk", "clerk", "clerk"]})
    # the mean over the rows is 11 / 7: a nurse lies above it, a clerk and a pilot below
    assert rank_features(network, X)["positive_share"].tolist() == [pytest.approx(2 / 7)]


def test_coefficients_are_marked_as_not_comparable_and_carry_their_unit():
    model, X, _ = models.breast_cancer()
    table = rank_features(model, X, by="coefficient")
    assert not table["comparable"].any()
    assert table["unit"].str.startswith("log-odds per ").all()
    assert rank_features(model, X)["comparable"].all()


def test_chunks_of_regions_give_the_same_ranking(monkeypatch):
    model, X, _ = models.loans()
    whole = rank_features(model, X)
    monkeypatch.setattr("explainrelu.regions.region_set._CHUNK_VALUES", 100)
    pd.testing.assert_frame_equal(rank_features(model, X), whole, rtol=1e-12)


def by_points_of_the_box(shallow, X, by, output):
    """The formulas with coefficients at many points of the box in place of those of rows."""
    schema, view = shallow.source.schema, shallow.source.outputs.view(output)
    points = shallow.regions.domain.sample(100_000, np.random.default_rng(5))
    weight = shallow.regions.affine_maps(view)[0][shallow.regions.locate_points(points)]
    size = np.abs(weight).mean(axis=0)
    spread = schema.numbers(X).std(axis=0) if by == "effect" else 1.0
    return size * spread, weight.mean(axis=0), (weight > 0).mean(axis=0)


@pytest.mark.parametrize("by", ["effect", "coefficient"])
def test_weights_by_volume_are_means_over_the_box(by):
    model, X, _ = models.iris()
    shallow = convert(model, domain=Box.from_data(X))
    table = rank_features(shallow, X, by=by, weight="volume", output="setosa")
    size, mean, positive = by_points_of_the_box(shallow, X, by, "setosa")
    block = table.set_index("feature").loc[X.columns]
    np.testing.assert_allclose(block["importance"], size[0], rtol=0.02)
    np.testing.assert_allclose(block["mean_coefficient"], mean[0], atol=0.02)
    np.testing.assert_allclose(block["positive_share"], positive[0], atol=0.01)
    assert set(table["weight"]) == {"volume"}
    assert set(table["exactness"]) == {"exact"}


def test_levels_count_by_their_frequency_where_regions_count_by_volume():
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", "pilot"))
    network = ReluNetwork.from_weights([[[1.0, 5.0, -3.0]]], [[0.0]], schema=InputSchema((job,)))
    X = pd.DataFrame({"job": ["nurse", "nurse", "pilot", "clerk", "clerk", "clerk", "clerk"]})
    shallow = convert(network, domain=Box([0, 0, 0], [1, 1, 1]))
    one_region = rank_features(shallow, X, weight="volume")
    other = rank_features(network, X)
    pd.testing.assert_frame_equal(
        one_region.drop(columns="weight"), other.drop(columns="weight"), rtol=1e-12
    )


def test_volumes_that_are_estimated_are_marked_so():
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(4, 7)), rng.normal(size=(1, 4))], [rng.normal(size=4), [0.0]]
    )
    shallow = convert(network, domain=Box([-1.0] * 7, [1.0] * 7))
    X = rng.normal(size=(20, 7))
    assert set(rank_features(shallow, X, weight="volume")["exactness"]) == {"estimated"}
    assert set(rank_features(shallow, X)["exactness"]) == {"exact"}


def test_rows_weigh_as_before_for_a_model_converted_over_a_box():
    model, X, _ = models.iris()
    shallow = convert(model, domain=Box.from_data(X))
    pd.testing.assert_frame_equal(rank_features(shallow, X), rank_features(model, X), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight": "size"}, "one of data, volume, got 'size'"),
        ({"weight": "volume"}, r"needs the regions of a box.*got ThreeLayerNetwork"),
    ],
)
def test_a_weight_that_there_is_not_is_refused(options, words):
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match=words):
        rank_features(convert(model, X), X, **options)


def test_contributions_are_not_weighed_by_volume():
    model, X, _ = models.iris()
    shallow = convert(model, domain=Box.from_data(X))
    with pytest.raises(ArgumentError, match="contribution' is a mean over rows"):
        rank_features(shallow, X, by="contribution", weight="volume")


def test_another_way_is_refused_with_the_known_ones():
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match="one of effect, contribution, coefficient, got 'gain'"):
        rank_features(model, X, by="gain")


def test_a_single_row_has_no_spread_to_rank_by():
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match="several rows, got a single one"):
        rank_features(model, X[:1])
    assert (rank_features(model, X[:1], by="coefficient")["importance"] > 0).any()
