"""Many linear regions of one network, as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from explainrelu.arrays import (
    BoolArray,
    ByteArray,
    FloatArray,
    IntArray,
    applied_to_rows,
    frozen,
    magnitudes,
)
from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
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
from explainrelu.regions.region import LinearRegion
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RegionSet", "near_zero"]

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
        self._check_patterns()

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

    def _check_patterns(self) -> None:
        """Patterns differ from each other, and each witness has the pattern of its region."""
        if not pd.Index(self.keys).is_unique:
            first, second = _first_double(self.patterns)
            raise ArgumentError(
                f"Patterns must all be different, got the same for regions {first} and {second}. "
                "List each region once."
            )
        found = activation_patterns(self.network, self.witnesses)
        odd = np.flatnonzero((found != self.patterns).any(axis=1))
        # a witness on a unit's zero set may be put on either side of it by rounding
        near = near_zero(self.network, self.witnesses[odd], DEFAULT_TOLERANCES)
        differs = (found[odd] ^ self.patterns[odd]) & ~np.packbits(near, axis=1)
        wrong = odd[differs.any(axis=1)]
        if wrong.size:
            raise ArgumentError(
                f"Each witness must lie in its region, got one of another activation pattern for "
                f"region {wrong[0]}. Hand over the patterns and points of the same network."
            )

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
        positions = _positions(positions, len(self))
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
            found[missing] = self._touching(points[missing], packed[missing], tolerances)
        return found

    def locate_patterns(self, packed: ByteArray) -> IntArray:
        """The region with exactly each packed pattern, -1 where none is listed."""
        if not len(self):
            return np.full(packed.shape[0], -1, dtype=np.int64)
        found = np.asarray(
            pd.Index(self.keys).get_indexer(pd.Index(pattern_keys(packed))), dtype=np.int64
        )
        same = (self.patterns[found] == packed).all(axis=1)  # keys may collide, patterns do not
        return np.where((found >= 0) & same, found, -1)

    def _touching(self, points: FloatArray, packed: ByteArray, tolerances: Tolerances) -> IntArray:
        """For points of unlisted patterns: a listed region whose closure holds them, or -1."""
        zero = near_zero(self.network, points, tolerances)
        found = np.full(points.shape[0], -1, dtype=np.int64)
        certain = np.packbits(~zero, axis=1)
        for i in np.flatnonzero(zero.any(axis=1)):
            differs = (self.patterns ^ packed[i]) & certain[i]
            hits = np.flatnonzero(~differs.any(axis=1))
            if hits.size:
                found[i] = hits[0]
        return found

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
        ones = np.ones(2 * here.size, dtype=np.bool_)
        places = (np.concatenate([here, behind]), np.concatenate([behind, here]))
        return sparse.csr_array(sparse.coo_array((ones, places), shape=(len(self), len(self))))

    def affine_pieces(
        self, view: ScoreView | None = None, *, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> IntArray:
        """Neighbours with the same affine map, put together: a number for each region.

        Regions get the same number where a chain of shared facets joins them and their maps agree
        within ``tolerances.containment`` of the largest coefficient, in the scaled domain. There
        are as many pieces as different numbers; a unit that changes nothing behind it makes
        patterns, but no pieces.
        """
        weight, bias = self.affine_maps(view)
        maps = weight * self.domain.half_width
        at_centre = np.einsum("koi,i->ko", weight, self.domain.centre) + bias
        maps = np.concatenate([maps, at_centre[:, :, None]], axis=2).reshape(len(self), -1)
        edges = sparse.coo_array(self.adjacency(tolerances=tolerances))
        first, second = edges.coords
        size = np.abs(maps).max(initial=0.0)
        gap = np.abs(maps[first] - maps[second]).max(axis=1, initial=0.0)
        same = gap <= tolerances.containment * size
        joins = sparse.coo_array(
            (np.ones(int(same.sum())), (first[same], second[same])), shape=edges.shape
        )
        labels: IntArray = connected_components(joins, directed=False)[1].astype(np.int64)
        return labels

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
        """One row a region: ``region n_rows share n_active full_dimensional exactness``."""
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


def _positions(positions: npt.ArrayLike, n_regions: int) -> IntArray:
    """Positions or flags as positions, each once, in the order given."""
    given = np.atleast_1d(np.asarray(positions))
    if given.dtype == np.bool_:
        if given.shape != (n_regions,):
            raise ArgumentError(
                f"Flags must be one a region, ({n_regions},), got shape {given.shape}."
            )
        return np.flatnonzero(given)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise InputTypeError(
            "Positions must be a list of whole numbers, or of one flag a region, got "
            f"{given.dtype} of shape {given.shape}."
        )
    if ((given < 0) | (given >= n_regions)).any():
        raise ArgumentError(f"Positions must be from 0 to {n_regions - 1}, got {given}.")
    found, first = np.unique(given, return_index=True)
    return found[np.argsort(first)].astype(np.int64)


def _first_double(patterns: ByteArray) -> tuple[int, int]:
    """The first two regions with equal patterns."""
    seen: dict[bytes, int] = {}
    for i, pattern in enumerate(patterns):
        if seen.setdefault(pattern.tobytes(), i) != i:
            return seen[pattern.tobytes()], i
    raise SizeError("The 64-bit keys of two different patterns are equal. Split the set in two.")


def near_zero(network: ReluNetwork, points: FloatArray, tolerances: Tolerances) -> BoolArray:
    """Which rectified units have a preactivation that is zero within tolerance.

    ``|z| <= boundary * (|W| |h| + |b|)``: the right-hand side is the size of the terms that
    made ``z``, so rounding cannot hide a zero. Shape ``(n_samples, n_neurons)``.
    """
    flags = np.zeros((points.shape[0], network.n_neurons), dtype=np.bool_)
    for rows in network.row_chunks(points.shape[0]):
        close = np.flatnonzero(_perhaps_near_zero(network, points[rows], tolerances)) + rows.start
        hidden, start = points[close], 0
        for layer in network.layers:
            z = layer.preactivation(hidden)
            size = applied_to_rows(magnitudes(layer.weight), np.abs(hidden)) + np.abs(layer.bias)
            stop = start + layer.n_rectified
            zero = np.abs(z) <= tolerances.boundary * size
            flags[close, start:stop] = zero[:, layer.rectified]
            hidden, start = layer.activate(z), stop
    return flags


def _perhaps_near_zero(
    network: ReluNetwork, points: FloatArray, tolerances: Tolerances
) -> BoolArray:
    """Which points may have a zero preactivation, by ``|W| |h| <= max |h| * max sum |W|``.

    The bound is looser and costs no second matrix product; few points are left for the other.
    """
    found, hidden = np.zeros(points.shape[0], dtype=np.bool_), points
    for layer in network.layers:
        z = layer.preactivation(hidden)
        norm = np.asarray(magnitudes(layer.weight).sum(axis=1)).max(initial=0.0)
        size = np.abs(hidden).max(axis=1, initial=0.0) * norm + np.abs(layer.bias).max(initial=0.0)
        rectified = z if layer.rectified.all() else z[:, layer.rectified]
        nearest = np.abs(rectified).min(axis=1, initial=np.inf)
        found |= nearest <= tolerances.boundary * size
        hidden = layer.activate(z)
    return found
