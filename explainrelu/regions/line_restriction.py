"""The restriction of a network to line segments, layer by layer.

Along ``x(t) = (1 - t) start + t end`` every preactivation is piecewise linear in ``t``. Where the
values behind the layers so far are known at breakpoints, and are linear between them, the next
preactivation is too, and a rectified unit adds a breakpoint where it changes its sign between two
of them (Sotoudeh and Thakur, "Computing linear restrictions of neural networks", NeurIPS 2019).
Carried units add none.

Legend of the flat arrays: the breakpoints of all segments stand one after the other, each
segment's own from 0 to 1, so that neighbours in the array are the ends of a piece wherever they
belong to the same segment.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import ByteArray, FloatArray, IntArray, Matrix, applied_to_rows, magnitudes
from explainrelu.errors import SizeError
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.network.patterns import patterns_behind
from explainrelu.tolerances import Tolerances

__all__ = ["CutSegments", "cut_segments", "segment_points"]

_CHUNK_VALUES = 1 << 17  # values of one array of a chunk of segments: 1 MB, which stays in cache
_GATHERING = 16  # by how much a matrix product is faster than pair after pair of rows
_EXPECTED = 64  # breakpoints of a segment, until some are known


@dataclass(frozen=True, slots=True, eq=False)
class CutSegments:
    """The pieces of some segments.

    Attributes
    ----------
    n_pieces : (n_segments,)
        Pieces of each segment.
    patterns : (n_pieces, n_bytes) uint8
        The packed activation pattern in the middle of each piece.
    breakpoints : (n_pieces + n_segments,)
        ``t`` at the ends of the pieces.
    values : (n_pieces + n_segments, n_outputs)
        The raw scores there.
    """

    n_pieces: IntArray
    patterns: ByteArray
    breakpoints: FloatArray
    values: FloatArray


def cut_segments(
    network: ReluNetwork, starts: FloatArray, ends: FloatArray, tolerances: Tolerances
) -> Iterator[CutSegments]:
    """The segments from ``starts`` to ``ends (n_segments, n_inputs)``, cut where patterns change.

    Some segments at a time, as many as keep the arrays in cache; in their order.

    Raises
    ------
    SizeError
        Where scores along the way are too large for float64.
    """
    widest = max(network.n_outputs, *network.widths, 1)
    absolute = [magnitudes(layer.weight) for layer in network.layers]
    start, n_breakpoints, expected = 0, 0, float(_EXPECTED)
    while start < starts.shape[0]:
        # of the inputs only the two ends of a segment are ever looked at
        values = max(widest * expected, 2.0 * network.n_inputs)
        part = slice(start, start + max(1, int(_CHUNK_VALUES / values)))
        found = _cut(network, absolute, starts[part], ends[part], tolerances)
        yield found
        start, n_breakpoints = start + found.n_pieces.size, n_breakpoints + found.breakpoints.size
        expected = n_breakpoints / start


def segment_points(
    starts: FloatArray, ends: FloatArray, segments: IntArray, t: FloatArray
) -> FloatArray:
    """The point at each ``t`` on its segment, ``(n_points, n_inputs)``; its ends at 0 and 1."""
    found, rest = starts[segments], ends[segments]
    found *= (1.0 - t)[:, None]
    rest *= t[:, None]
    found += rest
    return found


def _cut(
    network: ReluNetwork,
    absolute: list[Matrix],
    starts: FloatArray,
    ends: FloatArray,
    tolerances: Tolerances,
) -> CutSegments:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        segments, t, values, first = _restricted(network, absolute, starts, ends, tolerances)
    if not np.isfinite(values).all():
        raise SizeError(
            "Scores along the segments must be finite in float64, got an overflow. Move the ends "
            "of the segments closer together, or scale the inputs."
        )
    left = np.flatnonzero(segments[1:] == segments[:-1])  # where the pieces begin
    of, middle = segments[left], 0.5 * (t[left] + t[left + 1])
    # the first layer is affine along a segment: its values in the middle need no inputs
    patterns = patterns_behind(network, segment_points(first[::2], first[1::2], of, middle))
    # a breakpoint that changes no bit was none: rounding took two sides of a zero for a crossing
    same = (patterns[1:] == patterns[:-1]).all(axis=1) & (of[1:] == of[:-1])
    kept = np.ones(t.size, dtype=np.bool_)
    kept[left[1:][same]] = False
    distinct = np.concatenate([[True], ~same])
    counts = np.bincount(of[distinct], minlength=starts.shape[0]).astype(np.int64)
    return CutSegments(counts, patterns[distinct], t[kept], values[kept])


def _restricted(
    network: ReluNetwork,
    absolute: list[Matrix],
    starts: FloatArray,
    ends: FloatArray,
    tolerances: Tolerances,
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Segment, ``t`` and scores at every breakpoint, and the first layer's ``z`` at the ends."""
    n_segments = starts.shape[0]
    segments = np.repeat(np.arange(n_segments), 2)
    t = np.tile([0.0, 1.0], n_segments)
    hidden = np.stack([starts, ends], axis=1).reshape(2 * n_segments, -1)
    first = np.empty((2 * n_segments, 0))
    for i, (layer, weight) in enumerate(zip(network.layers, absolute, strict=True)):
        z = layer.preactivation(hidden)
        if i == 0:
            first = z.copy()
        crossings = _crossings(layer, weight, hidden, segments, t, z, tolerances)
        if crossings.piece.size:
            new, share, place = crossings.merged()
            before, between = z[new], z[new + 1]
            between -= before
            between *= share[:, None]
            between += before
            between[place, crossings.unit] = 0.0  # as it is, whatever rounding makes of it
            z = np.insert(z, new + 1, between, axis=0)
            t = np.insert(t, new + 1, t[new] + share * (t[new + 1] - t[new]))
            segments = np.insert(segments, new + 1, segments[new])
        hidden = layer.activate(z)
    return segments, t, network.output(hidden), first


@dataclass(frozen=True, slots=True, eq=False)
class _Crossings:
    """Where units change their sign between two breakpoints, ordered by piece and share.

    Attributes
    ----------
    piece : (n_crossings,)
        The breakpoint at which the piece begins.
    unit : (n_crossings,)
        The unit that is zero there.
    share : (n_crossings,)
        How far along the piece, between 0 and 1.
    doubt : (n_crossings,)
        What rounding may change in ``share``.
    """

    piece: IntArray
    unit: IntArray
    share: FloatArray
    doubt: FloatArray

    def taken(self, positions: IntArray) -> "_Crossings":
        """Some of them, in the order given."""
        return _Crossings(
            self.piece[positions],
            self.unit[positions],
            self.share[positions],
            self.doubt[positions],
        )

    def merged(self) -> tuple[IntArray, FloatArray, IntArray]:
        """The new breakpoints: their pieces and shares, and for each crossing which it is at.

        Crossings are joined where they lie within the smaller of their doubts: a unit with a
        steep preactivation is not moved for a flat one, whose zero may be anywhere near.
        """
        apart = np.diff(self.share) > np.minimum(self.doubt[1:], self.doubt[:-1])
        first = np.concatenate([[True], apart | (np.diff(self.piece) > 0)])
        return self.piece[first], self.share[first], np.cumsum(first) - 1


def _crossings(
    layer: Layer,
    absolute: Matrix,
    hidden: FloatArray,
    segments: IntArray,
    t: FloatArray,
    z: FloatArray,
    tolerances: Tolerances,
) -> _Crossings:
    """Where rectified units change their sign inside a piece.

    The size of the terms that made ``z`` tells what rounding may change in it. A crossing that
    rounding could move to an end of its piece is left out: the breakpoint is there already, or
    ``z`` is zero all along.
    """
    positive, negative = z > 0.0, z < 0.0
    changes = (positive[:-1] & negative[1:]) | (negative[:-1] & positive[1:])
    changes &= (segments[1:] == segments[:-1])[:, None] & layer.rectified
    piece, unit = np.nonzero(changes)
    before, after = z[piece, unit], z[piece + 1, unit]
    share = before / (before - after)
    error = tolerances.rounding * _term_sizes(layer, absolute, np.abs(hidden), piece, unit)
    doubt = error / np.abs(before - after) + tolerances.rounding / (t[piece + 1] - t[piece])
    clear = np.flatnonzero((share > doubt) & (share < 1.0 - doubt))
    order = clear[np.lexsort((share[clear], piece[clear]))]
    return _Crossings(piece, unit, share, doubt).taken(order)


def _term_sizes(
    layer: Layer, absolute: Matrix, hidden: FloatArray, piece: IntArray, unit: IntArray
) -> FloatArray:
    """The larger size of the terms of ``z`` at the two ends of pieces, for one unit of each."""
    few = piece.size * _GATHERING < hidden.shape[0] * layer.n_units
    if few and isinstance(absolute, np.ndarray):
        rows = absolute[unit]
        before, after = (np.einsum("ij,ij->i", rows, hidden[i]) for i in (piece, piece + 1))
        return np.asarray(np.maximum(before, after) + np.abs(layer.bias[unit]))
    size = applied_to_rows(absolute, hidden) + np.abs(layer.bias)
    return np.maximum(size[piece, unit], size[piece + 1, unit])
