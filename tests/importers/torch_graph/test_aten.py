"""Every supported call against the module itself in float64, which is another implementation."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explainrelu.importers.from_torch import from_torch
from tests.importers.torch_graph.functions import module_of, rows

W = torch.arange(15.0, dtype=torch.float64).reshape(5, 3) - 7.0
VECTOR, PICTURE = (5,), (2, 6, 4)
INF = math.inf

ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "sums": lambda x: (3 - x) + torch.add(x, x, alpha=2) - torch.sub(x, 1, alpha=3),
    "rsub": lambda x: torch.rsub(x, 2, alpha=3),
    "multiples": lambda x: -2 * x / 4 + x * torch.linspace(-1, 1, 5) - x.neg(),
    "addcmul": lambda x: torch.addcmul(x, x, torch.arange(5.0), value=0.5),
    "residual of the input to itself": lambda x: x + x + F.relu(x),
    "relu": lambda x: F.relu(x) + torch.relu(x) + x.relu(),
    "negative slope": lambda x: F.leaky_relu(x, -0.5),
    "relu6": lambda x: F.relu6(4 * x),
    "hardtanh": lambda x: F.hardtanh(x, -0.3, 0.6),
    "hardsigmoid": lambda x: F.hardsigmoid(3 * x),
    "softshrink": lambda x: F.softshrink(x, 0.5),
    "threshold": lambda x: F.threshold(x, 0.5, 0.5),
    "rrelu": lambda x: F.rrelu(x),
    "abs": lambda x: x.abs() - torch.absolute(x - 1),
    "clamp": lambda x: x.clamp(-0.5, 0.5) + x.clamp(min=0.0) + x.clip(max=1),
    "clamp_min": lambda x: x.clamp_min(0.5) + x.clamp_max(-0.5),
    "clamp between tensors": lambda x: torch.clamp(x, torch.zeros(5), torch.linspace(0, 1, 5)),
    "clamp by the input": lambda x: torch.clamp(x, min=x.flip(1)),
    "maximum": lambda x: torch.maximum(x, x.flip(1)) - torch.minimum(x, 2 * x + 1),
    "max of two": lambda x: torch.max(x, -x) + torch.min(x, torch.zeros(5)),
    "fmax": lambda x: torch.fmax(x, -x) + torch.fmin(x, x * 0.5),
    "where a mask": lambda x: torch.where(torch.arange(5) > 2, x, -x),
    "masked_fill": lambda x: x.masked_fill(torch.arange(5) == 1, 7.0),
    "where the sign": lambda x: torch.where(x > 0, x, 0.1 * x),
    "where the sign of a multiple": lambda x: torch.where(-2 * x <= 0, 3 * x, -x),
    "times the sign": lambda x: x * (x > 0) + (x < 0).double() * x * 0.5,
    "where less": lambda x: torch.where(x < 0, torch.zeros(5), x),
    "fixed numbers": lambda x: x + torch.arange(5) / 10 + torch.eye(5)[2] * torch.ones(5).sqrt(),
    "conversions": lambda x: x.to(torch.float64).double().clone().detach().contiguous(),
    "no_grad inside": lambda x: without_gradient(x),
}

SHAPES: dict[str, Callable[[Any], Any]] = {
    "views": lambda x: x.view(len(x), -1).unflatten(1, (4, 12)).reshape(-1, 2, 24).flatten(1),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1).unsqueeze(-1).squeeze(),
    "permute": lambda x: x.permute(0, 2, 3, 1).transpose(1, -1).swapaxes(2, 3),
    "movedim": lambda x: x.movedim((1, 2), (3, 1)).movedim(-1, 1),
    "mT": lambda x: x.mT,
    "expand": lambda x: x[:, :1].expand(-1, 3, 6, 4) + x.mean(1, keepdim=True).expand_as(x[:, :1]),
    "slices": lambda x: x[:, :1, 1:5:2, -3:] + x[..., :2, 0, None],
    "narrow and select": lambda x: x.narrow(2, -3, 2) + x.select(3, -1)[..., :2, None],
    "negative slice": lambda x: x[:, :, -2:, :-1],
    "index_select": lambda x: x.index_select(2, torch.tensor([3, 0, 3])),
    "positions": lambda x: x[:, :, torch.tensor([[0, 1], [4, -1]])],
    "two positions": lambda x: x[:, [0, 1], [1, 2]],
    "gather": lambda x: torch.gather(
        x, 2, torch.tensor([1, 0]).view(1, 1, 2, 1).expand(len(x), 2, 2, 4)
    ),
    "diagonal": lambda x: x.diagonal(1, 2, 3),
    "unfold": lambda x: x.unfold(2, 3, 2),
    "split": lambda x: torch.cat(x.split([2, 4], 2)[::-1], 2),
    "chunk": lambda x: torch.cat(x.chunk(4, 2)[::-1], 2),
    "tensor_split": lambda x: torch.cat(x.tensor_split(4, 2)[::-1], 2),
    "unbind": lambda x: sum(i * part for i, part in enumerate(x.unbind(2))),
    "stack": lambda x: torch.stack([x, -x], 2),
    "hstack": lambda x: torch.hstack([x, x.relu()]),
    "flip and roll": lambda x: x.flip((1, 2)) + x.roll(1, 2) + x.roll((1, -1), (2, 3)),
    "repeat": lambda x: x.repeat(1, 2, 1, 1) + x.tile((2, 1, 1)) + x.repeat_interleave(2, 1),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.repeat(1, 2, 1, 1), 2),
    "a part replaced": lambda x: replaced(x),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=3.0),
    "crop": lambda x: F.pad(x, (-1, 2)),
    "reflect": lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect"),
    "replicate": lambda x: F.pad(x, (1, 2, 2, 1), mode="replicate"),
    "circular": lambda x: F.pad(x, (1, 2, 2, 1), mode="circular"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
}

SUMS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum((1, 2), keepdim=True) + x.sum(-1, keepdim=True),
    "mean": lambda x: x.mean((2, 3)) + x.mean(2)[..., 0],
    "all axes of a row": lambda x: x.flatten(1).sum(1),
    "largest": lambda x: x.amax((2, 3)) - x.amin(dim=(-1, -2)),
    "max over an axis": lambda x: x.max(3)[0] + x.min(dim=3).values,
    "aminmax": lambda x: sum(x.aminmax(dim=3)),
    "norms": lambda x: torch.linalg.vector_norm(x, 1, dim=(1, 2)) + x.norm(p=INF, dim=(1, 2)),
    "cumsum": lambda x: x.cumsum(2),
    "diff": lambda x: x.diff(dim=2),
    "matmul": lambda x: x @ W[:4] + torch.ones(6, 6).double() @ x[..., :3],
    "matmul on the left": lambda x: W.mT[:, :4] @ x.mT,
    "vector": lambda x: x @ W[:4, 0],
    "einsum": lambda x: torch.einsum("bchw,wk->bkhc", x, W[:4]),
    "einsum of one": lambda x: torch.einsum("bchw->bhc", x),
    "einsum by place": lambda x: torch.einsum("bchw,hw->bch", x, W.reshape(-1)[:6, None]),
    "linear without a module": lambda x: F.linear(x, W.mT[:, :4], W[0]),
    "tensordot": lambda x: torch.tensordot(x, W[:4], dims=1),
}

POOLS: dict[str, Callable[[Any], Any]] = {
    "max pool": lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    "max pool with positions left": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "dilated max pool": lambda x: F.max_pool2d(x, 2, 1, dilation=(2, 3)),
    "max pool of a signal": lambda x: F.max_pool1d(x.flatten(2), 5, 3),
    "mean pool": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    "mean pool with its padding": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "sum pool": lambda x: F.avg_pool2d(x, (2, 3), divisor_override=5),
    "mean pool of a signal": lambda x: F.avg_pool1d(x.flatten(2), 2, padding=1),
    "adaptive means": lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
    "adaptive means of a signal": lambda x: F.adaptive_avg_pool1d(x.flatten(2), 5),
    "adaptive maxima": lambda x: F.adaptive_max_pool2d(x, (None, 3)),
    "pool without channels": lambda x: F.max_pool1d(x.flatten(1), 4),
    "same padding": lambda x: F.conv2d(x, torch.ones(3, 2, 2, 3).double(), padding="same"),
}

PARTS: dict[str, tuple[nn.Module, ...]] = {
    "conv": (nn.Conv2d(2, 4, (2, 3), stride=(2, 1), padding=(1, 0), groups=2),),
    "dilated conv": (nn.Conv2d(2, 3, 2, dilation=(2, 1), bias=False),),
    "circular conv": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"),),
    "conv of a signal": (nn.Flatten(2), nn.Conv1d(2, 3, 5, stride=3, padding=2)),
    "batch norm": (nn.BatchNorm2d(2), nn.ReLU()),
    "batch norm of rows": (nn.Flatten(), nn.BatchNorm1d(48, affine=False), nn.ReLU(inplace=True)),
    "batch norm of signals": (nn.Flatten(2), nn.BatchNorm1d(2)),
    "prelu a channel": (nn.PReLU(2),),
    "prelu of one slope": (nn.PReLU(),),
    "dropout": (nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout()),
    "padding modules": (
        nn.ZeroPad2d(1),
        nn.ConstantPad2d((0, 1, 2, 0), 1.5),
        nn.ReflectionPad2d(1),
    ),
    "whole net": (
        *(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(True), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(18, 4), nn.Hardtanh(), nn.Linear(4, 2)),
    ),
    "weights made of others": (nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),),
}


@torch.no_grad()
def without_gradient(x: torch.Tensor) -> torch.Tensor:
    return x.relu()


def replaced(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 0] = 0.5
    y[:, 1, 2:4] += x[:, 0, :2]
    return y


def assert_same(module: nn.Module, X: torch.Tensor) -> None:
    network = from_torch(module, X)
    with torch.no_grad():
        wanted = module(X.clone()).reshape(len(X), -1).numpy()
    scale = max(1.0, float(np.abs(wanted).max()))
    assert np.abs(network.forward(X.reshape(len(X), -1).numpy()) - wanted).max() <= 1e-14 * scale


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_calls_value_by_value(name: str):
    assert_same(module_of(ELEMENTWISE[name]), rows(*VECTOR))


@pytest.mark.parametrize("name", SHAPES)
def test_calls_that_move_numbers(name: str):
    assert_same(module_of(SHAPES[name]), rows(*PICTURE))


@pytest.mark.parametrize("name", SUMS)
def test_calls_that_add_up(name: str):
    assert_same(module_of(SUMS[name]), rows(*PICTURE))


@pytest.mark.parametrize("name", POOLS)
def test_calls_that_slide_a_window(name: str):
    assert_same(module_of(POOLS[name]), rows(*PICTURE))


@pytest.mark.parametrize("name", PARTS)
def test_modules_in_a_module(name: str):
    module = module_of(lambda self, x: self.part(x), part=nn.Sequential(*PARTS[name]))
    assert_same(module, rows(*PICTURE))


def test_a_channel_of_zero_variance_is_exact():
    module = module_of(lambda self, x: F.relu(self.norm(x)), norm=nn.BatchNorm2d(2))
    with torch.no_grad():
        module.norm.running_var.copy_(torch.tensor([0.0, 2.0]))
    assert_same(module, rows(*PICTURE))


def test_ties_of_a_max_pool_are_exact():
    X = torch.ones(3, 2, 4, 4, dtype=torch.float64)
    X[1:] = torch.round(rows(2, 4, 4)[:2])
    assert_same(module_of(lambda x: F.max_pool2d(x, 2)), X)
