"""One rule a region: IF conditions THEN score = formula, in raw units."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Exactness
from explainrelu.errors import ArgumentError, UnlistedRegionError
from explainrelu.explanations.limits import checked_limit
from explainrelu.explanations.rule import Rule, rule_of
from explainrelu.explanations.rule_tables import (
    CONDITIONS_SHOWN,
    coefficients_frame,
    conditions_frame,
    ranges_frame,
    rule_text,
    rules_frame,
)
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.regions.observed import check_domain, regions_of_points
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RuleSet", "extract_rules"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RuleSet:
    """The rules of some regions, most visited first.

    Conditions and ranges are worked out when they are first asked for.

    Attributes
    ----------
    regions
        The regions with a rule.
    view
        The scores of the formulas.
    n_regions_found
        Regions there were before ``max_rules`` took the most visited ones.
    total_rows
        Rows of the data over all regions found.
    """

    regions: RegionSet
    view: ScoreView
    n_regions_found: int
    total_rows: int
    tolerances: Tolerances = DEFAULT_TOLERANCES
    _rules: dict[int, Rule] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        rows = f"{int(self.regions.counts.sum())} of {self.total_rows} rows"
        return f"RuleSet({len(self)} of {self.n_regions_found} regions, {rows})"

    def __len__(self) -> int:
        return len(self.regions)

    def __iter__(self) -> Iterator[Rule]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Rule:
        if not -len(self) <= i < len(self):
            raise IndexError(f"There are {len(self)} rules, got position {i}.")
        i %= len(self)
        if i not in self._rules:
            self._rules[i] = rule_of(self.regions, i, self.view, self.total_rows, self.tolerances)
        return self._rules[i]

    @property
    def certificate(self) -> Certificate:
        """Each formula held against the network at a row of its region, and what is covered."""
        network, points = self.regions.network, self.regions.witnesses
        weight, bias = self.regions.affine_maps(self.view)
        covered = int(self.regions.counts.sum())
        detail = (
            f"{len(self)} of {self.n_regions_found} regions have a rule; they hold {covered} of "
            f"{self.total_rows} rows"
        )
        check = scores_check(
            "each rule's formula equals the network at its example row",
            (weight @ points[:, :, None])[:, :, 0] + bias,
            network.forward(points) @ self.view.matrix.T,
            term_size=largest_term(network, points, self.view),
            tolerances=self.tolerances,
            exactness=Exactness.EXACT,
            detail=detail,
        )
        return Certificate((check,))

    def covers(self, X: Any) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Which raw rows lie in a region that has a rule: (n_samples,)."""
        return self.regions.locate(X, tolerances=self.tolerances) >= 0

    def predict(self, X: Any) -> FloatArray:
        """The score of raw rows by their rule's formula.

        Returns
        -------
        (n_samples,) or (n_samples, n_scores)

        Raises
        ------
        UnlistedRegionError
            Where a row lies in no region with a rule.
        """
        points = self.regions.network.schema.encode(X)
        place = self.regions.locate_points(points, tolerances=self.tolerances)
        missing = np.flatnonzero(place < 0)
        if missing.size:
            raise UnlistedRegionError(
                f"Every row must lie in a region with a rule; {missing.size} of {place.size} do "
                f"not, the first being row {missing[0]}. Extract more rules (max_rules=None takes "
                "every region the data visits), or select rows by covers(X)."
            )
        weight, bias = self.regions.affine_maps(self.view)
        scores: FloatArray = np.einsum("nki,ni->nk", weight[place], points) + bias[place]
        return scores[:, 0] if len(self.view) == 1 else scores

    def to_frame(self) -> pd.DataFrame:
        """One row a rule and output.

        Columns ``region output n_rows share conditions n_conditions formula score_min score_max
        full_dimensional scale unit exactness``.
        """
        return rules_frame(list(self))

    def coefficients(self) -> pd.DataFrame:
        """The exact formulas, one row a region, output and input.

        Columns ``region output feature level coefficient unit``; the constant of a formula is
        the feature ``(intercept)``, and ``level`` is empty but for categorical columns.
        """
        return coefficients_frame(self.regions, self.view)

    def conditions(self) -> pd.DataFrame:
        """The exact conditions, one row a region, condition and input with a coefficient.

        Columns ``region condition feature level coefficient relation bound distance``.
        """
        return conditions_frame(list(self))

    def ranges(self) -> pd.DataFrame:
        """How far each column of a rule's example row can move alone before the formula changes.

        Columns ``region feature value lower upper lower_is upper_is levels unit``: an interval
        for a numeric column, the admissible levels for a categorical one, all other columns
        held. An end is a ``border``, where another formula begins, or the end of the ``domain``.
        """
        return pd.concat([ranges_frame(rule) for rule in self], ignore_index=True)

    def to_text(self, *, max_conditions: int = CONDITIONS_SHOWN) -> str:
        """The rules as a person would write them down."""
        header = (
            f"{len(self)} of {self.n_regions_found} regions, "
            f"{int(self.regions.counts.sum())} of {self.total_rows} rows. Each formula is exact in "
            "its region; conditions hold within the domain. What is not written is held at "
            "the rule's example row; ± is the most that it can change."
        )
        parts = [rule_text(rule, i, max_conditions) for i, rule in enumerate(self, start=1)]
        return "\n\n".join([header, *parts])


def extract_rules(
    model: Any,
    X: Any = None,
    *,
    domain: Box | None = None,
    background: Any = None,
    max_rules: int | None = 20,
    output: str | Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> RuleSet:
    """The linear rule of each region, in raw units.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes, or what :func:`explainrelu.convert`
        returned.
    X : (n_samples, n_columns)
        Raw rows whose regions get a rule. Not needed for a converted model, whose listed
        regions are taken. With a single row: the rule of that row.
    domain
        The box within which conditions are stated. By default the smallest around the rows
        (and around ``background`` and the ranges the network's schema recorded).
    background : (n_background, n_columns)
        Raw rows that the default domain is taken around; give it with a single row.
    max_rules
        The most visited regions are taken; None takes all.
    output
        Which scores; see :meth:`OutputSchema.view`.

    Returns
    -------
    RuleSet
        ``.to_frame() .to_text() .coefficients() .conditions() .ranges() .predict(X)``.

    Raises
    ------
    ArgumentError, InputTypeError
        Without rows for a model that was not converted; for a ``max_rules`` that is no number
        of rules, or a ``domain`` that is no box around the rows.

    Notes
    -----
    Exact: on its region the formula is the network. Conditions are the irredundant half-spaces
    of the region within the domain. Cost: a few dozen warm linear programs a rule, when its
    conditions are first asked for.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[-1.0], [0.5]])
    >>> print(extract_rules(network, [[0.0], [2.0], [3.0]]).to_frame().formula.tolist())
    ['-1.5 + 2 * x0', '0.5']
    """
    most = checked_limit("max_rules", max_rules)
    if X is None and not isinstance(model, ThreeLayerNetwork):
        raise ArgumentError(
            "extract_rules needs rows whose regions get a rule: extract_rules(model, X). Only a "
            "converted model, convert(model, X), brings its regions with it."
        )
    regions = _regions(model, X, domain, background, tolerances)
    kept = np.arange(len(regions) if most is None else min(most, len(regions)))
    view = regions.network.outputs.view(output)
    total = int(regions.counts.sum())
    return RuleSet(regions.chosen(kept), view, len(regions), total, tolerances)


def _regions(
    model: Any, X: Any, domain: Box | None, background: Any, tolerances: Tolerances
) -> RegionSet:
    if X is None:
        found: RegionSet = model.regions
        if domain is not None:
            _check_domain(domain, found.network, found.witnesses, tolerances)
            found = replace(found, domain=domain)
        return found
    network = import_model(model, X, tolerances=tolerances)
    points = network.schema.encode(X)
    if domain is not None:
        _check_domain(domain, network, points, tolerances)
    network = replace(network, schema=network.schema.with_ranges(points))
    if domain is None:
        around = [points, network.schema.recorded_corners(points)]
        around += [] if background is None else [network.schema.encode(background)]
        domain = Box.from_data(np.vstack(around))
    if domain.fixed.all() and network.n_neurons:
        raise ArgumentError(
            "A single row spans no domain to state conditions in. Pass background=X, the rows it "
            "was taken from, or a Box as domain=."
        )
    return regions_of_points(network, points, domain=domain)


def _check_domain(
    domain: Box, network: ReluNetwork, points: FloatArray, tolerances: Tolerances
) -> None:
    check_domain(domain, network.n_inputs)
    if not domain.contains(points, slack=tolerances.containment).all():
        raise ArgumentError(
            "Every row must lie in the domain the conditions are stated in, got rows outside it. "
            "Widen the domain, or leave such rows out."
        )
