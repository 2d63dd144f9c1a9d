import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainrelu.errors import ArgumentError, ColumnsError, DataError, MissingValuesError
from explainrelu.network.column import Column, ColumnKind, Level
from explainrelu.network.schema import InputSchema

AGE = Column("age")
JOB = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", None))
SIZE = Column("size", ColumnKind.ORDINAL, levels=("S", "M"), codes=(0.0, 1.0))
NOTE = Column("note", ColumnKind.UNUSED)
SCHEMA = InputSchema((AGE, JOB, NOTE, SIZE))
CELLS = {"age": [30.0, 40.0], "job": ["nurse", None], "note": ["x", "y"], "size": ["M", "S"]}
ROWS = pd.DataFrame(CELLS)
POINTS = [[30.0, 0.0, 1.0, 0.0, 1.0], [40.0, 0.0, 0.0, 1.0, 0.0]]

LEVELS: st.SearchStrategy[Level] = st.one_of(
    st.none(), st.text(max_size=3), st.integers(-9, 9), st.floats(-9, 9)
)


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    """A column of any kind, levels of mixed types among them."""
    kind = draw(st.sampled_from(list(ColumnKind)))
    if kind in (ColumnKind.NUMERIC, ColumnKind.UNUSED):
        return Column(name, kind)
    levels = draw(st.lists(LEVELS, min_size=1, max_size=4, unique=True))
    codes = tuple(float(i) for i in draw(st.permutations(range(len(levels)))))
    return Column(name, kind, levels=tuple(levels), codes=codes if kind == "ordinal" else ())


@st.composite
def schemas_and_rows(draw: st.DrawFn) -> tuple[InputSchema, pd.DataFrame]:
    names = draw(st.lists(st.text(max_size=3), min_size=1, max_size=4, unique=True))
    schema = InputSchema(tuple(draw(columns(name)) for name in names))
    n_rows = draw(st.integers(1, 5))
    data = {}
    for column in schema.columns:
        cells = st.sampled_from(column.levels) if column.levels else st.floats(-1e6, 1e6)
        values = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
        data[column.name] = pd.Series(values, dtype=object if column.levels else float)
    return schema, pd.DataFrame(data)


@settings(max_examples=150)
@given(schemas_and_rows())
def test_rows_encoded_and_decoded_are_the_rows_again(case: tuple[InputSchema, pd.DataFrame]):
    schema, rows = case
    decoded = schema.decode(schema.encode(rows))
    assert decoded.columns.tolist() == list(schema.names)
    for column in schema.columns:
        found = [None if pd.isna(v) else v for v in decoded[column.name].astype(object)]
        unused = column.kind is ColumnKind.UNUSED
        assert found == ([None] * len(rows) if unused else rows[column.name].tolist())


@settings(max_examples=100)
@given(schemas_and_rows())
def test_indicators_are_zero_or_one_and_add_up_to_one(case: tuple[InputSchema, pd.DataFrame]):
    schema, rows = case
    points = schema.encode(rows)
    assert points.shape == (len(rows), schema.n_inputs)
    for column in schema.columns:
        if column.kind is ColumnKind.CATEGORICAL:
            group = points[:, list(schema.groups[column.name])]
            assert np.isin(group, (0.0, 1.0)).all()
            assert (group.sum(axis=1) == 1.0).all()


@settings(max_examples=60)
@given(schemas_and_rows())
def test_the_inputs_are_split_among_the_columns(case: tuple[InputSchema, pd.DataFrame]):
    schema, _ = case
    inputs = [i for name in schema.names for i in schema.groups[name]]
    assert inputs == list(range(schema.n_inputs))
    assert len(schema.input_names) == len(schema.input_columns) == schema.n_inputs
    for i, position in enumerate(schema.input_columns):
        assert i in schema.groups[schema.names[position]]
        assert schema.input_names[i].startswith(schema.names[position])
    assert schema.starts.tolist()[-1] == schema.n_inputs


def test_inputs_are_named_by_column_and_level():
    names = ("age", "job = clerk", "job = nurse", "job = missing", "size")
    assert SCHEMA.input_names == names
    assert SCHEMA.encode(ROWS).tolist() == POINTS


def test_arrays_are_taken_by_position_and_other_frames_by_name():
    assert SCHEMA.encode(ROWS.to_numpy()).tolist() == POINTS
    assert SCHEMA.encode(pl.DataFrame(CELLS)).tolist() == POINTS


def test_a_row_may_come_as_a_list_of_mixed_values():
    assert SCHEMA.encode([[30.0, "nurse", "x", "M"]]).tolist() == POINTS[:1]


def test_the_index_of_a_frame_does_not_matter():
    assert SCHEMA.encode(ROWS.set_axis([7, 7])).tolist() == POINTS


def test_encoding_leaves_the_frame_alone():
    before = ROWS.copy()
    SCHEMA.encode(ROWS)
    pd.testing.assert_frame_equal(ROWS, before)


def test_encoded_points_do_not_share_memory_with_the_table():
    table = np.ones((2, 2))
    points = InputSchema.numbered(2).encode(table)
    points[:] = 7.0
    assert (table == 1.0).all()


def test_one_number_a_column_is_the_value_the_position_or_the_code():
    assert SCHEMA.numbers(ROWS).tolist() == [[30.0, 1.0, 0.0, 1.0], [40.0, 2.0, 0.0, 0.0]]
    assert SCHEMA.spread(SCHEMA.numbers(ROWS)).tolist() == POINTS


def test_an_unknown_level_is_all_zeros_and_decodes_to_nothing():
    schema = InputSchema(
        (Column("c", ColumnKind.CATEGORICAL, levels=("a", "b"), ignores_unknown=True),)
    )
    points = schema.encode([["z"], ["a"]])
    assert points.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert schema.decode(points)["c"].isna().tolist() == [True, False]


@pytest.mark.parametrize("group", [[0.5, 0.5, 0.0], [1.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
def test_a_point_between_levels_is_no_row(group: list[float]):
    with pytest.raises(DataError, match=r"'job' must be 0 or 1 .*got .*\. Fix"):
        SCHEMA.decode(np.array([[30.0, *group, 1.0]]))


def test_a_code_between_levels_is_no_row():
    with pytest.raises(DataError, match="'size'"):
        SCHEMA.decode(np.array([[30.0, 1.0, 0.0, 0.0, 0.5]]))


def test_imputed_values_are_flagged_cell_by_cell():
    schema = InputSchema((Column("a", imputes=True, fill=1.0), Column("b")))
    rows = pd.DataFrame({"a": [np.nan, 2.0], "b": [1.0, 2.0]})
    assert schema.imputed(rows).tolist() == [[True, False], [False, False]]
    assert schema.encode(rows).tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_ranges_are_those_seen_in_a_new_schema():
    seen = SCHEMA.with_ranges(SCHEMA.encode(ROWS))
    assert (seen.column("age").lower, seen.column("age").upper) == (30.0, 40.0)
    assert (seen.column("size").lower, seen.column("size").upper) == (0.0, 1.0)
    assert np.isnan(SCHEMA.column("age").lower)


@pytest.mark.parametrize(("rows", "known"), [([["a"], ["a"]], True), ([["a"], ["z"]], False)])
def test_a_column_that_ignores_unknown_levels_remembers_whether_it_saw_one(rows, known: bool):
    column = Column("c", ColumnKind.CATEGORICAL, levels=("a", "b"), ignores_unknown=True)
    schema = InputSchema((column,))
    assert schema.with_ranges(schema.encode(rows)).column("c").always_known == known
    assert not column.always_known


def test_units_are_given_by_name_in_a_new_schema():
    assert SCHEMA.with_units({"age": "years"}).column("age").unit == "years"
    assert SCHEMA.column("age").unit == ""
    with pytest.raises(ColumnsError, match=r"'wage'.*age, job, note, size"):
        SCHEMA.with_units({"wage": "EUR"})


def test_column_names_must_differ():
    with pytest.raises(ColumnsError, match=r"must differ .*'age'"):
        InputSchema((AGE, JOB, AGE))


@pytest.mark.parametrize(
    ("name", "level", "inputs"),
    [
        ("age", 40, {0: 40.0}),
        ("job", "nurse", {1: 0.0, 2: 1.0, 3: 0.0}),
        ("job", None, {1: 0.0, 2: 0.0, 3: 1.0}),
        ("size", "M", {4: 1.0}),
    ],
)
def test_a_level_is_a_value_of_every_input_of_its_column(name: str, level: Level, inputs: dict):
    assert SCHEMA.level_inputs(name, level) == inputs


@pytest.mark.parametrize(("name", "level"), [("job", "pilot"), ("size", 1.0), ("note", "x")])
def test_a_level_that_is_not_there_is_refused(name: str, level: Level):
    with pytest.raises(ArgumentError, match=f"'{name}' has no level"):
        SCHEMA.level_inputs(name, level)


def test_a_numeric_column_can_only_be_fixed_at_a_number():
    with pytest.raises(ArgumentError, match="'age'"):
        SCHEMA.level_inputs("age", "forty")


def test_the_error_names_the_column_and_the_row():
    with pytest.raises(MissingValuesError, match=r"'age' has 1 missing .* row 1"):
        SCHEMA.encode(ROWS.assign(age=[1.0, np.nan]))


def test_numbered_columns_have_names():
    assert InputSchema.numbered(2).names == ("x0", "x1")
    assert InputSchema.numeric(["a", 1]).names == ("a", "1")
