import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.importers.operators.values import (
    AffineVector,
    InputVector,
    Value,
    affine,
    constant,
    diagonal,
    gather,
    rectify,
    selection,
)

X = Value((3,), InputVector(3))


def test_terms_that_are_constant_are_added_into_the_bias():
    total = affine((2,), [(np.eye(2), constant(np.array([1.0, 2.0])))], np.array([10.0, 20.0]))
    assert total.fixed is not None
    assert total.fixed.tolist() == [11.0, 22.0]


def test_a_constant_is_rectified_at_once():
    fixed = rectify(constant(np.array([-1.0, 2.0]))).fixed
    assert fixed is not None
    assert fixed.tolist() == [0.0, 2.0]


def test_what_is_rectified_stays_as_it_is():
    once = rectify(X)
    assert rectify(once) is once


def test_a_gather_that_moves_nothing_only_reshapes():
    assert gather(X, np.arange(3).reshape(3, 1)).vector is X.vector


def test_a_gather_takes_values_by_position():
    taken = gather(constant(np.array([5.0, 6.0, 7.0])), np.array([[2], [0], [2]]))
    assert taken.fixed is not None
    assert taken.fixed.tolist() == [[7.0], [5.0], [7.0]]


def test_a_vector_knows_what_it_is_made_from():
    total = affine((3,), [(diagonal(np.ones(3)), X)])
    assert isinstance(total.vector, AffineVector)
    assert total.vector.sources == (X.vector,)
    assert total.fixed is None


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_a_selection_matrix_takes_the_entries_named(index: list[int]):
    entries = np.arange(5.0) * 10
    assert (selection(np.array(index), 5) @ entries).tolist() == [10.0 * i for i in index]
