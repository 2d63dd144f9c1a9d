"""One rule a region: IF conditions THEN score = formula, in raw units."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Exactness
from explainrelu.errors import UnlistedRegionError
from explainrelu.explanations.limits import checked_limit
from explainrelu.explanations.region_shares import RegionShares, row_shares, volume_shares
from explainrelu.explanations.rule import Rule, rule_of
from explainrelu.explanations.rule_regions import regions_of_rules
from explainrelu.explanations.rule_tables import (
    CONDITIONS_SHOWN,
    coefficients_frame,
    conditions_frame,
    ranges_frame,
    rule_text,
    rules_frame,
)
from explainrelu.geometry.box import Box
from explainrelu.network.outputs import ScoreView
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RuleSet", "extract_rules"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RuleSet:
    """The rules of some regions, most visited or, without data, largest first.

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
    shares
        Of each region with a rule, of all rows or of the domain's volume.
    generic_point : (n_inputs,), optional
        For regions of a whole box: the point by which they are half-open, so that every point of
        the box satisfies the conditions of one region. Otherwise a unit is inactive at zero.
    """

    regions: RegionSet
    view: ScoreView
    n_regions_found: int
    total_rows: int
    shares: RegionShares
    tolerances: Tolerances = DEFAULT_TOLERANCES
    generic_point: FloatArray | None = None
    _rules: dict[int, Rule] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"RuleSet({len(self)} of {self.n_regions_found} regions, {self._held})"

    @property
    def _held(self) -> str:
        """What the rules hold, in words."""
        if self.shares.of == "rows":
            return f"{int(self.regions.counts.sum())} of {self.total_rows} rows"
        about = "" if self.shares.exactness is Exactness.EXACT else "about "
        return f"{about}{float(self.shares.values.sum()):.1%} of the volume"

    def __len__(self) -> int:
        return len(self.regions)

    def __iter__(self) -> Iterator[Rule]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Rule:
        if not -len(self) <= i < len(self):
            raise IndexError(f"There are {len(self)} rules, got position {i}.")
        i %= len(self)
        if i not in self._rules:
            self._rules[i] = rule_of(
                self.regions,
                i,
                self.view,
                self.shares,
                self.tolerances,
                generic_point=self.generic_point,
            )
        return self._rules[i]

    @property
    def certificate(self) -> Certificate:
        """Each formula held against the network at a row of its region, and what is covered."""
        network, points = self.regions.network, self.regions.witnesses
        weight, bias = self.regions.affine_maps(self.view)
        detail = (
            f"{len(self)} of {self.n_regions_found} regions have a rule; they hold {self._held}"
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
        full_dimensional scale unit exactness share_of``; the last says whether ``share`` is of the
        ``rows``, of the domain's ``volume``, or ``volume, estimated``.
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
            f"{len(self)} of {self.n_regions_found} regions, {self._held}. Each formula is exact "
            "in its region; conditions hold within the domain. What is not written is held at "
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
        (and around ``background`` and the ranges the network's schema recorded); for a model
        converted over a box, that box. Without rows, for a model not converted: every region of
        this box gets a rule.
    background : (n_background, n_columns)
        Raw rows that the default domain is taken around; give it with a single row.
    max_rules
        The most visited regions are taken, or the largest where there are no rows; None takes all.
    output
        Which scores; see :meth:`OutputSchema.view`.

    Returns
    -------
    RuleSet
        ``.to_frame() .to_text() .coefficients() .conditions() .ranges() .predict(X)``.

    Raises
    ------
    ArgumentError, InputTypeError
        Without rows or domain for a model that was not converted; for a ``max_rules`` that is no
        number of rules, or a ``domain`` that is no box around the rows.
    UnlistedRegionError
        For rows in no cell of a model converted over a box.

    Notes
    -----
    Exact: on its region the formula is the network. Conditions are the irredundant half-spaces
    of the region within the domain. Cost: a few dozen warm linear programs a rule, when its
    conditions are first asked for. Where there are no rows the share of a rule is that of the
    domain's volume: exact up to six free inputs, else estimated (:func:`volume_shares`). For
    limits on the search of a box hand over ``convert(model, domain=box, max_regions=...)``.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[-1.0], [0.5]])
    >>> print(extract_rules(network, [[0.0], [2.0], [3.0]]).to_frame().formula.tolist())
    ['-1.5 + 2 * x0', '0.5']
    """
    most = checked_limit("max_rules", max_rules)
    regions, point = regions_of_rules(model, X, domain, background, tolerances)
    total = int(regions.counts.sum())
    shares = row_shares(regions) if total else volume_shares(regions, tolerances=tolerances)
    order = np.argsort(-shares.values, kind="stable")  # rows: in this order already
    kept = order[:most].astype(np.int64)
    view, found = regions.network.outputs.view(output), regions.chosen(kept)
    return RuleSet(found, view, len(regions), total, shares.taken(kept), tolerances, point)
