import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from scipy.stats import spearmanr
from sklearn.compose import ColumnTransformer
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from explainrelu.datasets import (
    Hinge,
    LoansRule,
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_loans,
    load_wine,
    loans_rule,
    units,
)
from explainrelu.errors import (
    ArgumentError,
    ColumnsError,
    DataError,
    InputTypeError,
    MissingValuesError,
    UnknownLevelError,
)

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / "datasets"
LOADERS = {
    "breast_cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "iris": load_iris,
    "loans": load_loans,
    "wine": load_wine,
}


@pytest.fixture
def rule() -> LoansRule:
    return loans_rule()


@pytest.fixture
def applications() -> pd.DataFrame:
    return load_loans()[0]


def script(name: str) -> ModuleType:
    """A script of datasets/, as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def card_columns(name: str) -> dict[str, str]:
    """Column to unit, as the card's table has it."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    section = text.split("## Columns")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| .+ \|$", section, flags=re.MULTILINE)
    return {column: "" if unit in ("—", "not stated") else unit for column, unit in rows}


# The tables


def test_scripts_make_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("make_datasets", "make_loans"):
        script(name).make(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    assert made == {path.name: path.read_bytes() for path in FOLDER.glob("*.csv")}


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "wine"])
def test_classes_and_values_are_those_of_scikit_learn(name: str) -> None:
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    X, y = LOADERS[name]()
    assert list(X.columns) == list(bunch.feature_names)
    np.testing.assert_array_equal(X.to_numpy(), bunch.data)
    np.testing.assert_array_equal(y.to_numpy(), bunch.target_names[bunch.target])


def test_diabetes_is_in_measured_units() -> None:
    bunch = sklearn.datasets.load_diabetes(scaled=False)
    X, y = load_diabetes()
    assert list(X.columns) == list(bunch.feature_names)
    np.testing.assert_array_equal(X.to_numpy(), bunch.data)
    np.testing.assert_array_equal(y.to_numpy(), bunch.target)


@pytest.mark.parametrize("name", LOADERS)
def test_tables_are_complete_and_numbers_are_numbers(name: str) -> None:
    X, y = LOADERS[name]()
    text = {"home", "job", "purpose", "sex"} if name == "loans" else set()
    assert not X.isna().any().any()
    assert not y.isna().any()
    assert {c for c in X if not pd.api.types.is_numeric_dtype(X[c])} == text


def test_every_call_returns_a_frame_of_its_own() -> None:
    X, _ = load_iris()
    X.iloc[0, 0] = -1.0
    assert load_iris()[0].iloc[0, 0] != -1.0


# Units and cards


@pytest.mark.parametrize("name", LOADERS)
def test_units_and_card_list_every_column_in_order(name: str) -> None:
    X, y = LOADERS[name]()
    assert list(units(name)) == [*X.columns, y.name]
    assert list(card_columns(name).items()) == list(units(name).items())


@pytest.mark.parametrize("name", LOADERS)
def test_card_states_rows_and_classes(name: str) -> None:
    X, y = LOADERS[name]()
    card = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    counts = y.value_counts() if name != "diabetes" else pd.Series(dtype=int)
    assert f"- **Rows:** {len(X)}," in card
    assert f"- **Target:** `{y.name}`" in card
    assert all(f"{count} {label}" in card for label, count in counts.items())
    assert all(f"- **{entry}:**" in card for entry in ("Columns", "Source", "Licence"))
    assert "## Caveats" in card


def test_loans_card_states_the_rule(rule: LoansRule, applications: pd.DataFrame) -> None:
    card = (FOLDER / "loans.md").read_text(encoding="utf-8")
    stated = re.findall(
        r"^\| `(\w+)` \| ([+-]\S+) an? ?\w.* \|$|^\| `(\w+)` \| (\S+) each \|$", card, re.M
    )
    slopes = {a or c: float(b or d) for a, b, c, d in stated}
    assert slopes == {column: slope for column, slope in rule.slopes.items() if slope}
    for hinge in rule.hinges:
        line = re.search(rf"^\| {re.escape(hinge.name)} \| (\S+) ", card, re.M)
        assert line is not None
        assert float(line[1]) == hinge.slope
    for column, size in rule.importance(applications).items():
        assert f"| `{column}` | {size:.3f} |" in card or (
            size == 0 and f"| `{column}` | 0 |" in card
        )


def test_unknown_name_is_refused_with_the_names_on_offer() -> None:
    with pytest.raises(ArgumentError, match=r"'breast_cancer'.*Got: 'titanic'"):
        units("titanic")


# Where the files lie


def test_wheel_folder_comes_before_the_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "iris.csv").write_text("length,species\n1.5,none\n")
    monkeypatch.setattr("explainrelu.datasets.files._FOLDERS", (tmp_path, FOLDER))
    X, y = load_iris()
    assert X.to_dict("list") == {"length": [1.5]}
    assert list(y) == ["none"]
    assert len(load_wine()[0]) == 178


def test_installed_package_brings_its_own_tables(tmp_path: Path) -> None:
    package = tmp_path / "explainrelu"
    shutil.copytree(
        REPOSITORY / "explainrelu", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(FOLDER, package / "_datasets", ignore=shutil.ignore_patterns("*.py"))
    code = (
        "import explainrelu.datasets as d; print(d.__file__, d.load_loans()[0].shape);"
        "assert len(d.loans_rule().score(d.load_loans()[0])) == len(d.load_loans()[1])"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split(" ", 1) == [str(package / "datasets" / "__init__.py"), "(4000, 12)\n"]


def test_missing_file_names_the_places_looked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "explainrelu.datasets.files._FOLDERS", (tmp_path / "wheel", tmp_path / "clone")
    )
    with pytest.raises(DataError, match=r"iris\.csv.*wheel or .*clone.*Install explainrelu again"):
        load_iris()


# The rule


def literal_score(rule: LoansRule, row: "pd.Series[object]") -> Fraction:
    """The sum in the rule's docstring, term by term in exact arithmetic."""
    score = Fraction(rule.intercept)
    for column, slope in rule.slopes.items():
        score += Fraction(slope) * Fraction(row[column])
    for column, effects in rule.level_effects.items():
        score += Fraction(effects[row[column]])
    for hinge in rule.hinges:
        inside = sum(Fraction(w) * Fraction(row[c]) for c, w in hinge.terms.items())
        score += Fraction(hinge.slope) * max(Fraction(0), inside - Fraction(hinge.threshold))
    return score


def network_score(rule: LoansRule, row: "pd.Series[object]") -> Fraction:
    """The network of ``weights()``, evaluated in exact arithmetic."""
    weights, biases, inputs = rule.weights()
    levels = {f"{column} = {row[column]}" for column in rule.level_effects}
    values = [Fraction(row[n]) if n in rule.slopes else Fraction(n in levels) for n in inputs]
    for weight, bias, last in zip(weights, biases, (False, True), strict=True):
        sums = [
            sum((Fraction(w) * v for w, v in zip(line, values, strict=True)), Fraction(offset))
            for line, offset in zip(weight, bias, strict=True)
        ]
        values = sums if last else [max(Fraction(0), z) for z in sums]
    return values[0]


def test_score_is_the_literal_sum_of_the_pieces(
    rule: LoansRule, applications: pd.DataFrame
) -> None:
    rows = applications.iloc[::80]
    literal = [float(literal_score(rule, row)) for _, row in rows.iterrows()]
    np.testing.assert_allclose(rule.score(rows), literal, rtol=1e-12, atol=1e-12)


def test_hand_built_network_equals_the_rule_in_exact_arithmetic(
    rule: LoansRule, applications: pd.DataFrame
) -> None:
    for _, row in applications.iloc[::80].iterrows():
        assert network_score(rule, row) == literal_score(rule, row)


def test_network_has_one_indicator_for_each_level(
    rule: LoansRule, applications: pd.DataFrame
) -> None:
    weights, biases, inputs = rule.weights()
    categorical = list(rule.level_effects)
    encoder = OneHotEncoder().fit(applications[categorical])
    levels = zip(categorical, encoder.categories_, strict=True)
    assert inputs == [*rule.slopes, *(f"{c} = {level}" for c, found in levels for level in found)]
    assert list(applications.columns) == [*rule.slopes, *rule.level_effects]
    assert [w.shape for w in weights] == [(8, len(inputs)), (1, 8)]
    assert [b.shape for b in biases] == [(8,), (1,)]


def test_coefficients_are_the_slopes_of_the_score(
    rule: LoansRule, applications: pd.DataFrame
) -> None:
    # An odd offset keeps both ends of a step of 1e-6 on one side of every hinge.
    rows = applications.astype(dict.fromkeys(rule.slopes, float))
    rows[list(rule.slopes)] += 0.0123
    for column, coefficient in rule.coefficients(rows).items():
        ahead = rows.assign(**{str(column): rows[column] + 1e-6})
        slope = (rule.score(ahead) - rule.score(rows)) / 1e-6
        np.testing.assert_allclose(slope, coefficient, atol=1e-7)


def test_every_effect_keeps_one_sign_and_is_nowhere_flat(
    rule: LoansRule, applications: pd.DataFrame
) -> None:
    signs = np.sign(rule.coefficients(applications))
    assert (signs.nunique() == 1).all()
    assert signs.iloc[0].to_dict() == {
        "age": 1.0,
        "income": 1.0,
        "loan_amount": -1.0,
        "loan_term": -1.0,
        "debt_ratio": -1.0,
        "years_employed": 1.0,
        "late_payments": -1.0,
        "branch_distance": 0.0,
    }


def test_every_hinge_bends_within_the_data(rule: LoansRule, applications: pd.DataFrame) -> None:
    for hinge in rule.hinges:
        inside = sum(weight * applications[c] for c, weight in hinge.terms.items())
        assert 0.1 < float((inside > hinge.threshold).mean()) < 0.5, hinge.name


def test_a_hinge_at_its_threshold_is_inactive(rule: LoansRule, applications: pd.DataFrame) -> None:
    row = applications.iloc[[0]].assign(debt_ratio=35.0, late_payments=0)
    assert rule.coefficients(row)["debt_ratio"].item() == rule.slopes["debt_ratio"]


def test_importance_follows_its_formula(rule: LoansRule, applications: pd.DataFrame) -> None:
    importance = rule.importance(applications)
    size = rule.coefficients(applications)["income"].abs().mean()
    assert importance["income"] == pytest.approx(size * applications["income"].std(ddof=0))
    share = applications["home"].value_counts(normalize=True)
    effect = pd.Series(dict(rule.level_effects["home"]))
    variance = (share * effect**2).sum() - (share * effect).sum() ** 2
    assert importance["home"] == pytest.approx(variance**0.5)
    assert list(importance.index) == list(applications.columns)
    assert set(importance.index[importance == 0]) == {"branch_distance", "sex"}


def test_importances_are_well_apart(rule: LoansRule, applications: pd.DataFrame) -> None:
    sizes = rule.importance(applications).sort_values()[2:].to_numpy()
    assert (sizes[1:] / sizes[:-1]).min() > 1.05


def test_sex_goes_with_income_though_it_has_no_effect(
    rule: LoansRule, applications: pd.DataFrame
) -> None:
    income = applications.groupby("sex")["income"].mean()
    swapped = applications.assign(sex=applications["sex"].map({"female": "male", "male": "female"}))
    assert income["male"] > 1.1 * income["female"]
    np.testing.assert_array_equal(rule.score(swapped), rule.score(applications))


def test_repayments_follow_the_score(rule: LoansRule, applications: pd.DataFrame) -> None:
    # In tenths of rows by score, the share repaid lies within four standard errors.
    probability = 1 / (1 + np.exp(-rule.score(applications)))
    repaid = (load_loans()[1] == "yes").to_numpy()
    for rows in np.array_split(np.argsort(probability), 10):
        p = probability[rows]
        error = np.sqrt((p * (1 - p)).sum()) / len(rows)
        assert abs(repaid[rows].mean() - p.mean()) < 4 * error


def test_pieces_are_the_plain_data_of_the_file(rule: LoansRule) -> None:
    stored = json.loads((FOLDER / "loans_rule.json").read_text(encoding="utf-8"))
    assert rule.pieces == stored
    rule.pieces["slopes"]["age"] = 99.0
    assert rule.pieces == stored


def test_rule_cannot_be_changed(rule: LoansRule) -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        rule.slopes["age"] = 1.0  # type: ignore[index]
    with pytest.raises(AttributeError, match="cannot assign to field"):
        rule.intercept = 0.0  # type: ignore[misc]


def test_column_order_and_further_columns_do_not_matter(
    rule: LoansRule, applications: pd.DataFrame
) -> None:
    shuffled = applications[applications.columns[::-1]].assign(note="x")
    np.testing.assert_array_equal(rule.score(shuffled), rule.score(applications))


def test_level_table_has_a_row_for_each_level(rule: LoansRule) -> None:
    table = rule.level_table()
    assert list(table.columns) == ["feature", "level", "effect"]
    assert table.set_index(["feature", "level"])["effect"]["job", "nurse"] == 0.9
    assert len(table) == sum(len(levels) for levels in rule.level_effects.values())


# Bad input


def test_what_is_no_frame_is_refused(rule: LoansRule, applications: pd.DataFrame) -> None:
    with pytest.raises(InputTypeError, match=r"Required: a pandas DataFrame.*Got: ndarray"):
        rule.score(applications.to_numpy())  # type: ignore[arg-type]


def test_missing_columns_are_named(rule: LoansRule, applications: pd.DataFrame) -> None:
    with pytest.raises(ColumnsError, match=r"without \['age', 'job'\]"):
        rule.score(applications.drop(columns=["age", "job"]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(
    rule: LoansRule, applications: pd.DataFrame, value: float
) -> None:
    with pytest.raises(MissingValuesError, match=r"infinite values in \['debt_ratio'\]"):
        rule.coefficients(applications.assign(debt_ratio=value))


def test_text_among_the_numbers_is_refused(rule: LoansRule, applications: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"Required: numbers in the columns.*'lots'"):
        rule.score(applications.assign(income="lots"))


@pytest.mark.parametrize("level", ["astronaut", None])
def test_levels_the_rule_does_not_know_are_refused(
    rule: LoansRule, applications: pd.DataFrame, level: str | None
) -> None:
    with pytest.raises(UnknownLevelError, match=r"'job' to be one of \['clerk'.*Got: \['"):
        rule.score(applications.assign(job=level))


def test_importance_needs_rows(rule: LoansRule, applications: pd.DataFrame) -> None:
    assert len(rule.score(applications.iloc[:0])) == 0
    with pytest.raises(DataError, match="at least one row"):
        rule.importance(applications.iloc[:0])


def test_hinge_over_a_column_without_slope_is_refused() -> None:
    hinge = Hinge("over height", {"height": 1.0}, 0.0, 1.0)
    with pytest.raises(ColumnsError, match=r"\['height'\].*0 will do"):
        LoansRule(0.0, {"age": 1.0}, (hinge,), {})


# What the table is for: a network trained on the score finds the rule again.


@pytest.fixture(scope="module")
def trained() -> Pipeline:
    X, _ = load_loans()
    rule = loans_rule()
    columns = ColumnTransformer(
        [
            ("numeric", StandardScaler(), list(rule.slopes)),
            ("levels", OneHotEncoder(), list(rule.level_effects)),
        ]
    )
    network = MLPRegressor(
        hidden_layer_sizes=(32,), solver="lbfgs", alpha=0.01, max_iter=1000, random_state=0
    )
    return make_pipeline(columns, network).fit(X[:3000], rule.score(X[:3000]))


def slopes_of(model: Pipeline, X: pd.DataFrame, column: str) -> np.ndarray:
    """Central difference over a step small enough to stay within most regions."""
    step = 1e-6 * X[column].std()
    ahead, behind = (X.assign(**{column: X[column] + s}) for s in (step, -step))
    return (model.predict(ahead) - model.predict(behind)) / (2 * step)


def test_trained_network_learns_the_score(trained: Pipeline, applications: pd.DataFrame) -> None:
    held_out = applications[3000:]
    assert trained.score(held_out, loans_rule().score(held_out)) > 0.98


def test_trained_network_has_the_signs_of_the_rule(
    trained: Pipeline, applications: pd.DataFrame
) -> None:
    rule, held_out = loans_rule(), applications[3000:]
    for column, truth in rule.coefficients(held_out).items():
        if truth.any():
            found = slopes_of(trained, held_out, str(column))
            assert (np.sign(found) == np.sign(truth)).mean() > 0.95, column
    for column, levels in rule.level_effects.items():
        usual = applications[column].mode().item()
        base = trained.predict(held_out.assign(**{column: usual}))
        for level, effect in levels.items():
            change = trained.predict(held_out.assign(**{column: level})) - base
            wanted = np.sign(effect - levels[usual])
            assert wanted == 0 or (np.sign(change) == wanted).mean() > 0.95, (column, level)


def test_trained_network_ranks_numeric_columns_as_the_rule(
    trained: Pipeline, applications: pd.DataFrame
) -> None:
    rule, held_out = loans_rule(), applications[3000:]
    truth = rule.importance(held_out)[list(rule.slopes)]
    found = [
        np.abs(slopes_of(trained, held_out, c)).mean() * held_out[c].std(ddof=0)
        for c in rule.slopes
    ]
    assert spearmanr(found, truth).statistic > 0.9
