"""From attributed numbers to the record of an explanation."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Check, Exactness
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
    standard_errors : (n_samples, n_columns, n_scores), optional
        Of sampled values.
    checks
        Further checks, behind the one that the values add up.
    """
    schema, scores = rows.network.schema, rows.scores
    add_up = additivity(values, base_values, scores, tolerances)
    regions = regions_of_points(rows.network, rows.points)
    return Explanation(
        values=_in_shape(values, schema),
        base_values=_squeezed(base_values),
        scores=_squeezed(scores),
        data=rows.frame,
        view=rows.view,
        regions=regions.names[regions.rows],
        method=method,
        base_meaning=base_meaning,
        baseline=baseline,
        imputed=schema.imputed(rows.frame),
        exactness=exactness,
        certificate=Certificate((add_up, *checks)),
        shape=schema.shape,
        paired=paired,
        standard_errors=None if standard_errors is None else _in_shape(standard_errors, schema),
    )


def column_sums(schema: InputSchema) -> FloatArray:
    """The 0/1 matrix ``(n_inputs, n_columns)`` that adds a column's inputs up."""
    return np.asarray(
        schema.input_columns[:, None] == np.arange(schema.n_columns), dtype=np.float64
    )


def _squeezed(values: FloatArray) -> FloatArray:
    """Without the axis of scores where there is only one."""
    return values[..., 0] if values.shape[-1] == 1 else values


def _in_shape(values: FloatArray, schema: InputSchema) -> FloatArray:
    """Values of pictures in the shape of a picture."""
    values = _squeezed(values)
    if not schema.shape:
        return values
    return values.reshape(values.shape[0], *schema.shape, *values.shape[2:])
