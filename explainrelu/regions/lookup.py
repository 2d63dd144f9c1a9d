"""Which region of a list holds a point, and which preactivations are zero there."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from explainrelu.arrays import (
    BoolArray,
    ByteArray,
    FloatArray,
    IntArray,
    applied_to_rows,
    magnitudes,
)
from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, pattern_keys
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["check_listed", "listed_at", "near_zero", "positions_of", "touching"]


def listed_at(patterns: ByteArray, keys: IntArray, packed: ByteArray) -> IntArray:
    """The place in a list of exactly each packed pattern, -1 where it is not listed.

    Parameters
    ----------
    patterns : (n_regions, n_bytes)
        The list.
    keys : (n_regions,)
        Their keys.
    packed : (n_samples, n_bytes)
    """
    if not len(patterns):
        return np.full(packed.shape[0], -1, dtype=np.int64)
    found = np.asarray(pd.Index(keys).get_indexer(pd.Index(pattern_keys(packed))), dtype=np.int64)
    same = (patterns[found] == packed).all(axis=1)  # keys may collide, patterns do not
    return np.where((found >= 0) & same, found, -1)


def touching(
    network: ReluNetwork,
    patterns: ByteArray,
    points: FloatArray,
    packed: ByteArray,
    tolerances: Tolerances,
) -> IntArray:
    """For points of unlisted patterns: a listed region whose closure holds them, or -1.

    That is so exactly where the patterns differ only at units whose preactivation is zero within
    tolerance. Cost: for each point on a border a look at the whole list.
    """
    zero = near_zero(network, points, tolerances)
    found = np.full(points.shape[0], -1, dtype=np.int64)
    certain = np.packbits(~zero, axis=1)
    for i in np.flatnonzero(zero.any(axis=1)):
        differs = (patterns ^ packed[i]) & certain[i]
        hits = np.flatnonzero(~differs.any(axis=1))
        if hits.size:
            found[i] = hits[0]
    return found


def positions_of(positions: npt.ArrayLike, n_regions: int) -> IntArray:
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


def check_listed(
    network: ReluNetwork, patterns: ByteArray, keys: IntArray, witnesses: FloatArray
) -> None:
    """Raise where patterns are not all different, or a witness has not that of its region.

    Raises
    ------
    ArgumentError
        With the first region that is wrong.
    SizeError
        Where two different patterns have the same key.
    """
    if not pd.Index(keys).is_unique:
        first, second = _first_double(patterns)
        raise ArgumentError(
            f"Patterns must all be different, got the same for regions {first} and {second}. "
            "List each region once."
        )
    found = activation_patterns(network, witnesses)
    odd = np.flatnonzero((found != patterns).any(axis=1))
    # a witness on a unit's zero set may be put on either side of it by rounding
    near = near_zero(network, witnesses[odd], DEFAULT_TOLERANCES)
    differs = (found[odd] ^ patterns[odd]) & ~np.packbits(near, axis=1)
    wrong = odd[differs.any(axis=1)]
    if wrong.size:
        raise ArgumentError(
            f"Each witness must lie in its region, got one of another activation pattern for "
            f"region {wrong[0]}. Hand over the patterns and points of the same network."
        )


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
