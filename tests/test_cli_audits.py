"""The audits on the command line: what they answer, their exit codes, and what they refuse."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io

from explainrelu.audits.coverage import coverage
from explainrelu.audits.monotonicity import monotonicity
from explainrelu.audits.robustness import robustness
from explainrelu.command_line.console import records
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.storage import load, save
from tests import models
from tests.test_cli import data, refusal, run

LOANS = ("loans.skops", "loans.csv", "--target", "repaid")
BUMP = ("bump.xrelu", "square.csv")


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a loans classifier, 200 of its rows, and small networks on a square."""
    folder = tmp_path_factory.mktemp("audited")
    model, X, y = models.loan_decisions()
    skops.io.dump(model, folder / "loans.skops")
    X[:200].assign(repaid=y[:200], district=np.arange(200) % 2).to_csv(
        folder / "districts.csv", index=False
    )
    X[:200].assign(repaid=y[:200]).to_csv(folder / "loans.csv", index=False)
    # score 1 - |x0| + 0 * x1 (+ 0.5 in the challenger): rises, then falls, and ignores x1
    bump = ReluNetwork.from_weights([[[1.0, 0.0], [-1.0, 0.0]], [[-1.0, -1.0]]], [[0, 0], [1.0]])
    save(bump, folder / "bump.xrelu")
    save(replace(bump, output=replace(bump.output, bias=np.array([1.5]))), folder / "raised.xrelu")
    square = pd.DataFrame({"x0": [-2.0, -0.5, 0.5, 2.0], "x1": [0.0, 1.0, 0.0, 1.0]})
    square.to_csv(folder / "square.csv", index=False)
    return folder


def outcome(folder: Path, *arguments: Any) -> tuple[int, Any]:
    """Exit code and what --json says."""
    result = run(folder, *arguments, "--json")
    assert result.stdout, result.stderr
    return result.exit_code, json.loads(result.stdout)


def narrow(folder: Path, *arguments: Any) -> str:
    """What is shown to a person, but for the line that names the file."""
    result = run(folder, *arguments, "--quiet")
    assert result.stdout, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    return result.stdout


# ---------------------------------------------------------------------------------------------
# counterfactual.


def test_counterfactual_rows_get_the_class_that_was_asked_for(audited: Path) -> None:
    model, X, _ = models.loan_decisions()
    wishes = ("--desired", "yes", "--scale", "mad", "--increase-only", "income", "--rows", "2")
    told = data(run(audited, "counterfactual", *LOANS, *wishes, "--json"))
    found = pd.DataFrame(told["rows"])
    assert model.predict(found[X.columns].astype(X.dtypes)).tolist() == ["yes", "yes"]
    assert model.predict(X.iloc[found["row"]]).tolist() == ["no", "no"]
    assert (found["income"].to_numpy() >= X.iloc[found["row"]]["income"].to_numpy()).all()


def test_counterfactual_shows_what_changes(audited: Path) -> None:
    text = narrow(audited, "counterfactual", *BUMP, "--row", "3", "--permit", "x0=-3:3")
    assert "Row 3, to reach positive: proven nearest; l1 distance 1, raw score" in text
    assert "x0         2" in text


def test_counterfactual_takes_a_range_of_the_score(audited: Path) -> None:
    wish = ("--row", "0", "--range", "0.5", "0.75", "--permit", "x0=-3:3")
    told = data(run(audited, "counterfactual", *BUMP, *wish, "--json"))
    assert 0.5 <= told["rows"][0]["score"] <= 0.75


def test_a_row_without_counterfactual_is_exit_code_1(audited: Path) -> None:
    code, told = outcome(audited, "counterfactual", *BUMP, "--row", "3", "--permit", "x0=1.5:2")
    assert (code, told["holds"]) == (1, False)
    assert told["outcomes"][0]["status"] == "infeasible"


def test_undecided_is_exit_code_0_and_with_strict_1(audited: Path) -> None:
    wish = ("counterfactual", *LOANS, "--row", "2", "--time-limit", "1e-6", "--scale", "mad")
    code, told = outcome(audited, *wish)
    assert (code, told["outcomes"][0]["status"]) == (0, "bounded")
    assert run(audited, *wish, "--strict").exit_code == 1
    assert "undecided whether nearest" in narrow(audited, *wish)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--row", "200"), "--row must be from 0 to 199"),
        (("--desired", "maybe"), "--desired must be 'opposite' or one of 'no', 'yes', got 'maybe'"),
        (("--desired", "yes", "--range", "0", "1"), "Either --desired or --range"),
        (("--immutable", "age", "--increase-only", "age"), "--immutable and --increase-only"),
        (("--class", "yes"), "for a class write --desired"),
        (("--immutable", "colour"), "--immutable must name columns of the model, got 'colour'"),
        (("--increase-only", "job"), "which is categorical"),
        (("--scale", "std"), "--scale takes mad, or COLUMN=SIZE"),
        (("--permit", "age=40"), "--permit age= takes LOW:HIGH, got '40'"),
        (("--permit", "job=pilot"), "--permit of 'job' must name its levels"),
    ],
)
def test_a_change_that_cannot_be_sought_is_refused(
    audited: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refusal(run(audited, "counterfactual", *LOANS, *arguments))


# ---------------------------------------------------------------------------------------------
# monotone.


def test_monotone_gives_the_trends(audited: Path) -> None:
    told = data(run(audited, "monotone", *BUMP, "--json"))
    network = load(audited / "bump.xrelu")
    X = pd.read_csv(audited / "square.csv")
    assert told["trends"] == records(monotonicity(network, Box.from_data(X), X=X).to_frame())


def test_an_expected_direction_that_fails_is_exit_code_1_with_two_rows(audited: Path) -> None:
    code, told = outcome(audited, "monotone", *BUMP, "--expect", "x0=increasing")
    assert (code, told["holds"]) == (1, False)
    first, second = told["witnesses"][0]["rows"]
    assert first["x0"] < second["x0"]
    assert first["score"] > second["score"]
    text = narrow(audited, "monotone", *BUMP, "--expect", "x0=increasing")
    assert "Expected raw score of score increasing in x0: FAILS" in text


def test_an_expected_direction_that_holds_is_exit_code_0(audited: Path) -> None:
    code, told = outcome(
        audited, "monotone", *LOANS, "--expect", "late_payments=decreasing", "--strict"
    )
    assert (code, told["holds"], len(told["trends"])) == (0, True, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--expect", "income"), "--expect takes COLUMN=VALUE, got 'income'"),
        (("--expect", "income=up"), "takes increasing or decreasing, got 'up'"),
        (("--expect", "job=increasing"), "an order, got 'job', which is categorical"),
        (("--feature", "colour"), "No column is called 'colour'"),
        (("--max-regions", "0"), "--max-regions must be a whole number"),
    ],
)
def test_a_trend_that_cannot_be_followed_is_refused(
    audited: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refusal(run(audited, "monotone", *LOANS, *arguments))


# ---------------------------------------------------------------------------------------------
# robustness.


def test_robustness_gives_the_distances(audited: Path) -> None:
    told = data(run(audited, "robustness", *BUMP, "--threshold", "0", "--radius", "0.75", "--json"))
    X = pd.read_csv(audited / "square.csv")
    own = robustness(load(audited / "bump.xrelu"), X, threshold=0.0)
    assert told["rows"] == records(own.to_frame())
    assert [row["upper"] for row in told["rows"]] == pytest.approx([1.0, 0.5, 0.5, 1.0], rel=1e-3)
    assert told["certified_share"][0]["certified"] == 0.5


def test_rows_drawn_keep_their_numbers_and_the_scale_of_all(audited: Path) -> None:
    wish = ("--rows", "3", "--seed", "1", "--scale", "std", "--time-limit", "2")
    table = pd.DataFrame(data(run(audited, "robustness", *LOANS, *wish, "--json"))["rows"])
    model, X, _ = models.loan_decisions()
    assert table["class"].tolist() == model.predict(X.iloc[table["row"]]).tolist()
    one = X[:200].select_dtypes("number").std(ddof=0).to_dict()
    own = robustness(import_model(model, X[:200]), X.iloc[table["row"]], scale=one)
    assert table["lower"].to_numpy() == pytest.approx(own.lower, rel=1e-2)


@pytest.mark.parametrize(("share", "code"), [("0.5", 0), ("0.75", 1)])
def test_too_few_certified_rows_are_exit_code_1(audited: Path, share: str, code: int) -> None:
    wish = ("--threshold", "0", "--error", "x0=0.75", "--min-share", share)
    found, told = outcome(audited, "robustness", *BUMP, *wish)
    assert (found, told["holds"]) == (code, code == 0)
    assert "Shares of the rows whose class no error" in narrow(audited, "robustness", *BUMP, *wish)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--min-share", "0.9"), "--min-share needs the sizes"),
        (("--error", "colour=1"), "No column is called 'colour'"),
        (("--error", "age=x"), "--error age= takes a number, got 'x'"),
        (("--error", "age=1", "--scale", "std"), "Leave them out"),
        (("--radius", "-1"), "--radius must not be negative"),
        (("--radius", "1", "--min-share", "2"), "--min-share must be from 0 to 1"),
        (("--jobs", "0"), "--jobs takes a number"),
    ],
)
def test_a_distance_that_cannot_be_measured_is_refused(
    audited: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refusal(run(audited, "robustness", *LOANS, "--rows", "1", *arguments))


def test_a_model_that_decides_nothing_needs_a_threshold(audited: Path) -> None:
    assert "Pass --threshold" in refusal(run(audited, "robustness", *BUMP))


# ---------------------------------------------------------------------------------------------
# verify.


@pytest.mark.parametrize(
    ("property_", "code"),
    [
        (("--at-most", "1.5"), 0),
        (("--at-most", "score=1.5", "--at-least=-1.5"), 0),
        (("--at-most", "0.5"), 1),
        (("--at-most", "0.5", "--at", "x0=2"), 0),
    ],
)
def test_verify_holds_or_shows_a_row(audited: Path, property_: tuple[str, ...], code: int) -> None:
    found, told = outcome(audited, "verify", *BUMP, *property_)
    assert (found, told["holds"]) == (code, code == 0)
    if code:
        witness = pd.DataFrame([told["witness"]])
        assert load(audited / "bump.xrelu")(witness)[0] > 0.5


def vnnlib(folder: Path, bound: float) -> Path:
    lines = ["(declare-const X_0 Real)", "(declare-const X_1 Real)", "(declare-const Y_0 Real)"]
    lines += [f"(assert (>= X_{i} -2.0))\n(assert (<= X_{i} 2.0))" for i in (0, 1)]
    (folder / "p.vnnlib").write_text("\n".join([*lines, f"(assert (>= Y_0 {bound}))"]))
    return folder / "p.vnnlib"


def test_verify_reads_vnnlib(audited: Path, tmp_path: Path) -> None:
    code, told = outcome(audited, "verify", "bump.xrelu", "--vnnlib", vnnlib(tmp_path, 1.5))
    assert (code, told["status"]) == (0, "holds")
    code, told = outcome(audited, "verify", "bump.xrelu", "--vnnlib", vnnlib(tmp_path, 0.5))
    assert (code, told["status"]) == (1, "violated")
    text = narrow(audited, "verify", "bump.xrelu", "--vnnlib", vnnlib(tmp_path, 0.5))
    assert text.startswith("VIOLATED: the row below violates it.")
    assert "score >= 0.5" in text


def test_an_undecided_property_says_so(audited: Path) -> None:
    wish = ("verify", *LOANS, "--at-most", "13", "--method", "regions", "--max-regions", "1")
    code, told = outcome(audited, *wish)
    assert (code, told["status"]) == (0, "undecided")
    assert run(audited, *wish, "--strict").exit_code == 1
    assert narrow(audited, *wish).startswith("Undecided: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (LOANS, "A property is needed"),
        (("loans.skops", "--at-most", "1"), "DATA is needed"),
        ((*LOANS, "--at-most", "risk=1"), "--at-most must name one of yes, no, got 'risk'"),
        ((*LOANS, "--at-most", "yes=abc"), "--at-most yes= takes a number, got 'abc'"),
        ((*LOANS, "--largest", "yes"), "--largest compares several scores"),
        ((*LOANS, "--vnnlib", "loans.csv"), "says both where and what"),
        (("loans.skops", "--vnnlib", "none.vnnlib"), "No such file"),
        (("loans.skops", "--vnnlib", "loans.csv"), "line 1"),
    ],
)
def test_a_property_that_cannot_be_asked_is_refused(
    audited: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refusal(run(audited, "verify", *arguments))


def test_a_property_of_another_network_is_refused(audited: Path, tmp_path: Path) -> None:
    path = vnnlib(tmp_path, 1.0)
    said = refusal(run(audited, "verify", "loans.skops", "--vnnlib", path))
    assert "declares 2 inputs and 1 outputs" in said


# ---------------------------------------------------------------------------------------------
# diff.

PAIR = ("bump.xrelu", "raised.xrelu", "square.csv")


@pytest.mark.parametrize(("limit", "code"), [("0.6", 0), ("0.4", 1)])
def test_diff_measures_the_largest_difference(audited: Path, limit: str, code: int) -> None:
    found, told = outcome(audited, "diff", *PAIR, "--at-most", limit)
    assert (found, told["holds"]) == (code, code == 0)
    assert told["summary"][0]["bound"] == pytest.approx(0.5, rel=1e-6)
    assert {row["difference"] for row in told["rows"]} == {0.5}
    assert "Rows that change their class" in narrow(audited, "diff", *PAIR)


def test_a_model_does_not_differ_from_itself(audited: Path) -> None:
    wish = ("--max-changed", "0", "--at-most", "1e-6", "--strict")
    code, told = outcome(audited, "diff", "loans.skops", "loans.skops", *LOANS[1:], *wish)
    assert (code, told["holds"]) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*PAIR, "--at-most", "-1"), "--at-most must be a number of at least 0"),
        ((*PAIR, "--max-regions", "0"), "--max-regions must be a whole number"),
        (("bump.xrelu", "loans.skops", "square.csv"), "columns"),
    ],
)
def test_models_that_cannot_be_compared_are_refused(
    audited: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refusal(run(audited, "diff", *arguments))


# ---------------------------------------------------------------------------------------------
# fairness.


def test_a_protected_column_that_changes_a_class_is_exit_code_1(audited: Path) -> None:
    code, told = outcome(audited, "fairness", *LOANS, "--protected", "age")
    assert (code, told["status"]) == (1, "fails")
    model, X, _ = models.loan_decisions()
    pair = pd.DataFrame(told["witness"])[X.columns]
    assert [name for name in X.columns if pair[name].nunique() > 1] == ["age"]
    assert len(set(model.predict(pair.astype(X.dtypes)))) == 2
    assert "FAILS: some rows change their class with age alone." in narrow(
        audited, "fairness", *LOANS, "--protected", "age"
    )


def test_values_to_compare_can_be_named(audited: Path) -> None:
    wish = ("--protected", "age=40:40.001", "--protected", "sex")
    _, told = outcome(audited, "fairness", *LOANS, *wish)
    assert "40 to 40.001; female, male" in told["certificate"][0]["detail"]


def test_groups_may_be_a_column_that_the_model_does_not_read(audited: Path) -> None:
    wish = ("districts.csv", "--target", "repaid", "--sensitive", "district")
    code, told = outcome(audited, "fairness", "loans.skops", *wish)
    assert (code, told["status"]) == (0, None)
    assert {row["feature"] for row in told["regions"]} == {"district"}
    assert sum(r["n_rows"] for r in told["regions"]) == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--protected COLUMN is needed"),
        (("--protected", "colour"), "'colour' is not among the model's columns"),
        (("--protected", "sex=other"), "has no level 'other'"),
        (("--sensitive", "colour"), "has no column 'colour'"),
        (("--sensitive", "sex", "--favourable", "maybe"), "--favourable must be one of"),
        (("--sensitive", "sex", "--table", "rows"), "--table rows needs --protected"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(
    audited: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refusal(run(audited, "fairness", *LOANS, *arguments))


# ---------------------------------------------------------------------------------------------
# coverage.


def test_coverage_holds_new_rows_against_training_rows(audited: Path, tmp_path: Path) -> None:
    new = pd.DataFrame({"x0": [0.25, 5.0], "x1": [0.0, 0.0]})
    new.to_csv(tmp_path / "new.csv", index=False)
    files = (*BUMP, tmp_path / "new.csv")
    code, told = outcome(audited, "coverage", *files, "--max-outside", "0.4")
    own = coverage(load(audited / "bump.xrelu"), pd.read_csv(audited / "square.csv"), new)
    assert (code, told["holds"], told["rows"]) == (1, False, records(own.per_row))
    assert run(audited, "coverage", *files, "--max-outside", "0.5").exit_code == 0
    assert "row 1 in x0" in narrow(audited, "coverage", *files)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("square.csv", "--near", "-1"), "--near must be a number of at least 0"),
        (("square.csv", "--min-seen", "2"), "--min-seen must be from 0 to 1"),
        (("loans.csv",), "not known to the model"),
    ],
)
def test_rows_that_cannot_be_held_against_each_other_are_refused(
    audited: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refusal(run(audited, "coverage", *BUMP, *arguments))


# ---------------------------------------------------------------------------------------------
# All of them.

CALLS = (
    ("counterfactual", "rows", (*BUMP, "--row", "3", "--permit", "x0=-3:3")),
    ("monotone", "trends", BUMP),
    ("robustness", "rows", (*BUMP, "--threshold", "0")),
    ("verify", "alternatives", (*BUMP, "--at-most", "2")),
    ("diff", "regions", PAIR),
    ("fairness", "groups", (*LOANS, "--sensitive", "sex")),
    ("coverage", "rows", (*BUMP, "square.csv")),
)


@pytest.mark.parametrize(("command", "name", "arguments"), CALLS)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_table_is_written(
    audited: Path, tmp_path: Path, command: str, name: str, arguments: tuple[Any, ...], ending: str
) -> None:
    path = tmp_path / f"table.{ending}"
    told = data(run(audited, command, *arguments, "-o", path, "--json"))
    table = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert len(table) == len(told[name])
    assert set(table.columns) == set(told[name][0])


@pytest.mark.parametrize(("command", "name", "arguments"), CALLS)
def test_another_kind_of_table_is_refused(
    audited: Path, tmp_path: Path, command: str, name: str, arguments: tuple[Any, ...]
) -> None:
    said = refusal(run(audited, command, *arguments, "-o", tmp_path / "table.txt"))
    assert "must end in .csv or .parquet" in said


# ---------------------------------------------------------------------------------------------
# The other methods of explanation.


@pytest.mark.parametrize("method", ["integrated_gradients", "shapley"])
def test_every_method_adds_up_to_the_score(audited: Path, method: str) -> None:
    wish = ("--row", "2", "--method", method, "--json")
    found = pd.DataFrame(data(run(audited, "explain", *LOANS, *wish)))
    total = found["base_value"].iloc[0] + found["attribution"].sum()
    assert total == pytest.approx(found["score"].iloc[0], abs=1e-9)


def test_sampled_is_for_shapley_alone(audited: Path) -> None:
    wish = ("explain", *LOANS, "--row", "2", "--sampled")
    assert "--sampled goes with --method shapley" in refusal(run(audited, *wish))
    assert data(run(audited, *wish, "--method", "shapley", "--json"))


def test_compare_takes_another_method_of_ours(audited: Path) -> None:
    text = run(audited, "compare", *BUMP, "--rows", "2", "--ours", "integrated_gradients").stdout
    assert "integrated_gradients beside SHAP" in text


def test_exact_shapley_values_of_many_columns_are_refused_with_what_helps(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 24))
    weight = np.random.default_rng(1).normal(size=(6, 24))
    network = ReluNetwork.from_weights([weight, np.ones((1, 6))], [[0] * 6, [0]])
    save(network, tmp_path / "wide.xrelu")
    pd.DataFrame(rows, columns=network.schema.names).to_csv(tmp_path / "wide.csv", index=False)
    wish = ("explain", "wide.xrelu", "wide.csv", "--row", "0", "--method", "shapley")
    assert "Add --sampled for estimates." in refusal(run(tmp_path, *wish))
    assert data(run(tmp_path, *wish, "--sampled", "--json"))
