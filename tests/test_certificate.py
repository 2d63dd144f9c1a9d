import itertools
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.certificate import Certificate, Check, Exactness, Status

COLUMNS = ["check", "status", "value", "tolerance", "exactness", "detail"]


def check(status: Status = Status.HOLDS, name: str = "scores agree") -> Check:
    return Check(name, status, 0.5, 1.0, Exactness.EXACT, "3 rows")


@given(st.floats(allow_nan=True), st.floats(allow_nan=False))
def test_at_most_holds_where_the_value_is_at_most_the_tolerance(value: float, tolerance: float):
    found = Check.at_most("gap", value, tolerance, Exactness.BOUNDED, "all")
    assert (found.status is Status.HOLDS) == (value <= tolerance)
    assert found.status is not Status.UNDECIDED


@pytest.mark.parametrize(("value", "tolerance"), [(np.nan, 1.0), (0.0, np.nan), (np.nan, np.nan)])
def test_what_is_no_number_holds_nowhere(value: float, tolerance: float):
    assert Check.at_most("gap", value, tolerance, Exactness.EXACT, "").status is Status.FAILS


def test_figures_are_plain_python_numbers():
    found = Check.at_most("gap", np.float32(0.5), np.int64(1), Exactness.EXACT, "")
    assert (type(found.value), type(found.tolerance)) == (float, float)


@pytest.mark.parametrize("statuses", list(itertools.product(Status, repeat=2)))
def test_a_certificate_holds_where_every_check_holds(statuses: tuple[Status, Status]):
    certificate = Certificate(tuple(check(status) for status in statuses))
    assert certificate.holds == (set(statuses) == {Status.HOLDS})


def test_a_certificate_without_checks_proves_nothing():
    assert not Certificate().holds


def test_further_checks_make_a_new_certificate():
    first = Certificate((check(),))
    second = first.plus([check(Status.FAILS, "cells agree")])
    assert [c.name for c in second.checks] == ["scores agree", "cells agree"]
    assert (len(first.checks), first.holds, second.holds) == (1, True, False)
    assert first.plus(iter(())).checks == first.checks


def test_neither_check_nor_certificate_can_be_changed():
    with pytest.raises(FrozenInstanceError, match="status"):
        check().status = Status.HOLDS
    with pytest.raises(FrozenInstanceError, match="checks"):
        Certificate().checks = (check(),)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_the_table_has_one_row_a_check_and_always_the_same_columns(n: int):
    frame = Certificate((check(),) * n).to_frame()
    assert frame.columns.tolist() == COLUMNS
    assert len(frame) == n
    assert [str(dtype) for dtype in frame.dtypes] == [
        "str",
        "str",
        "float64",
        "float64",
        "str",
        "str",
    ]


def test_the_table_says_what_the_checks_say():
    row = Certificate((check(Status.UNDECIDED),)).to_frame().iloc[0]
    assert row.tolist() == ["scores agree", "undecided", 0.5, 1.0, "exact", "3 rows"]
    assert isinstance(row["status"], str)


def test_a_check_without_a_figure_has_a_missing_one():
    nothing = Check("read", Status.HOLDS, float("nan"), float("nan"), Exactness.EXACT, "")
    assert Certificate((nothing,)).to_frame()[["value", "tolerance"]].isna().all(axis=None)
    assert isinstance(Certificate((nothing,)).to_frame(), pd.DataFrame)


@pytest.mark.parametrize(
    ("statuses", "together"),
    [
        ([], Status.UNDECIDED),
        ([Status.HOLDS], Status.HOLDS),
        ([Status.HOLDS, Status.UNDECIDED], Status.UNDECIDED),
        ([Status.UNDECIDED, Status.FAILS, Status.HOLDS], Status.FAILS),
    ],
)
def test_one_status_stands_for_all_checks(statuses, together):
    checks = [Check("made up", status, 0.0, 0.0, Exactness.EXACT, "") for status in statuses]
    assert Certificate(tuple(checks)).status is together
