"""What the scores of a model predict, and what was observed: one column an output.

Legend: ``z`` are the raw scores of a row. The log-odds of an output's class are ``z`` itself for
two classes or a label, and ``z_k - log sum_{j != k} exp z_j`` for class ``k`` of several, so that
the logistic function of it is the predicted probability of the class, as in a softmax. The margin
is the distance of the score from where the decision changes: ``|z|``, and for class ``k`` of
several ``|z_k - max_{j != k} z_j|``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.errors import ArgumentError
from explainrelu.explanations.targets import (
    class_codes,
    target_flags,
    target_frame,
    target_numbers,
)
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, ScoreView, Task

__all__ = [
    "Decisions",
    "Kind",
    "Response",
    "decisions",
    "is_of_classes",
    "predicted_numbers",
    "responses",
]


class Kind(StrEnum):
    """What the target of the rows is."""

    NONE = "none"
    CLASSES = "classes"
    RANKING = "ranking"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What was observed.

    Attributes
    ----------
    kind
        ``classes`` where an output is the class or not, ``ranking`` where a score without a stated
        task is to tell two values apart, ``numbers`` where it predicts a number, or ``none``.
    values : (n_rows, n_scores)
        1 where the row is of the output's class and else 0, or the number; without columns for
        ``none``.
    codes : (n_rows,)
        The row's class among several; empty for other models.
    """

    kind: Kind
    values: FloatArray
    codes: IntArray

    def taken(self, rows: BoolArray) -> "Response":
        """That of some rows."""
        codes = self.codes[rows] if self.codes.size else self.codes
        return Response(self.kind, self.values[rows], codes)


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What a classifier says of each row.

    Attributes
    ----------
    log_odds : (n_rows, n_scores)
        Of the output's class.
    margins : (n_rows, n_scores)
        How far the score is from where the decision changes.
    chosen : (n_rows, n_scores)
        Whether the decision is for the output's class.
    right : (n_rows,) or None
        Whether the decision among all classes is right, or every label; None where the model has
        two classes, or no target is there.
    """

    log_odds: FloatArray
    margins: FloatArray
    chosen: BoolArray
    right: BoolArray | None

    @property
    def probability(self) -> FloatArray:
        """Of the output's class: (n_rows, n_scores)."""
        return Link.logistic(self.log_odds)

    def taken(self, rows: BoolArray) -> "Decisions":
        """Those of some rows."""
        right = None if self.right is None else self.right[rows]
        return Decisions(self.log_odds[rows], self.margins[rows], self.chosen[rows], right)


def responses(network: ReluNetwork, view: ScoreView, y: Any, n_rows: int) -> Response:
    """The target of the rows, one column a score.

    Raises
    ------
    DataError, MissingValuesError
        Where ``y`` has another length, a gap, an unknown class, or does not fit the outputs.
    ArgumentError
        For a pair of outputs where a target says nothing of their difference.
    """
    none = np.zeros(0, dtype=np.int64)
    if y is None:
        return Response(Kind.NONE, np.zeros((n_rows, 0)), none)
    target, task = target_frame(y, n_rows), network.outputs.task
    if task is Task.BINARY:
        positive = class_codes(network, target)[:, None] == 1
        seen = positive if _positive(view) else ~positive
        return Response(Kind.CLASSES, seen.astype(np.float64), none)
    if task is Task.MULTICLASS:
        codes = class_codes(network, target)
        seen = codes[:, None] == _places(view)
        return Response(Kind.CLASSES, seen.astype(np.float64), codes)
    if task is Task.MULTILABEL:
        flags = target_flags(network, target)
        return Response(Kind.CLASSES, flags[:, _places(view)].astype(np.float64), none)
    column = target.iloc[:, 0]
    one = network.n_outputs == target.shape[1] == 1
    if task is Task.SCORE and one and column.nunique() == 2:
        second = (column == sorted(column.unique())[1]).to_numpy(dtype=np.float64)
        return Response(Kind.RANKING, second[:, None], none)
    numbers = target_numbers(network, target)
    if network.link is Link.identity:
        return Response(Kind.NUMBERS, numbers @ view.matrix.T, none)
    return Response(Kind.NUMBERS, numbers[:, _places(view)], none)


def decisions(
    network: ReluNetwork, view: ScoreView, scores: FloatArray, raw: FloatArray, y: Response
) -> Decisions | None:
    """What a classifier says of each row, None where the scores are of no class.

    Parameters
    ----------
    scores : (n_rows, n_scores)
        Those of the view.
    raw : (n_rows, n_outputs)
        Raw scores, up to a shift of each row; needed for several classes only.
    """
    task = network.outputs.task
    if task is Task.BINARY:
        # a logit of zero is decided for the negative class, whichever of them the view shows
        chosen = scores > 0 if _positive(view) else scores >= 0
        return Decisions(scores, np.abs(scores), chosen, None)
    if task not in (Task.MULTICLASS, Task.MULTILABEL) or not is_of_classes(view):
        return None
    observed = y.kind is Kind.CLASSES
    if task is Task.MULTILABEL:
        whole = observed and len(view) == network.n_outputs
        right = ((scores > 0) == (y.values > 0)).all(axis=1) if whole else None
        return Decisions(scores, np.abs(scores), scores > 0, right)
    best, places = raw.argmax(axis=1), view.matrix.argmax(axis=1)
    log_odds, margins = _against_the_rest(raw)
    return Decisions(
        log_odds[:, places],
        np.abs(margins[:, places]),
        best[:, None] == places,
        best == y.codes if observed else None,
    )


def predicted_numbers(network: ReluNetwork, scores: FloatArray) -> FloatArray:
    """What the model predicts for scores of a view, infinite where float64 cannot hold it."""
    if network.link is Link.identity:
        return scores
    with np.errstate(over="ignore"):
        return network.link(scores)


def _against_the_rest(raw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log-odds and margins of each class against all others: both (n_rows, n_classes)."""
    log_odds, margins = np.empty_like(raw), np.empty_like(raw)
    for k in range(raw.shape[1]):
        rest = np.delete(raw, k, axis=1)
        largest = rest.max(axis=1)
        tail = np.log(np.exp(rest - largest[:, None]).sum(axis=1))
        margins[:, k] = raw[:, k] - largest
        log_odds[:, k] = margins[:, k] - tail
    return log_odds, margins


def _positive(view: ScoreView) -> bool:
    """Whether the score of a model of two classes is that of the positive one."""
    return bool(view.matrix[0, 0] > 0)


def is_of_classes(view: ScoreView) -> bool:
    """Whether each score is the raw or centred one of a single output."""
    places = view.matrix.argmax(axis=1)
    single = np.eye(view.matrix.shape[1])[places]
    centred = single - 1.0 / view.matrix.shape[1]
    return bool(((view.matrix == single) | (view.matrix == centred)).all())


def _places(view: ScoreView) -> IntArray:
    """Which output each score of a view is of: (n_scores,)."""
    if not is_of_classes(view):
        raise ArgumentError(
            f"With y, output= must name one output of this model, got {', '.join(view.names)}: a "
            "target says nothing of that difference. Leave output out, or y."
        )
    return np.asarray(view.matrix.argmax(axis=1), dtype=np.int64)
