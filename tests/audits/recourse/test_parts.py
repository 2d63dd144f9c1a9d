"""The parts of the search, each against what it claims."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import explainrelu as xr
from explainrelu.audits.actionability import Actionability
from explainrelu.audits.counterfactuals import counterfactuals
from explainrelu.audits.recourse import search
from explainrelu.audits.recourse.distance import Distance, Norm, scales_of
from explainrelu.audits.recourse.euclidean import least_distance
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.near_bounds import Near
from explainrelu.audits.recourse.permitted import Permitted
from explainrelu.audits.recourse.stepping import least_step
from explainrelu.audits.recourse.target import class_targets
from explainrelu.network.schema import InputSchema
from explainrelu.tolerances import DEFAULT_TOLERANCES
from tests.audits.discrete import SCHEMA
from tests.strategies import arrays

few = settings(max_examples=30, deadline=None, derandomize=True)


@few
@given(weight=arrays((4, 3)), bound=arrays((4,)))
def test_shortest_point_of_a_polyhedron_is_that_of_a_general_solver(
    weight: np.ndarray, bound: np.ndarray
) -> None:
    found = least_distance(weight, bound)
    rows = {"type": "ineq", "fun": lambda y: weight @ y - bound, "jac": lambda y: weight}
    other = minimize(lambda y: y @ y, np.ones(3), jac=lambda y: 2 * y, constraints=rows,
                     method="SLSQP", options={"ftol": 1e-14, "maxiter": 300})  # fmt: skip
    if found is None:
        assert not other.success or (weight @ other.x - bound).min() < 1e-9
    else:
        assert (weight @ found - bound >= -1e-6 * max(1.0, np.abs(found).max())).all()
        if other.success and (weight @ other.x - bound).min() > -1e-9:
            assert np.linalg.norm(found) <= np.linalg.norm(other.x) + 1e-5


def test_polyhedron_without_a_point_has_no_shortest() -> None:
    assert least_distance(np.array([[1.0], [-1.0]]), np.array([1.0, 1.0])) is None
    assert least_distance(np.zeros((1, 2)), np.ones(1)) is None


@few
@given(slope=arrays((3,)), ends=arrays((2, 3)), norm=st.sampled_from(["l1", "l2", "linf"]))
def test_least_step_is_no_longer_than_any_that_gains_as_much(
    slope: np.ndarray, ends: np.ndarray, norm: str
) -> None:
    lower, upper = -np.abs(ends[0]), np.abs(ends[1])
    tried = np.random.default_rng(0).uniform(lower, upper, size=(400, 3))
    length: Any = {"l1": 1, "l2": 2, "linf": np.inf}[norm]
    needed = float(np.median(tried @ slope))
    step = least_step(slope, needed, np.ones(3), lower, upper, Norm(norm))
    assert (step >= lower - 1e-9).all()
    assert (step <= upper + 1e-9).all()
    assert slope @ step >= needed - 1e-6
    others = np.linalg.norm(tried[tried @ slope >= needed], ord=length, axis=1)
    assert np.linalg.norm(step, ord=length) <= others.min(initial=np.inf) + 1e-6


def test_scales_fall_back_where_most_rows_are_alike() -> None:
    schema = InputSchema.numeric(["spread", "mostly", "constant"])
    numbers = np.array([[0.0, 5.0, 1.0], [1.0, 5.0, 1.0], [3.0, 5.0, 1.0], [4.0, 9.0, 1.0]])
    assert scales_of(schema, "mad", numbers).tolist() == [1.5, 1.0, 1.0]


def space(**wishes: Any) -> MoveSpace:
    query = np.array([2.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    chosen = Actionability(**wishes)
    permitted = Permitted.of(SCHEMA, {"job": ["nurse", "pilot"]}, "all", chosen)
    return MoveSpace.of(SCHEMA, query, permitted, chosen, np.array([True, True, False, False]))


def test_snapped_rows_keep_every_constraint() -> None:
    moves = space(step={"a": 2.0}, increase_only=["b", "grade"], linked={})
    points = np.random.default_rng(0).uniform(-3, 6, size=(50, 6))
    snapped = moves.snapped(points)
    assert moves.violations(snapped).max() == 0
    assert set(snapped[:, 0]) <= {0.0, 2.0, 4.0}
    assert (snapped[:, 1] >= 1).all()
    assert (snapped[:, 2] == 0).all()
    assert set(snapped[:, 5]) <= {1.0, 2.0}


def test_linked_inputs_move_by_one_amount() -> None:
    moves = space(linked={"a": "b"})
    snapped = moves.snapped(np.random.default_rng(0).uniform(-3, 6, size=(50, 6)))
    assert np.array_equal(snapped[:, 0] - 2.0, snapped[:, 1] - 1.0)


def random_network(seed: int, *widths: int) -> xr.ReluNetwork:
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(widths))
    return xr.ReluNetwork.from_weights(
        [rng.normal(size=(n_out, n_in)) for n_in, n_out in pairs],
        [rng.normal(size=n_out) for _, n_out in pairs],
    )


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_bounds_hold_for_every_row_that_reaches_the_target_within_the_distance(norm: str) -> None:
    network = random_network(3, 4, 12, 12, 1)
    moves = MoveSpace(network.schema, np.zeros(4), xr.Box(-np.ones(4), np.ones(4)), np.zeros(4), ())
    distance = Distance(Norm(norm), np.ones(4), np.ones(4))
    wanted = "negative" if network.forward(np.zeros((1, 4)))[0, 0] > 0 else "positive"
    [(target,)] = class_targets(network.outputs, wanted, [""], 0.0)
    scored, radius = target.network(network), 0.9
    near = Near(scored, moves, distance, target, 1e-6, radius, 0.0, (), np.zeros((0, 4)),
                DEFAULT_TOLERANCES)  # fmt: skip
    found = near.bounds(None)
    points = np.random.default_rng(0).uniform(-1, 1, size=(20000, 4))
    points = points[distance.of(moves, points) <= radius]
    points = points[target.reached(scored.forward(points), 1e-6)]
    if found is None:
        assert not len(points)
        return
    for z, lower, upper in zip(
        scored.preactivations(points), found.lower, found.upper, strict=True
    ):
        assert (z >= lower - 1e-7).all()
        assert (z <= upper + 1e-7).all()


@pytest.mark.parametrize("norm", ["l1", "l2", "linf", "l0"])
def test_search_by_growing_radii_finds_what_one_program_finds(
    norm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_network(5, 4, 8, 8, 1)
    ranges = dict.fromkeys(network.schema.names, (-3.0, 3.0))
    query = np.random.default_rng(0).uniform(-1, 1, size=(2, 4))
    whole = counterfactuals(network, query, permitted_range=ranges, norm=norm)
    monkeypatch.setattr(search, "_EASY", 0)
    grown = counterfactuals(network, query, permitted_range=ranges, norm=norm)
    assert grown.status == whole.status
    assert np.allclose(grown.outcomes["distance"], whole.outcomes["distance"], rtol=1e-5)
