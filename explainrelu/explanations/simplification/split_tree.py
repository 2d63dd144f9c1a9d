"""A tree of half-spaces: which leaf every point lies in."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, IntArray, frozen, frozen_floats
from explainrelu.errors import ArgumentError

__all__ = ["SplitTree"]


@dataclass(frozen=True, slots=True, eq=False)
class SplitTree:
    """Splits ``weight @ x > bound``: above where it holds, below where it does not.

    Every point goes one way at each split, so that it lies in exactly one leaf: a leaf holds its
    border where it lies below, and not where it lies above.

    Attributes
    ----------
    weight : (n_splits, n_inputs)
    bound : (n_splits,)
    names : (n_splits,)
        Where each half-space comes from.
    children : (n_splits, 2)
        What stands below and above each split: a later split, or ``-1 - i`` for leaf ``i``. The
        root is split 0; a tree without splits is leaf 0.

    Examples
    --------
    >>> tree = SplitTree([[1.0]], [2.0], ("age",), [[-1, -2]])
    >>> tree.place(np.array([[2.0], [3.0]]))
    array([0, 1])
    """

    weight: FloatArray
    bound: FloatArray
    names: tuple[str, ...]
    children: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_floats(self.weight, 2, "weight"))
        object.__setattr__(self, "bound", frozen_floats(self.bound, 1, "bound"))
        children = np.array(self.children, dtype=np.int64).reshape(-1, 2)
        object.__setattr__(self, "children", frozen(children))
        n = self.bound.size
        if not self.weight.shape[0] == len(self.names) == children.shape[0] == n:
            raise ArgumentError(
                f"A tree needs one weight, name and pair of children a split ({n}), got "
                f"{self.weight.shape[0]}, {len(self.names)} and {children.shape[0]}."
            )
        if sorted(children.ravel()) != [*range(-n - 1, 0), *range(1, n)] and n:
            raise ArgumentError("Every leaf and every split but the root must be one child.")
        if (children <= np.arange(n)[:, None])[children >= 0].any():
            raise ArgumentError("A split must stand before the splits under it.")

    @property
    def n_leaves(self) -> int:
        """Leaves: one more than splits."""
        return int(self.bound.size) + 1

    def sides(self, points: FloatArray, split: int) -> FloatArray:
        """``weight @ x`` of one split, the same for a point whatever stands beside it."""
        values: FloatArray = (points * self.weight[split]).sum(axis=1)
        return values

    def place(self, points: FloatArray) -> IntArray:
        """The leaf of each encoded point: (n_samples,)."""
        at = np.zeros(points.shape[0], dtype=np.int64)
        if not self.bound.size:
            return at
        for split in range(self.bound.size):
            here = np.flatnonzero(at == split)
            above = self.sides(points[here], split) > self.bound[split]
            at[here] = self.children[split][above.astype(np.int64)]
        return -1 - at

    def paths(self) -> tuple[tuple[tuple[int, bool], ...], ...]:
        """For each leaf the splits from the root to it, and whether it lies above them."""
        found: dict[int, tuple[tuple[int, bool], ...]] = {} if self.bound.size else {-1: ()}
        waiting: list[tuple[int, tuple[tuple[int, bool], ...]]] = [(0, ())]
        while waiting and self.bound.size:
            split, path = waiting.pop()
            for side in (0, 1):
                child = int(self.children[split, side])
                longer = (*path, (split, bool(side)))
                if child >= 0:
                    waiting.append((child, longer))
                else:
                    found[child] = longer
        return tuple(found[-1 - leaf] for leaf in range(self.n_leaves))

    def half_spaces(self, leaf: int) -> tuple[FloatArray, FloatArray]:
        """The closed leaf as ``A x <= b``: ``(n_splits on its path, n_inputs)`` and bounds."""
        path = self.paths()[leaf]
        sign = np.array([-1.0 if above else 1.0 for _, above in path])
        rows = [split for split, _ in path]
        return self.weight[rows] * sign[:, None], self.bound[rows] * sign

    def renumbered(self, order: IntArray) -> "SplitTree":
        """The same tree whose leaf ``i`` is the old leaf ``order[i]``."""
        new = np.empty(self.n_leaves, dtype=np.int64)
        new[order] = np.arange(self.n_leaves)
        leaf = self.children < 0
        children = self.children.copy()
        children[leaf] = -1 - new[-1 - self.children[leaf]]
        return SplitTree(self.weight, self.bound, self.names, children)
