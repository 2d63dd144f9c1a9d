"""Regions as a Parquet file, for other programs."""

import os
from io import BytesIO

import numpy as np
import pandas as pd

from explainrelu.arrays import ByteArray, FloatArray
from explainrelu.errors import MissingDependencyError
from explainrelu.importers.archive.model_file import write_model_file

__all__ = ["write_regions"]


def write_regions(
    path: str | os.PathLike[str], frame: pd.DataFrame, patterns: ByteArray, inside: FloatArray
) -> None:
    """Write a table of regions with their packed patterns and a point of each, whole or not at all.

    Parameters
    ----------
    frame
        One row a region.
    patterns : (n_regions, n_bytes)
        Column ``pattern``, bytes.
    inside : (n_regions, n_inputs)
        Column ``inside``, a list of float64.

    Raises
    ------
    MissingDependencyError
        Without pyarrow.
    OutputError
        Where the file cannot be written.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError(
            "A Parquet file needs pyarrow, which is not installed: "
            "pip install explainrelu[parquet]. to_frame().to_csv(path) needs nothing more."
        ) from error
    table = pa.Table.from_pandas(frame, preserve_index=False)
    packed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(patterns.shape[1]), len(patterns), [None, pa.py_buffer(patterns.tobytes())]
    )
    # a plain list, which more readers know than one of fixed size
    starts = np.arange(len(inside) + 1) * inside.shape[1]
    points = pa.LargeListArray.from_arrays(pa.array(starts), pa.array(inside.ravel()))
    table = table.append_column("pattern", packed.cast(pa.binary()))
    table = table.append_column("inside", points)
    file = BytesIO()
    parquet.write_table(table, file)
    write_model_file(path, file.getvalue())
