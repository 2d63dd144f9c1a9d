"""The page of supported operators says what the code does."""

import re

import pytest

from explainrelu.importers.onnx_graph.operators import ONNX_OPERATORS
from explainrelu.importers.operators.lowering import OPERATORS
from explainrelu.importers.torch_graph.aten import ATEN
from tests.operators_page import PAGE, Table, by_meaning, page


def test_the_page_shows_the_tables_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write it anew: python -m tests.operators_page"
    )


@pytest.mark.parametrize("table", [OPERATORS, ONNX_OPERATORS, ATEN], ids=["own", "onnx", "aten"])
def test_every_operator_stands_in_the_page_with_what_it_is_read_as(table: Table) -> None:
    shown = set(re.findall(r"`([^`]+)`", PAGE.read_text(encoding="utf-8")))
    assert set(table) <= shown
    assert all(len(text) > 1 for text in by_meaning(table))


def test_every_row_has_as_many_cells_as_its_heading() -> None:
    for block in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        lines = [line for line in block.splitlines() if line.startswith("|")]
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(cells) == 1, block.splitlines()[0]
