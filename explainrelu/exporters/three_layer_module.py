"""The three-layer network as a torch module, its selector weights as masks."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from explainrelu.arrays import dense
from explainrelu.exporters.three_layer_arrays import three_layer_arrays
from explainrelu.importers.from_torch import load_torch
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork

if TYPE_CHECKING:
    from torch import nn

__all__ = ["three_layer_module"]


def three_layer_module(network: ThreeLayerNetwork) -> "nn.Module":
    """The literal three-layer network in torch.

    Returns
    -------
    torch.nn.Module
        Takes encoded points ``(n_samples, n_inputs)``, or ``(n_samples, *shape)`` where samples
        have a shape; gives raw scores ``(n_samples, n_outputs)``, and NaN, never a silent zero,
        where not exactly one cell fires. In float64, in evaluation mode, with buffers ``forms``,
        ``form_bias``, ``silencers``, ``maps`` and ``map_bias``.

    Raises
    ------
    SizeError
        Where the weights would not fit in memory.
    """
    torch, arrays = load_torch(), three_layer_arrays(network)
    tensors = {
        "forms": torch.tensor(arrays.forms),
        "form_bias": torch.tensor(arrays.form_bias),
        "silencers": torch.tensor(dense(arrays.silencers)),
        "maps": torch.tensor(np.ascontiguousarray(arrays.maps)),
        "map_bias": torch.tensor(np.ascontiguousarray(arrays.map_bias)),
    }
    module: nn.Module = _module_class()(tensors)
    return module.eval()


@cache
def _module_class() -> Any:
    """The module's class; made when torch is first used."""
    torch = load_torch()

    class ThreeLayerModule(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is loaded late
        """Layer by layer: forms and switches, cells that are silenced, formulas that speak."""

        def __init__(self, tensors: Any) -> None:
            super().__init__()
            for name, tensor in tensors.items():
                self.register_buffer(name, tensor)

        def forward(self, points: Any) -> Any:
            """Raw scores ``(n_samples, n_outputs)`` of encoded points."""
            points = points.flatten(1)  # samples may have a shape of their own
            u = torch.relu(points @ self.forms.T + self.form_bias)
            second = torch.cat([u > 0, u <= 0], dim=1).to(points.dtype)
            fires = second @ self.silencers.T == 0
            formulas = torch.einsum("ni,koi->nko", points, self.maps) + self.map_bias
            plus, minus = torch.relu(formulas), torch.relu(-formulas)
            voices = torch.where(fires[:, :, None], plus - minus, 0.0)
            alone = fires.sum(dim=1, keepdim=True) == 1
            return torch.where(alone, voices.sum(dim=1), torch.nan)

    return ThreeLayerModule
