"""Exact explanations of ReLU networks: convert, read the rules, rank, explain, report.

>>> import explainrelu as xr
>>> network = xr.ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
>>> xr.explain(network, [[1.0], [3.0]]).scores
array([3., 7.])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explainrelu import datasets, errors
    from explainrelu.certificate import Certificate
    from explainrelu.explanations.agreement import compare_with_shap
    from explainrelu.explanations.explain import explain
    from explainrelu.explanations.ranking import rank_features
    from explainrelu.explanations.rules import extract_rules
    from explainrelu.exporters.to_onnx import to_onnx
    from explainrelu.exporters.to_torch import to_torch
    from explainrelu.geometry.box import Box
    from explainrelu.importers.import_model import import_model
    from explainrelu.milp.difference import largest_difference
    from explainrelu.milp.extremes import extremes
    from explainrelu.milp.stability import stability
    from explainrelu.network.network import ReluNetwork
    from explainrelu.network.schema import InputSchema
    from explainrelu.regions.enumeration import count_regions, enumerate_regions
    from explainrelu.regions.observed import observed_regions
    from explainrelu.regions.segments import pieces_between
    from explainrelu.regions.upper_bounds import region_upper_bounds
    from explainrelu.regions.verification import certify
    from explainrelu.reports.displays import RankingDisplay, RegionMapDisplay
    from explainrelu.reports.report import report
    from explainrelu.rewrites.compress import compress
    from explainrelu.rewrites.convert import convert
    from explainrelu.rewrites.storage import load, save
    from explainrelu.tolerances import Tolerances

# name -> the module that defines it; imported when the name is first used
_HOMES = {
    "Box": "geometry.box",
    "Certificate": "certificate",
    "InputSchema": "network.schema",
    "RankingDisplay": "reports.displays",
    "RegionMapDisplay": "reports.displays",
    "ReluNetwork": "network.network",
    "Tolerances": "tolerances",
    "certify": "regions.verification",
    "compare_with_shap": "explanations.agreement",
    "compress": "rewrites.compress",
    "convert": "rewrites.convert",
    "count_regions": "regions.enumeration",
    "enumerate_regions": "regions.enumeration",
    "explain": "explanations.explain",
    "extract_rules": "explanations.rules",
    "extremes": "milp.extremes",
    "import_model": "importers.import_model",
    "largest_difference": "milp.difference",
    "load": "rewrites.storage",
    "observed_regions": "regions.observed",
    "pieces_between": "regions.segments",
    "rank_features": "explanations.ranking",
    "region_upper_bounds": "regions.upper_bounds",
    "report": "reports.report",
    "save": "rewrites.storage",
    "stability": "milp.stability",
    "to_onnx": "exporters.to_onnx",
    "to_torch": "exporters.to_torch",
}
_MODULES = ("datasets", "errors")

__all__ = [
    "Box",
    "Certificate",
    "InputSchema",
    "RankingDisplay",
    "RegionMapDisplay",
    "ReluNetwork",
    "Tolerances",
    "certify",
    "compare_with_shap",
    "compress",
    "convert",
    "count_regions",
    "datasets",
    "enumerate_regions",
    "errors",
    "explain",
    "extract_rules",
    "extremes",
    "import_model",
    "largest_difference",
    "load",
    "observed_regions",
    "pieces_between",
    "rank_features",
    "region_upper_bounds",
    "report",
    "save",
    "stability",
    "to_onnx",
    "to_torch",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("explainrelu")
    if name in _MODULES:
        return import_module(f"explainrelu.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'explainrelu' has no attribute {name!r}")
    value = getattr(import_module(f"explainrelu.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
