import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from explainrelu.errors import ColumnsError, DataError, InputTypeError
from explainrelu.network.frames import as_frame, column_names
from tests.network.messages import says_all_three

NAMES = ["age", "job"]
ROWS = pd.DataFrame({"age": [30.0, 40.0], "job": ["nurse", "clerk"]})


@pytest.mark.parametrize(
    "table",
    [
        ROWS,
        pl.from_dict(ROWS.to_dict("list")),
        pl.from_dict(ROWS.to_dict("list")).lazy(),
        pa.table(ROWS.to_dict("list")),
        ROWS.to_numpy(),
        ROWS.to_numpy().tolist(),
        tuple(map(tuple, ROWS.to_numpy())),
    ],
    ids=["pandas", "polars", "lazy polars", "pyarrow", "array", "lists", "tuples"],
)
def test_one_table_of_any_library_is_the_same_frame(table):
    frame = as_frame(table, NAMES)
    assert frame.columns.tolist() == NAMES
    assert frame["age"].astype(float).tolist() == [30.0, 40.0]
    assert frame["job"].tolist() == ["nurse", "clerk"]


def test_missing_values_of_polars_and_pyarrow_stay_missing():
    data = {"age": [1, None], "job": [None, "nurse"]}
    for table in (pl.DataFrame(data), pa.table(data)):
        assert as_frame(table, NAMES).isna().to_numpy().tolist() == [[False, True], [True, False]]


def test_polars_categories_become_their_texts():
    table = pl.DataFrame({"age": [1.0], "job": pl.Series(["nurse"], dtype=pl.Categorical)})
    assert as_frame(table, NAMES)["job"].tolist() == ["nurse"]


def test_a_frame_is_handed_on_and_not_copied():
    assert as_frame(ROWS, NAMES) is ROWS


def test_columns_called_by_numbers_are_known_by_their_text():
    frame = pd.DataFrame(np.ones((1, 2)))
    assert column_names(frame) == ("0", "1")
    assert as_frame(frame, ["0", "1"]).to_numpy().tolist() == [[1.0, 1.0]]


def test_tables_carry_names_and_arrays_do_not():
    assert column_names(ROWS) == ("age", "job")
    assert column_names(pl.DataFrame({"a": [1]})) == ("a",)
    assert column_names(np.zeros((2, 2))) is None
    assert column_names([[1, 2]]) is None


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (ROWS[["job", "age"]], r"another order.*Write X = X\[\['age', 'job'\]\]"),
        (ROWS[["age"]], "missing: job"),
        (ROWS.assign(wage=1.0), "not known to the model: wage"),
        (ROWS.rename(columns={"job": "Job"}), "missing: job; not known to the model: Job"),
        (ROWS[["age", "age"]], "missing: job"),
        (pd.concat([ROWS, ROWS[["age"]]], axis=1), "got 3 columns"),
        (ROWS.set_axis(pd.MultiIndex.from_product([["x"], NAMES]), axis=1), "missing: age, job"),
        (pd.DataFrame(), "missing: age, job"),
        (pl.DataFrame({"age": [1.0]}), "missing: job"),
        (np.zeros((2, 3)), r"must have 2 columns \(age, job\), got 3"),
    ],
)
def test_wrong_columns_are_refused_in_words(frame, says: str):
    with pytest.raises(ColumnsError, match=says) as caught:
        as_frame(frame, NAMES)
    assert says_all_three(caught.value), caught.value


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (ROWS.iloc[:0], "at least one row, got an empty table"),
        (np.zeros((0, 2)), "at least one row, got an empty table"),
        (np.zeros(2), r"two-dimensional, .*got shape \(2,\).*reshape\(1, -1\)"),
        ([30.0, 1.0], r"two-dimensional, .*got shape \(2,\)"),
        (np.zeros((1, 1, 2)), r"two-dimensional, .*got shape \(1, 1, 2\)"),
        ([[1.0, 2.0], [3.0]], "rectangular table of rows, got"),
        (ROWS["age"], r"two-dimensional, got a pandas Series.*X.iloc\[\[i\]\]"),
        (pl.Series([1.0, 2.0]), r"two-dimensional, .*got shape \(2,\)"),
    ],
)
def test_what_is_no_table_of_rows_is_refused_in_words(table, says: str):
    with pytest.raises(DataError, match=says) as caught:
        as_frame(table, NAMES)
    assert says_all_three(caught.value), caught.value


@pytest.mark.parametrize("thing", [None, "rows.csv", {"age": [1]}, 3, sparse.eye(2), object()])
def test_what_is_no_table_at_all_is_refused_by_its_type(thing):
    with pytest.raises(InputTypeError, match=f"2-D array, got .*{type(thing).__qualname__}"):
        as_frame(thing, NAMES)


def test_long_lists_of_names_are_shortened():
    wide = pd.DataFrame(np.zeros((1, 40)), columns=[f"c{i}" for i in range(40)])
    with pytest.raises(ColumnsError, match=r"d7, \.\.\. 32 more") as caught:
        as_frame(wide, [f"d{i}" for i in range(40)])
    assert len(str(caught.value)) < 400
