"""A ReLU network from a piecewise-linear function that is given by its pieces."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.certificate import Certificate, Exactness
from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.regions.region_set import RegionSet
from explainrelu.regions.segments import segment_pieces
from explainrelu.rewrites.maxima.knots import interpolated, knots_network
from explainrelu.rewrites.maxima.lattice import affine_functions, lattice_sets
from explainrelu.rewrites.maxima.signed import lattice_maxima, small_maxima
from explainrelu.rewrites.maxima.tree import maxima_network
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["from_pieces"]

_MAX_PIECES = 12
_POINTS = 512
_Chain = tuple[tuple[Layer, ...], AffineMap]
_Maxima = tuple[FloatArray, FloatArray, dict[int, int]]


def from_pieces(
    regions: RegionSet | None = None,
    *,
    knots: npt.ArrayLike | None = None,
    values: npt.ArrayLike | None = None,
    slopes: npt.ArrayLike = (0.0, 0.0),
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    sets: Sequence[Sequence[int]] | None = None,
    max_pieces: int = _MAX_PIECES,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """A ReLU network of few layers that equals a given piecewise-linear function.

    The function is given in one of three ways:

    - ``knots`` and ``values``: one input, linear between the knots and with the given ``slopes``
      left and right of them;
    - ``weight``, ``bias`` and ``sets``: ``f(x) = max_j min_{i in S_j} (weight_i @ x + bias_i)``;
    - ``regions``: the function of a network on the domain of a complete set of its regions.

    Parameters
    ----------
    regions
        All regions of a box, as :func:`explainrelu.enumerate_regions` gives them.
    knots, values : (n_knots,)
        Strictly increasing places, and the values there.
    slopes : (2,)
        Left of the first knot and right of the last; flat by default.
    weight : (n_functions, n_inputs)
    bias : (n_functions,)
    sets
        ``S_j``, each a sequence of positions of functions.
    max_pieces
        The most affine functions of an output; ``2 ** max_pieces`` maxima may arise of them.

    Returns
    -------
    ReluNetwork
        With ``d`` inputs at most ``ceil(log2(d + 1))`` hidden layers, every unit rectified: at most
        ``ceil(log2(d + 1)) + 1`` layers with the output's. Of one input one hidden layer with at
        most ``p`` units for ``p`` pieces, ``p - 1`` where an end is flat. Its ``.certificate`` says
        how it was compared with the pieces. Of regions it equals their network on the domain only.

    Raises
    ------
    ArgumentError, InputTypeError
        Where not exactly one way is used, or its arrays do not fit each other.
    SizeError
        For more affine functions than ``max_pieces``.

    Notes
    -----
    Exact up to float64 rounding of the weights: maxima of more than ``d + 1`` functions are reduced
    to smaller ones by dependences that are found in fractions. The number of maxima, and so of
    units, may grow as ``2**n_functions``. The depth is not the least possible: Bakaev et al. 2025
    need about ``log_3``.

    References
    ----------
    Arora, Basu, Mianjy, Mukherjee 2018, theorems 2.1 and 2.2, by Wang and Sun 2005; the reduction
    in :mod:`explainrelu.rewrites.maxima.signed` is that of Koutschan et al. 2023.

    Examples
    --------
    >>> hat = from_pieces(knots=[0.0, 1.0, 2.0], values=[0.0, 1.0, 0.0])
    >>> hat([[-1.0], [0.5], [1.0], [5.0]]), hat.widths
    (array([0. , 0.5, 1. , 0. ]), (3,))
    >>> plane = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]
    >>> cone = from_pieces(weight=plane, bias=[0.0, 0.0, 0.0], sets=[[0], [1], [2]])
    >>> cone([[2.0, 1.0], [-3.0, 1.0]]), len(cone.layers), cone.certificate.holds
    (array([2., 2.]), 2, True)
    """
    ways = {
        "regions": regions is not None,
        "knots and values": knots is not None or values is not None,
        "weight, bias and sets": not (weight is None and bias is None and sets is None),
    }
    used = [name for name, given in ways.items() if given]
    if len(used) != 1:
        raise ArgumentError(
            f"from_pieces takes one of {', or '.join(ways)}, got {' and '.join(used) or 'none'}."
        )
    if regions is not None:
        return _from_regions(regions, max_pieces, tolerances)
    if knots is not None or values is not None:
        return _from_knots(knots, values, slopes, tolerances)
    return _from_sets(weight, bias, sets, max_pieces, tolerances)


def _from_knots(
    knots: npt.ArrayLike | None,
    values: npt.ArrayLike | None,
    slopes: npt.ArrayLike,
    tolerances: Tolerances,
) -> ReluNetwork:
    if knots is None or values is None:
        raise ArgumentError("knots and values belong together, got one of them only.")
    x, y = frozen_floats(knots, 1, "knots"), frozen_floats(values, 1, "values")
    ends = frozen_floats(slopes, 1, "slopes")
    if x.size == 0 or x.shape != y.shape or ends.shape != (2,):
        raise ArgumentError(
            "There must be at least one knot, one value a knot and two slopes, got "
            f"{x.size} knots, {y.size} values and {ends.size} slopes."
        )
    if (np.diff(x) <= 0).any():
        raise ArgumentError("knots must increase strictly. Sort them, and give each once.")
    chain = knots_network(x, y[:, None], ends[:, None], negligible=tolerances.rounding)
    network = _network(chain, InputSchema.numbered(1), OutputSchema.numbered(1), "knots")
    reach = max(float(x[-1] - x[0]), 1.0)
    middle = 0.5 * (x[:-1] + x[1:])
    points = np.concatenate([x, middle, [x[0] - reach, x[-1] + reach]])
    own = interpolated(points, x, y[:, None], ends[:, None])
    detail = f"{x.size} knots, and a point of each of {x.size + 1} pieces"
    return _checked(network, points[:, None], own, detail, tolerances)


def _from_sets(
    weight: npt.ArrayLike | None,
    bias: npt.ArrayLike | None,
    sets: Sequence[Sequence[int]] | None,
    max_pieces: int,
    tolerances: Tolerances,
) -> ReluNetwork:
    if weight is None or bias is None or sets is None:
        raise ArgumentError("weight, bias and sets belong together, got some of them only.")
    w, b = frozen_floats(weight, 2, "weight"), frozen_floats(bias, 1, "bias")
    if b.shape != w.shape[:1] or b.size == 0 or w.shape[1] == 0:
        raise ArgumentError(
            f"weight must be (n_functions, n_inputs) and bias (n_functions,), got {w.shape} and "
            f"{b.shape}."
        )
    whole = all(isinstance(i, Integral) for s in sets for i in s)
    lists = [sorted({int(i) for i in s}) for s in sets] if whole else []
    if not lists or any(not s or s[0] < 0 or s[-1] >= b.size for s in lists):
        raise ArgumentError(
            f"sets must be nonempty lists of positions from 0 to {b.size - 1}, at least one."
        )
    if b.size > max_pieces:
        raise SizeError(
            f"{b.size} affine functions can make 2**{b.size} = {2**b.size:,} maxima, each of some "
            f"units; max_pieces={max_pieces} is the most. Leave out functions that are never "
            "attained, or raise max_pieces."
        )
    maxima = small_maxima(lattice_maxima(map(_bits, lists), b.size), w, b)
    chain = _stacked([(w, b, maxima)])
    schemas = InputSchema.numbered(w.shape[1]), OutputSchema.numbered(1)
    network = _network(chain, *schemas, "a maximum of minima")
    rng = np.random.default_rng(0)
    points = 10.0 ** rng.uniform(-1, 2, (_POINTS, 1)) * rng.normal(size=(_POINTS, w.shape[1]))
    heights = points @ w.T + b
    own = np.max([heights[:, s].min(axis=1) for s in lists], axis=0)[:, None]
    detail = f"{_POINTS} points near the origin and far from it"
    return _checked(network, points, own, detail, tolerances)


def _from_regions(regions: RegionSet, max_pieces: int, tolerances: Tolerances) -> ReluNetwork:
    if not isinstance(regions, RegionSet):
        raise InputTypeError(
            f"regions must be a RegionSet, got {type(regions).__qualname__}. "
            "enumerate_regions(model, domain) makes one."
        )
    if not regions.complete or len(regions) == 0:
        raise ArgumentError(
            "The regions must be all of a box, for else the function is known on a part only; got "
            f"{regions!r}. enumerate_regions(model, domain) without limits finds them all."
        )
    source = regions.network
    chain = _line_chain(regions, tolerances) if source.n_inputs == 1 else None
    if chain is None:
        parts: list[_Maxima] = []
        for output in range(source.n_outputs):
            w, b = affine_functions(regions, output, max_pieces, tolerances)
            lattice = lattice_sets(regions, w, b, output, tolerances)
            parts.append((w, b, small_maxima(lattice_maxima(lattice, b.size), w, b)))
        chain = _stacked(parts)
    network = _network(chain, source.schema, source.outputs, f"{len(regions)} regions")
    drawn = regions.domain.sample(_POINTS, np.random.default_rng(0))
    points = np.concatenate([drawn, regions.witnesses])
    detail = f"{_POINTS} points drawn from the domain, and one of each of {len(regions)} regions"
    return _checked(network, points, source.forward(points), detail, tolerances)


def _line_chain(regions: RegionSet, tolerances: Tolerances) -> _Chain | None:
    """One input: the knots are where the formula changes along the domain; None for a point."""
    box = regions.domain
    if box.fixed.any():
        return None
    found = segment_pieces(regions.network, box.lower[None], box.upper[None], tolerances=tolerances)
    x = box.lower[0] + found.breakpoints * (box.upper[0] - box.lower[0])
    y = found.values
    ends = (y[[1, -1]] - y[[0, -2]]) / (x[[1, -1]] - x[[0, -2]])[:, None]
    return knots_network(x, y, ends, negligible=tolerances.containment)


def _stacked(parts: Sequence[_Maxima]) -> _Chain:
    """The maxima of every output in one network."""
    sets: list[tuple[int, ...]] = []
    columns: list[FloatArray] = []
    start = 0
    for output, (_, bias, maxima) in enumerate(parts):
        for members, coefficient in maxima.items():
            sets.append(tuple(start + i for i in range(bias.size) if members >> i & 1))
            column = np.zeros(len(parts))
            column[output] = coefficient
            columns.append(column)
        start += bias.size
    weight = np.concatenate([w for w, _, _ in parts])
    bias = np.concatenate([b for _, b, _ in parts])
    return maxima_network(weight, bias, sets, np.array(columns).T, np.zeros(len(parts)))


def _network(chain: _Chain, schema: InputSchema, outputs: OutputSchema, what: str) -> ReluNetwork:
    return ReluNetwork(*chain, schema, outputs, Origin(f"pieces ({what})"))


def _checked(
    network: ReluNetwork,
    points: FloatArray,
    own: FloatArray,
    detail: str,
    tolerances: Tolerances,
) -> ReluNetwork:
    check = scores_check(
        "the network equals the pieces",
        network.forward(points),
        own,
        term_size=largest_term(network, points),
        tolerances=tolerances,
        exactness=Exactness.ESTIMATED,
        detail=f"{detail}, float64",
    )
    return replace(network, certificate=Certificate((check,)))


def _bits(positions: Sequence[int]) -> int:
    return sum(1 << i for i in positions)
