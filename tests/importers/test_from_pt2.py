import json
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explainrelu.certificate import Status
from explainrelu.errors import ArchiveError, ExplainReluError, UnsupportedModelError
from explainrelu.importers.from_pt2 import from_pt2
from explainrelu.importers.import_model import import_model
from explainrelu.network.outputs import Link
from tests.importers.torch_graph.functions import module_of, rows

FOLDER = "net"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.slope, self.last = nn.PReLU(3), nn.Linear(18, 2)
        self.register_buffer("order", torch.tensor([1, 0]), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.slope(self.norm(self.conv(x)))
        x = F.relu(F.max_pool2d(x, 2).flatten(1), inplace=True)
        return F.softmax(self.last(x)[:, self.order] + torch.tensor([1.0, -1.0]), dim=-1)


def net(dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return Net().to(dtype).eval()


def saved(
    module: nn.Module,
    example: torch.Tensor,
    folder: Path,
    *,
    open_rows: bool = False,
    decomposed: dict[Any, Any] | bool | None = None,
) -> Path:
    """The module exported and saved by PyTorch itself."""
    path = folder / f"{FOLDER}.pt2"
    shapes = ({0: torch.export.Dim("rows")},) if open_rows else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (example,), dynamic_shapes=shapes, strict=False)
        if decomposed is not None:
            program = program.run_decompositions(None if decomposed is True else decomposed)
        torch.export.save(program, path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return saved(net(), rows(2, 6, 4)[:1], tmp_path)


def outputs_of(module: nn.Module, X: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return module(X.clone()).double().reshape(len(X), -1).numpy()


@pytest.mark.parametrize("open_rows", [False, True])
@pytest.mark.parametrize("decomposed", [None, {}, True])
def test_a_saved_program_is_the_module_in_float64(tmp_path: Path, open_rows: bool, decomposed: Any):
    X, module = rows(2, 6, 4), net()
    example = X if open_rows else X[:1]
    path = saved(module, example, tmp_path, open_rows=open_rows, decomposed=decomposed)
    network = from_pt2(path)
    got = network.link(network.forward(X.reshape(6, -1).numpy()))
    assert network.link is Link.softmax
    assert network.schema.shape == (2, 6, 4)
    assert np.abs(got - outputs_of(module, X)).max() <= 1e-15


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_of_every_precision_are_taken_exactly(tmp_path: Path, dtype: torch.dtype):
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).to(dtype).eval()
    network = from_pt2(saved(module, torch.ones(1, 3, dtype=dtype), tmp_path))
    assert np.array_equal(network.layers[0].weight, module[0].weight.detach().double().numpy())
    assert network.origin.dtype == str(dtype).removeprefix("torch.")


def test_weights_that_share_memory_or_are_turned_are_placed_as_they_were(tmp_path: Path):
    linear = nn.Linear(3, 2, bias=False).double()
    turned = nn.Parameter(torch.arange(6.0).double().reshape(2, 3).T[1:])
    module = module_of(lambda self, x: self.l(x) @ self.t.w, l=linear, t=nn.Module())
    module.t.w = turned
    path = saved(module, torch.ones(1, 3).double(), tmp_path)
    X = rows(3)
    assert np.array_equal(
        from_pt2(path).forward(X.numpy()).round(12), outputs_of(module, X).round(12)
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.view(x.shape[0] * 2, -1).relu().reshape(x.shape[0], -1),
        lambda x: x[:, :1].expand(x.shape[0], 4) + torch.ones(x.shape[0], 4),
        lambda x: torch.cat([x, torch.zeros(x.shape[0], 1)], 1),
    ],
)
def test_sizes_that_follow_from_an_open_number_of_rows_are_known(
    tmp_path: Path, function: Callable[[Any], Any]
):
    X, module = rows(4), module_of(function)
    path = saved(module, X, tmp_path, open_rows=True)
    assert np.array_equal(from_pt2(path).forward(X.numpy()), outputs_of(module, X))


@pytest.mark.parametrize("function", [lambda x: x - x.mean(0), lambda x: x.flip(0)])
def test_a_program_that_mixes_its_rows_is_refused(tmp_path: Path, function: Callable[[Any], Any]):
    path = saved(module_of(function), rows(4), tmp_path, open_rows=True)
    with pytest.raises(UnsupportedModelError, match="mixes the rows of a batch"):
        from_pt2(path)


def test_rows_give_ranges_and_the_rows_of_another_pattern(tmp_path: Path):
    path = saved(net(torch.float32), rows(2, 6, 4)[:1].float(), tmp_path)
    network = import_model(path, rows(2, 6, 4).numpy())
    assert network.schema.columns[0].lower <= network.schema.columns[0].upper
    (_, check) = network.certificate.checks
    assert check.name == "share of rows with another activation pattern in float32"


def test_a_place_is_named_by_module_path_and_source_line(tmp_path: Path):
    module = nn.Sequential(nn.Linear(3, 3), nn.Tanh()).eval()
    path = saved(module, torch.ones(1, 3), tmp_path)
    with pytest.raises(UnsupportedModelError, match=r"^1 calls tanh\.default, which is not piece"):
        from_pt2(path)


def test_a_part_changed_in_place_is_refused_until_it_is_decomposed(tmp_path: Path):
    def changed(x: torch.Tensor) -> torch.Tensor:
        y = 2 * x
        y[:, 0] = 1.0
        return y

    X, module = rows(3), module_of(changed)
    with pytest.raises(UnsupportedModelError, match=r"shares its memory.*run_decompositions"):
        from_pt2(saved(module, X[:1], tmp_path))
    path = saved(module, X[:1], tmp_path, decomposed={})
    assert np.array_equal(from_pt2(path).forward(X.numpy()), outputs_of(module, X))


def test_torch_is_not_needed(file: Path):
    code = (
        "import sys; sys.modules['torch'] = None; "
        "from explainrelu.importers.from_pt2 import from_pt2; "
        f"print(from_pt2({str(file)!r}).n_outputs)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "2"


# ------------------------------------------------------------------------------------------
# Files that lie.


def rewritten(file: Path, change: Callable[[dict[str, bytes]], Any], **options: Any) -> Path:
    """The archive with its members changed."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def edited(member: str, edit: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    """A change of one JSON member."""

    def change(members: dict[str, bytes]) -> None:
        content = json.loads(members[f"{FOLDER}/{member}"])
        edit(content)
        members[f"{FOLDER}/{member}"] = json.dumps(content).encode()

    return change


def node(content: Any, target: str) -> Any:
    return next(n for n in content["graph_module"]["graph"]["nodes"] if target in n["target"])


MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
FORGED: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "no model": (lambda m: m.pop(f"{FOLDER}/{MODEL}"), "archive of torch.export.save"),
    "two models": (
        lambda m: m.update({f"{FOLDER}/models/other.json": b"{}"}),
        "the program must be one, got 2",
    ),
    "no JSON": (lambda m: m.update({f"{FOLDER}/{MODEL}": b"{"}), "whole archive"),
    "a list": (lambda m: m.update({f"{FOLDER}/{MODEL}": b"[]"}), "a JSON object"),
    "nested": (lambda m: m.update({f"{FOLDER}/{MODEL}": b"[" * 10**5}), "whole archive"),
    "schema": (edited(MODEL, lambda c: c["schema_version"].update(major=9)), "schema version"),
    "no graph": (edited(MODEL, lambda c: c.pop("graph_module")), "as its schema has it"),
    "no weight": (lambda m: m.pop(f"{FOLDER}/data/weights/weight_0"), "whole archive"),
    "short weight": (
        lambda m: m.update({f"{FOLDER}/data/weights/weight_0": b"\0" * 8}),
        "within the bytes",
    ),
    "pickled weight": (
        edited(WEIGHTS, lambda c: c["config"]["conv.weight"].update(use_pickle=True)),
        "pickle, which may run code",
    ),
    "huge weight": (
        edited(
            WEIGHTS,
            lambda c: c["config"]["conv.weight"]["tensor_meta"].update(
                sizes=[{"as_int": 10**9}], strides=[{"as_int": 0}]
            ),
        ),
        "within the bytes",
    ),
    "negative stride": (
        edited(
            WEIGHTS,
            lambda c: c["config"]["conv.weight"]["tensor_meta"]["strides"][0].update(as_int=-9),
        ),
        "whole sizes and strides",
    ),
    "unknown format": (
        edited(WEIGHTS, lambda c: c["config"]["conv.weight"]["tensor_meta"].update(dtype=30)),
        "format number 30",
    ),
    "code as a size": (
        edited(
            MODEL,
            lambda c: c["graph_module"]["graph"]["tensor_values"]["x"]["sizes"].__setitem__(
                1, {"as_expr": {"expr_str": "__import__('os').system('true')"}}
            ),
        ),
        "known sizes",
    ),
    "unknown value": (
        edited(
            MODEL, lambda c: node(c, "conv2d")["inputs"][0]["arg"].update(as_tensor={"name": "?"})
        ),
        "which no call gives",
    ),
    "wrong shape": (
        edited(
            MODEL,
            lambda c: c["graph_module"]["graph"]["tensor_values"]["conv2d"]["sizes"][1].update(
                as_int=7
            ),
        ),
        "contradicts",
    ),
    "huge value": (
        edited(
            MODEL,
            lambda c: c["graph_module"]["graph"]["tensor_values"]["conv2d"]["sizes"][1].update(
                as_int=10**12
            ),
        ),
        "at most",
    ),
    "unknown operator": (
        edited(MODEL, lambda c: node(c, "conv2d").update(target="os.system")),
        "not among the operators",
    ),
    "wrong axis": (
        edited(MODEL, lambda c: node(c, "flatten").update(target="torch.ops.aten.flip.default")),
        "in a form that cannot be read",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_refused(file: Path, name: str):
    change, message = FORGED[name]
    with pytest.raises(ExplainReluError, match=message):
        from_pt2(rewritten(file, change))


def test_a_compressed_member_is_refused(file: Path):
    with pytest.raises(ArchiveError, match="without compression"):
        from_pt2(rewritten(file, lambda _: None, compression=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("kept", [0, 10, 1000, -30])
def test_a_truncated_file_is_refused(file: Path, kept: int):
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ArchiveError, match="zip that can be unpacked"):
        from_pt2(file)


def test_damaged_bytes_never_end_in_a_foreign_error(file: Path):
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0x5A
        file.write_bytes(bytes(damaged))
        try:
            from_pt2(file)
        except ExplainReluError:
            continue


def test_a_pickle_is_never_opened(tmp_path: Path):
    path = tmp_path / "model.pt2"
    torch.save(net(), path)
    with pytest.raises(ArchiveError, match="a pickle in it"):
        from_pt2(path)


def test_a_file_that_is_not_run_is_neither_proven_nor_wrong(tmp_path: Path):
    path = saved(net(torch.float32), rows(2, 6, 4)[:1].float(), tmp_path)
    for X in (None, rows(2, 6, 4).numpy()):
        certificate = from_pt2(path, X).certificate
        assert certificate.status is Status.UNDECIDED
        assert "a .pt2 file is not run" in certificate.checks[0].detail


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(1, dtype=torch.int64),
        lambda x: x.sum(1, dtype=torch.bool),
        lambda x: x.mean(1, dtype=torch.float16),
        lambda x: x.half().float(),
        lambda x: x.bfloat16().float(),
    ],
)
def test_operators_that_round_values_of_the_input_are_refused(
    tmp_path: Path, function: Callable[[Any], Any]
):
    path = saved(module_of(function), rows(3)[:1].float(), tmp_path)
    with pytest.raises(UnsupportedModelError, match="rounds values of the input to"):
        from_pt2(path)


def test_bits_read_as_another_number_format_are_refused(tmp_path: Path):
    path = saved(module_of(lambda x: x.view(torch.int32)), rows(3)[:1].float(), tmp_path)
    with pytest.raises(UnsupportedModelError, match="reads the bits of numbers as int32"):
        from_pt2(path)
