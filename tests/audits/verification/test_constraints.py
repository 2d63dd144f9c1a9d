import numpy as np
import pytest

from explainrelu.audits.verification.constraints import LinearConstraint, OutputConstraints
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.network.outputs import OutputSchema

OUTPUTS = OutputSchema(("a", "b", "c"))
ROWS = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 2.0, 2.0], [-1.0, 0.5, 0.0]])


def violated(property_: OutputConstraints) -> list[bool]:
    """Which rows of scores violate a property."""
    found = np.zeros(len(ROWS), dtype=bool)
    for part in property_.over(OUTPUTS):
        left = ROWS @ part.weight.T - part.bound
        found |= np.where(part.strict, left < 0, left <= 0).all(axis=1)
    return found.tolist()


@pytest.mark.parametrize(
    ("property_", "kept"),
    [
        (OutputConstraints.at_most("a", 2.0), ROWS[:, 0] <= 2),
        (OutputConstraints.at_least(0, 2.0), ROWS[:, 0] >= 2),
        (OutputConstraints.difference_at_most("a", "c", 0.0), ROWS[:, 0] - ROWS[:, 2] <= 0),
        (OutputConstraints.largest("a", among=OUTPUTS.names), ROWS[:, 0] >= ROWS.max(axis=1)),
        (OutputConstraints.smallest("a", among=OUTPUTS.names), ROWS[:, 0] <= ROWS.min(axis=1)),
        (OutputConstraints.not_largest("a", among=OUTPUTS.names), ROWS[:, 0] < ROWS.max(axis=1)),
        (OutputConstraints.not_smallest("a", among=OUTPUTS.names), ROWS[:, 0] > ROWS.min(axis=1)),
    ],
)
def test_each_property_is_kept_where_its_words_say(property_, kept):
    assert violated(property_) == (~kept).tolist()


def test_properties_are_joined_by_and_and_or():
    low, high = OutputConstraints.at_least("a", 2.0), OutputConstraints.at_most("b", 1.0)
    first, second = np.array(violated(low)), np.array(violated(high))
    assert violated(low & high) == (first | second).tolist()
    assert violated(low | high) == (first & second).tolist()


def test_a_constraint_and_its_negation_part_all_scores():
    constraint = LinearConstraint((("a", 2.0), (1, -1.0)), 0.0)
    one = OutputConstraints.violated_when([constraint])
    other = OutputConstraints.violated_when([constraint.negated()])
    assert (np.array(violated(one)) ^ np.array(violated(other))).all()
    assert (str(constraint), str(constraint.negated())) == (
        "2 a - output 1 <= 0",
        "-2 a + output 1 < 0",
    )


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: LinearConstraint((), 0.0), ArgumentError, "at least one score"),
        (lambda: LinearConstraint((("a", 0.0),), 0.0), ArgumentError, "other than 0"),
        (lambda: LinearConstraint((("a", 1.0),), np.nan), ArgumentError, "finite"),
        (lambda: LinearConstraint(((1.5, 1.0),), 0.0), InputTypeError, "its position"),
        (lambda: OutputConstraints(()), ArgumentError, "at least one alternative"),
        (lambda: OutputConstraints.violated_when([]), ArgumentError, "at least one constraint"),
        (lambda: OutputConstraints.violated_when(["a <= 1"]), InputTypeError, "LinearConstraint"),
        (lambda: OutputConstraints.largest("a", among=["b"]), ArgumentError, "among must list"),
        (lambda: OutputConstraints.largest("a", among=["a"]), ArgumentError, "at least one other"),
        (lambda: OutputConstraints.at_most("d", 1).over(OUTPUTS), ArgumentError, "'a', 'b', 'c'"),
        (lambda: OutputConstraints.at_most(3, 1).over(OUTPUTS), ArgumentError, "from 0 to 2"),
        (
            lambda: OutputConstraints.difference_at_most("a", 0, 1).over(OUTPUTS),
            ArgumentError,
            "cancel",
        ),
    ],
)
def test_constraints_that_say_nothing_are_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_too_many_alternatives_are_refused():
    many = OutputConstraints.violated_when(*[[LinearConstraint((("a", 1.0),), 0.0)]] * 101)
    with pytest.raises(ArgumentError, match="10,000"):
        _ = many | many
