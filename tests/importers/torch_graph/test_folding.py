"""What is computed at once against PyTorch: constants never reach the graph as calls."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from explainrelu.importers.from_torch import from_torch
from tests.importers.torch_graph.functions import module_of, rows

MADE: dict[str, Callable[[], torch.Tensor]] = {
    "arange": lambda: torch.arange(1, 9, 2) / 10,
    "linspace": lambda: torch.linspace(0, 1, 4),
    "full": lambda: torch.full((4,), 2.5) - torch.zeros(4) + torch.ones(4),
    "eye": lambda: torch.eye(4)[1] + torch.eye(4, 6)[2, :4],
    "comparisons": lambda: ((N >= 1) & (N < 3) | (N == 0)).double() + (N != 2) * 1.0,
    "whole numbers": lambda: (N // 2 + N % 3 - N.fmod(2)).double(),
    "truncated": lambda: (R * 3).long().double() + torch.div(-N, 3, rounding_mode="trunc"),
    "rounded": lambda: R.floor() + R.ceil() + R.round() + R.trunc() + R.sign(),
    "curves": lambda: R.exp() + R.abs().sqrt() + R.sin() + R.cos() + R.tanh() + R.sigmoid(),
    "powers": lambda: R**2 + (1 + R.abs()).rsqrt() + (1 + R.abs()).log() + 1 / (2 + R),
    "norms": lambda: R / torch.linalg.vector_norm(R) + R.norm(p=1) + R.abs().max(),
    "triangles": lambda: torch.ones(4, 4).tril()[1] + torch.ones(4, 4).triu(1)[0],
    "moved": lambda: R.flip(0).view(2, 2).T.reshape(-1)[torch.argsort(R)] + R.cumsum(0),
    "chosen": lambda: torch.where(N > 1, R, -R) + torch.maximum(R, -R),
}
N, R = torch.arange(4), torch.tensor([0.5, -1.25, 2.75, -0.1], dtype=torch.float64)


@pytest.mark.parametrize("name", MADE)
def test_constants_are_computed_as_pytorch_does(name: str):
    X = rows(4)
    network = from_torch(module_of(lambda x: x + MADE[name]()), X)
    wanted = (X + MADE[name]()).numpy()
    assert np.abs(network.forward(X.numpy()) - wanted).max() <= 1e-15 * np.abs(wanted).max()
