"""Everything a validator must sign about one model: each part asked once, each verdict stated."""

from collections.abc import Callable, Mapping
from time import monotonic as clock
from typing import Any

import numpy as np
import pandas as pd

import explainrelu.audits.auditing.judging as judging
from explainrelu.arrays import FloatArray, IntArray
from explainrelu.audits.auditing.expectations import AuditLimits, Expectations, constraints_of
from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.auditing.verdicts import AuditCheck
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.counterfactuals import counterfactuals
from explainrelu.audits.coverage import coverage
from explainrelu.audits.fairness.fairness import Fairness, fairness
from explainrelu.audits.fairness.flips import classes_of
from explainrelu.audits.fairness.groups import sensitive_frame
from explainrelu.audits.lipschitz import lipschitz
from explainrelu.audits.monotonicity import monotonicity
from explainrelu.audits.properties import verify_property
from explainrelu.audits.recourse.result import CounterfactualResult
from explainrelu.audits.robustness import robustness
from explainrelu.audits.trend.trends import Monotonicity
from explainrelu.audits.verification.vnnlib import VnnlibProperty
from explainrelu.explanations.diagnostics import region_diagnostics
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.explanations.simplify import simplify
from explainrelu.explanations.targets import class_codes, target_frame
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["AUDIT_STEPS", "audited"]

AUDIT_STEPS = (
    "performance by region",
    "monotonicity",
    "robustness",
    "fairness",
    "what to change",
    "a few rules",
    "properties",
    "coverage",
)
"""What ``progress`` is told, in order."""

_CLASSES = (Task.BINARY, Task.MULTICLASS)
_MOST_NEURONS_FOR_SLOPES = 64  # a bound on all regions is worth little beyond


def audited(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    sensitive_features: Any = None,
    expectations: Expectations | Mapping[str, Any] | None = None,
    limits: AuditLimits | Mapping[str, Any] | None = None,
    X_train: Any = None,
    domain: Box | None = None,
    rules: FewRules | None = None,
    progress: Callable[[int, str], None] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> AuditFindings:
    """Look at a model in every way that its expectations ask for, and give the verdicts.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows that the model is audited on.
    y : (n_samples,), optional
        Their target.
    sensitive_features : (n_samples,) or (n_samples, n_features)
        Groups of the rows, as in fairlearn.
    expectations
        What should hold; by default only that the model beats a constant answer.
    limits
        How far proofs and samples go.
    X_train : (n_train, n_columns)
        The rows that the model was trained on, for coverage.
    domain
        The box, over the encoded inputs, that proofs are about; by default the smallest around the
        rows (and the training rows).
    rules
        A few rules that were fitted to the network before; by default :func:`simplify` fits them.
    progress
        Is called with the number of parts done and the name of the next, of ``AUDIT_STEPS``.

    Returns
    -------
    AuditFindings
        ``.checks .status .to_frame()`` and every part.

    Raises
    ------
    ArgumentError, InputTypeError, ColumnsError
        For expectations and limits that are not known, or about columns and classes that the
        model has not.
    ModelError, DataError
        Where the model, the rows or the target cannot be taken in.

    Notes
    -----
    A check that could not be decided within the limits is ``undecided``, never passed. Cost: that
    of the parts; proofs end after about ``limits.time_limit`` seconds each.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[2.0]]], [[0.0], [0.0]])
    >>> rows = np.random.default_rng(0).normal(size=(40, 2))
    >>> found = audited(network, rows, expectations={"monotone": {"x0": "increasing"}})
    >>> found.to_frame()[["check", "status"]].values.tolist()[1]
    ['score increasing in x0', 'pass']
    """
    network = import_model(model, X, tolerances=tolerances)
    expected = Expectations.from_mapping(expectations or {})
    far = AuditLimits.from_mapping(limits or {})
    expected.check(network.schema, network.outputs)
    frame = network.schema.frame(X)
    points = network.schema.encode(frame)
    if sensitive_features is not None:
        sensitive_features = sensitive_frame(sensitive_features, len(frame))
    around = points if X_train is None else np.vstack([points, network.schema.encode(X_train)])
    box = Box.from_data(around) if domain is None else domain
    check_domain(box, network.n_inputs, network.schema)
    asked = _Audit(network, frame, points, y, expected, far, box, rules, tolerances, progress)
    return asked.findings(sensitive_features, X_train)


class _Audit:
    """One audit under way: the parts in order, timed and told."""

    def __init__(
        self,
        network: ReluNetwork,
        frame: pd.DataFrame,
        points: FloatArray,
        y: Any,
        expected: Expectations,
        limits: AuditLimits,
        domain: Box,
        rules: FewRules | None,
        tolerances: Tolerances,
        progress: Callable[[int, str], None] | None,
    ) -> None:
        self._network, self._frame, self._points, self._y = network, frame, points, y
        self._expected, self._limits, self._domain = expected, limits, domain
        self._tolerances, self._progress, self._given = tolerances, progress, rules
        self._seconds: dict[str, float] = {}
        self._rng = np.random.default_rng(limits.random_state)
        self._shared: dict[str, Any] = {
            "time_limit": limits.time_limit,
            "random_state": limits.random_state,
            "tolerances": tolerances,
        }

    def findings(self, sensitive_features: Any, X_train: Any) -> AuditFindings:
        """Every part, and the verdicts."""
        diagnostics = self._timed(0, self._diagnosed)
        trends = self._timed(1, self._trends)
        robust_rows = self._some(np.arange(len(self._frame)), self._limits.robustness_rows)
        robust, stable, slopes = self._timed(
            2, lambda: (self._robust(robust_rows), self._stable(robust_rows), self._slopes())
        )
        fair = self._timed(3, lambda: self._fair(sensitive_features))
        every = self._refused()
        refused = self._some(every, self._limits.recourse_rows)
        recourse = self._timed(4, lambda: self._recourse(refused))
        rules = self._timed(5, self._rules)
        properties = self._timed(6, self._properties)
        covered = self._timed(7, lambda: self._covered(X_train))
        if self._progress is not None:
            self._progress(len(AUDIT_STEPS), "done")
        expected = self._expected
        checks: tuple[AuditCheck, ...] = (
            *judging.on_import(self._network.certificate),
            *judging.on_performance(expected, diagnostics, self._constant()),
            *judging.on_monotonicity(expected, trends),
            *judging.on_robustness(expected, stable, len(self._frame)),
            *judging.on_fairness(expected, fair),
            *judging.on_recourse(expected, recourse, every.size),
            *judging.on_rules(expected, rules),
            *judging.on_properties(properties),
            *judging.on_coverage(expected, covered),
        )
        return AuditFindings(
            network=self._network,
            expectations=expected,
            limits=self._limits,
            domain=self._domain,
            checks=checks,
            monotonicity=trends,
            robustness=robust,
            stability=stable,
            slopes=slopes,
            fairness=fair,
            properties=properties,
            coverage=covered,
            recourse=recourse,
            rules=rules,
            diagnostics=diagnostics,
            robustness_rows=robust_rows,
            recourse_rows=refused,
            n_refused=every.size,
            seconds=self._seconds,
        )

    def _timed(self, step: int, part: Callable[[], Any]) -> Any:
        name = AUDIT_STEPS[step]
        if self._progress is not None:
            self._progress(step, name)
        start = clock()
        found = part()
        self._seconds[name] = clock() - start
        return found

    @property
    def _decides(self) -> bool:
        return self._network.outputs.task in _CLASSES

    def _diagnosed(self) -> Any:
        if self._y is None:
            return None
        return region_diagnostics(
            self._network, self._frame, self._y, max_regions=1000, tolerances=self._tolerances
        )

    def _trends(self) -> Monotonicity:
        """Of the favourable class's score where there are expectations, else of every score."""
        expected = dict(self._expected.monotone)
        found = monotonicity(
            self._network,
            self._domain,
            X=self._frame,
            output=self._one_score,
            direction=expected or None,
            max_regions=self._limits.max_regions,
            **self._shared,
        )
        if not expected or len(self._network.outputs.classes) <= 2 or not self._decides:
            return found
        wanted = self._network.outputs.classes[self._favourable]
        own = tuple(trend for trend in found.trends if trend.output == wanted)
        return Monotonicity(found.schema, own)

    @property
    def _one_score(self) -> str | tuple[str, str] | None:
        """The score of the favourable one of two classes; None where there are not two."""
        classes = self._network.outputs.classes
        if not self._decides or len(classes) != 2:
            return None
        wanted = classes[self._favourable]
        if self._network.outputs.task is Task.BINARY:
            return wanted
        return wanted, classes[1 - self._favourable]

    def _robust(self, rows: IntArray) -> Robustness | None:
        """Distances to another class, in standard deviations of the numeric columns."""
        if not self._decides or not self._spread:
            return None
        spread = self._spread
        return self._distances(rows, scale=spread, features=list(spread), domain=self._domain)

    def _stable(self, rows: IntArray) -> Robustness | None:
        """The same in measurement errors, and no farther than these reach."""
        errors = self._expected.measurement_errors
        if not self._decides or not errors:
            return None
        return self._distances(rows, errors=dict(errors))

    def _distances(self, rows: IntArray, **options: Any) -> Robustness:
        return robustness(
            self._network,
            self._frame.iloc[rows],
            time_limit=max(0.1, self._limits.time_limit / max(1, rows.size)),
            tolerances=self._tolerances,
            **options,
        )

    @property
    def _spread(self) -> dict[str, float]:
        """Standard deviation over all rows of each numeric column that varies."""
        schema = self._network.schema
        sizes = schema.deviations(schema.numbers(self._frame)).tolist()
        return {name: size for name, size in zip(schema.names, sizes, strict=True) if size > 0}

    def _slopes(self) -> Any:
        if self._network.n_neurons > _MOST_NEURONS_FOR_SLOPES or not self._spread:
            return None
        return lipschitz(
            self._network,
            self._domain,
            X=self._frame,
            scale=self._spread,
            features=list(self._spread),
            max_regions=self._limits.max_regions,
            **self._shared,
        )

    def _fair(self, sensitive_features: Any) -> Fairness | None:
        protected = self._expected.protected or None
        if protected is None and sensitive_features is None:
            return None
        return fairness(
            self._network,
            self._frame,
            self._y if self._decides else None,
            protected=protected,
            sensitive_features=sensitive_features,
            favourable=self._expected.favourable,
            domain=self._domain,
            **self._shared,
        )

    @property
    def _favourable(self) -> int:
        classes = self._network.outputs.classes
        wanted = self._expected.favourable
        return len(classes) - 1 if wanted is None else classes.index(str(wanted))

    def _refused(self) -> IntArray:
        """Rows that the model does not give the favourable class."""
        if not self._decides:
            return np.zeros(0, dtype=np.int64)
        classes = classes_of(self._network.forward(self._points))
        return np.flatnonzero(classes != self._favourable)

    def _recourse(self, rows: IntArray) -> CounterfactualResult | None:
        if not rows.size:
            return None
        return counterfactuals(
            self._network,
            self._frame.iloc[rows],
            desired_class=self._network.outputs.classes[self._favourable],
            actionability=self._expected.changeable,
            background=self._frame,
            scale="mad",
            time_limit=max(0.5, self._limits.time_limit / rows.size),
            random_state=self._limits.random_state,
            tolerances=self._tolerances,
        )

    def _rules(self) -> Any:
        if self._given is not None:
            return self._given
        if len(self._frame) < 20:  # too few to fit rules to and to hold some out
            return None
        return simplify(
            self._network,
            self._frame,
            max_rules=self._limits.few_rules,
            domain=self._domain,
            **self._shared,
        )

    def _properties(self) -> Any:
        found = {}
        for name, required in self._expected.properties.items():
            domain = required.domain if isinstance(required, VnnlibProperty) else self._domain
            found[name] = verify_property(
                self._network, domain, constraints_of(required), **self._shared
            )
        return found

    def _covered(self, X_train: Any) -> Any:
        if X_train is None:
            return None
        return coverage(self._network, X_train, self._frame, tolerances=self._tolerances)

    def _constant(self) -> float:
        """What always giving one answer reaches: an accuracy, or an R2 of 0."""
        if self._y is None or not self._decides:
            return 0.0
        codes = class_codes(self._network, target_frame(self._y, len(self._frame)))
        return float(np.bincount(codes).max()) / codes.size

    def _some(self, rows: IntArray, most: int) -> IntArray:
        """At most so many of some rows, drawn, in order."""
        if rows.size <= most:
            return rows
        return np.sort(self._rng.choice(rows, size=most, replace=False))
