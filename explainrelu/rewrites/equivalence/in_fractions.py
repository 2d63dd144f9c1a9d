"""Compare two networks on each joint region without rounding."""

from fractions import Fraction

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Check, Exactness, Status
from explainrelu.network.exact import ExactArray, exact_forms, exact_pattern, exact_scores
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.verification import certify
from explainrelu.rewrites.equivalence.by_regions import joint_regions
from explainrelu.rewrites.equivalence.equivalence import Verdict
from explainrelu.rewrites.equivalence.question import Answer, Question

__all__ = ["in_fractions"]

_STEPS = 40  # halvings of the step away from where two formulas meet


def in_fractions(question: Question) -> Answer:
    """Compare the affine maps of all joint regions as fractions.

    Equal only where every map is equal to the last digit and the regions are certified, in
    fractions too, to leave no gap.
    """
    n_regions, status, stopped = 0, Status.HOLDS, ""
    for found in joint_regions(question):
        for point in found.witnesses:
            apart = _differs_near(question, point, found.domain.half_width)
            if apart is not None and question.rows.choices and not question.by_levels:
                status = Status.UNDECIDED  # a point between levels, which is no row
            elif apart is not None:
                detail = f"the formulas differ on joint region {n_regions}"
                return _answer(question, Verdict.DIFFERENT, apart, Status.FAILS, detail)
            n_regions += 1
        stopped = stopped or found.stopped
        if stopped:
            break
        proof = certify(
            found, exact=True, max_checked=max(1, len(found)), tolerances=question.tolerances
        )
        status = status if proof.holds else Status.UNDECIDED
    detail = f"{n_regions:,} joint regions, every formula the same"
    if stopped:
        detail, status = f"{detail}, but not all: {stopped}", Status.UNDECIDED
    elif status is not Status.HOLDS:
        detail = (
            f"{n_regions:,} joint regions; that every row lies in an equal one is not certified"
        )
    verdict = Verdict.EQUAL if status is Status.HOLDS else Verdict.UNDECIDED
    return _answer(question, verdict, None, status, detail)


def _answer(
    question: Question, verdict: Verdict, point: FloatArray | None, status: Status, detail: str
) -> Answer:
    lower, upper = question.interval()
    if verdict is Verdict.EQUAL:
        lower, upper = np.zeros_like(lower), np.zeros_like(upper)
    value = float("nan") if verdict is Verdict.UNDECIDED else 0.0
    if point is not None:
        value = float(max(abs(gap) for gap in _gap(question, point)))
    check = Check("affine maps are equal in fractions", status, value, 0.0, Exactness.EXACT, detail)
    return Answer(verdict, lower, upper, point, (check,))


def _differs_near(question: Question, point: FloatArray, half: FloatArray) -> FloatArray | None:
    """A point of the region with different scores; None where the two formulas are equal."""
    if any(_gap(question, point)):
        return point
    mine, other = (_slope(network, point) for network in (question.a, question.b))
    slope = mine + ExactArray(-other.integers, other.denominator)
    moving = slope.integers.astype(bool) & (half > 0)
    if not moving.any():
        return None  # equal here, and nothing that is free changes it
    row = int(moving.any(axis=1).argmax())
    way = np.where(moving[row], np.sign(slope.integers[row].astype(np.float64)), 0.0) * half
    for k in range(1, _STEPS):
        for sign in (1.0, -1.0):
            near = np.clip(
                point + sign * way * 2.0**-k, question.domain.lower, question.domain.upper
            )
            if any(_gap(question, near)):
                return near
    return None


def _slope(network: ReluNetwork, point: FloatArray) -> ExactArray:
    pattern = exact_pattern(network, ExactArray.of(point))
    return exact_forms(network, pattern)[1][0]


def _gap(question: Question, point: FloatArray) -> list[Fraction]:
    """``a - b`` at a point, without rounding."""
    x = ExactArray.of(point)
    mine, other = (exact_scores(network, x) for network in (question.a, question.b))
    gap: list[Fraction] = (mine + ExactArray(-other.integers, other.denominator)).fractions()
    return gap
