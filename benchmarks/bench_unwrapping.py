"""Unwrapping 100,000 rows: patterns, regions, affine maps and the region table.

Run by ``make bench``, one thread. The yardstick, in the same run, is one forward and one
backward pass of the same rows through the same network in torch, in float64. The last
benchmark measures memory: the peak above the process before the call, in a fresh process.
"""

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns, affine_maps
from explainrelu.regions.observed import regions_of_points

N_ROWS, WIDTHS = 100_000, (20, 40, 40, 1)


def network() -> ReluNetwork:
    """20 inputs and 40-40 neurons; nearly every row lies in a region of its own."""
    rng = np.random.default_rng(0)
    shapes = list(zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
    weights = [rng.normal(size=shape) * np.sqrt(2 / shape[1]) for shape in shapes]
    return ReluNetwork.from_weights(weights, [0.1 * rng.normal(size=n) for n, _ in shapes])


def rows() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(N_ROWS, WIDTHS[0]))


@pytest.fixture(scope="module")
def problem() -> tuple[ReluNetwork, np.ndarray]:
    return network(), rows()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def unwrap(net: ReluNetwork, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Patterns and affine maps, one a row."""
    return affine_maps(net, activation_patterns(net, X))


def everything(net: ReluNetwork, X: np.ndarray) -> Any:
    """Patterns, distinct regions, their affine maps and the table of regions."""
    regions = regions_of_points(net, X)
    return regions, regions.affine_maps(), regions.to_frame()


def test_torch_forward_and_backward(benchmark: Any, problem: Any) -> None:
    import torch

    from explainrelu.exporters.to_torch import to_torch

    net, X = problem
    module, points = to_torch(net), torch.tensor(X, requires_grad=True)

    def passes() -> Any:
        (gradient,) = torch.autograd.grad(module(points).sum(), points)
        return gradient

    gradient = benchmark.pedantic(passes, rounds=15, warmup_rounds=3)
    np.testing.assert_allclose(gradient.numpy(), unwrap(net, X)[0][:, 0], rtol=1e-9, atol=1e-12)


def test_patterns_and_affine_maps(benchmark: Any, problem: Any) -> None:
    weight, bias = benchmark.pedantic(unwrap, args=problem, rounds=15, warmup_rounds=3)
    net, X = problem
    scores = np.einsum("noi,ni->no", weight, X) + bias
    np.testing.assert_allclose(scores, net.forward(X), rtol=1e-9, atol=1e-9)


def test_patterns_regions_maps_and_table(benchmark: Any, problem: Any) -> None:
    regions, _, frame = benchmark.pedantic(everything, args=problem, rounds=15, warmup_rounds=3)
    assert len(frame) == len(regions) > 0.9 * N_ROWS


def test_peak_memory_above_the_process(benchmark: Any) -> None:
    """The time is that of the process; the figure to read is ``peak_mb`` in the extra column."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        peak_mb = benchmark.pedantic(pool.apply, args=(_peak_mb,), rounds=1)
    benchmark.extra_info["peak_mb"] = round(peak_mb)
    print(f"\npeak memory above the process before the call: {peak_mb:.0f} MB")
    assert peak_mb < 1000


def _peak_mb() -> float:
    """Peak resident memory of :func:`everything` above what the process held before."""
    net, X = network(), rows()
    everything(net, X[:100])  # everything that is imported on first use is
    before = _status_mb("VmRSS")
    everything(net, X)
    return _status_mb("VmHWM") - before


def _status_mb(field: str) -> float:
    """A figure of this process alone; getrusage would remember the parent's peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
