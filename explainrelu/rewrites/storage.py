"""Save a network, a rewrite or a set of regions to one file, and load it again."""

import os
from dataclasses import replace
from typing import Any

import numpy as np

from explainrelu.errors import ArchiveError, ArgumentError
from explainrelu.importers.archive.archive import (
    Archive,
    ArchivedRegions,
    read_archive,
    write_archive,
)
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.certificate import (
    certify_box_cells,
    certify_three_layers,
)
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["load", "save"]


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Write a network, a converted model or its regions to an ``.xrelu`` file, whole or not at all.

    Parameters
    ----------
    obj
        What :func:`explainrelu.convert` returned, a RegionSet, which is saved with its network, a
        ReluNetwork, or any model :func:`explainrelu.import_model` takes (its network is saved).
    path
        The file to write; an existing one is replaced.

    Raises
    ------
    OutputError
        Where the file cannot be written.
    ModelError
        Where the model cannot be taken in.
    SizeError
        Where the file would exceed 2 GB.

    Notes
    -----
    No pickle: a zip of JSON and safetensors, hash-checked, every number with its 64 bits; the
    same content gives the same bytes (docs/archive.md).

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> with TemporaryDirectory() as folder:
    ...     save(network, Path(folder, "model.xrelu"))
    ...     load(Path(folder, "model.xrelu"))([[3.0]])
    array([7.])
    """
    if isinstance(obj, RegionSet):
        write_archive(path, Archive(obj.network, _archived(obj, rows=obj.rows)))
    elif isinstance(obj, ThreeLayerNetwork):
        listed = _archived(obj.regions, generic_point=obj.generic_point)
        write_archive(path, Archive(obj.source, listed))
    else:
        write_archive(path, Archive(import_model(obj)))


def _archived(regions: RegionSet, **others: Any) -> ArchivedRegions:
    return ArchivedRegions(
        regions.patterns,
        regions.witnesses,
        regions.counts,
        regions.domain,
        regions.found_by,
        complete=regions.complete,
        skipped=regions.skipped,
        stopped=regions.stopped,
        **others,
    )


def load(
    path: str | os.PathLike[str], *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> ReluNetwork | ThreeLayerNetwork | RegionSet:
    """Read what :func:`save` wrote.

    Returns
    -------
    ReluNetwork, ThreeLayerNetwork or RegionSet
        A set of regions comes back as it was, rows of the data included, and a forward pass
        checks that the witness of each has its pattern. A converted model comes back with the
        same cells, borders included, and is certified anew: at one row of each, or at points
        drawn from the box whose cells they are; which row of the data lay where is not kept of it.

    Raises
    ------
    ArchiveError
        Where the file is missing, truncated, altered or of a newer format, or its regions are
        not regions of its network.
    """
    archive = read_archive(path)
    if archive.regions is None:
        return archive.network
    network, point = archive.network, archive.regions.generic_point
    try:
        regions = _regions(network, archive.regions)
        if archive.regions.rows is not None:
            return regions
        own = (
            certify_three_layers(regions, regions.witnesses, tolerances)
            if point is None
            else certify_box_cells(regions, point, tolerances)
        )
    except ArgumentError as error:
        raise ArchiveError(
            f"{str(path)!r} cannot be read: its regions are not regions of its network. {error}"
        ) from error
    certificate = network.certificate.plus(own.checks)
    return ThreeLayerNetwork(network, regions, certificate, generic_point=point)


def _regions(network: ReluNetwork, kept: ArchivedRegions) -> RegionSet:
    schema = network.schema
    # points of a box lie between levels; rows may have unknown ones
    if kept.generic_point is None and kept.rows is None:
        schema = schema.admitting(kept.witnesses)
    return RegionSet(
        network=network if schema is network.schema else replace(network, schema=schema),
        patterns=kept.patterns,
        witnesses=kept.witnesses,
        domain=kept.domain,
        complete=kept.complete,
        found_by=kept.found_by,
        counts=kept.counts,
        rows=np.zeros(0, dtype=np.int64) if kept.rows is None else kept.rows,
        skipped=kept.skipped,
        stopped=kept.stopped,
    )
