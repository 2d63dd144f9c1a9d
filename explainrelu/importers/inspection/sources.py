"""Where the operators of each kind of model are found."""

from pathlib import Path
from typing import Any

from explainrelu.importers.from_nnet import nnet_graph
from explainrelu.importers.from_onnx import is_onnx_model, load_onnx
from explainrelu.importers.from_sklearn import is_sklearn_estimator
from explainrelu.importers.from_skops import from_skops
from explainrelu.importers.from_torch import is_torch_module, load_torch
from explainrelu.importers.inspection.estimators import steps_of_estimator
from explainrelu.importers.inspection.steps import (
    Step,
    steps_of_file,
    steps_of_graph,
    steps_of_program,
)
from explainrelu.importers.nnet_file import read_nnet
from explainrelu.importers.onnx_graph.file import check_versions, opened
from explainrelu.importers.onnx_graph.model import OnnxModel
from explainrelu.importers.operators.graph import Graph, Shape
from explainrelu.importers.samples import one_row
from explainrelu.importers.torch_check import exact_copy
from explainrelu.importers.torch_graph.exported import traced
from explainrelu.importers.torch_graph.pt2_file import Pt2File
from explainrelu.importers.torch_graph.pt2_program import program_of
from explainrelu.importers.torch_modules import (
    INPUT,
    check_ready,
    first_width,
    read_modules,
    readable,
)

__all__ = ["steps_of"]


def steps_of(model: Any, X: Any = None) -> tuple[Step, ...]:
    """The operators of a model by the names that its source has for them.

    Parameters
    ----------
    model
        What :func:`explainrelu.import_model` takes.
    X
        Rows, asked for the shape of a sample of a torch module.

    Returns
    -------
    tuple of Step
        The steps of a scikit-learn model; empty for a saved network, which is layers already.

    Raises
    ------
    ModelError, ArchiveError
        Where not even the operators can be found.
    """
    if isinstance(model, (str, Path)):
        return _of_path(Path(model))
    if is_onnx_model(model):
        return _of_onnx(model, None)
    if is_sklearn_estimator(model):
        return steps_of_estimator(model)
    return _of_module(model, X) if is_torch_module(model) else ()


def _of_path(path: Path) -> tuple[Step, ...]:
    if path.suffix == ".nnet":
        return steps_of_graph(nnet_graph(read_nnet(path)))
    if path.suffix == ".onnx":
        return _of_onnx(opened(load_onnx(), path), path.parent)
    if path.suffix == ".pt2":
        return steps_of_program(program_of(Pt2File(path)))
    return steps_of_estimator(from_skops(path)) if path.suffix == ".skops" else ()


def _of_onnx(proto: Any, folder: Path | None) -> tuple[Step, ...]:
    onnx = load_onnx()
    return steps_of_file(OnnxModel.of(onnx, proto, check_versions(onnx, proto), folder))


def _of_module(module: Any, X: Any) -> tuple[Step, ...]:
    torch = load_torch()
    check_ready(torch, module)
    shape: Shape = one_row(X) or (1, first_width(torch, module) or 1)
    if len(shape) <= 2 and readable(torch, module):
        nodes, value = read_modules(torch, module)
        return steps_of_graph(Graph(INPUT, shape, tuple(nodes), value))
    example = torch.zeros(shape, dtype=torch.float64)
    return steps_of_program(traced(torch, exact_copy(module), example))
