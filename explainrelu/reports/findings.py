"""Everything a report shows, gathered; the renderers beside only format it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from explainrelu.arrays import IntArray
from explainrelu.certificate import Certificate, Check, Status
from explainrelu.explanations.agreement.with_shap import Comparison
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.rules import RuleSet
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork

__all__ = ["Findings"]


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What was found out about one model on some rows.

    Attributes
    ----------
    title
        A heading for readers.
    created
        When, in UTC.
    shallow
        The three-layer equivalent; its ``source`` is the imported network and its ``regions``
        those of all rows.
    rules
        The rules of the most visited regions.
    explanation
        Attributions of the rows at ``rows``.
    rows : (n_explained,)
        Which rows of the data were explained.
    comparison
        The comparison with SHAP, None where it was not asked for.
    few_rules
        A few rules in place of the network, None where they were not asked for.
    certificate
        Every check of the above together.
    tables
        The same as data frames, by the contract of :mod:`explainrelu.reports.tables`.
    """

    title: str
    created: datetime
    shallow: ThreeLayerNetwork
    rules: RuleSet
    explanation: Explanation
    rows: IntArray
    comparison: Comparison | None
    few_rules: FewRules | None
    certificate: Certificate
    tables: Mapping[str, pd.DataFrame]

    @property
    def network(self) -> ReluNetwork:
        """The imported network."""
        return self.shallow.source

    @property
    def view(self) -> ScoreView:
        """The scores that are explained."""
        return self.explanation.view

    @property
    def n_rows(self) -> int:
        """Rows of the data."""
        return int(self.shallow.regions.rows.size)

    @property
    def broken(self) -> tuple[Check, ...]:
        """The checks that fail."""
        return tuple(c for c in self.certificate.checks if c.status is Status.FAILS)

    @property
    def undecided(self) -> tuple[Check, ...]:
        """The checks that were not decided: neither proven nor wrong."""
        return tuple(c for c in self.certificate.checks if c.status is Status.UNDECIDED)

    @property
    def drift(self) -> Check | None:
        """The importer's check of the raw scores, None for a network that was not imported."""
        found = [c for c in self.certificate.checks if c.name.startswith("import: raw scores")]
        return found[0] if found else None

    def fact(self, name: str, table: str = "model") -> str:
        """The value of one row of a table of facts."""
        frame = self.tables[table]
        return str(frame.loc[frame["property"] == name, "value"].iloc[0])
