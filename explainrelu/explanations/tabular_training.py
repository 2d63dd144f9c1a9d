"""A torch network trained on a raw table, read back in the table's own columns and units.

Inputs are encoded (an indicator a level) and standardised for training, and so is the target of
a regression. Both are linear, so they are folded into the first and the last layer afterwards: the
network that comes out takes raw columns and gives raw scores.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray, frozen
from explainrelu.errors import ArgumentError, DataError
from explainrelu.importers.from_torch import from_torch, load_torch
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.network.schema import InputSchema
from explainrelu.training import train

__all__ = ["TabularTask", "tabular_task"]

_MOST_CLASSES = 20


@dataclass(frozen=True, slots=True, eq=False)
class TabularTask:
    """What is to be learned from a raw table.

    Attributes
    ----------
    schema
        Columns and levels.
    outputs
        Classes, or the target of a regression.
    points : (n_samples, n_inputs)
        The encoded rows.
    target : (n_samples,)
        Positions of classes, or values.
    centre, scale : (n_inputs,)
        By which inputs are standardised.
    middle, spread
        By which the target of a regression is; 0 and 1 for classes.
    """

    schema: InputSchema
    outputs: OutputSchema
    points: FloatArray
    target: FloatArray | IntArray
    centre: FloatArray
    scale: FloatArray
    middle: float
    spread: float

    def __post_init__(self) -> None:
        for name in ("points", "target", "centre", "scale"):
            object.__setattr__(self, name, frozen(np.array(getattr(self, name))))

    @property
    def n_scores(self) -> int:
        """Outputs of the network: one of two classes, else one a class."""
        return len(self.outputs.names)

    def trained(
        self, rows: IntArray, hidden_layers: tuple[int, ...], random_state: int, **options: Any
    ) -> ReluNetwork:
        """A network trained on some rows, with the options of :func:`explainrelu.training.train`.

        Returns
        -------
        ReluNetwork
            On raw columns; the scaling is folded into it.
        """
        torch = load_torch()
        generator = torch.random.get_rng_state()
        torch.manual_seed(random_state)
        module = self._module(torch, hidden_layers)
        torch.random.set_rng_state(generator)
        inputs = (self.points[rows] - self.centre) / self.scale
        regression = self.outputs.task is Task.REGRESSION
        target: Any = self.target[rows]
        target = (target - self.middle) / self.spread if regression else target
        found = train(module, inputs, target, random_state=random_state, **options)
        return self._folded(from_torch(found.module))

    def _module(self, torch: Any, hidden_layers: tuple[int, ...]) -> Any:
        widths = [self.points.shape[1], *hidden_layers]
        parts: list[Any] = []
        for before, after in pairwise(widths):
            parts += [torch.nn.Linear(before, after), torch.nn.ReLU()]
        parts.append(torch.nn.Linear(widths[-1], self.n_scores))
        return torch.nn.Sequential(*parts).double()

    def _folded(self, network: ReluNetwork) -> ReluNetwork:
        """The network on raw columns, its score in the unit of the target."""
        first, rest = network.layers[0], network.layers[1:]
        weight = np.asarray(first.weight / self.scale)
        layer = Layer(weight, first.bias - weight @ self.centre, first.rectified)
        output = AffineMap(
            self.spread * network.output.weight, self.spread * network.output.bias + self.middle
        )
        return replace(
            network,
            layers=(layer, *rest),
            output=output,
            schema=self.schema.with_ranges(self.points),
            outputs=self.outputs,
            origin=Origin(kind="torch network trained on a table", folded=("standardisation",)),
        )


def tabular_task(X: Any, y: Any, *, task: str = "auto") -> TabularTask:
    """Columns, levels and target of a raw table.

    Parameters
    ----------
    X : (n_samples, n_columns)
        Raw rows; columns of text, categories or truth values have levels.
    y : (n_samples,)
        Classes or values.
    task
        ``classification``, ``regression``, or ``auto``: a regression for numbers of which some
        are no whole numbers, or more than 20 differ.

    Raises
    ------
    ArgumentError
        For another task.
    DataError
        For missing values, a target of another length or of one class, and no column to learn from.
    """
    if task not in ("auto", "classification", "regression"):
        raise ArgumentError(f"task must be auto, classification or regression, got {task!r}.")
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)).rename(
        columns=lambda i: f"x{i}"
    )  # fmt: skip
    values = np.asarray(y).reshape(-1)
    if len(values) != len(frame) or len(frame) < 2:
        raise DataError(f"X and y must have as many rows, got {len(frame)} and {len(values)}.")
    if pd.isna(values).any() or frame.isna().any(axis=None):
        raise DataError("X and y must have no missing values. Fill them, or leave the rows out.")
    schema = InputSchema(tuple(_column(str(name), frame[name]) for name in frame.columns))
    points = schema.encode(frame.rename(columns=str))
    spread = points.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    shared = {"schema": schema, "points": points, "centre": points.mean(axis=0), "scale": scale}
    if _is_regression(values, task):
        numbers = values.astype(np.float64)
        name = str(getattr(y, "name", None) or "prediction")
        outputs = OutputSchema((name,), Task.REGRESSION)
        middle, size = float(numbers.mean()), float(numbers.std()) or 1.0
        return TabularTask(outputs=outputs, target=numbers, middle=middle, spread=size, **shared)
    classes, codes = np.unique(values.astype(str), return_inverse=True)
    return TabularTask(
        outputs=_classes(tuple(str(name) for name in classes)),
        target=codes.astype(np.int64),
        middle=0.0,
        spread=1.0,
        **shared,
    )


def _column(name: str, values: "pd.Series[Any]") -> Column:
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        levels = tuple(sorted(set(values.tolist()), key=str))
        return Column(name, ColumnKind.CATEGORICAL, levels=levels)
    return Column(name)


def _is_regression(values: Any, task: str) -> bool:
    if task != "auto":
        return task == "regression"
    if values.dtype.kind not in "iuf":
        return False
    return bool((values != np.round(values)).any() or len(np.unique(values)) > _MOST_CLASSES)


def _classes(classes: tuple[str, ...]) -> OutputSchema:
    if len(classes) < 2:
        raise DataError(f"y must have at least two classes, got {', '.join(classes)} only.")
    if len(classes) == 2:
        return OutputSchema(classes[1:], Task.BINARY, Link.logistic, classes)
    return OutputSchema(classes, Task.MULTICLASS, Link.softmax, classes)
