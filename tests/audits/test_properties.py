import json
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.audits.properties import PropertyStatus, verify_property
from explainrelu.audits.verification import by_boxes
from explainrelu.audits.verification.constraints import LinearConstraint, OutputConstraints
from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema, Task
from explainrelu.network.schema import InputSchema
from tests.audits.least_excess import excess, least_excess
from tests.milp.networks import random_network
from tests.models import loan_decisions
from tests.strategies import relu_networks

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
HOLDS, VIOLATED, UNDECIDED = PropertyStatus
METHODS = ("auto", "boxes", "regions", "milp")
AT_MOST, AT_LEAST = OutputConstraints.at_most, OutputConstraints.at_least


def bump(height: float = 1.0) -> ReluNetwork:
    """``height - |x|``."""
    return ReluNetwork.from_weights([[[1.0], [-1.0]], [[-1.0, -1.0]]], [[0.0, 0.0], [height]])


def spike(width: float) -> ReluNetwork:
    """1 at 0.3, falling to 0 within ``width`` on both sides, and 0 elsewhere."""
    slope = 1.0 / width
    biases = [slope * (width - 0.3), -slope * 0.3, -slope * (width + 0.3)]
    return ReluNetwork.from_weights([[[slope]] * 3, [[1.0, -2.0, 1.0]]], [biases, [0.0]])


@st.composite
def questions(draw):
    """A small network, a box and an alternative of one or two constraints."""
    network = draw(
        relu_networks(integer=True, max_layers=2, max_inputs=2, max_units=3, max_outputs=2)
    )
    whole = st.integers(-2, 2).map(float)
    lower = np.array([draw(whole) for _ in range(network.n_inputs)])
    upper = lower + np.array([float(draw(st.integers(0, 3))) for _ in lower])
    constraints = []
    for _ in range(draw(st.integers(1, 2))):
        terms = {k: draw(whole) for k in range(network.n_outputs)}
        terms[0] = terms[0] or 1.0
        bound, strict = draw(st.integers(-12, 4)) / 2, draw(st.booleans())
        constraints.append(LinearConstraint(tuple(terms.items()), bound, strict))
    return network, Box(lower, upper), constraints


@settings(max_examples=60, deadline=None)
@given(questions(), st.sampled_from(METHODS))
def test_the_verdict_is_that_of_exact_arithmetic(question, method):
    network, box, constraints = question
    [part] = OutputConstraints.violated_when(constraints).over(network.outputs)
    least = least_excess(network, box, part.weight, part.bound)
    found = verify_property(
        network, box, OutputConstraints.violated_when(constraints), method=method
    )
    assert Fraction(float(found.lower[0])) <= least <= Fraction(float(found.upper[0])) + 1e-9
    if abs(least) > 1e-3:
        assert found.status is (HOLDS if least > 0 else VIOLATED)
    elif found.status is HOLDS:
        assert least > 0 or (least == 0 and any(part.strict))
    elif found.status is VIOLATED:
        assert_replays(network, box, part, found)


def assert_replays(network, box, part, found):
    """The witness lies in the box and satisfies the alternative, in fractions."""
    assert box.contains(found.witness[None])[0]
    assert found.witness_excess == part.excess(found.witness_scores[None])[0] <= 0
    worst = excess(network, found.witness, part.weight, part.bound)
    assert worst < 0 or (worst == 0 and not all(part.strict))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("carried", [0.0, 0.3])
def test_a_bound_just_beyond_the_extreme_holds_and_just_before_it_does_not(method, carried):
    from explainrelu.milp.extremes import extremes

    network, box = random_network((3, 6, 5, 1), 2, carried), Box([-2.0] * 3, [2.0] * 3)
    top = extremes(network, box).largest.value
    above, below = (
        verify_property(network, box, AT_MOST("score", top + s), method=method)
        for s in (1e-5, -1e-5)
    )
    assert (above.status, below.status) == (HOLDS, VIOLATED)
    assert 0 < above.lower[0] <= 1.1e-5
    assert network.forward(below.witness[None])[0, 0] > top - 1e-5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", [1e-2, 1e-5])
def test_a_thin_violation_is_found(method, width):
    found = verify_property(spike(width), Box([-1.0], [1.0]), AT_MOST("score", 0.9), method=method)
    assert found.status is VIOLATED
    assert abs(found.witness[0] - 0.3) < width


def test_a_property_that_is_kept_by_nothing_is_undecided_rather_than_wrong():
    touching = verify_property(bump(), Box([-2.0], [2.0]), AT_MOST("score", 1.0))
    assert touching.status is UNDECIDED
    assert "rounding" in touching.reason
    assert -1e-12 < touching.lower[0] <= 0


def test_a_part_thinner_than_a_solver_sees_is_not_left_out():
    line = ReluNetwork.from_weights([[[-1.0]]], [[0.0]])  # -2 score < 2 at no row, and nearly at 1
    nearly = OutputConstraints.violated_when([LinearConstraint(((0, -2.0),), 2.0, strict=True)])
    for method in METHODS:
        found = verify_property(line, Box([1.0], [2.0]), nearly, method=method)
        assert (found.status, found.lower[0] <= 0) == (UNDECIDED, True)


def test_a_violation_by_nothing_is_settled_in_fractions():
    constraint = LinearConstraint((("score", -1.0),), -1.0)  # score >= 1, reached at 0 alone
    found = verify_property(
        bump(), Box([-2.0], [2.0]), OutputConstraints.violated_when([constraint])
    )
    assert found.status is VIOLATED
    assert (found.witness[0], found.witness_excess) == (0.0, 0.0)
    assert "fractions" in found.certificate.checks[-1].detail


def test_scores_that_cancel_are_not_believed():
    huge = 1e17  # (x + huge) - huge is x in real numbers, and 0 or 16 in float64
    network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, -1.0]]], [[huge, huge], [0.0]])
    shifted = ReluNetwork.from_weights([[[1.0], [0.0]], [[1.0, -1.0]]], [[huge, huge], [0.0]])
    for method in METHODS:
        for one in (network, shifted):
            found = verify_property(one, Box([0.0], [7.0]), AT_MOST("score", 5.0), method=method)
            assert found.status is not (VIOLATED if one is network else HOLDS)


@pytest.mark.parametrize("method", METHODS)
def test_numbers_beyond_float64_leave_it_undecided(method):
    network = ReluNetwork.from_weights([[[1e200]], [[1e200]]], [[1e200], [0.0]])
    found = verify_property(network, Box([-1.0], [1.0]), AT_LEAST("score", -1.0), method=method)
    assert found.status is UNDECIDED
    assert "float64" in found.reason
    assert found.lower[0] == -np.inf


def test_every_box_of_a_union_counts():
    left, right = Box([-3.0], [-2.0]), Box([2.0], [3.0])
    property_ = AT_MOST("score", -0.5)
    assert verify_property(bump(), [left, right], property_).status is HOLDS
    found = verify_property(bump(), [left, Box([0.25], [0.5]), right], property_)
    assert found.status is VIOLATED
    assert 0.25 <= found.witness[0] <= 0.5


def test_alternatives_are_reported_one_by_one():
    both = AT_MOST("score", 0.9) & AT_LEAST("score", -3.0)
    found = verify_property(bump(), Box([-2.0], [2.0]), both)
    assert found.status is VIOLATED
    frame = found.to_frame()
    assert frame["alternative"].tolist() == ["-score < -0.9", "score < -3"]
    assert frame["status"].tolist() == ["reached", "excluded"]
    assert (found.bounds[:, 0] <= found.bounds[:, 1]).all()


def with_levels(*, known: bool) -> ReluNetwork:
    """``min(age, 2)`` plus 0, 5 or -5 by the level of a column; an unknown one adds 20 more."""
    job = Column("job", ColumnKind.CATEGORICAL, levels=("a", "b", "c"), ignores_unknown=not known)
    schema = InputSchema((Column("age"), job))
    weights = [[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, -1.0, -1.0], [0.0, 0.0, 1.0, 0.0], [0, 0, 0, 1.0]]
    return ReluNetwork.from_weights(
        [weights, [[1.0, 20.0, 5.0, -5.0]]], [[0.0, 1.0, 0.0, 0.0], [0.0]], schema=schema
    )


@pytest.mark.parametrize("method", METHODS)
def test_columns_with_levels_stand_at_one_of_them(method):
    box = Box([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0])
    known, unknown = with_levels(known=True), with_levels(known=False)
    assert verify_property(known, box, AT_MOST("score", 6.5), method=method).status is HOLDS
    found = verify_property(known, box, AT_MOST("score", 5.5), method=method)
    assert found.status is VIOLATED
    assert found.witness_frame["job"].tolist() == ["b"]
    found = verify_property(unknown, box, AT_MOST("score", 19.0), method=method)
    assert found.status is VIOLATED
    assert found.witness_frame["job"].tolist() == [None]
    found = verify_property(unknown, box, AT_MOST("score", 21.5), method=method)
    assert found.status is HOLDS


def test_between_levels_counts_only_where_asked():
    box = Box([0.0, 0.5, 0.0, 0.0], [1.0, 0.5, 0.5, 0.0])
    network = with_levels(known=True)
    with pytest.raises(ArgumentError, match="job"):
        verify_property(network, box, AT_MOST("score", 3.0))


def test_levels_are_searched_as_brute_force_does():
    model, X, _ = loan_decisions()
    from explainrelu.importers.import_model import import_model

    network = import_model(model, X)
    box = Box.from_data(X[:200], schema=network.schema)
    numeric = [name for name in X.columns if network.schema.column(name).kind.name == "NUMERIC"]
    fixed = X.iloc[0][numeric].to_dict()
    small = box.at_levels(network.schema, **{name: float(x) for name, x in fixed.items()})
    others = {n: network.schema.column(n).levels for n in X.columns if n not in numeric}
    rows = [dict(zip(others, values, strict=True)) for values in product(*others.values())]
    import pandas as pd

    scores = network(pd.DataFrame([fixed | row for row in rows])[list(X.columns)])
    name = network.outputs.names[0]
    for bound, status in ((scores.max() + 1e-6, HOLDS), (scores.max() - 1e-6, VIOLATED)):
        assert verify_property(network, small, AT_MOST(name, bound)).status is status


def test_many_inputs_are_left_to_programs():
    network, box = random_network((12, 12, 12, 2), 0), Box([-1.0] * 12, [1.0] * 12)
    from explainrelu.milp.extremes import extremes

    top = extremes(network, box, output=("output 0", "output 1")).largest.value
    difference = OutputConstraints.difference_at_most
    found = verify_property(network, box, difference("output 0", "output 1", top + 1e-3))
    assert (found.status, found.decided_by) == (HOLDS, "mixed-integer programs")
    found = verify_property(network, box, difference("output 0", "output 1", top - 1e-3))
    assert found.status is VIOLATED


@pytest.mark.parametrize("options", [{"time_limit": 1e-6}, {"method": "regions", "max_regions": 3}])
def test_limits_leave_it_undecided_with_bounds_that_hold(options):
    network, box = random_network((5, 30, 30, 30, 1), 0), Box([-2.0] * 5, [2.0] * 5)
    scores = network.forward(box.sample(5000, np.random.default_rng(0)))
    found = verify_property(
        network, box, AT_MOST("score", 2 * scores.max() - scores.min()), **options
    )
    assert found.status is UNDECIDED
    assert "limit" in found.reason or "max_regions" in found.reason
    assert found.lower[0] <= scores.max() - scores.min()
    assert found.lower[0] < 0 < found.upper[0]
    assert found.witness is None
    assert found.certificate.status is Status.UNDECIDED


def test_boxes_that_bounds_do_not_settle_are_searched_by_regions(monkeypatch):
    monkeypatch.setattr(by_boxes, "_MOST_REGIONS", 5)  # so that boxes are parted first
    network, box = random_network((2, 8, 8, 1), 1), Box([-3.0] * 2, [3.0] * 2)
    from explainrelu.milp.extremes import extremes

    top = extremes(network, box).largest.value
    found = verify_property(network, box, AT_MOST("score", top + 1e-7))
    assert found.status is HOLDS
    assert found.regions_searched > 0 < found.boxes_searched


def test_the_result_is_the_same_every_time():
    network, box = random_network((3, 8, 8, 2), 3), Box([-2.0] * 3, [2.0] * 3)
    property_ = OutputConstraints.not_largest("output 0", among=network.outputs.names)
    first, second = (verify_property(network, box, property_) for _ in range(2))
    assert first.status is second.status is VIOLATED
    assert (first.witness == second.witness).all()


def test_the_negative_class_is_a_score_too():
    outputs = OutputSchema(("yes",), Task.BINARY, classes=("no", "yes"))
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [1.0]], outputs=outputs)
    box = Box([-1.0], [1.0])
    assert verify_property(network, box, AT_MOST("no", -0.5)).status is HOLDS
    assert verify_property(network, box, AT_MOST("no", -1.5)).status is VIOLATED


@pytest.mark.parametrize(
    ("domain", "constraints", "options", "error", "text"),
    [
        (Box([0.0], [1.0]), AT_MOST("risk", 1.0), {}, ArgumentError, "'score'"),
        (Box([0.0], [1.0]), AT_MOST(1, 1.0), {}, ArgumentError, "0 to 0"),
        (Box([0.0] * 2, [1.0] * 2), AT_MOST("score", 1.0), {}, ArgumentError, "1 inputs"),
        ([], AT_MOST("score", 1.0), {}, ArgumentError, "empty"),
        ("box", AT_MOST("score", 1.0), {}, InputTypeError, "must be a Box"),
        ([[0.0, 1.0]], AT_MOST("score", 1.0), {}, InputTypeError, "must be a Box"),
        (Box([0.0], [1.0]), "score <= 1", {}, InputTypeError, "OutputConstraints"),
        (Box([0.0], [1.0]), AT_MOST("score", 1.0), {"method": "lp"}, ArgumentError, "one of auto"),
        (Box([0.0], [1.0]), AT_MOST("score", 1.0), {"time_limit": 0}, ArgumentError, "time_limit"),
        (Box([0.0], [1.0]), AT_MOST("score", 1.0), {"max_regions": 0}, ArgumentError, "max_reg"),
    ],
)
def test_wrong_questions_are_refused(domain, constraints, options, error, text):
    with pytest.raises(error, match=text):
        verify_property(bump(), domain, constraints, **options)


def published() -> list[tuple[str, str, str]]:
    """Network, property and verdict of ACAS Xu."""
    if not SHARED.is_dir():
        return []
    known = json.loads((SHARED / "acasxu_properties.json").read_text())
    return [(v["network"], v["property"], v["verdict"]) for v in known["verdicts"]]


def statement(text: str) -> LinearConstraint:
    """``y0 <= y1``, ``y0 >= 1.5``."""
    left, sign, right = text.split()
    left, right = (right, left) if sign == ">=" else (left, right)
    terms, bound = [], 0.0
    for side, factor in ((left, 1.0), (right, -1.0)):
        if side.startswith("y"):
            terms.append((int(side[1:]), factor))
        else:
            bound -= factor * float(side)
    return LinearConstraint(tuple(terms), bound)


def is_long(network: str, property_: str) -> bool:
    return property_ == "property_2" or (network[13:16], property_) == ("1_1", "property_3")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not here")
@pytest.mark.parametrize(
    ("name", "property_", "verdict"),
    [pytest.param(*p, marks=[pytest.mark.slow] if is_long(*p[:2]) else []) for p in published()],
)
def test_published_verdicts_are_confirmed(name, property_, verdict):
    pytest.importorskip("onnx")
    from explainrelu.importers.from_onnx import from_onnx

    network = from_onnx(SHARED / "nets" / "acasxu" / f"{name}.onnx")
    told = json.loads((SHARED / "acasxu_properties.json").read_text())["properties"][property_]
    box = Box(told["input_lower"], told["input_upper"])
    constraints = [statement(text) for text in told["violated_when_all_hold"]]
    found = verify_property(
        network, box, OutputConstraints.violated_when(constraints), time_limit=300.0
    )
    assert found.status == verdict
    if found.witness is not None:
        [part] = OutputConstraints.violated_when(constraints).over(network.outputs)
        assert_replays(network, box, part, found)


def test_program_that_ran_out_of_time_says_so() -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(80, 10)), rng.normal(size=(80, 80)), rng.normal(size=(1, 80))]
    network = ReluNetwork.from_weights(weights, [np.zeros(80), np.zeros(80), np.zeros(1)])
    wanted = OutputConstraints.at_most(0, 2e4)
    found = verify_property(
        network, Box([-9.0] * 10, [9.0] * 10), wanted, method="milp", time_limit=1.0
    )
    assert str(found.status) == "undecided"
    assert found.reason == "the time limit was reached"
