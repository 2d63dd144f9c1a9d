"""Random piecewise-linear modules: any graph of layers, functional calls and skip connections.

The readers of torch modules, ``.pt2`` files and ONNX files are held against each other on them.
Every number is a small integer or a fraction with a power of two below it, so that all of them
compute without rounding, and points of small integers lie on many kinks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import nn

__all__ = ["Sample", "random_modules"]


@dataclass(frozen=True)
class Sample:
    """A module in float64 and evaluation mode, and six rows for it."""

    module: nn.Module
    rows: torch.Tensor


@dataclass(frozen=True)
class Step:
    """One call: on which values, and by which function of the module's parts and of them."""

    name: str
    sources: tuple[int, ...]
    call: Callable[..., torch.Tensor]
    part: nn.Module | None = None


class Steps(nn.Module):
    """The steps one after the other, each on values given before; the last is returned."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.steps = steps
        self.parts = nn.ModuleList(step.part or nn.Identity() for step in steps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The value of the last step, as rows of scores."""
        values = [x]
        for step, part in zip(self.steps, self.parts, strict=True):
            values.append(step.call(part, *(values[i] for i in step.sources)))
        return values[-1].flatten(1)

    def __repr__(self) -> str:
        return "\n".join(f"{step.name} of {step.sources}: {step.part}" for step in self.steps)


SHARED = nn.ReLU()
"""One module that every random module uses, as often as it likes."""


@st.composite
def random_modules(draw: st.DrawFn, *, max_steps: int = 6) -> Sample:
    """A random graph on vectors or small pictures, and rows of small integers for it."""
    picture = draw(st.booleans())
    shape = (draw(st.integers(1, 2)), 4, 4) if picture else (draw(st.integers(2, 4)),)
    shapes: list[tuple[int, ...]] = [shape]
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, max_steps))):
        table = PICTURES if len(shapes[-1]) == 3 else VECTORS
        step = table[draw(st.sampled_from(sorted(table)))](draw, shapes)
        steps.append(step)
        shapes.append(_shape_behind(step, shapes))
    if len(shapes[-1]) == 3:
        steps.append(Step("flatten", (len(shapes) - 1,), lambda _, x: x.flatten(1)))
        shapes.append((int(np.prod(shapes[-1])),))
    steps.append(_linear(draw, shapes))
    module = Steps(steps).double().eval()
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    _fill(module, rng)
    rows = torch.tensor(rng.integers(-3, 4, (6, *shape)), dtype=torch.float64)
    rows[:2] = torch.tensor(rng.integers(-24, 25, (2, *shape)) / 8.0)
    return Sample(module, rows)


def _shape_behind(step: Step, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of one sample behind a step, found by running it on zeros."""
    part = (step.part or nn.Identity()).double().eval()
    with torch.no_grad():
        given = [torch.zeros((1, *shapes[i]), dtype=torch.float64) for i in step.sources]
        return tuple(step.call(part, *given).shape[1:])


def _fill(module: nn.Module, rng: np.random.Generator) -> None:
    """Small whole numbers for every parameter and statistic; slopes among them negative."""
    with torch.no_grad():
        for part in module.modules():
            for parameter in part.parameters(recurse=False):
                drawn = rng.integers(-2, 3, tuple(parameter.shape))
                slopes = rng.choice([-0.5, 0.0, 0.25, 2.0], tuple(parameter.shape))
                values = slopes if isinstance(part, nn.PReLU) else drawn
                parameter.copy_(torch.tensor(values))
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                part.eps = 0.25
                size = tuple(part.running_var.shape)
                part.running_mean.copy_(torch.tensor(rng.integers(-2, 3, size)))
                # 0.25 is a channel that never changed in training: its variance is 0
                part.running_var.copy_(torch.tensor(rng.choice([0.25, 4.0], size) - 0.25))


# ------------------------------------------------------------------------------------------
# Steps: from the draw and the shapes so far.


def _plain(name: str, call: Callable[..., Any]) -> Callable[..., Step]:
    """A call on the newest value."""
    return lambda draw, shapes: Step(name, (len(shapes) - 1,), lambda _, x: call(x))


def _of_two(name: str, call: Callable[..., Any]) -> Callable[..., Step]:
    """A call on the newest value and any other of its shape, itself included."""

    def step(draw: st.DrawFn, shapes: list[tuple[int, ...]]) -> Step:
        same = [i for i, shape in enumerate(shapes) if shape == shapes[-1]]
        other = draw(st.sampled_from(same))
        return Step(name, (len(shapes) - 1, other), lambda _, x, y: call(x, y))

    return step


def _of_part(name: str, part: Callable[..., nn.Module]) -> Callable[..., Step]:
    """A module made for the number of channels of the newest value."""

    def step(draw: st.DrawFn, shapes: list[tuple[int, ...]]) -> Step:
        return Step(name, (len(shapes) - 1,), lambda p, x: p(x), part(shapes[-1][0]))

    return step


def _linear(draw: st.DrawFn, shapes: list[tuple[int, ...]]) -> Step:
    part = nn.Linear(shapes[-1][-1], draw(st.integers(1, 3)), bias=draw(st.booleans()))
    return Step("linear", (len(shapes) - 1,), lambda p, x: p(x), part)


def _conv(draw: st.DrawFn, shapes: list[tuple[int, ...]]) -> Step:
    channels = shapes[-1][0]
    part = nn.Conv2d(
        channels,
        channels * draw(st.integers(1, 2)) if channels < 3 else channels,
        draw(st.sampled_from([1, 2, (1, 2)])),
        stride=draw(st.sampled_from([1, (1, 2)])),
        padding=draw(st.sampled_from([1, (0, 1)])),
        groups=draw(st.sampled_from([1, channels])),
        dilation=draw(st.sampled_from([1, (2, 1)])),
        bias=draw(st.booleans()),
    )
    return Step("conv", (len(shapes) - 1,), lambda p, x: p(x), part)


VECTORS: dict[str, Callable[..., Step]] = {
    "linear": _linear,
    "more linear": _linear,
    "relu": _plain("relu", F.relu),
    "shared relu": lambda draw, shapes: Step(
        "shared relu", (len(shapes) - 1,), lambda p, x: p(x), SHARED
    ),
    "leaky relu": _plain("leaky relu", lambda x: F.leaky_relu(x, -0.5)),
    "prelu": _of_part("prelu", lambda n: nn.PReLU(n)),
    "batch norm": _of_part("batch norm", lambda n: nn.BatchNorm1d(n)),
    "relu6": _plain("relu6", F.relu6),
    "hardtanh": _plain("hardtanh", lambda x: F.hardtanh(x, -2.0, 1.5)),
    "clamp": _plain("clamp", lambda x: x.clamp(min=-1.0)),
    "abs": _plain("abs", torch.abs),
    "negative": _plain("negative", lambda x: 1 - x / 2),
    "add": _of_two("add", lambda x, y: x + y),
    "subtract": _of_two("subtract", lambda x, y: 2 * x - y),
    "maximum": _of_two("maximum", torch.maximum),
    "minimum": _of_two("minimum", torch.minimum),
    "cat": _of_two("cat", lambda x, y: torch.cat([x, y], 1)),
    "slice": _plain("slice", lambda x: x[:, : max(1, x.shape[1] - 1)]),
    "largest": _plain("largest", lambda x: x - x.amax(1, keepdim=True)),
    "sum": _plain("sum", lambda x: torch.cat([x, x.sum(1, keepdim=True)], 1)),
    "dropout": _of_part("dropout", lambda n: nn.Dropout(0.5)),
}

PICTURES: dict[str, Callable[..., Step]] = {
    "conv": _conv,
    "relu": _plain("relu", F.relu),
    "prelu": _of_part("prelu", lambda n: nn.PReLU(n)),
    "batch norm": _of_part("batch norm", lambda n: nn.BatchNorm2d(n)),
    "max pool": _plain("max pool", lambda x: F.max_pool2d(x, 2, 1, 1)),
    "mean pool": _plain("mean pool", lambda x: F.avg_pool2d(x, (1, 2), 1, (0, 1))),
    "global mean": _plain("global mean", lambda x: x + x.sum((2, 3), keepdim=True) / 16),
    "pad": _plain("pad", lambda x: F.pad(x, (1, 0, 0, 1), value=0.5)),
    "turned": _plain("turned", lambda x: x.transpose(2, 3)),
    "add": _of_two("add", lambda x, y: x + y),
    "maximum": _of_two("maximum", torch.maximum),
    "cat": _of_two("cat", lambda x, y: torch.cat([x, y[:, :1]], 1)),
    "flatten": _plain("flatten", lambda x: x.flatten(1)),
    "mean": _plain("mean", lambda x: x.sum((2, 3)) / 4),
}
