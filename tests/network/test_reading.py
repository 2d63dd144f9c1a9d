import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.reading import read
from explainrelu.network.schema import InputSchema
from tests.strategies import arrays

SCHEMA = InputSchema.numeric(["a", "b", "c", "d"])


def value(reading, schema, point):
    inputs = dict(zip(schema.input_names, point, strict=True))
    return reading.constant + sum(t.coefficient * inputs[t.name] for t in reading.terms)


@given(arrays((4,)), arrays((2, 4)), arrays((4,)), arrays((6, 4)), st.integers(1, 4))
def test_reading_is_true_within_its_slack_in_the_whole_domain(weight, ends, at, rows, most):
    domain = Box(ends.min(axis=0), ends.max(axis=0))
    at, rows = (np.clip(x, domain.lower, domain.upper) for x in (at, rows))
    found = read(weight, 0.5, SCHEMA, domain, at=at, max_terms=most)
    for row in rows:
        gap = abs(value(found, SCHEMA, row) - (weight @ row + 0.5))
        assert gap <= found.slack + 1e-9


@given(arrays((4,)), arrays((2, 4)), arrays((4,)), st.integers(1, 4))
def test_reading_is_exact_where_the_others_are_held(weight, ends, at, most):
    domain = Box(ends.min(axis=0), ends.max(axis=0))
    at = np.clip(at, domain.lower, domain.upper)
    found = read(weight, 0.5, SCHEMA, domain, at=at, max_terms=most)
    assert len(found.terms) <= most
    assert abs(value(found, SCHEMA, at) - (weight @ at + 0.5)) <= 1e-9


def test_largest_terms_over_the_domain_come_first():
    domain = Box([0, 0, 0, 0], [1, 100, 1, 1])
    found = read(np.array([5.0, 1.0, 2.0, 0.0]), 0.0, SCHEMA, domain, at=np.zeros(4), max_terms=2)
    assert [term.name for term in found.terms] == ["b", "a"]
    assert found.n_held == 1


def test_terms_that_hardly_move_the_form_are_held():
    domain = Box(np.zeros(4), np.ones(4))
    weight = np.array([1.0, 0.001, 0.0, 0.0])
    found = read(weight, 0.0, SCHEMA, domain, at=np.ones(4), max_terms=4)
    assert [term.name for term in found.terms] == ["a"]
    assert found.nearly_all
    assert found.slack == 0.001


def test_levels_are_counted_from_the_first():
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
    schema, domain = InputSchema((job,)), Box([0, 0], [1, 1])
    found = read(np.array([5.0, 5.5]), 1.0, schema, domain, at=np.array([1, 0]), max_terms=3)
    assert [(term.name, term.coefficient) for term in found.terms] == [("job = nurse", 0.5)]
    assert found.constant == 6.0


def test_a_form_is_written_by_its_largest_terms_with_what_the_others_can_change():
    domain = Box([0.0] * 4, [1.0] * 4)
    weight = np.array([0.001, 5.0, -2.0, 0.002])
    found = read(weight, 1.0, SCHEMA, domain, at=np.full(4, 0.5), max_terms=3)
    assert found.text() == "1.002 + 5 * b - 2 * c ± 0.0015"
    assert found.text(right=">") == "5 * b - 2 * c > -1.002 ± 0.0015"


def test_terms_that_matter_are_counted_rather_than_told_as_a_bound():
    domain = Box([0.0] * 4, [1.0] * 4)
    found = read(np.ones(4), 0.0, SCHEMA, domain, at=np.zeros(4), max_terms=2)
    assert found.text() == "0 + a + b (2 more terms, held)"
