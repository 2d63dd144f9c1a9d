import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from click.testing import CliRunner, Result

from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.cli import main
from explainrelu.command_line import commands
from explainrelu.command_line.console import records
from explainrelu.explanations.agreement.with_shap import compare_with_shap
from explainrelu.explanations.explain import METHODS, explain
from explainrelu.explanations.ranking import rank_features
from explainrelu.explanations.rules import extract_rules
from explainrelu.explanations.simplify import simplify
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import observed_regions
from explainrelu.rewrites.canonical_form import canonical_form
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.storage import load, save
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from tests import models
from tests.cli_page import PAGE, page

COMMANDS = (
    *("demo", "inspect", "report", "audit", "convert", "rules", "simplify", "rank", "explain"),
    *("compare", "regions", "map", "compress", "equal"),
    *("counterfactual", "monotone", "robustness", "verify", "diff", "fairness", "coverage"),
)
IRIS = ("iris.skops", "iris.csv", "--target", "species")
LOANS = ("loans.skops", "loans.parquet", "--target", "repaid")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models, as .skops and .xrelu, and their data, as CSV and Parquet."""
    folder = tmp_path_factory.mktemp("files")
    for name, (model, X, y), target in (
        ("iris", models.iris(), "species"),
        ("loans", models.loan_decisions(), "repaid"),
    ):
        skops.io.dump(model, folder / f"{name}.skops")
        X.assign(**{target: y}).to_csv(folder / f"{name}.csv", index=False)
        X.assign(**{target: y}).to_parquet(folder / f"{name}.parquet", index=False)
    run(folder, "convert", *IRIS, "-o", folder / "iris.xrelu")
    return folder


def run(folder: Path, command: str, *arguments: Any) -> Result:
    """Run a command; a file that lies in the folder may be named without it."""
    known = [folder / str(a) if (folder / str(a)).is_file() else a for a in arguments]
    return CliRunner().invoke(main, [command, *map(str, known)], prog_name="explainrelu")


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(result: Result) -> str:
    """The one line that a refused call says."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")
    return result.stderr


# ---------------------------------------------------------------------------------------------
# Help.


def test_commands_stand_in_the_order_of_a_newcomer() -> None:
    assert tuple(main.commands) == COMMANDS
    shown = CliRunner().invoke(main, ["--help"]).output
    assert [shown.index(f"\n  {name} ") for name in COMMANDS] == sorted(
        shown.index(f"\n  {name} ") for name in COMMANDS
    )


def test_the_page_shows_the_help_as_it_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.cli_page"


def test_help_fits_eighty_columns_but_for_examples_to_copy() -> None:
    lines = page().split("```text")[1:]
    shown = [line for block in lines for line in block.split("```")[0].splitlines()]
    assert all(len(line) <= 80 or line.startswith("    explainrelu ") for line in shown)


def test_without_a_command_the_help_is_shown() -> None:
    result = CliRunner().invoke(main, [], prog_name="explainrelu")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == CliRunner().invoke(main, ["-h"], prog_name="explainrelu").stdout


def test_help_loads_nothing_slow() -> None:
    code = (
        "import sys\nfrom explainrelu.cli import main\n"
        "main(['rank', '--help'], standalone_mode=False)\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"numpy", "pandas", "scipy", "sklearn", "shap", "matplotlib", "torch", "skops"}
    assert not slow & set(done.stdout.split())


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "explainrelu", "rank", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: explainrelu rank [OPTIONS] MODEL DATA\n")


def test_every_method_of_explanation_is_offered() -> None:
    method = next(p for p in main.commands["explain"].params if p.name == "method")
    assert list(method.type.choices) == list(METHODS)  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------------
# What the commands answer is what the package answers.


@pytest.mark.parametrize("by", ["effect", "contribution", "coefficient"])
def test_rank_gives_the_ranking(files: Path, by: str) -> None:
    model, X, _ = models.iris()
    assert data(run(files, "rank", *IRIS, "--by", by, "--json")) == records(
        rank_features(model, X, by=by)
    )


@pytest.mark.parametrize("model", ["iris.skops", "iris.xrelu"])
@pytest.mark.parametrize("rows", ["iris.csv", "iris.parquet"])
def test_every_kind_of_file_gives_the_same(files: Path, model: str, rows: str) -> None:
    found = data(run(files, "rank", model, rows, "--target", "species", "--json"))
    assert found == data(run(files, "rank", *IRIS, "--json"))


def test_rules_gives_the_rules(files: Path) -> None:
    model, X, _ = models.loan_decisions()
    found = data(run(files, "rules", *LOANS, "--max-rules", "2", "--json"))
    assert found == records(extract_rules(model, X, max_rules=2).to_frame())


def test_rules_of_a_converted_model_need_no_data(files: Path) -> None:
    found = data(run(files, "rules", "iris.xrelu", "--max-rules", "2", "--json"))
    assert found == data(run(files, "rules", *IRIS, "--max-rules", "2", "--json"))


def test_explain_gives_the_attributions_of_the_row_and_its_ranges(files: Path) -> None:
    model, X, _ = models.loan_decisions()
    found = pd.DataFrame(data(run(files, "explain", *LOANS, "--row", "17", "--json")))
    own = explain(model, X.iloc[[17]], background=X).to_frame().assign(row=17)
    assert records(found[own.columns]) == records(own)
    numeric = found[found["lower"].notna()]
    values = numeric["value"].astype(float)
    assert (numeric["lower"] <= values).all()
    assert (values <= numeric["upper"]).all()
    categorical = found[found["lower"].isna()]
    assert all(v in row.split(", ") for v, row in categorical[["value", "levels"]].to_numpy())


def test_explain_takes_one_class_or_a_difference(files: Path) -> None:
    one = data(run(files, "explain", *IRIS, "--row", 0, "--class", "setosa", "--json"))
    assert {row["output"] for row in one} == {"setosa"}
    pair = ("--class", "setosa", "--class", "virginica")
    both = data(run(files, "explain", *IRIS, "--row", 0, *pair, "--json"))
    assert {row["output"] for row in both} == {"setosa - virginica"}


def test_explain_measures_from_the_background(files: Path, tmp_path: Path) -> None:
    model, X, _ = models.iris()
    X.iloc[:3].to_csv(tmp_path / "back.csv", index=False)
    background = ("--background", tmp_path / "back.csv")
    found = data(run(files, "explain", *IRIS, "--row", "9", *background, "--json"))
    own = explain(model, X.iloc[[9]], background=X.iloc[:3])
    assert [row["attribution"] for row in found] == own.to_frame()["attribution"].tolist()


def test_compare_gives_the_comparison(files: Path) -> None:
    model, X, _ = models.iris()
    found = data(run(files, "compare", *IRIS, "--rows", "3", "--seed", "5", "--json"))
    own = compare_with_shap(model, X, max_rows=3, random_state=5)
    assert found["shap_agreement"] == records(own.per_row)
    assert found["shap_summary"] == records(own.summary)
    assert found["shap_reasons"] == records(own.reasons)


def test_convert_saves_what_it_certifies(files: Path, tmp_path: Path) -> None:
    model, X, _ = models.iris()
    found = data(run(files, "convert", *IRIS, "-o", tmp_path / "m.xrelu", "--json"))
    own, saved = convert(model, X), load(tmp_path / "m.xrelu")
    assert isinstance(saved, ThreeLayerNetwork)
    assert found["holds"]
    assert found["certificate"] == records(own.certificate.to_frame())
    assert tuple(found["sizes"]) == own.sizes == saved.sizes
    assert found["n_cells"] == own.n_cells == saved.n_cells


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_report_writes_every_table_and_the_page(files: Path, tmp_path: Path, kind: str) -> None:
    options = ("--no-shap", "--max-rules", "2", "--few-rules", "2", "-o", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    parquet = ("--parquet",) if kind == "parquet" else ()
    found = data(run(files, "report", *IRIS, *options, *parquet, "--json"))
    assert found["holds"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*found["files"], "mine.txt"}
    assert {"report.html", f"few_rules.{kind}", f"performance.{kind}"} <= names


def test_report_leaves_few_rules_out_for_none_of_them(files: Path, tmp_path: Path) -> None:
    options = ("--no-shap", "--max-rules", "1", "--few-rules", "0", "-o", tmp_path / "out")
    found = data(run(files, "report", *IRIS, *options, "--json"))
    assert not any(name.startswith("few_rule") for name in found["files"])
    assert "--few-rules" in refusal(run(files, "report", *IRIS, "--few-rules", "-1"))
    assert "'x' is not a valid integer" in refusal(run(files, "report", *IRIS, "--few-rules", "x"))


def test_simplify_gives_the_few_rules(files: Path) -> None:
    model, X, _ = models.loan_decisions()
    options = ("--max-rules", "2", "--splits", "axis", "--max-terms", "3", "--seed", "4")
    found = data(run(files, "simplify", *LOANS, *options, "--time-limit", "60", "--json"))
    own = simplify(
        model, X, max_rules=2, splits="axis", max_terms=3, random_state=4, time_limit=60.0
    )
    wanted = own.to_frame()
    fitted = [c for c in wanted.columns if not c.startswith(("deviation", "bound"))]
    assert records(pd.DataFrame(found["rules"])[fitted]) == records(wanted[fitted])
    assert found["quality"] == records(own.quality)
    assert found["trade_off"] == records(own.trade_off())
    assert found["holds"]


def test_simplify_writes_its_table(files: Path, tmp_path: Path) -> None:
    options = ("--max-rules", "2", "--time-limit", "0.5", "-o", tmp_path / "few.csv")
    result = run(files, "simplify", *IRIS, *options)
    assert result.exit_code == 0
    assert f"Wrote 2 rules to {tmp_path / 'few.csv'}" in result.stdout
    assert pd.read_csv(tmp_path / "few.csv")["rule"].unique().tolist() == ["R1", "R2"]


def test_simplify_answers_one_where_the_error_is_not_reached(files: Path) -> None:
    options = ("--max-rules", "1", "--max-error", "0.0001", "--time-limit", "0.5")
    result = run(files, "simplify", *IRIS, *options)
    assert result.exit_code == 1
    assert "were not reached with 1 rule" in result.stdout
    assert "Warning: a check fails: errors on the rows used are at most max_error" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-rules", "0"), "must be at least 1, got 0"),
        (("--max-error", "-1"), "max_error must be a number above 0"),
        (("--max-terms", "0"), "max_terms must be a whole number of at least 1"),
        (("--splits", "round"), "'round' is not one of 'network', 'axis'"),
        (("--time-limit", "0"), "time_limit must be a positive number of seconds"),
        (("-o", "few.txt"), "must end in .csv or .parquet"),
    ],
)
def test_options_of_simplify_that_are_not_offered_are_refused(
    files: Path, options: tuple[str, ...], said: str
) -> None:
    assert said in " ".join(refusal(run(files, "simplify", *IRIS, *options)).split())


@pytest.mark.parametrize(
    ("command", "options"),
    [("rules", ("--max-rules", "2")), ("rank", ()), ("explain", ("--row", "3"))],
)
@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_the_written_table_is_what_json_shows(
    files: Path, tmp_path: Path, command: str, options: tuple[str, ...], name: str
) -> None:
    result = run(files, command, *IRIS, *options, "-o", tmp_path / name)
    assert result.exit_code == 0
    assert f"to {tmp_path / name}" in result.stdout
    path = tmp_path / name
    table = pd.read_csv(path, keep_default_na=False) if name.endswith("csv") else None
    table = pd.read_parquet(path) if table is None else table
    shown = pd.DataFrame(data(run(files, command, *IRIS, *options, "--json")))
    text = shown.select_dtypes("str").columns
    assert table.columns.tolist() == shown.columns.tolist()
    assert table[text].astype("str").equals(shown[text].fillna("").astype("str"))
    number = shown.select_dtypes("number").columns
    read = table[number].apply(pd.to_numeric, errors="coerce").astype("float64")
    pd.testing.assert_frame_equal(read, shown[number].astype("float64"), rtol=1e-14)


def test_compare_writes_its_three_tables(files: Path, tmp_path: Path) -> None:
    result = run(files, "compare", *IRIS, "--rows", "2", "-o", tmp_path / "out")
    assert result.exit_code == 0
    names = ("shap_agreement.csv", "shap_reasons.csv", "shap_summary.csv")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == list(names)


# ---------------------------------------------------------------------------------------------
# What a person sees.


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("convert", (), "Certificate: holds"),
        ("rules", ("--max-rules", "1"), "IF "),
        ("simplify", ("--max-rules", "2", "--time-limit", "0.5"), "Another number of rules"),
        ("rank", (), "petal width (cm)"),
        ("explain", ("--row", "3"), "formula holds for"),
        ("compare", ("--rows", "2"), "Why they differ"),
    ],
)
def test_text_fits_a_hundred_columns_and_says_what_was_read(
    files: Path, command: str, options: tuple[str, ...], said: str
) -> None:
    result = run(files, command, *IRIS, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    first, *rest = result.stdout.splitlines()
    assert first.startswith("Read 150 rows of 4 columns from ")
    assert said in result.stdout
    assert max(map(len, rest)) <= 100
    quiet = run(files, command, *IRIS, *options, "--quiet").stdout
    assert quiet
    assert quiet in result.stdout
    assert "Read 150" not in quiet


# ---------------------------------------------------------------------------------------------
# Bad input: exit code 2, one line, nothing written.


def altered(folder: Path, name: str, old: str, new: str) -> Path:
    """A copy of a text file with the first occurrence of a piece of text replaced."""
    text = (folder / name).read_text()
    assert old in text
    path = folder / f"altered-{abs(hash((old, new)))}-{name}"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("name", ["no.skops", "no.xrelu"])
def test_a_missing_model_is_refused(files: Path, name: str) -> None:
    assert name in refusal(run(files, "rank", name, "iris.csv"))


def test_a_file_that_is_no_model_is_refused(files: Path, tmp_path: Path) -> None:
    assert ".pt2, .skops or .xrelu, got" in refusal(run(files, "rank", "iris.csv", "iris.csv"))
    for name in ("text.skops", "text.xrelu"):
        (tmp_path / name).write_text("hello")
        assert name in refusal(run(files, "convert", tmp_path / name, "iris.csv"))


def test_a_saved_set_of_regions_stands_for_its_network(files: Path, tmp_path: Path) -> None:
    model, X, _ = models.iris()
    save(observed_regions(model, X), tmp_path / "regions.xrelu")
    arguments = (*IRIS[1:], "--max-rules", "2", "--json")
    found = data(run(files, "rules", tmp_path / "regions.xrelu", *arguments))
    assert found == data(run(files, "rules", "iris.xrelu", *arguments))


@pytest.mark.parametrize("name", ["iris.skops", "iris.xrelu"])
def test_a_truncated_model_is_refused(files: Path, tmp_path: Path, name: str) -> None:
    whole = (files / name).read_bytes()
    (tmp_path / f"cut-{name}").write_bytes(whole[: len(whole) // 2])
    assert f"cut-{name}" in refusal(run(files, "rank", tmp_path / f"cut-{name}", *IRIS[1:]))


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "got an empty file"), ("a,b\n", "at least one row"), ("a,b\n1\n", "got 1 in row 0")],
)
def test_a_data_file_without_rows_is_refused(
    files: Path, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "rows.csv").write_text(text)
    assert said in refusal(run(files, "rank", "iris.skops", tmp_path / "rows.csv"))


def test_a_missing_data_file_is_refused(files: Path) -> None:
    assert "No such file" in refusal(run(files, "rank", "iris.skops", "no.csv"))


def test_a_column_that_the_model_does_not_know_is_refused(files: Path) -> None:
    said = refusal(run(files, "rank", "iris.skops", "iris.csv"))
    assert "not known to the model: species. Add --target species" in said


def test_an_unknown_category_is_refused(files: Path) -> None:
    path = altered(files, "loans.csv", ",nurse,", ",pilot,")
    said = refusal(run(files, "rank", "loans.skops", path, "--target", "repaid"))
    assert "got 'pilot' in row" in said


def test_a_missing_value_is_refused(files: Path) -> None:
    path = altered(files, "iris.csv", "\n5.1,", "\n,")
    said = refusal(run(files, "rank", "iris.skops", path, "--target", "species"))
    assert "missing value(s), the first in row 0" in said


def test_a_target_of_other_classes_is_refused(files: Path, tmp_path: Path) -> None:
    path = altered(files, "iris.csv", ",setosa", ",tulip")
    options = ("--target", "species", "-o", tmp_path / "out")
    assert "got 'tulip'" in refusal(run(files, "report", "iris.skops", path, *options))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("row", ["150", "-1"])
def test_an_unknown_row_is_refused(files: Path, row: str) -> None:
    assert "--row must be from 0 to 149" in refusal(run(files, "explain", *IRIS, "--row", row))


def test_a_model_without_regions_needs_data(files: Path) -> None:
    assert "lists no regions, so DATA is needed" in refusal(run(files, "rules", "iris.skops"))


@pytest.mark.parametrize(
    ("command", "options"),
    [("report", ()), ("compare", ()), ("rank", ()), ("rules", ()), ("explain", ("--row", "1"))],
)
def test_a_place_that_cannot_be_written_is_refused(
    files: Path, tmp_path: Path, command: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine")
    place = tmp_path / "file" if command in ("report", "compare") else tmp_path / "file" / "t.csv"
    assert "which is a file" in refusal(run(files, command, *IRIS, *options, "-o", place))
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_converted_model_goes_into_a_folder_that_exists(files: Path, tmp_path: Path) -> None:
    said = refusal(run(files, "convert", *IRIS, "-o", tmp_path / "no" / "m.xrelu"))
    assert "Choose a folder that exists" in said
    said = refusal(run(files, "convert", *IRIS, "-o", tmp_path / "m.onnx"))
    assert "must end in .xrelu" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "No such command 'nothing'. See explainrelu --help."),
        (["--nothing"], "See explainrelu --help."),
        (["rank"], "Missing argument 'MODEL'. See explainrelu rank --help."),
        (["rank", "m", "d", "--by", "x"], "'x' is not one of"),
        (["compare", "m", "d", "--rows", "0"], "must be at least 1, got 0"),
        (["compare", "m", "d", "--seed", "-1"], "must be at least 0, got -1"),
        (["explain", "m", "d"], "Missing option '--row'"),
    ],
)
def test_a_wrong_call_is_answered_in_a_line(arguments: list[str], said: str) -> None:
    assert said in refusal(CliRunner().invoke(main, arguments, prog_name="explainrelu"))


# ---------------------------------------------------------------------------------------------
# Exit codes besides.


def test_debug_shows_the_traceback_and_the_line(files: Path) -> None:
    result = run(files, "rank", "iris.skops", "no.csv", "--debug")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_a_check_that_does_not_hold_is_exit_code_1(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Check.at_most("scores agree", 0.5, 0.1, Exactness.EXACT, "150 rows")

    def broken(*arguments: Any) -> ThreeLayerNetwork:
        return convert(*arguments).certified(Certificate((bad,)))

    monkeypatch.setattr(commands, "convert", broken)
    result = run(files, "convert", *IRIS)
    assert result.exit_code == 1
    assert "DOES NOT HOLD" in result.stdout
    assert result.stderr.startswith("Warning: a check fails: scores agree")


def test_a_defect_is_exit_code_3_and_says_so(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(commands, "rank_features", broken)
    result = run(files, "rank", *IRIS)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ZeroDivisionError: by zero. This is a defect")
    assert result.stderr.count("\n") == 1


# ---------------------------------------------------------------------------------------------
# Every region, and maps.


def test_regions_lists_every_region_of_the_box(files: Path) -> None:
    X = pd.read_csv(files / "iris.csv").drop(columns="species")
    network = import_model(files / "iris.skops", X)
    found = enumerate_regions(network, Box.from_data(X, schema=network.schema))
    arguments = ("iris.skops", "--box", "iris.csv", "--target", "species", "--json")
    told = data(run(files, "regions", *arguments))
    assert (told["n_regions"], told["complete"], told["stopped"]) == (len(found), True, "")
    assert [row["region"] for row in told["regions"]] == found.names.tolist()
    assert sum(row["n_rows"] for row in told["regions"]) == len(X)


def test_regions_at_a_level_are_certified(files: Path) -> None:
    at = ("--at", "petal length (cm)=4.5", "--at", "petal width (cm)=1.3")
    result = run(
        files, "regions", "iris.skops", "--box", "iris.csv", "--target", "species", *at, "--certify"
    )
    assert result.exit_code == 0, result.stderr
    assert "complete: no other region thicker than the tolerance meets the box" in result.stdout
    assert "Certificate: holds" in result.stdout


def test_a_search_that_stops_says_so(files: Path) -> None:
    arguments = ("iris.skops", "--box", "iris.csv", "--target", "species", "--max-regions", "5")
    result = run(files, "regions", *arguments)
    assert "5 linear regions" in result.stdout
    assert "not complete: max_regions=5 was reached" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--at", "petal length"), "--at takes COLUMN=LEVEL, got 'petal length'"),
        (("--at", "petal length (cm)=long"), "takes a number, got 'long'"),
        (("--at", "colour=red"), "No column is called 'colour'"),
        (("--at", "petal length (cm)=99"), "lies outside the box"),
        (("--at", "petal width (cm)=1", "--at", "petal width (cm)=2"), "holds a column once"),
        (("--max-regions", "0"), "max_regions must be a whole number of at least 1"),
        (("--jobs", "0"), "--jobs takes a number of searches"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(
    files: Path, arguments: tuple[str, ...], words: str
) -> None:
    known = ("iris.skops", "--box", "iris.csv", "--target", "species")
    assert words in refusal(run(files, "regions", *known, *arguments))


@pytest.mark.parametrize("colour", ["regions", "score", "petal length (cm)"])
def test_map_draws_a_picture(files: Path, tmp_path: Path, colour: str) -> None:
    features = ("--feature", "petal length (cm)", "--feature", "petal width (cm)")
    target = tmp_path / "map.svg"
    result = run(files, "map", *IRIS, *features, "--colour", colour, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert target.read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_a_map_holds_columns_where_it_is_told_to(files: Path, tmp_path: Path) -> None:
    features = ("--feature", "petal length (cm)", "--feature", "petal width (cm)")
    plain, held = (
        run(files, "map", *IRIS, *features, *at, "-o", tmp_path / "map.png", "--json").stdout
        for at in ((), ("--at", "sepal length (cm)=7.9"))
    )
    assert json.loads(plain)["n_regions"] != json.loads(held)["n_regions"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "A map has two columns: give --feature twice, of sepal length (cm)"),
        (("--feature", "sepal length (cm)"), "give --feature twice"),
        (("--feature", "petal length (cm)", "--feature", "colour"), "No column is called 'colour'"),
        (("--feature", "petal length (cm)", "--feature", "petal width (cm)", "--colour", "red"),
         "--colour takes regions, score or a numeric column"),
        (("--feature", "petal length (cm)", "--feature", "petal width (cm)",
          "--at", "petal width (cm)=1"), "which is one of features"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_drawn_is_refused(
    files: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert words in refusal(run(files, "map", *IRIS, *arguments, "-o", tmp_path / "map.png"))
    assert not list(tmp_path.iterdir())


def test_a_map_of_another_kind_of_file_is_refused(files: Path, tmp_path: Path) -> None:
    words = refusal(run(files, "map", *IRIS, "-o", tmp_path / "map.txt"))
    assert "must end in .png, .svg, .pdf" in words
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------
# Two models.

BOX = ("--box", "iris.csv", "--target", "species")


@pytest.fixture(scope="module")
def pair(files: Path) -> tuple[Path, Path]:
    """The iris model in its canonical form, and one whose scores are a hundredth larger."""
    network = load(files / "iris.xrelu").source
    form = canonical_form(network).result
    save(form, files / "form.xrelu")
    output = replace(form.output, weight=1.01 * form.output.weight)
    save(replace(form, output=output), files / "larger.xrelu")
    return files / "form.xrelu", files / "larger.xrelu"


@pytest.mark.parametrize("method", ["auto", "canonical", "regions"])
def test_equal_models_give_exit_code_zero(
    files: Path, pair: tuple[Path, Path], method: str
) -> None:
    result = run(files, "equal", "iris.skops", pair[0], *BOX, "--method", method)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split("\n\n")[1].startswith("Equal: no score differs by more than")
    assert "Certificate: holds" in result.stdout


def test_different_models_give_exit_code_one_and_a_row_in_raw_units(
    files: Path, pair: tuple[Path, Path]
) -> None:
    result = run(files, "equal", "iris.skops", pair[1], *BOX, "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    told = json.loads(result.stdout)
    assert told["status"] == "different"
    row = pd.DataFrame([told["witness"]])
    models_of = [load(path).schema.encode(row) for path in pair]
    scores = [load(path).forward(x) for path, x in zip(pair, models_of, strict=True)]
    assert np.abs(scores[0] - scores[1]).max() > told["bounds"][0]["tolerance"]
    assert "petal width (cm)" in run(files, "equal", *pair, *BOX).stdout


def test_undecided_gives_exit_code_one_and_says_so(files: Path, pair: tuple[Path, Path]) -> None:
    result = run(files, "equal", "iris.skops", pair[0], *BOX, "--method", "points")
    assert result.exit_code == 1
    assert "Undecided: neither a proof nor a row that refutes it was found." in result.stdout


def test_models_of_other_columns_are_refused_by_equal(files: Path) -> None:
    assert "columns" in refusal(run(files, "equal", "iris.skops", "loans.skops", *BOX))


# ---------------------------------------------------------------------------------------------
# Compression.


def test_compress_saves_a_smaller_network_that_scores_the_same(files: Path, tmp_path: Path) -> None:
    target = tmp_path / "small.xrelu"
    arguments = ("iris.skops", "--box", "iris.csv", "--target", "species", "-o", target)
    told = data(run(files, "compress", *arguments, "--json"))
    X = pd.read_csv(files / "iris.csv").drop(columns="species")
    small, whole = load(target), import_model(files / "iris.skops", X)
    assert small(X) == pytest.approx(whole(X), rel=1e-9, abs=1e-9)
    assert sum(small.widths) == sum(whole.widths) - len(told["removed"])
    assert "the box it was compressed on" in told["guarantee"]


def test_compress_prints_what_was_taken_out(files: Path) -> None:
    at = ("--at", "petal length (cm)=4.5", "--at", "petal width (cm)=1.3")
    arguments = ("iris.skops", "--box", "iris.csv", "--target", "species", *at)
    result = run(files, "compress", *arguments)
    assert result.exit_code == 0, result.stderr
    assert "stably inactive" in result.stdout
    assert "Certificate: holds" in result.stdout


def test_compress_writes_archives_only(files: Path, tmp_path: Path) -> None:
    arguments = ("iris.skops", "--box", "iris.csv", "--target", "species")
    result = run(files, "compress", *arguments, "-o", tmp_path / "small.onnx")
    assert result.exit_code == 2
    assert "must end in .xrelu, got 'small.onnx'" in result.stderr
