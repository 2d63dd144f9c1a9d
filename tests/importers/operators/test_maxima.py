from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.importers.operators.maxima import ABSENT, largest, smallest
from explainrelu.importers.operators.scheduling import schedule
from explainrelu.importers.operators.values import InputVector, Value, constant, rectify
from tests.strategies import arrays

BOTH = pytest.mark.parametrize(("extreme", "builtin"), [(largest, max), (smallest, min)])


@st.composite
def windows(draw: st.DrawFn, size: int) -> np.ndarray:
    """Any windows along an axis: in any order, gaps anywhere, at least one number in each."""
    width = draw(st.integers(1, 5))
    entry = st.integers(ABSENT, size - 1)
    row = st.lists(entry, min_size=width, max_size=width).filter(
        lambda row: max(row) > ABSENT and not any(row.count(place) > 1 for place in range(size))
    )
    return np.array(draw(st.lists(row, min_size=1, max_size=5)))


@BOTH
@settings(max_examples=200)
@given(data=st.data())
def test_each_window_gives_its_extreme_by_brute_force(extreme, builtin, data: st.DataObject):
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    x = data.draw(arrays(shape, integer=True))
    chosen = {axis: data.draw(windows(size)) for axis, size in enumerate(shape)}
    found = extreme(constant(x), chosen).fixed
    for (i, rows), (j, columns) in product(enumerate(chosen[0]), enumerate(chosen[1])):
        covered = [x[a, b] for a, b in product(rows, columns) if ABSENT not in (a, b)]
        assert found[i, j] == builtin(covered)


@BOTH
def test_windows_of_one_number_make_no_layer(extreme, builtin):
    x = Value((3,), InputVector(3))
    single = np.array([[0, ABSENT, ABSENT], [ABSENT, 2, ABSENT]])
    layers, output = schedule(extreme(x, {0: single}).vector, 3)
    assert layers == ()
    assert np.asarray(output.weight @ np.array([5.0, 6.0, 7.0])).tolist() == [5.0, 7.0]


@BOTH
def test_numbers_in_no_window_take_no_unit(extreme, builtin):
    x = Value((9, 9), InputVector(81))
    # every other row and column, in windows that overlap
    rows, columns = np.array([[0, 2, 4], [4, 6, 8]]), np.array([[0, 2], [2, 4], [4, 6]])
    layers, _ = schedule(extreme(x, {0: rows, 1: columns}).vector, 81)
    # two pairs a window of rows in each of 4 columns, then one a window of both
    assert sum(layer.n_rectified for layer in layers) == 2 * 2 * 4 + 2 * 3


@BOTH
def test_windows_that_are_the_same_share_all_their_units(extreme, builtin):
    x = Value((4,), InputVector(4))
    layers, _ = schedule(extreme(x, {0: np.array([[0, 1, 2, 3]] * 5)}).vector, 4)
    assert [layer.n_rectified for layer in layers] == [2, 1]


@BOTH
def test_what_was_rectified_is_rectified_afterwards(extreme, builtin):
    x = rectify(Value((4,), InputVector(4)))
    layers, output = schedule(extreme(x, {0: np.arange(4)[None]}).vector, 4)
    assert [layer.n_rectified for layer in layers] == [2, 1, 1]
    assert output.weight.tolist() == [[1.0]]
