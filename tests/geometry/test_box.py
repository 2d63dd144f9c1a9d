import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explainrelu.errors import ArgumentError, ColumnsError
from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.schema import InputSchema

COORDINATES = st.floats(-1e9, 1e9)
SCHEMA = InputSchema(
    (
        Column("age"),
        Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", None)),
        Column("size", ColumnKind.ORDINAL, levels=("S", "M"), codes=(0.0, 1.0)),
    )
)
WHOLE = Box([0.0] * 5, [90.0, 1.0, 1.0, 1.0, 1.0])


@st.composite
def clouds(draw: st.DrawFn) -> np.ndarray:
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 4)))
    return draw(hnp.arrays(np.float64, shape, elements=COORDINATES))


@given(clouds())
def test_the_box_of_data_is_the_smallest_that_holds_every_row(points: np.ndarray):
    box = Box.from_data(points)
    assert box.contains(points).all()
    assert (box.lower == points.min(axis=0)).all()
    assert (box.upper == points.max(axis=0)).all()


@given(clouds(), st.floats(0.0, 2.0))
def test_a_margin_widens_by_its_share_of_each_width(points: np.ndarray, margin: float):
    box, wide = Box.from_data(points), Box.from_data(points, margin=margin)
    assert wide.half_width == pytest.approx(box.half_width * (1 + 2 * margin), abs=1e-6)
    assert wide.contains(points).all()


@given(clouds(), st.floats(0.0, 1e6))
def test_the_box_around_a_point_has_it_in_the_middle(points: np.ndarray, radius: float):
    box = Box.around(points[0], radius)
    assert box.centre == pytest.approx(points[0], rel=1e-12, abs=1e-6)
    assert box.contains(points[:1]).all()


def test_the_box_around_a_point_takes_one_radius_an_input():
    box = Box.around([1.0, 2.0], [0.5, 0.0])
    assert box.lower.tolist() == [0.5, 2.0]
    assert box.upper.tolist() == [1.5, 2.0]


@given(clouds())
def test_samples_lie_in_the_box(points: np.ndarray):
    box = Box.from_data(points)
    assert box.contains(box.sample(20, np.random.default_rng(0)), slack=1e-12).all()


def test_samples_reach_both_ends_and_repeat_with_the_generator():
    box = Box([0.0, 5.0], [1.0, 5.0])
    points = box.sample(500, np.random.default_rng(3))
    assert points[:, 0].min() < 0.02
    assert points[:, 0].max() > 0.98
    assert (points == box.sample(500, np.random.default_rng(3))).all()


def test_the_slack_of_contains_is_a_share_of_each_width():
    points = np.array([[1.05, 0.0], [0.5, 10.9], [1.2, 0.0]])
    assert Box([0, 0], [1, 10]).contains(points, slack=0.1).tolist() == [True, True, False]


def test_a_box_is_closed():
    assert Box([0, 0], [1, 2]).contains(np.array([[0.0, 2.0], [1.0, 0.0]])).all()


def test_an_input_with_equal_bounds_is_fixed():
    box = Box([0, 3], [1, 3])
    assert box.fixed.tolist() == [False, True]
    assert box.half_width.tolist() == [0.5, 0.0]
    assert box.n_inputs == 2


def test_a_box_of_raw_rows_is_encoded_by_the_schema():
    rows = pd.DataFrame({"age": [20.0, 30.0], "job": ["clerk", "nurse"], "size": ["S", "S"]})
    box = Box.from_data(rows, schema=SCHEMA)
    assert box.lower.tolist() == [20.0, 0.0, 0.0, 0.0, 0.0]
    assert box.upper.tolist() == [30.0, 1.0, 1.0, 0.0, 0.0]


def test_a_level_fixes_every_indicator_of_its_column():
    box = WHOLE.at_levels(SCHEMA, job="nurse")
    assert box.lower[1:4].tolist() == box.upper[1:4].tolist() == [0.0, 1.0, 0.0]
    assert box.fixed.tolist() == [False, True, True, True, False]


def test_a_missing_level_an_ordinal_level_and_a_number_can_be_fixed_too():
    box = WHOLE.at_levels(SCHEMA, job=None, size="M", age=40)
    assert box.lower.tolist() == box.upper.tolist() == [40.0, 0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("number", [40, 40.0, np.int64(40), np.float32(40)])
def test_any_kind_of_number_fixes_a_numeric_column(number: float):
    assert WHOLE.at_levels(SCHEMA, age=number).lower[0] == 40.0


def test_fixing_levels_leaves_the_box_itself_alone():
    WHOLE.at_levels(SCHEMA, job="nurse")
    assert not WHOLE.fixed.any()


def test_a_level_outside_the_box_is_refused():
    with pytest.raises(ArgumentError, match=r"age.*90"):
        WHOLE.at_levels(SCHEMA, age=120.0)


def test_an_unknown_level_is_named_with_those_there_are():
    with pytest.raises(ArgumentError, match=r"'job' has no level 'pilot'.*clerk.*nurse.*missing"):
        WHOLE.at_levels(SCHEMA, job="pilot")


def test_an_unknown_column_is_named_with_those_there_are():
    with pytest.raises(ColumnsError, match=r"'wage'.*age, job, size"):
        WHOLE.at_levels(SCHEMA, wage=3.0)


def test_a_column_may_have_any_name():
    schema = InputSchema.numeric(["schema", "self"])
    levels = {"schema": 0.5, "self": 1.0}
    box = Box([0, 0], [1, 1]).at_levels(schema, **levels)
    assert box.lower.tolist() == [0.5, 1.0]


def test_a_schema_of_more_inputs_than_the_box_is_refused():
    with pytest.raises(ArgumentError, match="schema must be that of the box's 1 inputs"):
        Box([0.0], [1.0]).at_levels(SCHEMA, job="nurse")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Box([0.0], [1.0, 2.0]), "equal length, got 1 and 2"),
        (lambda: Box([0.0, 2.0], [1.0, 1.0]), r"lower must not exceed upper, got 2.0 > 1.0 at in"),
        (lambda: Box([[0.0]], [[1.0]]), "lower must have 1 dimension"),
        (lambda: Box([np.nan], [1.0]), "lower must hold finite numbers"),
        (lambda: Box([0.0], [np.inf]), "upper must hold finite numbers.*Box.from_data"),
        (lambda: Box([-1.7e308], [1.7e308]), "width|finite|exceed"),
        (lambda: Box(["a"], [1.0]), "lower must"),
        (lambda: Box([[0.0], [1.0, 2.0]], [1.0]), "lower must"),
        (lambda: Box.around([0.0], -1.0), "radius must not be negative"),
        (lambda: Box.around([0.0, 0.0], [1.0, 1.0, 1.0]), "radius must"),
        (lambda: Box.from_data([[0.0]], margin=-0.1), "margin must be at least 0, got -0.1"),
        (lambda: Box.from_data(np.zeros((0, 2))), r"with rows, got \(0, 2\)"),
        (lambda: Box.from_data([0.0, 1.0]), r"X must be .*got \(2,\)"),
        (lambda: Box.from_data([["a"]]), "X must"),
        (lambda: Box.from_data([[np.nan]]), "finite"),
    ],
)
def test_what_makes_no_box_is_refused_in_words(make, says: str):
    with pytest.raises(ArgumentError, match=says):
        make()
