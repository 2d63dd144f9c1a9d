"""Exact integrated gradients in the habit of captum, for those who have its calls already."""

from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.errors import ArgumentError, DataError, InputTypeError
from explainrelu.explanations.path_attributions import path_attributions, path_chunks
from explainrelu.importers.from_torch import is_torch_module, load_torch
from explainrelu.importers.import_model import import_model
from explainrelu.network.frames import as_array
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["ExactIntegratedGradients"]


class ExactIntegratedGradients:
    """``captum.attr.IntegratedGradients`` without steps: the integral itself.

    Parameters
    ----------
    model
        A torch module in evaluation mode, or anything else :func:`explainrelu.import_model`
        takes. It is read again whenever it has changed between two calls, as by training.
    tolerances
        See :func:`segment_pieces`.

    Notes
    -----
    The baseline is zero by default, as captum's is; :func:`integrated_gradients`, which explains
    raw columns of a table, measures from typical values instead. A softmax or sigmoid at the end
    of a module is left out: the raw score before it is explained.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[3.0]]], [[-1.0], [0.0]])
    >>> ExactIntegratedGradients(network).attribute(np.array([[2.0, 2.0]]))
    array([[4.5, 4.5]])
    """

    def __init__(self, model: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> None:
        self.model = model
        self.tolerances = tolerances
        self._read: tuple[Any, ReluNetwork] | None = None

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        *,
        return_convergence_delta: bool = False,
    ) -> Any:
        """The integrated gradients of each input.

        ``(x - b) * integral_0^1 grad f(b + t (x - b)) dt`` for each row ``x`` of ``inputs`` and its
        baseline ``b``, with ``f`` the output ``target``.

        Parameters
        ----------
        inputs : (n_samples, n_inputs) or (n_samples, *shape)
            Points as the network takes them: a tensor or an array.
        baselines
            Zero by default; a number for all inputs, one point (with an axis of samples or
            without), or as many points as ``inputs`` has.
        target : int or (n_samples,) ints, optional
            Which output, for all rows or for each. May be left out where there is one output.
        return_convergence_delta
            Whether to give ``sum(attributions) - (f(x) - f(b))`` of each row too.

        Returns
        -------
        attributions : as ``inputs``
            In its shape, and for tensors on its device. Computed in float64 and returned in the
            number format of ``inputs``, float64 where that is one of whole numbers.
        delta : (n_samples,)
            Only with ``return_convergence_delta``: of rounding size, taken before the attributions
            are rounded to their number format.

        Raises
        ------
        InputTypeError
            For inputs that are neither a tensor nor an array, among them tuples of tensors.
        DataError
            For inputs or baselines that are not finite or do not fit the model.
        ArgumentError
            For a target that is missing, is no whole number, or is none of the outputs.
        ModelError
            Where the model cannot be taken in.

        Notes
        -----
        Exact up to float64 rounding. Cost O(n_samples * n_pieces * number of weights) with
        ``n_pieces`` those of a path, besides reading the model.
        """
        points = _rows(inputs)
        network = self._network(inputs)
        if points.shape[1] != network.n_inputs:
            raise DataError(
                f"inputs must have {network.n_inputs} values a sample, got shape "
                f"{tuple(np.shape(inputs))}. Hand over points as the network takes them."
            )
        starts = _baselines(baselines, points, tuple(np.shape(inputs))[1:])
        targets = _targets(target, points.shape[0], network)
        found, delta = self._attributions(network, starts, points, targets)
        attributions = _like(found.reshape(np.shape(inputs)), inputs)
        return (attributions, _like(delta, inputs)) if return_convergence_delta else attributions

    def _network(self, inputs: Any) -> ReluNetwork:
        """The network of the model as it is now."""
        if not is_torch_module(self.model):
            return import_model(self.model, tolerances=self.tolerances)
        state = (tuple(np.shape(inputs))[1:], _state(self.model))
        if self._read is None or not _equal(self._read[0], state):
            # a sample is handed over since some modules do not say the shape of one themselves
            network = import_model(self.model, inputs[:1], tolerances=self.tolerances)
            self._read = (state, network)
        return self._read[1]

    def _attributions(
        self, network: ReluNetwork, starts: FloatArray, ends: FloatArray, targets: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """What each input adds, ``(n_samples, n_inputs)``, and by how much the sums are off."""
        found, change = np.empty(ends.shape), np.empty(ends.shape[0])
        for target in np.unique(targets):
            view = network.outputs.view(network.outputs.names[target])
            rows = np.flatnonzero(targets == target)
            for part in path_chunks(network, view, rows.size):
                here = rows[part]
                first, last = starts[here], ends[here]
                found[here] = path_attributions(network, view, first, last, self.tolerances)[:, 0]
                change[here] = (network.forward(last) - network.forward(first))[:, target]
        return found, found.sum(axis=1) - change


def _state(module: Any) -> tuple[Any, ...]:
    """What a module computes with: its form, and every number, flag and tensor in its parts."""
    torch, parts = load_torch(), tuple(module.modules())
    own = [value for part in parts for value in vars(part).values()]
    plain = tuple(value for value in own if isinstance(value, (bool, int, float, str)))
    loose = (value for value in own if isinstance(value, torch.Tensor))
    tensors = (*module.parameters(), *module.buffers(), *loose)
    return str(module), plain, tuple(as_array(tensor.clone()) for tensor in tensors)


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(_equal, first, second))
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    return bool(first == second)


def _rows(inputs: Any) -> FloatArray:
    """The inputs as rows of finite numbers: (n_samples, n_inputs)."""
    array = as_array(inputs)
    if array is None:
        advice = (
            " Join several inputs into one tensor." if isinstance(inputs, (tuple, list)) else ""
        )
        raise InputTypeError(
            "inputs must be a tensor or an array with an axis of samples first, got "
            f"{type(inputs).__module__}.{type(inputs).__qualname__}.{advice}"
        )
    if array.ndim < 2 or array.shape[0] == 0:
        raise DataError(
            "inputs must be of shape (n_samples, n_inputs) or (n_samples, *shape) with a sample or "
            f"more, got shape {array.shape}. For one sample write inputs[None]."
        )
    return _finite(array, "inputs").reshape(array.shape[0], -1)


def _finite(array: Any, name: str) -> FloatArray:
    try:
        numbers = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers, got {error}.") from error
    if not np.isfinite(numbers).all():
        raise DataError(f"{name} must be finite, got NaN or infinity. Fill or drop such samples.")
    return numbers


def _baselines(baselines: Any, points: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """One point for each row of ``points``; ``shape`` is that of a sample."""
    if isinstance(baselines, (tuple, list)):
        raise InputTypeError(
            "baselines must be None, a number, a tensor or an array, got a "
            f"{type(baselines).__name__}. Join several inputs into one tensor."
        )
    given = 0.0 if baselines is None else baselines
    found = as_array(given)
    numbers = _finite(given if found is None else found, "baselines")
    n_samples = points.shape[0]
    fitting = ((), shape, (1, *shape), (n_samples, *shape))
    if numbers.shape not in fitting:
        raise DataError(
            f"baselines must be a number, one point of shape {shape}, or {n_samples} of them, got "
            f"shape {numbers.shape}."
        )
    return np.broadcast_to(numbers, (n_samples, *shape)).reshape(points.shape)


def _targets(target: Any, n_samples: int, network: ReluNetwork) -> IntArray:
    """The output of each row: (n_samples,)."""
    n_outputs = network.n_outputs
    if target is None and n_outputs > 1:
        raise ArgumentError(
            f"target must say which of the {n_outputs} outputs is explained, got None. Pass a "
            f"number from 0 to {n_outputs - 1}, or one for each row."
        )
    if target is None:
        return np.zeros(n_samples, dtype=np.int64)
    found = as_array(target)
    targets = np.asarray(target if found is None else found)
    # tensors are read as float64, whatever they hold
    whole = targets.dtype.kind in "iu" or (targets.dtype.kind == "f" and (targets % 1 == 0).all())
    if not whole or targets.shape not in ((), (1,), (n_samples,)):
        raise ArgumentError(
            f"target must be a whole number or one for each of the {n_samples} rows, got "
            f"{target!r}."
        )
    if ((targets < 0) | (targets >= n_outputs)).any():
        raise ArgumentError(
            f"target must be from 0 to {n_outputs - 1}, one of the model's outputs, got {target!r}."
        )
    return np.broadcast_to(targets.astype(np.int64), n_samples)


def _like(values: FloatArray, inputs: Any) -> Any:
    """Values as a tensor or an array, whichever the inputs are, in their number format."""
    if isinstance(inputs, np.ndarray):
        return values.astype(inputs.dtype if inputs.dtype.kind == "f" else np.float64, copy=False)
    torch = load_torch()
    dtype = inputs.dtype if inputs.is_floating_point() else torch.float64
    return torch.as_tensor(values).to(device=inputs.device, dtype=dtype)
