"""The decision a network makes of a row: one score a class, and the class whose score leads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.errors import ArgumentError
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema, Task

__all__ = ["Decision", "decision_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """A network with one score a class, of which the largest decides (the first of equals).

    Attributes
    ----------
    network
        The same hidden layers; its outputs are the scores of the classes. Of two classes the
        first has score 0.
    classes
        Their names.
    """

    network: ReluNetwork
    classes: tuple[str, ...]

    def classes_of(self, points: FloatArray) -> IntArray:
        """The class of each encoded point, as a position: (n_samples,)."""
        return np.asarray(self.network.forward(points).argmax(axis=1), dtype=np.int64)

    def margins(self, points: FloatArray, own: IntArray) -> FloatArray:
        """How far the score of a class lies above that of every other one.

        Parameters
        ----------
        points : (n_samples, n_inputs)
        own : (n_samples,)
            The class of each point that is asked for.

        Returns
        -------
        (n_samples, n_classes)
            Infinity for the class itself.
        """
        scores, rows = self.network.forward(points), np.arange(own.size)
        found = scores[rows, own][:, None] - scores
        found[rows, own] = np.inf
        return np.asarray(found)


def decision_of(network: ReluNetwork, output: Any, threshold: Any) -> Decision:
    """The decision of a classifier, or whether a score lies above a threshold.

    Raises
    ------
    ArgumentError
        For a model that decides nothing by itself and no ``threshold``, an ``output`` that names
        no single score, and a threshold that is no finite number.
    """
    task = network.outputs.task
    if threshold is None and task is Task.MULTICLASS and output is None:
        names = network.outputs.classes or network.outputs.names
        return _deciding(network, network.output, names)
    if threshold is None and task is not Task.BINARY:
        raise ArgumentError(
            "A decision must come from a classifier or from a threshold, got a model whose task "
            f"is {task} and no threshold. Pass threshold=, and output= where there are several "
            "scores: the decision is then whether the score lies above it."
        )
    limit = 0.0 if threshold is None else threshold
    if isinstance(limit, bool) or not isinstance(limit, Real) or not np.isfinite(float(limit)):
        raise ArgumentError(f"threshold must be a finite number, got {threshold!r}.")
    view = network.outputs.view(output)
    if len(view) != 1:
        raise ArgumentError(
            f"output must name one of the scores {', '.join(network.outputs.names)} for a "
            "threshold, or a pair of them for their difference, got none."
        )
    score = network.score_map(view)
    both = AffineMap(
        np.vstack([np.zeros_like(score.weight), score.weight]),
        np.array([0.0, score.bias[0] - float(limit)]),
    )
    classes = network.outputs.classes if task is Task.BINARY and output is None else ()
    if threshold is not None or len(classes) != 2:
        name = view.names[0]
        classes = (f"{name} <= {float(limit):g}", f"{name} > {float(limit):g}")
    return _deciding(network, both, classes)


def _deciding(network: ReluNetwork, output: AffineMap, classes: Sequence[str]) -> Decision:
    outputs = OutputSchema.numbered(output.bias.size)
    return Decision(replace(network, output=output, outputs=outputs), tuple(classes))
