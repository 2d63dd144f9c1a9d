"""Scores held against scores, beside the size of what they add up."""

import numpy as np
import pytest

from explainrelu.certificate import Exactness, Status
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema, Task
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.tolerances import Tolerances

LIMITS = Tolerances(agreement=1e-6, rounding=1e-12)


def check(found, own, term_size=0.0):
    found, own = (np.array([values], dtype=float) for values in (found, own))
    return scores_check(
        "equal",
        found,
        own,
        term_size=term_size,
        tolerances=LIMITS,
        exactness=Exactness.EXACT,
        detail="",
    )


@pytest.mark.parametrize("unit", [1.0, 2.0**40, 2.0**-60])
def test_the_difference_is_a_share_of_the_largest_score_in_any_unit(unit):
    found = check([1.0 * unit, 8.5 * unit], [1.0 * unit, 8.0 * unit])
    assert (found.value, found.tolerance, found.status) == (1 / 16, 1e-6, Status.FAILS)


@pytest.mark.parametrize(("gap", "status"), [(0.5e-6, Status.HOLDS), (2e-6, Status.FAILS)])
def test_terms_that_cancel_allow_what_rounding_them_may_change(gap, status):
    assert check([1.0 + 2 * gap], [1.0], term_size=2e6).status is status
    assert check([1.0 + 4e-6], [1.0], term_size=1.0).status is Status.FAILS


def test_of_scores_that_are_all_zero_the_terms_are_the_scale():
    found = check([2e-12], [0.0], term_size=4.0)
    assert (found.value, found.tolerance, found.status) == (0.5e-12, 1e-12, Status.HOLDS)
    assert check([1e-9], [0.0], term_size=4.0).status is Status.FAILS
    assert check([1e-300], [0.0]).status is Status.FAILS


def test_a_nan_is_no_equality():
    assert check([np.nan], [1.0]).status is Status.FAILS


def test_the_largest_term_is_that_of_any_row_and_score_of_the_view():
    outputs = OutputSchema(("a", "b"), Task.MULTILABEL)
    network = ReluNetwork.from_weights(
        [[[2.0]], [[1.0], [-3.0]]], [[-1.0], [0.5, 0.0]], outputs=outputs
    )
    points = np.array([[1.0], [-4.0]])  # |h| is at most 2 * 4 + 1
    assert largest_term(network, points) == 27.0
    assert largest_term(network, points, outputs.view("a")) == 9.5
    assert largest_term(network, points, outputs.view(("a", "b"))) == 36.5


def test_terms_beyond_the_range_of_numbers_excuse_nothing():
    network = ReluNetwork.from_weights([[[1e200]], [[1e200]]], [[0.0], [0.0]])
    assert largest_term(network, np.array([[-1.0]])) == 0.0
