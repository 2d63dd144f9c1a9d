"""NNet files: against the formula of the format, and against files converted to ONNX."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.errors import ArchiveError, ColumnsError, ExplainReluError
from explainrelu.importers.from_nnet import from_nnet
from explainrelu.importers.import_model import import_model

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

SMALL = """// made by hand
//
2,2,1,3,
2,3,1,
0,
-1.0,0.0,
1.0,4.0,
0.5,2.0,10.0,
2.0,4.0,3.0,
1.0,-1.0,
0.5,2.0,
-1.0,0.0,
0.1,
-0.2,
0.3,
1.0,-2.0,0.5,
0.25,
"""


def written(folder: Path, text: str | bytes = SMALL) -> Path:
    path = folder / "net.nnet"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def by_hand(a: float, b: float) -> float:
    """SMALL, spelt out."""
    u, v = (min(max(a, -1.0), 1.0) - 0.5) / 2.0, (min(max(b, 0.0), 4.0) - 2.0) / 4.0
    hidden = max(u - v + 0.1, 0.0), max(0.5 * u + 2.0 * v - 0.2, 0.0), max(-u + 0.3, 0.0)
    return (hidden[0] - 2.0 * hidden[1] + 0.5 * hidden[2] + 0.25) * 3.0 + 10.0


@pytest.mark.parametrize("row", [(0.0, 1.0), (-1.0, 4.0), (1.0, 0.0), (-7.0, 2.0), (3.0, 9.0)])
def test_rows_inside_and_outside_the_ranges_score_as_the_format_says(
    tmp_path: Path, row: tuple[float, float]
):
    network = from_nnet(written(tmp_path))
    assert network([row])[0] == pytest.approx(by_hand(*row), abs=1e-13)


def test_units_that_clip_are_inactive_inside_the_ranges_ends_included(tmp_path: Path):
    network = from_nnet(written(tmp_path))
    z = network.preactivations(np.array([[-1.0, 0.0], [1.0, 4.0], [0.3, 2.0]]))[0]
    assert (z[:, network.layers[0].rectified] <= 0).all()


def test_without_clipping_the_formulas_go_on_outside(tmp_path: Path):
    bare, whole = from_nnet(written(tmp_path), clip=False), from_nnet(written(tmp_path))
    inside, outside = [[0.3, 2.0]], [[5.0, 2.0]]
    assert bare.widths == (3,)
    assert bare(inside) == pytest.approx(whole(inside), abs=1e-13)
    assert bare(outside) != pytest.approx(whole(outside), abs=1e-3)
    assert "ranges of the file" in bare.origin.assumptions[0]


def test_the_columns_have_the_ranges_of_the_file(tmp_path: Path):
    columns = from_nnet(written(tmp_path), names=["speed", "height"]).schema.columns
    assert [(c.name, c.lower, c.upper) for c in columns] == [
        ("speed", -1.0, 1.0),
        ("height", 0.0, 4.0),
    ]


def test_rows_name_the_columns_widen_the_ranges_and_are_checked(tmp_path: Path):
    rows = pd.DataFrame({"speed": [0.0, 3.0], "height": [1.0, 2.0]})
    network = import_model(written(tmp_path), rows)
    assert network.schema.columns[0].upper == 3.0
    assert [check.name for check in network.certificate.checks] == [
        "import: raw scores equal the model's own"
    ]


@pytest.mark.parametrize("none", ["-inf", "-3.4028234663852886e+38"])
def test_an_input_may_have_no_limit(tmp_path: Path, none: str):
    path = written(tmp_path, SMALL.replace("-1.0,0.0,\n1.0,4.0", f"{none},0.0,\n1.0,4.0"))
    network = from_nnet(path)
    far = from_nnet(path, clip=False)([[-50.0, 1.0]])
    assert network([[-50.0, 1.0]]) == pytest.approx(far, abs=1e-12)
    assert np.isnan(network.schema.columns[0].lower)
    assert network.schema.columns[0].upper == 1.0


def test_commas_at_line_ends_blank_lines_and_windows_line_ends_are_all_one(tmp_path: Path):
    plain = from_nnet(written(tmp_path)).fingerprint
    other = "\ufeff" + SMALL.replace(",\n", " \r\n").replace("0,\r\n", "0\r\n") + "\n\n"
    assert from_nnet(written(tmp_path, other)).fingerprint == plain


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1.0,-2.0,0.5,\n0.25,\n", "", r"line 15: the file ends where weights of layer 2"),
        ("0.25,\n", "", r"line 16: the file ends where the bias of a unit of layer 2"),
        ("0.25,\n", "0.25,\n7,\n", r"line 18: the file must end behind the last bias"),
        ("0.5,2.0,\n", "0.5,\n", r"line 11: weights of layer 1: 2 numbers must stand there, got 1"),
        ("0.5,2.0,\n", "0.5,cat,\n", r"line 11: weights of layer 1 must be numbers"),
        ("0.5,2.0,\n", "0.5,nan,\n", r"line 11: weights of layer 1 must be finite"),
        ("2,3,1,\n", "2,3,2,\n", r"line 4: widths must be at least 1, from 2 inputs to 1 outputs"),
        ("2,3,1,\n", "2,0,1,\n", r"line 4: widths must be at least 1"),
        ("2.0,4.0,3.0", "0.0,4.0,3.0", r"line 9: no range of an input may be 0"),
        ("1.0,4.0,\n", "-2.0,4.0,\n", r"line 7: no maximum of an input may be below"),
        ("2,2,1,3", "0,2,1,3", r"line 3: there must be at least one layer"),
        ("2,2,1,3", "2,2.5,1,3", r"line 3: .* must be whole numbers"),
        ("2,2,1,3", "900000000,2,1,3", r"line 3: there must be at least one layer and at most"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(tmp_path: Path, old: str, new: str, told: str):
    with pytest.raises(ArchiveError, match=told):
        from_nnet(written(tmp_path, SMALL.replace(old, new, 1)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04\xff\xfe\x00", b"// only a comment\n"])
def test_other_files_are_refused(tmp_path: Path, content: bytes):
    with pytest.raises(ArchiveError, match=r"cannot be read as an NNet file: line \d"):
        from_nnet(written(tmp_path, content))


def test_widths_are_not_believed_before_the_rows_are_there(tmp_path: Path):
    text = "2,2,1,900000000,\n2,900000000,1,\n0,\n0,0,\n1,1,\n0,0,0,\n1,1,1,\n1,1,\n"
    with pytest.raises(ArchiveError, match="line 8: the file ends where weights of layer 1"):
        from_nnet(written(tmp_path, text))


def test_a_missing_file_and_wrong_names_are_refused(tmp_path: Path):
    with pytest.raises(ArchiveError, match="cannot be read"):
        from_nnet(tmp_path / "none.nnet")
    with pytest.raises(ColumnsError, match="takes 2 columns, got 1"):
        from_nnet(written(tmp_path), names=["speed"])


@given(
    st.integers(0, len(SMALL) - 1), st.sampled_from(["", ",", "\n", "-", "9", "e9", "\x00", "/"])
)
def test_a_file_with_one_sign_changed_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, sign: str
):
    path = written(tmp_path_factory.mktemp("nnet"), SMALL[:place] + sign + SMALL[place + 1 :])
    with suppress(ExplainReluError):
        assert np.isfinite(from_nnet(path).forward(np.zeros((1, 2)))).all()


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared networks are not here")


def golden(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(DATA / "golden" / f"{name}.npz") as kept:
        return kept["x"].astype(np.float64), kept["y"].astype(np.float64)


@needs_data
@pytest.mark.parametrize(
    ("file", "twin"),
    [("nnet/TestNetwork2", "nnet__TestNetwork2"), ("marabou/fc_2-2-3", "marabou__fc_2-2-3")],
)
def test_the_twin_in_onnx_has_the_normalisation_and_no_clipping(file: str, twin: str):
    x, y = golden(twin)
    found = from_nnet(DATA / "nets" / f"{file}.nnet", clip=False).forward(x)
    assert np.abs(found - y).max() <= 1e-6 * max(1e-3, np.abs(y).max())


@needs_data
@pytest.mark.parametrize("name", ["1_1", "3_3"])
def test_the_acas_xu_files_are_their_onnx_twins_on_normalised_inputs(name: str):
    x, y = golden(f"acasxu__ACASXU_run2a_{name}_batch_2000")
    mean, spread = (
        np.array([19791.091, 0, 0, 650, 600]),
        np.array([60261.0, *[2 * np.pi] * 2, 1100, 1200]),
    )
    path = DATA / "nets" / "acasxu" / "nnet" / f"ACASXU_experimental_v2a_{name}.nnet"
    found = from_nnet(path, clip=False).forward(x * spread + mean)
    # the ONNX files give the outputs before they are scaled back
    assert np.abs((found - 7.5188840201005975) / 373.94992 - y).max() <= 1e-6 * np.abs(y).max()


@needs_data
def test_a_picture_network_of_many_layers_is_read():
    network = from_nnet(DATA / "nets" / "marabou" / "mnist10x10.nnet")
    rows = np.random.default_rng(0).uniform(size=(5, 784))
    bare = from_nnet(DATA / "nets" / "marabou" / "mnist10x10.nnet", clip=False)
    assert np.allclose(network.forward(rows), bare.forward(rows), rtol=1e-12, atol=1e-12)
    assert bare.n_neurons == 100
