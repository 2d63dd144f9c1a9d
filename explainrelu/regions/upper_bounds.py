"""Published upper bounds on the number of linear regions.

Legend: ``n_0`` inputs; layer ``l`` has ``n_l`` rectified units and ``c_l`` carried ones; ``d``
bounds the dimension of what a region of the layers so far is mapped onto. ``m`` hyperplanes cut a
space of dimension ``d`` into at most ``sum_{j <= min(d, m)} C(m, j)`` parts, and at most
``C(m, j)`` of them have exactly ``j`` of the ``m`` units inactive.

Why the bounds may be taken layer by layer: in a region of the layers before, layer ``l`` is an
arrangement of hyperplanes in dimension ``d``; a part of it with ``k`` units active is mapped onto
dimension ``min(d, k + c_l)`` at most. What follows it grows with ``k``, so the worst case fills
the parts with the fewest inactive units first: ``j = 0, 1, ..., min(d, m)``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import log10
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, Matrix, applied, dense, magnitudes
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.bounds import interval_bounds
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["region_upper_bounds"]

_PATTERNS = "Montúfar, Pascanu, Cho, Bengio 2014"
_MONTUFAR = "Montúfar 2017, Notes on the number of linear regions of deep neural networks"
_SERRA = "Serra, Tjandraatmadja, Ramalingam 2018, Theorem 1"
_EMPIRICAL = "after Serra, Ramalingam 2020, activation-based bound"
_LARGEST = 1 << 22  # entries: beyond it a weight matrix is looked at by interval bounds only


class _Count(int):
    """A whole number that is written in full only where a person can read it."""

    __slots__ = ()

    def __repr__(self) -> str:
        if self < 10**15:
            return int.__repr__(self)
        exponent = int(log10(self))
        return f"about {10 ** (log10(self) - exponent):.3f}e{exponent}"

    __str__ = __repr__


def region_upper_bounds(
    model: Any, domain: Box | None = None, *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> pd.DataFrame:
    """Upper bounds on the number of linear regions of a model.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        A box over the encoded inputs; the whole space by default. Inputs that the box holds fixed
        do not count, and units that interval bounds show to be stable over it do not cut.
    tolerances
        ``rounding``: a unit is stable only where its bounds are clear of zero by more than this.

    Returns
    -------
    pandas.DataFrame
        One row a bound, in the order of their years: ``bound value log10 reference assumptions
        exactness``. ``value`` is a Python integer of any size, exact; a large one is shown by its
        leading digits.

    Raises
    ------
    InputTypeError, ArgumentError
        For a domain that is no box of the model's inputs.

    Notes
    -----
    Sound for regions counted by activation patterns, as everywhere in the package, up to the
    rounding of the weights' own arithmetic. The first three rows hold for every choice of weights
    in these widths; where the network has carried units (skips, max pooling), which the papers do
    not treat, their dimension is added, which keeps the proofs. The last row looks at the weights:
    at most ``U_l(k)`` units of layer ``l`` cut where ``k`` units before it are active, and at
    most ``A_l(k)`` can be active. Cost O(n_layers * d**2) sums of long integers for ``d`` the
    smaller of the inputs and the widest layer, times a few for the last row.

    References
    ----------
    G. Montúfar, R. Pascanu, K. Cho, Y. Bengio, "On the number of linear regions of deep neural
    networks", NeurIPS 2014. G. Montúfar, "Notes on the number of linear regions of deep neural
    networks", SampTA 2017. T. Serra, C. Tjandraatmadja, S. Ramalingam, "Bounding and counting
    linear regions of deep neural networks", ICML 2018. T. Serra, S. Ramalingam, "Empirical bounds
    on linear regions of deep rectifier networks", AAAI 2020.

    Examples
    --------
    >>> network = ReluNetwork.from_weights(
    ...     [[[1.0], [1.0], [-1.0]], np.eye(2, 3), [[1.0, 1.0]]], [[0.0] * 3, [-1.0] * 2, [0.0]]
    ... )
    >>> region_upper_bounds(network)["value"].tolist()
    [32, 12, 12, 12]
    >>> region_upper_bounds(network, Box([1.0], [2.0]))["value"].tolist()
    [32, 12, 12, 3]
    """
    network = import_model(model)
    if domain is not None:
        check_domain(domain, network.n_inputs, network.schema)
    n_free = network.n_inputs if domain is None else int((~domain.fixed).sum())
    shapes = [_any_weights(layer) for layer in network.layers]
    known = _of_these_weights(network, domain, tolerances)
    rows = [
        ("all patterns", 1 << network.n_neurons, _PATTERNS, "any weights"),
        ("Montúfar", _product(shapes, n_free), _MONTUFAR, "any weights"),
        ("Serra et al.", _regions(shapes, n_free), _SERRA, "any weights"),
        ("Serra and Ramalingam", _regions(known, n_free), _EMPIRICAL, _looked_at(domain)),
    ]
    return pd.DataFrame(
        {
            "bound": pd.Series([row[0] for row in rows], dtype="str"),
            "value": pd.Series([_Count(row[1]) for row in rows], dtype="object"),
            "log10": pd.Series([log10(row[1]) for row in rows], dtype="float64"),
            "reference": pd.Series([row[2] for row in rows], dtype="str"),
            "assumptions": pd.Series([row[3] for row in rows], dtype="str"),
            "exactness": pd.Series(["bounded"] * len(rows), dtype="str"),
        }
    )


def _looked_at(domain: Box | None) -> str:
    where = "everywhere" if domain is None else "over the domain, by interval bounds"
    return f"these weights: units stable {where}, and how many can be active at once"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a bound needs to know of a layer.

    Attributes
    ----------
    cutting
        ``U(k)``: at most so many rectified units change their sign where ``k`` rectified units of
        the layer before are active. Not falling in ``k``.
    active
        ``A(k)``: at most so many can be active there, at least ``U(k)``. Not falling in ``k``.
    carried
        Carried units.
    """

    cutting: Callable[[int], int]
    active: Callable[[int], int]
    carried: int


def _product(shapes: list[_Shape], n_inputs: int) -> int:
    """``prod_l sum_{j <= d_l} C(n_l, j)``, ``d_l`` the narrowest that stands before layer l."""
    total, dimension = 1, n_inputs
    for shape in shapes:
        width = shape.cutting(0)
        total *= sum(_binomials(width, dimension))
        dimension = min(dimension, width + shape.carried)
    return total


def _regions(shapes: list[_Shape], n_inputs: int) -> int:
    """``R(1, 0, n_0)`` of the recursion over layers.

    ``R(l, k, d) = sum_{j <= min(d, U)} C(U, j) R(l + 1, A - j, min(d, A - j + c_l))`` with
    ``U = U_l(k)``, ``A = A_l(k)``, and 1 behind the last layer. With ``U = A = n_l`` and no
    carried units it is the sum over all ``(j_1, ..., j_L)`` of Serra et al. 2018.
    """
    binomials = cache(lambda n_units: _binomials(n_units, n_inputs))

    @cache
    def parts(position: int, cutting: int, active: int, dimension: int) -> int:
        total, carried = 0, shapes[position].carried
        for j, count in enumerate(binomials(cutting)[: dimension + 1]):
            total += count * behind(position + 1, active - j, min(dimension, active - j + carried))
        return total

    def behind(position: int, n_active: int, dimension: int) -> int:
        if position == len(shapes):
            return 1
        # U and A soon stop growing with k, so that few of them differ
        shape = shapes[position]
        return parts(position, shape.cutting(n_active), shape.active(n_active), dimension)

    return behind(0, 0, n_inputs)


def _binomials(n: int, most: int) -> list[int]:
    """``C(n, 0), C(n, 1), ...`` up to ``C(n, min(n, most))``."""
    steps = range(min(n, most))
    return list(accumulate(steps, lambda found, j: found * (n - j) // (j + 1), initial=1))


def _any_weights(layer: Layer) -> _Shape:
    n_rectified = layer.n_rectified
    return _Shape(lambda _: n_rectified, lambda _: n_rectified, layer.n_units - n_rectified)


def _of_these_weights(
    network: ReluNetwork, domain: Box | None, tolerances: Tolerances
) -> list[_Shape]:
    """The shapes with what signs and interval bounds say of each layer."""
    bounds = None if domain is None else interval_bounds(network, domain)
    inputs = np.ones(network.n_inputs, dtype=np.bool_)
    entering = _Entering(
        inputs if domain is None else domain.upper > 0.0,
        inputs if domain is None else domain.lower < 0.0,
        np.zeros(network.n_inputs, dtype=np.bool_),
    )
    reach = None if domain is None else np.maximum(np.abs(domain.lower), np.abs(domain.upper))
    shapes = []
    for position, layer in enumerate(network.layers):
        signs = _Signs.of(layer, entering)
        if bounds is not None and reach is not None:
            lower, upper = bounds.lower[position], bounds.upper[position]
            size = applied(magnitudes(layer.weight), reach) + np.abs(layer.bias)
            signs = signs.within(lower, upper, tolerances.rounding * size)
            hidden = np.maximum(lower, layer.floor), np.maximum(upper, layer.floor)
            reach = np.maximum(np.abs(hidden[0]), np.abs(hidden[1]))
        shapes.append(_shape(layer, entering, signs))
        entering = _Entering(signs.rises, signs.falls & ~layer.rectified, layer.rectified)
    return shapes


@dataclass(frozen=True, slots=True, eq=False)
class _Entering:
    """What enters a layer: which values can be above zero, which below, which are rectified."""

    positive: BoolArray
    negative: BoolArray
    rectified: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class _Signs:
    """Which units of a layer can have a preactivation above zero, and which below."""

    rises: BoolArray
    falls: BoolArray

    @classmethod
    def of(cls, layer: Layer, entering: _Entering) -> "_Signs":
        """By the signs of weights, biases and what enters, which float64 holds exactly."""
        if _too_large(layer.weight):
            everything = np.ones(layer.n_units, dtype=np.bool_)
            return cls(everything, everything)
        up, down = _pushes(dense(layer.weight), entering)
        return cls((layer.bias > 0.0) | up.any(axis=1), (layer.bias < 0.0) | down.any(axis=1))

    def within(self, lower: FloatArray, upper: FloatArray, slack: FloatArray) -> "_Signs":
        """The same, less what interval bounds clear of ``slack`` rule out."""
        return _Signs(self.rises & (upper >= -slack), self.falls & (lower <= slack))


def _too_large(weight: Matrix) -> bool:
    return bool(weight.shape[0] * weight.shape[1] > _LARGEST)


def _pushes(weight: FloatArray, entering: _Entering) -> tuple[BoolArray, BoolArray]:
    """Which entering value can push which unit up, and which down: (n_units, n_in) each."""
    above, below = weight > 0.0, weight < 0.0
    up = (above & entering.positive) | (below & entering.negative)
    down = (below & entering.positive) | (above & entering.negative)
    return up, down


def _shape(layer: Layer, entering: _Entering, signs: _Signs) -> _Shape:
    """``U(k)`` and ``A(k)`` of a layer.

    Where ``k`` rectified units of the layer before are active, the others give zero. A unit is
    pushed up or down by its bias and by carried values whatever they are, and by each of the
    ``k``; what they move together is at most the sum of what the ``k`` strongest move alone.
    """
    can_cut = signs.rises & signs.falls & layer.rectified
    can_be_active = signs.rises & layer.rectified
    carried = layer.n_units - layer.n_rectified
    if _too_large(layer.weight):
        n_cutting, n_active = int(can_cut.sum()), int(can_be_active.sum())
        return _Shape(lambda _: n_cutting, lambda _: n_active, carried)
    up, down = _pushes(dense(layer.weight), entering)
    always_up = (layer.bias > 0.0) | up[:, ~entering.rectified].any(axis=1)
    always_down = (layer.bias < 0.0) | down[:, ~entering.rectified].any(axis=1)
    # a unit cuts only where it is pushed both ways: what the bias does not do, one of the k must
    cuts = np.where(always_up[:, None], down, np.where(always_down[:, None], up, up | down))
    by_itself, woken = always_up & always_down, ~always_up
    cutting = _at_most(can_cut & by_itself, cuts[can_cut & ~by_itself][:, entering.rectified])
    active = _at_most(can_be_active & ~woken, up[can_be_active & woken][:, entering.rectified])
    return _Shape(lambda k: min(cutting(k), active(k)), active, carried)


def _at_most(always: BoolArray, moved: BoolArray) -> Callable[[int], int]:
    """How many units at most, as a function of ``k``.

    ``always`` flags those that need none of the ``k``; ``moved (n_others, n_before)`` says which
    of the units before moves which of the others.
    """
    base, limit = int(always.sum()), int(always.sum()) + moved.shape[0]
    strongest: IntArray = np.cumsum([0, *np.sort(moved.sum(axis=0))[::-1]])
    return lambda k: min(limit, base + int(strongest[min(k, strongest.size - 1)]))
