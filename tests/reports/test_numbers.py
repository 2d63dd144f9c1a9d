import pytest

from explainrelu.reports.numbers import count, counted, merit, number, percent, plain, signed

SPACE = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1.00"),
        (-0.5, "−0.500"),
        (9.996, "10.0"),
        (999.6, "1000"),
        (12345.6, f"12{SPACE}346"),
        (1.2e7, "1.20 × 10⁷"),
        (-9.4e-4, "−9.40 × 10⁻⁴"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"),
        (float("nan"), "–"),
    ],
)
def test_number_has_three_digits_and_a_real_minus(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(14.60, "14.6"), (73.0, "73"), (33800.5, f"33{SPACE}800.5"), (-2.0, "−2"), (0.0, "0")],
)
def test_measured_value_is_not_padded(value, text):
    assert plain(value) == text


def test_signs_shares_and_counts():
    assert [signed(v) for v in (1.0, -1.0, 0.0)] == ["+1.00", "−1.00", "0"]
    assert [percent(v) for v in (0.0, 1e-9, 0.5, 0.9995, 1.0)] == [
        "0%", "<0.1%", "50.0%", ">99.9%", "100%",
    ]  # fmt: skip
    assert [count(9999), count(10000)] == ["9999", f"10{SPACE}000"]
    assert counted(2, "row") == "2 rows"


def test_figure_of_merit_is_one_only_where_it_is_one():
    assert [merit(v) for v in (1.0, 1 - 1e-9, 0.5, -3.0)] == ["1", ">0.999", "0.500", "−3.00"]
