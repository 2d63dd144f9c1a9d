"""Archives whose checksum is right and whose content lies."""

import json
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import pytest
from safetensors.numpy import load, save

from explainrelu.errors import ArchiveError
from explainrelu.importers.archive.archive import read_archive, write_archive
from tests.archives import assert_same, small_archive


def sealed(members: dict[str, bytes], *, compression: int = ZIP_STORED) -> bytes:
    """The container as docs/archive.md describes it, written without the package."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", compression) as file:
        file.comment = b"?" * 71
        for name, content in members.items():
            file.writestr(ZipInfo(name), content, compression)
    body = buffer.getvalue()[:-71]
    return body + b"sha256:" + sha256(body).hexdigest().encode()


def parts(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Manifest and arrays of the small archive."""
    write_archive(path, small_archive())
    with ZipFile(path) as file:
        manifest = json.loads(file.read("manifest.json"))
        return manifest, load(file.read("arrays.safetensors"))


def forge(path: Path, manifest: Any, arrays: dict[str, np.ndarray]) -> None:
    tensors = save(arrays)
    if isinstance(manifest, dict) and "arrays_sha256" in manifest:
        manifest["arrays_sha256"] = sha256(tensors).hexdigest()
    text = json.dumps(manifest).encode()
    path.write_bytes(sealed({"manifest.json": text, "arrays.safetensors": tensors}))


def put(*where: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        inner: Any = manifest
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = value

    return change


def test_a_forgery_that_tells_the_truth_is_read(tmp_path: Path) -> None:
    forge(tmp_path / "model.xrelu", *parts(tmp_path / "true.xrelu"))
    assert_same(read_archive(tmp_path / "model.xrelu"), small_archive())


MANIFEST_LIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "other format": (put("format", value="zip"), "format 'xrelu'"),
    "newer": (put("version", value=2), "pip install --upgrade explainrelu"),
    "version zero": (put("version", value=0), "from 1 on, got 0"),
    "version true": (put("version", value=True), "from 1 on, got True"),
    "version text": (put("version", value="1"), "from 1 on, got '1'"),
    "no schema": (lambda m: m.pop("schema"), r"schema must be present, got nothing"),
    "schema a list": (put("schema", value=[]), r"schema must be an object, got \[\]"),
    "unknown field": (put("wizard", value=1), "no other fields .* got 'wizard'"),
    "unknown kind": (put("schema", "columns", 0, "kind", value="odd"), "one of numeric, cat"),
    "kind a list": (put("schema", "columns", 0, "kind", value=["x"]), "one of numeric, cat"),
    "kind changed": (put("schema", "columns", 1, "kind", value="unused"), "network that fits"),
    "ordinal without codes": (
        put("schema", "columns", 1, "kind", value="ordinal"),
        "one code a",
    ),
    "numeric fill": (put("schema", "columns", 0, "imputes", value=True), "filled with a number"),
    "twice a name": (put("schema", "columns", 1, "name", value="age"), "must differ"),
    "name a number": (put("schema", "columns", 0, "name", value=5), "of type str, got 5"),
    "flag a number": (put("schema", "columns", 0, "imputes", value=1), "of type bool, got 1"),
    "float an int": (put("schema", "columns", 0, "lower", value=18), "a float, got 18"),
    "float not a number": (
        put("schema", "columns", 0, "lower", value=float("nan")),
        "a float, got nan",
    ),
    "float a text": (put("schema", "columns", 0, "lower", value="NaN"), "a float, got 'NaN'"),
    "level untagged": (put("schema", "columns", 1, "levels", 0, value="a"), "null or an object"),
    "level two tags": (
        put("schema", "columns", 1, "levels", 0, value={"int": 1, "str": "1"}),
        "null or an object",
    ),
    "level wrong tag": (
        put("schema", "columns", 1, "levels", 0, value={"int": True}),
        "of type int, got True",
    ),
    "level code": (
        put("schema", "columns", 1, "levels", 0, value={"eval": "1"}),
        "null or an object",
    ),
    "outputs two": (put("outputs", "names", value=["a", "b"]), "1 outputs need 1 names"),
    "outputs alike": (put("outputs", "names", value=["a", "a"]), "must differ"),
    "versions triple": (put("origin", "versions", value=[["a", "b", "c"]]), "a list of 2"),
    "layers missing": (put("n_layers", value=0), "that the manifest tells of"),
    "layers negative": (put("n_layers", value=-1), "0 to 10, got -1"),
    "layers absurd": (put("n_layers", value=10**18), "0 to 10, got 1000000000000000000"),
    "regions missing": (put("with_regions", value=False), "that the manifest tells of"),
    "point missing": (put("half_open_by_point", value=True), "that the manifest tells of"),
    "complete a number": (put("complete", value=1), "of type bool, got 1"),
    "skipped negative": (put("skipped", value=-1), "skipped must be at least 0"),
}


@pytest.mark.parametrize("lie", MANIFEST_LIES)
def test_a_manifest_that_lies_is_refused(lie: str, tmp_path: Path) -> None:
    change, text = MANIFEST_LIES[lie]
    manifest, arrays = parts(tmp_path / "true.xrelu")
    change(manifest)
    forge(tmp_path / "model.xrelu", manifest, arrays)
    with pytest.raises(ArchiveError, match=text):
        read_archive(tmp_path / "model.xrelu")


def test_an_absent_field_takes_the_default_of_its_record(tmp_path: Path) -> None:
    manifest, arrays = parts(tmp_path / "true.xrelu")
    del manifest["schema"]["columns"][0]["unit"]
    forge(tmp_path / "model.xrelu", manifest, arrays)
    assert read_archive(tmp_path / "model.xrelu").network.schema.columns[0].unit == ""


ARRAY_LIES: dict[str, tuple[str, np.ndarray | None, str]] = {
    "gone": ("output.bias", None, "odd ones: .'output.bias'"),
    "extra": ("payload", np.zeros(1), "odd ones: .'payload'"),
    "float32": ("output.bias", np.zeros(1, np.float32), "of float64, got float32"),
    "flags as numbers": ("layers.0.rectified", np.ones(2, np.uint8), "of bool, got uint8"),
    "flags as two": ("layers.0.rectified", np.array([2, 0], np.uint8).view(bool), "0 or 1"),
    "one flag": ("layers.0.rectified", np.ones(1, bool), "one flag a unit"),
    "wide": ("layers.0.weight", np.zeros((2, 5)), "network that fits together"),
    "three axes": ("layers.0.weight", np.zeros((2, 4, 1)), "2 dimension"),
    "NaN": ("output.bias", np.array([np.nan]), "finite"),
    "infinity": ("layers.0.weight", np.full((2, 4), np.inf), "finite"),
    "long patterns": ("regions.patterns", np.zeros((2, 2), np.uint8), "patterns of 2 byte"),
    "spare bits": ("regions.patterns", np.full((2, 1), 255, np.uint8), "0 behind their 1 bits"),
    "few witnesses": ("regions.witnesses", np.zeros((1, 4)), "one row a region"),
    "narrow witnesses": ("regions.witnesses", np.zeros((2, 3)), "one column an input"),
    "NaN witness": ("regions.witnesses", np.full((2, 4), np.nan), "finite"),
    "negative counts": ("regions.counts", np.array([-1, 1]), "at least 0"),
    "empty box": ("regions.upper", np.full(4, -2.0), "must not exceed"),
    "short box": ("regions.upper", np.zeros(3), "equal length"),
}


@pytest.mark.parametrize("lie", ARRAY_LIES)
def test_arrays_that_lie_are_refused(lie: str, tmp_path: Path) -> None:
    name, array, text = ARRAY_LIES[lie]
    manifest, arrays = parts(tmp_path / "true.xrelu")
    arrays = arrays | {name: array} if array is not None else arrays
    kept = {key: value for key, value in arrays.items() if array is not None or key != name}
    forge(tmp_path / "model.xrelu", manifest, kept)
    with pytest.raises(ArchiveError, match=text):
        read_archive(tmp_path / "model.xrelu")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'{"format": NaN}',
        b"[" * 100_000,
        b'{"version": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_manifest_that_is_no_manifest_is_refused(text: bytes, tmp_path: Path) -> None:
    content = sealed({"manifest.json": text, "arrays.safetensors": save({})})
    (tmp_path / "model.xrelu").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"manifest\.json must be (JSON|an object)"):
        read_archive(tmp_path / "model.xrelu")


def test_infinity_by_overflow_is_refused(tmp_path: Path) -> None:
    manifest, arrays = parts(tmp_path / "true.xrelu")
    tensors = save(arrays)
    text = json.dumps(manifest | {"arrays_sha256": sha256(tensors).hexdigest()})
    text = text.replace('"lower": 18.0', '"lower": 1e999')
    content = sealed({"manifest.json": text.encode(), "arrays.safetensors": tensors})
    (tmp_path / "model.xrelu").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"lower must be a float, got inf"):
        read_archive(tmp_path / "model.xrelu")


def test_arrays_of_another_archive_are_refused(tmp_path: Path) -> None:
    manifest, arrays = parts(tmp_path / "true.xrelu")
    arrays["output.bias"] = np.array([7.0])
    members = {"manifest.json": json.dumps(manifest).encode(), "arrays.safetensors": save(arrays)}
    (tmp_path / "model.xrelu").write_bytes(sealed(members))
    with pytest.raises(ArchiveError, match="the arrays that the manifest was written with"):
        read_archive(tmp_path / "model.xrelu")


@pytest.mark.parametrize("tensors", [b"", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}junk"])
def test_arrays_that_are_no_safetensors_are_refused(tensors: bytes, tmp_path: Path) -> None:
    manifest, _ = parts(tmp_path / "true.xrelu")
    manifest["arrays_sha256"] = sha256(tensors).hexdigest()
    members = {"manifest.json": json.dumps(manifest).encode(), "arrays.safetensors": tensors}
    (tmp_path / "model.xrelu").write_bytes(sealed(members))
    with pytest.raises(ArchiveError, match="a safetensors file"):
        read_archive(tmp_path / "model.xrelu")


def test_a_zip_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    members = {"manifest.json": b" " * 10_000_000, "arrays.safetensors": b""}
    (tmp_path / "model.xrelu").write_bytes(sealed(members, compression=ZIP_DEFLATED))
    with pytest.raises(ArchiveError, match="stored without compression"):
        read_archive(tmp_path / "model.xrelu")
