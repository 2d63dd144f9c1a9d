"""Exact explanations of ReLU networks: convert, read the rules, rank, explain, report.

>>> import explainrelu as xr
>>> network = xr.ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
>>> xr.explain(network, [[1.0], [3.0]]).scores
array([3., 7.])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explainrelu import datasets, errors, training
    from explainrelu.audits.actionability import Actionability
    from explainrelu.audits.auditing.expectations import AuditLimits, Expectations
    from explainrelu.audits.counterfactuals import counterfactuals
    from explainrelu.audits.coverage import coverage
    from explainrelu.audits.fairness.fairness import fairness
    from explainrelu.audits.fairness.individual import individual_fairness
    from explainrelu.audits.lipschitz import lipschitz
    from explainrelu.audits.model_difference import compare_models
    from explainrelu.audits.monotonicity import monotonicity
    from explainrelu.audits.properties import verify_property
    from explainrelu.audits.robustness import robustness
    from explainrelu.audits.verification.constraints import LinearConstraint, OutputConstraints
    from explainrelu.audits.verification.vnnlib import read_vnnlib
    from explainrelu.certificate import Certificate
    from explainrelu.explanations.agreement.comparison import compare_attributions
    from explainrelu.explanations.agreement.faithfulness import faithfulness
    from explainrelu.explanations.agreement.sensitivity import attribution_sensitivity
    from explainrelu.explanations.agreement.with_shap import compare_with_shap
    from explainrelu.explanations.captum_interface import ExactIntegratedGradients
    from explainrelu.explanations.diagnostics import region_diagnostics
    from explainrelu.explanations.explain import explain
    from explainrelu.explanations.explanation_trade_off import explanation_trade_off
    from explainrelu.explanations.integrated_gradients import integrated_gradients
    from explainrelu.explanations.main_effects import main_effects
    from explainrelu.explanations.ranking import rank_features
    from explainrelu.explanations.rules import extract_rules
    from explainrelu.explanations.shapley import shapley_values
    from explainrelu.explanations.simplify import simplify
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
    from explainrelu.reports.displays.agreement import AgreementDisplay
    from explainrelu.reports.displays.coefficient_profile import CoefficientProfileDisplay
    from explainrelu.reports.displays.parallel_coefficients import ParallelCoefficientsDisplay
    from explainrelu.reports.displays.ranking import RankingDisplay
    from explainrelu.reports.displays.region_map import RegionMapDisplay
    from explainrelu.reports.displays.rules_error import RulesErrorDisplay
    from explainrelu.reports.displays.trade_off import TradeOffDisplay
    from explainrelu.reports.displays.waterfall import WaterfallDisplay
    from explainrelu.reports.audit.audit import audit
    from explainrelu.reports.report import report
    from explainrelu.rewrites import hard_functions
    from explainrelu.rewrites.canonical_form import canonical_form
    from explainrelu.rewrites.compress import compress
    from explainrelu.rewrites.convert import convert
    from explainrelu.rewrites.equivalence.check import check_equivalence
    from explainrelu.rewrites.global_training import train_to_global_optimum
    from explainrelu.rewrites.identifiability import identifiability
    from explainrelu.rewrites.identifiable import identifiable_network
    from explainrelu.rewrites.max_of_shallow import max_of_shallow
    from explainrelu.rewrites.pieces import from_pieces
    from explainrelu.rewrites.same_parameters import same_parameters
    from explainrelu.rewrites.storage import load, save
    from explainrelu.rewrites.two_hidden_layer import two_hidden_layer
    from explainrelu.tolerances import Tolerances

# name -> the module that defines it; imported when the name is first used
_HOMES = {
    "Actionability": "audits.actionability",
    "AgreementDisplay": "reports.displays.agreement",
    "AuditLimits": "audits.auditing.expectations",
    "Box": "geometry.box",
    "Certificate": "certificate",
    "CoefficientProfileDisplay": "reports.displays.coefficient_profile",
    "ExactIntegratedGradients": "explanations.captum_interface",
    "Expectations": "audits.auditing.expectations",
    "InputSchema": "network.schema",
    "LinearConstraint": "audits.verification.constraints",
    "OutputConstraints": "audits.verification.constraints",
    "ParallelCoefficientsDisplay": "reports.displays.parallel_coefficients",
    "RankingDisplay": "reports.displays.ranking",
    "RegionMapDisplay": "reports.displays.region_map",
    "ReluNetwork": "network.network",
    "RulesErrorDisplay": "reports.displays.rules_error",
    "Tolerances": "tolerances",
    "TradeOffDisplay": "reports.displays.trade_off",
    "WaterfallDisplay": "reports.displays.waterfall",
    "attribution_sensitivity": "explanations.agreement.sensitivity",
    "audit": "reports.audit.audit",
    "canonical_form": "rewrites.canonical_form",
    "certify": "regions.verification",
    "check_equivalence": "rewrites.equivalence.check",
    "compare_attributions": "explanations.agreement.comparison",
    "compare_models": "audits.model_difference",
    "compare_with_shap": "explanations.agreement.with_shap",
    "compress": "rewrites.compress",
    "convert": "rewrites.convert",
    "count_regions": "regions.enumeration",
    "counterfactuals": "audits.counterfactuals",
    "coverage": "audits.coverage",
    "enumerate_regions": "regions.enumeration",
    "explain": "explanations.explain",
    "explanation_trade_off": "explanations.explanation_trade_off",
    "extract_rules": "explanations.rules",
    "extremes": "milp.extremes",
    "fairness": "audits.fairness.fairness",
    "faithfulness": "explanations.agreement.faithfulness",
    "from_pieces": "rewrites.pieces",
    "identifiability": "rewrites.identifiability",
    "identifiable_network": "rewrites.identifiable",
    "import_model": "importers.import_model",
    "individual_fairness": "audits.fairness.individual",
    "integrated_gradients": "explanations.integrated_gradients",
    "largest_difference": "milp.difference",
    "lipschitz": "audits.lipschitz",
    "load": "rewrites.storage",
    "main_effects": "explanations.main_effects",
    "max_of_shallow": "rewrites.max_of_shallow",
    "monotonicity": "audits.monotonicity",
    "observed_regions": "regions.observed",
    "pieces_between": "regions.segments",
    "rank_features": "explanations.ranking",
    "read_vnnlib": "audits.verification.vnnlib",
    "region_diagnostics": "explanations.diagnostics",
    "region_upper_bounds": "regions.upper_bounds",
    "report": "reports.report",
    "robustness": "audits.robustness",
    "same_parameters": "rewrites.same_parameters",
    "save": "rewrites.storage",
    "shapley_values": "explanations.shapley",
    "simplify": "explanations.simplify",
    "stability": "milp.stability",
    "to_onnx": "exporters.to_onnx",
    "to_torch": "exporters.to_torch",
    "train_to_global_optimum": "rewrites.global_training",
    "two_hidden_layer": "rewrites.two_hidden_layer",
    "verify_property": "audits.properties",
}
_MODULES = {
    "datasets": "datasets",
    "errors": "errors",
    "hard_functions": "rewrites.hard_functions",
    "training": "training",
}

__all__ = [
    "Actionability",
    "AgreementDisplay",
    "AuditLimits",
    "Box",
    "Certificate",
    "CoefficientProfileDisplay",
    "ExactIntegratedGradients",
    "Expectations",
    "InputSchema",
    "LinearConstraint",
    "OutputConstraints",
    "ParallelCoefficientsDisplay",
    "RankingDisplay",
    "RegionMapDisplay",
    "ReluNetwork",
    "RulesErrorDisplay",
    "Tolerances",
    "TradeOffDisplay",
    "WaterfallDisplay",
    "attribution_sensitivity",
    "audit",
    "canonical_form",
    "certify",
    "check_equivalence",
    "compare_attributions",
    "compare_models",
    "compare_with_shap",
    "compress",
    "convert",
    "count_regions",
    "counterfactuals",
    "coverage",
    "datasets",
    "enumerate_regions",
    "errors",
    "explain",
    "explanation_trade_off",
    "extract_rules",
    "extremes",
    "fairness",
    "faithfulness",
    "from_pieces",
    "hard_functions",
    "identifiability",
    "identifiable_network",
    "import_model",
    "individual_fairness",
    "integrated_gradients",
    "largest_difference",
    "lipschitz",
    "load",
    "main_effects",
    "max_of_shallow",
    "monotonicity",
    "observed_regions",
    "pieces_between",
    "rank_features",
    "read_vnnlib",
    "region_diagnostics",
    "region_upper_bounds",
    "report",
    "robustness",
    "same_parameters",
    "save",
    "shapley_values",
    "simplify",
    "stability",
    "to_onnx",
    "to_torch",
    "train_to_global_optimum",
    "training",
    "two_hidden_layer",
    "verify_property",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("explainrelu")
    if name in _MODULES:
        return import_module(f"explainrelu.{_MODULES[name]}")
    if name not in _HOMES:
        raise AttributeError(f"module 'explainrelu' has no attribute {name!r}")
    value = getattr(import_module(f"explainrelu.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
