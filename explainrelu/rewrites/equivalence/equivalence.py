"""The answer to whether two networks are one function over a domain."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.certificate import Certificate

__all__ = ["Difference", "Equivalence", "Verdict"]


class Verdict(StrEnum):
    """Whether two networks are one function."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A row at which two networks differ, replayed through both.

    Attributes
    ----------
    frame : DataFrame (1, n_columns)
        The row in raw columns.
    point : (n_inputs,)
        The same, encoded.
    scores_a, scores_b : (n_outputs,)
        The raw scores that each network gives it.
    """

    frame: pd.DataFrame
    point: FloatArray
    scores_a: FloatArray
    scores_b: FloatArray

    def __post_init__(self) -> None:
        for name in ("point", "scores_a", "scores_b"):
            object.__setattr__(self, name, frozen_floats(getattr(self, name), 1, name))

    @property
    def difference(self) -> FloatArray:
        """``a - b`` there: (n_outputs,)."""
        return self.scores_a - self.scores_b


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Equivalence:
    """Whether two networks give equal scores over a domain, and how far that is proven.

    Attributes
    ----------
    status
        ``equal``: no score differs by more than ``tolerance`` at any row of the domain.
        ``different``: it does at ``witness``. ``undecided``: neither was shown.
    outputs
        Names of the raw outputs.
    lower, upper : (n_outputs,)
        ``a - b`` lies between, at every row of the domain, whatever the status.
    tolerance : (n_outputs,)
        The difference up to which two scores count as equal.
    witness
        A row at which they differ by more; None where none was found.
    proven_by
        What decided: ``points``, ``canonical form``, ``regions`` or ``mixed-integer programs``;
        "" where nothing did.
    exact
        Whether the answer was found in fractions, so that equal means equal to the last digit.
    certificate
        The checks behind the status, so that it holds for ``equal`` and ``different`` alike; of
        an ``undecided`` one all that was tried.
    """

    status: Verdict
    outputs: tuple[str, ...]
    lower: FloatArray
    upper: FloatArray
    tolerance: FloatArray
    witness: Difference | None
    proven_by: str
    exact: bool
    certificate: Certificate

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", frozen_floats(self.tolerance, 1, "tolerance"))
        for name in ("lower", "upper"):  # may be infinite, where nothing is known
            bound = np.array(getattr(self, name), dtype=np.float64)
            bound.setflags(write=False)
            object.__setattr__(self, name, bound)

    def __repr__(self) -> str:
        how = f" by {self.proven_by}" if self.proven_by else ""
        return f"Equivalence({self.status}{how}, a - b within {self.bound:.3g})"

    @property
    def bound(self) -> float:
        """No score differs by more, at any row of the domain."""
        return float(np.maximum(np.abs(self.lower), np.abs(self.upper)).max(initial=0.0))

    @property
    def bounds(self) -> pd.DataFrame:
        """One row an output: ``output lower upper tolerance exactness``."""
        exactness = "exact" if self.exact and self.status is Verdict.EQUAL else "bounded"
        return pd.DataFrame(
            {
                "output": pd.Series(self.outputs, dtype="str"),
                "lower": self.lower,
                "upper": self.upper,
                "tolerance": self.tolerance,
                "exactness": pd.Series([exactness] * len(self.outputs), dtype="str"),
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """:attr:`bounds` with ``status`` and ``proven_by``, and the scores of the witness.

        ``score_a`` and ``score_b`` are NaN where there is no witness.
        """
        nothing = np.full(len(self.outputs), np.nan)
        found = self.witness
        return self.bounds.assign(
            status=str(self.status),
            proven_by=self.proven_by,
            score_a=nothing if found is None else found.scores_a,
            score_b=nothing if found is None else found.scores_b,
        )
