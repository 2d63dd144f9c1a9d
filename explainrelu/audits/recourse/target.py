"""What a counterfactual has to reach: scores between two bounds.

For class ``c`` the scores are its margins ``f_c - f_k`` over every other class ``k`` (of a binary
classifier its logit, of either sign), each at least the margin that is asked for; for a range it
is one raw score between two ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, frozen_floats
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema, Task

__all__ = [
    "Target",
    "checked_margin",
    "class_names",
    "class_targets",
    "classes_of",
    "range_target",
    "room_for",
]

_SOLVER_ERRORS = 1e3  # feasibility tolerances that a solved score may be off by, and more
_SIDES = ("negative", "positive")


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Scores that are wanted.

    Attributes
    ----------
    name
        The class, or the range in words.
    scale, unit
        What kind of number its score is.
    matrix : (n_forms, n_outputs)
        The scores: ``raw @ matrix.T``.
    forms
        One name a score.
    lower, upper : (n_forms,)
        Each score is to lie between; of a class strictly.
    strict
        Whether a score on the bound is not enough.
    """

    name: str
    scale: str
    unit: str
    matrix: FloatArray
    forms: tuple[str, ...]
    lower: FloatArray
    upper: FloatArray
    strict: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen_floats(self.matrix, 2, "matrix"))

    def scaled(self, factor: float) -> "Target":
        """The same, of scores that are all multiplied."""
        return replace(
            self,
            matrix=factor * self.matrix,
            lower=factor * self.lower,
            upper=factor * self.upper,
        )

    def network(self, network: ReluNetwork) -> ReluNetwork:
        """The network whose outputs are the scores of the target."""
        return replace(
            network,
            output=type(network.output)(
                self.matrix @ network.output.weight, self.matrix @ network.output.bias
            ),
            outputs=OutputSchema.numbered(self.matrix.shape[0]),
        )

    def reached(self, scores: FloatArray, room: float = 0.0) -> BoolArray:
        """Which rows of scores ``(n, n_forms)`` are what is wanted, by ``room`` or more: (n,)."""
        on_bound = not (self.strict and room <= 0)
        above = scores >= self.lower + room if on_bound else scores > self.lower
        return np.asarray((above & (scores <= self.upper - room)).all(axis=1), dtype=np.bool_)

    def score(self, scores: FloatArray) -> FloatArray:
        """The smallest of the margins, or the one score: (n,)."""
        return np.asarray(scores.min(axis=1), dtype=np.float64)

    def missing(self, scores: FloatArray) -> FloatArray:
        """How far scores ``(n, n_forms)`` lie from what is wanted, at the worst form: (n,)."""
        away = np.maximum(self.lower - scores, scores - self.upper)
        return np.asarray(away.max(axis=1), dtype=np.float64)


def class_names(outputs: OutputSchema) -> tuple[str, ...]:
    """The classes that a row can be put in; none for a regression or several labels."""
    if outputs.task in (Task.BINARY, Task.MULTICLASS):
        return outputs.classes
    if outputs.task is Task.SCORE:
        return _SIDES if len(outputs.names) == 1 else outputs.names
    return ()


def classes_of(outputs: OutputSchema, scores: FloatArray) -> list[str]:
    """The class of each row of raw scores: the sign of the one, the first largest of several."""
    names = class_names(outputs)
    if scores.shape[1] == 1:
        return [names[int(score > 0)] for score in scores[:, 0]]
    return [names[i] for i in scores.argmax(axis=1)]


def class_targets(
    outputs: OutputSchema, desired_class: Any, current: Sequence[str], margin: float
) -> list[tuple[Target, ...]]:
    """For each row the classes, one or several, that it may be put in.

    Parameters
    ----------
    desired_class
        A class, or ``"opposite"``: every class but the row's own.
    current
        The class of each row.

    Raises
    ------
    ArgumentError
        For a class that does not exist, and for outputs that are no classes.
    """
    names = class_names(outputs)
    if not names:
        raise ArgumentError(
            f"desired_class needs a model that puts a row in one class, got outputs for "
            f"{outputs.task}. Say what its score shall be: desired_range=(lowest, highest)"
            + (", and output= for which." if len(outputs.names) > 1 else ".")
        )
    wanted = str(desired_class)
    if wanted != "opposite" and wanted not in names:
        raise ArgumentError(
            f"desired_class must be 'opposite' or one of {', '.join(map(repr, names))}, got "
            f"{desired_class!r}."
        )
    if wanted != "opposite":
        return [(_class_target(outputs, names, wanted, margin),)] * len(current)
    by_class = {
        own: tuple(_class_target(outputs, names, name, margin) for name in names if name != own)
        for own in set(current)
    }
    return [by_class[own] for own in current]


def _class_target(
    outputs: OutputSchema, names: Sequence[str], wanted: str, margin: float
) -> Target:
    place, n_outputs = names.index(wanted), len(outputs.names)
    forms: tuple[str, ...]
    if n_outputs == 1:
        matrix, forms = np.array([[1.0 if place else -1.0]]), (wanted,)
    else:
        others = [i for i in range(n_outputs) if i != place]
        matrix = np.eye(n_outputs)[place] - np.eye(n_outputs)[others]
        forms = tuple(f"{wanted} - {names[i]}" for i in others)
    unit = "" if outputs.task is Task.SCORE else "log-odds"
    scale = {1: "logit"}.get(n_outputs, "logit difference")
    scale = scale if unit else "raw score" if n_outputs == 1 else "difference"
    lower, upper = np.full(len(forms), margin), np.full(len(forms), np.inf)
    return Target(wanted, scale, unit, matrix, forms, lower, upper, strict=True)


def range_target(outputs: OutputSchema, desired_range: Any, output: Any, room: float) -> Target:
    """The one raw score between two ends.

    Raises
    ------
    ArgumentError, InputTypeError
        For what is no range, one too narrow for a solver, and several scores.
    """
    pair = list(desired_range) if isinstance(desired_range, (Sequence, np.ndarray)) else []
    if len(pair) != 2 or not all(isinstance(end, Real) for end in pair):
        raise InputTypeError(
            f"desired_range must be two numbers (lowest, highest), got {desired_range!r}. Either "
            "may be infinite."
        )
    low, high = float(pair[0]), float(pair[1])
    if not high - low > 4 * room or low == np.inf or high == -np.inf:
        raise ArgumentError(
            f"desired_range must hold scores, lowest < highest and {4 * room:.1g} apart at least, "
            f"got {low:g} to {high:g}."
        )
    view = outputs.view(output)
    if len(view) != 1:
        raise ArgumentError(
            f"output must name one of the scores {', '.join(outputs.names)}, or a pair of them "
            "for their difference, since desired_range bounds one score."
        )
    name = f"{low:g} to {high:g}"
    return Target(
        name, view.scale, view.unit, view.matrix, view.names, np.array([low]), np.array([high]),
        strict=False,
    )  # fmt: skip


def checked_margin(margin: Any) -> float:
    """A margin that is a number of at least 0.

    Raises
    ------
    ArgumentError, InputTypeError
    """
    if isinstance(margin, bool) or not isinstance(margin, Real):
        raise InputTypeError(f"margin must be a number of at least 0, got {margin!r}.")
    if not 0 <= float(margin) < np.inf:
        raise ArgumentError(f"margin must be a number of at least 0, got {margin!r}.")
    return float(margin)


def room_for(
    network: ReluNetwork, scores: FloatArray, largest: float, feasibility: float, agreement: float
) -> float:
    """How far beyond its bound a score has to lie to be there in the model's own arithmetic.

    ``1000 * feasibility`` times the size of the output weights covers what a solver leaves open;
    ``agreement`` (0 for a model that computes in float64) times the largest of ``scores`` covers
    what another number format rounds. Where no row has a score beyond ``largest < 1``, both are
    as much smaller.
    """
    weights = float(np.abs(network.output.weight).sum(axis=1).max(initial=1.0))
    unit = largest if 0 < largest < 1 else 1.0
    size = max(unit, float(np.abs(scores).max(initial=0.0)))
    return max(_SOLVER_ERRORS * feasibility * weights * unit, agreement * size)
