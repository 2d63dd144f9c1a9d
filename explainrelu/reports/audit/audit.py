"""One call from a trained model to the verdicts on it and a page that can be filed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime
from time import monotonic as clock
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.audits.actionability import Actionability
from explainrelu.audits.audit import AUDIT_STEPS, audited
from explainrelu.audits.auditing.expectations import AuditLimits, Expectations
from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import AuditCheck, status_of
from explainrelu.audits.fairness.groups import sensitive_frame
from explainrelu.certificate import Certificate, Status
from explainrelu.errors import InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain
from explainrelu.regions.search.compiling import compile_search
from explainrelu.reports.audit.frames import audit_tables
from explainrelu.reports.audit.record import Audit
from explainrelu.reports.audit.scope import RegionCount, scope_frame
from explainrelu.reports.facts import fingerprint
from explainrelu.reports.report import (
    STEPS,
    Report,
    Request,
    gathered,
    taken_in,
    titled,
    to_the_second,
)
from explainrelu.reports.tables import facts_frame
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["ALL_STEPS", "audit"]

_REGIONS = "counting the regions of the domain"

ALL_STEPS = (*STEPS[:-1], *AUDIT_STEPS, _REGIONS, STEPS[-1])
"""What ``progress`` is told, in order."""

_RULES, _EXPLAINED = 20, 10_000


def audit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    sensitive_features: Any = None,
    expectations: Expectations | Mapping[str, Any] | None = None,
    limits: AuditLimits | Mapping[str, Any] | None = None,
    X_train: Any = None,
    domain: Box | None = None,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
    created: datetime | None = None,
    provenance: Mapping[str, str] | None = None,
    progress: Callable[[int, str], None] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Audit:
    """Look at a model in every way, hold it against what is expected, and gather the evidence.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows that the model is audited on.
    y : (n_samples,), optional
        Their target; without it nothing is said about performance.
    sensitive_features : (n_samples,) or (n_samples, n_features)
        Groups of the rows, as in fairlearn; need not be columns of the model.
    expectations
        What should hold (:class:`Expectations`, or a mapping of its attributes). By default only
        that the network equals the model and that it beats a constant answer.
    limits
        How far proofs and samples go (:class:`AuditLimits`, or a mapping).
    X_train : (n_train, n_columns)
        The rows that the model was trained on, for coverage.
    domain
        The box, over the encoded inputs, that proofs are about; by default the smallest around
        the rows and the training rows.
    units
        Unit of some columns, and of a regression's target by the name of ``y``.
    title
        Heading of the page.
    created
        The date that is written down, UTC; now by default.
    provenance
        Further facts to write down, name -> text, such as the command or the hash of a file.
    progress
        Is called with the number of steps done and the name of the next, of ``ALL_STEPS``.

    Returns
    -------
    Audit
        ``.status .checks .findings .report .tables .certificate .summary() .to_folder(folder)
        .to_csv(folder) .to_parquet(folder) .to_html(path)``. A check passes or fails only on a
        proof, a witness or an exact figure; what the limits left open is ``undecided``.

    Raises
    ------
    ModelError, DataError
        Where the model, the rows or the target cannot be taken in.
    ColumnsError, ArgumentError, InputTypeError
        For expectations and limits that are not known, contradict each other, or are about
        columns, classes and scores that the model has not.

    Notes
    -----
    The model is imported once; every part uses that network, and the few rules are fitted once.
    With the same arguments the same verdicts and tables come out, but for the columns
    ``seconds`` and for proofs that ``limits.time_limit`` ended: how far these come depends on the
    machine. The page claims what its checks show and nothing beyond.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[2.0]]], [[0.0], [0.0]])
    >>> rows = np.random.default_rng(0).normal(size=(40, 2))
    >>> found = audit(
    ...     network,
    ...     rows,
    ...     expectations={"monotone": {"x0": "decreasing"}},
    ...     limits={"shap_rows": 0},
    ... )
    >>> str(found.status), [check.name for check in found.checks if check.status == "fail"]
    ('fail', ['score decreasing in x0'])
    """
    expected = Expectations.from_mapping(expectations or {})
    far = AuditLimits.from_mapping(limits or {})
    facts = _checked_facts(provenance)
    steps = _announced(progress)
    next(steps)
    network, frame, target = taken_in(model, X, y, units, tolerances)
    expected.check(network.schema, network.outputs)
    if sensitive_features is not None:
        sensitive_features = sensitive_frame(sensitive_features, len(frame))
    train = None if X_train is None else network.schema.frame(X_train)
    box = _box(network, frame, train, domain)
    arguments = _arguments(expected, far, domain, train, tolerances)
    request = _request(network, y, title, created, far, tolerances)
    next(steps)
    report = gathered(network, frame, target, request, steps, arguments, domain=box, whole=None)
    found = audited(
        network,
        frame,
        y,
        sensitive_features=sensitive_features,
        expectations=expected,
        limits=far,
        X_train=train,
        domain=box,
        rules=report.findings.few_rules,
        progress=_passed_on(steps),
        tolerances=tolerances,
    )
    regions = _regions(network, box, far, tolerances)
    next(steps)
    report = _with_facts(report, found, facts, sensitive_features, train)
    checks = (*found.checks[:1], _explained(report.certificate), *found.checks[1:])
    found = replace(found, checks=checks)
    scope = scope_frame(found, report.findings, regions, given=domain is not None)
    tables = {**audit_tables(found, scope), **report.tables}
    next(steps, None)
    return Audit(found, report, tables)


def _announced(progress: Callable[[int, str], None] | None) -> Iterator[str]:
    for done, step in enumerate((*ALL_STEPS, "done")):
        if progress is not None:
            progress(done, step)
        yield step


def _passed_on(steps: Iterator[str]) -> Callable[[int, str], None]:
    """What tells ``steps`` of each part of the audit but the first, which was told already."""

    def tell(done: int, _: str) -> None:
        if done > 0:
            next(steps)

    return tell


def _box(
    network: ReluNetwork, frame: pd.DataFrame, train: pd.DataFrame | None, domain: Box | None
) -> Box:
    """The domain: the one given, else the smallest around all rows."""
    parts = [network.schema.encode(part) for part in (frame, train) if part is not None]
    box = Box.from_data(np.vstack(parts)) if domain is None else domain
    check_domain(box, network.n_inputs, network.schema)
    return box


def _request(
    network: ReluNetwork,
    y: Any,
    title: str | None,
    created: datetime | None,
    far: AuditLimits,
    tolerances: Tolerances,
) -> Request:
    return Request(
        title=title or titled(network, y),
        created=to_the_second(created),
        background=None,
        max_rules=_RULES,
        few_rules=far.few_rules,
        max_rows=far.shap_rows or None,
        max_explained=_EXPLAINED,
        output=None,
        shap=far.shap_rows > 0,
        random_state=far.random_state,
        time_limit=None,
        tolerances=tolerances,
    )


def _regions(
    network: ReluNetwork, box: Box, far: AuditLimits, tolerances: Tolerances
) -> RegionCount:
    """How many regions the domain has, as far as the limits go."""
    compile_search()
    start = clock()
    found = enumerate_regions(
        network,
        box,
        max_regions=far.max_regions,
        time_limit=far.time_limit,
        tolerances=tolerances,
    )
    return RegionCount.of(found, clock() - start)


def _explained(certificate: Certificate) -> AuditCheck:
    """That rules, attributions and the three-layer form are those of the network."""
    checks = certificate.checks
    n_held = sum(check.status is Status.HOLDS for check in checks)
    return AuditCheck(
        "model",
        "the explanations equal the network",
        status_of(certificate.status),
        float("nan"),
        "every check holds",
        "exact",
        f"{n_held} of {len(checks)} checks of the certificate hold",
    )


def _checked_facts(provenance: Any) -> dict[str, str]:
    if provenance is None:
        return {}
    if not isinstance(provenance, Mapping) or not all(
        isinstance(text, str) for pair in provenance.items() for text in pair
    ):
        raise InputTypeError(
            f"provenance must be a mapping from a name to a text, got {provenance!r}. Write "
            "provenance={'command': 'make audit'}."
        )
    return dict(provenance)


def _arguments(
    expected: Expectations,
    far: AuditLimits,
    domain: Box | None,
    train: pd.DataFrame | None,
    tolerances: Tolerances,
) -> dict[str, object]:
    """What was asked, as it is written down."""
    asked: dict[str, object] = {}
    for field in fields(expected):
        value = getattr(expected, field.name)
        if value is not None and value != () and value != {}:
            asked[f"expectations.{field.name}"] = _written(value)
    asked |= {f"limits.{field.name}": getattr(far, field.name) for field in fields(far)}
    asked["domain"] = "smallest box around the rows" if domain is None else "handed over"
    if train is not None:
        asked["X_train"] = f"{len(train)} rows"
    asked["tolerances"] = "default" if tolerances == DEFAULT_TOLERANCES else tolerances
    return asked


def _written(value: Any) -> str:
    if isinstance(value, Actionability):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return "; ".join(f"{name}: {_written(part)}" for name, part in named.items() if part)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_written(part)}" for key, part in value.items())
    if isinstance(value, (tuple, list)):
        return ", ".join(str(part) for part in value)
    return str(value)


def _with_facts(
    report: Report,
    found: AuditFindings,
    facts: Mapping[str, str],
    groups: pd.DataFrame | None,
    train: pd.DataFrame | None,
) -> Report:
    """The report, its provenance told of the audit's own data and of what was handed over."""
    own: dict[str, object] = {}
    if train is not None:
        own["training rows SHA-256"] = fingerprint(train)
    if groups is not None:
        own["groups SHA-256"] = fingerprint(groups)
    own |= {"seed": found.limits.random_state, "solver": "HiGHS, by highspy"}
    table = pd.concat(
        [report.tables["provenance"], facts_frame(own | dict(facts))], ignore_index=True
    )
    findings = replace(report.findings, tables={**report.tables, "provenance": table})
    return replace(report, findings=findings)
