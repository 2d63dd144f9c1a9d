"""What an audit found, part by part."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from explainrelu.arrays import IntArray
from explainrelu.audits.auditing.expectations import AuditLimits, Expectations
from explainrelu.audits.auditing.verdicts import (
    AuditCheck,
    AuditStatus,
    checks_frame,
    overall_status,
)
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.coverage import Coverage
from explainrelu.audits.fairness.fairness import Fairness
from explainrelu.audits.lipschitz import Steepest
from explainrelu.audits.properties import PropertyResult
from explainrelu.audits.recourse.result import CounterfactualResult
from explainrelu.audits.trend.trends import Monotonicity
from explainrelu.explanations.diagnostics import RegionDiagnostics
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork

__all__ = ["AuditFindings"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AuditFindings:
    """What an audit found, part by part; None for a part that was not looked at.

    Attributes
    ----------
    network
        The imported network.
    expectations, limits
        What was asked.
    domain
        The box that proofs are about.
    checks
        The verdicts.
    monotonicity, robustness, slopes, fairness, properties, coverage, recourse, rules
        The parts; distances of ``robustness`` are in standard deviations.
    stability
        The same distances in measurement errors, no farther than these reach.
    diagnostics
        How good the model is by region; None without a target.
    robustness_rows, recourse_rows
        Positions in the data of the rows that these parts looked at.
    n_refused
        Rows that the model does not give the favourable class.
    seconds
        Part -> the time it took.
    """

    network: ReluNetwork
    expectations: Expectations
    limits: AuditLimits
    domain: Box
    checks: tuple[AuditCheck, ...]
    monotonicity: Monotonicity | None
    robustness: Robustness | None
    stability: Robustness | None
    slopes: Steepest | None
    fairness: Fairness | None
    properties: Mapping[str, PropertyResult]
    coverage: Coverage | None
    recourse: CounterfactualResult | None
    rules: FewRules | None
    diagnostics: RegionDiagnostics | None
    robustness_rows: IntArray
    recourse_rows: IntArray
    n_refused: int
    seconds: Mapping[str, float]

    def __post_init__(self) -> None:
        for name in ("properties", "seconds"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __repr__(self) -> str:
        counts = {str(s): sum(c.status is s for c in self.checks) for s in AuditStatus}
        told = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
        return f"AuditFindings({self.status}: {told})"

    @property
    def status(self) -> AuditStatus:
        """The verdict on the whole."""
        return overall_status(self.checks)

    def to_frame(self) -> pd.DataFrame:
        """One row a check: ``section check status value threshold exactness evidence``."""
        return checks_frame(self.checks)
