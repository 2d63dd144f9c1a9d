"""Which neurons never change sides: how long it takes, and what settles them.

    python benchmarks/stability.py

A random network of 784-100-100-10 neurons (He's variance, no biases) over all pixels in [0, 1]
and near one point of it, and a small one on which one program for all neurons ("single") stands
beside programs for each that stop once the sign is known ("auto") and for each that go on to the
exact range ("milp"). One thread.
"""

import time
from itertools import pairwise

import numpy as np

from explainrelu.geometry.box import Box
from explainrelu.milp.stability import stability
from explainrelu.network.network import ReluNetwork


def random_network(widths: tuple[int, ...], bias: float) -> ReluNetwork:
    """Normal weights of variance 2 / inputs, normal biases."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(b, a)) * np.sqrt(2 / a) for a, b in pairwise(widths)]
    return ReluNetwork.from_weights(weights, [bias * rng.normal(size=b) for b in widths[1:]])


def row(name: str, network: ReluNetwork, box: Box, method: str, limit: float) -> None:
    """One line of the table."""
    start = time.perf_counter()
    found = stability(network, box, method=method, time_limit=limit)
    seconds = time.perf_counter() - start
    counts = found.groupby(["state", "proven_by"]).size()
    told = ", ".join(f"{n} {state} ({how})" for (state, how), n in counts.items())
    print(f"| {name} | {method} | {seconds:.1f} | {told.replace(' ()', '')} |", flush=True)


def main() -> None:
    print("| network and box | method | s | neurons |\n|---|---|---|---|")
    large, rng = random_network((784, 100, 100, 10), 0.0), np.random.default_rng(1)
    point = rng.uniform(size=784)
    row("784-100-100-10, [0, 1]", large, Box(np.zeros(784), np.ones(784)), "auto", 120.0)
    near = Box(np.clip(point - 0.01, 0.0, 1.0), np.clip(point + 0.01, 0.0, 1.0))
    for method in ("auto", "single"):
        row("784-100-100-10, within 0.01", large, near, method, 120.0)
    small = random_network((10, 30, 30, 1), 0.5)
    for radius in (0.1, 0.2, 0.3):
        for method in ("auto", "single", "milp"):
            box = Box.around(np.zeros(10), radius)
            row(f"10-30-30-1, within {radius}", small, box, method, 60.0)


if __name__ == "__main__":
    main()
