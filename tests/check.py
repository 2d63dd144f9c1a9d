"""Run every check, whatever fails, and end with one table of all of them.

``make check`` calls this. ``python tests/check.py lint types`` runs only the checks named,
and ``--slow`` adds the tests marked slow.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = [sys.executable, "-m"]
PYTEST = [*PYTHON, "pytest", "-q"]

CHECKS = {
    "format": [*PYTHON, "ruff", "format", "--check", "."],
    "lint": [*PYTHON, "ruff", "check", "."],
    "types": [*PYTHON, "mypy"],
    "layers": [*PYTEST, "tests/test_layers.py"],
    "tests": [
        *PYTEST,
        "-n2",
        "tests",
        "--ignore=tests/test_layers.py",
        "--ignore=tests/test_readme.py",
    ],
    "doctests": [*PYTEST, "--doctest-modules", "explainrelu"],
    "readme": [*PYTEST, "tests/test_readme.py"],
    "tutorials": [*PYTEST, "--nbmake", "tutorials"],
}


def environment(name: str) -> dict[str, str]:
    """The variables a check runs under; a notebook chooses its own plotting backend."""
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    if name == "tutorials":
        del variables["MPLBACKEND"]
    return variables


def run(name: str, command: list[str]) -> tuple[str, bool, float]:
    """Run one check where the person sees it; its name, whether it passed, and the seconds."""
    print(f"\n--- {name}: {' '.join(command[2:])}", flush=True)
    start = time.perf_counter()
    code = subprocess.run(command, cwd=ROOT, env=environment(name), check=False).returncode
    return name, code == 0, time.perf_counter() - start


def main() -> int:
    """Run the checks asked for; 0 where all passed, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    parser.add_argument("--slow", action="store_true", help="also the tests marked slow")
    options = parser.parse_args()
    if unknown := set(options.names) - set(CHECKS):
        parser.error(
            f"no such check: {', '.join(sorted(unknown))}; choose from {', '.join(CHECKS)}"
        )

    results = []
    for name, command in CHECKS.items():
        if not options.names or name in options.names:
            slow = ["-m", ""] if options.slow and "pytest" in command else []
            results.append(run(name, [*command, *slow]))

    print("\ncheck      result    seconds")
    for name, passed, seconds in results:
        print(f"{name:<10} {'passed' if passed else 'FAILED':<8} {seconds:8.1f}")
    return 0 if all(passed for _, passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
