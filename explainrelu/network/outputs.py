"""What comes out of a network: named scores, the link that was cut off, and views of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.errors import ArgumentError

__all__ = ["Link", "OutputSchema", "ScoreView", "Task"]


class Task(StrEnum):
    """What the scores are for."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    SCORE = "score"


class Link(StrEnum):
    """The monotone or softmax map that was cut off behind the raw score.

    A link is callable: ``link(scores)`` takes raw scores of shape ``(n_samples, n_outputs)``
    and returns what the model itself reports, in the same shape.

    Examples
    --------
    >>> float(Link.logistic(np.zeros((1, 1)))[0, 0])
    0.5
    """

    identity = "identity"
    logistic = "logistic"
    softmax = "softmax"
    log_softmax = "log_softmax"
    exp = "exp"

    def __call__(self, scores: FloatArray) -> FloatArray:
        """What the model reports for raw scores ``(n_samples, n_outputs)``."""
        if self is Link.logistic:
            # exp of a negative number only: no overflow on either side
            tail = np.exp(-np.abs(scores))
            result: FloatArray = np.where(scores >= 0, 1.0, tail) / (1.0 + tail)
            return result
        if self in (Link.softmax, Link.log_softmax):
            shifted = scores - scores.max(axis=1, keepdims=True)
            logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            scores = logs
        if self in (Link.softmax, Link.exp):
            exponential: FloatArray = np.exp(scores)
            return exponential
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class ScoreView:
    """Which combinations of a network's raw outputs are explained.

    Attributes
    ----------
    names
        One name a score, as written in the ``output`` column of every table.
    scale
        What kind of number the score is: ``logit``, ``centred logit``, ``prediction`` ...
    unit
        The unit of the score.
    matrix : (n_scores, n_outputs)
        ``scores = raw @ matrix.T``.
    """

    names: tuple[str, ...]
    scale: str
    unit: str
    matrix: FloatArray

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class OutputSchema:
    """Names and meaning of a network's raw outputs.

    Attributes
    ----------
    names
        One name a raw output. A binary classifier has one: its positive class.
    task
        What the scores are for.
    link
        What was cut off behind them.
    classes
        Every class, in the model's order (empty where there are none).
    unit
        Unit of a regression target ("" where unknown).
    """

    names: tuple[str, ...]
    task: Task = Task.SCORE
    link: Link = Link.identity
    classes: tuple[str, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ArgumentError(f"Output names must differ from each other, got {self.names}.")

    @classmethod
    def of_classes(cls, classes: Sequence[object], n_outputs: int) -> "OutputSchema":
        """Outputs that are logits of classes: one for two of them, else one for each.

        Raises
        ------
        ArgumentError
            For another number of classes, or two of the same name.
        """
        names = tuple(str(name) for name in classes)
        wanted = 2 if n_outputs == 1 else n_outputs
        if len(names) != wanted or len(set(names)) != len(names):
            raise ArgumentError(
                f"A network of {n_outputs} outputs has {wanted} classes of different names, got "
                f"{', '.join(names) or 'none'}."
            )
        if n_outputs == 1:
            return cls(names[1:], Task.BINARY, Link.logistic, names)
        return cls(names, Task.MULTICLASS, Link.softmax, names)

    @classmethod
    def numbered(cls, n_outputs: int) -> "OutputSchema":
        """Outputs without names of their own: ``score``, or ``output 0``, ``output 1`` ..."""
        if n_outputs == 1:
            return cls(("score",))
        return cls(tuple(f"output {i}" for i in range(n_outputs)))

    def view(self, output: Any = None) -> ScoreView:
        """The scores to explain.

        Parameters
        ----------
        output : str, pair of str, or None
            ``None`` takes the default: every raw output, or for a multiclass model the
            centred logit of each class (its logit minus the mean of all, since logits are
            only defined up to a common shift). A name takes that raw output. A pair of names
            takes the first minus the second.

        Raises
        ------
        ArgumentError
            Where a name is not among the outputs.
        """
        n_outputs = len(self.names)
        if isinstance(output, (bool, int, float, np.generic)):
            output = str(output)  # a class that is a number
        if output is None and self.task is Task.MULTICLASS:
            centred = np.eye(n_outputs) - 1.0 / n_outputs
            return self._view(self.names, "centred logit", centred)
        if output is None:
            return self._view(self.names, self._raw_scale, np.eye(n_outputs))
        if isinstance(output, str):
            return self._view((output,), self._raw_scale, self._row(output)[None])
        if not isinstance(output, Sequence) or len(output) != 2:
            raise ArgumentError(f"output= takes a name or a pair of names, got {output!r}.")
        first, second = (str(name) for name in output)
        row = self._row(first) - self._row(second)
        if self.task is Task.BINARY:
            row = row / 2.0  # logit(first) = -logit(second): half of their difference is the logit
        scale = "logit difference" if self.task is Task.MULTICLASS else "difference"
        return self._view((f"{first} - {second}",), scale, row[None])

    @property
    def _raw_scale(self) -> str:
        if self.task is Task.REGRESSION:
            return "log of prediction" if self.link is Link.exp else "prediction"
        return "raw score" if self.task is Task.SCORE else "logit"

    def _view(self, names: Sequence[str], scale: str, matrix: FloatArray) -> ScoreView:
        logarithm = "log " if self.unit and self.link is Link.exp else ""
        unit = logarithm + self.unit if self.task is Task.REGRESSION else "log-odds"
        unit = "" if self.task is Task.SCORE else unit
        return ScoreView(tuple(names), scale, unit, frozen_floats(matrix, 2, "matrix"))

    def _row(self, name: str) -> FloatArray:
        if name in self.names:
            unit = np.zeros(len(self.names))
            unit[self.names.index(name)] = 1.0
            return unit
        if self.task is Task.BINARY and name in self.classes:
            return -np.ones(1)  # the negative class: minus the logit of the positive one
        known = ", ".join(repr(n) for n in dict.fromkeys((*self.classes, *self.names)))
        raise ArgumentError(f"output= must be one of {known}, got {name!r}.")
