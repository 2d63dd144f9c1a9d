"""A function of a tensor as a module, for tests of single calls."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Function(nn.Module):
    """A module whose forward is the function it is given, with some modules of its own."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> Any:
        """``function(x)``, or ``function(self, x)`` where the module has parts."""
        if next(self.children(), None) is None:
            return self.function(x)
        return self.function(self, x)


def module_of(function: Callable[..., Any], **parts: nn.Module) -> nn.Module:
    """The function as a module in float64 and evaluation mode, every number of its parts drawn."""
    generator = torch.Generator().manual_seed(0)
    module = Function(function, **parts).double().eval()
    with torch.no_grad():
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
                if "running_var" in name:
                    tensor.abs_()
    return module


def rows(*shape: int) -> torch.Tensor:
    """Six samples, some of small integers, so that ties and kinks are among them."""
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn((6, *shape), generator=generator, dtype=torch.float64)
    drawn[3:] = torch.round(2 * drawn[3:]) / 2
    return drawn
