"""The rules of the extended reals that the construction needs."""

from fractions import Fraction

from explainrelu.rewrites.three_layer.arithmetic import ExtendedRow, rectified_row


def test_zero_times_minus_infinity_is_zero():
    row = ExtendedRow((), Fraction(1), (0,))
    assert rectified_row(row, [Fraction(0)]) == 1


def test_a_positive_input_of_a_selector_silences_the_neuron():
    row = ExtendedRow(((1, Fraction(10**9)),), Fraction(1), (0,))
    assert rectified_row(row, [Fraction(1, 10**30), Fraction(5)]) == 0


def test_negative_sums_are_rectified():
    row = ExtendedRow(((0, Fraction(-2)),), Fraction(1), ())
    assert rectified_row(row, [Fraction(1)]) == 0
    assert rectified_row(row, [Fraction(1, 4)]) == Fraction(1, 2)
