"""An independent check that a set of regions is what it claims to be.

Nothing of the search is used here: forms are composed anew, borders come from vertices or from
HiGHS, and what lies across a border from the slopes there. That no region is missing follows from
the borders: where each leads to a listed region or lies on the box, the listed regions are all,
since any two regions of a box are joined by a way across borders.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from explainrelu.arrays import ByteArray, FloatArray, IntArray
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.geometry.volumes import EXACT_INPUTS
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, unpack
from explainrelu.regions.borders import (
    RegionShapes,
    halfspaces_on_the_cube,
    largest_ball,
    patterns_across,
    region_shapes,
)
from explainrelu.regions.exact_borders import BorderCount, active_but_zero, exact_borders
from explainrelu.regions.lookup import near_zero
from explainrelu.regions.region_set import RegionSet
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["certify"]

_BY_VERTICES, _BY_PROGRAMS = 100_000, 1_000  # regions checked at most, unless told otherwise
_ZEROS = (1e-11, 1e-13, 1e-8)  # on a border: where the first leads nowhere, doubt is left
_FINER = 1e-3  # share of the tolerance at which volumes that do not fit are taken again
_JUDGED = 64  # unlisted patterns that HiGHS is asked about


def certify(
    region_set: RegionSet,
    *,
    network: ReluNetwork | None = None,
    exact: bool = False,
    n_samples: int = 10_000,
    max_checked: int | None = None,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Certificate:
    """Check a set of regions without the search that found it.

    Parameters
    ----------
    region_set
        From :func:`explainrelu.enumerate_regions`, or any other.
    network
        The network that the set is held against; its own by default.
    exact
        Whether inner points, borders and what lies across them are checked once more in exact
        rationals, every weight and every coordinate taken as the fraction it is.
    n_samples
        Points drawn evenly from the domain.
    max_checked
        Regions whose shape is looked at; of a larger set so many are drawn. By default 100,000 up
        to six free inputs and 1,000 above.
    random_state
        Seed or generator of what is drawn.
    tolerances
        ``inradius`` and ``redundancy`` for shapes, ``agreement`` and ``rounding`` for the maps.

    Returns
    -------
    Certificate
        Checks that patterns differ, that witnesses have the pattern of their region, that each
        region has inner points, that affine maps give the network's scores, that each border leads
        to a listed region, that volumes add up (up to six free inputs), and that drawn points lie
        in a listed region. Of a set that does not claim to be complete, the last three say what
        they found and only hold it to what it claims. A check that could not be decided within
        the tolerance is ``undecided``.

    Raises
    ------
    InputTypeError
        For what is no RegionSet.
    ArgumentError
        For a network of another shape, and for fewer than one sample or region to check.

    Notes
    -----
    Cost: up to six free inputs double description and a triangulation of each region, of the
    order of 0.1 ms a region for four, 0.5 ms for five and 2 ms for six; above, a linear program or
    more for each unit of each region. ``exact`` adds a millisecond a border for a
    few dozen units and ten times that for a hundred. A region and a border
    thinner than the tolerance may be missed. Where regions are drawn, the checks of shapes are
    estimates and their detail says so.

    In exact rationals terms that cancel in float64 may leave something, and a region thinner than
    the tolerance is one: where only these make a difference, that check is ``undecided``. So are
    volumes that change with the tolerance, as where two borders lie as near as that.

    Examples
    --------
    >>> from explainrelu.regions.enumeration import enumerate_regions
    >>> network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, -1.0], [0.0]])
    >>> found = enumerate_regions(network, Box([-2.0], [2.0]))
    >>> certify(found).holds, str(certify(found.chosen([0, 2])).status)
    (True, 'holds')
    """
    network = _arguments(region_set, network, n_samples, max_checked)
    rng = np.random.default_rng(random_state)
    claim = _Claim.of(region_set, network, max_checked, rng, tolerances)
    survey = _Survey(claim)
    for shapes in region_shapes(
        network, region_set.patterns, region_set.witnesses, region_set.domain, claim.checked,
        tolerances,
    ):  # fmt: skip
        survey.take(shapes, exact)
    checks = [_distinct(claim), _witnesses(claim), *survey.checks()]
    if exact:
        checks.append(survey.exact_check())
    return Certificate((*checks, _samples(claim, n_samples, rng)))


def _arguments(
    region_set: RegionSet, network: ReluNetwork | None, n_samples: int, max_checked: int | None
) -> ReluNetwork:
    if not isinstance(region_set, RegionSet):
        raise InputTypeError(
            f"region_set must be a RegionSet, got {type(region_set).__qualname__}. "
            "enumerate_regions(model, domain) makes one."
        )
    if n_samples < 1 or (max_checked is not None and max_checked < 1):
        raise ArgumentError(
            f"n_samples and max_checked must be at least 1, got {n_samples} and {max_checked}."
        )
    own = region_set.network
    network = own if network is None else network
    if (network.n_inputs, network.n_outputs) != (own.n_inputs, own.n_outputs) or [
        layer.n_rectified for layer in network.layers
    ] != [layer.n_rectified for layer in own.layers]:
        raise ArgumentError(
            f"network must have the shape of the set's, {own!r}, got {network!r}. Patterns of one "
            "mean nothing for the other."
        )
    return network


@dataclass(frozen=True, slots=True, eq=False)
class _Claim:
    """A set of regions, what it is held against, and which of its regions are looked at."""

    regions: RegionSet
    network: ReluNetwork
    checked: IntArray
    listed: "_Listed"
    tolerances: Tolerances

    @classmethod
    def of(
        cls,
        regions: RegionSet,
        network: ReluNetwork,
        most: int | None,
        rng: np.random.Generator,
        tolerances: Tolerances,
    ) -> "_Claim":
        n, n_free = len(regions), int((~regions.domain.fixed).sum())
        most = most or (_BY_VERTICES if n_free <= EXACT_INPUTS else _BY_PROGRAMS)
        checked = np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))
        return cls(regions, network, checked, _Listed.of(regions.patterns), tolerances)

    @property
    def domain(self) -> Box:
        return self.regions.domain

    @property
    def all_checked(self) -> bool:
        return self.checked.size == len(self.regions)

    @property
    def exactness(self) -> Exactness:
        """Of a statement over the regions that are looked at."""
        return Exactness.EXACT if self.all_checked else Exactness.ESTIMATED

    @property
    def scope(self) -> str:
        n = len(self.regions)
        if self.all_checked:
            return f"all {n} regions"
        return f"{self.checked.size} of {n} regions ({self.checked.size / n:.1%}), drawn"

    @property
    def unclaimed(self) -> str:
        """Why the set does not claim to be complete; "" where it does."""
        if self.regions.complete:
            return ""
        reason = f" ({self.regions.stopped})" if self.regions.stopped else ""
        return f"; completeness is not claimed{reason}"

    def on_inputs(self, points: FloatArray) -> FloatArray:
        """Points of the cube as encoded points of the domain."""
        box, free = self.domain, ~self.domain.fixed
        found = np.tile(box.centre, (points.shape[0], 1))
        found[:, free] += box.half_width[free] * points
        return np.clip(found, box.lower, box.upper)


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """Patterns sorted as bytes, with the position of each in the set."""

    sorted: "np.ndarray[tuple[int], np.dtype[np.bytes_]]"
    positions: IntArray

    @classmethod
    def of(cls, patterns: ByteArray) -> "_Listed":
        words = _words(patterns)
        order = np.argsort(words, kind="stable")
        return cls(words[order], order.astype(np.int64))

    def locate(self, patterns: ByteArray) -> IntArray:
        """The position of each pattern in the set, -1 where it is not listed."""
        if not self.positions.size:
            return np.full(patterns.shape[0], -1, dtype=np.int64)
        words = _words(patterns)
        place = np.minimum(np.searchsorted(self.sorted, words), self.sorted.size - 1)
        return np.where(self.sorted[place] == words, self.positions[place], -1)

    @property
    def n_doubles(self) -> int:
        return int((self.sorted[1:] == self.sorted[:-1]).sum())


def _words(patterns: ByteArray) -> "np.ndarray[tuple[int], np.dtype[np.bytes_]]":
    # NumPy drops zero bytes at the end of a word: one more, always the same, keeps them
    closed = np.column_stack([patterns, np.ones(patterns.shape[0], dtype=np.uint8)])
    return np.ascontiguousarray(closed).view(f"S{closed.shape[1]}")[:, 0]


def _distinct(claim: _Claim) -> Check:
    doubles = claim.listed.n_doubles
    detail = f"{len(claim.regions)} patterns"
    return Check.at_most("patterns are distinct", doubles, 0.0, Exactness.EXACT, detail)


def _witnesses(claim: _Claim) -> Check:
    """Every witness lies in the domain and has the bits of its region where these are certain."""
    regions = claim.regions
    wrong = int((~claim.domain.contains(regions.witnesses, slack=1e-12)).sum())
    wrong += int(_misplaced(claim, regions.witnesses, regions.patterns).sum())
    wrong += _n_active_but_zero(claim) if regions.complete else 0
    detail = f"all {len(regions)} regions"
    return Check.at_most("witnesses lie in their regions", wrong, 0.0, Exactness.EXACT, detail)


def _n_active_but_zero(claim: _Claim) -> int:
    """Patterns that call a unit active which is zero throughout, in float64 and in fractions.

    Borders tell as much, where there are any. Rounding may call such a unit active; then its value
    at the witness is not zero in float64 either. In sets that rows visit no border is looked at.
    """
    regions, network = claim.regions, claim.network
    found = activation_patterns(network, regions.witnesses)
    odd = np.flatnonzero((regions.patterns & ~found).any(axis=1))[:_JUDGED]
    return sum(
        active_but_zero(network, bits, claim.domain, point)
        for bits, point in zip(
            unpack(network, regions.patterns[odd]), regions.witnesses[odd], strict=True
        )
    )


def _misplaced(
    claim: _Claim, points: FloatArray, patterns: ByteArray
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which points have another pattern, units that are zero there within tolerance left out."""
    found = activation_patterns(claim.network, points)
    odd = np.flatnonzero((found != patterns).any(axis=1))
    near = np.packbits(near_zero(claim.network, points[odd], claim.tolerances), axis=1)
    differs = ((found[odd] ^ patterns[odd]) & ~near).any(axis=1)
    wrong = np.zeros(points.shape[0], dtype=np.bool_)
    wrong[odd[differs]] = True
    return wrong


class _Survey:
    """What the shapes of the regions show, added up chunk by chunk."""

    def __init__(self, claim: _Claim) -> None:
        self._claim = claim
        self._n_empty = self._n_thin = 0
        self._room = np.inf
        self._steps: list[tuple[FloatArray, FloatArray]] = []
        self._volume = 0.0
        self._borders = BorderCount()
        self._n_rims = 0
        self._unlisted: dict[bytes, ByteArray] = {}
        self._exactly = BorderCount()
        self._unlisted_exactly: dict[bytes, ByteArray] = {}

    def take(self, shapes: RegionShapes, exact: bool) -> None:
        """Add the shapes of some regions."""
        self._take_rooms(shapes)
        self._steps.append((shapes.centre, np.where(shapes.room[:, None] > 0, shapes.reach, 0.0)))
        self._take_borders(shapes)
        self._volume += float(shapes.volume.sum())
        if exact:
            claim = self._claim
            count, unlisted = exact_borders(
                claim.network, unpack(claim.network, claim.regions.patterns[shapes.positions]),
                claim.domain, claim.on_inputs(shapes.centre), shapes.border_of, shapes.border_unit,
                claim.on_inputs(shapes.border_point), claim.listed.locate,
            )  # fmt: skip
            self._exactly += count
            self._unlisted_exactly |= {pattern.tobytes(): pattern for pattern in unlisted}

    def checks(self) -> Iterable[Check]:
        """One check for each thing that the shapes show."""
        yield self._room_check()
        yield self._map_check()
        yield self._border_check()
        n_free = int((~self._claim.domain.fixed).sum())
        if self._claim.all_checked and n_free <= EXACT_INPUTS:
            yield self._volume_check(n_free)

    def _take_rooms(self, shapes: RegionShapes) -> None:
        claim, least = self._claim, self._claim.tolerances.inradius
        thin = np.abs(shapes.room) <= least
        roomy = shapes.room > least
        patterns = claim.regions.patterns[shapes.positions[roomy]]
        wrong = _misplaced(claim, claim.on_inputs(shapes.centre[roomy]), patterns)
        self._n_thin += int(thin.sum())
        self._n_empty += int((shapes.room < -least).sum()) + int(wrong.sum())
        self._room = min(self._room, float(shapes.room.min(initial=np.inf)))

    def _room_check(self) -> Check:
        claim = self._claim
        least = claim.tolerances.inradius
        detail = f"{claim.scope}; {self._n_empty} without inner points, {self._n_thin} too thin to "
        detail += f"tell; the smallest ball found inside one has radius {self._room:.3g} on the "
        detail += f"scaled domain, where {least:g} is too thin"
        status = _judged(self._n_empty, self._n_thin)
        name = "each region has inner points"
        return Check(name, status, float(self._n_empty), 0.0, claim.exactness, detail)

    def _map_check(self) -> Check:
        """Each map against the network, at an inner point and a step from it along each axis.

        These are one point more than free inputs, in general position: equal there, two affine
        maps are equal on the domain. Regions that are not looked at have their witness alone.
        """
        claim, gap = self._claim, 0.0
        places = np.full(len(claim.regions), -1)
        places[claim.checked] = np.arange(claim.checked.size)
        n_free = int((~claim.domain.fixed).sum())
        nothing = np.zeros((0, n_free))
        centre = np.concatenate([nothing, *(points for points, _ in self._steps)])
        reach = np.concatenate([nothing, *(steps for _, steps in self._steps)])
        for part, weight, bias in claim.regions.affine_map_chunks():
            gap = max(gap, _gap(claim, claim.regions.witnesses[part], weight, bias))
            at = places[part]
            chosen, at = at >= 0, at[at >= 0]
            for axis in range(-1, n_free):
                points = centre[at]
                if axis >= 0:
                    points[:, axis] += reach[at, axis]
                points = claim.on_inputs(points)
                gap = max(gap, _gap(claim, points, weight[chosen], bias[chosen]))
        name, detail = "affine maps give the scores", f"{claim.scope}, one point more than inputs"
        return Check.at_most(name, gap, claim.tolerances.agreement, claim.exactness, detail)

    def _take_borders(self, shapes: RegionShapes) -> None:
        claim = self._claim
        self._n_rims += shapes.n_thin
        own = shapes.positions[shapes.border_of]
        bits = unpack(claim.network, claim.regions.patterns[own])
        free = ~claim.domain.fixed
        out = np.zeros((own.size, free.size))
        out[:, free] = claim.domain.half_width[free] * shapes.border_normal
        across = patterns_across(claim.network, bits, shapes.border_slack <= _ZEROS[0], out)
        place = claim.listed.locate(across)
        lost = np.flatnonzero((place < 0) | (place == own))
        doubtful = place[lost] == own[lost]
        for zero in _ZEROS[1:]:
            on = shapes.border_slack[lost] <= zero
            again = claim.listed.locate(patterns_across(claim.network, bits[lost], on, out[lost]))
            doubtful |= (again >= 0) & (again != own[lost])
        unlisted = across[lost[~doubtful]]
        self._borders += BorderCount(own.size, unlisted.shape[0], int(doubtful.sum()))
        for pattern in unlisted:
            self._unlisted.setdefault(pattern.tobytes(), pattern)

    def _border_check(self) -> Check:
        claim, found = self._claim, self._borders
        detail = f"{found.n_borders} borders inside the domain of {claim.scope}; "
        doubtful = found.n_doubtful + self._n_rims
        if claim.unclaimed:
            detail += f"{found.n_unlisted} lead out of the set{claim.unclaimed}"
            missing, undecided = 0, 0
        else:
            real, thin = self._judge(self._unlisted)
            missing, undecided = real, thin + doubtful
            detail += f"{found.n_unlisted} lead to {len(self._unlisted)} unlisted patterns, {real} "
            detail += f"of which have inner points; {doubtful} too thin to tell"
            missing += not len(claim.regions)
        status, name = _judged(missing, undecided), "borders are on the box or lead to a region"
        name = "borders (completeness is not claimed)" if claim.unclaimed else name
        return Check(name, status, float(found.n_unlisted), 0.0, claim.exactness, detail)

    def _judge(self, unlisted: dict[bytes, ByteArray]) -> tuple[int, int]:
        """Of unlisted patterns, how many are regions and how many are too thin to tell."""
        claim, real, thin = self._claim, 0, 0
        for pattern in list(unlisted.values())[:_JUDGED]:
            bits = unpack(claim.network, pattern[None])
            rows, ends, _ = halfspaces_on_the_cube(claim.network, bits, claim.domain)
            centre, radius = largest_ball(rows[0], ends[0], claim.tolerances)
            there = radius > claim.tolerances.inradius
            if there and not _misplaced(claim, claim.on_inputs(centre[None]), pattern[None])[0]:
                real += 1
            else:
                thin += 1
        return real, thin

    def _volume_check(self, n_free: int) -> Check:
        """Volumes as shares of the domain's.

        A region of inradius ``r`` is at most ``2 (d + 1) / sqrt(d + 2) r`` wide (Steinhagen), and
        the shadow of the cube is at most ``sqrt(d) 2^(d-1)``: its share is below ``(d + 1) r``.
        """
        claim = self._claim
        share = self._volume / 2.0**n_free
        n_left_out = 1 + claim.regions.skipped + self._n_thin
        allowed = n_left_out * (n_free + 1) * claim.tolerances.inradius
        detail = f"{claim.scope} fill {share:.12g} of the domain{claim.unclaimed}"
        gap = max(share - 1.0, 0.0) if claim.unclaimed else abs(share - 1.0)
        name = "volumes do not exceed the domain" if claim.unclaimed else "volumes fill the domain"
        found = Check.at_most(name, gap, allowed, Exactness.BOUNDED, detail)
        if found.status is Status.HOLDS:
            return found
        again = self._finer_volume() / 2.0**n_free
        if abs(again - share) <= allowed:
            return found
        detail += f", {again:.12g} by a finer tolerance: too thin to tell"
        return replace(found, status=Status.UNDECIDED, detail=detail)

    def _finer_volume(self) -> float:
        """The volume again, vertices told from hyperplanes by a thousandth of the tolerance.

        Where two borders of a region are as near to each other as the tolerance, a vertex can count
        as lying on both or on one by chance, and double description goes astray.
        """
        claim = self._claim
        finer = replace(claim.tolerances, redundancy=_FINER * claim.tolerances.redundancy)
        regions = claim.regions
        shapes = region_shapes(
            claim.network, regions.patterns, regions.witnesses, claim.domain, claim.checked, finer
        )
        return sum(float(some.volume.sum()) for some in shapes)

    def exact_check(self) -> Check:
        """The same of inner points and borders in exact rationals."""
        claim, found = self._claim, self._exactly
        real, thin = (0, 0) if claim.unclaimed else self._judge(self._unlisted_exactly)
        detail = f"{claim.scope}, {found.n_borders} borders; {found.n_outside} inner points are "
        detail += f"not inside, {found.n_unlisted} borders lead to {len(self._unlisted_exactly)} "
        detail += f"unlisted patterns{claim.unclaimed or f', {real} of which have inner points'}; "
        detail += f"{found.n_doubtful} undecided"
        wrong = found.n_outside + real
        name = "inner points and borders in exact rationals"
        status = _judged(wrong, thin + found.n_doubtful)
        return Check(name, status, float(wrong), 0.0, claim.exactness, detail)


def _gap(claim: _Claim, points: FloatArray, weight: FloatArray, bias: FloatArray) -> float:
    """The largest difference of maps and scores at one point each, as a share of its scale.

    The scale is the size ``s`` of the terms of the map there, or what makes the tolerance as large
    as the rounding of the network's own terms ``t``: a share of ``agreement`` allows the larger
    of ``agreement * s`` and ``rounding * t``.
    """
    network, tolerances = claim.network, claim.tolerances
    gap = np.abs(np.einsum("noi,ni->no", weight, points) + bias - network.forward(points))
    size = np.einsum("noi,ni->no", np.abs(weight), np.abs(points)) + np.abs(bias)
    rounded = tolerances.rounding / tolerances.agreement * network.term_sizes(points)
    scale = np.maximum(size, rounded)
    share = np.divide(gap, scale, out=np.where(gap > 0, np.inf, 0.0), where=scale > 0)
    return float(share.max(initial=0.0))


def _samples(claim: _Claim, n_samples: int, rng: np.random.Generator) -> Check:
    """Drawn points have a listed pattern; as patterns differ, they have one."""
    points = claim.domain.sample(n_samples, rng)
    patterns = activation_patterns(claim.network, points)
    place = claim.listed.locate(patterns)
    lost = points[place < 0]
    if claim.network is claim.regions.network:
        # rounding may give a unit that is zero there, or throughout, either bit
        lost = lost[claim.regions.locate_points(lost, tolerances=claim.tolerances) < 0]
    doubtful = int(near_zero(claim.network, lost, claim.tolerances).any(axis=1).sum())
    n_lost = lost.shape[0] - doubtful
    detail = (
        f"{n_samples} points of the domain: {lost.shape[0]} in no listed region, {doubtful} of "
    )
    detail += f"them on a border{claim.unclaimed}"
    status = Status.HOLDS if claim.unclaimed else _judged(n_lost, doubtful)
    name = (
        "drawn points (completeness is not claimed)"
        if claim.unclaimed
        else "drawn points lie in one region"
    )
    return Check(name, status, float(n_lost), 0.0, Exactness.ESTIMATED, detail)


def _judged(n_wrong: int, n_undecided: int) -> Status:
    if n_wrong:
        return Status.FAILS
    return Status.UNDECIDED if n_undecided else Status.HOLDS
