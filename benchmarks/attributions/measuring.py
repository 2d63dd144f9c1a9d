"""Contenders measured one by one, each in a fresh process with one thread, and their table.

A contender is a function at the top of a module. It takes a task (anything that can be pickled),
prepares itself, and returns the call that is measured, which takes nothing and returns the values.
What comes before the call, such as imports and the making of a model, is not counted. Memory is
read where Linux keeps it.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

_ENOUGH = 5.0  # seconds after which no further round begins

Contender = Callable[[Any], Callable[[], np.ndarray]]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What one contender took and gave.

    Attributes
    ----------
    seconds
        Of the processor, the least of the rounds: with one thread what the clock shows where
        nothing else runs, and nearly the same where something does.
    megabytes
        Peak memory above what the process had before the first call.
    values
        What the call returned.
    """

    seconds: float
    megabytes: float
    values: np.ndarray


def measured(contender: Contender, task: Any, *, rounds: int = 5) -> Measured:
    """A contender run in a process of its own."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the process that starts, not by this one
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run, contender, task, rounds).result()


def _run(contender: Contender, task: Any, rounds: int) -> Measured:
    call = contender(task)
    before = _peak(since_now=True)
    values = call()
    megabytes = _peak() - before
    seconds = []
    while len(seconds) < rounds and sum(seconds) < _ENOUGH:
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return Measured(min(seconds), megabytes, np.asarray(values, dtype=np.float64))


def _peak(*, since_now: bool = False) -> float:
    """Peak memory of this process in megabytes; with ``since_now`` its count begins anew."""
    if since_now:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def largest_error(values: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference of a value, relative to the largest value of its row."""
    size = np.abs(exact).max(axis=tuple(range(1, exact.ndim)), keepdims=True)
    return float((np.abs(values - exact) / size).max())


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table, each line as soon as it is known."""
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    for cells in rows:
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    print(flush=True)
