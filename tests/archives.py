"""A small archive, and what it means that two archives are the same."""

from dataclasses import replace

import numpy as np

from explainrelu.geometry.box import Box
from explainrelu.importers.archive.archive import Archive, ArchivedRegions
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.network.patterns import activation_patterns
from explainrelu.network.schema import InputSchema


def small_network() -> ReluNetwork:
    schema = InputSchema(
        (
            Column("age", unit="years", lower=18.0, upper=90.0),
            Column("job", ColumnKind.CATEGORICAL, levels=("nurse", 1, None)),
        )
    )
    return ReluNetwork(
        (Layer([[1.0, 0.5, -0.0, 2.0], [0.0, 1.0, 1.0, 0.0]], [0.0, 1.0], [True, False]),),
        AffineMap([[1.0, -1.0]], [0.1]),
        schema,
        OutputSchema(("yes",), Task.BINARY, Link.logistic, ("no", "yes")),
    )


def small_archive() -> Archive:
    network = small_network()
    points = np.array([[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 1.0, 0.0]])
    regions = ArchivedRegions(
        activation_patterns(network, points), points, [5, 0], Box([-1.0] * 4, [1.0] * 4), "data"
    )
    return Archive(network, regions)


def small_box_archive() -> Archive:
    """The same with cells that are half-open by a point, from a search that was stopped."""
    archive = small_archive()
    assert archive.regions is not None
    regions = replace(
        archive.regions,
        generic_point=[0.5, 0.25, 0.125, -0.5],
        skipped=2,
        stopped="max_regions=2 was reached",
    )
    return replace(archive, regions=regions)


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    """Equal in format, shape and every bit: -0.0 is not 0.0, and NaN is NaN."""
    alike = (first.dtype, first.shape) == (second.dtype, second.shape)
    return alike and first.tobytes() == second.tobytes()


def assert_same(first: Archive, second: Archive) -> None:
    a, b = first.network, second.network
    # repr tells 1 from 1.0 from True from '1', and writes floats to the last bit
    assert repr((a.schema, a.outputs, a.origin)) == repr((b.schema, b.outputs, b.origin))
    assert repr(a.certificate) == repr(b.certificate)
    assert len(a.layers) == len(b.layers)
    for layer, other in zip(a.layers, b.layers, strict=True):
        for name in ("weight", "bias", "rectified", "floor"):
            assert same_bits(getattr(layer, name), getattr(other, name))
    assert same_bits(a.output.weight, b.output.weight)
    assert same_bits(a.output.bias, b.output.bias)
    assert (first.regions is None) == (second.regions is None)
    if first.regions is not None and second.regions is not None:
        for name in ("patterns", "witnesses", "counts"):
            assert same_bits(getattr(first.regions, name), getattr(second.regions, name))
        assert same_bits(first.regions.domain.lower, second.regions.domain.lower)
        assert same_bits(first.regions.domain.upper, second.regions.domain.upper)
        assert first.regions.found_by == second.regions.found_by
        for name in ("complete", "skipped", "stopped"):
            assert getattr(first.regions, name) == getattr(second.regions, name)
        one, other = first.regions.generic_point, second.regions.generic_point
        assert (one is None) == (other is None)
        assert one is None or other is None or same_bits(one, other)
