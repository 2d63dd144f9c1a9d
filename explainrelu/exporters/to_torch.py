"""A network as an ordinary torch module."""

from functools import singledispatch
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from explainrelu.arrays import dense
from explainrelu.errors import InputTypeError, SizeError
from explainrelu.exporters.three_layer_module import three_layer_module
from explainrelu.importers.from_torch import load_torch
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork

if TYPE_CHECKING:
    from torch import nn

__all__ = ["to_torch"]

_LARGEST = 2**31  # bytes of dense weights


@singledispatch
def to_torch(network: object) -> "nn.Module":
    """The same function as a torch module.

    A ReluNetwork becomes a ``torch.nn.Sequential`` of a Linear for each layer and one for the
    output, with a ReLU between them where every unit of the layer is rectified, and else a
    PReLU whose slopes are the mask: ``slope 0`` gives ``max(z, 0)``, ``slope 1`` carries ``z``.

    Parameters
    ----------
    network
        A ReluNetwork, or a ThreeLayerNetwork (see :func:`three_layer_module`).

    Returns
    -------
    torch.nn.Module
        Takes encoded points ``(n_samples, n_inputs)``, or ``(n_samples, *shape)`` where samples
        have a shape, which a Flatten before the first Linear then makes rows of. Gives raw scores
        ``(n_samples, n_outputs)``. In evaluation mode, on the CPU, in float64, with parameters
        that ask for no gradient; ``.float()`` and ``.to(device)`` work as on any module. The
        weights are the network's own numbers, so that :func:`from_torch` reads the same function
        back, and for a network without carried units the same layers (less those that rectify
        what their weights show to be never negative).

    Raises
    ------
    InputTypeError
        For an object of another kind.
    SizeError
        Where the weights, written out dense, would be more than 2 GiB.
    MissingDependencyError
        Where torch is not installed.

    Notes
    -----
    The link is not part of the module. The gradient with respect to the points is that of the
    region where ``z = 0`` counts as inactive, as everywhere in this package.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> to_torch(network)
    Sequential(
      (0): Linear(in_features=1, out_features=1, bias=True)
      (1): ReLU()
      (2): Linear(in_features=1, out_features=1, bias=True)
    )
    """
    raise InputTypeError(
        "to_torch takes a ReluNetwork (see import_model) or what convert returned, "
        f"got {type(network).__module__}.{type(network).__qualname__}."
    )


@to_torch.register(ThreeLayerNetwork)
def _three_layers(network: ThreeLayerNetwork) -> "nn.Module":
    return three_layer_module(network)


@to_torch.register(ReluNetwork)
def _network(network: ReluNetwork) -> "nn.Module":
    torch = load_torch()
    _check_room(network)
    modules: list[nn.Module] = [torch.nn.Flatten()] if network.schema.shape else []
    for layer in network.layers:
        modules += [_linear(torch, layer), _activation(torch, layer)]
    modules.append(_linear(torch, network.output))
    sequential: nn.Module = torch.nn.Sequential(*modules)
    return sequential.eval().requires_grad_(False)


def _check_room(network: ReluNetwork) -> None:
    """Refuse before anything is made: a layer in sparse rows becomes a dense Linear."""
    shapes = [layer.weight.shape for layer in network.layers] + [network.output.weight.shape]
    n_bytes = 8 * sum(n_out * n_in for n_out, n_in in shapes)
    if n_bytes > _LARGEST:
        raise SizeError(
            f"A torch module holds its weights dense, at most {_LARGEST / 2**30:.0f} GiB of them "
            f"here, got {n_bytes / 2**30:.1f} GiB. to_onnx keeps sparse layers sparse."
        )


def _linear(torch: ModuleType, layer: Layer | AffineMap) -> "nn.Module":
    n_out, n_in = layer.weight.shape
    # skip_init leaves the person's random state as it is
    linear: nn.Module = torch.nn.utils.skip_init(torch.nn.Linear, n_in, n_out, dtype=torch.float64)
    linear.load_state_dict(
        {"weight": torch.tensor(dense(layer.weight)), "bias": torch.tensor(layer.bias)}
    )
    return linear


def _activation(torch: ModuleType, layer: Layer) -> "nn.Module":
    relu: nn.Module = torch.nn.ReLU()
    if layer.rectified.all():
        return relu
    prelu: nn.Module = torch.nn.PReLU(layer.n_units, dtype=torch.float64)
    prelu.load_state_dict({"weight": torch.tensor(np.where(layer.rectified, 0.0, 1.0))})
    return prelu
