"""Reports that several tests look at, each made once a process."""

from datetime import UTC, datetime
from functools import cache

from explainrelu.reports.report import Report, report
from tests import models

MODELS = ["breast_cancer", "iris", "diabetes", "loan_decisions"]
MORNING = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@cache
def sample(name: str) -> Report:
    """A report on the first rows of a model of :mod:`tests.models`, with everything in it."""
    model, X, y = getattr(models, name)()
    return report(model, X[:120], y[:120], max_rules=6, max_rows=4, created=MORNING)
