from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import polars
import pytest

from explainrelu.certificate import Check, Exactness, Status
from explainrelu.errors import (
    ArgumentError,
    ColumnsError,
    DataError,
    InputTypeError,
    MissingDependencyError,
    OutputError,
)
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.reports import report as module
from explainrelu.reports import table_writers
from explainrelu.reports.report import STEPS, report
from explainrelu.reports.tables import TABLES
from explainrelu.rewrites.convert import convert
from tests import models
from tests.reports.samples import MODELS, MORNING, sample


def quick(model, X, y=None, *, few_rules=None, **options):
    chosen = {"shap": False, "max_rules": 2, "few_rules": few_rules, "created": MORNING}
    return report(model, X, y, **chosen, **options)


def facts(found, table="model"):
    return found.tables[table].set_index("property")["value"]


@pytest.mark.parametrize("name", MODELS)
def test_certificate_has_the_checks_of_every_part_and_holds(name):
    found = sample(name)
    names = " | ".join(check.name for check in found.certificate.checks)
    for part in (
        *("import: raw scores", "listed cell", "each rule's formula", "add up"),
        *("few rules: no point deviates by more, whole domain", "few rules: each witness"),
    ):
        assert part in names
    assert found.certificate.holds


def test_model_is_imported_once(monkeypatch):
    model, X, _ = models.iris()
    handed = []
    monkeypatch.setattr(
        module, "import_model", lambda m, *a, **k: handed.append(m) or import_model(m, *a, **k)
    )
    found = quick(model, X)
    assert handed == [model]
    imports = [c.name for c in found.certificate.checks if c.name.startswith("import")]
    assert len(imports) == len(set(imports)) == 2


def test_a_domain_adds_every_region_of_the_box_and_its_checks():
    model, X, y = models.iris()
    box = Box.from_data(X)
    plain, found = quick(model, X, y), quick(model, X, y, domain=box)
    assert (plain.whole, found.whole.complete) == (None, True)
    visited, regions = plain.tables["regions"], found.tables["regions"]
    pd.testing.assert_frame_equal(regions[: len(visited)], visited)
    assert set(regions["region"]) == set(enumerate_regions(model, box).names)
    assert regions["n_rows"].sum() == len(X)
    assert not regions["region"].duplicated().any()
    names = [check.name for check in found.certificate.checks]
    assert "box: every point of the box lies in a listed cell" in names
    assert sum(name.startswith("import") for name in names) == 2
    assert found.certificate.holds
    assert facts(found, "provenance")["argument domain"] == "a box of 4 inputs"


def test_a_model_converted_over_a_box_brings_it_along():
    model, X, y = models.iris()
    shallow = convert(model, domain=Box.from_data(X), max_regions=50)
    found = quick(shallow, X, y)
    assert found.whole is shallow
    assert [c.name for c in found.findings.undecided] == [
        "box: every point of the box lies in a listed cell"
    ]
    assert len(found.tables["rules"]["region"].unique()) == 2


def test_another_domain_than_that_of_the_conversion_is_refused():
    model, X, _ = models.iris()
    shallow = convert(model, domain=Box.from_data(X), max_regions=5)
    assert quick(shallow, X, domain=Box.from_data(X)).whole is shallow
    with pytest.raises(ArgumentError, match="must be the box that the model was converted over"):
        quick(shallow, X, domain=Box.from_data(X, margin=0.1))


def test_a_domain_that_is_no_box_is_refused():
    model, X, _ = models.iris()
    with pytest.raises(InputTypeError, match="domain must be a Box, got list"):
        quick(model, X, domain=[0.0, 1.0])


def test_same_call_with_the_same_date_gives_the_same_tables_and_page(tmp_path):
    model, X, y = models.iris()
    first, again = (report(model, X, y, max_rows=3, created=MORNING) for _ in range(2))
    assert set(first.tables) >= FEW
    for name, table in first.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name], check_exact=True)
    pages = [r.to_html(tmp_path / f"{i}.html").read_bytes() for i, r in enumerate((first, again))]
    assert pages[0] == pages[1]


def test_the_date_is_the_moment_of_the_call_in_utc():
    model, X, _ = models.iris()
    before = datetime.now(UTC).replace(microsecond=0)
    created = report(model, X, shap=False, max_rules=1, few_rules=None).findings.created
    assert before <= created <= datetime.now(UTC)


@pytest.mark.parametrize(
    "created",
    [
        datetime(2026, 3, 1, 9, 30),
        datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_date_is_taken_as_utc_or_turned_into_it(created):
    model, X, _ = models.iris()
    found = report(model, X, shap=False, max_rules=1, created=created, few_rules=None)
    assert facts(found, "provenance")["created (UTC)"] == "2026-03-01 09:30:00"


def test_tables_without_target_and_shap_are_left_out():
    model, X, _ = models.iris()
    missing = set(TABLES) - set(quick(model, X, few_rules=2).tables)
    assert missing == {
        *("performance", "region_performance", "weak_spots"),
        *("shap_agreement", "shap_summary", "shap_reasons"),
    }


FEW = {name for name in TABLES if name.startswith("few_rule")}


def test_few_rules_are_left_out_where_none_are_asked_for():
    model, X, _ = models.iris()
    found = quick(model, X, few_rules=None)
    assert len(FEW) == 6
    assert not FEW & set(found.tables)
    assert found.findings.few_rules is None
    assert not any("few rules" in check.name for check in found.certificate.checks)


def test_few_rules_are_not_fitted_to_a_handful_of_rows_and_the_report_says_so():
    model, X, y = models.iris()
    found = quick(model, X[:19], y[:19], few_rules=3)
    assert not FEW & set(found.tables)
    said = facts(found, "provenance")["argument few_rules"]
    assert said == "3, none fitted to fewer than 20 rows"
    assert set(quick(model, X[:20], few_rules=3).tables) > FEW


def test_few_rules_deviate_by_no_more_than_is_proven():
    model, X, _ = models.iris()
    few = quick(model, X, few_rules=3).findings.few_rules
    assert str(few.visited.exactness) == "exact"
    points = few.domain.sample(5_000, np.random.default_rng(1))
    leaf = few.grown.tree.place(points)
    scores = few.network.forward(points) @ few.view.matrix.T
    away = np.abs(scores - few.grown.predict(points))
    assert (away <= few.whole.bound[leaf] + 1e-9).all()
    seen = few.network.schema.encode(X)
    own = few.network.forward(seen) @ few.view.matrix.T
    gap = np.abs(own - few.grown.predict(seen))
    assert (gap <= few.visited.bound[few.grown.tree.place(seen)] + 1e-9).all()
    assert (few.visited.bound <= few.whole.bound + 1e-9).all()


def test_proof_without_a_clock_is_no_tighter_than_the_search_finds():
    model, X, _ = models.wine()
    network = import_model(model, X)
    ours = quick(network, X, few_rules=2).findings.few_rules
    theirs = quick(network, X, few_rules=2, time_limit=60.0).findings.few_rules
    np.testing.assert_allclose(ours.visited.bound, theirs.visited.bound, rtol=1e-6)
    assert (ours.whole.bound >= theirs.whole.value - 1e-6).all()
    assert (ours.whole.value <= theirs.whole.bound + 1e-6).all()


def test_few_rules_are_proven_over_the_domain_given():
    model, X, _ = models.iris()
    box = Box.from_data(X, margin=0.05)
    few = quick(convert(model, domain=box, max_regions=20), X, few_rules=2).findings.few_rules
    np.testing.assert_array_equal(few.domain.lower, box.lower)
    narrow = Box(box.lower, (box.lower + box.upper) / 2)
    shallow = convert(model, domain=narrow, max_regions=20)
    few = quick(shallow, X, few_rules=2).findings.few_rules
    np.testing.assert_array_equal(few.domain.upper, Box.from_data(X).upper)


def test_output_chooses_the_scores_of_the_few_rules():
    model, X, y = models.iris()
    for output, name in (("setosa", "setosa"), (("virginica", "setosa"), "virginica - setosa")):
        tables = quick(model, X, y, few_rules=2, output=output).tables
        assert set(tables["few_rules"]["output"]) == {name}
        assert set(tables["coefficient_profile"]["output"]) == {name}
        assert set(tables["region_performance"]["grouped_by"]) == {
            "all rows", "few rule", "region"
        }  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_profile_is_the_ranking_spread_out(name):
    tables = sample(name).tables
    profile, ranking = tables["coefficient_profile"], tables["ranking"]
    both = profile.merge(ranking, on=["output", "feature"])
    assert len(both) == len(profile)
    signed = both[both["signed"]]
    np.testing.assert_allclose(signed["raising_share"], signed["positive_share"], atol=1e-12)
    quantiles = both[["lower_5", "lower_quartile", "median", "upper_quartile", "upper_5"]]
    assert (np.diff(quantiles.to_numpy(), axis=1) >= 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_groups_of_the_performance_table_hold_every_row_once(name):
    table = sample(name).tables["region_performance"]
    counts = table.groupby(["grouped_by", "output"])["n_rows"].sum()
    assert (counts == 120).all()


@pytest.mark.parametrize(("name", "measure"), [("iris", "joint_accuracy"), ("diabetes", "bias")])
def test_groups_add_up_to_the_performance_of_all_rows(name, measure):
    table = sample(name).tables["region_performance"]
    whole = table[table["grouped_by"] == "all rows"].groupby("output")[measure].first()
    for kind in ("few rule", "region"):
        part = table[table["grouped_by"] == kind]
        mean = (part[measure] * part["n_rows"]).groupby(part["output"]).sum() / 120
        np.testing.assert_allclose(mean, whole, rtol=1e-9)


def test_rows_explained_keep_their_place_in_the_data():
    model, X, _ = models.iris()
    found = quick(model, X, max_explained=7)
    table = found.tables["explanations"]
    places = table["row"].unique()
    assert len(places) == 7
    own = import_model(model)(X.iloc[places])
    centred = own - own.mean(axis=1, keepdims=True)
    scores = table.drop_duplicates(["row", "output"])["score"].to_numpy().reshape(7, 3)
    np.testing.assert_allclose(scores, centred)


def test_units_of_columns_and_target_reach_the_tables():
    model, X, y = models.diabetes()
    found = quick(model, X, y, units={"bmi": "kg/m^2", "progression": "points"})
    unit = found.tables["coefficients"].set_index("feature")["unit"]
    assert unit["bmi"].unique().tolist() == ["points per kg/m^2"]
    assert "points" in set(found.tables["performance"]["unit"])


def test_unit_of_an_unknown_column_is_refused():
    model, X, _ = models.iris()
    with pytest.raises(ColumnsError, match="No column is called 'weight'"):
        quick(model, X, units={"weight": "kg"})


def test_background_sets_the_baseline():
    model, X, _ = models.iris()
    found = quick(model, X, background=X[:5])
    baseline = found.findings.explanation.baseline.iloc[0]
    np.testing.assert_allclose(baseline.to_numpy(dtype=float), X[:5].mean())
    assert facts(found, "provenance")["argument background"] == "5 rows"


def test_background_may_be_any_table():
    model, X, _ = models.iris()
    lazy = polars.DataFrame(X[:5].to_dict("list")).lazy()
    assert facts(quick(model, X, background=lazy), "provenance")["argument background"] == "5 rows"


def test_output_chooses_the_score_of_every_table():
    model, X, _ = models.iris()
    tables = quick(model, X, output=("virginica", "setosa")).tables
    for name in ("rules", "coefficients", "ranking", "explanations"):
        assert set(tables[name]["output"]) == {"virginica - setosa"}


def test_every_step_is_told_in_order():
    model, X, _ = models.iris()
    told = []
    quick(model, X, progress=lambda done, step: told.append((done, step)))
    assert told == list(enumerate((*STEPS, "done")))


def test_networks_rewrites_arrays_and_polars_frames_are_taken():
    model, X, _ = models.iris()
    network = import_model(model, X)
    whole = quick(model, X).tables["ranking"]
    for other, rows in (
        (network, X.to_numpy()),
        (convert(network, X), polars.DataFrame(X.to_dict("list"))),
    ):
        pd.testing.assert_frame_equal(quick(other, rows).tables["ranking"], whole)


def test_columns_have_the_range_of_these_rows():
    network = ReluNetwork.from_weights([[[1.0, 0.0]], [[2.0]]], [[0.0], [1.0]])
    columns = quick(network, [[1.0, 5.0], [3.0, 6.0]]).tables["columns"]
    assert columns[["lower", "upper"]].to_numpy().tolist() == [[1.0, 3.0], [5.0, 6.0]]


@pytest.mark.parametrize("limit", ["max_rules", "max_rows", "max_explained"])
def test_limit_below_one_is_refused(limit):
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match=f"{limit} must be a whole number of at least 1 or"):
        report(model, X, **{limit: 0})


@pytest.mark.parametrize("few_rules", [-1, 0])
def test_fewer_than_one_rule_is_refused(few_rules):
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match="or None to leave the few rules out, got"):
        report(model, X, few_rules=few_rules)


def test_a_time_that_is_not_positive_is_refused():
    model, X, _ = models.iris()
    with pytest.raises(ArgumentError, match="time_limit must be a positive number of seconds"):
        report(model, X, time_limit=0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_rows": "many"}, "max_rows must be a whole number of at least 1 or None, got 'many'"),
        ({"max_explained": 2.5}, "max_explained must be a whole number"),
        ({"max_rules": True}, "max_rules must be a whole number"),
        ({"few_rules": "x"}, "few_rules must be a whole number of at least 1, or None .*got 'x'"),
        ({"few_rules": 2.5}, "few_rules must be a whole number"),
        ({"few_rules": True}, "few_rules must be a whole number"),
        ({"time_limit": "long"}, "time_limit must be a positive number of seconds"),
        ({"random_state": None}, "random_state must be a whole number, got None"),
        ({"units": ["kg"]}, r"units must be a mapping from column to unit.*got \['kg'\]"),
        ({"units": {"petal": 3}}, "units must be a mapping"),
    ],
)
def test_options_of_another_type_are_refused(options, words):
    model, X, _ = models.iris()
    with pytest.raises(InputTypeError, match=words):
        report(model, X, **options)


def test_target_that_does_not_fit_is_refused_before_the_long_work():
    model, X, y = models.iris()
    told = []
    with pytest.raises(DataError, match="one value a row of X, 150, got 149"):
        report(model, X, y[1:], progress=lambda done, step: told.append(step))
    assert told == [STEPS[0]]


def test_csv_reads_back_to_the_last_bit(tmp_path):
    found = sample("loan_decisions")
    folder = found.to_csv(tmp_path / "out")
    assert {path.stem for path in folder.iterdir()} == set(found.tables)
    for name, table in found.tables.items():
        dtypes = dict(TABLES[name])
        read = pd.read_csv(folder / f"{name}.csv", dtype="str", keep_default_na=False)
        for column in [c for c, dtype in dtypes.items() if dtype == "float64"]:
            read[column] = [float(text or "nan") for text in read[column]]
        for column in [c for c, dtype in dtypes.items() if dtype == "bool"]:
            read[column] = read[column] == "True"
        read = read.astype(dtypes)
        pd.testing.assert_frame_equal(read, table, check_exact=True)


def test_parquet_reads_back_as_it_was(tmp_path):
    found = sample("iris")
    folder = found.to_parquet(tmp_path / "out")
    for name, table in found.tables.items():
        read = pd.read_parquet(folder / f"{name}.parquet").astype(dict(TABLES[name]))
        pd.testing.assert_frame_equal(read, table, check_exact=True)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(table_writers, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"explainrelu\[parquet\]"):
        sample("iris").to_parquet(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("write", ["to_csv", "to_parquet", "to_html"])
def test_place_that_cannot_be_written_is_refused(tmp_path, write):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="Choose another place"):
        getattr(sample("iris"), write)(tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("parquet", "suffix"), [(False, "csv"), (True, "parquet")])
def test_folder_has_the_page_and_every_table(tmp_path, parquet, suffix):
    found = sample("iris")
    folder = found.to_folder(tmp_path / "out", parquet=parquet)
    alone = found.to_html(tmp_path / "page.html")
    tables = {f"{name}.{suffix}" for name in found.tables}
    assert {path.name for path in folder.iterdir()} == {"report.html"} | tables
    assert (folder / "report.html").read_bytes() == alone.read_bytes()


def test_folder_named_like_a_table_leaves_no_page_behind(tmp_path):
    (tmp_path / "rules.csv").mkdir()
    with pytest.raises(OutputError, match=r"a folder of the name rules\.csv is in the way"):
        sample("iris").to_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["rules.csv"]


def test_repr_says_whether_the_certificate_holds():
    assert repr(sample("iris")) == (
        "Report('How the network scores species', 25 tables, certificate holds)"
    )


def test_findings_name_the_checks_that_do_not_hold():
    from dataclasses import replace

    findings = sample("iris").findings
    check = Check("made up", Status.FAILS, 1.0, 0.0, Exactness.EXACT, "nowhere")
    worse = replace(findings, certificate=findings.certificate.plus([check]))
    assert worse.broken == (check,)
    assert findings.broken == ()


def test_the_table_of_what_could_be_left_out_counts_every_unit():
    # the second unit is active and the third inactive all over the range of the rows
    network = ReluNetwork.from_weights(
        [[[1.0], [1.0], [-1.0]], [[1.0, 1.0, 1.0]]], [[0.0, 5.0, -5.0], [0.0]]
    )
    found = report(network, np.linspace(-1, 1, 9)[:, None], shap=False).tables["reduction"]
    row = found.iloc[0]
    assert (len(found), row.n_units, row.n_removed, row.n_left) == (1, 3, 1, 2)
    assert (row.stably_active, row.stably_inactive, row.unstable, row.undecided) == (1, 1, 1, 0)


def test_a_network_without_layers_has_nothing_to_leave_out():
    linear = ReluNetwork.from_weights([[[1.0, 2.0]]], [[0.5]])
    assert "reduction" not in report(linear, np.eye(2), shap=False).tables
