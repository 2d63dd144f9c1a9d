"""Search the linear regions of one box for a counterexample.

The constraints ``a @ y <= b`` of an alternative become the units of one more layer, rectified, so
that the search for regions splits by their signs as well: every region lies on one side of each,
and the alternative holds in one exactly where all of these units are inactive. No linear program
is needed where there is none.

What the search leaves out, slivers thinner than ``t = tolerances.splitting`` on the box scaled to
``[-1, 1]^d``, and units that reach no farther than that over their border, change a form by at most
``t (2 sqrt(d) (1 + skipped) + depth)`` times the most it changes over the box. The units ask for
``a @ y <= b + shift`` with a shift of twice that and rounding together, so that a box without such
a region has no counterexample in real numbers.
"""

from dataclasses import dataclass, replace

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, magnitudes
from explainrelu.audits.verification.constraints import Alternative
from explainrelu.audits.verification.question import Question, Witness
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import affine_maps, unpack
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.region_set import RegionSet

__all__ = ["Searched", "searched"]

_MOST_PROGRAMS = 8  # regions in which the deepest point is looked for


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What a search of one box for one alternative came to.

    Attributes
    ----------
    lower
        The excess is nowhere in the box smaller; minus infinity where nothing is proven.
    witness
        A counterexample, if one was met.
    n_regions
        Regions met.
    complete
        Whether the whole box was searched: without a proof and without a witness it then holds
        points within rounding of a counterexample.
    """

    lower: float
    witness: Witness | None
    n_regions: int
    complete: bool


def searched(question: Question, box: Box, k: int, max_regions: int | None) -> Searched:
    """Search a box for the ``k``-th alternative."""
    part, room = question.alternatives[k], _room(question, box, k)
    shift = 2.0 * (room + question.rounding(k))
    found = enumerate_regions(
        _with_constraints(question.network, part, shift),
        box,
        max_regions=max_regions,
        time_limit=question.seconds_left,
        tolerances=replace(question.tolerances, inradius=question.tolerances.splitting),
    )
    unsafe = _unsafe(found, part)
    witness = question.witness_among(found.witnesses[unsafe][:100_000])
    if witness is None and unsafe.any():
        witness = question.witness_among(_deepest(question, part, found, np.flatnonzero(unsafe)))
    if witness is not None:
        return Searched(-np.inf, witness, len(found), found.complete)
    enough = shift - room * (1 + found.skipped) - question.rounding(k)
    proven = found.complete and not unsafe.any() and enough > 0
    return Searched(enough if proven else -np.inf, None, len(found), found.complete)


def _room(question: Question, box: Box, k: int) -> float:
    """What a constraint can change in what the search leaves out of a box."""
    steep = box.half_width
    for layer in question.network.layers:
        steep = np.asarray(magnitudes(layer.weight) @ steep)
    steep = np.abs(question.network.output.weight) @ steep
    most = float((np.abs(question.alternatives[k].weight) @ steep).max())
    depth, free = len(question.network.layers) + 1, max(1, int((~box.fixed).sum()))
    return question.tolerances.splitting * (2.0 * float(np.sqrt(free)) + depth) * most


def _with_constraints(network: ReluNetwork, part: Alternative, shift: float) -> ReluNetwork:
    """The network with one more layer: a rectified unit ``a @ y - b - shift`` a constraint."""
    size = part.bound.size
    weight = part.weight @ network.output.weight
    bias = part.weight @ network.output.bias - part.bound - shift
    last = Layer(weight, bias, np.ones(size, dtype=np.bool_))
    return replace(
        network,
        layers=(*network.layers, last),
        output=AffineMap(np.eye(size), np.zeros(size)),
        outputs=OutputSchema.numbered(size),
    )


def _unsafe(found: RegionSet, part: Alternative) -> BoolArray:
    """The regions in which every constraint holds."""
    bits = unpack(found.network, found.patterns)
    return np.asarray(~bits[:, -part.bound.size :].any(axis=1), dtype=np.bool_)


def _deepest(
    question: Question,
    part: Alternative,
    found: RegionSet,
    regions: "np.ndarray[tuple[int], np.dtype[np.int64]]",
) -> FloatArray:
    """In each of some regions the point with the least excess: (n_points, n_inputs).

    With ``C x + d`` the scores there: the least ``t`` with ``a @ (C x + d) - b <= t``.
    """
    excess = part.excess(question.network.forward(found.witnesses[regions]))
    points = []
    for region in regions[np.argsort(excess)[:_MOST_PROGRAMS]]:
        bits = unpack(found.network, found.patterns[[region]])[:, : question.network.n_neurons]
        weight, bias = affine_maps(question.network, np.packbits(bits, axis=1))
        form, constant = part.weight @ weight[0], part.weight @ bias[0] - part.bound
        point = _lowest(found, int(region), form, constant, question)
        if point is not None:
            points.append(point)
    return np.array(points).reshape(-1, question.network.n_inputs)


def _lowest(
    found: RegionSet, region: int, form: FloatArray, constant: FloatArray, question: Question
) -> FloatArray | None:
    box, polytope = found.domain, found.region(region).polytope()
    free, half = ~box.fixed, box.half_width
    n_free = int(free.sum())
    rows = np.vstack([polytope.weight, form])[:, free] * half[free]
    bound = np.r_[polytope.bound, -constant] - np.vstack([polytope.weight, form]) @ box.centre
    last = np.zeros((len(rows), 1))
    last[len(polytope.weight) :] = -1.0
    kept = rows.any(axis=1) | (last[:, 0] < 0)
    ends = np.ones(n_free)
    far = 2.0 * float(np.abs(bound).max(initial=0.0) + np.abs(rows).sum(axis=1).max(initial=0.0))
    program = LinearProgram(
        np.hstack([rows, last])[kept],
        bound[kept],
        np.r_[-ends, -far - 1.0],
        np.r_[ends, far + 1.0],
        question.tolerances,
    )
    result = program.minimise(np.r_[np.zeros(n_free), 1.0])
    if result.status is not LinearStatus.OPTIMAL:
        return None
    point = box.centre.copy()
    point[free] += half[free] * result.point[:n_free]
    return np.clip(point, box.lower, box.upper)
