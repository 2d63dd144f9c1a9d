"""How the formula of one region fits all rows."""

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.explanations.diagnosis.grouped_rows import GroupedRows
from explainrelu.explanations.diagnosis.region_figures import Figures
from explainrelu.explanations.diagnosis.responses import Kind, Response, predicted_numbers
from explainrelu.explanations.diagnosis.row_groups import Formulas
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["global_columns", "global_fit"]

_COLUMNS = {
    Kind.NONE: (),
    Kind.CLASSES: ("global_auc",),
    Kind.RANKING: ("global_auc",),
    Kind.NUMBERS: ("global_mse", "global_r2"),
}


def global_columns(kind: Kind) -> tuple[str, ...]:
    """The columns of the fit over all rows for a kind of target."""
    return _COLUMNS[kind]


def global_fit(
    network: ReluNetwork,
    formulas: Formulas | None,
    positions: IntArray,
    points: FloatArray,
    response: Response,
    tolerances: Tolerances,
) -> Figures:
    """The fit of some groups' formulas over all rows: column -> ``(n_groups, n_scores)``.

    Parameters
    ----------
    formulas
        Positions of groups -> their formulas; may be None where no position is given.
    positions : (n_groups,)
        Which groups.
    points : (n_rows, n_inputs)
        Every row, encoded.

    Returns
    -------
    Figures
        NaN where the response is constant or of one class, infinite where float64 cannot hold
        what a formula predicts far from its region.

    Notes
    -----
    Cost for each group: a matrix product, and a sort of the rows for each score.
    """
    y, kind = response.values, response.kind
    found = {name: np.full((positions.size, y.shape[1]), np.nan) for name in _COLUMNS[kind]}
    if formulas is None or not found:
        return found
    everyone = GroupedRows(np.zeros(points.shape[0], dtype=np.int64), 1)
    total = everyone.squared_deviation(y)
    for i in range(positions.size):
        weight, bias = formulas(positions[i : i + 1])
        scores = points @ weight[0].T + bias[0]
        if kind is not Kind.NUMBERS:
            size = np.abs(points) @ np.abs(weight[0]).T + np.abs(bias[0])
            found["global_auc"][i] = everyone.areas(scores, y > 0, tolerances.rounding * size)[0]
            continue
        with np.errstate(over="ignore"):
            square = ((predicted_numbers(network, scores) - y) ** 2).sum(axis=0)
        share = np.divide(square, total[0], out=np.full(square.shape, np.nan), where=total[0] > 0)
        found["global_mse"][i], found["global_r2"][i] = square / points.shape[0], 1.0 - share
    return found
