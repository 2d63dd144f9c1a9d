"""What writes each of several tables as a file of its own."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from explainrelu.errors import MissingDependencyError

__all__ = ["csv_writers", "parquet_writers"]


def csv_writers(tables: Mapping[str, pd.DataFrame]) -> dict[str, Callable[[Path], None]]:
    """File name -> what writes the table there, for :func:`write_folder`.

    Examples
    --------
    >>> list(csv_writers({"rules": pd.DataFrame()}))
    ['rules.csv']
    """
    return {
        f"{name}.csv": partial(table.to_csv, index=False, lineterminator="\n")
        for name, table in tables.items()
    }


def parquet_writers(tables: Mapping[str, pd.DataFrame]) -> dict[str, Callable[[Path], None]]:
    """The same as Parquet.

    Raises
    ------
    MissingDependencyError
        Where pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise MissingDependencyError(
            "Parquet files need pyarrow, which is not installed. Write pip install "
            "'explainrelu[parquet]', or use to_csv."
        )
    return {
        f"{name}.parquet": partial(table.to_parquet, index=False, engine="pyarrow")
        for name, table in tables.items()
    }
