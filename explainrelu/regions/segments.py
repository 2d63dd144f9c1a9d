"""The exact pieces of a network along line segments.

On a segment ``x(t) = (1 - t) start + t end`` the network is piecewise linear in ``t``; its pieces
are those of :mod:`explainrelu.regions.line_restriction`, without steps or sampling. What is an
integral along the segment, such as integrated gradients, is then a finite sum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from explainrelu.arrays import ByteArray, FloatArray, IntArray, frozen, frozen_floats
from explainrelu.errors import ArgumentError
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.patterns import (
    affine_maps,
    first_layer_gradients,
    pattern_keys,
    region_names,
)
from explainrelu.regions.line_restriction import cut_segments, segment_points
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["SegmentPieces", "pieces_between", "polyline_pieces", "segment_pieces"]

_MAP_VALUES = 1 << 22  # 32 MB of coefficients at a time
_GRADIENT_VALUES = 1 << 17  # values of one array of gradients: 1 MB, which stays in cache


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SegmentPieces:
    """Line segments cut where the network's formula changes.

    Segment ``i`` runs from ``starts[i]`` at ``t = 0`` to ``ends[i]`` at ``t = 1``. Its pieces are
    ``offsets[i]`` to ``offsets[i + 1]``, in the order of ``t``; its breakpoints, one more than
    pieces, are at :meth:`breakpoints_of`.

    Attributes
    ----------
    network
        The network they are pieces of.
    starts, ends : (n_segments, n_inputs)
        Encoded points.
    offsets : (n_segments + 1,)
        First piece of each segment, and behind them the number of pieces.
    patterns : (n_pieces, n_bytes) uint8
        The packed activation pattern in the middle of each piece.
    breakpoints : (n_pieces + n_segments,)
        ``t`` where pieces begin and end: for each segment 0, those between, and 1.
    values : (n_pieces + n_segments, n_outputs)
        The raw scores there.
    """

    network: ReluNetwork
    starts: FloatArray
    ends: FloatArray
    offsets: IntArray
    patterns: ByteArray
    breakpoints: FloatArray
    values: FloatArray

    def __post_init__(self) -> None:
        for name, ndim in (("starts", 2), ("ends", 2), ("breakpoints", 1), ("values", 2)):
            object.__setattr__(self, name, frozen_floats(getattr(self, name), ndim, name))
        object.__setattr__(self, "offsets", frozen(np.array(self.offsets, dtype=np.int64)))
        object.__setattr__(self, "patterns", frozen(np.array(self.patterns, dtype=np.uint8)))
        network, n_segments, n_pieces = self.network, self.starts.shape[0], len(self)
        wanted = {
            "starts": (n_segments, network.n_inputs),
            "ends": (n_segments, network.n_inputs),
            "offsets": (n_segments + 1,),
            "patterns": (n_pieces, -(-network.n_neurons // 8)),
            "breakpoints": (n_pieces + n_segments,),
            "values": (n_pieces + n_segments, network.n_outputs),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise ArgumentError(f"{name} must be {shape}, got {getattr(self, name).shape}.")
        if self.offsets[0] != 0 or self.offsets[-1] != n_pieces or (self.n_pieces < 1).any():
            raise ArgumentError(
                f"offsets must rise from 0 to the {n_pieces} pieces, one piece a segment or more, "
                f"got {self.offsets}."
            )

    def __len__(self) -> int:
        return int(self.patterns.shape[0])

    def __repr__(self) -> str:
        return f"SegmentPieces({len(self)} pieces of {self.n_segments} segments)"

    @property
    def n_segments(self) -> int:
        """Segments."""
        return int(self.starts.shape[0])

    @property
    def n_pieces(self) -> IntArray:
        """Pieces of each segment, at least one: (n_segments,)."""
        return np.diff(self.offsets)

    @property
    def segments(self) -> IntArray:
        """The segment of each piece: (n_pieces,)."""
        return np.repeat(np.arange(self.n_segments), self.n_pieces)

    @property
    def lower(self) -> FloatArray:
        """``t`` where each piece begins: (n_pieces,)."""
        return self.breakpoints[self._first_ends]

    @property
    def upper(self) -> FloatArray:
        """``t`` where each piece ends: (n_pieces,)."""
        return self.breakpoints[self._first_ends + 1]

    @property
    def shares(self) -> FloatArray:
        """The share of its segment that each piece takes: (n_pieces,)."""
        return self.upper - self.lower

    @property
    def names(self) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
        """The short stable name of the region each piece runs through."""
        return region_names(pattern_keys(self.patterns))

    @property
    def _first_ends(self) -> IntArray:
        """The place of each piece's beginning among the breakpoints."""
        return np.arange(len(self)) + self.segments

    def pieces_of(self, segment: int) -> slice:
        """Where the pieces of one segment stand."""
        return slice(int(self.offsets[segment]), int(self.offsets[segment + 1]))

    def breakpoints_of(self, segment: int) -> slice:
        """Where the breakpoints of one segment stand."""
        pieces = self.pieces_of(segment)
        return slice(pieces.start + segment, pieces.stop + segment + 1)

    def points(self) -> FloatArray:
        """The encoded points at the breakpoints: (n_pieces + n_segments, n_inputs)."""
        segments = np.repeat(np.arange(self.n_segments), self.n_pieces + 1)
        return segment_points(self.starts, self.ends, segments, self.breakpoints)

    def affine_map_chunks(
        self, view: ScoreView | None = None
    ) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
        """The affine maps of the pieces in chunks of bounded memory.

        Yields the pieces, ``weight (n, n_scores, n_inputs)`` and ``bias (n, n_scores)``: on a
        piece the score is ``weight @ x + bias``. For the raw outputs, or a view of them.
        """
        output = self.network.output if view is None else self.network.score_map(view)
        step = max(1, _MAP_VALUES // max(1, output.bias.size * self.network.n_inputs))
        for start in range(0, len(self), step):
            part = slice(start, min(start + step, len(self)))
            yield part, *affine_maps(self.network, self.patterns[part], output)

    def gradients(self, view: ScoreView | None = None) -> FloatArray:
        """The gradient of each score on each piece: (n_pieces, n_scores, n_inputs)."""
        n_scores = self.network.n_outputs if view is None else len(view)
        found = np.empty((len(self), n_scores, self.network.n_inputs))
        for part, weight, _ in self.affine_map_chunks(view):
            found[part] = weight
        return found

    def mean_gradients(self, view: ScoreView | None = None) -> FloatArray:
        """The mean of the gradient over each segment: (n_segments, n_scores, n_inputs).

        That is ``integral_0^1 grad f(x(t)) dt``, the sum of the pieces' gradients by their share;
        its product with ``end - start`` is the change of the score from start to end. Streamed.

        Cost O(n_pieces * n_scores * number of weights behind the first layer), and the first
        layer's once a segment.
        """
        network = self.network
        output = network.output if view is None else network.score_map(view)
        if not network.layers:
            return np.tile(output.weight, (self.n_segments, 1, 1))
        # of the pieces only the gradients by the first layer's preactivations: the product with
        # its weights is taken of their sum
        layer, n_scores = network.layers[0], output.bias.size
        total = np.zeros((self.n_segments, n_scores, layer.n_units))
        segments, shares = self.segments, self.shares
        step = max(1, _GRADIENT_VALUES // (n_scores * max(network.widths)))
        for start in range(0, len(self), step):
            part = slice(start, start + step)
            back = first_layer_gradients(network, self.patterns[part], output)
            back *= shares[part, None, None]
            first = np.flatnonzero(np.diff(segments[part], prepend=-1))
            total[segments[part][first]] += np.add.reduceat(back, first, axis=0)
        flat = np.asarray(total.reshape(-1, layer.n_units) @ layer.weight)
        return flat.reshape(self.n_segments, n_scores, network.n_inputs)

    def lines(self, view: ScoreView | None = None) -> tuple[FloatArray, FloatArray]:
        """The affine map of each piece along its segment: ``score = slope * t + intercept``.

        Returns
        -------
        slope, intercept : (n_pieces, n_scores)
            From the pieces' formulas, so that a short piece is as exact as a long one.
        """
        n_scores = self.network.n_outputs if view is None else len(view)
        slope, intercept = np.empty((2, len(self), n_scores))
        segments = self.segments
        for part, weight, bias in self.affine_map_chunks(view):
            starts, ends = self.starts[segments[part]], self.ends[segments[part]]
            slope[part] = np.einsum("poi,pi->po", weight, ends - starts)
            intercept[part] = np.einsum("poi,pi->po", weight, starts) + bias
        return slope, intercept

    def to_frame(self, view: ScoreView | None = None) -> pd.DataFrame:
        """One row a piece and score, in the order of the segments.

        ``segment piece output t_from t_to region score_from score_to slope scale unit
        exactness``; ``slope`` is the change of the score for the whole segment's length.
        """
        view = view or self.network.outputs.view()
        values, (slope, _) = self.values @ view.matrix.T, self.lines(view)
        first, repeats = self._first_ends, len(view)
        segments = self.segments
        data = {
            "segment": np.repeat(segments, repeats),
            "piece": np.repeat(np.arange(len(self)) - self.offsets[segments], repeats),
            "output": pd.Series(list(view.names) * len(self), dtype="str"),
            "t_from": np.repeat(self.lower, repeats),
            "t_to": np.repeat(self.upper, repeats),
            "region": pd.Series(np.repeat(self.names, repeats), dtype="str"),
            "score_from": values[first].ravel(),
            "score_to": values[first + 1].ravel(),
            "slope": slope.ravel(),
        }
        words = {"scale": view.scale, "unit": view.unit, "exactness": "exact"}
        for name, word in words.items():
            data[name] = pd.Series([word] * (len(self) * repeats), dtype="str")
        return pd.DataFrame(data)


def pieces_between(
    model: Any, X: Any, Y: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> SegmentPieces:
    """The exact pieces of a model from each row of ``X`` straight to the same row of ``Y``.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X, Y : (n_samples, n_columns)
        Raw rows. One of the two may be a single row, which is then taken for every row of the
        other: a baseline from which, or to which, all segments run.
    tolerances
        See :func:`segment_pieces`.

    Returns
    -------
    SegmentPieces
        Over the encoded inputs; between two levels of a column the segment runs through
        fractions of their indicators, which are no row of anyone's table.

    Raises
    ------
    ArgumentError
        Where ``X`` and ``Y`` have different numbers of rows, neither of them one.
    ColumnsError, MissingValuesError, UnknownLevelError, DataError
        Where rows do not fit the model.

    Notes
    -----
    Exactness and cost: see :func:`segment_pieces`.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, -1.0], [0.0]])
    >>> pieces_between(network, [[-1.0]], [[1.0], [3.0]]).n_pieces
    array([2, 3])
    """
    network = import_model(model, X, tolerances=tolerances)
    starts, ends = network.schema.encode(X), network.schema.encode(Y)
    n_segments = ends.shape[0] if starts.shape[0] == 1 else starts.shape[0]
    if ends.shape[0] not in (1, n_segments):
        raise ArgumentError(
            f"X and Y must have the same number of rows, or one of them a single row, got "
            f"{starts.shape[0]} and {ends.shape[0]}."
        )
    shape = (n_segments, network.n_inputs)
    return segment_pieces(
        network,
        np.broadcast_to(starts, shape),
        np.broadcast_to(ends, shape),
        tolerances=tolerances,
    )


def polyline_pieces(
    network: ReluNetwork, points: npt.ArrayLike, *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> SegmentPieces:
    """The exact pieces along the line through points, one after the other.

    Parameters
    ----------
    points : (n_points, n_inputs)
        Encoded points, at least two.

    Returns
    -------
    SegmentPieces
        Segment ``i`` runs from point ``i`` to point ``i + 1``; a corner of the line always ends a
        piece.

    Raises
    ------
    ArgumentError
        For fewer than two points, or points of another number of inputs.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    >>> polyline_pieces(network, [[-1.0], [1.0], [2.0]]).breakpoints
    array([0. , 0.5, 1. , 0. , 1. ])
    """
    corners = frozen_floats(points, 2, "points")
    if corners.shape[0] < 2:
        raise ArgumentError(f"A line must have at least two points, got {corners.shape[0]}.")
    return segment_pieces(network, corners[:-1], corners[1:], tolerances=tolerances)


def segment_pieces(
    network: ReluNetwork,
    starts: npt.ArrayLike,
    ends: npt.ArrayLike,
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> SegmentPieces:
    """The exact pieces of a network along line segments.

    Parameters
    ----------
    starts, ends : (n_segments, n_inputs)
        Encoded points; segment ``i`` runs from ``starts[i]`` to ``ends[i]``.
    tolerances
        ``rounding``: crossings that rounding cannot tell apart are one breakpoint.

    Returns
    -------
    SegmentPieces
        Neighbouring pieces of a segment have different activation patterns, and on each piece the
        network is the affine map of its pattern. A segment of length zero has one piece, and so
        has one along which no rectified unit changes its sign.

    Raises
    ------
    ArgumentError
        For points that are not finite, of another number of inputs, or of different shapes.
    SizeError
        Where values along the way are too large for float64.

    Notes
    -----
    Exact up to float64 rounding: no steps, no sampling. A unit that touches zero and turns back
    adds no breakpoint, nor does one that is zero all along a piece, whose bit in the pattern then
    is whatever rounding makes of it and changes no score. Cost O(n_pieces * number of weights),
    as matrix products over chunks of segments; memory beyond the result is a few megabytes, or
    what one segment's breakpoints need where that is more.

    References
    ----------
    M. Sotoudeh, A. V. Thakur, "Computing linear restrictions of neural networks", NeurIPS 2019.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, -1.0], [0.0]])
    >>> found = segment_pieces(network, [[-1.0]], [[3.0]])
    >>> found.breakpoints
    array([0.  , 0.25, 0.5 , 1.  ])
    >>> found.values[:, 0]
    array([0., 0., 1., 5.])
    >>> found.gradients()[:, 0, 0]
    array([0., 1., 2.])
    """
    first, last = _checked(network, starts, "starts"), _checked(network, ends, "ends")
    if first.shape != last.shape:
        raise ArgumentError(
            f"starts and ends must have one point a segment each, got {first.shape[0]} and "
            f"{last.shape[0]}."
        )
    chunks = list(cut_segments(network, first, last, tolerances))
    counts = np.concatenate([np.zeros(1, np.int64), *(chunk.n_pieces for chunk in chunks)])
    n_bytes = (network.n_neurons + 7) // 8
    return SegmentPieces(
        network=network,
        starts=first,
        ends=last,
        offsets=np.cumsum(counts),
        patterns=np.concatenate([np.zeros((0, n_bytes), np.uint8), *(c.patterns for c in chunks)]),
        breakpoints=np.concatenate([np.zeros(0), *(c.breakpoints for c in chunks)]),
        values=np.concatenate([np.zeros((0, network.n_outputs)), *(c.values for c in chunks)]),
    )


def _checked(network: ReluNetwork, points: npt.ArrayLike, name: str) -> FloatArray:
    array = frozen_floats(points, 2, name)
    if array.shape[1] != network.n_inputs:
        raise ArgumentError(
            f"{name} must have the network's {network.n_inputs} inputs, got shape {array.shape}. "
            "Encode raw rows by network.schema.encode, or call pieces_between."
        )
    return array
