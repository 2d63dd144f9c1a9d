"""Which rows change their class when only their protected columns change."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen
from explainrelu.audits.fairness.alternatives import Alternatives
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.segments import segment_pieces
from explainrelu.tolerances import Tolerances

__all__ = ["Flips", "classes_of", "flips_of"]

TextArray = np.ndarray[tuple[int], np.dtype[np.object_]]

_DTYPES = {
    "row": "int64",
    "flips": "bool",
    "protected": "str",
    "changed_to": "str",
    "score": "float64",
    "score_changed": "float64",
    "largest_change": "float64",
    "exactness": "str",
}


@dataclass(frozen=True, slots=True, eq=False)
class Flips:
    """What other protected values do to each row.

    Attributes
    ----------
    frame
        One row a data row: whether some other values change its class, which ones move its score
        most (of those that change the class where any do), and by how much.
    changed : (n_samples, n_columns)
        The row with these values, as :meth:`InputSchema.numbers` has it.
    """

    frame: pd.DataFrame
    changed: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "changed", frozen(np.array(self.changed)))

    @property
    def clearest(self) -> int:
        """The row that changes its class with the largest change of the score; -1 for none."""
        size = np.where(self.frame["flips"], self.frame["largest_change"], -1.0)
        return int(size.argmax()) if (size >= 0).any() else -1


def classes_of(scores: FloatArray) -> IntArray:
    """The class of raw scores ``(n_samples, n_outputs)``: the largest, or 1 above 0 of one."""
    if scores.shape[1] == 1:
        return (scores[:, 0] > 0).astype(np.int64)
    return np.asarray(scores.argmax(axis=1), dtype=np.int64)


def flips_of(
    network: ReluNetwork,
    numbers: FloatArray,
    protected: tuple[Alternatives, ...],
    tolerances: Tolerances,
) -> Flips:
    """Every row with every combination of protected values, the farthest of them told.

    Exact: values of an interval are followed along their line, piece by piece.

    ``score`` is the raw score of a binary classifier; of several outputs that of the row's class.
    """
    scores = network.forward(network.schema.spread(numbers))
    classes = classes_of(scores)
    own = scores[np.arange(len(classes)), 0 if scores.shape[1] == 1 else classes]
    best = np.full(len(numbers), -1.0)
    flips = np.zeros(len(numbers), dtype=np.bool_)
    words = np.full(len(numbers), "", dtype=object)
    changed, rows = own.copy(), numbers.copy()
    for candidate, texts in _candidates(network, numbers, protected, tolerances):
        other = network.forward(network.schema.spread(candidate))
        flipped = classes_of(other) != classes
        score = other[np.arange(len(classes)), 0 if scores.shape[1] == 1 else classes]
        better = _better(flipped, np.abs(score - own), flips, best)
        best = np.where(better, np.abs(score - own), best)
        flips |= flipped
        changed = np.where(better, score, changed)
        words[better], rows[better] = texts[better], candidate[better]
    name = " and ".join(each.column.name for each in protected)
    table = pd.DataFrame({"row": np.arange(len(numbers)), "flips": flips, "changed_to": words})
    table = table.assign(
        protected=name,
        score=own,
        score_changed=changed,
        largest_change=np.maximum(best, 0.0),
        exactness="exact",
    )[list(_DTYPES)].astype(_DTYPES)
    return Flips(table, rows)


def _better(flipped: BoolArray, size: FloatArray, flips: BoolArray, best: FloatArray) -> BoolArray:
    """Which candidates replace the best so far: one that changes the class comes first."""
    return np.asarray((flipped & ~flips) | ((flipped == flips) & (size > best)), dtype=np.bool_)


def _candidates(
    network: ReluNetwork,
    numbers: FloatArray,
    protected: tuple[Alternatives, ...],
    tolerances: Tolerances,
) -> Iterator[tuple[FloatArray, TextArray]]:
    """Changed rows, one candidate for every row at a time, with their values in words."""
    places = [network.schema.names.index(each.column.name) for each in protected]
    listed = [(p, each) for p, each in zip(places, protected, strict=True) if not each.interval]
    ranges = [(p, each) for p, each in zip(places, protected, strict=True) if each.interval]
    for values in product(*(each.numbers for _, each in listed)):
        changed = numbers.copy()
        for (place, _), value in zip(listed, values, strict=True):
            changed[:, place] = value
        if ranges:
            [(place, each)] = ranges  # alternatives are checked to have one interval at most
            for rows in _along(network, changed, place, each.numbers, tolerances):
                yield rows, _words(rows, protected, places)
        else:
            yield changed, _words(changed, protected, places)


def _along(
    network: ReluNetwork,
    numbers: FloatArray,
    place: int,
    ends: FloatArray,
    tolerances: Tolerances,
) -> Iterator[FloatArray]:
    """The rows at every value of an interval where a score or a class can be at its extreme.

    On each linear piece the scores of two classes cross once at most: between neighbouring
    crossings one class leads throughout, so that its middle stands for all of it.
    """
    first, last = numbers.copy(), numbers.copy()
    first[:, place], last[:, place] = ends
    spread = network.schema.spread
    pieces = segment_pieces(network, spread(first), spread(last), tolerances=tolerances)
    found = [pieces.breakpoints[pieces.breakpoints_of(i)] for i in range(len(numbers))]
    if network.n_outputs > 1:
        slope, level = pieces.lines()
        crossings = _crossings(slope, level)
        for i in range(len(numbers)):
            inside = crossings[pieces.pieces_of(i)].reshape(-1)
            t = np.unique(np.concatenate([found[i], inside[(inside > 0) & (inside < 1)]]))
            found[i] = np.concatenate([t, (t[1:] + t[:-1]) / 2])
    for k in range(max(t.size for t in found)):
        rows = numbers.copy()
        t = np.array([each[min(k, each.size - 1)] for each in found])
        rows[:, place] = (1.0 - t) * ends[0] + t * ends[1]
        yield rows


def _crossings(slope: FloatArray, level: FloatArray) -> FloatArray:
    """Where two scores of a piece are equal: (n_pieces, n_pairs), -1 where nowhere."""
    pairs = np.array(list(combinations(range(slope.shape[1]), 2)))
    rise = slope[:, pairs[:, 0]] - slope[:, pairs[:, 1]]
    gap = level[:, pairs[:, 1]] - level[:, pairs[:, 0]]
    flat = rise == 0.0
    return np.where(flat, -1.0, gap / np.where(flat, 1.0, rise))


def _words(
    numbers: FloatArray, protected: tuple[Alternatives, ...], places: list[int]
) -> TextArray:
    texts = [
        ", ".join(
            f"{each.column.name} = {each.text(row[place])}"
            for each, place in zip(protected, places, strict=True)
        )
        for row in numbers
    ]
    return np.array(texts, dtype=object)
