"""Feature importance by region coefficients."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError
from explainrelu.explanations.local_linear import local_linear
from explainrelu.explanations.region_shares import volume_shares
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.outputs import ScoreView
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import regions_of_points
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = [
    "column_spread",
    "leading_output",
    "level_frequencies",
    "level_spread",
    "overall_name",
    "rank_features",
]

_WAYS = ("effect", "contribution", "coefficient")
_WEIGHTS = ("data", "volume")


def rank_features(
    model: Any,
    X: Any,
    *,
    by: str = "effect",
    weight: str = "data",
    output: str | Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> pd.DataFrame:
    """Rank the raw columns by the coefficients of the regions the rows lie in, or of a box.

    With ``w_r`` the share of rows in region ``r`` and ``A_r`` its coefficients:

    - ``effect``: ``sum_r w_r |A_rj|`` times the standard deviation of the column; for a
      categorical column ``sum_r w_r`` times the standard deviation of the level coefficients
      under the observed level frequencies.
    - ``contribution``: the mean over rows of ``|A_rj (x_j - b_j)|``, the attribution of
      :func:`local_linear` at its default baseline.
    - ``coefficient``: ``sum_r w_r |A_rj|`` in the column's own unit, not comparable across
      columns; for a categorical column ``sum_r w_r`` (largest less smallest level coefficient).

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes, or what :func:`explainrelu.convert`
        returned.
    X : (n_samples, n_columns)
        Raw rows.
    by
        One of the three formulas. ``effect`` weighs a column by its spread, so a heavy-tailed one
        comes high; ``contribution`` says what the columns do in these very rows.
    weight
        ``data``: ``w_r`` is the share of rows, as above. ``volume``: the share of region ``r`` in
        the volume of the box that the model was converted over, ``convert(model, domain=box)``;
        standard deviations and level frequencies are still those of the rows. Of regions that are
        not all of the box, the share among them.
    output
        Which scores; every one by default.

    Returns
    -------
    DataFrame
        One row an output and column, largest first, and for several outputs the mean of their
        importances as output ``overall`` (``overall (mean)`` where an output is called so). Columns
        ``output feature importance share rank
        mean_coefficient positive_share unit by scale comparable exactness weight``. For a
        categorical column ``mean_coefficient`` is NaN (it has one coefficient a level) and
        ``positive_share`` the share of rows whose level lies above the mean of the levels. With
        ``weight="volume"`` shares of rows are shares of the volume, and a level counts by its
        frequency in the rows.

    Raises
    ------
    ArgumentError
        For another formula or weight, a single row, volumes of a model that was not converted over
        a box, and ``contribution`` by volume, which is a mean over rows.

    Notes
    -----
    Exact for the rows given, or for the box up to six free inputs; ``estimated`` above, see
    :func:`volume_shares`. Cost: one forward pass and one affine map a region, and the volumes.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[2.0]]], [[0.0], [0.0]])
    >>> rank_features(network, [[1.0, 1.0], [3.0, 2.0]])[["feature", "importance"]].values.tolist()
    [['x0', 2.0], ['x1', 0.0]]
    """
    if by not in _WAYS:
        raise ArgumentError(f"by must be one of {', '.join(_WAYS)}, got {by!r}.")
    if weight not in _WEIGHTS:
        raise ArgumentError(f"weight must be one of {', '.join(_WEIGHTS)}, got {weight!r}.")
    cells = _cells_of_a_box(model, by) if weight == "volume" else None
    network = import_model(model, X, tolerances=tolerances)
    schema, view = network.schema, network.outputs.view(output)
    numbers = schema.numbers(X)
    if numbers.shape[0] == 1 and by != "coefficient":
        raise ArgumentError(
            "A ranking must be taken over several rows, got a single one. Hand over the data, or "
            "use explain(model, row, background=X) for one row."
        )
    exactness = Exactness.EXACT
    if cells is None:
        regions = regions_of_points(network, schema.spread(numbers))
        size, mean, positive = _aggregate(regions, view, numbers, by)
    else:
        shares = volume_shares(cells, tolerances=tolerances)
        size, mean, positive = _by_volume(cells, shares.values, view, numbers, by)
        exactness = shares.exactness
    if by == "effect":
        size = size * column_spread(schema, numbers)
    elif by == "contribution":
        found = local_linear(network, X, output=output, tolerances=tolerances)
        values = found.column_values
        size = np.abs(values).mean(axis=0).reshape(schema.n_columns, -1).T
    table = _table(schema, view, by, size, mean, positive)
    return table.assign(
        exactness=pd.Series([str(exactness)] * len(table), dtype="str"),
        weight=pd.Series([weight] * len(table), dtype="str"),
    )


def leading_output(names: Sequence[str]) -> str:
    """The output whose ranking stands for all: the mean of several, or the only one."""
    return overall_name(names) if len(names) > 1 else names[0]


def overall_name(names: Sequence[str]) -> str:
    """What the mean over several outputs is called in the ``output`` column of a table.

    Examples
    --------
    >>> overall_name(["good", "bad"]), overall_name(["overall", "engine"])
    ('overall', 'overall (mean)')
    """
    name = "overall"
    while name in names:
        name = f"{name} (mean)"
    return name


def _aggregate(
    regions: RegionSet, view: ScoreView, numbers: FloatArray, by: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted coefficient size, mean coefficient and share of positive rows, per column.

    Each ``(n_scores, n_columns)``.
    """
    schema, share = regions.network.schema, regions.share
    shape = (len(view), schema.n_columns)
    size, mean, positive = np.zeros(shape), np.full(shape, np.nan), np.zeros(shape)
    order = np.argsort(regions.rows, kind="stable")
    ends = np.concatenate([[0], np.cumsum(regions.counts)])
    for part, weight, _ in regions.affine_map_chunks(view):
        rows = order[ends[part.start] : ends[part.stop]]
        local = regions.rows[rows] - part.start
        for j, (column, first) in enumerate(zip(schema.columns, schema.starts[:-1], strict=True)):
            block = weight[:, :, first : first + column.n_inputs]
            if column.kind is ColumnKind.CATEGORICAL:
                frequency = level_frequencies(column, numbers[:, j])
                centred = block - (block @ frequency)[:, :, None]
                size[:, j] += share[part] @ level_spread(centred, frequency, by)
                levels = numbers[rows, j].astype(np.int64)
                known = levels >= 0
                chosen = centred[local[known], :, levels[known]]
                positive[:, j] += (chosen > 0).sum(axis=0)
            elif column.n_inputs:
                size[:, j] += share[part] @ np.abs(block[:, :, 0])
                positive[:, j] += regions.counts[part] @ (block[:, :, 0] > 0)
                mean[:, j] = np.nan_to_num(mean[:, j]) + share[part] @ block[:, :, 0]
    return size, mean, positive / numbers.shape[0]


def _cells_of_a_box(model: Any, by: str) -> RegionSet:
    """The regions whose volumes are the weights."""
    if not isinstance(model, ThreeLayerNetwork) or model.generic_point is None:
        raise ArgumentError(
            "weight='volume' needs the regions of a box: rank_features(convert(model, "
            f"domain=Box(lower, upper)), X, weight='volume'), got {type(model).__qualname__}."
        )
    if by == "contribution":
        raise ArgumentError(
            "by='contribution' is a mean over rows, got weight='volume'. Take weight='data', or "
            "by='effect'."
        )
    found: RegionSet = model.regions
    return found


def _by_volume(
    regions: RegionSet, shares: FloatArray, view: ScoreView, numbers: FloatArray, by: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """:func:`_aggregate` with each region's share of the volume in place of that of the rows."""
    schema = regions.network.schema
    share = shares / (shares.sum() or 1.0)
    shape = (len(view), schema.n_columns)
    size, mean, positive = np.zeros(shape), np.full(shape, np.nan), np.zeros(shape)
    for part, weight, _ in regions.affine_map_chunks(view):
        for j, (column, first) in enumerate(zip(schema.columns, schema.starts[:-1], strict=True)):
            block = weight[:, :, first : first + column.n_inputs]
            if column.kind is ColumnKind.CATEGORICAL:
                frequency = level_frequencies(column, numbers[:, j])
                centred = block - (block @ frequency)[:, :, None]
                size[:, j] += share[part] @ level_spread(centred, frequency, by)
                positive[:, j] += share[part] @ ((centred > 0) @ frequency)
            elif column.n_inputs:
                size[:, j] += share[part] @ np.abs(block[:, :, 0])
                positive[:, j] += share[part] @ (block[:, :, 0] > 0)
                mean[:, j] = np.nan_to_num(mean[:, j]) + share[part] @ block[:, :, 0]
    return size, mean, positive


def level_spread(centred: FloatArray, frequency: FloatArray, by: str) -> FloatArray:
    """Spread of the level coefficients of each region and score, or their range."""
    if by == "coefficient":
        result: FloatArray = np.ptp(centred, axis=2)
        return result
    return np.sqrt(np.square(centred) @ frequency)


def level_frequencies(column: Column, positions: FloatArray) -> FloatArray:
    """The share of each level among rows given by positions, unknown levels left out."""
    known = positions[positions >= 0].astype(np.int64)
    return np.bincount(known, minlength=column.n_inputs) / max(1, known.size)


def column_spread(schema: InputSchema, numbers: FloatArray) -> FloatArray:
    """The standard deviation of numeric and ordinal columns, one for categorical ones."""
    grouped = [column.kind is ColumnKind.CATEGORICAL for column in schema.columns]
    return np.where(grouped, 1.0, numbers.std(axis=0))


def _table(
    schema: InputSchema,
    view: ScoreView,
    by: str,
    size: FloatArray,
    mean: FloatArray,
    positive: FloatArray,
) -> pd.DataFrame:
    names, nothing = list(view.names), np.full((1, schema.n_columns), np.nan)
    if len(view) > 1:
        names.append(overall_name(names))
        size = np.vstack([size, size.mean(axis=0)])
        mean, positive = np.vstack([mean, nothing]), np.vstack([positive, nothing])
    blocks = [
        _block(schema, view, by, name, *parts)
        for name, *parts in zip(names, size, mean, positive, strict=True)
    ]
    return pd.concat(blocks, ignore_index=True)


def _block(
    schema: InputSchema,
    view: ScoreView,
    by: str,
    name: str,
    size: FloatArray,
    mean: FloatArray,
    positive: FloatArray,
) -> pd.DataFrame:
    total = float(size.sum())
    units = [_unit(view.unit, column, by) for column in schema.columns]
    n_columns = schema.n_columns
    block = pd.DataFrame(
        {
            "output": pd.Series([name] * n_columns, dtype="str"),
            "feature": pd.Series(list(schema.names), dtype="str"),
            "importance": size,
            "share": size / total if total > 0 else np.zeros(n_columns),
            "rank": np.zeros(n_columns, dtype=np.int64),
            "mean_coefficient": mean,
            "positive_share": positive,
            "unit": pd.Series(units, dtype="str"),
            "by": pd.Series([by] * n_columns, dtype="str"),
            "scale": pd.Series([view.scale] * n_columns, dtype="str"),
            "comparable": np.full(n_columns, by != "coefficient"),
            "exactness": pd.Series(["exact"] * n_columns, dtype="str"),
        }
    )
    block = block.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
    block["rank"] = np.arange(1, n_columns + 1)
    return block


def _unit(score_unit: str, column: Column, by: str) -> str:
    if by != "coefficient" or column.kind is ColumnKind.CATEGORICAL:
        return score_unit
    return f"{score_unit or 'score'} per {column.unit or 'unit of the column'}"
