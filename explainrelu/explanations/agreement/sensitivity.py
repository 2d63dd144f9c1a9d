"""How far an attribution can move when its row moves a little: exactly, over a whole ball.

In region ``r`` the value of input ``j`` is ``a_rj(x) = A_rj (x_j - b_j)`` (a column sums over its
inputs). Over a box around a row, cut into its linear regions, each value is linear on each part,
so its extremes are linear programs, one or two a region and column: no sampling.
"""

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.assembly import ExplainedRows, column_sums
from explainrelu.explanations.baseline import baseline_numbers
from explainrelu.explanations.limits import checked_limit
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.patterns import activation_patterns, affine_maps
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.region_set import RegionSet
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["attribution_sensitivity"]


def attribution_sensitivity(
    model: Any,
    X: Any,
    *,
    radius: float = 0.05,
    baseline: Any = None,
    background: Any = None,
    output: Any = None,
    max_regions: int = 200,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> pd.DataFrame:
    """The largest change of each row's ``local_linear`` attribution while the row moves a little.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows.
    radius
        How far each numeric column may move, in standard deviations of the column over
        ``background``. Levels and codes stay.
    baseline, background
        As :func:`local_linear` takes them; the background is ``X`` by default.
    output
        Which scores; every one by default.
    max_regions
        A ball with more regions than this is not searched to its end.

    Returns
    -------
    DataFrame
        One row a data row and output: ``row output largest_change feature score_change
        relative_change n_regions scale unit exactness``. ``largest_change`` is of the one value
        that moves most, ``feature``; ``score_change`` the most the score itself moves in the
        ball; ``relative_change`` the first in units of the row's largest ``|value|``
        (infinite where all of its values are 0).

    Raises
    ------
    ArgumentError, InputTypeError
        For a radius that is no number above 0.
    DataError
        Where the rows do not fit the model, or no numeric column varies.

    Notes
    -----
    Exact where the ball's regions were all found: on each the values are linear, and the regions
    are closed, so that a jump at a border counts. With ``max_regions`` reached the figures are of
    the regions found, which is a lower bound (``bounded``). Cost: a region search a row, and two
    linear programs a region and column.

    References
    ----------
    C. Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019 (sensitivity,
    there from samples).

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [0.0]])
    >>> attribution_sensitivity(network, [[-1.0], [1.0]], radius=0.5).largest_change.tolist()
    [0.0, 1.0]
    """
    radius = _checked_radius(radius)
    most = checked_limit("max_regions", max_regions)
    network = import_model(model, X, tolerances=tolerances)
    schema, view = network.schema, network.outputs.view(output)
    frame = schema.frame(X)
    rest = schema.numbers(frame if background is None else background)
    rows = ExplainedRows(network, view, frame, schema.encode(frame))
    reach = radius * _spread(schema, rest)
    start = schema.spread(baseline_numbers(schema, baseline, rest)[None])[0]
    records: list[tuple[object, ...]] = []
    for i, point in enumerate(rows.points):
        regions = enumerate_regions(
            network, Box.around(point, reach), max_regions=most, tolerances=tolerances
        )
        records += _of_row(i, point, start, regions, rows, tolerances)
    dtypes = dict.fromkeys(("row", "n_regions"), "int64")
    names = ["row", "output", "largest_change", "feature", "score_change", "relative_change"]
    names += ["n_regions", "scale", "unit", "exactness"]
    floats = dict.fromkeys(("largest_change", "score_change", "relative_change"), "float64")
    texts = dict.fromkeys(("output", "feature", "scale", "unit", "exactness"), "str")
    return pd.DataFrame(records, columns=names).astype(dtypes | floats | texts)


def _checked_radius(radius: Any) -> float:
    if isinstance(radius, bool) or not isinstance(radius, Real):
        raise InputTypeError(f"radius must be a number above 0, got {radius!r}.")
    if not 0.0 < float(radius) < np.inf:
        raise ArgumentError(f"radius must be a number above 0, got {radius!r}.")
    return float(radius)


def _spread(schema: InputSchema, numbers: FloatArray) -> FloatArray:
    """How far one unit of radius moves each input: its standard deviation, 0 of levels."""
    deviation = schema.deviations(numbers)
    if not deviation.any():
        raise ArgumentError(
            "A ball needs numeric columns that vary over the background, got none. Pass "
            "background=X, the rows the model was trained on."
        )
    return deviation[schema.input_columns]


def _of_row(
    i: int,
    point: FloatArray,
    start: FloatArray,
    regions: RegionSet,
    rows: ExplainedRows,
    tolerances: Tolerances,
) -> list[tuple[object, ...]]:
    """The largest changes around one row, one record a score."""
    schema, view = rows.network.schema, rows.view
    sums = column_sums(schema)
    own = _own_map(rows, point)
    here, score = (own * (point - start)) @ sums, rows.network.forward(point[None])[0]
    score = view.matrix @ score
    values = np.zeros((len(view), schema.n_columns))
    scores = np.zeros(len(view))
    weight, bias = regions.affine_maps(view)
    free = ~regions.domain.fixed
    for r in range(len(regions)):
        columns = _extremes(regions, r, weight[r], free, sums, tolerances)
        ends = columns - (weight[r] * start @ sums)[:, :, None]
        values = np.maximum(values, np.abs(ends - here[:, :, None]).max(axis=2))
        total = regions.region(r).polytope().linear_ranges(weight[r], tolerances=tolerances)
        scores = np.maximum(scores, np.abs(total + (bias[r] - score)[:, None]).max(axis=1))
    exactness = Exactness.EXACT if regions.complete else Exactness.BOUNDED
    found: list[tuple[object, ...]] = []
    for o, name in enumerate(view.names):
        j, size = int(values[o].argmax()), float(np.abs(here[o]).max())
        change = float(values[o, j])
        relative = change / size if size > 0 else float(np.inf if change > 0 else 0.0)
        record = (i, name, change, schema.names[j], float(scores[o]), relative, len(regions))
        found.append((*record, view.scale, view.unit, str(exactness)))
    return found


def _extremes(
    regions: RegionSet,
    r: int,
    weight: FloatArray,
    free: BoolArray,
    sums: FloatArray,
    tolerances: Tolerances,
) -> FloatArray:
    """Smallest and largest ``sum_i A_i x_i`` of each column over a region.

    ``(n_scores, n_columns, 2)``. A numeric column has one input, whose range serves every score.
    """
    box = regions.domain
    ranges = np.stack([box.lower, box.upper], axis=1)
    if len(regions) > 1 and free.any():
        directions = np.eye(box.n_inputs)[free]
        ranges[free] = regions.region(r).polytope().linear_ranges(directions, tolerances=tolerances)
    ends = weight[:, :, None] * ranges[None]
    columns = np.einsum("oie,ij->oje", ends, sums)
    return np.asarray(np.sort(columns, axis=2), dtype=np.float64)


def _own_map(rows: ExplainedRows, point: FloatArray) -> FloatArray:
    """The coefficients at a row, by its own pattern: (n_scores, n_inputs)."""
    packed = activation_patterns(rows.network, point[None])
    weight, _ = affine_maps(rows.network, packed, rows.network.score_map(rows.view))
    return np.asarray(weight[0], dtype=np.float64)
