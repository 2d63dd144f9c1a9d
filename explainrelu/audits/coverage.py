"""Whether new rows lie where the model was trained: in known regions, inside the ranges, not thin.

Legend: ``s_j`` is the standard deviation of numeric column ``j`` over the training rows. The
distance of a row from the nearest border of its linear region is measured in these, over the
numeric columns: ``min_k |z_k(x)| / |(s_j dz_k/dx_j)_j|`` over the rectified units ``k``, each by
its own formula in the row's region. No border is nearer, so the formula holds at least so far.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.network.patterns import unpack
from explainrelu.regions.borders import halfspaces_on_the_cube
from explainrelu.regions.observed import regions_of_points
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Coverage", "coverage"]

_CHUNK_VALUES = 1 << 20  # numbers in the half-spaces of a chunk of rows: 8 MB


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Coverage:
    """How new rows lie beside the rows a model was trained on.

    Attributes
    ----------
    per_row
        One row a new row: ``row region seen training_rows outside outside_columns border_distance
        near margin exactness``. ``training_rows`` lie in its region; ``seen`` says whether there
        is one. ``margin`` is ``|score|`` of a binary classifier, the leading logit less the next
        of several classes, and NaN where there are no classes.
    columns
        One row a column: how many new rows lie outside its training range or at a level that
        training rows never had, and how far its distribution moved: ``feature below above
        unseen_level share_outside shift shift_is exactness``. ``shift`` is the largest
        difference of the two cumulative distributions (Kolmogorov-Smirnov), of levels half the
        sum of the differences of their shares (total variation).
    summary
        The shares, of the new rows and of the training rows beside each other:
        ``quantity new training exactness detail``.
    """

    per_row: pd.DataFrame
    columns: pd.DataFrame
    summary: pd.DataFrame

    def __repr__(self) -> str:
        seen = float(self.per_row["seen"].mean())
        return f"Coverage({len(self.per_row)} rows, {seen:.1%} in regions that training rows visit)"

    def to_frame(self) -> pd.DataFrame:
        """One row a new row."""
        return self.per_row


def coverage(
    model: Any,
    X_train: Any,
    X_new: Any,
    *,
    near: float = 0.01,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Coverage:
    """Hold new rows against the rows a model was trained on.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X_train, X_new : (n_samples, n_columns)
        Raw rows: what the model was trained on, and what it is used on.
    near
        A row is near a border where it lies closer to it than this, in standard deviations of
        the training rows.

    Returns
    -------
    Coverage
        ``.per_row .columns .summary``, all exact.

    Raises
    ------
    ArgumentError
        For ``near`` below 0.
    ModelError, DataError
        Where the model or the rows cannot be taken in.

    Notes
    -----
    Where rows mostly lie in regions of their own, as in networks with many units and few rows,
    that a region is new says little: the share among the training rows themselves, each held
    against the others, stands beside it. Cost: one forward pass, and one form a rectified unit
    and region.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [0.0]])
    >>> found = coverage(network, [[1.0], [2.0]], [[1.5], [-1.0]])
    >>> found.per_row[["seen", "outside"]].values.tolist()
    [[True, False], [False, True]]
    """
    _check_near(near)
    network = import_model(model, X_train, tolerances=tolerances)
    schema = network.schema
    train, new = schema.frame(X_train), schema.frame(X_new)
    known, fresh = schema.numbers(train), schema.numbers(new)
    scale = schema.deviations(known)[schema.input_columns]
    per_row = _per_row(network, known, fresh, scale, near)
    own = _against_each_other(network, known, scale, near)
    return Coverage(
        per_row=per_row,
        columns=_columns(network, known, fresh),
        summary=_summary(per_row, own, near, len(known)),
    )


def _check_near(near: Any) -> None:
    if isinstance(near, bool) or not isinstance(near, Real) or not float(near) >= 0:
        raise ArgumentError(f"near must be a number of at least 0, got {near!r}.")


def _per_row(
    network: ReluNetwork, known: FloatArray, fresh: FloatArray, scale: FloatArray, near: float
) -> pd.DataFrame:
    schema = network.schema
    points = schema.spread(fresh)
    regions = regions_of_points(network, schema.spread(known))
    found = regions_of_points(network, points)
    place = regions.locate_patterns(found.patterns)
    visited = np.where(place >= 0, regions.counts[place], 0)[found.rows]
    outside = _outside(network, known, fresh)
    distance = border_distances(network, points, scale)
    names = np.array(schema.names, dtype=object)
    return pd.DataFrame(
        {
            "row": np.arange(len(fresh)),
            "region": pd.Series(found.names[found.rows], dtype="str"),
            "seen": visited > 0,
            "training_rows": visited.astype(np.int64),
            "outside": outside.any(axis=1),
            "outside_columns": pd.Series([", ".join(names[row]) for row in outside], dtype="str"),
            "border_distance": distance,
            "near": distance < near,
            "margin": margins(network, points),
            "exactness": pd.Series(["exact"] * len(fresh), dtype="str"),
        }
    )


def _against_each_other(
    network: ReluNetwork, known: FloatArray, scale: FloatArray, near: float
) -> dict[str, float]:
    """The same shares for each training row held against all the others."""
    points = network.schema.spread(known)
    regions = regions_of_points(network, points)
    shared = float(regions.counts[regions.counts > 1].sum()) / len(known)
    distance = border_distances(network, points, scale)
    return {"seen": shared, "near": float((distance < near).mean()), "distance": _median(distance)}


def _summary(
    per_row: pd.DataFrame, own: dict[str, float], near: float, n_train: int
) -> pd.DataFrame:
    margin = per_row["margin"].dropna()
    rows = [
        ("share in regions that training rows visit", float(per_row["seen"].mean()), own["seen"],
         f"training rows: each against the other {n_train - 1}"),
        ("share outside the training ranges", float(per_row["outside"].mean()), 0.0,
         "some column beyond its range, or at a level never seen"),
        ("share near a border of its region", float(per_row["near"].mean()), own["near"],
         f"closer than {near:g} standard deviations"),
        ("median distance from the border", _median(per_row["border_distance"].to_numpy()),
         own["distance"], "in standard deviations of the training rows"),
        ("median margin", _median(margin.to_numpy()), float("nan"),
         "in units of the score; of the new rows only"),
    ]  # fmt: skip
    names = ["quantity", "new", "training", "detail"]
    rows = rows if len(margin) else rows[:-1]
    table = pd.DataFrame(rows, columns=names).assign(exactness="exact")
    dtypes = dict.fromkeys(("quantity", "exactness", "detail"), "str")
    dtypes |= dict.fromkeys(("new", "training"), "float64")
    return table[["quantity", "new", "training", "exactness", "detail"]].astype(dtypes)


def _columns(network: ReluNetwork, known: FloatArray, fresh: FloatArray) -> pd.DataFrame:
    """How each column moved."""
    from scipy import stats

    records = []
    for j, column in enumerate(network.schema.columns):
        before, now = known[:, j], fresh[:, j]
        if column.kind is ColumnKind.NUMERIC:
            low, high = int((now < before.min()).sum()), int((now > before.max()).sum())
            unseen, measure = 0, "Kolmogorov-Smirnov"
            shift = float(stats.ks_2samp(before, now, method="asymp").statistic)
        else:
            low = high = 0
            unseen = int((~np.isin(now, before)).sum())
            shift, measure = _total_variation(before, now), "total variation"
        share = (low + high + unseen) / len(now)
        records.append((column.name, low, high, unseen, share, shift, measure, "exact"))
    dtypes = {
        "feature": "str",
        "below": "int64",
        "above": "int64",
        "unseen_level": "int64",
        "share_outside": "float64",
        "shift": "float64",
        "shift_is": "str",
        "exactness": "str",
    }
    return pd.DataFrame(records, columns=list(dtypes)).astype(dtypes)


def _total_variation(before: FloatArray, now: FloatArray) -> float:
    levels = np.union1d(before, now)
    shares = [(levels[:, None] == side[None]).mean(axis=1) for side in (before, now)]
    return 0.5 * float(np.abs(shares[0] - shares[1]).sum())


def _outside(network: ReluNetwork, known: FloatArray, fresh: FloatArray) -> BoolArray:
    """Which values lie beyond the range, or at a level, that training rows had."""
    found = np.zeros(fresh.shape, dtype=np.bool_)
    for j, column in enumerate(network.schema.columns):
        if column.kind is ColumnKind.NUMERIC:
            found[:, j] = (fresh[:, j] < known[:, j].min()) | (fresh[:, j] > known[:, j].max())
        else:
            found[:, j] = ~np.isin(fresh[:, j], known[:, j])
    return found


def border_distances(network: ReluNetwork, points: FloatArray, scale: FloatArray) -> FloatArray:
    """Distance of each point from the nearest border of its region: (n_samples,).

    Parameters
    ----------
    scale : (n_inputs,)
        The unit of each input; inputs of scale 0 do not move.

    Notes
    -----
    Infinite where no unit's preactivation can change. On a border it is 0.
    """
    found = np.full(points.shape[0], np.inf)
    moving, units = scale > 0, np.where(scale > 0, scale, 1.0)
    if not moving.any() or network.n_neurons == 0:
        return found
    frame = Box.around(points.mean(axis=0), units)
    step = max(1, _CHUNK_VALUES // max(1, network.n_neurons * network.n_inputs))
    for start in range(0, points.shape[0], step):
        part = points[start : start + step]
        regions = regions_of_points(network, part)
        bits = unpack(network, regions.patterns)
        weight, bound, _ = halfspaces_on_the_cube(network, bits, frame)
        weight, bound = weight[regions.rows], bound[regions.rows]
        inside = (part - frame.centre) / frame.half_width
        slack = np.maximum(bound - np.einsum("nkj,nj->nk", weight, inside), 0.0)
        length = np.linalg.norm(weight[:, :, moving], axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(length > 0, slack / length, np.inf)
        found[start : start + step] = distance.min(axis=1)
    return found


def margins(network: ReluNetwork, points: FloatArray) -> FloatArray:
    """How clear the decision on each point is: (n_samples,); NaN where there are no classes."""
    scores = network.forward(points)
    if network.outputs.task is Task.BINARY:
        return np.asarray(np.abs(scores[:, 0]), dtype=np.float64)
    if network.outputs.task is not Task.MULTICLASS:
        return np.full(points.shape[0], np.nan)
    ordered = np.sort(scores, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2], dtype=np.float64)


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if values.size else float("nan")
