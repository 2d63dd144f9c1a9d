"""Many linear regions of one network, as arrays."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from explainrelu.arrays import BoolArray, ByteArray, FloatArray, IntArray, frozen
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.geometry.volumes import EXACT_INPUTS
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.patterns import (
    activation_patterns,
    affine_maps,
    pattern_keys,
    region_names,
    unpack,
)
from explainrelu.regions.facets import Facets, find_facets
from explainrelu.regions.lookup import check_listed, listed_at, near_zero, positions_of, touching
from explainrelu.regions.measures import (
    InscribedBalls,
    RegionVolumes,
    estimated_shares,
    exact_shares,
    inscribed_balls,
)
from explainrelu.regions.pieces import joined_pieces, neighbour_matrix
from explainrelu.regions.region import LinearRegion
from explainrelu.regions.region_table import write_regions
from explainrelu.regions.restriction import check_within, meeting
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RegionSet"]

_DTYPES = {
    "patterns": np.uint8,
    "witnesses": np.float64,
    "counts": np.int64,
    "rows": np.int64,
}
_CHUNK_VALUES = 1 << 22  # 32 MB of coefficients at a time


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RegionSet:
    """Regions with distinct activation patterns, and how they were found.

    Attributes
    ----------
    network
        The network they belong to.
    patterns : (n_regions, n_bytes) uint8
        Packed activation patterns, all different.
    witnesses : (n_regions, n_inputs)
        One encoded point of each region.
    domain
        The box over which they were found.
    complete
        Whether no other region that is thicker than the tolerance meets the domain.
    found_by
        How they were found, in words.
    counts : (n_regions,)
        Rows of the data in each region (zero where no data was counted).
    rows : (n_samples,)
        For each row of the data the position of its region (empty without data).
    skipped
        Regions met and left out because they are thinner than the tolerance; others that thin
        may never have been met.
    stopped
        Why a search ended before it was done; "" where it was done or none was made.
    keys : (n_regions,)
        64-bit keys of the patterns.
    """

    network: ReluNetwork
    patterns: ByteArray
    witnesses: FloatArray
    domain: Box
    complete: bool
    found_by: str
    counts: IntArray
    rows: IntArray
    skipped: int = 0
    stopped: str = ""
    keys: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():  # copies: the caller's arrays stay as they are
            array = np.array(getattr(self, name), dtype=dtype, order="C")
            object.__setattr__(self, name, frozen(array))
        self._check_shapes()
        object.__setattr__(self, "keys", frozen(pattern_keys(self.patterns)))
        check_listed(self.network, self.patterns, self.keys, self.witnesses)

    def _check_shapes(self) -> None:
        network, n_regions = self.network, self.patterns.shape[0]
        wanted = {
            "patterns": (n_regions, -(-network.n_neurons // 8)),
            "witnesses": (n_regions, network.n_inputs),
            "counts": (n_regions,),
            "rows": (self.rows.size,),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise ArgumentError(f"{name} must be {shape}, got {getattr(self, name).shape}.")
        if not np.isfinite(self.witnesses).all():
            raise ArgumentError("witnesses must hold finite numbers only, got NaN or infinity.")
        if ((self.rows < 0) | (self.rows >= n_regions)).any():
            raise ArgumentError(f"rows must be positions of the {n_regions} regions.")
        if (self.counts < 0).any():
            raise ArgumentError(f"counts must not be negative, got {int(self.counts.min())}.")

    def __repr__(self) -> str:
        how = "complete" if self.complete else "not complete"
        return f"RegionSet({len(self)} regions {self.found_by}, {how})"

    def __len__(self) -> int:
        return int(self.patterns.shape[0])

    def __iter__(self) -> Iterator[LinearRegion]:
        return (self.region(i) for i in range(len(self)))

    def region(self, i: int) -> LinearRegion:
        """The ``i``-th region."""
        return LinearRegion(self.network, self.patterns[i], self.domain)

    def chosen(self, positions: npt.ArrayLike) -> "RegionSet":
        """Some of the regions only, in the order given; rows of the data are not kept.

        Parameters
        ----------
        positions
            Whole numbers from 0, of which one that stands twice is taken once; or one flag a
            region, True for those to take.

        Raises
        ------
        ArgumentError
            For a position that is none, or another number of flags than regions.
        InputTypeError
            For what is neither whole numbers nor flags.
        """
        positions = positions_of(positions, len(self))
        return RegionSet(
            network=self.network,
            patterns=self.patterns[positions],
            witnesses=self.witnesses[positions],
            domain=self.domain,
            complete=False,
            found_by=f"chosen from those {self.found_by}",
            counts=self.counts[positions],
            rows=np.zeros(0, dtype=np.int64),
        )

    def with_rows(self, X: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> "RegionSet":
        """The same regions with the rows of ``X`` counted that lie in the domain and in one."""
        points = self.network.schema.encode(X)
        points = points[self.domain.contains(points, slack=tolerances.containment)]
        place = self.locate_points(points, tolerances=tolerances)
        place = place[place >= 0]
        counts = np.bincount(place, minlength=len(self))
        return replace(self, counts=counts, rows=place)

    def joined(self, other: "RegionSet") -> "RegionSet":
        """These regions and those of another set of the same network that are not listed here.

        Counts add up (a row that both sets counted is counted twice), the rows of ``other`` follow
        these rows, and the domain is the smallest box around both.
        """
        place = self.locate_patterns(other.patterns)
        new = np.flatnonzero(place < 0)
        place[new] = len(self) + np.arange(new.size)
        counts = np.concatenate([self.counts, np.zeros(new.size, dtype=np.int64)])
        counts[place] += other.counts
        lower = np.minimum(self.domain.lower, other.domain.lower)
        upper = np.maximum(self.domain.upper, other.domain.upper)
        network = self.network
        if not all(column.always_known for column in other.network.schema.columns):
            network = other.network  # the one that admits unknown levels
        return RegionSet(
            network=network,
            patterns=np.concatenate([self.patterns, other.patterns[new]]),
            witnesses=np.concatenate([self.witnesses, other.witnesses[new]]),
            domain=Box(lower, upper),
            complete=False,
            found_by=f"{self.found_by}, then {other.found_by}",
            counts=counts,
            rows=np.concatenate([self.rows, place[other.rows]]),
            skipped=self.skipped + other.skipped,
        )

    @property
    def names(self) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
        """Short stable names, one a region."""
        return region_names(self.keys)

    @property
    def share(self) -> FloatArray:
        """Share of the rows in each region: (n_regions,)."""
        return self.counts / max(1, int(self.counts.sum()))

    def affine_maps(self, view: ScoreView | None = None) -> tuple[FloatArray, FloatArray]:
        """``weight (n_regions, n_scores, n_inputs)`` and ``bias (n_regions, n_scores)``.

        Computed when asked for, in one batch; see :func:`network.patterns.affine_maps`.
        """
        output = None if view is None else self.network.score_map(view)
        return affine_maps(self.network, self.patterns, output)

    def affine_map_chunks(
        self, view: ScoreView | None = None
    ) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
        """The affine maps in chunks of bounded memory: positions, ``weight`` and ``bias``."""
        output = self.network.output if view is None else self.network.score_map(view)
        step = max(1, _CHUNK_VALUES // max(1, output.bias.size * self.network.n_inputs))
        for start in range(0, len(self), step):
            part = slice(start, min(start + step, len(self)))
            yield part, *affine_maps(self.network, self.patterns[part], output)

    def locate(self, X: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> IntArray:
        """The region of each raw row, -1 where no listed region holds it: (n_samples,)."""
        return self.locate_points(self.network.schema.encode(X), tolerances=tolerances)

    def locate_points(
        self, points: FloatArray, *, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> IntArray:
        """The region of each encoded point, -1 where no listed region holds it.

        By activation pattern first. A point whose own pattern is not listed may still lie on
        the boundary of a listed region: that is so exactly where the patterns differ only at
        units whose preactivation is zero within tolerance, and then, by continuity, the
        region's formula gives the network's score there.
        """
        packed = activation_patterns(self.network, points)
        found = self.locate_patterns(packed)
        missing = np.flatnonzero(found < 0)
        if missing.size and len(self):
            found[missing] = touching(
                self.network, self.patterns, points[missing], packed[missing], tolerances
            )
        return found

    def locate_patterns(self, packed: ByteArray) -> IntArray:
        """The region with exactly each packed pattern, -1 where none is listed."""
        return listed_at(self.patterns, self.keys, packed)

    def facets(self, i: int, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> Polytope:
        """The ``i``-th region by its minimal half-spaces; those of the domain are in its box."""
        polytope = self.region(i).polytope()
        kept = polytope.irredundant(tolerances=tolerances)
        return Polytope(polytope.weight[kept], polytope.bound[kept], self.domain)

    def all_facets(self, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> Facets:
        """The facets of every region, and the pattern behind each; see :func:`find_facets`."""
        return find_facets(self.network, self.patterns, self.witnesses, self.domain, tolerances)

    def adjacency(
        self, *, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> "sparse.csr_array[np.bool_]":
        """Which regions share a facet: a symmetric sparse matrix ``(n_regions, n_regions)``."""
        facets = self.all_facets(tolerances=tolerances)
        shared = facets.unit >= 0
        behind = self.locate_patterns(facets.across[shared])
        here, behind = facets.region[shared][behind >= 0], behind[behind >= 0]
        return neighbour_matrix(here, behind, len(self))

    def affine_pieces(
        self, view: ScoreView | None = None, *, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> IntArray:
        """Neighbours with the same affine map, put together: a number for each region.

        Regions get the same number where a chain of shared facets joins them and their maps agree
        within ``tolerances.containment`` of the largest coefficient, in the scaled domain. There
        are as many pieces as different numbers; a unit that changes nothing behind it makes
        patterns, but no pieces.
        """
        neighbours = self.adjacency(tolerances=tolerances)
        maps = self.affine_maps(view)
        return joined_pieces(neighbours, *maps, self.domain, tolerances.containment)

    def volumes(
        self,
        *,
        n_samples: int = 100_000,
        random_state: int | np.random.Generator = 0,
        tolerances: Tolerances = DEFAULT_TOLERANCES,
    ) -> RegionVolumes:
        """The volume of each region within the domain, relative to its free inputs.

        Parameters
        ----------
        n_samples
            Points drawn evenly from the domain above six free inputs, at least 2.
        random_state
            Seed or generator of those points.

        Returns
        -------
        RegionVolumes
            ``values`` and ``errors`` in the product of the free inputs' units, and ``share`` of
            the domain. Exact up to six free inputs. Above, the share of the points in each region
            with its standard error, at most 0.0016 for 100,000 points: good for the shares of
            large regions, while of regions that no point hits it says only that they are small.
            There ``geometry.volumes.volume(regions.region(i).polytope())`` is the better estimate
            of a single one, at tens of milliseconds each.

        Notes
        -----
        0 for a region that is not full-dimensional. Cost: of the order of 0.02 ms a region with
        four free inputs, 0.1 ms with five and 0.3 ms with six; above, one forward pass of the
        points and a lookup of each.

        Examples
        --------
        >>> from explainrelu.regions.enumeration import enumerate_regions
        >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
        >>> sorted(enumerate_regions(network, Box([-1.0], [3.0])).volumes().values.tolist())
        [1.0, 3.0]
        """
        domain = self.domain
        box = float(np.prod(2.0 * domain.half_width[~domain.fixed]))
        if (~domain.fixed).sum() <= EXACT_INPUTS:
            share = exact_shares(self.network, self.patterns, self.witnesses, domain, tolerances)
            return RegionVolumes(share, np.zeros(len(self)), box, Exactness.EXACT)
        points = domain.sample(n_samples, np.random.default_rng(random_state))
        place = self.locate_points(points, tolerances=tolerances)
        return RegionVolumes(*estimated_shares(place, len(self)), box, Exactness.ESTIMATED)

    def inscribed_balls(self, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> InscribedBalls:
        """The largest ball inside each region: Chebyshev centres, interior points and radii.

        Returns
        -------
        InscribedBalls
            ``centre`` in the encoded inputs' own units, ``radius`` in the domain scaled to
            ``[-1, 1]``: what :meth:`Polytope.inscribed_ball` gives. Proven to be the largest
            within ``tolerances.feasibility``. Where several balls are largest, one of them.

        Notes
        -----
        Exact up to float64 rounding. Cost: one walk of a compiled simplex a region, of the order
        of 2 microseconds for two free inputs, 10 for five and 100 for twenty; above 64 a linear
        program each.

        Examples
        --------
        >>> from explainrelu.regions.enumeration import enumerate_regions
        >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
        >>> balls = enumerate_regions(network, Box([-1.0], [3.0])).inscribed_balls()
        >>> sorted(balls.centre[:, 0].tolist()), sorted(balls.radius.tolist())
        ([-0.5, 1.5], [0.25, 0.75])
        """
        return inscribed_balls(self.network, self.patterns, self.witnesses, self.domain, tolerances)

    def restrict(self, box: Box, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> "RegionSet":
        """The regions that meet a smaller box, read over that box.

        Parameters
        ----------
        box
            Within the domain; it may fix inputs that the domain leaves free.
        tolerances
            A region belongs to the box where its ball in there is larger than ``inradius``, in
            the box scaled to ``[-1, 1]``.

        Returns
        -------
        RegionSet
            With ``box`` for its domain and a new witness of each region, the centre of a largest
            ball of its part in the box. Regions that only touch the box are left out; those that
            reach into it by no more than the tolerance are counted in ``skipped``, besides those
            that were skipped before, wherever they lie. Complete where this set is, as far as
            that says: a region thinner than the tolerance of the *domain* may be missing, though
            it be thicker than that of the box. No rows: which of them lie in the box is not kept.
            Count them anew by :meth:`with_rows`.

        Raises
        ------
        ArgumentError
            For a box that reaches out of the domain or has another number of inputs.
        InputTypeError
            For what is no box.

        Notes
        -----
        Where the box fixes an input, several regions may share a border that runs along it. They
        are one region of the box: the unit that is zero there counts as inactive, as everywhere.
        Cost: the half-spaces of every region, and for those that may meet the box one walk as in
        :meth:`inscribed_balls`.

        Examples
        --------
        >>> from explainrelu.regions.enumeration import enumerate_regions
        >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
        >>> found = enumerate_regions(network, Box([-1.0], [3.0]))
        >>> found.restrict(Box([0.0], [2.0]))
        RegionSet(1 regions in the whole box, those of a smaller box, complete)
        """
        check_within(box, self.domain)
        found = meeting(self.network, self.patterns, self.witnesses, self.domain, box, tolerances)
        return RegionSet(
            network=self.network,
            patterns=found.patterns,
            witnesses=found.points,
            domain=box,
            complete=self.complete,
            found_by=f"{self.found_by}, those of a smaller box",
            counts=np.zeros(len(found.patterns), dtype=np.int64),
            rows=np.zeros(0, dtype=np.int64),
            skipped=self.skipped + found.n_thin,
            stopped=self.stopped,
        )

    def full_dimensional(self, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> BoolArray:
        """Whether each region has interior points: (n_regions,).

        A witness on no unit's zero set proves it; a linear program decides the others.
        """
        clear = ~near_zero(self.network, self.witnesses, tolerances)
        full: BoolArray = np.asarray(clear.all(axis=1), dtype=np.bool_)
        for i in np.flatnonzero(~full):
            full[i] = self.region(int(i)).polytope().is_full_dimensional(tolerances=tolerances)
        return full

    def to_frame(self) -> pd.DataFrame:
        """One row a region: ``region n_rows share n_active full_dimensional exactness``.

        Exact. ``docs/tables.md`` says what each column means.
        """
        return pd.DataFrame(
            {
                "region": pd.Series(self.names, dtype="str"),
                "n_rows": self.counts,
                "share": self.share,
                "n_active": unpack(self.network, self.patterns).sum(axis=1, dtype=np.int64),
                "full_dimensional": self.full_dimensional(),
                "exactness": pd.Series(["exact"] * len(self), dtype="str"),
            }
        )

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the table of :meth:`to_frame` to a Parquet file, with where each region lies.

        Parameters
        ----------
        path
            The file to write; an existing one is replaced, or stays where writing fails.

        Raises
        ------
        MissingDependencyError
            Without pyarrow: ``pip install explainrelu[parquet]``.
        OutputError
            Where the file cannot be written.

        Notes
        -----
        Exact: every number keeps its 64 bits. Besides the columns of the table it has ``pattern``,
        the packed activation pattern as bytes, and ``inside``, an encoded point of the region as
        a list of numbers. It is a table for other programs: without the network it is no set of
        regions, which :func:`explainrelu.save` keeps and :func:`explainrelu.load` brings back.
        """
        write_regions(path, self.to_frame(), self.patterns, self.witnesses)
