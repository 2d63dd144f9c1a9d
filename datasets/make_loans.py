"""Make ``loans.csv``: synthetic loan applications, repaid or not by the rule of loans_rule.json.

    python datasets/make_loans.py [FOLDER]

writes FOLDER/loans.csv (default: the folder of this script). The same seed gives the same bytes.
explainrelu must be installed, since the score is that of ``explainrelu.datasets.loans_rule()``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, ndtri, pdtr

from explainrelu.datasets import loans_rule

SEED = 20240229
N_ROWS = 4000
TERMS = np.array([12, 24, 36, 48, 60, 72, 84])
MAX_LATE_PAYMENTS = 10

JOB_SHARES = {
    "clerk": 0.34,
    "engineer": 0.17,
    "nurse": 0.16,
    "self-employed": 0.18,
    "teacher": 0.15,
}
JOB_LOG_INCOME = {
    "clerk": 0.0,
    "engineer": 0.3,
    "nurse": -0.02,
    "self-employed": 0.1,
    "teacher": 0.08,
}
PURPOSE_SHARES = {"car": 0.38, "consolidation": 0.22, "education": 0.14, "renovation": 0.26}

Column = NDArray[np.float64]
Labels = NDArray[np.str_]


# Only uniforms are drawn and everything else is made from them by inverting distribution
# functions: NumPy may change the streams of its other distributions between versions.


def _uniform(rng: Generator) -> Column:
    """Uniform between 0 and 1, and never 0."""
    return rng.random(N_ROWS) + 2.0**-54


def _normal(rng: Generator) -> Column:
    return np.asarray(ndtri(_uniform(rng)))


def _labels(rng: Generator, shares: dict[str, float]) -> Labels:
    upper = np.cumsum(list(shares.values()))[:-1]
    return np.array(list(shares))[np.searchsorted(upper, _uniform(rng), side="right")]


def _income(rng: Generator, job: Labels, sex: Labels, years_employed: Column) -> Column:
    """EUR/year, log-normal; men earn more here, so sex shows through income."""
    by_job = np.array([JOB_LOG_INCOME[name] for name in job])
    by_sex = np.where(sex == "male", 0.12, 0.0)
    by_years = 0.008 * np.minimum(years_employed, 20)
    income = 33000 * np.exp(by_job + by_sex + by_years + 0.36 * _normal(rng))
    return np.round(np.clip(income, 9000, 160000), -2)


def _home(rng: Generator, age: Column, income: Column) -> Labels:
    """Owners are older, mortgages go with income, the others rent."""
    log_income = np.log(income / 33000)
    own = expit(-2.6 + 0.045 * (age - 21) + 0.3 * log_income)
    mortgage = (1 - own) * expit(-0.1 + 1.2 * log_income)
    draw = _uniform(rng)
    return np.where(draw < own, "own", np.where(draw < own + mortgage, "mortgage", "rent"))


def _loan(rng: Generator, income: Column) -> tuple[Column, Column]:
    """Amount in EUR, larger with income, and term in months, longer with the amount."""
    amount = 15500 * (income / 40000) ** 0.6 * np.exp(0.55 * _normal(rng))
    amount = np.round(np.clip(amount, 1000, 90000), -2)
    step = np.round(2.2 + 0.00007 * amount + 1.1 * _normal(rng))
    return amount, TERMS[np.clip(step, 0, len(TERMS) - 1).astype(int)].astype(float)


def _late_payments(rng: Generator, debt_ratio: Column) -> Column:
    """Poisson counts, more with debt, by inverting the distribution function."""
    mean = np.exp(-0.2 + 0.02 * (debt_ratio - 30) + 0.75 * _normal(rng))
    below = pdtr(np.arange(MAX_LATE_PAYMENTS)[:, None], mean)
    return np.asarray((_uniform(rng) > below).sum(axis=0), dtype=float)


def applications(rng: Generator) -> pd.DataFrame:
    """The table without its target; the order of the draws is part of the data set."""
    sex = _labels(rng, {"female": 0.5, "male": 0.5})
    age = np.floor(21 + 54 * _uniform(rng) ** 1.4)
    job = _labels(rng, JOB_SHARES)
    years_employed = np.round(np.minimum(age - 18, -8 * np.log(_uniform(rng))), 1)
    income = _income(rng, job, sex, years_employed)
    home = _home(rng, age, income)
    purpose = _labels(rng, PURPOSE_SHARES)
    loan_amount, loan_term = _loan(rng, income)
    debt_ratio = np.round(100 * expit(-0.85 + 0.7 * _normal(rng)), 1)
    late_payments = _late_payments(rng, debt_ratio)
    branch_distance = np.round(np.exp(1.6 + 0.8 * _normal(rng)), 1)
    return pd.DataFrame(
        {
            "age": age.astype(int),
            "income": income.astype(int),
            "loan_amount": loan_amount.astype(int),
            "loan_term": loan_term.astype(int),
            "debt_ratio": debt_ratio,
            "years_employed": years_employed,
            "late_payments": late_payments.astype(int),
            "branch_distance": branch_distance,
            "home": home,
            "job": job,
            "purpose": purpose,
            "sex": sex,
        }
    )


def make(folder: Path) -> None:
    """Write loans.csv into ``folder``."""
    rng = np.random.default_rng(SEED)
    frame = applications(rng)
    probability = expit(loans_rule().score(frame))
    frame["repaid"] = np.where(_uniform(rng) < probability, "yes", "no")
    frame.to_csv(folder / "loans.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
