"""Volumes and vertices of polytopes: exact in few dimensions, estimated in many.

All is computed in the box scaled to ``[-1, 1]`` with the fixed inputs eliminated, and is relative
to the free ones: a volume is an area where two inputs are free.
"""

from dataclasses import dataclass
from math import lgamma, log, pi

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.geometry.vertices import cut_cubes, cut_vertices
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["EXACT_INPUTS", "Volume", "cube_halfspaces", "vertices", "volume", "volumes"]

EXACT_INPUTS = 6
"""Free inputs up to which a volume is computed exactly."""

_VERTEX_INPUTS = 10  # a box of so many inputs has 1024 corners, and a few cuts many more
_CONSTANT = 1e-14  # a row of this length, relative to its terms, is rounding
_CHAINS = 128  # random walks that find out how a polytope is stretched
_NORMAL_DRAWS = 1 << 14  # rays at a time


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume and how certain it is.

    Attributes
    ----------
    value
        In the product of the free inputs' units; 1 for a point where no input is free.
    error
        Standard error of an estimate; 0 where it is exact.
    exactness
        ``exact`` up to float64 rounding, or ``estimated``.
    """

    value: float
    error: float
    exactness: Exactness


def vertices(polytope: Polytope, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> FloatArray:
    """The vertices of a polytope.

    Returns
    -------
    (n_vertices, n_inputs)
        Exact up to rounding; vertices closer than ``tolerances.redundancy`` may be one. None where
        the polytope is empty or thinner than that.

    Raises
    ------
    SizeError
        For more than ten free inputs.

    Notes
    -----
    Double description (:mod:`explainrelu.geometry.vertices`): milliseconds up to six inputs.

    Examples
    --------
    >>> cut = Polytope(np.array([[1.0, 1.0]]), np.array([1.0]), Box([0, 0], [1, 1]))
    >>> vertices(cut).shape
    (3, 2)
    """
    box = polytope.box
    free = ~box.fixed
    if free.sum() > _VERTEX_INPUTS:
        raise SizeError(
            f"Vertices are listed for at most {_VERTEX_INPUTS} free inputs, got {free.sum()}. Fix "
            "some inputs of the box, or ask for ranges() instead."
        )
    weight, bound = cube_halfspaces(polytope.weight[None], polytope.bound[None], box)
    if not free.any():
        return box.centre[None][: int((bound >= 0).all())]
    corners = cut_vertices(weight[0], bound[0], tolerances.redundancy)
    points = np.tile(box.centre, (corners.shape[0], 1))
    points[:, free] += box.half_width[free] * corners
    return points


def volume(
    polytope: Polytope,
    *,
    n_samples: int = 20_000,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Volume:
    """The volume of a polytope, relative to the free inputs of its box.

    Parameters
    ----------
    n_samples
        Rays of the estimate above six free inputs; its error falls with their square root.
    random_state
        Seed or generator of the estimate.

    Returns
    -------
    Volume
        Exact up to six free inputs. Above, ``kappa_d det(L) mean(r(t)^d)`` over random directions
        ``t``, where ``r`` is the distance to the border along ``L t`` from a point inside,
        ``kappa_d`` the volume of the unit ball, and ``L`` makes the polytope about round.

    Raises
    ------
    ArgumentError
        For fewer than two samples.

    Examples
    --------
    >>> cut = Polytope(np.array([[1.0, 1.0]]), np.array([1.0]), Box([0, 0], [1, 1]))
    >>> volume(cut).value
    0.5
    """
    if n_samples < 2:
        raise ArgumentError(f"n_samples must be at least 2, got {n_samples}.")
    box, d = polytope.box, int((~polytope.box.fixed).sum())
    if d <= EXACT_INPUTS:
        weight, bound = polytope.weight[None], polytope.bound[None]
        value = float(volumes(weight, bound, box, tolerances=tolerances)[0])
        return Volume(value, 0.0, Exactness.EXACT)
    ball = polytope.inscribed_ball(tolerances=tolerances)
    if ball.radius <= tolerances.inradius:
        return Volume(0.0, 0.0, Exactness.EXACT)
    weight, bound = cube_halfspaces(polytope.weight[None], polytope.bound[None], box)
    rows = np.vstack([weight[0], np.eye(d), -np.eye(d)])
    free = ~box.fixed
    start = (ball.centre - box.centre)[free] / box.half_width[free]
    rng = np.random.default_rng(random_state)
    value, error = _estimated(rows, np.r_[bound[0], np.ones(2 * d)], start, n_samples, rng)
    size = float(np.prod(box.half_width[free]))
    return Volume(value * size, error * size, Exactness.ESTIMATED)


def volumes(
    weight: FloatArray,
    bound: FloatArray,
    box: Box,
    *,
    near: FloatArray | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> FloatArray:
    """The exact volumes of many polytopes in one box.

    Parameters
    ----------
    weight : (n_polytopes, n_halfspaces, n_inputs)
    bound : (n_polytopes, n_halfspaces)
        ``weight[i] @ x <= bound[i]``.
    near : (n_polytopes, n_inputs)
        A point of each, which makes it faster.

    Returns
    -------
    (n_polytopes,)
        Relative to the free inputs; 0 where a polytope is empty or thin.

    Raises
    ------
    SizeError
        For more than six free inputs.

    Notes
    -----
    Exact up to rounding: sums of positive terms. Of the order of 0.02 ms a polytope with four free
    inputs, 0.1 ms with five and 0.3 ms with six, for regions with about two facets an input.

    Examples
    --------
    >>> weight = np.array([[[1.0, 1.0]], [[-1.0, -1.0]]])
    >>> volumes(weight, np.array([[1.0], [-1.0]]), Box([0, 0], [1, 1]))
    array([0.5, 0.5])
    """
    free = ~box.fixed
    if free.sum() > EXACT_INPUTS:
        raise SizeError(
            f"Volumes are exact for at most {EXACT_INPUTS} free inputs, got {free.sum()}. Use "
            "volume(), which estimates them."
        )
    rows, ends = cube_halfspaces(weight, bound, box)
    if not free.any():
        return np.asarray((ends >= 0).all(axis=1), dtype=np.float64)
    if near is None:
        points = np.zeros((weight.shape[0], int(free.sum())))
    else:
        points = (near - box.centre)[:, free] / box.half_width[free]
    found = cut_cubes(rows, ends, points, tolerances.redundancy)
    volumes: FloatArray = found.volume * float(np.prod(box.half_width[free]))
    return volumes


def cube_halfspaces(
    weight: FloatArray, bound: FloatArray, box: Box
) -> tuple[FloatArray, FloatArray]:
    """Half-spaces in the box scaled to ``[-1, 1]``, rows of length one, free inputs only.

    With ``x = m + H u`` a row ``a x <= b`` becomes ``(a H) u <= b - a m``, divided by ``|a H|``.
    A row that is constant on the box becomes ``0 <= 1``, or ``0 <= -1`` where it never holds.

    Parameters
    ----------
    weight : (n_polytopes, n_halfspaces, n_inputs)
    bound : (n_polytopes, n_halfspaces)

    Returns
    -------
    weight : (n_polytopes, n_halfspaces, n_free)
    bound : (n_polytopes, n_halfspaces)
    """
    free = ~box.fixed
    rows = weight[:, :, free] * box.half_width[free]
    ends = bound - weight @ box.centre
    length = np.linalg.norm(rows, axis=2)
    largest = np.maximum(np.abs(box.lower), np.abs(box.upper))
    size = np.abs(weight) @ largest + np.abs(bound)
    constant = length <= _CONSTANT * size
    violated = ends < -DEFAULT_TOLERANCES.containment * size
    scale = np.where(constant, 1.0, length)
    rows = np.where(constant[:, :, None], 0.0, rows / scale[:, :, None])
    return rows, np.where(constant, np.where(violated, -1.0, 1.0), ends / scale)


def _estimated(
    rows: FloatArray, ends: FloatArray, start: FloatArray, n_samples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Volume of ``rows @ u <= ends`` by the lengths of rays, and its standard error."""
    d = start.size
    centre, stretch = _roundness(rows, ends, start, rng)
    rows, slack = rows @ stretch, ends - rows @ centre
    powers = []
    for first in range(0, n_samples, _NORMAL_DRAWS):
        rays = rng.standard_normal((min(_NORMAL_DRAWS, n_samples - first), d))
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        powers.append(_reach(rows, slack, rays) ** d)
    found = np.concatenate(powers)
    # the volume of the unit ball, pi^(d/2) / gamma(d/2 + 1), times the stretch
    size = np.exp(0.5 * d * log(pi) - lgamma(0.5 * d + 1) + np.linalg.slogdet(stretch)[1])
    return float(size * found.mean()), float(size * found.std(ddof=1) / np.sqrt(found.size))


def _roundness(
    rows: FloatArray, ends: FloatArray, start: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Mean and a root of the covariance of points inside, by hit-and-run walks.

    Neither has to be exact: any inner point and any stretch give the same mean of rays.
    """
    d = start.size
    points, seen = np.tile(start, (_CHAINS, 1)), []
    for step in range(40 * d):
        rays = rng.standard_normal((_CHAINS, d))
        slack = ends - points @ rows.T
        speed = rays @ rows.T
        with np.errstate(divide="ignore", invalid="ignore"):
            time = slack / speed
        ahead = np.where(speed > 0, time, np.inf).min(axis=1)
        behind = np.where(speed < 0, time, -np.inf).max(axis=1)
        points = points + (behind + (ahead - behind) * rng.random(_CHAINS))[:, None] * rays
        if step >= 10 * d:
            seen.append(points)
    found = np.concatenate(seen)
    return found.mean(axis=0), np.linalg.cholesky(np.cov(found, rowvar=False))


def _reach(rows: FloatArray, slack: FloatArray, rays: FloatArray) -> FloatArray:
    """How far each ray goes before it leaves: ``(n_rays,)``."""
    speed = rays @ rows.T
    with np.errstate(divide="ignore"):
        time: FloatArray = np.where(speed > 0, slack / speed, np.inf)
    found: FloatArray = time.min(axis=1)
    return found
