"""Why a row was refused: what each change of the nearest counterfactual closes of the gap.

Along the straight line from the row ``x`` to the counterfactual ``x'`` the score is piecewise
linear, and ``f(x') - f(x)`` is exactly the sum over the columns of
``(x'_j - x_j) integral_0^1 (df/dx_j)(x + t (x' - x)) dt``:
the term of column ``j`` (its indicators together) is what its change closes.
"""

from dataclasses import replace

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.audits.recourse.moves import MoveSpace
from explainrelu.audits.recourse.target import Target
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.segments import segment_pieces

__all__ = ["closed_by_column"]


def closed_by_column(
    network: ReluNetwork, moves: MoveSpace, target: Target, point: FloatArray
) -> tuple[str, FloatArray, FloatArray]:
    """What each column's change adds to the score that was missing most.

    Returns
    -------
    form
        The name of that score: of a class the margin over the row's own class.
    ends : (2,)
        The score of the row and of the counterfactual.
    values : (n_columns,)
        Their sum is the difference of the two, up to rounding.
    """
    scored = replace(target.network(network), schema=moves.schema)
    ends = scored.forward(np.vstack([moves.query, point]))
    away = np.maximum(target.lower - ends[0], ends[0] - target.upper)
    form = int(away.argmax())
    one = replace(
        scored,
        output=type(scored.output)(scored.output.weight[[form]], scored.output.bias[[form]]),
        outputs=type(scored.outputs)(("score",)),
    )
    pieces = segment_pieces(one, moves.query[None], point[None])
    values = pieces.mean_gradients()[0, 0] * (point - moves.query)
    sums = np.zeros(moves.schema.n_columns)
    np.add.at(sums, moves.columns, values)
    return target.forms[form], ends[:, form], sums
