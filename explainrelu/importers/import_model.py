"""The dispatch that every public function calls first."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from explainrelu.errors import ArchiveError, InputTypeError
from explainrelu.importers.archive.archive import read_archive
from explainrelu.importers.from_nnet import from_nnet
from explainrelu.importers.from_onnx import from_onnx, is_onnx_model
from explainrelu.importers.from_pt2 import from_pt2
from explainrelu.importers.from_sklearn import from_sklearn, is_sklearn_estimator
from explainrelu.importers.from_skops import from_skops
from explainrelu.importers.from_torch import from_torch, is_torch_module
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["import_model"]


def import_model(
    model: Any,
    X: Any = None,
    *,
    units: Mapping[str, str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """The network of any supported model.

    Parameters
    ----------
    model
        A fitted scikit-learn estimator or Pipeline, a torch module, an ``onnx.ModelProto``, a path
        (``.nnet``, ``.onnx``, ``.pt2``, ``.skops`` or ``.xrelu``), a ReluNetwork, or a rewrite of
        one (its source is taken).
    X : (n_samples, n_columns), optional
        Raw rows. With them the import is checked against the model's own scores and the
        ranges of the columns are recorded.
    units
        Unit of some of the raw columns by name; they then stand in every table made from the
        network.

    Returns
    -------
    ReluNetwork
        ``network(X)`` is the model's raw score: the logit or the regression value.
        ``network.certificate`` holds the check.

    Raises
    ------
    ModelError
        Where the model is not piecewise linear, not fitted, in training mode, or the import
        does not reproduce it.
    InputTypeError, ArchiveError
        For another kind of object, or a file that cannot be read.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=5000, random_state=0)
    >>> import_model(model.fit([[0.0], [1.0]], [0.0, 1.0])).widths
    (4,)
    """
    network = _network_of(model, X, tolerances)
    if units is None:
        return network
    return replace(network, schema=network.schema.with_units(units))


def _network_of(model: Any, X: Any, tolerances: Tolerances) -> ReluNetwork:
    if isinstance(model, (str, Path)):
        return _from_path(Path(model), X, tolerances)
    if isinstance(model, ReluNetwork):
        return model
    source = getattr(model, "source", None)
    if isinstance(source, ReluNetwork):
        return source
    if is_torch_module(model):
        return from_torch(model, X, tolerances=tolerances)
    if is_onnx_model(model):
        return from_onnx(model, X, tolerances=tolerances)
    if is_sklearn_estimator(model):
        return from_sklearn(model, X, tolerances=tolerances)
    raise InputTypeError(
        "model must be a fitted scikit-learn estimator, a torch module, an onnx.ModelProto, a "
        "path to a .nnet, .onnx, .pt2, .skops or .xrelu file, a ReluNetwork or a rewrite, got "
        f"{type(model).__module__}.{type(model).__qualname__}."
    )


def _from_path(path: Path, X: Any, tolerances: Tolerances) -> ReluNetwork:
    if path.suffix not in (".nnet", ".onnx", ".pt2", ".skops", ".xrelu"):
        raise ArchiveError(
            f"A model file must end in .nnet, .onnx, .pt2, .skops or .xrelu, got {path.name!r}. "
            "Save a torch module with torch.export.save, a scikit-learn model with skops.io.dump, "
            "or any model with explainrelu.save."
        )
    if not path.is_file():
        raise ArchiveError(f"There is no file {str(path)!r}. Check the path.")
    if path.suffix == ".xrelu":
        return read_archive(path).network
    if path.suffix == ".nnet":
        return from_nnet(path, X, tolerances=tolerances)
    if path.suffix == ".onnx":
        return from_onnx(path, X, tolerances=tolerances)
    if path.suffix == ".pt2":
        return from_pt2(path, X, tolerances=tolerances)
    return from_sklearn(from_skops(path), X, tolerances=tolerances)
