"""The `.xrelu` archive: a network, and its regions or those of a rewrite, without pickle.

The file is a zip of two stored members, `manifest.json` (every name, unit, level and check) and
`arrays.safetensors` (every number of the layers), closed by a comment that is the SHA-256 of all
bytes before it. The same content gives the same bytes. docs/archive.md is the full format.
"""

import json
import os
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import ByteArray, FloatArray, IntArray, frozen, frozen_floats
from explainrelu.certificate import Certificate
from explainrelu.errors import ArchiveError, ArgumentError, ExplainReluError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.importers.archive.model_file import LARGEST_FILE, read_model_file, write_model_file
from explainrelu.importers.archive.plain_records import from_plain, refusal, to_plain
from explainrelu.importers.archive.sealed_zip import seal, unseal
from explainrelu.importers.archive.weights import (
    expected_weight,
    named_weight,
    stored_weight,
)
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema

__all__ = ["Archive", "ArchivedRegions", "read_archive", "write_archive"]

_FORMAT, _VERSION = "xrelu", 1
_MANIFEST, _ARRAYS = "manifest.json", "arrays.safetensors"
_LARGEST_MANIFEST = 2**26
_LIMITS = {_MANIFEST: _LARGEST_MANIFEST, _ARRAYS: LARGEST_FILE}
_LAYER_ARRAYS = {"bias": np.float64, "rectified": np.bool_}
_REGION_ARRAYS = {
    "patterns": np.uint8,
    "witnesses": np.float64,
    "counts": np.int64,
    "lower": np.float64,
    "upper": np.float64,
}
_POINT = "generic_point"
_ROWS = "rows"
_BOX_FIELDS: dict[str, Any] = {
    "half_open_by_point": False,
    "region_set": False,
    "complete": False,
    "skipped": 0,
    "stopped": "",
}

_Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class ArchivedRegions:
    """A set of regions: itself, or those a rewrite was built from.

    Attributes
    ----------
    patterns : (n_regions, n_bytes) uint8
        Activation patterns, packed as :mod:`explainrelu.network.patterns` packs them.
    witnesses : (n_regions, n_inputs)
        One encoded point of each region.
    counts : (n_regions,) int64
        Rows of the data in each region, at least 0.
    domain
        The box that the regions were looked for in.
    found_by
        How they were found, in words.
    generic_point : (n_inputs,), optional
        The point of the domain by which cells are half-open; None where they are so by the
        pattern, a unit being inactive where it is zero.
    complete, skipped, stopped
        Whether the regions are all of the domain, how many beside them are thinner than the
        tolerance, and why the search for them ended before it was done.
    rows : (n_samples,) int64, optional
        Of a set of regions that is kept for itself: for each row of the data the position of its
        region. None where they are the regions of a rewrite.

    Raises
    ------
    ArgumentError
        Where shapes or number formats differ from these.
    """

    patterns: ByteArray
    witnesses: FloatArray
    counts: IntArray
    domain: Box
    found_by: str
    generic_point: FloatArray | None = None
    complete: bool = False
    skipped: int = 0
    stopped: str = ""
    rows: IntArray | None = None

    def __post_init__(self) -> None:
        patterns, counts = np.asarray(self.patterns), np.asarray(self.counts)
        if patterns.dtype != np.uint8 or patterns.ndim != 2:
            raise ArgumentError(
                "patterns must be uint8 of shape (n_regions, n_bytes), got "
                f"{patterns.dtype} of shape {patterns.shape}."
            )
        if counts.dtype.kind not in "iu" or counts.ndim != 1 or (counts < 0).any():
            raise ArgumentError(
                "counts must be whole numbers of at least 0, one a region, got "
                f"{counts.dtype} of shape {counts.shape}."
            )
        object.__setattr__(self, "patterns", frozen(patterns.copy(order="C")))
        object.__setattr__(self, "counts", frozen(counts.astype(np.int64)))
        object.__setattr__(self, "witnesses", frozen_floats(self.witnesses, 2, "witnesses"))
        if self.skipped < 0:
            raise ArgumentError(f"skipped must be at least 0, got {self.skipped}.")
        if self.generic_point is not None:
            point = frozen_floats(self.generic_point, 1, "generic_point")
            object.__setattr__(self, "generic_point", point)
            if point.size != self.domain.n_inputs:
                raise ArgumentError(
                    "generic_point must have one value an input of the domain "
                    f"({self.domain.n_inputs}), got {point.size}."
                )
        if self.rows is not None:
            rows = np.asarray(self.rows)
            if rows.dtype.kind not in "iu" or rows.ndim != 1:
                raise ArgumentError(
                    "rows must be positions of regions, one a row of the data, got "
                    f"{rows.dtype} of shape {rows.shape}."
                )
            object.__setattr__(self, "rows", frozen(rows.astype(np.int64)))
        sizes = {len(self.patterns), len(self.witnesses), len(self.counts)}
        if len(sizes) > 1 or self.witnesses.shape[1] != self.domain.n_inputs:
            raise ArgumentError(
                "patterns, witnesses and counts must have one row a region and witnesses one "
                f"column an input of the domain ({self.domain.n_inputs}), got shapes "
                f"{self.patterns.shape}, {self.witnesses.shape} and {self.counts.shape}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """What one `.xrelu` file holds.

    Attributes
    ----------
    network
        The network, with its schema, outputs, origin and certificate.
    regions
        A set of its regions, or those of a rewrite of it; None where the network alone is kept.

    Raises
    ------
    ArgumentError
        Where the regions are not regions of this network.
    """

    network: ReluNetwork
    regions: ArchivedRegions | None = None

    def __post_init__(self) -> None:
        if self.regions is None:
            return
        n_neurons, n_bytes = self.network.n_neurons, self.regions.patterns.shape[1]
        if n_bytes != (n_neurons + 7) // 8 or self.regions.domain.n_inputs != self.network.n_inputs:
            raise ArgumentError(
                f"The regions must be of a network of {self.network.n_inputs} inputs and "
                f"{n_neurons} rectified units, got {self.regions.domain.n_inputs} inputs and "
                f"patterns of {n_bytes} byte(s)."
            )
        spare = np.unpackbits(self.regions.patterns, axis=1)[:, n_neurons:]
        if spare.any():
            raise ArgumentError(
                f"Patterns must be 0 behind their {n_neurons} bits, got 1 in region "
                f"{int(np.flatnonzero(spare.any(axis=1))[0])}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Manifest:
    """`manifest.json`: all that is not an array."""

    format: str
    version: int
    arrays_sha256: str
    n_layers: int
    schema: InputSchema
    outputs: OutputSchema
    origin: Origin
    certificate: Certificate
    with_regions: bool
    found_by: str
    # of regions of a box or kept for themselves; left out where they say nothing else
    half_open_by_point: bool = False
    region_set: bool = False
    complete: bool = False
    skipped: int = 0
    stopped: str = ""


def write_archive(path: str | os.PathLike[str], archive: Archive) -> None:
    """Write an archive: all of it or nothing.

    Parameters
    ----------
    path
        The file to write, by custom ending in ``.xrelu``. An existing file is replaced.
    archive
        What to keep.

    Raises
    ------
    OutputError
        Where the file cannot be written; what stood there before still stands.
    SizeError
        Where the file would exceed 2 GB.
    InputTypeError
        Where a level or name is of a type that the format does not have.

    Notes
    -----
    Exact: every number keeps its 64 bits, every level its type. The same archive gives the
    same bytes. Memory: about twice the size of the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> with TemporaryDirectory() as folder:
    ...     write_archive(Path(folder, "model.xrelu"), Archive(network))
    ...     read_archive(Path(folder, "model.xrelu")).network([[3.0]])
    array([7.])
    """
    write_model_file(path, _packed(archive))


def read_archive(path: str | os.PathLike[str]) -> Archive:
    """Read an archive, after checking that it is whole and unaltered.

    Parameters
    ----------
    path
        A file that :func:`write_archive` wrote.

    Returns
    -------
    Archive
        What was written, to the last bit.

    Raises
    ------
    ArchiveError
        For a file that is missing, truncated, altered in any byte, of a newer format, or that
        contradicts itself.

    Notes
    -----
    No code from the file is run: arrays are bytes, and everything else fills the fields of
    known records. The checksum tells damage, not intent: whoever can write the file can also
    make it anew. Memory: about three times the size of the file.

    Examples
    --------
    >>> read_archive("no such file.xrelu")
    Traceback (most recent call last):
    explainrelu.errors.ArchiveError: 'no such file.xrelu' cannot be read: ...
    """
    data = read_model_file(path)
    try:
        return _unpacked(data)
    except ArchiveError as error:
        raise ArchiveError(f"{str(path)!r} cannot be read: {error}") from error


# ---------------------------------------------------------------------------------------------
# Records to bytes.


def _packed(archive: Archive) -> bytes:
    from safetensors.numpy import save

    network, regions = archive.network, archive.regions
    named = _named_arrays(archive)
    # a second manifest's worth is left for the headers of arrays and members
    if sum(array.nbytes for array in named.values()) > LARGEST_FILE - 2 * _LARGEST_MANIFEST:
        raise _too_large("The arrays of the archive")
    arrays = save({name: np.ascontiguousarray(array) for name, array in named.items()})
    manifest = _Manifest(
        format=_FORMAT,
        version=_VERSION,
        arrays_sha256=sha256(arrays).hexdigest(),
        n_layers=len(network.layers),
        schema=network.schema,
        outputs=network.outputs,
        origin=network.origin,
        certificate=network.certificate,
        with_regions=regions is not None,
        found_by="" if regions is None else regions.found_by,
        **_of_a_box(regions),
    )
    plain = to_plain(manifest, _Manifest, "archive")
    kept = {k: v for k, v in plain.items() if k not in _BOX_FIELDS or v != _BOX_FIELDS[k]}
    text = json.dumps(kept, indent=1, sort_keys=True)
    if len(text) > _LARGEST_MANIFEST:
        raise _too_large("The names and levels of the archive")
    return seal({_MANIFEST: text.encode("ascii"), _ARRAYS: arrays})


def _of_a_box(regions: ArchivedRegions | None) -> dict[str, Any]:
    """What the manifest says of regions of a box, or kept for themselves."""
    if regions is None:
        return {}
    return {
        "half_open_by_point": regions.generic_point is not None,
        "region_set": regions.rows is not None,
        "complete": regions.complete,
        "skipped": regions.skipped,
        "stopped": regions.stopped,
    }


def _named_arrays(archive: Archive) -> dict[str, npt.NDArray[Any]]:
    network, regions = archive.network, archive.regions
    named: dict[str, npt.NDArray[Any]] = {
        f"layers.{i}.{name}": getattr(layer, name)
        for i, layer in enumerate(network.layers)
        for name in _LAYER_ARRAYS
    }
    for i, layer in enumerate(network.layers):
        named |= named_weight(f"layers.{i}.weight", layer.weight)
    named |= {"output.weight": network.output.weight, "output.bias": network.output.bias}
    if regions is not None:
        found: dict[str, npt.NDArray[Any]] = {
            "lower": regions.domain.lower,
            "upper": regions.domain.upper,
        }
        found |= {name: getattr(regions, name) for name in ("patterns", "witnesses", "counts")}
        if regions.generic_point is not None:
            found[_POINT] = regions.generic_point
        if regions.rows is not None:
            found[_ROWS] = regions.rows
        named |= {f"regions.{name}": array for name, array in found.items()}
    return named


def _too_large(what: str) -> SizeError:
    return SizeError(
        f"{what} must fit in a file of {LARGEST_FILE} bytes, got more. Keep fewer regions, or "
        "save the network alone."
    )


# ---------------------------------------------------------------------------------------------
# Bytes to records. Whoever forged a valid seal still finds every step below checked.


def _unpacked(data: bytes) -> Archive:
    members = unseal(data, _LIMITS)
    manifest = _manifest(members[_MANIFEST])
    if sha256(members[_ARRAYS]).hexdigest() != manifest.arrays_sha256:
        raise refusal(_ARRAYS, "the arrays that the manifest was written with", "other bytes")
    arrays = _arrays(members[_ARRAYS], manifest)
    try:
        return _archive(manifest, arrays)
    except ArchiveError:
        raise
    except ExplainReluError as error:
        raise refusal("the archive", "a network that fits together", _said(error)) from error


def _manifest(raw: bytes) -> _Manifest:
    try:
        data = json.loads(raw.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise refusal(_MANIFEST, "JSON", _said(error)) from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise refusal(_MANIFEST, f"an object with format {_FORMAT!r}", reprlib.repr(data))
    version = data.get("version")
    if type(version) is int and version > _VERSION:
        raise ArchiveError(
            f"The archive must be of format version {_VERSION} or older, got {version}: a newer "
            "explainrelu wrote it. Upgrade with pip install --upgrade explainrelu."
        )
    if type(version) is not int or version < 1:
        raise refusal(f"{_MANIFEST}.version", "a whole number from 1 on", reprlib.repr(version))
    return from_plain(data, _Manifest, _MANIFEST)


def _arrays(raw: bytes, manifest: _Manifest) -> dict[str, npt.NDArray[Any]]:
    """The arrays by name, each of the format its place asks for."""
    from safetensors.numpy import load

    try:
        arrays: dict[str, npt.NDArray[Any]] = load(raw)
    except Exception as error:  # its own error class, and KeyError for formats NumPy lacks
        raise refusal(_ARRAYS, "a safetensors file", _said(error)) from error
    if not 0 <= manifest.n_layers <= len(arrays):
        raise refusal(f"{_MANIFEST}.n_layers", f"0 to {len(arrays)}", f"{manifest.n_layers}")
    expected = _expected_arrays(manifest, arrays)
    if arrays.keys() != expected.keys():
        odd = sorted(arrays.keys() ^ expected.keys())
        raise refusal(_ARRAYS, "the arrays that the manifest tells of", f"odd ones: {odd[:4]}")
    for name, array in arrays.items():
        if array.dtype != expected[name]:
            raise refusal(f"{_ARRAYS}: {name}", f"of {np.dtype(expected[name])}", f"{array.dtype}")
        if array.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
            raise refusal(f"{_ARRAYS}: {name}", "flags of 0 or 1", "other bytes")
    return arrays


def _expected_arrays(manifest: _Manifest, arrays: _Arrays) -> dict[str, npt.DTypeLike]:
    places = [f"layers.{i}" for i in range(manifest.n_layers)]
    expected: dict[str, npt.DTypeLike] = {
        f"{place}.{name}": dtype for place in places for name, dtype in _LAYER_ARRAYS.items()
    }
    for place in places:
        expected |= expected_weight(f"{place}.weight", arrays)
    expected |= {"output.weight": np.float64, "output.bias": np.float64}
    if manifest.with_regions:
        expected |= {f"regions.{name}": dtype for name, dtype in _REGION_ARRAYS.items()}
    if manifest.half_open_by_point:
        expected |= {f"regions.{_POINT}": np.float64}
    if manifest.region_set:
        expected |= {f"regions.{_ROWS}": np.int64}
    return expected


def _archive(manifest: _Manifest, arrays: _Arrays) -> Archive:
    layers = tuple(
        Layer(
            weight=stored_weight(f"layers.{i}.weight", arrays),
            **{name: arrays[f"layers.{i}.{name}"] for name in _LAYER_ARRAYS},
        )
        for i in range(manifest.n_layers)
    )
    network = ReluNetwork(
        layers=layers,
        output=AffineMap(arrays["output.weight"], arrays["output.bias"]),
        schema=manifest.schema,
        outputs=manifest.outputs,
        origin=manifest.origin,
        certificate=manifest.certificate,
    )
    if not manifest.with_regions:
        return Archive(network)
    regions = ArchivedRegions(
        patterns=arrays["regions.patterns"],
        witnesses=arrays["regions.witnesses"],
        counts=arrays["regions.counts"],
        domain=Box(arrays["regions.lower"], arrays["regions.upper"]),
        found_by=manifest.found_by,
        generic_point=arrays[f"regions.{_POINT}"] if manifest.half_open_by_point else None,
        complete=manifest.complete,
        skipped=manifest.skipped,
        stopped=manifest.stopped,
        rows=arrays[f"regions.{_ROWS}"] if manifest.region_set else None,
    )
    return Archive(network, regions)


def _said(error: Exception) -> str:
    return str(error).rstrip(".")
