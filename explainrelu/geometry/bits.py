"""Sets as rows of 64-bit words, compiled: bit ``i`` of row ``v`` tells whether ``i`` is in it."""

import numpy as np
from numba import njit

__all__ = ["has_bit", "n_tight", "ones", "set_bit"]


@njit(cache=True, error_model="numpy")
def n_tight(tight, v):
    """How many half-spaces are tight at a vertex."""
    found = 0
    for w in range(tight.shape[1]):
        found += ones(tight[v, w])
    return found


@njit(inline="always")
def has_bit(tight, v, row):
    """Whether a half-space is tight at a vertex: 0 or 1."""
    return np.int64((tight[v, row >> 6] >> np.uint64(row & 63)) & np.uint64(1))


@njit(inline="always")
def set_bit(tight, v, row):
    """Say that a half-space is tight at a vertex."""
    tight[v, row >> 6] |= np.uint64(1) << np.uint64(row & 63)


@njit(inline="always")
def ones(word):
    """How many bits are set."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
