"""Columns may be named by any collection of names, such as a pandas index."""

import numpy as np
import pandas as pd
import pytest

import explainrelu as xr
from explainrelu.errors import ArgumentError
from explainrelu.network.network import ReluNetwork

NETWORK = ReluNetwork.from_weights([[[1.0, 1.0]], [[1.0]]], [[0.0], [-1.0]])
ROWS = pd.DataFrame({"x0": [0.0, 1.0, 0.2], "x1": [0.0, 1.0, 0.5]})


@pytest.mark.parametrize("names", [pd.Index(["x0"]), np.array(["x0"]), ("x0",), {"x0"}])
def test_any_collection_of_names(names) -> None:
    assert xr.Actionability(immutable=names).immutable == ("x0",)
    found = xr.counterfactuals(NETWORK, ROWS[:1], background=ROWS, features_to_vary=names)
    assert found.changes["feature"].tolist() in ([], ["x0"])
    fair = xr.individual_fairness(NETWORK, ROWS, protected=names)
    assert [each.column.name for each in fair.protected] == ["x0"]


def test_odd_numbers_are_refused() -> None:
    with pytest.raises(ArgumentError, match="near must be a number"):
        xr.coverage(NETWORK, ROWS, ROWS, near="a")
    with pytest.raises(ArgumentError, match="n_jobs must be"):
        xr.robustness(NETWORK, ROWS, threshold=0.0, n_jobs=0)
    with pytest.raises(ArgumentError, match="Cannot read 5"):
        xr.read_vnnlib(5)
