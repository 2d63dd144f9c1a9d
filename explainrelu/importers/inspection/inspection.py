"""What a model is, what becomes of its parts, and what of it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import Matrix, entries
from explainrelu.errors import ModelError
from explainrelu.importers.archive.archive import read_archive
from explainrelu.importers.from_onnx import is_onnx_model
from explainrelu.importers.from_sklearn import is_sklearn_estimator
from explainrelu.importers.from_torch import is_torch_module
from explainrelu.importers.import_model import import_model
from explainrelu.importers.inspection.sources import steps_of
from explainrelu.importers.inspection.steps import Step
from explainrelu.network.column import level_text
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Inspection", "inspect_model"]

_TOGETHER = "read together with what stands beside it"
_KINDS = {
    ".nnet": "NNet file",
    ".onnx": "ONNX file",
    ".pt2": "torch exported program",
    ".skops": "scikit-learn model saved by skops",
    ".xrelu": "saved network",
}


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What a model is, what becomes of its parts, and what of it is refused.

    Attributes
    ----------
    kind
        What the model is, in words.
    steps
        Its operators in the order of their evaluation, as far as its source has such; those that
        cannot be read say why.
    network
        What it becomes; None where it is refused.
    refusal
        Why it is refused: what the import says of the first thing it meets. Empty where it is
        not.
    """

    kind: str
    steps: tuple[Step, ...]
    network: ReluNetwork | None
    refusal: str = ""

    @property
    def supported(self) -> bool:
        """Whether the model can be imported."""
        return self.network is not None

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Name -> table: ``operators refused layers columns``, without those that are empty.

        ``operators``: one row an operator and what becomes of it. ``refused``: one row a place in
        the model that cannot be read. ``layers``: one row a layer, the output map last.
        ``columns``: one row a raw column.
        """
        found = {"operators": self._operators(), "refused": self._refused()}
        if self.network is not None:
            found |= {"layers": _layers(self.network), "columns": _columns(self.network)}
        return {name: table for name, table in found.items() if len(table)}

    def _operators(self) -> pd.DataFrame:
        counts: dict[tuple[str, bool, str], int] = {}
        for step in self.steps:
            key = (step.operator, not step.reason, step.read_as)
            counts[key] = counts.get(key, 0) + 1
        rows = [(op, n, read, read_as) for (op, read, read_as), n in sorted(counts.items())]
        return pd.DataFrame(rows, columns=["operator", "n", "supported", "read_as"])

    def _refused(self) -> pd.DataFrame:
        rows = [(step.operator, step.where, step.reason) for step in self.steps if step.reason]
        return pd.DataFrame(rows, columns=["operator", "where", "reason"])


def inspect_model(
    model: Any, X: Any = None, *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> Inspection:
    """Look into a model without explaining it.

    Parameters
    ----------
    model
        What :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns), optional
        Raw rows. With them the network's certificate holds the import's check.
    tolerances
        What the check of the import is held against.

    Returns
    -------
    Inspection
        Also of a model that cannot be imported: every operator that is in no table, stands where
        it is not piecewise linear, or multiplies what depends on the input, is then named with
        its place, and ``refusal`` is what the import says.

    Raises
    ------
    ArchiveError
        For a file that cannot be read at all.
    InputTypeError
        For another kind of object.
    DataError
        For rows that do not fit the model.

    Notes
    -----
    Cost: reading the model twice, and with ``X`` the check of the import.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.GELU()).eval()
    >>> found = inspect_model(model, [[0.0, 1.0]])
    >>> found.supported, list(found.tables["refused"]["operator"])
    (False, ['tanh', 'gelu'])
    """
    network, refusal = None, ""
    try:
        network = import_model(model, X, tolerances=tolerances)
    except ModelError as error:
        refusal = str(error)
    try:
        steps = steps_of(model, X)
    except ModelError:  # the import has said why
        steps = ()
    if network is not None:  # what was read says more than what is known of single operators
        steps = tuple(replace(step, read_as=step.read_as or _TOGETHER, reason="") for step in steps)
    return Inspection(_kind(model, network), steps, network, refusal)


def _kind(model: Any, network: ReluNetwork | None) -> str:
    if isinstance(model, (str, Path)):
        path = Path(model)
        regions = read_archive(path).regions if path.suffix == ".xrelu" else None
        known = _KINDS[path.suffix]
        if regions is not None:
            known = "converted network" if regions.rows is None else "network with a set"
            known = f"{known} of {regions.patterns.shape[0]} regions"
    elif is_onnx_model(model):
        known = "ONNX model"
    elif is_torch_module(model):
        known = "torch module"
    elif is_sklearn_estimator(model):
        known = "scikit-learn model"
    else:
        known = type(model).__name__
    if network is None or network.origin.kind == known:
        return known
    return f"{known} ({network.origin.kind})"


def _layers(network: ReluNetwork) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for number, layer in enumerate(network.layers, start=1):
        n_rectified, n_carried = layer.n_rectified, layer.n_units - layer.n_rectified
        rows.append((str(number), n_rectified, n_carried, *_of_weight(layer.weight)))
    rows.append(("output", 0, network.n_outputs, *_of_weight(network.output.weight)))
    names = ["layer", "n_rectified", "n_carried", "n_inputs", "n_nonzero", "nonzero", "stored"]
    return pd.DataFrame(rows, columns=names)


def _of_weight(weight: Matrix) -> tuple[int, int, float, str]:
    n_nonzero = int(np.count_nonzero(entries(weight)))
    n_entries = weight.shape[0] * weight.shape[1]
    stored = "dense" if isinstance(weight, np.ndarray) else "sparse"
    return int(weight.shape[1]), n_nonzero, n_nonzero / n_entries, stored


def _columns(network: ReluNetwork) -> pd.DataFrame:
    rows = [
        (
            column.name,
            str(column.kind),
            column.n_inputs,
            column.unit,
            ", ".join(map(level_text, column.levels)),
            column.lower,
            column.upper,
        )
        for column in network.schema.columns
    ]
    names = ["column", "kind", "n_inputs", "unit", "levels", "lower", "upper"]
    return pd.DataFrame(rows, columns=names)
