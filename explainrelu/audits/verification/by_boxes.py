"""Part the domain into boxes until each is decided, by bounds of the scores or by its regions.

Many boxes are bounded at once. A box in which some constraint of every alternative is nowhere met
is done. One in which few units are left open is searched region by region, which is exact; any
other is parted where that is expected to win most: at the input whose width times the slope of
the bounding forms, and whose share of what the lines around the open units cost, are largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.audits.verification.by_regions import searched
from explainrelu.audits.verification.question import Answer, Question, Witness
from explainrelu.geometry.box import Box
from explainrelu.network.batched_bounds import BoxBounds

__all__ = ["by_boxes", "by_whole_regions"]

_FEW_UNSTABLE = 24  # open units up to which a box is searched by its regions
_FEWER_UNSTABLE = 12  # the same with more than _FEW_INPUTS inputs that vary
_FEW_INPUTS = 6
_MOST_REGIONS = 4_000  # of such a search, beyond which the box is parted after all
_SMALL = 1e-6  # share of the domain's width below which a box is searched in any case


def by_boxes(question: Question, *, most_boxes: int | None = None) -> Answer:
    """Bounds of boxes, and regions of the small ones."""
    return _Search(question, most_boxes).answer()


def by_whole_regions(question: Question) -> Answer:
    """The regions of each box of the domain as a whole; parted only by columns with levels."""
    return _Search(question, None, whole=True).answer()


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes:
    """Boxes that wait: corners, which alternatives are still possible, bounds of their excess."""

    lower: FloatArray
    upper: FloatArray
    possible: BoolArray
    excess: FloatArray

    def __len__(self) -> int:
        return len(self.lower)

    def take(self, rows: "slice | BoolArray") -> "_Boxes":
        return _Boxes(self.lower[rows], self.upper[rows], self.possible[rows], self.excess[rows])

    @classmethod
    def all_of(cls, parts: "Sequence[_Boxes]") -> "_Boxes":
        return cls(
            np.concatenate([part.lower for part in parts]),
            np.concatenate([part.upper for part in parts]),
            np.concatenate([part.possible for part in parts]),
            np.concatenate([part.excess for part in parts]),
        )


@dataclass(slots=True, eq=False)
class _Search:
    """A search through boxes; ``proven`` is the least excess over what is done."""

    question: Question
    most_boxes: int | None
    whole: bool = False
    witness: Witness | None = None
    n_boxes: int = 0
    n_regions: int = 0
    doubtful: int = 0
    stopped: str = ""
    proven: FloatArray = field(init=False)
    waiting: _Boxes = field(init=False)

    def __post_init__(self) -> None:
        question = self.question
        corners = [question.branching.shrunk(box.lower, box.upper) for box in question.boxes]
        lower, upper = (np.array([pair[i] for pair in corners]) for i in (0, 1))
        shape = len(lower), len(question.alternatives)
        self.proven = np.full(shape[1], np.inf)
        self.waiting = _Boxes(lower, upper, np.ones(shape, np.bool_), np.full(shape, -np.inf))

    def answer(self) -> Answer:
        """Go on until all is done, a counterexample is found or a limit is reached."""
        while len(self.waiting) and self.witness is None and not self._limited():
            self._step()
        lower = self.proven
        if len(self.waiting):
            lower = np.minimum(lower, self.waiting.excess.min(axis=0))
        why = self.stopped
        if not why and self.doubtful:
            why = f"{self.doubtful:,} box(es) hold points within rounding of a counterexample"
        how = "regions" if self.whole else "boxes and regions" if self.n_regions else "boxes"
        return Answer(
            lower, self.witness, self.n_boxes, self.n_regions, "" if self.witness else why, how
        )

    def _limited(self) -> bool:
        """Whether a limit ends the search; says which."""
        question = self.question
        if question.out_of_time:
            self.stopped = "the time limit was reached"
        elif question.max_regions is not None and self.n_regions >= question.max_regions:
            self.stopped = f"max_regions={question.max_regions} was reached"
        elif self.most_boxes is not None and self.n_boxes >= self.most_boxes:
            self.stopped = f"{self.n_boxes:,} boxes decided too little"
        return bool(self.stopped)

    def _step(self) -> None:
        """Bound the boxes that waited last, and decide or part each."""
        size = 1 if self.whole else self.question.forms.batch
        boxes = self.waiting.take(slice(-size, None))
        self.waiting = self.waiting.take(slice(None, -size))
        if self.whole:
            gain, n_unstable = boxes.upper - boxes.lower, np.zeros(len(boxes), dtype=np.int64)
        else:
            bounds = self.question.forms.over(boxes.lower, boxes.upper)
            boxes = self._excluded(boxes, bounds)
            gain, n_unstable = self._gain(boxes, bounds), bounds.n_unstable
            self.n_boxes += len(boxes)
        left: BoolArray = np.asarray(boxes.possible.any(axis=1))
        self._settle(boxes.take(np.logical_not(left)))
        boxes, gain, n_unstable = boxes.take(left), gain[left], n_unstable[left]
        if not len(boxes) or self._try_points(boxes):
            return
        children = []
        for i in range(len(boxes)):
            if self.witness is not None or self.question.out_of_time:
                children.append(boxes.take(slice(i, None)))
                break
            one = boxes.take(slice(i, i + 1))
            children += self._decided(one, gain[i], int(n_unstable[i]))
        self.waiting = _Boxes.all_of([self.waiting, *children])

    def _excluded(self, boxes: _Boxes, bounds: BoxBounds) -> _Boxes:
        excess = np.maximum(boxes.excess, self.question.by_alternative(bounds.lower))
        return _Boxes(boxes.lower, boxes.upper, boxes.possible & ~(excess > 0), excess)

    def _gain(self, boxes: _Boxes, bounds: BoxBounds) -> FloatArray:
        """What parting each input is expected to win: (n_boxes, n_inputs)."""
        sizes = np.diff(self.question.starts)
        open_rows = np.repeat(boxes.possible, sizes, axis=1).astype(np.float64)
        slope = np.matmul(open_rows[:, None, :], np.abs(bounds.slope))[:, 0]
        gain: FloatArray = slope * (boxes.upper - boxes.lower) + bounds.gap
        return gain

    def _try_points(self, boxes: _Boxes) -> bool:
        """The middle of each box, as a row."""
        middles = 0.5 * boxes.lower + 0.5 * boxes.upper
        if self.question.branching.choices:
            corners = zip(middles, boxes.lower, boxes.upper, strict=True)
            middles = np.array([self.question.branching.row(*each) for each in corners])
        self.witness = self.question.witness_among(middles)
        if self.witness is not None:
            self.waiting = _Boxes.all_of([self.waiting, boxes])
        return self.witness is not None

    def _decided(self, box: _Boxes, gain: FloatArray, n_unstable: int) -> list[_Boxes]:
        """Search the regions of a box where that pays; what it is parted into otherwise."""
        branching = self.question.branching
        lower, upper = box.lower[0], box.upper[0]
        settled, small = branching.settled(lower, upper), self._is_small(lower, upper)
        if settled and (self.whole or small or n_unstable <= self._few_unstable(lower, upper)):
            box, in_doubt = self._by_regions(box)
            over = self.witness is not None or bool(self.stopped) or not box.possible.any()
            self.doubtful += in_doubt and not over
            if over or in_doubt:
                self._settle(box)
                return []
        parts = branching.parted(lower, upper, gain, numbers=not (small or self.whole))
        if parts is None:
            self.doubtful += 1
            self._settle(box)
            return []
        return [_Boxes(low[None], high[None], box.possible, box.excess) for low, high in parts]

    def _by_regions(self, box: _Boxes) -> tuple[_Boxes, bool]:
        """The box with what its regions exclude, and whether they leave it within rounding."""
        question = self.question
        possible, excess, in_doubt = box.possible.copy(), box.excess.copy(), False
        for k in np.flatnonzero(possible[0]).tolist():
            found = searched(question, Box(box.lower[0], box.upper[0]), k, self._most_regions)
            self.n_regions += found.n_regions
            if found.witness is not None:
                self.witness = found.witness
                break
            if found.lower > -np.inf:
                possible[0, k], excess[0, k] = False, max(excess[0, k], found.lower)
            elif found.complete:
                in_doubt = True
            elif self.whole and not self._limited():
                self.stopped = f"{found.n_regions:,} regions did not settle a box"
            if self.stopped:
                break
        return _Boxes(box.lower, box.upper, possible, excess), in_doubt

    @staticmethod
    def _few_unstable(lower: FloatArray, upper: FloatArray) -> int:
        """With more inputs as many units cut a box into many more regions."""
        return _FEW_UNSTABLE if int((lower < upper).sum()) <= _FEW_INPUTS else _FEWER_UNSTABLE

    @property
    def _most_regions(self) -> int | None:
        """Regions that one search may meet."""
        most = self.question.max_regions
        left = None if most is None else max(1, most - self.n_regions)
        if self.whole:
            return left
        return _MOST_REGIONS if left is None else min(_MOST_REGIONS, left)

    def _is_small(self, lower: FloatArray, upper: FloatArray) -> bool:
        numeric, hull = self.question.branching.numeric, self.question.hull
        whole = (hull.upper - hull.lower)[numeric]
        return bool(((upper - lower)[numeric] <= _SMALL * whole).all())

    def _settle(self, boxes: _Boxes) -> None:
        """Take boxes as done, with what is known of them."""
        if len(boxes):
            self.proven = np.minimum(self.proven, boxes.excess.min(axis=0))
