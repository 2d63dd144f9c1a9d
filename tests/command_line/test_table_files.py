import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explainrelu.command_line.table_files import (
    check_folder,
    read_table,
    table_writer,
    write_table,
)
from explainrelu.errors import DataError, MissingDependencyError, OutputError
from explainrelu.network.column import Column, ColumnKind, Level
from explainrelu.network.schema import InputSchema


def written(folder: Path, text: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def column_of(folder: Path, cells: list[str], column: Column) -> "pd.Series[Any]":
    """The cells of a CSV file of two columns, read as the first column holds them."""
    text = f"{column.name},other\n" + "".join(f"{cell},1\n" for cell in cells)
    table = read_table(written(folder, text))
    return table.rows([column.name], InputSchema((column,)))[column.name]


def levels(*known: Level) -> Column:
    return Column("job", ColumnKind.CATEGORICAL, levels=known)


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100)
    read = column_of(tmp_path, [repr(float(x)) for x in numbers], Column("age"))
    np.testing.assert_array_equal(read.to_numpy(), numbers)


def test_cells_that_say_missing_are_missing_numbers(tmp_path: Path) -> None:
    read = column_of(tmp_path, ["1", "", "NA", "NaN", "null", "None"], Column("age"))
    assert read.isna().tolist() == [False, True, True, True, True, True]


def test_truth_values_are_numbers_in_a_numeric_column(tmp_path: Path) -> None:
    assert column_of(tmp_path, ["True", "False"], Column("ill")).tolist() == [1.0, 0.0]


def test_text_in_a_numeric_column_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'age' must be numeric, got '1,5' in row 1"):
        column_of(tmp_path, ["1", '"1,5"'], Column("age"))


def test_digits_stay_text_where_the_levels_are_text(tmp_path: Path) -> None:
    assert column_of(tmp_path, ["01234", "1"], levels("01234", "1")).tolist() == ["01234", "1"]


def test_digits_are_numbers_where_the_levels_are_numbers(tmp_path: Path) -> None:
    read = column_of(tmp_path, ["1", "2.0", "3"], levels(1, 2))
    assert read.tolist() == [1, 2, 3]
    assert read.dtype == "int64"


def test_truth_values_are_truth_values_where_the_levels_are(tmp_path: Path) -> None:
    assert column_of(tmp_path, ["True", "false"], levels(True, False)).dtype == "bool"


def test_a_level_that_is_called_na_is_no_missing_value(tmp_path: Path) -> None:
    read = column_of(tmp_path, ["NA", "None", "a"], levels("NA", "a"))
    assert read.isna().tolist() == [False, True, False]


def test_numeric_levels_may_be_missing(tmp_path: Path) -> None:
    read = column_of(tmp_path, ["1", "", "2"], levels(1.0, 2.0, None))
    np.testing.assert_array_equal(read.to_numpy(), [1.0, np.nan, 2.0])


def test_a_target_is_numbers_only_where_every_cell_is_one(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a,b,c\n1,1.5,x\n2,2,\n"))
    target = table.target(["a", "b", "c"])
    assert [str(dtype) for dtype in target.dtypes] == ["int64", "float64", "str"]
    assert target["c"].isna().tolist() == [False, True]


def test_blank_lines_and_a_byte_order_mark_do_not_count(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "\ufeffa,b\r\n1,2\r\n\r\n3,4\r\n"))
    assert table.names == ("a", "b")
    assert len(table.frame) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got an empty file"),
        ("a,b\n", "at least one row below its header, got none"),
        ("a,a\n1,2\n", "name each column once, got 'a' twice"),
        ("a;b\n1;2\n", "by commas, got semicolons"),
        ("a,b\n1,2\n3\n", "2 cells in every row, .*got 1 in row 1"),
        ("a,b\n1,2,3\n", "got 3 in row 0"),
        ('a,b\n"1,2\n', "unexpected end of data"),
    ],
)
def test_a_damaged_csv_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_table(written(tmp_path, text))


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("größe\n1\n".encode("latin-1"))
    with pytest.raises(DataError, match="must be UTF-8 text"):
        read_table(tmp_path / "rows.csv")


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can be opened, got: No such file"):
        read_table(tmp_path / name)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"end in \.csv or \.parquet, got 'rows\.xlsx'"):
        read_table(tmp_path / "rows.xlsx")


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_table(pd.DataFrame({"a": [1.0, 2.0]}), path)
    whole = path.read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="must be a whole Parquet file"):
            read_table(path)


def test_without_pyarrow_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install explainrelu\[parquet\]"):
        read_table(tmp_path / "rows.parquet")
    with pytest.raises(MissingDependencyError, match=r"pip install explainrelu\[parquet\]"):
        table_writer(tmp_path / "rows.parquet")


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_written_table_is_read_as_it_was(name: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0.1, 1 / 3], "b": ["x", "y, z"]})
    table_writer(tmp_path / name)(frame)
    schema = InputSchema((Column("a"), Column("b", ColumnKind.CATEGORICAL, levels=("x", "y, z"))))
    read = read_table(tmp_path / name).rows(["a", "b"], schema)
    pd.testing.assert_frame_equal(read, frame)


def test_a_table_that_fails_to_write_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "table.csv")

    def full(self: pd.DataFrame, path: Path, **_: object) -> None:
        path.write_text("half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OutputError, match="No space left"):
        write_table(pd.DataFrame({"a": [2]}), tmp_path / "table.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "a\n1\n"


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"got '.*file', which is a file"):
        check_folder(tmp_path / "file" / "deeper")
    with pytest.raises(OutputError, match="which is a file"):
        table_writer(tmp_path / "file" / "table.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match="must not be a folder"):
        table_writer(tmp_path / "folder.csv")
    with pytest.raises(OutputError, match=r"must end in \.csv or \.parquet"):
        table_writer(tmp_path / "table.txt")
