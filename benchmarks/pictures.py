"""A convolutional network of the size of CIFAR-10: importing it, and the affine map of a picture.

    python benchmarks/pictures.py

The yardstick of the affine map, in the same run, is torch.autograd on the module in float64: one
backward pass for each of the ten scores gives the same matrix. One thread.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

import explainrelu as xr
from explainrelu.network.patterns import activation_patterns, affine_maps

SHAPE = (3, 32, 32)


def module() -> nn.Module:
    """Two convolutions, two dense layers, 3,172 rectified units."""
    torch.manual_seed(0)
    return (
        nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(1024, 100), nn.ReLU(), nn.Linear(100, 10),
        )
        .double()
        .eval()
    )  # fmt: skip


def least(work: Callable[[], Any], rounds: int) -> float:
    """The least time of so many rounds, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def main() -> None:
    torch.set_num_threads(1)
    model, pictures = module(), np.random.default_rng(0).normal(size=(64, *SHAPE))
    first = least(lambda: xr.import_model(model, pictures[:1]), 1)
    later = least(lambda: xr.import_model(model, pictures[:1]), 3)
    network = xr.import_model(model, pictures)
    points = network.schema.encode(pictures)

    def ours(n: int) -> Any:
        return affine_maps(network, activation_patterns(network, points[:n]))

    def theirs(n: int) -> Any:
        return [
            torch.autograd.functional.jacobian(model, torch.tensor(picture[None]))
            for picture in pictures[:n]
        ]

    jacobian = np.stack([j.numpy().reshape(10, -1) for j in theirs(8)])
    np.testing.assert_allclose(ours(8)[0], jacobian, rtol=1e-9, atol=1e-12)
    layers = ", ".join(f"{layer.weight.shape}" for layer in network.layers)
    print(f"{network.n_neurons:,} rectified units; layers {layers}")
    print(f"import: {first:,.0f} ms the first time in a process, {later:,.0f} ms later")
    for n in (1, 64):
        a, b = least(lambda: ours(n), 20), least(lambda: theirs(n), 5)  # noqa: B023
        print(f"affine maps of {n} picture(s): {a:.1f} ms; autograd {b:.1f} ms; ratio {a / b:.2f}")
    explained = least(lambda: xr.explain(network, pictures[:1], background=pictures), 5)
    print(f"explain one picture: {explained:.0f} ms")


if __name__ == "__main__":
    main()
