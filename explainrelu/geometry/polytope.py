"""A polytope in H-representation inside a box.

All questions are asked in the box scaled to ``[-1, 1]`` with rows of length one, so that one
tolerance means one thing whatever the units; fixed inputs are eliminated first. With
``x = m + H u`` (``m`` centre, ``H`` half-widths) a half-space ``a x <= b`` becomes
``(a H) u <= b - a m``, divided by ``|a H|``.
"""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen_floats
from explainrelu.errors import ArgumentError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram, LinearStatus
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["InscribedBall", "Polytope"]

_RAYS_PER_INPUT = 32
_WALKERS = 1024  # walks that are made side by side
_STEPS = 8  # an input, after which the directions of walks are stretched anew
_ROUNDS, _SETTLED = 40, 3  # of these steps at most, and so many after the stretch has settled
_MOST = 2_000_000  # numbers in the half-spaces beyond which a linear program takes minutes
_MANY = 20_000  # numbers in the half-spaces from which compiled walks are worth compiling
_FEW_INPUTS = 256  # up to which a walk's step, which grows with their square, is a short one


@dataclass(frozen=True, slots=True, eq=False)
class InscribedBall:
    """The largest ball of the scaled polytope.

    Attributes
    ----------
    centre : (n_inputs,)
        The Chebyshev centre, in the inputs' own units.
    radius
        Its radius in the box scaled to ``[-1, 1]``; negative where the polytope is empty.
    """

    centre: FloatArray
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class _Scaled:
    """The half-spaces in scaled coordinates, rows of length one, free inputs only."""

    weight: FloatArray
    bound: FloatArray
    rows: IntArray  # position of each row in the polytope
    free: BoolArray
    violated: IntArray  # constant rows that never hold: where there is one, nothing is inside

    @property
    def consistent(self) -> bool:
        return self.violated.size == 0


@dataclass(frozen=True, slots=True, eq=False)
class Polytope:
    """All points of a box with ``weight @ x <= bound``.

    Attributes
    ----------
    weight : (n_halfspaces, n_inputs)
    bound : (n_halfspaces,)
    box
        The domain the half-spaces are read in.

    Examples
    --------
    >>> weight, bound = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([1.0, 5.0])
    >>> triangle = Polytope(weight, bound, Box([0, 0], [1, 1]))
    >>> triangle.irredundant()
    array([0])
    """

    weight: FloatArray
    bound: FloatArray
    box: Box

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_floats(self.weight, 2, "weight"))
        object.__setattr__(self, "bound", frozen_floats(self.bound, 1, "bound"))
        if self.weight.shape != (self.bound.size, self.box.n_inputs):
            raise ArgumentError(
                f"weight must be ({self.bound.size}, {self.box.n_inputs}), got {self.weight.shape}."
            )

    @property
    def n_halfspaces(self) -> int:
        """Half-spaces, redundant ones included, faces of the box not."""
        return int(self.bound.size)

    def contains(
        self, points: FloatArray, *, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> BoolArray:
        """Which points lie in the closed polytope: (n_samples,)."""
        scale = np.abs(points) @ np.abs(self.weight).T + np.abs(self.bound)
        slack = tolerances.containment * scale
        inside = (points @ self.weight.T <= self.bound + slack).all(axis=1)
        return inside & self.box.contains(points, slack=tolerances.containment)

    @property
    def is_large(self) -> bool:
        """Whether it has too many half-spaces and inputs for questions that need optimising."""
        return self.weight.size > _MOST

    def _check_size(self) -> None:
        if self.is_large:
            n_rows, n_inputs = self.weight.shape
            raise SizeError(
                f"A polytope must have at most {_MOST:,} numbers in its half-spaces for its "
                f"centre, facets or ranges to be found, got {n_rows:,} half-spaces over "
                f"{n_inputs:,} inputs. The formula of a region and the attributions of its rows "
                "need none of these: use explain, or the coefficients of the rules."
            )

    def inscribed_ball(self, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> InscribedBall:
        """Chebyshev centre and radius: maximise ``r`` with ``w u + r <= v`` for each row.

        Returns
        -------
        InscribedBall
            Exact up to the solver's feasibility tolerance. Cost: one linear program.

        Raises
        ------
        SizeError
            For a polytope that :attr:`is_large`; so do the other questions that optimise.
        """
        self._check_size()
        scaled = self._scaled(tolerances)
        n_free = int(scaled.free.sum())
        if not scaled.consistent:
            return InscribedBall(self.box.centre, -np.inf)
        if n_free == 0:
            return InscribedBall(self.box.centre, 0.0)
        walls = np.vstack([np.eye(n_free), -np.eye(n_free)])
        weight = np.vstack([scaled.weight, walls])
        weight = np.hstack([weight, np.ones((weight.shape[0], 1))])
        bound = np.concatenate([scaled.bound, np.ones(2 * n_free)])
        lower = np.r_[np.full(n_free, -1.0), -1e6]
        upper = np.r_[np.ones(n_free), 1.0]
        program = LinearProgram(weight, bound, lower, upper, tolerances)
        found = program.maximise(np.r_[np.zeros(n_free), 1.0])
        if found.status is not LinearStatus.OPTIMAL:
            return InscribedBall(self.box.centre, -np.inf)
        return InscribedBall(self._unscaled(scaled, found.point[:-1]), found.value)

    def is_full_dimensional(self, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> bool:
        """Whether the polytope has interior points relative to the free inputs of the box."""
        return self.inscribed_ball(tolerances=tolerances).radius > tolerances.inradius

    def irredundant(
        self,
        inside: FloatArray | None = None,
        *,
        by_programs: bool = False,
        tolerances: Tolerances = DEFAULT_TOLERANCES,
    ) -> IntArray:
        """The half-spaces that matter: dropping any one of them would enlarge the polytope.

        Parameters
        ----------
        inside : (n_inputs,)
            A point of the polytope; the Chebyshev centre where none is given.
        by_programs
            Whether linear programs alone decide what rays do not: for a check that must not use
            the walks that the search for regions is made of.

        Returns
        -------
        (n_facets,) int
            Positions in increasing order. A half-space is left out where the others and the
            box already imply it, within ``tolerances.redundancy`` of the scaled domain; of
            equal ones the first is kept.

        Notes
        -----
        Rays from ``inside`` prove most facets outright (the first hyperplane a ray meets is
        one); a linear program decides each of the rest, warm from the one before, or in a
        polytope of many half-spaces a compiled walk.
        """
        self._check_size()
        scaled = self._scaled(tolerances)
        if not scaled.consistent:
            return scaled.violated[:1]  # one condition that never holds says it all
        if scaled.bound.size == 0:
            return np.zeros(0, dtype=np.int64)
        if inside is None:
            inside = self.inscribed_ball(tolerances=tolerances).centre
        kept = _without_doubles(scaled, tolerances.redundancy)
        weight, bound = scaled.weight[kept], scaled.bound[kept]
        start = self._to_scaled(scaled, inside)
        needed = _hit_by_rays(weight, bound, start, tolerances.redundancy)
        if weight.size > _MANY and weight.shape[1] <= _FEW_INPUTS and not by_programs:
            _walk(weight, bound, start, needed, tolerances)
        else:
            _decide_the_rest(weight, bound, needed, tolerances)
        found: IntArray = np.sort(scaled.rows[kept[needed]])
        return found

    def ranges(self, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> FloatArray:
        """Smallest and largest value of each input over the polytope: (n_inputs, 2).

        NaN where the polytope is empty. Cost: two warm linear programs an input.
        """
        return self.linear_ranges(np.eye(self.box.n_inputs), tolerances=tolerances)

    def linear_ranges(
        self, forms: FloatArray, *, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> FloatArray:
        """Smallest and largest value of ``forms @ x`` over the polytope: (n_forms, 2).

        Parameters
        ----------
        forms : (n_forms, n_inputs)

        Returns
        -------
        (n_forms, 2)
            Exact up to the solver's feasibility tolerance; NaN where the polytope is empty.
        """
        self._check_size()
        scaled = self._scaled(tolerances)
        result = np.full((forms.shape[0], 2), np.nan)
        if not scaled.consistent:
            return result
        ones = np.ones(int(scaled.free.sum()))
        program = LinearProgram(scaled.weight, scaled.bound, -ones, ones, tolerances)
        half = self.box.half_width[scaled.free]
        for i, form in enumerate(forms):
            cost = form[scaled.free] * half
            ends = np.array([program.minimise(cost).value, program.maximise(cost).value])
            result[i] = form @ self.box.centre + ends
        return result

    def moves(self, point: FloatArray) -> FloatArray:
        """How far each input of a point can move alone without leaving: (n_inputs, 2).

        The smallest and the largest value of input ``j`` with all others held, inside the
        half-spaces and the box. Exact up to rounding; no linear program.
        """
        slack = np.maximum(self.bound - self.weight @ point, 0.0)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = slack / self.weight
        up = np.where(self.weight > 0, step, np.inf).min(axis=0, initial=np.inf)
        down = np.where(self.weight < 0, step, -np.inf).max(axis=0, initial=-np.inf)
        low = np.maximum(point + down, self.box.lower)
        return np.column_stack(
            [np.minimum(low, point), np.maximum(np.minimum(point + up, self.box.upper), point)]
        )

    def sample(
        self,
        n_samples: int,
        rng: np.random.Generator,
        *,
        tolerances: Tolerances = DEFAULT_TOLERANCES,
    ) -> FloatArray:
        """Points drawn about evenly from the polytope: (n_samples, n_inputs).

        Each is the end of a hit-and-run walk of its own from the Chebyshev centre, whose directions
        are stretched like the polytope.

        Raises
        ------
        ArgumentError
            Where the polytope has no inner points.

        Notes
        -----
        Inside up to rounding; evenly only in the limit of long walks. Cost: one linear program and
        O(n_free) steps, each O(n_samples n_halfspaces n_free).
        """
        ball, free = self.inscribed_ball(tolerances=tolerances), ~self.box.fixed
        if ball.radius < 0.0 or (ball.radius == 0.0 and free.any()):
            raise ArgumentError(
                "A polytope must have inner points for some to be drawn, got one whose largest "
                f"ball has radius {ball.radius:g}. is_full_dimensional tells such ones."
            )
        points = np.tile(self.box.centre, (n_samples, 1))
        if free.any():
            scaled = self._scaled(tolerances)
            start = self._to_scaled(scaled, ball.centre)
            walls = np.vstack([scaled.weight, np.eye(start.size), -np.eye(start.size)])
            ends = np.concatenate([scaled.bound, np.ones(2 * start.size)])
            for first in range(0, n_samples, _WALKERS):
                part = slice(first, min(first + _WALKERS, n_samples))
                walked = _hit_and_run(walls, ends, start, rng)[: part.stop - first]
                points[part, free] += self.box.half_width[free] * walked
        return np.clip(points, self.box.lower, self.box.upper)

    def _scaled(self, tolerances: Tolerances) -> _Scaled:
        free = ~self.box.fixed
        weight = self.weight[:, free] * self.box.half_width[free]
        bound = self.bound - self.weight @ self.box.centre
        length = np.linalg.norm(weight, axis=1)
        size = np.abs(self.weight) @ np.maximum(np.abs(self.box.lower), np.abs(self.box.upper))
        size = size + np.abs(self.bound)
        constant = length <= 1e-14 * size
        violated = np.flatnonzero(constant & (bound < -tolerances.containment * size))
        rows = np.flatnonzero(~constant)
        scale = length[rows]
        return _Scaled(weight[rows] / scale[:, None], bound[rows] / scale, rows, free, violated)

    def _to_scaled(self, scaled: _Scaled, point: FloatArray) -> FloatArray:
        offset: FloatArray = (point - self.box.centre)[scaled.free]
        return offset / self.box.half_width[scaled.free]

    def _unscaled(self, scaled: _Scaled, u: FloatArray) -> FloatArray:
        point = self.box.centre.copy()
        point[scaled.free] += self.box.half_width[scaled.free] * u
        return point


def _hit_and_run(
    rows: FloatArray, ends: FloatArray, start: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """The ends of many walks in ``rows @ u <= ends`` from an inner point: (_WALKERS, n_free)."""
    d = start.size
    points, stretch, size, settled = np.tile(start, (_WALKERS, 1)), np.eye(d), -np.inf, 0
    for _ in range(_ROUNDS):
        for _ in range(_STEPS * d):
            rays = rng.standard_normal(points.shape) @ stretch.T
            slack, speed = np.maximum(ends - points @ rows.T, 0.0), rays @ rows.T
            with np.errstate(divide="ignore", invalid="ignore"):
                time = slack / speed
            ahead = np.where(speed > 0, time, np.inf).min(axis=1)
            behind = np.where(speed < 0, time, -np.inf).max(axis=1)
            points = points + (behind + (ahead - behind) * rng.random(_WALKERS))[:, None] * rays
        spread, axes = np.linalg.eigh(np.atleast_2d(np.cov(points, rowvar=False)))
        spread = np.maximum(spread, np.finfo(np.float64).tiny)
        stretch, before, size = axes * np.sqrt(spread), size, float(np.log(spread).sum())
        settled += size - before < 0.2 * d  # as much as the figures of so many walks vary
        if settled == _SETTLED:
            break
    return points


def _without_doubles(scaled: _Scaled, tolerance: float) -> IntArray:
    """Positions of the rows left when of rows with the same direction the tightest is kept."""
    digits = max(1, round(-np.log10(tolerance)))
    keys = np.round(scaled.weight, digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    _, group = np.unique(keys, axis=0, return_inverse=True)
    bound = np.round(scaled.bound, digits)
    order = np.lexsort((np.arange(bound.size), bound, group.ravel()))
    first = np.r_[True, np.diff(group.ravel()[order]) != 0]
    kept: IntArray = np.sort(order[first])
    return kept


def _hit_by_rays(
    weight: FloatArray, bound: FloatArray, start: FloatArray, tolerance: float
) -> BoolArray:
    """Half-spaces that are the first thing some ray from ``start`` meets: facets for certain."""
    n_rows, n_free = weight.shape
    needed = np.zeros(n_rows, dtype=np.bool_)
    slack = bound - weight @ start
    if n_free == 0 or (slack <= tolerance).any():
        return needed  # the point lies on a face: rays prove nothing
    rng = np.random.default_rng(0)
    rays = rng.standard_normal((_RAYS_PER_INPUT * n_free, n_free))
    rays = np.vstack([rays, weight])  # straight at each hyperplane
    with np.errstate(divide="ignore"):
        speed = rays @ weight.T
        time = np.where(speed > 0, slack / speed, np.inf)
        wall = np.where(rays > 0, 1.0 - start, -1.0 - start) / np.where(rays == 0, np.inf, rays)
    wall = np.where(rays == 0, np.inf, wall).min(axis=1)
    nearest = time.argmin(axis=1)
    best = time[np.arange(time.shape[0]), nearest]
    time[np.arange(time.shape[0]), nearest] = np.inf
    clear = best * (1 + tolerance) + tolerance < np.minimum(time.min(axis=1), wall)
    needed[nearest[clear]] = True
    return needed


def _walk(
    weight: FloatArray,
    bound: FloatArray,
    start: FloatArray,
    needed: BoolArray,
    tolerances: Tolerances,
) -> None:
    """Mark in ``needed`` each half-space that the others do not imply, by compiled walks."""
    from explainrelu.geometry.facets import FACET, UNSETTLED, facets_of_many

    n_free = weight.shape[1]
    rows = np.concatenate([np.eye(n_free), -np.eye(n_free), weight]).T[None].copy()
    limits = np.concatenate([np.ones(2 * n_free), bound])[None]
    kinds = np.empty((1, limits.size), dtype=np.int16)
    facets_of_many(rows, limits, start[None].copy(), tolerances.redundancy, kinds)
    if (kinds == UNSETTLED).any():
        _decide_the_rest(weight, bound, needed, tolerances)
    else:
        needed |= kinds[0, 2 * n_free :] == FACET


def _decide_the_rest(
    weight: FloatArray, bound: FloatArray, needed: BoolArray, tolerances: Tolerances
) -> None:
    """Mark in ``needed`` each undecided half-space that the others do not imply."""
    ones = np.ones(weight.shape[1])
    program = LinearProgram(weight, bound, -ones, ones, tolerances)
    for row in np.flatnonzero(~needed):
        # one unit beyond its hyperplane is enough to see whether anything lies there
        program.set_bound(int(row), float(bound[row]) + 1.0)
        found = program.maximise(weight[row])
        implied = (
            found.status is LinearStatus.OPTIMAL
            and found.value <= bound[row] + tolerances.redundancy
        )
        if implied:
            program.set_bound(int(row), np.inf)
        else:
            needed[row] = True
            program.restore_bound(int(row))
