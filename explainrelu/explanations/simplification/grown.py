"""A tree with a linear formula in each leaf."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, frozen
from explainrelu.explanations.simplification.split_tree import SplitTree

__all__ = ["Grown"]


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """A tree with its formulas, in raw units.

    Attributes
    ----------
    tree
    weight : (n_leaves, n_scores, n_inputs)
    bias : (n_leaves, n_scores)
    """

    tree: SplitTree
    weight: FloatArray
    bias: FloatArray

    def __post_init__(self) -> None:
        for name in ("weight", "bias"):
            array = np.array(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, frozen(array))

    def predict(self, points: FloatArray) -> FloatArray:
        """Scores ``(n_samples, n_scores)`` of encoded points."""
        return self.scores_in(points, self.tree.place(points))

    def scores_in(self, points: FloatArray, leaf: IntArray) -> FloatArray:
        """Scores by the formulas of given leaves: the same for a point whatever stands beside."""
        scores = np.empty((points.shape[0], self.bias.shape[1]))
        for k in range(scores.shape[1]):
            scores[:, k] = (points * self.weight[leaf, k]).sum(axis=1) + self.bias[leaf, k]
        return scores

    def ranked(self, order: IntArray) -> "Grown":
        """The same rules in another order: rule ``i`` is the old ``order[i]``."""
        return Grown(self.tree.renumbered(order), self.weight[order], self.bias[order])
