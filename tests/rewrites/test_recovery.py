import numpy as np
import pytest

from explainrelu.regions.segments import pieces_between
from explainrelu.rewrites.same_parameters import same_parameters
from explainrelu.tolerances import Tolerances
from tests.rewrites.network_orbit import plain_network
from tests.rewrites.recovery import breakpoints, recovered


@pytest.mark.parametrize("seed", range(5))
def test_bends_found_by_queries_are_the_exact_breakpoints_of_the_line(seed):
    network = plain_network((3, 5, 4, 1), seed)
    start, end = np.random.default_rng(seed).normal(size=(2, 3)) * 3.0
    found = breakpoints(network, start, end)
    pieces = pieces_between(network, start[None], end[None])
    slopes = np.diff(pieces.values[:, 0]) / np.diff(pieces.breakpoints)
    bends = pieces.breakpoints[1:-1][np.abs(np.diff(slopes)) > 1e-9]
    np.testing.assert_allclose(found, bends, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_a_one_hidden_layer_network_is_recovered_from_its_answers_alone(seed):
    network = plain_network((3, 5, 1), seed)
    found = recovered(network, 3, 5, seed)
    assert found.widths == (5,)
    assert same_parameters(network, found, tolerances=Tolerances(agreement=1e-5))
