import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError
from explainrelu.importers.import_model import import_model
from explainrelu.network.patterns import activation_patterns
from explainrelu.reports.region_slice import Plane, cut_plane, decide, two_columns
from tests import models
from tests.strategies import arrays, relu_networks


def area(corners):
    x, y = corners.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


@st.composite
def planes(draw, **options):
    """A network and a square in its input space, mostly a real one."""
    network = draw(relu_networks(**options))
    return network, *(draw(arrays((network.n_inputs,))) for _ in range(3))


def inside(corners, rng):
    """Points well inside a convex polygon."""
    weight = 0.05 + rng.random((4, len(corners)))
    return (weight / weight.sum(axis=1, keepdims=True)) @ corners


@given(planes())
def test_pieces_fill_the_square(plane):
    assert sum(area(piece.corners) for piece in cut_plane(*plane)) == pytest.approx(1.0)


@given(planes())
def test_scores_of_a_piece_are_the_networks_own(plane):
    network, origin, first, second = plane
    rng = np.random.default_rng(0)
    for piece in cut_plane(*plane):
        places = inside(piece.corners, rng)
        points = origin + places @ np.stack([first, second])
        own = network.forward(points)
        np.testing.assert_allclose(piece.values(places), own, rtol=1e-6, atol=1e-6)


def test_every_piece_has_one_activation_pattern_and_no_other_piece_has_it():
    model, X, _ = models.breast_cancer()
    network = import_model(model, X)
    pair = two_columns(network, ["worst radius", "worst texture"])
    limits = np.array([[7.0, 37.0], [12.0, 50.0]])
    plane = Plane(network, pair, limits, network.schema.numbers(X).mean(axis=0))
    rng, seen = np.random.default_rng(0), []
    for piece in plane.pieces():
        patterns = activation_patterns(network, plane.encoded(inside(piece.corners, rng)))
        assert (patterns == patterns[0]).all()
        seen.append(patterns[0].tobytes())
    assert len(set(seen)) == len(seen) > 1


def test_decision_boundary_is_where_the_two_best_classes_are_equal():
    model, X, _ = models.iris()
    network = import_model(model, X)
    pair = two_columns(network, ["petal length (cm)", "petal width (cm)"])
    limits = np.array([[1.0, 7.0], [0.0, 2.5]])
    plane = Plane(network, pair, limits, network.schema.numbers(X).mean(axis=0))
    found = [(piece, *decide(network, piece)) for piece in plane.pieces()]
    for piece, parts, boundary in found:
        assert sum(area(corners) for corners, _ in parts) == pytest.approx(area(piece.corners))
        for line in boundary:
            best = np.sort(network.forward(plane.encoded(line)), axis=1)[:, -2:]
            np.testing.assert_allclose(best[:, 0], best[:, 1], atol=1e-6)
    assert {winner for _, parts, _ in found for _, winner in parts} == {0, 1, 2}


def test_parts_are_of_the_class_that_the_model_predicts():
    model, X, _ = models.breast_cancer()
    network = import_model(model, X)
    pair = two_columns(network, ["worst radius", "worst texture"])
    limits = np.array([[7.0, 37.0], [12.0, 50.0]])
    plane = Plane(network, pair, limits, network.schema.numbers(X).mean(axis=0))
    for piece in plane.pieces():
        for corners, winner in decide(network, piece)[0]:
            middle = network.forward(plane.encoded(corners.mean(axis=0)[None]))[0, 0]
            assert (middle > 0) == bool(winner)


def test_columns_are_taken_by_name_or_position():
    model, X, _ = models.loans()
    network = import_model(model, X)
    assert two_columns(network, ["income", "age"]) == two_columns(network, (1, 0)) == (1, 0)


@pytest.mark.parametrize(
    ("features", "match"),
    [
        (None, "needs two columns, got a model of 12"),
        (["age"], "two different columns"),
        (["age", "age"], "two different columns"),
        ("ag", "two different columns, got 'ag'"),
        ([0, "age"], "two different columns"),
        ([0, 12], "positions from 0 to 11, got 12"),
        (["age", "job"], "'job', which is categorical.*at="),
    ],
)
def test_columns_that_make_no_plane_are_refused(features, match):
    model, X, _ = models.loans()
    with pytest.raises(ArgumentError, match=match):
        two_columns(import_model(model, X), features)


def test_grid_of_one_pixel_is_refused():
    model, X, _ = models.iris()
    plane = Plane(import_model(model, X), (0, 1), np.array([[0.0, 1.0]] * 2), np.zeros(4))
    with pytest.raises(ArgumentError, match="grid_resolution must be at least 2, got 1"):
        plane.scores(1)
