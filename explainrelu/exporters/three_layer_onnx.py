"""The three-layer network in ONNX operators, its selector weights as masks."""

import numpy as np

from explainrelu.exporters.onnx_file import OnnxFile
from explainrelu.exporters.three_layer_arrays import ThreeLayerArrays

__all__ = ["three_layers"]


def three_layers(file: OnnxFile, points: str, arrays: ThreeLayerArrays) -> str:
    """Write the layers; the value they give is the score, NaN where not one cell alone fires."""
    zero, axis = file.array("zero", 0.0), file.array("cell_axis", np.array([1]))
    fires = _fires(file, points, arrays, zero)
    said = _said(file, points, arrays)
    speaks = file.does("Unsqueeze", "speaks", fires, file.array("output_axis", np.array([2])))
    voices = file.does("Where", "voices", speaks, said, zero)
    total = file.does("ReduceSum", "total", voices, axis, keepdims=0)
    count = file.does("ReduceSum", "n_firing", file.numbers("firing", fires), axis, keepdims=1)
    alone = file.does("Equal", "alone", count, file.array("one", 1.0))
    return file.does("Where", "score", alone, total, file.array("none", np.nan))


def _fires(file: OnnxFile, points: str, arrays: ThreeLayerArrays, zero: str) -> str:
    """Which cells no switch silences: (n_samples, n_cells)."""
    u = file.does("Relu", "u", file.affine("g", points, arrays.forms, arrays.form_bias))
    positive = file.does("Greater", "positive", u, zero)
    other = file.does("Not", "not_positive", positive)
    switches = file.numbers("t", file.does("Concat", "switches", positive, other, axis=1))
    silencers = file.matrix("silencers", arrays.silencers)
    return file.does(
        "Equal", "fires", file.does("Gemm", "noise", switches, silencers, transB=1), zero
    )


def _said(file: OnnxFile, points: str, arrays: ThreeLayerArrays) -> str:
    """The formula of each cell, by its plus and minus neurons: (n_samples, n_cells, n_outputs)."""
    n_cells, n_outputs, n_inputs = arrays.maps.shape
    maps, bias = arrays.maps.reshape(-1, n_inputs), arrays.map_bias.reshape(-1)
    by_cell = file.array("by_cell", np.array([0, n_cells, n_outputs]))  # 0: as many rows as came
    formulas = file.does("Reshape", "formulas", file.affine("maps", points, maps, bias), by_cell)
    plus = file.does("Relu", "plus", formulas)
    minus = file.does("Relu", "minus", file.does("Neg", "negated", formulas))
    return file.does("Sub", "said", plus, minus)
