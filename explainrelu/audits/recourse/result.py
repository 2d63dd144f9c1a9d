"""The record of counterfactuals: the rows, what changed, why, and what is proven."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, frozen
from explainrelu.audits.recourse.search import CounterfactualStatus
from explainrelu.certificate import Certificate

__all__ = ["CounterfactualResult"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CounterfactualResult:
    """The nearest changes of some rows.

    Attributes
    ----------
    frame : DataFrame
        One line a counterfactual found: ``row`` (position in the query), ``cf`` (from 1, nearest
        first), the raw columns, then ``distance score status gap``. Where the raw table has a
        column of one of these names, ours stands as ``cf_distance`` and so on.
    outcomes : DataFrame
        One line a counterfactual asked for, found or not: ``row cf desired status distance bound
        gap score required norm scale unit seconds detail``. ``required`` is the score that was
        to be reached.
    changes : DataFrame
        One line a changed column: ``row cf feature from to change cost unit``; ``cost`` is its
        part of the distance.
    reasons : DataFrame
        Reason codes, from the nearest counterfactual of each row, the weightiest first: ``row
        rank feature from to closes share output scale unit exactness``. ``closes`` is what the
        change of the feature adds to the score along the way, and ``share`` its share of the
        whole difference; they add up exactly.
    status
        For each row what is known of its nearest change.
    gap : (n_rows,)
        For each row how much nearer its nearest change could be; infinity where it is undecided.
    norm
        How the distance is measured.
    certificate
        What was checked.
    """

    frame: pd.DataFrame
    outcomes: pd.DataFrame
    changes: pd.DataFrame
    reasons: pd.DataFrame
    status: tuple[CounterfactualStatus, ...]
    gap: FloatArray
    norm: str
    certificate: Certificate

    def __post_init__(self) -> None:
        object.__setattr__(self, "gap", frozen(np.array(self.gap, dtype=np.float64)))
        for name in ("frame", "outcomes", "changes", "reasons"):
            object.__setattr__(self, name, getattr(self, name).copy(deep=False))

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        counts = {str(s): self.status.count(s) for s in dict.fromkeys(self.status)}
        shown = ", ".join(f"{n} {name}" for name, n in counts.items())
        return f"CounterfactualResult({len(self)} changes in {self.norm}; rows: {shown})"

    def to_frame(self) -> pd.DataFrame:
        """The counterfactuals, one line each (see ``frame``)."""
        return self.frame.copy()
