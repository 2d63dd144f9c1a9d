import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.image import imread

from explainrelu.errors import ArgumentError, ColumnsError
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.reports.displays.region_map import RegionMapDisplay
from tests import models
from tests.reports import pictures

PETALS = ["petal length (cm)", "petal width (cm)"]


def test_region_map_shows_rows_and_columns_by_name():
    model, X, y = models.iris()
    display = RegionMapDisplay.from_estimator(model, X, y, features=PETALS)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == tuple(PETALS)
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["setosa", "versicolor", "virginica"]
    assert sum(len(points.get_offsets()) for points in display.ax_.collections[3:]) == len(X)


def test_region_map_says_that_other_columns_are_held():
    model, X, _ = models.iris()
    display = RegionMapDisplay.from_estimator(model, X, features=PETALS)
    assert display.ax_.get_title(loc="left") == "2 other columns held fixed"


def test_region_map_of_the_score_is_the_networks_own():
    model, X, _ = models.iris()
    display = RegionMapDisplay.from_estimator(
        model, X, features=PETALS, response="score", output="virginica", grid_resolution=5
    )
    network, plane = import_model(model, X), display.plane
    middle = network.forward(plane.encoded(np.array([[0.5, 0.5]])))[0, 2]
    assert display.score[2, 2] == pytest.approx(middle)
    assert display.score_name == "logit of virginica"


def held(display: RegionMapDisplay) -> pd.Series:
    """The raw row in the middle of the plane."""
    middle = display.plane.encoded(np.array([[0.5, 0.5]]))
    return display.plane.network.schema.decode(middle).iloc[0]


def test_region_map_of_a_regression_holds_the_other_columns_at_a_row():
    model, X, _ = models.loans()
    row = X.iloc[0].to_dict()
    display = RegionMapDisplay.from_estimator(model, X, features=["income", "loan_amount"], at=row)
    others = [name for name in X.columns if name not in ("income", "loan_amount")]
    assert held(display)[others].to_dict() == {name: row[name] for name in others}
    assert len(display.pieces) > 1


def test_region_map_holds_some_columns_and_the_others_at_their_means():
    model, X, _ = models.loans()
    display = RegionMapDisplay.from_estimator(
        model, X, features=(1, 2), at={"job": "nurse", "age": 40}
    )
    row = held(display)
    assert (row["job"], row["age"], row["home"]) == ("nurse", 40.0, X["home"].mode()[0])
    assert row["debt_ratio"] == pytest.approx(X["debt_ratio"].mean())
    assert display.ax_.get_xlabel() == "income"


@pytest.mark.parametrize(
    ("at", "match"),
    [
        ({"job": "pilot"}, "'job' has no level 'pilot'"),
        ({"wage": 3}, "No column is called 'wage'"),
        ({"income": 3}, "'income', which is one of features"),
        ({"age": float("nan")}, "finite numbers, got nan for 'age'"),
        ({"age": "old"}, "'age'"),
    ],
)
def test_region_map_refuses_to_hold_a_column_at_what_it_cannot_be(at, match):
    model, X, _ = models.loans()
    with pytest.raises((ArgumentError, ColumnsError), match=match):
        RegionMapDisplay.from_estimator(model, X, features=["income", "loan_amount"], at=at)


def test_plot_draws_on_the_axes_it_is_given_and_returns_the_display():
    model, X, _ = models.iris()
    _, (first, second) = pyplot.subplots(1, 2)
    display = RegionMapDisplay.from_estimator(model, X, features=PETALS, ax=first)
    assert display.ax_ is first
    assert display.plot(ax=second, show_data=False, borders=False) is display
    assert display.ax_ is second
    assert display.figure_ is second.figure


def test_a_column_colours_each_region_by_its_coefficient_there():
    network = ReluNetwork.from_weights([[[1.0, 0.0]], [[3.0]]], [[0.0], [0.0]])
    X = [[-1.0, 0.0], [1.0, 2.0]]
    display = RegionMapDisplay.from_estimator(network, X, response="x0")
    (drawn,) = [c for c in display.ax_.collections if c.get_array() is not None]
    sides = [np.sign(display.plane.raw(piece.middle[None])[0, 0]) for piece in display.pieces]
    assert drawn.get_array().tolist() == [3.0 if side > 0 else 0.0 for side in sides]
    assert display.score_name == "coefficient of x0 (raw score of score)"


def test_unknown_response_is_refused():
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match=r"or a numeric column .* got 'probability'"):
        RegionMapDisplay.from_estimator(model, X, features=PETALS, response="probability")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [({"margin": -0.1}, "margin must be at least 0, got -0.1"), ({"y": [0]}, "one class a row")],
)
def test_a_map_of_wrong_numbers_is_refused(wrong, match):
    network = ReluNetwork.from_weights([[[1.0, 0.0]], [[3.0]]], [[0.0], [0.0]])
    with pytest.raises(ArgumentError, match=match):
        RegionMapDisplay.from_estimator(network, [[-1.0, 0.0], [1.0, 2.0]], **wrong)


def test_picture_of_the_readme_is_what_the_package_draws(tmp_path):
    pictures.write(pictures.two_moons(), tmp_path / "again.png")
    again, kept = imread(tmp_path / "again.png"), imread(pictures.TWO_MOONS)
    assert again.shape == kept.shape
    assert pictures.TWO_MOONS.stat().st_size < 80_000
