"""Every region of a box: ours beside relucent, growing counts, one thread against two.

    python benchmarks/regions.py                                  # ours alone
    python benchmarks/regions.py --relucent VENV/bin/python       # with relucent beside it
    python benchmarks/regions.py --resonance 7                    # an arrangement, two threads

relucent (PyPI) wants packages of its own, so it is run by the interpreter of another virtual
environment: ``python -m venv VENV && VENV/bin/pip install -c constraints.txt torch relucent``.
Every figure is taken in a fresh process with one thread, the same networks and the same box
``[-1, 1]^d``: PyTorch's default initialisation after ``torch.manual_seed(0)``, layers created in
order, weights cast to float64. Compilation is not counted (each process counts a small network
first); importing and starting are not counted either.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

NETWORKS = {
    "2-16-16": (127, [2, 16, 16, 1]),
    "2-32-32-32": (1_180, [2, 32, 32, 32, 1]),
    "3-16-16": (1_276, [3, 16, 16, 1]),
    "4-16-16": (6_658, [4, 16, 16, 3]),
    "5-20-20": (76_348, [5, 20, 20, 1]),
    "6-16-16": (35_227, [6, 16, 16, 1]),
}
GROWING = [[5, n, n, 1] for n in (8, 12, 16, 20, 28, 36)]
RELUCENT_REGIONS = 1_000  # as many as it is asked for at most

OURS = """
import json, resource, sys, time
import numpy as np, torch
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
def network(widths):
    torch.manual_seed(0)
    layers = [torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:])]
    return ReluNetwork.from_weights([l.weight.detach().double().numpy() for l in layers],
                                    [l.bias.detach().double().numpy() for l in layers])
def run(widths, **options):
    d = widths[0]
    start = time.perf_counter()
    found = enumerate_regions(network(widths), Box(-np.ones(d), np.ones(d)), **options)
    return len(found), found.complete, time.perf_counter() - start
widths, n_jobs, rounds = json.loads(sys.argv[1])
options = {} if n_jobs == 1 else {"n_jobs": n_jobs}
run([2, 8, 8, 1], **options)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
runs = [run(widths, **options) for _ in range(rounds)]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count, complete, _ = runs[0]
print(json.dumps({"n": count, "complete": complete, "seconds": min(r[2] for r in runs),
                  "megabytes": (after - before) / 1024}))
"""

RELUCENT = """
import json, resource, sys, time
import relucent, torch
torch.set_num_threads(1)
widths, most = json.loads(sys.argv[1])
torch.manual_seed(0)
layers = [torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:])]
modules = [m for layer in layers for m in (layer, torch.nn.ReLU())][:-1]
complex_ = relucent.Complex(torch.nn.Sequential(*modules).double())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
complex_.bfs(nworkers=1, cube_radius=1.0, cube_mode="intersect", verify=False,
             max_polys=most, verbose=0)
seconds = time.perf_counter() - start
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"n": len(complex_), "seconds": seconds, "megabytes": (after - before) / 1024}))
"""


def measured(python: str, program: str, arguments: list) -> dict:
    """What a program prints, run in a process of its own with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [python, "-c", program, json.dumps(arguments)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return json.loads(done.stdout.strip().splitlines()[-1])


def side_by_side(relucent: str | None) -> None:
    """Regions a second of the networks of known count."""
    print("| network | regions | ours, a second | MB | relucent, a second | MB | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, (count, widths) in NETWORKS.items():
        ours = measured(sys.executable, OURS, [widths, 1, 5])
        assert ours["n"] == count, f"{name}: {ours['n']} regions instead of {count}"
        rate = ours["n"] / ours["seconds"]
        row = f"| {name} | {count:,} | {rate:,.0f} | {ours['megabytes']:.0f} |"
        if relucent is None:
            print(row + " | | |", flush=True)
            continue
        theirs = measured(relucent, RELUCENT, [widths, min(count, RELUCENT_REGIONS)])
        their_rate = theirs["n"] / theirs["seconds"]
        print(f"{row} {their_rate:,.0f} | {theirs['megabytes']:.0f} | {rate / their_rate:,.0f} |",
              flush=True)  # fmt: skip


def growing() -> None:
    """Cost of a region as the count grows, and what a second process saves."""
    print("\n| network | regions | microseconds a region | MB | two threads: times as fast |")
    print("|---|---|---|---|---|")
    for widths in GROWING:
        one = measured(sys.executable, OURS, [widths, 1, 2])
        two = measured(sys.executable, OURS, [widths, 2, 2])
        assert one["n"] == two["n"]
        name = "-".join(map(str, widths[:-1]))
        cost = 1e6 * one["seconds"] / one["n"]
        print(f"| {name} | {one['n']:,} | {cost:.2f} | {one['megabytes']:.0f} | "
              f"{one['seconds'] / two['seconds']:.2f} |", flush=True)  # fmt: skip


RESONANCE = """
import json, sys, time
from itertools import product
import numpy as np
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import count_regions
def count(d):
    normals = np.array([bits for bits in product((0.0, 1.0), repeat=d) if any(bits)])
    network = ReluNetwork.from_weights(
        [normals, np.ones((1, len(normals)))], [np.zeros(len(normals)), [0.0]]
    )
    return count_regions(network, Box(-np.ones(d), np.ones(d)), n_jobs=2)
count(3)
start = time.perf_counter()
found = count(json.loads(sys.argv[1])[0])
print(json.dumps({"n": found.n_regions, "complete": found.complete, "skipped": found.skipped,
                  "seconds": time.perf_counter() - start}))
"""


def resonance(d: int) -> None:
    """All regions of the arrangement of all non-zero 0/1 normals, counted and not stored."""
    known = {2: 6, 3: 32, 4: 370, 5: 11_292, 6: 1_066_044, 7: 347_326_352}
    found = measured(sys.executable, RESONANCE, [d])
    print(f"resonance arrangement in dimension {d}: {found['n']:,} regions (known: {known[d]:,}), "
          f"complete: {found['complete']}, skipped: {found['skipped']}, "
          f"{found['seconds']:,.1f} s with two threads")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--relucent", help="interpreter of the environment that has relucent")
    parser.add_argument("--resonance", type=int, help="dimension of the arrangement to count")
    arguments = parser.parse_args()
    if arguments.resonance is not None:
        resonance(arguments.resonance)
        return
    side_by_side(arguments.relucent)
    growing()


if __name__ == "__main__":
    main()
