"""docs/tables.md, the contract in the package, and the tables of real reports are one."""

import re
from pathlib import Path

import pandas as pd
import pytest

from explainrelu.errors import ArgumentError
from explainrelu.reports.tables import TABLES, facts_frame, in_contract, rows_of
from tests.reports.samples import MODELS, sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def documented() -> dict[str, dict[str, str]]:
    """Table -> column -> dtype, as docs/tables.md says."""
    found = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        name, text = section.split("\n", 1)
        rows = re.findall(r"^\| `(\w+)` \| (str|int64|float64|bool) \| .+ \| .+ \|$", text, re.M)
        found[name.strip()] = dict(rows)
    return found


def tables_of(name):
    return sample(name).tables


def shape(frame):
    return {str(column): str(dtype) for column, dtype in frame.dtypes.items()}


def test_page_is_the_contract():
    assert documented() == {name: dict(columns) for name, columns in TABLES.items()}
    assert list(documented()) == list(TABLES)


def test_page_keeps_the_order_of_the_columns():
    for name, columns in documented().items():
        assert list(columns) == list(TABLES[name])


@pytest.mark.parametrize("name", MODELS)
def test_tables_of_a_report_are_the_contract(name):
    tables = tables_of(name)
    assert list(tables) == list(TABLES)
    for table, frame in tables.items():
        assert shape(frame) == dict(TABLES[table]), table
        assert list(frame.columns) == list(TABLES[table]), table
        assert frame.index.equals(pd.RangeIndex(len(frame))), table
        assert len(frame) or table == "weak_spots", table


@pytest.mark.parametrize("name", MODELS)
def test_every_exactness_is_one_of_three_words(name):
    for table, frame in tables_of(name).items():
        if "exactness" in frame:
            assert set(frame["exactness"]) <= {"exact", "bounded", "estimated"}, table


@pytest.mark.parametrize("name", MODELS)
def test_regions_of_all_tables_are_those_listed(name):
    tables = tables_of(name)
    listed = set(tables["regions"]["region"])
    for table in ("rules", "conditions", "coefficients", "ranges", "explanations"):
        assert set(tables[table]["region"]) <= listed, table


def test_every_property_of_the_model_is_documented():
    text = PAGE.read_text(encoding="utf-8").split("\n## model")[1].split("\n## ")[0]
    said = re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", text, re.M)
    assert said == list(tables_of("iris")["model"]["property"])


def test_in_contract_leaves_out_other_columns_and_sets_dtypes():
    frame = pd.DataFrame({"extra": [1], "value": [2], "property": ["rows"]})
    assert shape(in_contract("provenance", frame)) == dict(TABLES["provenance"])


def test_in_contract_refuses_a_missing_column():
    with pytest.raises(ArgumentError, match="'provenance' needs the columns \\['value'\\]"):
        in_contract("provenance", pd.DataFrame({"property": ["rows"]}))


def test_in_contract_refuses_an_unknown_table():
    with pytest.raises(ArgumentError, match="A table is one of model, columns"):
        in_contract("nothing", pd.DataFrame())


def test_facts_are_rows_of_text():
    assert [(row.property, row.value) for row in rows_of(facts_frame({"a": 1}))] == [("a", "1")]
