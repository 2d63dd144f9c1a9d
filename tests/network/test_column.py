import datetime
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.errors import DataError, ExplainReluError, MissingValuesError, UnknownLevelError
from explainrelu.network.column import Column, ColumnKind, level_text
from tests.network.messages import says_all_three

AGE = Column("age")
JOB = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
SIZE = Column("size", ColumnKind.ORDINAL, levels=("S", "M", "L"), codes=(0.0, 1.0, 2.5))
NUMERIC_DTYPES = ["int64", "uint8", "float32", "float16", "object", "category", "Int64", "Float32"]


def series(values, dtype=None) -> pd.Series:
    return pd.Series(values, dtype=dtype)


@pytest.mark.parametrize("dtype", [*NUMERIC_DTYPES, "double[pyarrow]", "Sparse[float]"])
def test_numbers_of_every_dtype_are_taken(dtype: str):
    found = AGE.numbers(series([3, 0], dtype))
    assert found.dtype == np.float64
    assert found.tolist() == [3.0, 0.0]


@pytest.mark.parametrize("dtype", ["bool", "boolean", "object"])
def test_truth_values_count_as_one_and_zero(dtype: str):
    assert AGE.numbers(series([True, False], dtype)).tolist() == [1.0, 0.0]


def test_fractions_and_decimals_are_numbers():
    assert AGE.numbers(series([Fraction(1, 2), 2], object)).tolist() == [0.5, 2.0]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_finite_numbers_pass_unchanged(values: list[float]):
    assert AGE.numbers(series(values)).tolist() == values


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (series(["1", "2"]), "string '1'"),
        (series(["1", "2"], "string"), "string '1'"),
        (series([2, "1"], object), "'1'"),
        (series([b"1"], object), "b'1'"),
        (series(["1"], "category"), "'1'"),
        (series(pd.to_datetime(["2020"])), "datetime64"),
        (series([datetime.date(2020, 1, 1)], object), "2020"),
        (series(pd.to_timedelta([1], unit="D")), "timedelta64"),
        (series([1j]), "complex"),
        (series([[1], [2]], object), r"\[1\]"),
        (series([10**400], object), "10000"),
    ],
)
def test_what_is_no_number_is_refused_in_words(values: pd.Series, says: str):
    with pytest.raises(DataError, match=f"Column 'age' must be .*{says}") as caught:
        AGE.numbers(values)
    assert says_all_three(caught.value), caught.value


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("column", [AGE, Column("age", imputes=True, fill=1.0)])
def test_infinity_is_refused_with_its_row(column: Column, value: float):
    with pytest.raises(MissingValuesError, match=r"'age' must be finite, got -?inf in row 1") as e:
        column.numbers(series([1.0, value]))
    assert says_all_three(e.value), e.value


MISSING = [
    series([2.0, np.nan]),
    series([2, None], "Int64"),
    series([2, None], object),
    series([2.0, None], "double[pyarrow]"),
    series([2, np.nan], "category"),
    series([2, pd.NA], object),
]


@pytest.mark.parametrize("values", MISSING, ids=lambda values: str(values.dtype))
def test_a_missing_number_is_refused_with_its_row(values: pd.Series):
    with pytest.raises(MissingValuesError, match=r"'age' has 1 missing .* row 1") as caught:
        AGE.numbers(values)
    assert says_all_three(caught.value), caught.value


@pytest.mark.parametrize("values", MISSING, ids=lambda values: str(values.dtype))
def test_a_missing_number_is_filled_and_flagged_where_the_pipeline_imputes(values: pd.Series):
    column = Column("age", imputes=True, fill=7.5)
    assert column.numbers(values).tolist() == [2.0, 7.5]
    assert column.imputed(values).tolist() == [False, True]


def test_nothing_is_flagged_where_nothing_is_imputed():
    assert AGE.imputed(series([1.0, 2.0])).tolist() == [False, False]


@pytest.mark.parametrize("dtype", ["int64", "float64", "object", "category", "Int64"])
def test_a_marker_stands_for_a_missing_number(dtype: str):
    column = Column("age", imputes=True, fill=7.5, missing_marker=-1)
    values = series([2, -1], dtype)
    assert column.numbers(values).tolist() == [2.0, 7.5]
    assert column.imputed(values).tolist() == [False, True]


@pytest.mark.parametrize("dtype", ["float64", "Int64", "Float64", "double[pyarrow]", "object"])
def test_beside_a_marker_a_missing_number_is_refused_as_the_imputer_refuses_it(dtype: str):
    column = Column("age", imputes=True, fill=7.5, missing_marker=-1)
    with pytest.raises(MissingValuesError, match="'age'") as caught:
        column.numbers(series([None, -1, 2], dtype))
    assert says_all_three(caught.value), caught.value


LEVELLED = ["object", "category", "string", "string[pyarrow]"]


@pytest.mark.parametrize("dtype", LEVELLED)
def test_levels_of_every_text_dtype_are_found(dtype: str):
    assert JOB.numbers(series(["nurse", "clerk"], dtype)).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("levels", "values"),
    [
        ((1, 2, 5), series([5, 1])),
        ((1, 2, 5), series([5.0, 1.0])),
        ((1, 2, 5), series([5, 1], "Int64")),
        ((1, 2, 5), series([5, 1], "category")),
        ((0.1, 0.2, 0.7), series([0.7, 0.1])),
        ((False, None, True), series([True, False])),
        ((False, None, True), series([True, False], "boolean")),
        ((False, None, True), series([True, False], object)),
    ],
)
def test_levels_may_be_numbers_and_truth_values(levels: tuple, values: pd.Series):
    column = Column("c", ColumnKind.CATEGORICAL, levels=levels)
    assert column.numbers(values).tolist() == [2.0, 0.0]


@pytest.mark.parametrize("column", [JOB, SIZE])
@pytest.mark.parametrize("value", ["pilot", 1, 2.5, True, datetime.date(2020, 1, 1), ["nurse"]])
def test_an_unknown_level_is_refused_with_those_known(column: Column, value):
    values = series([column.levels[0], value], object)
    known = ", ".join(repr(level) for level in column.levels)
    with pytest.raises(UnknownLevelError, match=f"must be one of {known}, got .* in row 1") as e:
        column.numbers(values)
    assert says_all_three(e.value), e.value


def test_many_known_levels_are_shortened():
    column = Column("c", ColumnKind.CATEGORICAL, levels=tuple(f"l{i}" for i in range(50)))
    with pytest.raises(UnknownLevelError, match=r"'l7', \.\.\. 42 more"):
        column.numbers(series(["x"]))


def test_an_ignored_unknown_level_is_no_level():
    column = Column("c", ColumnKind.CATEGORICAL, levels=("a",), ignores_unknown=True)
    assert column.numbers(series(["b", "a", None], object)).tolist() == [-1.0, 0.0, -1.0]


def test_an_ignored_unknown_level_of_an_ordinal_column_has_its_code():
    column = Column(
        "c", ColumnKind.ORDINAL, "", ("a",), (3.0,), ignores_unknown=True, unknown_code=-5
    )
    assert column.numbers(series(["b", "a"])).tolist() == [-5.0, 3.0]


@pytest.mark.parametrize("column", [JOB, SIZE])
def test_a_missing_level_is_refused_where_it_is_no_level(column: Column):
    with pytest.raises(MissingValuesError, match="has 1 missing value") as caught:
        column.numbers(series([column.levels[0], None], object))
    assert says_all_three(caught.value), caught.value


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_can_be_a_level_of_its_own(missing):
    column = Column("c", ColumnKind.CATEGORICAL, levels=("a", None))
    assert column.numbers(series(["a", missing], object)).tolist() == [0.0, 1.0]


def test_a_missing_level_is_filled_where_the_pipeline_imputes():
    column = Column("c", ColumnKind.CATEGORICAL, levels=("a", "b"), imputes=True, fill="b")
    assert column.numbers(series(["a", None], object)).tolist() == [0.0, 1.0]
    column = Column("c", ColumnKind.ORDINAL, "", ("a", "b"), (3.0, 4.0), imputes=True, fill=4.0)
    assert column.numbers(series(["a", None], object)).tolist() == [3.0, 4.0]


@pytest.mark.parametrize("kind", [ColumnKind.CATEGORICAL, ColumnKind.ORDINAL])
def test_a_fill_that_is_no_level_is_refused_and_not_read_as_zeros(kind: ColumnKind):
    codes, fill = ((3.0,), float("nan")) if kind is ColumnKind.ORDINAL else ((), "none")
    column = Column("c", kind, levels=("a",), codes=codes, imputes=True, fill=fill)
    with pytest.raises(ExplainReluError, match="'c'"):
        column.numbers(series(["a", None], object))


def test_codes_are_what_the_levels_say():
    assert SIZE.numbers(series(["L", "S", "M"])).tolist() == [2.5, 0.0, 1.0]


def test_an_unused_column_may_hold_anything():
    column = Column("note", ColumnKind.UNUSED)
    assert column.numbers(series([None, "x", 3], object)).tolist() == [0.0, 0.0, 0.0]


def test_a_column_knows_its_number_of_inputs():
    assert [c.n_inputs for c in (AGE, JOB, SIZE, Column("n", ColumnKind.UNUSED))] == [1, 2, 1, 0]


def test_the_missing_level_has_a_text():
    assert [level_text(level) for level in (None, True, 2, "a")] == ["missing", "True", "2", "a"]


@pytest.mark.parametrize(
    ("lower", "upper", "held"),
    [
        ([0, 0], [1, 1], True),
        ([0, 1], [0, 1], True),
        ([-1, -1], [2, 2], True),
        ([0, 0.5], [0.4, 1], True),
        ([0, 0], [0, 0], False),
        ([0, 0], [0.9, 0.9], False),
        ([0.5, 0], [0.5, 1], False),
        ([0.1, 0.1], [1, 1], False),
        ([2, 0], [2, 0], False),
    ],
)
def test_bounds_on_indicators_hold_a_level_where_one_can_be_1_and_the_others_0(lower, upper, held):
    assert JOB.has_level_between(np.array(lower), np.array(upper)) is held


def test_bounds_at_zero_hold_an_unknown_level_where_these_are_accepted():
    ignoring = replace(JOB, ignores_unknown=True)
    assert ignoring.has_level_between(np.zeros(2), np.zeros(2))
    assert not ignoring.has_level_between(np.full(2, 0.1), np.full(2, 0.2))


@pytest.mark.parametrize(
    ("lower", "upper", "held"), [(0, 0, True), (1.5, 9, True), (1.2, 2, False)]
)
def test_bounds_on_a_code_hold_a_level_where_they_hold_its_code(lower, upper, held):
    assert SIZE.has_level_between(np.array([lower]), np.array([upper])) is held


def test_bounds_on_a_code_hold_what_unknown_and_missing_values_become():
    column = replace(SIZE, ignores_unknown=True, unknown_code=-1.0, imputes=True, fill=7.0)
    assert column.has_level_between(np.array([-1.0]), np.array([-0.5]))
    assert column.has_level_between(np.array([7.0]), np.array([7.0]))
    assert AGE.has_level_between(np.array([0.3]), np.array([0.4]))
