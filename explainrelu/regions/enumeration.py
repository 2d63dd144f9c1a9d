"""Every linear region of a network in a box."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import check_domain
from explainrelu.regions.region_set import RegionSet
from explainrelu.regions.search.run import Limits, Progress, Prune, SearchRun
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RegionCount", "count_regions", "enumerate_regions"]


@dataclass(frozen=True, slots=True)
class RegionCount:
    """How many linear regions a search found.

    Attributes
    ----------
    n_regions
        Regions found.
    complete
        Whether these are all of the box.
    stopped
        Why not, in words; "" where they are.
    skipped
        Regions left out because they are thinner than the tolerance.
    """

    n_regions: int
    complete: bool
    stopped: str
    skipped: int


def enumerate_regions(
    model: Any,
    domain: Box,
    *,
    max_regions: int | None = None,
    time_limit: float | None = None,
    n_jobs: int | None = 1,
    prune: Prune | None = None,
    progress: Progress | bool | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> RegionSet:
    """All linear regions of a model in a box.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs. Inputs with equal bounds are held fixed.
    max_regions
        Stop where so many are found and more are left.
    time_limit
        Stop after so many seconds.
    n_jobs
        Parts searched side by side, as joblib counts them, in threads (with ``prune`` in
        processes); ``joblib.parallel_config`` chooses another place, such as a cluster. The
        result does not depend on it.
    prune
        Called with each :class:`SearchNode` where a layer is entered; True leaves out all regions
        in it. A sound test (say, bounds of the score over the node) keeps what remains exact. For
        several processes it must be picklable.
    progress
        Called now and then with the number of regions found so far; True shows a bar.
    tolerances
        ``splitting``: a border cuts where it reaches farther than this into both sides.
        ``inradius``: a region whose inscribed ball is not larger is left out and counted in
        ``skipped``. Both in the box scaled to ``[-1, 1]``.

    Returns
    -------
    RegionSet
        In the order of the search, each with a point inside it. ``complete`` says whether these
        are all regions of the box that are thicker than the tolerance; where it is False
        ``stopped`` says why.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the model's inputs, and for limits below 1.

    Notes
    -----
    Exact up to float64 rounding: the search splits wherever a neuron reaches beyond
    ``splitting`` on both sides, and each leaf is one region. That a neuron does not cut is believed
    by a dual bound alone, that it does by a point with room around it; what rounding leaves in
    doubt is decided in fractions (up to ten free inputs; by HiGHS above). What is thinner than
    ``splitting``, or than the rounding of the network's own sums, cannot be told from nothing and
    is neither listed nor counted.
    Carried units never split. Cost: about three to five walks of a warm simplex a region, of one or
    two pivots each, a pivot being O(m d) for the ``m`` borders on the way to it. Memory beyond the
    result does not grow with the number of regions.

    References
    ----------
    T. Serra, C. Tjandraatmadja, S. Ramalingam, "Bounding and counting linear regions of deep
    neural networks", ICML 2018.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, -1.0], [0.0]])
    >>> found = enumerate_regions(network, Box([-2.0], [2.0]))
    >>> len(found), found.complete
    (3, True)
    """
    network = _network(model, domain)
    limits = Limits(max_regions, time_limit)
    run = SearchRun(network, domain, limits, prune, tolerances)
    patterns = [np.zeros((0, (network.n_neurons + 7) // 8), dtype=np.uint8)]
    points = [np.zeros((0, network.n_inputs))]
    for chunk in run.chunks(n_jobs, progress):
        patterns.append(chunk.patterns)
        points.append(chunk.points)
    witnesses, found = np.concatenate(points), np.concatenate(patterns)
    del patterns, points  # a million regions need not lie in memory twice
    return RegionSet(
        network=network,
        patterns=found,
        witnesses=witnesses,
        domain=domain,
        complete=not run.stopped,
        found_by="in a part of the box" if run.stopped else "in the whole box",
        counts=np.zeros(witnesses.shape[0], dtype=np.int64),
        rows=np.zeros(0, dtype=np.int64),
        skipped=run.skipped,
        stopped=run.stopped,
    )


def count_regions(
    model: Any,
    domain: Box,
    *,
    max_regions: int | None = None,
    time_limit: float | None = None,
    n_jobs: int | None = 1,
    prune: Prune | None = None,
    progress: Progress | bool | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> RegionCount:
    """The number of linear regions of a model in a box; nothing is stored.

    The arguments are those of :func:`enumerate_regions`, and it is as exact.

    Examples
    --------
    >>> lines = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> network = ReluNetwork.from_weights([lines, np.ones((1, 3))], [np.zeros(3), [0.0]])
    >>> count_regions(network, Box([-1, -1], [1, 1])).n_regions
    6
    """
    network = _network(model, domain)
    limits = Limits(max_regions, time_limit)
    run = SearchRun(network, domain, limits, prune, tolerances)
    n_regions = sum(chunk.n_regions for chunk in run.chunks(n_jobs, progress, store=False))
    return RegionCount(n_regions, not run.stopped, run.stopped, run.skipped)


def _network(model: Any, domain: Box) -> ReluNetwork:
    network = import_model(model)
    check_domain(domain, network.n_inputs, network.schema)
    return network
