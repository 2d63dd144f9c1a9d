"""CSV and Parquet files: rows as the model's columns hold them, tables written whole or not at all.

A CSV file says nothing of types. Its cells are read as text, and the model's own schema then says
what each column holds: a zip code that was text in training stays text, and a level called ``NA``
stays a level.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.errors import DataError, MissingDependencyError, OutputError
from explainrelu.network.column import Column, ColumnKind, Level
from explainrelu.network.schema import InputSchema
from explainrelu.reports.writing import write_folder

__all__ = [
    "TableFile",
    "check_folder",
    "needs_pyarrow",
    "read_table",
    "table_writer",
    "write_table",
]

_MISSING = frozenset(("", "#N/A", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"))
_BOOLEANS = {"True": True, "true": True, "False": False, "false": False}


@dataclass(frozen=True, slots=True, eq=False)
class TableFile:
    """The rows of a file.

    Attributes
    ----------
    path
        The file.
    frame : DataFrame (n_samples, n_columns)
        Its rows: of a CSV file every cell as text, of a Parquet file as stored.
    is_text
        Whether the cells are text whose meaning is still open.
    """

    path: Path
    frame: pd.DataFrame
    is_text: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order of the file."""
        return tuple(str(name) for name in self.frame.columns)

    def rows(self, names: Sequence[str], schema: InputSchema) -> pd.DataFrame:
        """The columns ``names``, in that order, as the columns of ``schema`` hold them.

        Raises
        ------
        DataError
            Where a cell of a numeric column is no number.
        """
        chosen = self.frame.loc[:, list(names)]
        if not self.is_text:
            return chosen
        pairs = zip(names, schema.columns, strict=True)
        return pd.DataFrame({name: _typed(chosen[name], column) for name, column in pairs})

    def target(self, names: Sequence[str]) -> pd.DataFrame:
        """Other columns: numbers where every cell of one is a number, else as they stand."""
        chosen = self.frame.loc[:, list(names)]
        return chosen.apply(_guessed) if self.is_text else chosen


def read_table(path: Path) -> TableFile:
    """Read a ``.csv`` or ``.parquet`` file.

    Raises
    ------
    DataError
        Where the file is missing, damaged, of another kind, without rows, or names a column twice.
    MissingDependencyError
        For Parquet without pyarrow.

    Notes
    -----
    A CSV file is read as UTF-8 with commas; a line with more or fewer cells than the header is an
    error, and so is a quotation mark that is never closed.

    Examples
    --------
    >>> read_table(Path("no such file.csv"))
    Traceback (most recent call last):
    explainrelu.errors.DataError: 'no such file.csv' cannot be read: ...
    """
    if path.suffix not in _READERS:
        raise DataError(f"A data file must end in .csv or .parquet, got {path.name!r}.")
    frame = _READERS[path.suffix](path)
    doubles = sorted(str(name) for name in frame.columns[frame.columns.duplicated()])
    if doubles:
        raise DataError(f"{str(path)!r} must name each column once, got {doubles[0]!r} twice.")
    if not len(frame):
        raise DataError(f"{str(path)!r} must have at least one row below its header, got none.")
    return TableFile(path, frame.reset_index(drop=True), is_text=path.suffix == ".csv")


def table_writer(path: Path) -> Callable[[pd.DataFrame], None]:
    """What will write a table to ``path``; asked for early, so that no work is done in vain.

    Raises
    ------
    OutputError
        For another ending than .csv or .parquet, or where a folder of that name is in the way.
    MissingDependencyError
        For Parquet without pyarrow.
    """
    if path.suffix not in _READERS:
        raise OutputError(f"The file to write must end in .csv or .parquet, got {path.name!r}.")
    if path.is_dir():
        raise OutputError(f"The file to write must not be a folder, got {str(path)!r}.")
    check_folder(path.parent)
    if path.suffix == ".parquet":
        needs_pyarrow()
    return lambda frame: write_table(frame, path)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet; where that fails, what stood there before still stands.

    Raises
    ------
    OutputError
        Where the file cannot be written.
    """

    def write(draft: Path) -> None:
        if path.suffix == ".csv":
            frame.to_csv(draft, index=False, lineterminator="\n")
        else:
            frame.to_parquet(draft, index=False)

    write_folder(path.parent, {path.name: write})


def check_folder(folder: Path) -> None:
    """Refuse a folder to write that cannot be one, before any work is done.

    Raises
    ------
    OutputError
        Where a file of that name, or of a folder above it, is in the way.
    """
    for place in (folder, *folder.parents):
        if place.is_dir():
            return
        if place.exists():
            raise OutputError(
                f"The output {str(folder)!r} must be a folder, got {str(place)!r}, which is a "
                "file. Choose another name."
            )


# ---------------------------------------------------------------------------------------------
# Files to cells.


def _csv(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(path, error, "UTF-8 text, cells separated by commas") from error
    if not rows:
        raise DataError(f"{str(path)!r} must hold a header and rows, got an empty file.")
    header = rows.pop(0)
    if len(header) == 1 and ";" in header[0]:
        raise DataError(
            f"{str(path)!r} must separate its cells by commas, got semicolons. Write it again with "
            "commas and decimal points."
        )
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise DataError(
                f"{str(path)!r} must have {len(header)} cells in every row, as its header has, got "
                f"{len(row)} in row {number} (the first row is 0). Mend that line."
            )
    cells = np.array(rows, dtype=object).reshape(len(rows), len(header))
    return pd.DataFrame(cells, columns=pd.Index(header, dtype=object))


def _parquet(path: Path) -> pd.DataFrame:
    needs_pyarrow()
    try:
        with path.open("rb") as file:
            return pd.read_parquet(file)
    except (OSError, ValueError) as error:  # pyarrow's own errors are kinds of these
        raise _unreadable(path, error, "a whole Parquet file") from error


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {".csv": _csv, ".parquet": _parquet}


def needs_pyarrow() -> None:
    """Raise MissingDependencyError where Parquet files can be neither read nor written."""
    try:
        import pyarrow  # noqa: F401  # only to see whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "A Parquet file needs pyarrow, which is not installed: "
            "pip install explainrelu[parquet]. CSV needs nothing more."
        ) from error


def _unreadable(path: Path, error: Exception, required: str) -> DataError:
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        required, said = "a file that can be opened", error.strerror
    return DataError(
        f"{str(path)!r} cannot be read: it must be {required}, got: {said.rstrip('. ')}. Check the "
        "path and the file."
    )


# ---------------------------------------------------------------------------------------------
# Text cells to the values of a column.


def _typed(cells: "pd.Series[Any]", column: Column) -> "pd.Series[Any]":
    if column.kind is ColumnKind.NUMERIC:
        return _numbers(cells)
    if column.kind is ColumnKind.UNUSED:
        return _guessed(cells)
    return _levels(cells, column.levels)


def _numbers(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """The cells as float64, each the nearest to what is written; missing ones as NaN."""
    filled = cells.where(~cells.isin(_MISSING), "nan")
    if filled.isin([*_BOOLEANS, "nan"]).all():
        filled = filled.map(lambda cell: float(_BOOLEANS.get(cell, np.nan)))
    try:
        return filled.astype(np.float64)
    except ValueError as error:
        row, cell = next((i, c) for i, c in enumerate(filled) if not _is_number(c))
        raise DataError(
            f"Column {cells.name!r} must be numeric, got {cell!r} in row {row}. Write numbers with "
            "a decimal point, and leave missing cells empty."
        ) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _guessed(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Numbers where every cell is one (whole numbers where all are whole), else the text."""
    if all(map(_is_number, cells)):
        try:
            return cells.astype(np.int64)
        except (ValueError, OverflowError):
            return cells.astype(np.float64)
    return cells.where(cells != "", None).astype("str")


def _levels(cells: "pd.Series[Any]", levels: Sequence[Level]) -> "pd.Series[Any]":
    """The cells as levels: text, numbers or truth values, whatever the levels are.

    A cell that is no level stays what is written (or its number, where levels are numbers), for
    the model to accept or refuse; one that says missing and is no level is missing.
    """
    known = {cell: _level(cell, levels) for cell in cells.unique()}
    values = cells.map(known).astype(object)
    kinds = {type(value) for value in known.values()}
    if kinds <= {str, type(None)}:
        return values.astype("str")
    if kinds <= {int, float, type(None)} and len(kinds) > 1:
        return values.astype(np.float64)
    return values.infer_objects() if len(kinds) == 1 else values


def _level(cell: str, levels: Sequence[Level]) -> Level:
    """What one cell of a categorical column means."""
    written = {str(level): level for level in levels if level is not None}
    if cell in written:
        return written[cell]
    if cell in _MISSING:
        return None
    numbers = [level for level in levels if type(level) in (int, float)]
    if numbers and _is_number(cell):
        number = float(cell)
        whole = number.is_integer() and all(type(level) is int for level in numbers)
        return int(number) if whole else number
    truths = any(type(level) is bool for level in levels)
    return _BOOLEANS.get(cell, cell) if truths else cell
