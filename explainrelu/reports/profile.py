"""What the coefficient of each column is over the rows, as a table."""

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Exactness
from explainrelu.explanations.ranking import column_spread, level_frequencies, level_spread
from explainrelu.explanations.standardised import StandardisedCoefficients
from explainrelu.network.column import ColumnKind
from explainrelu.network.outputs import ScoreView
from explainrelu.regions.region_set import RegionSet

__all__ = ["profile_frame"]

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_NAMES = ("lower_5", "lower_quartile", "median", "upper_quartile", "upper_5")


def profile_frame(regions: RegionSet, numbers: FloatArray, view: ScoreView) -> pd.DataFrame:
    """Quantiles over the rows of coefficient times standard deviation, and shares of its signs.

    One row a score and column, of each score the column of largest effect first.

    Parameters
    ----------
    regions
        Those that the rows visit.
    numbers : (n_samples, n_columns)
        The rows by raw column, levels by their position.

    Notes
    -----
    Exact for these rows. The quantile at level ``q`` is the smallest value that a share ``q`` of
    the rows do not exceed. Cost: one affine map a region; memory O(n_regions n_scores n_columns).
    """
    schema = regions.network.schema
    values = np.zeros((len(view), len(regions), schema.n_columns))
    for part, weight, _ in regions.affine_map_chunks(view):
        for j, (column, first) in enumerate(zip(schema.columns, schema.starts[:-1], strict=True)):
            block = weight[:, :, first : first + column.n_inputs]
            if column.kind is ColumnKind.CATEGORICAL:
                frequency = level_frequencies(column, numbers[:, j])
                centred = block - (block @ frequency)[:, :, None]
                values[:, part, j] = level_spread(centred, frequency, "effect").T
            elif column.n_inputs:
                values[:, part, j] = block[:, :, 0].T
    values *= column_spread(schema, numbers)
    nothing = np.full(len(regions), -1)
    parts = [
        StandardisedCoefficients(
            values=values[k],
            counts=regions.counts,
            mean_scores=np.zeros(len(regions)),
            winners=nothing,
            columns=schema.columns,
            classes=(),
            view=ScoreView(view.names[k : k + 1], view.scale, view.unit, view.matrix[k : k + 1]),
        )
        for k in range(len(view))
    ]
    return pd.concat([_of_one(part) for part in parts], ignore_index=True)


def _of_one(found: StandardisedCoefficients) -> pd.DataFrame:
    found = found.strongest(len(found.columns))
    n_columns, signed = len(found.columns), found.signed
    raising, lowering = found.sign_shares()
    return pd.DataFrame(
        {
            "output": pd.Series([found.view.names[0]] * n_columns, dtype="str"),
            "feature": pd.Series([column.name for column in found.columns], dtype="str"),
            **dict(zip(_NAMES, found.quantiles(_LEVELS), strict=True)),
            "raising_share": np.where(signed, raising, np.nan),
            "lowering_share": np.where(signed, lowering, np.nan),
            "signed": signed,
            "unit": pd.Series([found.view.unit] * n_columns, dtype="str"),
            "scale": pd.Series([found.view.scale] * n_columns, dtype="str"),
            "exactness": pd.Series([str(Exactness.EXACT)] * n_columns, dtype="str"),
        }
    )
