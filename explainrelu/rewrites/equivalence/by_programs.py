"""Bound the difference of two networks by mixed-integer programs that share their inputs."""

from explainrelu.certificate import Check, Exactness, Status
from explainrelu.errors import SolverError
from explainrelu.milp.difference import largest_difference
from explainrelu.rewrites.equivalence.equivalence import Verdict
from explainrelu.rewrites.equivalence.question import Answer, Question

__all__ = ["by_programs"]

_NAME = "programs bound the difference"


def by_programs(question: Question) -> Answer:
    """The smallest and the largest difference of every score, or bounds of them.

    What a program proves holds up to the solver's own tolerances of feasibility.
    """
    lower, upper = question.interval()
    try:
        found = largest_difference(
            question.a,
            question.b,
            question.domain,
            time_limit=question.seconds_left,
            tolerances=question.tolerances,
        )
    except SolverError as error:
        return Answer(Verdict.UNDECIDED, lower, upper, None, (_check(question, None, str(error)),))
    verdict = question.verdict(found.lower, found.upper, found.witness)
    detail = f"{found.status} for {len(found.scores)} scores; witness replayed"
    check = _check(question, found.bound, detail, verdict)
    return Answer(verdict, found.lower, found.upper, found.witness, (check,))


def _check(
    question: Question, value: float | None, detail: str, verdict: Verdict = Verdict.UNDECIDED
) -> Check:
    status = {Verdict.EQUAL: Status.HOLDS, Verdict.DIFFERENT: Status.FAILS}
    return Check(
        _NAME,
        status.get(verdict, Status.UNDECIDED),
        float("nan") if value is None else value,
        float(question.tolerance.max(initial=0.0)),
        Exactness.BOUNDED,
        detail,
    )
