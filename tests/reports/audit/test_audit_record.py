"""The audit as a whole: verdicts, tables by contract, files, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import explainrelu as xr
from explainrelu.audits.auditing.verdicts import AuditStatus
from explainrelu.errors import ArgumentError, ColumnsError, DataError, InputTypeError
from explainrelu.network.network import ReluNetwork
from explainrelu.reports.audit.audit import ALL_STEPS, audit
from explainrelu.reports.audit.contract import AUDIT_TABLES
from explainrelu.reports.tables import TABLES
from tests import carla, models
from tests.reports.audit.samples import EXPECTED, FEW, SAMPLES, sample

NOT_ALWAYS = {"weak_spots", "monotonicity_witnesses", "flip_witness", "robustness_witnesses"}


def test_what_fails_is_the_status_of_all():
    found = sample("loan_decisions")
    failed = {check.name for check in found.checks if check.status is AuditStatus.FAIL}
    assert found.status is AuditStatus.FAIL
    assert {"auc", "score of yes increasing in late_payments", "no score above 2"} <= failed
    assert sample("loans").status is AuditStatus.PASS


def test_the_audit_vouches_for_its_own_explanations():
    names = [check.name for check in sample("iris").checks]
    assert names[:2] == ["the network equals the model", "the explanations equal the network"]


@pytest.mark.parametrize("name", SAMPLES)
def test_tables_are_the_contract(name):
    contract = {**AUDIT_TABLES, **TABLES}
    for table, frame in sample(name).tables.items():
        shape = {str(column): str(dtype) for column, dtype in frame.dtypes.items()}
        assert shape == dict(contract[table]), table
        assert frame.index.equals(pd.RangeIndex(len(frame))), table
        assert len(frame) or table in NOT_ALWAYS, table


def test_an_audit_with_everything_has_every_table():
    assert list(sample("loan_decisions").tables) == [*AUDIT_TABLES, *TABLES]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_exactness_is_one_of_three_words(name):
    for table, frame in sample(name).tables.items():
        if "exactness" in frame:
            assert set(frame["exactness"]) <= {"exact", "bounded", "estimated"}, table


def test_rows_are_told_by_their_place_in_the_data():
    found = sample("loan_decisions")
    refused = found.findings.recourse_rows.tolist()
    assert sorted(set(found.tables["counterfactual_outcomes"]["row"])) == refused
    assert found.tables["robustness"]["row"].tolist() == found.findings.robustness_rows.tolist()


def test_pairs_that_show_a_trend_replay():
    found = sample("loan_decisions")
    network, table = found.findings.network, found.tables["monotonicity_witnesses"]
    block = table[(table["feature"] == "late_payments")]
    assert set(block["pair"]) == {"falls"}
    for point, cells in block.groupby("point"):
        row = cells.set_index("column")["value"].to_frame().T
        kinds = {c.name: "float64" for c in network.schema.columns if str(c.kind) == "numeric"}
        score = network.forward(network.schema.encode(row.astype(kinds)))[0, 0]
        assert score == pytest.approx(cells["score"].iloc[0], rel=1e-12), point


def test_steps_of_the_nearest_rows_change_their_class():
    found = sample("loan_decisions")
    table, network = found.tables["robustness_witnesses"], found.findings.network
    _, X, _ = models.loan_decisions()
    steps = table[table["within"] == "standard deviations"]
    row = int(steps["row"].iloc[0])
    moved = X.iloc[[row]].astype({name: "float64" for name in steps["feature"]})
    for step in steps[steps["row"] == row].itertuples():
        moved.loc[moved.index[0], step.feature] = step.witness
    before, after = (network.forward(network.schema.encode(f))[0, 0] for f in (X.iloc[[row]], moved))
    assert np.sign(before) * after <= 1e-9


def test_the_few_rules_are_fitted_once():
    found = sample("loan_decisions")
    assert found.findings.rules is found.report.findings.few_rules


def test_provenance_holds_what_was_asked_and_of_what():
    table = sample("loan_decisions").tables["provenance"].set_index("property")["value"]
    assert table["command"] == "make audit"
    assert table["argument expectations.monotone"].startswith("income increasing")
    assert len(table["training rows SHA-256"]) == len(table["network SHA-256"]) == 64
    assert table["argument limits.time_limit"] == "5.0"
    assert table["seed"] == "0"


def test_scope_says_what_was_not_looked_at():
    scope = sample("iris").tables["audit_scope"].set_index("part")
    assert not scope["looked_at"][["fairness", "coverage", "properties"]].any()
    assert scope["reach"]["robustness"] == "6 rows, drawn at random"
    assert "all there are" in scope["reach"]["linear regions"]


def test_the_same_call_gives_the_same_tables_but_for_seconds():
    model, X, y = models.iris()
    again = audit(model, X[:150], y[:150], limits=FEW, created=sample("iris").report.findings.created)
    for name, table in sample("iris").tables.items():
        columns = [column for column in table.columns if column != "seconds"]
        pd.testing.assert_frame_equal(again.tables[name][columns], table[columns])


def test_progress_tells_every_step_in_order():
    told = []
    X = np.random.default_rng(0).normal(size=(40, 2))
    network = ReluNetwork.from_weights([[[1.0, 0.5]], [[1.0]]], [[0.1], [0.0]])
    audit(network, X, limits={**FEW, "shap_rows": 0}, progress=lambda n, s: told.append((n, s)))
    assert told == list(enumerate((*ALL_STEPS, "done")))


def test_summary_names_every_check():
    found = sample("loan_decisions")
    text = found.summary()
    assert all(len(line) <= 88 for line in text.splitlines())
    words = " ".join(text.split())
    assert all(f"{check.section}: {check.name}" in words for check in found.checks)


def test_files_are_the_page_and_every_table(tmp_path):
    found = sample("iris")
    found.to_folder(tmp_path / "audit")
    files = {file.name for file in (tmp_path / "audit").iterdir()}
    assert files == {"audit.html", *(f"{name}.csv" for name in found.tables)}
    found.to_csv(tmp_path / "csv")
    found.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == (tmp_path / "audit" / "audit.html").read_bytes()
    back = pd.read_csv(tmp_path / "csv" / "robustness.csv")
    assert back["lower"].tolist() == found.tables["robustness"]["lower"].tolist()


def test_parquet_holds_the_same(tmp_path):
    pytest.importorskip("pyarrow")
    found = sample("iris")
    found.to_parquet(tmp_path)
    back = pd.read_parquet(tmp_path / "audit_checks.parquet")
    pd.testing.assert_frame_equal(back, found.tables["audit_checks"], check_dtype=False)


def test_groups_need_not_be_columns_of_the_model():
    model, X, y = models.iris()
    side = pd.Series(["left", "right"] * 75, name="side")
    found = xr.audit(
        model, X, y, sensitive_features=side, limits={**FEW, "shap_rows": 0},
        expectations=xr.Expectations(group_difference={"selection_rate": 1.0}),
    )  # fmt: skip
    assert set(found.tables["group_rates"]["feature"]) == {"side"}
    assert "groups SHA-256" in set(found.tables["provenance"]["property"])
    assert "flips" not in found.tables


@carla.here
def test_expected_trends_are_those_of_the_favourable_class():
    network, X = carla.catalogued("compas")
    found = audit(
        network.with_classes(["0", "1"]), X[:200],
        expectations={"monotone": {"age": "increasing"}, "favourable": "0"},
        limits={**FEW, "shap_rows": 0},
    )  # fmt: skip
    [check] = [check for check in found.checks if check.section == "monotonicity"]
    assert check.name == "score of 0 - 1 increasing in age"


BAD = [
    ({"expectations": {"monotone": {"salary": "increasing"}}}, ColumnsError, "names 'salary'"),
    ({"expectations": {"protected": ["gender"]}}, ColumnsError, "names 'gender'"),
    ({"expectations": {"favourable": "perhaps"}}, ArgumentError, "one of the classes"),
    (
        {"expectations": {"actionability": {"increase_only": ["age"], "decrease_only": ["age"]}}},
        ArgumentError, "at once",
    ),
    (
        {"expectations": {"properties": {"calm": xr.OutputConstraints.at_most("maybe", 1.0)}}},
        ArgumentError, "'maybe'",
    ),
    ({"limits": {"time_limit": 0}}, ArgumentError, "seconds above 0"),
    ({"sensitive_features": ["a", "b"]}, DataError, "one row a row of X"),
    ({"provenance": "make audit"}, InputTypeError, "from a name to a text"),
    ({"domain": xr.Box([0.0], [1.0])}, ArgumentError, "inputs"),
    ({"units": {"salary": "euro"}}, ColumnsError, "salary"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "text"), BAD)
def test_what_cannot_be_asked_is_refused_before_anything_is_computed(options, error, text):
    told = []
    model, X, y = models.loan_decisions()
    with pytest.raises(error, match=text):
        audit(model, X[:50], y[:50], progress=lambda n, _: told.append(n), **options)
    assert max(told, default=0) == 0


def test_expectations_that_cannot_be_held_against_anything_say_so():
    model, X, _ = models.loans()
    found = audit(
        model, X[:60], limits={**FEW, "shap_rows": 0},
        expectations={
            "min_stable_share": 0.9, "max_flip_share": 0.0, "min_recourse_share": 0.9,
            "group_ratio": {"selection_rate": 0.8}, "max_unseen_share": 0.5,
            "performance": {"r2": 0.9},
        },
    )  # fmt: skip
    open_ones = [c for c in found.checks if c.status is AuditStatus.NOT_APPLICABLE]
    sections = {check.section for check in open_ones}
    assert {"robustness", "fairness", "recourse", "coverage", "performance"} <= sections
    assert all(check.evidence for check in open_ones)


def test_expected_is_what_is_asked():
    assert set(EXPECTED) <= set(xr.Expectations.__dataclass_fields__)
