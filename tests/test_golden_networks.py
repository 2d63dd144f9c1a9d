"""Networks that people publish, against outputs recorded from their own files."""

from pathlib import Path

import numpy as np
import pytest

from explainrelu.importers.from_onnx import from_onnx
from explainrelu.network.network import ReluNetwork

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
GOLDEN = sorted((SHARED / "golden").glob("*.npz")) if SHARED.is_dir() else []

pytestmark = pytest.mark.skipif(not GOLDEN, reason="the published networks are not here")


def imported(golden: Path) -> ReluNetwork:
    folder, name = golden.stem.split("__", 1)
    (path,) = sorted((SHARED / "nets" / folder).rglob(f"{name}.onnx"))
    return from_onnx(path)


def gap(golden: Path) -> float:
    """Largest difference behind the link, relative to the largest output."""
    recorded = np.load(golden)
    network = imported(golden)
    rows = recorded["x"].reshape(len(recorded["x"]), -1).astype(np.float64)
    wanted = recorded["y"].reshape(len(rows), -1)
    got = network.link(network.forward(network.schema.encode(rows)))
    return float(np.abs(got - wanted).max() / max(1e-3, np.abs(wanted).max()))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_published_network_gives_its_recorded_outputs(golden: Path) -> None:
    assert gap(golden) <= 1e-4


def test_table_of_all_published_networks_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    gaps = {golden.stem: gap(golden) for golden in GOLDEN}
    worst = max(gaps, key=gaps.__getitem__)
    with capsys.disabled():
        print()
        for name, value in gaps.items():
            print(f"{value:10.2e}  {name}")
        print(f"{gaps[worst]:10.2e}  worst of {len(gaps)}: {worst}")
    assert gaps[worst] <= 1e-4
