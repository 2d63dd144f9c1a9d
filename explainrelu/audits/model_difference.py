"""Two models side by side: where they differ most, region by region, and for which rows.

On a joint region, a linear region of both networks read side by side, the difference of their
scores is one affine function; its extremes over the region are linear programs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.audits.fairness.flips import classes_of
from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.errors import ArgumentError, DataError
from explainrelu.explanations.limits import checked_limit
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.difference import Difference, largest_difference
from explainrelu.milp.solving import SolveStatus
from explainrelu.network.column import ColumnKind
from explainrelu.network.difference import difference_network
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView, Task
from explainrelu.network.unused_columns import with_inputs_for
from explainrelu.regions.observed import regions_of_points
from explainrelu.regions.region_set import RegionSet
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["ModelDifference", "compare_models"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelDifference:
    """How far two models lie apart.

    Attributes
    ----------
    per_row
        One row a data row and output: ``row output champion challenger difference region
        other_class exactness``.
    regions
        One row a joint region that the data visit and output, the one with the largest
        difference first: ``region output n_rows share mean_difference lowest highest largest
        other_class_share exactness``. ``lowest`` to ``highest`` is the range of challenger less
        champion over the whole region within the domain.
    summary
        ``output mean_absolute_difference largest_over_rows largest_over_domain bound status
        other_class_share n_rows unit exactness``: ``largest_over_domain`` is reached at the
        witness, and nowhere in the domain is the difference larger than ``bound``.
    witness
        The raw row of the domain where the scores differ most, of those found; None where it is
        no row (fractions of levels).
    difference
        The search over the domain.
    """

    per_row: pd.DataFrame
    regions: pd.DataFrame
    summary: pd.DataFrame
    witness: pd.DataFrame | None
    difference: Difference

    def __repr__(self) -> str:
        return f"ModelDifference(at most {self.difference.bound:g}, {self.difference.status})"

    @property
    def certificate(self) -> Certificate:
        """Whether the largest difference is proven."""
        proven = self.difference.status is SolveStatus.OPTIMAL
        gap = self.difference.bound - self.difference.value
        limit = 1e-6 * max(1.0, self.difference.bound)
        check = Check.at_most(
            "the largest difference is proven",
            max(0.0, gap),
            limit,
            Exactness.EXACT if proven else Exactness.BOUNDED,
            "bound less the difference at the witness, over the domain",
        )
        return Certificate((check,))

    def to_frame(self) -> pd.DataFrame:
        """One row a joint region and output."""
        return self.regions


def compare_models(
    champion: Any,
    challenger: Any,
    X: Any,
    *,
    domain: Box | None = None,
    max_regions: int | None = 200,
    time_limit: float | None = 60.0,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ModelDifference:
    """Where a challenger differs from the champion, and how far at most.

    Parameters
    ----------
    champion, challenger
        Anything :func:`explainrelu.import_model` takes; of the same columns, not all of which
        each has to use, and of the same outputs.
    X : (n_samples, n_columns)
        Raw rows.
    domain
        The box that the largest difference is sought in, over the encoded inputs of the champion;
        the smallest around the rows by default.
    max_regions
        So many of the joint regions have their ranges worked out, those with the most rows
        first; None takes all.
    time_limit
        Seconds for the search of the domain; what is not proven then is ``bounded``.
    random_state
        Seed of the rows that the search starts from; it changes no proven value.

    Returns
    -------
    ModelDifference

    Raises
    ------
    ArgumentError
        For models of other columns, levels or outputs.
    ModelError, DataError
        Where a model or the rows cannot be taken in.

    Notes
    -----
    Differences are challenger less champion, of raw scores. Over the rows and regions exact; over
    the domain proven by a mixed-integer program within the solver's tolerances, rows with levels
    standing at one of them. Cost: two linear programs a region and output, and the program.

    Examples
    --------
    >>> one = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    >>> line = ReluNetwork.from_weights([[[1.0]]], [[0.0]])
    >>> found = compare_models(one, line, [[-1.0], [2.0]])
    >>> round(found.difference.bound, 6), found.witness.iloc[0].tolist()
    (1.0, [-1.0])
    """
    most = checked_limit("max_regions", max_regions)
    first = import_model(champion, X, tolerances=tolerances)
    second = import_model(challenger, X, tolerances=tolerances)
    first, second, own = _reading_alike(first, second)
    frame = first.schema.frame(X)
    points = first.schema.encode(frame)
    box = Box.from_data(points) if domain is None else _with_own(domain, own, points)
    both = difference_network(second, first)
    regions = regions_of_points(both, points, domain=_around(box, points))
    found = largest_difference(
        second,
        first,
        box,
        time_limit=time_limit,
        random_state=random_state,
        tolerances=tolerances,
    )
    per_row = _per_row(first, second, points, regions)
    return ModelDifference(
        per_row=per_row,
        regions=_regions(first, regions, per_row, most, tolerances),
        summary=_summary(first, per_row, found),
        witness=_decoded(first, found.witness),
        difference=found,
    )


def _reading_alike(
    first: ReluNetwork, second: ReluNetwork
) -> tuple[ReluNetwork, ReluNetwork, BoolArray]:
    """Both with inputs for every column that either uses, and which were the first's before."""
    own = np.ones(first.n_inputs, dtype=np.bool_)
    if first.schema.names == second.schema.names:
        second, _ = with_inputs_for(second, first.schema.columns)
        first, own = with_inputs_for(first, second.schema.columns)
    _check_alike(first, second)
    return first, second, own


def _with_own(domain: Any, own: BoolArray, points: FloatArray) -> Any:
    """A box over the champion's own inputs, with the range of the rows in all others."""
    if own.all() or not isinstance(domain, Box) or domain.n_inputs != int(own.sum()):
        return domain
    lower, upper = points.min(axis=0), points.max(axis=0)
    lower[own], upper[own] = domain.lower, domain.upper
    return Box(lower, upper)


def _check_alike(first: ReluNetwork, second: ReluNetwork) -> None:
    """Both read the same columns into the same inputs, and score the same outputs."""
    mine, other = first.schema, second.schema
    if mine.names != other.names or mine.input_names != other.input_names:
        odd = sorted(set(mine.input_names) ^ set(other.input_names)) or ["their order"]
        raise ArgumentError(
            "Champion and challenger must read the same columns and levels, in the same order; "
            f"they differ in {', '.join(odd[:6])}. Train the challenger on the same columns."
        )
    if first.outputs.names != second.outputs.names:
        raise ArgumentError(
            f"Champion and challenger must have the same outputs, got "
            f"{', '.join(first.outputs.names)} and {', '.join(second.outputs.names)}."
        )


def _around(box: Box, points: FloatArray) -> Box:
    """The box widened to hold the rows, in which their regions are read."""
    ends = np.vstack([box.lower, box.upper])
    return Box(np.vstack([ends, points]).min(axis=0), np.vstack([ends, points]).max(axis=0))


def _classes(network: ReluNetwork, scores: FloatArray) -> IntArray | None:
    decides = network.outputs.task in (Task.BINARY, Task.MULTICLASS)
    return classes_of(scores) if decides else None


def _per_row(
    first: ReluNetwork, second: ReluNetwork, points: FloatArray, regions: RegionSet
) -> pd.DataFrame:
    scores, others = first.forward(points), second.forward(points)
    classes, new = _classes(first, scores), _classes(second, others)
    changed = np.zeros(len(points), np.bool_) if classes is None else classes != new
    n_outputs = first.n_outputs
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(len(points)), n_outputs),
            "output": pd.Series(list(first.outputs.names) * len(points), dtype="str"),
            "champion": scores.reshape(-1),
            "challenger": others.reshape(-1),
            "difference": (others - scores).reshape(-1),
            "region": pd.Series(np.repeat(regions.names[regions.rows], n_outputs), dtype="str"),
            "other_class": np.repeat(changed, n_outputs),
            "exactness": pd.Series(["exact"] * (len(points) * n_outputs), dtype="str"),
        }
    )


def _regions(
    network: ReluNetwork,
    regions: RegionSet,
    per_row: pd.DataFrame,
    most: int | None,
    tolerances: Tolerances,
) -> pd.DataFrame:
    """The range of the difference over each joint region, an exact linear program an end."""
    raw = ScoreView(network.outputs.names, "raw score", "", np.eye(network.n_outputs))
    chosen = regions.chosen(np.arange(len(regions))[:most])
    weight, bias = chosen.affine_maps(raw)
    grouped = per_row.groupby(["region", "output"], sort=False)
    means, changed = grouped["difference"].mean(), grouped["other_class"].mean()
    records = []
    for i, name in enumerate(chosen.names):
        ends = chosen.region(i).polytope().linear_ranges(weight[i], tolerances=tolerances)
        here = weight[i] @ chosen.witnesses[i]
        low, high = np.fmin(ends[:, 0], here) + bias[i], np.fmax(ends[:, 1], here) + bias[i]
        for k, output in enumerate(network.outputs.names):
            key = (name, output)
            figures = (float(means[key]), float(low[k]), float(high[k]))
            largest = float(max(abs(low[k]), abs(high[k])))
            counts = (int(chosen.counts[i]), float(chosen.share[i]))
            records.append((name, output, *counts, *figures, largest, float(changed[key])))
    names = ["region", "output", "n_rows", "share", "mean_difference", "lowest", "highest"]
    names += ["largest", "other_class_share"]
    dtypes = {"region": "str", "output": "str", "n_rows": "int64"}
    dtypes |= dict.fromkeys(names[3:], "float64")
    table = pd.DataFrame(records, columns=names).astype(dtypes)
    table["exactness"] = pd.Series([_exactness(network)] * len(table), dtype="str")
    return table.sort_values("largest", ascending=False, kind="stable", ignore_index=True)


def _exactness(network: ReluNetwork) -> str:
    """Ranges over regions count fractions of levels too, so with levels they are bounds."""
    numeric = all(column.kind is ColumnKind.NUMERIC for column in network.schema.columns)
    return "exact" if numeric else "bounded"


def _summary(network: ReluNetwork, per_row: pd.DataFrame, found: Difference) -> pd.DataFrame:
    records = []
    for score in found.scores:
        rows = per_row[per_row["output"] == score.name]
        gaps = rows["difference"].abs()
        reached = max(abs(score.smallest.value), abs(score.largest.value))
        bound = max(abs(score.lower), abs(score.upper))
        proven = "exact" if score.status is SolveStatus.OPTIMAL else "bounded"
        figures = (float(gaps.mean()), float(gaps.max()), reached, bound, str(score.status))
        share = float(rows["other_class"].mean())
        records.append((score.name, *figures, share, len(rows), network.outputs.unit, proven))
    names = ["output", "mean_absolute_difference", "largest_over_rows", "largest_over_domain"]
    names += ["bound", "status", "other_class_share", "n_rows", "unit", "exactness"]
    dtypes = dict.fromkeys(names, "float64") | {"n_rows": "int64"}
    dtypes |= dict.fromkeys(("output", "status", "unit", "exactness"), "str")
    return pd.DataFrame(records, columns=names).astype(dtypes)


def _decoded(network: ReluNetwork, point: FloatArray) -> pd.DataFrame | None:
    try:
        return network.schema.decode(point[None])
    except DataError:
        return None
