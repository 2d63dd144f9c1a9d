"""Forms shared by cells with the same prefix."""

import numpy as np
from hypothesis import given

from explainrelu.network.patterns import preactivation_forms, unpack
from explainrelu.regions.observed import regions_of_points
from explainrelu.rewrites.three_layer.forms import CellForms
from tests.strategies import networks_and_points


@given(networks_and_points(integer=True))
def test_every_cell_finds_its_own_preactivations_among_the_forms(drawn):
    network, points = drawn
    patterns = unpack(network, regions_of_points(network, points).patterns)
    forms = CellForms.of(network, patterns)
    weight, bias = forms.compose()
    assert weight.shape == (forms.n_forms, network.n_inputs)
    for pattern, index in zip(patterns, forms.indices(), strict=True):
        own_weight, own_bias = preactivation_forms(network, pattern)
        np.testing.assert_array_equal(weight[index], own_weight)
        np.testing.assert_array_equal(bias[index], own_bias)


@given(networks_and_points(integer=True, min_layers=1))
def test_the_number_of_forms_is_prefixes_times_units(drawn):
    network, points = drawn
    patterns = unpack(network, regions_of_points(network, points).patterns)
    expected, stop = 0, 0
    for layer in network.layers:
        expected += len({tuple(p[:stop]) for p in patterns}) * layer.n_rectified
        stop += layer.n_rectified
    assert CellForms.of(network, patterns).n_forms == expected


@given(networks_and_points(integer=True, min_layers=1, carried=False))
def test_a_form_knows_its_place(drawn):
    network, points = drawn
    forms = CellForms.of(network, unpack(network, regions_of_points(network, points).patterns))
    for form in range(forms.n_forms):
        place = forms.place(form)
        n_units = network.layers[place.layer].n_rectified
        assert form == forms.offsets[place.layer] + place.prefix * n_units + place.unit
