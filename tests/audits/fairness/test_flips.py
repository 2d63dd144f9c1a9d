"""Rows that change their class with their protected columns, against every value tried."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from explainrelu.audits.fairness.alternatives import alternatives_of
from explainrelu.audits.fairness.flips import classes_of, flips_of
from explainrelu.audits.fairness.twin import twin_of
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests import models

WIDE = Box([-3.0] * 3, [3.0] * 3)


def network(seed, n_outputs=1, n_inputs=3):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(8, n_inputs)), rng.normal(size=(n_outputs, 8))]
    return ReluNetwork.from_weights(weights, [rng.normal(size=8), rng.normal(size=n_outputs)])


@pytest.mark.parametrize(("seed", "n_outputs"), [(1, 1), (4, 1), (2, 3), (3, 4)])
def test_an_interval_is_followed_to_its_end(seed, n_outputs):
    net, rng = network(seed, n_outputs), np.random.default_rng(seed)
    numbers = rng.normal(size=(60, 3))
    protected = alternatives_of({"x1": (-2.0, 2.0)}, net.schema, numbers, WIDE)
    found = flips_of(net, numbers, protected, DEFAULT_TOLERANCES).frame
    classes = classes_of(net.forward(numbers))
    flips = np.zeros(60, dtype=bool)
    for value in np.linspace(-2.0, 2.0, 4001):
        changed = numbers.copy()
        changed[:, 1] = value
        flips |= classes_of(net.forward(changed)) != classes
    assert (found["flips"] >= flips).all()  # the grid may miss a class that leads briefly
    assert (found["flips"] != flips).sum() <= 1
    assert 0 < flips.sum() < 60


def test_levels_are_all_tried():
    model, X, _ = models.loan_decisions()
    net = import_model(model, X)
    numbers = net.schema.numbers(X[:40])
    domain = Box.from_data(X, schema=net.schema)
    protected = alternatives_of(["job", "sex"], net.schema, numbers, domain)
    found = flips_of(net, numbers, protected, DEFAULT_TOLERANCES).frame
    classes = classes_of(net.forward(net.schema.spread(numbers)))
    places = [net.schema.names.index(each.column.name) for each in protected]
    expected = np.zeros(40, dtype=bool)
    for values in product(*(each.numbers for each in protected)):
        changed = numbers.copy()
        changed[:, places] = values
        expected |= classes_of(net.forward(net.schema.spread(changed))) != classes
    np.testing.assert_array_equal(found["flips"], expected)


def test_the_values_told_give_the_score_told():
    net = network(1)
    numbers = np.random.default_rng(1).normal(size=(30, 3))
    protected = alternatives_of({"x0": [-1.0, 2.0]}, net.schema, numbers, WIDE)
    found = flips_of(net, numbers, protected, DEFAULT_TOLERANCES).frame
    for row in found.itertuples():
        changed = numbers[row.row].copy()
        changed[0] = float(row.changed_to.removeprefix("x0 = "))
        assert net.forward(changed[None])[0, 0] == pytest.approx(row.score_changed)
        assert row.flips <= ((row.score > 0) != (row.score_changed > 0))


def test_the_twin_is_the_network_twice():
    model, X, _ = models.loan_decisions()
    net = import_model(model, X)
    numbers = net.schema.numbers(X[:50])
    domain = Box.from_data(X, schema=net.schema)
    twin = twin_of(net, domain, alternatives_of(["job"], net.schema, numbers, domain))
    rng = np.random.default_rng(0)
    points = rng.uniform(twin.domain.lower, twin.domain.upper, size=(200, twin.domain.n_inputs))
    both = twin.network.forward(points)
    np.testing.assert_allclose(both[:, :1], net.forward(points[:, twin.own]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        both[:, 1:], net.forward(points[:, twin.other]), rtol=1e-9, atol=1e-9
    )
    [job] = [place for place, name in enumerate(net.schema.names) if name == "job"]
    shared = net.schema.input_columns != job
    np.testing.assert_array_equal(twin.own[shared], twin.other[shared])
    assert not np.intersect1d(twin.own[~shared], twin.other[~shared]).size


def test_a_twin_of_a_linear_model_has_no_units():
    net = ReluNetwork.from_weights([[[1.0, -2.0]]], [[0.5]])
    domain = Box([0.0, 0.0], [1.0, 1.0])
    protected = alternatives_of({"x1": [0.0, 1.0]}, net.schema, np.zeros((1, 2)), domain)
    twin = twin_of(net, domain, protected)
    np.testing.assert_array_equal(twin.network.forward(np.array([[1.0, 0.0, 1.0]])), [[1.5, -0.5]])


BOX = Box([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
MANY = np.random.default_rng(0).random((50, 3))


@pytest.mark.parametrize(
    ("protected", "error", "text"),
    [
        (["gender"], ColumnsError, "not among the model's columns"),
        ([], InputTypeError, "at least one raw column"),
        (7, InputTypeError, "at least one raw column"),
        ({"x0": [1.0]}, ArgumentError, "at least two values"),
        ({"x0": (1.0, 0.0)}, ArgumentError, "lower end below its upper"),
        (["x0", "x1"], ArgumentError, "At most one protected column"),
    ],
)
def test_protected_columns_are_checked(protected, error, text):
    with pytest.raises(error, match=text):
        alternatives_of(protected, network(0).schema, MANY, BOX)


def test_an_unknown_level_is_refused():
    model, X, _ = models.loan_decisions()
    schema = import_model(model, X).schema
    with pytest.raises(ArgumentError, match="no level 'astronaut'"):
        alternatives_of({"job": ["astronaut", "nurse"]}, schema, schema.numbers(X), BOX)


def test_a_number_with_few_values_takes_these():
    numbers = np.column_stack([MANY[:, :2], np.arange(50) % 2])
    [found] = alternatives_of("x2", network(0).schema, numbers, BOX)
    assert (found.interval, found.words) == (None, "0, 1")
    [found] = alternatives_of("x0", network(0).schema, numbers, BOX)
    assert found.interval == (0.0, 1.0)
    assert isinstance(
        flips_of(network(0), numbers, (found,), DEFAULT_TOLERANCES).frame, pd.DataFrame
    )
