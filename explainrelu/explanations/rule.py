"""The rule of one region, and how it is read off."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, frozen
from explainrelu.explanations.conditions import Condition, conditions_of
from explainrelu.explanations.region_shares import RegionShares
from explainrelu.geometry.box import Box
from explainrelu.network.formula import formula_text, readable_form
from explainrelu.network.network import AffineMap
from explainrelu.network.outputs import ScoreView
from explainrelu.network.reading import Reading, read
from explainrelu.regions.region import LinearRegion
from explainrelu.regions.region_set import RegionSet
from explainrelu.tolerances import Tolerances

__all__ = ["Rule", "rule_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """The rule of one region.

    Attributes
    ----------
    region
        Pattern, polytope and affine map it was read off.
    view
        The scores of the formula.
    affine_map
        ``scores = weight @ x + bias`` on the region, in raw units.
    conditions
        The conditions that matter, levels first, then nearest to ``example`` first.
    domain
        The domain, narrowed to the levels the conditions name.
    example : (n_inputs,)
        An encoded row of the region.
    n_rows
        Rows of the data in the region.
    share, share_of
        The share of the region, and of what: ``rows``, ``volume`` or ``volume, estimated``.
    score_range : (n_scores, 2)
        Smallest and largest score over the closed region within the domain. Exact for numeric
        columns; with categorical ones a bound, since the indicators are relaxed to the box.
    full_dimensional
        False for a region without interior points.
    """

    region: LinearRegion
    view: ScoreView
    affine_map: AffineMap
    conditions: tuple[Condition, ...]
    domain: Box
    example: FloatArray
    n_rows: int
    share: float
    score_range: FloatArray
    full_dimensional: bool
    share_of: str = "rows"

    def __post_init__(self) -> None:
        object.__setattr__(self, "score_range", frozen(np.array(self.score_range)))

    def reading(self, score: int = 0, *, max_terms: int = 8) -> Reading:
        """The formula of one score by its largest terms, the others held at the example."""
        return read(
            self.affine_map.weight[score],
            float(self.affine_map.bias[score]),
            self.region.network.schema,
            self.domain,
            at=self.example,
            max_terms=max_terms,
        )

    def formula(self, score: int = 0) -> str:
        """The formula of one score in words, every term, largest over the domain first.

        Levels of a categorical column are counted from the first one the rule admits; a level
        the conditions fix is part of the constant.
        """
        schema = self.region.network.schema
        row, constant = self.affine_map.weight[score], float(self.affine_map.bias[score])
        weight, bias = readable_form(row, constant, schema, self.domain)
        return formula_text(
            weight,
            bias,
            schema.input_names,
            scale=self.region.domain.half_width,
        )


def rule_of(
    regions: RegionSet,
    i: int,
    view: ScoreView,
    shares: RegionShares,
    tolerances: Tolerances,
    *,
    generic_point: FloatArray | None = None,
) -> Rule:
    """The rule of the ``i``-th region of a set, with the share it has.

    With ``generic_point`` the region is half-open by it; see :func:`conditions_of`.
    """
    region, example = regions.region(i), regions.witnesses[i]
    affine = region.affine_map(view)
    conditions, domain = conditions_of(region, example, tolerances, generic_point=generic_point)
    alone = regions.chosen(np.array([i]))
    return Rule(
        region=region,
        view=view,
        affine_map=affine,
        conditions=conditions,
        domain=domain,
        example=example,
        n_rows=int(regions.counts[i]),
        share=float(shares.values[i]),
        share_of=shares.words,
        score_range=_score_range(region, affine, example, tolerances),
        full_dimensional=bool(alone.full_dimensional(tolerances=tolerances)[0]),
    )


def _score_range(
    region: LinearRegion, affine: AffineMap, example: FloatArray, tolerances: Tolerances
) -> FloatArray:
    """Smallest and largest value of each formula over the closed region: (n_scores, 2)."""
    ranges = region.polytope().linear_ranges(affine.weight, tolerances=tolerances)
    here = affine.weight @ example
    # the example lies in the region, so the range holds it, whatever the solver's tolerance
    ends = np.column_stack([np.fmin(ranges[:, 0], here), np.fmax(ranges[:, 1], here)])
    return ends + affine.bias[:, None]
