"""How far rows are from where their class changes: the record."""

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen, frozen_floats
from explainrelu.audits.boundary.norms import Norm
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError
from explainrelu.network.schema import InputSchema

__all__ = ["DistanceStatus", "Robustness"]

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class DistanceStatus(StrEnum):
    """What is known of a row's distance to the boundary."""

    EXACT = "exact"
    BOUNDED = "bounded"
    BEYOND = "beyond the largest distance"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Robustness:
    """The distance of rows to the decision boundary.

    Attributes
    ----------
    schema
        The columns of the rows.
    classes
        The classes, by name.
    norm
        How a step of several columns is measured.
    scale : (n_inputs,)
        One step of each input in raw units; 0 where it is held.
    max_distance
        Farther was not looked.
    points : (n_rows, n_inputs)
        The encoded rows.
    own : (n_rows,)
        The class of each, as a position.
    lower : (n_rows,)
        No shorter step changes the class, proven.
    upper : (n_rows,)
        The length of the step to the witness; infinity where there is none.
    witnesses : (n_rows, n_inputs)
        Encoded rows where the network itself sees another class lead, or as good as the own one
        (in float64: a model that computes in float32 may see either so near the boundary);
        the row itself where ``upper`` is infinite.
    rivals : (n_rows,)
        The class that leads at the witness besides the own one; -1 where there is none.
    margins : (n_rows,)
        How far the own class lies above that one at the witness: not above 0, but for rounding.
    gap
        Relative gap between the bounds up to which a distance counts as exact.
    n_nodes
        Linear programs' nodes that were searched, all rows together.
    """

    schema: InputSchema
    classes: tuple[str, ...]
    norm: Norm
    scale: FloatArray
    max_distance: float
    points: FloatArray
    own: IntArray
    lower: FloatArray
    upper: FloatArray
    witnesses: FloatArray
    rivals: IntArray
    margins: FloatArray
    gap: float
    n_nodes: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, frozen(np.array(value)))

    def __len__(self) -> int:
        return int(self.own.size)

    def __repr__(self) -> str:
        statuses = self.status
        exact = int((statuses == str(DistanceStatus.EXACT)).sum())
        return f"Robustness({len(self)} rows, {self.norm}, {exact} distances exact)"

    @property
    def status(self) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
        """A :class:`DistanceStatus` for each row, as text: (n_rows,)."""
        found = np.full(len(self), str(DistanceStatus.UNDECIDED), dtype=object)
        reached = np.isfinite(self.upper)
        found[reached] = str(DistanceStatus.BOUNDED)
        found[self.exact] = str(DistanceStatus.EXACT)
        found[self.beyond] = str(DistanceStatus.BEYOND)
        return found.astype(np.str_)

    @property
    def exact(self) -> BoolArray:
        """Rows whose distance is known up to ``gap``: (n_rows,)."""
        finite = np.isfinite(self.upper)
        upper = np.where(finite, self.upper, 0.0)
        return np.asarray(finite & (upper - self.lower <= self.gap * upper), dtype=np.bool_)

    @property
    def beyond(self) -> BoolArray:
        """Rows whose class cannot change within ``max_distance``: (n_rows,)."""
        return np.asarray(~np.isfinite(self.upper) & (self.lower >= self.max_distance))

    @property
    def changed(self) -> BoolArray:
        """Rows whose class is another at the witness; not where it is only as good: (n_rows,)."""
        other = (self.margins < 0) | ((self.margins == 0) & (self.rivals < self.own))
        return np.asarray(np.isfinite(self.upper) & other)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that move."""
        moved = np.unique(self.schema.input_columns[self.scale > 0])
        return tuple(self.schema.names[i] for i in moved)

    def certified_share(self, radii: npt.ArrayLike) -> pd.DataFrame:
        """The share of rows whose class cannot, or can, change within given distances.

        Parameters
        ----------
        radii
            Distances, not negative.

        Returns
        -------
        DataFrame
            One row a radius: ``radius certified changeable undecided``. ``certified``: proven
            that no step of at most that length changes the class. ``changeable``: such a step is
            known. They add up to 1 with ``undecided``.

        Raises
        ------
        ArgumentError
            For a radius that is negative or no number.
        """
        asked = frozen_floats(np.ravel(np.asarray(radii)), 1, "radii")
        if (asked < 0).any():
            raise ArgumentError(f"radii must not be negative, got {asked.min()}.")
        r = asked[:, None]
        changeable = (self.upper <= r) & self.changed
        certified = (self.lower > r) | (self.beyond & (r <= self.max_distance))
        certified &= ~(self.upper <= r)
        shares = certified.mean(axis=1), changeable.mean(axis=1)
        return pd.DataFrame(
            {
                "radius": asked,
                "certified": shares[0],
                "changeable": shares[1],
                "undecided": (~certified & ~changeable).mean(axis=1),
            }
        )

    @property
    def unchanged_share(self) -> tuple[float, float]:
        """Bounds of the share of rows whose class cannot change within ``max_distance``.

        With ``errors=`` that is the share of rows whose class no measurement error changes.
        """
        found = self.certified_share([self.max_distance]).iloc[0]
        return float(found.certified), float(1.0 - found.changeable)

    @property
    def summary(self) -> pd.DataFrame:
        """Quantiles over the rows: ``quantile lower upper exactness``.

        The quantile of the distances lies between the two; a row beyond the largest distance
        counts with infinity for its upper bound.
        """
        lower, upper = (
            np.quantile(values, _QUANTILES, method="lower") for values in (self.lower, self.upper)
        )
        same = np.isfinite(upper) & (upper - lower <= self.gap * np.where(upper < np.inf, upper, 0))
        kinds = np.where(same, str(Exactness.EXACT), str(Exactness.BOUNDED))
        return pd.DataFrame(
            {
                "quantile": _QUANTILES,
                "lower": lower,
                "upper": upper,
                "exactness": pd.Series(kinds, dtype="str"),
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a row: ``row class lower upper status nearest_class margin norm exactness``."""
        names = np.array([*self.classes, ""], dtype=object)
        kinds = np.where(self.exact, str(Exactness.EXACT), str(Exactness.BOUNDED))
        return pd.DataFrame(
            {
                "row": np.arange(len(self)),
                "class": pd.Series(names[self.own], dtype="str"),
                "lower": self.lower,
                "upper": self.upper,
                "status": pd.Series(self.status, dtype="str"),
                "nearest_class": pd.Series(names[self.rivals], dtype="str"),
                "margin": self.margins,
                "norm": pd.Series([str(self.norm)] * len(self), dtype="str"),
                "exactness": pd.Series(kinds, dtype="str"),
            }
        )

    def witness_frame(self) -> pd.DataFrame:
        """The witnesses as raw rows, those that there are, indexed by the row they belong to."""
        found = np.flatnonzero(np.isfinite(self.upper))
        return self.schema.decode(self.witnesses[found]).set_index(found)
