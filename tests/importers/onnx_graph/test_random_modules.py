"""Random modules exported by torch: the file, the module and its direct import are one function."""

from io import BytesIO

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from explainrelu.importers.from_onnx import from_onnx
from explainrelu.importers.from_torch import from_torch
from tests.importers.torch_graph.random_modules import Sample, random_modules


def exported(sample: Sample) -> onnx.ModelProto:
    buffer = BytesIO()
    torch.onnx.export(
        sample.module,
        (sample.rows[:2],),
        buffer,
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
    )
    return onnx.load_model_from_string(buffer.getvalue())


@pytest.mark.filterwarnings("ignore")  # the exporter warns of its own age
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_modules())
def test_file_of_a_random_module_is_the_same_function(sample: Sample) -> None:
    with torch.no_grad():
        wanted = sample.module(sample.rows).numpy()
    points = sample.rows.reshape(6, -1).numpy()
    from_file = from_onnx(exported(sample), sample.rows.numpy()).forward(points)
    from_module = from_torch(sample.module, sample.rows).forward(points)
    scale = max(1.0, float(np.abs(wanted).max()))
    assert np.abs(from_file - wanted).max() <= 1e-12 * scale
    assert np.abs(from_file - from_module).max() <= 1e-12 * scale
