"""The numbers that the three-layer network is exported with, its selector weights as masks."""

from dataclasses import dataclass

from explainrelu.arrays import FloatArray, Matrix, frozen_matrix
from explainrelu.network.patterns import affine_maps
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.rewrites.three_layer.weights import extended_layer, selectors

__all__ = ["ThreeLayerArrays", "three_layer_arrays"]


@dataclass(frozen=True, slots=True, eq=False)
class ThreeLayerArrays:
    """Finite arrays that say the same as the extended weights.

    A weight of minus infinity would turn a silent input into NaN (``0 * inf``), so a selector is
    exported as what it does: a cell is silenced where any of the switches it selects is on.

    Attributes
    ----------
    forms : (n_forms, n_inputs)
    form_bias : (n_forms,)
        The affine forms ``g_k``.
    silencers : (n_cells, 2 n_forms), 0/1
        Which of the switches ``g_k > 0`` and then ``g_k <= 0`` silence a cell.
    maps : (n_cells, n_outputs, n_inputs)
    map_bias : (n_cells, n_outputs)
        The formula of each cell.
    """

    forms: FloatArray
    form_bias: FloatArray
    silencers: Matrix
    maps: FloatArray
    map_bias: FloatArray


def three_layer_arrays(network: ThreeLayerNetwork) -> ThreeLayerArrays:
    """The arrays of a three-layer network.

    Raises
    ------
    SizeError
        Where the weights would not fit in memory.
    """
    forms, n_inputs = network.forms, network.source.n_inputs
    first = extended_layer(forms, 1)
    extended_layer(forms, 3)  # refuses with the count where the masks would not fit
    maps, map_bias = affine_maps(network.source, network.regions.patterns)
    return ThreeLayerArrays(
        forms=first.finite.toarray()[2 * n_inputs :],
        form_bias=first.bias[2 * n_inputs :],
        silencers=frozen_matrix(selectors(forms)[:, 2 * n_inputs :], "silencers"),
        maps=maps,
        map_bias=map_bias,
    )
