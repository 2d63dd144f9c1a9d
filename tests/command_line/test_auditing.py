"""The command that audits: what it writes and says, its exit codes, faults of a configuration."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import skops.io
from click.testing import CliRunner, Result

from explainrelu.audits.auditing.expectations import Expectations
from explainrelu.cli import main
from explainrelu.command_line.audit_config import read_config
from explainrelu.errors import ArgumentError, DataError
from tests import models

QUICK = "[limits]\ntime_limit = 3\nrobustness_rows = 4\nrecourse_rows = 2\nshap_rows = 0\n"
GOOD = """
[report]
title = "Loans, audited"
units = {income = "euro a year"}
[expectations]
favourable = "yes"
protected = {sex = ["female", "male"]}
max_flip_share = 1.0
max_outside_share = 0.5
[expectations.monotone]
income = "increasing"
[expectations.group_ratio]
selection_rate = 0.1
[expectations.actionability]
immutable = ["age", "sex"]
[expectations.properties]
"no score above 100" = {output = "yes", at_most = 100}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its rows with a column that it does not read, and training rows without it."""
    place = tmp_path_factory.mktemp("audit")
    model, X, y = models.loan_decisions()
    skops.io.dump(model, place / "loans.skops")
    rows = X[:80].assign(district=["north", "south"] * 40, repaid=y[:80])
    rows.to_csv(place / "rows.csv", index=False)
    X[80:200].assign(repaid=y[80:200]).to_csv(place / "train.csv", index=False)
    return place


def config(folder: Path, text: str) -> Path:
    path = folder / "audit.toml"
    path.write_text(text, encoding="utf-8")
    return path


def run(folder: Path, *options: Any) -> Result:
    words = ["audit", folder / "loans.skops", folder / "rows.csv", "--target", "repaid",
             "--sensitive", "district", *options]  # fmt: skip
    return CliRunner().invoke(main, list(map(str, words)), prog_name="explainrelu")


def refusal(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return " ".join(result.stderr.split())


def test_audit_writes_the_page_and_every_table(folder: Path, tmp_path: Path) -> None:
    path = config(tmp_path, GOOD + QUICK)
    out = tmp_path / "out"
    result = run(folder, "--config", path, "--train", folder / "train.csv", "-o", out)
    assert result.exit_code == 0, result.output
    assert "Loans, audited" in result.stdout
    assert "left out district" in result.stdout
    assert "PASS            monotonicity: score of yes increasing in income" in result.stdout
    assert "<title>Loans, audited</title>" in (out / "audit.html").read_text(encoding="utf-8")
    rates = pd.read_csv(out / "group_rates.csv")
    assert set(rates["group"]) == {"north", "south"}
    facts = pd.read_csv(out / "provenance.csv").set_index("property")["value"]
    assert facts["command"].startswith("explainrelu audit ")
    assert "--sensitive district" in facts["command"]
    files = ("model", "data", "configuration", "training")
    assert {len(facts[f"{name} file SHA-256"]) for name in files} == {64}


def test_a_check_that_fails_is_exit_code_1_and_stands_in_the_json(
    folder: Path, tmp_path: Path
) -> None:
    text = f"[expectations]\nmonotone = {{late_payments = 'increasing'}}\n{QUICK}"
    result = run(folder, "--config", config(tmp_path, text), "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["status"] == "fail"
    failed = [check["check"] for check in found["checks"] if check["status"] == "fail"]
    assert failed == ["score of yes increasing in late_payments"]


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_what_is_undecided_fails_only_where_that_is_asked_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str], code: int
) -> None:
    from explainrelu.audits.auditing.verdicts import AuditStatus
    from explainrelu.command_line import auditing

    class Found:
        status, tables = AuditStatus.UNDECIDED, {}

        def to_folder(self, *_: Any, **__: Any) -> None: ...

        def summary(self) -> str:
            return "undecided"

    monkeypatch.setattr(auditing, "audit", lambda *_, **__: Found())
    monkeypatch.setattr(auditing, "_content", lambda *_: {})
    assert run(folder, "-o", tmp_path / "out", *options).exit_code == code


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[expectations]\nprotected = ['sex'\nx = 1", "must be TOML, got: Unclosed array (at line"),
        ("[expectation]\n", "no use for 'expectation'; it takes expectations, limits, report"),
        ("expectations = 3\n", "expectations must be a section [expectations], got 3"),
        ("[report]\ncolour = 'red'\n", "no use for 'report.colour'"),
        ("[report]\ntitle = 3\n", "report.title must be text, got 3"),
        ("[report]\nunits = {salary = 'euro'}\n", "salary"),
        ("[expectations]\nprotectd = ['sex']\n", "expectations has no entry 'protectd'"),
        ("[expectations]\nmonotone = {salary = 'increasing'}\n", "monotone names 'salary'"),
        ("[expectations]\nprotected = ['gender']\n", "protected names 'gender'"),
        ("[expectations]\nprotected = {age = {low = 3}}\n", "{from = 20, to = 60}, got {'low': 3}"),
        ("[expectations]\nfavourable = 'perhaps'\n", "favourable must be one of the classes"),
        (
            "[expectations.actionability]\nimmutable = ['age']\nincrease_only = ['age']\n",
            "must not be immutable and increase_only at once",
        ),
        ("[expectations.properties]\ncalm = 3\n", "expectations.properties.calm must be"),
        ("[expectations.properties]\ncalm = {output = 'yes'}\n", "properties.calm must be"),
        ("[expectations.properties]\ncalm = 'none.vnnlib'\n", "none.vnnlib"),
        ("[expectations.properties]\ncalm = {output = 'maybe', at_most = 1}\n", "'maybe'"),
        ("[limits]\ntime_limit = -1\n", "time_limit must be seconds above 0, got -1"),
        ("[limits]\nrobustness_rows = 0\n", "robustness_rows"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_in_a_line(
    folder: Path, tmp_path: Path, text: str, said: str
) -> None:
    result = run(folder, "--config", config(tmp_path, text), "-o", tmp_path / "out")
    assert said in refusal(result)
    assert not (tmp_path / "out").exists()


def test_a_missing_configuration_and_a_missing_column_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    assert "Check the path of --config" in refusal(run(folder, "--config", tmp_path / "none.toml"))
    assert "no column 'county' to set aside" in refusal(run(folder, "--sensitive", "county"))


def test_a_configuration_takes_ranges_differences_and_files(tmp_path: Path) -> None:
    (tmp_path / "low.vnnlib").write_text(
        "(declare-const X_0 Real)(declare-const Y_0 Real)"
        "(assert (<= X_0 1.0))(assert (>= X_0 0.0))(assert (>= Y_0 3.0))"
    )
    text = """
    [expectations]
    protected = {age = {from = 20, to = 60}}
    [expectations.properties]
    low = "low.vnnlib"
    apart = {difference = ["a", "b"], at_most = 1}
    between = {output = "a", at_least = -1, at_most = 1}
    """
    found = read_config(config(tmp_path, text)).expectations
    assert found.protected == {"age": (20, 60)}
    assert list(found.properties) == ["low", "apart", "between"]
    assert str(found.properties["apart"]) == "violated where -a + b < -1"


def test_no_configuration_is_what_is_expected_by_default() -> None:
    found = read_config(None)
    assert (found.title, found.units, dict(found.expectations.monotone)) == (None, None, {})


def test_a_configuration_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="must be TOML"):
        read_config(tmp_path / "audit.toml")
    with pytest.raises(ArgumentError, match=r"no use for 'report\.x'"):
        read_config(config(tmp_path, "[report]\nx = 1"))


def test_the_configuration_that_the_documents_show_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    found = read_config(config(tmp_path, shown))
    every = set(Expectations.__dataclass_fields__)
    asked = {name for name in every if getattr(found.expectations, name) not in (None, (), {})}
    assert asked == every
    assert found.title == "Consumer loans, scoring model 3"
