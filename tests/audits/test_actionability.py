from typing import Any

import pytest

from explainrelu.audits.actionability import Actionability
from explainrelu.errors import ArgumentError, ColumnsError, ExplainReluError, InputTypeError
from tests.audits.discrete import SCHEMA

CONTRADICTIONS: list[tuple[dict[str, Any], type[ExplainReluError], str]] = [
    (
        {"immutable": ["a"], "increase_only": ["a"]},
        ArgumentError,
        "immutable and increase_only at once, got 'a'",
    ),
    ({"immutable": ["a"], "decrease_only": ["a"]}, ArgumentError, "immutable and decrease_only"),
    (
        {"increase_only": ["a"], "decrease_only": ["a"]},
        ArgumentError,
        "increase_only and decrease_only",
    ),
    ({"linked": {"a": "b"}, "immutable": ["b"]}, ArgumentError, "'b' is immutable"),
    (
        {"linked": {"a": "b"}, "increase_only": ["a"], "decrease_only": ["b"]},
        ArgumentError,
        "only increase and one only decrease",
    ),
    ({"linked": {"a": "a"}}, ArgumentError, "with itself"),
    ({"linked": ["a"]}, InputTypeError, "linked must map columns"),
    ({"immutable": "a"}, InputTypeError, r"Write \['a'\]"),
    ({"step": {"a": 0}}, ArgumentError, "step of 'a' must be positive"),
    ({"step": {"a": "x"}}, InputTypeError, "step of 'a' must be a number"),
    ({"cost": {"a": -1}}, ArgumentError, "cost of 'a' must be positive"),
    ({"cost": {"a": True}}, InputTypeError, "cost of 'a' must be a number"),
]


@pytest.mark.parametrize(("wishes", "kind", "text"), CONTRADICTIONS)
def test_contradictory_wishes_are_refused(
    wishes: dict[str, Any], kind: type[ExplainReluError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        Actionability(**wishes)


@pytest.mark.parametrize("wish", ["immutable", "increase_only", "decrease_only"])
def test_unknown_column_is_refused(wish: str) -> None:
    with pytest.raises(ColumnsError, match=f"{wish} must name columns of the model, got 'z'"):
        Actionability(**{wish: ["z"]}).check(SCHEMA)


@pytest.mark.parametrize(
    "wishes", [{"step": {"job": 1}}, {"linked": {"a": "job"}}, {"increase_only": ["job"]}]
)
def test_column_without_amounts_has_no_direction_step_or_link(wishes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="'job', which is categorical"):
        Actionability(**wishes).check(SCHEMA)


def test_links_that_share_a_column_are_one_group() -> None:
    wishes = Actionability(linked={"a": "b", "b": "c", "d": ["e"]})
    assert wishes.groups == (("a", "b", "c"), ("d", "e"))


def test_wishes_do_not_change_with_the_tables_they_were_made_of() -> None:
    step = {"a": 1.0}
    wishes = Actionability(step=step)
    step["a"] = 2.0
    assert wishes.step["a"] == 1.0
