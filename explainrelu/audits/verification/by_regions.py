"""Search the linear regions of one box for a counterexample.

The constraints ``a @ y <= b`` of an alternative become the units of one more layer, rectified, so
that the search for regions splits by their signs as well: every region lies on one side of each,
and the alternative holds in one exactly where all of these units are inactive. No linear program
is needed where there is none.

What the search does not see, parts thinner than ``t`` on the box scaled to ``[-1, 1]^d`` and units
that reach no farther than that over their border, changes a form by at most ``room = t (2 sqrt(d) +
depth)`` times the most it changes over the box. Here ``t`` is ``tolerances.splitting``, or what the
solver allows itself above the number of inputs up to which doubts are settled in fractions. The
units ask for ``a @ y <= b + shift`` with a shift beyond ``room`` and rounding together, so that a
box without such a region has no counterexample in real numbers.
"""

from dataclasses import dataclass, replace

import numpy as np

from explainrelu.arrays import BoolArray, ByteArray, FloatArray, magnitudes
from explainrelu.audits.verification.constraints import Alternative
from explainrelu.audits.verification.question import Question, Witness
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import affine_maps, unpack
from explainrelu.regions.region import LinearRegion
from explainrelu.regions.search.tree import SearchTree

__all__ = ["Searched", "searched"]

_MOST_PROGRAMS = 8  # regions in which the deepest point is looked for
_CHUNK = 1 << 12  # regions between two looks at the clock
_EXACT_INPUTS = 10  # up to which the search settles doubts in fractions


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
    part, rounding = question.alternatives[k], question.rounding(k)
    if box.fixed.all():
        point = box.lower[None]
        least = float(question.excess(point)[0, k]) - rounding
        lower = least if least > 0 else -np.inf
        return Searched(lower, question.witness_among(point), 1, True)
    room = _room(question, box, k)
    shift = 4.0 * room + 2.0 * rounding
    network = _with_constraints(question.network, part, shift)
    tolerances = replace(question.tolerances, inradius=question.tolerances.splitting)
    tree = SearchTree(network, box, tolerances)
    n_regions, unsafe, witness = 0, list[ByteArray](), None
    for found in tree.regions(_CHUNK):
        n_regions += found.n_regions
        kept = _unsafe(network, found.patterns, part)
        unsafe.append(found.patterns[kept])
        witness = question.witness_among(_in_units(found.points[kept], box))
        beyond = max_regions is not None and n_regions > max_regions
        if witness is not None or beyond or question.out_of_time:
            break
    complete = tree.finished and not tree.n_lost
    patterns = np.concatenate([np.zeros((0, -(-network.n_neurons // 8)), np.uint8), *unsafe])
    if witness is None and len(patterns):
        deepest = _deepest(question, part, network, box, patterns[:_MOST_PROGRAMS])
        witness = question.witness_among(deepest)
    least = shift - room * (1 + tree.n_thin) - rounding
    proven = complete and not len(patterns) and least > 0
    return Searched(least if proven else -np.inf, witness, n_regions, complete)


def _room(question: Question, box: Box, k: int) -> float:
    """What a constraint can change in what the search does not see of a box."""
    steep = box.half_width
    for layer in question.network.layers:
        steep = np.asarray(magnitudes(layer.weight) @ steep)
    steep = np.abs(question.network.output.weight) @ steep
    most = float((np.abs(question.alternatives[k].weight) @ steep).max())
    depth, free = len(question.network.layers) + 1, int((~box.fixed).sum())
    thin = question.tolerances.splitting
    if free > _EXACT_INPUTS:
        thin = max(thin, 10.0 * question.tolerances.feasibility)
    return thin * (2.0 * float(np.sqrt(free)) + depth) * most


def _in_units(points: FloatArray, box: Box) -> FloatArray:
    """Points of the cube in the box's own units."""
    found = np.tile(box.centre, (len(points), 1))
    free = ~box.fixed
    found[:, free] += box.half_width[free] * points
    return np.clip(found, box.lower, box.upper)


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


def _unsafe(network: ReluNetwork, patterns: ByteArray, part: Alternative) -> BoolArray:
    """The regions in which every constraint holds."""
    bits = unpack(network, patterns)[:, -part.bound.size :]
    return np.asarray(~bits.any(axis=1), dtype=np.bool_)


def _deepest(
    question: Question, part: Alternative, network: ReluNetwork, box: Box, patterns: ByteArray
) -> FloatArray:
    """In each of some regions the point with the least excess: (n_points, n_inputs).

    With ``C x + d`` the scores there: the least ``t`` with ``a @ (C x + d) - b <= t``.
    """
    bits = unpack(network, patterns)[:, : question.network.n_neurons]
    weight, bias = affine_maps(question.network, np.packbits(bits, axis=1))
    points = []
    for i, pattern in enumerate(patterns):
        form, constant = part.weight @ weight[i], part.weight @ bias[i] - part.bound
        polytope = LinearRegion(network, pattern, box).polytope()
        point = _lowest(polytope, form, constant, question)
        if point is not None:
            points.append(point)
    return np.array(points).reshape(-1, question.network.n_inputs)


def _lowest(
    polytope: Polytope, form: FloatArray, constant: FloatArray, question: Question
) -> FloatArray | None:
    """Where in a polytope the largest of some forms is least, as the solver sees it."""
    box = polytope.box
    free, half = ~box.fixed, box.half_width
    weight = np.vstack([polytope.weight, form])
    rows, bound = weight[:, free] * half[free], np.r_[polytope.bound, -constant]
    bound = bound - weight @ box.centre
    last = np.zeros(len(rows))
    last[len(polytope.weight) :] = -1.0
    kept = rows.any(axis=1) | (last < 0)
    far = 1.0 + float(np.abs(bound).max(initial=0.0) + np.abs(rows).sum(axis=1).max(initial=0.0))
    ends = np.r_[np.ones(rows.shape[1]), far]
    program = LinearProgram(
        np.column_stack([rows, last])[kept], bound[kept], -ends, ends, question.tolerances
    )
    result = program.minimise(np.r_[np.zeros(rows.shape[1]), 1.0])
    if result.status is not LinearStatus.OPTIMAL:
        return None
    point: FloatArray = _in_units(result.point[None, :-1], box)[0]
    return point
