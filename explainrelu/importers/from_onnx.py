"""ONNX files of any piecewise-linear form, scikit-learn exports among them."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from explainrelu.errors import InputTypeError, MissingDependencyError
from explainrelu.importers.onnx_check import checked_on_rows, checked_unseen
from explainrelu.importers.onnx_graph.file import check_versions, opened
from explainrelu.importers.onnx_graph.model import OnnxModel, read_model
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

if TYPE_CHECKING:
    import onnx

__all__ = ["from_onnx", "is_onnx_model", "load_onnx"]


def load_onnx() -> ModuleType:
    """The onnx package with the parts of it that are used: the one door to it.

    Raises
    ------
    MissingDependencyError
        Where it is not installed.
    """
    try:
        package = import_module("onnx")
        for part in ("defs", "helper", "inliner", "numpy_helper", "reference", "shape_inference"):
            import_module(f"onnx.{part}")
    except ImportError as error:
        raise MissingDependencyError(
            "onnx is needed here and is not installed. Run: pip install explainrelu[onnx]"
        ) from error
    return package


def is_onnx_model(model: Any) -> bool:
    """Whether ``model`` is an ``onnx.ModelProto``, answered without importing onnx."""
    package = sys.modules.get("onnx")
    return package is not None and isinstance(model, package.ModelProto)


def from_onnx(
    model: "str | Path | onnx.ModelProto",
    X: Any = None,
    *,
    names: Sequence[str] | None = None,
    output: str | None = None,
    reference: Any = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """The network of an ONNX file.

    Parameters
    ----------
    model
        A path, external data beside it, or an ``onnx.ModelProto``. Operators of opset 7 or later
        in float16, bfloat16, float32 or float64. A Softmax, LogSoftmax or Sigmoid at the end is
        cut off as the link, and so are the labels and dictionaries that skl2onnx writes.
    X : (n_samples, n_inputs) or (n_samples, *shape), optional
        Rows as the model takes them; they say the sizes that the file leaves open. For a file
        that begins with raw columns a table of these.
    names
        Column names where ``X`` brings none.
    output
        Which output of the file to read, where it has several; the first by default. For a
        classifier of skl2onnx label and probabilities lead to the same scores.
    reference : (n_samples, n_outputs), optional
        What the file gives for ``X``, computed elsewhere: the network is held against it.
    tolerances
        What the check of the import is held against.

    Returns
    -------
    ReluNetwork
        The same function in float64: weights are taken exactly, whatever their format. With
        ``X`` the certificate holds the comparison with the file computed in float64 and, for a
        file of lower precision, its drift: how far its own arithmetic stays from that, and which
        rows have another activation pattern in it.

    Raises
    ------
    ArchiveError
        For a file that is missing, truncated, corrupted or no ONNX file, or whose external data
        is missing or lies outside its folder.
    UnsupportedModelError, TrainingModeError
        For an operator that is not piecewise linear or not supported, by operator and node.
    ModelError
        For a file that contradicts itself (a cycle, a missing tensor, shapes that do not fit), that
        leaves sizes open where there is no ``X``, or whose output does not depend on the input.
    DataError
        For rows with fractions where the file declares an input of whole numbers.
    ArgumentError
        For an ``output`` that the file does not have.
    ImportCheckError
        Where the network does not reproduce the file.
    MissingDependencyError
        Where onnx is not installed.

    Notes
    -----
    Exact for every input, kinks included, up to float64 rounding where affine operators are
    composed. Nothing of the file is executed: each operator is read by a function of its own, and
    what is compared with is computed by the onnx package's reference evaluator in numpy, on at
    most the first 256 rows. A first axis without a fixed size, or of size 1 before others, is the
    axis of rows; with another first axis the whole tensor is one sample. Cost: the weights in
    float64, and the evaluation of the rows.

    Examples
    --------
    >>> from onnx import parser
    >>> text = '<ir_version: 8, opset_import: ["": 13]> f (float[N, 2] x) => (float[N, 2] y)'
    >>> network = from_onnx(parser.parse_model(text + " { y = Relu(x) }"))
    >>> network([[3.0, -1.0]])
    array([[3., 0.]])
    """
    onnx = load_onnx()
    proto, folder = _opened(onnx, model)
    found = OnnxModel.of(onnx, proto, check_versions(onnx, proto), folder)
    imported = read_model(found, X, names=names, output=output)
    if X is None:
        return checked_unseen(imported, tolerances)
    return checked_on_rows(imported, X, reference, tolerances)


def _opened(onnx: ModuleType, model: Any) -> tuple[Any, Path | None]:
    """The model, and the folder that its external data lies in."""
    if isinstance(model, (str, Path)):
        path = Path(model)
        return opened(onnx, path), path.parent
    if not is_onnx_model(model):
        raise InputTypeError(
            "model must be the path of an .onnx file or an onnx.ModelProto, got "
            f"{type(model).__module__}.{type(model).__qualname__}."
        )
    return model, None
