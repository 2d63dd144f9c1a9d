"""The record of a simplified model: few rules, how good they are, and how far they can be off."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen
from explainrelu.certificate import Certificate
from explainrelu.errors import ArgumentError
from explainrelu.explanations.simplification.decisions import Decision
from explainrelu.explanations.simplification.deviation import Deviations
from explainrelu.explanations.simplification.few_rule import FewRule, few_rule
from explainrelu.explanations.simplification.few_rules_tables import (
    coefficients_frame,
    conditions_frame,
    header_text,
    rule_text,
    rules_frame,
)
from explainrelu.explanations.simplification.grown import Grown
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.tolerances import Tolerances

__all__ = ["FewRules"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FewRules:
    """A model in few rules: every row of a table belongs to exactly one of them.

    Attributes
    ----------
    network
        The network that is simplified.
    view
        The scores of the formulas.
    decision
        How scores are decided on.
    domain
        The box the certificate is about.
    grown
        The tree and its formulas, rule ``i`` being leaf ``i``.
    counts : (n_rules,)
        Rows of the data in each rule.
    examples : (n_rules, n_inputs)
        An encoded row of each.
    visited, whole
        The largest deviation of each rule over the regions that data visit, and over the domain.
    quality : DataFrame
        Errors on the rows used and on those not used, one row an output:
        ``rows n_rows output mean_error largest_error r2 auc equal_decisions exactness``.
    curve : DataFrame
        The same means for every number of rules tried: ``n_rules rows mean_error largest_error
        r2 equal_decisions chosen exactness``.
    status
        ``done``; or, where ``max_error`` was asked for, ``reached`` or ``not reached``.
    message
        What the status means, in words.
    certificate
        What was proven.
    tolerances
    """

    network: ReluNetwork
    view: ScoreView
    decision: Decision
    domain: Box
    grown: Grown
    counts: IntArray
    examples: FloatArray
    visited: Deviations
    whole: Deviations
    quality: pd.DataFrame
    curve: pd.DataFrame
    status: str
    message: str
    certificate: Certificate
    tolerances: Tolerances
    _rules: dict[int, FewRule] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name in ("counts", "examples"):
            object.__setattr__(self, name, frozen(np.array(getattr(self, name))))

    def __repr__(self) -> str:
        kind = str(self.whole.exactness)
        return (
            f"FewRules({len(self)} rules of {', '.join(self.view.names)}, off by at most "
            f"{self.whole.largest_bound:.4g} ({kind}))"
        )

    def __len__(self) -> int:
        return self.grown.tree.n_leaves

    def __iter__(self) -> Iterator[FewRule]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> FewRule:
        if not -len(self) <= i < len(self):
            raise IndexError(f"There are {len(self)} rules, got position {i}.")
        i %= len(self)
        if i not in self._rules:
            self._rules[i] = few_rule(
                self.network, self.view, self.domain, self.grown, i, self.counts, self.examples,
                self.tolerances,
            )  # fmt: skip
        return self._rules[i]

    @property
    def names(self) -> tuple[str, ...]:
        """One name a rule."""
        return tuple(f"R{i + 1}" for i in range(len(self)))

    def locate(self, X: Any) -> IntArray:
        """The rule of each raw row, from 0: (n_samples,)."""
        return self.grown.tree.place(self.network.schema.encode(X))

    def covers(self, X: Any) -> BoolArray:
        """Which raw rows lie in the domain that the certificate is about: (n_samples,)."""
        points = self.network.schema.encode(X)
        return self.domain.contains(points, slack=self.tolerances.containment)

    def predict(self, X: Any) -> FloatArray:
        """The score of raw rows by their rule's formula: (n_samples,) or (n_samples, n_scores).

        Every row has a rule, outside the domain too, where nothing is proven of it (``covers``).
        """
        scores = self.grown.predict(self.network.schema.encode(X))
        return scores[:, 0] if len(self.view) == 1 else scores

    def to_frame(self) -> pd.DataFrame:
        """One row a rule and output.

        Columns ``rule output n_rows share conditions n_conditions formula score_min score_max
        deviation_visited visited_is deviation_domain bound_domain domain_is scale unit
        exactness``: the largest deviation from the network over the regions data visit, and over
        the whole domain as far as it was attained and as it is bounded.
        """
        return rules_frame(list(self), self.visited, self.whole)

    def coefficients(self) -> pd.DataFrame:
        """One row a rule, output and input: ``rule output feature level coefficient unit``."""
        return coefficients_frame(list(self))

    def conditions(self) -> pd.DataFrame:
        """One row a rule, condition and input with a coefficient.

        Columns ``rule condition feature level coefficient relation bound distance``.
        """
        return conditions_frame(list(self))

    def deviations(self) -> pd.DataFrame:
        """One row a rule, output and scope.

        Columns ``rule output scope value bound gap exactness proven_by``: the deviation that the
        witness attains, and what no point exceeds.
        """
        parts = [d.to_frame(self.view.names, self.names) for d in (self.visited, self.whole)]
        return pd.concat(parts, ignore_index=True)

    def largest_errors(self) -> pd.DataFrame:
        """How far the rules are off at most, on rows and everywhere, in one small table.

        One row a scope: ``scope value bound exactness unit``. On rows ``value`` is the largest
        error there; over the regions that rows visit, and over the whole domain, it is attained
        at a witness, and no point exceeds ``bound``.
        """
        rows = self.quality.groupby("rows", sort=False)["largest_error"].max()
        found = [(f"rows {name}", float(e), float(e), "exact") for name, e in rows.items()]
        found += [
            (str(d.scope), d.largest_value, d.largest_bound, str(d.exactness))
            for d in (self.visited, self.whole)
        ]
        table = pd.DataFrame(found, columns=["scope", "value", "bound", "exactness"])
        texts = dict.fromkeys(("scope", "exactness", "unit"), "str")
        return table.assign(unit=self.view.unit).astype(texts)

    def affine_maps(self) -> tuple[FloatArray, FloatArray]:
        """Weights ``(n_rules, n_scores, n_inputs)`` and constants ``(n_rules, n_scores)``."""
        return self.grown.weight, self.grown.bias

    def witnesses(self, scope: str = "domain") -> pd.DataFrame:
        """The raw rows at which each rule deviates most, of those found.

        One row a rule and output, with columns ``rule output network rule_score deviation`` and
        the raw columns; a column whose indicators are no level stays empty.

        Parameters
        ----------
        scope
            ``domain``, or ``visited``: over the regions that rows visit.

        Raises
        ------
        ArgumentError
            For another scope.
        """
        if scope not in ("domain", "visited"):
            raise ArgumentError(f"scope must be domain or visited, got {scope!r}.")
        deviations = self.whole if scope == "domain" else self.visited
        n_scores = len(self.view)
        points = deviations.witness.reshape(-1, self.network.n_inputs)
        own = self.network.forward(points) @ self.view.matrix.T
        leaf = np.repeat(np.arange(len(self)), n_scores)
        by_rule = self.grown.scores_in(points, leaf)
        k = np.tile(np.arange(n_scores), len(self))
        at = np.arange(k.size)
        head = pd.DataFrame(
            {
                "rule": pd.Series([self.names[i] for i in leaf], dtype="str"),
                "output": pd.Series([self.view.names[i] for i in k], dtype="str"),
                "network": own[at, k],
                "rule_score": by_rule[at, k],
                "deviation": np.abs(own - by_rule)[at, k],
            }
        )
        return pd.concat([head, self.network.schema.decode(points)], axis=1)

    def trade_off(self) -> pd.DataFrame:
        """How errors fall with the number of rules (``curve``)."""
        return self.curve.copy()

    def to_text(self, *, max_conditions: int = 8) -> str:
        """The rules as a person would write them down, with what is proven of them."""
        header = header_text(self.message, self.quality, self.visited, self.whole, self.view)
        rules = [
            rule_text(rule, i, self.visited, self.whole, max_conditions)
            for i, rule in enumerate(self)
        ]
        return "\n\n".join([header, *rules])
