"""Compare two networks on each of their joint regions, where both are affine.

The regions of ``a - b`` as one network are the joint ones. On region ``r`` the difference is
``C_r x + d_r``; it lies within ``C_r c + d_r +- |C_r| h`` for the centre ``c`` and half-width ``h``
of the box, and a linear program over the region gives its ends where that is not enough.

What is thinner than ``t = tolerances.splitting``, in the box scaled to [-1, 1], is no region of
the search. A point in there lies within ``2 sqrt(d) t`` of a region that was compared, and so the
difference within ``2 sqrt(d) t |A| |W_L| ... |W_1| h`` of a value there, summed over both networks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, magnitudes
from explainrelu.certificate import Check, Exactness, Status
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.equivalence.equivalence import Verdict
from explainrelu.rewrites.equivalence.question import Answer, Question

__all__ = ["by_regions", "joint_regions"]

_MOST_PROGRAMS = 400  # linear programs that make the bounds tight


def by_regions(question: Question) -> Answer:
    """Compare the affine maps of all joint regions of the domain."""
    n_outputs = question.a.n_outputs
    lower, upper = np.full(n_outputs, np.inf), np.full(n_outputs, -np.inf)
    points, n_regions, stopped = [], 0, ""
    for found in joint_regions(question):
        n_regions += len(found)
        stopped = stopped or found.stopped
        ends = _Ends.of(found, question)
        points.append(ends.points)
        room = _slivers(question, found)
        lower = np.minimum(lower, ends.lower - room - question.rounding)
        upper = np.maximum(upper, ends.upper + room + question.rounding)
        if stopped:
            break
    point = question.farthest(np.concatenate(points)) if n_regions else None
    wide = question.interval()
    if stopped or not n_regions:
        lower, upper = wide
    else:
        lower, upper = np.maximum(lower, wide[0]), np.minimum(upper, wide[1])
    verdict = question.verdict(lower, upper, _as_row(question, point))
    return Answer(
        verdict,
        lower,
        upper,
        _as_row(question, point),
        (_check(question, verdict, lower, upper, n_regions, stopped),),
    )


def joint_regions(question: Question) -> Iterator[RegionSet]:
    """The joint regions, one set a combination of levels, until a limit ends the search."""
    thin = replace(question.tolerances, inradius=question.tolerances.splitting)
    left = question.max_regions
    for box in question.parts():
        if left < 1 or question.out_of_time:
            yield replace(_none(question, box), stopped="it had no time or regions left")
            return
        found = enumerate_regions(
            question.difference,
            box,
            max_regions=left,
            time_limit=question.seconds_left,
            tolerances=thin,
        )
        left -= len(found)
        yield found


def _none(question: Question, box: Box) -> RegionSet:
    """A set without regions."""
    network = question.difference
    empty = np.zeros((0, -(-network.n_neurons // 8)), dtype=np.uint8)
    points, none = np.zeros((0, network.n_inputs)), np.zeros(0, dtype=np.int64)
    return RegionSet(network, empty, points, box, False, "in no part of the box", none, none)


def _as_row(question: Question, point: FloatArray | None) -> FloatArray | None:
    """The point, where it is a row; else the row next to it."""
    return None if point is None else question.rows.nearest(point)


def _check(
    question: Question,
    verdict: Verdict,
    lower: FloatArray,
    upper: FloatArray,
    n_regions: int,
    stopped: str,
) -> Check:
    status = {Verdict.EQUAL: Status.HOLDS, Verdict.DIFFERENT: Status.FAILS}
    where = f"{n_regions:,} joint regions"
    if question.rows.choices and question.by_levels:
        where += " over all combinations of levels"
    elif question.rows.choices:
        where += " of the box, points between levels among them"
    detail = f"{where}; slivers thinner than {question.tolerances.splitting:g} by continuity"
    if stopped:
        detail = f"{where}, not all: {stopped}"
    value = float(np.maximum(np.abs(lower), np.abs(upper)).max(initial=0.0))
    return Check(
        "affine maps agree on joint regions",
        status.get(verdict, Status.UNDECIDED),
        value,
        float(question.tolerance.max(initial=0.0)),
        Exactness.BOUNDED,
        detail,
    )


def _slivers(question: Question, found: RegionSet) -> FloatArray:
    """What the difference can gain in slivers that were not compared: (n_outputs,)."""
    free = max(1, int((~found.domain.fixed).sum()))
    reach = 2.0 * float(np.sqrt(free)) * question.tolerances.splitting * (1 + found.skipped)
    half = found.domain.half_width
    gain: FloatArray = reach * (_steepest(question.a, half) + _steepest(question.b, half))
    return gain


def _steepest(network: ReluNetwork, half: FloatArray) -> FloatArray:
    """``|A| |W_L| ... |W_1| h``: the most a score changes over a box of half-width ``h``."""
    with np.errstate(over="ignore"):
        for layer in network.layers:
            half = np.asarray(magnitudes(layer.weight) @ half)
        found: FloatArray = np.abs(network.output.weight) @ half
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """Sound ends of the difference over some regions, and points that come near them."""

    lower: FloatArray
    upper: FloatArray
    points: FloatArray

    @classmethod
    def of(cls, found: RegionSet, question: Question) -> "_Ends":
        """By the box first, then by linear programs where that leaves more than is allowed."""
        box, n_outputs = found.domain, question.a.n_outputs
        lower, upper = np.full(n_outputs, np.inf), np.full(n_outputs, -np.inf)
        points = [found.witnesses]
        for rows, weight, bias in found.affine_map_chunks():
            middle = weight @ box.centre + bias
            radius = np.abs(weight) @ box.half_width
            here = np.einsum("rmi,ri->rm", weight, found.witnesses[rows]) + bias
            for sign in (-1.0, 1.0):
                limit = sign * middle + radius
                climb = _Climb(found, question, rows.start, sign * weight, sign * here, limit)
                top = sign * np.array([climb.top(k) for k in range(n_outputs)])
                lower = np.minimum(lower, top) if sign < 0 else lower
                upper = np.maximum(upper, top) if sign > 0 else upper
                points += climb.points
        return cls(lower, upper, np.vstack(points))


class _Climb:
    """The largest value of affine maps over their regions, the most promising region first."""

    def __init__(
        self,
        found: RegionSet,
        question: Question,
        first: int,
        weight: FloatArray,
        here: FloatArray,
        limit: FloatArray,
    ) -> None:
        self.found, self.question, self.first = found, question, first
        self.weight, self.here, self.limit = weight, here, limit
        self.points: list[FloatArray] = []

    def top(self, k: int) -> float:
        """No region lets score ``k`` rise above this."""
        limit, here = self.limit[:, k], self.here[:, k]
        if not limit.size:
            return -np.inf
        order = np.argsort(-limit)
        best, enough = float(here.max()), float(self.question.tolerance[k])
        for n_done, region in enumerate(order):
            highest = float(limit[region])
            if (
                highest <= max(best, enough)
                or n_done >= _MOST_PROGRAMS
                or (self.question.out_of_time)
            ):
                return max(best, highest)
            value = self._solve(int(region), k)
            best = max(best, min(highest, value))
        return best

    def _solve(self, region: int, k: int) -> float:
        """The largest value over one region; infinite where the program has no answer."""
        box, polytope = self.found.domain, self.found.region(self.first + region).polytope()
        free, half = ~box.fixed, box.half_width
        rows = polytope.weight[:, free] * half[free]
        bound = polytope.bound - polytope.weight @ box.centre
        cuts = rows.any(axis=1)
        ones = np.ones(int(free.sum()))
        program = LinearProgram(rows[cuts], bound[cuts], -ones, ones, self.question.tolerances)
        slope = self.weight[region, k]
        result: Any = program.maximise(slope[free] * half[free])
        if result.status is not LinearStatus.OPTIMAL:
            return np.inf
        point = box.centre.copy()
        point[free] += half[free] * result.point
        point = np.clip(point, box.lower, box.upper)
        self.points.append(point[None])
        centre = self.found.witnesses[self.first + region]
        rise = slope[free] @ (half[free] * result.point + box.centre[free] - centre[free])
        return float(self.here[region, k] + rise)
