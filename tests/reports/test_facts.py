import pandas as pd
import pytest

from explainrelu.network.column import Column
from explainrelu.network.schema import InputSchema
from explainrelu.reports.facts import columns_frame, fingerprint
from tests.reports.samples import sample


def test_fingerprint_is_of_values_not_of_index_or_integer_width():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    other = frame.astype({"a": "float32", "b": "category"}).set_index(pd.Index([7, 8]))
    assert fingerprint(frame) == fingerprint(other)


@pytest.mark.parametrize(
    "other",
    [
        {"a": [1, 3], "b": ["x", None]},
        {"a": [1, 2], "b": ["x", "None"]},
        {"b": ["x", None], "a": [1, 2]},
        {"a": [1, 2], "c": ["x", None]},
    ],
)
def test_fingerprint_differs_by_value_gap_order_and_name(other):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert fingerprint(frame) != fingerprint(pd.DataFrame(other))


def test_columns_tell_kinds_ranges_and_levels():
    table = sample("loan_decisions").tables["columns"].set_index("feature")
    assert table.loc["age", "kind"] == "numeric"
    assert table.loc["age", "lower"] < table.loc["age", "upper"]
    assert table.loc["home", "levels"] == "mortgage, own, rent"
    assert pd.isna(table.loc["home", "lower"])


def test_columns_count_the_values_that_were_filled():
    columns = (Column("age", imputes=True, fill=40.0), Column("dust"))
    rows = pd.DataFrame({"age": [30.0, None, None], "dust": [1.0, 2.0, 3.0]})
    table = columns_frame(InputSchema(columns), rows)
    assert table["imputed"].tolist() == [2, 0]
    assert table["upper"].tolist() == [40.0, 3.0]


def test_provenance_names_versions_fingerprints_and_arguments():
    facts = sample("iris").tables["provenance"].set_index("property")["value"]
    for name in ("explainrelu", "Python", "numpy", "pandas", "shap", "argument max_rules"):
        assert facts[name]
    for name in ("network SHA-256", "rows SHA-256", "target SHA-256"):
        assert len(facts[name]) == 64
