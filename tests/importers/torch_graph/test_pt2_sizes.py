import pytest

from explainrelu.errors import ArchiveError, UnsupportedModelError
from explainrelu.importers.torch_graph.pt2_sizes import row_symbol, size_of


def expression(text: str) -> dict[str, dict[str, str]]:
    return {"as_expr": {"expr_str": text}}


ROWS = "Symbol('s7', positive=True, integer=True)"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (ROWS, 5),
        ("s7", 5),
        ("2*s7 + 1", 11),
        (f"Mul(Integer(2), {ROWS})", 10),
        (f"Add(Integer(3), Mul(Integer(2), {ROWS}))", 13),
        (f"FloorDiv({ROWS}, Integer(2))", 2),
    ],
)
def test_sizes_that_follow_from_the_rows(text: str, size: int):
    assert size_of(expression(text), "s7", 5) == size


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s8')",
        "__import__('os').system('true')",
        "print(s7)",
        "s7 ** 9",
        "s7 // 0",
        "(lambda: 1)()",
        "s7 +",
        "9999999999999 * 9999999999999",
        "(" * 600,
        "s7 + " * 400 + "s7",
    ],
)
def test_anything_else_is_refused_and_never_run(text: str):
    with pytest.raises(UnsupportedModelError, match="follow from the number of rows"):
        size_of(expression(text), "s7", 5)


@pytest.mark.parametrize("size", [-1, 2.0, "3", None, True, 1 << 50])
def test_sizes_that_are_no_whole_numbers_are_refused(size: object):
    with pytest.raises(ArchiveError, match="must be a whole number"):
        size_of({"as_int": size}, None, 1)


def test_only_the_first_size_may_be_open():
    assert row_symbol([{"as_int": 1}, {"as_int": 4}]) is None
    with pytest.raises(UnsupportedModelError, match="but for the number of rows"):
        row_symbol([{"as_int": 1}, expression(ROWS)])
