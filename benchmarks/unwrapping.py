"""A summary of every region the rows visit: ours beside Aletheia and beside a literal loop.

    python benchmarks/unwrapping.py                              # ours and the loop
    python benchmarks/unwrapping.py --aletheia VENV/bin/python   # with Aletheia beside them

20 columns, 40-40 neurons, random weights, so that nearly every row lies in a region of its own, and
a target of two classes drawn by the network's own probabilities. Every figure is taken in a fresh
process with one thread. Ours are the regions, their affine maps, and ``region_diagnostics``: once
with the fit over all rows for the 20 most visited regions, as by default, once for every region, as
the others do, which is quadratic for whoever does it. The loop is what such a summary says, written
down: the score of every row by every region's formula in one dense matrix, then scikit-learn's area
under the ROC curve, region by region; its figures are checked against ours.

Aletheia (aletheia-dnn) wants old packages, so it is run by the interpreter of another environment;
where it is not installed, its rows are left out.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

WIDTHS = (20, 40, 40, 1)
OURS = (20_000, 100_000)
QUADRATIC = (1_000, 2_000, 4_000)

ALETHEIA = """
import json, sys, time
import matplotlib
matplotlib.use("Agg")
import numpy as np
from aletheia import UnwrapperClassifier
data = np.load(sys.argv[1])
weights = [data[f"w{i}"].T for i in range(3)]
biases = [data[f"b{i}"] for i in range(3)]
def memory(field):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
def run(X, y):
    unwrapped = UnwrapperClassifier(weights, biases)
    unwrapped.fit(X, y)
    unwrapped.summary()
run(data["X"][:100], data["y"][:100])
before, start, spent = memory("VmRSS"), time.perf_counter(), time.process_time()
run(data["X"], data["y"])
print()
seconds, cpu = time.perf_counter() - start, time.process_time() - spent
print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": memory("VmHWM"), "before": before}))
"""


def problem(n_rows: int) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights, biases, rows and target; the network is that of ``bench_unwrapping.py``."""
    rng = np.random.default_rng(0)
    shapes = list(zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
    weights = [rng.normal(size=shape) * np.sqrt(2 / shape[1]) for shape in shapes]
    biases = [0.1 * rng.normal(size=n) for n, _ in shapes]
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_rows, WIDTHS[0]))
    hidden = np.maximum(np.maximum(X @ weights[0].T + biases[0], 0) @ weights[1].T + biases[1], 0)
    logit = (hidden @ weights[2].T + biases[2])[:, 0]
    return weights, biases, X, (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(int)


def network(weights: list[np.ndarray], biases: list[np.ndarray]) -> Any:
    from explainrelu.network.network import ReluNetwork
    from explainrelu.network.outputs import Link, OutputSchema, Task

    outputs = OutputSchema(("1",), Task.BINARY, Link.logistic, ("0", "1"))
    return ReluNetwork.from_weights(weights, biases, outputs=outputs)


def ours(net: Any, X: np.ndarray, y: np.ndarray, max_global: int | None = 20) -> Any:
    """Regions, affine maps and the diagnostics; the regions are found twice and counted twice."""
    from explainrelu.explanations.diagnostics import region_diagnostics
    from explainrelu.regions.observed import regions_of_points

    weight, _ = regions_of_points(net, X).affine_maps()
    found = region_diagnostics(net, X, y, max_global=max_global)
    found.weak_spots()
    table = found.to_frame()
    assert weight.shape[0] == len(table)
    return table


def ours_every(net: Any, X: np.ndarray, y: np.ndarray) -> Any:
    return ours(net, X, y, None)


def loop(net: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """The same figures region by region, over a dense matrix of all rows by all regions."""
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    hidden, bits = X, []
    for layer in net.layers:
        z = hidden @ layer.weight.T + layer.bias
        bits.append(z > 0)
        hidden = np.maximum(z, 0)
    patterns, place = np.unique(np.hstack(bits), axis=0, return_inverse=True)
    first, second = net.layers
    forms = []
    for pattern in patterns:
        D1, D2 = np.diag(1.0 * pattern[: first.n_units]), np.diag(1.0 * pattern[first.n_units :])
        slope = net.output.weight @ D2 @ second.weight @ D1
        forms.append(
            (
                (slope @ first.weight)[0],
                (slope @ first.bias + net.output.weight @ D2 @ second.bias + net.output.bias)[0],
            )
        )
    scores = X @ np.array([w for w, _ in forms]).T + np.array([b for _, b in forms])
    rows = []
    for i in range(len(patterns)):
        own = place == i
        both = np.unique(y[own]).size == 2
        area = roc_auc_score(y[own], scores[own, i]) if both else np.nan
        rows.append((own.sum(), y[own].mean(), y[own].std(), area, roc_auc_score(y, scores[:, i])))
    columns = ["n_rows", "response_mean", "response_std", "local_auc", "global_auc"]
    return pd.DataFrame(rows, columns=columns)


CONTENDERS = {"ours": ours, "ours_every": ours_every, "loop": loop}


def memory(field: str) -> float:
    """A figure of this process in MB; getrusage would remember the parent's peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def measure(contender: str, n_rows: int, rounds: int) -> None:
    """Run one contender in this process and print what it took as JSON."""
    weights, biases, X, y = problem(n_rows)
    net, run = network(weights, biases), CONTENDERS[contender]
    run(net, X[:100], y[:100])  # everything that is imported on first use is
    before, seconds, cpu = memory("VmRSS"), [], []
    for _ in range(rounds):
        start, spent = time.perf_counter(), time.process_time()
        table = run(net, X, y)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - spent)
    found = {
        "seconds": sorted(seconds)[rounds // 2],
        "cpu": sorted(cpu)[rounds // 2],
        "peak": memory("VmHWM"),
        "before": before,
        "n": len(table),
        "sums": [float(table[name].sum()) for name in ("response_std", "local_auc", "global_auc")],
    }
    print(json.dumps(found))


def measured(contender: str, n_rows: int, rounds: int = 1) -> dict[str, Any]:
    """What :func:`measure` prints in a process of its own with one thread."""
    command = [sys.executable, __file__, "--contender", contender, "--rows", str(n_rows)]
    return output_of([*command, "--rounds", str(rounds)])


def output_of(command: list[str]) -> dict[str, Any]:
    folder = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        raise RuntimeError(reason[-1] if reason else f"ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def row(who: str, n_rows: int, found: dict[str, Any] | str) -> str:
    if isinstance(found, str):
        return f"| {n_rows:,} | | {who} | {found} | | | |"
    regions = f"{found['n']:,}" if "n" in found else ""
    times = f"{found['seconds']:.2f} | {found['cpu']:.2f}"
    sizes = f"{found['peak'] - found['before']:.0f} | {found['peak']:.0f}"
    return f"| {n_rows:,} | {regions} | {who} | {times} | {sizes} |"


def aletheia(python: str, n_rows: int) -> dict[str, Any] | str:
    """Aletheia's summary of the same problem, or the last line of what stopped it."""
    from tempfile import TemporaryDirectory

    weights, biases, X, y = problem(n_rows)
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "problem.npz")
        named = {f"w{i}": w for i, w in enumerate(weights)}
        named |= {f"b{i}": b for i, b in enumerate(biases)}
        np.savez(path, X=X, y=y, **named)
        try:
            return output_of([python, "-c", ALETHEIA, path])
        except (RuntimeError, json.JSONDecodeError) as error:
            return str(error)


def has_aletheia(python: str) -> bool:
    return subprocess.run([python, "-c", "import aletheia"], capture_output=True).returncode == 0


def side_by_side(python: str, rounds: int) -> None:
    """Every contender at its sizes, as a table."""
    theirs = has_aletheia(python)
    if not theirs:
        print("Aletheia is not installed (aletheia-dnn): its rows are left out.\n")
    print("| rows | regions | who | seconds | of them CPU | MB | MB in all |")
    print("|---|---|---|---|---|---|---|")
    for n_rows in OURS:
        print(row("ours", n_rows, measured("ours", n_rows, rounds)), flush=True)
        if theirs:
            print(row("Aletheia", n_rows, aletheia(python, n_rows)), flush=True)
    for n_rows in QUADRATIC:
        every, literal = measured("ours_every", n_rows), measured("loop", n_rows)
        np.testing.assert_allclose(every["sums"], literal["sums"], rtol=1e-9)
        print(row("ours", n_rows, measured("ours", n_rows, rounds)), flush=True)
        print(row("ours, global fit of every region", n_rows, every), flush=True)
        print(row("a literal loop", n_rows, literal), flush=True)
        if theirs:
            print(row("Aletheia", n_rows, aletheia(python, n_rows)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--aletheia", default=sys.executable, help="interpreter of the environment that has it"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of ours, of which the median counts")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=20_000, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        measure(arguments.contender, arguments.rows, arguments.rounds)
    else:
        side_by_side(arguments.aletheia, arguments.rounds)


if __name__ == "__main__":
    main()
