"""The bundled data sets, and the known scoring rule behind ``loans``.

Each data set is a CSV with a card beside it, in ``datasets/`` of a clone and in
``explainrelu/_datasets/`` of an installed wheel. Four are real; ``loans`` is made from a rule
that is known, so that an explanation of a model trained on it can be held against the truth.
"""

from explainrelu.datasets.loaders import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_loans,
    load_wine,
    units,
)
from explainrelu.datasets.loans_rule import Hinge, LoansRule, loans_rule

__all__ = [
    "Hinge",
    "LoansRule",
    "load_breast_cancer",
    "load_diabetes",
    "load_iris",
    "load_loans",
    "load_wine",
    "loans_rule",
    "units",
]
