"""Regions as a Parquet file."""

import sys

import numpy as np
import pandas as pd
import pytest

from explainrelu.errors import MissingDependencyError, OutputError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions

CROSS = ReluNetwork.from_weights([np.eye(2), np.ones((1, 2))], [np.zeros(2), [0.0]])
REGIONS = enumerate_regions(CROSS, Box([-2.0, -2.0], [2.0, 2.0])).with_rows([[1.0, 1.0]])


def test_a_parquet_file_has_the_table_the_patterns_and_a_point_of_each(tmp_path):
    REGIONS.to_parquet(tmp_path / "regions.parquet")
    table = pd.read_parquet(tmp_path / "regions.parquet")
    shown = REGIONS.to_frame()
    pd.testing.assert_frame_equal(table[list(shown.columns)], shown)
    assert list(table.columns[len(shown.columns) :]) == ["pattern", "inside"]
    assert [*table["pattern"]] == [pattern.tobytes() for pattern in REGIONS.patterns]
    np.testing.assert_array_equal(np.stack(table["inside"]), REGIONS.witnesses)


def test_no_regions_make_an_empty_file(tmp_path):
    REGIONS.chosen([]).to_parquet(tmp_path / "none.parquet")
    assert len(pd.read_parquet(tmp_path / "none.parquet")) == 0


def test_without_pyarrow_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install explainrelu\[parquet\]"):
        REGIONS.to_parquet(tmp_path / "regions.parquet")


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(OutputError, match="Choose a folder that exists"):
        REGIONS.to_parquet(tmp_path / "nowhere" / "regions.parquet")
