from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional as F

from explainrelu.errors import ModelError
from tests.importers.operators.running import lowered, run, widths
from tests.strategies import arrays

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)
TENSORS = SHAPES.flatmap(lambda shape: arrays(shape, integer=True))

EXTREMES = {"reduce_max": torch.amax, "reduce_min": torch.amin}
SUMS = {"reduce_sum": torch.sum, "reduce_mean": torch.mean}


def some_axes(draw: st.DrawFn, n_axes: int) -> tuple[int, ...]:
    """At least one axis, in any order, counted from either end."""
    chosen = draw(st.lists(st.integers(0, n_axes - 1), min_size=1, unique=True))
    return tuple(axis - n_axes * draw(st.integers(0, 1)) for axis in chosen)


@pytest.mark.parametrize("op", EXTREMES)
@settings(max_examples=80, deadline=None)
@given(x=TENSORS, keep=st.integers(0, 1), behind=st.sampled_from([None, "relu"]), data=st.data())
def test_an_extreme_over_axes_is_that_of_torch_exactly(
    op: str, x: np.ndarray, keep: int, behind: str | None, data: st.DataObject
):
    axes = some_axes(data.draw, x.ndim)
    taken = torch.tensor(x if behind is None else np.maximum(x, 0.0))
    expected = EXTREMES[op](taken, axes, bool(keep)).numpy()
    found = run(op, x, shape=expected.shape, behind=behind, axes=axes, keep=keep)
    assert np.array_equal(found, expected.reshape(-1))


@pytest.mark.parametrize("op", SUMS)
@settings(max_examples=80, deadline=None)
@given(x=TENSORS, keep=st.integers(0, 1), data=st.data())
def test_a_sum_over_axes_is_that_of_torch(op: str, x: np.ndarray, keep: int, data: st.DataObject):
    axes = some_axes(data.draw, x.ndim)
    expected = SUMS[op](torch.tensor(x), axes, bool(keep)).numpy()
    found = run(op, x, shape=expected.shape, axes=axes, keep=keep)
    assert np.allclose(found, expected.reshape(-1), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("op", [*EXTREMES, *SUMS])
def test_over_no_axis_nothing_is_reduced(op: str):
    x = np.array([[3.0, -1.0], [0.0, 2.0]])
    assert run(op, x, shape=(2, 2), axes=(), keep=0).tolist() == [3.0, -1.0, 0.0, 2.0]


@pytest.mark.parametrize("op", EXTREMES)
def test_an_extreme_takes_one_rectified_unit_less_than_numbers_in_the_fewest_layers(op: str):
    chain = lowered(op, (3, 3), axes=(0, 1), keep=0)
    assert widths(chain) == [(4, 5), (2, 3), (1, 2), (1, 1)]


@pytest.mark.parametrize("op", [*EXTREMES, *SUMS])
@pytest.mark.parametrize(
    ("axes", "message"),
    [((2,), "an axis among 2, got 2"), ((0, -2), "different axes"), (0, "a tuple of integers")],
)
def test_axes_that_are_not_there_are_refused(op: str, axes: Any, message: str):
    with pytest.raises(ModelError, match=message):
        lowered(op, (2, 3), axes=axes, keep=0)


# ------------------------------------------------------------------------------------------
# Padding.


@settings(max_examples=150, deadline=None)
@given(TENSORS, st.sampled_from([0.0, -2.5]), st.data())
def test_a_margin_is_that_of_torch_below_zero_too(x: np.ndarray, value: float, data: st.DataObject):
    before = tuple(data.draw(st.integers(1 - n, 2)) for n in x.shape)
    after = tuple(
        data.draw(st.integers(1 - n - min(low, 0), 2))
        for n, low in zip(x.shape, before, strict=True)
    )
    margins = [m for pair in zip(reversed(before), reversed(after), strict=True) for m in pair]
    expected = F.pad(torch.tensor(x), margins, value=value).numpy()
    found = run("pad", x, shape=expected.shape, before=before, after=after, value=value)
    assert np.array_equal(found, expected.reshape(-1))


def test_a_margin_makes_no_layer():
    assert lowered("pad", (2,), before=(1,), after=(1,), value=3.0).layers == ()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ((1,), (1,), r"a margin for each axis, not \(1,\) and \(1,\), got shape \(2, 3\)"),
        ((0, -2), (0, -1), "at least one number to be left"),
    ],
)
def test_a_margin_that_does_not_fit_is_refused(before: Any, after: Any, message: str):
    with pytest.raises(ModelError, match=message):
        lowered("pad", (2, 3), before=before, after=after, value=0.0)


def test_a_margin_of_infinity_is_refused():
    with pytest.raises(ModelError, match=r"'value' .* must be a finite number, got -inf"):
        lowered("pad", (2,), before=(1,), after=(0,), value=-np.inf)
