"""What is checked of the maximum of shallow networks against its source."""

from fractions import Fraction
from itertools import pairwise

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.geometry.box import Box
from explainrelu.network.exact import ExactArray, exact_forms, exact_pattern, exact_scores
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.rewrites.shallow_terms.terms import FrozenTerms
from explainrelu.tolerances import Tolerances

__all__ = ["certify_terms"]

_POINTS = 512
_VALUES = 1 << 18  # points times terms in float64
_EXACT_PRODUCTS = 60_000
_EXACT_POINTS = 4


def certify_terms(
    terms: FrozenTerms, domain: Box | None, places: FloatArray | None, tolerances: Tolerances
) -> Certificate:
    """The certificate of some terms as the maximum (or minimum) of their network.

    Parameters
    ----------
    terms
        The terms.
    domain
        Where equality is claimed; None for everywhere.
    places : (n_places, n_inputs), optional
        Points at which equality is claimed, in place of points drawn from the domain.

    Notes
    -----
    In float64 all terms at drawn points; in fractions some terms at a few points and, along a line
    through each, at the nearest point on a kink. Cost: at most about 2**18 terms evaluated in
    float64 and 60,000 products of integers, but one point of either kind at the least.
    """
    points = _drawn(terms.network, domain, places, max(1, _VALUES // max(1, len(terms))))
    return Certificate((_float_check(terms, points, tolerances), *_exact_checks(terms, points)))


def _drawn(
    network: ReluNetwork, domain: Box | None, places: FloatArray | None, most: int
) -> FloatArray:
    rng = np.random.default_rng(0)
    n_points = min(_POINTS, most)
    if places is not None:
        return places[rng.permutation(places.shape[0])[:n_points]]
    if domain is not None:
        return domain.sample(n_points, rng)
    # near the origin and far from it: the claim has no domain
    reach = 10.0 ** rng.uniform(-1, 3, size=(n_points, 1))
    drawn: FloatArray = reach * rng.normal(size=(n_points, network.n_inputs))
    return drawn


def _float_check(terms: FrozenTerms, points: FloatArray, tolerances: Tolerances) -> Check:
    which = "smallest" if terms.upper else "largest"
    return scores_check(
        f"the {which} term equals the source",
        terms.best(points)[0],
        terms.network.forward(points),
        term_size=largest_term(terms.network, points),
        tolerances=tolerances,
        exactness=Exactness.ESTIMATED,
        detail=f"{points.shape[0]} points, all {len(terms)} terms, float64",
    )


def _exact_checks(terms: FrozenTerms, points: FloatArray) -> list[Check]:
    """No term passes the source, and the term of the point's own pattern attains it."""
    n_terms = max(1, _EXACT_PRODUCTS // (2 * _EXACT_POINTS * _size(terms.network)))
    chosen = np.random.default_rng(1).permutation(len(terms))[:n_terms].tolist()
    passed = missed = n_points = 0
    for seed, centre in enumerate(points[:_EXACT_POINTS]):
        own, near = _centre_and_kink(terms.network, centre, seed)
        speaking = _term_of(terms, own)
        for point in near:
            scores = exact_scores(terms.network, point).fractions()
            values = [terms.exact_values(t, point) for t in chosen]
            passed += sum(_passes(terms, value, scores) for value in values)
            attained = speaking is not None and terms.exact_values(speaking, point) == scores
            missed += not attained
            n_points += 1
    detail = f"{n_points} points, half of them on a kink, fractions"
    side = "falls below" if terms.upper else "exceeds"
    some = f"{len(chosen)} of {len(terms)} terms at {detail}"
    return [
        Check.at_most(f"no term {side} the source", passed, 0, Exactness.EXACT, some),
        Check.at_most("the term of the pattern attains it", missed, 0, Exactness.EXACT, detail),
    ]


def _passes(terms: FrozenTerms, value: list[Fraction], scores: list[Fraction]) -> bool:
    if terms.upper:
        return any(v < f for v, f in zip(value, scores, strict=True))
    return any(v > f for v, f in zip(value, scores, strict=True))


def _term_of(terms: FrozenTerms, pattern: BoolArray) -> int | None:
    """The term of a pattern's frozen part, None where it is not listed."""
    found = np.flatnonzero((terms.bits == pattern[: terms.bits.shape[1]]).all(axis=1))
    return int(found[0]) if found.size else None


def _centre_and_kink(
    network: ReluNetwork, centre: FloatArray, seed: int
) -> tuple[BoolArray, list[ExactArray]]:
    """The pattern of a point, and the point with one on the border of its region."""
    point = ExactArray.of(centre)
    pattern = exact_pattern(network, point)
    (weight, bias), _ = exact_forms(network, pattern)
    steps = np.random.default_rng(seed).integers(-9, 10, network.n_inputs)
    direction = ExactArray.of((steps).tolist())
    heights, slopes = (weight @ point + bias).fractions(), (weight @ direction).fractions()
    times = [-z / s for z, s in zip(heights, slopes, strict=True) if s != 0 and z * s < 0]
    if not times:
        return pattern, [point]
    time: Fraction = min(times)
    step = ExactArray(direction.integers * time.numerator, direction.denominator * time.denominator)
    return pattern, [point, point + step]


def _size(network: ReluNetwork) -> int:
    """Products of integers in one forward pass."""
    widths = (network.n_inputs, *network.widths)
    return 1 + sum(a * b for a, b in pairwise(widths))
