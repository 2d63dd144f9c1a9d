"""Everything about how a model treats groups, in one call."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import IntArray
from explainrelu.audits.fairness.carriers import carriers_frame
from explainrelu.audits.fairness.flips import classes_of
from explainrelu.audits.fairness.groups import group_metrics, region_frame, sensitive_frame
from explainrelu.audits.fairness.individual import IndividualFairness, individual_fairness
from explainrelu.certificate import Certificate
from explainrelu.errors import ArgumentError
from explainrelu.explanations.local_linear import local_linear
from explainrelu.explanations.targets import class_codes, target_frame
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.regions.observed import regions_of_points
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Fairness", "fairness"]

_MANY_VALUES = 10  # a number with more values than this is grouped by its quarters


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fairness:
    """How a model treats groups.

    Attributes
    ----------
    individual
        Whether protected columns alone can change a class; None where the model reads none.
    groups
        Rates of each group, by fairlearn: ``feature group n_rows metric value difference ratio
        exactness``. Empty where there is no class, or fairlearn is not installed.
    carriers
        What carries group differences into the score: ``feature column role association share
        group_gap_share exactness``.
    regions
        How the groups spread over linear regions: ``feature group n_rows n_regions own_regions
        own_share distance exactness``.
    notes
        What was not looked at, and why, in words.
    """

    individual: IndividualFairness | None
    groups: pd.DataFrame
    carriers: pd.DataFrame
    regions: pd.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        features = ", ".join(dict.fromkeys(self.regions["feature"]))
        verdict = "no protected column" if self.individual is None else str(self.individual.status)
        return f"Fairness({features}: {verdict})"

    @property
    def certificate(self) -> Certificate:
        """The verdict on individual fairness."""
        return Certificate() if self.individual is None else self.individual.certificate

    def to_frame(self) -> pd.DataFrame:
        """The rates of each group."""
        return self.groups


def fairness(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    protected: Any = None,
    sensitive_features: Any = None,
    favourable: str | None = None,
    domain: Box | None = None,
    proxy: float = 0.3,
    time_limit: float | None = 60.0,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Fairness:
    """How a model treats groups: by their rates, person by person, by region and through columns.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows.
    y : (n_samples,), optional
        The true classes, for rates of error.
    protected
        Columns of the model as :func:`individual_fairness` takes them.
    sensitive_features : (n_samples,) or (n_samples, n_features)
        The groups of each row, as in fairlearn; need not be columns of the model. By default the
        protected columns, numbers with many values by their quarters.
    favourable
        The class whose rates are told; by default the last one.
    domain
        The box that the individual verdict is about; by default the smallest around the rows.
    proxy
        The association with a group from which a column is called a proxy.
    time_limit
        Seconds, about, for each proof.
    random_state
        Seed of the search; it changes nothing that is proven.

    Returns
    -------
    Fairness
        ``.individual .groups .carriers .regions .notes .certificate``.

    Raises
    ------
    ArgumentError
        Without protected columns and sensitive features, and for a favourable class there is not.
    ColumnsError, DataError
        For a protected column that the model does not have, and features of other rows.

    Notes
    -----
    Rates, shares and flips are exact for the rows; the individual verdict is proven over the
    domain. What is fair is not decided here: the figures are shown, the thresholds are the
    reader's.

    References
    ----------
    S. Bird et al., "Fairlearn: a toolkit for assessing and improving fairness in AI", 2020.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[1.0]]], [[0.0], [-1.0]])
    >>> found = fairness(network, [[0.5, 0.0], [2.0, 1.0], [0.0, 1.0]], protected=["x1"])
    >>> found.carriers.column.tolist()
    ['x0', 'x1']
    """
    if protected is None and sensitive_features is None:
        raise ArgumentError(
            "fairness needs protected columns of the model (protected=['sex']), or the groups of "
            "the rows (sensitive_features=people['sex']), got neither."
        )
    network = import_model(model, X, tolerances=tolerances)
    frame = network.schema.frame(X)
    points = network.schema.encode(frame)
    shared: dict[str, Any] = {"random_state": random_state, "tolerances": tolerances}
    individual = None
    if protected is not None:
        individual = individual_fairness(
            network, frame, protected=protected, domain=domain, time_limit=time_limit, **shared
        )
    names = () if individual is None else tuple(e.column.name for e in individual.protected)
    given = _own_groups(frame, names) if sensitive_features is None else sensitive_features
    groups = sensitive_frame(given, len(frame))
    rates, notes = _rates(network, frame, points, y, groups, favourable)
    explanation = local_linear(network, frame, background=frame, tolerances=tolerances)
    return Fairness(
        individual=individual,
        groups=rates,
        carriers=carriers_frame(explanation, groups, protected=names, proxy=proxy),
        regions=region_frame(regions_of_points(network, points), groups),
        notes=notes,
    )


def _own_groups(frame: pd.DataFrame, names: tuple[str, ...]) -> Mapping[str, Any]:
    """The protected columns as groups, a number with many values by its quarters."""
    found = {}
    for name in names:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values.dtype) and values.nunique() > _MANY_VALUES:
            found[name] = pd.qcut(values, 4, duplicates="drop").astype(str).to_numpy()
        else:
            found[name] = values.astype(str).where(values.notna(), "missing").to_numpy()
    return found


def _rates(
    network: ReluNetwork,
    frame: pd.DataFrame,
    points: Any,
    y: Any,
    groups: pd.DataFrame,
    favourable: str | None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rates of the groups, or why there are none."""
    empty = pd.DataFrame(
        columns=["feature", "group", "n_rows", "metric", "value", "difference", "ratio"]
    )
    if network.outputs.task not in (Task.BINARY, Task.MULTICLASS):
        return empty, ("rates of groups: the model does not decide between classes",)
    place = _place(network, favourable)
    if find_spec("fairlearn") is None:
        return empty, ("rates of groups: fairlearn is not installed",)
    predicted = (classes_of(network.forward(points)) == place).astype(np.int64)
    observed = None if y is None else _observed(network, frame, y, place)
    notes = () if y is not None else ("rates of error: no y was given",)
    return group_metrics(predicted, observed, groups), notes


def _place(network: ReluNetwork, favourable: str | None) -> int:
    classes = network.outputs.classes
    if favourable is None:
        return len(classes) - 1
    if str(favourable) not in classes:
        raise ArgumentError(
            f"favourable must be one of the classes {', '.join(classes)}, got {favourable!r}."
        )
    return classes.index(str(favourable))


def _observed(network: ReluNetwork, frame: pd.DataFrame, y: Any, place: int) -> IntArray:
    codes = class_codes(network, target_frame(y, len(frame)))
    return np.asarray(codes == place, dtype=np.int64)
