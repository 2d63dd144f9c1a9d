"""What a model decides by its scores, and how near a row is to another decision."""

from enum import StrEnum

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.network.outputs import OutputSchema, ScoreView, Task

__all__ = ["Decision", "decision_of"]


class Decision(StrEnum):
    """How scores are turned into a decision."""

    SIGN = "sign"
    LARGEST = "largest"
    NONE = "none"

    def of(self, scores: FloatArray) -> IntArray:
        """The decision of each row of scores ``(n_samples, n_scores)``, as a whole number.

        Of several labels the decision is all of them together. Zero where nothing is decided.
        """
        if self is Decision.SIGN:
            signs = (scores > 0).astype(np.int64)
            return np.asarray(signs @ (2 ** np.arange(scores.shape[1])), dtype=np.int64)
        if self is Decision.LARGEST:
            return np.asarray(scores.argmax(axis=1), dtype=np.int64)
        return np.zeros(scores.shape[0], dtype=np.int64)

    def margin(self, scores: FloatArray) -> FloatArray:
        """How far scores would have to move for another decision: (n_samples,)."""
        if self is Decision.SIGN:
            return np.asarray(np.abs(scores).min(axis=1))
        if self is Decision.LARGEST and scores.shape[1] > 1:
            best = np.sort(scores, axis=1)
            return np.asarray(best[:, -1] - best[:, -2])
        return np.zeros(scores.shape[0])


def decision_of(outputs: OutputSchema, view: ScoreView) -> Decision:
    """How the scores of a view are decided on.

    Examples
    --------
    >>> outputs = OutputSchema(("yes",), Task.BINARY, classes=("no", "yes"))
    >>> str(decision_of(outputs, outputs.view()))
    'sign'
    """
    if outputs.task is Task.MULTICLASS and len(view) == len(outputs.names) > 1:
        return Decision.LARGEST
    pair = view.scale in ("difference", "logit difference")
    if outputs.task in (Task.BINARY, Task.MULTILABEL) or (outputs.task is Task.MULTICLASS and pair):
        return Decision.SIGN
    return Decision.NONE
