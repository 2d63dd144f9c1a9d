import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from explainrelu import demo
from explainrelu.cli import main
from explainrelu.errors import OutputError
from explainrelu.reports.report import Report
from explainrelu.rewrites.storage import load
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Report]:
    """The folder of one demo, what it said, and its report; SHAP sees two tumours only."""
    folder, said = tmp_path_factory.mktemp("demo") / "demo-report", []
    (folder / "mine").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_SHAP_ROWS", 2)
        report = demo.run_demo(folder, echo=said.append)
    return folder, "\n".join(said), report


def test_every_table_the_page_the_model_and_the_rows_are_written(
    shown: tuple[Path, str, Report],
) -> None:
    folder, _, report = shown
    names = {path.name for path in folder.iterdir()}
    tables = {f"{name}.csv" for name in report.tables}
    assert names == {*tables, "report.html", "model.xrelu", "held_out.csv", "mine"}
    assert len(pd.read_csv(folder / "ranking.csv")) == 30


def test_nothing_is_shown_of_rows_that_the_model_was_trained_on(
    shown: tuple[Path, str, Report],
) -> None:
    folder, said, report = shown
    rows = pd.read_csv(folder / "held_out.csv")
    assert len(rows) == report.findings.n_rows == 143
    assert "on 426 of 569 tumours" in said
    accuracy = report.tables["performance"].set_index("metric")["value"]["accuracy"]
    positive = report.findings.network(rows.drop(columns="diagnosis")) > 0
    assert accuracy == np.mean(positive == (rows["diagnosis"] == "malignant"))


def test_the_certificate_holds_and_is_counted(shown: tuple[Path, str, Report]) -> None:
    _, said, report = shown
    n_checks = len(report.certificate.checks)
    assert report.certificate.holds
    assert f"{n_checks} of {n_checks} checks hold" in " ".join(said.split())


def test_the_saved_model_equals_the_one_explained(shown: tuple[Path, str, Report]) -> None:
    folder, _, report = shown
    saved = load(folder / "model.xrelu")
    assert isinstance(saved, ThreeLayerNetwork)
    rows = pd.read_csv(folder / "held_out.csv").drop(columns="diagnosis")
    np.testing.assert_allclose(saved(rows), report.findings.explanation.scores, rtol=1e-9)


def test_the_parts_of_the_reason_add_up(shown: tuple[Path, str, Report]) -> None:
    _, said, _ = shown
    start = said.index("Why tumour ")
    lines = [line for line in said[start:].split("\n\n")[0].splitlines() if line[2] in "+-"]
    score, *parts = (float(line.split()[0]) for line in lines)
    assert len(parts) == 3
    assert abs(sum(parts) - score) < 0.02


def test_the_text_fits_a_hundred_columns(shown: tuple[Path, str, Report]) -> None:
    folder, said, _ = shown
    assert max(len(line) for line in said.replace(str(folder), "demo-report").splitlines()) <= 100


def test_what_it_proposes_to_try_works(shown: tuple[Path, str, Report]) -> None:
    _, said, _ = shown
    proposed = [line.split()[1:] for line in said.splitlines() if line.startswith("  explainrelu ")]
    assert len(proposed) == 2
    for arguments in proposed:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.stderr


def test_the_patient_is_explained_by_the_command_alike(shown: tuple[Path, str, Report]) -> None:
    folder, said, report = shown
    row = int(said.split("Why tumour ")[1].split("?")[0])
    values = report.findings.explanation.values[row]
    files = (str(folder / "model.xrelu"), str(folder / "held_out.csv"), "--target", "diagnosis")
    result = CliRunner().invoke(main, ["explain", *files, "--row", str(row), "--json"])
    found = [record["attribution"] for record in json.loads(result.stdout)]
    np.testing.assert_allclose(found, values, rtol=1e-9)


def test_a_folder_that_cannot_be_written_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="which is a file"):
        demo.run_demo(tmp_path / "file", echo=print)
