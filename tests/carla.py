"""The networks of the CARLA benchmark with their data, where they are at hand."""

from functools import cache
from itertools import dropwhile, takewhile
from pathlib import Path

import pandas as pd
import pytest

from explainrelu.network.network import ReluNetwork

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "nets" / "carla"

here = pytest.mark.skipif(not FOLDER.is_dir(), reason="the networks of CARLA are not here")


@cache
def catalogued(name: str) -> tuple[ReluNetwork, pd.DataFrame]:
    """The network on ``compas`` or ``adult`` and its rows, in its columns and scaled to [0, 1]."""
    pytest.importorskip("onnx")
    from explainrelu.importers.from_onnx import from_onnx

    order = catalogued_order(FOLDER / "mlmodel_catalog.yaml", name)
    parts = [pd.read_csv(FOLDER / "data" / f"{name}_{part}.csv") for part in ("train", "test")]
    rows = pd.get_dummies(pd.concat(parts, ignore_index=True))[order].astype(float)
    scaled = (rows - rows.min()) / (rows.max() - rows.min())
    return from_onnx(FOLDER / f"{name}_ann.onnx", names=order), scaled


def catalogued_order(path: Path, data: str) -> list[str]:
    """The columns of the first network on ``data`` in the catalogue, in their order."""
    text = "\n" + path.read_text()
    lines = iter(text.split(f"\n{data}:\n")[1].splitlines())
    found = list(
        takewhile(lambda line: "- " in line, dropwhile(lambda line: "- " not in line, lines))
    )
    return [line.split("- ")[1].strip() for line in found]
