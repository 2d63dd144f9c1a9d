"""Every numeric threshold of the package, with its meaning."""

from dataclasses import dataclass

__all__ = ["DEFAULT_TOLERANCES", "Tolerances"]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Thresholds, all relative to the scale of what they compare.

    Attributes
    ----------
    additivity
        Largest ``|base + sum(values) - score|`` an explanation may show, relative to
        ``max(1, |score|)``.
    agreement
        Largest difference between a float64 model's own scores and the imported
        network's, relative to the largest score (at least 1).
    single_agreement
        The same for a model computed in float32 (its own rounding, reported as drift).
    half_agreement
        The same for a model computed in float16 or bfloat16.
    rounding
        What float64 rounding may change in a sum, relative to the size of its terms.
    boundary
        A preactivation with ``|z| <= boundary * scale`` counts as lying on the neuron's
        zero set; ``scale`` is the sum of the absolute terms that made it.
    containment
        Slack allowed in ``A x <= b``, relative to the scale of the row.
    feasibility
        Primal and dual feasibility handed to the LP solver.
    redundancy
        A half-space is dropped only where the polytope stays further than this from
        its hyperplane, relative to the scale of the row over the domain.
    inradius
        A polytope whose inscribed radius, in a domain scaled to ``[-1, 1]``, is at most
        this is reported as not full-dimensional.
    splitting
        A neuron splits a polytope, in the domain scaled to ``[-1, 1]``, where it reaches farther
        than this into both sides. What lies between this and ``inradius`` is counted; what is
        thinner than this cannot be told from rounding.
    distance
        A distance to the boundary is reported as exact where its proven lower bound and the
        length of a replayed step lie no farther apart than this, relative to the length.

    Examples
    --------
    >>> Tolerances(boundary=1e-8).boundary
    1e-08
    """

    additivity: float = 1e-9
    agreement: float = 1e-9
    single_agreement: float = 1e-4
    half_agreement: float = 2e-2
    rounding: float = 1e-14
    boundary: float = 1e-9
    containment: float = 1e-9
    feasibility: float = 1e-9
    redundancy: float = 1e-9
    inradius: float = 1e-9
    splitting: float = 1e-12
    distance: float = 1e-6


DEFAULT_TOLERANCES = Tolerances()
