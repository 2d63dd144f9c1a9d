"""One call from a trained model to every table and one page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import IntArray
from explainrelu.certificate import Certificate
from explainrelu.errors import InputTypeError
from explainrelu.explanations.agreement.with_shap import compare_with_shap
from explainrelu.explanations.explain import explain
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.limits import checked_limit, checked_seed
from explainrelu.explanations.ranking import rank_features
from explainrelu.explanations.rules import RuleSet, extract_rules
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.explanations.targets import target_frame
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.reports.facts import columns_frame, model_frame, provenance_frame
from explainrelu.reports.few_rules import (
    FEWEST_ROWS,
    checked_few_rules,
    few_rule_checks,
    few_rule_tables,
    few_rules_of,
)
from explainrelu.reports.findings import Findings
from explainrelu.reports.page.page import page
from explainrelu.reports.performance import performance
from explainrelu.reports.profile import profile_frame
from explainrelu.reports.reduction import reduction_frame
from explainrelu.reports.region_performance import region_performance
from explainrelu.reports.summary import summary
from explainrelu.reports.table_writers import csv_writers, parquet_writers
from explainrelu.reports.tables import TABLES, in_contract
from explainrelu.reports.whole_box import box_checks, of_the_box, with_the_rest
from explainrelu.reports.writing import write_file, write_folder, write_text
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = [
    "PAGE",
    "STEPS",
    "Report",
    "Request",
    "gathered",
    "report",
    "taken_in",
    "titled",
    "to_the_second",
]

PAGE = "report.html"
"""What :meth:`Report.to_folder` calls the page."""

STEPS = (
    "importing the model",
    "converting it to three layers",
    "reading the rules",
    "fitting a few rules",
    "ranking the columns",
    "explaining the rows",
    "comparing with SHAP",
    "finding what could be left out",
    "setting the tables",
)
"""What ``progress`` is told, in order; the comparison with SHAP takes most of the time."""

Progress = Callable[[int, str], None]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Report:
    """Everything about one model, as tables and as a page.

    Attributes
    ----------
    findings
        What the tables and the page are made from.
    whole
        The three-layer network of every region of the box, where one was given; else None.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[9.0], [0.0]])
    >>> found = report(network, np.arange(12.0).reshape(6, 2) % 5, shap=False)
    >>> found.tables["ranking"].feature.tolist()
    ['x1', 'x0']
    """

    findings: Findings
    whole: ThreeLayerNetwork | None = None

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Every table by name; docs/tables.md says what each column means."""
        return self.findings.tables

    @property
    def certificate(self) -> Certificate:
        """All checks of all parts together."""
        return self.findings.certificate

    def __repr__(self) -> str:
        state = f"certificate {self.certificate.status}"
        return f"Report({self.findings.title!r}, {len(self.tables)} tables, {state})"

    def summary(self) -> str:
        """The main findings as a short text."""
        return summary(self.findings)

    def to_csv(self, folder: str | Path) -> Path:
        """Write every table as ``<name>.csv``, in UTF-8; numbers read back to the last bit.

        The files are written whole or not at all; others in the folder are left alone.

        Raises
        ------
        OutputError
            Where the folder cannot be written.
        """
        return write_folder(folder, csv_writers(self.tables))

    def to_parquet(self, folder: str | Path) -> Path:
        """Write every table as ``<name>.parquet``, in the manner of :meth:`to_csv`.

        Raises
        ------
        MissingDependencyError
            Where pyarrow is not installed.
        OutputError
            Where the folder cannot be written.
        """
        return write_folder(folder, parquet_writers(self.tables))

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained page, to be read without a network and to be printed.

        Raises
        ------
        OutputError
            Where the file cannot be written.
        """
        return write_file(path, page(self.findings))

    def to_folder(self, folder: str | Path, *, parquet: bool = False) -> Path:
        """Write the page as ``report.html`` and every table beside it: all of them or none.

        Raises
        ------
        MissingDependencyError
            For Parquet where pyarrow is not installed.
        OutputError
            Where the folder or one of its files cannot be written.
        """
        writers = parquet_writers(self.tables) if parquet else csv_writers(self.tables)
        return write_folder(folder, {PAGE: partial(write_text, page(self.findings))} | writers)


def report(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    domain: Box | None = None,
    background: Any = None,
    max_rules: int | None = 20,
    few_rules: int | None = 6,
    max_rows: int | None = 200,
    max_explained: int | None = 10_000,
    output: str | Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
    shap: bool = True,
    created: datetime | None = None,
    random_state: int = 0,
    time_limit: float | None = None,
    progress: Progress | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Report:
    """Explain a model on some rows in every way there is, and gather the results.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes, or what :func:`explainrelu.convert`
        returned; of a model converted over a box the regions are taken as with ``domain``.
    X : (n_samples, n_columns)
        Raw rows.
    y : (n_samples,) or (n_samples, n_outputs), optional
        The target, for the tables of performance: overall, and by region and few rule.
    domain
        A box, over the encoded inputs, all of whose regions are converted too: ``.whole`` is
        their three-layer network, the table ``regions`` lists them behind those of the rows, and
        their checks are added. For limits on the search hand over ``convert(model, domain=box,
        max_regions=...)`` as the model instead.
    background : (n_background, n_columns)
        Raw rows that SHAP averages over and that the baseline of the attributions is the mean
        of. By default SHAP takes at most 100 rows drawn from ``X``, the baseline all of ``X``.
    max_rules
        Rules are read for the most visited regions; None reads them for all.
    few_rules
        :func:`explainrelu.simplify` fits at most so many rules in place of the network; None leaves
        them out. Of fewer than 20 rows there are none either.
    max_rows
        At most so many rows are compared with SHAP; None compares all.
    max_explained
        At most so many rows have attributions in the tables; None explains all.
    output
        Which scores; see :meth:`OutputSchema.view`.
    units
        Unit of some columns, and of a regression's target by the name of ``y``.
    title
        Heading of the page.
    shap
        False leaves the comparison with SHAP out, which takes most of the time.
    created
        The date that is written down, UTC; now by default. With the same date the same call
        gives the same files, byte for byte, unless ``time_limit`` brings the clock in.
    random_state
        Seed of every draw of rows.
    time_limit
        Seconds for the proof of the few rules, also by search and mixed-integer programs. Such a
        proof is tighter, and how far it comes in the time differs from run to run. By default it
        is made without a clock, over the whole domain by bounds alone, and the same in every run.
    progress
        Is called with the number of steps done and the name of the next, of ``STEPS``.

    Returns
    -------
    Report
        ``.tables .certificate .whole .summary() .to_folder(folder) .to_csv(folder)
        .to_parquet(folder) .to_html(path)``.

    Raises
    ------
    ModelError, DataError
        Where the model, the rows or the target cannot be taken in.
    ArgumentError, InputTypeError
        For a limit below one, a time that is not positive, an option of another type, and for a
        ``domain`` that is no box of the model's inputs or is given with a model converted over
        another one.

    Notes
    -----
    The model is imported once and held against its own scores on ``X``; every part then uses
    that network. Cost: that of the parts. The comparison with SHAP evaluates the network some
    thousand times for each row compared.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[9.0], [0.0]])
    >>> found = report(network, np.arange(12.0).reshape(6, 2) % 5, shap=False)
    >>> found.certificate.holds
    True
    """
    max_rules = checked_limit("max_rules", max_rules)
    max_rows = checked_limit("max_rows", max_rows)
    max_explained = checked_limit("max_explained", max_explained)
    few_rules = checked_few_rules(few_rules)
    check_time_limit(time_limit)
    random_state = checked_seed(random_state)
    arguments: dict[str, object] = {
        "background": "drawn from the rows",
        "max_rules": max_rules,
        "few_rules": few_rules,
        "max_rows": max_rows,
        "max_explained": max_explained,
        "shap": shap,
        "random_state": random_state,
        "time_limit": time_limit,
        "output": output,
        "tolerances": "default" if tolerances == DEFAULT_TOLERANCES else tolerances,
    }
    steps = _announced(progress)
    next(steps)
    network, frame, target = taken_in(model, X, y, units, tolerances)
    if background is not None:
        background = network.schema.frame(background)
        arguments["background"] = f"{len(background)} rows"
    if domain is not None:
        arguments["domain"] = f"a box of {network.n_inputs} inputs"
    asked = Request(
        title=title or titled(network, y),
        created=to_the_second(created),
        background=background,
        max_rules=max_rules,
        few_rules=few_rules,
        max_rows=max_rows,
        max_explained=max_explained,
        output=output,
        shap=shap,
        random_state=random_state,
        time_limit=time_limit,
        tolerances=tolerances,
    )
    next(steps)
    whole = of_the_box(model, network, domain, tolerances)
    found = gathered(network, frame, target, asked, steps, arguments, domain=domain, whole=whole)
    next(steps, None)
    return found


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Request:
    """What a report is asked for; the names are those of :func:`report`."""

    title: str
    created: datetime
    background: pd.DataFrame | None
    max_rules: int | None
    few_rules: int | None
    max_rows: int | None
    max_explained: int | None
    output: str | Sequence[str] | None
    shap: bool
    random_state: int
    time_limit: float | None
    tolerances: Tolerances


def gathered(
    network: ReluNetwork,
    frame: pd.DataFrame,
    target: pd.DataFrame | None,
    asked: Request,
    steps: Iterator[str],
    arguments: dict[str, object],
    *,
    domain: Box | None,
    whole: ThreeLayerNetwork | None,
) -> Report:
    """Every part of a report, from what was taken in.

    Parameters
    ----------
    steps
        Is asked for the next one as each begins, from the one after the conversion.
    arguments
        What is written down of the call.
    domain
        The box that the few rules are proven over.
    whole
        The three-layer network of a box, if there is one.
    """
    tolerances, seed = asked.tolerances, asked.random_state
    shared: dict[str, Any] = {"output": asked.output, "tolerances": tolerances}
    tables = {} if target is None else {"performance": performance(network, frame, target)}
    shallow = convert(network, frame, tolerances=tolerances)
    next(steps)
    rules = extract_rules(shallow, max_rules=asked.max_rules, **shared)
    tables |= _rule_tables(rules)
    next(steps)
    few = None
    if asked.few_rules is not None and len(frame) >= FEWEST_ROWS:
        proof: dict[str, Any] = {"domain": _box(domain, whole), "time_limit": asked.time_limit}
        few = few_rules_of(network, frame, asked.few_rules, random_state=seed, **proof, **shared)
        tables |= few_rule_tables(few)
    elif asked.few_rules is not None:
        arguments["few_rules"] = f"{asked.few_rules}, none fitted to fewer than {FEWEST_ROWS} rows"
    if target is not None:
        tables |= region_performance(network, frame, target, few, **shared)
    next(steps)
    tables["ranking"] = rank_features(network, frame, **shared)
    tables["coefficient_profile"] = profile_frame(
        shallow.regions, network.schema.numbers(frame), rules.view
    )
    next(steps)
    rows = _drawn(len(frame), asked.max_explained, seed)
    background = asked.background
    rest = frame if background is None else background
    explanation = explain(network, frame.iloc[rows], background=rest, **shared)
    next(steps)
    comparison = None
    if asked.shap:
        drawn: dict[str, Any] = {"max_rows": asked.max_rows, "random_state": seed}
        comparison = compare_with_shap(network, frame, background=background, **drawn, **shared)
    next(steps)
    reduction = reduction_frame(network, network.schema.encode(frame), tolerances)
    if reduction is not None:
        tables["reduction"] = reduction
    next(steps)
    found = Findings(
        title=asked.title,
        created=asked.created,
        shallow=shallow,
        rules=rules,
        explanation=explanation,
        rows=rows,
        comparison=comparison,
        few_rules=few,
        certificate=_joined(shallow, rules, explanation, whole, few),
        tables=tables,
    )
    tables |= _other_tables(found, frame, target, arguments)
    tables["regions"] = with_the_rest(tables["regions"], whole)
    contract = {name: in_contract(name, tables[name]) for name in TABLES if name in tables}
    return Report(replace(found, tables=contract), whole)


def _announced(progress: Progress | None) -> Iterator[str]:
    """Every step in turn, told to ``progress`` as it begins, and the end."""
    for done, step in enumerate((*STEPS, "done")):
        if progress is not None:
            progress(done, step)
        yield step


def taken_in(
    model: Any, X: Any, y: Any, units: Mapping[str, str] | None, tolerances: Tolerances
) -> tuple[ReluNetwork, pd.DataFrame, pd.DataFrame | None]:
    """The network with the units of its columns, the rows and the target as frames."""
    network = import_model(model, X, tolerances=tolerances)
    frame = network.schema.frame(X)
    target = None if y is None else target_frame(y, len(frame))
    units = _checked_units(units)
    name, outputs = _name(y), network.outputs
    if name in units and name not in network.schema.names:
        outputs = replace(outputs, unit=units.pop(name))
    schema = network.schema.with_units(units)
    return replace(network, schema=schema, outputs=outputs), frame, target


def _checked_units(units: Any) -> dict[str, str]:
    """The units as a dictionary of texts."""
    if units is None:
        return {}
    texts = isinstance(units, Mapping) and all(
        isinstance(text, str) for pair in units.items() for text in pair
    )
    if not texts:
        raise InputTypeError(
            f"units must be a mapping from column to unit, both text, got {units!r}. Write "
            "units={'age': 'years'}."
        )
    return dict(units)


def _rule_tables(rules: RuleSet) -> dict[str, pd.DataFrame]:
    return {
        "rules": rules.to_frame(),
        "conditions": rules.conditions(),
        "coefficients": rules.coefficients(),
        "ranges": rules.ranges(),
    }


def _joined(
    shallow: ThreeLayerNetwork,
    rules: RuleSet,
    explanation: Explanation,
    whole: ThreeLayerNetwork | None,
    few: FewRules | None,
) -> Certificate:
    """The checks of the import, the rewrite, the rules, the attributions, box and few rules."""
    certificate = shallow.certificate.plus(rules.certificate.checks)
    certificate = certificate.plus(explanation.certificate.checks)
    certificate = certificate.plus(box_checks(whole))
    return certificate.plus(few_rule_checks(None if few is None else few.certificate))


def _box(domain: Box | None, whole: ThreeLayerNetwork | None) -> Box | None:
    """The box that the few rules are proven over, None for the smallest around the rows."""
    return whole.regions.domain if domain is None and whole is not None else domain


def _other_tables(
    found: Findings,
    frame: pd.DataFrame,
    target: pd.DataFrame | None,
    arguments: Mapping[str, object],
) -> dict[str, pd.DataFrame]:
    """The tables that need the findings as a whole."""
    shallow = found.shallow
    tables = {
        "model": model_frame(shallow, found.explanation),
        "columns": columns_frame(found.network.schema, frame),
        "certificate": found.certificate.to_frame(),
        "regions": shallow.regions.to_frame(),
        "explanations": _placed(found.explanation.to_frame(), found.rows),
        "provenance": provenance_frame(shallow, frame, target, found.created, arguments),
    }
    if found.comparison is not None:
        tables["shap_agreement"] = found.comparison.per_row
        tables["shap_summary"] = found.comparison.summary
        tables["shap_reasons"] = found.comparison.reasons
    return tables


def _drawn(n_rows: int, most: int | None, seed: int) -> IntArray:
    """Positions of at most so many rows, in order."""
    if most is None or n_rows <= most:
        return np.arange(n_rows)
    chosen = np.random.default_rng(seed).choice(n_rows, size=most, replace=False)
    return np.sort(chosen.astype(np.int64))


def _placed(explanations: pd.DataFrame, rows: IntArray) -> pd.DataFrame:
    """The table with the positions of the rows in the data, not among those explained."""
    return explanations.assign(row=rows[explanations["row"].to_numpy()])


def to_the_second(created: datetime | None) -> datetime:
    moment = created or datetime.now(UTC)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=0)


def _name(y: Any) -> str:
    """What a Series is called, "" for everything else."""
    name = getattr(y, "name", None)
    return name if isinstance(name, str) else ""


def titled(network: ReluNetwork, y: Any) -> str:
    """``How the network predicts progression``: the target's name, else those of the outputs."""
    verb = "predicts" if network.outputs.task is Task.REGRESSION else "scores"
    target = _name(y) or " and ".join(network.outputs.names[:3])
    return f"How the network {verb} {target}"
