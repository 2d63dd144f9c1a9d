"""The half-spaces a tree may split by: the network's own, or single raw columns."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen, frozen_floats
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import (
    activation_patterns,
    pattern_keys,
    preactivation_forms,
    unpack,
)
from explainrelu.network.schema import InputSchema

__all__ = ["Candidates", "axis_candidates", "network_candidates"]

_MOST_FIRST, _MOST_LATER = 64, 32  # directions that are tried, of the first layer and of later ones
_PATTERNS = 4  # patterns under which neurons of later layers are read


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Directions of half-spaces.

    Attributes
    ----------
    weight : (n_candidates, n_inputs)
    own : (n_candidates,)
        The bound at which the network itself bends, or that parts 0 from 1; NaN where none is
        meant.
    movable : (n_candidates,)
        Whether another bound may be chosen: a parallel half-space.
    names : (n_candidates,)
        Where each direction comes from.
    """

    weight: FloatArray
    own: FloatArray
    movable: BoolArray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_floats(self.weight, 2, "weight"))
        object.__setattr__(self, "own", frozen(np.array(self.own, dtype=np.float64)))
        object.__setattr__(self, "movable", frozen(np.array(self.movable, dtype=np.bool_)))

    def __len__(self) -> int:
        return len(self.names)


def network_candidates(network: ReluNetwork, points: FloatArray) -> Candidates:
    """The borders of neurons: of the first layer everywhere, of later ones where data lie.

    A neuron of the first layer has one hyperplane; one of a later layer has one under each
    activation pattern, and it is read under the patterns most visited by ``points``. Neurons that
    all points lie on one side of give none. The most balanced ones are kept.
    """
    weights, bounds, names = [], [], []
    packed = activation_patterns(network, points)
    _, first, counts = np.unique(pattern_keys(packed), return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))[:_PATTERNS]
    layer_of = [
        f"{number}.{unit + 1}"
        for number, layer in enumerate(network.layers, start=1)
        for unit in np.flatnonzero(layer.rectified)
    ]
    n_first = network.layers[0].n_rectified if network.layers else 0
    for rank, pattern in enumerate(unpack(network, packed[first[order]])):
        weight, bias = preactivation_forms(network, pattern)
        start = n_first if rank else 0
        weights.append(weight[start:])
        bounds.append(-bias[start:])
        names += [f"neuron {name}" for name in layer_of[start:]]
    if not names:
        return Candidates(
            np.zeros((0, network.n_inputs)), np.zeros(0), np.zeros(0, dtype=np.bool_), ()
        )
    weight, bound = np.concatenate(weights), np.concatenate(bounds)
    share = (points @ weight.T > bound).mean(axis=0)
    balance = np.minimum(share, 1.0 - share)
    cuts = np.abs(weight).max(axis=1) > 0
    early = np.arange(balance.size) < n_first
    kept = np.concatenate(
        [
            _most(np.where(cuts & early, balance, 0.0), _MOST_FIRST),
            _most(np.where(cuts & ~early, balance, 0.0), _MOST_LATER),
        ]
    )
    return Candidates(
        weight[kept], bound[kept], np.ones(kept.size, dtype=np.bool_), tuple(names[i] for i in kept)
    )


def axis_candidates(schema: InputSchema, points: FloatArray, scores: FloatArray) -> Candidates:
    """Single raw columns: a number, a level, or a set of levels.

    The sets of a categorical column are those of its levels with the lowest mean score, one
    level more each time.
    """
    weights, names, movable = [], [], []
    for column, start in zip(schema.columns, schema.starts[:-1], strict=True):
        part = np.arange(start, start + column.n_inputs)
        if column.kind is ColumnKind.CATEGORICAL:
            seen = part[points[:, part].any(axis=0)]
            for chosen in _level_sets(points[:, seen], scores):
                inside = seen[chosen]
                weights.append(_indicator(schema.n_inputs, inside))
                names.append(f"levels of {column.name}")
                movable.append(False)
        elif column.kind is not ColumnKind.UNUSED and np.ptp(points[:, start]) > 0:
            weights.append(_indicator(schema.n_inputs, part))
            names.append(column.name)
            movable.append(True)
    weight = np.array(weights).reshape(len(names), schema.n_inputs)
    own = np.where(np.array(movable, dtype=np.bool_), np.nan, 0.5)
    return Candidates(weight, own, np.array(movable, dtype=np.bool_), tuple(names))


def _most(balance: FloatArray, most: int) -> IntArray:
    """Positions of the most balanced candidates, in order of position."""
    order = np.argsort(-balance, kind="stable")[:most]
    return np.sort(order[balance[order] > 0])


def _indicator(n_inputs: int, inputs: IntArray) -> FloatArray:
    weight = np.zeros(n_inputs)
    weight[inputs] = 1.0
    return weight


def _level_sets(indicators: FloatArray, scores: FloatArray) -> list[IntArray]:
    """Sets of positions of levels: each alone, and those with the lowest mean scores."""
    n_levels = indicators.shape[1]
    if n_levels < 2:
        return []
    sets: set[tuple[int, ...]] = {(i,) for i in range(n_levels)} if n_levels > 2 else {(0,)}
    rows = np.maximum(indicators.sum(axis=0), 1.0)
    for score in scores.T:
        order = np.argsort(indicators.T @ score / rows, kind="stable")
        sets |= {tuple(sorted(int(i) for i in order[:n])) for n in range(1, n_levels)}
    return [np.array(chosen) for chosen in sorted(sets)]
