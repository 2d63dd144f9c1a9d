"""Vectors laid out as the layers of a chain.

The depth of a vector is the number of rectifications on the longest path to it. Layer ``l``
rectifies every vector of depth ``l`` (all that are ready together share a layer) and carries the
fewest numbers that what stands behind it needs (``carrying.py``). Between two layers every vector
at hand is held as an affine form over the units reached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from explainrelu.arrays import FloatArray, IntArray, Matrix, dense, entries
from explainrelu.errors import ModelError
from explainrelu.importers.operators.carrying import COMPUTED, fewest_carried
from explainrelu.importers.operators.values import AffineVector, RectifiedVector, Vector
from explainrelu.network.network import AffineMap, Layer

__all__ = ["schedule"]


def schedule(output: Vector, n_inputs: int) -> tuple[tuple[Layer, ...], AffineMap]:
    """The hidden layers and the output map of a chain that computes ``output``.

    Parameters
    ----------
    output
        What to compute from the input.
    n_inputs
        Size of the input, whether it is used or not.

    Returns
    -------
    layers
        One for each depth, rectified units before carried ones; none where nothing is
        rectified. Equal to the vectors up to float64 rounding where affine maps are composed;
        where nothing is composed the weights are the very same numbers.
    output
        The affine map behind them.

    Raises
    ------
    ModelError
        Where composed weights overflow.

    Notes
    -----
    Cost: the products of the affine maps that are composed, and one maximum flow for each layer
    that something has to pass.

    Examples
    --------
    >>> from explainrelu.importers.operators.values import InputVector
    >>> x = InputVector(1)
    >>> magnitude = AffineVector(
    ...     ((np.array([[2.0]]), RectifiedVector(x)), (np.array([[-1.0]]), x)), np.zeros(1)
    ... )
    >>> layers, output = schedule(magnitude, 1)
    >>> layers[0].rectified, output.weight
    (array([ True, False]), array([[ 2., -1.]]))
    """
    order = _ordered(output)
    depths = _depths(order)
    last_use = _last_use(order, depths)
    n_units, layers = n_inputs, []
    forms: dict[Vector, _Form] = {}
    for depth in range(depths[output] + 1):
        here = [vector for vector in order if depths[vector] == depth]
        if depth > 0:
            live = [vector for vector in forms if last_use[vector] >= depth]
            layer, forms = _layer(_due(here), live, forms, n_units)
            layers.append(layer)
            n_units = layer.n_units
        for vector in here:
            if isinstance(vector, AffineVector):
                forms[vector] = _computed(vector, forms, n_units)
            elif depth == 0:
                forms[vector] = _Form.of_units(np.arange(n_units), n_units)
    weight, bias = _finite(forms[output])
    return tuple(layers), AffineMap(dense(weight), bias)


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """A vector over the units ``h`` reached: ``weight @ h + bias``.

    ``units`` says which of its numbers are units as they stand, and which unit.
    """

    weight: Matrix
    bias: FloatArray
    units: IntArray

    @classmethod
    def of_units(cls, units: IntArray, n_units: int) -> "_Form":
        """Numbers that are units; a place below 0 gives a row of zeros."""
        named = units >= 0
        starts = np.concatenate([[0], np.cumsum(named)])
        ones = np.ones(int(starts[-1]))
        weight = sparse.csr_array((ones, units[named], starts), shape=(units.size, n_units))
        return cls(weight, np.zeros(units.size), units)

    def through(self, matrix: Matrix) -> Matrix:
        """The weight of ``matrix @ vector``; nothing is multiplied where units stand alone."""
        if (self.units < 0).any() or np.unique(self.units).size < self.units.size:
            return _product(matrix, self.weight)
        shape = (matrix.shape[0], self.weight.shape[1])
        if isinstance(matrix, np.ndarray):
            weight = np.zeros(shape)
            weight[:, self.units] = matrix
            return weight
        return sparse.csr_array((matrix.data, self.units[matrix.indices], matrix.indptr), shape)


def _ordered(output: Vector) -> list[Vector]:
    """Every vector that ``output`` is made from, and itself, sources first."""
    order: dict[Vector, None] = {}
    stack = [(output, False)]
    while stack:
        vector, sources_done = stack.pop()
        if sources_done:
            order[vector] = None
        elif vector not in order:
            stack.append((vector, True))
            stack += [(source, False) for source in reversed(vector.sources)]
    return list(order)


def _depths(order: Sequence[Vector]) -> dict[Vector, int]:
    depths: dict[Vector, int] = {}
    for vector in order:
        deepest = max((depths[source] for source in vector.sources), default=0)
        depths[vector] = deepest + isinstance(vector, RectifiedVector)
    return depths


def _last_use(order: Sequence[Vector], depths: dict[Vector, int]) -> dict[Vector, int]:
    """The depth up to which each vector must be at hand: that of the last one to take it.

    What is rectified is taken at its own depth, when the layer behind it is made.
    """
    last = dict.fromkeys(order, 0)
    for vector in order:
        at = depths[vector] - isinstance(vector, RectifiedVector)
        for source in vector.sources:
            last[source] = max(last[source], at)
    return last


def _due(here: Sequence[Vector]) -> list[RectifiedVector]:
    return [vector for vector in here if isinstance(vector, RectifiedVector)]


def _layer(
    due: Sequence[RectifiedVector],
    live: Sequence[Vector],
    forms: Mapping[Vector, _Form],
    n_units: int,
) -> tuple[Layer, dict[Vector, _Form]]:
    """The layer that rectifies what is due, and the forms of what is at hand behind it."""
    arguments = list(dict.fromkeys(vector.argument for vector in due))
    rectified_weight = _stacked([forms[argument].weight for argument in arguments])
    rectified_bias = np.concatenate([forms[argument].bias for argument in arguments])
    passing = _passing(live, forms)
    units = {vector: forms[vector].units for vector in passing}
    places = fewest_carried(passing, live, units, n_units)
    form = _carried(places, forms, n_units)
    weight, bias = _finite(
        _Form(
            _stacked([rectified_weight, form.weight]),
            np.concatenate([rectified_bias, form.bias]),
            form.units,
        )
    )
    n_rectified = rectified_bias.size
    layer = Layer(weight, bias, np.arange(bias.size) < n_rectified)
    starts = np.cumsum([0, *(argument.size for argument in arguments)])
    blocks = dict(zip(arguments, starts[:-1], strict=True))
    found: dict[Vector, _Form] = {}
    for rectified in due:
        block = blocks[rectified.argument] + np.arange(rectified.size)
        found[rectified] = _Form.of_units(block, bias.size)
    for vector, place in places.items():
        shifted = np.where(place >= 0, place + n_rectified, place)
        found[vector] = _behind(vector, shifted, found, bias.size)
    return layer, found


def _passing(live: Sequence[Vector], forms: Mapping[Vector, _Form]) -> list[Vector]:
    """The live vectors and all they are computed from rather than being units, sources first."""
    wanted, stack = set(live), list(live)
    while stack:
        vector = stack.pop()
        if (forms[vector].units == COMPUTED).any():
            fresh = [source for source in vector.sources if source not in wanted]
            wanted.update(fresh)
            stack += fresh
    return [vector for vector in forms if vector in wanted]


def _carried(
    places: Mapping[Vector, IntArray], forms: Mapping[Vector, _Form], n_units: int
) -> _Form:
    """The rows of the carried units over the units before the layer."""
    rows = {vector: np.flatnonzero(place >= 0) for vector, place in places.items()}
    weights = [forms[vector].weight[kept] for vector, kept in rows.items()]
    biases = [forms[vector].bias[kept] for vector, kept in rows.items()]
    carried = np.concatenate([np.zeros(0, np.int64), *(places[v][rows[v]] for v in rows)])
    # several vectors may hold the same number: it is carried once
    first = np.unique(carried, return_index=True)[1]
    weight = _stacked([np.zeros((0, n_units)), *weights])[first]
    bias = np.concatenate([np.zeros(0), *biases])[first]
    return _Form(weight, bias, np.full(first.size, COMPUTED))


def _computed(vector: AffineVector, forms: Mapping[Vector, _Form], n_units: int) -> _Form:
    """The form of an affine vector, from those of its sources."""
    weight, bias = None, vector.bias
    with np.errstate(over="ignore", invalid="ignore"):  # _finite finds it, with a text
        for matrix, source in vector.terms:
            form = forms[source]
            part = form.through(matrix)
            weight = part if weight is None else _sum(weight, part)
            if form.bias.any():
                bias = bias + matrix @ form.bias
    if weight is None:
        weight = sparse.csr_array((bias.size, n_units))
    return _Form(weight, bias, np.full(bias.size, COMPUTED))


def _behind(vector: Vector, places: IntArray, forms: Mapping[Vector, _Form], n_units: int) -> _Form:
    """The form behind a layer: carried numbers are units, the others are computed anew."""
    carried = _Form.of_units(places, n_units)
    if not isinstance(vector, AffineVector) or not (places == COMPUTED).any():
        return carried
    computed, anew = places == COMPUTED, _computed(vector, forms, n_units)
    # rows that are computed have no entry in the carried form, and the other way round
    kept = sparse.dia_array((computed[None].astype(np.float64), [0]), shape=(places.size,) * 2)
    weight = _sum(carried.weight, _product(sparse.csr_array(kept), anew.weight))
    return _Form(weight, np.where(computed, anew.bias, carried.bias), places)


def _product(left: Matrix, right: Matrix) -> Matrix:
    """Sparse where both are."""
    found = left @ right
    return found if isinstance(found, np.ndarray) else sparse.csr_array(found)


def _stacked(weights: Sequence[Matrix]) -> Matrix:
    """The rows one below the other; dense where all of them are."""
    full = [weight for weight in weights if isinstance(weight, np.ndarray)]
    if len(full) == len(weights):
        return np.concatenate(full)
    rows = [sparse.csr_array(weight) for weight in weights]
    return sparse.csr_array(sparse.vstack(rows, format="csr"))


def _sum(left: Matrix, right: Matrix) -> Matrix:
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return np.asarray(left + right)
    return sparse.csr_array(left + right)


def _finite(form: _Form) -> tuple[Matrix, FloatArray]:
    if not (np.isfinite(entries(form.weight)).all() and np.isfinite(form.bias).all()):
        raise ModelError(
            "The weights of consecutive affine operators must compose to finite numbers, got an "
            "overflow. Rescale the model's weights."
        )
    return form.weight, form.bias
