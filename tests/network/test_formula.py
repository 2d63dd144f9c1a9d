import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explainrelu.geometry.box import Box
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.formula import (
    formula_text,
    linear_text,
    number_text,
    readable_form,
)
from explainrelu.network.schema import InputSchema

NUMBERS = st.floats(-1e12, 1e12, allow_subnormal=False)
NAMES = ["a", "b", "c"]
JOB = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", "smith"))


@given(NUMBERS, st.integers(2, 9))
def test_a_number_is_right_to_its_digits(value: float, digits: int):
    written = float(number_text(value, digits=digits))
    assert written == pytest.approx(value, rel=0.51 * 10.0 ** (1 - digits))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (1234.5, "1234"),
        (9999.4, "9999"),
        (9999.9, "10000"),
        (-9999.9, "-10000"),
        (12345.678, "12346"),
        (123456789.0, "123456789"),
        (2e9, "2e+09"),
        (0.00001234, "1.234e-05"),
        (-0.0, "0"),
    ],
)
def test_numbers_a_person_writes_out_are_written_out(value: float, text: str):
    assert number_text(value) == text


@given(
    hnp.arrays(np.float64, 3, elements=NUMBERS),
    NUMBERS,
    hnp.arrays(np.float64, 3, elements=NUMBERS),
)
def test_a_formula_read_back_is_the_affine_form(weight, bias, point):
    text = formula_text(weight, bias, NAMES, digits=17)
    value = eval(text, {}, dict(zip(NAMES, point.tolist(), strict=True)))
    scale = np.abs(weight * point).sum() + abs(bias)
    assert value == pytest.approx(weight @ point + bias, abs=1e-12 * scale + 1e-300)


@given(hnp.arrays(np.float64, 3, elements=NUMBERS), hnp.arrays(np.float64, 3, elements=NUMBERS))
def test_linear_terms_read_back_are_the_linear_form(weight, point):
    text = linear_text(weight, NAMES, digits=17)
    value = eval(text, {}, dict(zip(NAMES, point.tolist(), strict=True)))
    assert value == pytest.approx(weight @ point, abs=1e-12 * np.abs(weight * point).sum() + 1e-300)


def test_terms_stand_in_the_order_of_their_effect():
    weight = np.array([1.0, -30.0, 2.0])
    assert linear_text(weight, NAMES) == "-30 * b + 2 * c + a"
    scale = np.array([100.0, 1.0, 1.0])
    assert linear_text(weight, NAMES, scale=scale) == "a - 30 * b + 2 * c"


def test_a_form_of_zeros_is_written_zero():
    assert linear_text(np.zeros(3), NAMES) == "0"
    assert formula_text(np.zeros(3), -1.5, NAMES) == "-1.5"


def test_an_indicator_stands_in_brackets():
    assert linear_text(np.array([-1.0]), ["job = nurse"]) == "-[job = nurse]"


def test_a_constant_of_minus_zero_is_written_zero():
    assert formula_text(np.array([1.0]), -0.0, ["a"]) == "0 + a"


SCHEMA = InputSchema((JOB, Column("age")))
WHOLE = Box([0.0, 0.0, 0.0, -1e3], [1.0, 1.0, 1.0, 1e3])


def row(level: str, age: float) -> np.ndarray:
    """The inputs of one row."""
    return np.array([*(float(level == known) for known in JOB.levels), age])


@given(
    hnp.arrays(np.float64, 4, elements=st.floats(-1e6, 1e6)),
    st.floats(-1e6, 1e6),
    st.lists(st.sampled_from(JOB.levels), min_size=1, unique=True),
    st.floats(-1e3, 1e3),
)
def test_a_readable_form_has_the_same_value_on_every_row_of_the_domain(weight, bias, levels, age):
    rows = np.array([row(level, age) for level in levels])
    domain = Box(np.r_[rows[:, :3].min(axis=0), -1e3], np.r_[rows[:, :3].max(axis=0), 1e3])
    moved, constant = readable_form(weight, bias, SCHEMA, domain)
    assert rows @ moved + constant == pytest.approx(rows @ weight + bias, rel=1e-9, abs=1e-3)
    assert moved[JOB.levels.index(min(levels, key=JOB.levels.index))] == 0.0
    assert all(moved[i] == 0.0 for i, level in enumerate(JOB.levels) if level not in levels)


def test_a_readable_form_leaves_the_given_one_alone():
    weight = np.array([5.0, 6.0, 7.0, 1.0])
    assert readable_form(weight, 1.0, SCHEMA, WHOLE)[0].tolist() == [0.0, 1.0, 2.0, 1.0]
    assert weight.tolist() == [5.0, 6.0, 7.0, 1.0]


def test_a_column_that_ignores_unknown_levels_keeps_its_coefficients():
    column = Column("job", ColumnKind.CATEGORICAL, levels=("a", "b"), ignores_unknown=True)
    schema, domain = InputSchema((column,)), Box([0.0, 0.0], [1.0, 1.0])
    weight, bias = readable_form(np.array([5.0, 6.0]), 1.0, schema, domain)
    assert (weight.tolist(), bias) == ([5.0, 6.0], 1.0)
