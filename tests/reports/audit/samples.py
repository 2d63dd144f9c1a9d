"""Audits that several tests look at, each made once a process."""

from functools import cache
from typing import Any

from explainrelu.audits.verification.constraints import OutputConstraints
from explainrelu.reports.audit.audit import audit
from explainrelu.reports.audit.record import Audit
from tests import models
from tests.reports.samples import MORNING

SAMPLES = ["loan_decisions", "iris", "loans"]
FEW = {
    "robustness_rows": 6, "recourse_rows": 3, "time_limit": 5.0, "few_rules": 3, "shap_rows": 3
}  # fmt: skip
EXPECTED: dict[str, Any] = {
    "performance": {"accuracy": 0.8, "auc": 0.99},
    "monotone": {"income": "increasing", "late_payments": "increasing", "job": "increasing"},
    "protected": ["sex"],
    "group_ratio": {"selection_rate": 0.5},
    "measurement_errors": {"income": 500.0},
    "min_stable_share": 0.5,
    "min_recourse_share": 0.5,
    "actionability": {"immutable": ["age", "sex"]},
    "min_rules_agreement": 0.5,
    "max_unseen_share": 1.0,
    "properties": {
        "no score above 100": OutputConstraints.at_most("yes", 100.0),
        "no score above 2": OutputConstraints.at_most("yes", 2.0),
    },
}


@cache
def sample(name: str) -> Audit:
    """An audit of a model of :mod:`tests.models`; that of ``loan_decisions`` has every part."""
    model, X, y = getattr(models, name)()
    options: dict[str, Any] = {"limits": FEW, "created": MORNING}
    if name == "loan_decisions":
        options |= {
            "expectations": EXPECTED,
            "X_train": X[1000:1400],
            "units": {"income": "euro a year"},
            "provenance": {"command": "make audit"},
        }
    return audit(model, X[:150], y[:150], **options)
