"""The main job on a bundled data set: train, convert, explain, report."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.certificate import Status
from explainrelu.command_line.layouts import folded, link_text, table_text
from explainrelu.command_line.table_files import check_folder, write_table
from explainrelu.datasets.loaders import load_breast_cancer
from explainrelu.network.formula import number_text
from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import percent
from explainrelu.reports.report import Report, report
from explainrelu.rewrites.storage import save

__all__ = ["run_demo"]

_POSITIVE = "malignant"
_SHAP_ROWS = 30
_TOP = 5
_PAGE, _MODEL, _ROWS = "report.html", "model.xrelu", "held_out.csv"


@dataclass(frozen=True, slots=True, eq=False)
class _Study:
    """A trained model and the rows it was trained on and not trained on."""

    model: Any
    train: pd.DataFrame
    held_out: pd.DataFrame
    target: "pd.Series[Any]"  # of the rows held out


def run_demo(
    folder: str | Path,
    *,
    echo: Callable[[str], None],
    progress: Callable[[int, str], None] | None = None,
) -> Report:
    """Train a small classifier on breast cancer data, explain it, and write a report.

    A scikit-learn Pipeline of a scaler and a 16-8 network is trained on three quarters of the 569
    tumours. All that is said and written is about the other quarter, which it never saw.

    Parameters
    ----------
    folder
        Gets every table as CSV, ``report.html``, the converted model as ``model.xrelu`` and the
        rows explained as ``held_out.csv``; files of other names in it are left alone.
    echo
        Is called with pieces of text for a person, in order.
    progress
        As in :func:`explainrelu.report`.

    Returns
    -------
    Report
        What was written.

    Raises
    ------
    OutputError
        Where the folder cannot be written.

    Notes
    -----
    Always the same split, network and draws. Needs no torch and no network connection.
    """
    folder = Path(folder)
    check_folder(folder)
    study = _trained()
    found = report(
        study.model,
        study.held_out,
        study.target,
        max_rows=_SHAP_ROWS,
        title="Why the network calls a tumour malignant",
        progress=progress,
    )
    for paragraph in _paragraphs(study, found):
        echo(paragraph + "\n")
    _write(study, found, folder)
    echo(_where(folder, _patient(found.findings, study.target)))
    return found


def _trained() -> _Study:
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_breast_cancer()
    train, held_out, known, target = train_test_split(X, y, stratify=y, random_state=0)
    model = make_pipeline(StandardScaler(), MLPClassifier((16, 8), max_iter=1000, random_state=0))
    model.fit(train, known)
    return _Study(model, train, held_out.reset_index(drop=True), target.reset_index(drop=True))


def _write(study: _Study, found: Report, folder: Path) -> None:
    found.to_html(folder / _PAGE)
    found.to_csv(folder)
    write_table(study.held_out.assign(**{str(study.target.name): study.target}), folder / _ROWS)
    save(found.findings.shallow, folder / _MODEL)


# ---------------------------------------------------------------------------------------------
# What a person reads.


def _paragraphs(study: _Study, found: Report) -> Iterator[str]:
    findings = found.findings
    yield "Why does a network call a tumour malignant?"
    yield _facts(study, found)
    yield _ranking(findings)
    yield _reason(findings, study.target)
    yield _agreement(findings)


def _facts(study: _Study, found: Report) -> str:
    findings, n_rows, n_trained = found.findings, len(study.held_out), len(study.train)
    performance = found.tables["performance"].set_index("metric")["value"]
    checks = found.certificate.checks
    held = sum(check.status is Status.HOLDS for check in checks)
    gap = max(c.value for c in checks if c.name == "scores equal the source's")
    facts = (
        ("Trained", f"a scaler and a ReLU network of 16 and 8 neurons, on {n_trained} of "
         f"{n_trained + n_rows} tumours with {study.train.shape[1]} measurements each."),
        ("Tested", f"{percent(performance['accuracy'])} of the {n_rows} held-out tumours are "
         "called right. Everything below is about these, which the network never saw."),
        ("Regions", f"they lie in {len(findings.shallow.regions)} linear regions; in each the "
         "network is one formula, exactly, in the units of the data."),
        ("Equality", f"a three-layer network of these formulas gives the same log-odds: the "
         f"largest difference is {gap:.1g} of their size. {held} of {len(checks)} checks hold."),
    )  # fmt: skip
    return folded("\n".join(f"  {name:<10}{fact}" for name, fact in facts), hang=12)


def _ranking(findings: Findings) -> str:
    """The leading columns: how far, and in which direction, one standard deviation goes."""
    top = findings.tables["ranking"].head(_TOP)
    largest = float(top["importance"].max())
    rows = []
    for _, row in top.iterrows():
        up = row["positive_share"] >= 0.5
        share = row["positive_share"] if up else 1.0 - row["positive_share"]
        effect = row["importance"] if up else -row["importance"]
        bar = "█" * round(16 * row["importance"] / largest)
        way = f"so in {percent(round(share, 9))} of them"
        rows.append([str(row["feature"]), f"{effect:+.2f}", bar, way])
    title = f"What one standard deviation more does to a tumour's log-odds of {_POSITIVE}"
    return f"{title}\n{table_text([''] * 4, rows, '<><<')}"


def _patient(findings: Findings, target: "pd.Series[Any]") -> int:
    """The malignant tumour that was called malignant by the smallest margin."""
    scores = findings.explanation.scores
    called = (target == _POSITIVE).to_numpy() & (scores > 0)
    return int(np.where(called, scores, np.inf).argmin())


def _reason(findings: Findings, target: "pd.Series[Any]") -> str:
    explanation, row = findings.explanation, _patient(findings, target)
    values, data = explanation.values[row], explanation.data.iloc[[row]]
    order = np.argsort(-np.abs(values), kind="stable")
    named = [
        f"{explanation.feature_names[j]} {number_text(float(data.iloc[0, j]))} ({values[j]:+.2f})"
        for j in order[:4]
    ]
    network, score = findings.network, explanation.scores[row]
    base = explanation.base_values[row]
    raw = network.forward(network.schema.encode(data))[0]
    return folded(
        f"Why tumour {row}? It is {target.iloc[row]}, and was called so by the smallest margin\n"
        f"  {score:+.2f}  log-odds, {link_text(network, explanation.view, 0, raw)}: the sum of\n"
        f"  {base:+.2f}  for average measurements, by its region's formula\n"
        f"  {values[order[:4]].sum():+.2f}  {', '.join(named)}\n"
        f"  {values[order[4:]].sum():+.2f}  the other {order.size - 4} measurements",
        hang=9,
    )


def _agreement(findings: Findings) -> str:
    comparison = findings.comparison
    assert comparison is not None  # the demo compares
    longest = comparison.summary.sort_values("k").iloc[-1]
    shared, alike = percent(longest["feature_agreement"]), percent(longest["sign_agreement"])
    other = percent(comparison.reasons["value"].iloc[0])
    return folded(
        f"SHAP, on {comparison.rows.size} of the tumours, names {shared} of our top {longest['k']} "
        f"measurements, {alike} with the same sign. Neither is wrong: SHAP averages over other "
        f"tumours, and {other} of those lie in another region, where another formula holds; ours "
        "is read off the tumour's own."
    )


def _where(folder: Path, row: int) -> str:
    return (
        f"Open {folder / _PAGE} first. Beside it lie its tables as CSV, the converted\n"
        f"model ({_MODEL}) and the tumours ({_ROWS}). Then try\n\n"
        f"  explainrelu explain {folder / _MODEL} {folder / _ROWS} --target diagnosis --row {row}\n"
        f"  explainrelu rules {folder / _MODEL} --max-rules 3"
    )
