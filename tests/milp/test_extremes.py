from itertools import pairwise

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, SolverError
from explainrelu.geometry.box import Box
from explainrelu.milp import solving
from explainrelu.milp.difference import largest_difference
from explainrelu.milp.encoding import encode
from explainrelu.milp.extremes import extremes
from explainrelu.milp.solving import Program, SolveStatus
from explainrelu.milp.stability import stability
from explainrelu.network.difference import difference_network
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from tests.milp.networks import extremes_of_regions, random_network

CUBE = Box([-2.0] * 3, [2.0] * 3)
HARD = random_network((12, 40, 40, 1), 0), Box([-2.0] * 12, [2.0] * 12)


@pytest.mark.parametrize("carried", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_bounds_equal_the_extremes_over_enumerated_regions(seed, carried):
    network = random_network((3, 6, 5, 4, 1), seed, carried)
    found = extremes(network, CUBE)
    low, high = extremes_of_regions(enumerate_regions(network, CUBE))
    assert found.status is SolveStatus.OPTIMAL
    assert [found.lower, found.smallest.value] == pytest.approx([low[0]] * 2, abs=1e-8)
    assert [found.upper, found.largest.value] == pytest.approx([high[0]] * 2, abs=1e-8)


def test_a_witness_is_replayed_through_the_network():
    network = random_network((3, 6, 5, 4, 1), 0)
    for end in (extremes(network, CUBE).smallest, extremes(network, CUBE).largest):
        assert CUBE.contains(end.witness[None])[0]
        assert network.forward(end.witness[None])[0, 0] == end.value
        assert end.replay_difference <= 1e-6


def test_a_time_limit_leaves_the_bounds_undecided_and_sound():
    network, box = HARD
    found = extremes(network, box, time_limit=0.2)
    scores = network.forward(box.sample(2000, np.random.default_rng(0)))
    assert found.status is SolveStatus.UNDECIDED
    assert found.largest.gap > 0
    assert found.lower <= scores.min() <= scores.max() <= found.upper
    assert found.lower <= found.smallest.value <= found.largest.value <= found.upper


def test_a_solver_that_fails_is_an_error(monkeypatch):
    network = random_network((3, 6, 5, 1), 1)

    class Broken(Program):
        def _outcome(self, seconds):
            self._model.getModelStatus = lambda: self._known.kSolveError
            return super()._outcome(seconds)

    monkeypatch.setattr("explainrelu.milp.extremes.Program", Broken)
    with pytest.raises(SolverError, match="must end in an optimum"):
        extremes(network, CUBE)


def test_no_point_at_all_is_an_error(monkeypatch):
    class Empty(Program):
        def _outcome(self, seconds):
            nothing = solving.SolveStatus.INFEASIBLE
            return solving.Outcome(nothing, -np.inf, -np.inf, np.zeros(0), seconds)

    monkeypatch.setattr("explainrelu.milp.extremes.Program", Empty)
    with pytest.raises(SolverError, match="has a score at every row"):
        extremes(random_network((3, 6, 5, 1), 1), CUBE)


def test_one_of_several_scores_must_be_named():
    network = random_network((3, 4, 2), 0)
    with pytest.raises(ArgumentError, match="output must name one of the scores output 0"):
        extremes(network, CUBE)
    assert extremes(network, CUBE, output="output 1").status is SolveStatus.OPTIMAL


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_limit_that_is_no_time_is_refused(limit):
    with pytest.raises(ArgumentError, match="positive number of seconds"):
        extremes(random_network((3, 4, 1), 0), CUBE, time_limit=limit)


@pytest.mark.parametrize("depth", [(3, 5, 4, 2), (3, 6, 2), (3, 2)])
def test_the_difference_network_is_the_difference(depth):
    a, b = random_network((3, 5, 4, 2), 0, 0.3), random_network(depth, 1)
    points = CUBE.sample(200, np.random.default_rng(0))
    expected = a.forward(points) - b.forward(points)
    np.testing.assert_allclose(difference_network(a, b).forward(points), expected, atol=1e-12)


def test_the_largest_difference_is_that_over_the_joint_regions():
    a, b = random_network((3, 5, 4, 2), 0, 0.3), random_network((3, 4, 2), 1)
    found = largest_difference(a, b, CUBE)
    low, high = extremes_of_regions(enumerate_regions(difference_network(a, b), CUBE))
    assert found.status is SolveStatus.OPTIMAL
    assert found.lower == pytest.approx(low, abs=1e-8)
    assert found.upper == pytest.approx(high, abs=1e-8)
    apart = np.abs(a.forward(found.witness[None]) - b.forward(found.witness[None])).max()
    assert found.value == pytest.approx(apart)
    assert found.value == pytest.approx(found.bound, abs=1e-8)


def test_opposite_pairs_that_cancel_are_seen_to_be_equal():
    # t1 + t2 + t3 = 0, so that sum relu(t_i) = sum relu(-t_i)
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    zero = np.zeros(3)
    one = ReluNetwork.from_weights([rows, np.ones((1, 3))], [zero, [0.0]])
    two = ReluNetwork.from_weights([-rows, np.ones((1, 3))], [zero, [0.0]])
    found = largest_difference(one, two, Box([-1, -1], [1, 1]))
    assert found.bound <= 1e-8


def test_networks_of_other_shapes_are_refused():
    with pytest.raises(ArgumentError, match="equally many outputs, got 1 and 2"):
        largest_difference(random_network((3, 1), 0), random_network((3, 2), 0), CUBE)


def test_a_limit_holds_for_each_of_several_programs():
    # HiGHS counts the time of a mixed-integer program anew, that of a linear one from the first run
    network, box = HARD
    encoded = encode(network, box)
    program = Program(encoded.problem)
    seconds = [
        program.maximise({encoded.scores[0]: sign}, time_limit=0.3).seconds
        for sign in (1.0, -1.0, 1.0, -1.0)
    ]
    assert seconds[-1] < 1.2


def test_a_solve_error_is_tried_again_without_presolve():
    # HiGHS 1.15 ends this program in a "Solve error" at tolerance 1e-9, presolve on
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(b, a)) * np.sqrt(2 / a) for a, b in pairwise((10, 30, 30, 1))]
    biases = [0.5 * rng.normal(size=b) for b in (30, 30, 1)]
    network, box = ReluNetwork.from_weights(weights, biases), Box.around(np.zeros(10), 0.1)
    found = stability(network, box, method="milp")
    assert found["state"].tolist() == stability(network, box)["state"].tolist()
