"""Look for a counterexample at drawn rows, and uphill from them: it proves nothing."""

import numpy as np

from explainrelu.audits.verification.question import Answer, Question
from explainrelu.milp.climbing import climbed
from explainrelu.milp.rows import RowSpace

__all__ = ["by_points"]

_N_POINTS = 2_000  # rows drawn, all boxes together
_MOST_BOXES = 200  # boxes from which rows are drawn


def by_points(question: Question) -> Answer:
    """Rows drawn from each box, then climbing towards each constraint and all of them at once."""
    network, levels = question.network, bool(question.branching.choices)
    output = network.output
    boxes = question.boxes[:_MOST_BOXES]
    for box in boxes:
        rows = RowSpace.of(network.schema, box, levels=levels)
        points = rows.sample(max(16, _N_POINTS // len(boxes)), question.rng)
        points[0] = rows.nearest(box.centre)
        witness = question.witness_among(points)
        for part in question.alternatives:
            if witness is not None or question.out_of_time:
                break
            towards = -np.vstack([part.weight, part.weight.sum(axis=0)])
            form, bias = towards @ output.weight, towards @ output.bias
            found, _ = climbed(network.layers, rows, form, bias, points)
            witness = question.witness_among(found)
        if witness is not None or question.out_of_time:
            return Answer(question.unknown, witness, open="rows prove nothing", how="drawn rows")
    return Answer(question.unknown, open="drawn rows prove nothing", how="drawn rows")
