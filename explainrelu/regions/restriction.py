"""Which regions of a list meet a smaller box, and where.

Where the smaller box fixes an input, a border may run along it: then a unit is zero throughout a
region within the box, and the regions on both sides of the border are the same points there. Such
a unit passes on nothing whatever its bit is, and counts as inactive like every unit at zero, so
that the two get one pattern, the one that points of the box have.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, ByteArray, FloatArray, IntArray
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.borders import halfspaces_on_the_cube
from explainrelu.regions.measures import balls_on_the_cube, chunks_of_regions, to_the_cube
from explainrelu.tolerances import Tolerances

__all__ = ["Meeting", "check_within", "meeting"]


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """The regions that have inner points in a box.

    Attributes
    ----------
    patterns : (n_regions, n_bytes) uint8
    points : (n_regions, n_inputs)
        The centre of a largest ball of each within the box.
    n_thin
        Regions left out that reach into the box, but not farther than the tolerance.
    """

    patterns: ByteArray
    points: FloatArray
    n_thin: int


def check_within(box: Any, domain: Box) -> None:
    """Raise where a box is none of the domain's inputs, or reaches out of it."""
    if not isinstance(box, Box):
        raise InputTypeError(
            f"box must be a Box, got {type(box).__qualname__}. Write Box(lower, upper)."
        )
    if box.n_inputs != domain.n_inputs:
        raise ArgumentError(
            f"The box must have the domain's {domain.n_inputs} inputs, got {box.n_inputs}."
        )
    out = (box.lower < domain.lower) | (box.upper > domain.upper)
    if out.any():
        worst = int(np.flatnonzero(out)[0])
        raise ArgumentError(
            f"The box must lie within the domain, which holds input {worst} between "
            f"{domain.lower[worst]:.17g} and {domain.upper[worst]:.17g}, got "
            f"{box.lower[worst]:.17g} to {box.upper[worst]:.17g}. Regions outside the domain are "
            "not listed: take a smaller box, or enumerate the regions of this one."
        )


def meeting(
    network: ReluNetwork,
    patterns: ByteArray,
    witnesses: FloatArray,
    domain: Box,
    box: Box,
    tolerances: Tolerances,
) -> Meeting:
    """The regions of a list that have inner points in a box.

    Parameters
    ----------
    patterns : (n_regions, n_bytes)
    witnesses : (n_regions, n_inputs)
    domain
        The box that the regions are from.
    box
        The smaller one.
    """
    sliced = bool((box.fixed & ~domain.fixed).any())
    free, n_thin = ~box.fixed, 0
    found = [np.zeros((0, patterns.shape[1]), dtype=np.uint8)]
    points = [np.zeros((0, box.n_inputs))]
    for part in chunks_of_regions(network, len(patterns), int(free.sum())):
        bits = unpack(network, patterns[part])
        rows, ends, nought = halfspaces_on_the_cube(network, bits, box)
        near = _may_meet(rows, ends, tolerances)
        rows, ends, bits, nought = rows[near], ends[near], bits[near], nought[near]
        start = to_the_cube(witnesses[part][near], box)
        centre, radius = balls_on_the_cube(rows, ends, start, tolerances)
        inside = radius > tolerances.inradius if free.any() else radius >= 0
        n_thin += int(((radius > tolerances.rounding) & ~inside).sum())
        kept = bits[inside] & ~nought[inside] if sliced else bits[inside]
        found.append(np.packbits(kept, axis=1))
        points.append(_in_units(centre[inside], box))
    packed, there = np.concatenate(found), np.concatenate(points)
    if sliced and len(packed):
        first = _first_of_equals(packed)
        packed, there = packed[first], there[first]
    return Meeting(packed, there, n_thin)


def _may_meet(rows: FloatArray, ends: FloatArray, tolerances: Tolerances) -> BoolArray:
    """Which polytopes have no half-space that leaves the whole cube out, corners and all."""
    reach = np.abs(rows).sum(axis=2)
    return np.asarray((ends + reach > -tolerances.inradius).all(axis=1), dtype=np.bool_)


def _in_units(centre: FloatArray, box: Box) -> FloatArray:
    points = np.tile(box.centre, (len(centre), 1))
    points[:, ~box.fixed] += centre * box.half_width[~box.fixed]
    return np.clip(points, box.lower, box.upper)


def _first_of_equals(patterns: ByteArray) -> IntArray:
    """Positions of the first of each pattern, in order."""
    if not patterns.shape[1]:
        return np.zeros(1, dtype=np.int64)
    found = np.unique(patterns, axis=0, return_index=True)[1]
    return np.sort(found).astype(np.int64)
