from dataclasses import replace

import numpy as np
import pytest

from explainrelu.certificate import Exactness, Status
from explainrelu.errors import ImportCheckError
from explainrelu.importers.check import checked, pattern_drift
from explainrelu.network.network import Origin, ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances
from tests.network.messages import says_all_three

NETWORK = ReluNetwork.from_weights([[[1.0]]], [[0.0]])
NARROW = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[-1.0], [0.0]])
OWN = np.array([[1.0], [-4.0]])


def of(dtype: str) -> ReluNetwork:
    return replace(NETWORK, origin=Origin(dtype=dtype))


def test_the_largest_difference_is_kept_relative_to_the_largest_score():
    network = checked(of("float32"), OWN + np.array([[0.0], [1e-5]]), OWN, what="raw scores")
    (check,) = network.certificate.checks
    assert check.value == pytest.approx(1e-5 / 4.0)
    assert (check.status, check.exactness) == (Status.HOLDS, Exactness.EXACT)
    assert check.name == "import: raw scores equal the model's own"
    assert check.detail == "2 rows, model computes in float32"


def test_scores_below_one_are_compared_absolutely():
    network = checked(NETWORK, np.array([[1e-10]]), np.array([[0.0]]), what="raw scores")
    assert network.certificate.checks[0].value == pytest.approx(1e-10)


def test_checks_add_up_and_the_network_itself_stays():
    once = checked(NETWORK, OWN, OWN, what="raw scores")
    twice = checked(once, OWN, OWN, what="predictions")
    assert [len(n.certificate.checks) for n in (NETWORK, once, twice)] == [0, 1, 2]
    assert twice.fingerprint == NETWORK.fingerprint


@pytest.mark.parametrize(
    ("dtype", "limit"),
    [
        ("float64", DEFAULT_TOLERANCES.agreement),
        ("float32", DEFAULT_TOLERANCES.single_agreement),
        ("float16", DEFAULT_TOLERANCES.half_agreement),
        ("bfloat16", DEFAULT_TOLERANCES.half_agreement),
    ],
)
def test_each_number_format_has_its_limit(dtype: str, limit: float):
    assert checked(of(dtype), OWN + 3.9 * limit, OWN, what="scores").certificate.holds
    with pytest.raises(ImportCheckError, match=f"within {limit:.0e}, got a difference of"):
        checked(of(dtype), OWN + 4.1 * limit, OWN, what="scores")


def test_a_failed_check_says_what_was_compared_and_what_to_do():
    with pytest.raises(ImportCheckError, match=r"model's own probabilities.*2 rows.*report") as e:
        checked(NETWORK, OWN + 1.0, OWN, what="probabilities")
    assert says_all_three(e.value), e.value


def test_limits_are_an_argument():
    with pytest.raises(ImportCheckError, match="within 1e-15"):
        checked(NETWORK, OWN + 1e-12, OWN, what="scores", tolerances=Tolerances(agreement=1e-15))


@pytest.mark.parametrize(("got", "own"), [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0)])
def test_what_is_no_number_is_never_taken_for_agreement(got: float, own: float):
    with pytest.raises(ImportCheckError, match="difference"):
        checked(NETWORK, np.array([[got]]), np.array([[own]]), what="scores")


def test_rows_that_rounding_moves_to_another_region_are_named():
    network = replace(NARROW, origin=Origin(dtype="float32"))
    points = np.array([[2.0], [1.0 + 1e-12], [0.0], [1.0 + 1e-13]])
    check = pattern_drift(network, points)
    assert check.name == "share of rows with another activation pattern in float32"
    assert check.value == 0.5
    assert check.detail == "2 of 4 rows: 1, 3"


def test_of_many_such_rows_the_first_are_named():
    network = replace(NARROW, origin=Origin(dtype="float32"))
    assert pattern_drift(network, np.full((25, 1), 1.0 + 1e-12)).detail.endswith(" and 5 more")


def test_in_float64_no_row_is_named():
    assert pattern_drift(NARROW, np.ones((3, 1))).detail == "0 of 3 rows"
