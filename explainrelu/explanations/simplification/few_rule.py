"""One rule of a simplified model."""

from dataclasses import dataclass

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.explanations.conditions import Condition
from explainrelu.explanations.simplification.grown import Grown
from explainrelu.explanations.simplification.leaf_conditions import leaf_conditions
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.formula import formula_text, readable_form
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.reading import Reading, read
from explainrelu.tolerances import Tolerances

__all__ = ["FewRule", "few_rule"]


@dataclass(frozen=True, slots=True, eq=False)
class FewRule:
    """One rule of a simplified model.

    Attributes
    ----------
    name
        ``R1`` for the rule with the most rows, and so on.
    network, view
    affine_map
        ``scores = weight @ x + bias``, in raw units.
    conditions
        Levels first, then half-spaces, nearest to ``example`` first.
    domain
        The domain, narrowed to the levels the conditions name.
    example : (n_inputs,)
        An encoded row of the rule.
    n_rows, share
        Rows of the data, and their share of all rows.
    score_range : (n_scores, 2)
        Smallest and largest score of the formula over the rule's part of the domain; levels are
        relaxed to the box.
    """

    name: str
    network: ReluNetwork
    view: ScoreView
    affine_map: AffineMap
    conditions: tuple[Condition, ...]
    domain: Box
    example: FloatArray
    n_rows: int
    share: float
    score_range: FloatArray

    def formula(self, score: int = 0) -> str:
        """The formula of one score in words, every term, largest over the domain first."""
        schema = self.network.schema
        row, constant = self.affine_map.weight[score], float(self.affine_map.bias[score])
        weight, bias = readable_form(row, constant, schema, self.domain)
        return formula_text(weight, bias, schema.input_names, scale=self.domain.half_width)

    def reading(self, score: int = 0, *, max_terms: int = 8) -> Reading:
        """The formula of one score by its largest terms, the others held at the example."""
        return read(
            self.affine_map.weight[score],
            float(self.affine_map.bias[score]),
            self.network.schema,
            self.domain,
            at=self.example,
            max_terms=max_terms,
        )


def few_rule(
    network: ReluNetwork,
    view: ScoreView,
    domain: Box,
    grown: Grown,
    i: int,
    counts: IntArray,
    examples: FloatArray,
    tolerances: Tolerances,
) -> FewRule:
    """The ``i``-th rule of a tree, with its conditions and the range of its scores."""
    conditions, narrowed = leaf_conditions(grown.tree, i, network.schema, domain, examples[i])
    affine = AffineMap(grown.weight[i], grown.bias[i])
    weight, bound = grown.tree.half_spaces(i)
    ranges = Polytope(weight, bound, narrowed).linear_ranges(affine.weight, tolerances=tolerances)
    return FewRule(
        name=f"R{i + 1}",
        network=network,
        view=view,
        affine_map=affine,
        conditions=conditions,
        domain=narrowed,
        example=examples[i],
        n_rows=int(counts[i]),
        share=float(counts[i] / max(1, counts.sum())),
        score_range=ranges + affine.bias[:, None],
    )
