"""From attributed numbers to the record of an explanation."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.explanations.coalitions.players import Players
from explainrelu.explanations.explanation import Explanation, additivity
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import regions_of_points
from explainrelu.tolerances import Tolerances

__all__ = ["ExplainedRows", "assembled", "column_sums"]


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedRows:
    """The rows that an attribution is about.

    Attributes
    ----------
    network, view
        The network and the scores explained.
    frame : DataFrame (n_samples, n_columns)
        The raw rows.
    points : (n_samples, n_inputs)
        The same, encoded.
    """

    network: ReluNetwork
    view: ScoreView
    frame: pd.DataFrame
    points: FloatArray

    @property
    def scores(self) -> FloatArray:
        """The raw scores: (n_samples, n_scores)."""
        return self.network.forward(self.points) @ self.view.matrix.T


def assembled(
    rows: ExplainedRows,
    values: FloatArray,
    base_values: FloatArray,
    *,
    method: str,
    base_meaning: str,
    baseline: pd.DataFrame,
    paired: bool = False,
    players: Players | None = None,
    standard_errors: FloatArray | None = None,
    exactness: Exactness = Exactness.EXACT,
    checks: tuple[Check, ...] = (),
    tolerances: Tolerances,
) -> Explanation:
    """The explanation of some rows, checked to add up.

    Parameters
    ----------
    values : (n_samples, n_columns, n_scores)
        One value a raw column.
    base_values : (n_samples, n_scores)
    method, base_meaning, baseline, paired, exactness
        As :class:`Explanation` has them.
    players
        Groups of columns that share a value, where there are; ``n_columns`` is then their number,
        and ``data`` and ``baseline`` of the explanation have one column each.
    standard_errors : (n_samples, n_columns, n_scores), optional
        Of sampled values.
    checks
        Further checks, behind the one that the values add up.
    """
    schema, scores = rows.network.schema, rows.scores
    add_up = additivity(values, base_values, scores, tolerances)
    regions = regions_of_points(rows.network, rows.points)
    data, imputed, shape = rows.frame, schema.imputed(rows.frame), schema.shape
    if players is not None and players.grouped:
        data, baseline = players.table(data), players.table(baseline)
        imputed, shape = players.any_of(imputed), ()
    return Explanation(
        values=_in_shape(values, shape),
        base_values=_squeezed(base_values),
        scores=_squeezed(scores),
        data=data,
        view=rows.view,
        regions=regions.names[regions.rows],
        method=method,
        base_meaning=base_meaning,
        baseline=baseline,
        imputed=imputed,
        exactness=exactness,
        certificate=Certificate((add_up, *checks)),
        shape=shape,
        paired=paired,
        standard_errors=None if standard_errors is None else _in_shape(standard_errors, shape),
    )


def column_sums(schema: InputSchema) -> FloatArray:
    """The 0/1 matrix ``(n_inputs, n_columns)`` that adds a column's inputs up."""
    return np.asarray(
        schema.input_columns[:, None] == np.arange(schema.n_columns), dtype=np.float64
    )


def _squeezed(values: FloatArray) -> FloatArray:
    """Without the axis of scores where there is only one."""
    return values[..., 0] if values.shape[-1] == 1 else values


def _in_shape(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Values of pictures in the shape of a picture."""
    values = _squeezed(values)
    return values.reshape(values.shape[0], *shape, *values.shape[2:]) if shape else values
