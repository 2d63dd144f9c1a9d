"""Which regions get a rule: those of rows, of a converted model, or of a whole box."""

from dataclasses import replace
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError, UnlistedRegionError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain, regions_of_points
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.generic_point import generic_point
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["regions_of_rules"]


def regions_of_rules(
    model: Any, X: Any, domain: Box | None, background: Any, tolerances: Tolerances
) -> tuple[RegionSet, FloatArray | None]:
    """The regions that get a rule, and the point by which they are half-open.

    Parameters
    ----------
    model, X, domain, background
        As :func:`explainrelu.extract_rules` takes them.

    Returns
    -------
    regions
        Those of the rows, of the converted model, or of the whole domain.
    generic_point : (n_inputs,) or None
        None where they are half-open by their pattern.

    Raises
    ------
    ArgumentError, InputTypeError
        Without rows, domain or conversion; for a domain that is no box around the rows.
    UnlistedRegionError
        For rows in no cell of a model converted over a box.
    """
    converted = isinstance(model, ThreeLayerNetwork)
    if X is None and not converted:
        found = _of_a_box(model, domain, tolerances)
        return found, generic_point(found, tolerances)
    if X is None:
        found = model.regions
        if domain is not None:
            _check_domain(domain, found.network, found.witnesses, tolerances)
            found = replace(found, domain=domain)
        return found, model.generic_point
    if converted and model.generic_point is not None and domain is None and background is None:
        return _visited_cells(model, X, tolerances), model.generic_point
    return _of_rows(model, X, domain, background, tolerances), None


def _of_rows(
    model: Any, X: Any, domain: Box | None, background: Any, tolerances: Tolerances
) -> RegionSet:
    """The regions of rows, in the domain that is given or around them."""
    network = import_model(model, X, tolerances=tolerances)
    points = network.schema.encode(X)
    if domain is not None:
        _check_domain(domain, network, points, tolerances)
    network = replace(network, schema=network.schema.with_ranges(points))
    if domain is None:
        around = [points, network.schema.recorded_corners(points)]
        around += [] if background is None else [network.schema.encode(background)]
        domain = Box.from_data(np.vstack(around))
    if domain.fixed.all() and network.n_neurons:
        raise ArgumentError(
            "A single row spans no domain to state conditions in. Pass background=X, the rows it "
            "was taken from, or a Box as domain=."
        )
    return regions_of_points(network, points, domain=domain)


def _of_a_box(model: Any, domain: Box | None, tolerances: Tolerances) -> RegionSet:
    """Every region of the domain."""
    if domain is None:
        raise ArgumentError(
            "extract_rules needs rows whose regions get a rule: extract_rules(model, X), or a box "
            "all of whose regions do: extract_rules(model, domain=Box(lower, upper)). Only a "
            "converted model, convert(model, X), brings its regions with it."
        )
    network = import_model(model, tolerances=tolerances)
    check_domain(domain, network.n_inputs, network.schema)
    if domain.fixed.all() and network.n_neurons:
        raise ArgumentError(
            "A single point spans no domain to state conditions in. Pass a Box with room in some "
            "input."
        )
    return enumerate_regions(network, domain, tolerances=tolerances)


def _visited_cells(model: ThreeLayerNetwork, X: Any, tolerances: Tolerances) -> RegionSet:
    """The cells of a box that rows lie in, most visited first."""
    points = model.source.schema.encode(X)
    _check_domain(model.regions.domain, model.source, points, tolerances)
    found = model.evaluate(X, tolerances=tolerances)
    missing = np.flatnonzero(~found.listed)
    if missing.size:
        raise UnlistedRegionError(
            f"Every row must lie in one of the {model.n_cells} listed cells; {missing.size} of "
            f"{found.cells.size} do not, the first being row {missing[0]}. Convert again without "
            "limits, or select rows by shallow.evaluate(X).listed."
        )
    counts = np.bincount(found.cells, minlength=model.n_cells)
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    rank = np.empty(model.n_cells, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return replace(
        model.regions.chosen(order), counts=counts[order].astype(np.int64), rows=rank[found.cells]
    )


def _check_domain(
    domain: Box, network: ReluNetwork, points: FloatArray, tolerances: Tolerances
) -> None:
    check_domain(domain, network.n_inputs)
    if not domain.contains(points, slack=tolerances.containment).all():
        raise ArgumentError(
            "Every row must lie in the domain the conditions are stated in, got rows outside it. "
            "Widen the domain, or leave such rows out."
        )
