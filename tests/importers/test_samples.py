from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from explainrelu.errors import DataError
from explainrelu.importers.samples import one_row, points_of
from explainrelu.network.network import ReluNetwork


@pytest.mark.parametrize(
    ("X", "shape"),
    [
        (None, ()),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), (1, 2)),
        ([[1.0, 2.0, 3.0]], (1, 3)),
        (np.ones((20, 1, 8, 8)), (1, 1, 8, 8)),
        (torch.ones(20, 3, 9), (1, 3, 9)),
    ],
)
def test_one_row_has_an_axis_of_rows_of_size_one(X: Any, shape: tuple[int, ...]):
    assert one_row(X) == shape


@pytest.mark.parametrize("X", [np.ones(3), [1.0, 2.0], np.ones((2, 0))])
def test_what_is_no_table_and_no_picture_is_refused(X: Any):
    with pytest.raises(DataError, match="X must be two-dimensional"):
        one_row(X)


def test_samples_whose_shape_is_not_kept_become_rows():
    network = ReluNetwork.from_weights([np.ones((1, 4))], [np.zeros(1)])
    assert points_of(network, np.ones((2, 1, 4))).shape == (2, 4)
