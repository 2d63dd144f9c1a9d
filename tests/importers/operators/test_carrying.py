from itertools import chain, combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explainrelu.importers.operators.carrying import COMPUTED, LOST, fewest_carried
from explainrelu.importers.operators.values import (
    AffineVector,
    InputVector,
    Matrix,
    Vector,
    diagonal,
)

Number = tuple[int, int]  # a vector and a position in it


def made_from(*terms: tuple[Matrix, Vector]) -> AffineVector:
    return AffineVector(terms, np.zeros(terms[0][0].shape[0]))


def places(*vectors: Vector, live: list[Vector]) -> dict[Vector, list[int]]:
    """Places behind the first layer, where the first vector is the input."""
    size = vectors[0].size
    units = {v: np.arange(size) if v is vectors[0] else np.full(v.size, COMPUTED) for v in vectors}
    return {v: p.tolist() for v, p in fewest_carried(vectors, live, units, size).items()}


def test_nothing_is_carried_for_nothing():
    assert fewest_carried([], [], {}, 3) == {}


def test_a_narrow_value_is_carried_rather_than_the_units_or_the_wide_one():
    x = InputVector(5)
    narrow = made_from((np.ones((2, 5)), x))
    wide = made_from((np.ones((4, 2)), narrow))
    found = places(x, narrow, wide, live=[wide])
    assert found == {x: [LOST] * 5, narrow: [0, 1], wide: [COMPUTED] * 4}


def test_units_are_carried_where_nothing_smaller_is_at_hand():
    x = InputVector(2)
    wide = made_from((np.ones((4, 2)), x))
    assert places(x, wide, live=[wide])[x] == [0, 1]


def test_a_unit_that_nothing_uses_is_not_carried():
    x = InputVector(3)
    y = made_from((np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]]), x))
    assert places(x, y, live=[y])[x] == [0, LOST, 1]


def test_a_constant_is_never_carried():
    x = InputVector(1)
    y = made_from((np.array([[0.0], [1.0]]), x))
    assert places(x, y, live=[y])[y] == [COMPUTED, COMPUTED]


def test_what_was_lost_stays_lost():
    x = InputVector(1)
    y = made_from((np.array([[1.0]]), x))
    units = {x: np.array([0]), y: np.array([LOST])}
    assert fewest_carried([x, y], [x], units, 1)[y].tolist() == [LOST]


@st.composite
def layered_vectors(draw: st.DrawFn) -> tuple[list[Vector], list[Vector]]:
    """Up to 9 numbers in three vectors, dense and sparse, and those that are live."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=3, max_size=3))
    x = InputVector(sizes[0])
    flags = st.sampled_from([0.0, 1.0])
    first = made_from((draw(hnp.arrays(float, (sizes[1], sizes[0]), elements=flags)), x))
    from_first = draw(hnp.arrays(float, (sizes[2], sizes[1]), elements=flags))
    terms: list[tuple[Matrix, Vector]] = [(from_first, first)]
    if sizes[2] == sizes[0]:
        terms.append((diagonal(np.ones(sizes[0])), x))
    second = made_from(*terms)
    vectors: list[Vector] = [x, first, second]
    return vectors, draw(st.lists(st.sampled_from(vectors), min_size=1, unique_by=id))


@settings(max_examples=150)
@given(layered_vectors())
def test_no_smaller_choice_serves(drawn: tuple[list[Vector], list[Vector]]):
    vectors, live = drawn
    found = places(*vectors, live=live)
    carried = {n for n in numbers(vectors) if found[vectors[n[0]]][n[1]] >= 0}
    assert serves(vectors, live, carried)
    smaller = (set(c) for c in subsets(numbers(vectors), len(carried) - 1))
    assert not any(serves(vectors, live, choice) for choice in smaller)


def numbers(vectors: list[Vector]) -> list[Number]:
    return [(v, i) for v, vector in enumerate(vectors) for i in range(vector.size)]


def subsets(items: list[Number], largest: int) -> chain[tuple[Number, ...]]:
    return chain.from_iterable(combinations(items, size) for size in range(largest + 1))


def serves(vectors: list[Vector], live: list[Vector], carried: set[Number]) -> bool:
    """Whether every live number is carried or follows from numbers that are."""
    known = set(carried)
    for v, vector in enumerate(vectors):
        if isinstance(vector, AffineVector):
            for i in range(vector.size):
                needed = {
                    (vectors.index(source), j)
                    for matrix, source in vector.terms
                    for j in np.flatnonzero((matrix @ np.eye(source.size))[i]).tolist()
                }
                known |= {(v, i)} if needed <= known else set()
    return {(vectors.index(v), i) for v in live for i in range(v.size)} <= known
