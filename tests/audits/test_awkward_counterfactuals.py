"""Counterfactuals where rows can hardly move, scores are tiny, and time is short."""

import numpy as np
import pandas as pd
import pytest

from explainrelu import Actionability, ReluNetwork, counterfactuals
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.schema import InputSchema

SCHEMA = InputSchema(
    (
        Column("a", lower=0.0, upper=4.0),
        Column("job", ColumnKind.CATEGORICAL, levels=("x", "y"), ignores_unknown=True),
        Column("grade", ColumnKind.ORDINAL, levels=("l", "m", "h"), codes=(0.0, 1.0, 2.0)),
    )
)


def linear(bias: float, size: float = 1.0) -> ReluNetwork:
    """``size * (a + 2 [job = y] + grade + bias)``."""
    weights = [[[1.0, 0.0, 2.0, 1.0]], [[size]]]
    return ReluNetwork.from_weights(weights, [[0.0], [size * bias]], schema=SCHEMA)


def row(a: int, job: str, grade: str) -> pd.DataFrame:
    return pd.DataFrame({"a": [a], "job": [job], "grade": [grade]})


@pytest.mark.parametrize("size", [1e-8, 1e-5, 1.0, 1e8])
@pytest.mark.parametrize("norm", ["l1", "l2", "l0", "linf"])
def test_size_of_the_scores_changes_no_verdict(size: float, norm: str) -> None:
    found = counterfactuals(linear(-3.5, size), row(0, "x", "l"), norm=norm)
    least = {"l1": 3.0, "l2": np.sqrt(3.0), "l0": 1.0, "linf": 1.0}[norm]
    assert found.status == ("optimal",)
    assert found.frame["distance"][0] == pytest.approx(least)


def test_direction_beside_permitted_levels_it_excludes() -> None:
    found = counterfactuals(
        linear(-3.5), row(1, "x", "m"), permitted_range={"grade": ["m", "h"]},
        actionability=Actionability(decrease_only=["grade"]),
    )  # fmt: skip
    assert found.frame["grade"].tolist() == ["m"]


def test_next_change_where_an_own_level_is_not_permitted() -> None:
    permitted = {"grade": ["l", "h"], "job": ["y"]}
    found = counterfactuals(
        linear(-3.5), row(0, "pilot", "m"), permitted_range=permitted, total_CFs=3, norm="l0"
    )
    assert found.status == ("optimal",)
    assert set(found.frame["grade"]) <= {"l", "h"}
    assert set(found.frame["job"]) == {"y"}


def test_next_change_where_nothing_else_moves() -> None:
    found = counterfactuals(linear(-3.5), row(0, "x", "l"), features_to_vary=["a"], total_CFs=2)
    assert found.outcomes["status"].tolist() == ["optimal", "infeasible"]


def test_without_time_the_gap_is_not_known() -> None:
    found = counterfactuals(linear(-99.0), row(0, "x", "l"), time_limit=1e-9)
    assert found.status == ("undecided",)
    assert np.isinf(found.gap).all()
    assert found.frame.empty
