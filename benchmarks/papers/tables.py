"""Markdown tables and command-line options that the scripts of this folder share."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path


def options(description: str) -> argparse.ArgumentParser:
    """A parser that knows where the images are and whether the full setting is wanted."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the MNIST IDX files")
    parser.add_argument("--full", action="store_true", help="the setting of the papers")
    parser.add_argument("--epochs", type=int, help="epochs of training, instead of the setting's")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def heading(names: Sequence[str]) -> None:
    """The first two lines of a table."""
    row(names)
    print("|" + "---|" * len(names), flush=True)


def row(cells: Iterable[object]) -> None:
    """One line of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
