"""Why attributions of the same row differ: what each is measured from, and how bent the way is."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.explanations.agreement.sources import Attribution, OutputScale
from explainrelu.explanations.assembly import ExplainedRows
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, pattern_keys
from explainrelu.regions.segments import segment_pieces
from explainrelu.tolerances import Tolerances

__all__ = ["reasons_frame", "regions_crossed", "same_region_share"]

_SEGMENTS = 1 << 14  # segments from rows to the background at a time
_COLUMNS = ["row", "output", "attribution", "reason", "value", "unit", "exactness", "detail"]


def reasons_frame(
    compared: tuple[Attribution, ...],
    rows: ExplainedRows,
    background: FloatArray,
    tolerances: Tolerances,
) -> pd.DataFrame:
    """Every reason with its figure: one row a data row, output, attribution and reason.

    The first two reasons are of the row alone, whichever attribution is looked at: their
    ``attribution`` is empty. The others say of one attribution what its values are counted from,
    what they add up to, and how uncertain they are.
    """
    n_samples = rows.points.shape[0]
    crossed = regions_crossed(rows.network, rows.points, background, tolerances)
    other = 1.0 - same_region_share(rows.network, rows.points, background)
    over = f"{background.shape[0]} background rows"
    tables = []
    for o, name in enumerate(rows.view.names):
        tables += [
            _block(n_samples, name, "", "linear regions on the way to the background", crossed,
                   "regions", f"mean over {over}, straight lines"),
            _block(n_samples, name, "", "background rows in another linear region", other,
                   "share", over),
        ]  # fmt: skip
        for one in compared:
            tables += list(_of_one(one, o, rows, background))
    return pd.concat(tables, ignore_index=True)


def _of_one(
    one: Attribution, o: int, rows: ExplainedRows, background: FloatArray
) -> Iterator[pd.DataFrame]:
    """What sets one attribution apart."""
    n_samples, output, unit = rows.points.shape[0], rows.view.names[o], rows.view.unit
    scores = rows.scores[:, o]
    mean = float((rows.network.forward(background) @ rows.view.matrix.T)[:, o].mean())
    if one.base is not None:
        yield _block(
            n_samples, output, one.name, "base value less the mean score of the background",
            one.base[:, o] - mean, unit, "another baseline moves every value",
        )  # fmt: skip
        gap = one.base[:, o] + one.values[:, :, o].sum(axis=1) - scores
        yield _block(
            n_samples, output, one.name, "sum of base and values less the score", gap, unit,
            f"they add up to {one.scale}",
        )  # fmt: skip
    elif one.scale is OutputScale.UNKNOWN:
        total = one.values[:, :, o].sum(axis=1)
        yield _block(
            n_samples, output, one.name, "sum of values less the score's distance from the mean",
            total - (scores - mean), unit, "no base values were given: it is not known what the "
            "values add up to",
        )  # fmt: skip
    if one.standard_errors is not None:
        error = np.sqrt(np.square(one.standard_errors[:, :, o]).mean(axis=1))
        yield _block(
            n_samples, output, one.name, "sampling error of a value", error, unit,
            "root mean square of the standard errors told", exactness="estimated",
        )  # fmt: skip


def regions_crossed(
    network: ReluNetwork, points: FloatArray, background: FloatArray, tolerances: Tolerances
) -> FloatArray:
    """Mean number of linear regions on the lines from each point to the background: (n_samples,).

    1 where every background row lies in the point's own region. Cost: one exact line restriction
    for each point and background row.
    """
    n_samples, n_background = points.shape[0], background.shape[0]
    found = np.empty(n_samples)
    step = max(1, _SEGMENTS // n_background)
    for start in range(0, n_samples, step):
        part = points[start : start + step]
        starts, ends = np.repeat(part, n_background, axis=0), np.tile(background, (len(part), 1))
        pieces = segment_pieces(network, starts, ends, tolerances=tolerances).n_pieces
        found[start : start + step] = pieces.reshape(len(part), n_background).mean(axis=1)
    return found


def same_region_share(
    network: ReluNetwork, points: FloatArray, background: FloatArray
) -> FloatArray:
    """For each point the share of background rows in the point's own linear region."""
    mine = pattern_keys(activation_patterns(network, points))
    others = pattern_keys(activation_patterns(network, background))
    return np.asarray((mine[:, None] == others[None]).mean(axis=1), dtype=np.float64)


def _block(
    n_samples: int,
    output: str,
    attribution: str,
    reason: str,
    value: FloatArray,
    unit: str,
    detail: str,
    *,
    exactness: str = "exact",
) -> pd.DataFrame:
    data: dict[str, Any] = {"row": np.arange(n_samples), "value": np.asarray(value)}
    texts = {"output": output, "attribution": attribution, "reason": reason, "unit": unit}
    texts |= {"exactness": exactness, "detail": detail}
    for name, text in texts.items():
        data[name] = pd.Series([text] * n_samples, dtype="str")
    return pd.DataFrame(data)[_COLUMNS]
