"""What each neuron of the three-layer network is, in words and in raw columns."""

from explainrelu.errors import ArgumentError
from explainrelu.network.formula import formula_text
from explainrelu.network.patterns import preactivation_forms
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.three_layer.forms import CellForms

__all__ = ["describe_neuron"]


def describe_neuron(forms: CellForms, regions: RegionSet, layer: int, neuron: int) -> str:
    """What neuron ``neuron`` (from 0) of layer 1, 2, 3 or the output map, 4, is.

    Raises
    ------
    ArgumentError
        Where there is no such layer or neuron.
    """
    n_inputs, n_forms = forms.network.n_inputs, forms.n_forms
    n_outputs = forms.network.n_outputs
    sizes = {
        1: 2 * n_inputs + n_forms,
        2: 2 * n_inputs + 2 * n_forms,
        3: 2 * n_outputs * len(regions),
        4: n_outputs,
    }
    if layer not in sizes:
        raise ArgumentError(f"layer must be 1, 2, 3 or 4 (the output map), got {layer!r}.")
    if not 0 <= neuron < sizes[layer]:
        raise ArgumentError(
            f"neuron must be from 0 to {sizes[layer] - 1} in layer {layer}, got {neuron}."
        )
    if layer == 4:
        name = forms.network.outputs.names[neuron]
        return f"{name}: the plus neurons of its cells less the minus neurons"
    if layer == 3:
        return _voice(forms, regions, neuron)
    if layer == 2 and neuron >= 2 * n_inputs + n_forms:
        return _switch(forms, regions, neuron - 2 * n_inputs - n_forms)
    carried = "" if layer == 1 else "carried on: "
    if neuron < 2 * n_inputs:
        sign = "" if neuron < n_inputs else "-"
        return f"{carried}max(0, {sign}{forms.network.schema.input_names[neuron % n_inputs]})"
    form = neuron - 2 * n_inputs
    return f"{carried}max(0, {_form_text(forms, regions, form)}): {_form_place(forms, form)}"


def _switch(forms: CellForms, regions: RegionSet, form: int) -> str:
    return f"1 where {_form_text(forms, regions, form)} <= 0, else 0: {_form_place(forms, form)}"


def _voice(forms: CellForms, regions: RegionSet, neuron: int) -> str:
    n_outputs = forms.network.n_outputs
    cell, rest = divmod(neuron, 2 * n_outputs)
    output, minus = divmod(rest, 2)
    affine = regions.region(cell).affine_map()
    text = formula_text(
        affine.weight[output],
        float(affine.bias[output]),
        forms.network.schema.input_names,
        scale=regions.domain.half_width,
    )
    n_conditions = int((~forms.idle[forms.indices()[cell]]).sum())
    body = f"max(0, -({text}))" if minus else f"max(0, {text})"
    return (
        f"{'minus' if minus else 'plus'} neuron of {forms.network.outputs.names[output]} in region "
        f"{regions.region(cell).name}: {body}, silenced unless all {n_conditions} "
        "conditions of the region hold"
    )


def _form_text(forms: CellForms, regions: RegionSet, form: int) -> str:
    weight, bias = preactivation_forms(forms.network, forms.patterns[_a_cell(forms, form)])
    unit, sign = _neuron_of(forms, form), -1.0 if forms.turned[form] else 1.0
    return formula_text(
        sign * weight[unit],
        sign * float(bias[unit]),
        forms.network.schema.input_names,
        scale=regions.domain.half_width,
    )


def _form_place(forms: CellForms, form: int) -> str:
    place = forms.place(form)
    n_cells = int((forms.prefixes[place.layer] == place.prefix).sum())
    where = "every cell" if n_cells == forms.patterns.shape[0] else f"{n_cells} cell(s)"
    turned = ", sign turned" if forms.turned[form] else ""
    unit = f"unit {_unit_number(forms, form)} of layer {place.layer + 1} of the source"
    return f"{unit}{turned}, in {where}"


def _a_cell(forms: CellForms, form: int) -> int:
    """One cell that has the form."""
    place = forms.place(form)
    return int((forms.prefixes[place.layer] == place.prefix).argmax())


def _neuron_of(forms: CellForms, form: int) -> int:
    """The form's position among all rectified units."""
    place = forms.place(form)
    return sum(layer.n_rectified for layer in forms.network.layers[: place.layer]) + place.unit


def _unit_number(forms: CellForms, form: int) -> int:
    """The unit's own number in its layer, carried units counted."""
    place = forms.place(form)
    return int(forms.network.layers[place.layer].rectified.nonzero()[0][place.unit])
