"""Refute by drawn rows: they can show a difference and prove nothing."""

import numpy as np

from explainrelu.certificate import Check, Exactness, Status
from explainrelu.rewrites.equivalence.equivalence import Verdict
from explainrelu.rewrites.equivalence.question import Answer, Question

__all__ = ["by_points"]


def by_points(question: Question) -> Answer:
    """Compare the scores at the rows that were drawn."""
    point = question.farthest(question.points)
    gap = np.abs(question.differences(point[None]))[0]
    different = (gap > question.tolerance).any()
    check = Check(
        "scores agree at drawn rows",
        Status.FAILS if different else Status.HOLDS,
        float(gap.max(initial=0.0)),
        float(question.tolerance.max(initial=0.0)),
        Exactness.ESTIMATED,
        f"{len(question.points):,} drawn rows"
        + (", replayed" if different else ", which prove nothing by themselves"),
    )
    verdict = Verdict.DIFFERENT if different else Verdict.UNDECIDED
    return Answer(verdict, *question.interval(), point, (check,))
