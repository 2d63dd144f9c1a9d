"""The weights of the three-layer network, layer by layer.

Selector weights of minus infinity are kept apart from the finite ones, as a mask: in IEEE
arithmetic they would turn a zero into NaN.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import sparse

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError, SizeError
from explainrelu.network.exact import ExactArray, exact_forms
from explainrelu.network.patterns import affine_maps
from explainrelu.rewrites.three_layer.arithmetic import NEGATIVE_INFINITY, ExtendedRow
from explainrelu.rewrites.three_layer.forms import CellForms

__all__ = ["ExtendedLayer", "exact_rows", "extended_layer", "selectors"]

_MAX_WEIGHTS = 1 << 26  # about 800 MB of values and indices


@dataclass(frozen=True, slots=True, eq=False)
class ExtendedLayer:
    """One layer with weights in the reals and minus infinity.

    Attributes
    ----------
    finite : (n_neurons, n_in) sparse
        The finite weights.
    selectors : (n_neurons, n_in) sparse, 0/1
        Where the weight is minus infinity.
    bias : (n_neurons,)
        Always finite.
    """

    finite: sparse.csr_array
    selectors: sparse.csr_array
    bias: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """Neurons and inputs of the layer."""
        return int(self.finite.shape[0]), int(self.finite.shape[1])

    @property
    def weight(self) -> sparse.csr_array:
        """Both in one matrix, with ``-inf`` as a value: to read, not to multiply with."""
        marked = self.selectors.copy()
        marked.data = np.full(marked.data.shape, NEGATIVE_INFINITY)
        return sparse.csr_array(self.finite + marked)


def extended_layer(forms: CellForms, number: int) -> ExtendedLayer:
    """Layer 1, 2 or 3 of the network of these cells, or its output map, 4.

    Raises
    ------
    ArgumentError
        For another number.
    SizeError
        Where the weights would not fit in memory, with their count.
    """
    makers = {1: _first, 2: _second, 3: _third, 4: _output}
    if number not in makers:
        raise ArgumentError(f"layer must be 1, 2, 3 or 4 (the output map), got {number!r}.")
    _require_room(forms, number)
    return makers[number](forms)


def selectors(forms: CellForms) -> sparse.csr_array:
    """Which layer-2 neurons silence a cell: (n_cells, 2 n_inputs + 2 n_forms), 0/1.

    A cell where ``g_k <= 0`` is violated where ``u_k`` speaks, one where ``g_k > 0`` where
    ``t_k`` does.
    """
    start, indices = 2 * forms.network.n_inputs, forms.indices()
    columns = start + indices + np.where(forms.above, forms.n_forms, 0)
    rows, units = np.nonzero(~forms.idle[indices])
    shape = (indices.shape[0], start + 2 * forms.n_forms)
    ones = np.ones(rows.size)
    return sparse.csr_array(sparse.coo_array((ones, (rows, columns[rows, units])), shape=shape))


def exact_rows(forms: CellForms) -> tuple[list[ExtendedRow], list[ExtendedRow], list[ExtendedRow]]:
    """The rows of layers 1, 2 and 3, every weight composed in fractions.

    Notes
    -----
    Cost: one exact composition a cell, O(number of weights * n_inputs) integer products each.
    """
    n_inputs, n_forms = forms.network.n_inputs, forms.n_forms
    form_rows: dict[int, ExtendedRow] = {}
    third: list[ExtendedRow] = []
    indices, silencers = forms.indices(), selectors(forms)
    for cell, pattern in enumerate(forms.patterns):
        preactivations, scores = exact_forms(forms.network, pattern)
        form_rows.update(zip(indices[cell].tolist(), _rows(*preactivations), strict=True))
        silenced_by = tuple(silencers[[cell]].indices.tolist())
        third += _voices(_rows(*scores), silenced_by, n_inputs)
    first = [_unit(i, 1) for i in range(n_inputs)] + [_unit(i, -1) for i in range(n_inputs)]
    first += [_turned(form_rows[k]) if forms.turned[k] else form_rows[k] for k in range(n_forms)]
    second = [_unit(i, 1) for i in range(2 * n_inputs + n_forms)]
    second += [ExtendedRow((), Fraction(1), (2 * n_inputs + k,)) for k in range(n_forms)]
    return first, second, third


def _voices(
    scores: list[ExtendedRow], silenced_by: tuple[int, ...], n_inputs: int
) -> list[ExtendedRow]:
    """The plus and the minus neuron of each output of one cell; ``x = x+ - x-``."""
    voices = []
    for row in scores:
        for sign in (1, -1):
            plus = [(i, sign * w) for i, w in row.weights]
            minus = [(n_inputs + i, -sign * w) for i, w in row.weights]
            voices.append(ExtendedRow(tuple(plus + minus), sign * row.bias, silenced_by))
    return voices


def _rows(weight: ExactArray, bias: ExactArray) -> list[ExtendedRow]:
    return [
        ExtendedRow(tuple((i, w) for i, w in enumerate(row) if w != 0), constant, ())
        for row, constant in zip(weight.fractions(), bias.fractions(), strict=True)
    ]


def _turned(row: ExtendedRow) -> ExtendedRow:
    return ExtendedRow(tuple((i, -w) for i, w in row.weights), -row.bias, row.selectors)


def _unit(position: int, sign: int) -> ExtendedRow:
    return ExtendedRow(((position, Fraction(sign)),), Fraction(0), ())


def _first(forms: CellForms) -> ExtendedLayer:
    weight, bias = forms.compose()
    identity = sparse.eye_array(forms.network.n_inputs, format="csr")
    finite = sparse.csr_array(sparse.vstack([identity, -identity, sparse.csr_array(weight)]))
    return _layer(finite, np.concatenate([np.zeros(2 * forms.network.n_inputs), bias]))


def _second(forms: CellForms) -> ExtendedLayer:
    n_carried = 2 * forms.network.n_inputs + forms.n_forms
    carried = sparse.eye_array(n_carried, format="csr")
    nothing = sparse.csr_array((forms.n_forms, n_carried))
    switches = sparse.eye_array(forms.n_forms, n_carried, k=n_carried - forms.n_forms)
    bias = np.concatenate([np.zeros(n_carried), np.ones(forms.n_forms)])
    return ExtendedLayer(
        sparse.csr_array(sparse.vstack([carried, nothing])),
        sparse.csr_array(sparse.vstack([sparse.csr_array((n_carried, n_carried)), switches])),
        bias,
    )


def _third(forms: CellForms) -> ExtendedLayer:
    network = forms.network
    weight, bias = affine_maps(network, np.packbits(forms.patterns, axis=1))
    signed = np.stack([weight, -weight], axis=2).reshape(-1, network.n_inputs)
    rest = sparse.csr_array((signed.shape[0], 2 * forms.n_forms))
    finite = sparse.hstack([sparse.csr_array(signed), sparse.csr_array(-signed), rest])
    repeat = np.repeat(np.arange(forms.patterns.shape[0]), 2 * network.n_outputs)
    signed_bias = np.stack([bias, -bias], axis=2).ravel()
    return ExtendedLayer(sparse.csr_array(finite), selectors(forms)[repeat], signed_bias)


def _output(forms: CellForms) -> ExtendedLayer:
    n_outputs, n_cells = forms.network.n_outputs, forms.patterns.shape[0]
    block = np.kron(np.eye(n_outputs), np.array([[1.0, -1.0]]))
    finite = sparse.csr_array(sparse.hstack([sparse.csr_array(block)] * n_cells))
    return _layer(finite, np.zeros(n_outputs))


def _layer(finite: sparse.csr_array, bias: FloatArray) -> ExtendedLayer:
    return ExtendedLayer(finite, sparse.csr_array(finite.shape), bias)


def _require_room(forms: CellForms, number: int) -> None:
    n_inputs, n_cells = forms.network.n_inputs, forms.patterns.shape[0]
    count = {
        1: forms.n_forms * n_inputs,
        2: 2 * forms.n_forms,
        3: 2 * forms.network.n_outputs * n_cells * (2 * n_inputs + forms.network.n_neurons),
        4: 2 * forms.network.n_outputs * n_cells,
    }[number]
    if count > _MAX_WEIGHTS:
        raise SizeError(
            f"Layer {number} of {n_cells} cells has {count:,} non-zero weights, more than the "
            f"{_MAX_WEIGHTS:,} that are written out at once. Use restrict(cells) to look at some "
            "of the cells; calling the network needs no weights written out."
        )
