"""What is asked of a network, where, and for how long; and what a way to answer found out."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import monotonic

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.audits.verification.branching import Branching
from explainrelu.audits.verification.constraints import Alternative
from explainrelu.geometry.box import Box
from explainrelu.network.batched_bounds import BatchedBounds
from explainrelu.network.exact import ExactArray, exact_scores
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["Answer", "Question", "Witness"]

_EXACT_WEIGHTS = 200_000  # weights up to which a point is replayed in fractions, in seconds


@dataclass(frozen=True, slots=True, eq=False)
class Witness:
    """A row that violates the property.

    Attributes
    ----------
    point : (n_inputs,)
        The encoded row.
    alternative
        Which alternative it satisfies.
    excess
        ``max(weight @ y - bound)`` there, by the network in float64; not above 0.
    exact
        Whether it was replayed in fractions, because float64 alone left it in doubt.
    """

    point: FloatArray
    alternative: int
    excess: float
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one way to answer came to.

    Attributes
    ----------
    lower : (n_alternatives,)
        Nowhere in the domain is the excess of an alternative smaller.
    witness
        A counterexample, if one was found.
    n_boxes, n_regions
        Boxes bounded and regions searched.
    open
        Why nothing was decided, in words; "" where it was.
    how
        What decided.
    """

    lower: FloatArray
    witness: Witness | None = None
    n_boxes: int = 0
    n_regions: int = 0
    open: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Whether no row of some boxes satisfies one of the alternatives.

    Attributes
    ----------
    network
        The network.
    boxes
        The domain: their union.
    branching
        Which points of a box are rows, and how a box is parted.
    alternatives
        The counterexamples.
    deadline
        When to stop, on the monotonic clock.
    max_regions
        When to stop a search, None for no limit.
    rng
        Draws the rows at which a search for counterexamples begins.
    seen : (n_alternatives,)
        The smallest excess met at a row so far; written as rows are looked at.
    hull
        The smallest box around all boxes.
    forms
        Bounds of ``weight @ y - bound`` for every constraint of every alternative.
    starts
        The first constraint of each alternative, and behind them their number.
    """

    network: ReluNetwork
    boxes: tuple[Box, ...]
    branching: Branching
    alternatives: tuple[Alternative, ...]
    deadline: float
    max_regions: int | None
    rng: np.random.Generator
    seen: FloatArray
    tolerances: Tolerances
    hull: Box = field(init=False)
    forms: BatchedBounds = field(init=False)
    starts: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        corners = np.array([(box.lower, box.upper) for box in self.boxes])
        hull = Box(corners[:, 0].min(axis=0), corners[:, 1].max(axis=0))
        weight = np.vstack([part.weight for part in self.alternatives])
        bound = np.concatenate([part.bound for part in self.alternatives])
        sizes = [0, *(part.bound.size for part in self.alternatives)]
        object.__setattr__(self, "hull", hull)
        object.__setattr__(self, "forms", BatchedBounds(self.network, hull, weight, bound))
        object.__setattr__(self, "starts", tuple(np.cumsum(sizes).tolist()))

    @property
    def seconds_left(self) -> float:
        """Until the deadline, at least a little."""
        return max(0.01, self.deadline - monotonic())

    @property
    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return monotonic() >= self.deadline

    @property
    def unknown(self) -> FloatArray:
        """Bounds of the excess of each alternative before anything is known."""
        return np.full(len(self.alternatives), -np.inf)

    def within(self, seconds: float) -> "Question":
        """The same with less time."""
        return replace(self, deadline=min(self.deadline, monotonic() + seconds))

    def rounding(self, k: int) -> float:
        """What float64 may change in the excess of an alternative, anywhere in the domain."""
        return float(self.forms.rounding[self.starts[k] : self.starts[k + 1]].max())

    def by_alternative(self, lower: FloatArray) -> FloatArray:
        """Bounds of each constraint as bounds of each excess: (n_boxes, n_alternatives)."""
        found: FloatArray = np.maximum.reduceat(lower, self.starts[:-1], axis=1)
        return found

    def excess(self, points: FloatArray) -> FloatArray:
        """The excess of each alternative at rows: (n_points, n_alternatives)."""
        scores = self.network.forward(points)
        found = np.stack([part.excess(scores) for part in self.alternatives], axis=1)
        np.minimum(self.seen, found.min(axis=0, initial=np.inf), out=self.seen)
        return found

    def witness_among(self, points: FloatArray) -> Witness | None:
        """The first of the deepest points that is a counterexample beyond doubt."""
        if not len(points):
            return None
        excess = self.excess(points)
        for place in np.argsort(excess, axis=None)[:3]:
            i, k = divmod(int(place), excess.shape[1])
            if excess[i, k] > 0:
                return None
            # once more by itself: the last digits of a matrix product depend on its rows
            found = self._confirmed(points[i], k, float(self.excess(points[[i]])[0, k]))
            if found is not None:
                return found
        return None

    def _confirmed(self, point: FloatArray, k: int, excess: float) -> Witness | None:
        """The point as a witness, where rounding does not make it one."""
        part = self.alternatives[k]
        if excess < -self.rounding(k):
            return Witness(point, k, excess, False)
        widths = (self.network.n_inputs, *self.network.widths, self.network.n_outputs)
        n_weights = sum(before * behind for before, behind in pairwise(widths))
        if excess > 0 or n_weights > _EXACT_WEIGHTS or not self._exactly(point, part):
            return None
        return Witness(point, k, excess, True)

    def _exactly(self, point: FloatArray, part: Alternative) -> bool:
        """Whether a point satisfies every constraint, without rounding."""
        scores = exact_scores(self.network, ExactArray.of(point))
        left = ExactArray.of(part.weight) @ scores + ExactArray.of(-part.bound)
        pairs = zip(left.integers, part.strict, strict=True)
        return all(value < 0 if strict else value <= 0 for value, strict in pairs)
