import json
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArchiveError, ArgumentError, OutputError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.importers.archive import archive as archive_module
from explainrelu.importers.archive.archive import (
    Archive,
    ArchivedRegions,
    read_archive,
    write_archive,
)
from explainrelu.importers.from_sklearn import from_sklearn
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task
from explainrelu.network.schema import InputSchema
from tests.archives import assert_same, small_archive, small_box_archive, small_network

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
TEXT = st.text(st.characters(), max_size=6)  # lone surrogates and NUL among them
LEVELS = st.none() | st.booleans() | st.integers() | ANY_FLOAT | TEXT


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    kind = draw(st.sampled_from(ColumnKind))
    levels = tuple(draw(st.lists(LEVELS, min_size=1, max_size=4)))
    fills = ANY_FLOAT if kind in (ColumnKind.NUMERIC, ColumnKind.ORDINAL) else LEVELS
    return Column(
        name=name,
        kind=kind,
        unit=draw(TEXT),
        levels=levels,
        codes=tuple(draw(ANY_FLOAT) for _ in levels),
        imputes=draw(st.booleans()),
        fill=draw(fills),
        missing_marker=draw(LEVELS),
        missing_as=draw(st.sampled_from(["any", "nan", "none"])),
        ignores_unknown=draw(st.booleans()),
        unknown_code=draw(ANY_FLOAT),
        lower=draw(ANY_FLOAT),
        upper=draw(ANY_FLOAT),
    )


@st.composite
def certificates(draw: st.DrawFn) -> Certificate:
    check = st.builds(
        Check,
        name=TEXT,
        status=st.sampled_from(Status),
        value=ANY_FLOAT,
        tolerance=ANY_FLOAT,
        exactness=st.sampled_from(Exactness),
        detail=TEXT,
    )
    return Certificate(tuple(draw(st.lists(check, max_size=2))))


@st.composite
def networks(draw: st.DrawFn) -> ReluNetwork:
    """A network whose schema, outputs, origin and certificate are anything they may be."""
    names = draw(st.lists(TEXT, min_size=1, max_size=3, unique=True))
    schema = InputSchema(tuple(draw(columns(name)) for name in names))
    widths = [schema.n_inputs, *draw(st.lists(st.integers(1, 4), max_size=2))]
    outputs = OutputSchema(
        tuple(draw(st.lists(TEXT, min_size=1, max_size=2, unique=True))),
        draw(st.sampled_from(Task)),
        draw(st.sampled_from(Link)),
        tuple(draw(st.lists(TEXT, max_size=2))),
        draw(TEXT),
    )
    chain = [
        Layer(draw(floats(n, n_in)), draw(floats(n)), draw(hnp.arrays(np.bool_, n)))
        for n_in, n in pairwise(widths)
    ]
    n_outputs = len(outputs.names)
    return ReluNetwork(
        tuple(chain),
        AffineMap(draw(floats(n_outputs, widths[-1])), draw(floats(n_outputs))),
        schema,
        outputs,
        Origin(draw(TEXT), (draw(TEXT),), (draw(TEXT),), "float32", ((draw(TEXT), draw(TEXT)),)),
        draw(certificates()),
    )


def floats(*shape: int) -> st.SearchStrategy[np.ndarray]:
    """Any finite float64 values, subnormal, huge and -0.0 among them."""
    finite = st.floats(allow_nan=False, allow_infinity=False)
    return hnp.arrays(np.float64, shape, elements=finite)


# ---------------------------------------------------------------------------------------------
# What goes in comes out.


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(network=networks())
def test_round_trip_keeps_every_bit_name_and_level_type(
    network: ReluNetwork, tmp_path: Path
) -> None:
    write_archive(tmp_path / "model.xrelu", Archive(network))
    read = read_archive(tmp_path / "model.xrelu")
    assert_same(read, Archive(network))
    assert read.network.fingerprint == network.fingerprint


def test_round_trip_keeps_the_regions(tmp_path: Path) -> None:
    write_archive(tmp_path / "model.xrelu", small_archive())
    assert_same(read_archive(tmp_path / "model.xrelu"), small_archive())


@pytest.mark.parametrize("complete", [True, False])
def test_round_trip_keeps_what_is_said_of_the_cells_of_a_box(
    complete: bool, tmp_path: Path
) -> None:
    archive = small_box_archive()
    assert archive.regions is not None
    archive = replace(archive, regions=replace(archive.regions, complete=complete))
    write_archive(tmp_path / "box.xrelu", archive)
    assert_same(read_archive(tmp_path / "box.xrelu"), archive)


def test_the_manifest_of_cells_of_rows_says_nothing_of_a_box(tmp_path: Path) -> None:
    write_archive(tmp_path / "model.xrelu", small_archive())
    with ZipFile(tmp_path / "model.xrelu") as file:
        manifest = json.loads(file.read("manifest.json"))
    assert not {"half_open_by_point", "complete", "skipped", "stopped"} & set(manifest)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"generic_point": [0.5]}, r"one value an input of the domain \(4\), got 1"),
        ({"generic_point": [0.5, 0.5, 0.5, float("nan")]}, "finite numbers only"),
        ({"skipped": -1}, "at least 0, got -1"),
    ],
)
def test_cells_of_a_box_that_do_not_fit_it_are_refused(change: dict[str, Any], words: str) -> None:
    regions = small_box_archive().regions
    assert regions is not None
    with pytest.raises(ArgumentError, match=words):
        replace(regions, **change)


def test_network_without_inputs_neurons_or_regions_round_trips(tmp_path: Path) -> None:
    network = ReluNetwork(
        (),
        AffineMap(np.zeros((1, 0)), [3.0]),
        InputSchema((Column("unused", ColumnKind.UNUSED),)),
        OutputSchema(("score",)),
    )
    regions = ArchivedRegions(
        np.zeros((0, 0), np.uint8), np.zeros((0, 0)), np.zeros(0, int), Box([], []), "none"
    )
    write_archive(tmp_path / "model.xrelu", Archive(network, regions))
    assert_same(read_archive(tmp_path / "model.xrelu"), Archive(network, regions))


@pytest.mark.parametrize("level", ["1", 1, 1.0, True, None, float("nan"), -0.0, 10**30, "\ud800"])
def test_a_level_keeps_its_type(level: Any, tmp_path: Path) -> None:
    column = Column("c", ColumnKind.CATEGORICAL, levels=(level,), fill=level, missing_marker=level)
    network = ReluNetwork.from_weights([[[1.0]]], [[0.0]], schema=InputSchema((column,)))
    write_archive(tmp_path / "model.xrelu", Archive(network))
    (read,) = read_archive(tmp_path / "model.xrelu").network.schema.columns
    assert [type(v) for v in (read.levels[0], read.fill, read.missing_marker)] == [type(level)] * 3
    assert repr(read) == repr(column)


def test_the_network_read_scores_rows_as_before(tmp_path: Path) -> None:
    network = small_network()
    write_archive(str(tmp_path / "model.xrelu"), Archive(network))
    rows = [[30.0, "nurse"], [40.0, 1], [50.0, None]]
    read = read_archive(str(tmp_path / "model.xrelu")).network
    np.testing.assert_array_equal(read(rows), network(rows))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_imported_pipeline_round_trips(tmp_path: Path) -> None:
    X = pd.DataFrame(
        {"age": [20.0, np.nan, 60.0] * 4, "job": ["a", None, "b"] * 4, "grade": [1, 2, 3] * 4}
    )
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["job", "grade"]),
    )
    model = make_pipeline(columns, MLPClassifier((3,), max_iter=3, random_state=0))
    network = from_sklearn(model.fit(X, [0, 1, 1] * 4), X)
    write_archive(tmp_path / "model.xrelu", Archive(network))
    read = read_archive(tmp_path / "model.xrelu")
    assert_same(read, Archive(network))
    np.testing.assert_array_equal(read.network(X), network(X))


def test_same_content_gives_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.xrelu", tmp_path / "b.xrelu"
    write_archive(first, small_archive())
    write_archive(second, read_archive(first))
    assert first.read_bytes() == second.read_bytes()


def test_the_file_is_a_zip_that_any_tool_opens(tmp_path: Path) -> None:
    write_archive(tmp_path / "model.xrelu", small_archive())
    with ZipFile(tmp_path / "model.xrelu") as file:
        assert file.namelist() == ["manifest.json", "arrays.safetensors"]
        assert file.testzip() is None
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        manifest, arrays = json.loads(file.read("manifest.json")), file.read("arrays.safetensors")
    assert list(manifest) == sorted(manifest)
    assert manifest["schema"]["columns"][1]["levels"] == [{"str": "nurse"}, {"int": 1}, None]
    assert manifest["arrays_sha256"] == sha256(arrays).hexdigest()


# ---------------------------------------------------------------------------------------------
# Damage.


def test_every_flipped_byte_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.xrelu"
    write_archive(path, small_archive())
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError, match="must be"):
            read_archive(path)


def test_every_truncation_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.xrelu"
    write_archive(path, small_archive())
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ArchiveError, match="must be"):
            read_archive(path)


def test_bytes_behind_the_end_are_told(tmp_path: Path) -> None:
    path = tmp_path / "model.xrelu"
    write_archive(path, small_archive())
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ArchiveError, match="ends with the checksum"):
        read_archive(path)


def test_a_repacked_zip_is_refused(tmp_path: Path) -> None:
    write_archive(tmp_path / "model.xrelu", small_archive())
    with ZipFile(tmp_path / "model.xrelu") as old, ZipFile(tmp_path / "new.xrelu", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ArchiveError, match="some other zip"):
        read_archive(tmp_path / "new.xrelu")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04K\x01.", b"id,age\n1,2\n"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.xrelu").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"model\.xrelu' cannot be read: the file must be"):
        read_archive(tmp_path / "model.xrelu")


@pytest.mark.parametrize("path", ["missing.xrelu", ".", "nul\0.xrelu", "x" * 5000])
def test_a_path_that_cannot_be_opened_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="must be a file that can be opened"):
        read_archive(tmp_path / path)


# ---------------------------------------------------------------------------------------------
# Writing.


def test_a_file_beyond_the_limit_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "_LARGEST_MANIFEST", 100)
    with pytest.raises(SizeError, match="must fit in a file of"):
        write_archive(tmp_path / "model.xrelu", small_archive())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Choose a folder that exists"):
        write_archive(tmp_path / "none" / "model.xrelu", small_archive())


def test_regions_of_another_network_are_refused() -> None:
    archive = small_archive()
    other = ReluNetwork.from_weights([np.ones((9, 4)), np.ones((1, 9))], [np.ones(9), [0.0]])
    with pytest.raises(ArgumentError, match=r"4 inputs and 9 rectified units, got .* 1 byte"):
        replace(archive, network=other)


def test_regions_are_kept_read_only() -> None:
    regions = small_archive().regions
    assert regions is not None
    for array in (regions.patterns, regions.witnesses, regions.counts):
        assert not array.flags.writeable


def test_patterns_of_another_format_are_refused() -> None:
    with pytest.raises(ArgumentError, match="patterns must be uint8"):
        ArchivedRegions(np.ones((1, 1)), np.ones((1, 1)), [1], Box([0], [1]), "data")


def test_counts_that_are_not_whole_are_refused() -> None:
    patterns = np.ones((1, 1), np.uint8)
    with pytest.raises(ArgumentError, match="counts must be whole numbers"):
        ArchivedRegions(patterns, np.ones((1, 1)), np.array([0.5]), Box([0], [1]), "data")
