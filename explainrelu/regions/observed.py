"""The linear regions that a data set visits."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import ByteArray, FloatArray, IntArray
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import ColumnKind, level_text
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, pattern_keys
from explainrelu.network.schema import InputSchema
from explainrelu.regions.region_set import RegionSet

__all__ = ["check_domain", "observed_regions", "regions_of_points"]


def observed_regions(model: Any, X: Any, *, domain: Box | None = None) -> RegionSet:
    """The regions the rows of ``X`` lie in.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows.
    domain
        The box the regions are read in; the smallest around the rows by default.

    Returns
    -------
    RegionSet
        Most visited first. ``counts`` and ``rows`` tell which rows lie where. Not complete:
        regions without rows are not listed.

    Notes
    -----
    Exact for float64 arithmetic, ``z = 0`` counting as inactive. Cost: one forward pass and a
    hash table of the patterns; polytopes and affine maps are computed when asked for.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    >>> observed_regions(network, [[-1.0], [2.0], [3.0]]).counts
    array([2, 1])
    """
    network = import_model(model, X)
    return regions_of_points(network, network.schema.encode(X), domain=domain)


def regions_of_points(
    network: ReluNetwork, points: FloatArray, *, domain: Box | None = None
) -> RegionSet:
    """:func:`observed_regions` for encoded points ``(n_samples, n_inputs)``."""
    if domain is not None:
        check_domain(domain, network.n_inputs)
    schema = network.schema.admitting(points)
    network = network if schema is network.schema else replace(network, schema=schema)
    packed = activation_patterns(network, points)
    codes, first = _distinct(packed)
    counts = np.bincount(codes, minlength=first.size)
    order = np.lexsort((first, -counts))  # most visited first, then by first row
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return RegionSet(
        network=network,
        patterns=packed[first[order]],
        witnesses=points[first[order]],
        domain=Box.from_data(points) if domain is None else domain,
        complete=False,
        found_by=f"visited by {points.shape[0]} rows",
        counts=counts[order].astype(np.int64),
        rows=rank[codes],
    )


def check_domain(domain: Any, n_inputs: int, schema: InputSchema | None = None) -> None:
    """Raise where ``domain`` is no box of so many inputs.

    Parameters
    ----------
    schema
        Where it is given, the box must also hold a level of each column that has levels. It may
        hold more than the levels, being a relaxation of them.

    Raises
    ------
    InputTypeError
        For another type than :class:`Box`.
    ArgumentError
        For another number of inputs, for widths too small to compute with, and for a box beside
        every level of a column.
    """
    if not isinstance(domain, Box):
        raise InputTypeError(
            f"domain must be a Box, got {type(domain).__qualname__}. Write Box(lower, upper), or "
            "Box.from_data(X, schema=network.schema) around raw rows."
        )
    if domain.n_inputs != n_inputs:
        raise ArgumentError(
            f"The domain must have the network's {n_inputs} inputs, got {domain.n_inputs}. "
            "Box.from_data(X, schema=network.schema) makes one from raw rows."
        )
    _check_widths(domain)
    if schema is not None:
        _check_levels(domain, schema)


def _check_widths(domain: Box) -> None:
    """Widths whose squares float64 can still tell from zero, weighted by what a network has."""
    least = float(np.finfo(np.float64).tiny) ** 0.25  # about 1e-77
    thin = np.flatnonzero(~domain.fixed & (domain.half_width < least))
    if thin.size:
        raise ArgumentError(
            f"The width of the domain must be zero or at least {2 * least:.0e}, got "
            f"{2 * domain.half_width[thin[0]]:g} at input {thin[0]}. Equal bounds hold an input "
            "fixed."
        )


def _check_levels(domain: Box, schema: InputSchema) -> None:
    for column, start in zip(schema.columns, schema.starts[:-1], strict=True):
        part = slice(int(start), int(start) + column.n_inputs)
        lower, upper = domain.lower[part], domain.upper[part]
        if column.has_level_between(lower, upper):
            continue
        shown = level_text(column.levels[0]) if column.levels else "..."
        got = ", ".join(f"{a:g} to {b:g}" for a, b in zip(lower[:6], upper[:6], strict=True))
        got += ", ..." if lower.size > 6 else ""
        wanted = (
            "one indicator at 1 and the others at 0"
            if column.kind is ColumnKind.CATEGORICAL
            else f"one of its codes, {', '.join(f'{code:g}' for code in column.codes[:6])}"
        )
        raise ArgumentError(
            f"The domain must hold a level of column {column.name!r}, {wanted}, got bounds {got}: "
            "no row lies there. Box.from_data(X, schema=network.schema) holds the levels of rows, "
            f"and .at_levels(network.schema, {column.name}={shown!r}) fixes one."
        )


def _distinct(packed: ByteArray) -> tuple[IntArray, IntArray]:
    """For each pattern a code, and for each code the first row that has it."""
    codes = pd.factorize(pattern_keys(packed))[0].astype(np.int64)
    first = _first_rows(codes)
    if (packed[first][codes] != packed).any():  # two patterns share a key: sort the bytes instead
        codes = np.unique(packed, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
        first = _first_rows(codes)
    return codes, first


def _first_rows(codes: IntArray) -> IntArray:
    first = np.full(int(codes.max(initial=-1)) + 1, codes.size, dtype=np.int64)
    np.minimum.at(first, codes, np.arange(codes.size))
    return first
